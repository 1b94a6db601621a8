package monthfile_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"taocan/internal/clock"
	"taocan/internal/debit"
	"taocan/internal/monthfile"
	"taocan/internal/store"
	"taocan/internal/taocan"
	"taocan/internal/teststore"
)

const window = 30 * 24 * time.Hour

var (
	web  = taocan.Tenant{Account: "acme", Project: "web"}
	shop = taocan.Tenant{Account: "acme", Project: "shop"} // may use web's packages
	far  = taocan.Tenant{Account: "rival", Project: "far"}
)

// env is a store with debits of May to September 2026, and a folder for archives.
type env struct {
	*testing.T
	ctx      context.Context
	database *teststore.Database
	clock    *clock.Fake
	store    store.Store
	dir      string
}

func newEnv(t *testing.T) *env {
	t.Helper()
	e := &env{T: t, ctx: context.WithoutCancel(t.Context()), database: teststore.NewDatabase(t),
		clock: clock.NewFake(time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC)), dir: filepath.Join(t.TempDir(), "archive")}
	e.reopen()
	t.Cleanup(func() { e.must(e.store.Close()) })
	for _, a := range [][]taocan.Tenant{{web, shop}, {far}} {
		e.must(e.store.Update(e.ctx, a[0].Account, func(tx store.Tx) error {
			err := tx.InsertAccount(e.ctx, taocan.Account{ID: a[0].Account, Name: "name", Level: taocan.Enterprise, CreatedAt: tx.Now()})
			for _, t := range a {
				err = errors.Join(err, tx.InsertProject(e.ctx, taocan.Project{Account: t.Account, ID: t.Project, Name: "name", CreatedAt: tx.Now()}))
			}
			p := taocan.Package{Tenant: a[0], Number: taocan.PackageNumber("U1A2605011200" + map[taocan.AccountID]string{"acme": "001", "rival": "002"}[a[0].Account]), Name: "name",
				Category: taocan.Domestic, Purpose: taocan.Verification, ChargeOn: taocan.ChargeOnSubmit, Total: 1_000_000, Remaining: 1_000_000,
				PurchasedAt: tx.Now(), ExistsFrom: tx.Now(), ExpiresAt: tx.Now().AddDate(2, 0, 0)}
			return errors.Join(err, tx.InsertPackage(e.ctx, p, taocan.EntryGrant, "grant"))
		}))
	}
	e.must(e.store.Update(e.ctx, web.Account, func(tx store.Tx) error {
		_, err := tx.AppendWallet(e.ctx, taocan.WalletEntry{Account: web.Account, Kind: taocan.WalletTopUp, Cash: 100_000, Reference: "bank"})
		return errors.Join(err, tx.ReplacePoolShares(e.ctx, shop, []taocan.ProjectID{web.Project}),
			tx.ReplaceOverflows(e.ctx, web, []taocan.Overflow{{Tenant: web, Category: taocan.Domestic, Cap: 10_000, UpdatedAt: tx.Now()}}))
	}))
	e.must(e.store.Update(e.ctx, "", func(tx store.Tx) error {
		return tx.InsertOverflowPrice(e.ctx, taocan.OverflowPrice{Category: taocan.Domestic, Purpose: taocan.Marketing, ValidFrom: tx.Now(), Price: 445, PublishedAt: tx.Now()})
	}))
	for month := range 5 {
		e.debits(month)
		e.clock.Set(time.Date(2026, time.Month(6+month), 3, 12, 0, 0, 0, time.UTC))
	}
	return e
}

func (e *env) must(err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}

// reopen opens the store, as a process that starts anew.
func (e *env) reopen() {
	if e.store != nil {
		e.must(e.store.Close())
	}
	e.store = e.database.Open(teststore.Options{Clock: e.clock})
}

// debits takes some of everything.
func (e *env) debits(month int) {
	e.Helper()
	for n := range 3 {
		for _, t := range []taocan.Tenant{web, shop, far} {
			e.take(t, taocan.KindDebit, fmt.Sprintf("m-%d-%d", month, n), taocan.Segments(n+1))
		}
	}
	e.overflow(fmt.Sprintf("o-%d", month), 7)
	e.take(web, taocan.KindReservation, fmt.Sprintf("r-%d", month), 10)
	e.do(store.Op{Tenant: web, Kind: store.OpCommit, ID: taocan.DebitID(fmt.Sprintf("r-%d", month)), Quantity: 4})
}

// overflow takes marketing messages, of which there is no package: the wallet pays.
func (e *env) overflow(id string, q taocan.Segments) {
	e.Helper()
	e.do(store.Op{Tenant: web, Kind: store.OpTake, ID: taocan.DebitID(id), Request: taocan.DebitRequest{ID: taocan.DebitID(id), Kind: taocan.KindDebit,
		Category: taocan.Domestic, Purpose: taocan.Marketing, Quantity: q}})
}

func (e *env) take(t taocan.Tenant, kind taocan.DebitKind, id string, q taocan.Segments) {
	e.Helper()
	r := taocan.DebitRequest{ID: taocan.DebitID(id), Kind: kind, Category: taocan.Domestic, Purpose: taocan.Verification, Quantity: q, Reference: "<" + id + ">"}
	if kind == taocan.KindReservation {
		r.TTL, r.OnDeadline = time.Hour, taocan.ReleaseOnDeadline
	}
	e.do(store.Op{Tenant: t, Kind: store.OpTake, ID: r.ID, Request: r})
}

func (e *env) do(op store.Op) {
	e.Helper()
	e.clock.Advance(time.Second)
	outcomes, err := e.store.CommitDebits(e.ctx, []store.Op{op}, debit.Decide)
	if err == nil {
		err = outcomes[0].Err
	}
	e.must(err)
}

// archive archives into the folder, by way of another store where one is given.
func (e *env) archive(before string, through ...store.Store) (months []monthfile.Month, err error) {
	st := e.store
	if len(through) > 0 {
		st = through[0]
	}
	err = monthfile.Archive(e.ctx, st, monthfile.Options{Dir: e.dir, Before: before, Now: e.clock.Now(), Window: window, Done: func(m monthfile.Month) { months = append(months, m) }})
	return months, err
}

// findings of verify, with the files or without.
func (e *env) findings(files bool) string {
	e.Helper()
	o := store.VerifyOptions{}
	if files {
		dir := monthfile.NewDir(e.dir)
		defer dir.Close()
		o.Archive = dir
	}
	r, err := store.Verify(e.ctx, e.store, o)
	if err != nil {
		return err.Error()
	}
	var all []string
	for _, f := range r.Findings {
		all = append(all, f.String())
	}
	return strings.Join(all, "\n")
}

// proves puts verify to what must prove.
func (e *env) proves(when string) {
	e.Helper()
	for _, files := range []bool{false, true} {
		if found := e.findings(files); found != "" {
			e.Errorf("%s, files %t: %s", when, files, found)
		}
	}
}

func (e *env) names() (names []string) {
	e.Helper()
	all, err := os.ReadDir(e.dir)
	e.must(err)
	for _, f := range all {
		names = append(names, f.Name())
	}
	return names
}
