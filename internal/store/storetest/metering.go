package storetest

import (
	"context"
	"errors"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

func (f *fixture) usageLimit(t taocan.Tenant, p taocan.Purpose, period taocan.Period, warning, cap taocan.Segments) taocan.UsageLimit {
	return taocan.UsageLimit{Tenant: t, Category: taocan.Domestic, Purpose: p, Period: period, Warning: warning, Cap: cap, UpdatedAt: f.clock.Now()}
}

func (f *fixture) usageLimits(t taocan.Tenant) []taocan.UsageLimit {
	f.Helper()
	return get(f, func(ctx context.Context, r store.Reader) ([]taocan.UsageLimit, error) { return r.UsageLimits(ctx, t) })
}

var meteringCases = []testCase{
	{"usage limits read as they were written, of their own tenant only", func(f *fixture) {
		f.open(alpha, beta)
		all := f.usageLimit(alpha, "", taocan.PerMonth, 0, 100)
		marketing := f.usageLimit(alpha, taocan.Marketing, taocan.PerDay, 5, 10)
		f.update(alpha.Account, func(ctx context.Context, tx store.Tx) error {
			return tx.ReplaceUsageLimits(ctx, alpha, []taocan.UsageLimit{marketing, all})
		})
		same(f, "limits", f.usageLimits(alpha), []taocan.UsageLimit{all, marketing})
		same(f, "another's", f.usageLimits(beta), []taocan.UsageLimit{})
		if err := f.try("", func(ctx context.Context, tx store.Tx) error {
			return tx.ReplaceUsageLimits(ctx, beta, []taocan.UsageLimit{all})
		}); err == nil {
			f.Error("another tenant's limit was written")
		}
		f.update(alpha.Account, func(ctx context.Context, tx store.Tx) error { return tx.ReplaceUsageLimits(ctx, alpha, nil) })
		same(f, "none", f.usageLimits(alpha), []taocan.UsageLimit{})
	}},
	{"a warning that was given is forgotten with its limit, not before", func(f *fixture) {
		f.open(alpha)
		l := f.usageLimit(alpha, "", taocan.PerDay, 5, 0)
		told := func() int {
			return len(get(f, func(ctx context.Context, r store.Reader) ([]taocan.AlertState, error) {
				return r.AlertStates(ctx, alpha)
			}))
		}
		f.update(alpha.Account, func(ctx context.Context, tx store.Tx) error {
			return errors.Join(tx.ReplaceUsageLimits(ctx, alpha, []taocan.UsageLimit{l}),
				tx.SetAlertState(ctx, alpha, taocan.AlertState{Rule: store.LimitID(l), Period: "2026-03-01"}))
		})
		l.Warning = 6
		f.update(alpha.Account, func(ctx context.Context, tx store.Tx) error {
			return tx.ReplaceUsageLimits(ctx, alpha, []taocan.UsageLimit{l})
		})
		same(f, "told", told(), 1)
		f.update(alpha.Account, func(ctx context.Context, tx store.Tx) error { return tx.ReplaceUsageLimits(ctx, alpha, nil) })
		same(f, "told", told(), 0)
	}},
	{"overflow prices are published once for an instant", func(f *fixture) {
		p := taocan.OverflowPrice{Category: taocan.Domestic, Purpose: taocan.Marketing, ValidFrom: start, Price: 500, PublishedAt: start}
		later := p
		later.ValidFrom, later.Price = start.AddDate(0, 1, 0), 600
		put := func(p taocan.OverflowPrice) error {
			return f.try("", func(ctx context.Context, tx store.Tx) error { return tx.InsertOverflowPrice(ctx, p) })
		}
		if err := errors.Join(put(p), put(later)); err != nil {
			f.Fatal(err)
		}
		p.Price = 700
		if err := put(p); !errors.Is(err, taocan.ErrConflict) {
			f.Errorf("a second price from the same instant on: %v", err)
		}
		p.Price = 500
		same(f, "prices", get(f, func(ctx context.Context, r store.Reader) ([]taocan.OverflowPrice, error) {
			return r.OverflowPrices(ctx)
		}),
			[]taocan.OverflowPrice{later, p})
	}},
	{"overflow and shared pools are a project's own, and shared within an account only", func(f *fixture) {
		f.open(alpha, alphaOther, beta)
		o := taocan.Overflow{Tenant: alpha, Category: taocan.Domestic, Cap: 100, UpdatedAt: f.clock.Now()}
		f.update(alpha.Account, func(ctx context.Context, tx store.Tx) error {
			return errors.Join(tx.ReplaceOverflows(ctx, alpha, []taocan.Overflow{o}), tx.ReplacePoolShares(ctx, alpha, []taocan.ProjectID{alphaOther.Project}))
		})
		same(f, "overflow", get(f, func(ctx context.Context, r store.Reader) ([]taocan.Overflow, error) { return r.Overflows(ctx, alpha) }), []taocan.Overflow{o})
		same(f, "another's overflow", get(f, func(ctx context.Context, r store.Reader) ([]taocan.Overflow, error) { return r.Overflows(ctx, beta) }), []taocan.Overflow{})
		shares := get(f, func(ctx context.Context, r store.Reader) ([]taocan.PoolShare, error) {
			return r.PoolShares(ctx, alpha.Account)
		})
		if len(shares) != 1 || shares[0].User != alpha.Project || shares[0].Owner != alphaOther.Project {
			f.Errorf("shares: %+v", shares)
		}
		for _, owner := range []taocan.ProjectID{beta.Project, alpha.Project, "nobody"} {
			if err := f.try("", func(ctx context.Context, tx store.Tx) error {
				return tx.ReplacePoolShares(ctx, alpha, []taocan.ProjectID{owner})
			}); err == nil {
				f.Errorf("packages of %s pay for %s", owner, alpha.Project)
			}
		}
		f.update(alpha.Account, func(ctx context.Context, tx store.Tx) error { return tx.ReplacePoolShares(ctx, alpha, nil) })
	}},
	{"a project that is metered late counts its month so far", func(f *fixture) {
		f.open(alpha)
		p := f.put(f.newPackage(alpha, start))[0]
		f.clock.Advance(time.Hour)
		f.commit(p.Number, taocan.EntryDebit, takeOp(alpha, "m-1", 3), takeOp(alpha, "m-2", 4))
		f.update(alpha.Account, func(ctx context.Context, tx store.Tx) error { return tx.Meter(ctx, alpha) })
		f.update(alpha.Account, func(ctx context.Context, tx store.Tx) error { return tx.Meter(ctx, alpha) })
		sums := get(f, func(ctx context.Context, r store.Reader) ([]store.TargetSum, error) {
			return r.Metered(ctx, alpha, "2026-03")
		})
		if len(sums) != 1 || sums[0].Quantity != 7 {
			f.Errorf("metered %+v, want 7", sums)
		}
	}},
}
