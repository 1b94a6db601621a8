package order

import (
	"context"
	"fmt"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Preview is what paying an order would take at this instant, all of it read from one snapshot.
type Preview struct {
	Order    taocan.Order
	Wallet   taocan.Wallet
	Vouchers []UsableVoucher  // that could pay it, best first
	Voucher  taocan.VoucherID // that this preview reckons with; empty: none
	Split    taocan.Split     // what is taken; where something is missing, what there is
	Missing  taocan.Fen       // above 0: a payment would be refused
	After    taocan.Wallet    // after the payment; as it is where the payment would be refused
}

// Preview says what Pay would do now with the same voucher: it decides by the same function. What would refuse the
// payment is the error, except that money is missing: that is shown. It does not know who will pay: a member's role is
// looked up by Pay.
func (o *Orders) Preview(ctx context.Context, t taocan.Tenant, id taocan.OrderID, voucher taocan.VoucherID) (p Preview, err error) {
	now := o.clock.Now()
	err = o.store.View(ctx, func(r store.Reader) error {
		account, err := buyer(ctx, r, taocan.Actor{Tenant: t})
		if err != nil {
			return err
		}
		p = Preview{Voucher: voucher}
		if p.Order, err = r.Order(ctx, t, id); err != nil {
			return err
		}
		if p.Split, p.Wallet, p.Missing, err = owed(ctx, r, account, p.Order, voucher, now); err != nil {
			return err
		}
		if p.After = p.Wallet; p.Missing == 0 {
			p.After.Gift -= p.Split.Gift
			p.After.Cash -= p.Split.Cash
			p.After.CreditUsed += p.Split.Credit
		}
		p.Vouchers, err = usable(ctx, r, p.Order, now)
		return err
	})
	if err != nil {
		return Preview{}, fmt.Errorf("preview the payment of order %.64s: %w", id, err)
	}
	return p, nil
}
