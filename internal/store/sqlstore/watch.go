package sqlstore

import (
	"context"
	"errors"
	"strings"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// meterDays is how far back a return may credit the day of taking: the longest life of a reservation, and the current month.
const meterDays = 32

// Watch reads what a project's rules and limits look at; nil where it has none, as most have. at is the time of the lane's
// commit, which may be ahead of the clock.
func (r Reader) Watch(ctx context.Context, t taocan.Tenant, at time.Time) (*store.Watch, error) {
	var wanted bool
	if err := r.Q.QueryRowContext(ctx, r.Q.Text("watch_wanted"), t.Account, t.Project).Scan(&wanted); err != nil || !wanted {
		return nil, Kind(err)
	}
	x := &store.Watch{Zone: r.S.Zone, Told: map[taocan.AlertID]string{}, Overflow: map[taocan.Category]*store.Overflow{}}
	rules, err := r.AlertRules(ctx, t)
	if err != nil {
		return nil, err
	}
	states, err := r.AlertStates(ctx, t)
	if err != nil {
		return nil, err
	}
	stands := map[taocan.AlertID]taocan.AlertState{}
	for _, state := range states {
		stands[state.Rule] = state
		if strings.HasPrefix(string(state.Rule), "limit-") {
			x.Told[state.Rule] = state.Period
		}
	}
	for _, rule := range rules {
		if rule.Enabled && rule.Kind != taocan.AlertExpiring && rule.Kind != taocan.AlertForecast {
			x.Rules = append(x.Rules, &store.WatchedRule{AlertRule: rule, State: stands[rule.ID()]})
		}
	}
	if x.TopUps, err = many(ctx, r.Q, r.Q.Text("top_up_watch"), func(s scanner) (*store.WatchedTopUp, error) {
		u := &store.WatchedTopUp{}
		return u, s.Scan(&u.ID, &u.Category, &u.Purpose, &u.Country, &u.Level, &u.Called)
	}, t.Account, t.Project); err != nil {
		return nil, err
	}
	if x.Limits, err = r.UsageLimits(ctx, t); err != nil {
		return nil, err
	}
	if x.Meter, err = r.loadMeter(ctx, t, at); err != nil {
		return nil, err
	}
	if x.Pool, err = many(ctx, r.Q, r.Q.Text("pool_share_of"), func(s scanner) (taocan.Tenant, error) {
		owner := taocan.Tenant{Account: t.Account}
		return owner, s.Scan(&owner.Project)
	}, t.Account, t.Project); err != nil {
		return nil, err
	}
	overflows, err := r.Overflows(ctx, t)
	if err != nil || len(overflows) == 0 {
		return x, err
	}
	prices, err := r.OverflowPrices(ctx)
	if err != nil {
		return nil, err
	}
	for _, o := range overflows {
		month := at.In(r.S.Zone).Format("2006-01")
		cost, err := r.OverflowCost(ctx, t, o.Category, month)
		if err != nil {
			return nil, err
		}
		x.Overflow[o.Category] = &store.Overflow{Category: o.Category, Cap: o.Cap, Month: month, Cost: cost, Prices: prices}
	}
	return x, nil
}

// loadMeter is nil where the project is not metered.
func (r Reader) loadMeter(ctx context.Context, t taocan.Tenant, at time.Time) (*store.Meter, error) {
	var since string
	err := Kind(r.Q.QueryRowContext(ctx, r.Q.Text("metered_get"), t.Account, t.Project).Scan(&since))
	if errors.Is(err, taocan.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	first := at.In(r.S.Zone).AddDate(0, 0, -meterDays).Format(time.DateOnly)
	m := store.NewMeter(r.S.Zone, max(since, first)) // what is not loaded must not be written
	_, err = many(ctx, r.Q, r.Q.Text("meter_list"), func(s scanner) (k store.MeterKey, err error) {
		var taken taocan.Segments
		if err = s.Scan(&k.Day, &k.Category, &k.Purpose, &k.Country, &taken); err == nil {
			m.Load(k, taken)
		}
		return k, err
	}, t.Account, t.Project, first)
	return m, About(err, "meter of project %s", t.Project)
}

// WriteBeside writes what a commit set off: notices, where rules stand, meters, and what overflow took from wallets. It
// returns the ledger rows among them, by lane.
func WriteBeside(ctx context.Context, r Reader, heads *[taocan.Lanes]store.Head, ledger *store.Ledger) (rows [taocan.Lanes][]store.Row, err error) {
	in := func(a taocan.AccountID) *Tx {
		return NewTx(r, a, heads[taocan.LaneOf(a)], ledger.At(a))
	}
	for _, n := range ledger.Notices() {
		if err := in(n.Account).InsertNotice(ctx, n); err != nil {
			return rows, err
		}
	}
	for _, state := range ledger.AlertStates() {
		if err := in(state.Account).SetAlertState(ctx, state.Tenant, state.AlertState); err != nil {
			return rows, err
		}
	}
	for _, c := range ledger.CalledTopUps() {
		if err := in(c.Account).exec(ctx, "top_up_called", Micros(ledger.At(c.Account)), c.Account, c.Project, c.ID); err != nil {
			return rows, About(err, "call top-up %s of project %s", c.ID, c.Project)
		}
	}
	for t, x := range ledger.Watches() {
		if x.Meter != nil {
			if err := in(t.Account).writeMeter(ctx, t, x.Meter); err != nil {
				return rows, err
			}
		}
		for _, o := range x.Overflow {
			if o.Changed() {
				if err := in(t.Account).exec(ctx, "overflow_cost_set", t.Account, t.Project, o.Category, o.Month, o.Cost); err != nil {
					return rows, About(err, "overflow of project %s", t.Project)
				}
			}
		}
	}
	for a, p := range ledger.Purses() {
		if !p.Changed() {
			continue
		}
		t := in(a)
		due := p.Due()
		if due.Total() > 0 {
			e := taocan.WalletEntry{Account: a, Kind: taocan.WalletOverflow, Gift: -due.Gift, Cash: -due.Cash, CreditUsed: due.Credit, Reference: t.now.In(r.S.Zone).Format("2006-01")}
			if _, err := t.AppendWallet(ctx, e); err != nil {
				return rows, err
			}
		}
		if err := t.exec(ctx, "overflow_paid_set", a, p.Cost, p.Paid+due.Total()); err != nil {
			return rows, About(err, "overflow of account %s", a)
		}
		rows[t.lane] = append(rows[t.lane], t.rows...)
	}
	return rows, nil
}
