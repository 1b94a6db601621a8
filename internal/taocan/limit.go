package taocan

import (
	"fmt"
	"time"
)

// Period is a natural day or month of the platform's zone.
type Period string

// The periods.
const (
	PerDay   Period = "day"
	PerMonth Period = "month"
)

// UsageLimit bounds what a project takes in each period.
type UsageLimit struct {
	Tenant
	Category  Category
	Purpose   Purpose // empty: all
	Country   Country // international only; empty: all
	Period    Period
	Warning   Segments // 0: none
	Cap       Segments // 0: none; reserved messages count
	UpdatedAt time.Time
}

// Counts reports whether the limit counts what a request takes.
func (l UsageLimit) Counts(c Category, p Purpose, country Country) bool {
	return l.Category == c && (l.Purpose == "" || l.Purpose == p) && (l.Country == "" || l.Country == country)
}

// LimitError is a refusal by a hard cap.
type LimitError struct {
	Limit     Segments
	Used      Segments // in the period, reserved messages included
	Requested Segments
	Of        string // what the cap counts: "daily domestic marketing"
	ResetsAt  time.Time
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%d requested, but the limit of %s messages is %d and %d are used or reserved; it starts anew at %s",
		e.Requested, e.Of, e.Limit, e.Used, e.ResetsAt.Format(time.RFC3339))
}
func (e *LimitError) Unwrap() error { return ErrUsageLimit }

// TopUpID names an automatic top-up.
type TopUpID string

// OverflowPrice is what a message beyond all packages costs from an instant on.
type OverflowPrice struct {
	Category    Category
	Purpose     Purpose // domestic; abroad empty
	Country     Country // abroad; empty: all that have no price of their own
	ValidFrom   time.Time
	Price       UnitPrice
	PublishedAt time.Time
}

// Overflow lets a project go on from its account's wallet when its packages have run out.
type Overflow struct {
	Tenant
	Category  Category
	Cap       Fen // per natural month
	UpdatedAt time.Time
}

// PoolShare lets the packages of one project pay for another of the same account, after its own.
type PoolShare struct {
	Account     AccountID
	User, Owner ProjectID
	CreatedAt   time.Time
}
