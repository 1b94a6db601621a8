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

// bought tops up what an order costs in cash, pays for it, and returns it as it is then. An hour passes.
func (f *fixture) bought(t taocan.Tenant, split taocan.Split) taocan.Order {
	f.Helper()
	o := f.newOrder(t, f.clock.Now(), func(o *taocan.Order) { o.Quote.Amount = split.Total() })
	f.putOrders(o)
	f.topUp(t.Account, split.Cash)
	f.update(t.Account, func(ctx context.Context, tx store.Tx) error {
		p := f.newPackage(t, tx.Now(), func(p *taocan.Package) { p.Order, p.Paid = o.ID, split })
		o = paid(o, tx.Now(), split, "", p)
		_, err := pay(ctx, tx, o, p)
		return err
	})
	f.clock.Advance(time.Hour)
	return o
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
	{"what was paid in a span is added up by project and listed by payment", func(f *fixture) {
		f.open(alpha, alphaOther, beta)
		first := f.bought(alpha, taocan.Split{Cash: 4400})
		other := f.bought(alphaOther, taocan.Split{Cash: 300})
		second := f.bought(alpha, taocan.Split{Cash: 100})
		f.bought(beta, taocan.Split{Cash: 9})
		f.putOrders(f.newOrder(alpha, f.clock.Now())) // nobody paid it
		from, until := first.Payment.PaidAt, second.Payment.PaidAt.Add(time.Microsecond)
		sums := func(a taocan.AccountID, from, until time.Time) []store.PaidSum {
			return get(f, func(ctx context.Context, r store.Reader) ([]store.PaidSum, error) {
				return r.PaidSums(ctx, a, from, until)
			})
		}
		both := []store.PaidSum{{Project: alpha.Project, Orders: 2, Messages: 2000, Split: taocan.Split{Cash: 4500}},
			{Project: alphaOther.Project, Orders: 1, Messages: 1000, Split: taocan.Split{Cash: 300}}}
		same(f, "sums", sums("alpha", from, until), both)
		one := []store.PaidSum{{Project: alpha.Project, Orders: 1, Messages: 1000, Split: taocan.Split{Cash: 4400}}, both[1]}
		same(f, "sums before the last", sums("alpha", from, second.Payment.PaidAt), one)
		if got := sums("alpha", until, until.Add(time.Hour)); len(got) != 0 {
			f.Errorf("after all of them %+v was paid", got)
		}
		list := func(t taocan.Tenant, limit int) []taocan.Order {
			return get(f, func(ctx context.Context, r store.Reader) ([]taocan.Order, error) {
				return r.PaidOrders(ctx, t, from, until, limit)
			})
		}
		same(f, "orders of a project", list(alpha, 10), []taocan.Order{first, second})
		same(f, "orders of the account", list(taocan.Tenant{Account: "alpha"}, 10), []taocan.Order{first, other, second})
		same(f, "as many as asked for", list(taocan.Tenant{Account: "alpha"}, 2), []taocan.Order{first, other})
	}},
	{"the platform's spans add up all accounts, each span its own", func(f *fixture) {
		f.open(alpha, beta)
		f.bought(alpha, taocan.Split{Cash: 400})
		f.bought(beta, taocan.Split{Cash: 30})
		middle := f.clock.Now()
		f.bought(alpha, taocan.Split{Cash: 1})
		until, later := f.clock.Now(), start.AddDate(1, 1, 0)
		spans := func(now time.Time, bounds ...time.Time) []store.PlatformSpan {
			return get(f, func(ctx context.Context, r store.Reader) ([]store.PlatformSpan, error) {
				return r.PlatformSpans(ctx, bounds, now)
			})
		}
		before, after := store.PlatformSpan{From: start, Until: middle, Orders: 2, Sold: 2000, Revenue: taocan.Split{Cash: 430}, NewAccounts: 2},
			store.PlatformSpan{From: middle, Until: until, Orders: 1, Sold: 1000, Revenue: taocan.Split{Cash: 1}}
		same(f, "spans", spans(until, start, middle, until), []store.PlatformSpan{before, after})
		rest := store.PlatformSpan{From: until, Until: later}
		same(f, "a span whose expiries have not come", spans(until, until, later), []store.PlatformSpan{rest})
		rest.Expired = 3000
		same(f, "the same span once they have", spans(later, until, later), []store.PlatformSpan{rest})
	}},
	{"liabilities are what can be used, and of its price the part that is left", func(f *fixture) {
		f.open(alpha, beta)
		held := func(now time.Time) store.Liabilities {
			return get(f, func(ctx context.Context, r store.Reader) (store.Liabilities, error) { return r.Liabilities(ctx, now) })
		}
		same(f, "of nothing", held(f.clock.Now()), store.Liabilities{})
		o := f.bought(alpha, taocan.Split{Cash: 101})
		f.put(f.newPackage(beta, f.clock.Now(), func(p *taocan.Package) { p.Total = 50 }))
		f.update("alpha", func(ctx context.Context, tx store.Tx) error {
			return tx.AdjustPackage(ctx, alpha, o.Packages[0], -500, "test")
		})
		want := store.Liabilities{Packages: 2, Remaining: 550, Unpaid: 50, Money: taocan.Split{Cash: 50}} // half of 1.01, rounded down
		same(f, "liabilities", held(f.clock.Now()), want)
		same(f, "after all has expired", held(start.AddDate(2, 0, 0)), store.Liabilities{})
	}},
	{"top customers are those who paid most in cash and on credit", func(f *fixture) {
		f.open(alpha, beta)
		from := f.clock.Now()
		f.bought(alpha, taocan.Split{Cash: 100})
		f.bought(beta, taocan.Split{Cash: 70})
		f.bought(beta, taocan.Split{Cash: 70})
		until := f.clock.Now()
		f.bought(alpha, taocan.Split{Cash: 1000})
		top := func(limit int) []store.Customer {
			return get(f, func(ctx context.Context, r store.Reader) ([]store.Customer, error) {
				return r.TopCustomers(ctx, from, until, limit)
			})
		}
		want := []store.Customer{{Account: "beta", Orders: 2, Sold: 2000, Revenue: taocan.Split{Cash: 140}},
			{Account: "alpha", Orders: 1, Sold: 1000, Revenue: taocan.Split{Cash: 100}}}
		same(f, "customers", top(10), want)
		same(f, "the first of them", top(1), want[:1])
	}},
}
