package taocan

import "time"

// VoucherState says whether a voucher can pay at all at an instant. What it can pay for is another matter.
type VoucherState string

const (
	VoucherUsable   VoucherState = "usable"
	VoucherUsed     VoucherState = "used"
	VoucherNotYet   VoucherState = "not_yet_valid"
	VoucherOutdated VoucherState = "expired"
)

// Valid reports whether s is one of the states.
func (s VoucherState) Valid() bool {
	return s == VoucherUsable || s == VoucherUsed || s == VoucherNotYet || s == VoucherOutdated
}

// StateAt is the voucher's state at an instant. A used one stays used after its end.
func (v *Voucher) StateAt(now time.Time) VoucherState {
	switch {
	case v.UsedBy != "":
		return VoucherUsed
	case now.Before(v.ValidFrom):
		return VoucherNotYet
	case !now.Before(v.ValidUntil):
		return VoucherOutdated
	}
	return VoucherUsable
}
