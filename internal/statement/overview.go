package statement

import (
	"context"
	"fmt"
	"slices"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// maxOverview bounds how many months an overview spans; defaultOverview is how many it spans where nobody says.
const (
	maxOverview     = 24
	defaultOverview = 3
)

// topCustomers is how many an overview names.
const topCustomers = 10

// Overview is how the platform does, for its staff.
type Overview struct {
	At          time.Time
	Months      []OverviewMonth // the oldest first
	Liabilities store.Liabilities
	Customers   []store.Customer // who paid most in cash and on credit over all of the months
}

// OverviewMonth is one natural month; the last may be running.
type OverviewMonth struct {
	Month
	store.PlatformSpan
}

// Overview of the months from one to another, both as 2006-01; empty ones mean the last three. It shows figures as they
// now stand: what has expired unused is taken out again by an extension.
func (s *Statements) Overview(ctx context.Context, actor taocan.Actor, from, to string) (Overview, error) {
	if err := actor.OperatorOnly(); err != nil {
		return Overview{}, fmt.Errorf("overview: %w", err)
	}
	now := s.clock.Now()
	months, err := s.spanned(from, to, now)
	if err != nil {
		return Overview{}, err
	}
	bounds := []time.Time{months[0].From}
	for _, m := range months {
		bounds = append(bounds, m.Until)
	}
	o := Overview{At: now}
	err = s.store.View(ctx, func(r store.Reader) error {
		o.Months = nil
		spans, err := r.PlatformSpans(ctx, bounds, now)
		if err != nil {
			return err
		}
		for i, x := range spans {
			o.Months = append(o.Months, OverviewMonth{months[i], x})
		}
		if o.Liabilities, err = r.Liabilities(ctx, now); err != nil {
			return err
		}
		o.Customers, err = r.TopCustomers(ctx, bounds[0], bounds[len(bounds)-1], topCustomers)
		return err
	})
	if err != nil {
		return Overview{}, fmt.Errorf("overview: %w", err)
	}
	return o, nil
}

// spanned lists the months that were asked for, the oldest first.
func (s *Statements) spanned(from, to string, now time.Time) ([]Month, error) {
	last := s.monthOf(now, now)
	if to != "" {
		t, err := s.queryMonth("query.to", to)
		if err != nil {
			return nil, err
		}
		if t.After(now) {
			return nil, taocan.Invalid("query.to", "has not begun", to)
		}
		last = s.monthOf(t, now)
	}
	first := last.From.In(s.zone).AddDate(0, 1-defaultOverview, 0)
	if from != "" {
		var err error
		if first, err = s.queryMonth("query.from", from); err != nil {
			return nil, err
		}
		if first.After(last.From) {
			return nil, taocan.Invalid("query.from", "lies after the last month", from)
		}
	}
	var list []Month
	for m := last; !m.From.Before(first); m = s.monthOf(m.From.Add(-time.Microsecond), now) {
		if len(list) == maxOverview {
			return nil, taocan.Invalid("query.from", fmt.Sprintf("must be at most %d months before the last one", maxOverview-1), from)
		}
		list = append(list, m)
	}
	slices.Reverse(list)
	return list, nil
}

func (s *Statements) queryMonth(location, name string) (time.Time, error) {
	t, err := time.ParseInLocation(monthForm, name, s.zone)
	if err != nil || t.Format(monthForm) != name || t.Year() < 1970 {
		return time.Time{}, taocan.Invalid(location, "must be a month, like 2006-01", name)
	}
	return t, nil
}
