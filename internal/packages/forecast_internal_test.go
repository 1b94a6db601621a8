package packages

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

func TestPlacesOfPurposes(t *testing.T) {
	if len(taocan.Purposes) != purposeCount || taocan.Purposes[generalAt] != taocan.General {
		t.Errorf("taocan.Purposes is %v: the places of the forecast are wrong", taocan.Purposes)
	}
}

// byDays is the rule of docs/forecast.md as a plain person would follow it, one day after the other. It also counts
// what was used, in parts.
func byDays(m market, rest, whole int64) (fates [purposeCount]fate, used taocan.Segments) {
	stocks, over := m.stocks, [purposeCount]bool{}
	for i := range fates {
		fates[i].outlook, over[i] = OutlookUnused, m.week[i] == 0
	}
	for day := int64(0); len(stocks[0])+len(stocks[1])+len(stocks[2]) > 0 || slices.Contains(over[:], false); day++ {
		var lapsed [purposeCount]bool
		for pool := range stocks {
			stocks[pool] = slices.DeleteFunc(stocks[pool], func(x stock) bool {
				if x.days > day {
					return false
				}
				if x.parts > 0 {
					fates[pool].expiring, lapsed[pool] = append(fates[pool].expiring, x), true
				}
				return true
			})
		}
		left := func(i int) (parts taocan.Segments) {
			for _, pool := range slices.Compact([]int{i, generalAt}) {
				for _, x := range stocks[pool] {
					parts += x.parts
				}
			}
			return parts
		}
		var emptyAtDawn [purposeCount]bool
		for i := range over { // before anybody has used anything
			if !over[i] && left(i) == 0 && (lapsed[i] || lapsed[generalAt]) {
				fates[i].outlook, over[i] = OutlookExpires, true
			}
			emptyAtDawn[i] = left(i) == 0
		}
		for i, week := range m.week {
			if over[i] {
				continue
			}
			missing := week
			if day == 0 {
				missing = week * taocan.Segments(rest) / taocan.Segments(whole)
			}
			short := left(i) < missing || emptyAtDawn[i]
			for _, pool := range []int{i, generalAt} {
				for j := range stocks[pool] {
					taken := min(missing, stocks[pool][j].parts)
					stocks[pool][j].parts -= taken
					missing, used = missing-taken, used+taken
				}
			}
			if short {
				fates[i].outlook, fates[i].day, over[i] = OutlookRunsOut, day, true
			}
		}
	}
	return fates, used
}

// TestForecastAgreesWithAPlainModel: leaping over days gives what going day by day gives, nothing is lost, and no more
// expires than there was.
func TestForecastAgreesWithAPlainModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m market
		var there taocan.Segments
		before := map[taocan.PackageNumber]taocan.Segments{}
		for i := range m.stocks {
			m.week[i] = taocan.Segments(rapid.SampledFrom([]int64{0, 1, 3, 7, 20, 70, 1000}).Draw(t, "week"))
			days := int64(1)
			for n := range rapid.IntRange(0, 4).Draw(t, "packages") {
				days += int64(rapid.IntRange(0, 40).Draw(t, "days"))
				x := stock{taocan.PackageNumber(fmt.Sprint(i, "-", n)), days, ForecastDays * taocan.Segments(rapid.Int64Range(0, 500).Draw(t, "remaining"))}
				m.stocks[i] = append(m.stocks[i], x)
				before[x.number] = x.parts
				there += x.parts
			}
		}
		rest := rapid.Int64Range(0, 1440).Draw(t, "minutes of today")
		copied := m
		for i := range m.stocks {
			copied.stocks[i] = slices.Clone(m.stocks[i])
		}
		want, used := byDays(copied, rest, 1440)
		got := m.simulate(rest, 1440)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(fate{}, stock{})); diff != "" {
			t.Fatalf("day by day (-) and by stretches (+) differ:\n%s", diff)
		}
		var expired taocan.Segments
		for i, f := range got {
			for _, x := range f.expiring {
				if x.parts <= 0 || x.parts > before[x.number] {
					t.Fatalf("%d parts of %d expire in %s", x.parts, before[x.number], x.number)
				}
				expired += x.parts
			}
			if (f.outlook == OutlookUnused) != (m.week[i] == 0) {
				t.Fatalf("outlook %s with a use of %d", f.outlook, m.week[i])
			}
		}
		if used+expired != there {
			t.Fatalf("%d used + %d expired, but there were %d", used, expired, there)
		}
	})
}

// TestForecastOfManyPackagesAndYears would not end if it went day by day.
func TestForecastOfManyPackagesAndYears(t *testing.T) {
	m := market{week: [purposeCount]taocan.Segments{1, 1, 1}}
	for i := range m.stocks {
		for n := range 1000 {
			m.stocks[i] = append(m.stocks[i], stock{"U", int64(2_000_000 + n), 1_000_000_000 * ForecastDays})
		}
	}
	for i, f := range m.simulate(1, 1440) {
		if f.outlook != OutlookExpires || len(f.expiring) != 1000 {
			t.Errorf("%s: %s, %d packages expire", taocan.Purposes[i], f.outlook, len(f.expiring))
		}
	}
}

// TestForecastStories are days of a project, told and forecast.
func TestForecastStories(t *testing.T) {
	zone := time.FixedZone("UTC+8", 8*60*60)
	midnight := time.Date(2026, 6, 1, 0, 0, 0, 0, zone)
	pack := func(n taocan.PackageNumber, p taocan.Purpose, remaining taocan.Segments, lastDay int) taocan.Package {
		return taocan.Package{Number: n, Category: taocan.Domestic, Purpose: p, Remaining: remaining, ExpiresAt: taocan.EndOfDate(2026, 6, lastDay, zone)}
	}
	use := func(p taocan.Purpose, week taocan.Segments) store.UsageRow {
		return store.UsageRow{Category: taocan.Domestic, Purpose: p, Used: week}
	}
	type row struct {
		Purpose   taocan.Purpose
		PerDay    string
		Outlook   Outlook
		RunsOutOn string
		Expiring  []Expiring
	}
	const v, m, g = taocan.Verification, taocan.Marketing, taocan.General
	tests := []struct {
		name   string
		now    time.Time
		active []taocan.Package
		used   []store.UsageRow
		want   []row
	}{
		{"the worked example of docs/forecast.md", midnight,
			[]taocan.Package{pack("V1", v, 500, 3), pack("V2", v, 300, 30), pack("G1", g, 900, 20)},
			[]store.UsageRow{use(v, 700), use(m, 350)},
			[]row{{v, "100.0", OutlookRunsOut, "2026-06-11", []Expiring{{"V1", "2026-06-03", 200}}},
				{m, "50.0", OutlookRunsOut, "2026-06-11", nil}, {g, "0.0", OutlookUnused, "", nil}}},
		{"nothing was used", midnight, []taocan.Package{pack("V1", v, 500, 3)}, nil,
			[]row{{v, "0.0", OutlookUnused, "", []Expiring{{"V1", "2026-06-03", 500}}}}},
		{"nothing is left", midnight, nil, []store.UsageRow{use(v, 1)}, []row{{v, "0.1", OutlookRunsOut, "2026-06-01", nil}}},
		{"used up by the end of a day: the next one is not covered", midnight, []taocan.Package{pack("V1", v, 300, 30)}, []store.UsageRow{use(v, 700)},
			[]row{{v, "100.0", OutlookRunsOut, "2026-06-04", nil}}},
		{"one message less: that day is not covered", midnight, []taocan.Package{pack("V1", v, 299, 30)}, []store.UsageRow{use(v, 700)},
			[]row{{v, "100.0", OutlookRunsOut, "2026-06-03", nil}}},
		{"everything expires first", midnight, []taocan.Package{pack("V1", v, 500, 3)}, []store.UsageRow{use(v, 700)},
			[]row{{v, "100.0", OutlookExpires, "", []Expiring{{"V1", "2026-06-03", 200}}}}},
		{"used up on its last day", midnight, []taocan.Package{pack("V1", v, 300, 3)}, []store.UsageRow{use(v, 700)},
			[]row{{v, "100.0", OutlookRunsOut, "2026-06-04", nil}}},
		{"of today only what is still to come is counted", midnight.Add(18 * time.Hour), []taocan.Package{pack("V1", v, 225, 30)}, []store.UsageRow{use(v, 700)},
			[]row{{v, "100.0", OutlookRunsOut, "2026-06-04", nil}}},
		{"the soonest expiry is used first", midnight, []taocan.Package{pack("LATE", v, 100, 30), pack("SOON", v, 100, 2)}, []store.UsageRow{use(v, 350)},
			[]row{{v, "50.0", OutlookRunsOut, "2026-06-05", nil}}},
		{"marketing does not use what is for verification", midnight, []taocan.Package{pack("V1", v, 700, 10)}, []store.UsageRow{use(m, 700)},
			[]row{{v, "0.0", OutlookUnused, "", []Expiring{{"V1", "2026-06-10", 700}}}, {m, "100.0", OutlookRunsOut, "2026-06-01", nil}}},
		{"general packages are shared by all whose own are gone", midnight, []taocan.Package{pack("G1", g, 400, 30)},
			[]store.UsageRow{use(v, 350), use(m, 350), use(g, 700)},
			[]row{{v, "50.0", OutlookRunsOut, "2026-06-03", nil}, {m, "50.0", OutlookRunsOut, "2026-06-03", nil},
				{g, "100.0", OutlookRunsOut, "2026-06-03", nil}}},
		{"a week's 10 are 1.4 a day, and a message begun counts as used", midnight, []taocan.Package{pack("V1", v, 10, 2)}, []store.UsageRow{use(v, 10)},
			[]row{{v, "1.4", OutlookExpires, "", []Expiring{{"V1", "2026-06-02", 7}}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []row
			for _, f := range forecast(tt.active, tt.used, tt.now, zone) {
				got = append(got, row{f.Purpose, f.PerDay(), f.Outlook, f.RunsOutOn, f.ExpiringUnused})
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestForecastKeepsCountriesApartAndListsBounded(t *testing.T) {
	zone := time.UTC
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, zone)
	var active []taocan.Package
	for i := range maxExpiring + 1 {
		active = append(active, taocan.Package{Number: taocan.PackageNumber(fmt.Sprintf("U%03d", i)), Category: taocan.International, Purpose: taocan.General,
			Country: "MY", Remaining: 2, ExpiresAt: now.AddDate(0, 0, 1+i)})
	}
	used := []store.UsageRow{{Category: taocan.International, Purpose: taocan.General, Country: "US", Used: 7},
		{Category: taocan.Domestic, Purpose: taocan.Marketing, Used: 7}}
	got := forecast(active, used, now, zone)
	if len(got) != 3 || got[0].Category != taocan.Domestic || got[1].Country != "MY" || got[2].Country != "US" {
		t.Fatalf("%d forecasts: %+v; want domestic, MY, US", len(got), got)
	}
	my := got[1]
	if my.Remaining != 2*(maxExpiring+1) || my.Outlook != OutlookUnused || len(my.ExpiringUnused) != maxExpiring || my.ExpiringTotal != my.Remaining ||
		my.ExpiringUnused[0].Package != "U000" {
		t.Errorf("MY: %d left, %d of it expire in %d listed packages", my.Remaining, my.ExpiringTotal, len(my.ExpiringUnused))
	}
}

func TestMinutesOfADay(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		now         time.Time
		rest, whole int64
	}{
		"at midnight":                  {time.Date(2026, 6, 1, 0, 0, 0, 0, berlin), 1440, 1440},
		"a minute begun is not left":   {time.Date(2026, 6, 1, 23, 58, 30, 0, berlin), 1, 1440},
		"the day that loses an hour":   {time.Date(2026, 3, 29, 0, 0, 0, 0, berlin), 1380, 1380},
		"the day that gains one, late": {time.Date(2026, 10, 25, 12, 0, 0, 0, berlin), 720, 1500},
	} {
		if rest, whole := minutesOf(tt.now, berlin); rest != tt.rest || whole != tt.whole {
			t.Errorf("%s: %d of %d, want %d of %d", name, rest, whole, tt.rest, tt.whole)
		}
	}
}
