package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"taocan/internal/taocan"
)

// ErrHistoryLost: the database no longer holds commits that this process has seen, as after a fail-over to a standby that lacked
// them. What the process remembers is wrong, so it writes nothing until it is started again.
var ErrHistoryLost = fmt.Errorf("the database has lost commits that were seen; stop every server, set a new epoch and start them: %w", taocan.ErrUnavailable)

// ErrNotCommitted marks a failure after which it is certain that nothing was written. Any other failure of a
// write leaves its outcome unknown: the caller retries with the same id and learns it.
var ErrNotCommitted = errors.New("nothing was committed")

// Store is one database. It is safe for concurrent use.
type Store interface {
	// View runs fn on one consistent snapshot that shows all that was answered before.
	View(ctx context.Context, fn func(Reader) error) error

	// Peek is View for those who look often: it waits for nobody. What the latest group commits did to packages may not be
	// posted yet (Posting): figures, balances, entries, lists of debits and all sums over them may lack it. Everything else
	// is as in View: accounts, tokens, settings, orders, debits and reservations by their ids, heads of lanes.
	Peek(ctx context.Context, fn func(Reader) error) error

	// Update runs fn in one transaction and commits it if fn returns nil. account names whose ledger fn may write, or whose
	// settings that debits look at (rules, limits, top-ups, pools); these writes and the account's group commits follow one
	// another. It is empty for what belongs to no account's ledger (catalogue, accounts, tokens, deliveries …): then fn sees
	// packages as Peek does. fn may run twice: it touches tx and locals, nothing else.
	Update(ctx context.Context, account taocan.AccountID, fn func(Tx) error) error

	// CommitDebits is one group commit: it locks the lanes of ops, loads what they need, calls decide once per
	// attempt, writes what decide put into the Ledger, and commits. It returns decide's outcomes, in order.
	CommitDebits(ctx context.Context, ops []Op, decide func(*Ledger, []Op) []Outcome) ([]Outcome, error)

	// CheckWrites says why no ledger is written now, as taocan.ErrUnavailable: the wall clock has jumped forward
	// (*clock.JumpError), or the disk is nearly full. ConfirmClock trusts the clock as it stands.
	CheckWrites() error
	ConfirmClock()

	// Epoch identifies this database: another one, set up anew or restored from a backup, has another.
	Epoch() string

	Close() error
}

// Page is one page of a list.
type Page[T any] struct {
	Items   []T
	Total   int    // exact up to CountLimit
	AtLeast bool   // there are more than Total
	Next    string // cursor of the next page, empty at the end
	// Before this instant the list may have had more, which is archived: it ends there. Zero: nothing is.
	ArchivedBefore time.Time
}

// CountLimit bounds the exact totals of lists.
const CountLimit = 100_000

// Paging asks for a page either by number (Offset) or by Cursor; Limit is always set.
type Paging struct {
	Limit, Offset int
	Cursor        string // from Page.Next; a malformed one is taocan.ErrInvalid at "query.cursor"
}

// PackageFilter selects packages; zero values select all.
type PackageFilter struct {
	Category taocan.Category
	Purposes []taocan.Purpose
	Statuses []taocan.Status
	Country  taocan.Country
	Query    string // prefix of the number (any case), or part of the name
	Sort     string // number, total, remaining, expires_at, purchased_at; "-" before it for descending; default -purchased_at
	Now      time.Time
	AsOf     time.Time // zero: the present. Otherwise what existed then, with the figures and statuses of then
	Paging
}

// PackageSorts are the keys that PackageFilter.Sort takes.
var PackageSorts = []string{"number", "total", "remaining", "expires_at", "purchased_at"}

// DebitFilter selects recorded debits and reservations, newest first; a settled reservation stands at its last change.
type DebitFilter struct {
	From, Until time.Time // commit time in [From, Until); zero: open
	Package     taocan.PackageNumber
	Category    taocan.Category
	Purpose     taocan.Purpose
	State       taocan.DebitState
	Commit      int64 // only this commit of the project's lane; 0: all
	Paging
}

// UsageRow is what a project used (debits and commits, less nothing) in a natural day of the platform's zone.
type UsageRow struct {
	Day      string // 2006-01-02
	Category taocan.Category
	Purpose  taocan.Purpose
	Country  taocan.Country
	Used     taocan.Segments
}

// IdempotencyKey ties a caller's key to what it created. Operation is "order", "payment" or "token", or an
// operator's money write ("top_up" …) with Project empty.
type IdempotencyKey struct {
	taocan.Tenant
	Operation string
	Key       string
	Content   []byte // SHA-256 of path and body
	Subject   string // id of what the first call made
	CreatedAt time.Time
}

// Due names a reservation past its deadline.
type Due struct {
	taocan.Tenant
	ID taocan.DebitID
}

// Reader reads one consistent snapshot. Absent is taocan.ErrNotFound. Methods that take a Tenant never answer
// about another's data.
type Reader interface {
	// Accounts and access.
	Account(ctx context.Context, id taocan.AccountID) (taocan.Account, error)
	Accounts(ctx context.Context, f AccountFilter) (Page[taocan.Account], error) // by id
	Project(ctx context.Context, id taocan.ProjectID) (taocan.Project, error)
	Projects(ctx context.Context, account taocan.AccountID, p Paging) (Page[taocan.Project], error) // by id; empty account: all
	Member(ctx context.Context, login string) (taocan.Member, error)
	MemberByID(ctx context.Context, id taocan.MemberID) (taocan.Member, error)
	Members(ctx context.Context, account taocan.AccountID) ([]taocan.Member, error)
	Token(ctx context.Context, hash []byte) (taocan.Token, error)
	TokenByID(ctx context.Context, id taocan.TokenID) (taocan.Token, error)
	Tokens(ctx context.Context, t taocan.Tenant, p Paging) (Page[taocan.Token], error) // newest first; empty tenant: all
	// APITokens are a project's tokens without those that sign-ins made, newest first; empty tenant: the operators'.
	APITokens(ctx context.Context, t taocan.Tenant, p Paging) (Page[taocan.Token], error)
	SignInFailures(ctx context.Context, key string, since time.Time) (int, error)
	AuditEntries(ctx context.Context, f AuditFilter) (Page[taocan.AuditEntry], error) // newest first

	// Catalogue.
	PriceLists(ctx context.Context, c taocan.Category) ([]taocan.PriceList, error) // newest ValidFrom first; empty: all
	PriceList(ctx context.Context, id taocan.PriceListID) (taocan.PriceList, error)
	// PriceListAt is the list of the category in force at the instant, drafts left out.
	PriceListAt(ctx context.Context, c taocan.Category, at time.Time) (taocan.PriceList, error)
	Products(ctx context.Context, c taocan.Category, onlyOnSale bool) ([]taocan.Product, error) // by quantity, then id
	Product(ctx context.Context, id taocan.ProductID) (taocan.Product, error)
	Agreement(ctx context.Context) (taocan.Agreement, error) // the current one
	Agreements(ctx context.Context) ([]taocan.Agreement, error)

	// Orders and money.
	Order(ctx context.Context, t taocan.Tenant, id taocan.OrderID) (taocan.Order, error) // with payment and packages
	// Orders are newest first. A state asked for is as of now: a pending order past its close is closed.
	Orders(ctx context.Context, t taocan.Tenant, state taocan.OrderState, now time.Time, p Paging) (Page[taocan.Order], error)
	AllOrders(ctx context.Context, f OrderFilter) (Page[taocan.Order], error)         // operator's
	OrderAnywhere(ctx context.Context, id taocan.OrderID) (taocan.Order, error)       // operator's
	UnpaidPast(ctx context.Context, now time.Time, limit int) ([]taocan.Order, error) // pending and past ClosesAt
	IdempotencyKey(ctx context.Context, t taocan.Tenant, operation, key string) (IdempotencyKey, error)
	Wallet(ctx context.Context, a taocan.AccountID) (taocan.Wallet, error)
	WalletEntries(ctx context.Context, a taocan.AccountID, p Paging) (Page[taocan.WalletEntry], error) // newest first
	// WalletReference finds the entry of that kind that carries an external reference.
	WalletReference(ctx context.Context, a taocan.AccountID, kind taocan.WalletEntryKind, reference string) (taocan.WalletEntry, error)
	Voucher(ctx context.Context, a taocan.AccountID, id taocan.VoucherID) (taocan.Voucher, error)
	Vouchers(ctx context.Context, a taocan.AccountID, p Paging) (Page[taocan.Voucher], error)        // by ValidUntil, then id
	UnusedVouchers(ctx context.Context, a taocan.AccountID, now time.Time) ([]taocan.Voucher, error) // valid at now, unused
	VoucherByCode(ctx context.Context, codeHash []byte) (taocan.Voucher, error)                      // assigned or not
	AllVouchers(ctx context.Context, f VoucherFilter) (Page[taocan.Voucher], error)                  // operator's

	// Packages.
	Package(ctx context.Context, t taocan.Tenant, n taocan.PackageNumber) (taocan.Package, error)
	PackageAnywhere(ctx context.Context, n taocan.PackageNumber) (taocan.Package, error) // operator's
	Packages(ctx context.Context, t taocan.Tenant, f PackageFilter) (Page[taocan.Package], error)
	// Balance sums active packages at the instant; past instants are answered from entries.
	Balance(ctx context.Context, t taocan.Tenant, c taocan.Category, now time.Time, asOf time.Time) (taocan.Balance, error)
	Entries(ctx context.Context, t taocan.Tenant, n taocan.PackageNumber, p Paging) (Page[taocan.Entry], error) // newest first
	OpeningEntry(ctx context.Context, t taocan.Tenant, n taocan.PackageNumber) (taocan.Entry, error)
	// Unmarked lists packages that have expired by now with something left and carry no expire entry yet.
	Unmarked(ctx context.Context, now time.Time, limit int) ([]taocan.Package, error)

	// Debits. Those of archived months are taocan.ErrArchived where one is asked for by its commit; lists end before them.
	Debit(ctx context.Context, t taocan.Tenant, id taocan.DebitID) (taocan.Debit, error)
	Debits(ctx context.Context, t taocan.Tenant, f DebitFilter) (Page[taocan.Debit], error)
	// DebitsAt lists what one commit recorded for the project, in the order of decision.
	DebitsAt(ctx context.Context, t taocan.Tenant, at time.Time) ([]taocan.Debit, error)
	DueReservations(ctx context.Context, now time.Time, limit int) ([]Due, error)
	CountDue(ctx context.Context, now time.Time) (int, error)
	Usage(ctx context.Context, t taocan.Tenant, from, until time.Time, zone *time.Location) ([]UsageRow, error)

	NoticeReader
	MeteringReader
	TopUpReader
	AlertReader
	StatementReader
	Proof // what Verify reads
}

// Tx is a transaction: it reads its own writes. Now is fixed for the transaction; for a ledger it is later
// than the lane's last commit.
type Tx interface {
	Reader
	AlertTx
	Now() time.Time

	InsertAccount(ctx context.Context, a taocan.Account) error // with an empty wallet; taken id: ErrConflict
	UpdateAccount(ctx context.Context, a taocan.Account) error // name, level, suspended
	InsertProject(ctx context.Context, p taocan.Project) error
	UpdateProject(ctx context.Context, p taocan.Project) error // name
	InsertMember(ctx context.Context, m taocan.Member) error
	UpdateMember(ctx context.Context, m taocan.Member) error // role, password, suspended
	InsertToken(ctx context.Context, t taocan.Token) error
	RevokeToken(ctx context.Context, id taocan.TokenID, at time.Time) error
	// RevokeSignIns ends all tokens of a member but keep, which may be empty, and takes back its codes.
	RevokeSignIns(ctx context.Context, m taocan.MemberID, keep taocan.TokenID, at time.Time) error
	InsertSignInCode(ctx context.Context, c taocan.SignInCode) error // also forgets codes that have expired
	// TakeSignInCode deletes a code and returns it, expired or not; taken once more it is ErrNotFound.
	TakeSignInCode(ctx context.Context, hash []byte) (taocan.SignInCode, error)
	InsertSignInFailure(ctx context.Context, key string, at time.Time) error // also forgets failures older than a day
	InsertAudit(ctx context.Context, e taocan.AuditEntry) error              // N is given by the store

	InsertPriceList(ctx context.Context, l taocan.PriceList) error
	InsertProduct(ctx context.Context, p taocan.Product) error
	SetProductOnSale(ctx context.Context, id taocan.ProductID, onSale bool) error
	InsertAgreement(ctx context.Context, a taocan.Agreement) error

	// InsertOrder writes a pending order, SettleOrder its end: State, SettledAt; the packages of a paid one
	// follow from IssuePackages.
	InsertOrder(ctx context.Context, o taocan.Order) error
	SettleOrder(ctx context.Context, t taocan.Tenant, id taocan.OrderID, state taocan.OrderState, at time.Time) error // ErrConflict unless pending
	InsertPayment(ctx context.Context, p taocan.Payment) error
	InsertIdempotencyKey(ctx context.Context, k IdempotencyKey) error
	// AppendWallet writes an entry and the wallet after it. The store gives N and After; figures below 0 are refused by constraint.
	AppendWallet(ctx context.Context, e taocan.WalletEntry) (taocan.WalletEntry, error)
	InsertVoucher(ctx context.Context, v taocan.Voucher, codeHash []byte) error                                  // with an account, or a code to be redeemed
	AssignVoucher(ctx context.Context, codeHash []byte, a taocan.AccountID, at time.Time) error                  // ErrConflict if it has an account
	UseVoucher(ctx context.Context, a taocan.AccountID, id taocan.VoucherID, o taocan.Order, at time.Time) error // ErrConflict if used

	// InsertPackage writes a package and its opening entry (taocan.EntryKind.Opens). A taken number is ErrConflict.
	// The entry's time is p.ExistsFrom.
	InsertPackage(ctx context.Context, p taocan.Package, kind taocan.EntryKind, reference string) error
	// AdjustPackage adds delta (either sign) to what remains; below 0 is taocan.ErrInsufficientQuota.
	AdjustPackage(ctx context.Context, t taocan.Tenant, n taocan.PackageNumber, delta taocan.Segments, reason string) error
	// MarkExpired writes the expire entry of an expired package, once.
	MarkExpired(ctx context.Context, t taocan.Tenant, n taocan.PackageNumber) error

	// InsertArchivedMonth notes that a month of the transaction's lane is in a file; the store gives Seq. From then on lists end there.
	InsertArchivedMonth(ctx context.Context, m ArchivedMonth) error
	// DropArchivedDebits removes the debits of commits after a sequence, up to another, as far as archived months cover them.
	DropArchivedDebits(ctx context.Context, lane taocan.Lane, after, upTo int64) error

	PackageTx
	NoticeTx
	MeteringTx
	TopUpTx
}
