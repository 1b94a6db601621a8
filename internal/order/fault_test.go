package order

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

var errFault = errors.New("the disk is gone")

// faulty fails the n-th write of a transaction, before (before) or after the store has done it. The commit is
// the last write.
type faulty struct {
	store.Store
	n      int
	before bool
	writes []string
}

func (f *faulty) Update(ctx context.Context, a taocan.AccountID, fn func(store.Tx) error) error {
	return f.Store.Update(ctx, a, func(tx store.Tx) error {
		f.writes = nil
		if err := fn(faultyTx{tx, f}); err != nil {
			return err
		}
		return f.write("commit", func() error { return nil })
	})
}

func (f *faulty) write(name string, do func() error) error {
	f.writes = append(f.writes, name)
	hit := len(f.writes) == f.n
	if hit && f.before {
		return fmt.Errorf("%s: %w", name, errFault)
	}
	if err := do(); err != nil || !hit {
		return err
	}
	return fmt.Errorf("%s: %w", name, errFault)
}

// faultyTx covers every write of the ledger and of keys.
type faultyTx struct {
	store.Tx
	f *faulty
}

func (x faultyTx) InsertOrder(ctx context.Context, o taocan.Order) error {
	return x.f.write("InsertOrder", func() error { return x.Tx.InsertOrder(ctx, o) })
}
func (x faultyTx) SettleOrder(ctx context.Context, t taocan.Tenant, id taocan.OrderID, state taocan.OrderState, at time.Time) error {
	return x.f.write("SettleOrder", func() error { return x.Tx.SettleOrder(ctx, t, id, state, at) })
}
func (x faultyTx) InsertPayment(ctx context.Context, p taocan.Payment) error {
	return x.f.write("InsertPayment", func() error { return x.Tx.InsertPayment(ctx, p) })
}
func (x faultyTx) InsertIdempotencyKey(ctx context.Context, k store.IdempotencyKey) error {
	return x.f.write("InsertIdempotencyKey", func() error { return x.Tx.InsertIdempotencyKey(ctx, k) })
}
func (x faultyTx) AppendWallet(ctx context.Context, e taocan.WalletEntry) (after taocan.WalletEntry, err error) {
	err = x.f.write("AppendWallet", func() (err error) { after, err = x.Tx.AppendWallet(ctx, e); return err })
	return after, err
}
func (x faultyTx) UseVoucher(ctx context.Context, a taocan.AccountID, id taocan.VoucherID, o taocan.Order, at time.Time) error {
	return x.f.write("UseVoucher", func() error { return x.Tx.UseVoucher(ctx, a, id, o, at) })
}
func (x faultyTx) InsertPackage(ctx context.Context, p taocan.Package, kind taocan.EntryKind, reference string) error {
	return x.f.write("InsertPackage", func() error { return x.Tx.InsertPackage(ctx, p, kind, reference) })
}
func (x faultyTx) InsertAudit(ctx context.Context, e taocan.AuditEntry) error {
	return x.f.write("InsertAudit", func() error { return x.Tx.InsertAudit(ctx, e) })
}
func (x faultyTx) AssignVoucher(ctx context.Context, hash []byte, a taocan.AccountID, at time.Time) error {
	return x.f.write("AssignVoucher", func() error { return x.Tx.AssignVoucher(ctx, hash, a, at) })
}

// failEverywhere lets every write of call fail in turn, each once before and once after the store did it, until
// the call succeeds, and holds that nothing is left behind.
func failEverywhere(t *testing.T, s *shop, keys []string, wantWrites []string, call func(*Orders) error) {
	t.Helper()
	before := s.state(keys...)
	for _, early := range []bool{true, false} {
		for n := 1; n <= len(wantWrites); n++ {
			f := &faulty{Store: s.store, n: n, before: early}
			err := call(s.on(f, rand.Reader))
			if !errors.Is(err, errFault) {
				t.Fatalf("write %d: got %v, want the fault", n, err)
			}
			if diff := cmp.Diff(before, s.state(keys...)); diff != "" {
				t.Fatalf("a failure at %s left something behind (-before +after):\n%s", f.writes[n-1], diff)
			}
		}
	}
	f := &faulty{Store: s.store}
	must(t, call(s.on(f, rand.Reader)))
	if !slices.Equal(f.writes, wantWrites) {
		t.Errorf("writes %v, want %v: does the fault reach them all?", f.writes, wantWrites)
	}
}

func TestAPaymentThatFailsMidwayLeavesNothingBehind(t *testing.T) {
	s := open(t)
	s.fund(30_00, 300_00, 1000_00)
	v := s.voucher(VoucherIssue{Amount: 5_00})
	ord := s.order(taocan.Purchase{Kind: taocan.Fixed, Product: "verification-5k", Count: 3})
	failEverywhere(t, s, []string{"p"},
		[]string{"UseVoucher", "InsertPayment", "AppendWallet", "SettleOrder", "InsertPackage", "InsertPackage", "InsertPackage", "InsertIdempotencyKey", "commit"},
		func(o *Orders) error {
			_, _, err := o.Pay(s.ctx, token, "p", content("payment", ord.ID), ord.ID, v.ID)
			return err
		})
	x := s.state()
	if len(x.Packages) != 3 || x.Vouchers[0].UsedBy != ord.ID || x.Wallet.CreditUsed != 750_00-5_00-30_00-300_00 {
		t.Errorf("after success: %d packages, voucher %+v, wallet %+v", len(x.Packages), x.Vouchers[0], x.Wallet)
	}
}

func TestAnOrderThatFailsMidwayLeavesNothingBehind(t *testing.T) {
	s := open(t)
	failEverywhere(t, s, []string{"k"}, []string{"InsertOrder", "InsertIdempotencyKey", "commit"}, func(o *Orders) error {
		_, _, err := o.Create(s.ctx, token, "k", content("x"), thousand, accepted)
		return err
	})
}

func TestAWalletChangeThatFailsMidwayLeavesNothingBehind(t *testing.T) {
	s := open(t)
	failEverywhere(t, s, nil, []string{"AppendWallet", "InsertIdempotencyKey", "InsertAudit", "commit"}, func(o *Orders) error {
		_, _, err := o.TopUp(s.ctx, staff, "acme", WalletChange{Key: "k", ContentHash: content("x"), Amount: 1, Reference: "r"})
		return err
	})
}

func TestACloseThatFailsIsDoneByTheNextSweep(t *testing.T) {
	s := open(t)
	for range 3 {
		s.order(thousand)
	}
	s.clock.Advance(25 * time.Hour)
	f := &faulty{Store: s.store, n: 1, before: true}
	if n, err := s.on(f, rand.Reader).CloseUnpaid(s.ctx); n != 0 || !errors.Is(err, errFault) {
		t.Errorf("closed %d, %v", n, err)
	}
	if n, err := s.CloseUnpaid(s.ctx); n != 3 || err != nil {
		t.Errorf("closed %d, %v", n, err)
	}
}
