package sqlstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

func scanVoucher(s scanner) (v taocan.Voucher, err error) {
	var categories, purposes, products string
	err = s.Scan(&v.ID, text(&v.Account), &v.CodeHint, &v.Amount, &v.MinAmount, &categories, &purposes, &products,
		at(&v.ValidFrom), at(&v.ValidUntil), at(&v.IssuedAt), at(&v.AssignedAt), text(&v.UsedBy), text(&v.UsedIn), at(&v.UsedAt))
	if err != nil {
		return v, err
	}
	return v, errors.Join(fromList(categories, &v.Scope.Categories), fromList(purposes, &v.Scope.Purposes), fromList(products, &v.Scope.Products))
}

// toList is the stored form of a list of words.
func toList[S ~string](list []S) string {
	if len(list) == 0 {
		return "[]"
	}
	b, err := json.Marshal(list)
	if err != nil {
		panic("sqlstore: list: " + err.Error()) // it holds texts only
	}
	return string(b)
}

func fromList[S ~string](stored string, list *[]S) error {
	if stored == "[]" {
		return nil
	}
	return json.Unmarshal([]byte(stored), list)
}

// Voucher that an account holds.
func (r Reader) Voucher(ctx context.Context, a taocan.AccountID, id taocan.VoucherID) (taocan.Voucher, error) {
	v, err := one(ctx, r.Q, r.Q.Text("voucher_get"), scanVoucher, a, id)
	return v, About(err, "voucher %s", id)
}

// Vouchers lists what an account holds, the soonest end first.
func (r Reader) Vouchers(ctx context.Context, a taocan.AccountID, p store.Paging) (store.Page[taocan.Voucher], error) {
	l := listing{query: r.Q.Text("voucher_list"), args: []any{a}, name: "vouchers", order: []sortColumn{byNumber("valid_until"), byText("id")}}
	return paged(ctx, r.Q, l, p, scanVoucher, func(v taocan.Voucher) []any { return []any{Micros(v.ValidUntil), v.ID} })
}

// UnusedVouchers lists those valid at an instant and not used.
func (r Reader) UnusedVouchers(ctx context.Context, a taocan.AccountID, now time.Time) ([]taocan.Voucher, error) {
	return many(ctx, r.Q, r.Q.Text("voucher_unused"), scanVoucher, a, Micros(now))
}

// VoucherByCode finds a voucher by the hash of its code, assigned or not.
func (r Reader) VoucherByCode(ctx context.Context, codeHash []byte) (taocan.Voucher, error) {
	v, err := one(ctx, r.Q, r.Q.Text("voucher_code_get"), scanVoucher, codeHash)
	return v, About(err, "voucher by its code")
}

// AllVouchers lists those that were issued, newest first.
func (r Reader) AllVouchers(ctx context.Context, f store.VoucherFilter) (store.Page[taocan.Voucher], error) {
	l := listing{query: r.Q.Text("voucher_code_list"), name: "issued", order: []sortColumn{byNumber("c.issued_at"), byText("c.id")}, desc: true}
	now := Micros(f.Now)
	switch f.State { // as taocan.Voucher.StateAt decides
	case taocan.VoucherUsed:
		l.and("v.used_by IS NOT NULL")
	case taocan.VoucherNotYet:
		l.and("v.used_by IS NULL AND c.valid_from > ?", now)
	case taocan.VoucherOutdated:
		l.and("v.used_by IS NULL AND c.valid_from <= ? AND c.valid_until <= ?", now, now)
	case taocan.VoucherUsable:
		l.and("v.used_by IS NULL AND c.valid_from <= ? AND c.valid_until > ?", now, now)
	}
	if f.Account != "" {
		l.and("c.account_id = ?", f.Account)
	}
	if f.Unredeemed {
		l.and("c.account_id IS NULL")
	}
	l.between("c.issued_at", f.From, f.Until)
	return paged(ctx, r.Q, l, f.Paging, scanVoucher, func(v taocan.Voucher) []any { return []any{Micros(v.IssuedAt), v.ID} })
}

// InsertVoucher issues a voucher, to an account at once where it names one.
func (t *Tx) InsertVoucher(ctx context.Context, v taocan.Voucher, codeHash []byte) error {
	if v.Account != "" {
		if err := t.owns(v.Account); err != nil {
			return About(err, "insert voucher %s", v.ID)
		}
	}
	var code any
	if len(codeHash) > 0 {
		code = codeHash
	}
	err := t.exec(ctx, "voucher_code_insert", v.ID, code, null(v.Account), v.CodeHint, v.Amount, v.MinAmount,
		toList(v.Scope.Categories), toList(v.Scope.Purposes), toList(v.Scope.Products), Micros(v.ValidFrom), Micros(v.ValidUntil), Micros(v.IssuedAt))
	if err == nil && v.Account != "" {
		err = t.holdVoucher(ctx, v)
	}
	return About(err, "insert voucher %s", v.ID)
}

// holdVoucher puts a voucher into its account's hands.
func (t *Tx) holdVoucher(ctx context.Context, v taocan.Voucher) error {
	err := t.exec(ctx, "voucher_insert", v.Account, v.ID, v.CodeHint, v.Amount, v.MinAmount,
		toList(v.Scope.Categories), toList(v.Scope.Purposes), toList(v.Scope.Products), Micros(v.ValidFrom), Micros(v.ValidUntil), Micros(v.IssuedAt),
		Micros(v.AssignedAt), t.lane, t.seq)
	if err != nil {
		return err
	}
	return t.ledger(store.VoucherRow(v))
}

// AssignVoucher gives the voucher of a code to an account.
func (t *Tx) AssignVoucher(ctx context.Context, codeHash []byte, a taocan.AccountID, when time.Time) error {
	if err := t.owns(a); err != nil {
		return About(err, "assign voucher")
	}
	v, err := t.VoucherByCode(ctx, codeHash)
	if err != nil {
		return About(err, "assign voucher")
	}
	if v.Account != "" {
		return fmt.Errorf("assign voucher %s: it has an account: %w", v.ID, taocan.ErrConflict)
	}
	v.Account, v.AssignedAt = a, when
	err = t.change(ctx, taocan.ErrConflict, "voucher_code_assign", a, codeHash)
	if err == nil {
		err = t.holdVoucher(ctx, v)
	}
	return About(err, "assign voucher %s", v.ID)
}

// UseVoucher marks a voucher as the one that paid part of an order.
func (t *Tx) UseVoucher(ctx context.Context, a taocan.AccountID, id taocan.VoucherID, o taocan.Order, when time.Time) error {
	if err := t.owns(a); err != nil {
		return About(err, "use voucher %s", id)
	}
	v, err := t.Voucher(ctx, a, id)
	if err != nil {
		return About(err, "use voucher")
	}
	v.UsedBy, v.UsedIn, v.UsedAt = o.ID, o.Project, when
	err = t.change(ctx, taocan.ErrConflict, "voucher_use", v.UsedBy, v.UsedIn, Micros(when), t.seq, a, id)
	if err == nil {
		err = t.ledger(store.VoucherUsedRow(v))
	}
	return About(err, "use voucher %s", id)
}
