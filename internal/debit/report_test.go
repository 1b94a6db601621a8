package debit_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/debit"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

func TestParseSpan(t *testing.T) {
	zone := time.FixedZone("UTC+8", 8*60*60)
	now := time.Date(2026, 4, 30, 16, 0, 0, 0, time.UTC) // 1 May in the zone
	for name, tt := range map[string]struct{ from, until, want string }{
		"the last 30 days by default":        {"", "", "2026-04-02 2026-05-01"},
		"30 days up to a day":                {"", "2026-03-31", "2026-03-02 2026-03-31"},
		"from a day to today":                {"2026-04-30", "", "2026-04-30 2026-05-01"},
		"one day":                            {"2026-01-01", "2026-01-01", "2026-01-01 2026-01-01"},
		"a leap year":                        {"2024-01-01", "2024-12-31", "2024-01-01 2024-12-31"},
		"a day more":                         {"2024-01-01", "2025-01-01", "query.from: makes more than 366 days up to the last one"},
		"the end before the beginning":       {"2026-04-02", "2026-04-01", "query.from: must not be after the last day"},
		"a beginning that is no date":        {"yesterday", "", "query.from: must be a date, like 2026-04-29"},
		"a day that the calendar has not":    {"2026-02-01", "2026-02-29", "query.until: must be a date, like 2026-04-29"},
		"neither is a date: both are told":   {"x", "y", "query.until: must be a date, like 2026-04-29"},
		"a day in the future, which is zero": {"2026-05-01", "2026-06-01", "2026-05-01 2026-06-01"},
	} {
		s, err := debit.ParseSpan("until", tt.from, tt.until, now, zone)
		got := s.First.Format(time.DateOnly) + " " + s.Last.Format(time.DateOnly)
		if err != nil {
			got = err.Error()
		}
		if got != tt.want || err != nil && !errors.Is(err, taocan.ErrInvalid) {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
	_, err := debit.ParseSpan("until", "x", "y", now, zone)
	var invalid *taocan.InvalidError
	if !errors.As(err, &invalid) || len(invalid.Fields) != 2 {
		t.Errorf("two bad days: %v, want both named", err)
	}
}

func TestReportSumsNaturalDays(t *testing.T) {
	zone := time.FixedZone("UTC+8", 8*60*60)
	b := newBench(t)
	b.clock.Set(time.Date(2026, 3, 30, 15, 59, 0, 0, time.UTC)) // a minute before the 31st in the zone
	b.grant(domestic(1, taocan.Marketing, 100, begin.AddDate(1, 0, 0)))
	b.grant(domestic(2, taocan.General, 100, begin.AddDate(1, 0, 0)))
	hk := domestic(3, taocan.General, 100, begin.AddDate(1, 0, 0))
	hk.Category, hk.Country, hk.Number = taocan.International, "HK", "U0G2603010000003"
	b.grant(hk)
	abroad := func(id string, q taocan.Segments) store.Op {
		op := take(id, taocan.General, q)
		op.Request.Category, op.Request.Country = taocan.International, "HK"
		return op
	}
	b.do(take("m-1", taocan.Marketing, 7), abroad("h-1", 1))
	b.clock.Advance(2 * time.Minute)
	b.do(take("m-2", taocan.Marketing, 3), take("v-1", taocan.Verification, 4), reserve("r-1", taocan.Marketing, 5, time.Hour))
	b.clock.Advance(24 * time.Hour) // 1 April
	b.do(abroad("h-2", 20))

	x, err := b.engine.Report(t.Context(), owner, "", debit.LastDays(3, b.clock.Now(), zone))
	if err != nil {
		t.Fatal(err)
	}
	want := []debit.DayUse{
		{Day: "2026-03-30", Use: debit.Use{ByPurpose: map[taocan.Purpose]taocan.Segments{taocan.Marketing: 7, taocan.General: 1}, Total: 8}},
		// What a general package paid is its use, whoever sent; what is reserved is not used.
		{Day: "2026-03-31", Use: debit.Use{ByPurpose: map[taocan.Purpose]taocan.Segments{taocan.Marketing: 3, taocan.General: 4}, Total: 7}},
		{Day: "2026-04-01", Use: debit.Use{ByPurpose: map[taocan.Purpose]taocan.Segments{taocan.General: 20}, Total: 20}},
	}
	if diff := cmp.Diff(want, x.Days); diff != "" {
		t.Errorf("days (-want +got):\n%s", diff)
	}
	if x.Total != 35 || x.ByPurpose[taocan.General] != 25 || len(x.Countries) != 1 || x.Countries[0] != (debit.CountryUse{Country: "HK", Used: 21}) {
		t.Errorf("total %d, by purpose %v, countries %v", x.Total, x.ByPurpose, x.Countries)
	}
	if x, err = b.engine.Report(t.Context(), owner, taocan.Domestic, debit.LastDays(1, b.clock.Now(), zone)); err != nil || x.Total != 0 || len(x.Days) != 1 {
		t.Errorf("today at home: %+v, error %v", x, err)
	}
	if _, err := b.engine.Report(t.Context(), owner, "lunar", debit.LastDays(1, b.clock.Now(), zone)); !errors.Is(err, taocan.ErrInvalid) {
		t.Errorf("an unknown category: %v, want ErrInvalid", err)
	}

	o, err := b.engine.Overview(t.Context(), owner, taocan.International, zone)
	if err != nil || o.Today.Total != 20 || o.Month.Total != 20 || o.Lately.Total != 21 || len(o.Lately.Days) != debit.ReportDays {
		t.Errorf("overview: today %d, month %d, lately %d in %d days, error %v", o.Today.Total, o.Month.Total, o.Lately.Total, len(o.Lately.Days), err)
	}
	b.clock.Set(time.Date(2026, 5, 31, 12, 0, 0, 0, zone)) // the month is longer than 30 days
	b.do(abroad("h-3", 2))
	if o, err = b.engine.Overview(t.Context(), owner, taocan.International, zone); err != nil || o.Today.Total != 2 || o.Month.Total != 2 || o.Lately.Days[0].Day != "2026-05-02" {
		t.Errorf("on the 31st: %+v, error %v", o, err)
	}
	b.verify()
}

func TestRecentDebitsOfAPackage(t *testing.T) {
	b := newBench(t)
	first, second := domestic(1, taocan.Marketing, 100, begin.AddDate(0, 6, 0)), domestic(2, taocan.Verification, 100, begin.AddDate(1, 0, 0))
	b.grant(first)
	b.grant(second)
	for i := range 3 {
		b.clock.Advance(time.Minute)
		b.do(take(fmt.Sprint("a-", i), taocan.Marketing, 1), take(fmt.Sprint("v-", i), taocan.Verification, 1), take(fmt.Sprint("b-", i), taocan.Marketing, 1))
	}
	b.clock.Advance(time.Minute)
	b.do(reserve("r-1", taocan.Marketing, 5, time.Hour), reserve("r-2", taocan.Marketing, 5, time.Hour))
	b.clock.Advance(time.Minute)
	b.one(settle(store.OpCommit, "r-1", 2))
	ids := func(n taocan.PackageNumber, limit int) (list []string) {
		t.Helper()
		recent, err := b.engine.Recent(t.Context(), owner, n, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range recent.Items {
			list = append(list, string(d.ID))
		}
		return list
	}
	// Of a reservation only its present state is listed, at its last change.
	if diff := cmp.Diff([]string{"r-1", "r-2", "b-2", "a-2", "b-1"}, ids(first.Number, 5)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"v-2", "v-1", "v-0"}, ids(second.Number, 20)); diff != "" {
		t.Errorf("of the other package (-want +got):\n%s", diff)
	}
	_, err := b.engine.Recent(t.Context(), taocan.Tenant{Account: "other", Project: "other"}, first.Number, 5)
	if !errors.Is(err, taocan.ErrNotFound) {
		t.Errorf("asked by another project: %v, want ErrNotFound", err)
	}
	b.verify()
}

// TestExplainAt finds what a list names also when the id was taken anew after the time that ids are remembered.
func TestExplainAt(t *testing.T) {
	b := newBench(t)
	b.grant(domestic(1, taocan.Marketing, 100, begin.AddDate(1, 0, 0)))
	then := b.one(take("m-1", taocan.Marketing, 3)).Debit
	for range 3 { // past the time that ids are remembered
		b.clock.Advance(31 * 24 * time.Hour)
		b.one(take(fmt.Sprint("x-", b.clock.Now().Unix()), taocan.Marketing, 1))
	}
	x, err := b.engine.ExplainAt(t.Context(), owner, "m-1", then.At)
	if err != nil || x.Debit.Quantity != 3 || len(x.Considered) != 1 || x.Considered[0].Taken != 3 || x.Considered[0].Package.Remaining != 100 {
		t.Errorf("got %+v, error %v", x, err)
	}
	b.one(take("m-1", taocan.Marketing, 5))
	if x, err = b.engine.ExplainAt(t.Context(), owner, "m-1", then.At); err != nil || x.Debit.Quantity != 3 {
		t.Errorf("taken anew: got %+v, error %v; want the first", x.Debit, err)
	}
	for name, ask := range map[string]func() (debit.Explanation, error){
		"another id": func() (debit.Explanation, error) { return b.engine.ExplainAt(t.Context(), owner, "m-2", then.At) },
		"another instant": func() (debit.Explanation, error) {
			return b.engine.ExplainAt(t.Context(), owner, "m-1", begin.Add(time.Hour))
		},
		"another project": func() (debit.Explanation, error) {
			return b.engine.ExplainAt(t.Context(), taocan.Tenant{Account: "other", Project: "other"}, "m-1", then.At)
		},
	} {
		if _, err := ask(); !errors.Is(err, taocan.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", name, err)
		}
	}
	b.verify()
}

func TestAFilterThatNothingCouldPassIsRefused(t *testing.T) {
	b := newBench(t)
	for place, f := range map[string]store.DebitFilter{
		"query.category": {Category: "local"}, "query.purpose": {Purpose: "spam"}, "query.state": {State: taocan.DryRun},
	} {
		f.Limit = 10
		_, err := b.engine.Debits(t.Context(), owner, f)
		var invalid *taocan.InvalidError
		if !errors.As(err, &invalid) || invalid.Fields[0].Location != place {
			t.Errorf("%+v: got %v, want a refusal of %s", f, err, place)
		}
	}
}
