package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// TypicalQuantities are what a preview prices.
var TypicalQuantities = []taocan.Segments{100, 1_000, 10_000, 100_000, 300_000, 1_000_000, 3_000_000}

// Change is what one quantity of one purpose or country costs by two price lists.
type Change struct {
	Purpose  taocan.Purpose // domestic
	Country  taocan.Country // international
	Quantity taocan.Segments
	Old, New Cost
}

// Cost is the total of a purchase by a list; it may not be sold at all.
type Cost struct {
	Sold   bool
	Unit   taocan.UnitPrice
	Amount taocan.Fen
}

// Preview is what publishing a price list would do.
type Preview struct {
	List     taocan.PriceList // as it would be published: with its id and start
	Replaces taocan.PriceList // in force at its start until then; without an id: none
	Until    time.Time        // the start of the list that has been announced after it; zero: none
	Changes  []Change
}

// Preview says what publishing the list now would do. It refuses what Publish would, and writes nothing.
func (c *Catalog) Preview(ctx context.Context, actor taocan.Actor, list taocan.PriceList) (Preview, error) {
	list, err := c.checked(actor, list)
	if err != nil {
		return Preview{}, err
	}
	var p Preview
	err = c.store.Peek(ctx, func(r store.Reader) error {
		var err error
		if p.List, err = c.started(ctx, r, c.clock.Now(), list); err != nil {
			return err
		}
		if _, err := r.PriceList(ctx, p.List.ID); !errors.Is(err, taocan.ErrNotFound) {
			if err == nil {
				err = taocan.Conflict("the id %s is another price list's", p.List.ID)
			}
			return err
		}
		p.Replaces, err = r.PriceListAt(ctx, list.Category, p.List.ValidFrom)
		if err != nil && !errors.Is(err, taocan.ErrNotFound) {
			return err
		}
		all, err := r.PriceLists(ctx, list.Category) // newest start first
		for _, other := range all {
			if !other.Draft && other.ValidFrom.After(p.List.ValidFrom) {
				p.Until = other.ValidFrom
			}
		}
		return err
	})
	if err != nil {
		return Preview{}, fmt.Errorf("preview price list %s: %w", list.ID, err)
	}
	quantities := slices.DeleteFunc(slices.Clone(TypicalQuantities), func(q taocan.Segments) bool { return q > c.maxQuantity })
	p.Changes = Compare(p.Replaces, p.List, quantities)
	return p, nil
}

// Compare prices the quantities by two lists of one category: the targets of the old list first, then those that only
// the new one sells. Rows that no custom purchase is priced by are left out.
func Compare(old, next taocan.PriceList, quantities []taocan.Segments) []Change {
	var changes []Change
	add := func(row taocan.PriceRow) {
		if !customSells(next.Category, row.Purpose) && next.Category == taocan.Domestic {
			return
		}
		for _, q := range quantities {
			changes = append(changes, Change{row.Purpose, row.Country, q, costs(old, row, q), costs(next, row, q)})
		}
	}
	for _, row := range old.Rows {
		add(row)
	}
	for _, row := range next.Rows {
		if _, there := Row(old, row.Purpose, row.Country); !there {
			add(row)
		}
	}
	return changes
}

// costs prices a quantity of the target of a row by a list, which may not have it.
func costs(list taocan.PriceList, target taocan.PriceRow, quantity taocan.Segments) Cost {
	row, ok := Row(list, target.Purpose, target.Country)
	if !ok {
		return Cost{}
	}
	unit, amount, err := Price(row, quantity)
	if err != nil { // beyond the end of the list
		return Cost{}
	}
	return Cost{true, unit, amount}
}

// Standing is what a price list is at an instant.
type Standing string

const (
	InForce   Standing = "in_force"
	Announced Standing = "announced" // starts later
	Past      Standing = "past"      // another one has taken its place
	Kept      Standing = "draft"     // never in force
)

// Standings of lists, of one category or several, at an instant.
func Standings(lists []taocan.PriceList, now time.Time) map[taocan.PriceListID]Standing {
	all := map[taocan.PriceListID]Standing{}
	current := map[taocan.Category]taocan.PriceList{}
	for _, l := range lists {
		switch {
		case l.Draft:
			all[l.ID] = Kept
		case l.ValidFrom.After(now):
			all[l.ID] = Announced
		default:
			all[l.ID] = Past
			if best, there := current[l.Category]; !there || l.ValidFrom.After(best.ValidFrom) {
				current[l.Category] = l
			}
		}
	}
	for _, l := range current {
		all[l.ID] = InForce
	}
	return all
}
