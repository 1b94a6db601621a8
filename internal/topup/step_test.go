package topup_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"taocan/internal/order"
	"taocan/internal/store"
	"taocan/internal/taocan"
	"taocan/internal/teststore"
)

func (e *env) wantHistory(want ...string) {
	e.t.Helper()
	if diff := cmp.Diff(want, e.history()); diff != "" {
		e.t.Errorf("purchases (-want +got):\n%s", diff)
	}
}

func (e *env) wantNotices(want ...string) {
	e.t.Helper()
	if diff := cmp.Diff(want, e.notices()); diff != "" {
		e.t.Errorf("notices (-want +got):\n%s", diff)
	}
}

func TestItBuysOnceWhenTooLittleIsLeft(t *testing.T) {
	e := newEnv(t)
	e.fund("acme", 1000_00)
	e.set(marketing())
	e.step()
	e.wantHistory("1 bought 44.00")
	e.wantNotices("top_up 44.00")
	ord := e.ordersOf(web)[0]
	if ord.State != taocan.OrderPaid || ord.By.Member != "olga" || ord.By.Address != "automatic top-up" || ord.AgreementVersion != accepted || len(ord.Packages) != 1 {
		t.Errorf("the order is %+v", ord)
	}
	if s := e.state(); !s.CalledAt.IsZero() || !s.NextAt.Equal(ord.SettledAt.Add(time.Hour)) || s.Failures != 0 {
		t.Errorf("afterwards it stands at %+v", s)
	}
	e.take(900) // 100 are left: not less than the level
	e.pass(3 * time.Hour)
	e.wantHistory("1 bought 44.00")
	e.take(1)
	e.pass(time.Minute)
	e.wantHistory("1 bought 44.00", "2 bought 44.00")
}

func TestTwoPurchasesAreACooldownApart(t *testing.T) {
	e := newEnv(t)
	e.fund("acme", 1000_00)
	e.set(marketing(func(x *taocan.TopUp) { x.Level, x.MonthCap = 2500, 1000_00 }))
	e.step()
	e.wantHistory("1 bought 44.00") // and 1,000 are still too few
	e.pass(59 * time.Minute)
	e.wantHistory("1 bought 44.00")

	// Neither saving it again nor removing it in between shortens the cooldown, nor does the count begin anew.
	e.set()
	e.set(marketing(func(x *taocan.TopUp) { x.Level, x.MonthCap = 2500, 1000_00 }))
	e.step()
	e.wantHistory("1 bought 44.00")
	e.pass(2 * time.Minute)
	e.wantHistory("1 bought 44.00", "2 bought 44.00")
	e.pass(61 * time.Minute)
	e.wantHistory("1 bought 44.00", "2 bought 44.00", "3 bought 44.00")
	e.pass(5 * time.Hour)
	e.wantHistory("1 bought 44.00", "2 bought 44.00", "3 bought 44.00")
}

func TestNeverMoreThanTheMonthlyCap(t *testing.T) {
	e := newEnv(t)
	e.fund("acme", 1000_00)
	e.clock.Set(time.Date(2026, 3, 31, 20, 0, 0, 0, zone))
	e.set(marketing(func(x *taocan.TopUp) { x.Level, x.MonthCap = 10_000, 100_00 }))
	e.step()
	e.pass(3*time.Hour + 59*time.Minute) // until a minute before April of the zone
	e.wantHistory("1 bought 44.00", "2 bought 44.00")
	e.wantNotices("top_up 44.00", "top_up 44.00", "top_up_failed month_cap")
	if s := e.state(); s.Reason != "month_cap" || s.Spent != 88_00 || s.NextAt.After(time.Date(2026, 4, 1, 0, 0, 0, 0, zone)) {
		t.Errorf("at the cap it stands at %+v, want it to look at the new month's first instant", s)
	}
	e.pass(time.Minute)
	e.wantHistory("1 bought 44.00", "2 bought 44.00", "3 bought 44.00")
	if s := e.state(); s.Spent != 44_00 || s.Failures != 0 {
		t.Errorf("in April it stands at %+v", s)
	}
	e.pass(48 * time.Hour)
	e.wantNotices("top_up 44.00", "top_up 44.00", "top_up_failed month_cap", "top_up 44.00", "top_up 44.00", "top_up_failed month_cap")
}

func TestFailuresBackOffAndAreToldOnceADay(t *testing.T) {
	e := newEnv(t)
	e.set(marketing())
	e.step()
	for i, wait := range []time.Duration{5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 12 * time.Hour, 24 * time.Hour, 24 * time.Hour} {
		s := e.state()
		if s.Failures != i+1 || s.Reason != "insufficient_funds" || s.NextAt.Sub(e.clock.Now()) != wait {
			t.Fatalf("after failure %d it stands at %+v, want it to wait %v", i+1, s, wait)
		}
		e.clock.Advance(wait - time.Microsecond)
		e.step()
		if s := e.state(); s.Failures != i+1 {
			t.Fatalf("it looked before %v were over", wait)
		}
		e.clock.Advance(time.Microsecond)
		e.step()
	}
	e.wantHistory() // nothing was begun: no order that nobody could pay
	if n := len(e.ordersOf(web)); n > 0 {
		t.Errorf("%d orders were made that could not be paid", n)
	}
	e.wantNotices("top_up_failed insufficient_funds", "top_up_failed insufficient_funds", "top_up_failed insufficient_funds", "top_up_failed insufficient_funds")

	e.fund("acme", 44_00)
	e.set(marketing()) // saving it tries at once
	e.step()
	e.wantHistory("1 bought 44.00")
	if s := e.state(); s.Failures != 0 || s.Reason != "" || !s.FailedAt.IsZero() {
		t.Errorf("after a purchase it stands at %+v", s)
	}
}

func TestItBuysInNobodysNameWhoMayNotBuy(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(e *env)
		reason string
	}{
		"a setter who has become a viewer": {func(e *env) { e.member(func(m *taocan.Member) { m.Role = taocan.Viewer }) }, "setter_may_not_buy"},
		"a setter who has been suspended":  {func(e *env) { e.member(func(m *taocan.Member) { m.Suspended = true }) }, "setter_may_not_buy"},
		"a suspended account":              {func(e *env) { e.account(func(a *taocan.Account) { a.Suspended = true }) }, "account_suspended"},
		"an account of a lower level":      {func(e *env) { e.account(func(a *taocan.Account) { a.Level = taocan.Personal }) }, "identity_level"},
		"a new agreement": {func(e *env) {
			_, err := e.goods.PublishAgreement(e.ctx, staff, "v2", "new words")
			e.must(err)
		}, "agreement_not_accepted"},
		"a price above the cap": {func(e *env) { e.publish(2000) }, "month_cap"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			e.fund("acme", 1000_00)
			e.set(marketing())
			tt.change(e)
			e.step()
			e.wantHistory()
			e.wantNotices("top_up_failed " + tt.reason)
			if n, _ := e.paid(); n > 0 || e.state().Reason != tt.reason {
				t.Errorf("%d orders were paid; it stands at %+v", n, e.state())
			}
		})
	}
}

// publish puts another price of marketing in force, in 1/10,000 yuan.
func (e *env) publish(price taocan.UnitPrice) {
	e.t.Helper()
	e.update("", func(tx store.Tx) error {
		now, err := tx.PriceListAt(e.ctx, taocan.Domestic, tx.Now())
		if err != nil {
			return err
		}
		now.ID, now.ValidFrom, now.Published = taocan.PriceListID(fmt.Sprint("price-", tx.Now().UnixMicro())), tx.Now(), tx.Now()
		for i := range now.Rows {
			now.Rows[i].Tiers = []taocan.Tier{{Price: price}}
		}
		return tx.InsertPriceList(e.ctx, now)
	})
}

func (e *env) member(change func(*taocan.Member)) {
	e.t.Helper()
	e.update("", func(tx store.Tx) error {
		m, err := tx.MemberByID(e.ctx, "olga")
		if err != nil {
			return err
		}
		change(&m)
		return tx.UpdateMember(e.ctx, m)
	})
}

func TestATokenThatWorksNoMoreBuysNothing(t *testing.T) {
	e := newEnv(t)
	e.fund("acme", 1000_00)
	e.update("", func(tx store.Tx) error {
		return tx.InsertToken(e.ctx, taocan.Token{ID: "tok", Hash: make([]byte, 32), Tenant: web, Name: "n",
			Scopes: []taocan.Scope{taocan.ScopeManage, taocan.ScopeBuy}, CreatedAt: begin})
	})
	actor := taocan.Actor{Tenant: web, Token: "tok", Scopes: []taocan.Scope{taocan.ScopeManage, taocan.ScopeBuy}}
	_, err := e.Set(e.ctx, actor, []taocan.TopUp{marketing()}, accepted)
	e.must(err)
	e.step()
	e.wantHistory("1 bought 44.00")
	e.take(950)
	e.update("", func(tx store.Tx) error { return tx.RevokeToken(e.ctx, "tok", tx.Now()) })
	e.pass(2 * time.Hour)
	e.wantHistory("1 bought 44.00")
	e.wantNotices("top_up 44.00", "top_up_failed setter_may_not_buy")
}

var errFault = errors.New("the disk is gone")

// failAt lets transactions pass until the n-th question, before or after one, and then fails them all.
func (e *env) failAt(n int) {
	asked := 0
	e.fail(func() error {
		if asked++; asked > n {
			return errFault
		}
		return nil
	})
}

// A purchase is four transactions: begin, order, payment, end. Each is cut before and after it was done, and the rest is
// done by another worker once the lease has ended.
func TestACrashAnywhereMakesOneOrderAndOnePayment(t *testing.T) {
	for n := range 8 {
		t.Run(fmt.Sprintf("cut %d", n), func(t *testing.T) {
			e := newEnv(t)
			e.fund("acme", 1000_00)
			e.set(marketing())
			e.failAt(n)
			if _, err := e.Step(e.ctx); !errors.Is(err, errFault) {
				t.Fatalf("got %v, want the fault", err)
			}
			e.fail(nil)
			e.TopUps = e.another()
			if n > 0 && n < 7 {
				e.step()
				if s := e.state(); !s.Buying {
					t.Errorf("before the lease has ended it stands at %+v, want the purchase to be under way", s)
				}
			}
			e.pass(3 * time.Hour)
			e.wantHistory("1 bought 44.00")
			e.wantNotices("top_up 44.00")
			if count, sum := e.paid(); count != 1 || sum != 44_00 || len(e.ordersOf(web)) != 1 {
				t.Errorf("%d orders of %d were paid, of %s", count, len(e.ordersOf(web)), sum)
			}
		})
	}
}

// What was decided before a crash is judged anew after it.
func TestAPurchaseThatWasLeftIsJudgedAnew(t *testing.T) {
	const ordered, begun = 4, 2 // cuts: the order is there, it is not
	for name, tt := range map[string]struct {
		cut     int
		change  func(e *env)
		history []string
		state   taocan.OrderState // of the order, if there is one
	}{
		"the top-up has been removed":   {ordered, func(e *env) { e.set() }, []string{"1 failed withdrawn"}, taocan.OrderCancelled},
		"it has been switched off":      {begun, func(e *env) { e.set(marketing(func(x *taocan.TopUp) { x.Enabled = false })) }, []string{"1 failed withdrawn"}, ""},
		"the price has risen, no order": {begun, func(e *env) { e.publish(2000) }, []string{"1 failed month_cap"}, taocan.OrderCancelled},
		"the price has risen since":     {ordered, func(e *env) { e.publish(2000) }, []string{"1 bought 44.00"}, taocan.OrderPaid},
		"the cap has been lowered":      {ordered, func(e *env) { e.lower(10_00) }, []string{"1 failed month_cap"}, taocan.OrderCancelled},
		"enough is there again":         {ordered, func(e *env) { e.buyByHand(false) }, []string{"1 failed not_needed"}, taocan.OrderCancelled},
		"somebody has paid it":          {ordered, func(e *env) { e.buyByHand(true) }, []string{"1 bought 44.00"}, taocan.OrderPaid},
		"somebody has cancelled it":     {ordered, func(e *env) { e.cancelByHand() }, []string{"1 failed order_closed"}, taocan.OrderCancelled},
		"a day has passed":              {ordered, func(e *env) { e.clock.Advance(25 * time.Hour) }, []string{"1 failed order_closed"}, taocan.OrderClosed},
		"who set it may not buy":        {ordered, func(e *env) { e.member(func(m *taocan.Member) { m.Role = taocan.Viewer }) }, []string{"1 failed setter_may_not_buy"}, taocan.OrderPending},
		"the money has been spent":      {ordered, func(e *env) { e.spend() }, []string{"1 failed insufficient_funds"}, taocan.OrderCancelled},
		"a new agreement is in force": {ordered, func(e *env) {
			_, err := e.goods.PublishAgreement(e.ctx, staff, "v2", "new words")
			e.must(err)
		}, []string{"1 failed agreement_not_accepted"}, taocan.OrderCancelled},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			e.fund("acme", 50_00)
			e.set(marketing())
			e.failAt(tt.cut)
			if _, err := e.Step(e.ctx); !errors.Is(err, errFault) {
				t.Fatalf("got %v, want the fault", err)
			}
			e.fail(nil)
			tt.change(e)
			e.clock.Advance(2*time.Minute + time.Second)
			e.TopUps = e.another()
			_, err := e.Step(e.ctx)
			e.must(err)
			e.wantHistory(tt.history...)
			orders := e.ordersOf(web)
			if tt.state == "" && len(orders) == 0 {
				return
			}
			if len(orders) == 0 || orders[0].State != tt.state {
				t.Errorf("the orders are %+v, want the first %s", orders, tt.state)
			}
		})
	}
}

// A purchase that is given up while its order is being paid was bought all the same.
func TestAPaymentThatComesBeforeTheCancellationCounts(t *testing.T) {
	for n := range 4 {
		t.Run(fmt.Sprintf("at %d", n), func(t *testing.T) {
			e := newEnv(t)
			e.fund("acme", 50_00)
			e.set(marketing())
			e.failAt(4) // the order is there
			if _, err := e.Step(e.ctx); !errors.Is(err, errFault) {
				t.Fatalf("got %v, want the fault", err)
			}
			e.fail(nil)
			e.set() // withdrawn
			ord := e.ordersOf(web)[0]
			hand := order.New(order.Config{Store: e.store.Store, Clock: e.clock, Zone: zone, Catalog: e.goods, Random: rand.Reader})
			asked, paid := 0, false
			e.fail(func() error {
				if asked++; asked == n+1 {
					_, _, err := hand.Pay(e.ctx, owner, "by-hand", make([]byte, 32), ord.ID, "")
					paid = err == nil
				}
				return nil
			})
			e.clock.Advance(2*time.Minute + time.Second)
			e.TopUps = e.another()
			_, err := e.Step(e.ctx)
			e.must(err)
			e.fail(nil)
			if n == 0 && !paid {
				t.Fatal("nobody has paid before the worker began")
			}
			if paid {
				e.wantHistory("1 bought 44.00")
			} else {
				e.wantHistory("1 failed withdrawn")
			}
		})
	}
}

// lower changes the cap as Set does for an enabled top-up, but below what one purchase costs.
func (e *env) lower(to taocan.Fen) {
	e.t.Helper()
	e.update(web.Account, func(tx store.Tx) error {
		all, err := tx.TopUps(e.ctx, web)
		if err != nil {
			return err
		}
		all[0].MonthCap = to
		return tx.ReplaceTopUps(e.ctx, web, all)
	})
}

// buyByHand pays the top-up's order, or another of as many messages.
func (e *env) buyByHand(theOrder bool) {
	e.t.Helper()
	ord := e.ordersOf(web)[0]
	if !theOrder {
		e.fund("acme", 50_00)
		var err error
		p := taocan.Purchase{Kind: taocan.Custom, Category: taocan.Domestic, Purpose: taocan.Marketing, Quantity: 1000}
		ord, _, err = e.orders.Create(e.ctx, owner, "by-hand", make([]byte, 32), p, accepted)
		e.must(err)
	}
	_, _, err := e.orders.Pay(e.ctx, owner, "by-hand", make([]byte, 32), ord.ID, "")
	e.must(err)
}

func (e *env) cancelByHand() {
	e.t.Helper()
	_, err := e.orders.Cancel(e.ctx, owner, e.ordersOf(web)[0].ID)
	e.must(err)
}

// spend takes the account's money.
func (e *env) spend() {
	e.t.Helper()
	_, _, err := e.orders.AdjustWallet(e.ctx, staff, "acme", order.WalletChange{Key: "spend", ContentHash: make([]byte, 32), Amount: -50_00, Reason: "spent"})
	e.must(err)
}

func TestAKeyThatSomebodyElseHasUsedIsAFailureAndTheNextNumberIsFree(t *testing.T) {
	e := newEnv(t)
	e.fund("acme", 1000_00)
	p := taocan.Purchase{Kind: taocan.Custom, Category: taocan.Domestic, Purpose: taocan.Verification, Quantity: 100}
	_, _, err := e.orders.Create(e.ctx, owner, "top-up/domestic-marketing/1", make([]byte, 32), p, accepted)
	e.must(err)
	e.set(marketing())
	e.step()
	e.wantHistory("1 failed idempotency_conflict")
	e.pass(10 * time.Minute)
	e.wantHistory("1 failed idempotency_conflict", "2 bought 44.00")
}

func TestAContextThatEndsLeavesThePurchaseToAnother(t *testing.T) {
	e := newEnv(t)
	e.fund("acme", 1000_00)
	e.set(marketing())
	ctx, cancel := context.WithCancel(e.ctx)
	asked := 0
	e.fail(func() error {
		if asked++; asked == 4 { // the order has been made
			cancel()
		}
		return nil
	})
	if _, err := e.Step(ctx); err == nil {
		t.Error("a step that was cut short reports nothing")
	}
	e.fail(nil)
	e.pass(10 * time.Minute)
	e.wantHistory("1 bought 44.00")
}

func TestOneTenantsFailureDoesNotHoldUpAnothers(t *testing.T) {
	e := newEnv(t)
	e.fund("other", 1000_00)
	e.set(marketing())
	_, err := e.Set(e.ctx, taocan.Actor{Tenant: theirs, Member: "tina", Role: taocan.Owner}, []taocan.TopUp{marketing()}, accepted)
	e.must(err)
	e.step()
	if orders := e.ordersOf(theirs); len(orders) != 1 || orders[0].State != taocan.OrderPaid {
		t.Errorf("the other account's orders are %+v", orders)
	}
	e.wantNotices("top_up_failed insufficient_funds")
}

func TestExpiryAndAdjustmentsAreFoundByLooking(t *testing.T) {
	e := newEnv(t)
	e.fund("acme", 1000_00)
	e.set(marketing())
	e.step()
	e.clock.Advance(400 * 24 * time.Hour) // the package has expired, and no debit said so
	e.step()
	e.step()
	e.wantHistory("1 bought 44.00", "2 bought 44.00")
}

func TestManyDebitsAroundTheLevelMakeOneOrder(t *testing.T) {
	e := newEnv(t)
	e.fund("acme", 1000_00)
	e.set(marketing(func(x *taocan.TopUp) { x.Level = 600 }))
	e.step()
	e.clock.Advance(2 * time.Hour)
	engine := newEngine(e)
	defer func() { e.must(engine.Stop(e.ctx)) }()

	stop := make(chan struct{})
	var workers, senders sync.WaitGroup
	for range 3 {
		w := e.another()
		workers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := w.Step(e.ctx); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for s := range 20 { // 1,000 debits of one message: the level is crossed by the 401st
		senders.Go(func() {
			for i := range 50 {
				_, err := engine.Do(e.ctx, []store.Op{{Tenant: web, Kind: store.OpTake, Request: taocan.DebitRequest{
					ID: taocan.DebitID(fmt.Sprintf("d-%d-%d", s, i)), Kind: taocan.KindDebit, Category: taocan.Domestic, Purpose: taocan.Marketing, Quantity: 1}}})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	senders.Wait()
	close(stop)
	workers.Wait()
	e.step() // no minute has passed: it was a debit that called, not the walk
	e.wantHistory("1 bought 44.00", "2 bought 44.00")
	e.pass(5 * time.Minute) // nobody has forgotten it, and nobody buys again within the cooldown
	e.wantHistory("1 bought 44.00", "2 bought 44.00")
	if n, _ := e.paid(); n != 2 || len(e.ordersOf(web)) != 2 {
		t.Errorf("%d of %d orders were paid, want one before the debits and one because of them", n, len(e.ordersOf(web)))
	}
	if s := e.state(); s.Remaining != 1000 {
		t.Errorf("%d messages are left, want 1,000", s.Remaining)
	}
}

// Whatever happens in random months, no month costs more than the cap that stood, purchases are a cooldown apart, and what
// the top-ups say they spent is what was paid.
func TestRandomMonthsStayWithinTheCap(t *testing.T) {
	teststore.Check(t, 100, func(rt *rapid.T, try testing.TB) {
		e := newEnv(try)
		e.clock.Set(time.Date(2026, 1, 31, 12, 0, 0, 0, zone))
		monthCap := taocan.Fen(rapid.IntRange(44_00, 300_00).Draw(rt, "cap"))
		rule := marketing(func(x *taocan.TopUp) { x.Level, x.MonthCap, x.Cooldown = 1500, monthCap, 2*time.Hour })
		e.set(rule)
		for range rapid.IntRange(5, 20).Draw(rt, "events") {
			switch rapid.SampledFrom([]string{"time", "time", "use", "fund", "crash", "set", "price"}).Draw(rt, "event") {
			case "time":
				e.clock.Advance(time.Duration(rapid.IntRange(1, 5*24*60).Draw(rt, "minutes")) * time.Minute)
			case "use":
				e.take(min(e.state().Remaining, taocan.Segments(rapid.IntRange(1, 3000).Draw(rt, "messages"))))
			case "fund":
				e.fund("acme", taocan.Fen(rapid.IntRange(1, 200_00).Draw(rt, "money")))
			case "crash":
				e.failAt(rapid.IntRange(0, 9).Draw(rt, "cut"))
			case "set":
				if _, err := e.Set(e.ctx, owner, []taocan.TopUp{rule}, accepted); err != nil && !errors.Is(err, taocan.ErrInvalid) {
					rt.Fatal(err)
				}
			case "price":
				e.clock.Advance(time.Second)
				e.publish(taocan.UnitPrice(rapid.IntRange(100, 600).Draw(rt, "price")))
			}
			if _, err := e.Step(e.ctx); err != nil && !errors.Is(err, errFault) {
				rt.Fatal(err)
			}
			e.fail(nil)
		}
		e.clock.Advance(time.Hour)
		e.step()

		months, said := map[string]taocan.Fen{}, map[string]taocan.Fen{}
		var last time.Time
		for _, o := range e.ordersOf(web) {
			if o.State != taocan.OrderPaid {
				continue
			}
			if !last.IsZero() && o.SettledAt.Sub(last) < rule.Cooldown {
				rt.Errorf("%s was paid %v after the one before", o.ID, o.SettledAt.Sub(last))
			}
			last = o.SettledAt
			months[o.SettledAt.In(zone).Format("2006-01")] += o.Quote.Amount
		}
		for month, sum := range months {
			if sum > monthCap {
				rt.Errorf("%s cost %s, the cap is %s", month, sum, monthCap)
			}
			e.must(e.store.View(e.ctx, func(r store.Reader) (err error) {
				said[month], err = r.TopUpSpent(e.ctx, web, rule.ID(), month)
				return err
			}))
		}
		if diff := cmp.Diff(months, said); diff != "" {
			rt.Errorf("spent by month (-paid +noted):\n%s", diff)
		}
	})
}
