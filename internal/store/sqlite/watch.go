package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	sqlite3 "github.com/ncruces/go-sqlite3"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// meterDays is how far back a return may credit the day of taking: the longest life of a reservation, and the current month.
const meterDays = 32

// loadWatch reads what a project's rules and limits look at; nil where it has none, as most have. at is the time of the lane's
// commit, which may be ahead of the clock.
func (s *Store) loadWatch(ctx context.Context, w *writer, t taocan.Tenant, at time.Time) (*store.Watch, error) {
	wanted := false
	b := bind{s: w.hot.watchWanted}
	if err := b.text(string(t.Account), string(t.Project)).rows(func(s *sqlite3.Stmt) error {
		wanted = s.ColumnBool(0)
		return nil
	}); err != nil || !wanted {
		return nil, err
	}
	r := reader{w.conn, s}
	x := &store.Watch{Zone: s.zone, Told: map[taocan.AlertID]string{}, Overflow: map[taocan.Category]*store.Overflow{}}
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
	if x.TopUps, err = many(ctx, r.q, sqlText("top_up_watch"), func(s scanner) (*store.WatchedTopUp, error) {
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
	if x.Pool, err = many(ctx, r.q, sqlText("pool_share_of"), func(s scanner) (taocan.Tenant, error) {
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
		month := at.In(s.zone).Format("2006-01")
		cost, err := r.OverflowCost(ctx, t, o.Category, month)
		if err != nil {
			return nil, err
		}
		x.Overflow[o.Category] = &store.Overflow{Category: o.Category, Cap: o.Cap, Month: month, Cost: cost, Prices: prices}
	}
	return x, nil
}

// loadMeter is nil where the project is not metered.
func (r reader) loadMeter(ctx context.Context, t taocan.Tenant, at time.Time) (*store.Meter, error) {
	var since string
	err := kind(r.q.QueryRowContext(ctx, sqlText("metered_get"), t.Account, t.Project).Scan(&since))
	if errors.Is(err, taocan.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	first := at.In(r.s.zone).AddDate(0, 0, -meterDays).Format(time.DateOnly)
	m := store.NewMeter(r.s.zone, max(since, first)) // what is not loaded must not be written
	_, err = many(ctx, r.q, sqlText("meter_list"), func(s scanner) (k store.MeterKey, err error) {
		var taken taocan.Segments
		if err = s.Scan(&k.Day, &k.Category, &k.Purpose, &k.Country, &taken); err == nil {
			m.Load(k, taken)
		}
		return k, err
	}, t.Account, t.Project, first)
	return m, about(err, "meter of project %s", t.Project)
}

// watch lends the ledger a project's watch, and what it needs: the balances of projects that share their packages with it,
// and its account's purse.
func (s *Store) watch(ctx context.Context, w *writer, ledger *store.Ledger, t taocan.Tenant) error {
	x, err := w.cache.watch(ctx, s, w, t, ledger.At(t.Account))
	if err != nil || x == nil {
		return err
	}
	ledger.LendWatch(t, x)
	for _, owner := range x.Pool {
		if err := s.lend(ctx, w, ledger, owner); err != nil {
			return err
		}
	}
	if len(x.Overflow) > 0 && ledger.Purses()[t.Account] == nil {
		purse, err := reader{w.conn, s}.Purse(ctx, t.Account)
		if err != nil {
			return err
		}
		ledger.LendPurse(t.Account, &purse)
	}
	return nil
}

// lend gives the ledger the balances of a project that shares them, and what its own rules look at.
func (s *Store) lend(ctx context.Context, w *writer, ledger *store.Ledger, owner taocan.Tenant) error {
	balances, err := w.cache.get(w, owner)
	if err != nil {
		return err
	}
	ledger.Lend(owner, balances)
	x, err := w.cache.watch(ctx, s, w, owner, ledger.At(owner.Account))
	if err == nil && x != nil {
		ledger.LendWatch(owner, x)
	}
	return err
}

// ownerOf finds whose package gave to a project that is not its own, and makes it known.
func (s *Store) ownerOf(ctx context.Context, w *writer, ledger *store.Ledger, t taocan.Tenant, n taocan.PackageNumber) error {
	owner, err := reader{w.conn, s}.NumberOwner(ctx, n)
	if err != nil {
		return about(err, "owner of package %s", n)
	}
	if owner.Account != t.Account {
		return fmt.Errorf("package %s, which gave to project %s, is of another account", n, t.Project)
	}
	if err := s.lend(ctx, w, ledger, owner); err != nil {
		return err
	}
	ledger.Own(n, owner)
	if balances := ledger.Balances(owner); balances.Balance(n) == nil {
		return w.hold(owner, balances, n)
	}
	return nil
}

// writeBeside writes what a commit set off: notices, where rules stand, meters, and what overflow took from wallets. It
// returns the ledger rows among them, by lane.
func (s *Store) writeBeside(ctx context.Context, w *writer, ledger *store.Ledger) (rows [taocan.Lanes][]store.Row, err error) {
	in := func(a taocan.AccountID) *tx {
		lane := taocan.LaneOf(a)
		return &tx{reader: reader{w.conn, s}, account: a, lane: lane, seq: w.heads[lane].Seq + 1, now: ledger.At(a), changed: map[taocan.Tenant]bool{}}
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
		if err := in(c.Account).exec(ctx, "top_up_called", micros(ledger.At(c.Account)), c.Account, c.Project, c.ID); err != nil {
			return rows, about(err, "call top-up %s of project %s", c.ID, c.Project)
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
					return rows, about(err, "overflow of project %s", t.Project)
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
			e := taocan.WalletEntry{Account: a, Kind: taocan.WalletOverflow, Gift: -due.Gift, Cash: -due.Cash, CreditUsed: due.Credit, Reference: t.now.In(s.zone).Format("2006-01")}
			if _, err := t.AppendWallet(ctx, e); err != nil {
				return rows, err
			}
		}
		if err := t.exec(ctx, "overflow_paid_set", a, p.Cost, p.Paid+due.Total()); err != nil {
			return rows, about(err, "overflow of account %s", a)
		}
		rows[t.lane] = append(rows[t.lane], t.rows...)
	}
	return rows, nil
}
