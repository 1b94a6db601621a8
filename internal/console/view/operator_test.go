package view

import (
	"testing"

	"taocan/internal/i18n"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

func TestTheAuditLogNamesWhatWasChanged(t *testing.T) {
	f := Frame{Lang: i18n.English}
	for name, want := range map[string]string{
		"domestic": "Domestic SMS",
		"level":    "Level",
		"unheard":  "unheard",
		string(store.LimitID(taocan.UsageLimit{Category: taocan.Domestic, Purpose: taocan.Marketing, Period: taocan.PerDay})): "Domestic SMS · Marketing · per day",
		string(store.LimitID(taocan.UsageLimit{Category: taocan.International, Country: "HK", Period: taocan.PerMonth})):      "International SMS · All · per month · Hong Kong, China HK",
	} {
		if got := f.auditField(name); got != want {
			t.Errorf("%s is called %q, want %q", name, got, want)
		}
	}
}
