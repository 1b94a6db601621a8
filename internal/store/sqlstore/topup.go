package sqlstore

import (
	"context"
	"fmt"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

func scanTopUp(s scanner) (x taocan.TopUp, err error) {
	var seconds int64
	err = s.Scan(&x.Account, &x.Project, &x.Category, &x.Purpose, &x.Country, &x.Level, &x.Quantity, &x.MonthCap, &seconds, &x.Enabled, &x.AgreementVersion,
		&x.By.Token, &x.By.Member, &x.By.Role, &x.By.Address, at(&x.UpdatedAt), at(&x.CalledAt), at(&x.NextAt), &x.Failures, at(&x.FailedAt), &x.Reason)
	x.Cooldown, x.By.Tenant = time.Duration(seconds)*time.Second, x.Tenant
	return x, err
}

func scanTopUpOrder(s scanner) (o taocan.TopUpOrder, err error) {
	return o, s.Scan(&o.Account, &o.Project, &o.TopUp, &o.N, &o.State, at(&o.Lease), &o.Order, &o.Month, &o.Amount, &o.Quantity, at(&o.At), &o.Reason)
}

func scanFen(s scanner) (f taocan.Fen, err error) { return f, s.Scan(&f) }

// TopUps lists a project's.
func (r Reader) TopUps(ctx context.Context, t taocan.Tenant) ([]taocan.TopUp, error) {
	list, err := many(ctx, r.Q, r.Q.Text("top_up_list"), scanTopUp, t.Account, t.Project)
	return list, About(err, "automatic top-ups of project %s", t.Project)
}

// TopUp by id.
func (r Reader) TopUp(ctx context.Context, t taocan.Tenant, id taocan.TopUpID) (taocan.TopUp, error) {
	x, err := one(ctx, r.Q, r.Q.Text("top_up_get"), scanTopUp, t.Account, t.Project, id)
	return x, About(err, "automatic top-up %s", id)
}

// LastTopUpOrder is the target's latest purchase.
func (r Reader) LastTopUpOrder(ctx context.Context, t taocan.Tenant, id taocan.TopUpID, state taocan.TopUpState) (taocan.TopUpOrder, error) {
	o, err := one(ctx, r.Q, r.Q.Text("top_up_order_last"), scanTopUpOrder, t.Account, t.Project, id, state)
	return o, About(err, "last purchase of automatic top-up %s", id)
}

// TopUpOrders lists a project's purchases, newest first.
func (r Reader) TopUpOrders(ctx context.Context, t taocan.Tenant, p store.Paging) (store.Page[taocan.TopUpOrder], error) {
	l := listing{query: r.Q.Text("top_up_order_list"), args: []any{t.Account, t.Project}, name: "top-ups",
		order: []sortColumn{byNumber("at"), byText("top_up_id"), byNumber("n")}, desc: true}
	return paged(ctx, r.Q, l, p, scanTopUpOrder, func(o taocan.TopUpOrder) []any { return []any{Micros(o.At), o.TopUp, o.N} })
}

// TopUpSpent is what the target's purchases of a month have cost.
func (r Reader) TopUpSpent(ctx context.Context, t taocan.Tenant, id taocan.TopUpID, month string) (taocan.Fen, error) {
	sum, err := one(ctx, r.Q, r.Q.Text("top_up_order_spent"), scanFen, t.Account, t.Project, id, month)
	return sum, About(err, "what automatic top-up %s has spent", id)
}

// DueTopUps lists those of every project to look at now.
func (r Reader) DueTopUps(ctx context.Context, now time.Time, limit int) ([]taocan.TopUp, error) {
	list, err := many(ctx, r.Q, r.Q.Text("top_up_due"), scanTopUp, Micros(now), limit)
	return list, About(err, "due automatic top-ups")
}

// LeftTopUpOrders lists purchases of every project that nobody is doing any more.
func (r Reader) LeftTopUpOrders(ctx context.Context, now time.Time, limit int) ([]taocan.TopUpOrder, error) {
	list, err := many(ctx, r.Q, r.Q.Text("top_up_order_left"), scanTopUpOrder, Micros(now), limit)
	return list, About(err, "purchases of automatic top-ups that were left")
}

// IdleTopUps walks those of every project that nothing has called.
func (r Reader) IdleTopUps(ctx context.Context, after taocan.TopUp, limit int) ([]taocan.TopUp, error) {
	var id taocan.TopUpID // comes before every other
	if after.Category != "" {
		id = after.ID()
	}
	list, err := many(ctx, r.Q, r.Q.Text("top_up_idle"), scanTopUp, after.Account, after.Project, id, limit)
	return list, About(err, "idle automatic top-ups")
}

// ReplaceTopUps writes all of a project's in place of those that it had.
func (t *Tx) ReplaceTopUps(ctx context.Context, tenant taocan.Tenant, topUps []taocan.TopUp) error {
	t.watchChanged(tenant)
	return About(t.replaceTopUps(ctx, tenant, topUps), "replace the automatic top-ups of project %s", tenant.Project)
}

func (t *Tx) replaceTopUps(ctx context.Context, tenant taocan.Tenant, topUps []taocan.TopUp) error {
	if err := t.owns(tenant.Account); err != nil {
		return err
	}
	if err := t.exec(ctx, "top_up_delete", tenant.Account, tenant.Project); err != nil {
		return err
	}
	for _, x := range topUps {
		if x.Tenant != tenant {
			return fmt.Errorf("automatic top-up %s is of project %s", x.ID(), x.Project)
		}
		err := t.exec(ctx, "top_up_insert", x.Account, x.Project, x.ID(), x.Category, x.Purpose, x.Country, x.Level, x.Quantity, x.MonthCap,
			int64(x.Cooldown/time.Second), x.Enabled, x.AgreementVersion, x.By.Token, x.By.Member, x.By.Role, x.By.Address, Micros(x.UpdatedAt),
			Micros(x.CalledAt), Micros(x.NextAt), x.Failures, Micros(x.FailedAt), x.Reason)
		if err != nil {
			return About(err, "automatic top-up %s", x.ID())
		}
	}
	return nil
}

// SetTopUpState writes where one stands.
func (t *Tx) SetTopUpState(ctx context.Context, x taocan.TopUp) error {
	if err := t.owns(x.Account); err != nil {
		return err
	}
	t.watchChanged(x.Tenant)
	err := t.change(ctx, taocan.ErrNotFound, "top_up_set_state", Micros(x.CalledAt), Micros(x.NextAt), x.Failures, Micros(x.FailedAt), x.Reason,
		x.Account, x.Project, x.ID())
	return About(err, "set where automatic top-up %s stands", x.ID())
}

// InsertTopUpOrder writes a purchase that begins.
func (t *Tx) InsertTopUpOrder(ctx context.Context, o taocan.TopUpOrder) error {
	err := t.exec(ctx, "top_up_order_insert", o.Account, o.Project, o.TopUp, o.N, o.State, Micros(o.Lease), o.Order, o.Month, o.Amount, o.Quantity,
		Micros(o.At), o.Reason)
	return About(err, "insert purchase %d of automatic top-up %s", o.N, o.TopUp)
}

// LeaseTopUpOrder takes a purchase until an instant.
func (t *Tx) LeaseTopUpOrder(ctx context.Context, o taocan.TopUpOrder, until time.Time) error {
	err := t.change(ctx, taocan.ErrConflict, "top_up_order_lease", Micros(until), o.Account, o.Project, o.TopUp, o.N, Micros(o.Lease))
	return About(err, "lease purchase %d of automatic top-up %s", o.N, o.TopUp)
}

// SettleTopUpOrder writes how a purchase has ended.
func (t *Tx) SettleTopUpOrder(ctx context.Context, o taocan.TopUpOrder) error {
	err := t.change(ctx, taocan.ErrConflict, "top_up_order_settle", o.State, o.Order, o.Month, o.Amount, Micros(o.At), o.Reason,
		o.Account, o.Project, o.TopUp, o.N)
	return About(err, "settle purchase %d of automatic top-up %s", o.N, o.TopUp)
}
