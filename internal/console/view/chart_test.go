package view

import (
	"testing"

	"taocan/internal/debit"
	"taocan/internal/i18n"
	"taocan/internal/taocan"
)

func TestTheHighestLineOfAChart(t *testing.T) {
	for most, want := range map[taocan.Segments]taocan.Segments{0: 4, 1: 4, 4: 4, 5: 8, 8: 8, 9: 20, 20: 20, 21: 40, 40: 40, 41: 80, 150: 200,
		201: 400, 1_000_000: 2_000_000, 999_999_999_999: 2_000_000_000_000} {
		c := Chart{Days: []debit.DayUse{{Day: "2026-04-01", Use: debit.Use{Total: most}}}}
		top, step := c.top()
		if top != want || step*chartTicks != top {
			t.Errorf("up to %d: %d in steps of %d, want %d", most, top, step, want)
		}
	}
}

// TestBarsStandOnEachOther: the parts of a day touch, none is higher than the chart, and days without use have no bar.
func TestBarsStandOnEachOther(t *testing.T) {
	c := Chart{Days: []debit.DayUse{{Day: "2026-04-01"}, {Day: "2026-04-02", Use: debit.Use{Total: 20,
		ByPurpose: map[taocan.Purpose]taocan.Segments{taocan.Verification: 5, taocan.General: 15}}}}}
	f := Frame{Lang: i18n.English}
	bars := c.bars(f)
	if len(bars) != 1 || bars[0].title != "2026-04-02  Total 20  Verification 5  General 15" {
		t.Fatalf("%+v, want one bar with its figures", bars)
	}
	// 204 units are 20 messages, from 214 up to 10.
	parts := bars[0].parts
	if len(parts) != 2 || parts[0].y != "163.0" || parts[0].height != "51.0" || parts[1].y != "10.0" || parts[1].height != "153.0" {
		t.Errorf("parts %+v", parts)
	}
	for days := range 400 {
		if n := len(Chart{Days: make([]debit.DayUse, days)}.bars(f)); n != 0 {
			t.Errorf("%d bars of %d days without use", n, days)
		}
	}
}
