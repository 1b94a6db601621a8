package alert

import (
	"time"

	"taocan/internal/taocan"
)

const (
	// maxReminders is how often one crossing is told of again.
	maxReminders = 3
	// remindEvery is how long a reminder waits after what was told last.
	remindEvery = 24 * time.Hour
)

// levelOf is the threshold of a rule on what is left, in messages; 0 where it has not been worked out yet, and for other
// kinds.
func levelOf(r taocan.AlertRule, s taocan.AlertState) taocan.Segments {
	switch {
	case r.Kind != taocan.AlertRemaining:
		return 0
	case r.Unit == taocan.InMessages:
		return r.Threshold
	}
	return s.Level
}

// judgeLeft looks at a rule on what is left whose state has its level. It returns where the rule stands now, and what
// there is to tell; nothing where that is empty. bought says that something was added since the last look: then the
// level itself arms the rule again, otherwise it takes a tenth more, so that a balance to and fro around it is not told
// of each time.
func judgeLeft(s taocan.AlertState, left taocan.Segments, bought bool, now time.Time) (taocan.AlertState, taocan.NoticeEvent) {
	switch {
	case !s.Low && left < s.Level:
		s.Low, s.Since, s.Reminders, s.ToldAt = true, now, 0, now
		return s, taocan.NoticeLow
	case s.Low && left >= s.Level && (bought || left >= s.Level+ceil(s.Level, 10)):
		s.Low, s.Since, s.Reminders, s.ToldAt = false, now, 0, now
		return s, taocan.NoticeRecovered
	case s.Low && left < s.Level && s.Reminders < maxReminders && !now.Before(s.ToldAt.Add(remindEvery)):
		s.Reminders++
		s.ToldAt = now
		return s, taocan.NoticeReminder
	}
	return s, ""
}

// remindAt is when judgeLeft next has a reminder to give if nothing changes; zero: never.
func remindAt(s taocan.AlertState, left taocan.Segments) time.Time {
	if s.Low && left < s.Level && s.Reminders < maxReminders {
		return s.ToldAt.Add(remindEvery)
	}
	return time.Time{}
}

// judgeUse looks at a rule on use. It fires once in a period, and once more where the threshold was raised since.
func judgeUse(r taocan.AlertRule, s taocan.AlertState, taken taocan.Segments, period string,
	now time.Time) (taocan.AlertState, taocan.NoticeEvent) {
	if taken <= r.Threshold || s.Period == period && s.Level >= r.Threshold {
		return s, ""
	}
	s.Level, s.Low, s.Since, s.ToldAt, s.Period = r.Threshold, true, now, now, period
	return s, taocan.NoticeUsage
}

// noticeOf is what a rule tells; the caller adds what is left, and figures that only the event has.
func noticeOf(r taocan.AlertRule, s taocan.AlertState, event taocan.NoticeEvent) taocan.Notice {
	n := taocan.Notice{Tenant: r.Tenant, Event: event, Rule: r.ID(), Channels: r.Channels, Facts: taocan.NoticeFacts{Category: r.Category,
		Purpose: r.Purpose, Country: r.Country, Kind: r.Kind, Unit: r.Unit, Threshold: r.Threshold, Level: levelOf(r, s)}}
	if event == taocan.NoticeReminder {
		n.Facts.Nth = s.Reminders
	}
	return n
}
