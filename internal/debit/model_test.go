package debit_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"

	"taocan/internal/debit"
	"taocan/internal/store"
	"taocan/internal/store/storetest"
	"taocan/internal/taocan"
	"taocan/internal/teststore"
)

// Thousands of random steps of one project against the plain model: debits, batches, reservations, settlements,
// sweeps, purchases, clock steps both ways and restarts. Every figure of every package agrees after every step.
func TestEngineAgreesWithThePlainModel(t *testing.T) {
	steps := 200
	if os.Getenv("TAOCAN_SOAK") != "" {
		steps = 20_000
	}
	teststore.Check(t, 100, func(rt *rapid.T, try testing.TB) {
		b := newBench(try)
		m := &modelRun{bench: b, model: storetest.NewModel()}
		// The accounts' set-up writes no ledger, so the model starts without a commit.
		for range 3 {
			m.buy(rt)
		}
		for i := range steps {
			m.step(rt, i)
		}
		m.compare(rt)
		b.verify()
		if t.Failed() {
			rt.Fatal("the store is not proved")
		}
	})
}

type modelRun struct {
	*bench
	model *storetest.Model
	count int
}

func (m *modelRun) step(t *rapid.T, i int) {
	switch n := rapid.IntRange(0, 99).Draw(t, "step"); {
	case n < 70:
		m.operate(t, []store.Op{drawModelOp(t)})
	case n < 80:
		var ops []store.Op
		for range rapid.IntRange(2, 12).Draw(t, "batch") {
			ops = append(ops, drawModelOp(t))
		}
		m.operate(t, ops)
	case n < 86:
		m.buy(t)
	case n < 93:
		m.clock.Advance(time.Duration(rapid.SampledFrom([]int{1, 20, 90, 4000, 90_000}).Draw(t, "seconds")) * time.Second)
	case n < 95:
		m.clock.Jump(-time.Duration(rapid.IntRange(1, 5000).Draw(t, "seconds back")) * time.Second)
		m.engine.ConfirmClock()
	case n < 98:
		m.sweep(t)
	default:
		m.restart()
	}
	if i%20 == 0 {
		m.compare(t)
	}
}

// operate hands operations to the engine in one call: they are decided at one instant, in order.
func (m *modelRun) operate(t *rapid.T, ops []store.Op) {
	outcomes, err := m.engine.Do(m.t.Context(), ops)
	if err != nil {
		t.Fatalf("do: %v", err)
	}
	now := m.clock.Now()
	last := m.model.Last
	for i, op := range ops {
		if op.Kind == store.OpTake {
			op.Request, op.ID = debit.Complete(op.Request), op.Request.ID
		}
		m.model.Last = last
		before := m.model.At(now)
		if diff := m.model.Apply(op, now).Differs(outcomes[i]); diff != "" {
			t.Fatalf("%+v at %s: %s", op, before, diff)
		}
	}
	m.settleTime(t, outcomes, last)
}

// settleTime takes over the time of the commit, if the call made one.
func (m *modelRun) settleTime(t *rapid.T, outcomes []store.Outcome, last time.Time) {
	wrote := false
	for _, o := range outcomes {
		wrote = wrote || o.Err == nil && !o.Replayed && o.Debit.State != taocan.DryRun
	}
	m.model.Last = last
	if wrote {
		m.model.Last = m.model.At(m.clock.Now())
	}
}

func (m *modelRun) sweep(t *rapid.T) {
	var due []store.Due
	err := m.store.View(m.t.Context(), func(r store.Reader) (err error) {
		due, err = r.DueReservations(m.t.Context(), m.clock.Now(), 10_000)
		return err
	})
	if err != nil {
		t.Fatalf("due: %v", err)
	}
	if _, err := m.engine.Sweep(m.t.Context()); err != nil {
		t.Fatalf("sweep: %v", err)
	}
	now, last := m.clock.Now(), m.model.Last
	for _, d := range due {
		m.model.Last = last
		if a := m.model.Apply(store.Op{Tenant: owner, Kind: store.OpDeadline, ID: d.ID}, now); a.Err != nil || a.Replayed {
			t.Fatalf("reservation %s is due, the model says it is not", d.ID)
		}
	}
	m.model.Last = last
	if len(due) > 0 {
		m.model.Last = m.model.At(now)
	}
}

func (m *modelRun) buy(t *rapid.T) {
	m.count++
	p := domestic(m.count, rapid.SampledFrom(taocan.Purposes).Draw(t, "purpose"), taocan.Segments(rapid.IntRange(1, 60).Draw(t, "total")),
		m.clock.Now().Add(time.Duration(rapid.SampledFrom([]int{1, 30, 4000, 100_000, 10_000_000}).Draw(t, "life"))*time.Second))
	if rapid.IntRange(0, 3).Draw(t, "abroad") == 0 {
		p.Number = taocan.PackageNumber(fmt.Sprintf("U0G26030100%05X", m.count))
		p.Category, p.Purpose, p.Country = taocan.International, taocan.General, rapid.SampledFrom([]taocan.Country{"HK", "MY"}).Draw(t, "country")
	}
	at := m.model.At(m.clock.Now())
	m.grant(p)
	p.PurchasedAt = at
	m.model.Add(p, at)
}

func (m *modelRun) compare(t *rapid.T) {
	for n, want := range m.model.Packages {
		if p := m.pkg(n); p.Remaining != want.Remaining || p.Reserved != want.Reserved || p.Used != want.Used {
			t.Fatalf("package %s holds %d/%d/%d, the model says %d/%d/%d", n, p.Remaining, p.Reserved, p.Used, want.Remaining, want.Reserved, want.Used)
		}
	}
}

// drawModelOp draws an operation that has a fair chance of meeting a taken id, an empty package, a deadline.
func drawModelOp(t *rapid.T) store.Op {
	id := fmt.Sprintf("m-%d", rapid.IntRange(0, 120).Draw(t, "id"))
	switch rapid.IntRange(0, 9).Draw(t, "operation") {
	case 0, 1:
		return settle(store.OpCommit, id, taocan.Segments(rapid.IntRange(0, 12).Draw(t, "quantity")))
	case 2:
		return settle(store.OpRelease, id, 0)
	}
	op := take(id, rapid.SampledFrom(taocan.Purposes).Draw(t, "purpose"), taocan.Segments(rapid.IntRange(1, 20).Draw(t, "quantity")))
	if rapid.IntRange(0, 4).Draw(t, "abroad") == 0 {
		op.Request.Category, op.Request.Country = taocan.International, rapid.SampledFrom([]taocan.Country{"HK", "MY"}).Draw(t, "country")
	}
	if rapid.Bool().Draw(t, "reserve") {
		op.Request.Kind = taocan.KindReservation
		op.Request.TTL = time.Duration(rapid.SampledFrom([]int{1, 60, 3600, 0}).Draw(t, "ttl")) * time.Second
		op.Request.OnDeadline = rapid.SampledFrom([]taocan.OnDeadline{taocan.ReleaseOnDeadline, taocan.CommitOnDeadline}).Draw(t, "on deadline")
	}
	op.DryRun = rapid.IntRange(0, 9).Draw(t, "dry run") == 0
	return op
}
