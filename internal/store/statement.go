package store

import (
	"context"
	"time"

	"taocan/internal/taocan"
)

// StatementReader reads what statements and the platform's overview are made from. A span is [from, until) of commit times:
// a backdated import counts where it was committed. So what a span holds never changes once no commit falls into it any more.
type StatementReader interface {
	// PackageSpans gives fn every package of the project that was committed before until, by number. It holds one at a time.
	PackageSpans(ctx context.Context, t taocan.Tenant, from, until time.Time, fn func(PackageSpan) error) error
	WalletSpan(ctx context.Context, a taocan.AccountID, from, until time.Time) (WalletSpan, error)
	// PaidSums adds up an account's payments by project, in the order of project.
	PaidSums(ctx context.Context, a taocan.AccountID, from, until time.Time) ([]PaidSum, error)
	// PaidOrders lists orders with their payments in the order of payment; an empty project means all of the account.
	PaidOrders(ctx context.Context, t taocan.Tenant, from, until time.Time, limit int) ([]taocan.Order, error)
	// PlatformSpans adds up all accounts, over each of the spans that the rising bounds make: n bounds, n - 1 spans. Expired is
	// what has expired by now.
	PlatformSpans(ctx context.Context, bounds []time.Time, now time.Time) ([]PlatformSpan, error)
	// Liabilities is what has been sold or given and can still be used at now.
	Liabilities(ctx context.Context, now time.Time) (Liabilities, error)
	// TopCustomers are the accounts that paid most in cash and on credit, the most first.
	TopCustomers(ctx context.Context, from, until time.Time, limit int) ([]Customer, error)
}

// PackageSpan is what happened to one package in a span.
type PackageSpan struct {
	Number   taocan.PackageNumber
	Category taocan.Category
	Purpose  taocan.Purpose
	Country  taocan.Country
	// What it held at both ends, from the last entry before each; nothing before the commit that brought it.
	Before, After Held
	Moved         Moved
	FirstExpiry   time.Time   // as it came
	Extensions    []Extension // before until, in order
	Frozen        bool        // just before until
}

// Held is what a package holds, usable or not.
type Held struct{ Remaining, Reserved taocan.Segments }

// Moved adds up a package's entries in a span by kind: what each changed of what remains, or of what was used or reserved.
type Moved struct {
	Issued, Imported, Granted, Adjusted taocan.Segments // changes to remaining
	TransferredIn, TransferredOut       taocan.Segments // out: as a positive number
	Debited, Committed                  taocan.Segments // became used
	Reserved, Released                  taocan.Segments // both as positive numbers
	Remaining, ReservedSum              taocan.Segments // changes of all entries together, whatever their kind
}

// Extension gave a package a later expiry.
type Extension struct {
	At, ExpiresAt time.Time
	Remaining     taocan.Segments // at that time
}

// WalletSpan is what happened to a wallet in a span.
type WalletSpan struct {
	Before, After taocan.Wallet // after the last entry before each end
	Moved         []WalletMoved // by kind, then project
}

// WalletMoved adds up the entries of one kind; those about a project, by project.
type WalletMoved struct {
	Kind                                taocan.WalletEntryKind
	Project                             taocan.ProjectID
	Entries                             int
	Cash, Gift, CreditLimit, CreditUsed taocan.Fen
}

// PaidSum adds up the payments of one project.
type PaidSum struct {
	Project  taocan.ProjectID
	Orders   int
	Messages taocan.Segments
	Split    taocan.Split
}

// PlatformSpan is what happened on the platform in a span.
type PlatformSpan struct {
	From, Until   time.Time
	Orders        int
	Sold          taocan.Segments // by orders
	Revenue       taocan.Split    // of orders
	OverflowMoney taocan.Split    // what overflow took from wallets; no vouchers
	Used          taocan.Segments // debits and commits of reservations
	// Expired is what packages whose last day lies in the span hold unused; an extension since takes it out again.
	Expired     taocan.Segments
	NewAccounts int
}

// Liabilities is what can still be used: messages remaining in packages that have not expired, or reserved in any. Its money
// is each package's part of the payment for what is left of its total, rounded down to the fen, package by package. What
// was granted, imported or transferred carries no money.
type Liabilities struct {
	Packages            int
	Remaining, Reserved taocan.Segments
	Unpaid              taocan.Segments // of both: in packages that nobody paid for here
	Money               taocan.Split
}

// Customer is what one account bought.
type Customer struct {
	Account taocan.AccountID
	Orders  int
	Sold    taocan.Segments
	Revenue taocan.Split
}
