package topup_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"taocan/internal/catalog"
	"taocan/internal/clock"
	"taocan/internal/debit"
	"taocan/internal/order"
	"taocan/internal/store"
	"taocan/internal/taocan"
	"taocan/internal/teststore"
	"taocan/internal/topup"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, teststore.Background()...) }

var (
	zone   = time.FixedZone("UTC+8", 8*60*60)
	begin  = time.Date(2026, 3, 10, 4, 0, 0, 0, time.UTC) // noon of the zone
	web    = taocan.Tenant{Account: "acme", Project: "web"}
	shop   = taocan.Tenant{Account: "acme", Project: "shop"}
	theirs = taocan.Tenant{Account: "other", Project: "theirs"}
	staff  = taocan.Actor{Member: "staff", Role: taocan.OperatorRole, Scopes: []taocan.Scope{taocan.ScopeOperator}}
	owner  = taocan.Actor{Tenant: web, Member: "olga", Role: taocan.Owner, Address: "192.0.2.1"}
)

const accepted = "sample-1" // the shipped agreement

// env is a store with the shipped catalogue and the accounts acme (web, shop) and other (theirs), both with an owner.
type env struct {
	*topup.TopUps
	t      testing.TB
	ctx    context.Context
	store  *hooked
	clock  *clock.Fake
	goods  *catalog.Catalog
	orders *order.Orders
}

// hooked is a store whose transactions a test may fail.
type hooked struct {
	store.Store
	mu   sync.Mutex
	hook func() error // guarded by mu; asked before and after each transaction
}

func (h *hooked) ask() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.hook == nil {
		return nil
	}
	return h.hook()
}

func (h *hooked) Update(ctx context.Context, a taocan.AccountID, fn func(store.Tx) error) error {
	if err := h.ask(); err != nil {
		return err
	}
	if err := h.Store.Update(ctx, a, fn); err != nil {
		return err
	}
	return h.ask()
}

func newEnv(t testing.TB) *env {
	t.Helper()
	c := clock.NewFake(begin)
	st := teststore.Open(t, teststore.Options{Clock: c})
	e := &env{t: t, ctx: context.WithoutCancel(t.Context()), store: &hooked{Store: st}, clock: c}
	t.Cleanup(func() {
		e.fail(nil)
		report, err := store.Verify(e.ctx, st, store.VerifyOptions{})
		if err != nil || len(report.Findings) > 0 {
			t.Errorf("verify found %v, %v", report.Findings, err)
		}
	})
	e.goods = catalog.New(e.store, c, zone, 0)
	e.orders = order.New(order.Config{Store: e.store, Clock: c, Zone: zone, Catalog: e.goods, Random: rand.Reader})
	e.TopUps = e.another()
	e.must(e.goods.Seed(e.ctx))
	e.update("", func(tx store.Tx) error {
		for _, x := range []struct {
			taocan.Tenant
			owner taocan.MemberID
		}{{web, "olga"}, {theirs, "tina"}} {
			if err := errors.Join(tx.InsertAccount(e.ctx, taocan.Account{ID: x.Account, Name: "n", Level: taocan.Enterprise, CreatedAt: begin}),
				tx.InsertProject(e.ctx, taocan.Project{ID: x.Project, Account: x.Account, Name: "n", CreatedAt: begin}),
				tx.InsertMember(e.ctx, taocan.Member{ID: x.owner, Account: x.Account, Login: string(x.owner), Role: taocan.Owner, PasswordHash: "x", CreatedAt: begin})); err != nil {
				return err
			}
		}
		return tx.InsertProject(e.ctx, taocan.Project{ID: shop.Project, Account: shop.Account, Name: "n", CreatedAt: begin})
	})
	return e
}

// another is a worker of another process on the same store.
func (e *env) another() *topup.TopUps {
	return topup.New(topup.Config{Store: e.store, Clock: e.clock, Zone: zone, Catalog: e.goods, Orders: e.orders})
}

func (e *env) must(err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatal(err)
	}
}

func (e *env) update(a taocan.AccountID, fn func(store.Tx) error) {
	e.t.Helper()
	e.must(e.store.Store.Update(e.ctx, a, fn))
}

// fail makes transactions ask.
func (e *env) fail(hook func() error) {
	e.store.mu.Lock()
	defer e.store.mu.Unlock()
	e.store.hook = hook
}

// fund gives an account cash.
func (e *env) fund(a taocan.AccountID, amount taocan.Fen) {
	e.t.Helper()
	key := fmt.Sprint("cash-", rand.Text())
	_, _, err := e.orders.TopUp(e.ctx, staff, a, order.WalletChange{Key: key, ContentHash: make([]byte, 32), Amount: amount, Reference: key})
	e.must(err)
}

// marketing buys 1,000 messages for 44.00 when fewer than 100 are left, up to 100.00 a month.
func marketing(change ...func(*taocan.TopUp)) taocan.TopUp {
	x := taocan.TopUp{Category: taocan.Domestic, Purpose: taocan.Marketing, Level: 100, Quantity: 1000, MonthCap: 100_00, Enabled: true}
	for _, c := range change {
		c(&x)
	}
	return x
}

func capped(f taocan.Fen) func(*taocan.TopUp) { return func(x *taocan.TopUp) { x.MonthCap = f } }

func (e *env) set(topUps ...taocan.TopUp) []topup.Standing {
	e.t.Helper()
	list, err := e.Set(e.ctx, owner, topUps, accepted)
	e.must(err)
	return list
}

// step runs a worker until it finds nothing to do.
func (e *env) step() {
	e.t.Helper()
	for range 1000 {
		n, err := e.Step(e.ctx)
		e.must(err)
		if n == 0 {
			return
		}
	}
	e.t.Fatal("a worker never finds an end")
}

// pass lets time pass and the worker look once a minute.
func (e *env) pass(d time.Duration) {
	e.t.Helper()
	for ; d > 0; d -= time.Minute {
		e.clock.Advance(min(d, time.Minute))
		e.step()
	}
}

// take uses up messages of web, by an adjustment.
func (e *env) take(q taocan.Segments) {
	e.t.Helper()
	e.update(web.Account, func(tx store.Tx) error {
		page, err := tx.Packages(e.ctx, web, store.PackageFilter{Statuses: []taocan.Status{taocan.Active}, Now: tx.Now(), Paging: store.Paging{Limit: 100}})
		if err != nil {
			return err
		}
		for _, p := range page.Items {
			n := min(q, p.Remaining)
			if q -= n; n > 0 {
				if err := tx.AdjustPackage(e.ctx, web, p.Number, -n, "used up"); err != nil {
					return err
				}
			}
		}
		if q > 0 {
			return fmt.Errorf("%d messages are missing", q)
		}
		return nil
	})
}

// state of web's only top-up.
func (e *env) state() topup.Standing {
	e.t.Helper()
	list, err := e.List(e.ctx, web)
	e.must(err)
	if len(list) != 1 {
		e.t.Fatalf("there are %d top-ups, want one", len(list))
	}
	return list[0]
}

// history of web's purchases, the oldest first: "1 bought 44.00", "2 failed month_cap".
func (e *env) history() []string {
	e.t.Helper()
	page, err := e.History(e.ctx, web, store.Paging{Limit: 1000})
	e.must(err)
	var all []string
	for i := len(page.Items) - 1; i >= 0; i-- {
		o := page.Items[i]
		said := fmt.Sprint(o.N, " ", o.State)
		if o.State == taocan.TopUpBought {
			said += " " + o.Amount.String()
		}
		if o.Reason != "" {
			said += " " + o.Reason
		}
		all = append(all, said)
	}
	return all
}

// ordersOf lists a project's orders, the oldest first.
func (e *env) ordersOf(t taocan.Tenant) []taocan.Order {
	e.t.Helper()
	page, err := e.orders.Orders(e.ctx, t, "", store.Paging{Limit: 1000})
	e.must(err)
	var all []taocan.Order
	for i := len(page.Items) - 1; i >= 0; i-- {
		all = append(all, page.Items[i])
	}
	return all
}

// paid counts web's paid orders.
func (e *env) paid() (n int, sum taocan.Fen) {
	e.t.Helper()
	for _, o := range e.ordersOf(web) {
		if o.State == taocan.OrderPaid {
			n, sum = n+1, sum+o.Quote.Amount
		}
	}
	return n, sum
}

// notices of web, the oldest first: "top_up 44.00", "top_up_failed month_cap".
func (e *env) notices() []string {
	e.t.Helper()
	var all []string
	e.must(e.store.View(e.ctx, func(r store.Reader) error {
		page, err := r.Notices(e.ctx, web, store.NoticeFilter{Paging: store.Paging{Limit: 1000}})
		for i := len(page.Items) - 1; i >= 0; i-- {
			n := page.Items[i]
			said := string(n.Event) + " " + n.Facts.Reason
			if n.Event == taocan.NoticeTopUp {
				said = string(n.Event) + " " + n.Facts.Amount
			}
			all = append(all, said)
		}
		return err
	}))
	return all
}

func newEngine(e *env) *debit.Engine {
	engine := debit.New(debit.Config{Store: e.store, Clock: e.clock})
	engine.Start(e.ctx)
	return engine
}
