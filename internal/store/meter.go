package store

import (
	"time"

	"taocan/internal/taocan"
)

// MeterKey is what is counted apart.
type MeterKey struct {
	Day      string // 2006-01-02 in the platform's zone
	Category taocan.Category
	Purpose  taocan.Purpose // asked for, not of the package that paid
	Country  taocan.Country
}

// Meter counts what a project took, by natural days of the platform's zone. What is returned is taken off the day on which
// it was taken. Owned by the group commit that it is lent to.
type Meter struct {
	zone    *time.Location
	since   string // the first day that is counted, in full
	days    map[MeterKey]taocan.Segments
	sums    map[meterSum]taocan.Segments
	changed map[MeterKey]bool

	at         time.Time // that day and month belong to
	day, month string
}

// meterSum is a day's or a month's; purpose and country empty are all.
type meterSum struct {
	period   string
	category taocan.Category
	purpose  taocan.Purpose
	country  taocan.Country
}

// NewMeter makes an empty meter that counts from a day on.
func NewMeter(zone *time.Location, since string) *Meter {
	return &Meter{zone: zone, since: since, days: map[MeterKey]taocan.Segments{}, sums: map[meterSum]taocan.Segments{}, changed: map[MeterKey]bool{}}
}

// Load adds what has been counted before.
func (m *Meter) Load(k MeterKey, q taocan.Segments) {
	m.days[k] += q
	month := k.Day[:len("2006-01")]
	for _, period := range [...]string{k.Day, month} {
		m.sums[meterSum{period, k.Category, k.Purpose, k.Country}] += q
		m.sums[meterSum{period, k.Category, "", ""}] += q
		if k.Country != "" {
			m.sums[meterSum{period, k.Category, k.Purpose, ""}] += q
			m.sums[meterSum{period, k.Category, "", k.Country}] += q
		}
	}
}

// Add counts what a request takes at the instant; a negative quantity is returned. What was taken before the meter began is
// not its matter.
func (m *Meter) Add(at time.Time, r *taocan.DebitRequest, q taocan.Segments) {
	k := MeterKey{m.Period(taocan.PerDay, at), r.Category, r.Purpose, r.Country}
	if k.Day < m.since {
		return
	}
	// Another zone set since puts the taking on another day. A meter is no ledger: it must not stop one by falling below 0.
	if q = max(q, -m.days[k]); q == 0 {
		return
	}
	m.Load(k, q)
	m.changed[k] = true
}

// Taken in the period that the instant falls into. An empty purpose or country is all of them.
func (m *Meter) Taken(c taocan.Category, p taocan.Purpose, country taocan.Country, period taocan.Period, at time.Time) taocan.Segments {
	return m.sums[meterSum{m.Period(period, at), c, p, country}]
}

// Period names the day (2006-01-02) or the month (2006-01) that the instant falls into.
func (m *Meter) Period(p taocan.Period, at time.Time) string {
	if !m.at.Equal(at) {
		m.at, m.day = at, at.In(m.zone).Format(time.DateOnly)
		m.month = m.day[:len("2006-01")]
	}
	if p == taocan.PerMonth {
		return m.month
	}
	return m.day
}

// Ends is when the period that the instant falls into ends, in the platform's zone.
func (m *Meter) Ends(p taocan.Period, at time.Time) time.Time {
	y, month, d := at.In(m.zone).Date()
	if p == taocan.PerMonth {
		return time.Date(y, month+1, 1, 0, 0, 0, 0, m.zone)
	}
	return time.Date(y, month, d+1, 0, 0, 0, 0, m.zone)
}

// Changed is what stands now under the keys that changed since the last Settle.
func (m *Meter) Changed() map[MeterKey]taocan.Segments {
	all := make(map[MeterKey]taocan.Segments, len(m.changed))
	for k := range m.changed {
		all[k] = m.days[k]
	}
	return all
}

// Settle forgets what changed.
func (m *Meter) Settle() { clear(m.changed) }
