package store

import (
	"context"
	"time"

	"taocan/internal/taocan"
)

// AlertReader reads alert rules and where they stand.
type AlertReader interface {
	// AlertRules lists a project's, by category, purpose as in taocan.Purposes, country, kind and unit as in their lists.
	AlertRules(ctx context.Context, t taocan.Tenant) ([]taocan.AlertRule, error)
	// AlertStates are where a project's rules and the warnings of its usage limits stand, by rule. Those that have not been
	// judged yet have none.
	AlertStates(ctx context.Context, t taocan.Tenant) ([]taocan.AlertState, error)
	// AlertsDue lists projects whose rules must be looked at by now, the longest due first.
	AlertsDue(ctx context.Context, now time.Time, limit int) ([]AlertDue, error)
	// AlertDue is when a project's rules must be looked at; ErrNotFound where they need not be.
	AlertDue(ctx context.Context, t taocan.Tenant) (AlertDue, error)

	// Held sums what the packages that have not expired by now have ever held, empty and frozen ones included.
	Held(ctx context.Context, t taocan.Tenant, now time.Time) ([]TargetSum, error)
	// Metered sums what was taken on days whose name begins with period, by what was asked for. Nothing where the project is
	// not metered.
	Metered(ctx context.Context, t taocan.Tenant, period string) ([]TargetSum, error)
	// NextExpiry is when the first of the project's packages that have not expired by now does; zero where there is none.
	NextExpiry(ctx context.Context, t taocan.Tenant, now time.Time) (time.Time, error)
}

// AlertTx writes alert rules and where they stand. None of it is ledger.
type AlertTx interface {
	// ReplaceAlertRules writes all of a project's rules in place of those that it had; none removes them. Two rules of one
	// kind and unit for one target are ErrConflict. A rule that is gone or not enabled forgets where it stood, those
	// that are enabled are due to be looked at now, and for those on use the project is metered.
	ReplaceAlertRules(ctx context.Context, t taocan.Tenant, rules []taocan.AlertRule) error
	// SetAlertState writes where a rule stands.
	SetAlertState(ctx context.Context, t taocan.Tenant, s taocan.AlertState) error
	// SettleAlerts notes that a project's rules have been looked at, and when they must be again. Zero: when something changes.
	SettleAlerts(ctx context.Context, t taocan.Tenant, next time.Time) error
}

// AlertDue says that a project's rules must be looked at.
type AlertDue struct {
	taocan.Tenant
	At     time.Time
	Bought bool // something was added since the last look
}

// TargetSum is a quantity of one category, purpose and country.
type TargetSum struct {
	Category taocan.Category
	Purpose  taocan.Purpose
	Country  taocan.Country
	Quantity taocan.Segments
}
