package order

import (
	"context"
	"errors"
	"fmt"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Cancel ends a pending order. Cancelling a cancelled one answers it again.
func (o *Orders) Cancel(ctx context.Context, actor taocan.Actor, id taocan.OrderID) (ord taocan.Order, err error) {
	err = o.store.Update(ctx, actor.Account, func(tx store.Tx) error {
		if _, err := buyer(ctx, tx, actor); err != nil {
			return err
		}
		if ord, err = tx.Order(ctx, actor.Tenant, id); err != nil {
			return err
		}
		switch state := ord.StateAt(tx.Now()); state {
		case taocan.OrderCancelled:
			return nil
		case taocan.OrderPending:
			if err := tx.SettleOrder(ctx, actor.Tenant, id, taocan.OrderCancelled, tx.Now()); err != nil {
				return err
			}
			ord, err = tx.Order(ctx, actor.Tenant, id)
			return err
		default:
			return &taocan.StateError{What: "order", State: string(state)}
		}
	})
	if err != nil {
		return taocan.Order{}, fmt.Errorf("cancel order %.64s: %w", id, err)
	}
	return ord, nil
}

// closeBatch bounds what one step of the sweeper reads at once.
const closeBatch = 100

// CloseUnpaid writes down that unpaid orders are past their close, which every reader has known since. It
// answers how many; one order that fails does not hold up the others of its batch.
func (o *Orders) CloseUnpaid(ctx context.Context) (closed int, err error) {
	for {
		var due []taocan.Order
		err := o.store.Peek(ctx, func(r store.Reader) (err error) {
			due, err = r.UnpaidPast(ctx, o.clock.Now(), closeBatch)
			return err
		})
		if err != nil {
			return closed, fmt.Errorf("close unpaid orders: %w", err)
		}
		var failed []error
		for _, ord := range due {
			did, err := o.closeOne(ctx, ord)
			if err != nil {
				failed = append(failed, fmt.Errorf("close order %s: %w", ord.ID, err))
			}
			if did {
				closed++
			}
		}
		if len(failed) > 0 || len(due) < closeBatch {
			return closed, errors.Join(failed...)
		}
	}
}

func (o *Orders) closeOne(ctx context.Context, due taocan.Order) (closed bool, err error) {
	err = o.store.Update(ctx, due.Account, func(tx store.Tx) error {
		closed = false
		ord, err := tx.Order(ctx, due.Tenant, due.ID)
		if err != nil {
			return err
		}
		if ord.State != taocan.OrderPending || ord.StateAt(tx.Now()) != taocan.OrderClosed {
			return nil // paid or cancelled meanwhile
		}
		closed = true
		return tx.SettleOrder(ctx, ord.Tenant, ord.ID, taocan.OrderClosed, ord.ClosesAt)
	})
	return closed && err == nil, err
}
