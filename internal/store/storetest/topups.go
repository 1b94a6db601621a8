package storetest

import (
	"context"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// newTopUp buys 1,000 for domestic verification below 100, up to 100.00 a month.
func (f *fixture) newTopUp(t taocan.Tenant, change ...func(*taocan.TopUp)) taocan.TopUp {
	x := taocan.TopUp{Tenant: t, Category: taocan.Domestic, Purpose: taocan.Verification, Level: 100, Quantity: 1000, MonthCap: 100_00, Cooldown: time.Hour,
		Enabled: true, AgreementVersion: "v1", By: taocan.Actor{Tenant: t, Token: "tok", Member: "mem", Role: taocan.Owner, Address: "192.0.2.1"}, UpdatedAt: f.clock.Now()}
	for _, c := range change {
		c(&x)
	}
	return x
}

func buysMarketing(x *taocan.TopUp) { x.Purpose = taocan.Marketing }
func buysAbroad(c taocan.Country) func(*taocan.TopUp) {
	return func(x *taocan.TopUp) { x.Category, x.Purpose, x.Country = taocan.International, taocan.General, c }
}

// called marks a top-up as called, and when it may be looked at.
func called(at, next time.Time) func(*taocan.TopUp) {
	return func(x *taocan.TopUp) { x.CalledAt, x.NextAt = at, next }
}

func (f *fixture) setTopUps(t taocan.Tenant, topUps ...taocan.TopUp) {
	f.Helper()
	f.update(t.Account, func(ctx context.Context, tx store.Tx) error { return tx.ReplaceTopUps(ctx, t, topUps) })
}

func (f *fixture) topUps(t taocan.Tenant) []taocan.TopUp {
	f.Helper()
	return get(f, func(ctx context.Context, r store.Reader) ([]taocan.TopUp, error) { return r.TopUps(ctx, t) })
}

// newTopUpOrder is a purchase under way.
func (f *fixture) newTopUpOrder(x taocan.TopUp, n int64, lease time.Time) taocan.TopUpOrder {
	return taocan.TopUpOrder{Tenant: x.Tenant, TopUp: x.ID(), N: n, State: taocan.TopUpBuying, Lease: lease, Quantity: x.Quantity, At: f.clock.Now()}
}

func (f *fixture) beginTopUp(o taocan.TopUpOrder) {
	f.Helper()
	f.update(o.Account, func(ctx context.Context, tx store.Tx) error { return tx.InsertTopUpOrder(ctx, o) })
}

func (f *fixture) settleTopUp(o taocan.TopUpOrder) {
	f.Helper()
	f.update(o.Account, func(ctx context.Context, tx store.Tx) error { return tx.SettleTopUpOrder(ctx, o) })
}

// bought is the end of a purchase that was paid.
func bought(o taocan.TopUpOrder, month string, amount taocan.Fen, at time.Time) taocan.TopUpOrder {
	o.State, o.Order, o.Month, o.Amount, o.At = taocan.TopUpBought, "O1", month, amount, at
	return o
}

var topUpCases = []testCase{
	{"automatic top-ups read as they were written, by category, purpose and country", func(f *fixture) {
		f.open(alpha)
		same(f, "at first", f.topUps(alpha), []taocan.TopUp{})
		at := f.clock.Now()
		verification := f.newTopUp(alpha, called(at, at.Add(time.Second)), func(x *taocan.TopUp) { x.Failures, x.FailedAt, x.Reason = 3, at, "month_cap" })
		marketing := f.newTopUp(alpha, buysMarketing, func(x *taocan.TopUp) {
			x.Enabled, x.MonthCap, x.Level, x.By = false, taocan.MaxFen, taocan.MaxSegments, taocan.Actor{Tenant: alpha, Token: "only"}
		})
		hk, us := f.newTopUp(alpha, buysAbroad("HK")), f.newTopUp(alpha, buysAbroad("US"))
		f.setTopUps(alpha, us, marketing, hk, verification)
		same(f, "all", f.topUps(alpha), []taocan.TopUp{verification, marketing, hk, us})
		same(f, "one", get(f, func(ctx context.Context, r store.Reader) (taocan.TopUp, error) { return r.TopUp(ctx, alpha, hk.ID()) }), hk)
		f.setTopUps(alpha, hk)
		same(f, "after others took their place", f.topUps(alpha), []taocan.TopUp{hk})
		absent(f, "a removed one", func(ctx context.Context, r store.Reader) (taocan.TopUp, error) { return r.TopUp(ctx, alpha, us.ID()) })
	}},
	{"refused automatic top-ups leave the old ones", func(f *fixture) {
		f.open(alpha, alphaOther)
		old := f.newTopUp(alpha)
		f.setTopUps(alpha, old)
		for _, tt := range []struct {
			name   string
			kind   error // nil: any
			topUps []taocan.TopUp
		}{
			{"two for one target", taocan.ErrConflict, []taocan.TopUp{old, f.newTopUp(alpha)}},
			{"one of another project", nil, []taocan.TopUp{f.newTopUp(alphaOther)}},
			{"no level", nil, []taocan.TopUp{f.newTopUp(alpha, func(x *taocan.TopUp) { x.Level = 0 })}},
			{"no quantity", nil, []taocan.TopUp{f.newTopUp(alpha, func(x *taocan.TopUp) { x.Quantity = 0 })}},
			{"no cap", nil, []taocan.TopUp{f.newTopUp(alpha, func(x *taocan.TopUp) { x.MonthCap = 0 })}},
			{"general at home", nil, []taocan.TopUp{f.newTopUp(alpha, func(x *taocan.TopUp) { x.Purpose = taocan.General })}},
			{"everywhere abroad", nil, []taocan.TopUp{f.newTopUp(alpha, buysAbroad(""))}},
		} {
			f.Logf("%s", tt.name)
			f.refuse(alpha.Account, tt.kind, func(ctx context.Context, tx store.Tx) error { return tx.ReplaceTopUps(ctx, alpha, tt.topUps) })
			same(f, "after "+tt.name, f.topUps(alpha), []taocan.TopUp{old})
		}
	}},
	{"due automatic top-ups are enabled, called and past their time, the longest due first; idle ones are walked", func(f *fixture) {
		f.open(alpha, alphaOther, beta)
		now := f.clock.Now()
		late, early := f.newTopUp(alpha, called(now, now)), f.newTopUp(beta, called(now, now.Add(-time.Hour)))
		waiting := f.newTopUp(alpha, buysMarketing, called(now, now.Add(time.Microsecond)))
		off := f.newTopUp(alpha, buysAbroad("HK"), called(now, now), func(x *taocan.TopUp) { x.Enabled = false })
		idle, other := f.newTopUp(alpha, buysAbroad("US")), f.newTopUp(alphaOther)
		f.setTopUps(alpha, late, waiting, off, idle)
		f.setTopUps(alphaOther, other)
		f.setTopUps(beta, early)
		due := func(limit int) []taocan.TopUp {
			return get(f, func(ctx context.Context, r store.Reader) ([]taocan.TopUp, error) { return r.DueTopUps(ctx, now, limit) })
		}
		same(f, "due", due(10), []taocan.TopUp{early, late})
		same(f, "due, the first", due(1), []taocan.TopUp{early})
		var walked []taocan.TopUp
		for piece, after := 0, (taocan.TopUp{}); piece < 3; piece++ {
			got := get(f, func(ctx context.Context, r store.Reader) ([]taocan.TopUp, error) { return r.IdleTopUps(ctx, after, 1) })
			if len(got) > 0 {
				after = got[0]
			}
			walked = append(walked, got...)
		}
		same(f, "idle", walked, []taocan.TopUp{idle, other})
	}},
	{"where an automatic top-up stands is written by itself", func(f *fixture) {
		f.open(alpha, beta)
		x := f.newTopUp(alpha)
		f.setTopUps(alpha, x)
		changed := x
		changed.CalledAt, changed.NextAt, changed.Failures, changed.FailedAt, changed.Reason = f.clock.Now(), f.clock.Now().Add(time.Hour), 2, f.clock.Now(), "why"
		changed.Level, changed.Enabled = 7, false // settings stay
		f.update(changed.Account, func(ctx context.Context, tx store.Tx) error { return tx.SetTopUpState(ctx, changed) })
		changed.Level, changed.Enabled = x.Level, x.Enabled
		same(f, "after", f.topUps(alpha), []taocan.TopUp{changed})
		theirs := f.newTopUp(beta)
		f.refuse(theirs.Account, taocan.ErrNotFound, func(ctx context.Context, tx store.Tx) error { return tx.SetTopUpState(ctx, theirs) })
	}},
	{"one purchase of a target is under way at a time, and its number is used once", func(f *fixture) {
		f.open(alpha, alphaOther)
		x := f.newTopUp(alpha)
		lease := f.clock.Now().Add(time.Minute)
		first := f.newTopUpOrder(x, 1, lease)
		f.beginTopUp(first)
		f.beginTopUp(f.newTopUpOrder(f.newTopUp(alpha, buysMarketing), 1, lease))
		f.beginTopUp(f.newTopUpOrder(f.newTopUp(alphaOther), 1, lease))
		f.refuse("", taocan.ErrConflict, func(ctx context.Context, tx store.Tx) error {
			return tx.InsertTopUpOrder(ctx, f.newTopUpOrder(x, 2, lease))
		})
		failed := first
		failed.State, failed.Reason = taocan.TopUpFailed, "insufficient_funds"
		f.settleTopUp(failed)
		f.refuse("", taocan.ErrConflict, func(ctx context.Context, tx store.Tx) error { return tx.InsertTopUpOrder(ctx, first) })
		second := f.newTopUpOrder(x, 2, lease)
		f.beginTopUp(second)
		last := func(state taocan.TopUpState) taocan.TopUpOrder {
			return get(f, func(ctx context.Context, r store.Reader) (taocan.TopUpOrder, error) {
				return r.LastTopUpOrder(ctx, alpha, x.ID(), state)
			})
		}
		same(f, "the last", last(""), second)
		same(f, "the last that failed", last(taocan.TopUpFailed), failed)
		absent(f, "a bought one", func(ctx context.Context, r store.Reader) (taocan.TopUpOrder, error) {
			return r.LastTopUpOrder(ctx, alpha, x.ID(), taocan.TopUpBought)
		})
	}},
	{"a purchase is leased by one, from who has left it", func(f *fixture) {
		f.open(alpha)
		now := f.clock.Now()
		left, held := f.newTopUpOrder(f.newTopUp(alpha), 1, now), f.newTopUpOrder(f.newTopUp(alpha, buysMarketing), 1, now.Add(time.Microsecond))
		f.beginTopUp(left)
		f.beginTopUp(held)
		found := get(f, func(ctx context.Context, r store.Reader) ([]taocan.TopUpOrder, error) {
			return r.LeftTopUpOrders(ctx, now, 10)
		})
		same(f, "left", found, []taocan.TopUpOrder{left})
		f.update(left.Account, func(ctx context.Context, tx store.Tx) error { return tx.LeaseTopUpOrder(ctx, left, now.Add(time.Hour)) })
		f.refuse("", taocan.ErrConflict, func(ctx context.Context, tx store.Tx) error {
			return tx.LeaseTopUpOrder(ctx, left, now.Add(2*time.Hour))
		})
		found = get(f, func(ctx context.Context, r store.Reader) ([]taocan.TopUpOrder, error) {
			return r.LeftTopUpOrders(ctx, now, 10)
		})
		same(f, "left after the lease", found, []taocan.TopUpOrder{})
		f.settleTopUp(bought(held, "2026-03", 1, now))
		f.refuse("", taocan.ErrConflict, func(ctx context.Context, tx store.Tx) error { return tx.LeaseTopUpOrder(ctx, held, now.Add(time.Hour)) })
	}},
	{"money that was taken is counted in its month, and never forgotten", func(f *fixture) {
		f.open(alpha, alphaOther)
		x := f.newTopUp(alpha)
		at := f.clock.Now()
		var all []taocan.TopUpOrder
		for n, tt := range []struct {
			month  string
			amount taocan.Fen
		}{{"2026-02", 5}, {"2026-03", 7}, {"2026-03", 11}} {
			o := f.newTopUpOrder(x, int64(n+1), at)
			f.beginTopUp(o)
			failed := o
			failed.State, failed.Reason, failed.Amount = taocan.TopUpFailed, "why", 100
			f.settleTopUp(failed) // by one who was too slow to know
			o = bought(o, tt.month, tt.amount, at.Add(time.Duration(n)*time.Second))
			f.settleTopUp(o)
			for _, again := range []taocan.TopUpOrder{failed, o} {
				f.refuse("", taocan.ErrConflict, func(ctx context.Context, tx store.Tx) error { return tx.SettleTopUpOrder(ctx, again) })
			}
			all = append([]taocan.TopUpOrder{o}, all...)
		}
		spent := func(t taocan.Tenant, id taocan.TopUpID, month string) taocan.Fen {
			return get(f, func(ctx context.Context, r store.Reader) (taocan.Fen, error) { return r.TopUpSpent(ctx, t, id, month) })
		}
		same(f, "spent in March", spent(alpha, x.ID(), "2026-03"), taocan.Fen(18))
		same(f, "spent in April", spent(alpha, x.ID(), "2026-04"), taocan.Fen(0))
		same(f, "spent by another target", spent(alpha, "domestic-marketing", "2026-03"), taocan.Fen(0))
		same(f, "spent by another project", spent(alphaOther, x.ID(), "2026-03"), taocan.Fen(0))
		list := func(t taocan.Tenant, p store.Paging) store.Page[taocan.TopUpOrder] {
			return get(f, func(ctx context.Context, r store.Reader) (store.Page[taocan.TopUpOrder], error) {
				return r.TopUpOrders(ctx, t, p)
			})
		}
		same(f, "history", list(alpha, store.Paging{Limit: 10}), store.Page[taocan.TopUpOrder]{Items: all, Total: 3})
		same(f, "another project's", list(alphaOther, store.Paging{Limit: 10}).Items, []taocan.TopUpOrder{})
		first := list(alpha, store.Paging{Limit: 2})
		same(f, "pages", append(first.Items, list(alpha, store.Paging{Limit: 2, Cursor: first.Next}).Items...), all)
	}},
	{"automatic top-ups are seen and replaced by their own tenant only", func(f *fixture) {
		f.open(alpha, alphaOther, beta)
		mine := f.newTopUp(alpha)
		f.setTopUps(alpha, mine)
		for _, t := range []taocan.Tenant{alphaOther, beta, {Account: "beta", Project: alpha.Project}, {Account: "alpha", Project: beta.Project}, {Account: "alpha"}, {}} {
			same(f, "of another tenant", f.topUps(t), []taocan.TopUp{})
			if t.Account != "" {
				f.setTopUps(t) // removes all of t's
			}
		}
		same(f, "mine", f.topUps(alpha), []taocan.TopUp{mine})
	}},
}
