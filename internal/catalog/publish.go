package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

const (
	maxValidityMonths = 120
	maxAgreementBytes = 256 << 10
	maxNameRunes      = 64
	maxRows           = 300 // more than there are countries
	maxTiers          = 50
)

// Publish adds a price list, which is never edited afterwards. It starts at ValidFrom, or at once where that is
// zero; never in the past, since past quotes would not have known it. An empty id is made from category and date.
func (c *Catalog) Publish(ctx context.Context, actor taocan.Actor, list taocan.PriceList) (taocan.PriceList, error) {
	list, err := c.checked(actor, list)
	if err != nil {
		return taocan.PriceList{}, err
	}
	var published taocan.PriceList
	err = c.store.Update(ctx, "", func(tx store.Tx) error {
		var err error
		if published, err = c.started(ctx, tx, tx.Now(), list); err != nil {
			return err
		}
		if err := tx.InsertPriceList(ctx, published); err != nil {
			return err
		}
		return store.Audit(ctx, tx, actor, "price_list.publish", string(published.ID), nil, map[string]any{
			"category": published.Category, "valid_from": published.ValidFrom, "rows": len(published.Rows), "draft": published.Draft})
	})
	if err != nil {
		return taocan.PriceList{}, fmt.Errorf("publish price list %s: %w", list.ID, err)
	}
	return published, nil
}

// checked is the list with its defaults, if an operator may publish one like it.
func (c *Catalog) checked(actor taocan.Actor, list taocan.PriceList) (taocan.PriceList, error) {
	if err := actor.OperatorOnly(); err != nil {
		return list, fmt.Errorf("publish price list: %w", err)
	}
	if list.ChargeOn == "" {
		list.ChargeOn = taocan.ChargeOnSubmit
	}
	if list.Category == taocan.International { // a country alone names a row: general is all that is sold abroad
		list.Rows = slices.Clone(list.Rows)
		for i := range list.Rows {
			if list.Rows[i].Purpose == taocan.General {
				list.Rows[i].Purpose = ""
			}
		}
	}
	if err := c.checkList(list); err != nil {
		return list, fmt.Errorf("publish price list: %w", err)
	}
	return list, nil
}

// started is the list as it is published at an instant: with its start and its id.
func (c *Catalog) started(ctx context.Context, r store.Reader, now time.Time, list taocan.PriceList) (taocan.PriceList, error) {
	asked := list.ValidFrom
	list.Published = now
	if list.ValidFrom.IsZero() {
		list.ValidFrom = now
	}
	list.ValidFrom = list.ValidFrom.UTC().Truncate(time.Microsecond)
	if list.ValidFrom.Before(now) && !list.Draft {
		return list, taocan.Invalid("body.valid_from", "must not be in the past", asked)
	}
	if list.ID == "" {
		list.ID = taocan.PriceListID(string(list.Category) + "-" + list.ValidFrom.In(c.zone).Format(time.DateOnly))
	}
	return list, noTwin(ctx, r, list)
}

// noTwin refuses a second list of the category with the same start: which of them would be in force?
func noTwin(ctx context.Context, r store.Reader, list taocan.PriceList) error {
	lists, err := r.PriceLists(ctx, list.Category)
	if err != nil {
		return err
	}
	for _, other := range lists {
		if !list.Draft && !other.Draft && other.ValidFrom.Equal(list.ValidFrom) {
			return taocan.Conflict("the price list %s starts at the same instant", other.ID)
		}
	}
	return nil
}

func (c *Catalog) checkList(list taocan.PriceList) error {
	var bad problems
	if list.ID != "" && !taocan.ValidName(string(list.ID)) {
		bad.add("body.id", "must be 1 to 64 lower-case letters, digits, - and _", string(list.ID))
	}
	if !list.Category.Valid() {
		bad.add("body.category", "must be domestic or international", string(list.Category))
	}
	if !list.ValidFrom.Before(taocan.MaxTime) {
		bad.add("body.valid_from", fmt.Sprintf("must be before the year %d", taocan.MaxTime.Year()), nil)
	}
	bad.terms(list.ValidityMonths, list.ChargeOn)
	if len(list.Rows) == 0 || len(list.Rows) > maxRows {
		bad.add("body.rows", fmt.Sprintf("must be 1 to %d", maxRows), len(list.Rows))
		return bad.err()
	}
	type target struct {
		purpose taocan.Purpose
		country taocan.Country
	}
	seen := map[target]bool{}
	for i, row := range list.Rows {
		at := fmt.Sprintf("body.rows[%d]", i)
		bad.target(at, list.Category, row.Purpose, row.Country)
		key := target{row.Purpose, row.Country}
		if seen[key] {
			bad.add(at, "is there twice", string(row.Purpose)+string(row.Country))
		}
		seen[key] = true
		c.checkTiers(&bad, at, row)
	}
	return bad.err()
}

func (c *Catalog) checkTiers(bad *problems, at string, row taocan.PriceRow) {
	if len(row.Tiers) == 0 || len(row.Tiers) > maxTiers {
		bad.add(at+".tiers", fmt.Sprintf("must be 1 to %d", maxTiers), len(row.Tiers))
		return
	}
	previous := -Step
	for j, tier := range row.Tiers {
		tierAt := fmt.Sprintf("%s.tiers[%d]", at, j)
		switch {
		case j == 0 && tier.From != 0:
			bad.add(tierAt+".from", "must be 0 in the first tier", int64(tier.From))
		case tier.From <= previous:
			bad.add(tierAt+".from", "must rise from tier to tier", int64(tier.From))
		case tier.From%Step != 0: // otherwise the tier's start, a better offer, could not be bought
			bad.add(tierAt+".from", fmt.Sprintf("must be a multiple of %d", Step), int64(tier.From))
		}
		previous = tier.From
		if tier.Price < 1 {
			bad.add(tierAt+".price", "must be more than 0", tier.Price.String())
		} else if _, err := taocan.LineTotal(c.maxQuantity, tier.Price); err != nil {
			bad.add(tierAt+".price", "is too high", tier.Price.String())
		}
	}
	if row.Below != 0 && (row.Below <= previous || row.Below%Step != 0) {
		bad.add(at+".below", fmt.Sprintf("must be a multiple of %d above the last tier's start", Step), int64(row.Below))
	}
}

// target checks what messages a price row or a product is for.
func (p *problems) target(at string, category taocan.Category, purpose taocan.Purpose, country taocan.Country) {
	if category == taocan.International {
		if _, ok := parseCountry(country); !ok {
			p.add(at+".country", "must be the ISO 3166-1 code of a country", string(country))
		}
		if purpose != "" && purpose != taocan.General {
			p.add(at+".purpose", "must be general abroad", string(purpose))
		}
		return
	}
	if !purpose.Valid() {
		p.add(at+".purpose", "must be verification, marketing or general", string(purpose))
	}
	if country != "" {
		p.add(at+".country", "must be left out for domestic", string(country))
	}
}

func (p *problems) terms(validityMonths int, chargeOn taocan.ChargeOn) {
	if validityMonths < 1 || validityMonths > maxValidityMonths {
		p.add("body.validity_months", fmt.Sprintf("must be 1 to %d", maxValidityMonths), validityMonths)
	}
	if !chargeOn.Valid() {
		p.add("body.charge_on", "must be submit or delivered", string(chargeOn))
	}
}

// AddProduct adds a fixed package. Its terms never change afterwards, only whether it is on sale.
func (c *Catalog) AddProduct(ctx context.Context, actor taocan.Actor, p taocan.Product) (taocan.Product, error) {
	if p.ChargeOn == "" {
		p.ChargeOn = taocan.ChargeOnSubmit
	}
	if p.Category == taocan.International && p.Purpose == "" {
		p.Purpose = taocan.General
	}
	err := actor.OperatorOnly()
	if err == nil {
		err = checkProduct(p)
	}
	if err == nil {
		err = c.store.Update(ctx, "", func(tx store.Tx) error {
			p.CreatedAt = tx.Now()
			if err := tx.InsertProduct(ctx, p); err != nil {
				return err
			}
			return store.Audit(ctx, tx, actor, "product.add", string(p.ID), nil, productFacts(p))
		})
	}
	if err != nil {
		return taocan.Product{}, fmt.Errorf("add product %.64s: %w", p.ID, err)
	}
	return p, nil
}

func checkProduct(p taocan.Product) error {
	var bad problems
	if !taocan.ValidName(string(p.ID)) {
		bad.add("body.id", "must be 1 to 64 lower-case letters, digits, - and _", string(p.ID))
	}
	if p.Name == "" || utf8.RuneCountInString(p.Name) > maxNameRunes || !printable(p.Name) {
		bad.add("body.name", fmt.Sprintf("must be 1 to %d printable characters", maxNameRunes), p.Name)
	}
	if !p.Category.Valid() {
		bad.add("body.category", "must be domestic or international", string(p.Category))
	}
	bad.target("body", p.Category, p.Purpose, p.Country)
	if p.Quantity < 1 || p.Quantity > taocan.MaxSegments {
		bad.add("body.quantity", fmt.Sprintf("must be 1 to %d", taocan.MaxSegments), int64(p.Quantity))
	}
	if p.Price < 1 || p.Price > taocan.MaxFen {
		bad.add("body.price", "must be more than 0 and at most "+taocan.MaxFen.String(), p.Price.String())
	}
	bad.terms(p.ValidityMonths, p.ChargeOn)
	return bad.err()
}

func printable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// SetProductOnSale puts a product on sale or takes it off. Orders made before keep their price.
func (c *Catalog) SetProductOnSale(ctx context.Context, actor taocan.Actor, id taocan.ProductID, onSale bool) (product taocan.Product, err error) {
	err = actor.OperatorOnly()
	if err == nil {
		err = c.store.Update(ctx, "", func(tx store.Tx) error {
			before, err := tx.Product(ctx, id)
			if err != nil {
				return err
			}
			product = before
			product.OnSale = onSale
			if before.OnSale == onSale {
				return nil
			}
			if err := tx.SetProductOnSale(ctx, id, onSale); err != nil {
				return err
			}
			return store.Audit(ctx, tx, actor, "product.on_sale", string(id), productFacts(before), productFacts(product))
		})
	}
	if err != nil {
		return taocan.Product{}, fmt.Errorf("set product %.64s on sale: %w", id, err)
	}
	return product, nil
}

func productFacts(p taocan.Product) any {
	return map[string]any{"name": p.Name, "quantity": p.Quantity, "price": p.Price.String(), "on_sale": p.OnSale}
}

// PublishAgreement makes a new version of the agreement current at once: orders from now on must accept it.
func (c *Catalog) PublishAgreement(ctx context.Context, actor taocan.Actor, version, markdown string) (a taocan.Agreement, err error) {
	var bad problems
	if !taocan.ValidCallerID(version) || len(version) > 64 {
		bad.add("body.version", "must be 1 to 64 visible ASCII characters", version)
	}
	if strings.TrimSpace(markdown) == "" || len(markdown) > maxAgreementBytes || !utf8.ValidString(markdown) {
		bad.add("body.markdown", fmt.Sprintf("must be text of at most %d bytes", maxAgreementBytes), len(markdown))
	}
	if err = actor.OperatorOnly(); err == nil {
		err = bad.err()
	}
	if err == nil {
		err = c.store.Update(ctx, "", func(tx store.Tx) error {
			a = agreement(version, markdown)
			before, err := tx.Agreement(ctx)
			if err != nil && !errors.Is(err, taocan.ErrNotFound) {
				return err
			}
			// The youngest is the current one: a clock set back must not publish into the past.
			a.PublishedAt = tx.Now()
			if !a.PublishedAt.After(before.PublishedAt) {
				a.PublishedAt = before.PublishedAt.Add(time.Microsecond)
			}
			if err := tx.InsertAgreement(ctx, a); err != nil {
				return err
			}
			return store.Audit(ctx, tx, actor, "agreement.publish", version,
				map[string]string{"version": before.Version}, map[string]string{"version": a.Version, "hash": a.Hash})
		})
	}
	if err != nil {
		return taocan.Agreement{}, fmt.Errorf("publish agreement %.64s: %w", version, err)
	}
	return a, nil
}

func agreement(version, markdown string) taocan.Agreement {
	hash := sha256.Sum256([]byte(markdown))
	return taocan.Agreement{Version: version, Hash: hex.EncodeToString(hash[:]), Markdown: markdown}
}
