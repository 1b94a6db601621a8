package taocan

import "time"

// AlertID names an alert rule within its project by what the rule watches: "domestic-marketing",
// "international-general", "international-general-HK".
type AlertID string

// AlertRule is a threshold on what is left of one target. Targets are each purpose of domestic, and of international
// what is left everywhere abroad (Country empty) or in one country; both with the purpose general. A project has at
// most one rule for a target.
type AlertRule struct {
	Tenant
	Category  Category
	Purpose   Purpose
	Country   Country // international only; empty: everywhere abroad
	Threshold Segments
	Enabled   bool
	UpdatedAt time.Time // when threshold or enabled last changed
}

// ID is derived from the rule's target.
func (r AlertRule) ID() AlertID {
	id := string(r.Category) + "-" + string(r.Purpose)
	if r.Country != "" {
		id += "-" + string(r.Country)
	}
	return AlertID(id)
}
