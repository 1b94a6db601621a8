package storetest

import (
	"context"
	"fmt"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

func (f *fixture) order(t taocan.Tenant, id taocan.OrderID) taocan.Order {
	f.Helper()
	return get(f, func(ctx context.Context, r store.Reader) (taocan.Order, error) { return r.Order(ctx, t, id) })
}

var orderCases = []testCase{
	{"an order reads as it was written, custom or fixed", func(f *fixture) {
		f.open(alpha)
		custom := f.newOrder(alpha, f.clock.Now())
		fixed := f.newOrder(alpha, f.clock.Now(), func(o *taocan.Order) {
			o.By = taocan.Actor{Token: "token-2"}
			o.Quote = taocan.Quote{
				Purchase: taocan.Purchase{Kind: taocan.Fixed, Category: taocan.International, Purpose: taocan.General, Country: "MY", Product: "p-1", Count: 3},
				Name:     "100条", Each: 100, Packages: 3, Quantity: 300, Amount: 7500, ValidityMonths: 24, ChargeOn: taocan.ChargeOnDelivered}
		})
		free := f.newOrder(alpha, f.clock.Now(), func(o *taocan.Order) { o.Quote.UnitPrice, o.Quote.Amount = 0, 0 })
		f.putOrders(custom, fixed, free)
		for _, want := range []taocan.Order{custom, fixed, free} {
			same(f, "order", f.order(alpha, want.ID), want)
		}
		f.refuse("alpha", taocan.ErrConflict, func(ctx context.Context, tx store.Tx) error { return tx.InsertOrder(ctx, custom) })
	}},
	{"paying settles the order, and it shows its payment and packages", func(f *fixture) {
		f.open(alpha)
		o := f.newOrder(alpha, f.clock.Now(), func(o *taocan.Order) { o.Quote.Packages, o.Quote.Quantity, o.Quote.Purchase.Quantity = 2, 2000, 2000 })
		v := f.newVoucher("alpha", f.clock.Now())
		f.putOrders(o)
		f.putVouchers(v)
		f.topUp("alpha", 3400)
		f.clock.Advance(time.Minute)
		split := taocan.Split{Voucher: 1000, Cash: 3400}
		var want taocan.Order
		f.update("alpha", func(ctx context.Context, tx store.Tx) error {
			var packages []taocan.Package
			for i := range 2 {
				packages = append(packages, f.newPackage(alpha, tx.Now(), func(p *taocan.Package) { p.Order, p.Paid = o.ID, split.Share(i, 2) }))
			}
			want = paid(o, tx.Now(), split, v.ID, packages...)
			if _, err := pay(ctx, tx, want, packages...); err != nil {
				return err
			}
			got, err := tx.Order(ctx, alpha, o.ID)
			same(f, "within the transaction", got, want)
			return err
		})
		same(f, "paid order", f.order(alpha, o.ID), want)
		for _, state := range []taocan.OrderState{taocan.OrderPaid, taocan.OrderCancelled, taocan.OrderClosed} {
			f.refuse("alpha", taocan.ErrConflict, func(ctx context.Context, tx store.Tx) error {
				return tx.SettleOrder(ctx, alpha, o.ID, state, tx.Now())
			})
		}
		f.refuse("alpha", taocan.ErrConflict, func(ctx context.Context, tx store.Tx) error { return tx.InsertPayment(ctx, *want.Payment) })
	}},
	{"an order is settled once, and one that is not there not at all", func(f *fixture) {
		f.open(alpha, beta)
		o := f.newOrder(alpha, f.clock.Now())
		f.putOrders(o)
		f.update("alpha", func(ctx context.Context, tx store.Tx) error {
			return tx.SettleOrder(ctx, alpha, o.ID, taocan.OrderCancelled, tx.Now())
		})
		f.refuse("alpha", taocan.ErrConflict, func(ctx context.Context, tx store.Tx) error {
			return tx.SettleOrder(ctx, alpha, o.ID, taocan.OrderCancelled, tx.Now())
		})
		f.refuse("alpha", taocan.ErrNotFound, func(ctx context.Context, tx store.Tx) error {
			return tx.SettleOrder(ctx, alpha, "other", taocan.OrderCancelled, tx.Now())
		})
		f.refuse("beta", taocan.ErrNotFound, func(ctx context.Context, tx store.Tx) error {
			return tx.SettleOrder(ctx, beta, o.ID, taocan.OrderCancelled, tx.Now())
		})
		same(f, "state", f.order(alpha, o.ID).State, taocan.OrderCancelled)
	}},
	{"a state asked for is as of now: unpaid past its close counts as closed", func(f *fixture) {
		f.open(alpha, alphaOther, beta)
		at := f.clock.Now()
		closing := func(after time.Duration) func(*taocan.Order) {
			return func(o *taocan.Order) { o.ClosesAt = at.Add(after) }
		}
		early, late := f.newOrder(alpha, at, closing(time.Hour)), f.newOrder(alpha, at.Add(time.Second), closing(2*time.Hour))
		cancelled, swept := f.newOrder(alpha, at, closing(time.Hour)), f.newOrder(alpha, at, closing(time.Hour))
		elsewhere := f.newOrder(beta, at.Add(time.Minute), closing(30*time.Minute))
		f.putOrders(early, late, cancelled, swept, elsewhere)
		f.update("alpha", func(ctx context.Context, tx store.Tx) error {
			if err := tx.SettleOrder(ctx, alpha, cancelled.ID, taocan.OrderCancelled, tx.Now()); err != nil {
				return err
			}
			return tx.SettleOrder(ctx, alpha, swept.ID, taocan.OrderClosed, tx.Now())
		})
		ids := func(page store.Page[taocan.Order]) string {
			s := fmt.Sprint(page.Total)
			for _, o := range page.Items {
				s += " " + string(o.ID)
			}
			return s
		}
		for _, tt := range []struct {
			state taocan.OrderState
			now   time.Duration
			want  []taocan.Order
		}{
			{"", 0, []taocan.Order{late, swept, cancelled, early}},
			{taocan.OrderPending, time.Hour - time.Microsecond, []taocan.Order{late, early}},
			{taocan.OrderPending, time.Hour, []taocan.Order{late}},
			{taocan.OrderClosed, 0, []taocan.Order{swept}},
			{taocan.OrderClosed, time.Hour, []taocan.Order{swept, early}},
			{taocan.OrderCancelled, 2 * time.Hour, []taocan.Order{cancelled}},
			{taocan.OrderPaid, 2 * time.Hour, nil},
		} {
			page := get(f, func(ctx context.Context, r store.Reader) (store.Page[taocan.Order], error) {
				return r.Orders(ctx, alpha, tt.state, at.Add(tt.now), all())
			})
			same(f, fmt.Sprintf("%q after %v", tt.state, tt.now), ids(page), ids(store.Page[taocan.Order]{Items: tt.want, Total: len(tt.want)}))
		}
		page := get(f, func(ctx context.Context, r store.Reader) (store.Page[taocan.Order], error) {
			return r.AllOrders(ctx, store.OrderFilter{State: taocan.OrderPending, Now: at, Paging: all()})
		})
		same(f, "pending anywhere", ids(page), ids(store.Page[taocan.Order]{Items: []taocan.Order{elsewhere, late, early}, Total: 3}))
		for _, tt := range []struct {
			filter store.OrderFilter
			want   []taocan.Order
		}{
			{store.OrderFilter{State: taocan.OrderPending, Account: alpha.Account}, []taocan.Order{late, early}},
			{store.OrderFilter{State: taocan.OrderPending, Project: elsewhere.Project, Account: elsewhere.Account}, []taocan.Order{elsewhere}},
			{store.OrderFilter{State: taocan.OrderPending, Account: "nobody"}, nil},
			{store.OrderFilter{Account: alpha.Account, From: late.CreatedAt}, []taocan.Order{late}},
			{store.OrderFilter{State: taocan.OrderPending, Account: alpha.Account, Until: late.CreatedAt}, []taocan.Order{early}},
		} {
			tt.filter.Now, tt.filter.Paging = at, all()
			page := get(f, func(ctx context.Context, r store.Reader) (store.Page[taocan.Order], error) {
				return r.AllOrders(ctx, tt.filter)
			})
			same(f, fmt.Sprintf("%+v", tt.filter), ids(page), ids(store.Page[taocan.Order]{Items: tt.want, Total: len(tt.want)}))
		}
		found := get(f, func(ctx context.Context, r store.Reader) (taocan.Order, error) {
			return r.OrderAnywhere(ctx, elsewhere.ID)
		})
		same(f, "found anywhere", found.Tenant, elsewhere.Tenant)
		absent(f, "an order that is not there", func(ctx context.Context, r store.Reader) (taocan.Order, error) { return r.OrderAnywhere(ctx, "O0") })
		unpaid := func(after time.Duration, limit int) string {
			os := get(f, func(ctx context.Context, r store.Reader) ([]taocan.Order, error) {
				return r.UnpaidPast(ctx, at.Add(after), limit)
			})
			return ids(store.Page[taocan.Order]{Items: os, Total: len(os)})
		}
		same(f, "unpaid past", unpaid(time.Hour, 10), ids(store.Page[taocan.Order]{Items: []taocan.Order{elsewhere, early}, Total: 2}))
		same(f, "one unpaid past", unpaid(3*time.Hour, 1), ids(store.Page[taocan.Order]{Items: []taocan.Order{elsewhere}, Total: 1}))
		same(f, "none yet", unpaid(0, 10), "0")
	}},
	{"an idempotency key is used once per project and operation", func(f *fixture) {
		f.open(alpha, alphaOther)
		k := store.IdempotencyKey{Tenant: alpha, Operation: "order", Key: "k/1", Content: hashOf("body"), Subject: "order-1", CreatedAt: f.clock.Now()}
		put := func(k store.IdempotencyKey) func(context.Context, store.Tx) error {
			return func(ctx context.Context, tx store.Tx) error { return tx.InsertIdempotencyKey(ctx, k) }
		}
		f.update("alpha", put(k))
		f.refuse("alpha", taocan.ErrConflict, put(k))
		other, money, payment := k, k, k
		other.Tenant, money.Project, money.Operation, payment.Operation = alphaOther, "", "top_up", "payment"
		for _, x := range []store.IdempotencyKey{other, money, payment} {
			f.update("alpha", put(x))
		}
		for _, want := range []store.IdempotencyKey{k, other, money, payment} {
			same(f, "key", get(f, func(ctx context.Context, r store.Reader) (store.IdempotencyKey, error) {
				return r.IdempotencyKey(ctx, want.Tenant, want.Operation, want.Key)
			}), want)
		}
		absent(f, "another key", func(ctx context.Context, r store.Reader) (store.IdempotencyKey, error) {
			return r.IdempotencyKey(ctx, alpha, "order", "K/1")
		})
	}},
}
