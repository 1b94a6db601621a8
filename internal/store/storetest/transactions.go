package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// everything reads all that a case may have written, for comparison.
func (f *fixture) everything(ts ...taocan.Tenant) map[string]any {
	f.Helper()
	found := map[string]any{}
	f.look(func(ctx context.Context, r store.Reader) error {
		var errs []error
		keep := func(what string, v any, err error) {
			found[what] = v
			errs = append(errs, err)
		}
		accounts, err := r.Accounts(ctx, store.AccountFilter{Paging: all()})
		keep("accounts", accounts, err)
		projects, err := r.Projects(ctx, "", all())
		keep("projects", projects, err)
		tokens, err := r.Tokens(ctx, taocan.Tenant{}, all())
		keep("tokens", tokens, err)
		audit, err := r.AuditEntries(ctx, store.AuditFilter{Paging: all()})
		keep("audit", audit, err)
		lists, err := r.PriceLists(ctx, "")
		keep("price lists", lists, err)
		products, err := r.Products(ctx, "", false)
		keep("products", products, err)
		agreements, err := r.Agreements(ctx)
		keep("agreements", agreements, err)
		orders, err := r.AllOrders(ctx, store.OrderFilter{Now: f.clock.Now(), Paging: all()})
		keep("orders", orders, err)
		issued, err := r.AllVouchers(ctx, store.VoucherFilter{Paging: all()})
		keep("vouchers", issued, err)
		failures, err := r.SignInFailures(ctx, "key", time.Time{})
		keep("failures", failures, err)
		heads, err := r.Heads(ctx)
		keep("heads", heads, err)
		for _, t := range ts {
			members, err := r.Members(ctx, t.Account)
			keep(fmt.Sprint(t, " members"), members, err)
			wallet, err := r.Wallet(ctx, t.Account)
			keep(fmt.Sprint(t, " wallet"), wallet, err)
			statement, err := r.WalletEntries(ctx, t.Account, all())
			keep(fmt.Sprint(t, " statement"), statement, err)
			packages, err := r.Packages(ctx, t, store.PackageFilter{Now: f.clock.Now(), Paging: all()})
			keep(fmt.Sprint(t, " packages"), packages, err)
			for _, p := range packages.Items {
				entries, err := r.Entries(ctx, t, p.Number, all())
				keep(fmt.Sprint("entries of ", p.Number), entries, err)
			}
		}
		return errors.Join(errs...)
	})
	return found
}

// change is one way to write, for cases that try them all.
type change struct {
	name string
	fn   func(ctx context.Context, tx store.Tx) error
}

// changes lists every write of a transaction, for alpha, in an order that works.
func (f *fixture) changes() []change {
	at := f.clock.Now()
	o, v, code := f.newOrder(alpha, at), f.newVoucher("alpha", at), f.newVoucher("", at)
	split := taocan.Split{Voucher: 1000, Gift: 3400}
	p := f.newPackage(alpha, at, func(p *taocan.Package) { p.Order, p.Paid = o.ID, split })
	old := f.newPackage(alpha, at.AddDate(-2, 0, 0))
	token := f.newToken(alpha, at)
	member := taocan.Member{ID: "m1", Account: "alpha", Login: "login", Role: taocan.Owner, CreatedAt: at}
	insert := func(p taocan.Package, kind taocan.EntryKind) func(context.Context, store.Tx) error {
		return func(ctx context.Context, tx store.Tx) error { return tx.InsertPackage(ctx, p, kind, "") }
	}
	return []change{
		{"account", func(ctx context.Context, tx store.Tx) error {
			return tx.InsertAccount(ctx, taocan.Account{ID: "gamma", Level: taocan.Personal, CreatedAt: at})
		}},
		{"account changed", func(ctx context.Context, tx store.Tx) error {
			return tx.UpdateAccount(ctx, taocan.Account{ID: "alpha", Name: "changed", Level: taocan.Personal})
		}},
		{"project", func(ctx context.Context, tx store.Tx) error {
			return tx.InsertProject(ctx, taocan.Project{ID: "gamma-1", Account: "gamma", CreatedAt: at})
		}},
		{"member", func(ctx context.Context, tx store.Tx) error { return tx.InsertMember(ctx, member) }},
		{"member changed", func(ctx context.Context, tx store.Tx) error {
			return tx.UpdateMember(ctx, taocan.Member{ID: "m1", Role: taocan.Viewer})
		}},
		{"token", func(ctx context.Context, tx store.Tx) error { return tx.InsertToken(ctx, token) }},
		{"token revoked", func(ctx context.Context, tx store.Tx) error { return tx.RevokeToken(ctx, token.ID, at) }},
		{"failure", func(ctx context.Context, tx store.Tx) error { return tx.InsertSignInFailure(ctx, "key", at) }},
		{"audit", func(ctx context.Context, tx store.Tx) error {
			return tx.InsertAudit(ctx, taocan.AuditEntry{At: at, Action: "a"})
		}},
		{"price list", func(ctx context.Context, tx store.Tx) error {
			return tx.InsertPriceList(ctx, taocan.PriceList{ID: "l", Category: taocan.Domestic, ValidityMonths: 12, ChargeOn: taocan.ChargeOnSubmit, ValidFrom: at, Published: at,
				Rows: []taocan.PriceRow{{Purpose: taocan.General, Tiers: []taocan.Tier{{Price: 1}}}}})
		}},
		{"product", func(ctx context.Context, tx store.Tx) error {
			return tx.InsertProduct(ctx, taocan.Product{ID: "p", Category: taocan.Domestic, Purpose: taocan.General, Quantity: 1, ValidityMonths: 12, ChargeOn: taocan.ChargeOnSubmit, CreatedAt: at})
		}},
		{"product on sale", func(ctx context.Context, tx store.Tx) error { return tx.SetProductOnSale(ctx, "p", true) }},
		{"agreement", func(ctx context.Context, tx store.Tx) error {
			return tx.InsertAgreement(ctx, taocan.Agreement{Version: "1", PublishedAt: at})
		}},
		{"order", func(ctx context.Context, tx store.Tx) error { return tx.InsertOrder(ctx, o) }},
		{"idempotency key", func(ctx context.Context, tx store.Tx) error {
			return tx.InsertIdempotencyKey(ctx, store.IdempotencyKey{Tenant: alpha, Operation: "order", Key: "k", Content: []byte{1}, Subject: string(o.ID), CreatedAt: at})
		}},
		{"voucher", func(ctx context.Context, tx store.Tx) error { return tx.InsertVoucher(ctx, v, codeOf(v)) }},
		{"code", func(ctx context.Context, tx store.Tx) error { return tx.InsertVoucher(ctx, code, codeOf(code)) }},
		{"code redeemed", func(ctx context.Context, tx store.Tx) error { return tx.AssignVoucher(ctx, codeOf(code), "alpha", at) }},
		{"voucher used", func(ctx context.Context, tx store.Tx) error { return tx.UseVoucher(ctx, "alpha", v.ID, o, at) }},
		{"wallet", func(ctx context.Context, tx store.Tx) error {
			_, err := tx.AppendWallet(ctx, taocan.WalletEntry{Account: "alpha", Kind: taocan.WalletGift, Gift: 5000})
			return err
		}},
		{"money taken", func(ctx context.Context, tx store.Tx) error {
			_, err := tx.AppendWallet(ctx, taocan.WalletEntry{Account: "alpha", Kind: taocan.WalletPayment, Gift: -3400, Project: alpha.Project, Order: o.ID})
			return err
		}},
		{"payment", func(ctx context.Context, tx store.Tx) error {
			return tx.InsertPayment(ctx, taocan.Payment{Tenant: alpha, Order: o.ID, VoucherID: v.ID, Split: split, PaidAt: at})
		}},
		{"order settled", func(ctx context.Context, tx store.Tx) error {
			return tx.SettleOrder(ctx, alpha, o.ID, taocan.OrderPaid, at)
		}},
		{"package", insert(p, taocan.EntryIssue)},
		{"package adjusted", func(ctx context.Context, tx store.Tx) error { return tx.AdjustPackage(ctx, alpha, p.Number, -1, "") }},
		{"old package", insert(old, taocan.EntryImport)},
		{"package expired", func(ctx context.Context, tx store.Tx) error { return tx.MarkExpired(ctx, alpha, old.Number) }},
	}
}

var transactionCases = []testCase{
	{"a transaction that fails leaves nothing behind, wherever it stops", func(f *fixture) {
		f.open(alpha, beta)
		f.put(f.newPackage(alpha, f.clock.Now()))
		before := f.everything(alpha, beta)
		failed := errors.New("failed on purpose")
		writes := f.changes()
		for n := range len(writes) + 1 {
			err := f.try("alpha", func(ctx context.Context, tx store.Tx) error {
				for _, w := range writes[:n] {
					if err := w.fn(ctx, tx); err != nil {
						return fmt.Errorf("%s: %w", w.name, err)
					}
				}
				return failed
			})
			if !errors.Is(err, failed) {
				f.Errorf("after %d writes: got error %v, want %v", n, err, failed)
			}
			same(f, fmt.Sprintf("store after %d writes taken back", n), f.everything(alpha, beta), before)
		}
		f.update("alpha", func(ctx context.Context, tx store.Tx) error { // and all of it works
			for _, w := range writes {
				if err := w.fn(ctx, tx); err != nil {
					return fmt.Errorf("%s: %w", w.name, err)
				}
			}
			return nil
		})
	}},
	{"a transaction that panics leaves nothing behind", func(f *fixture) {
		f.open(alpha)
		before := f.everything(alpha)
		func() {
			defer func() { _ = recover() }()
			_ = f.try("alpha", func(ctx context.Context, tx store.Tx) error {
				if err := tx.InsertOrder(ctx, f.newOrder(alpha, tx.Now())); err != nil {
					f.Errorf("InsertOrder: %v", err)
				}
				panic("on purpose")
			})
		}()
		same(f, "store", f.everything(alpha), before)
		f.topUp("alpha", 1) // and the store goes on
	}},
	{"a transaction reads what it has written, and nobody else does until it is committed", func(f *fixture) {
		f.open(alpha)
		p := f.newPackage(alpha, f.clock.Now())
		f.update("alpha", func(ctx context.Context, tx store.Tx) error {
			if err := tx.InsertPackage(ctx, p, taocan.EntryGrant, ""); err != nil {
				return err
			}
			got, err := tx.Package(ctx, alpha, p.Number)
			same(f, "own write", got, p)
			absent(f, "seen from outside", func(ctx context.Context, r store.Reader) (taocan.Package, error) {
				return r.Package(ctx, alpha, p.Number)
			})
			return err
		})
		same(f, "committed", f.pkg(alpha, p.Number), p)
	}},
	{"a view stands still while others write", func(f *fixture) {
		f.open(alpha)
		f.look(func(ctx context.Context, r store.Reader) error {
			before, err := r.Wallet(ctx, "alpha")
			if err != nil {
				return err
			}
			f.topUp("alpha", 500)
			after, err := r.Wallet(ctx, "alpha")
			same(f, "wallet within the view", after, before)
			return err
		})
		same(f, "wallet afterwards", get(f, func(ctx context.Context, r store.Reader) (taocan.Wallet, error) { return r.Wallet(ctx, "alpha") }).Cash, taocan.Fen(500))
	}},
	{"an account's ledger is written only by a transaction that names it", func(f *fixture) {
		f.open(alpha, beta)
		before := f.everything(alpha, beta)
		ledger := map[string]bool{"order": true, "voucher": true, "code redeemed": true, "wallet": true, "package": true}
		for _, account := range []taocan.AccountID{"", "beta"} {
			for _, w := range f.changes() {
				if !ledger[w.name] {
					continue
				}
				f.refuse(account, nil, func(ctx context.Context, tx store.Tx) error {
					if w.name == "code redeemed" {
						v := f.newVoucher("", tx.Now())
						if err := tx.InsertVoucher(ctx, v, codeOf(v)); err != nil {
							f.Errorf("InsertVoucher: %v", err)
						}
						return tx.AssignVoucher(ctx, codeOf(v), "alpha", tx.Now())
					}
					return w.fn(ctx, tx)
				})
			}
		}
		same(f, "store", f.everything(alpha, beta), before)
	}},
	{"the time of a lane's commits rises whatever the clock does, and stands within a transaction", func(f *fixture) {
		f.open(alpha)
		var last time.Time
		for _, step := range []time.Duration{0, 0, time.Second, -time.Hour, 0, time.Microsecond, 2 * time.Hour} {
			f.clock.Jump(step)
			f.update("alpha", func(ctx context.Context, tx store.Tx) error {
				now := tx.Now()
				if !now.After(last) {
					f.Errorf("after a step of %v a commit is at %v, the last was at %v", step, now, last)
				}
				if now.Before(f.clock.Now()) {
					f.Errorf("a commit is at %v, before the clock's %v", now, f.clock.Now())
				}
				last = now
				f.clock.Advance(time.Minute)
				same(f, "time within the transaction", tx.Now(), now)
				f.clock.Jump(-time.Minute)
				e, err := tx.AppendWallet(ctx, taocan.WalletEntry{Account: "alpha", Kind: taocan.WalletGift, Gift: 1})
				same(f, "time of the entry", e.At, now)
				return err
			})
			heads := get(f, func(ctx context.Context, r store.Reader) ([taocan.Lanes]store.Head, error) { return r.Heads(ctx) })
			same(f, "time of the head", heads[taocan.LaneOf("alpha")].At, last)
		}
	}},
	{"a transaction that writes no ledger adds no commit", func(f *fixture) {
		f.open(alpha)
		f.topUp("alpha", 1)
		heads := func() [taocan.Lanes]store.Head {
			return get(f, func(ctx context.Context, r store.Reader) ([taocan.Lanes]store.Head, error) { return r.Heads(ctx) })
		}
		before := heads()
		f.putTokens(f.newToken(alpha, f.clock.Now()))
		f.update("alpha", func(ctx context.Context, tx store.Tx) error {
			return tx.InsertIdempotencyKey(ctx, store.IdempotencyKey{Tenant: alpha, Operation: "order", Key: "k", Content: []byte{1}, CreatedAt: tx.Now()})
		})
		same(f, "heads", heads(), before)
		f.topUp("alpha", 1)
		same(f, "sequence", heads()[taocan.LaneOf("alpha")].Seq, before[taocan.LaneOf("alpha")].Seq+1)
	}},
	{"transactions at the same time follow one another", func(f *fixture) {
		f.open(alpha, beta)
		const callers, each = 8, 10
		var wg sync.WaitGroup
		errs := make(chan error, callers*each)
		for i := range callers {
			account := []taocan.AccountID{"alpha", "beta"}[i%2]
			wg.Go(func() {
				for range each {
					errs <- f.try(account, func(ctx context.Context, tx store.Tx) error {
						_, err := tx.AppendWallet(ctx, taocan.WalletEntry{Account: account, Kind: taocan.WalletGift, Gift: 3})
						return err
					})
				}
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				f.Errorf("Update: %v", err)
			}
		}
		for _, a := range []taocan.AccountID{"alpha", "beta"} {
			same(f, "gift", get(f, func(ctx context.Context, r store.Reader) (taocan.Wallet, error) { return r.Wallet(ctx, a) }).Gift, taocan.Fen(3*each*callers/2))
		}
	}},
	{"times come back as UTC, to the microsecond", func(f *fixture) {
		zone := time.FixedZone("CST", 8*60*60)
		given := time.Date(2026, 7, 1, 8, 30, 0, 123_456_789, zone)
		want := time.Date(2026, 7, 1, 0, 30, 0, 123_456_000, time.UTC)
		f.update("", func(ctx context.Context, tx store.Tx) error {
			return tx.InsertAccount(ctx, taocan.Account{ID: "alpha", Level: taocan.Personal, CreatedAt: given})
		})
		got := get(f, func(ctx context.Context, r store.Reader) (taocan.Account, error) { return r.Account(ctx, "alpha") }).CreatedAt
		if got != want {
			f.Errorf("got %v, want %v", got, want)
		}
		f.open(beta)
		token := f.newToken(beta, given)
		f.putTokens(token)
		back := get(f, func(ctx context.Context, r store.Reader) (taocan.Token, error) { return r.TokenByID(ctx, token.ID) })
		if !back.ExpiresAt.IsZero() || !back.RevokedAt.IsZero() {
			f.Errorf("got %v and %v, want no times", back.ExpiresAt, back.RevokedAt)
		}
	}},
	{"every store has its own history", func(f *fixture) {
		if f.st.Epoch() == "" {
			f.Error("the epoch is empty")
		}
	}},
}
