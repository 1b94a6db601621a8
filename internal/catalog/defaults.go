package catalog

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

//go:embed agreement.md
var sampleAgreement string

// Shipped is what a new installation sells until its operator publishes something else.
type Shipped struct {
	PriceLists []taocan.PriceList
	Products   []taocan.Product
	Agreement  taocan.Agreement
}

// Ids of the shipped price lists.
const (
	DefaultDomestic      taocan.PriceListID = "domestic-2019-04-09"
	LaterDomestic        taocan.PriceListID = "domestic-later-example" // a draft: never in force
	DefaultInternational taocan.PriceListID = "international-2019-04-09"
)

// Defaults are the shipped price lists, products and sample agreement (product.md §3, §5).
func Defaults() Shipped {
	shanghai := time.FixedZone("UTC+8", 8*60*60)
	start := time.Date(2019, 4, 9, 0, 0, 0, 0, shanghai).UTC()
	alike := []taocan.Tier{{From: 0, Price: 440}, {From: 100_000, Price: 400}, {From: 300_000, Price: 390},
		{From: 500_000, Price: 380}, {From: 1_000_000, Price: 370}, {From: 3_000_000, Price: 360}}
	domestic := taocan.PriceList{ID: DefaultDomestic, Category: taocan.Domestic, ValidFrom: start,
		ValidityMonths: 12, ChargeOn: taocan.ChargeOnSubmit}
	for _, p := range taocan.Purposes {
		domestic.Rows = append(domestic.Rows, taocan.PriceRow{Purpose: p, Tiers: alike})
	}
	later := taocan.PriceList{ID: LaterDomestic, Category: taocan.Domestic, ValidFrom: time.Date(2021, 4, 9, 0, 0, 0, 0, shanghai).UTC(),
		ValidityMonths: 12, ChargeOn: taocan.ChargeOnSubmit, Draft: true,
		Rows: []taocan.PriceRow{
			{Purpose: taocan.Verification, Below: 3_000_000, Tiers: []taocan.Tier{{From: 0, Price: 500}, {From: 10_000, Price: 450},
				{From: 100_000, Price: 420}, {From: 500_000, Price: 410}, {From: 1_000_000, Price: 400}}},
			{Purpose: taocan.Marketing, Below: 3_000_000, Tiers: []taocan.Tier{{From: 0, Price: 550}, {From: 10_000, Price: 540},
				{From: 100_000, Price: 490}, {From: 500_000, Price: 480}, {From: 1_000_000, Price: 480}}},
		}}
	international := taocan.PriceList{ID: DefaultInternational, Category: taocan.International, ValidFrom: start,
		ValidityMonths: 12, ChargeOn: taocan.ChargeOnSubmit,
		Rows: []taocan.PriceRow{{Country: "HK", Tiers: []taocan.Tier{{From: 0, Price: 3970}}}}}

	var products []taocan.Product
	for _, p := range []struct {
		id       taocan.ProductID
		name     string
		quantity taocan.Segments
		price    taocan.Fen
	}{
		{"verification-5k", "国内短信包5千条(验证通知)", 5_000, 250_00},
		{"verification-100k", "国内短信包10万条(验证通知)", 100_000, 4_000_00},
		{"verification-300k", "国内短信包30万条(验证通知)", 300_000, 11_700_00},
	} {
		products = append(products, taocan.Product{ID: p.id, Name: p.name, Category: taocan.Domestic, Purpose: taocan.Verification,
			Quantity: p.quantity, Price: p.price, ValidityMonths: 12, ChargeOn: taocan.ChargeOnSubmit, OnSale: true})
	}
	return Shipped{[]taocan.PriceList{domestic, later, international}, products, agreement("sample-1", sampleAgreement)}
}

// Seed gives a store without price lists, products or an agreement the shipped ones, each kind for itself. It
// changes nothing that an operator has published and may run at every start.
func (c *Catalog) Seed(ctx context.Context) error {
	shipped := Defaults()
	err := c.store.Update(ctx, "", func(tx store.Tx) error {
		lists, err := tx.PriceLists(ctx, "")
		if err != nil {
			return err
		}
		if len(lists) == 0 {
			for _, list := range shipped.PriceLists {
				list.Published = tx.Now()
				if err := tx.InsertPriceList(ctx, list); err != nil {
					return fmt.Errorf("price list %s: %w", list.ID, err)
				}
			}
		}
		products, err := tx.Products(ctx, "", false)
		if err != nil {
			return err
		}
		if len(products) == 0 {
			for _, p := range shipped.Products {
				p.CreatedAt = tx.Now()
				if err := tx.InsertProduct(ctx, p); err != nil {
					return fmt.Errorf("product %s: %w", p.ID, err)
				}
			}
		}
		if _, err := tx.Agreement(ctx); !errors.Is(err, taocan.ErrNotFound) {
			return err
		}
		shipped.Agreement.PublishedAt = tx.Now()
		return tx.InsertAgreement(ctx, shipped.Agreement)
	})
	return wrap(err, "seed the catalogue")
}
