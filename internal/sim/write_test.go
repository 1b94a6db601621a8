package sim_test

import (
	"errors"
	"fmt"
	"time"

	"taocan/internal/store"
	"taocan/internal/store/storetest"
	"taocan/internal/taocan"
)

func (w *world) grant() error { return w.give(w.newPackage(w.tenant())) }

func (w *world) give(p taocan.Package) error {
	what := fmt.Sprintf("grant %s of %d for %s%s until %s to %s", p.Number, p.Total, p.Purpose, p.Country, p.ExpiresAt.Format(clockFormat), p.Project)
	return w.update(what, p.Account, func(tx store.Tx) error {
		p.PurchasedAt, p.ExistsFrom = tx.Now(), tx.Now()
		return tx.InsertPackage(w.ctx, p, taocan.EntryGrant, "")
	}, func(b *books) { b.add(p) })
}

// newPackage draws one that expires soon, late, or in between.
func (w *world) newPackage(t taocan.Tenant) taocan.Package {
	w.drawn++
	purpose := pick(w.random, taocan.Purposes...)
	letter := map[taocan.Purpose]string{taocan.Verification: "A", taocan.Marketing: "B", taocan.General: "G"}[purpose]
	p := taocan.Package{Tenant: t, Number: taocan.PackageNumber(fmt.Sprintf("U1%s26030100%05X", letter, w.drawn)), Name: "test",
		Category: taocan.Domestic, Purpose: purpose, ChargeOn: taocan.ChargeOnSubmit, Total: taocan.Segments(1 + w.random.IntN(60))}
	if w.random.IntN(4) == 0 {
		p.Number = taocan.PackageNumber(fmt.Sprintf("U0G26030100%05X", w.drawn))
		p.Category, p.Purpose, p.Country = taocan.International, taocan.General, pick(w.random, taocan.Country("HK"), "MY")
	}
	p.Remaining = p.Total
	p.ExpiresAt = w.clock.Now().Add(time.Duration(pick(w.random, 1, 30, 4000, 100_000, 10_000_000)) * time.Second)
	return p
}

// somePackage draws one of the project's, nil if it has none.
func (w *world) somePackage() (taocan.Tenant, *storetest.ModelPackage) {
	t := w.tenant()
	numbers := w.truth.numbers(t)
	if len(numbers) == 0 {
		return t, nil
	}
	return t, w.truth.pkg(t, pick(w.random, numbers...))
}

func (w *world) adjust() error {
	t, p := w.somePackage()
	if p == nil {
		return w.grant()
	}
	delta := taocan.Segments(w.random.IntN(30)) - min(10, p.Remaining)
	if delta == 0 {
		delta = 1
	}
	n := p.Number
	return w.update(fmt.Sprintf("adjust %s by %d", n, delta), t.Account, func(tx store.Tx) error { return tx.AdjustPackage(w.ctx, t, n, delta, "counted anew") },
		func(b *books) { b.pkg(t, n).Remaining += delta })
}

func (w *world) extend() error {
	t, p := w.somePackage()
	if p == nil {
		return w.grant()
	}
	n, until := p.Number, w.truth.expires(p).Add(time.Hour)
	return w.update(fmt.Sprintf("extend %s until %s", n, until.Format(clockFormat)), t.Account, func(tx store.Tx) error {
		return tx.ExtendPackage(w.ctx, t, n, until, "asked for")
	}, func(b *books) {
		if _, frozen := b.frozen[n]; frozen {
			b.frozen[n] = until
		} else {
			b.pkg(t, n).Expires = until
		}
	})
}

func (w *world) freeze() error {
	t, p := w.somePackage()
	if p == nil {
		return w.grant()
	}
	n := p.Number
	_, frozen := w.truth.frozen[n]
	return w.update(fmt.Sprintf("freeze %s: %t", n, !frozen), t.Account, func(tx store.Tx) error { return tx.FreezePackage(w.ctx, t, n, !frozen, "asked for") },
		func(b *books) { b.freeze(t, n) })
}

// mark writes the expire entry of a package that has expired, as a worker of the server does.
func (w *world) mark() error {
	var expired []taocan.Package
	err := w.store.View(w.ctx, func(r store.Reader) (err error) {
		expired, err = r.Unmarked(w.ctx, w.clock.Now(), 1)
		return err
	})
	if err != nil && w.well() {
		return fmt.Errorf("look for packages that have expired: %w", err)
	}
	if len(expired) == 0 {
		return nil
	}
	p := expired[0]
	return w.update(fmt.Sprintf("mark %s expired", p.Number), p.Account, func(tx store.Tx) error { return tx.MarkExpired(w.ctx, p.Tenant, p.Number) },
		func(*books) {})
}

func (w *world) topUp() error { return w.topUpOf(w.tenant().Account) }

func (w *world) topUpOf(a taocan.AccountID) error {
	w.drawn++
	reference := fmt.Sprintf("bank-%d", w.drawn)
	return w.update(fmt.Sprintf("top up %s", a), a, func(tx store.Tx) error {
		_, err := tx.AppendWallet(w.ctx, taocan.WalletEntry{Account: a, Kind: taocan.WalletTopUp, Cash: 5000, Reference: reference, By: someone})
		return err
	}, func(b *books) { b.cash[a] += 5000 })
}

var someone = taocan.Actor{Token: "token-1", Role: taocan.Finance, Address: "192.0.2.7"}

// price of one message, in fen.
const price = 5

func (w *world) order() error {
	p := w.newPackage(w.tenant())
	o := taocan.Order{Tenant: p.Tenant, ID: taocan.OrderID(fmt.Sprintf("order-%d", w.drawn)), Description: "test",
		Quote: taocan.Quote{Purchase: taocan.Purchase{Kind: taocan.Custom, Category: p.Category, Purpose: p.Purpose, Country: p.Country, Quantity: p.Total},
			Name: p.Name, Each: p.Total, Packages: 1, Quantity: p.Total, UnitPrice: 100 * price, HasUnitPrice: true, Amount: taocan.Fen(p.Total) * price,
			ValidityMonths: 12, ChargeOn: p.ChargeOn, PriceList: "list-1"},
		AgreementVersion: "1", AgreementHash: "abc", By: someone, State: taocan.OrderPending}
	return w.update(fmt.Sprintf("order %s of %d for %s", o.ID, p.Total, p.Project), o.Account, func(tx store.Tx) error {
		o.CreatedAt, o.ClosesAt = tx.Now(), tx.Now().Add(24*time.Hour)
		return tx.InsertOrder(w.ctx, o)
	}, func(b *books) { b.orders[o.ID] = taocan.OrderPending })
}

// pay pays the oldest order of a project that it can pay: order, payment, wallet and package, or nothing.
func (w *world) pay() error {
	t := w.tenant()
	var orders store.Page[taocan.Order]
	err := w.store.View(w.ctx, func(r store.Reader) (err error) {
		orders, err = r.Orders(w.ctx, t, taocan.OrderPending, w.clock.Now(), store.Paging{Limit: 1})
		return err
	})
	if err != nil && w.well() {
		return fmt.Errorf("look for orders: %w", err)
	}
	if len(orders.Items) == 0 {
		return nil
	}
	o := orders.Items[0]
	p := w.newPackage(t)
	p.Number = taocan.PackageNumber(fmt.Sprintf("U1G26030100%05X", w.drawn))
	p.Category, p.Purpose, p.Country, p.Total, p.Remaining = o.Quote.Category, o.Quote.Purpose, o.Quote.Country, o.Quote.Each, o.Quote.Each
	p.Order, p.Paid = o.ID, taocan.Split{Cash: o.Quote.Amount}
	if w.truth.cash[t.Account] < o.Quote.Amount {
		return w.refusedPayment(o)
	}
	return w.update(fmt.Sprintf("pay %s for %s", o.ID, p.Number), t.Account, func(tx store.Tx) error {
		p.PurchasedAt, p.ExistsFrom = tx.Now(), tx.Now()
		if err := tx.SettleOrder(w.ctx, t, o.ID, taocan.OrderPaid, tx.Now()); err != nil {
			return err
		}
		if err := w.charge(tx, o); err != nil {
			return err
		}
		if err := tx.InsertPayment(w.ctx, taocan.Payment{Tenant: t, Order: o.ID, Split: p.Paid, PaidAt: tx.Now(), By: someone}); err != nil {
			return err
		}
		return tx.InsertPackage(w.ctx, p, taocan.EntryIssue, string(o.ID))
	}, func(b *books) {
		b.orders[o.ID] = taocan.OrderPaid
		b.cash[t.Account] -= o.Quote.Amount
		b.add(p)
	})
}

func (w *world) charge(tx store.Tx, o taocan.Order) error {
	_, err := tx.AppendWallet(w.ctx, taocan.WalletEntry{Account: o.Account, Kind: taocan.WalletPayment, Cash: -o.Quote.Amount,
		Project: o.Project, Order: o.ID, By: someone})
	return err
}

// refusedPayment tries to pay with what is not there: nothing may come of it, although half of it was written.
func (w *world) refusedPayment(o taocan.Order) error {
	w.log("pay %s without money", o.ID)
	err := w.store.Update(w.ctx, o.Account, func(tx store.Tx) error {
		if err := tx.SettleOrder(w.ctx, o.Tenant, o.ID, taocan.OrderPaid, tx.Now()); err != nil {
			return err
		}
		return w.charge(tx, o)
	})
	if w.disk.Down() {
		return nil
	}
	if err == nil || w.well() && !errors.Is(err, taocan.ErrInsufficientFunds) {
		return fmt.Errorf("order %s was paid without money: %w", o.ID, err)
	}
	return w.settle()
}
