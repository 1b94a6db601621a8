package taocan

import (
	"errors"
	"fmt"
	"time"
)

// Kinds of failure. Details ride in the structs below, which unwrap to their kind;
// front doors translate kinds, once, by one table.
var (
	ErrInvalid           = errors.New("invalid request")
	ErrUnauthenticated   = errors.New("unauthenticated")
	ErrForbidden         = errors.New("forbidden")
	ErrNotFound          = errors.New("not found")
	ErrArchived          = errors.New("archived") // it was here, and is in a file of the operator's now
	ErrConflict          = errors.New("conflict") // same id or key with other content, or a duplicate
	ErrInsufficientQuota = errors.New("insufficient quota")
	ErrInsufficientFunds = errors.New("insufficient funds")
	ErrUsageLimit        = errors.New("a usage limit is reached")
	ErrState             = errors.New("the state does not allow it")
	ErrAgreement         = errors.New("the current agreement is not accepted")
	ErrVoucher           = errors.New("the voucher cannot be used")
	ErrNotForSale        = errors.New("not for sale")
	ErrRateLimited       = errors.New("too many requests")
	ErrUnavailable       = errors.New("unavailable, safe to retry with the same id")
)

// FieldError names one bad field of a request by its JSON path ("body.quantity", "query.page").
type FieldError struct {
	Location string
	Message  string
	Value    any
}

// InvalidError lists what is wrong with a request.
type InvalidError struct{ Fields []FieldError }

func (e *InvalidError) Error() string {
	if len(e.Fields) == 0 {
		return ErrInvalid.Error()
	}
	return fmt.Sprintf("%s: %s", e.Fields[0].Location, e.Fields[0].Message)
}
func (e *InvalidError) Unwrap() error { return ErrInvalid }

// Invalid reports one bad field.
func Invalid(location, message string, value any) error {
	return &InvalidError{[]FieldError{{location, message, value}}}
}

// ArchivedError says before which instant debits are archived. Found: what was asked for is among them; otherwise it is unknown
// here, and may be.
type ArchivedError struct {
	Before time.Time
	Found  bool
}

func (e *ArchivedError) Error() string {
	before := e.Before.UTC().Format(time.RFC3339)
	if e.Found {
		return "it is archived, as are all debits before " + before
	}
	return "there is no such thing here; debits before " + before + " are archived"
}

func (e *ArchivedError) Unwrap() error {
	if e.Found {
		return ErrArchived
	}
	return ErrNotFound
}

// NotFoundError says what was looked for. Detail must read the same whether there is none or it is of another tenant.
type NotFoundError struct{ Detail string }

func (e *NotFoundError) Error() string { return e.Detail }
func (e *NotFoundError) Unwrap() error { return ErrNotFound }

// ConflictError says which id, key or reference has been used before, and what differs.
type ConflictError struct{ Detail string }

func (e *ConflictError) Error() string { return e.Detail }
func (e *ConflictError) Unwrap() error { return ErrConflict }

// Conflict is a ConflictError with a formatted detail.
func Conflict(format string, args ...any) error {
	return &ConflictError{fmt.Sprintf(format, args...)}
}

// QuotaError says how much was asked and how much is usable.
type QuotaError struct{ Requested, Available Segments }

func (e *QuotaError) Error() string {
	return fmt.Sprintf("%d requested, %d available", e.Requested, e.Available)
}
func (e *QuotaError) Unwrap() error { return ErrInsufficientQuota }

// FundsError says what a payment lacks: Missing = Total − Available.
type FundsError struct{ Total, Available, Missing Fen }

func (e *FundsError) Error() string {
	return fmt.Sprintf("the order costs %s, %s is available, %s is missing", e.Total, e.Available, e.Missing)
}
func (e *FundsError) Unwrap() error { return ErrInsufficientFunds }

// StateError says in which state an order, a reservation or a package was found.
type StateError struct {
	What  string // "order", "reservation" or "package"
	State string
}

func (e *StateError) Error() string { return fmt.Sprintf("the %s is %s", e.What, e.State) }
func (e *StateError) Unwrap() error { return ErrState }

// ForbiddenError says which scope, role or identity level is needed.
type ForbiddenError struct {
	Required string
	Detail   string
}

func (e *ForbiddenError) Error() string { return e.Detail }
func (e *ForbiddenError) Unwrap() error { return ErrForbidden }

// AgreementError names the version that has to be accepted.
type AgreementError struct{ CurrentVersion string }

func (e *AgreementError) Error() string {
	return fmt.Sprintf("agreement version %s has to be accepted", e.CurrentVersion)
}
func (e *AgreementError) Unwrap() error { return ErrAgreement }

// VoucherError says why a voucher cannot pay: "unknown", "used", "expired", "not_yet_valid", "below_minimum", "out_of_scope".
type VoucherError struct{ Reason string }

func (e *VoucherError) Error() string { return "the voucher cannot be used: " + e.Reason }
func (e *VoucherError) Unwrap() error { return ErrVoucher }

// SaleError is a purchase that the catalogue refuses, by its API code, e.g. "quantity_not_multiple".
type SaleError struct {
	Code   string
	Detail string
}

func (e *SaleError) Error() string { return e.Detail }
func (e *SaleError) Unwrap() error { return ErrNotForSale }

// Codes of SaleError.
const (
	CodeAbovePriceList    = "quantity_above_price_list"
	CodeNotMultiple       = "quantity_not_multiple"
	CodeTooSmall          = "quantity_too_small"
	CodeTooLarge          = "quantity_too_large"
	CodePurposeNotForSale = "purpose_not_for_sale"
	CodeCountryNotForSale = "country_not_for_sale"
	CodeProductNotForSale = "product_not_for_sale"
)

// RateError says when to come back.
type RateError struct{ RetryAfter time.Duration }

func (e *RateError) Error() string { return ErrRateLimited.Error() }
func (e *RateError) Unwrap() error { return ErrRateLimited }
