package alert

import (
	"context"
	"fmt"
	"slices"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// MaxRules bounds a project's rules: more than there are countries.
const MaxRules = 300

// ForecastDays is the threshold of every rule on a forecast: the first of its reminders.
const ForecastDays = 30

// Bounds of thresholds that do not count messages.
const (
	maxPercent = 100
	maxDays    = 365
)

// Set replaces all rules of the actor's project and says how the new ones stand. A rule without kind is on what is left,
// without unit on messages or days as its kind has it. Tenant and UpdatedAt of the rules given do not count; a rule that
// stays as it was keeps the time of its last change.
func (a *Alerts) Set(ctx context.Context, actor taocan.Actor, rules []taocan.AlertRule) ([]Standing, error) {
	return a.set(ctx, actor, rules, func([]taocan.AlertRule, []taocan.AlertRule) []taocan.AlertRule { return nil })
}

// SetBoard replaces the rules that boards show, those on messages left, and keeps all others. A rule that stays keeps its
// channels, which boards do not show.
func (a *Alerts) SetBoard(ctx context.Context, actor taocan.Actor, rules []taocan.AlertRule) ([]Standing, error) {
	return a.set(ctx, actor, rules, func(given, before []taocan.AlertRule) (kept []taocan.AlertRule) {
		for _, old := range before {
			i := slices.IndexFunc(given, func(r taocan.AlertRule) bool { return r.ID() == old.ID() })
			if i >= 0 {
				given[i].Channels = old.Channels
			} else if !onBoard(old) {
				kept = append(kept, old)
			}
		}
		return kept
	})
}

// set writes the rules given and those of before that keep returns.
func (a *Alerts) set(ctx context.Context, actor taocan.Actor, rules []taocan.AlertRule,
	keep func(given, before []taocan.AlertRule) []taocan.AlertRule) (list []Standing, err error) {
	if !actor.Can(taocan.ScopeManage) {
		return nil, &taocan.ForbiddenError{Required: string(taocan.ScopeManage), Detail: "setting alert rules takes the scope manage"}
	}
	given := make([]taocan.AlertRule, len(rules))
	for i, r := range rules {
		given[i] = whole(r)
	}
	if err := check(given); err != nil {
		return nil, err
	}
	err = a.store.Update(ctx, actor.Account, func(tx store.Tx) error {
		if _, err := store.Allowed(ctx, tx, actor, "set alert rules", taocan.Owner); err != nil {
			return err
		}
		before, err := tx.AlertRules(ctx, actor.Tenant)
		if err != nil {
			return err
		}
		all := slices.Clone(given)
		all = append(all, keep(all, before)...)
		if len(all) > MaxRules {
			return tooMany(len(all))
		}
		channels, err := tx.Channels(ctx, actor.Tenant)
		if err != nil {
			return err
		}
		if err := checkChannels(all, before, channels); err != nil {
			return err
		}
		after := dated(actor.Tenant, all, before, tx.Now())
		if err := tx.ReplaceAlertRules(ctx, actor.Tenant, after); err != nil {
			return err
		}
		if err := store.Audit(ctx, tx, actor, "alerts.set", string(actor.Project), audited(before), audited(after)); err != nil {
			return err
		}
		list, err = a.standings(ctx, tx, actor.Tenant, tx.Now())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("set alert rules of project %s: %w", actor.Project, err)
	}
	return list, nil
}

// whole fills in what a rule may leave out.
func whole(r taocan.AlertRule) taocan.AlertRule {
	if r.Kind == "" {
		r.Kind = taocan.AlertRemaining
	}
	if r.Unit == "" {
		r.Unit = taocan.InMessages
		if r.Kind == taocan.AlertExpiring || r.Kind == taocan.AlertForecast {
			r.Unit = taocan.InDays
		}
	}
	if r.Kind == taocan.AlertForecast && r.Threshold == 0 {
		r.Threshold = ForecastDays
	}
	return r
}

// check collects all that is wrong with the rules.
func check(rules []taocan.AlertRule) error {
	if len(rules) > MaxRules {
		return tooMany(len(rules))
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
		must(slices.Contains(taocan.AlertKinds, r.Kind), ".kind", "must be remaining, usage_day, usage_month, expiring or forecast", string(r.Kind))
		switch {
		case r.Kind == taocan.AlertRemaining:
			must(slices.Contains(taocan.AlertUnits, r.Unit), ".unit", "must be messages, percent or days", string(r.Unit))
		case onUse(r):
			must(r.Unit == taocan.InMessages, ".unit", "must be messages for rules on use", string(r.Unit))
		default:
			must(r.Unit == taocan.InDays, ".unit", "must be days for "+string(r.Kind), string(r.Unit))
		}
		low, high := bounds(r)
		must(r.Threshold >= low && r.Threshold <= high, ".threshold", fmt.Sprintf("must be %d to %d", low, high), int64(r.Threshold))
		for k, id := range r.Channels {
			must(!slices.Contains(r.Channels[:k], id), fmt.Sprintf(".channels[%d]", k), "names a channel for the second time", string(id))
		}
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

func tooMany(rules int) error {
	return taocan.Invalid("body.rules", fmt.Sprintf("must be at most %d rules", MaxRules), rules)
}

// bounds of a rule's threshold.
func bounds(r taocan.AlertRule) (low, high taocan.Segments) {
	switch {
	case r.Kind == taocan.AlertForecast:
		return ForecastDays, ForecastDays
	case r.Unit == taocan.InPercent:
		return 1, maxPercent
	case r.Unit == taocan.InDays:
		return 1, maxDays
	}
	return 1, taocan.MaxSegments
}

// checkChannels refuses channels that the project does not have. One that a rule has named before may stay in it: removing
// a channel must not bar the way to the rules that named it.
func checkChannels(rules, before []taocan.AlertRule, channels []taocan.Channel) error {
	known := map[taocan.ChannelID]bool{}
	for _, c := range channels {
		known[c.ID] = true
	}
	named := map[taocan.AlertID][]taocan.ChannelID{}
	for _, r := range before {
		named[r.ID()] = r.Channels
	}
	var bad []taocan.FieldError
	for i, r := range rules {
		for k, id := range r.Channels {
			if !known[id] && !slices.Contains(named[r.ID()], id) {
				bad = append(bad, taocan.FieldError{Location: fmt.Sprintf("body.rules[%d].channels[%d]", i, k),
					Message: "is not a channel of this project", Value: string(id)})
			}
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
		old, ok := known[r.ID()]
		if ok && old.Threshold == r.Threshold && old.Enabled == r.Enabled && slices.Equal(old.Channels, r.Channels) {
			r.UpdatedAt = old.UpdatedAt
		}
		after[i] = r
	}
	return after
}

// auditedRule is a rule in the audit log.
type auditedRule struct {
	Threshold taocan.Segments    `json:"threshold"`
	Enabled   bool               `json:"enabled"`
	Channels  []taocan.ChannelID `json:"channels,omitempty"`
}

// audited shows rules by id; no rules are nothing.
func audited(rules []taocan.AlertRule) any {
	if len(rules) == 0 {
		return nil
	}
	byID := map[taocan.AlertID]auditedRule{}
	for _, r := range rules {
		byID[r.ID()] = auditedRule{r.Threshold, r.Enabled, r.Channels}
	}
	return byID
}
