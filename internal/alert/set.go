package alert

import (
	"context"
	"errors"
	"fmt"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// MaxRules bounds a project's rules: more than there are countries.
const MaxRules = 300

// Set replaces all rules of the actor's project and says how the new ones stand. Tenant and UpdatedAt of the rules
// given do not count; a rule that stays as it was keeps the time of its last change.
func (a *Alerts) Set(ctx context.Context, actor taocan.Actor, rules []taocan.AlertRule) (list []Standing, err error) {
	if !actor.Can(taocan.ScopeManage) {
		return nil, &taocan.ForbiddenError{Required: string(taocan.ScopeManage), Detail: "setting alert rules takes the scope manage"}
	}
	if err := check(rules); err != nil {
		return nil, err
	}
	err = a.store.Update(ctx, "", func(tx store.Tx) error { // settings: no ledger is written
		if err := mayManage(ctx, tx, actor); err != nil {
			return err
		}
		before, err := tx.AlertRules(ctx, actor.Tenant)
		if err != nil {
			return err
		}
		after := dated(actor.Tenant, rules, before, tx.Now())
		if err := tx.ReplaceAlertRules(ctx, actor.Tenant, after); err != nil {
			return err
		}
		if err := store.Audit(ctx, tx, actor, "alerts.set", string(actor.Project), audited(before), audited(after)); err != nil {
			return err
		}
		list, err = standings(ctx, tx, actor.Tenant, tx.Now())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("set alert rules of project %s: %w", actor.Project, err)
	}
	return list, nil
}

// mayManage refuses actors who may not change settings as the store knows them now.
func mayManage(ctx context.Context, r store.Reader, actor taocan.Actor) error {
	account, err := r.Account(ctx, actor.Account)
	if err != nil {
		return err
	}
	if account.Suspended {
		return &taocan.ForbiddenError{Detail: "the account is suspended"}
	}
	if actor.Member == "" {
		return nil
	}
	member, err := r.MemberByID(ctx, actor.Member)
	if err != nil && !errors.Is(err, taocan.ErrNotFound) {
		return err
	}
	if err != nil || member.Account != actor.Account || member.Suspended || member.Role != taocan.Owner {
		return &taocan.ForbiddenError{Required: string(taocan.Owner), Detail: "only members with the role owner may set alert rules"}
	}
	return nil
}

// check collects all that is wrong with the rules.
func check(rules []taocan.AlertRule) error {
	if len(rules) > MaxRules {
		return taocan.Invalid("body.rules", fmt.Sprintf("must be at most %d rules", MaxRules), len(rules))
	}
	var bad []taocan.FieldError
	first := map[taocan.AlertID]int{}
	for i, r := range rules {
		at := fmt.Sprintf("body.rules[%d]", i)
		must := func(ok bool, field, message string, value any) {
			if !ok {
				bad = append(bad, taocan.FieldError{Location: at + field, Message: message, Value: value})
			}
		}
		must(r.Category.Valid(), ".category", "must be domestic or international", string(r.Category))
		if r.Category == taocan.International {
			must(r.Purpose == taocan.General, ".purpose", "must be general for international", string(r.Purpose))
			must(r.Country == "" || r.Country.Valid(), ".country", "must be an ISO 3166-1 code of two capitals", string(r.Country))
		} else {
			must(r.Purpose.Valid(), ".purpose", "must be verification, marketing or general", string(r.Purpose))
			must(r.Country == "", ".country", "must be left out for domestic", string(r.Country))
		}
		must(r.Threshold >= 1 && r.Threshold <= taocan.MaxSegments, ".threshold",
			fmt.Sprintf("must be 1 to %d", taocan.MaxSegments), int64(r.Threshold))
		if j, twice := first[r.ID()]; twice {
			must(false, "", fmt.Sprintf("watches the same as rule %d", j), string(r.ID()))
		} else {
			first[r.ID()] = i
		}
	}
	if len(bad) > 0 {
		return &taocan.InvalidError{Fields: bad}
	}
	return nil
}

// dated are the rules as they are written: the tenant's, each with the time of its last change.
func dated(t taocan.Tenant, rules, before []taocan.AlertRule, now time.Time) []taocan.AlertRule {
	known := map[taocan.AlertID]taocan.AlertRule{}
	for _, r := range before {
		known[r.ID()] = r
	}
	after := make([]taocan.AlertRule, len(rules))
	for i, r := range rules {
		r.Tenant, r.UpdatedAt = t, now
		if old, ok := known[r.ID()]; ok && old.Threshold == r.Threshold && old.Enabled == r.Enabled {
			r.UpdatedAt = old.UpdatedAt
		}
		after[i] = r
	}
	return after
}

// figures of a rule in the audit log.
type figures struct {
	Threshold taocan.Segments `json:"threshold"`
	Enabled   bool            `json:"enabled"`
}

// audited shows rules by id; no rules are nothing.
func audited(rules []taocan.AlertRule) any {
	if len(rules) == 0 {
		return nil
	}
	byID := map[taocan.AlertID]figures{}
	for _, r := range rules {
		byID[r.ID()] = figures{r.Threshold, r.Enabled}
	}
	return byID
}
