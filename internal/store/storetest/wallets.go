package storetest

import (
	"context"
	"fmt"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

var walletCases = []testCase{
	{"entries are numbered, carry the wallet after them, and the wallet is their sum", func(f *fixture) {
		f.open(alpha, beta)
		o := f.newOrder(alpha, f.clock.Now(), func(o *taocan.Order) { o.Quote.Amount = 2371 })
		f.putOrders(o)
		f.topUp("beta", 99)
		var want []taocan.WalletEntry
		w := taocan.Wallet{Account: "alpha"}
		for i, e := range []taocan.WalletEntry{
			{Kind: taocan.WalletTopUp, Cash: 1870, Reference: "bank-1"},
			{Kind: taocan.WalletGift, Gift: 7_964_003, Reference: "welcome"},
			{Kind: taocan.WalletCreditLimit, CreditLimit: 500, Reference: "contract"},
			{Kind: taocan.WalletPayment, Cash: -1870, Gift: -1, CreditUsed: 500, Project: alpha.Project, Order: o.ID},
			{Kind: taocan.WalletCreditLimit, CreditLimit: -400, Reference: "less than is used"},
			{Kind: taocan.WalletTopUp, Cash: 100, CreditUsed: -500, Reference: "bank-2"},
			{Kind: taocan.WalletAdjust, Cash: -100, Reference: "welcome"},
		} {
			e.Account, e.By = "alpha", someone
			w.Cash, w.Gift, w.CreditLimit, w.CreditUsed = w.Cash+e.Cash, w.Gift+e.Gift, w.CreditLimit+e.CreditLimit, w.CreditUsed+e.CreditUsed
			var got taocan.WalletEntry
			f.update("alpha", func(ctx context.Context, tx store.Tx) (err error) {
				e.At = tx.Now()
				if e.Kind == taocan.WalletPayment {
					split := taocan.Split{Cash: 1870, Gift: 1, Credit: 500}
					p := f.newPackage(alpha, e.At, func(p *taocan.Package) { p.Order, p.Paid = o.ID, split })
					got, err = pay(ctx, tx, paid(o, e.At, split, "", p), p)
					return err
				}
				got, err = tx.AppendWallet(ctx, e)
				return err
			})
			e.N, e.After = int64(i+1), w
			same(f, "appended", got, e)
			want = append([]taocan.WalletEntry{e}, want...)
		}
		same(f, "wallet", get(f, func(ctx context.Context, r store.Reader) (taocan.Wallet, error) { return r.Wallet(ctx, "alpha") }), w)
		page := get(f, func(ctx context.Context, r store.Reader) (store.Page[taocan.WalletEntry], error) {
			return r.WalletEntries(ctx, "alpha", all())
		})
		same(f, "statement", page.Items, want)
		for _, tt := range []struct {
			kind      taocan.WalletEntryKind
			reference string
			want      int64
		}{{taocan.WalletTopUp, "bank-2", 6}, {taocan.WalletGift, "welcome", 2}, {taocan.WalletAdjust, "welcome", 7}} {
			e := get(f, func(ctx context.Context, r store.Reader) (taocan.WalletEntry, error) {
				return r.WalletReference(ctx, "alpha", tt.kind, tt.reference)
			})
			same(f, "entry with reference "+tt.reference, e.N, tt.want)
		}
		for _, tt := range []struct {
			account   taocan.AccountID
			kind      taocan.WalletEntryKind
			reference string
		}{{"alpha", taocan.WalletTopUp, "welcome"}, {"beta", taocan.WalletGift, "welcome"}, {"alpha", taocan.WalletPayment, ""}} {
			absent(f, fmt.Sprint(tt), func(ctx context.Context, r store.Reader) (taocan.WalletEntry, error) {
				return r.WalletReference(ctx, tt.account, tt.kind, tt.reference)
			})
		}
	}},
	{"no figure falls below nothing, and credit is not drawn beyond its limit", func(f *fixture) {
		f.open(alpha)
		f.topUp("alpha", 100)
		f.update("alpha", func(ctx context.Context, tx store.Tx) error {
			_, err := tx.AppendWallet(ctx, taocan.WalletEntry{Account: "alpha", Kind: taocan.WalletCreditLimit, CreditLimit: 50})
			return err
		})
		for _, e := range []taocan.WalletEntry{
			{Kind: taocan.WalletAdjust, Cash: -101},
			{Kind: taocan.WalletAdjust, Gift: -1},
			{Kind: taocan.WalletAdjust, CreditUsed: 51},
			{Kind: taocan.WalletAdjust, CreditUsed: -1},
			{Kind: taocan.WalletCreditLimit, CreditLimit: -51},
		} {
			e.Account = "alpha"
			f.refuse("alpha", taocan.ErrInsufficientFunds, func(ctx context.Context, tx store.Tx) error {
				_, err := tx.AppendWallet(ctx, e)
				return err
			})
		}
		f.refuse("alpha", taocan.ErrInvalid, func(ctx context.Context, tx store.Tx) error {
			_, err := tx.AppendWallet(ctx, taocan.WalletEntry{Account: "alpha", Kind: taocan.WalletGift, Gift: taocan.MaxFen + 1})
			return err
		})
		same(f, "wallet", get(f, func(ctx context.Context, r store.Reader) (taocan.Wallet, error) { return r.Wallet(ctx, "alpha") }),
			taocan.Wallet{Account: "alpha", Cash: 100, CreditLimit: 50})
	}},
	{"an external reference tops up once", func(f *fixture) {
		f.open(alpha, beta)
		top := func(a taocan.AccountID, reference string) func(context.Context, store.Tx) error {
			return func(ctx context.Context, tx store.Tx) error {
				_, err := tx.AppendWallet(ctx, taocan.WalletEntry{Account: a, Kind: taocan.WalletTopUp, Cash: 1, Reference: reference})
				return err
			}
		}
		f.update("alpha", top("alpha", "bank-1"))
		f.update("alpha", top("alpha", ""))
		f.update("alpha", top("alpha", ""))
		f.update("beta", top("beta", "bank-1"))
		f.refuse("alpha", taocan.ErrConflict, top("alpha", "bank-1"))
		same(f, "cash", get(f, func(ctx context.Context, r store.Reader) (taocan.Wallet, error) { return r.Wallet(ctx, "alpha") }).Cash, taocan.Fen(3))
	}},
	{"a wallet that is not there takes nothing", func(f *fixture) {
		f.refuse("nobody", taocan.ErrNotFound, func(ctx context.Context, tx store.Tx) error {
			_, err := tx.AppendWallet(ctx, taocan.WalletEntry{Account: "nobody", Kind: taocan.WalletGift, Gift: 1})
			return err
		})
	}},
}
