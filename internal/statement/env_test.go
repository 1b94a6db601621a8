package statement_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"strconv"
	"strings"
	"testing"
	"time"

	"taocan/internal/catalog"
	"taocan/internal/clock"
	"taocan/internal/debit"
	"taocan/internal/export"
	"taocan/internal/order"
	"taocan/internal/packages"
	"taocan/internal/statement"
	"taocan/internal/store"
	"taocan/internal/taocan"
	"taocan/internal/teststore"
)

var (
	zone   = time.FixedZone("CST", 8*60*60)
	web    = taocan.Tenant{Account: "acme", Project: "web"}
	shop   = taocan.Tenant{Account: "acme", Project: "shop"}
	theirs = taocan.Tenant{Account: "rival", Project: "theirs"}
	staff  = taocan.System()
	buyer  = taocan.Actor{Tenant: web, Token: "tok_web", Scopes: []taocan.Scope{taocan.ScopeRead, taocan.ScopeBuy}}
)

// books is a store with two accounts, and the use cases on it. It begins at noon of 2026-03-01.
type books struct {
	testing.TB
	ctx      context.Context
	clock    *clock.Fake
	store    store.Store
	orders   *order.Orders
	packages *packages.Packages
	engine   *debit.Engine
	*statement.Statements
	drawn int
}

func open(t testing.TB) *books {
	t.Helper()
	b := &books{TB: t, ctx: context.WithoutCancel(t.Context()), clock: clock.NewFake(time.Date(2026, 3, 1, 12, 0, 0, 0, zone))}
	b.store = teststore.Open(t, teststore.Options{Clock: b.clock})
	c := catalog.New(b.store, b.clock, zone, 0)
	b.must(c.Seed(b.ctx))
	b.orders = order.New(order.Config{Store: b.store, Clock: b.clock, Zone: zone, Catalog: c, Random: rand.Reader})
	b.packages = packages.New(b.store, b.clock, zone, rand.Reader)
	b.Statements = statement.New(b.store, b.clock, zone)
	b.engine = debit.New(debit.Config{Store: b.store, Clock: b.clock})
	b.engine.Start(b.ctx)
	t.Cleanup(func() {
		b.must(b.engine.Stop(b.ctx))
		report, err := store.Verify(b.ctx, b.store, store.VerifyOptions{})
		if err != nil || len(report.Findings) > 0 {
			t.Errorf("verify found %v, error %v", report.Findings, err)
		}
	})
	made := map[taocan.AccountID]bool{}
	b.must(b.store.Update(b.ctx, "", func(tx store.Tx) error {
		for _, x := range []taocan.Tenant{web, shop, theirs} {
			if !made[x.Account] {
				made[x.Account] = true
				if err := tx.InsertAccount(b.ctx, taocan.Account{ID: x.Account, Name: string(x.Account), Level: taocan.Enterprise, CreatedAt: tx.Now()}); err != nil {
					return err
				}
			}
			if err := tx.InsertProject(b.ctx, taocan.Project{ID: x.Project, Account: x.Account, Name: string(x.Project), CreatedAt: tx.Now()}); err != nil {
				return err
			}
		}
		return nil
	}))
	return b
}

func (b *books) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// key is one that nobody has used.
func (b *books) key() string {
	b.drawn++
	return "key-" + strconv.Itoa(b.drawn)
}

func (b *books) day(month time.Month, day int) {
	b.Helper()
	to := time.Date(2026, month, day, 12, 0, 0, 0, zone)
	for d := to.Sub(b.clock.Now()); d > 0; d = to.Sub(b.clock.Now()) {
		b.clock.Advance(d)
	}
}

func (b *books) money(kind taocan.WalletEntryKind, amount taocan.Fen) {
	b.Helper()
	c := order.WalletChange{Key: b.key(), ContentHash: make([]byte, 32), Amount: amount, Reference: b.key(), Reason: "test"}
	var err error
	switch kind {
	case taocan.WalletTopUp:
		_, _, err = b.orders.TopUp(b.ctx, staff, "acme", c)
	case taocan.WalletGift:
		_, _, err = b.orders.Gift(b.ctx, staff, "acme", c)
	case taocan.WalletCreditLimit:
		_, _, err = b.orders.SetCreditLimit(b.ctx, staff, "acme", c)
	case taocan.WalletAdjust:
		_, _, err = b.orders.AdjustWallet(b.ctx, staff, "acme", c)
	}
	b.must(err)
}

// buy a custom package of web.
func (b *books) buy(p taocan.Purpose, quantity taocan.Segments) taocan.Order {
	b.Helper()
	o, _, err := b.orders.Create(b.ctx, buyer, b.key(), []byte("content"), taocan.Purchase{Kind: taocan.Custom, Category: taocan.Domestic, Purpose: p, Quantity: quantity}, "sample-1")
	b.must(err)
	o, _, err = b.orders.Pay(b.ctx, buyer, b.key(), []byte("content"), o.ID, "")
	b.must(err)
	return o
}

func (b *books) grant(t taocan.Tenant, quantity taocan.Segments, months int) taocan.PackageNumber {
	b.Helper()
	p, _, err := b.packages.Grant(b.ctx, staff, t, b.key(), []byte("content"), packages.GrantRequest{Category: taocan.Domestic, Purpose: taocan.Verification,
		Quantity: quantity, ValidityMonths: months, Reason: "test"})
	b.must(err)
	return p.Number
}

func (b *books) adjust(n taocan.PackageNumber, delta taocan.Segments) {
	b.Helper()
	_, _, err := b.packages.Adjust(b.ctx, staff, n, b.key(), []byte("content"), delta, "test")
	b.must(err)
}

func (b *books) do(op store.Op) {
	b.Helper()
	got, err := b.engine.Do(b.ctx, []store.Op{op})
	b.must(err)
	b.must(got[0].Err)
}

func (b *books) debit(t taocan.Tenant, p taocan.Purpose, quantity taocan.Segments) {
	b.Helper()
	id := taocan.DebitID(b.key())
	b.do(store.Op{Tenant: t, Kind: store.OpTake, ID: id, Request: taocan.DebitRequest{ID: id, Kind: taocan.KindDebit, Category: taocan.Domestic,
		Purpose: p, Quantity: quantity}})
}

func (b *books) reserve(t taocan.Tenant, id taocan.DebitID, p taocan.Purpose, quantity taocan.Segments) {
	b.Helper()
	b.do(store.Op{Tenant: t, Kind: store.OpTake, ID: id, Request: taocan.DebitRequest{ID: id, Kind: taocan.KindReservation, Category: taocan.Domestic,
		Purpose: p, Quantity: quantity, TTL: taocan.MaxTTL, OnDeadline: taocan.ReleaseOnDeadline}})
}

func (b *books) settle(t taocan.Tenant, id taocan.DebitID, kind store.OpKind, quantity taocan.Segments) {
	b.Helper()
	b.do(store.Op{Tenant: t, Kind: kind, ID: id, Quantity: quantity})
}

// bring imports one package of 100 with some left, as of a snapshot.
func (b *books) bring(number string, left int, expires string, snapshot time.Time) {
	b.Helper()
	file := "套餐包编号,套餐包名称,短信用途,短信总量(条),短信剩余量(条),到期时间,状态\n" +
		number + ",国内短信包(营销推广),会员营销,100," + strconv.Itoa(left) + "," + expires + ",有效\n"
	report, err := b.packages.Import(b.ctx, staff, web, strings.NewReader(file), packages.ImportOptions{SnapshotAt: snapshot, Format: packages.FormatCSV})
	b.must(err)
	if report.Imported != 1 {
		b.Fatalf("imported %+v", report)
	}
}

func (b *books) project(t taocan.Tenant, month string) statement.Statement {
	b.Helper()
	st, err := b.Project(b.ctx, t, month)
	b.must(err)
	return st
}

func (b *books) account(month string) statement.Statement {
	b.Helper()
	st, err := b.Account(b.ctx, staff, "acme", month)
	b.must(err)
	return st
}

func (b *books) file(st statement.Statement, format export.Format) []byte {
	b.Helper()
	f, err := b.File(st)
	b.must(err)
	var out bytes.Buffer
	b.must(f.Write(&out, format))
	return out.Bytes()
}

func (b *books) extend(n taocan.PackageNumber, on string) {
	b.Helper()
	_, _, err := b.packages.Extend(b.ctx, staff, n, b.key(), []byte("content"), packages.ExtendRequest{ExpiresOn: on, Reason: "test"})
	b.must(err)
}
