package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// UsageLimits lists a project's.
func (r Reader) UsageLimits(ctx context.Context, t taocan.Tenant) ([]taocan.UsageLimit, error) {
	limits, err := many(ctx, r.Q, r.Q.Text("usage_limit_list"), func(s scanner) (l taocan.UsageLimit, err error) {
		return l, s.Scan(&l.Account, &l.Project, &l.Category, &l.Purpose, &l.Country, &l.Period, &l.Warning, &l.Cap, at(&l.UpdatedAt))
	}, t.Account, t.Project)
	return limits, About(err, "usage limits of project %s", t.Project)
}

// ReplaceUsageLimits writes all of a project's limits in place of those that it had.
func (t *Tx) ReplaceUsageLimits(ctx context.Context, tenant taocan.Tenant, limits []taocan.UsageLimit) error {
	return About(t.replaceUsageLimits(ctx, tenant, limits), "replace the usage limits of project %s", tenant.Project)
}

func (t *Tx) replaceUsageLimits(ctx context.Context, tenant taocan.Tenant, limits []taocan.UsageLimit) error {
	if err := t.owns(tenant.Account); err != nil {
		return err
	}
	if err := t.exec(ctx, "usage_limit_delete", tenant.Account, tenant.Project); err != nil {
		return err
	}
	var kept []taocan.AlertID
	for _, l := range limits {
		if l.Tenant != tenant {
			return fmt.Errorf("a limit is of project %s", l.Project)
		}
		err := t.exec(ctx, "usage_limit_insert", l.Account, l.Project, l.Category, l.Purpose, l.Country, l.Period, l.Warning, l.Cap, Micros(l.UpdatedAt))
		if err != nil {
			return err
		}
		kept = append(kept, store.LimitID(l))
	}
	if err := t.exec(ctx, "limit_state_delete", tenant.Account, tenant.Project, toList(kept)); err != nil {
		return err
	}
	t.watchChanged(tenant)
	if len(limits) == 0 {
		return nil
	}
	return t.Meter(ctx, tenant)
}

// Meter begins to count what a project takes.
func (t *Tx) Meter(ctx context.Context, tenant taocan.Tenant) error {
	return About(t.meter(ctx, tenant), "meter project %s", tenant.Project)
}

func (t *Tx) meter(ctx context.Context, tenant taocan.Tenant) error {
	if err := t.owns(tenant.Account); err != nil {
		return err
	}
	var since string
	if err := Kind(t.Q.QueryRowContext(ctx, t.Q.Text("metered_get"), tenant.Account, tenant.Project).Scan(&since)); !errors.Is(err, taocan.ErrNotFound) {
		return err
	}
	today := t.now.In(t.S.Zone)
	first := time.Date(today.Year(), today.Month(), 1, 0, 0, 0, 0, t.S.Zone)
	m := store.NewMeter(t.S.Zone, first.Format(time.DateOnly))
	err := t.eachCommitSince(ctx, tenant, first, func(d *taocan.Debit) { countAgain(m, d) })
	if err != nil {
		return err
	}
	if err := t.exec(ctx, "metered_insert", tenant.Account, tenant.Project, first.Format(time.DateOnly)); err != nil {
		return err
	}
	t.watchChanged(tenant)
	return t.writeMeter(ctx, tenant, m)
}

// countAgain counts a record as the engine would have: a settlement takes off what it returned.
func countAgain(m *store.Meter, d *taocan.Debit) {
	switch {
	case d.Kind == taocan.KindDebit || d.Open():
		m.Add(d.At, &d.DebitRequest, d.Quantity)
	default:
		m.Add(d.At, &d.DebitRequest, d.Settled-d.Quantity)
	}
}

// eachCommitSince calls fn with the project's records from an instant on, in order.
func (t *Tx) eachCommitSince(ctx context.Context, tenant taocan.Tenant, from time.Time, fn func(*taocan.Debit)) error {
	var commits []int64 // 8 bytes each, of a month at most
	for until := int64(1) << 62; ; until = commits[len(commits)-1] {
		page, err := t.debitRefs(ctx, tenant, from.UnixMicro(), until)
		if err != nil {
			return err
		}
		if commits = append(commits, page...); len(page) < maxCommitsPerPage {
			break
		}
	}
	for _, at := range slices.Backward(commits) {
		records, err := t.DebitsAt(ctx, tenant, time.UnixMicro(at).UTC())
		if err != nil {
			return err
		}
		for i := range records {
			fn(&records[i])
		}
	}
	return nil
}

func (t *Tx) writeMeter(ctx context.Context, tenant taocan.Tenant, m *store.Meter) error {
	for k, taken := range m.Changed() {
		if err := t.exec(ctx, "meter_set", tenant.Account, tenant.Project, k.Day, k.Category, k.Purpose, k.Country, taken); err != nil {
			return About(err, "meter of %s", k.Day)
		}
	}
	return nil
}

// Overflows lists a project's.
func (r Reader) Overflows(ctx context.Context, t taocan.Tenant) ([]taocan.Overflow, error) {
	list, err := many(ctx, r.Q, r.Q.Text("overflow_list"), func(s scanner) (o taocan.Overflow, err error) {
		return o, s.Scan(&o.Account, &o.Project, &o.Category, &o.Cap, at(&o.UpdatedAt))
	}, t.Account, t.Project)
	return list, About(err, "overflow of project %s", t.Project)
}

// ReplaceOverflows writes all of a project's in place of those that it had.
func (t *Tx) ReplaceOverflows(ctx context.Context, tenant taocan.Tenant, overflows []taocan.Overflow) error {
	if err := t.owns(tenant.Account); err != nil {
		return err
	}
	err := t.exec(ctx, "overflow_delete", tenant.Account, tenant.Project)
	for _, o := range overflows {
		if err == nil && o.Tenant != tenant {
			err = fmt.Errorf("an overflow is of project %s", o.Project)
		}
		if err == nil {
			err = t.exec(ctx, "overflow_insert", o.Account, o.Project, o.Category, o.Cap, Micros(o.UpdatedAt))
		}
	}
	t.watchChanged(tenant)
	return About(err, "replace the overflow of project %s", tenant.Project)
}

// OverflowPrices lists all.
func (r Reader) OverflowPrices(ctx context.Context) ([]taocan.OverflowPrice, error) {
	list, err := many(ctx, r.Q, r.Q.Text("overflow_price_list"), func(s scanner) (p taocan.OverflowPrice, err error) {
		return p, s.Scan(&p.Category, &p.Purpose, &p.Country, at(&p.ValidFrom), &p.Price, at(&p.PublishedAt))
	})
	return list, About(err, "overflow prices")
}

// InsertOverflowPrice publishes a price.
func (t *Tx) InsertOverflowPrice(ctx context.Context, p taocan.OverflowPrice) error {
	t.everythingChanged = true
	return About(t.change(ctx, taocan.ErrConflict, "overflow_price_insert", p.Category, p.Purpose, p.Country, Micros(p.ValidFrom), p.Price, Micros(p.PublishedAt)),
		"overflow price from %s on", p.ValidFrom)
}

// OverflowCost of a month.
func (r Reader) OverflowCost(ctx context.Context, t taocan.Tenant, c taocan.Category, month string) (cost int64, err error) {
	err = Kind(r.Q.QueryRowContext(ctx, r.Q.Text("overflow_cost_get"), t.Account, t.Project, c, month).Scan(&cost))
	if errors.Is(err, taocan.ErrNotFound) {
		err = nil
	}
	return cost, About(err, "overflow cost of project %s", t.Project)
}

// Purse is what an account's overflow draws on.
func (r Reader) Purse(ctx context.Context, a taocan.AccountID) (p store.Purse, err error) {
	if p.Wallet, err = r.Wallet(ctx, a); err != nil {
		return p, err
	}
	err = Kind(r.Q.QueryRowContext(ctx, r.Q.Text("overflow_paid_get"), a).Scan(&p.Cost, &p.Paid))
	if errors.Is(err, taocan.ErrNotFound) {
		err = nil
	}
	return p, About(err, "overflow of account %s", a)
}

// PoolShares lists an account's.
func (r Reader) PoolShares(ctx context.Context, a taocan.AccountID) ([]taocan.PoolShare, error) {
	list, err := many(ctx, r.Q, r.Q.Text("pool_share_list"), func(s scanner) (p taocan.PoolShare, err error) {
		return p, s.Scan(&p.Account, &p.User, &p.Owner, at(&p.CreatedAt))
	}, a)
	return list, About(err, "shared pools of account %s", a)
}

// ReplacePoolShares writes whose packages pay for a project. Their times keep the order.
func (t *Tx) ReplacePoolShares(ctx context.Context, user taocan.Tenant, owners []taocan.ProjectID) error {
	if err := t.owns(user.Account); err != nil {
		return err
	}
	err := t.exec(ctx, "pool_share_delete", user.Account, user.Project)
	for i, owner := range owners {
		if err == nil {
			err = t.exec(ctx, "pool_share_insert", user.Account, user.Project, owner, Micros(t.now.Add(time.Duration(i)*time.Microsecond)))
		}
	}
	t.watchChanged(user)
	return About(err, "replace the shared pool of project %s", user.Project)
}
