package order

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/catalog"
	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
	"taocan/internal/teststore"
)

// shop is a store with the shipped catalogue, the account acme with the project web, and other with its own.
type shop struct {
	*Orders
	t       *testing.T
	ctx     context.Context
	store   store.Store
	clock   *clock.Fake
	catalog *catalog.Catalog
}

var (
	zone   = time.FixedZone("UTC+8", 8*60*60)
	web    = taocan.Tenant{Account: "acme", Project: "web"}
	theirs = taocan.Tenant{Account: "other", Project: "their-web"}
	token  = taocan.Actor{Tenant: web, Token: "t1", Address: "192.0.2.1"}
	staff  = taocan.Actor{Member: "m-staff", Role: taocan.OperatorRole, Scopes: []taocan.Scope{taocan.ScopeOperator}, Address: "192.0.2.9"}

	accepted = "sample-1" // the shipped agreement
	thousand = taocan.Purchase{Kind: taocan.Custom, Category: taocan.Domestic, Purpose: taocan.Verification, Quantity: 1000}
)

func open(t *testing.T) *shop { return openWith(t, rand.Reader) }

func openWith(t *testing.T, random io.Reader) *shop {
	t.Helper()
	c := clock.NewFake(noon)
	st := teststore.Open(t, teststore.Options{Clock: c})
	s := &shop{t: t, ctx: context.WithoutCancel(t.Context()), store: st, clock: c, catalog: catalog.New(st, c, zone, 0)}
	t.Cleanup(func() {
		report, err := store.Verify(s.ctx, st, store.VerifyOptions{})
		if err != nil {
			t.Errorf("verify: %v", err)
		}
		for _, f := range report.Findings {
			t.Errorf("verify: %s", f)
		}
	})
	s.Orders = s.on(st, random)
	must(t, s.catalog.Seed(s.ctx))
	s.account("acme", taocan.Enterprise, "web", "shop")
	s.account("other", taocan.Enterprise, "their-web")
	return s
}

// on is the use cases over another Store, e.g. one that fails.
func (s *shop) on(st store.Store, random io.Reader) *Orders {
	return New(Config{Store: st, Clock: s.clock, Zone: zone, Catalog: s.catalog, Random: random})
}

func (s *shop) account(id taocan.AccountID, level taocan.Level, projects ...taocan.ProjectID) {
	s.t.Helper()
	s.update("", func(tx store.Tx) error {
		if err := tx.InsertAccount(s.ctx, taocan.Account{ID: id, Name: string(id), Level: level, CreatedAt: tx.Now()}); err != nil {
			return err
		}
		for _, p := range projects {
			if err := tx.InsertProject(s.ctx, taocan.Project{ID: p, Account: id, Name: string(p), CreatedAt: tx.Now()}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *shop) member(id taocan.MemberID, role taocan.Role) taocan.Actor {
	s.t.Helper()
	s.update("", func(tx store.Tx) error {
		return tx.InsertMember(s.ctx, taocan.Member{ID: id, Account: web.Account, Login: string(id), Role: role, PasswordHash: "x", CreatedAt: tx.Now()})
	})
	return taocan.Actor{Tenant: web, Member: id, Role: role, Address: "192.0.2.2"}
}

func (s *shop) update(a taocan.AccountID, fn func(store.Tx) error) {
	s.t.Helper()
	must(s.t, s.store.Update(s.ctx, a, fn))
}

func (s *shop) setLevel(level taocan.Level) {
	s.t.Helper()
	s.update("", func(tx store.Tx) error {
		a, err := tx.Account(s.ctx, web.Account)
		if err != nil {
			return err
		}
		a.Level = level
		return tx.UpdateAccount(s.ctx, a)
	})
}

// fund gives acme money.
func (s *shop) fund(gift, cash, credit taocan.Fen) {
	s.t.Helper()
	key := func(kind string) WalletChange {
		n := fmt.Sprint(kind, s.entryCount())
		return WalletChange{Key: n, ContentHash: content(n), Reference: n, Reason: n}
	}
	for kind, give := range map[string]struct {
		amount taocan.Fen
		fn     func(context.Context, taocan.Actor, taocan.AccountID, WalletChange) (taocan.Wallet, bool, error)
	}{"gift": {gift, s.Gift}, "cash": {cash, s.TopUp}, "credit": {credit, s.SetCreditLimit}} {
		if give.amount > 0 {
			c := key(kind)
			c.Amount = give.amount
			_, _, err := give.fn(s.ctx, staff, web.Account, c)
			must(s.t, err)
		}
	}
}

func (s *shop) entryCount() int {
	page, err := s.WalletEntries(s.ctx, web.Account, store.Paging{Limit: 1})
	must(s.t, err)
	return page.Total
}

// content is what a front door would hash: path and body.
func content(parts ...any) []byte {
	h := sha256.Sum256(fmt.Appendf(nil, "%#v", parts))
	return h[:]
}

func (s *shop) create(actor taocan.Actor, key string, p taocan.Purchase) (taocan.Order, bool, error) {
	return s.Create(s.ctx, actor, key, content("orders", p, accepted), p, accepted)
}

func (s *shop) order(p taocan.Purchase) taocan.Order {
	s.t.Helper()
	id, err := s.newID("key-")
	must(s.t, err)
	ord, _, err := s.create(token, id, p)
	must(s.t, err)
	return ord
}

func (s *shop) pay(key string, id taocan.OrderID, voucher taocan.VoucherID) (taocan.Order, bool, error) {
	return s.Pay(s.ctx, token, key, content("payment", id, voucher), id, voucher)
}

func (s *shop) voucher(v VoucherIssue) taocan.Voucher {
	s.t.Helper()
	if v.Account == "" {
		v.Account = web.Account
	}
	if v.ValidUntil.IsZero() {
		v.ValidUntil = s.clock.Now().Add(90 * 24 * time.Hour)
	}
	v.Count = 1
	issued, err := s.IssueVouchers(s.ctx, staff, v)
	must(s.t, err)
	return issued[0].Voucher
}

// state is all that a payment could change, heads of the chains included: they cover every ledger row.
type state struct {
	Heads    [taocan.Lanes]store.Head
	Wallet   taocan.Wallet
	Entries  []taocan.WalletEntry
	Orders   []taocan.Order
	Vouchers []taocan.Voucher
	Packages []taocan.Package
	Lines    []taocan.Entry
	Keys     []store.IdempotencyKey
	Audit    int
}

// state reads everything of acme, and the given payment keys.
func (s *shop) state(keys ...string) (x state) {
	s.t.Helper()
	all := store.Paging{Limit: 1000}
	must(s.t, s.store.View(s.ctx, func(r store.Reader) (err error) {
		read := func(e error) { err = errors.Join(err, e) }
		var e error
		x.Heads, e = r.Heads(s.ctx)
		read(e)
		x.Wallet, e = r.Wallet(s.ctx, web.Account)
		read(e)
		entries, e := r.WalletEntries(s.ctx, web.Account, all)
		read(e)
		vouchers, e := r.Vouchers(s.ctx, web.Account, all)
		read(e)
		audit, e := r.AuditEntries(s.ctx, store.AuditFilter{Paging: all})
		read(e)
		x.Entries, x.Vouchers, x.Audit = entries.Items, vouchers.Items, audit.Total
		for _, t := range []taocan.Tenant{web, {Account: "acme", Project: "shop"}} {
			orders, e := r.Orders(s.ctx, t, "", s.clock.Now(), all)
			read(e)
			packages, e := r.Packages(s.ctx, t, store.PackageFilter{Now: s.clock.Now(), Paging: all})
			read(e)
			x.Orders, x.Packages = append(x.Orders, orders.Items...), append(x.Packages, packages.Items...)
			for _, p := range packages.Items {
				lines, e := r.Entries(s.ctx, t, p.Number, all)
				read(e)
				x.Lines = append(x.Lines, lines.Items...)
			}
			for _, key := range keys {
				for _, operation := range []string{opOrder, opPayment} {
					if k, e := r.IdempotencyKey(s.ctx, t, operation, key); e == nil {
						x.Keys = append(x.Keys, k)
					} else if !errors.Is(e, taocan.ErrNotFound) {
						read(e)
					}
				}
			}
		}
		return err
	}))
	return x
}

func (s *shop) wantUnchanged(before state, keys ...string) {
	s.t.Helper()
	if diff := cmp.Diff(before, s.state(keys...)); diff != "" {
		s.t.Errorf("a refused call left something behind (-before +after):\n%s", diff)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("got %v, want %v", err, kind)
	}
}

func wantState(t *testing.T, err error, state taocan.OrderState) {
	t.Helper()
	if e := (*taocan.StateError)(nil); !errors.As(err, &e) || *e != (taocan.StateError{What: "order", State: string(state)}) {
		t.Errorf("got %v, want a refusal because the order is %s", err, state)
	}
}
