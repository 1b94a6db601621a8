package taocan

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// Fen is an amount of money in 1/100 yuan.
type Fen int64

// UnitPrice is the price of one message in 1/10,000 yuan.
type UnitPrice int64

// MaxFen bounds every amount (100 billion yuan), so that sums of a few never overflow.
const MaxFen Fen = 10_000_000_000_000

// String writes yuan with two decimals: "44.00".
func (f Fen) String() string { return decimal(int64(f), 100, 2) }

// String writes yuan with three decimals, a fourth only when it is not 0: "0.044", "0.0385".
func (p UnitPrice) String() string {
	if p%10 == 0 {
		return decimal(int64(p/10), 1000, 3)
	}
	return decimal(int64(p), 10_000, 4)
}

func decimal(v, unit int64, digits int) string {
	sign, u := "", uint64(v)
	if v < 0 {
		sign, u = "-", uint64(-v)
	}
	return fmt.Sprintf("%s%d.%0*d", sign, u/uint64(unit), digits, u%uint64(unit))
}

// ParseFen reads yuan with at most two decimals: "44", "44.0", "44.00", "-4.40".
func ParseFen(s string) (Fen, error) {
	v, err := parseDecimal(s, 2)
	if err != nil {
		return 0, err
	}
	if v > int64(MaxFen) || v < -int64(MaxFen) {
		return 0, fmt.Errorf("amount %q is out of range", s)
	}
	return Fen(v), nil
}

// ParseUnitPrice reads yuan with at most four decimals: "0.044".
func ParseUnitPrice(s string) (UnitPrice, error) {
	v, err := parseDecimal(s, 4)
	if err != nil {
		return 0, err
	}
	if v < 0 || v > int64(MaxFen) {
		return 0, fmt.Errorf("unit price %q is out of range", s)
	}
	return UnitPrice(v), nil
}

// parseDecimal reads an optional '-', 1–15 digits and at most digits decimals as an integer of 10^-digits.
func parseDecimal(s string, digits int) (int64, error) {
	bad := fmt.Errorf("%.40q is not a decimal with at most %d places", s, digits)
	body, negative := strings.CutPrefix(s, "-")
	whole, frac, point := strings.Cut(body, ".")
	if whole == "" || len(whole) > 14 || len(frac) > digits || point && frac == "" {
		return 0, bad
	}
	all := whole + frac + strings.Repeat("0", digits-len(frac))
	for i := 0; i < len(all); i++ {
		if all[i] < '0' || all[i] > '9' {
			return 0, bad
		}
	}
	v, err := strconv.ParseInt(all, 10, 64)
	if err != nil {
		return 0, bad
	}
	if negative {
		v = -v
	}
	return v, nil
}

// LineTotal is quantity × unit price, rounded half up to the fen, once, at the line:
// 99,900 at 0.0440 yuan is 439,560 fen.
func LineTotal(quantity Segments, unit UnitPrice) (Fen, error) {
	if quantity < 0 || unit < 0 {
		return 0, fmt.Errorf("line total of %d at %s: %w", quantity, unit, ErrInvalid)
	}
	hi, lo := bits.Mul64(uint64(quantity), uint64(unit))
	if hi != 0 || lo > math.MaxInt64-50 {
		return 0, fmt.Errorf("line total of %d at %s overflows: %w", quantity, unit, ErrInvalid)
	}
	f := Fen((lo + 50) / 100) // 1/10,000 yuan → fen
	if f > MaxFen {
		return 0, fmt.Errorf("line total of %d at %s overflows: %w", quantity, unit, ErrInvalid)
	}
	return f, nil
}

// Split is how a payment was made up. The parts sum to the total; taken in the order voucher, gift, cash, credit.
type Split struct {
	Voucher, Gift, Cash, Credit Fen
}

// Total is the sum of the parts.
func (s Split) Total() Fen { return s.Voucher + s.Gift + s.Cash + s.Credit }

// Share divides the split over n equal packages and gives the i-th its part. Parts are whole fen;
// the last package gets what remains, so the shares sum to the split.
func (s Split) Share(i, n int) Split {
	part := func(f Fen) Fen {
		each := f / Fen(n)
		if i == n-1 {
			return f - each*Fen(n-1)
		}
		return each
	}
	return Split{part(s.Voucher), part(s.Gift), part(s.Cash), part(s.Credit)}
}
