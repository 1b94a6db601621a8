package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// start is when the clock of every case begins.
var start = time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)

type testCase struct {
	name string
	run  func(f *fixture)
}

// Run puts a back end to the suite. open opens an empty store and closes it with the test.
func Run(t *testing.T, open func(t *testing.T, c clock.Clock) store.Store) {
	groups := []struct {
		name  string
		cases []testCase
	}{
		{"accounts", accountCases}, {"access", accessCases}, {"catalogue", catalogCases},
		{"orders", orderCases}, {"wallets", walletCases}, {"vouchers", voucherCases},
		{"packages", packageCases}, {"alerts", alertCases}, {"top-ups", topUpCases}, {"notices", noticeCases}, {"metering", meteringCases}, {"lists", listCases}, {"debits", debitCases}, {"archived debits", archivedCases}, {"statements", statementCases}, {"transactions", transactionCases}, {"tenancy", tenancyCases},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, c := range g.cases {
				t.Run(c.name, func(t *testing.T) {
					fake := clock.NewFake(start)
					f := &fixture{T: t, st: open(t, fake), clock: fake}
					c.run(f)
					verify(t, f.st)
				})
			}
		})
	}
}

// fixture is one case's store with what the builders have drawn so far.
type fixture struct {
	*testing.T
	st    store.Store
	clock *clock.Fake
	drawn int // for ids that nobody cares about
}

// try runs a transaction and returns what came of it.
func (f *fixture) try(account taocan.AccountID, fn func(ctx context.Context, tx store.Tx) error) error {
	ctx := f.Context()
	return f.st.Update(ctx, account, func(tx store.Tx) error { return fn(ctx, tx) })
}

// update runs a transaction that has to succeed.
func (f *fixture) update(account taocan.AccountID, fn func(ctx context.Context, tx store.Tx) error) {
	f.Helper()
	if err := f.try(account, fn); err != nil {
		f.Fatalf("Update: %v", err)
	}
}

// refuse runs a transaction that has to fail with that kind of error; nil: with any.
func (f *fixture) refuse(account taocan.AccountID, kind error, fn func(ctx context.Context, tx store.Tx) error) {
	f.Helper()
	err := f.try(account, fn)
	if err == nil || kind != nil && !errors.Is(err, kind) {
		f.Errorf("got error %v, want %v", err, kind)
	}
}

// look reads on a snapshot.
func (f *fixture) look(fn func(ctx context.Context, r store.Reader) error) {
	f.Helper()
	ctx := f.Context()
	if err := f.st.View(ctx, func(r store.Reader) error { return fn(ctx, r) }); err != nil {
		f.Fatalf("View: %v", err)
	}
}

// get reads one thing that is there.
func get[T any](f *fixture, fn func(ctx context.Context, r store.Reader) (T, error)) T {
	f.Helper()
	var v T
	f.look(func(ctx context.Context, r store.Reader) (err error) {
		v, err = fn(ctx, r)
		return err
	})
	return v
}

// absent reads one thing that must not be there.
func absent[T any](f *fixture, what string, fn func(ctx context.Context, r store.Reader) (T, error)) {
	f.Helper()
	ctx := f.Context()
	err := f.st.View(ctx, func(r store.Reader) error {
		v, err := fn(ctx, r)
		if err == nil {
			f.Errorf("%s: got %v, want %v", what, v, taocan.ErrNotFound)
		}
		return err
	})
	if err != nil && !errors.Is(err, taocan.ErrNotFound) {
		f.Errorf("%s: got error %v, want %v", what, err, taocan.ErrNotFound)
	}
}

// same reports what differs. Lists without elements are the same, nil or not.
func same(f *fixture, what string, got, want any) {
	f.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		f.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// all is a page of everything that a case has made.
func all() store.Paging { return store.Paging{Limit: 1000} }
