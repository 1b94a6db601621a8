package catalog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// MaxCount bounds how many fixed packages one order buys.
const MaxCount = 100

// MayBuy says whether an account of that level may buy messages of that category and purpose.
func MayBuy(level taocan.Level, category taocan.Category, p taocan.Purpose) error {
	needed := taocan.Enterprise
	if category == taocan.Domestic && p == taocan.Verification {
		needed = taocan.Personal
	}
	if level == taocan.Enterprise || level == needed {
		return nil
	}
	return &taocan.ForbiddenError{Required: string(needed), Detail: fmt.Sprintf("the account has to be verified: %s is needed, it is %s", needed, level)}
}

// Quote prices a purchase as of now. Nothing is stored.
func (c *Catalog) Quote(ctx context.Context, account taocan.Account, p taocan.Purchase) (q taocan.Quote, err error) {
	err = c.store.Peek(ctx, func(r store.Reader) error {
		q, err = c.QuoteAt(ctx, r, c.clock.Now(), account, p)
		return err
	})
	return q, err
}

// QuoteAt prices a purchase as of an instant, inside the caller's snapshot or transaction. What the catalogue
// refuses to anybody is refused before what it refuses to this account.
func (c *Catalog) QuoteAt(ctx context.Context, r store.Reader, at time.Time, account taocan.Account, p taocan.Purchase) (taocan.Quote, error) {
	var q taocan.Quote
	var err error
	switch p.Kind {
	case taocan.Custom:
		q, err = c.custom(ctx, r, at, p)
	case taocan.Fixed:
		q, err = c.fixed(ctx, r, at, p)
	default:
		err = taocan.Invalid("body.kind", "must be custom or fixed", string(p.Kind))
	}
	if err == nil {
		err = MayBuy(account.Level, q.Category, q.Purpose)
	}
	if err != nil {
		return taocan.Quote{}, fmt.Errorf("quote: %w", err)
	}
	return q, nil
}

func (c *Catalog) custom(ctx context.Context, r store.Reader, at time.Time, p taocan.Purchase) (taocan.Quote, error) {
	if p.Category == taocan.International && p.Purpose == "" {
		p.Purpose = taocan.General
	}
	if err := customFields(p); err != nil {
		return taocan.Quote{}, err
	}
	if !customSells(p.Category, p.Purpose) {
		return taocan.Quote{}, purposeNotForSale(p)
	}
	if err := c.customQuantity(p.Quantity); err != nil {
		return taocan.Quote{}, err
	}
	list, row, err := rowAt(ctx, r, at, p.Category, p.Purpose, p.Country)
	if err != nil {
		return taocan.Quote{}, err
	}
	unit, amount, err := Price(row, p.Quantity)
	if err != nil {
		return taocan.Quote{}, err
	}
	country, _ := CountryName(p.Country)
	return taocan.Quote{
		Purchase: p, Name: taocan.CustomName(p.Category, p.Purpose, p.Country, country),
		Each: p.Quantity, Packages: 1, Quantity: p.Quantity,
		UnitPrice: unit, HasUnitPrice: true, Amount: amount,
		ValidityMonths: list.ValidityMonths, ChargeOn: list.ChargeOn, PriceList: list.ID,
		BetterOffer: better(row, p.Quantity, amount, c.maxQuantity),
	}, nil
}

func (c *Catalog) fixed(ctx context.Context, r store.Reader, at time.Time, p taocan.Purchase) (taocan.Quote, error) {
	if err := fixedFields(p); err != nil {
		return taocan.Quote{}, err
	}
	product, err := r.Product(ctx, p.Product)
	if err != nil && !errors.Is(err, taocan.ErrNotFound) {
		return taocan.Quote{}, err
	}
	if err != nil || !product.OnSale {
		return taocan.Quote{}, &taocan.SaleError{Code: taocan.CodeProductNotForSale, Detail: fmt.Sprintf("product %.64q is not on sale", p.Product)}
	}
	if err := ofProduct(p, product); err != nil {
		return taocan.Quote{}, err
	}
	amount := product.Price * taocan.Fen(p.Count) // both bounded: no overflow
	if amount > taocan.MaxFen {
		return taocan.Quote{}, taocan.Invalid("body.count", "makes the order too large", p.Count)
	}
	p.Category, p.Purpose, p.Country = product.Category, product.Purpose, product.Country
	q := taocan.Quote{
		Purchase: p, Name: product.Name,
		Each: product.Quantity, Packages: p.Count, Quantity: product.Quantity * taocan.Segments(p.Count),
		Amount: amount, ValidityMonths: product.ValidityMonths, ChargeOn: product.ChargeOn,
	}
	q.BetterOffer, err = c.betterThanFixed(ctx, r, at, q)
	return q, err
}

// betterThanFixed is the cheaper custom purchase of as many messages or more, if it is no worse otherwise: as
// long valid and charged at the same moment.
func (c *Catalog) betterThanFixed(ctx context.Context, r store.Reader, at time.Time, q taocan.Quote) (*taocan.BetterOffer, error) {
	if !customSells(q.Category, q.Purpose) {
		return nil, nil
	}
	list, row, err := rowAt(ctx, r, at, q.Category, q.Purpose, q.Country)
	if errors.Is(err, taocan.ErrNotForSale) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if list.ValidityMonths < q.ValidityMonths || list.ChargeOn != q.ChargeOn {
		return nil, nil
	}
	return better(row, roundUp(q.Quantity), q.Amount, c.maxQuantity), nil
}

// rowAt finds the prices in force.
func rowAt(ctx context.Context, r store.Reader, at time.Time, category taocan.Category, p taocan.Purpose, country taocan.Country) (taocan.PriceList, taocan.PriceRow, error) {
	list, err := r.PriceListAt(ctx, category, at)
	if err != nil && !errors.Is(err, taocan.ErrNotFound) {
		return list, taocan.PriceRow{}, err
	}
	row, ok := Row(list, p, country)
	switch {
	case err == nil && ok:
		return list, row, nil
	case category == taocan.International:
		return list, row, &taocan.SaleError{Code: taocan.CodeCountryNotForSale, Detail: fmt.Sprintf("messages to %s are not on sale", country)}
	}
	return list, row, purposeNotForSale(taocan.Purchase{Category: category, Purpose: p})
}

// customSells reports whether custom packages are sold for the purpose at all: general only abroad, where
// nothing else is.
func customSells(category taocan.Category, p taocan.Purpose) bool {
	return (category == taocan.International) == (p == taocan.General)
}

// CustomPurposes are those that custom packages of the category are sold for.
func (c *Catalog) CustomPurposes(category taocan.Category) []taocan.Purpose {
	var sold []taocan.Purpose
	for _, p := range taocan.Purposes {
		if customSells(category, p) {
			sold = append(sold, p)
		}
	}
	return sold
}

func purposeNotForSale(p taocan.Purchase) error {
	return &taocan.SaleError{Code: taocan.CodePurposeNotForSale, Detail: fmt.Sprintf("%s packages for %s are not on sale as custom packages", p.Category, p.Purpose)}
}

func (c *Catalog) customQuantity(q taocan.Segments) error {
	switch {
	case q < Step:
		return &taocan.SaleError{Code: taocan.CodeTooSmall, Detail: fmt.Sprintf("at least %d messages are sold", Step)}
	case q > c.maxQuantity:
		return &taocan.SaleError{Code: taocan.CodeTooLarge, Detail: fmt.Sprintf("at most %d messages are sold at once", c.maxQuantity)}
	case q%Step != 0:
		return &taocan.SaleError{Code: taocan.CodeNotMultiple, Detail: fmt.Sprintf("the quantity must be a multiple of %d", Step)}
	}
	return nil
}

func customFields(p taocan.Purchase) error {
	var bad problems
	if !p.Category.Valid() {
		bad.add("body.category", "must be domestic or international", string(p.Category))
	}
	if !p.Purpose.Valid() {
		bad.add("body.purpose", "must be verification, marketing or general", string(p.Purpose))
	}
	switch {
	case p.Category == taocan.Domestic && p.Country != "":
		bad.add("body.country", "must be left out for domestic", string(p.Country))
	case p.Category == taocan.International && !p.Country.Valid():
		bad.add("body.country", "must be two capital letters (ISO 3166-1)", string(p.Country))
	}
	if p.Product != "" {
		bad.add("body.product", "must be left out for custom", string(p.Product))
	}
	if p.Count != 0 {
		bad.add("body.count", "must be left out for custom", p.Count)
	}
	return bad.err()
}

func fixedFields(p taocan.Purchase) error {
	var bad problems
	if p.Product == "" {
		bad.add("body.product", "is missing", "")
	}
	if p.Count < 1 || p.Count > MaxCount {
		bad.add("body.count", fmt.Sprintf("must be 1 to %d", MaxCount), p.Count)
	}
	if p.Quantity != 0 {
		bad.add("body.quantity", "must be left out for fixed: the product says it", int64(p.Quantity))
	}
	return bad.err()
}

// ofProduct: what the product fixes may be left out or repeated, not chosen.
func ofProduct(p taocan.Purchase, product taocan.Product) error {
	var bad problems
	if p.Category != "" && p.Category != product.Category {
		bad.add("body.category", "is not the product's", string(p.Category))
	}
	if p.Purpose != "" && p.Purpose != product.Purpose {
		bad.add("body.purpose", "is not the product's", string(p.Purpose))
	}
	if p.Country != "" && p.Country != product.Country {
		bad.add("body.country", "is not the product's", string(p.Country))
	}
	return bad.err()
}

// problems collects what is wrong with a request, so that one answer names all of it.
type problems []taocan.FieldError

func (p *problems) add(location, message string, value any) {
	*p = append(*p, taocan.FieldError{Location: location, Message: message, Value: value})
}

func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return &taocan.InvalidError{Fields: p}
}
