package store

import (
	"time"

	"taocan/internal/taocan"
)

// What operators look for over all accounts. Zero values select all.

// AccountFilter selects accounts, by id.
type AccountFilter struct {
	Query     string // part of the account's id or name, of a project's, or of a member's login, in any case
	Levels    []taocan.Level
	Suspended *bool
	Paging
}

// OrderFilter selects orders of all accounts, newest first.
type OrderFilter struct {
	State       taocan.OrderState // as of Now: a pending order past its close is closed
	Account     taocan.AccountID
	Project     taocan.ProjectID
	From, Until time.Time // made in [From, Until)
	Now         time.Time
	Paging
}

// VoucherFilter selects issued vouchers, newest first.
type VoucherFilter struct {
	State       taocan.VoucherState // as of Now
	Account     taocan.AccountID
	Unredeemed  bool      // only those that no account has
	From, Until time.Time // issued in [From, Until)
	Now         time.Time
	Paging
}

// AuditFilter selects lines of the audit log, newest first.
type AuditFilter struct {
	From, Until time.Time // written in [From, Until)
	By          string    // a login, the id of a member or of a token, or "system"
	Action      string    // all of it, or a noun: "wallet" selects "wallet.top_up" and its like
	Subject     string
	// Account selects what was done to the account or to what is its own (projects, members, tokens, packages), and
	// what its members did.
	Account taocan.AccountID
	Paging
}
