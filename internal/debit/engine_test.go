package debit_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"taocan/internal/clock"
	"taocan/internal/debit"
	"taocan/internal/store"
	"taocan/internal/taocan"
	"taocan/internal/teststore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, teststore.Background()...) }

var (
	owner = taocan.Tenant{Account: "acme", Project: "web"}
	begin = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
)

// bench is a store and an engine on it, both of which can be closed and opened again.
type bench struct {
	t      testing.TB
	data   *teststore.Database
	clock  *clock.Fake
	store  store.Store
	engine *debit.Engine
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t, data: teststore.NewDatabase(t), clock: clock.NewFake(begin)}
	b.open()
	t.Cleanup(b.close)
	err := b.store.Update(t.Context(), "", func(tx store.Tx) error {
		for _, o := range []taocan.Tenant{owner, {Account: "other", Project: "other"}} {
			if err := tx.InsertAccount(t.Context(), taocan.Account{ID: o.Account, Name: "n", Level: taocan.Enterprise, CreatedAt: begin}); err != nil {
				return err
			}
			if err := tx.InsertProject(t.Context(), taocan.Project{ID: o.Project, Account: o.Account, Name: "n", CreatedAt: begin}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("set up: %v", err)
	}
	return b
}

func (b *bench) open() {
	b.t.Helper()
	b.store = b.data.Open(teststore.Options{Clock: b.clock})
	// Tests sweep by hand, so that nothing happens at a time of its own.
	b.engine = debit.New(debit.Config{Store: b.store, Clock: b.clock, SweepEvery: time.Hour})
	b.engine.Start(context.Background())
}

func (b *bench) close() {
	if err := errors.Join(b.engine.Stop(context.Background()), b.store.Close()); err != nil {
		b.t.Errorf("close: %v", err)
	}
}

func (b *bench) restart() {
	b.t.Helper()
	b.close()
	b.open()
}

func (b *bench) grant(p taocan.Package) {
	b.t.Helper()
	err := b.store.Update(b.t.Context(), p.Account, func(tx store.Tx) error {
		p.PurchasedAt, p.ExistsFrom = tx.Now(), tx.Now()
		return tx.InsertPackage(b.t.Context(), p, taocan.EntryGrant, "")
	})
	if err != nil {
		b.t.Fatalf("grant %s: %v", p.Number, err)
	}
}

func (b *bench) do(ops ...store.Op) []store.Outcome {
	b.t.Helper()
	outcomes, err := b.engine.Do(context.Background(), ops)
	if err != nil {
		b.t.Fatalf("do: %v", err)
	}
	return outcomes
}

func (b *bench) one(op store.Op) store.Outcome { b.t.Helper(); return b.do(op)[0] }

func (b *bench) pkg(n taocan.PackageNumber) (p taocan.Package) {
	b.t.Helper()
	err := b.store.View(context.Background(), func(r store.Reader) (err error) {
		p, err = r.Package(context.Background(), owner, n)
		return err
	})
	if err != nil {
		b.t.Fatalf("package %s: %v", n, err)
	}
	return p
}

// verify proves the store: every test here ends with it.
func (b *bench) verify() {
	b.t.Helper()
	report, err := store.Verify(context.Background(), b.store, store.VerifyOptions{})
	if err != nil {
		b.t.Fatalf("verify: %v", err)
	}
	for _, f := range report.Findings {
		b.t.Errorf("verify: %s", f)
	}
}

func domestic(n int, purpose taocan.Purpose, total taocan.Segments, expires time.Time) taocan.Package {
	letter := map[taocan.Purpose]string{taocan.Verification: "A", taocan.Marketing: "B", taocan.General: "G"}[purpose]
	return taocan.Package{Tenant: owner, Number: taocan.PackageNumber(fmt.Sprintf("U1%s26030100%05X", letter, n)), Name: "test",
		Category: taocan.Domestic, Purpose: purpose, ChargeOn: taocan.ChargeOnSubmit, Total: total, Remaining: total, ExpiresAt: expires}
}

func take(id string, purpose taocan.Purpose, q taocan.Segments) store.Op {
	return store.Op{Tenant: owner, Kind: store.OpTake, Request: taocan.DebitRequest{ID: taocan.DebitID(id), Kind: taocan.KindDebit,
		Category: taocan.Domestic, Purpose: purpose, Quantity: q}}
}

func reserve(id string, purpose taocan.Purpose, q taocan.Segments, ttl time.Duration) store.Op {
	op := take(id, purpose, q)
	op.Request.Kind, op.Request.TTL = taocan.KindReservation, ttl
	return op
}

func settle(kind store.OpKind, id string, q taocan.Segments) store.Op {
	return store.Op{Tenant: owner, Kind: kind, ID: taocan.DebitID(id), Quantity: q}
}

func allocations(o store.Outcome) string {
	if o.Err != nil {
		return o.Err.Error()
	}
	s := ""
	for _, a := range o.Debit.Allocations {
		s += fmt.Sprintf("%s:%d ", a.Package[len(a.Package)-1:], a.Quantity)
	}
	return s
}

func TestOrderOfUse(t *testing.T) {
	b := newBench(t)
	soon, late := begin.AddDate(0, 1, 0), begin.AddDate(1, 0, 0)
	b.grant(domestic(1, taocan.Marketing, 10, late))
	b.grant(domestic(2, taocan.General, 10, soon))
	b.grant(domestic(3, taocan.Marketing, 10, soon))
	b.grant(domestic(4, taocan.Verification, 10, soon))
	for _, c := range []struct {
		id      string
		purpose taocan.Purpose
		q       taocan.Segments
		want    string
	}{
		{"exact purpose, soonest expiry", taocan.Marketing, 4, "3:4 "},
		{"split over packages, general last", taocan.Marketing, 20, "3:6 1:10 2:4 "},
		{"verification never pays for marketing", taocan.Marketing, 7, "7 requested, 6 available"},
		{"general takes general only", taocan.General, 6, "2:6 "},
		{"verification", taocan.Verification, 10, "4:10 "},
	} {
		id := fmt.Sprintf("m-%d", len(c.id))
		if got := allocations(b.one(take(id, c.purpose, c.q))); got != c.want {
			t.Errorf("%s: %q, want %q", c.id, got, c.want)
		}
	}
	b.verify()
}

func TestReplayAndConflict(t *testing.T) {
	b := newBench(t)
	b.grant(domestic(1, taocan.Marketing, 10, begin.AddDate(1, 0, 0)))
	first := b.one(take("m-1", taocan.Marketing, 3))
	refused := b.one(take("m-2", taocan.Marketing, 8))
	if !errors.Is(refused.Err, taocan.ErrInsufficientQuota) {
		t.Fatalf("8 of 7: %v", refused.Err)
	}
	for range 2 { // also from the log, after a restart
		again := b.one(take("m-1", taocan.Marketing, 3))
		if again.Err != nil || !again.Replayed || allocations(again) != allocations(first) || !again.Debit.At.Equal(first.Debit.At) {
			t.Errorf("replay: %+v", again)
		}
		if o := b.one(take("m-1", taocan.Marketing, 4)); !errors.Is(o.Err, taocan.ErrConflict) {
			t.Errorf("same id, other quantity: %v", o.Err)
		}
		if o := b.one(reserve("m-1", taocan.Marketing, 3, time.Minute)); !errors.Is(o.Err, taocan.ErrConflict) {
			t.Errorf("a reservation under a debit's id: %v", o.Err)
		}
		b.restart()
	}
	both := b.do(take("m-3", taocan.Marketing, 2), take("m-3", taocan.Marketing, 2), take("m-2", taocan.Marketing, 5))
	if both[0].Err != nil || both[0].Replayed || !both[1].Replayed || both[2].Err != nil {
		t.Errorf("the same id twice in a batch, and a refused id tried again: %+v", both)
	}
	if p := b.pkg("U1B2603010000001"); p.Remaining != 0 || p.Used != 10 {
		t.Errorf("remaining %d, used %d, want 0 and 10", p.Remaining, p.Used)
	}
	b.verify()
}

func TestReservations(t *testing.T) {
	b := newBench(t)
	n := taocan.PackageNumber("U1B2603010000001")
	b.grant(domestic(1, taocan.Marketing, 10, begin.AddDate(0, 0, 1)))
	figures := func(remaining, reserved, used taocan.Segments) {
		t.Helper()
		if p := b.pkg(n); p.Remaining != remaining || p.Reserved != reserved || p.Used != used {
			t.Fatalf("remaining %d, reserved %d, used %d; want %d, %d, %d", p.Remaining, p.Reserved, p.Used, remaining, reserved, used)
		}
	}
	state := func(o store.Outcome, want taocan.DebitState) {
		t.Helper()
		if o.Err != nil || o.Debit.State != want {
			t.Fatalf("%+v, want %s", o, want)
		}
	}
	state(b.one(reserve("r-1", taocan.Marketing, 4, time.Hour)), taocan.Reserved)
	figures(6, 4, 0)
	state(b.one(settle(store.OpCommit, "r-1", 3)), taocan.Committed)
	figures(7, 0, 3)
	if o := b.one(settle(store.OpCommit, "r-1", 3)); o.Err != nil || !o.Replayed {
		t.Errorf("commit again: %+v", o)
	}
	for _, q := range []taocan.Segments{0, 2, 5} {
		if o := b.one(settle(store.OpCommit, "r-1", q)); !errors.Is(o.Err, taocan.ErrConflict) {
			t.Errorf("commit again with %d: %v", q, o.Err)
		}
	}
	if o := b.one(settle(store.OpRelease, "r-1", 0)); !errors.Is(o.Err, taocan.ErrState) {
		t.Errorf("release after commit: %v", o.Err)
	}
	state(b.one(reserve("r-2", taocan.Marketing, 2, time.Hour)), taocan.Reserved)
	if o := b.one(settle(store.OpCommit, "r-2", 3)); !errors.Is(o.Err, taocan.ErrInvalid) {
		t.Errorf("commit of more than is reserved: %v", o.Err)
	}
	state(b.one(settle(store.OpRelease, "r-2", 0)), taocan.Released)
	state(b.one(settle(store.OpRelease, "r-2", 0)), taocan.Released)
	if o := b.one(settle(store.OpCommit, "r-2", 0)); !errors.Is(o.Err, taocan.ErrState) {
		t.Errorf("commit after release: %v", o.Err)
	}
	if o := b.one(reserve("r-2", taocan.Marketing, 2, time.Hour)); !o.Replayed || o.Debit.State != taocan.Released {
		t.Errorf("a replayed reserve answers the current state: %+v", o)
	}

	// Deadlines: refused past it, swept or not; released or committed as told.
	state(b.one(reserve("r-3", taocan.Marketing, 2, time.Minute)), taocan.Reserved)
	keep := reserve("r-4", taocan.Marketing, 1, time.Minute)
	keep.Request.OnDeadline = taocan.CommitOnDeadline
	state(b.one(keep), taocan.Reserved)
	b.clock.Advance(time.Minute + time.Millisecond) // commits under a clock that stands still are microseconds later
	if o := b.one(settle(store.OpCommit, "r-3", 0)); !errors.Is(o.Err, taocan.ErrState) {
		t.Errorf("commit past the deadline, not swept: %v", o.Err)
	}
	figures(4, 3, 3)
	b.restart()
	if n, err := b.engine.Sweep(t.Context()); n != 2 || err != nil {
		t.Errorf("swept %d, %v; want 2", n, err)
	}
	figures(6, 0, 4)
	if o := b.one(settle(store.OpCommit, "r-3", 0)); !errors.Is(o.Err, taocan.ErrState) {
		t.Errorf("commit past the deadline, swept: %v", o.Err)
	}

	// What returns to a package that has meanwhile expired stays unusable.
	state(b.one(reserve("r-5", taocan.Marketing, 5, 48*time.Hour)), taocan.Reserved)
	b.clock.Advance(25 * time.Hour)
	state(b.one(settle(store.OpCommit, "r-5", 2)), taocan.Committed)
	figures(4, 0, 6)
	if o := b.one(take("m-late", taocan.Marketing, 1)); !errors.Is(o.Err, taocan.ErrInsufficientQuota) {
		t.Errorf("debit from an expired package: %v", o.Err)
	}
	b.verify()
}

func TestAPackageStopsPayingAtItsExpiryInstant(t *testing.T) {
	b := newBench(t)
	b.grant(domestic(1, taocan.Marketing, 10, begin.Add(time.Hour)))
	b.clock.Advance(time.Hour - time.Millisecond)
	if o := b.one(take("m-1", taocan.Marketing, 1)); o.Err != nil {
		t.Errorf("a millisecond before: %v", o.Err)
	}
	b.clock.Advance(time.Millisecond)
	if o := b.one(take("m-2", taocan.Marketing, 1)); !errors.Is(o.Err, taocan.ErrInsufficientQuota) {
		t.Errorf("at the instant: %v", o.Err)
	}
	// A clock set back revives nothing: time goes on from the last commit.
	b.grant(domestic(2, taocan.General, 2, begin.AddDate(1, 0, 0)))
	b.clock.Jump(-time.Hour)
	if got := allocations(b.one(take("m-3", taocan.Marketing, 1))); got != "2:1 " {
		t.Errorf("after the clock was set back: %q, want the package that had not expired", got)
	}
	b.restart()
	if got := allocations(b.one(take("m-4", taocan.Marketing, 1))); got != "2:1 " {
		t.Errorf("and after a restart: %q", got)
	}
	b.verify()
}

// A reservation outlives the time that ids are remembered: its deadline passed while the server was down.
func TestAnOldReservationIsStillSettled(t *testing.T) {
	b := newBench(t)
	b.grant(domestic(1, taocan.Marketing, 10, begin.AddDate(1, 0, 0)))
	for _, id := range []string{"r-1", "r-2"} {
		if o := b.one(reserve(id, taocan.Marketing, 4, taocan.MaxTTL)); o.Err != nil {
			t.Fatal(o.Err)
		}
	}
	b.clock.Advance(taocan.MaxTTL - time.Minute)
	b.restart()
	if o := b.one(settle(store.OpCommit, "r-1", 3)); o.Err != nil {
		t.Errorf("commit a minute before the deadline: %v", o.Err)
	}
	b.clock.Advance(10 * time.Minute)
	b.restart()
	if o := b.one(settle(store.OpCommit, "r-1", 3)); o.Err != nil || !o.Replayed {
		t.Errorf("the commit's retry, after the reservation's age passed the window: %+v", o)
	}
	if o := b.one(reserve("r-2", taocan.Marketing, 4, taocan.MaxTTL)); !o.Replayed {
		t.Errorf("reserving again under the id of an open reservation: %+v, want a replay", o)
	}
	if n, err := b.engine.Sweep(t.Context()); n != 1 || err != nil {
		t.Errorf("swept %d, %v; want 1", n, err)
	}
	if p := b.pkg("U1B2603010000001"); p.Remaining != 7 || p.Reserved != 0 || p.Used != 3 {
		t.Errorf("remaining %d, reserved %d, used %d; want 7, 0, 3", p.Remaining, p.Reserved, p.Used)
	}
	b.verify()
}

// An id that was a reservation's, is forgotten, and is used again, for a debit, is remembered as that.
func TestAnIDUsedAgainAfterItWasForgottenIsRemembered(t *testing.T) {
	b := newBench(t)
	p := domestic(1, taocan.Marketing, 100, begin.AddDate(1, 0, 0))
	b.grant(p)
	for _, op := range []store.Op{reserve("x", taocan.Marketing, 10, time.Hour), settle(store.OpCommit, "x", 10)} {
		if o := b.one(op); o.Err != nil {
			t.Fatal(o.Err)
		}
	}
	for range 4 { // days; ids of the 5th day are remembered on the 31st, and the index holds these days together
		b.clock.Advance(24 * time.Hour)
		b.one(take("other", taocan.Marketing, 1))
	}
	b.clock.Advance(27 * 24 * time.Hour)
	for i := range 3 {
		o := b.one(take("x", taocan.Marketing, 5))
		if o.Err != nil || o.Replayed != (i > 0) || o.Debit.Kind != taocan.KindDebit {
			t.Errorf("call %d: %+v, replayed %v, %v", i, o.Debit, o.Replayed, o.Err)
		}
	}
	if got := b.pkg(p.Number).Remaining; got != 100-10-1-5 {
		t.Errorf("%d are left, want 84", got)
	}
	b.verify()
}

// Packages of other times do not crowd those out that paid.
func TestExplainOfAProjectWithHistory(t *testing.T) {
	b := newBench(t)
	err := b.store.Update(t.Context(), owner.Account, func(tx store.Tx) error {
		for i := range 600 {
			p := domestic(i+1, taocan.Marketing, 5, tx.Now().Add(time.Hour))
			p.PurchasedAt, p.ExistsFrom = tx.Now(), tx.Now()
			if err := tx.InsertPackage(t.Context(), p, taocan.EntryGrant, ""); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b.clock.Advance(2 * time.Hour)
	b.grant(domestic(0xF001, taocan.Marketing, 10, begin.AddDate(1, 0, 0)))
	b.grant(domestic(0xF002, taocan.Verification, 10, begin.AddDate(1, 0, 0)))
	b.one(take("m-1", taocan.Marketing, 3))
	b.clock.Advance(time.Hour)
	err = b.store.Update(t.Context(), owner.Account, func(tx store.Tx) error { // as of before the debit, but made after it
		p := domestic(0xF003, taocan.Marketing, 10, begin.AddDate(0, 1, 0))
		p.PurchasedAt, p.ExistsFrom = begin, begin
		return tx.InsertPackage(t.Context(), p, taocan.EntryImport, "")
	})
	if err != nil {
		t.Fatal(err)
	}
	x, err := b.engine.Explain(t.Context(), owner, "m-1")
	if err != nil {
		t.Fatal(err)
	}
	verdicts := map[debit.Verdict]int{}
	for _, c := range x.Considered {
		verdicts[c.Verdict]++
	}
	if x.Considered[0].Verdict != debit.Used || x.Considered[0].Package.Number != "U1B260301000F001" || verdicts[debit.Used] != 1 ||
		verdicts[debit.OtherPurpose] != 1 || verdicts[debit.NotNeeded] != 0 || verdicts[debit.ExpiredThen] == 0 {
		t.Errorf("first %+v, verdicts %v", x.Considered[0], verdicts)
	}
	b.verify()
}

func TestAClockJumpForwardStopsDebitsUntilConfirmed(t *testing.T) {
	b := newBench(t)
	b.grant(domestic(1, taocan.Marketing, 10, begin.AddDate(0, 1, 0)))
	b.clock.Advance(48 * time.Hour) // time that really passed is no jump
	if o := b.one(take("m-1", taocan.Marketing, 1)); o.Err != nil {
		t.Fatalf("after two days: %v", o.Err)
	}
	b.clock.Jump(90 * 24 * time.Hour)
	if _, err := b.engine.Do(t.Context(), []store.Op{take("m-2", taocan.Marketing, 1)}); !errors.Is(err, taocan.ErrUnavailable) {
		t.Errorf("after the jump: %v, want unavailable", err)
	}
	if b.engine.Ready() == nil {
		t.Error("ready after the jump")
	}
	// No other writer of the ledger may take the wrong time either: the next debit would have to follow it.
	err := b.store.Update(t.Context(), owner.Account, func(tx store.Tx) error {
		return tx.AdjustPackage(t.Context(), owner, "U1B2603010000001", 1, "test")
	})
	if !errors.Is(err, taocan.ErrUnavailable) {
		t.Errorf("adjust after the jump: %v, want unavailable", err)
	}
	b.clock.Jump(-90 * 24 * time.Hour)
	if o := b.one(take("m-2", taocan.Marketing, 1)); o.Err != nil {
		t.Errorf("after the clock was put right: %v", o.Err)
	}
	b.clock.Jump(2 * time.Hour)
	b.engine.ConfirmClock()
	if o := b.one(take("m-3", taocan.Marketing, 1)); o.Err != nil {
		t.Errorf("after the operator confirmed it: %v", o.Err)
	}
	b.verify()
}

func TestDryRunAndRefusalLeaveNoTrace(t *testing.T) {
	b := newBench(t)
	b.grant(domestic(1, taocan.Marketing, 10, begin.AddDate(0, 1, 0)))
	op := take("m-1", taocan.Marketing, 3)
	op.DryRun = true
	if o := b.one(op); o.Err != nil || o.Debit.State != taocan.DryRun || allocations(o) != "1:3 " {
		t.Errorf("dry run: %+v", o)
	}
	op.Request.Quantity = 11
	if o := b.one(op); !errors.Is(o.Err, taocan.ErrInsufficientQuota) {
		t.Errorf("dry run of too much: %v", o.Err)
	}
	if _, err := b.engine.Debit(t.Context(), owner, "m-1"); !errors.Is(err, taocan.ErrNotFound) {
		t.Errorf("debit after a dry run: %v", err)
	}
	if o := b.one(take("m-1", taocan.Marketing, 5)); o.Err != nil || o.Replayed {
		t.Errorf("the id is free: %+v", o)
	}
	b.verify()
}

// 10,000 concurrent single debits against 5,000 messages in 7 packages: exactly 5,000 are granted, in the order of use.
func TestConcurrentDebitsNeverOversell(t *testing.T) {
	b := newBench(t)
	sizes := []taocan.Segments{700, 1, 1300, 999, 500, 1000, 500} // 5,000
	for i, size := range sizes {
		purpose := taocan.Marketing
		if i%3 == 2 {
			purpose = taocan.General
		}
		b.grant(domestic(i+1, purpose, size, begin.AddDate(0, 1+(i*5)%7, 0)))
	}
	var granted, refused atomic.Int64
	var mu sync.Mutex
	var outcomes []store.Outcome
	var callers sync.WaitGroup
	for c := range 200 {
		callers.Go(func() {
			for i := range 50 {
				o, err := b.engine.Do(context.Background(), []store.Op{take(fmt.Sprintf("m-%d-%d", c, i), taocan.Marketing, 1)})
				if err != nil {
					t.Errorf("do: %v", err)
					return
				}
				switch {
				case o[0].Err == nil:
					granted.Add(1)
					mu.Lock()
					outcomes = append(outcomes, o[0])
					mu.Unlock()
				case errors.Is(o[0].Err, taocan.ErrInsufficientQuota):
					refused.Add(1)
				default:
					t.Errorf("debit: %v", o[0].Err)
				}
			}
		})
	}
	callers.Wait()
	if granted.Load() != 5000 || refused.Load() != 5000 {
		t.Fatalf("granted %d, refused %d, want 5,000 each", granted.Load(), refused.Load())
	}
	checkOrderOfUse(t, b)
	for _, o := range outcomes[:50] {
		x, err := b.engine.Explain(t.Context(), owner, o.Debit.ID)
		if err != nil {
			t.Fatalf("explain %s: %v", o.Debit.ID, err)
		}
		if got := firstUsable(x); got != o.Debit.Allocations[0].Package {
			t.Errorf("debit %s used %s, the first usable package was %s", o.Debit.ID, o.Debit.Allocations[0].Package, got)
		}
	}
	b.verify()
}

// firstUsable is the package that the order of use puts first among those that had something left.
func firstUsable(x debit.Explanation) taocan.PackageNumber {
	for _, c := range x.Considered {
		if c.Verdict == debit.Used || c.Verdict == debit.NotNeeded {
			return c.Package.Number
		}
	}
	return ""
}

// checkOrderOfUse reads the log in the order of decision: a package is touched only when all before it are empty.
func checkOrderOfUse(t *testing.T, b *bench) {
	t.Helper()
	var records []taocan.Debit
	cursor := ""
	for {
		page, err := b.engine.Debits(t.Context(), owner, store.DebitFilter{Paging: store.Paging{Limit: 500, Cursor: cursor}})
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		records = append(records, page.Items...)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	var order []taocan.PackageNumber
	for i := len(records) - 1; i >= 0; i-- {
		for _, a := range records[i].Allocations {
			if len(order) == 0 || order[len(order)-1] != a.Package {
				order = append(order, a.Package)
			}
		}
	}
	if len(order) != 7 {
		t.Errorf("packages were used in the order %v: each should be used up before the next", order)
	}
	for i := 1; i < len(order); i++ {
		p, q := b.pkg(order[i-1]), b.pkg(order[i])
		if p.Purpose == taocan.General && q.Purpose != taocan.General || p.Purpose == q.Purpose && q.ExpiresAt.Before(p.ExpiresAt) {
			t.Errorf("%s (%s, %s) was used before %s (%s, %s)", p.Number, p.Purpose, p.ExpiresAt, q.Number, q.Purpose, q.ExpiresAt)
		}
	}
}

// Reservations, partial commits, releases and deadlines from many callers at once: nothing is made or lost.
func TestConcurrentReservationsConserveMessages(t *testing.T) {
	b := newBench(t)
	for i := range 7 {
		b.grant(domestic(i+1, []taocan.Purpose{taocan.Marketing, taocan.General}[i%2], 700, begin.AddDate(0, 0, 1+i)))
	}
	var used atomic.Int64
	var callers sync.WaitGroup
	for c := range 64 {
		callers.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(c)))
			for i := range 40 {
				id := fmt.Sprintf("r-%d-%d", c, i)
				q := taocan.Segments(1 + random.IntN(5))
				op := reserve(id, taocan.Marketing, q, time.Duration(1+random.IntN(3))*time.Hour)
				if random.IntN(4) == 0 {
					op = take(id, taocan.Marketing, q)
				}
				o, err := b.engine.Do(context.Background(), []store.Op{op})
				if err != nil {
					t.Errorf("do: %v", err)
					return
				}
				if o[0].Err != nil {
					continue
				}
				if op.Request.Kind == taocan.KindDebit {
					used.Add(int64(q))
					continue
				}
				part := taocan.Segments(1 + random.IntN(int(q)))
				end := settle(store.OpCommit, id, part)
				switch random.IntN(4) {
				case 0:
					end = settle(store.OpRelease, id, 0)
				case 1:
					continue // left to its deadline
				}
				if o, err = b.engine.Do(context.Background(), []store.Op{end}); err != nil {
					t.Errorf("do: %v", err)
				} else if o[0].Err == nil && end.Kind == store.OpCommit {
					used.Add(int64(part))
				}
			}
		})
	}
	callers.Go(func() {
		for range 20 {
			b.clock.Advance(20 * time.Minute)
			if _, err := b.engine.Sweep(context.Background()); err != nil {
				t.Errorf("sweep: %v", err)
			}
		}
	})
	callers.Wait()
	b.clock.Advance(4 * time.Hour)
	if _, err := b.engine.Sweep(t.Context()); err != nil {
		t.Errorf("sweep: %v", err)
	}
	var sum taocan.Segments
	for i := range 7 {
		letter := "BG"[i%2 : i%2+1]
		p := b.pkg(taocan.PackageNumber(fmt.Sprintf("U1%s26030100%05X", letter, i+1)))
		if p.Reserved != 0 || p.Remaining+p.Used != p.Total {
			t.Errorf("package %s: remaining %d, reserved %d, used %d of %d", p.Number, p.Remaining, p.Reserved, p.Used, p.Total)
		}
		sum += p.Used
	}
	if int64(sum) != used.Load() {
		t.Errorf("%d messages used, callers were told %d", sum, used.Load())
	}
	b.verify()
}

func TestOtherProjectsSeeNothing(t *testing.T) {
	b := newBench(t)
	b.grant(domestic(1, taocan.Marketing, 10, begin.AddDate(0, 1, 0)))
	b.one(reserve("m-1", taocan.Marketing, 3, time.Hour))
	stranger := taocan.Tenant{Account: "other", Project: "other"}
	op := take("m-1", taocan.Marketing, 3)
	op.Tenant = stranger
	if o := b.one(op); !errors.Is(o.Err, taocan.ErrInsufficientQuota) || o.Err.Error() != "3 requested, 0 available" {
		t.Errorf("debit from another's package: %v", o.Err)
	}
	for _, kind := range []store.OpKind{store.OpCommit, store.OpRelease} {
		op := settle(kind, "m-1", 0)
		op.Tenant = stranger
		if o := b.one(op); !errors.Is(o.Err, taocan.ErrNotFound) {
			t.Errorf("settle another's reservation: %v", o.Err)
		}
	}
	if _, err := b.engine.Debit(t.Context(), stranger, "m-1"); !errors.Is(err, taocan.ErrNotFound) {
		t.Errorf("another's debit: %v", err)
	}
	if _, err := b.engine.Explain(t.Context(), stranger, "m-1"); !errors.Is(err, taocan.ErrNotFound) {
		t.Errorf("explain another's debit: %v", err)
	}
	if page, err := b.engine.Debits(t.Context(), stranger, store.DebitFilter{Paging: store.Paging{Limit: 10}}); err != nil || len(page.Items) != 0 {
		t.Errorf("another's debits: %v, %v", page.Items, err)
	}
	b.verify()
}
