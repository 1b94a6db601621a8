package storetest

import (
	"context"
	"fmt"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

func (f *fixture) pkg(t taocan.Tenant, n taocan.PackageNumber) taocan.Package {
	f.Helper()
	return get(f, func(ctx context.Context, r store.Reader) (taocan.Package, error) { return r.Package(ctx, t, n) })
}

func (f *fixture) entries(t taocan.Tenant, n taocan.PackageNumber) []taocan.Entry {
	f.Helper()
	return get(f, func(ctx context.Context, r store.Reader) (store.Page[taocan.Entry], error) {
		return r.Entries(ctx, t, n, all())
	}).Items
}

func (f *fixture) adjust(t taocan.Tenant, n taocan.PackageNumber, delta taocan.Segments) {
	f.Helper()
	f.update(t.Account, func(ctx context.Context, tx store.Tx) error { return tx.AdjustPackage(ctx, t, n, delta, "adjusted") })
}

func (f *fixture) extend(t taocan.Tenant, n taocan.PackageNumber, expiresAt time.Time) {
	f.Helper()
	f.update(t.Account, func(ctx context.Context, tx store.Tx) error {
		return tx.ExtendPackage(ctx, t, n, expiresAt, "extended")
	})
}

func (f *fixture) freeze(t taocan.Tenant, n taocan.PackageNumber, frozen bool) {
	f.Helper()
	f.update(t.Account, func(ctx context.Context, tx store.Tx) error { return tx.FreezePackage(ctx, t, n, frozen, "frozen") })
}

// transfer moves q of a package to another project, as a package that it returns.
func (f *fixture) transfer(p taocan.Package, q taocan.Segments, to taocan.Tenant) (made taocan.Package) {
	f.Helper()
	f.update(p.Account, func(ctx context.Context, tx store.Tx) error {
		made = f.newPackage(to, tx.Now(), func(x *taocan.Package) {
			x.Name, x.Category, x.Purpose, x.Country, x.ChargeOn = p.Name, p.Category, p.Purpose, p.Country, p.ChargeOn
			x.Total, x.PurchasedAt, x.ExistsFrom, x.ExpiresAt = q, p.PurchasedAt, tx.Now(), p.ExpiresAt
		})
		return tx.TransferPackage(ctx, p.Tenant, p.Number, made)
	})
	return made
}

// lastCommit is when the account's lane was last written.
func (f *fixture) lastCommit(a taocan.AccountID) time.Time {
	f.Helper()
	heads := get(f, func(ctx context.Context, r store.Reader) ([taocan.Lanes]store.Head, error) { return r.Heads(ctx) })
	return heads[taocan.LaneOf(a)].At
}

// asOf is a package as it was; false where it was not there.
func (f *fixture) asOf(t taocan.Tenant, n taocan.PackageNumber, when time.Time) (taocan.Package, bool) {
	f.Helper()
	page := get(f, func(ctx context.Context, r store.Reader) (store.Page[taocan.Package], error) {
		return r.Packages(ctx, t, store.PackageFilter{Query: string(n), Now: f.clock.Now(), AsOf: when, Paging: all()})
	})
	if len(page.Items) != 1 {
		return taocan.Package{}, false
	}
	return page.Items[0], true
}

// left is what a project's active packages hold at an instant; zero: now.
func (f *fixture) left(t taocan.Tenant, asOf time.Time) taocan.Segments {
	f.Helper()
	return get(f, func(ctx context.Context, r store.Reader) (taocan.Balance, error) {
		return r.Balance(ctx, t, taocan.Domestic, f.clock.Now(), asOf)
	}).Remaining
}

var packageCases = []testCase{
	{"a package reads as it was written, with its opening entry", func(f *fixture) {
		f.open(alpha)
		o := f.newOrder(alpha, f.clock.Now(), func(o *taocan.Order) {
			q := &o.Quote
			q.Category, q.Purpose, q.Country, q.Name, q.ChargeOn = taocan.International, taocan.General, "MY", "国际短信包(马来西亚MY)", taocan.ChargeOnDelivered
		})
		v := f.newVoucher("alpha", f.clock.Now(), func(v *taocan.Voucher) { v.Amount = 1 })
		f.putOrders(o)
		f.putVouchers(v)
		at := f.clock.Now().Add(time.Hour)
		f.clock.Set(at)
		split := taocan.Split{Voucher: 1, Gift: 2, Cash: 4393, Credit: 4}
		f.update("alpha", func(ctx context.Context, tx store.Tx) error {
			_, err := tx.AppendWallet(ctx, taocan.WalletEntry{Account: "alpha", Kind: taocan.WalletAdjust, Gift: split.Gift, Cash: split.Cash, CreditLimit: split.Credit})
			return err
		})
		bought := f.newPackage(alpha, at, func(p *taocan.Package) {
			p.Category, p.Purpose, p.Country, p.Name, p.ChargeOn = taocan.International, taocan.General, "MY", "国际短信包(马来西亚MY)", taocan.ChargeOnDelivered
			p.Order, p.Paid = o.ID, split
		})
		imported := f.newPackage(alpha, at.AddDate(0, -6, 0), func(p *taocan.Package) {
			p.Total, p.Remaining, p.Used, p.ExistsFrom = 100, 40, 60, at.AddDate(0, 0, -1)
		})
		empty := f.newPackage(alpha, at.AddDate(0, -6, 0), func(p *taocan.Package) { p.Used, p.Purpose = p.Total, taocan.General })
		for _, tt := range []struct {
			p         taocan.Package
			kind      taocan.EntryKind
			reference string
		}{{bought, taocan.EntryIssue, string(o.ID)}, {imported, taocan.EntryImport, "snapshot"}, {empty, taocan.EntryImport, ""}} {
			var seq int64
			f.update("alpha", func(ctx context.Context, tx store.Tx) error {
				heads, err := tx.Heads(ctx)
				if err != nil {
					return err
				}
				seq = heads[taocan.LaneOf("alpha")].Seq + 1
				if tt.kind == taocan.EntryIssue {
					_, err := pay(ctx, tx, paid(o, at, split, v.ID, tt.p), tt.p)
					return err
				}
				return tx.InsertPackage(ctx, tt.p, tt.kind, tt.reference)
			})
			same(f, "package", f.pkg(alpha, tt.p.Number), tt.p)
			same(f, "anywhere", get(f, func(ctx context.Context, r store.Reader) (taocan.Package, error) {
				return r.PackageAnywhere(ctx, tt.p.Number)
			}), tt.p)
			want := taocan.Entry{Tenant: alpha, Package: tt.p.Number, Kind: tt.kind, At: tt.p.ExistsFrom, Remaining: tt.p.Remaining, Used: tt.p.Used,
				RemainingAfter: tt.p.Remaining, Reference: tt.reference, Lane: taocan.LaneOf("alpha"), Commit: seq}
			same(f, "entries", f.entries(alpha, tt.p.Number), []taocan.Entry{want})
			same(f, "opening", get(f, func(ctx context.Context, r store.Reader) (taocan.Entry, error) {
				return r.OpeningEntry(ctx, alpha, tt.p.Number)
			}), want)
		}
		absent(f, "unknown package", func(ctx context.Context, r store.Reader) (taocan.Package, error) {
			return r.Package(ctx, alpha, "U1A2603011200000")
		})
		absent(f, "unknown anywhere", func(ctx context.Context, r store.Reader) (taocan.Package, error) {
			return r.PackageAnywhere(ctx, "U1A2603011200000")
		})
		absent(f, "entries of unknown", func(ctx context.Context, r store.Reader) (store.Page[taocan.Entry], error) {
			return r.Entries(ctx, alpha, "U1A2603011200000", all())
		})
		absent(f, "opening of unknown", func(ctx context.Context, r store.Reader) (taocan.Entry, error) {
			return r.OpeningEntry(ctx, alpha, "U1A2603011200000")
		})
	}},
	{"a number is taken once over the whole store, and another can be drawn in the same transaction", func(f *fixture) {
		f.open(alpha, alphaOther, beta)
		taken := f.put(f.newPackage(alpha, f.clock.Now()))[0]
		for _, t := range []taocan.Tenant{alpha, alphaOther, beta} {
			p := f.newPackage(t, f.clock.Now())
			free := p.Number
			f.update(t.Account, func(ctx context.Context, tx store.Tx) error {
				p.Number = taken.Number
				if err := tx.InsertPackage(ctx, p, taocan.EntryGrant, ""); err == nil {
					f.Errorf("the number of another package was given again")
				}
				p.Number = free
				return tx.InsertPackage(ctx, p, taocan.EntryGrant, "")
			})
			same(f, "the package under the free number", f.pkg(t, free), p)
			f.refuse(t.Account, taocan.ErrConflict, func(ctx context.Context, tx store.Tx) error { return tx.InsertPackage(ctx, p, taocan.EntryGrant, "") })
		}
		same(f, "the first package", f.pkg(alpha, taken.Number), taken)
	}},
	{"an adjustment moves remaining and adjusted, never below nothing", func(f *fixture) {
		f.open(alpha)
		p := f.put(f.newPackage(alpha, f.clock.Now(), func(p *taocan.Package) { p.Remaining, p.Used = 300, 700 }))[0]
		f.clock.Advance(time.Minute)
		f.adjust(alpha, p.Number, -300)
		f.clock.Advance(time.Minute)
		f.adjust(alpha, p.Number, 50)
		err := f.try("alpha", func(ctx context.Context, tx store.Tx) error {
			return tx.AdjustPackage(ctx, alpha, p.Number, -51, "too much")
		})
		same(f, "refusal", fmt.Sprint(err != nil), "true")
		f.refuse("alpha", taocan.ErrInsufficientQuota, func(ctx context.Context, tx store.Tx) error { return tx.AdjustPackage(ctx, alpha, p.Number, -51, "") })
		f.refuse("alpha", taocan.ErrNotFound, func(ctx context.Context, tx store.Tx) error {
			return tx.AdjustPackage(ctx, alpha, "U1A2603011200000", 1, "")
		})
		p.Adjusted, p.Remaining = -250, 50
		same(f, "package", f.pkg(alpha, p.Number), p)
		got := f.entries(alpha, p.Number)
		for i := range got {
			got[i].Commit, got[i].Lane = 0, 0
		}
		at := f.clock.Now()
		same(f, "entries", got, []taocan.Entry{
			{Tenant: alpha, Package: p.Number, Kind: taocan.EntryAdjust, At: at, Remaining: 50, RemainingAfter: 50, Reference: "adjusted"},
			{Tenant: alpha, Package: p.Number, Kind: taocan.EntryAdjust, At: at.Add(-time.Minute), Remaining: -300, Reference: "adjusted"},
			{Tenant: alpha, Package: p.Number, Kind: taocan.EntryGrant, At: start, Remaining: 300, Used: 700, RemainingAfter: 300, Reference: "grant"},
		})
	}},
	{"an expired package with something left is marked once, and moves nothing", func(f *fixture) {
		f.open(alpha, beta)
		at := f.clock.Now()
		expiring := func(after time.Duration, change ...func(*taocan.Package)) func(*taocan.Package) {
			return func(p *taocan.Package) {
				p.ExpiresAt = at.Add(after)
				for _, c := range change {
					c(p)
				}
			}
		}
		spent := func(p *taocan.Package) { p.Used = p.Total }
		second := f.newPackage(alpha, at.AddDate(-1, 0, 0), expiring(2*time.Hour))
		first := f.newPackage(beta, at.AddDate(-1, 0, 0), expiring(time.Hour))
		empty := f.newPackage(alpha, at.AddDate(-1, 0, 0), expiring(time.Hour, spent))
		f.put(second, first, empty, f.newPackage(alpha, at, expiring(10*time.Hour)))
		unmarked := func(limit int) []taocan.Package {
			return get(f, func(ctx context.Context, r store.Reader) ([]taocan.Package, error) {
				return r.Unmarked(ctx, f.clock.Now(), limit)
			})
		}
		same(f, "none yet", unmarked(10), []taocan.Package(nil))
		mark := func(p taocan.Package) func(context.Context, store.Tx) error {
			return func(ctx context.Context, tx store.Tx) error { return tx.MarkExpired(ctx, p.Tenant, p.Number) }
		}
		f.refuse("alpha", taocan.ErrConflict, mark(second))
		f.clock.Set(at.Add(time.Hour))
		same(f, "at the first expiry", unmarked(10), []taocan.Package{first})
		f.clock.Set(at.Add(3 * time.Hour))
		same(f, "later", unmarked(10), []taocan.Package{first, second})
		same(f, "one of them", unmarked(1), []taocan.Package{first})
		f.update("beta", mark(first))
		f.update("beta", mark(first))
		f.update("alpha", mark(second))
		same(f, "all marked", unmarked(10), []taocan.Package(nil))
		same(f, "its figures", f.pkg(beta, first.Number), first)
		es := f.entries(beta, first.Number)
		es[0].Commit, es[0].Lane = 0, 0
		same(f, "number of entries", len(es), 2)
		same(f, "expire entry", es[0], taocan.Entry{Tenant: beta, Package: first.Number, Kind: taocan.EntryExpire, At: f.clock.Now(), RemainingAfter: first.Remaining})
		f.refuse("alpha", taocan.ErrConflict, mark(empty))
		f.refuse("alpha", taocan.ErrNotFound, func(ctx context.Context, tx store.Tx) error { return tx.MarkExpired(ctx, alpha, first.Number) })
		f.adjust(alpha, empty.Number, 5) // comes back to life after its end
		empty.Remaining, empty.Adjusted = 5, 5
		same(f, "revived", unmarked(10), []taocan.Package{empty})
	}},
	{"a package holds to its sums and kinds", func(f *fixture) {
		f.open(alpha)
		for what, change := range map[string]func(*taocan.Package){
			"more remaining than total":  func(p *taocan.Package) { p.Remaining = p.Total + 1 },
			"nothing in all":             func(p *taocan.Package) { p.Total, p.Remaining, p.Used = 0, 0, 0 },
			"an unknown category":        func(p *taocan.Package) { p.Category = "lunar" },
			"an unknown purpose":         func(p *taocan.Package) { p.Purpose = "spam" },
			"an unknown rule of charge":  func(p *taocan.Package) { p.ChargeOn = "never" },
			"domestic with a country":    func(p *taocan.Package) { p.Country = "MY" },
			"abroad without a country":   func(p *taocan.Package) { p.Category = taocan.International },
			"a negative part of payment": func(p *taocan.Package) { p.Paid.Cash = -1 },
			"a project that is not":      func(p *taocan.Package) { p.Project = "other" },
			"an order that is not":       func(p *taocan.Package) { p.Order = "other" },
		} {
			p := f.newPackage(alpha, f.clock.Now(), change)
			if err := f.try("alpha", func(ctx context.Context, tx store.Tx) error { return tx.InsertPackage(ctx, p, taocan.EntryGrant, "") }); err == nil {
				f.Errorf("%s was written", what)
			}
		}
		if err := f.try("alpha", func(ctx context.Context, tx store.Tx) error {
			return tx.InsertPackage(ctx, f.newPackage(alpha, tx.Now()), taocan.EntryDebit, "")
		}); err == nil {
			f.Errorf("a package began with a debit")
		}
		page := get(f, func(ctx context.Context, r store.Reader) (store.Page[taocan.Package], error) {
			return r.Packages(ctx, alpha, store.PackageFilter{Now: f.clock.Now(), Paging: all()})
		})
		same(f, "packages", page.Total, 0)
	}},
	{"the nine packages of the example balance to 150 until the marketing ones expire", func(f *fixture) {
		f.open(alpha)
		zone := time.FixedZone("CST", 8*60*60)
		snapshot := time.Date(2021, 4, 1, 0, 0, 0, 0, zone)
		for _, x := range []struct {
			number           taocan.PackageNumber
			purpose          taocan.Purpose
			total, remaining taocan.Segments
			y, m, d          int
		}{
			{"U1G1906171982DF8", taocan.General, 5000, 0, 2021, 6, 17}, {"U1G190617194C8E1", taocan.General, 5000, 0, 2021, 6, 17},
			{"U1G1906171935CC7", taocan.General, 5000, 0, 2021, 6, 17}, {"U1G1905081936229", taocan.General, 946, 0, 2021, 5, 8},
			{"U1B19042914D4FE7", taocan.Marketing, 100, 50, 2021, 4, 29}, {"U1B19042914389DC", taocan.Marketing, 100, 100, 2021, 4, 29},
			{"U1A1906171957076", taocan.Verification, 100000, 0, 2021, 6, 17}, {"U1A1904291445AFF", taocan.Verification, 100, 0, 2021, 4, 29},
			{"U1A190422231E4FE", taocan.Verification, 100, 0, 2021, 4, 22},
		} {
			p := f.newPackage(alpha, snapshot.AddDate(-2, 0, 0), func(p *taocan.Package) {
				p.Number, p.Purpose, p.Total, p.Remaining, p.Used = x.number, x.purpose, x.total, x.remaining, x.total-x.remaining
				p.ExistsFrom, p.ExpiresAt = snapshot.UTC(), taocan.EndOfDate(x.y, time.Month(x.m), x.d, zone)
			})
			f.update("alpha", func(ctx context.Context, tx store.Tx) error { return tx.InsertPackage(ctx, p, taocan.EntryImport, "") })
		}
		for _, tt := range []struct {
			asOf      string
			marketing taocan.Segments
			statuses  string // by number
		}{
			{"2021-03-31T23:59:59.999999+08:00", 0, ""},
			{"2021-04-01T00:00:00+08:00", 150, "exhausted exhausted exhausted active active exhausted exhausted exhausted exhausted"},
			{"2021-04-28T23:59:59+08:00", 150, "exhausted exhausted exhausted active active exhausted exhausted exhausted exhausted"},
			{"2021-04-29T23:59:59+08:00", 150, "exhausted exhausted exhausted active active exhausted exhausted exhausted exhausted"},
			{"2021-04-30T00:00:00+08:00", 0, "exhausted exhausted exhausted expired expired exhausted exhausted exhausted exhausted"},
		} {
			asOf, err := time.Parse(time.RFC3339, tt.asOf)
			if err != nil {
				f.Fatal(err)
			}
			b := get(f, func(ctx context.Context, r store.Reader) (taocan.Balance, error) {
				return r.Balance(ctx, alpha, taocan.Domestic, f.clock.Now(), asOf)
			})
			same(f, "balance at "+tt.asOf, b, taocan.Balance{Category: taocan.Domestic, AsOf: asOf, Remaining: tt.marketing,
				ByPurpose: map[taocan.Purpose]taocan.Segments{taocan.Verification: 0, taocan.Marketing: tt.marketing, taocan.General: 0}})
			page := get(f, func(ctx context.Context, r store.Reader) (store.Page[taocan.Package], error) {
				return r.Packages(ctx, alpha, store.PackageFilter{Sort: "number", Now: f.clock.Now(), AsOf: asOf, Paging: all()})
			})
			statuses := ""
			for i, p := range page.Items {
				if i > 0 {
					statuses += " "
				}
				statuses += string(p.Status(asOf))
			}
			same(f, "statuses at "+tt.asOf, statuses, tt.statuses)
		}
	}},
	{"an extension moves the expiry to a later instant, and the past keeps the expiry of then", func(f *fixture) {
		f.open(alpha, alphaOther, beta)
		at := f.clock.Now()
		first, second, third := at.Add(time.Hour), at.Add(3*time.Hour), at.Add(9*time.Hour)
		p := f.put(f.newPackage(alpha, at, func(p *taocan.Package) { p.ExpiresAt = first }))[0]
		extend := func(t taocan.Tenant, until time.Time) func(context.Context, store.Tx) error {
			return func(ctx context.Context, tx store.Tx) error { return tx.ExtendPackage(ctx, t, p.Number, until, "") }
		}
		f.refuse("alpha", taocan.ErrConflict, extend(alpha, first))
		f.refuse("alpha", taocan.ErrConflict, extend(alpha, first.Add(-time.Microsecond)))
		for _, t := range []taocan.Tenant{alphaOther, beta, {Account: "beta", Project: "alpha-1"}} {
			f.refuse(t.Account, taocan.ErrNotFound, extend(t, second))
		}
		f.clock.Set(at.Add(2 * time.Hour)) // it has expired, and nobody has marked it
		same(f, "left of the expired", f.left(alpha, time.Time{}), taocan.Segments(0))
		f.extend(alpha, p.Number, second)
		revived := f.lastCommit("alpha")
		p.ExpiresAt, p.FirstExpiresAt = second, first
		same(f, "extended once", f.pkg(alpha, p.Number), p)
		same(f, "left of the revived", f.left(alpha, time.Time{}), p.Remaining)
		f.clock.Advance(time.Minute)
		f.extend(alpha, p.Number, third)
		again := f.lastCommit("alpha")
		p.ExpiresAt = third
		same(f, "extended twice", f.pkg(alpha, p.Number), p)
		for _, tt := range []struct {
			when           time.Time
			expires, first time.Time
			left           taocan.Segments
		}{
			{first.Add(-time.Microsecond), first, time.Time{}, p.Remaining}, {first, first, time.Time{}, 0},
			{revived.Add(-time.Microsecond), first, time.Time{}, 0}, {revived, second, first, p.Remaining},
			{again.Add(-time.Microsecond), second, first, p.Remaining}, {again, third, first, p.Remaining},
		} {
			was, _ := f.asOf(alpha, p.Number, tt.when)
			want := p
			want.ExpiresAt, want.FirstExpiresAt = tt.expires, tt.first
			same(f, fmt.Sprintf("package at %s", tt.when), was, want)
			same(f, fmt.Sprintf("left at %s", tt.when), f.left(alpha, tt.when), tt.left)
		}
		got := f.entries(alpha, p.Number)
		for i := range got {
			got[i].Commit, got[i].Lane = 0, 0
		}
		same(f, "entries", got, []taocan.Entry{
			{Tenant: alpha, Package: p.Number, Kind: taocan.EntryExtend, At: again, RemainingAfter: 1000, Reference: "extended", ExpiresAt: third},
			{Tenant: alpha, Package: p.Number, Kind: taocan.EntryExtend, At: revived, RemainingAfter: 1000, Reference: "extended", ExpiresAt: second},
			{Tenant: alpha, Package: p.Number, Kind: taocan.EntryExpire, At: revived, RemainingAfter: 1000},
			{Tenant: alpha, Package: p.Number, Kind: taocan.EntryGrant, At: start, Remaining: 1000, RemainingAfter: 1000, Reference: "grant"},
		})
		f.clock.Set(third)
		f.update("alpha", func(ctx context.Context, tx store.Tx) error { return tx.MarkExpired(ctx, alpha, p.Number) })
		same(f, "entries after the second end", len(f.entries(alpha, p.Number)), 5)
		f.update("alpha", func(ctx context.Context, tx store.Tx) error { return tx.MarkExpired(ctx, alpha, p.Number) })
		same(f, "marked once", len(f.entries(alpha, p.Number)), 5)
	}},
	{"a frozen package pays nothing and is in no balance, until it is unfrozen", func(f *fixture) {
		f.open(alpha, alphaOther, beta)
		at := f.clock.Now()
		p := f.put(f.newPackage(alpha, at))[0]
		freeze := func(t taocan.Tenant, frozen bool) func(context.Context, store.Tx) error {
			return func(ctx context.Context, tx store.Tx) error { return tx.FreezePackage(ctx, t, p.Number, frozen, "") }
		}
		f.refuse("alpha", taocan.ErrConflict, freeze(alpha, false))
		for _, t := range []taocan.Tenant{alphaOther, beta, {Account: "beta", Project: "alpha-1"}} {
			if err := f.try(t.Account, freeze(t, true)); err == nil {
				f.Errorf("%v froze another's package", t)
			}
		}
		f.clock.Advance(time.Minute)
		f.freeze(alpha, p.Number, true)
		frozen := f.lastCommit("alpha")
		f.refuse("alpha", taocan.ErrConflict, freeze(alpha, true))
		p.Frozen = true
		same(f, "frozen", f.pkg(alpha, p.Number), p)
		same(f, "its status", p.Status(f.clock.Now()), taocan.Frozen)
		same(f, "left", f.left(alpha, time.Time{}), taocan.Segments(0))
		f.adjust(alpha, p.Number, 5) // what comes stays in it
		same(f, "left after an adjustment", f.left(alpha, time.Time{}), taocan.Segments(0))
		f.clock.Advance(time.Minute)
		f.freeze(alpha, p.Number, false)
		unfrozen := f.lastCommit("alpha")
		same(f, "left when unfrozen", f.left(alpha, time.Time{}), taocan.Segments(1005))
		for _, tt := range []struct {
			when   time.Time
			frozen bool
			left   taocan.Segments
		}{
			{frozen.Add(-time.Microsecond), false, 1000}, {frozen, true, 0},
			{unfrozen.Add(-time.Microsecond), true, 0}, {unfrozen, false, 1005},
		} {
			was, _ := f.asOf(alpha, p.Number, tt.when)
			same(f, fmt.Sprintf("frozen at %s", tt.when), was.Frozen, tt.frozen)
			same(f, fmt.Sprintf("left at %s", tt.when), f.left(alpha, tt.when), tt.left)
		}
	}},
	{"what is reserved in a frozen package can still be settled, and nothing of it can pay", func(f *fixture) {
		f.open(alpha)
		p := f.put(f.newPackage(alpha, f.clock.Now()))[0]
		pool := func() (n int) {
			_, err := f.st.CommitDebits(f.Context(), []store.Op{takeOp(alpha, "look", 1)}, func(l *store.Ledger, ops []store.Op) []store.Outcome {
				n = len(l.Balances(alpha).Pool(store.PoolKey{Category: taocan.Domestic, Purpose: p.Purpose}))
				return make([]store.Outcome, 1)
			})
			if err != nil {
				f.Fatalf("CommitDebits: %v", err)
			}
			return n
		}
		f.clock.Advance(time.Second)
		f.commit(p.Number, taocan.EntryReserve, reserveOp(alpha, "r-1", 100, time.Hour))
		same(f, "packages that can pay", pool(), 1)
		f.freeze(alpha, p.Number, true)
		f.clock.Advance(time.Second)
		same(f, "packages that can pay while frozen", pool(), 0)
		f.commit(p.Number, taocan.EntryCommit, store.Op{Tenant: alpha, ID: "r-1", Kind: store.OpCommit, Quantity: 100})
		p.Frozen, p.Remaining, p.Used = true, 900, 100
		same(f, "package", f.pkg(alpha, p.Number), p)
		same(f, "packages that can pay after it was settled", pool(), 0)
		f.freeze(alpha, p.Number, false)
		same(f, "packages that can pay when unfrozen", pool(), 1)
	}},
	{"a transfer makes a package of what it takes, in another project of the account", func(f *fixture) {
		f.open(alpha, alphaOther, beta)
		p := f.put(f.newPackage(alpha, f.clock.Now().AddDate(0, -1, 0), func(p *taocan.Package) { p.ExistsFrom = start }))[0]
		f.clock.Advance(time.Minute)
		made := f.transfer(p, 300, alphaOther)
		at := f.lastCommit("alpha")
		p.Remaining, p.Adjusted = 700, -300
		same(f, "source", f.pkg(alpha, p.Number), p)
		same(f, "made of it", f.pkg(alphaOther, made.Number), made)
		out, in := f.entries(alpha, p.Number)[0], get(f, func(ctx context.Context, r store.Reader) (taocan.Entry, error) {
			return r.OpeningEntry(ctx, alphaOther, made.Number)
		})
		same(f, "taken", out, taocan.Entry{Tenant: alpha, Package: p.Number, Kind: taocan.EntryTransferOut, At: at, Remaining: -300, RemainingAfter: 700,
			Reference: string(made.Number), Lane: out.Lane, Commit: out.Commit})
		same(f, "given", in, taocan.Entry{Tenant: alphaOther, Package: made.Number, Kind: taocan.EntryTransferIn, At: at, Remaining: 300, RemainingAfter: 300,
			Reference: string(p.Number), Lane: out.Lane, Commit: out.Commit})
		for _, tt := range []struct {
			when         time.Time
			left, theirs taocan.Segments
			adjusted     taocan.Segments
		}{{at.Add(-time.Microsecond), 1000, 0, 0}, {at, 700, 300, -300}, {time.Time{}, 700, 300, -300}} {
			same(f, "left", f.left(alpha, tt.when), tt.left)
			same(f, "left of the other project", f.left(alphaOther, tt.when), tt.theirs)
			if !tt.when.IsZero() {
				was, _ := f.asOf(alpha, p.Number, tt.when)
				same(f, "adjusted", was.Adjusted, tt.adjusted)
			}
		}
		if _, known := f.asOf(alphaOther, made.Number, at.Add(-time.Microsecond)); known {
			f.Errorf("the package was known before it was made")
		}
		move := func(from taocan.Tenant, to taocan.Tenant, q taocan.Segments, change func(*taocan.Package)) func(context.Context, store.Tx) error {
			return func(ctx context.Context, tx store.Tx) error {
				return tx.TransferPackage(ctx, from, p.Number, f.newPackage(to, tx.Now(), func(x *taocan.Package) { x.Total = q; change(x) }))
			}
		}
		as := func(*taocan.Package) {}
		f.refuse("alpha", taocan.ErrInsufficientQuota, move(alpha, alphaOther, 701, as))
		f.refuse("alpha", taocan.ErrConflict, move(alpha, alphaOther, 1, func(x *taocan.Package) { x.Number = made.Number }))
		f.refuse("alpha", taocan.ErrNotFound, move(alphaOther, alpha, 1, as))
		f.refuse("beta", taocan.ErrNotFound, move(beta, taocan.Tenant{Account: "beta", Project: "beta-1"}, 1, as))
		f.refuse("alpha", nil, move(alpha, beta, 1, as)) // another account's ledger
		f.refuse("alpha", nil, move(alpha, alphaOther, 1, func(x *taocan.Package) { x.Total, x.Remaining = 2, 1 }))
		same(f, "source after refusals", f.pkg(alpha, p.Number), p)
		rest := f.transfer(p, 700, alphaOther)
		same(f, "the source's status", f.pkg(alpha, p.Number).Status(f.clock.Now()), taocan.Exhausted)
		same(f, "all of it", f.left(alphaOther, time.Time{}), taocan.Segments(1000))
		f.transfer(rest, 700, alpha) // and back
	}},
}
