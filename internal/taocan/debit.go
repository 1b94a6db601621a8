package taocan

import "time"

// DebitKind tells a one-step debit from a reservation. They share one space of ids.
type DebitKind uint8

const (
	KindDebit DebitKind = iota + 1
	KindReservation
)

// DebitState of a record. A plain debit is committed from the start.
type DebitState string

const (
	Committed DebitState = "committed"
	Reserved  DebitState = "reserved"
	Released  DebitState = "released"
	DryRun    DebitState = "dry_run" // an answer only, never recorded
)

// DebitStates are those that a record can have.
var DebitStates = []DebitState{Committed, Reserved, Released}

// OnDeadline is what becomes of a reservation that nobody settles.
type OnDeadline string

const (
	ReleaseOnDeadline OnDeadline = "release"
	CommitOnDeadline  OnDeadline = "commit"
)

// Bounds of a reservation's life.
const (
	DefaultTTL = 72 * time.Hour
	MaxTTL     = 30 * 24 * time.Hour
)

// DebitRequest is what a caller asks for, defaults filled in. It is the content that a replay is compared by.
type DebitRequest struct {
	ID         DebitID
	Kind       DebitKind
	Category   Category
	Purpose    Purpose
	Country    Country
	Quantity   Segments
	Reference  string
	TTL        time.Duration // reservations only, whole seconds
	OnDeadline OnDeadline    // reservations only
}

// Allocation is how many messages one package gave.
type Allocation struct {
	Package  PackageNumber
	Quantity Segments
}

// Debit is what stands recorded under an id, of either kind, in its present state.
type Debit struct {
	Tenant
	DebitRequest
	State       DebitState
	Allocations []Allocation // as first taken, in the order of use
	At          time.Time    // commit time of the debit or reservation

	// What packages did not hold and the wallet paid for, at that unit price. Allocations and it sum to Quantity. A debit
	// only: reservations never overflow.
	Overflow      Segments
	OverflowPrice UnitPrice

	// Reservations only.
	Deadline   time.Time
	Settled    Segments  // how many became used; the rest of Quantity returned
	SettledAt  time.Time // zero while open
	ByDeadline bool      // settled by the deadline, not by a call

	DecisionVersion uint8 // version of the order-of-use rule that chose the allocations
	SegmentVersion  uint8 // version of the segment rule in force
}

// Open reports whether d is a reservation that nobody has settled.
func (d *Debit) Open() bool { return d.Kind == KindReservation && d.State == Reserved }
