package order

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"taocan/internal/taocan"
)

var noon = time.Date(2021, 4, 1, 4, 0, 0, 0, time.UTC)

func TestPaymentTakesVoucherThenGiftThenCashThenCredit(t *testing.T) {
	w := taocan.Wallet{Gift: 30, Cash: 20, CreditLimit: 15, CreditUsed: 5}
	for _, x := range []struct {
		name            string
		amount, voucher taocan.Fen
		want            taocan.Split
		missing         taocan.Fen
	}{
		{"the voucher pays all", 10, 10, taocan.Split{Voucher: 10}, 0},
		{"a voucher larger than the order lapses", 10, 99, taocan.Split{Voucher: 10}, 0},
		{"gift next", 35, 10, taocan.Split{Voucher: 10, Gift: 25}, 0},
		{"then cash", 45, 10, taocan.Split{Voucher: 10, Gift: 30, Cash: 5}, 0},
		{"then unused credit", 70, 10, taocan.Split{Voucher: 10, Gift: 30, Cash: 20, Credit: 10}, 0},
		{"not one fen more", 71, 10, taocan.Split{Voucher: 10, Gift: 30, Cash: 20, Credit: 10}, 1},
		{"without a voucher", 61, 0, taocan.Split{Gift: 30, Cash: 20, Credit: 10}, 1},
	} {
		if got, missing := splitPayment(x.amount, x.voucher, w); got != x.want || missing != x.missing {
			t.Errorf("%s: got %+v, %s missing, want %+v, %s", x.name, got, missing, x.want, x.missing)
		}
	}
}

func TestALimitBelowWhatIsUsedLeavesNoCreditAndNoDebt(t *testing.T) {
	if got, missing := splitPayment(1, 0, taocan.Wallet{CreditLimit: 5, CreditUsed: 9}); got != (taocan.Split{}) || missing != 1 {
		t.Errorf("got %+v, %s missing", got, missing)
	}
}

// The model pays fen by fen: each from the first purse that still has one.
func TestRandomPaymentsAgreeWithPayingFenByFen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		small := rapid.Int64Range(0, 40)
		amount, voucher := taocan.Fen(small.Draw(t, "amount"))*3, taocan.Fen(small.Draw(t, "voucher"))
		w := taocan.Wallet{Gift: taocan.Fen(small.Draw(t, "gift")), Cash: taocan.Fen(small.Draw(t, "cash")),
			CreditLimit: taocan.Fen(small.Draw(t, "limit")), CreditUsed: taocan.Fen(small.Draw(t, "used"))}

		purses := [4]taocan.Fen{voucher, w.Gift, w.Cash, max(0, w.CreditLimit-w.CreditUsed)}
		var spent [4]taocan.Fen
		left := amount
		for i := 0; i < 4; i++ {
			for ; left > 0 && purses[i] > 0; left-- {
				purses[i]--
				spent[i]++
			}
		}

		got, missing := splitPayment(amount, voucher, w)
		want := taocan.Split{Voucher: spent[0], Gift: spent[1], Cash: spent[2], Credit: spent[3]}
		if got != want || missing != left {
			t.Fatalf("got %+v, %s missing, want %+v, %s", got, missing, want, left)
		}
		if missing > 0 {
			return
		}
		if got.Total() != amount || got.Gift > w.Gift || got.Cash > w.Cash || got.Credit > 0 && w.CreditUsed+got.Credit > w.CreditLimit {
			t.Fatalf("%+v takes more than there is", got)
		}
		n := rapid.IntRange(1, 100).Draw(t, "packages")
		var sum taocan.Split
		for i := range n {
			s := got.Share(i, n)
			sum = taocan.Split{Voucher: sum.Voucher + s.Voucher, Gift: sum.Gift + s.Gift, Cash: sum.Cash + s.Cash, Credit: sum.Credit + s.Credit}
			if min(s.Voucher, s.Gift, s.Cash, s.Credit) < 0 {
				t.Fatalf("share %d of %d is %+v", i, n, s)
			}
		}
		if sum != got {
			t.Fatalf("%d shares sum to %+v, not %+v", n, sum, got)
		}
	})
}

func TestWhatAVoucherPays(t *testing.T) {
	base := taocan.Voucher{ID: "V1", Account: "acme", Amount: 10_00, ValidFrom: noon.Add(-time.Hour), ValidUntil: noon.Add(time.Hour)}
	ord := taocan.Order{Quote: taocan.Quote{Purchase: taocan.Purchase{Kind: taocan.Custom, Category: taocan.Domestic, Purpose: taocan.Verification}, Amount: 44_00}}
	fixed := ord
	fixed.Quote.Kind, fixed.Quote.Product = taocan.Fixed, "verification-5k"
	for _, x := range []struct {
		name   string
		change func(*taocan.Voucher)
		ord    taocan.Order
		pays   taocan.Fen
		reason string
	}{
		{"its face", func(v *taocan.Voucher) {}, ord, 10_00, ""},
		{"no more than the order costs", func(v *taocan.Voucher) { v.Amount = 100_00 }, ord, 44_00, ""},
		{"nothing a second time", func(v *taocan.Voucher) { v.UsedBy = "O1" }, ord, 0, "used"},
		{"nothing before its time", func(v *taocan.Voucher) { v.ValidFrom = noon.Add(time.Microsecond) }, ord, 0, "not_yet_valid"},
		{"from its first instant", func(v *taocan.Voucher) { v.ValidFrom = noon }, ord, 10_00, ""},
		{"until its last instant", func(v *taocan.Voucher) { v.ValidUntil = noon.Add(time.Microsecond) }, ord, 10_00, ""},
		{"nothing at its end, which is exclusive", func(v *taocan.Voucher) { v.ValidUntil = noon }, ord, 0, "expired"},
		{"orders of exactly the minimum", func(v *taocan.Voucher) { v.MinAmount = 44_00 }, ord, 10_00, ""},
		{"no order below the minimum", func(v *taocan.Voucher) { v.MinAmount = 44_01 }, ord, 0, "below_minimum"},
		{"its categories", func(v *taocan.Voucher) { v.Scope.Categories = []taocan.Category{taocan.International, taocan.Domestic} }, ord, 10_00, ""},
		{"no other category", func(v *taocan.Voucher) { v.Scope.Categories = []taocan.Category{taocan.International} }, ord, 0, "out_of_scope"},
		{"no other purpose", func(v *taocan.Voucher) { v.Scope.Purposes = []taocan.Purpose{taocan.Marketing, taocan.General} }, ord, 0, "out_of_scope"},
		{"its products", func(v *taocan.Voucher) { v.Scope.Products = []taocan.ProductID{"verification-5k"} }, fixed, 10_00, ""},
		{"no other product", func(v *taocan.Voucher) { v.Scope.Products = []taocan.ProductID{"verification-100k"} }, fixed, 0, "out_of_scope"},
		{"no custom package when it is for products", func(v *taocan.Voucher) { v.Scope.Products = []taocan.ProductID{"verification-5k"} }, ord, 0, "out_of_scope"},
		{"only what every list allows", func(v *taocan.Voucher) {
			v.Scope = taocan.VoucherScope{Categories: []taocan.Category{taocan.Domestic}, Purposes: []taocan.Purpose{taocan.Marketing}}
		}, ord, 0, "out_of_scope"},
	} {
		t.Run(x.name, func(t *testing.T) {
			v := base
			x.change(&v)
			got, err := pays(v, x.ord, noon)
			if got != x.pays || voucherReason(err) != x.reason {
				t.Errorf("got %s, %v, want %s, %q", got, err, x.pays, x.reason)
			}
		})
	}
}

func TestTheBestVoucherPaysMostThenLapsesLeastThenEndsSoonest(t *testing.T) {
	v := func(id string, pays, face taocan.Fen, hours int) UsableVoucher {
		return UsableVoucher{taocan.Voucher{ID: taocan.VoucherID(id), Amount: face, ValidUntil: noon.Add(time.Duration(hours) * time.Hour)}, pays}
	}
	want := []UsableVoucher{
		v("d", 40, 40, 9), // pays most of all
		v("c", 40, 50, 1), // as much, but ten lapse
		v("b", 40, 50, 2), // ends later
		v("y", 40, 50, 3),
		v("z", 40, 50, 3), // the same but for its id
		v("a", 30, 30, 1),
	}
	for range 20 {
		got := slices.Clone(want)
		for i := range got { // some other order, the same every time
			j := (i*7 + 3) % len(got)
			got[i], got[j] = got[j], got[i]
		}
		slices.SortFunc(got, bestFirst)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
}

func TestWhatIsBoughtIsDescribedInChinese(t *testing.T) {
	for want, q := range map[string]taocan.Quote{
		"国内短信 · 自定义套餐 · 验证通知 · 1000条": {Purchase: taocan.Purchase{Kind: taocan.Custom, Category: taocan.Domestic, Purpose: taocan.Verification}, Quantity: 1000},
		"国内短信 · 自定义套餐 · 会员营销 · 100条":  {Purchase: taocan.Purchase{Kind: taocan.Custom, Category: taocan.Domestic, Purpose: taocan.Marketing}, Quantity: 100},
		"国际及港澳台短信 · 自定义套餐 · 马来西亚 · 200条": {Purchase: taocan.Purchase{Kind: taocan.Custom, Category: taocan.International,
			Purpose: taocan.General, Country: "MY"}, Quantity: 200},
		"国内短信 · 固定套餐包 · 国内短信包5千条(验证通知) × 2": {Purchase: taocan.Purchase{Kind: taocan.Fixed, Category: taocan.Domestic, Purpose: taocan.Verification},
			Name: "国内短信包5千条(验证通知)", Packages: 2, Quantity: 10_000},
	} {
		if got := describe(q); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestCodesAreReadAsPeopleTypeThem(t *testing.T) {
	want, ok := hashCode("0AB1-CDEF-GHJ0-1111")
	if !ok {
		t.Fatal("not a code")
	}
	for _, typed := range []string{"0AB1CDEFGHJ01111", "0ab1-cdef-ghj0-1111", " 0AB1 CDEF GHJ0 1111 ", "OABI-CDEF-GHJO-lIiL"} {
		if got, ok := hashCode(typed); !ok || string(got) != string(want) {
			t.Errorf("%q is not read as the code", typed)
		}
	}
	for _, typed := range []string{"", "0AB1-CDEF-GHJ0-111", "0AB1-CDEF-GHJ0-11111", "0AB1-CDEF-GHJ0-111U", "0AB1-CDEF-GHJ0-111中", strings.Repeat("-", 100)} {
		if _, ok := hashCode(typed); ok {
			t.Errorf("%q is taken for a code", typed)
		}
	}
}

func TestIDsAndCodesUseOnlyCharactersThatAreNotMistaken(t *testing.T) {
	o := New(Config{})
	for range 100 {
		id, err := o.newID("O")
		if err != nil || len(id) != 21 || id[0] != 'O' || strings.Trim(id[1:], alphabet) != "" {
			t.Fatalf("id %q, %v", id, err)
		}
		code, err := o.newCode()
		if err != nil || len(code) != 19 || strings.Trim(code, alphabet+"-") != "" || strings.Count(code, "-") != 3 {
			t.Fatalf("code %q, %v", code, err)
		}
		if _, ok := hashCode(code); !ok {
			t.Fatalf("code %q is not read as one", code)
		}
	}
}

func voucherReason(err error) string {
	if v := (*taocan.VoucherError)(nil); errors.As(err, &v) {
		return v.Reason
	}
	if err != nil {
		return err.Error()
	}
	return ""
}
