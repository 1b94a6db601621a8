package taocan

import "time"

// TopUp buys messages by itself when too little is left. Its target is a purpose of domestic that custom packages are sold
// for, or a country abroad with the purpose general; a project has at most one for a target.
type TopUp struct {
	Tenant
	Category         Category
	Purpose          Purpose
	Country          Country  // international
	Level            Segments // it buys when less than this is left of exactly the target
	Quantity         Segments // of one purchase
	MonthCap         Fen      // what it may spend in a natural month of the platform's zone
	Cooldown         time.Duration
	Enabled          bool
	AgreementVersion string // accepted by who set it
	By               Actor  // who set it, and in whose name it buys
	UpdatedAt        time.Time

	// Where it stands.
	CalledAt time.Time // too little was found left; zero: there is nothing to look at
	NextAt   time.Time // it is not looked at before
	Failures int       // since its last purchase
	FailedAt time.Time // the last of them
	Reason   string    // of the last of them, an error's code
}

// ID is derived from what the top-up buys: "domestic-marketing", "international-general-HK".
func (t TopUp) ID() TopUpID {
	return TopUpID(AlertRule{Category: t.Category, Purpose: t.Purpose, Country: t.Country}.ID())
}

// TopUpState of a purchase.
type TopUpState string

// The states.
const (
	TopUpBuying TopUpState = "buying" // under way
	TopUpBought TopUpState = "bought"
	TopUpFailed TopUpState = "failed"
)

// TopUpOrder is a purchase that an automatic top-up has begun.
type TopUpOrder struct {
	Tenant
	TopUp    TopUpID
	N        int64 // 1, 2, 3 … of the target
	State    TopUpState
	Lease    time.Time // buying: whoever does it has until then
	Order    OrderID   // empty: none was made
	Month    string    // bought: 2006-01 of the payment
	Amount   Fen
	Quantity Segments
	At       time.Time // begun; when it has ended, that
	Reason   string    // failed: an error's code
}
