package statement

import (
	"time"

	"taocan/internal/taocan"
)

// settle is how long after its end a month is over: longer than any commit takes, and than clocks are usually wrong by.
const settle = 5 * time.Minute

// monthForm is how a month is written: 2006-01.
const monthForm = "2006-01"

// Month is a natural month of the platform's zone.
type Month struct {
	Name        string    // 2006-01
	From, Until time.Time // the first instant of it, and of the next one
	Over        bool      // nothing can be added to it any more
}

// monthOf is the month of an instant, as seen at now.
func (s *Statements) monthOf(t, now time.Time) Month {
	local := t.In(s.zone)
	from := time.Date(local.Year(), local.Month(), 1, 0, 0, 0, 0, s.zone)
	until := time.Date(local.Year(), local.Month()+1, 1, 0, 0, 0, 0, s.zone)
	return Month{local.Format(monthForm), from.UTC(), until.UTC(), !now.Before(until.Add(settle))}
}

// parseMonth reads 2006-01. A month before somebody was there, or that has not begun, is not found.
func (s *Statements) parseMonth(name string, since, now time.Time) (Month, error) {
	t, err := time.ParseInLocation(monthForm, name, s.zone)
	if err != nil || t.Format(monthForm) != name {
		return Month{}, taocan.Invalid("path.month", "must be a month, like 2006-01", name)
	}
	m := s.monthOf(t, now)
	if !m.Until.After(since) || m.From.After(now) {
		return Month{}, taocan.ErrNotFound
	}
	return m, nil
}

// months from the first that somebody was there to the running one, the newest first.
func (s *Statements) months(since, now time.Time) []Month {
	var list []Month
	for m := s.monthOf(now, now); m.Until.After(since) && len(list) < maxMonths; m = s.monthOf(m.From.Add(-time.Microsecond), now) {
		list = append(list, m)
	}
	return list
}

// maxMonths bounds the list of months: a hundred years.
const maxMonths = 1200
