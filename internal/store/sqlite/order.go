package sqlite

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
func (r reader) Order(ctx context.Context, t taocan.Tenant, id taocan.OrderID) (taocan.Order, error) {
	l := listing{query: sqlText("order_list")}
	l.and("o.account_id = ? AND o.project_id = ? AND o.id = ?", t.Account, t.Project, id)
	o, err := one(ctx, r.q, l.query, scanOrder, l.args...)
	return o, about(err, "order %s", id)
}

// Orders lists a project's, newest first.
func (r reader) Orders(ctx context.Context, t taocan.Tenant, state taocan.OrderState, now time.Time, p store.Paging) (store.Page[taocan.Order], error) {
	l := listing{query: sqlText("order_list")}
	l.and("o.account_id = ? AND o.project_id = ?", t.Account, t.Project)
	return r.orders(ctx, l, state, now, p)
}

// AllOrders lists those of all accounts, newest first.
func (r reader) AllOrders(ctx context.Context, f store.OrderFilter) (store.Page[taocan.Order], error) {
	l := listing{query: sqlText("order_list")}
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
func (r reader) OrderAnywhere(ctx context.Context, id taocan.OrderID) (taocan.Order, error) {
	l := listing{query: sqlText("order_list")}
	l.and("o.id = ?", id)
	o, err := one(ctx, r.q, l.query, scanOrder, l.args...)
	return o, about(err, "order %s", id)
}

func (r reader) orders(ctx context.Context, l listing, state taocan.OrderState, now time.Time, p store.Paging) (store.Page[taocan.Order], error) {
	switch state {
	case "":
	case taocan.OrderPending:
		l.and("o.state = 'pending' AND o.closes_at > ?", micros(now))
	case taocan.OrderClosed:
		l.and("(o.state = 'closed' OR o.state = 'pending' AND o.closes_at <= ?)", micros(now))
	default:
		l.and("o.state = ?", state)
	}
	l.name, l.order, l.desc = "orders", []sortColumn{byNumber("o.created_at"), byText("o.id")}, true
	return paged(ctx, r.q, l, p, scanOrder, func(o taocan.Order) []any { return []any{micros(o.CreatedAt), o.ID} })
}

// UnpaidPast lists pending orders past their close, the first to close first.
func (r reader) UnpaidPast(ctx context.Context, now time.Time, limit int) ([]taocan.Order, error) {
	l := listing{query: sqlText("order_list"), order: []sortColumn{byNumber("o.closes_at"), byText("o.id")}}
	l.and("o.state = 'pending' AND o.closes_at <= ?", micros(now))
	orders, _, err := slice(ctx, r.q, l, store.Paging{Limit: limit}, scanOrder)
	return orders, err
}

// IdempotencyKey that was used for an operation.
func (r reader) IdempotencyKey(ctx context.Context, t taocan.Tenant, operation, key string) (store.IdempotencyKey, error) {
	k, err := one(ctx, r.q, sqlText("idempotency_key_get"), func(s scanner) (k store.IdempotencyKey, err error) {
		return k, s.Scan(&k.Account, &k.Project, &k.Operation, &k.Key, &k.Content, &k.Subject, at(&k.CreatedAt))
	}, t.Account, t.Project, operation, key)
	return k, about(err, "%s key %s", operation, key)
}

// InsertOrder writes a pending order.
func (t *tx) InsertOrder(ctx context.Context, o taocan.Order) error {
	if err := t.owns(o.Account); err != nil {
		return about(err, "insert order %s", o.ID)
	}
	q := o.Quote
	unit := sql.NullInt64{Int64: int64(q.UnitPrice), Valid: q.HasUnitPrice}
	err := t.exec(ctx, "order_insert", o.Account, o.Project, o.ID, o.Description, q.Kind, q.Category, q.Purpose, q.Country, q.Product, q.Name,
		q.Each, q.Packages, unit, q.Amount, q.ValidityMonths, q.ChargeOn, q.PriceList, o.AgreementVersion, o.AgreementHash,
		o.By.Token, o.By.Member, o.By.Role, o.By.Address, micros(o.CreatedAt), micros(o.ClosesAt), t.lane, t.seq)
	if err == nil {
		err = t.ledger(store.OrderRow(o))
	}
	return about(err, "insert order %s", o.ID)
}

// SettleOrder ends a pending order.
func (t *tx) SettleOrder(ctx context.Context, tenant taocan.Tenant, id taocan.OrderID, state taocan.OrderState, when time.Time) error {
	if err := t.owns(tenant.Account); err != nil {
		return about(err, "settle order %s", id)
	}
	err := t.change(ctx, taocan.ErrConflict, "order_settle", state, micros(when), t.seq, tenant.Account, tenant.Project, id)
	if errors.Is(err, taocan.ErrConflict) {
		if _, absent := t.Order(ctx, tenant, id); absent != nil {
			return absent
		}
		err = fmt.Errorf("it is not pending: %w", err)
	}
	if err == nil {
		err = t.ledger(store.OrderSettledRow(tenant, id, state, when))
	}
	return about(err, "settle order %s", id)
}

// InsertPayment writes the payment of an order.
func (t *tx) InsertPayment(ctx context.Context, p taocan.Payment) error {
	if err := t.owns(p.Account); err != nil {
		return about(err, "insert payment of order %s", p.Order)
	}
	err := t.exec(ctx, "payment_insert", p.Account, p.Project, p.Order, p.Split.Voucher, p.Split.Gift, p.Split.Cash, p.Split.Credit,
		null(p.VoucherID), micros(p.PaidAt), p.By.Token, p.By.Member, p.By.Role, p.By.Address, t.lane, t.seq)
	if err == nil {
		err = t.ledger(store.PaymentRow(p))
	}
	return about(err, "insert payment of order %s", p.Order)
}

// InsertIdempotencyKey notes that a key was used.
func (t *tx) InsertIdempotencyKey(ctx context.Context, k store.IdempotencyKey) error {
	err := t.exec(ctx, "idempotency_key_insert", k.Account, k.Project, k.Operation, k.Key, k.Content, k.Subject, micros(k.CreatedAt))
	return about(err, "insert %s key %s", k.Operation, k.Key)
}
