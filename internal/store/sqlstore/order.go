package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// scanOrder reads an order with its payment and packages. What the quote offered besides is not kept.
func scanOrder(s scanner) (o taocan.Order, err error) {
	q := &o.Quote
	var unit sql.NullInt64
	var packages string
	var pay taocan.Payment
	var voucher, gift, cash, credit sql.NullInt64
	err = s.Scan(&o.Account, &o.Project, &o.ID, &o.Description, &q.Kind, &q.Category, &q.Purpose, &q.Country, &q.Product, &q.Name,
		&q.Each, &q.Packages, &unit, &q.Amount, &q.ValidityMonths, &q.ChargeOn, &q.PriceList, &o.AgreementVersion, &o.AgreementHash,
		&o.By.Token, &o.By.Member, &o.By.Role, &o.By.Address, at(&o.CreatedAt), at(&o.ClosesAt), &o.State, at(&o.SettledAt),
		text(&packages),
		&voucher, &gift, &cash, &credit, text(&pay.VoucherID), at(&pay.PaidAt),
		text(&pay.By.Token), text(&pay.By.Member), text(&pay.By.Role), text(&pay.By.Address))
	if err != nil {
		return o, err
	}
	q.UnitPrice, q.HasUnitPrice = taocan.UnitPrice(unit.Int64), unit.Valid
	q.Quantity = q.Each * taocan.Segments(q.Packages)
	if q.Kind == taocan.Fixed {
		q.Count = q.Packages
	} else {
		q.Purchase.Quantity = q.Quantity
	}
	for number := range strings.FieldsSeq(packages) {
		o.Packages = append(o.Packages, taocan.PackageNumber(number))
	}
	if voucher.Valid {
		pay.Tenant, pay.Order = o.Tenant, o.ID
		pay.Split = taocan.Split{Voucher: taocan.Fen(voucher.Int64), Gift: taocan.Fen(gift.Int64), Cash: taocan.Fen(cash.Int64), Credit: taocan.Fen(credit.Int64)}
		o.Payment = &pay
	}
	return o, nil
}

// Order with its payment and packages, these by number.
func (r Reader) Order(ctx context.Context, t taocan.Tenant, id taocan.OrderID) (taocan.Order, error) {
	l := listing{query: r.Q.Text("order_list")}
	l.and("o.account_id = ? AND o.project_id = ? AND o.id = ?", t.Account, t.Project, id)
	o, err := one(ctx, r.Q, l.query, scanOrder, l.args...)
	return o, About(err, "order %s", id)
}

// Orders lists a project's, newest first.
func (r Reader) Orders(ctx context.Context, t taocan.Tenant, state taocan.OrderState, now time.Time, p store.Paging) (store.Page[taocan.Order], error) {
	l := listing{query: r.Q.Text("order_list")}
	l.and("o.account_id = ? AND o.project_id = ?", t.Account, t.Project)
	return r.orders(ctx, l, state, now, p)
}

// AllOrders lists those of all accounts, newest first.
func (r Reader) AllOrders(ctx context.Context, f store.OrderFilter) (store.Page[taocan.Order], error) {
	l := listing{query: r.Q.Text("order_list")}
	if f.Account != "" {
		l.and("o.account_id = ?", f.Account)
	}
	if f.Project != "" {
		l.and("o.project_id = ?", f.Project)
	}
	l.between("o.created_at", f.From, f.Until)
	return r.orders(ctx, l, f.State, f.Now, f.Paging)
}

// OrderAnywhere is an order by its id, whoever's it is.
func (r Reader) OrderAnywhere(ctx context.Context, id taocan.OrderID) (taocan.Order, error) {
	l := listing{query: r.Q.Text("order_list")}
	l.and("o.id = ?", id)
	o, err := one(ctx, r.Q, l.query, scanOrder, l.args...)
	return o, About(err, "order %s", id)
}

func (r Reader) orders(ctx context.Context, l listing, state taocan.OrderState, now time.Time, p store.Paging) (store.Page[taocan.Order], error) {
	switch state {
	case "":
	case taocan.OrderPending:
		l.and("o.state = 'pending' AND o.closes_at > ?", Micros(now))
	case taocan.OrderClosed:
		l.and("(o.state = 'closed' OR o.state = 'pending' AND o.closes_at <= ?)", Micros(now))
	default:
		l.and("o.state = ?", state)
	}
	l.name, l.order, l.desc = "orders", []sortColumn{byNumber("o.created_at"), byText("o.id")}, true
	return paged(ctx, r.Q, l, p, scanOrder, func(o taocan.Order) []any { return []any{Micros(o.CreatedAt), o.ID} })
}

// UnpaidPast lists pending orders past their close, the first to close first.
func (r Reader) UnpaidPast(ctx context.Context, now time.Time, limit int) ([]taocan.Order, error) {
	l := listing{query: r.Q.Text("order_list"), order: []sortColumn{byNumber("o.closes_at"), byText("o.id")}}
	l.and("o.state = 'pending' AND o.closes_at <= ?", Micros(now))
	orders, _, err := slice(ctx, r.Q, l, store.Paging{Limit: limit}, scanOrder)
	return orders, err
}

// IdempotencyKey that was used for an operation.
func (r Reader) IdempotencyKey(ctx context.Context, t taocan.Tenant, operation, key string) (store.IdempotencyKey, error) {
	k, err := one(ctx, r.Q, r.Q.Text("idempotency_key_get"), func(s scanner) (k store.IdempotencyKey, err error) {
		return k, s.Scan(&k.Account, &k.Project, &k.Operation, &k.Key, &k.Content, &k.Subject, at(&k.CreatedAt))
	}, t.Account, t.Project, operation, key)
	return k, About(err, "%s key %s", operation, key)
}

// InsertOrder writes a pending order.
func (t *Tx) InsertOrder(ctx context.Context, o taocan.Order) error {
	if err := t.owns(o.Account); err != nil {
		return About(err, "insert order %s", o.ID)
	}
	q := o.Quote
	unit := sql.NullInt64{Int64: int64(q.UnitPrice), Valid: q.HasUnitPrice}
	err := t.exec(ctx, "order_insert", o.Account, o.Project, o.ID, o.Description, q.Kind, q.Category, q.Purpose, q.Country, q.Product, q.Name,
		q.Each, q.Packages, unit, q.Amount, q.ValidityMonths, q.ChargeOn, q.PriceList, o.AgreementVersion, o.AgreementHash,
		o.By.Token, o.By.Member, o.By.Role, o.By.Address, Micros(o.CreatedAt), Micros(o.ClosesAt), t.lane, t.seq)
	if err == nil {
		err = t.ledger(store.OrderRow(o))
	}
	return About(err, "insert order %s", o.ID)
}

// SettleOrder ends a pending order.
func (t *Tx) SettleOrder(ctx context.Context, tenant taocan.Tenant, id taocan.OrderID, state taocan.OrderState, when time.Time) error {
	if err := t.owns(tenant.Account); err != nil {
		return About(err, "settle order %s", id)
	}
	err := t.change(ctx, taocan.ErrConflict, "order_settle", state, Micros(when), t.seq, tenant.Account, tenant.Project, id)
	if errors.Is(err, taocan.ErrConflict) {
		if _, absent := t.Order(ctx, tenant, id); absent != nil {
			return absent
		}
		err = fmt.Errorf("it is not pending: %w", err)
	}
	if err == nil {
		err = t.ledger(store.OrderSettledRow(tenant, id, state, when))
	}
	return About(err, "settle order %s", id)
}

// InsertPayment writes the payment of an order.
func (t *Tx) InsertPayment(ctx context.Context, p taocan.Payment) error {
	if err := t.owns(p.Account); err != nil {
		return About(err, "insert payment of order %s", p.Order)
	}
	err := t.exec(ctx, "payment_insert", p.Account, p.Project, p.Order, p.Split.Voucher, p.Split.Gift, p.Split.Cash, p.Split.Credit,
		null(p.VoucherID), Micros(p.PaidAt), p.By.Token, p.By.Member, p.By.Role, p.By.Address, t.lane, t.seq)
	if err == nil {
		err = t.ledger(store.PaymentRow(p))
	}
	return About(err, "insert payment of order %s", p.Order)
}

// InsertIdempotencyKey notes that a key was used.
func (t *Tx) InsertIdempotencyKey(ctx context.Context, k store.IdempotencyKey) error {
	err := t.exec(ctx, "idempotency_key_insert", k.Account, k.Project, k.Operation, k.Key, k.Content, k.Subject, Micros(k.CreatedAt))
	return About(err, "insert %s key %s", k.Operation, k.Key)
}
