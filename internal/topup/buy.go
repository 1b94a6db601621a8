package topup

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// buy carries out a purchase that is under way, from wherever it was left: order, payment, and how it has ended. An error
// that is no verdict leaves it under way.
func (t *TopUps) buy(ctx context.Context, o taocan.TopUpOrder) error {
	ctx, cancel := context.WithTimeout(ctx, giveUp)
	defer cancel()
	x, ord, reason, err := t.found(ctx, o)
	if err != nil {
		return err
	}
	if ord.State == taocan.OrderPaid {
		return t.bought(ctx, o, ord)
	}
	by := x.By
	if x.Account == "" { // removed: the order knows in whose name it was made
		by = ord.By
	}
	by.Tenant, by.Address = o.Tenant, "automatic top-up"
	if reason == "" {
		ord, reason, err = t.pay(ctx, by, x, o, ord)
	}
	switch {
	case err != nil:
		return err
	case reason == "":
		return t.bought(ctx, o, ord)
	case ord.State == taocan.OrderPending:
		// Best effort: what cannot be cancelled, say by somebody who may not buy any more, is closed by time.
		switch _, err := t.Orders.Cancel(ctx, by, ord.ID); {
		case errors.Is(err, taocan.ErrUnavailable):
			return err
		case errors.Is(err, taocan.ErrState): // a payment may have come first
			if ord, err = t.Orders.Order(ctx, o.Tenant, ord.ID); err != nil {
				return err
			}
			if ord.State == taocan.OrderPaid {
				return t.bought(ctx, o, ord)
			}
		}
	}
	return t.failed(ctx, o, ord, reason)
}

// keyOf makes a purchase's order and payment happen once.
func keyOf(o taocan.TopUpOrder) (key string, content []byte) {
	key = fmt.Sprintf("top-up/%s/%d", o.TopUp, o.N)
	sum := sha256.Sum256([]byte(key))
	return key, sum[:]
}

// found is the top-up and the order of a purchase as they stand now, the order zero where none was made, and why the purchase
// need not go on.
func (t *TopUps) found(ctx context.Context, o taocan.TopUpOrder) (x taocan.TopUp, ord taocan.Order, reason string, err error) {
	key, content := keyOf(o)
	now := t.Clock.Now()
	err = t.Store.View(ctx, func(r store.Reader) error {
		id, known, err := store.Replay(ctx, r, o.Tenant, "order", key, content)
		switch {
		case errors.Is(err, taocan.ErrConflict): // Create says so
		case err != nil:
			return err
		case known:
			if ord, err = r.Order(ctx, o.Tenant, taocan.OrderID(id)); err != nil {
				return err
			}
		}
		x, err = r.TopUp(ctx, o.Tenant, o.TopUp)
		if errors.Is(err, taocan.ErrNotFound) || err == nil && !x.Enabled {
			reason = reasonWithdrawn
			return nil
		}
		if err != nil {
			return err
		}
		remaining, err := left(ctx, r, x, now)
		if err != nil {
			return err
		}
		if remaining >= x.Level {
			reason = reasonNotNeeded
			return nil
		}
		_, reason, err = standsIn(ctx, r, x, now)
		return err
	})
	return x, ord, reason, err
}

// pay makes the order, unless there is one, and pays it.
func (t *TopUps) pay(ctx context.Context, by taocan.Actor, x taocan.TopUp, o taocan.TopUpOrder, ord taocan.Order) (_ taocan.Order, reason string, err error) {
	key, content := keyOf(o)
	if ord.ID == "" {
		if ord, _, err = t.Orders.Create(ctx, by, key, content, purchase(x), x.AgreementVersion); err != nil {
			reason, err = reasonOf(err)
			return taocan.Order{}, reason, err
		}
	}
	// The price is now fixed: it may be another than when the purchase began.
	err = t.Store.View(ctx, func(r store.Reader) (err error) {
		reason, err = t.affords(ctx, r, x, ord.Quote.Amount, t.Clock.Now())
		return err
	})
	if err != nil || reason != "" {
		return ord, reason, err
	}
	paid, _, err := t.Orders.Pay(ctx, by, key, content, ord.ID, "")
	if err == nil {
		return paid, "", nil
	}
	if errors.Is(err, taocan.ErrState) { // somebody has paid it by hand, or it has been cancelled or closed
		if ord, err = t.Orders.Order(ctx, o.Tenant, ord.ID); err != nil || ord.State == taocan.OrderPaid {
			return ord, "", err
		}
		return ord, ReasonClosed, nil
	}
	reason, err = reasonOf(err)
	return ord, reason, err
}

// reasonOf is the verdict that a refusal stands for. What is none comes back as the error.
func reasonOf(err error) (string, error) {
	var sale *taocan.SaleError
	var forbidden *taocan.ForbiddenError
	switch {
	case errors.As(err, &sale):
		return sale.Code, nil
	case errors.Is(err, taocan.ErrInsufficientFunds):
		return ReasonFunds, nil
	case errors.Is(err, taocan.ErrAgreement):
		return ReasonAgreement, nil
	case errors.Is(err, taocan.ErrConflict):
		return ReasonKeyTaken, nil
	case errors.As(err, &forbidden) && taocan.Level(forbidden.Required).Valid():
		return ReasonLevel, nil
	case errors.As(err, &forbidden) && forbidden.Required == "":
		return ReasonSuspended, nil
	case errors.As(err, &forbidden):
		return ReasonSetter, nil
	}
	return "", err
}

// bought notes a purchase that has been paid, and tells.
func (t *TopUps) bought(ctx context.Context, o taocan.TopUpOrder, ord taocan.Order) error {
	return t.settle(ctx, o.Account, func(tx store.Tx) error {
		o.State, o.Order, o.Amount, o.Quantity, o.At, o.Month = taocan.TopUpBought, ord.ID, ord.Quote.Amount, ord.Quote.Quantity, ord.SettledAt, t.month(ord.SettledAt)
		if err := tx.SettleTopUpOrder(ctx, o); err != nil {
			return err
		}
		x, err := tx.TopUp(ctx, o.Tenant, o.TopUp)
		gone := errors.Is(err, taocan.ErrNotFound)
		if gone { // removed meanwhile; its owner is told of the purchase all the same
			x = taocan.TopUp{Tenant: o.Tenant, Category: ord.Quote.Category, Purpose: ord.Quote.Purpose, Country: ord.Quote.Country}
		} else if err != nil {
			return err
		}
		remaining, err := left(ctx, tx, x, tx.Now())
		if err != nil {
			return err
		}
		if !gone {
			x.Failures, x.FailedAt, x.Reason, x.NextAt = 0, time.Time{}, "", o.At.Add(x.Cooldown)
			if remaining >= x.Level {
				x.CalledAt = time.Time{}
			}
			if err := tx.SetTopUpState(ctx, x); err != nil {
				return err
			}
		}
		return t.notify(ctx, tx, x, taocan.NoticeTopUp, fmt.Sprintf("top-up/%s/%d", o.TopUp, o.N),
			taocan.NoticeFacts{Remaining: remaining, Quantity: o.Quantity, Order: o.Order, Amount: o.Amount.String()})
	})
}

// failed notes a purchase that has come to nothing. One that is no longer wanted is no failure.
func (t *TopUps) failed(ctx context.Context, o taocan.TopUpOrder, ord taocan.Order, reason string) error {
	return t.settle(ctx, o.Account, func(tx store.Tx) error {
		o.State, o.Order, o.Amount, o.At, o.Reason = taocan.TopUpFailed, ord.ID, ord.Quote.Amount, tx.Now(), reason
		if err := tx.SettleTopUpOrder(ctx, o); err != nil {
			return err
		}
		x, err := tx.TopUp(ctx, o.Tenant, o.TopUp)
		if errors.Is(err, taocan.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if reason == reasonWithdrawn || reason == reasonNotNeeded {
			x.NextAt = tx.Now() // the next look tells
			return tx.SetTopUpState(ctx, x)
		}
		remaining, err := left(ctx, tx, x, tx.Now())
		if err != nil {
			return err
		}
		return t.fail(ctx, tx, x, reason, taocan.NoticeFacts{Remaining: remaining, Quantity: o.Quantity, Order: o.Order, Amount: amountOf(o.Amount)})
	})
}

// settle writes an end, once: whoever comes second finds it written.
func (t *TopUps) settle(ctx context.Context, account taocan.AccountID, fn func(store.Tx) error) error {
	err := t.Store.Update(ctx, account, fn)
	if errors.Is(err, taocan.ErrConflict) {
		return nil
	}
	return err
}
