package sqlite

import (
	"context"
	"fmt"

	"taocan/internal/taocan"
)

func scanAlertRule(s scanner) (r taocan.AlertRule, err error) {
	return r, s.Scan(&r.Account, &r.Project, &r.Category, &r.Purpose, &r.Country, &r.Threshold, &r.Enabled, at(&r.UpdatedAt))
}

// AlertRules lists a project's.
func (r reader) AlertRules(ctx context.Context, t taocan.Tenant) ([]taocan.AlertRule, error) {
	rules, err := many(ctx, r.q, sqlText("alert_rule_list"), scanAlertRule, t.Account, t.Project)
	return rules, about(err, "alert rules of project %s", t.Project)
}

// ReplaceAlertRules writes all of a project's rules in place of those that it had.
func (t *tx) ReplaceAlertRules(ctx context.Context, tenant taocan.Tenant, rules []taocan.AlertRule) error {
	return about(t.replaceAlertRules(ctx, tenant, rules), "replace the alert rules of project %s", tenant.Project)
}

func (t *tx) replaceAlertRules(ctx context.Context, tenant taocan.Tenant, rules []taocan.AlertRule) error {
	if err := t.exec(ctx, "alert_rule_delete", tenant.Account, tenant.Project); err != nil {
		return err
	}
	for _, r := range rules {
		if r.Tenant != tenant {
			return fmt.Errorf("rule %s is of project %s", r.ID(), r.Project)
		}
		err := t.exec(ctx, "alert_rule_insert", r.Account, r.Project, r.Category, r.Purpose, r.Country, r.Threshold, r.Enabled, micros(r.UpdatedAt))
		if err != nil {
			return about(err, "rule %s", r.ID())
		}
	}
	return nil
}
