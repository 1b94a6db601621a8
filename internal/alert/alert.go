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
}

// New makes the use case.
func New(st store.Store, c clock.Clock) *Alerts { return &Alerts{st, c} }

// State is how a target stands.
type State string

const (
	Unset State = "unset" // no rule
	Off   State = "off"   // a rule that is not enabled
	OK    State = "ok"
	Low   State = "low" // what is left is below the threshold
)

// Standing is a rule, or a target that has none, with how it stands. Unset, only tenant and target of the rule count.
type Standing struct {
	taocan.AlertRule
	State     State
	Remaining taocan.Segments // what is left of the target, whether there is a rule or not
}

// Rules lists the rules that are set, by category, purpose and country.
func (a *Alerts) Rules(ctx context.Context, t taocan.Tenant) (list []Standing, err error) {
	now := a.clock.Now()
	err = a.store.View(ctx, func(r store.Reader) error {
		list, err = standings(ctx, r, t, now)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("alert rules of project %s: %w", t.Project, err)
	}
	return list, nil
}

// Board is what a page of the category shows: the targets that every project has, set or not, then the countries that
// have a rule.
func (a *Alerts) Board(ctx context.Context, t taocan.Tenant, c taocan.Category) (list []Standing, err error) {
	if !c.Valid() {
		return nil, taocan.Invalid("query.category", "is not a category", string(c))
	}
	now := a.clock.Now()
	err = a.store.View(ctx, func(r store.Reader) error {
		rules, err := r.AlertRules(ctx, t)
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

func board(t taocan.Tenant, c taocan.Category, rules []taocan.AlertRule, balance taocan.Balance) []Standing {
	purposes := taocan.Purposes
	if c == taocan.International {
		purposes = []taocan.Purpose{taocan.General}
	}
	var list []Standing
	for _, p := range purposes {
		target := taocan.AlertRule{Tenant: t, Category: c, Purpose: p}
		i := slices.IndexFunc(rules, func(r taocan.AlertRule) bool { return r.ID() == target.ID() })
		if i < 0 {
			list = append(list, Standing{AlertRule: target, State: Unset, Remaining: left(target, balance)})
		} else {
			list = append(list, standing(rules[i], balance))
		}
	}
	for _, r := range rules {
		if r.Category == c && r.Country != "" {
			list = append(list, standing(r, balance))
		}
	}
	return list
}

// standings reads rules and balances of one snapshot.
func standings(ctx context.Context, r store.Reader, t taocan.Tenant, now time.Time) ([]Standing, error) {
	rules, err := r.AlertRules(ctx, t)
	if err != nil {
		return nil, err
	}
	balances := map[taocan.Category]taocan.Balance{}
	list := make([]Standing, len(rules))
	for i, rule := range rules {
		b, read := balances[rule.Category]
		if !read {
			if b, err = r.Balance(ctx, t, rule.Category, now, time.Time{}); err != nil {
				return nil, err
			}
			balances[rule.Category] = b
		}
		list[i] = standing(rule, b)
	}
	return list, nil
}

// standing judges a rule by the balance of its category.
func standing(r taocan.AlertRule, b taocan.Balance) Standing {
	s := Standing{AlertRule: r, State: OK, Remaining: left(r, b)}
	switch {
	case !r.Enabled:
		s.State = Off
	case s.Remaining < r.Threshold:
		s.State = Low
	}
	return s
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
