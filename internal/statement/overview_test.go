package statement_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

func TestThePlatformInMonths(t *testing.T) {
	b := open(t)
	march(b)
	b.day(4, 10) // the grant of 107 has expired with 72 left
	b.money(taocan.WalletTopUp, 20_000)
	b.buy(taocan.Verification, 1_000) // 44.00
	b.debit(web, taocan.Verification, 300)
	o, err := b.Overview(b.ctx, staff, "2026-02", "")
	b.must(err)
	type month struct {
		Name                string
		Sold, Used, Expired taocan.Segments
		Money               taocan.Fen
		New                 int
	}
	var got []month
	for _, m := range o.Months {
		got = append(got, month{m.Name, m.Sold, m.Used, m.Expired, m.Revenue.Cash + m.Revenue.Credit, m.NewAccounts})
	}
	want := []month{{"2026-02", 0, 0, 0, 0, 0}, {"2026-03", 3_500, 65, 20, 14_400, 2}, {"2026-04", 1_000, 300, 72, 4_400, 0}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("months (-want +got):\n%s", diff)
	}
	// 3,500 marketing at 154.00 (10.00 gift, 100.00 cash, 44.00 credit) untouched, and 700 of 1,000 at 44.00.
	wantHeld := store.Liabilities{Packages: 5, Remaining: 3_400 + 700 + 500 + 99, Reserved: 100, Unpaid: 599,
		Money: taocan.Split{Gift: 1_000, Cash: 10_000 + 3_080, Credit: 4_400}}
	if diff := cmp.Diff(wantHeld, o.Liabilities); diff != "" {
		t.Errorf("liabilities (-want +got):\n%s", diff)
	}
	if len(o.Customers) != 1 || o.Customers[0].Account != "acme" || o.Customers[0].Sold != 4_500 {
		t.Errorf("customers are %+v", o.Customers)
	}
	if _, err := b.Overview(b.ctx, buyer, "", ""); !errors.Is(err, taocan.ErrForbidden) {
		t.Errorf("a customer's overview: %v", err)
	}
}
