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
	f.update("", func(ctx context.Context, tx store.Tx) error { return tx.ReplaceAlertRules(ctx, t, rules) })
}

func (f *fixture) alertRules(t taocan.Tenant) []taocan.AlertRule {
	f.Helper()
	return get(f, func(ctx context.Context, r store.Reader) ([]taocan.AlertRule, error) { return r.AlertRules(ctx, t) })
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
		f.update("", func(ctx context.Context, tx store.Tx) error {
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
			f.refuse("", tt.kind, func(ctx context.Context, tx store.Tx) error { return tx.ReplaceAlertRules(ctx, alpha, tt.rules) })
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
			f.setAlertRules(t) // removes all of t's
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
}
