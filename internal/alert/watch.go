package alert

import (
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Watch looks at the projects that a group commit has changed, and puts what there is to tell into the same commit. It is
// pure: the debit engine runs it on its ledger, between deciding and writing. Whatever no debit sets off is the Worker's.
func Watch(l *store.Ledger) {
	for _, t := range l.Watched() {
		w, now := l.Watch(t), l.At(t.Account)
		for _, r := range w.Rules {
			watchRule(l, t, r, now)
		}
		for _, limit := range w.Limits {
			watchLimit(l, t, limit, w.Told)
		}
		for _, x := range w.TopUps {
			if !x.Called && l.Left(t, x.Category, x.Purpose, x.Country) < x.Level {
				l.CallTopUp(t, x)
			}
		}
	}
}

func watchRule(l *store.Ledger, t taocan.Tenant, r *store.WatchedRule, now time.Time) {
	rule, s := r.AlertRule, r.State
	rule.Tenant = t
	var event taocan.NoticeEvent
	var taken taocan.Segments
	if onUse(rule) {
		taken = l.Taken(t, rule.Category, rule.Purpose, rule.Country, periodOf(rule))
		s, event = judgeUse(rule, s, taken, l.PeriodOf(t, periodOf(rule)), now)
	} else {
		if s.Level = levelOf(rule, s); s.Level == 0 { // the worker has not worked it out yet
			return
		}
		s, event = judgeLeft(s, l.Left(t, rule.Category, rule.Purpose, rule.Country), false, now)
	}
	if event == "" {
		return
	}
	n := noticeOf(rule, s, event)
	n.Facts.Remaining = l.Left(t, rule.Category, rule.Purpose, rule.Country)
	n.Facts.Taken, n.Facts.Period = taken, s.Period
	l.Notify(n)
	l.SetAlertState(t, r, s)
}

// watchLimit tells once in a period that use rose above the warning of a usage limit.
func watchLimit(l *store.Ledger, t taocan.Tenant, limit taocan.UsageLimit, told map[taocan.AlertID]string) {
	if limit.Warning == 0 {
		return
	}
	period := l.PeriodOf(t, limit.Period)
	if told[store.LimitID(limit)] == period {
		return
	}
	taken := l.Taken(t, limit.Category, limit.Purpose, limit.Country, limit.Period)
	if taken <= limit.Warning {
		return
	}
	l.Notify(taocan.Notice{Tenant: t, Event: taocan.NoticeLimit, Facts: taocan.NoticeFacts{Category: limit.Category, Purpose: limit.Purpose,
		Country: limit.Country, Unit: taocan.InMessages, Threshold: limit.Warning, Remaining: leftUnder(l, t, limit), Taken: taken,
		Period: period}})
	l.TellLimit(t, limit, period)
}

// leftUnder is what is left of everything that a limit counts.
func leftUnder(l *store.Ledger, t taocan.Tenant, limit taocan.UsageLimit) (left taocan.Segments) {
	purposes := []taocan.Purpose{limit.Purpose}
	if limit.Purpose == "" && limit.Category == taocan.Domestic {
		purposes = taocan.Purposes
	}
	for _, p := range purposes {
		left += l.Left(t, limit.Category, p, limit.Country)
	}
	return left
}
