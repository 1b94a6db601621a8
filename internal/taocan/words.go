package taocan

// Category says where messages go: inside the mainland or abroad (Hong Kong, Macau and Taiwan included).
type Category string

const (
	Domestic      Category = "domestic"
	International Category = "international"
)

// Valid reports whether c is one of the known categories.
func (c Category) Valid() bool { return c == Domestic || c == International }

// Purpose says what messages are for. A package of one purpose never pays for the other;
// general packages pay for both.
type Purpose string

const (
	Verification Purpose = "verification"
	Marketing    Purpose = "marketing"
	General      Purpose = "general"
)

// Purposes lists the known purposes in the order that pages show them.
var Purposes = []Purpose{Verification, Marketing, General}

// Valid reports whether p is one of the known purposes.
func (p Purpose) Valid() bool { return p == Verification || p == Marketing || p == General }

// Country is an ISO 3166-1 alpha-2 code, upper case; empty for domestic.
type Country string

// Valid reports whether c has the form of a country code. Which countries are sold is the price list's matter.
func (c Country) Valid() bool {
	return len(c) == 2 && c[0] >= 'A' && c[0] <= 'Z' && c[1] >= 'A' && c[1] <= 'Z'
}

// Segments counts billed messages.
type Segments int64

// MaxSegments bounds one debit and one adjustment.
const MaxSegments Segments = 1_000_000_000

// ChargeOn says when a message counts as used: when the gateway accepted it, or when it was delivered.
// It travels from the product to the package; debits themselves do not look at it.
type ChargeOn string

const (
	ChargeOnSubmit    ChargeOn = "submit"
	ChargeOnDelivered ChargeOn = "delivered"
)

// Valid reports whether c is one of the known rules.
func (c ChargeOn) Valid() bool { return c == ChargeOnSubmit || c == ChargeOnDelivered }

// Status of a package is derived from what it is and an instant, never stored.
type Status string

const (
	Active    Status = "active"
	Exhausted Status = "exhausted"
	Expired   Status = "expired"
	Frozen    Status = "frozen"
)

// Valid reports whether s is one of the known statuses.
func (s Status) Valid() bool { return s == Active || s == Exhausted || s == Expired || s == Frozen }

// Level is how well the platform knows an account; it decides what the account may buy.
type Level string

const (
	Unverified Level = "unverified"
	Personal   Level = "personal"
	Enterprise Level = "enterprise"
)

// Valid reports whether l is one of the known levels.
func (l Level) Valid() bool { return l == Unverified || l == Personal || l == Enterprise }

// Role is what a member may do in the account's console.
type Role string

const (
	Owner        Role = "owner"
	Finance      Role = "finance"
	Viewer       Role = "viewer"
	OperatorRole Role = "operator" // staff of the platform; belongs to no account
)

// Valid reports whether r is a role that a member of an account can have.
func (r Role) Valid() bool { return r == Owner || r == Finance || r == Viewer }

// Scope is what a token may do.
type Scope string

const (
	ScopeRead     Scope = "read"
	ScopeBuy      Scope = "buy"
	ScopeDebit    Scope = "debit"
	ScopeManage   Scope = "manage"
	ScopeOperator Scope = "operator"
)

// Valid reports whether s is one of the known scopes.
func (s Scope) Valid() bool {
	switch s {
	case ScopeRead, ScopeBuy, ScopeDebit, ScopeManage, ScopeOperator:
		return true
	}
	return false
}
