package order

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"taocan/internal/store"
	"taocan/internal/taocan"
	"taocan/internal/teststore"
)

// model is what a plain person would write down about one account.
type model struct {
	wallet   taocan.Wallet
	orders   map[taocan.OrderID]*modelOrder
	vouchers map[taocan.VoucherID]*taocan.Voucher
	packages int
}

type modelOrder struct {
	amount   taocan.Fen
	count    int
	closesAt time.Time
	state    taocan.OrderState
}

// TestRandomBuyingAgreesWithAPlainModel: top-ups, gifts, limits, vouchers, orders, payments, cancellations, sweeps
// and time in any order. Every answer and the wallet after it are those of the model.
func TestRandomBuyingAgreesWithAPlainModel(t *testing.T) {
	s := open(t)
	teststore.Checks(t, 25) // with -race every step is slow
	accounts := 0
	rapid.Check(t, func(rt *rapid.T) {
		accounts++ // a new account in the same store: opening one is what takes time
		tenant := taocan.Tenant{Account: taocan.AccountID(fmt.Sprintf("a-%d", accounts)), Project: taocan.ProjectID(fmt.Sprintf("p-%d", accounts))}
		s.account(tenant.Account, taocan.Enterprise, tenant.Project)
		m := &machine{s: s, actor: taocan.Actor{Tenant: tenant, Token: "t"},
			model: model{wallet: taocan.Wallet{Account: tenant.Account}, orders: map[taocan.OrderID]*modelOrder{}, vouchers: map[taocan.VoucherID]*taocan.Voucher{}}}
		rt.Repeat(map[string]func(*rapid.T){
			"": m.check, "fund": m.fund, "voucher": m.voucher, "order": m.order, "pay": m.pay, "cancel": m.cancel, "wait": m.wait, "sweep": m.sweep,
		})
	})
}

type machine struct {
	s     *shop
	actor taocan.Actor
	model
	keys       int
	orderIDs   []taocan.OrderID // in the order of making, so that draws repeat
	voucherIDs []taocan.VoucherID
}

func (m *machine) key() string {
	m.keys++
	return fmt.Sprint("k", m.keys)
}

func (m *machine) fund(t *rapid.T) {
	c := WalletChange{Key: m.key(), ContentHash: []byte("x"), Amount: taocan.Fen(rapid.Int64Range(1, 600_00).Draw(t, "amount"))}
	c.Reference, c.Reason = c.Key, c.Key
	var err error
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0:
		_, _, err = m.s.TopUp(m.s.ctx, staff, m.actor.Account, c)
		repaid := min(c.Amount, m.wallet.CreditUsed)
		m.wallet.CreditUsed -= repaid
		m.wallet.Cash += c.Amount - repaid
	case 1:
		_, _, err = m.s.Gift(m.s.ctx, staff, m.actor.Account, c)
		m.wallet.Gift += c.Amount
	case 2:
		_, _, err = m.s.SetCreditLimit(m.s.ctx, staff, m.actor.Account, c)
		m.wallet.CreditLimit = c.Amount
	case 3:
		c.Amount = -c.Amount
		_, _, err = m.s.AdjustWallet(m.s.ctx, staff, m.actor.Account, c)
		if m.wallet.Cash+c.Amount < 0 {
			if !errors.Is(err, taocan.ErrInsufficientFunds) {
				t.Fatalf("adjust below 0: %v", err)
			}
			return
		}
		m.wallet.Cash += c.Amount
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (m *machine) voucher(t *rapid.T) {
	v := VoucherIssue{Account: m.actor.Account, Count: 1, Amount: taocan.Fen(rapid.Int64Range(1, 300_00).Draw(t, "face")),
		MinAmount:  taocan.Fen(rapid.SampledFrom([]int64{0, 44_00, 300_00}).Draw(t, "minimum")),
		ValidUntil: m.s.clock.Now().Add(time.Duration(rapid.IntRange(1, 72).Draw(t, "hours")) * time.Hour)}
	if rapid.Bool().Draw(t, "for a product only") {
		v.Scope.Products = []taocan.ProductID{"verification-5k"}
	}
	issued, err := m.s.IssueVouchers(m.s.ctx, staff, v)
	if err != nil {
		t.Fatal(err)
	}
	m.vouchers[issued[0].ID] = &issued[0].Voucher
	m.voucherIDs = append(m.voucherIDs, issued[0].ID)
}

func (m *machine) order(t *rapid.T) {
	buy, amount, count := thousand, taocan.Fen(0), 1
	if rapid.Bool().Draw(t, "fixed") {
		count = rapid.IntRange(1, 4).Draw(t, "count")
		buy, amount = taocan.Purchase{Kind: taocan.Fixed, Product: "verification-5k", Count: count}, 250_00*taocan.Fen(count)
	} else {
		hundreds := rapid.Int64Range(1, 60).Draw(t, "hundreds")
		buy.Quantity, amount = taocan.Segments(hundreds*100), taocan.Fen(hundreds*4_40)
	}
	ord, _, err := m.s.create(m.actor, m.key(), buy)
	if err != nil || ord.Quote.Amount != amount {
		t.Fatalf("order %+v costs %s, %v, want %s", buy, ord.Quote.Amount, err, amount)
	}
	m.orders[ord.ID] = &modelOrder{amount, count, ord.CreatedAt.Add(24 * time.Hour), taocan.OrderPending}
	m.orderIDs = append(m.orderIDs, ord.ID)
}

// pay expects what a person with pencil and paper would.
func (m *machine) pay(t *rapid.T) {
	if len(m.orderIDs) == 0 {
		t.Skip("there is no order yet")
	}
	id := rapid.SampledFrom(m.orderIDs).Draw(t, "order")
	var voucher taocan.VoucherID
	if len(m.voucherIDs) > 0 && rapid.Bool().Draw(t, "with a voucher") {
		voucher = rapid.SampledFrom(m.voucherIDs).Draw(t, "voucher")
	}
	key := m.key()
	shown, refused := m.s.Preview(m.s.ctx, m.actor.Tenant, id, voucher)
	got, _, err := m.s.Pay(m.s.ctx, m.actor, key, content(id, voucher), id, voucher)
	m.wantShown(t, shown, refused, got, err)

	ord, now := m.orders[id], m.s.clock.Now()
	if ord.state == taocan.OrderPending && !now.Before(ord.closesAt) {
		ord.state = taocan.OrderClosed
	}
	if ord.state != taocan.OrderPending {
		if !errors.Is(err, taocan.ErrState) {
			t.Fatalf("pay an order that is %s: %v", ord.state, err)
		}
		return
	}
	var off taocan.Fen
	if voucher != "" {
		v := m.vouchers[voucher]
		custom := ord.amount%250_00 != 0 // no multiple of 4.40 up to 264.00 is one of 250.00
		if v.UsedBy != "" || !now.Before(v.ValidUntil) || ord.amount < v.MinAmount || len(v.Scope.Products) > 0 && custom {
			if !errors.Is(err, taocan.ErrVoucher) {
				t.Fatalf("pay with the voucher %+v: %v", v, err)
			}
			return
		}
		off = min(v.Amount, ord.amount)
	}
	credit := max(0, m.wallet.CreditLimit-m.wallet.CreditUsed)
	if available := off + m.wallet.Gift + m.wallet.Cash + credit; available < ord.amount {
		funds := (*taocan.FundsError)(nil)
		if !errors.As(err, &funds) || *funds != (taocan.FundsError{Total: ord.amount, Available: available, Missing: ord.amount - available}) {
			t.Fatalf("%s available for %s: %v", available, ord.amount, err)
		}
		return
	}
	gift := min(m.wallet.Gift, ord.amount-off)
	cash := min(m.wallet.Cash, ord.amount-off-gift)
	want := taocan.Split{Voucher: off, Gift: gift, Cash: cash, Credit: ord.amount - off - gift - cash}
	if err != nil || got.Payment.Split != want || len(got.Packages) != ord.count {
		t.Fatalf("paid %+v, %v, want %+v", got.Payment, err, want)
	}
	m.wallet.Gift -= want.Gift
	m.wallet.Cash -= want.Cash
	m.wallet.CreditUsed += want.Credit
	m.packages += ord.count
	ord.state = taocan.OrderPaid
	if voucher != "" {
		m.vouchers[voucher].UsedBy = id
	}
	again, replayed, err := m.s.Pay(m.s.ctx, m.actor, key, content(id, voucher), id, voucher)
	if err != nil || !replayed || again.Payment.Split != want {
		t.Fatalf("replayed %v, %+v, %v", replayed, again.Payment, err)
	}
}

// wantShown: the preview of a payment, made just before, is what then happened to it.
func (m *machine) wantShown(t *rapid.T, shown Preview, refused error, paid taocan.Order, err error) {
	funds := (*taocan.FundsError)(nil)
	switch {
	case errors.As(err, &funds):
		if refused != nil || shown.Missing != funds.Missing || shown.Split.Total() != funds.Available || shown.After != shown.Wallet {
			t.Fatalf("previewed %+v, %v, but %v", shown, refused, err)
		}
	case err != nil:
		if refused == nil || errors.Is(refused, taocan.ErrState) != errors.Is(err, taocan.ErrState) || errors.Is(refused, taocan.ErrVoucher) != errors.Is(err, taocan.ErrVoucher) {
			t.Fatalf("previewed %+v, %v, but %v", shown, refused, err)
		}
	default:
		after := taocan.Wallet{}
		if err := m.s.store.View(m.s.ctx, func(r store.Reader) (err error) { after, err = r.Wallet(m.s.ctx, m.actor.Account); return err }); err != nil {
			t.Fatal(err)
		}
		if refused != nil || shown.Missing != 0 || shown.Split != paid.Payment.Split || shown.After != after || shown.Wallet != m.wallet {
			t.Fatalf("previewed %+v, %v, but paid %+v and left %+v", shown, refused, paid.Payment.Split, after)
		}
	}
}

func (m *machine) cancel(t *rapid.T) {
	if len(m.orderIDs) == 0 {
		t.Skip("there is none yet")
	}
	id := rapid.SampledFrom(m.orderIDs).Draw(t, "order")
	ord := m.orders[id]
	if ord.state == taocan.OrderPending && !m.s.clock.Now().Before(ord.closesAt) {
		ord.state = taocan.OrderClosed
	}
	_, err := m.s.Cancel(m.s.ctx, m.actor, id)
	switch ord.state {
	case taocan.OrderPending, taocan.OrderCancelled:
		if err != nil {
			t.Fatal(err)
		}
		ord.state = taocan.OrderCancelled
	default:
		if !errors.Is(err, taocan.ErrState) {
			t.Fatalf("cancel an order that is %s: %v", ord.state, err)
		}
	}
}

func (m *machine) wait(t *rapid.T) {
	// A second more, so that no end falls together with the microseconds that a ledger may run ahead of the clock.
	m.s.clock.Advance(time.Duration(rapid.IntRange(1, 30).Draw(t, "hours"))*time.Hour + time.Second)
}

func (m *machine) sweep(t *rapid.T) {
	if _, err := m.s.CloseUnpaid(m.s.ctx); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) check(t *rapid.T) {
	now := m.s.clock.Now()
	err := m.s.store.View(m.s.ctx, func(r store.Reader) error {
		wallet, err := r.Wallet(m.s.ctx, m.actor.Account)
		if err != nil || wallet != m.wallet {
			t.Fatalf("wallet %+v, %v, want %+v", wallet, err, m.wallet)
		}
		orders, err := r.Orders(m.s.ctx, m.actor.Tenant, "", now, store.Paging{Limit: 1000})
		if err != nil || len(orders.Items) != len(m.orders) {
			t.Fatalf("%d orders, %v, want %d", len(orders.Items), err, len(m.orders))
		}
		packages := 0
		for _, got := range orders.Items {
			packages += len(got.Packages)
			want := m.orders[got.ID].state
			if want == taocan.OrderPending && !now.Before(m.orders[got.ID].closesAt) {
				want = taocan.OrderClosed
			}
			if got = seen(got, now); got.State != want {
				t.Fatalf("order %s is %s, want %s", got.ID, got.State, want)
			}
		}
		if packages != m.packages {
			t.Fatalf("%d packages, want %d", packages, m.packages)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
