package taocan

import "time"

// Tier is one step of a price list: the unit price of purchases of at least From messages.
type Tier struct {
	From  Segments
	Price UnitPrice
}

// PriceRow holds the tiers of one purpose (domestic) or country (international), by rising From; the first From is 0.
// Below, where not 0, ends the list: purchases of Below messages or more are refused.
type PriceRow struct {
	Purpose Purpose // domestic
	Country Country // international
	Tiers   []Tier
	Below   Segments
}

// PriceList is valid from an instant until the next list of its category starts. Never edited once in force.
type PriceList struct {
	ID             PriceListID
	Category       Category
	ValidFrom      time.Time
	ValidityMonths int
	ChargeOn       ChargeOn
	Rows           []PriceRow
	Published      time.Time
	Draft          bool // shipped or kept as an example: never in force
}

// Product is a fixed package on sale.
type Product struct {
	ID             ProductID
	Name           string
	Category       Category
	Purpose        Purpose
	Country        Country
	Quantity       Segments
	Price          Fen
	ValidityMonths int
	ChargeOn       ChargeOn
	OnSale         bool
	CreatedAt      time.Time
}

// Agreement is one version of the service agreement.
type Agreement struct {
	Version     string
	Hash        string // SHA-256 of Markdown, hex
	Markdown    string
	PublishedAt time.Time
}

// PurchaseKind tells a custom quantity from fixed packages.
type PurchaseKind string

const (
	Custom PurchaseKind = "custom"
	Fixed  PurchaseKind = "fixed"
)

// Purchase is what somebody wants to buy.
type Purchase struct {
	Kind     PurchaseKind
	Category Category  // custom
	Purpose  Purpose   // custom; international: general
	Country  Country   // international custom
	Quantity Segments  // custom
	Product  ProductID // fixed
	Count    int       // fixed, 1–100
}

// Quote is a priced purchase: what an order is made from.
type Quote struct {
	Purchase
	Name           string   // of the packages that it would issue
	Each           Segments // messages per package
	Packages       int      // how many
	Quantity       Segments // Each × Packages
	UnitPrice      UnitPrice
	HasUnitPrice   bool // false for fixed
	Amount         Fen
	ValidityMonths int
	ChargeOn       ChargeOn
	PriceList      PriceListID // empty for fixed
	BetterOffer    *BetterOffer
}

// BetterOffer is a custom purchase of more messages that costs strictly less.
type BetterOffer struct {
	Quantity Segments
	Amount   Fen
	Saves    Fen
}

// OrderState of an order.
type OrderState string

const (
	OrderPending   OrderState = "pending"
	OrderPaid      OrderState = "paid"
	OrderCancelled OrderState = "cancelled"
	OrderClosed    OrderState = "closed" // unpaid too long
)

// Valid reports whether s is one of the known states.
func (s OrderState) Valid() bool {
	return s == OrderPending || s == OrderPaid || s == OrderCancelled || s == OrderClosed
}

// Order is a priced, unpaid intent, later paid, cancelled or closed. All but the last group is immutable.
type Order struct {
	Tenant
	ID                              OrderID
	Description                     string
	Quote                           Quote // price as at the order
	AgreementVersion, AgreementHash string
	By                              Actor // who accepted and ordered
	CreatedAt                       time.Time
	ClosesAt                        time.Time // unpaid at this instant, the order counts as closed

	State     OrderState
	SettledAt time.Time // paid, cancelled or closed
	Packages  []PackageNumber
	Payment   *Payment
}

// StateAt is the order's state at an instant: a pending order past its close is closed, swept or not.
func (o *Order) StateAt(now time.Time) OrderState {
	if o.State == OrderPending && !now.Before(o.ClosesAt) {
		return OrderClosed
	}
	return o.State
}

// Payment is the money taken for one order.
type Payment struct {
	Tenant
	Order     OrderID
	Split     Split
	VoucherID VoucherID // empty: none
	PaidAt    time.Time
	By        Actor
}

// Wallet is what an account can pay with, besides vouchers. No part is negative; CreditUsed ≤ CreditLimit
// unless the operator lowered the limit below what is used.
type Wallet struct {
	Account                             AccountID
	Cash, Gift, CreditLimit, CreditUsed Fen
}

// Credit is what may still be drawn.
func (w Wallet) Credit() Fen { return max(0, w.CreditLimit-w.CreditUsed) }

// WalletEntryKind says why an entry stands in the wallet's statement.
type WalletEntryKind string

const (
	WalletTopUp       WalletEntryKind = "top_up" // repays used credit first, the rest becomes cash
	WalletGift        WalletEntryKind = "gift"
	WalletPayment     WalletEntryKind = "payment"
	WalletAdjust      WalletEntryKind = "adjust"
	WalletCreditLimit WalletEntryKind = "credit_limit"
	WalletOverflow    WalletEntryKind = "overflow" // debits beyond all packages: whole fen of what they cost
)

// WalletEntry is one immutable line of a wallet's statement: signed changes and the wallet after them.
type WalletEntry struct {
	Account                             AccountID
	N                                   int64 // 1, 2, 3 … within the account
	Kind                                WalletEntryKind
	At                                  time.Time
	Cash, Gift, CreditLimit, CreditUsed Fen // changes
	After                               Wallet
	Project                             ProjectID // payments
	Order                               OrderID   // payments
	Reference                           string    // the operator's external reference or reason
	By                                  Actor
}

// VoucherScope limits what a voucher pays for; an empty list allows all.
type VoucherScope struct {
	Categories []Category
	Purposes   []Purpose
	Products   []ProductID
}

// Voucher pays part of one order of its account, once.
type Voucher struct {
	ID         VoucherID
	Account    AccountID // empty: a code that nobody has redeemed
	CodeHint   string    // last four characters of the code
	Amount     Fen
	MinAmount  Fen
	Scope      VoucherScope
	ValidFrom  time.Time
	ValidUntil time.Time // exclusive
	IssuedAt   time.Time
	AssignedAt time.Time
	UsedBy     OrderID // empty: unused
	UsedIn     ProjectID
	UsedAt     time.Time
}

// Account is a paying customer.
type Account struct {
	ID        AccountID
	Name      string
	Level     Level
	Suspended bool
	CreatedAt time.Time
}

// Project belongs to an account; packages, orders and debits belong to it. Its id is unique over all accounts.
type Project struct {
	ID        ProjectID
	Account   AccountID
	Name      string
	CreatedAt time.Time
}

// Member is a person who logs in: of an account, or staff of the platform (Account empty, role operator).
type Member struct {
	ID           MemberID
	Account      AccountID
	Login        string
	Role         Role
	PasswordHash string // argon2id, PHC form
	Suspended    bool
	CreatedAt    time.Time
}

// Token is an API credential. Only the hash of its secret is kept.
type Token struct {
	ID        TokenID
	Hash      []byte // SHA-256 of the secret
	Tenant           // empty for operator tokens
	Name      string
	Member    MemberID // set when a sign-in made it: the member's role still decides
	Scopes    []Scope
	CreatedAt time.Time
	ExpiresAt time.Time // zero: never
	RevokedAt time.Time // zero: not revoked
}

// SignInCode signs a member in once, without a password. Only the hash of the code is kept.
type SignInCode struct {
	Hash      []byte // SHA-256 of the code
	Member    MemberID
	ExpiresAt time.Time // exclusive
}

// Actor is who does something: what access turns a credential into. It is written beside what was done.
type Actor struct {
	Tenant  // empty for operators and the system
	Token   TokenID
	Member  MemberID
	Role    Role    // of the member, empty for plain tokens
	Scopes  []Scope // not recorded
	Address string  // remote address
}

// Can reports whether the actor holds the scope.
func (a Actor) Can(s Scope) bool {
	for _, have := range a.Scopes {
		if have == s {
			return true
		}
	}
	return false
}

// System is the platform acting by itself: setting up, seeding, measuring.
func System() Actor { return Actor{Scopes: []Scope{ScopeOperator}} }

// OperatorOnly refuses whoever is not an operator of the platform, and belongs to no account.
func (a Actor) OperatorOnly() error {
	if a.Account != "" || !a.Can(ScopeOperator) {
		return &ForbiddenError{Required: string(ScopeOperator), Detail: "only operators of the platform may do this"}
	}
	return nil
}

// Name of the actor for records: the member, else the token, else "system".
func (a Actor) Name() string {
	switch {
	case a.Member != "":
		return "member:" + string(a.Member)
	case a.Token != "":
		return "token:" + string(a.Token)
	}
	return "system"
}

// AuditEntry says who changed what as an operator, or as the owner of an account, from where, and what it was before and after (JSON).
type AuditEntry struct {
	N       int64
	At      time.Time
	By      string // Actor.Name
	Login   string // of the member, where one did it; read, not written
	Address string
	Action  string // "account.create", "package.adjust" …
	Subject string
	Before  string
	After   string
}
