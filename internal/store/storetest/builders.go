package storetest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

var (
	alpha      = taocan.Tenant{Account: "alpha", Project: "alpha-1"}
	alphaOther = taocan.Tenant{Account: "alpha", Project: "alpha-2"}
	beta       = taocan.Tenant{Account: "beta", Project: "beta-1"}
)

var someone = taocan.Actor{Token: "token-1", Member: "member-1", Role: taocan.Finance, Address: "192.0.2.7"}

// draw numbers what is built, so that ids differ and rise.
func (f *fixture) draw() int {
	f.drawn++
	return f.drawn
}

func (f *fixture) id(what string) string { return fmt.Sprintf("%s-%04d", what, f.draw()) }

func hashOf(secret string) []byte {
	h := sha256.Sum256([]byte(secret))
	return h[:]
}

// open makes tenants: accounts where they are missing, and projects.
func (f *fixture) open(tenants ...taocan.Tenant) {
	f.Helper()
	made := map[taocan.AccountID]bool{}
	f.update("", func(ctx context.Context, tx store.Tx) error {
		for _, t := range tenants {
			if !made[t.Account] {
				made[t.Account] = true
				a := taocan.Account{ID: t.Account, Name: "Account " + string(t.Account), Level: taocan.Enterprise, CreatedAt: tx.Now()}
				if err := tx.InsertAccount(ctx, a); err != nil {
					return err
				}
			}
			if err := tx.InsertProject(ctx, taocan.Project{ID: t.Project, Account: t.Account, Name: "Project", CreatedAt: tx.Now()}); err != nil {
				return err
			}
		}
		return nil
	})
}

// newPackage is an unused domestic package of 1,000 for verification that works for a year.
func (f *fixture) newPackage(t taocan.Tenant, at time.Time, change ...func(*taocan.Package)) taocan.Package {
	n := taocan.PackageNumber(fmt.Sprintf("U1A26030112%05X", f.draw()))
	p := taocan.Package{Tenant: t, Number: n, Name: "国内短信包(验证通知)", Category: taocan.Domestic, Purpose: taocan.Verification,
		ChargeOn: taocan.ChargeOnSubmit, Total: 1000, PurchasedAt: at, ExistsFrom: at, ExpiresAt: at.AddDate(1, 0, 0)}
	for _, c := range change {
		c(&p)
	}
	if p.Remaining == 0 && p.Used == 0 {
		p.Remaining = p.Total
	}
	return p
}

// put writes packages as grants, one transaction each, and returns them as they stand.
func (f *fixture) put(ps ...taocan.Package) []taocan.Package {
	f.Helper()
	for _, p := range ps {
		f.update(p.Account, func(ctx context.Context, tx store.Tx) error {
			return tx.InsertPackage(ctx, p, taocan.EntryGrant, "grant")
		})
	}
	return ps
}

// newOrder is a pending order of one custom package.
func (f *fixture) newOrder(t taocan.Tenant, at time.Time, change ...func(*taocan.Order)) taocan.Order {
	o := taocan.Order{Tenant: t, ID: taocan.OrderID(f.id("order")), Description: "国内短信包(验证通知) 1,000",
		Quote: taocan.Quote{
			Purchase: taocan.Purchase{Kind: taocan.Custom, Category: taocan.Domestic, Purpose: taocan.Verification, Quantity: 1000},
			Name:     "国内短信包(验证通知)", Each: 1000, Packages: 1, Quantity: 1000, UnitPrice: 440, HasUnitPrice: true, Amount: 4400,
			ValidityMonths: 12, ChargeOn: taocan.ChargeOnSubmit, PriceList: "list-1"},
		AgreementVersion: "1", AgreementHash: "abc", By: someone, CreatedAt: at, ClosesAt: at.Add(24 * time.Hour), State: taocan.OrderPending}
	for _, c := range change {
		c(&o)
	}
	return o
}

func (f *fixture) putOrders(os ...taocan.Order) {
	f.Helper()
	for _, o := range os {
		f.update(o.Account, func(ctx context.Context, tx store.Tx) error { return tx.InsertOrder(ctx, o) })
	}
}

// newVoucher is worth 10.00 for half a year; without an account it is a code.
func (f *fixture) newVoucher(account taocan.AccountID, at time.Time, change ...func(*taocan.Voucher)) taocan.Voucher {
	v := taocan.Voucher{ID: taocan.VoucherID(f.id("voucher")), Account: account, CodeHint: "7QX2", Amount: 1000, MinAmount: 2000,
		ValidFrom: at, ValidUntil: at.AddDate(0, 6, 0), IssuedAt: at}
	if account != "" {
		v.AssignedAt = at
	}
	for _, c := range change {
		c(&v)
	}
	return v
}

// codeOf is the code that a built voucher is issued with.
func codeOf(v taocan.Voucher) []byte { return hashOf("code of " + string(v.ID)) }

func (f *fixture) putVouchers(vs ...taocan.Voucher) {
	f.Helper()
	for _, v := range vs {
		f.update(v.Account, func(ctx context.Context, tx store.Tx) error { return tx.InsertVoucher(ctx, v, codeOf(v)) })
	}
}

// topUp puts cash into a wallet.
func (f *fixture) topUp(account taocan.AccountID, cash taocan.Fen) {
	f.Helper()
	f.update(account, func(ctx context.Context, tx store.Tx) error {
		_, err := tx.AppendWallet(ctx, taocan.WalletEntry{Account: account, Kind: taocan.WalletTopUp, Cash: cash, Reference: f.id("bank"), By: someone})
		return err
	})
}

// paid makes o what it is once paid; pay writes that: the settled order, the voucher's use, the wallet entry, the
// payment and the packages.
func paid(o taocan.Order, at time.Time, split taocan.Split, voucher taocan.VoucherID, packages ...taocan.Package) taocan.Order {
	o.State, o.SettledAt = taocan.OrderPaid, at
	o.Payment = &taocan.Payment{Tenant: o.Tenant, Order: o.ID, Split: split, VoucherID: voucher, PaidAt: at, By: someone}
	for _, p := range packages {
		o.Packages = append(o.Packages, p.Number)
	}
	return o
}

func pay(ctx context.Context, tx store.Tx, o taocan.Order, packages ...taocan.Package) (taocan.WalletEntry, error) {
	split := o.Payment.Split
	if err := tx.SettleOrder(ctx, o.Tenant, o.ID, o.State, o.SettledAt); err != nil {
		return taocan.WalletEntry{}, err
	}
	if o.Payment.VoucherID != "" {
		if err := tx.UseVoucher(ctx, o.Account, o.Payment.VoucherID, o, o.SettledAt); err != nil {
			return taocan.WalletEntry{}, err
		}
	}
	e, err := tx.AppendWallet(ctx, taocan.WalletEntry{Account: o.Account, Kind: taocan.WalletPayment, Cash: -split.Cash, Gift: -split.Gift, CreditUsed: split.Credit,
		Project: o.Project, Order: o.ID, By: someone})
	if err != nil {
		return e, err
	}
	if err := tx.InsertPayment(ctx, *o.Payment); err != nil {
		return e, err
	}
	for _, p := range packages {
		if err := tx.InsertPackage(ctx, p, taocan.EntryIssue, string(o.ID)); err != nil {
			return e, err
		}
	}
	return e, nil
}
