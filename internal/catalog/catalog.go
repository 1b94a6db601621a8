package catalog

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// DefaultMaxQuantity is the largest custom purchase where nothing else is configured.
const DefaultMaxQuantity taocan.Segments = 10_000_000

// Catalog is what is on sale. Immutable after New and safe for concurrent use.
type Catalog struct {
	store       store.Store
	clock       clock.Clock
	zone        *time.Location
	maxQuantity taocan.Segments
}

// New makes a catalogue. maxQuantity bounds one custom purchase; 0 means DefaultMaxQuantity.
func New(st store.Store, c clock.Clock, zone *time.Location, maxQuantity taocan.Segments) *Catalog {
	if maxQuantity <= 0 {
		maxQuantity = DefaultMaxQuantity
	}
	return &Catalog{store: st, clock: c, zone: zone, maxQuantity: maxQuantity}
}

// PriceList is the list of the category in force.
func (c *Catalog) PriceList(ctx context.Context, category taocan.Category) (list taocan.PriceList, err error) {
	if err := validCategory("query.category", category); err != nil {
		return list, err
	}
	err = c.store.Peek(ctx, func(r store.Reader) error {
		list, err = r.PriceListAt(ctx, category, c.clock.Now())
		return err
	})
	return list, wrap(err, "price list of %s", category)
}

// Products are the fixed packages on sale, smallest first; an empty category takes all.
func (c *Catalog) Products(ctx context.Context, category taocan.Category) ([]taocan.Product, error) {
	return c.products(ctx, category, true)
}

// AllProducts are the fixed packages whether on sale or not, for operators.
func (c *Catalog) AllProducts(ctx context.Context, category taocan.Category) ([]taocan.Product, error) {
	return c.products(ctx, category, false)
}

func (c *Catalog) products(ctx context.Context, category taocan.Category, onlyOnSale bool) (products []taocan.Product, err error) {
	if category != "" {
		if err := validCategory("query.category", category); err != nil {
			return nil, err
		}
	}
	err = c.store.Peek(ctx, func(r store.Reader) error {
		products, err = r.Products(ctx, category, onlyOnSale)
		return err
	})
	return products, wrap(err, "products")
}

// PriceLists are all lists of the category, past, present, future and drafts, newest start first, for operators.
func (c *Catalog) PriceLists(ctx context.Context, category taocan.Category) (lists []taocan.PriceList, err error) {
	if category != "" {
		if err := validCategory("query.category", category); err != nil {
			return nil, err
		}
	}
	err = c.store.Peek(ctx, func(r store.Reader) error {
		lists, err = r.PriceLists(ctx, category)
		return err
	})
	return lists, wrap(err, "price lists")
}

// Agreement is the version that has to be accepted now.
func (c *Catalog) Agreement(ctx context.Context) (a taocan.Agreement, err error) {
	err = c.store.Peek(ctx, func(r store.Reader) error {
		a, err = r.Agreement(ctx)
		return err
	})
	return a, wrap(err, "agreement")
}

// Agreements are all versions, for operators.
func (c *Catalog) Agreements(ctx context.Context) (all []taocan.Agreement, err error) {
	err = c.store.Peek(ctx, func(r store.Reader) error {
		all, err = r.Agreements(ctx)
		return err
	})
	return all, wrap(err, "agreements")
}

// Countries are those of the international list in force, by code. There are none while there is no list.
func (c *Catalog) Countries(ctx context.Context) ([]Country, error) {
	list, err := c.PriceList(ctx, taocan.International)
	if errors.Is(err, taocan.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("countries: %w", err)
	}
	countries := make([]Country, len(list.Rows))
	for i, row := range list.Rows {
		zh, en := CountryName(row.Country)
		countries[i] = Country{Code: row.Country, NameZH: zh, NameEN: en, DialCode: dialCode(row.Country)}
	}
	sort.Slice(countries, func(i, j int) bool { return countries[i].Code < countries[j].Code })
	return countries, nil
}

func validCategory(location string, category taocan.Category) error {
	if !category.Valid() {
		return taocan.Invalid(location, "must be domestic or international", string(category))
	}
	return nil
}

func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}
