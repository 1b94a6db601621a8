package order

import (
	"context"
	"errors"
	"fmt"
	"time"

	"taocan/internal/catalog"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Pay takes the money for a pending order and issues its packages. An empty voucher means none. The same key
// with the same content answers the paid order again; another key finds it no longer pending.
func (o *Orders) Pay(ctx context.Context, actor taocan.Actor, key string, content []byte, id taocan.OrderID, voucher taocan.VoucherID) (ord taocan.Order, replayed bool, err error) {
	if err := checkKey(key); err != nil {
		return taocan.Order{}, false, err
	}
	err = o.store.Update(ctx, actor.Account, func(tx store.Tx) error {
		account, err := buyer(ctx, tx, actor)
		if err != nil {
			return err
		}
		if ord, err = tx.Order(ctx, actor.Tenant, id); err != nil {
			return err
		}
		var paid string
		if paid, replayed, err = store.Replay(ctx, tx, actor.Tenant, opPayment, key, content); err != nil {
			return err
		}
		if replayed {
			if paid != string(id) {
				return taocan.Conflict("the key %s has paid another order", key)
			}
			return nil
		}
		if err := o.settle(ctx, tx, actor, account, ord, voucher); err != nil {
			return err
		}
		if err := tx.InsertIdempotencyKey(ctx, store.IdempotencyKey{Tenant: actor.Tenant, Operation: opPayment, Key: key,
			Content: content, Subject: string(id), CreatedAt: tx.Now()}); err != nil {
			return err
		}
		ord, err = tx.Order(ctx, actor.Tenant, id)
		return err
	})
	if err != nil {
		return taocan.Order{}, false, fmt.Errorf("pay order %.64s: %w", id, err)
	}
	return ord, replayed, nil
}

// settle decides whether and how the order is paid, and writes all that follows from it.
func (o *Orders) settle(ctx context.Context, tx store.Tx, actor taocan.Actor, account taocan.Account, ord taocan.Order, voucherID taocan.VoucherID) error {
	now := tx.Now()
	split, _, missing, err := owed(ctx, tx, account, ord, voucherID, now)
	if err != nil {
		return err
	}
	if missing > 0 {
		return &taocan.FundsError{Total: ord.Quote.Amount, Available: ord.Quote.Amount - missing, Missing: missing}
	}

	if voucherID != "" {
		if err := tx.UseVoucher(ctx, ord.Account, voucherID, ord, now); err != nil {
			return err
		}
	}
	if err := tx.InsertPayment(ctx, taocan.Payment{Tenant: ord.Tenant, Order: ord.ID, Split: split, VoucherID: voucherID, PaidAt: now, By: actor}); err != nil {
		return err
	}
	// A payment by voucher alone has its entry too: the statement names every order, and proof is one to one.
	if _, err := tx.AppendWallet(ctx, taocan.WalletEntry{Account: ord.Account, Kind: taocan.WalletPayment, At: now,
		Gift: -split.Gift, Cash: -split.Cash, CreditUsed: split.Credit, Project: ord.Project, Order: ord.ID, By: actor}); err != nil {
		return err
	}
	if err := tx.SettleOrder(ctx, ord.Tenant, ord.ID, taocan.OrderPaid, now); err != nil {
		return err
	}
	return o.issue(ctx, tx, ord, split)
}

// owed decides whether the order can be paid at the instant, and from what. It is all that a payment decides, so a
// preview of it says the same.
func owed(ctx context.Context, r store.Reader, account taocan.Account, ord taocan.Order, voucherID taocan.VoucherID,
	now time.Time) (s taocan.Split, w taocan.Wallet, missing taocan.Fen, err error) {
	if state := ord.StateAt(now); state != taocan.OrderPending {
		return s, w, 0, &taocan.StateError{What: "order", State: string(state)}
	}
	if err := catalog.MayBuy(account.Level, ord.Quote.Category, ord.Quote.Purpose); err != nil {
		return s, w, 0, err
	}
	pays, err := voucherPays(ctx, r, voucherID, ord, now)
	if err != nil {
		return s, w, 0, err
	}
	if w, err = r.Wallet(ctx, ord.Account); err != nil {
		return s, w, 0, err
	}
	s, missing = splitPayment(ord.Quote.Amount, pays, w)
	return s, w, missing, nil
}

// splitPayment takes the amount from voucher, gift, cash and unused credit, in that order, and says what they lack.
func splitPayment(amount, voucher taocan.Fen, w taocan.Wallet) (s taocan.Split, missing taocan.Fen) {
	missing = amount
	take := func(from taocan.Fen) taocan.Fen {
		taken := min(missing, from)
		missing -= taken
		return taken
	}
	s.Voucher, s.Gift, s.Cash, s.Credit = take(voucher), take(w.Gift), take(w.Cash), take(w.Credit())
	return s, missing
}

// issue writes the packages of a paid order, each with its share of the payment.
func (o *Orders) issue(ctx context.Context, tx store.Tx, ord taocan.Order, split taocan.Split) error {
	q, now := ord.Quote, tx.Now()
	for i := range q.Packages {
		number, err := store.FreeNumber(ctx, tx, q.Category, q.Purpose, now, o.zone, o.random)
		if err != nil {
			return err
		}
		err = tx.InsertPackage(ctx, taocan.Package{
			Tenant: ord.Tenant, Number: number, Name: q.Name, Category: q.Category, Purpose: q.Purpose, Country: q.Country, ChargeOn: q.ChargeOn,
			Total: q.Each, Remaining: q.Each, PurchasedAt: now, ExistsFrom: now, ExpiresAt: taocan.Expiry(now, q.ValidityMonths, o.zone),
			Order: ord.ID, Paid: split.Share(i, q.Packages),
		}, taocan.EntryIssue, string(ord.ID))
		if errors.Is(err, taocan.ErrConflict) { // another process took the number since we looked: not the caller's conflict
			err = fmt.Errorf("package number %s: %w", number, taocan.ErrUnavailable)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
