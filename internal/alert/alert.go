package alert

import (
	"context"
	"fmt"
	"slices"
	"time"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Alerts is the use case. Immutable after New, safe for concurrent use.
type Alerts struct {
	store store.Store
	clock clock.Clock
	zone  *time.Location
}

// New makes the use case. Days and months are those of the zone.
func New(st store.Store, c clock.Clock, zone *time.Location) *Alerts { return &Alerts{st, c, zone} }

// State is how a target stands.
type State string

const (
	Unset State = "unset" // no rule
	Off   State = "off"   // a rule that is not enabled
	OK    State = "ok"
	Low   State = "low"   // what is left is below the level
	Fired State = "fired" // of other kinds: what the rule watches for is so
)

// Standing is a rule, or a target that has none, with how it stands. Unset, only tenant and target of the rule count.
type Standing struct {
	taocan.AlertRule
	State     State
	Remaining taocan.Segments // what is left of the target, whether there is a rule or not
	Level     taocan.Segments // the threshold in messages, for rules on what is left; 0: not worked out, as the rule is off
	Since     time.Time       // when it became low, or fired; zero where it is neither, or where that has not been told yet
}

// Rules lists the rules that are set, by category, purpose, country, kind and unit.
func (a *Alerts) Rules(ctx context.Context, t taocan.Tenant) (list []Standing, err error) {
	now := a.clock.Now()
	err = a.store.View(ctx, func(r store.Reader) error {
		list, err = a.standings(ctx, r, t, now)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("alert rules of project %s: %w", t.Project, err)
	}
	return list, nil
}

// Board is what a page of the category shows: how many messages are left of the targets that every project has, set or
// not, then of the countries that have a rule. Rules of other kinds and units are not on it.
func (a *Alerts) Board(ctx context.Context, t taocan.Tenant, c taocan.Category) (list []Standing, err error) {
	if !c.Valid() {
		return nil, taocan.Invalid("query.category", "is not a category", string(c))
	}
	now := a.clock.Now()
	err = a.store.View(ctx, func(r store.Reader) error {
		rules, err := a.standings(ctx, r, t, now)
		if err != nil {
			return err
		}
		balance, err := r.Balance(ctx, t, c, now, time.Time{})
		if err != nil {
			return err
		}
		list = board(t, c, rules, balance)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("alert board of project %s: %w", t.Project, err)
	}
	return list, nil
}

func board(t taocan.Tenant, c taocan.Category, rules []Standing, balance taocan.Balance) []Standing {
	purposes := taocan.Purposes
	if c == taocan.International {
		purposes = []taocan.Purpose{taocan.General}
	}
	var list []Standing
	for _, p := range purposes {
		target := taocan.AlertRule{Tenant: t, Kind: taocan.AlertRemaining, Unit: taocan.InMessages, Category: c, Purpose: p}
		i := slices.IndexFunc(rules, func(s Standing) bool { return s.ID() == target.ID() })
		if i < 0 {
			list = append(list, Standing{AlertRule: target, State: Unset, Remaining: left(target, balance)})
		} else {
			list = append(list, rules[i])
		}
	}
	for _, s := range rules {
		if s.Category == c && s.Country != "" && onBoard(s.AlertRule) {
			list = append(list, s)
		}
	}
	return list
}

// onBoard tells the rules that boards show, and SetBoard sets, from the others.
func onBoard(r taocan.AlertRule) bool {
	return r.Kind == taocan.AlertRemaining && r.Unit == taocan.InMessages
}

// standings reads rules, states and figures of one snapshot.
func (a *Alerts) standings(ctx context.Context, r store.Reader, t taocan.Tenant, now time.Time) ([]Standing, error) {
	rules, err := r.AlertRules(ctx, t)
	if err != nil || len(rules) == 0 {
		return nil, err
	}
	states, err := statesOf(ctx, r, t)
	if err != nil {
		return nil, err
	}
	f := figures{r: r, tenant: t, now: now, zone: a.zone}
	list := make([]Standing, len(rules))
	for i, rule := range rules {
		if list[i], err = f.standing(ctx, rule, states[rule.ID()]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func statesOf(ctx context.Context, r store.Reader, t taocan.Tenant) (map[taocan.AlertID]taocan.AlertState, error) {
	list, err := r.AlertStates(ctx, t)
	if err != nil {
		return nil, err
	}
	states := make(map[taocan.AlertID]taocan.AlertState, len(list))
	for _, s := range list {
		states[s.Rule] = s
	}
	return states, nil
}

// standing says how a rule stands. What is left is compared here and now; the state adds since when.
func (f *figures) standing(ctx context.Context, r taocan.AlertRule, s taocan.AlertState) (Standing, error) {
	balance, err := f.balance(ctx, r.Category)
	if err != nil {
		return Standing{}, err
	}
	x := Standing{AlertRule: r, State: OK, Remaining: left(r, balance), Level: levelOf(r, s)}
	switch {
	case !r.Enabled:
		x.State = Off
	case r.Kind == taocan.AlertRemaining:
		if x.Level == 0 { // not judged yet
			if x.Level, err = f.level(ctx, r); err != nil {
				return Standing{}, err
			}
		}
		if x.Remaining < x.Level {
			x.State = Low
		}
	case s.Low && (!onUse(r) || s.Period == periodAt(r, f.now, f.zone)):
		x.State = Fired
	}
	if s.Low && (x.State == Low || x.State == Fired) {
		x.Since = s.Since
	}
	return x, nil
}

// left of the rule's target.
func left(r taocan.AlertRule, b taocan.Balance) taocan.Segments {
	switch {
	case r.Category == taocan.Domestic:
		return b.ByPurpose[r.Purpose]
	case r.Country == "":
		return b.Remaining
	}
	return b.ByCountry[r.Country]
}
