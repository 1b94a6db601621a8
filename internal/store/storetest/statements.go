package storetest

import (
	"context"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// spans reads what a span holds of a project.
func (f *fixture) spans(t taocan.Tenant, from, until time.Time) map[taocan.PackageNumber]store.PackageSpan {
	f.Helper()
	all := map[taocan.PackageNumber]store.PackageSpan{}
	f.look(func(ctx context.Context, r store.Reader) error {
		return r.PackageSpans(ctx, t, from, until, func(x store.PackageSpan) error {
			all[x.Number] = x
			return nil
		})
	})
	return all
}

var statementCases = []testCase{
	{"a span holds what its commits moved, from what was held before it to what is held after it", func(f *fixture) {
		f.open(alpha, beta)
		p := f.put(f.newPackage(alpha, f.clock.Now()), f.newPackage(beta, f.clock.Now()))[0]
		f.clock.Advance(time.Hour)
		from := f.clock.Now()
		f.update("alpha", func(ctx context.Context, tx store.Tx) error {
			return tx.AdjustPackage(ctx, alpha, p.Number, -40, "test")
		})
		f.clock.Advance(time.Hour)
		until := f.clock.Now()
		f.update("alpha", func(ctx context.Context, tx store.Tx) error { return tx.AdjustPackage(ctx, alpha, p.Number, 7, "test") })
		want := store.PackageSpan{Number: p.Number, Category: p.Category, Purpose: p.Purpose, FirstExpiry: p.ExpiresAt,
			Before: store.Held{Remaining: 1000}, After: store.Held{Remaining: 960}, Moved: store.Moved{Adjusted: -40, Remaining: -40}}
		same(f, "span", f.spans(alpha, from, until), map[taocan.PackageNumber]store.PackageSpan{p.Number: want})
		want.Before, want.After, want.Moved = store.Held{}, store.Held{Remaining: 1000}, store.Moved{Granted: 1000, Remaining: 1000}
		same(f, "span of the grant", f.spans(alpha, start, from), map[taocan.PackageNumber]store.PackageSpan{p.Number: want})
		same(f, "span before it", f.spans(alpha, start.AddDate(0, -1, 0), start), map[taocan.PackageNumber]store.PackageSpan{})
		same(f, "another's project", f.spans(taocan.Tenant{Account: "beta", Project: alpha.Project}, start, until), map[taocan.PackageNumber]store.PackageSpan{})
	}},
	{"an import counts in the span of its commit, whatever its entry is dated", func(f *fixture) {
		f.open(alpha)
		f.clock.Advance(time.Hour)
		committed := f.clock.Now()
		p := f.newPackage(alpha, start.AddDate(0, -2, 0), func(p *taocan.Package) { p.Remaining, p.Used = 300, 700 })
		f.update("alpha", func(ctx context.Context, tx store.Tx) error { return tx.InsertPackage(ctx, p, taocan.EntryImport, "") })
		same(f, "span of its date", f.spans(alpha, start.AddDate(0, -3, 0), committed), map[taocan.PackageNumber]store.PackageSpan{})
		want := store.PackageSpan{Number: p.Number, Category: p.Category, Purpose: p.Purpose, FirstExpiry: p.ExpiresAt,
			After: store.Held{Remaining: 300}, Moved: store.Moved{Imported: 300, Remaining: 300}}
		until := committed.Add(time.Hour)
		same(f, "span of its commit", f.spans(alpha, committed, until), map[taocan.PackageNumber]store.PackageSpan{p.Number: want})
		want.Before, want.Moved = want.After, store.Moved{}
		same(f, "span after it", f.spans(alpha, until, until.Add(time.Hour)), map[taocan.PackageNumber]store.PackageSpan{p.Number: want})
	}},
	{"a wallet's span goes from its last entry before to the last one in it", func(f *fixture) {
		f.open(alpha, beta)
		f.topUp("alpha", 100)
		f.topUp("beta", 7)
		f.clock.Advance(time.Hour)
		from := f.clock.Now()
		f.topUp("alpha", 20)
		f.topUp("alpha", 3)
		f.clock.Advance(time.Hour)
		until := f.clock.Now()
		f.topUp("alpha", 1)
		got := get(f, func(ctx context.Context, r store.Reader) (store.WalletSpan, error) {
			return r.WalletSpan(ctx, "alpha", from, until)
		})
		same(f, "span", got, store.WalletSpan{Before: taocan.Wallet{Account: "alpha", Cash: 100}, After: taocan.Wallet{Account: "alpha", Cash: 123},
			Moved: []store.WalletMoved{{Kind: taocan.WalletTopUp, Entries: 2, Cash: 23}}})
	}},
}
