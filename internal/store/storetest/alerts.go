package storetest

import (
	"context"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// newAlertRule watches domestic verification below 1,000.
func (f *fixture) newAlertRule(t taocan.Tenant, at time.Time, change ...func(*taocan.AlertRule)) taocan.AlertRule {
	r := taocan.AlertRule{Tenant: t, Kind: taocan.AlertRemaining, Unit: taocan.InMessages, Category: taocan.Domestic, Purpose: taocan.Verification, Threshold: 1000, Enabled: true, UpdatedAt: at}
	for _, c := range change {
		c(&r)
	}
	return r
}

// abroad makes a rule watch a country, or with none everything abroad.
func abroad(c taocan.Country) func(*taocan.AlertRule) {
	return func(r *taocan.AlertRule) {
		r.Category, r.Purpose, r.Country = taocan.International, taocan.General, c
	}
}

func forPurpose(p taocan.Purpose) func(*taocan.AlertRule) {
	return func(r *taocan.AlertRule) { r.Purpose = p }
}

func (f *fixture) setAlertRules(t taocan.Tenant, rules ...taocan.AlertRule) {
	f.Helper()
	f.update(t.Account, func(ctx context.Context, tx store.Tx) error { return tx.ReplaceAlertRules(ctx, t, rules) })
}

func (f *fixture) alertRules(t taocan.Tenant) []taocan.AlertRule {
	f.Helper()
	return get(f, func(ctx context.Context, r store.Reader) ([]taocan.AlertRule, error) { return r.AlertRules(ctx, t) })
}

func watching(kind taocan.AlertKind, unit taocan.AlertUnit, threshold taocan.Segments) func(*taocan.AlertRule) {
	return func(r *taocan.AlertRule) { r.Kind, r.Unit, r.Threshold = kind, unit, threshold }
}

func (f *fixture) alertStates(t taocan.Tenant) []taocan.AlertState {
	f.Helper()
	return get(f, func(ctx context.Context, r store.Reader) ([]taocan.AlertState, error) { return r.AlertStates(ctx, t) })
}

func (f *fixture) setAlertStates(t taocan.Tenant, states ...taocan.AlertState) {
	f.Helper()
	f.update(t.Account, func(ctx context.Context, tx store.Tx) error {
		for _, s := range states {
			if err := tx.SetAlertState(ctx, t, s); err != nil {
				return err
			}
		}
		return nil
	})
}

// alertsDue lists what is due by now, and a little later: commits run ahead of a clock that stands still.
func (f *fixture) alertsDue(limit int) []store.AlertDue {
	f.Helper()
	return get(f, func(ctx context.Context, r store.Reader) ([]store.AlertDue, error) {
		return r.AlertsDue(ctx, f.clock.Now().Add(time.Millisecond), limit)
	})
}

// dueAlerts is alertsDue without times.
func (f *fixture) dueAlerts() (all []store.AlertDue) {
	f.Helper()
	for _, d := range f.alertsDue(100) {
		d.At = time.Time{}
		all = append(all, d)
	}
	return all
}

func (f *fixture) settleAlerts(t taocan.Tenant, next time.Time) {
	f.Helper()
	f.update(t.Account, func(ctx context.Context, tx store.Tx) error { return tx.SettleAlerts(ctx, t, next) })
}

var alertCases = []testCase{
	{"alert rules read as they were written, by category, purpose and country", func(f *fixture) {
		f.open(alpha)
		at := f.clock.Now()
		same(f, "at first", f.alertRules(alpha), []taocan.AlertRule{})
		verification := f.newAlertRule(alpha, at, func(r *taocan.AlertRule) { r.Threshold, r.Enabled = taocan.MaxSegments, false })
		marketing := f.newAlertRule(alpha, at.Add(time.Microsecond), forPurpose(taocan.Marketing))
		general := f.newAlertRule(alpha, at, forPurpose(taocan.General))
		everywhere, hk, us := f.newAlertRule(alpha, at, abroad("")), f.newAlertRule(alpha, at, abroad("HK")), f.newAlertRule(alpha, at, abroad("US"))
		f.setAlertRules(alpha, us, general, everywhere, marketing, hk, verification)
		same(f, "rules", f.alertRules(alpha), []taocan.AlertRule{verification, marketing, general, everywhere, hk, us})
	}},
	{"new alert rules take the place of all old ones, in the transaction at once", func(f *fixture) {
		f.open(alpha)
		old := f.newAlertRule(alpha, f.clock.Now())
		f.setAlertRules(alpha, old, f.newAlertRule(alpha, f.clock.Now(), abroad("HK")))
		changed := f.newAlertRule(alpha, f.clock.Now().Add(time.Hour), func(r *taocan.AlertRule) { r.Threshold = 1 })
		f.update(alpha.Account, func(ctx context.Context, tx store.Tx) error {
			if err := tx.ReplaceAlertRules(ctx, alpha, []taocan.AlertRule{changed}); err != nil {
				return err
			}
			got, err := tx.AlertRules(ctx, alpha)
			same(f, "rules seen by their own transaction", got, []taocan.AlertRule{changed})
			return err
		})
		same(f, "rules", f.alertRules(alpha), []taocan.AlertRule{changed})
		f.setAlertRules(alpha)
		same(f, "rules after none were set", f.alertRules(alpha), []taocan.AlertRule{})
	}},
	{"refused alert rules leave the old ones", func(f *fixture) {
		f.open(alpha, alphaOther)
		old := f.newAlertRule(alpha, f.clock.Now())
		f.setAlertRules(alpha, old)
		for _, tt := range []struct {
			name  string
			kind  error // nil: any
			rules []taocan.AlertRule
		}{
			{"two rules for one target", taocan.ErrConflict, []taocan.AlertRule{f.newAlertRule(alpha, start), f.newAlertRule(alpha, start)}},
			{"a rule of another project", nil, []taocan.AlertRule{f.newAlertRule(alphaOther, start)}},
			{"a threshold of nothing", nil, []taocan.AlertRule{f.newAlertRule(alpha, start, func(r *taocan.AlertRule) { r.Threshold = 0 })}},
			{"a domestic rule for a country", nil, []taocan.AlertRule{f.newAlertRule(alpha, start, func(r *taocan.AlertRule) { r.Country = "HK" })}},
			{"a rule for marketing abroad", nil, []taocan.AlertRule{f.newAlertRule(alpha, start, abroad(""), forPurpose(taocan.Marketing))}},
		} {
			f.Logf("%s", tt.name)
			f.refuse(alpha.Account, tt.kind, func(ctx context.Context, tx store.Tx) error { return tx.ReplaceAlertRules(ctx, alpha, tt.rules) })
			same(f, "rules after "+tt.name, f.alertRules(alpha), []taocan.AlertRule{old})
		}
	}},
	{"alert rules are seen and replaced by their own tenant only", func(f *fixture) {
		f.open(alpha, alphaOther, beta)
		mine := f.newAlertRule(alpha, f.clock.Now())
		f.setAlertRules(alpha, mine)
		for _, t := range []taocan.Tenant{alphaOther, beta, {Account: "beta", Project: alpha.Project}, {Account: "alpha", Project: beta.Project},
			{Account: "alpha"}, {Project: alpha.Project}, {}} {
			same(f, "rules of another tenant", f.alertRules(t), []taocan.AlertRule{})
			if t.Account != "" {
				f.setAlertRules(t) // removes all of t's
			}
		}
		theirs := f.newAlertRule(beta, f.clock.Now(), abroad(""))
		f.setAlertRules(beta, theirs)
		f.refuse("", nil, func(ctx context.Context, tx store.Tx) error { // an account with another's project
			crossed := taocan.Tenant{Account: "beta", Project: alpha.Project}
			return tx.ReplaceAlertRules(ctx, crossed, []taocan.AlertRule{f.newAlertRule(crossed, f.clock.Now())})
		})
		same(f, "mine", f.alertRules(alpha), []taocan.AlertRule{mine})
		same(f, "theirs", f.alertRules(beta), []taocan.AlertRule{theirs})
	}},
	{"alert rules are settings: no commit records them", func(f *fixture) {
		f.open(alpha)
		f.put(f.newPackage(alpha, f.clock.Now()))
		before := f.everything(alpha)
		f.setAlertRules(alpha, f.newAlertRule(alpha, f.clock.Now()))
		same(f, "ledger", f.everything(alpha), before)
	}},
	{"rules of every kind and unit stand beside each other, with their channels", func(f *fixture) {
		f.open(alpha)
		at := f.clock.Now()
		messages := f.newAlertRule(alpha, at, func(r *taocan.AlertRule) { r.Channels = []taocan.ChannelID{"chn_2", "chn_1"} })
		percent := f.newAlertRule(alpha, at, watching(taocan.AlertRemaining, taocan.InPercent, 10))
		days := f.newAlertRule(alpha, at, watching(taocan.AlertRemaining, taocan.InDays, 7))
		today := f.newAlertRule(alpha, at, watching(taocan.AlertUsageDay, taocan.InMessages, 5))
		month := f.newAlertRule(alpha, at, watching(taocan.AlertUsageMonth, taocan.InMessages, 50))
		expiring := f.newAlertRule(alpha, at, watching(taocan.AlertExpiring, taocan.InDays, 14))
		forecast := f.newAlertRule(alpha, at, watching(taocan.AlertForecast, taocan.InDays, 30))
		marketing := f.newAlertRule(alpha, at, forPurpose(taocan.Marketing))
		f.setAlertRules(alpha, marketing, forecast, expiring, month, today, days, percent, messages)
		same(f, "rules", f.alertRules(alpha), []taocan.AlertRule{messages, percent, days, today, month, expiring, forecast, marketing})
	}},
	{"a rule's state lasts as long as the rule is enabled, and is its own tenant's", func(f *fixture) {
		f.open(alpha, beta)
		rule, gone := f.newAlertRule(alpha, f.clock.Now()), f.newAlertRule(alpha, f.clock.Now(), abroad(""))
		f.setAlertRules(alpha, rule, gone)
		same(f, "at first", f.alertStates(alpha), []taocan.AlertState{})
		low := taocan.AlertState{Rule: rule.ID(), Level: 1000, Low: true, Since: start, Reminders: 2, ToldAt: start.Add(time.Hour), Period: "2026-03"}
		f.setAlertStates(alpha, taocan.AlertState{Rule: gone.ID()}, low)
		same(f, "states", f.alertStates(alpha), []taocan.AlertState{low, {Rule: gone.ID()}})
		same(f, "another's", f.alertStates(beta), []taocan.AlertState{})
		low.Low, low.Reminders = false, 0
		f.setAlertStates(alpha, low)
		rule.Threshold = 5
		f.setAlertRules(alpha, rule)
		same(f, "after the rule has changed and the other is gone", f.alertStates(alpha), []taocan.AlertState{low})
		rule.Enabled = false
		f.setAlertRules(alpha, rule)
		same(f, "after the rule is off", f.alertStates(alpha), []taocan.AlertState{})
	}},
	{"rules are due when they are set, and again when a look says so", func(f *fixture) {
		f.open(alpha, beta)
		rule := f.newAlertRule(alpha, f.clock.Now())
		f.setAlertRules(alpha, rule)
		same(f, "due", f.dueAlerts(), []store.AlertDue{{Tenant: alpha}})
		next := f.clock.Now().Add(time.Hour)
		f.settleAlerts(alpha, next)
		same(f, "due after the look", f.dueAlerts(), []store.AlertDue(nil))
		same(f, "when", get(f, func(ctx context.Context, r store.Reader) (store.AlertDue, error) { return r.AlertDue(ctx, alpha) }),
			store.AlertDue{Tenant: alpha, At: next})
		f.clock.Set(next)
		f.setAlertRules(beta, f.newAlertRule(beta, f.clock.Now()))
		same(f, "due then, the longest first", f.dueAlerts(), []store.AlertDue{{Tenant: alpha}, {Tenant: beta}})
		same(f, "a piece", len(f.alertsDue(1)), 1)
		rule.Enabled = false
		f.setAlertRules(alpha, rule)
		same(f, "with the rule off", f.dueAlerts(), []store.AlertDue{{Tenant: beta}})
		f.settleAlerts(beta, time.Time{})
		same(f, "settled for good", f.dueAlerts(), []store.AlertDue(nil))
	}},
	{"rules are due when packages come or change, and remember that something was added until they are looked at", func(f *fixture) {
		f.open(alpha, beta)
		p := f.put(f.newPackage(beta, f.clock.Now()))[0]
		same(f, "without rules", f.dueAlerts(), []store.AlertDue(nil))
		f.setAlertRules(beta, f.newAlertRule(beta, f.clock.Now()))
		later := f.clock.Now().Add(time.Hour)
		f.settleAlerts(beta, later)
		adjust := func(delta taocan.Segments) {
			f.update(beta.Account, func(ctx context.Context, tx store.Tx) error {
				return tx.AdjustPackage(ctx, beta, p.Number, delta, "test")
			})
		}
		adjust(-1)
		same(f, "less", f.dueAlerts(), []store.AlertDue{{Tenant: beta}})
		f.put(f.newPackage(beta, f.clock.Now()))
		adjust(-1)
		same(f, "more, then less", f.dueAlerts(), []store.AlertDue{{Tenant: beta, Bought: true}})
		f.settleAlerts(beta, later)
		adjust(+1)
		same(f, "an adjustment", f.dueAlerts(), []store.AlertDue{{Tenant: beta, Bought: true}})
	}},
	{"held is all that packages had until they expire", func(f *fixture) {
		f.open(alpha, alphaOther)
		at := f.clock.Now()
		f.put(f.newPackage(alpha, at, func(p *taocan.Package) { p.Total, p.Remaining, p.Used = 1000, 0, 1000 }))
		p := f.put(f.newPackage(alpha, at, func(p *taocan.Package) { p.Total, p.ExpiresAt = 10, at.Add(time.Hour) }))[0]
		hk := f.put(f.newPackage(alpha, at, func(p *taocan.Package) {
			p.Category, p.Purpose, p.Country, p.Total, p.ExpiresAt = taocan.International, taocan.General, "HK", 7, at.Add(2*time.Hour)
		}))[0]
		f.put(f.newPackage(alphaOther, at))
		f.update(alpha.Account, func(ctx context.Context, tx store.Tx) error {
			return tx.AdjustPackage(ctx, alpha, p.Number, -3, "test")
		})
		held := func() []store.TargetSum {
			return get(f, func(ctx context.Context, r store.Reader) ([]store.TargetSum, error) {
				return r.Held(ctx, alpha, f.clock.Now())
			})
		}
		next := func() time.Time {
			return get(f, func(ctx context.Context, r store.Reader) (time.Time, error) {
				return r.NextExpiry(ctx, alpha, f.clock.Now())
			})
		}
		verification := store.TargetSum{Category: taocan.Domestic, Purpose: taocan.Verification, Quantity: 1007}
		abroad := store.TargetSum{Category: taocan.International, Purpose: taocan.General, Country: "HK", Quantity: 7}
		same(f, "held", held(), []store.TargetSum{verification, abroad})
		same(f, "next expiry", next(), p.ExpiresAt)
		f.clock.Set(p.ExpiresAt)
		verification.Quantity = 1000
		same(f, "held after an expiry", held(), []store.TargetSum{verification, abroad})
		same(f, "the one after", next(), hk.ExpiresAt)
		f.clock.Set(at.AddDate(1, 0, 0))
		same(f, "held after all", held(), []store.TargetSum{})
		same(f, "none is next", next(), time.Time{})
	}},
	{"a rule on use has what is taken counted, from before it was set, by day and month", func(f *fixture) {
		f.open(alpha)
		p := f.put(f.newPackage(alpha, f.clock.Now()))[0]
		f.commit(p.Number, taocan.EntryDebit, takeOp(alpha, "m-1", 5))
		metered := func(period string) []store.TargetSum {
			return get(f, func(ctx context.Context, r store.Reader) ([]store.TargetSum, error) {
				return r.Metered(ctx, alpha, period)
			})
		}
		today := f.clock.Now().Format(time.DateOnly)
		f.setAlertRules(alpha, f.newAlertRule(alpha, f.clock.Now()))
		same(f, "without such a rule", metered(today), []store.TargetSum{})
		f.commit(p.Number, taocan.EntryDebit, takeOp(alpha, "m-2", 6))
		f.setAlertRules(alpha, f.newAlertRule(alpha, f.clock.Now(), watching(taocan.AlertUsageDay, taocan.InMessages, 5)))
		want := []store.TargetSum{{Category: taocan.Domestic, Purpose: taocan.Verification, Quantity: 11}}
		same(f, "of the day", metered(today), want)
		same(f, "of the month", metered(today[:len("2006-01")]), want)
		same(f, "of another day", metered("2020-01-01"), []store.TargetSum{})
	}},
}
