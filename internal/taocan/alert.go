package taocan

import "time"

// AlertID names an alert rule within its project by what the rule watches: "domestic-marketing",
// "international-general-HK", "domestic-verification-percent", "domestic-general-usage_day".
type AlertID string

// AlertKind is what a rule watches.
type AlertKind string

// The kinds.
const (
	AlertRemaining  AlertKind = "remaining"   // what is left falls below the threshold
	AlertUsageDay   AlertKind = "usage_day"   // what was taken today rises above it
	AlertUsageMonth AlertKind = "usage_month" // what was taken this month rises above it
	AlertExpiring   AlertKind = "expiring"    // a package expires within so many days with something left
	AlertForecast   AlertKind = "forecast"    // 30, 7 and 1 days before what is left runs out, or before some of it is lost
)

// AlertKinds lists the kinds in the order of lists.
var AlertKinds = []AlertKind{AlertRemaining, AlertUsageDay, AlertUsageMonth, AlertExpiring, AlertForecast}

// AlertUnit is what a threshold counts.
type AlertUnit string

// The units. Rules on what is left take all three; those on use take messages, the others days.
const (
	InMessages AlertUnit = "messages"
	InPercent  AlertUnit = "percent" // of what the packages that have not expired ever held
	InDays     AlertUnit = "days"    // remaining: at the average of the last 7 days
)

// AlertUnits lists the units in the order of lists.
var AlertUnits = []AlertUnit{InMessages, InPercent, InDays}

// AlertRule says what to watch of one target. Targets are each purpose of domestic, and of international what goes
// everywhere abroad (Country empty) or to one country; both with the purpose general. A project has at most one rule of a
// kind and unit for a target.
type AlertRule struct {
	Tenant
	Kind      AlertKind
	Unit      AlertUnit
	Category  Category
	Purpose   Purpose
	Country   Country  // international only; empty: everywhere abroad
	Threshold Segments // in Unit; 30 for a forecast, whose days are fixed
	Enabled   bool
	Channels  []ChannelID // whom it tells; empty: all of the project's channels
	UpdatedAt time.Time   // when anything above last changed
}

// ID is derived from what the rule watches. Without kind and unit a rule is on messages left.
func (r AlertRule) ID() AlertID {
	id := string(r.Category) + "-" + string(r.Purpose)
	if r.Country != "" {
		id += "-" + string(r.Country)
	}
	switch {
	case r.Kind != AlertRemaining && r.Kind != "":
		id += "-" + string(r.Kind)
	case r.Unit != InMessages && r.Unit != "":
		id += "-" + string(r.Unit)
	}
	return AlertID(id)
}

// AlertState is where an enabled rule stands.
type AlertState struct {
	Rule AlertID
	// Level is the threshold in messages as it now is: of percent and days it is worked out anew each day and whenever
	// packages come or go. Of a rule on use it is the threshold that it has told of.
	Level     Segments
	Low       bool      // it has fired and is not armed again
	Since     time.Time // of Low
	Reminders int       // sent for this crossing
	ToldAt    time.Time // last notice of this crossing
	// Period of a rule on use is the day (2006-01-02) or month (2006-01) that it has fired for; of a forecast the steps that
	// it has told: "7", or by country "HK:7 US:30".
	Period string
}
