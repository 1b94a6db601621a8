package main

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"taocan/internal/taocan"
)

func TestTheDemoMovesAllDatesByTheSameDays(t *testing.T) {
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	before, err := csv.NewReader(bytes.NewReader(demoPackages)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	// A leap day, ends of months and years, and far ahead.
	for _, today := range []string{"2021-04-01", "2024-02-29", "2025-12-31", "2026-01-01", "2028-03-01", "2068-12-31"} {
		day, err := time.Parse(time.DateOnly, today)
		if err != nil {
			t.Fatal(err)
		}
		days := int(day.Sub(demoSnapshot) / (24 * time.Hour))
		moved, err := movedCSV(demoPackages, days, zone)
		if err != nil {
			t.Fatalf("%s: %v", today, err)
		}
		after, err := csv.NewReader(bytes.NewReader(moved)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for i, row := range after[1:] {
			was, is := before[i+1], row
			if is[0][:3] != was[0][:3] || is[0][9:] != was[0][9:] || strings.Join(is[1:5], ",") != strings.Join(was[1:5], ",") {
				t.Errorf("%s: %v became %v", today, was, is)
			}
			if got := purchased(t, is[0], zone).Sub(purchased(t, was[0], zone)); got != time.Duration(days)*24*time.Hour {
				t.Errorf("%s: %s was moved by %s to %s, want %d days", today, was[0], got, is[0], days)
			}
			if got := date(t, is[5]).Sub(date(t, was[5])); got != time.Duration(days)*24*time.Hour {
				t.Errorf("%s: expiry %s was moved by %s to %s, want %d days", today, was[5], got, is[5], days)
			}
			if is[2] == "会员营销" && !date(t, is[5]).After(day) {
				t.Errorf("%s: the marketing package %s expires on %s", today, is[0], is[5])
			}
		}
	}
}

func purchased(t *testing.T, number string, zone *time.Location) time.Time {
	t.Helper()
	facts, err := taocan.PackageNumber(number).Parse(zone)
	if err != nil {
		t.Fatal(err)
	}
	return facts.Purchased
}

func date(t *testing.T, s string) time.Time {
	t.Helper()
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestEveryCommandAnswersJSON(t *testing.T) {
	// The flag belongs to the whole command line; a command that declared its own would shadow it.
	for _, args := range [][]string{{"--json", "version"}, {"version", "--json"}} {
		var out, errOut bytes.Buffer
		if code := run(t.Context(), args, &out, &errOut); code != 0 || !strings.HasPrefix(out.String(), `{"`) || strings.Count(out.String(), "\n") != 1 {
			t.Errorf("taocan %v: code %d, %q, %q", args, code, out.String(), errOut.String())
		}
	}
}
