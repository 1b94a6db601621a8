package packages

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// The rule is written down, with an example, in docs/forecast.md.

// ForecastDays is how many whole natural days before today a forecast takes its average from.
const ForecastDays = 7

// maxExpiring bounds how many packages one forecast names.
const maxExpiring = 100

// Outlook says how a forecast ends.
type Outlook string

// The outlooks.
const (
	OutlookUnused  Outlook = "unused"   // nothing was used lately, so nothing is taken until it expires
	OutlookRunsOut Outlook = "runs_out" // use takes all that pays for it
	OutlookExpires Outlook = "expires"  // the last of what pays for it expires before it is used up
)

// Forecast is what becomes of the packages of one category, purpose and country if use goes on as it was.
type Forecast struct {
	Category       taocan.Category
	Purpose        taocan.Purpose // of the packages
	Country        taocan.Country // international only
	Remaining      taocan.Segments
	Used           taocan.Segments // from these packages in the last ForecastDays whole natural days
	Outlook        Outlook
	RunsOutOn      string          // the first date whose use is not covered; empty unless Outlook is OutlookRunsOut
	ExpiringUnused []Expiring      // soonest first, at most maxExpiring of them
	ExpiringTotal  taocan.Segments // of all packages
}

// Expiring is what would be left in a package on its last day.
type Expiring struct {
	Package   taocan.PackageNumber
	ExpiresOn string
	Quantity  taocan.Segments
}

// PerDay is the average use of a day with one decimal, rounded half up: "12.3".
func (f Forecast) PerDay() string {
	tenths := (2*10*f.Used + ForecastDays) / (2 * ForecastDays)
	return fmt.Sprintf("%d.%d", tenths/10, tenths%10)
}

// Forecast tells for every category, purpose and country that has an active package, or was used in the last week,
// when it runs out and what will expire unused. Domestic comes first, then countries, each in the order of
// taocan.Purposes.
func (p *Packages) Forecast(ctx context.Context, t taocan.Tenant) ([]Forecast, error) {
	now := p.clock.Now().In(p.zone)
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, p.zone)
	var used []store.UsageRow
	var active []taocan.Package
	err := p.store.View(ctx, func(r store.Reader) (err error) {
		if used, err = r.Usage(ctx, t, today.AddDate(0, 0, -ForecastDays), today, p.zone); err != nil {
			return err
		}
		active, err = activePackages(ctx, r, t, now)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("forecast of project %s: %w", t.Project, err)
	}
	return forecast(active, used, now, p.zone), nil
}

func activePackages(ctx context.Context, r store.Reader, t taocan.Tenant, now time.Time) ([]taocan.Package, error) {
	// One page, almost always: every page counts the list anew.
	f := store.PackageFilter{Statuses: []taocan.Status{taocan.Active}, Sort: "expires_at", Now: now, Paging: store.Paging{Limit: store.CountLimit}}
	var all []taocan.Package
	for {
		page, err := r.Packages(ctx, t, f)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if f.Cursor = page.Next; f.Cursor == "" {
			return all, nil
		}
	}
}

// Places in taocan.Purposes, and how many there are.
const (
	generalAt    = 2
	purposeCount = 3
)

// market is what shares packages: everything of one category and country. Its arrays go by place in taocan.Purposes.
type market struct {
	known     [purposeCount]bool // has a package or use
	remaining [purposeCount]taocan.Segments
	stocks    [purposeCount][]stock         // in the order of use
	week      [purposeCount]taocan.Segments // used in ForecastDays days; so also the use of one day, in parts
}

// stock is a package as a forecast sees it. A part is 1/ForecastDays of a message: in parts the average use of a day
// is a whole number, and nothing is lost to rounding.
type stock struct {
	number taocan.PackageNumber
	days   int64 // on which it works, today included
	parts  taocan.Segments
}

// fate is what a simulation finds out about one purpose.
type fate struct {
	outlook  Outlook
	day      int64   // of OutlookRunsOut: the first whose use is not covered, today being 0
	expiring []stock // with what is left of them
}

type marketKey struct {
	category taocan.Category
	country  taocan.Country
}

// forecast is pure: active packages, what was used of which purpose, and the instant.
func forecast(active []taocan.Package, used []store.UsageRow, now time.Time, zone *time.Location) []Forecast {
	slices.SortFunc(active, func(a, b taocan.Package) int { // the order of use
		return cmp.Or(a.ExpiresAt.Compare(b.ExpiresAt), a.PurchasedAt.Compare(b.PurchasedAt), cmp.Compare(a.Number, b.Number))
	})
	markets := map[marketKey]*market{}
	at := func(c taocan.Category, country taocan.Country, p taocan.Purpose) (*market, int) {
		k, i := marketKey{c, country}, slices.Index(taocan.Purposes, p)
		if markets[k] == nil {
			markets[k] = &market{}
		}
		markets[k].known[i] = true
		return markets[k], i
	}
	for _, x := range active {
		m, i := at(x.Category, x.Country, x.Purpose)
		days := dayNumber(x.ExpiresAt.Add(-time.Microsecond), zone) - dayNumber(now, zone) + 1
		m.stocks[i] = append(m.stocks[i], stock{x.Number, days, ForecastDays * x.Remaining})
		m.remaining[i] += x.Remaining
	}
	for _, u := range used {
		m, i := at(u.Category, u.Country, u.Purpose)
		m.week[i] += u.Used
	}

	var all []Forecast
	rest, whole := minutesOf(now, zone)
	for _, k := range slices.SortedFunc(maps.Keys(markets), func(a, b marketKey) int {
		return cmp.Or(cmp.Compare(a.category, b.category), cmp.Compare(a.country, b.country))
	}) {
		m := markets[k]
		for i, fate := range m.simulate(rest, whole) {
			if !m.known[i] {
				continue
			}
			f := Forecast{Category: k.category, Purpose: taocan.Purposes[i], Country: k.country,
				Remaining: m.remaining[i], Used: m.week[i], Outlook: fate.outlook}
			if fate.outlook == OutlookRunsOut {
				f.RunsOutOn = dateAfter(now, zone, fate.day)
			}
			for _, x := range fate.expiring {
				left := x.parts / ForecastDays // a message begun counts as used
				if f.ExpiringTotal += left; left > 0 && len(f.ExpiringUnused) < maxExpiring {
					f.ExpiringUnused = append(f.ExpiringUnused, Expiring{x.number, dateAfter(now, zone, x.days-1), left})
				}
			}
			all = append(all, f)
		}
	}
	return all
}

// simulate lets use go on until all that pays for it is gone. Of today only rest of whole minutes are still to come.
// It goes by stretches of days in which every purpose keeps to one package, so its cost is that of the number of
// packages, not of days. It uses the market up.
func (m *market) simulate(rest, whole int64) [purposeCount]fate {
	s := simulation{market: m, today: func(use taocan.Segments) taocan.Segments { return use * taocan.Segments(rest) / taocan.Segments(whole) }}
	for i, week := range m.week {
		s.fates[i].outlook = OutlookUnused
		if week > 0 {
			s.open = append(s.open, i)
		}
	}
	for len(s.open) > 0 {
		s.dawn()
		if !s.stretch() {
			s.spendDay()
		}
	}
	for pool := range m.stocks { // nobody uses what is left
		for len(m.stocks[pool]) > 0 {
			s.pass(pool)
		}
	}
	return s.fates
}

// simulation is under way: the stocks of its market are moved on, and what is in them grows less.
type simulation struct {
	*market
	fates [purposeCount]fate
	open  []int // purposes whose use is covered up to day
	day   int64
	today func(use taocan.Segments) taocan.Segments // what of a day's use is still to come today
}

// first is the pool and the package that pays for a purpose now: one of exactly that purpose, else a general one.
func (s *simulation) first(i int) (int, *stock) {
	for _, pool := range []int{i, generalAt} {
		if len(s.stocks[pool]) > 0 {
			return pool, &s.stocks[pool][0]
		}
	}
	return 0, nil
}

// pass is done with the first package of a pool.
func (s *simulation) pass(pool int) {
	if x := s.stocks[pool][0]; x.parts > 0 {
		s.fates[pool].expiring = append(s.fates[pool].expiring, x)
	}
	s.stocks[pool] = s.stocks[pool][1:]
}

// dawn lets packages expire as a day begins, and ends the purposes that nothing pays for any more.
func (s *simulation) dawn() {
	var lapsed [purposeCount]bool // something of this pool expired unused just now, not within the last stretch
	for pool := range s.stocks {
		for len(s.stocks[pool]) > 0 {
			x := s.stocks[pool][0]
			if x.parts > 0 && x.days > s.day {
				break
			}
			lapsed[pool] = lapsed[pool] || x.parts > 0 && x.days == s.day
			s.pass(pool)
		}
	}
	s.open = slices.DeleteFunc(s.open, func(i int) bool {
		if _, x := s.first(i); x != nil {
			return false
		}
		if lapsed[i] || lapsed[generalAt] {
			s.fates[i].outlook = OutlookExpires
		} else {
			s.fates[i].outlook, s.fates[i].day = OutlookRunsOut, s.day
		}
		return true
	})
}

// stretch goes on for as many whole days as everybody keeps to the package that pays now, if that is any.
func (s *simulation) stretch() bool {
	if s.day == 0 || len(s.open) == 0 {
		return false
	}
	rates := map[*stock]taocan.Segments{}
	for _, i := range s.open {
		_, x := s.first(i)
		rates[x] += s.week[i]
	}
	days := int64(math.MaxInt64)
	for x, rate := range rates {
		days = min(days, x.days-s.day, int64(x.parts/rate))
	}
	for x, rate := range rates {
		x.parts -= rate * taocan.Segments(days)
	}
	s.day += days
	return days > 0
}

// spendDay is today, or a day on which some package is used up: purpose by purpose.
func (s *simulation) spendDay() {
	s.open = slices.DeleteFunc(s.open, func(i int) bool {
		missing := s.week[i]
		if s.day == 0 {
			missing = s.today(missing)
		}
		for missing > 0 {
			pool, x := s.first(i)
			if x == nil {
				s.fates[i].outlook, s.fates[i].day = OutlookRunsOut, s.day
				return true
			}
			taken := min(missing, x.parts)
			missing -= taken
			if x.parts -= taken; x.parts == 0 {
				s.pass(pool)
			}
		}
		return false
	})
	s.day++
}

// minutesOf the day in the zone: how many are still to come, and how many it has. Days on which clocks are changed
// are longer or shorter than others.
func minutesOf(now time.Time, zone *time.Location) (rest, whole int64) {
	y, mo, d := now.In(zone).Date()
	from, until := time.Date(y, mo, d, 0, 0, 0, 0, zone), time.Date(y, mo, d+1, 0, 0, 0, 0, zone)
	return int64(until.Sub(now) / time.Minute), int64(until.Sub(from) / time.Minute)
}

// dayNumber counts calendar days.
func dayNumber(t time.Time, zone *time.Location) int64 {
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60)
}

func dateAfter(now time.Time, zone *time.Location, days int64) string {
	y, m, d := now.In(zone).Date()
	return time.Date(y, m, d+int(days), 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
}
