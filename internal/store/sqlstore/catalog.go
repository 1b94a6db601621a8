package sqlstore

import (
	"context"
	"fmt"
	"math"
	"time"

	"taocan/internal/taocan"
)

func scanPriceList(s scanner) (l taocan.PriceList, err error) {
	return l, s.Scan(&l.ID, &l.Category, at(&l.ValidFrom), &l.ValidityMonths, &l.ChargeOn, at(&l.Published), &l.Draft)
}

// priceTier is a tier with the row that it belongs to.
type priceTier struct {
	n    int
	tier taocan.Tier
	row  taocan.PriceRow
}

func scanPriceTier(s scanner) (t priceTier, err error) {
	return t, s.Scan(&t.n, &t.tier.From, &t.tier.Price, &t.row.Purpose, &t.row.Country, &t.row.Below)
}

func scanProduct(s scanner) (p taocan.Product, err error) {
	return p, s.Scan(&p.ID, &p.Name, &p.Category, &p.Purpose, &p.Country, &p.Quantity, &p.Price, &p.ValidityMonths,
		&p.ChargeOn, &p.OnSale, at(&p.CreatedAt))
}

func scanAgreement(s scanner) (a taocan.Agreement, err error) {
	return a, s.Scan(&a.Version, &a.Hash, &a.Markdown, at(&a.PublishedAt))
}

// fill reads the rows of a price list.
func (r Reader) fill(ctx context.Context, l *taocan.PriceList) error {
	tiers, err := many(ctx, r.Q, r.Q.Text("price_tier_list"), scanPriceTier, l.ID)
	if err != nil {
		return About(err, "price list %s", l.ID)
	}
	l.Rows = nil
	for _, t := range tiers {
		if t.n == len(l.Rows) {
			l.Rows = append(l.Rows, t.row)
		}
		row := &l.Rows[t.n]
		row.Tiers = append(row.Tiers, t.tier)
	}
	return nil
}

// PriceLists lists those of a category, or all, the newest start first.
func (r Reader) PriceLists(ctx context.Context, c taocan.Category) ([]taocan.PriceList, error) {
	lists, err := many(ctx, r.Q, r.Q.Text("price_list_list"), scanPriceList, c)
	if err != nil {
		return nil, err
	}
	for i := range lists {
		if err := r.fill(ctx, &lists[i]); err != nil {
			return nil, err
		}
	}
	return lists, nil
}

// PriceList by id.
func (r Reader) PriceList(ctx context.Context, id taocan.PriceListID) (taocan.PriceList, error) {
	l, err := one(ctx, r.Q, r.Q.Text("price_list_get"), scanPriceList, id)
	if err != nil {
		return l, About(err, "price list %s", id)
	}
	return l, r.fill(ctx, &l)
}

// PriceListAt is the list of the category in force at the instant.
func (r Reader) PriceListAt(ctx context.Context, c taocan.Category, when time.Time) (taocan.PriceList, error) {
	l, err := one(ctx, r.Q, r.Q.Text("price_list_at"), scanPriceList, c, Micros(when))
	if err != nil {
		return l, About(err, "price list of %s in force", c)
	}
	return l, r.fill(ctx, &l)
}

// Products lists those of a category, or all, by quantity, then id.
func (r Reader) Products(ctx context.Context, c taocan.Category, onlyOnSale bool) ([]taocan.Product, error) {
	return many(ctx, r.Q, r.Q.Text("product_list"), scanProduct, c, onlyOnSale)
}

// Product by id.
func (r Reader) Product(ctx context.Context, id taocan.ProductID) (taocan.Product, error) {
	p, err := one(ctx, r.Q, r.Q.Text("product_get"), scanProduct, id)
	return p, About(err, "product %s", id)
}

// Agreement is the one published last.
func (r Reader) Agreement(ctx context.Context) (taocan.Agreement, error) {
	a, err := one(ctx, r.Q, r.Q.Text("agreement_list"), scanAgreement, 1)
	return a, About(err, "current agreement")
}

// Agreements lists all, newest first.
func (r Reader) Agreements(ctx context.Context) ([]taocan.Agreement, error) {
	return many(ctx, r.Q, r.Q.Text("agreement_list"), scanAgreement, math.MaxInt32)
}

// InsertPriceList writes a list and its rows, each of which has a tier.
func (t *Tx) InsertPriceList(ctx context.Context, l taocan.PriceList) error {
	err := t.exec(ctx, "price_list_insert", l.ID, l.Category, Micros(l.ValidFrom), l.ValidityMonths, l.ChargeOn, Micros(l.Published), l.Draft)
	if err != nil {
		return About(taken(err, "id", l.ID), "insert price list %s", l.ID)
	}
	for n, row := range l.Rows {
		if len(row.Tiers) == 0 {
			return fmt.Errorf("insert price list %s: row %d has no tier: %w", l.ID, n+1, taocan.ErrInvalid)
		}
		for _, tier := range row.Tiers {
			if err := t.exec(ctx, "price_tier_insert", l.ID, n, tier.From, tier.Price, row.Purpose, row.Country, row.Below); err != nil {
				return About(err, "insert price list %s: row %d", l.ID, n+1)
			}
		}
	}
	return nil
}

// InsertProduct writes a product.
func (t *Tx) InsertProduct(ctx context.Context, p taocan.Product) error {
	err := t.exec(ctx, "product_insert", p.ID, p.Name, p.Category, p.Purpose, p.Country, p.Quantity, p.Price, p.ValidityMonths,
		p.ChargeOn, p.OnSale, Micros(p.CreatedAt))
	return About(taken(err, "id", p.ID), "insert product %s", p.ID)
}

// SetProductOnSale puts a product on sale or takes it off.
func (t *Tx) SetProductOnSale(ctx context.Context, id taocan.ProductID, onSale bool) error {
	return About(t.change(ctx, taocan.ErrNotFound, "product_on_sale", onSale, id), "product %s", id)
}

// InsertAgreement writes a version of the agreement.
func (t *Tx) InsertAgreement(ctx context.Context, a taocan.Agreement) error {
	err := t.exec(ctx, "agreement_insert", a.Version, a.Hash, a.Markdown, Micros(a.PublishedAt))
	return About(err, "insert agreement %s", a.Version)
}
