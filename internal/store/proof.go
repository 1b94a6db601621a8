package store

import (
	"context"
	"time"

	"taocan/internal/taocan"
)

// Proof is what Verify reads: the chains, and rows in key order over all tenants, in slices.
type Proof interface {
	Heads(ctx context.Context) ([taocan.Lanes]Head, error)
	// Commits lists a lane's links after a sequence, in order.
	Commits(ctx context.Context, lane taocan.Lane, after int64, limit int) ([]Commit, error)
	// LedgerRow loads the row that a manifest names and digests it as it stands; not for entries.
	LedgerRow(ctx context.Context, ref RowRef) (Row, error)
	// LedgerCount counts the rows of a kind.
	LedgerCount(ctx context.Context, kind RowKind, heads [taocan.Lanes]Head) (RowCount, error)
	// DebitRefsAfter lists projects' references to commits by account, project, time.
	DebitRefsAfter(ctx context.Context, after DebitRef, limit int) ([]DebitRef, error)
	// Entry loads the entry that a manifest names.
	Entry(ctx context.Context, ref RowRef) (taocan.Entry, error)
	// HasDebitRef reports whether the project's list of commits knows the one at this time.
	HasDebitRef(ctx context.Context, t taocan.Tenant, at time.Time) (bool, error)

	// PackagesAfter lists packages of all tenants by account, project, number.
	PackagesAfter(ctx context.Context, t taocan.Tenant, n taocan.PackageNumber, limit int) ([]taocan.Package, error)
	// EachEntry calls fn with a package's entries, oldest first.
	EachEntry(ctx context.Context, t taocan.Tenant, n taocan.PackageNumber, fn func(taocan.Entry) error) error
	// NumberOwner is whose package the directory of numbers says it is.
	NumberOwner(ctx context.Context, n taocan.PackageNumber) (taocan.Tenant, error)
	// ReservedPackages lists what is reserved in each package of the project, where something is.
	ReservedPackages(ctx context.Context, t taocan.Tenant) (map[taocan.PackageNumber]taocan.Segments, error)
	// OpenReservations lists the project's reservations that nobody has settled, as their table has them.
	OpenReservations(ctx context.Context, t taocan.Tenant) ([]OpenReservation, error)

	// ArchivedMonths lists what has left the store, by lane and month.
	ArchivedMonths(ctx context.Context) ([]ArchivedMonth, error)
	// DebitsLeft is the first commit that a row covers and whose debits are still there; 0: none.
	DebitsLeft(ctx context.Context, m ArchivedMonth) (seq int64, err error)
	// OldestReservation is the oldest that is open.
	OldestReservation(ctx context.Context) (taocan.Tenant, OpenReservation, error)

	// Derived compares what the back end keeps beside the ledger, to find things quickly, with what it is derived from.
	Derived(ctx context.Context, limit int) ([]Finding, error)

	// OrdersAfter lists orders of all tenants by account, project, id, with payment and packages.
	OrdersAfter(ctx context.Context, t taocan.Tenant, id taocan.OrderID, limit int) ([]taocan.Order, error)
	// WalletsAfter lists wallets by account.
	WalletsAfter(ctx context.Context, a taocan.AccountID, limit int) ([]taocan.Wallet, error)
	// EachWalletEntry calls fn with a wallet's entries, oldest first.
	EachWalletEntry(ctx context.Context, a taocan.AccountID, fn func(taocan.WalletEntry) error) error
}

// RowCount counts ledger rows by the commit that they say has written them.
type RowCount struct {
	Covered int64 // up to the heads asked for, or of an impossible lane
	Beyond  int64 // beyond the lane's present head, entries beyond what is posted: no commit has written them
}

// DebitRef says that a project has debits in the commit of that time.
type DebitRef struct {
	taocan.Tenant
	At time.Time
}

// OpenReservation is a row of the table of open reservations.
type OpenReservation struct {
	At       time.Time
	ID       taocan.DebitID
	Deadline time.Time
}
