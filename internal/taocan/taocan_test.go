package taocan

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var shanghai = time.FixedZone("Asia/Shanghai", 8*3600)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestMoneyIsWrittenWithTwoDecimalsAndUnitPricesWithThree(t *testing.T) {
	for fen, want := range map[Fen]string{0: "0.00", 5: "0.05", 4400: "44.00", -440: "-4.40", MaxFen: "100000000000.00"} {
		if got := fen.String(); got != want {
			t.Errorf("%d fen: %s, want %s", int64(fen), got, want)
		}
	}
	for price, want := range map[UnitPrice]string{440: "0.044", 400: "0.040", 3970: "0.397", 385: "0.0385", 10_000: "1.000", 0: "0.000"} {
		if got := price.String(); got != want {
			t.Errorf("%d: %s, want %s", int64(price), got, want)
		}
	}
	for text, want := range map[string]Fen{"44": 4400, "44.0": 4400, "44.00": 4400, "-4.4": -440, "0": 0, "-0": 0, "00.05": 5} {
		if got, err := ParseFen(text); err != nil || got != want {
			t.Errorf("ParseFen(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-", ".", ".5", "5.", "1.234", "1e3", "+1", " 1", "1 ", "１", "NaN", "--1", "1,000", "100000000000.01", strings.Repeat("9", 40)} {
		if got, err := ParseFen(text); err == nil {
			t.Errorf("ParseFen(%q) = %d, want an error", text, got)
		}
	}
	if got, err := ParseUnitPrice("0.0385"); err != nil || got != 385 {
		t.Errorf("unit price: %d, %v", got, err)
	}
	if _, err := ParseUnitPrice("-0.1"); err == nil {
		t.Error("a negative unit price was taken")
	}
}

func TestMoneyReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fen := Fen(rapid.Int64Range(-int64(MaxFen), int64(MaxFen)).Draw(t, "fen"))
		if got, err := ParseFen(fen.String()); err != nil || got != fen {
			t.Fatalf("%s reads back as %d, %v", fen, got, err)
		}
	})
}

func TestALineIsRoundedHalfUpOnce(t *testing.T) {
	for _, tt := range []struct {
		quantity Segments
		unit     UnitPrice
		want     Fen
	}{{1000, 440, 44_00}, {100, 440, 4_40}, {99_900, 440, 4395_60}, {100_000, 400, 4000_00}, {3_000_000, 360, 108_000_00}, {100, 3970, 39_70},
		{1, 49, 0}, {1, 50, 1}, {3, 50, 2}, {1, 149, 1}, {0, 440, 0}} {
		if got, err := LineTotal(tt.quantity, tt.unit); err != nil || got != tt.want {
			t.Errorf("%d at %s: %s, %v; want %s", tt.quantity, tt.unit, got, err, tt.want)
		}
	}
	for _, tt := range []struct {
		quantity Segments
		unit     UnitPrice
	}{{-1, 1}, {1, -1}, {1 << 62, 1 << 62}, {1 << 62, 3}, {MaxSegments, UnitPrice(MaxFen)}} {
		if got, err := LineTotal(tt.quantity, tt.unit); !errors.Is(err, ErrInvalid) {
			t.Errorf("%d at %d: %s, %v; want ErrInvalid", tt.quantity, int64(tt.unit), got, err)
		}
	}
}

func TestSharesOfAPaymentSumToIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) Fen { return Fen(rapid.Int64Range(0, 1_000_000).Draw(t, name)) }
		whole := Split{draw("voucher"), draw("gift"), draw("cash"), draw("credit")}
		n := rapid.IntRange(1, 100).Draw(t, "packages")
		var sum Split
		for i := range n {
			s := whole.Share(i, n)
			if s.Voucher < 0 || s.Gift < 0 || s.Cash < 0 || s.Credit < 0 {
				t.Fatalf("share %d of %d is negative: %+v", i, n, s)
			}
			sum = Split{sum.Voucher + s.Voucher, sum.Gift + s.Gift, sum.Cash + s.Cash, sum.Credit + s.Credit}
		}
		if sum != whole {
			t.Fatalf("%d shares sum to %+v, not %+v", n, sum, whole)
		}
	})
}

func TestExpiryIsTheEndOfTheClampedDateInThePlatformsZone(t *testing.T) {
	for _, tt := range []struct {
		purchased string
		months    int
		on        string
		until     string
	}{
		{"2026-01-31T10:00:00+08:00", 1, "2026-02-28", "2026-03-01T00:00:00+08:00"},
		{"2028-01-31T10:00:00+08:00", 1, "2028-02-29", "2028-03-01T00:00:00+08:00"},
		{"2028-02-29T10:00:00+08:00", 12, "2029-02-28", "2029-03-01T00:00:00+08:00"},
		{"2026-08-31T23:59:59+08:00", 1, "2026-09-30", "2026-10-01T00:00:00+08:00"},
		{"2026-11-24T00:00:00+08:00", 12, "2027-11-24", "2027-11-25T00:00:00+08:00"},
		{"2026-12-31T12:00:00+08:00", 24, "2028-12-31", "2029-01-01T00:00:00+08:00"},
		{"2026-11-23T16:30:00Z", 1, "2026-12-24", "2026-12-25T00:00:00+08:00"}, // already the 24th there
	} {
		got := Expiry(at(tt.purchased), tt.months, shanghai)
		p := Package{Total: 1, Remaining: 1, ExpiresAt: got}
		if !got.Equal(at(tt.until)) || p.ExpiresOn(shanghai) != tt.on {
			t.Errorf("%s + %d months: %s (%s), want %s (%s)", tt.purchased, tt.months, got.In(shanghai), p.ExpiresOn(shanghai), tt.until, tt.on)
		}
	}
}

func TestStatusFollowsFromFiguresAndInstant(t *testing.T) {
	expires := at("2021-04-30T00:00:00+08:00")
	for _, tt := range []struct {
		remaining, reserved Segments
		now                 string
		want                Status
	}{
		{50, 0, "2021-04-29T23:59:59+08:00", Active},
		{50, 0, "2021-04-30T00:00:00+08:00", Expired},
		{0, 0, "2021-04-01T00:00:00+08:00", Exhausted},
		{0, 0, "2022-04-01T00:00:00+08:00", Exhausted}, // stays exhausted after its expiry
		{0, 5, "2021-04-01T00:00:00+08:00", Active},
		{0, 5, "2021-05-01T00:00:00+08:00", Expired},
	} {
		if got := (Package{Remaining: tt.remaining, Reserved: tt.reserved, ExpiresAt: expires}).Status(at(tt.now)); got != tt.want {
			t.Errorf("remaining %d, reserved %d at %s: %s, want %s", tt.remaining, tt.reserved, tt.now, got, tt.want)
		}
	}
}

func TestAPackageNumberSaysWhatAndWhen(t *testing.T) {
	n, err := NewPackageNumber(Domestic, Marketing, at("2019-04-29T14:30:00+08:00"), shanghai, strings.NewReader("\xfd\x4f\xe7"))
	if err != nil || n != "U1B19042914D4FE7" {
		t.Errorf("number %s, %v; want U1B19042914D4FE7", n, err)
	}
	f, err := n.Parse(shanghai)
	if err != nil || f.Category != Domestic || f.Purpose != Marketing || !f.Purchased.Equal(at("2019-04-29T14:00:00+08:00")) {
		t.Errorf("facts %+v, %v", f, err)
	}
	if moved, err := n.MovedTo(at("2026-01-02T03:04:05+08:00"), shanghai); err != nil || moved != "U1B26010203D4FE7" {
		t.Errorf("moved %s, %v", moved, err)
	}
	if _, err := NewPackageNumber(Domestic, General, at("2019-04-29T14:30:00+08:00"), shanghai, strings.NewReader("")); err == nil {
		t.Error("a number without randomness was drawn")
	}
	for _, bad := range []PackageNumber{"", "U", "U1B19042914D4FE", "U1B19042914D4FE77", "X1B19042914D4FE7", "U2B19042914D4FE7", "U1C19042914D4FE7", "U1B19132914D4FE7",
		"U1B19043114D4FE7", "U1B19042924D4FE7", "U1B19042914d4fe7", "U1B19042914G4FE7", "u1b19042914d4fe7"} {
		if f, err := bad.Parse(shanghai); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %+v, %v; want ErrInvalid", bad, f, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom([]Category{Domestic, International}).Draw(t, "category")
		p := rapid.SampledFrom(Purposes).Draw(t, "purpose")
		when := time.Unix(rapid.Int64Range(1_000_000_000, 3_000_000_000).Draw(t, "purchased"), 0).UTC()
		random := string(rapid.SliceOfN(rapid.Byte(), 3, 3).Draw(t, "random"))
		n, err := NewPackageNumber(c, p, when, shanghai, strings.NewReader(random))
		if err != nil {
			t.Fatal(err)
		}
		f, err := n.Parse(shanghai)
		if err != nil || f.Category != c || f.Purpose != p || !f.Purchased.Equal(when.Truncate(time.Hour)) {
			t.Fatalf("%s: %+v, %v", n, f, err)
		}
	})
}

func TestIDsOfCallersAreVisibleASCII(t *testing.T) {
	for _, good := range []string{"a", "m/1", "..", "%2F", "~!$&'()*+,;=:@", strings.Repeat("x", 128)} {
		if !ValidCallerID(good) {
			t.Errorf("%q was refused", good)
		}
	}
	for _, bad := range []string{"", " ", "a b", "a\n", "\x00", "\x7f", "短信", strings.Repeat("x", 129)} {
		if ValidCallerID(bad) {
			t.Errorf("%q was taken", bad)
		}
	}
	if !ValidReference("") {
		t.Error("a reference may be left out")
	}
}

func TestNamesOfCustomPackages(t *testing.T) {
	for want, got := range map[string]string{
		"国内短信包(验证通知)":   CustomName(Domestic, Verification, "", ""),
		"国内短信包(营销推广)":   CustomName(Domestic, Marketing, "", ""),
		"国内短信包(通用)":     CustomName(Domestic, General, "", ""),
		"国际短信包(马来西亚MY)": CustomName(International, General, "MY", "马来西亚"),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestOnlyOperatorsDoOperatorsWork(t *testing.T) {
	if err := System().OperatorOnly(); err != nil {
		t.Errorf("the system: %v", err)
	}
	for _, a := range []Actor{{}, {Scopes: []Scope{ScopeManage}}, {Tenant: Tenant{Account: "a"}, Scopes: []Scope{ScopeOperator}}} {
		if err := a.OperatorOnly(); !errors.Is(err, ErrForbidden) {
			t.Errorf("%+v: %v, want ErrForbidden", a, err)
		}
	}
}
