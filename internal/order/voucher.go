package order

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// UsableVoucher is a voucher and what it would pay of an order.
type UsableVoucher struct {
	taocan.Voucher
	Pays taocan.Fen
}

// pays is what the voucher pays of the order at the instant. What it has above the amount lapses.
func pays(v taocan.Voucher, ord taocan.Order, now time.Time) (taocan.Fen, error) {
	reason := ""
	switch state := v.StateAt(now); {
	case state != taocan.VoucherUsable:
		reason = string(state)
	case !inScope(v.Scope, ord.Quote):
		reason = "out_of_scope"
	case ord.Quote.Amount < v.MinAmount:
		reason = "below_minimum"
	default:
		return min(v.Amount, ord.Quote.Amount), nil
	}
	return 0, &taocan.VoucherError{Reason: reason}
}

// inScope: every list that is not empty must name what is bought. A list of products leaves custom packages out.
func inScope(s taocan.VoucherScope, q taocan.Quote) bool {
	return (len(s.Categories) == 0 || slices.Contains(s.Categories, q.Category)) &&
		(len(s.Purposes) == 0 || slices.Contains(s.Purposes, q.Purpose)) &&
		(len(s.Products) == 0 || q.Product != "" && slices.Contains(s.Products, q.Product))
}

// bestFirst: pays most, then the smallest face (less lapses), then the soonest end, then id.
func bestFirst(a, b UsableVoucher) int {
	return cmp.Or(
		cmp.Compare(b.Pays, a.Pays),
		cmp.Compare(a.Amount, b.Amount),
		a.ValidUntil.Compare(b.ValidUntil),
		cmp.Compare(a.ID, b.ID),
	)
}

func voucherPays(ctx context.Context, r store.Reader, id taocan.VoucherID, ord taocan.Order, now time.Time) (taocan.Fen, error) {
	if id == "" {
		return 0, nil
	}
	v, err := r.Voucher(ctx, ord.Account, id)
	if errors.Is(err, taocan.ErrNotFound) {
		return 0, &taocan.VoucherError{Reason: "unknown"}
	}
	if err != nil {
		return 0, err
	}
	return pays(v, ord, now)
}

// UsableVouchers are those that could pay the order now, best first; none once it is no longer pending.
func (o *Orders) UsableVouchers(ctx context.Context, t taocan.Tenant, id taocan.OrderID) (found []UsableVoucher, err error) {
	now := o.clock.Now()
	err = o.store.Peek(ctx, func(r store.Reader) error {
		ord, err := r.Order(ctx, t, id)
		if err != nil || ord.StateAt(now) != taocan.OrderPending {
			return err
		}
		found, err = usable(ctx, r, ord, now)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("vouchers for order %.64s: %w", id, err)
	}
	return found, nil
}

// usable are the vouchers that could pay a pending order at the instant, best first.
func usable(ctx context.Context, r store.Reader, ord taocan.Order, now time.Time) ([]UsableVoucher, error) {
	vouchers, err := r.UnusedVouchers(ctx, ord.Account, now)
	if err != nil {
		return nil, err
	}
	var found []UsableVoucher
	for _, v := range vouchers {
		if f, err := pays(v, ord, now); err == nil {
			found = append(found, UsableVoucher{v, f})
		}
	}
	slices.SortFunc(found, bestFirst)
	return found, nil
}

// Vouchers lists what the account holds, used and expired ones included, soonest end first.
func (o *Orders) Vouchers(ctx context.Context, account taocan.AccountID, p store.Paging) (page store.Page[taocan.Voucher], err error) {
	err = o.store.Peek(ctx, func(r store.Reader) error {
		page, err = r.Vouchers(ctx, account, p)
		return err
	})
	if err != nil {
		return store.Page[taocan.Voucher]{}, fmt.Errorf("vouchers of account %s: %w", account, err)
	}
	return page, nil
}

// AllVouchers lists the vouchers of all accounts and those that nobody has redeemed, for operators.
// States are those of now.
func (o *Orders) AllVouchers(ctx context.Context, f store.VoucherFilter) (page store.Page[taocan.Voucher], err error) {
	if f.State != "" && !f.State.Valid() {
		return page, taocan.Invalid("query.state", "must be usable, used, not_yet_valid or expired", string(f.State))
	}
	f.Now = o.clock.Now()
	err = o.store.Peek(ctx, func(r store.Reader) error {
		page, err = r.AllVouchers(ctx, f)
		return err
	})
	if err != nil {
		return store.Page[taocan.Voucher]{}, fmt.Errorf("vouchers: %w", err)
	}
	return page, nil
}

// Redeem gives the voucher of a code to the actor's account. Redeeming one's own again answers it again; a code
// that went to somebody else is as unknown as one that never was.
func (o *Orders) Redeem(ctx context.Context, actor taocan.Actor, code string) (v taocan.Voucher, err error) {
	unknown := &taocan.VoucherError{Reason: "unknown"}
	hash, ok := hashCode(code)
	err = o.store.Update(ctx, actor.Account, func(tx store.Tx) error {
		if _, err := buyer(ctx, tx, actor); err != nil {
			return err
		}
		if !ok {
			return unknown
		}
		v, err = tx.VoucherByCode(ctx, hash)
		switch {
		case errors.Is(err, taocan.ErrNotFound):
			return unknown
		case err != nil:
			return err
		case v.Account == actor.Account:
			v, err = tx.Voucher(ctx, actor.Account, v.ID)
			return err
		case v.Account != "":
			return unknown
		case !tx.Now().Before(v.ValidUntil):
			return &taocan.VoucherError{Reason: "expired"}
		}
		err := tx.AssignVoucher(ctx, hash, actor.Account, tx.Now())
		if errors.Is(err, taocan.ErrConflict) {
			return unknown
		}
		if err != nil {
			return err
		}
		v, err = tx.Voucher(ctx, actor.Account, v.ID)
		return err
	})
	if err != nil {
		return taocan.Voucher{}, fmt.Errorf("redeem voucher: %w", err)
	}
	return v, nil
}

// VoucherIssue is an operator's order for equal vouchers.
type VoucherIssue struct {
	Account               taocan.AccountID // empty: codes that anybody may redeem
	Count                 int              // 1–1000
	Amount, MinAmount     taocan.Fen
	Scope                 taocan.VoucherScope
	ValidFrom, ValidUntil time.Time // ValidFrom zero: at once; ValidUntil exclusive
	Key                   string    // issued once under it; empty: each call issues
}

// MaxVouchers bounds one issue.
const MaxVouchers = 1000

// Issued is a new voucher, with its code where it has one. The code is not kept: this is the only time it is seen.
type Issued struct {
	taocan.Voucher
	Code string
}

// IssueVouchers makes vouchers: straight into an account, or each under a code. A key that has issued is a conflict, since
// the codes cannot be shown again: whoever has lost them sees in the list what was made.
func (o *Orders) IssueVouchers(ctx context.Context, actor taocan.Actor, v VoucherIssue) (issued []Issued, err error) {
	if err := actor.OperatorOnly(); err != nil {
		return nil, fmt.Errorf("issue vouchers: %w", err)
	}
	if err := v.check(); err != nil {
		return nil, fmt.Errorf("issue vouchers: %w", err)
	}
	err = o.store.Update(ctx, v.Account, func(tx store.Tx) error {
		issued = nil
		if !v.ValidUntil.After(tx.Now()) {
			return taocan.Invalid("body.valid_until", "must be in the future", v.ValidUntil)
		}
		if err := v.checkReferences(ctx, tx); err != nil {
			return err
		}
		for i := range v.Count {
			one, hash, err := o.newVoucher(v, i, tx.Now())
			if err != nil {
				return err
			}
			if err := tx.InsertVoucher(ctx, one.Voucher, hash); err != nil {
				return err
			}
			issued = append(issued, one)
		}
		return store.Audit(ctx, tx, actor, "voucher.issue", string(issued[0].ID), nil, map[string]any{
			"account": v.Account, "count": v.Count, "amount": v.Amount.String(), "min_amount": v.MinAmount.String(),
			"valid_until": v.ValidUntil, "last": issued[len(issued)-1].ID})
	})
	if err != nil {
		return nil, fmt.Errorf("issue vouchers: %w", err)
	}
	return issued, nil
}

func (o *Orders) newVoucher(v VoucherIssue, i int, now time.Time) (one Issued, codeHash []byte, err error) {
	id := keyedID("V", v.Key, i) // a key that comes again meets its own ids
	if v.Key == "" {
		if id, err = o.newID("V"); err != nil {
			return Issued{}, nil, err
		}
	}
	one.Voucher = taocan.Voucher{ID: taocan.VoucherID(id), Amount: v.Amount, MinAmount: v.MinAmount, Scope: v.Scope,
		ValidFrom: v.ValidFrom.UTC().Truncate(time.Microsecond), ValidUntil: v.ValidUntil.UTC().Truncate(time.Microsecond), IssuedAt: now}
	if v.ValidFrom.IsZero() {
		one.ValidFrom = o.clock.Now() // not now: a ledger's time may run ahead of the clock that offers vouchers
	}
	if v.Account != "" {
		one.Account, one.AssignedAt = v.Account, now
		return one, nil, nil
	}
	if one.Code, err = o.newCode(); err != nil {
		return Issued{}, nil, err
	}
	one.CodeHint = one.Code[len(one.Code)-4:]
	codeHash, _ = hashCode(one.Code)
	return one, codeHash, nil
}

func (v VoucherIssue) check() error {
	var bad []taocan.FieldError
	refuse := func(field, message string, value any) {
		bad = append(bad, taocan.FieldError{Location: "body." + field, Message: message, Value: value})
	}
	if v.Key != "" && !taocan.ValidCallerID(v.Key) {
		bad = append(bad, taocan.FieldError{Location: "header.Idempotency-Key", Message: "must be 1 to 128 visible ASCII characters", Value: v.Key})
	}
	if v.Count < 1 || v.Count > MaxVouchers {
		refuse("count", fmt.Sprintf("must be 1 to %d", MaxVouchers), v.Count)
	}
	if v.Amount < 1 || v.Amount > taocan.MaxFen {
		refuse("amount", "must be more than 0 and at most "+taocan.MaxFen.String(), v.Amount.String())
	}
	if v.MinAmount < 0 || v.MinAmount > taocan.MaxFen {
		refuse("min_amount", "must be 0 to "+taocan.MaxFen.String(), v.MinAmount.String())
	}
	if !v.ValidUntil.After(v.ValidFrom) {
		refuse("valid_until", "must be after valid_from", v.ValidUntil)
	}
	if !v.ValidUntil.Before(taocan.MaxTime) { // and so valid_from, which comes before it
		refuse("valid_until", fmt.Sprintf("must be before the year %d", taocan.MaxTime.Year()), nil)
	}
	for _, c := range v.Scope.Categories {
		if !c.Valid() {
			refuse("scope.categories", "must be domestic or international", string(c))
		}
	}
	for _, p := range v.Scope.Purposes {
		if !p.Valid() {
			refuse("scope.purposes", "must be verification, marketing or general", string(p))
		}
	}
	if len(v.Scope.Products) > 100 {
		refuse("scope.products", "must be at most 100", len(v.Scope.Products))
	}
	if bad != nil {
		return &taocan.InvalidError{Fields: bad}
	}
	return nil
}

// checkReferences: the account and the products must exist.
func (v VoucherIssue) checkReferences(ctx context.Context, r store.Reader) error {
	if v.Account != "" {
		if _, err := r.Account(ctx, v.Account); errors.Is(err, taocan.ErrNotFound) {
			return taocan.Invalid("body.account", "is not an account", string(v.Account))
		} else if err != nil {
			return err
		}
	}
	for _, id := range v.Scope.Products {
		if _, err := r.Product(ctx, id); errors.Is(err, taocan.ErrNotFound) {
			return taocan.Invalid("body.scope.products", "is not a product", string(id))
		} else if err != nil {
			return err
		}
	}
	return nil
}
