package taocan

import "hash/fnv"

type (
	AccountID   string
	ProjectID   string
	OrderID     string
	VoucherID   string
	MemberID    string
	TokenID     string
	ProductID   string
	PriceListID string
	// DebitID is the caller's own id of a debit or a reservation, unique within the project.
	DebitID string
)

// Tenant names whose data a statement touches. Every tenant query takes both, the account first:
// it is the leading key of every table and what the data would be distributed by.
type Tenant struct {
	Account AccountID
	Project ProjectID
}

// MaxIDBytes bounds the ids, keys and references that callers choose.
const MaxIDBytes = 128

// ValidCallerID reports whether s can be an id or a key chosen by a caller: 1–128 bytes of visible ASCII.
func ValidCallerID(s string) bool { return s != "" && ValidReference(s) }

// ValidReference reports whether s can be a reference: an id that may be left out.
func ValidReference(s string) bool {
	if len(s) > MaxIDBytes {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '!' || s[i] > '~' {
			return false
		}
	}
	return true
}

// ValidName reports whether s can name an account or a project: 1–64 bytes of lower-case letters, digits, '-' and '_'.
func ValidName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// Lane is one of the fixed logical lanes that ledgers are chained and locked by.
type Lane uint8

// Lanes is part of the schema: changing it would move accounts between chains.
const Lanes = 16

// LaneOf is where the account's ledger is chained.
func LaneOf(a AccountID) Lane {
	h := fnv.New32a()
	_, _ = h.Write([]byte(a))
	return Lane(h.Sum32() % Lanes)
}
