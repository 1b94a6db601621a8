package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Everything below belongs to alpha. Others are asked with every mixture of account and project that is not alpha's.
var tenancyCases = []testCase{
	{"no method that takes a tenant answers about another's data", func(f *fixture) {
		f.open(alpha, alphaOther, beta)
		at := f.clock.Now()
		o := f.newOrder(alpha, at)
		p := f.newPackage(alpha, at)
		token := f.newToken(alpha, at)
		f.putOrders(o)
		f.put(p)
		f.putTokens(token)
		f.update("alpha", func(ctx context.Context, tx store.Tx) error {
			return tx.InsertIdempotencyKey(ctx, store.IdempotencyKey{Tenant: alpha, Operation: "order", Key: "k", Content: []byte{1}, CreatedAt: at})
		})
		reads := map[string]func(ctx context.Context, r store.Reader, t taocan.Tenant) (found bool, err error){
			"Order": func(ctx context.Context, r store.Reader, t taocan.Tenant) (bool, error) {
				_, err := r.Order(ctx, t, o.ID)
				return err == nil, err
			},
			"Orders": func(ctx context.Context, r store.Reader, t taocan.Tenant) (bool, error) {
				page, err := r.Orders(ctx, t, "", at, all())
				return page.Total+len(page.Items) > 0, err
			},
			"IdempotencyKey": func(ctx context.Context, r store.Reader, t taocan.Tenant) (bool, error) {
				_, err := r.IdempotencyKey(ctx, t, "order", "k")
				return err == nil, err
			},
			"Tokens": func(ctx context.Context, r store.Reader, t taocan.Tenant) (bool, error) {
				page, err := r.Tokens(ctx, t, all())
				return page.Total+len(page.Items) > 0, err
			},
			"APITokens": func(ctx context.Context, r store.Reader, t taocan.Tenant) (bool, error) {
				page, err := r.APITokens(ctx, t, all())
				return page.Total+len(page.Items) > 0, err
			},
			"Package": func(ctx context.Context, r store.Reader, t taocan.Tenant) (bool, error) {
				_, err := r.Package(ctx, t, p.Number)
				return err == nil, err
			},
			"Packages": func(ctx context.Context, r store.Reader, t taocan.Tenant) (bool, error) {
				page, err := r.Packages(ctx, t, store.PackageFilter{Now: at, Paging: all()})
				return page.Total+len(page.Items) > 0, err
			},
			"Packages as of": func(ctx context.Context, r store.Reader, t taocan.Tenant) (bool, error) {
				page, err := r.Packages(ctx, t, store.PackageFilter{Now: at, AsOf: at, Query: string(p.Number), Paging: all()})
				return page.Total+len(page.Items) > 0, err
			},
			"Balance": func(ctx context.Context, r store.Reader, t taocan.Tenant) (bool, error) {
				b, err := r.Balance(ctx, t, taocan.Domestic, at, time.Time{})
				return b.Remaining > 0, err
			},
			"Balance as of": func(ctx context.Context, r store.Reader, t taocan.Tenant) (bool, error) {
				b, err := r.Balance(ctx, t, taocan.Domestic, at, at)
				return b.Remaining > 0, err
			},
			"Entries": func(ctx context.Context, r store.Reader, t taocan.Tenant) (bool, error) {
				page, err := r.Entries(ctx, t, p.Number, all())
				return page.Total+len(page.Items) > 0, err
			},
			"OpeningEntry": func(ctx context.Context, r store.Reader, t taocan.Tenant) (bool, error) {
				_, err := r.OpeningEntry(ctx, t, p.Number)
				return err == nil, err
			},
		}
		for name, read := range reads {
			for _, tt := range []struct {
				tenant taocan.Tenant
				found  bool
			}{{alpha, true}, {alphaOther, false}, {beta, false}, {taocan.Tenant{Account: "beta", Project: "alpha-1"}, false}, {taocan.Tenant{Account: "alpha", Project: "beta-1"}, false},
				{taocan.Tenant{Account: "alpha"}, false}, {taocan.Tenant{Project: "alpha-1"}, false}} {
				f.look(func(ctx context.Context, r store.Reader) error {
					found, err := read(ctx, r, tt.tenant)
					if found != tt.found || err != nil && !errors.Is(err, taocan.ErrNotFound) {
						f.Errorf("%s of %v: found %v and error %v, want found %v", name, tt.tenant, found, err, tt.found)
					}
					return nil
				})
			}
		}
	}},
	{"no method that takes an account answers about another's data", func(f *fixture) {
		f.open(alpha, beta)
		v := f.newVoucher("alpha", f.clock.Now())
		f.putVouchers(v)
		f.topUp("alpha", 100)
		f.update("", func(ctx context.Context, tx store.Tx) error {
			return tx.InsertMember(ctx, taocan.Member{ID: "m1", Account: "alpha", Login: "a", Role: taocan.Owner, CreatedAt: tx.Now()})
		})
		f.look(func(ctx context.Context, r store.Reader) error {
			for account, want := range map[taocan.AccountID]bool{"alpha": true, "beta": false, "": false} {
				wallet, _ := r.Wallet(ctx, account)
				statement, err1 := r.WalletEntries(ctx, account, all())
				_, one := r.Voucher(ctx, account, v.ID)
				held, err2 := r.Vouchers(ctx, account, all())
				unused, err3 := r.UnusedVouchers(ctx, account, f.clock.Now())
				members, err4 := r.Members(ctx, account)
				got := fmt.Sprint(wallet.Cash > 0, statement.Total > 0, one == nil, held.Total > 0, len(unused) > 0, len(members) > 0)
				same(f, "found of "+string(account), got, fmt.Sprint(want, want, want, want, want, want))
				if err := errors.Join(err1, err2, err3, err4); err != nil {
					return err
				}
			}
			return nil
		})
	}},
	{"nothing of another tenant can be changed", func(f *fixture) {
		f.open(alpha, alphaOther, beta)
		o, v := f.newOrder(alpha, f.clock.Now()), f.newVoucher("alpha", f.clock.Now())
		p, old := f.newPackage(alpha, f.clock.Now()), f.newPackage(alpha, f.clock.Now().AddDate(-2, 0, 0))
		f.putOrders(o)
		f.putVouchers(v)
		f.put(p, old)
		before := f.everything(alpha, alphaOther, beta)
		for _, t := range []taocan.Tenant{alphaOther, beta, {Account: "beta", Project: alpha.Project}} {
			for name, write := range map[string]func(ctx context.Context, tx store.Tx) error{
				"SettleOrder": func(ctx context.Context, tx store.Tx) error {
					return tx.SettleOrder(ctx, t, o.ID, taocan.OrderCancelled, tx.Now())
				},
				"AdjustPackage": func(ctx context.Context, tx store.Tx) error { return tx.AdjustPackage(ctx, t, p.Number, 1, "") },
				"ExtendPackage": func(ctx context.Context, tx store.Tx) error {
					return tx.ExtendPackage(ctx, t, p.Number, p.ExpiresAt.AddDate(1, 0, 0), "")
				},
				"FreezePackage": func(ctx context.Context, tx store.Tx) error { return tx.FreezePackage(ctx, t, p.Number, true, "") },
				"TransferPackage": func(ctx context.Context, tx store.Tx) error {
					return tx.TransferPackage(ctx, t, p.Number, f.newPackage(t, tx.Now()))
				},
				"MarkExpired": func(ctx context.Context, tx store.Tx) error { return tx.MarkExpired(ctx, t, old.Number) },
			} {
				if err := f.try(t.Account, write); !errors.Is(err, taocan.ErrNotFound) {
					f.Errorf("%s as %v: got error %v, want %v", name, t, err, taocan.ErrNotFound)
				}
			}
		}
		f.refuse("beta", taocan.ErrNotFound, func(ctx context.Context, tx store.Tx) error { return tx.UseVoucher(ctx, "beta", v.ID, o, tx.Now()) })
		same(f, "store", f.everything(alpha, alphaOther, beta), before)
	}},
}
