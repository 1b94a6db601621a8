package order

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

func TestAPaymentTakesTheMoneyAndIssuesThePackage(t *testing.T) {
	s := open(t)
	s.fund(40_00, 100_00, 0)
	ord := s.order(thousand)
	s.clock.Set(time.Date(2021, 4, 2, 3, 0, 0, 0, time.UTC)) // 11:00 in the platform's zone
	paid, replayed, err := s.pay("p1", ord.ID, "")
	must(t, err)
	now := s.clock.Now()

	if replayed || paid.State != taocan.OrderPaid || !paid.SettledAt.Equal(now) || len(paid.Packages) != 1 || paid.Payment == nil {
		t.Fatalf("replayed %v, paid %+v", replayed, paid)
	}
	wantPayment := taocan.Payment{Tenant: web, Order: ord.ID, Split: taocan.Split{Gift: 40_00, Cash: 4_00}, PaidAt: now, By: paid.Payment.By}
	if diff := cmp.Diff(wantPayment, *paid.Payment); diff != "" || paid.Payment.By.Token != "t1" {
		t.Errorf("payment (-want +got):\n%s", diff)
	}
	x := s.state()
	number := paid.Packages[0]
	if got := string(number)[:11]; got != "U1A21040211" {
		t.Errorf("number %s", number)
	}
	wantPackage := taocan.Package{Tenant: web, Number: number, Name: "国内短信包(验证通知)", Category: taocan.Domestic, Purpose: taocan.Verification,
		ChargeOn: taocan.ChargeOnSubmit, Total: 1000, Remaining: 1000, PurchasedAt: now, ExistsFrom: now,
		ExpiresAt: time.Date(2022, 4, 2, 16, 0, 0, 0, time.UTC), Order: ord.ID, Paid: wantPayment.Split}
	if diff := cmp.Diff([]taocan.Package{wantPackage}, x.Packages); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
	if len(x.Lines) != 1 || x.Lines[0].Kind != taocan.EntryIssue || x.Lines[0].Remaining != 1000 || x.Lines[0].Reference != string(ord.ID) {
		t.Errorf("statement %+v", x.Lines)
	}
	wantWallet := taocan.Wallet{Account: "acme", Cash: 96_00}
	if x.Wallet != wantWallet {
		t.Errorf("wallet %+v, want %+v", x.Wallet, wantWallet)
	}
	entry := x.Entries[0]
	if entry.Kind != taocan.WalletPayment || entry.Gift != -40_00 || entry.Cash != -4_00 || entry.CreditUsed != 0 || entry.After != wantWallet ||
		entry.Order != ord.ID || entry.Project != "web" || !entry.At.Equal(now) || entry.By.Token != "t1" {
		t.Errorf("wallet entry %+v", entry)
	}
}

func TestValidityCountsFromThePaymentNotTheOrder(t *testing.T) {
	s := open(t)
	s.fund(0, 100_00, 0)
	s.clock.Set(time.Date(2022, 1, 31, 15, 59, 0, 0, time.UTC)) // 31 January, 23:59
	ord := s.order(thousand)
	s.clock.Advance(time.Minute) // 1 February
	_, _, err := s.pay("p1", ord.ID, "")
	must(t, err)
	p := s.state().Packages[0]
	if p.ExpiresOn(zone) != "2023-02-01" || !p.PurchasedAt.Equal(s.clock.Now()) {
		t.Errorf("bought %s, expires on %s", p.PurchasedAt, p.ExpiresOn(zone))
	}
}

func TestTheSameKeyPaysOnce(t *testing.T) {
	s := open(t)
	s.fund(0, 100_00, 0)
	a, b := s.order(thousand), s.order(thousand)
	first, _, err := s.pay("p1", a.ID, "")
	must(t, err)
	before := s.state("p1", "p2")

	again, replayed, err := s.pay("p1", a.ID, "")
	must(t, err)
	if diff := cmp.Diff(first, again); diff != "" || !replayed {
		t.Errorf("again: replayed %v (-first +again):\n%s", replayed, diff)
	}
	_, _, err = s.pay("p1", a.ID, "V1") // same order, other body
	wantErr(t, err, taocan.ErrConflict)
	_, _, err = s.pay("p1", b.ID, "") // another path
	wantErr(t, err, taocan.ErrConflict)
	_, _, err = s.Pay(s.ctx, token, "p1", content("payment", a.ID, taocan.VoucherID("")), b.ID, "") // another order, even under the same content
	wantErr(t, err, taocan.ErrConflict)
	_, _, err = s.pay("p2", a.ID, "") // double payment
	wantState(t, err, taocan.OrderPaid)
	_, _, err = s.pay("", b.ID, "")
	wantErr(t, err, taocan.ErrInvalid)
	s.wantUnchanged(before, "p1", "p2")

	s.clock.Advance(48 * time.Hour) // long after the order would have closed
	again, replayed, err = s.pay("p1", a.ID, "")
	must(t, err)
	if diff := cmp.Diff(first, again); diff != "" || !replayed {
		t.Errorf("two days later: replayed %v (-first +again):\n%s", replayed, diff)
	}
	// A key of an order is no key of a payment.
	if _, replayed, err := s.create(token, "p1", thousand); replayed || err != nil {
		t.Errorf("the payment's key on an order: replayed %v, %v", replayed, err)
	}
}

func TestARefusedPaymentLeavesNothingAndItsKeyMayPayAfterATopUp(t *testing.T) {
	s := open(t)
	s.fund(10_00, 20_00, 3_00)
	v := s.voucher(VoucherIssue{Amount: 5_00})
	ord := s.order(thousand)
	before := s.state("p1")
	_, _, err := s.pay("p1", ord.ID, v.ID)
	funds := (*taocan.FundsError)(nil)
	if !errors.As(err, &funds) || *funds != (taocan.FundsError{Total: 44_00, Available: 38_00, Missing: 6_00}) {
		t.Errorf("got %v", err)
	}
	s.wantUnchanged(before, "p1")

	s.fund(0, 6_00, 0)
	paid, replayed, err := s.pay("p1", ord.ID, v.ID)
	must(t, err)
	if replayed || paid.Payment.Split != (taocan.Split{Voucher: 5_00, Gift: 10_00, Cash: 26_00, Credit: 3_00}) {
		t.Errorf("replayed %v, paid %+v", replayed, paid.Payment)
	}
	x := s.state()
	if x.Wallet != (taocan.Wallet{Account: "acme", CreditLimit: 3_00, CreditUsed: 3_00}) {
		t.Errorf("wallet %+v", x.Wallet)
	}
	if used := x.Vouchers[0]; used.UsedBy != ord.ID || used.UsedIn != "web" || !used.UsedAt.Equal(paid.Payment.PaidAt) {
		t.Errorf("voucher %+v", used)
	}
}

func TestIdentityAndRoleAreCheckedAgainAtPayment(t *testing.T) {
	s := open(t)
	s.fund(0, 1000_00, 0)
	marketing := thousand
	marketing.Purpose = taocan.Marketing
	ord := s.order(marketing)
	codes := s.order(thousand)
	owner := s.member("m1", taocan.Owner)
	pay := func(actor taocan.Actor, key string, id taocan.OrderID) error {
		_, _, err := s.Pay(s.ctx, actor, key, content(id), id, "")
		return err
	}
	setMember := func(change func(*taocan.Member)) {
		s.update("", func(tx store.Tx) error {
			m, err := tx.MemberByID(s.ctx, "m1")
			if err != nil {
				return err
			}
			change(&m)
			return tx.UpdateMember(s.ctx, m)
		})
	}
	for _, x := range []struct {
		name     string
		change   func()
		required string
	}{
		{"the account is personal by now", func() { s.setLevel(taocan.Personal) }, "enterprise"},
		{"the account is not verified any more", func() { s.setLevel(taocan.Unverified) }, "enterprise"},
		{"the member only views by now", func() {
			s.setLevel(taocan.Enterprise)
			setMember(func(m *taocan.Member) { m.Role = taocan.Viewer })
		}, "finance"},
		{"the member is suspended", func() {
			setMember(func(m *taocan.Member) { m.Role, m.Suspended = taocan.Owner, true })
		}, "finance"},
		{"the account is suspended", func() {
			setMember(func(m *taocan.Member) { m.Suspended = false })
			s.update("", func(tx store.Tx) error {
				a, err := tx.Account(s.ctx, "acme")
				a.Suspended = true
				return errors.Join(err, tx.UpdateAccount(s.ctx, a))
			})
		}, ""},
	} {
		x.change()
		before := s.state("p1")
		err := pay(owner, "p1", ord.ID)
		forbidden := (*taocan.ForbiddenError)(nil)
		if !errors.As(err, &forbidden) || forbidden.Required != x.required {
			t.Errorf("%s: got %v, want %q to be required", x.name, err, x.required)
		}
		s.wantUnchanged(before, "p1")
	}
	s.update("", func(tx store.Tx) error {
		return tx.UpdateAccount(s.ctx, taocan.Account{ID: "acme", Name: "acme", Level: taocan.Personal})
	})
	must(t, pay(owner, "p2", codes.ID)) // personal may pay for verification
	s.setLevel(taocan.Enterprise)
	must(t, pay(owner, "p1", ord.ID)) // and the refused key works
}

func TestAFixedOrderIssuesAsManyPackagesAsCounted(t *testing.T) {
	for _, count := range []int{1, 3, 100} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			s := open(t)
			s.fund(100_01, 50_000_00, 0)
			v := s.voucher(VoucherIssue{Amount: 7_77})
			ord := s.order(taocan.Purchase{Kind: taocan.Fixed, Product: "verification-5k", Count: count})
			if ord.Quote.Quantity != 5000*taocan.Segments(count) || ord.Quote.Amount != 250_00*taocan.Fen(count) || ord.Quote.HasUnitPrice {
				t.Errorf("quote %+v", ord.Quote)
			}
			paid, _, err := s.pay("p", ord.ID, v.ID)
			must(t, err)
			x := s.state()
			if len(paid.Packages) != count || len(x.Packages) != count {
				t.Fatalf("issued %d, listed %d", len(paid.Packages), len(x.Packages))
			}
			var sum taocan.Split
			seen := map[taocan.PackageNumber]bool{}
			for _, p := range x.Packages {
				seen[p.Number] = true
				sum = taocan.Split{Voucher: sum.Voucher + p.Paid.Voucher, Gift: sum.Gift + p.Paid.Gift, Cash: sum.Cash + p.Paid.Cash, Credit: sum.Credit + p.Paid.Credit}
				if p.Name != "国内短信包5千条(验证通知)" || p.Total != 5000 || p.Order != ord.ID {
					t.Errorf("package %+v", p)
				}
			}
			for _, number := range paid.Packages {
				if !seen[number] {
					t.Errorf("%s is not listed", number)
				}
			}
			if sum != paid.Payment.Split || sum.Total() != ord.Quote.Amount {
				t.Errorf("shares sum to %+v, paid %+v of %s", sum, paid.Payment.Split, ord.Quote.Amount)
			}
		})
	}
}

// tape answers ids with varied bytes, and package numbers (three bytes) from a list.
type tape struct {
	mu      sync.Mutex
	n       byte
	numbers []byte
}

func (r *tape) Read(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(b) == 3 {
		if len(r.numbers) == 0 {
			return 0, errors.New("the tape has ended")
		}
		b[0], b[1], b[2] = 0, 0, r.numbers[0]
		r.numbers = r.numbers[1:]
		return 3, nil
	}
	r.n++
	for i := range b {
		b[i] = r.n + byte(i)*7
	}
	return len(b), nil
}

func TestATakenPackageNumberIsDrawnAgain(t *testing.T) {
	random := &tape{numbers: []byte{1, 1, 1, 2, 2, 1, 3, 4}}
	s := openWith(t, random)
	s.fund(0, 2000_00, 0)
	one, three := s.order(taocan.Purchase{Kind: taocan.Fixed, Product: "verification-5k", Count: 1}),
		s.order(taocan.Purchase{Kind: taocan.Fixed, Product: "verification-5k", Count: 3})
	a, _, err := s.pay("p1", one.ID, "")
	must(t, err)
	b, _, err := s.pay("p2", three.ID, "")
	must(t, err)
	got := append(a.Packages, b.Packages...)
	want := []taocan.PackageNumber{"U1A2104011200001", "U1A2104011200002", "U1A2104011200003", "U1A2104011200004"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	stuck := s.order(taocan.Purchase{Kind: taocan.Fixed, Product: "verification-5k", Count: 1})
	random.numbers = bytes.Repeat([]byte{1}, 1000)
	before := s.state("p3")
	_, _, err = s.pay("p3", stuck.ID, "")
	wantErr(t, err, taocan.ErrUnavailable)
	random.numbers = nil // the source itself fails
	if _, _, err = s.pay("p3", stuck.ID, ""); err == nil {
		t.Error("paid without a package number")
	}
	s.wantUnchanged(before, "p3")
}

func TestThirtyTwoConcurrentPaymentsTakeMoneyOnce(t *testing.T) {
	s := open(t)
	s.fund(20_00, 500_00, 0)
	v := s.voucher(VoucherIssue{Amount: 4_00})
	ord := s.order(thousand)
	before := s.state()
	type answer struct {
		key      string
		ord      taocan.Order
		replayed bool
		err      error
	}
	answers := make([]answer, 32)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() {
			key := fmt.Sprint("p", i%8) // eight tabs, each clicked four times
			a := answer{key: key}
			a.ord, a.replayed, a.err = s.pay(key, ord.ID, v.ID)
			answers[i] = a
		})
	}
	wg.Wait()

	took, winner := 0, ""
	for _, a := range answers {
		if a.err == nil && !a.replayed {
			took++
			winner = a.key
		}
	}
	if took != 1 {
		t.Fatalf("%d payments took money", took)
	}
	for _, a := range answers {
		if a.key != winner {
			wantState(t, a.err, taocan.OrderPaid)
		} else if a.err != nil || len(a.ord.Packages) != 1 || a.ord.State != taocan.OrderPaid {
			t.Errorf("key %s: %+v, %v", a.key, a.ord, a.err)
		}
	}
	after := s.state()
	if len(after.Packages) != 1 || len(after.Entries) != len(before.Entries)+1 {
		t.Errorf("%d packages, %d new wallet entries", len(after.Packages), len(after.Entries)-len(before.Entries))
	}
	if after.Wallet != (taocan.Wallet{Account: "acme", Cash: 480_00}) {
		t.Errorf("wallet %+v", after.Wallet)
	}
}

func TestTwoTabsWithTwoKeysPayOnce(t *testing.T) {
	s := open(t)
	s.fund(0, 1000_00, 0)
	for n := range 20 {
		ord := s.order(thousand)
		var errs [2]error
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { _, _, errs[i] = s.pay(fmt.Sprint("tab", n, "-", i), ord.ID, "") })
		}
		wg.Wait()
		if errs[0] == nil {
			wantState(t, errs[1], taocan.OrderPaid)
		} else {
			wantState(t, errs[0], taocan.OrderPaid)
			must(t, errs[1])
		}
		if x := s.state(); x.Wallet.Cash != 1000_00-44_00*taocan.Fen(n+1) || len(x.Packages) != n+1 {
			t.Errorf("cash %s, %d packages after %d orders", x.Wallet.Cash, len(x.Packages), n+1)
		}
	}
}

func TestTwoTabsWithOneKeyMakeOneOrder(t *testing.T) {
	s := open(t)
	ids := make([]taocan.OrderID, 16)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			ord, _, err := s.create(token, "k1", thousand)
			if err != nil {
				t.Error(err)
			}
			ids[i] = ord.ID
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("orders %s and %s under one key", ids[0], id)
		}
	}
	if n := len(s.state().Orders); n != 1 {
		t.Errorf("%d orders", n)
	}
}

func TestManyOrdersOfOneWalletNeverOverdrawIt(t *testing.T) {
	s := open(t)
	s.fund(44_00, 88_00, 44_00) // four orders' worth
	const tabs = 12
	ids := make([]taocan.OrderID, tabs)
	for i := range ids {
		ids[i] = s.order(thousand).ID
	}
	errs := make([]error, tabs)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() { _, _, errs[i] = s.pay("p", ids[i], "") }) // one key for all: the first wins it
	}
	wg.Wait()
	for i := range ids {
		wg.Go(func() { _, _, errs[i] = s.pay(fmt.Sprint("q", i), ids[i], "") })
	}
	wg.Wait()
	paid := 1
	for _, err := range errs {
		if err == nil {
			paid++
		} else if !errors.Is(err, taocan.ErrInsufficientFunds) && !errors.Is(err, taocan.ErrState) {
			t.Error(err)
		}
	}
	x := s.state()
	if paid != 4 || len(x.Packages) != 4 || x.Wallet != (taocan.Wallet{Account: "acme", CreditLimit: 44_00, CreditUsed: 44_00}) {
		t.Errorf("paid %d, %d packages, wallet %+v", paid, len(x.Packages), x.Wallet)
	}
}
