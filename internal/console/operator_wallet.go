package console

import (
	"context"
	"net/http"

	"taocan/internal/order"
	"taocan/internal/taocan"
)

func (c *console) operatorWalletRoutes() {
	for kind, book := range map[taocan.WalletEntryKind]func(context.Context, taocan.Actor, taocan.AccountID, order.WalletChange) (taocan.Wallet, bool, error){
		taocan.WalletTopUp: c.Orders.TopUp, taocan.WalletGift: c.Orders.Gift,
		taocan.WalletCreditLimit: c.Orders.SetCreditLimit, taocan.WalletAdjust: c.Orders.AdjustWallet,
	} {
		c.staff("POST /operator/accounts/{account}/wallet/"+string(kind), func(w http.ResponseWriter, r *http.Request) error {
			// A key changes with what the form says, so a conflict is a reference that was booked before.
			return c.operatorAccountForm(w, r, string(kind), "reference", func(d *operatorFields) func() error {
				change := order.WalletChange{Amount: d.money("amount"), Reference: d.text("reference"), Reason: d.text("reason")}
				change.Key, change.ContentHash = onceOf(r.PostForm)
				return func() error {
					_, _, err := book(r.Context(), actorOf(r), taocan.AccountID(r.PathValue("account")), change)
					return err
				}
			})
		})
	}
}
