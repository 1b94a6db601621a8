package sqlstore

import (
	"context"
	"fmt"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

func scanAlertRule(s scanner) (r taocan.AlertRule, err error) {
	var channels string
	err = s.Scan(&r.Account, &r.Project, &r.Kind, &r.Unit, &r.Category, &r.Purpose, &r.Country, &r.Threshold, &r.Enabled, &channels,
		at(&r.UpdatedAt))
	if err != nil {
		return r, err
	}
	return r, fromList(channels, &r.Channels)
}

func scanAlertState(s scanner) (x taocan.AlertState, err error) {
	return x, s.Scan(&x.Rule, &x.Level, &x.Low, at(&x.Since), &x.Reminders, at(&x.ToldAt), &x.Period)
}

func scanAlertDue(s scanner) (d store.AlertDue, err error) {
	return d, s.Scan(&d.Account, &d.Project, at(&d.At), &d.Bought)
}

// AlertRules lists a project's.
func (r Reader) AlertRules(ctx context.Context, t taocan.Tenant) ([]taocan.AlertRule, error) {
	rules, err := many(ctx, r.Q, r.Q.Text("alert_rule_list"), scanAlertRule, t.Account, t.Project)
	return rules, About(err, "alert rules of project %s", t.Project)
}

// AlertStates lists where a project's rules stand.
func (r Reader) AlertStates(ctx context.Context, t taocan.Tenant) ([]taocan.AlertState, error) {
	states, err := many(ctx, r.Q, r.Q.Text("alert_state_list"), scanAlertState, t.Account, t.Project)
	return states, About(err, "alert states of project %s", t.Project)
}

// AlertsDue lists projects whose rules must be looked at by now.
func (r Reader) AlertsDue(ctx context.Context, now time.Time, limit int) ([]store.AlertDue, error) {
	due, err := many(ctx, r.Q, r.Q.Text("alert_due_list"), scanAlertDue, Micros(now), limit)
	return due, About(err, "projects whose alert rules are due")
}

// AlertDue is when a project's rules must be looked at.
func (r Reader) AlertDue(ctx context.Context, t taocan.Tenant) (store.AlertDue, error) {
	due, err := one(ctx, r.Q, r.Q.Text("alert_due_get"), scanAlertDue, t.Account, t.Project)
	return due, About(err, "when the alert rules of project %s are due", t.Project)
}

func scanTargetSum(s scanner) (x store.TargetSum, err error) {
	return x, s.Scan(&x.Category, &x.Purpose, &x.Country, &x.Quantity)
}

// Held sums what packages that have not expired have ever held.
func (r Reader) Held(ctx context.Context, t taocan.Tenant, now time.Time) ([]store.TargetSum, error) {
	sums, err := many(ctx, r.Q, r.Q.Text("alert_held"), scanTargetSum, t.Account, t.Project, Micros(now))
	return sums, About(err, "what the packages of project %s have held", t.Project)
}

// Metered sums what was taken in a day or month.
func (r Reader) Metered(ctx context.Context, t taocan.Tenant, period string) ([]store.TargetSum, error) {
	sums, err := many(ctx, r.Q, r.Q.Text("alert_metered"), scanTargetSum, t.Account, t.Project, period)
	return sums, About(err, "what project %s has taken in %s", t.Project, period)
}

// NextExpiry is when the next of the project's packages expires.
func (r Reader) NextExpiry(ctx context.Context, t taocan.Tenant, now time.Time) (next time.Time, err error) {
	next, err = one(ctx, r.Q, r.Q.Text("alert_next_expiry"), func(s scanner) (next time.Time, err error) {
		return next, s.Scan(at(&next))
	}, t.Account, t.Project, Micros(now))
	return next, About(err, "next expiry of project %s", t.Project)
}

// ReplaceAlertRules writes all of a project's rules in place of those that it had.
func (t *Tx) ReplaceAlertRules(ctx context.Context, tenant taocan.Tenant, rules []taocan.AlertRule) error {
	return About(t.replaceAlertRules(ctx, tenant, rules), "replace the alert rules of project %s", tenant.Project)
}

func (t *Tx) replaceAlertRules(ctx context.Context, tenant taocan.Tenant, rules []taocan.AlertRule) error {
	if err := t.owns(tenant.Account); err != nil {
		return err
	}
	if err := t.exec(ctx, "alert_rule_delete", tenant.Account, tenant.Project); err != nil {
		return err
	}
	var enabled []taocan.AlertID
	for _, r := range rules {
		if r.Tenant != tenant {
			return fmt.Errorf("rule %s is of project %s", r.ID(), r.Project)
		}
		err := t.exec(ctx, "alert_rule_insert", r.Account, r.Project, r.Kind, r.Unit, r.Category, r.Purpose, r.Country, r.Threshold, r.Enabled,
			toList(r.Channels), Micros(r.UpdatedAt))
		if err != nil {
			return About(err, "rule %s", r.ID())
		}
		if !r.Enabled {
			continue
		}
		enabled = append(enabled, r.ID())
		if r.Kind == taocan.AlertUsageDay || r.Kind == taocan.AlertUsageMonth {
			if err := t.Meter(ctx, tenant); err != nil {
				return err
			}
		}
	}
	if err := t.exec(ctx, "alert_state_delete", tenant.Account, tenant.Project, toList(enabled)); err != nil {
		return err
	}
	t.watchChanged(tenant)
	if len(enabled) == 0 {
		return t.exec(ctx, "alert_due_delete", tenant.Account, tenant.Project)
	}
	return t.exec(ctx, "alert_due_call", tenant.Account, tenant.Project, Micros(t.now))
}

// SetAlertState writes where a rule stands.
func (t *Tx) SetAlertState(ctx context.Context, tenant taocan.Tenant, s taocan.AlertState) error {
	if err := t.owns(tenant.Account); err != nil {
		return err
	}
	t.watchChanged(tenant)
	err := t.exec(ctx, "alert_state_set", tenant.Account, tenant.Project, s.Rule, s.Level, s.Low, Micros(s.Since), s.Reminders,
		Micros(s.ToldAt), s.Period)
	return About(err, "set the state of alert rule %s", s.Rule)
}

// SettleAlerts notes that a project's rules have been looked at. One that need not be looked at again before something changes
// keeps no row.
func (t *Tx) SettleAlerts(ctx context.Context, tenant taocan.Tenant, next time.Time) error {
	if next.IsZero() {
		return t.exec(ctx, "alert_due_delete", tenant.Account, tenant.Project)
	}
	return t.exec(ctx, "alert_due_settle", Micros(next), tenant.Account, tenant.Project)
}
