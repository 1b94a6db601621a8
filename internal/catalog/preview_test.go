package catalog

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/taocan"
)

// told writes a change as a preview shows it.
func told(x Change) string {
	total := func(c Cost) string {
		if !c.Sold {
			return "not sold"
		}
		return c.Unit.String() + " " + c.Amount.String()
	}
	return string(x.Purpose) + string(x.Country) + ": " + total(x.Old) + " -> " + total(x.New)
}

func TestCompare(t *testing.T) {
	abroadList := func(rows ...taocan.PriceRow) taocan.PriceList {
		return taocan.PriceList{Category: taocan.International, Rows: rows}
	}
	flat := func(c taocan.Country, p taocan.UnitPrice) taocan.PriceRow {
		return taocan.PriceRow{Country: c, Tiers: []taocan.Tier{{From: 0, Price: p}}}
	}
	tests := []struct {
		name      string
		old, next taocan.PriceList
		quantity  taocan.Segments
		want      []string
	}{
		{"every purpose that is sold is priced by both lists; general, which no custom purchase is, is left out",
			shipped.PriceLists[0], shipped.PriceLists[1], 1_000,
			[]string{"verification: 0.044 44.00 -> 0.050 50.00", "marketing: 0.044 44.00 -> 0.055 55.00"}},
		{"beyond the end of a list nothing is sold", shipped.PriceLists[0], shipped.PriceLists[1], 3_000_000,
			[]string{"verification: 0.036 108000.00 -> not sold", "marketing: 0.036 108000.00 -> not sold"}},
		{"without a list before, everything is new", taocan.PriceList{}, shipped.PriceLists[2], 100,
			[]string{"HK: not sold -> 0.397 39.70"}},
		{"a country that goes comes before one that is new", abroadList(flat("HK", 3970), flat("MY", 2000)), abroadList(flat("SG", 3000), flat("HK", 4000)), 100,
			[]string{"HK: 0.397 39.70 -> 0.400 40.00", "MY: 0.200 20.00 -> not sold", "SG: not sold -> 0.300 30.00"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, x := range Compare(tt.old, tt.next, []taocan.Segments{tt.quantity}) {
				got = append(got, told(x))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPreviewIsWhatPublishThenDoes(t *testing.T) {
	c, now := seeded(t)
	start := now.Now().Add(24 * time.Hour)
	list := taocan.PriceList{Category: taocan.Domestic, ValidFrom: start, ValidityMonths: 12, Rows: []taocan.PriceRow{
		{Purpose: taocan.Verification, Tiers: []taocan.Tier{{From: 0, Price: 500}}}}}
	before := audit(t, c)
	p, err := c.Preview(t.Context(), staff, list)
	must(t, err)
	if p.Replaces.ID != DefaultDomestic || !p.Until.IsZero() {
		t.Errorf("replaces %q until %v, want %s and no end", p.Replaces.ID, p.Until, DefaultDomestic)
	}
	if len(p.Changes) != 2*len(TypicalQuantities) { // verification, and marketing that goes
		t.Errorf("%d changes", len(p.Changes))
	}
	if got := audit(t, c); !slices.Equal(got, before) {
		t.Errorf("a preview left %v in the audit log", got)
	}
	published, err := c.Publish(t.Context(), staff, list)
	must(t, err)
	if diff := cmp.Diff(published, p.List); diff != "" {
		t.Errorf("(-published +previewed):\n%s", diff)
	}

	between := list
	between.ValidFrom = start.Add(-time.Hour)
	between.ID = "between"
	p, err = c.Preview(t.Context(), staff, between)
	must(t, err)
	if !p.Until.Equal(start) {
		t.Errorf("until %v, want the start of the list after it, %v", p.Until, start)
	}
}

func TestPreviewRefusesWhatPublishWould(t *testing.T) {
	c, now := seeded(t)
	good := taocan.PriceList{ID: "next", Category: taocan.Domestic, ValidFrom: now.Now().Add(time.Hour), ValidityMonths: 12,
		Rows: []taocan.PriceRow{{Purpose: taocan.Marketing, Tiers: []taocan.Tier{{From: 0, Price: 500}}}}}
	tests := []struct {
		name   string
		actor  taocan.Actor
		change func(*taocan.PriceList)
		want   error
	}{
		{"who is no operator", taocan.Actor{}, func(*taocan.PriceList) {}, taocan.ErrForbidden},
		{"a start in the past", staff, func(l *taocan.PriceList) { l.ValidFrom = now.Now().Add(-time.Second) }, taocan.ErrInvalid},
		{"a list without rows", staff, func(l *taocan.PriceList) { l.Rows = nil }, taocan.ErrInvalid},
		{"an id that is taken", staff, func(l *taocan.PriceList) { l.ID = LaterDomestic }, taocan.ErrConflict},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list := good
			tt.change(&list)
			if _, err := c.Preview(t.Context(), tt.actor, list); !errors.Is(err, tt.want) {
				t.Errorf("preview: %v, want %v", err, tt.want)
			}
			if _, err := c.Publish(t.Context(), tt.actor, list); !errors.Is(err, tt.want) {
				t.Errorf("publish: %v, want %v", err, tt.want)
			}
		})
	}
}

func TestAPreviewLeavesOutQuantitiesThatAreNotSold(t *testing.T) {
	c, now := seeded(t)
	c.maxQuantity = 1_000
	p, err := c.Preview(t.Context(), staff, taocan.PriceList{Category: taocan.International, ValidFrom: now.Now(), ValidityMonths: 12,
		Rows: []taocan.PriceRow{{Country: "HK", Tiers: []taocan.Tier{{From: 0, Price: 4000}}}}})
	must(t, err)
	var got []string
	for _, x := range p.Changes {
		got = append(got, told(x))
	}
	want := []string{"HK: 0.397 39.70 -> 0.400 40.00", "HK: 0.397 397.00 -> 0.400 400.00"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestStandings(t *testing.T) {
	list := func(id taocan.PriceListID, c taocan.Category, start time.Duration, draft bool) taocan.PriceList {
		return taocan.PriceList{ID: id, Category: c, ValidFrom: noon.Add(start), Draft: draft}
	}
	got := Standings([]taocan.PriceList{
		list("next", taocan.Domestic, time.Second, false), list("kept", taocan.Domestic, 0, true), list("now", taocan.Domestic, 0, false),
		list("before", taocan.Domestic, -time.Hour, false), list("abroad", taocan.International, -2*time.Hour, false),
	}, noon)
	want := map[taocan.PriceListID]Standing{"next": Announced, "kept": Kept, "now": InForce, "before": Past, "abroad": InForce}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	c, now := seeded(t) // and as quotes see it
	lists, err := c.PriceLists(t.Context(), "")
	must(t, err)
	for _, category := range []taocan.Category{taocan.Domestic, taocan.International} {
		inForce, err := c.PriceList(t.Context(), category)
		must(t, err)
		if s := Standings(lists, now.Now())[inForce.ID]; s != InForce {
			t.Errorf("%s, which quotes go by, is %s", inForce.ID, s)
		}
	}
}
