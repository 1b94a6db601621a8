package packages

import (
	"cmp"
	"context"
	"fmt"
	"maps"
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
	f := store.PackageFilter{Statuses: []taocan.Status{taocan.Active}, Sort: "expires_at", Now: now, Paging: store.Paging{Limit: 1000}}
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
// packages, not of days.
func (m *market) simulate(rest, whole int64) (fates [purposeCount]fate) {
	stocks := m.stocks // its slices are moved on and their elements changed: the market is used up
	var open []int
	for i, week := range m.week {
		fates[i].outlook = OutlookUnused
		if week > 0 {
			open = append(open, i)
		}
	}
	// first is the package that pays for a purpose now: of exactly that purpose, else a general one.
	first := func(i int) *stock {
		for _, pool := range []int{i, generalAt} {
			if len(stocks[pool]) > 0 {
				return &stocks[pool][0]
			}
		}
		return nil
	}
	pass := func(pool int) { // the first package is done with
		if x := stocks[pool][0]; x.parts > 0 {
			fates[pool].expiring = append(fates[pool].expiring, x)
		}
		stocks[pool] = stocks[pool][1:]
	}

	for day := int64(0); len(open) > 0; {
		var lapsed [purposeCount]bool // something of this pool expired unused as the day began, not in a stretch before
		for pool := range stocks {
			for len(stocks[pool]) > 0 && (stocks[pool][0].parts == 0 || stocks[pool][0].days <= day) {
				lapsed[pool] = lapsed[pool] || stocks[pool][0].parts > 0 && stocks[pool][0].days == day
				pass(pool)
			}
		}
		open = slices.DeleteFunc(open, func(i int) bool {
			if first(i) != nil {
				return false
			}
			if lapsed[i] || lapsed[generalAt] {
				fates[i].outlook = OutlookExpires
			} else {
				fates[i].outlook, fates[i].day = OutlookRunsOut, day
			}
			return true
		})

		// How many days everybody keeps to the package that pays now.
		rates, days := map[*stock]taocan.Segments{}, int64(0)
		for _, i := range open {
			rates[first(i)] += m.week[i]
		}
		if day > 0 && len(open) > 0 {
			days = 1 << 62
			for x, rate := range rates {
				days = min(days, x.days-day, int64(x.parts/rate))
			}
		}
		if days > 0 {
			for x, rate := range rates {
				x.parts -= rate * taocan.Segments(days)
			}
			day += days
			continue
		}
		// A day on which some package is used up, or today: purpose by purpose.
		open = slices.DeleteFunc(open, func(i int) bool {
			missing := m.week[i]
			if day == 0 {
				missing = missing * taocan.Segments(rest) / taocan.Segments(whole)
			}
			for x := first(i); x != nil && missing > 0; x = first(i) {
				taken := min(missing, x.parts)
				x.parts -= taken
				if missing -= taken; x.parts == 0 {
					pool := i
					if len(stocks[i]) == 0 {
						pool = generalAt
					}
					pass(pool)
				}
			}
			if missing > 0 {
				fates[i].outlook, fates[i].day = OutlookRunsOut, day
			}
			return missing > 0
		})
		day++
	}
	for pool := range stocks { // nobody uses what is left
		for len(stocks[pool]) > 0 {
			pass(pool)
		}
	}
	return fates
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
