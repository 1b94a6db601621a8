package alert

import (
	"context"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// averageDays is how many whole natural days before today a level in days takes its average from.
const averageDays = 7

// figures are what rules of one project are judged by, read from one snapshot when first asked for.
type figures struct {
	r      store.Reader
	tenant taocan.Tenant
	now    time.Time
	zone   *time.Location

	balances map[taocan.Category]taocan.Balance
	held     []store.TargetSum
	week     []store.UsageRow
	metered  map[string][]store.TargetSum
	read     struct{ held, week bool }
}

func (f *figures) balance(ctx context.Context, c taocan.Category) (taocan.Balance, error) {
	b, read := f.balances[c]
	if read {
		return b, nil
	}
	b, err := f.r.Balance(ctx, f.tenant, c, f.now, time.Time{})
	if err != nil {
		return b, err
	}
	if f.balances == nil {
		f.balances = map[taocan.Category]taocan.Balance{}
	}
	f.balances[c] = b
	return b, nil
}

// level is the threshold of a rule on what is left, in messages, as of now. It is at least 1: nothing left is too little,
// even where nothing was used lately or nothing is held any more.
func (f *figures) level(ctx context.Context, r taocan.AlertRule) (taocan.Segments, error) {
	switch r.Unit {
	case taocan.InPercent:
		if !f.read.held {
			held, err := f.r.Held(ctx, f.tenant, f.now)
			if err != nil {
				return 0, err
			}
			f.held, f.read.held = held, true
		}
		return max(1, ceil(r.Threshold*total(r, f.held), 100)), nil
	case taocan.InDays:
		if err := f.readWeek(ctx); err != nil {
			return 0, err
		}
		var used taocan.Segments
		for _, x := range f.week {
			if covers(r, x.Category, x.Purpose, x.Country) {
				used += x.Used
			}
		}
		return max(1, ceil(r.Threshold*used, averageDays)), nil
	}
	return r.Threshold, nil
}

func (f *figures) readWeek(ctx context.Context) error {
	if f.read.week {
		return nil
	}
	week, err := f.r.Usage(ctx, f.tenant, midnight(f.now, f.zone, -averageDays), midnight(f.now, f.zone, 0), f.zone)
	if err != nil {
		return err
	}
	f.week, f.read.week = week, true
	return nil
}

// taken is what was taken of a rule's target in its period, which is the current one.
func (f *figures) taken(ctx context.Context, r taocan.AlertRule) (taocan.Segments, error) {
	period := periodAt(r, f.now, f.zone)
	sums, read := f.metered[period]
	if !read {
		var err error
		if sums, err = f.r.Metered(ctx, f.tenant, period); err != nil {
			return 0, err
		}
		if f.metered == nil {
			f.metered = map[string][]store.TargetSum{}
		}
		f.metered[period] = sums
	}
	return total(r, sums), nil
}

// covers reports whether a rule looks at packages, or use, of that kind.
func covers(r taocan.AlertRule, c taocan.Category, p taocan.Purpose, country taocan.Country) bool {
	switch {
	case r.Category != c:
		return false
	case c == taocan.Domestic:
		return r.Purpose == p
	}
	return r.Country == "" || r.Country == country
}

func total(r taocan.AlertRule, sums []store.TargetSum) (q taocan.Segments) {
	for _, x := range sums {
		if covers(r, x.Category, x.Purpose, x.Country) {
			q += x.Quantity
		}
	}
	return q
}

// ceil divides and rounds up.
func ceil(q, by taocan.Segments) taocan.Segments { return (q + by - 1) / by }

// midnight is the start of a natural day: of today, or so many days after it.
func midnight(now time.Time, zone *time.Location, days int) time.Time {
	y, m, d := now.In(zone).Date()
	return time.Date(y, m, d+days, 0, 0, 0, 0, zone)
}

// onUse tells rules on use from others.
func onUse(r taocan.AlertRule) bool {
	return r.Kind == taocan.AlertUsageDay || r.Kind == taocan.AlertUsageMonth
}

// periodOf a rule on use.
func periodOf(r taocan.AlertRule) taocan.Period {
	if r.Kind == taocan.AlertUsageMonth {
		return taocan.PerMonth
	}
	return taocan.PerDay
}

// periodAt names the day or month of a rule on use, as store.Ledger.PeriodOf does.
func periodAt(r taocan.AlertRule, now time.Time, zone *time.Location) string {
	if periodOf(r) == taocan.PerMonth {
		return now.In(zone).Format("2006-01")
	}
	return now.In(zone).Format(time.DateOnly)
}
