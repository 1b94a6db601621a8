package storetest

import (
	"context"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

var catalogCases = []testCase{
	{"the price list in force is the newest that has begun, drafts left out", func(f *fixture) {
		first, second := start.AddDate(0, -6, 0), start.AddDate(0, 1, 0)
		list := func(id taocan.PriceListID, c taocan.Category, from time.Time, draft bool) taocan.PriceList {
			l := taocan.PriceList{ID: id, Category: c, ValidFrom: from, ValidityMonths: 12, ChargeOn: taocan.ChargeOnDelivered, Published: start, Draft: draft}
			if c == taocan.International {
				l.Rows = []taocan.PriceRow{{Country: "HK", Tiers: []taocan.Tier{{From: 0, Price: 3970}}}, {Country: "MY", Tiers: []taocan.Tier{{From: 0, Price: 2500}}}}
			} else {
				l.Rows = []taocan.PriceRow{
					{Purpose: taocan.Verification, Tiers: []taocan.Tier{{From: 0, Price: 500}, {From: 10_000, Price: 450}}, Below: 3_000_000},
					{Purpose: taocan.Marketing, Tiers: []taocan.Tier{{From: 0, Price: 550}}}}
			}
			return l
		}
		old, next := list("domestic-1", taocan.Domestic, first, false), list("domestic-2", taocan.Domestic, second, false)
		draft, abroad := list("domestic-3", taocan.Domestic, first.AddDate(0, 1, 0), true), list("abroad", taocan.International, first, false)
		f.update("", func(ctx context.Context, tx store.Tx) error {
			for _, l := range []taocan.PriceList{next, old, abroad, draft} {
				if err := tx.InsertPriceList(ctx, l); err != nil {
					return err
				}
			}
			return nil
		})
		at := func(when time.Time) taocan.PriceList {
			return get(f, func(ctx context.Context, r store.Reader) (taocan.PriceList, error) {
				return r.PriceListAt(ctx, taocan.Domestic, when)
			})
		}
		same(f, "at its start", at(first), old)
		same(f, "just before the next", at(second.Add(-time.Microsecond)), old)
		same(f, "at the next start", at(second), next)
		absent(f, "before any", func(ctx context.Context, r store.Reader) (taocan.PriceList, error) {
			return r.PriceListAt(ctx, taocan.Domestic, first.Add(-time.Microsecond))
		})
		same(f, "a draft by id", get(f, func(ctx context.Context, r store.Reader) (taocan.PriceList, error) {
			return r.PriceList(ctx, "domestic-3")
		}), draft)
		absent(f, "unknown", func(ctx context.Context, r store.Reader) (taocan.PriceList, error) { return r.PriceList(ctx, "x") })
		same(f, "of a category", get(f, func(ctx context.Context, r store.Reader) ([]taocan.PriceList, error) {
			return r.PriceLists(ctx, taocan.Domestic)
		}), []taocan.PriceList{next, draft, old})
		same(f, "number of all", len(get(f, func(ctx context.Context, r store.Reader) ([]taocan.PriceList, error) { return r.PriceLists(ctx, "") })), 4)

		f.refuse("", taocan.ErrConflict, func(ctx context.Context, tx store.Tx) error {
			return tx.InsertPriceList(ctx, list("domestic-1", taocan.Domestic, start, false))
		})
		f.refuse("", taocan.ErrConflict, func(ctx context.Context, tx store.Tx) error {
			return tx.InsertPriceList(ctx, list("domestic-4", taocan.Domestic, first, false)) // two in force from one instant
		})
	}},
	{"products are listed by quantity, and only those on sale where asked", func(f *fixture) {
		product := func(id taocan.ProductID, c taocan.Category, country taocan.Country, quantity taocan.Segments, sale bool) taocan.Product {
			return taocan.Product{ID: id, Name: "包 " + string(id), Category: c, Purpose: taocan.General, Country: country, Quantity: quantity, Price: 25_000,
				ValidityMonths: 24, ChargeOn: taocan.ChargeOnSubmit, OnSale: sale, CreatedAt: start}
		}
		big, small := product("a", taocan.Domestic, "", 100_000, true), product("b", taocan.Domestic, "", 5000, true)
		gone, abroad := product("c", taocan.Domestic, "", 5000, false), product("d", taocan.International, "MY", 100, true)
		f.update("", func(ctx context.Context, tx store.Tx) error {
			for _, p := range []taocan.Product{big, small, gone, abroad} {
				if err := tx.InsertProduct(ctx, p); err != nil {
					return err
				}
			}
			return nil
		})
		list := func(c taocan.Category, onSale bool) []taocan.Product {
			return get(f, func(ctx context.Context, r store.Reader) ([]taocan.Product, error) { return r.Products(ctx, c, onSale) })
		}
		same(f, "domestic on sale", list(taocan.Domestic, true), []taocan.Product{small, big})
		same(f, "domestic", list(taocan.Domestic, false), []taocan.Product{small, gone, big})
		same(f, "all", list("", false), []taocan.Product{abroad, small, gone, big})
		f.update("", func(ctx context.Context, tx store.Tx) error { return tx.SetProductOnSale(ctx, "b", false) })
		small.OnSale = false
		same(f, "taken off", get(f, func(ctx context.Context, r store.Reader) (taocan.Product, error) { return r.Product(ctx, "b") }), small)
		absent(f, "unknown", func(ctx context.Context, r store.Reader) (taocan.Product, error) { return r.Product(ctx, "x") })
		f.refuse("", taocan.ErrNotFound, func(ctx context.Context, tx store.Tx) error { return tx.SetProductOnSale(ctx, "x", true) })
		f.refuse("", taocan.ErrConflict, func(ctx context.Context, tx store.Tx) error { return tx.InsertProduct(ctx, big) })
	}},
	{"the current agreement is the one published last", func(f *fixture) {
		absent(f, "none yet", func(ctx context.Context, r store.Reader) (taocan.Agreement, error) { return r.Agreement(ctx) })
		one := taocan.Agreement{Version: "2026-02", Hash: "aa", Markdown: "# 协议\n", PublishedAt: start}
		two := taocan.Agreement{Version: "2026-01", Hash: "bb", Markdown: "# 协议二\n", PublishedAt: start.Add(time.Hour)}
		for _, a := range []taocan.Agreement{one, two} {
			f.update("", func(ctx context.Context, tx store.Tx) error { return tx.InsertAgreement(ctx, a) })
		}
		same(f, "current", get(f, func(ctx context.Context, r store.Reader) (taocan.Agreement, error) { return r.Agreement(ctx) }), two)
		same(f, "all", get(f, func(ctx context.Context, r store.Reader) ([]taocan.Agreement, error) { return r.Agreements(ctx) }), []taocan.Agreement{two, one})
		f.refuse("", taocan.ErrConflict, func(ctx context.Context, tx store.Tx) error { return tx.InsertAgreement(ctx, one) })
	}},
}
