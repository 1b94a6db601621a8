package store

import (
	"fmt"
	"slices"
	"time"

	"taocan/internal/taocan"
)

// Watch is what the engine knows of a project besides its balances: what its rules and limits look at. Owned by the group
// commit that it is lent to.
type Watch struct {
	Zone   *time.Location  // of the platform
	Rules  []*WatchedRule  // enabled, of the kinds that a debit can set off: remaining, usage_day, usage_month
	TopUps []*WatchedTopUp // enabled
	Limits []taocan.UsageLimit
	Told   map[taocan.AlertID]string // limits: the period that their warning has been given for
	Meter  *Meter                    // nil: nothing is metered
	Pool   []taocan.Tenant           // projects whose packages also pay, after its own, in this order
	// Overflow by category; absent: debits stop when packages run out.
	Overflow map[taocan.Category]*Overflow
}

// WatchedRule is a rule with where it stands. A rule that has not been judged yet has the zero state.
type WatchedRule struct {
	taocan.AlertRule
	State taocan.AlertState
}

// WatchedTopUp is an automatic top-up that buys when less than Level is left.
type WatchedTopUp struct {
	ID       taocan.TopUpID
	Category taocan.Category
	Purpose  taocan.Purpose
	Country  taocan.Country
	Level    taocan.Segments
	Called   bool // it has been told to look
}

// Watched lists the projects whose balances or meters this commit changed, in the order of their first change, each once.
func (l *Ledger) Watched() []taocan.Tenant {
	if len(l.watches) == 0 {
		return nil
	}
	var all []taocan.Tenant
	add := func(t taocan.Tenant) {
		if l.watches[t] != nil && !slices.Contains(all, t) {
			all = append(all, t)
		}
	}
	for _, d := range l.written {
		add(d.Tenant)
		for _, a := range d.Allocations {
			add(l.Owner(d.Tenant, a.Package))
		}
	}
	return all
}

// Watch of a project; nil where it has no rules, top-ups or limits.
func (l *Ledger) Watch(t taocan.Tenant) *Watch { return l.watches[t] }

// Watches by project.
func (l *Ledger) Watches() map[taocan.Tenant]*Watch { return l.watches }

// LendWatch gives the ledger what a project's rules look at.
func (l *Ledger) LendWatch(t taocan.Tenant, w *Watch) { l.watches[t] = w }

// Left is what active packages of exactly the target hold at the commit's time. International without a country: all of it.
func (l *Ledger) Left(t taocan.Tenant, c taocan.Category, p taocan.Purpose, country taocan.Country) taocan.Segments {
	return l.balances[t].left(c, p, country, l.At(t.Account))
}

// Taken is what the project took of the target in the period that the commit falls into, this commit included. Without a
// purpose or a country it is all of it.
func (l *Ledger) Taken(t taocan.Tenant, c taocan.Category, p taocan.Purpose, country taocan.Country, period taocan.Period) taocan.Segments {
	return l.watches[t].Meter.Taken(c, p, country, period, l.At(t.Account))
}

// PeriodOf names the day (2006-01-02) or month (2006-01) of the platform's zone that the commit falls into.
func (l *Ledger) PeriodOf(t taocan.Tenant, period taocan.Period) string {
	return l.watches[t].Meter.Period(period, l.At(t.Account))
}

// Notify puts a notice into the outbox, with the commit. It gets its id and time here.
func (l *Ledger) Notify(n taocan.Notice) {
	n.At = l.At(n.Account)
	n.ID = taocan.NoticeID(fmt.Sprintf("ntc_%x_%x", n.At.UnixMicro(), len(l.notices)))
	l.notices = append(l.notices, n)
}

// SetAlertState notes where a rule now stands.
func (l *Ledger) SetAlertState(t taocan.Tenant, r *WatchedRule, s taocan.AlertState) {
	s.Rule = r.ID()
	r.State = s
	l.states = append(l.states, ChangedState{t, s})
}

// CallTopUp tells an automatic top-up to look.
func (l *Ledger) CallTopUp(t taocan.Tenant, x *WatchedTopUp) {
	x.Called = true
	l.called = append(l.called, CalledTopUp{t, x.ID})
}

// ChangedState is an alert state that the commit writes.
type ChangedState struct {
	taocan.Tenant
	taocan.AlertState
}

// LimitID names a limit among alert states.
func LimitID(l taocan.UsageLimit) taocan.AlertID {
	id := "limit-" + string(l.Category) + "-" + string(l.Purpose)
	if l.Purpose == "" {
		id += "all"
	}
	if l.Country != "" {
		id += "-" + string(l.Country)
	}
	return taocan.AlertID(id + "-" + string(l.Period))
}

// TellLimit notes that a limit's warning has been given for the period.
func (l *Ledger) TellLimit(t taocan.Tenant, limit taocan.UsageLimit, period string) {
	id := LimitID(limit)
	l.watches[t].Told[id] = period
	l.states = append(l.states, ChangedState{t, taocan.AlertState{Rule: id, Period: period}})
}

// CalledTopUp is an automatic top-up that the commit tells to look.
type CalledTopUp struct {
	taocan.Tenant
	ID taocan.TopUpID
}

// Notices, AlertStates and CalledTopUps are what the commit writes beside the ledger.
func (l *Ledger) Notices() []taocan.Notice    { return l.notices }
func (l *Ledger) AlertStates() []ChangedState { return l.states }
func (l *Ledger) CalledTopUps() []CalledTopUp { return l.called }
