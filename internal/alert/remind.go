package alert

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"taocan/internal/packages"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// steps are the days before the end of a forecast on which it reminds, the last first.
var steps = []int{1, 7, ForecastDays}

// coverDays is how long the packages that expire later must last for one that expires unused to be no news.
const coverDays = 30

// tellWithin is how late a package that expires soon is told of. It has been told by then, so it need not be tried again at
// every look, nor be told anew when the outbox has forgotten its notice.
const tellWithin = 90 * 24 * time.Hour

// stepOf is the step that so many days are within; 0: none yet.
func stepOf(days int) int {
	for _, step := range steps {
		if days <= step {
			return step
		}
	}
	return 0
}

// expiring looks for packages of the rule's target that expire soon with something left.
func (x *look) expiring(ctx context.Context, r taocan.AlertRule, s taocan.AlertState) (taocan.AlertState, error) {
	soon, err := x.expiringBefore(ctx, midnight(x.now, x.zone, int(r.Threshold)+1))
	if err != nil {
		return s, err
	}
	found := false
	for _, p := range soon {
		if !covers(r, p.Category, p.Purpose, p.Country) || p.Remaining == 0 {
			continue
		}
		found = true
		last := lastInstant(p)
		since := midnight(last, x.zone, -int(r.Threshold))
		for _, t := range []time.Time{p.ExistsFrom, r.UpdatedAt} {
			if t.After(since) {
				since = t
			}
		}
		if x.now.Sub(since) > tellWithin {
			continue
		}
		n := noticeOf(r, s, taocan.NoticeExpiring)
		n.Facts.Package, n.Facts.Quantity, n.Facts.On = p.Number, p.Remaining, last.In(x.zone).Format(time.DateOnly)
		n.Facts.Days = daysUntil(n.Facts.On, x.now, x.zone)
		n.Unique = fmt.Sprintf("%s-%s-%s", r.ID(), p.Number, n.Facts.On)
		if err := x.tell(ctx, r, n); err != nil {
			return s, err
		}
	}
	return lowIf(s, found, x.now), nil
}

// expiringBefore lists active packages that expire before the instant, or at it, soonest first.
func (x *look) expiringBefore(ctx context.Context, until time.Time) (soon []taocan.Package, err error) {
	err = eachActive(ctx, x.r, x.tenant, x.now, func(p taocan.Package) bool {
		if p.ExpiresAt.After(until) {
			return false
		}
		soon = append(soon, p)
		return true
	})
	return soon, err
}

// forecast looks at what becomes of the rule's target if use goes on as it was. That something runs out is told at each
// step once, until it no longer does within the first step. That a package will expire unused is told at each step, unless
// those that expire later last for long, or nothing is used at all.
func (x *look) forecast(ctx context.Context, r taocan.AlertRule, s taocan.AlertState) (taocan.AlertState, error) {
	before, told := readSteps(s.Period), map[taocan.Country]int{}
	for _, f := range x.prepared.forecasts {
		if !covers(r, f.Category, f.Purpose, f.Country) {
			continue
		}
		n := noticeOf(r, s, taocan.NoticeRunsOut)
		n.Facts.Country = f.Country
		if f.Outlook == packages.OutlookRunsOut {
			n.Facts.On, n.Facts.Days = f.RunsOutOn, daysUntil(f.RunsOutOn, x.now, x.zone)
			step, last := stepOf(n.Facts.Days), before[f.Country]
			if step > 0 && (last == 0 || step < last) {
				if err := x.tell(ctx, r, n); err != nil {
					return s, err
				}
				last = step
			}
			if step > 0 {
				told[f.Country] = last
			}
		}
		if f.Used == 0 {
			continue
		}
		for _, lost := range f.ExpiringUnused {
			n.Event, n.Facts.On, n.Facts.Days = taocan.NoticeUnused, lost.ExpiresOn, daysUntil(lost.ExpiresOn, x.now, x.zone)
			step := stepOf(n.Facts.Days)
			if step == 0 || x.covered(f, lost.ExpiresOn) {
				continue
			}
			n.Facts.Package, n.Facts.Quantity = lost.Package, lost.Quantity
			n.Unique = fmt.Sprintf("%s-%s-%s-%d", r.ID(), lost.Package, lost.ExpiresOn, step)
			if err := x.tell(ctx, r, n); err != nil {
				return s, err
			}
		}
	}
	s.Period = writeSteps(told)
	return lowIf(s, len(told) > 0, x.now), nil
}

// covered reports whether the packages that expire after the date hold what is used in the coverDays after it.
func (x *look) covered(f packages.Forecast, date string) bool {
	var held taocan.Segments
	for _, p := range x.prepared.active {
		pays := p.Category == f.Category && p.Country == f.Country && (p.Purpose == f.Purpose || p.Purpose == taocan.General)
		if pays && lastInstant(p).In(x.zone).Format(time.DateOnly) > date {
			held += p.Remaining
		}
	}
	return held*packages.ForecastDays >= f.Used*coverDays
}

// lastInstant at which a package can pay.
func lastInstant(p taocan.Package) time.Time { return p.ExpiresAt.Add(-time.Microsecond) }

// eachActive calls fn with a project's active packages, the soonest to expire first, until it has had enough.
func eachActive(ctx context.Context, r store.Reader, t taocan.Tenant, now time.Time, fn func(taocan.Package) bool) error {
	f := store.PackageFilter{Statuses: []taocan.Status{taocan.Active}, Sort: "expires_at", Now: now, Paging: store.Paging{Limit: 1000}}
	for {
		page, err := r.Packages(ctx, t, f)
		if err != nil {
			return err
		}
		for _, p := range page.Items {
			if !fn(p) {
				return nil
			}
		}
		if f.Cursor = page.Next; f.Cursor == "" {
			return nil
		}
	}
}

// daysUntil a date, from today on.
func daysUntil(date string, now time.Time, zone *time.Location) int {
	on, err := time.Parse(time.DateOnly, date)
	if err != nil {
		panic(fmt.Errorf("alert: %q is no date: %w", date, err)) // they are all made by this program
	}
	y, m, d := now.In(zone).Date()
	return int(on.Sub(time.Date(y, m, d, 0, 0, 0, 0, time.UTC)) / (24 * time.Hour))
}

// lowIf is the state with whether what the rule watches for is so.
func lowIf(s taocan.AlertState, low bool, now time.Time) taocan.AlertState {
	if s.Low != low {
		s.Low, s.Since = low, now
	}
	return s
}

// writeSteps is the stored form of the steps that have been told: "7" at home, "HK:7 US:30" abroad.
func writeSteps(told map[taocan.Country]int) string {
	var all []string
	for _, country := range slices.SortedFunc(maps.Keys(told), cmp.Compare) {
		text := strconv.Itoa(told[country])
		if country != "" {
			text = string(country) + ":" + text
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

func readSteps(text string) map[taocan.Country]int {
	told := map[taocan.Country]int{}
	for _, x := range strings.Fields(text) {
		country, number, abroad := strings.Cut(x, ":")
		if !abroad {
			country, number = "", x
		}
		if step, err := strconv.Atoi(number); err == nil {
			told[taocan.Country(country)] = step
		}
	}
	return told
}
