package fault

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"taocan/internal/clock"
	"taocan/internal/debit"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// gated is a store whose group commits wait until the gate opens.
type gated struct {
	store.Store
	gate    chan struct{}
	waiting atomic.Int64
}

func (g *gated) CommitDebits(ctx context.Context, ops []store.Op, decide func(*store.Ledger, []store.Op) []store.Outcome) ([]store.Outcome, error) {
	g.waiting.Add(1)
	<-g.gate
	return g.Store.CommitDebits(ctx, ops, decide)
}

// 100,000 callers wait for a database that stands still. Whoever comes beyond them is told at once that it is too much; when the
// database goes on, each of the others is answered. A caller takes a few KiB at most.
func TestAHundredThousandCallersWait(t *testing.T) {
	onEither(t, func(t *testing.T, s settings) {
		g := &gated{gate: make(chan struct{})}
		x := insideOf(t, clock.System(), func(ctx context.Context) (_ store.Store, err error) {
			if g.Store != nil { // opened again, at the end
				return s.open(ctx, clock.System(), nil)
			}
			g.Store, err = s.open(ctx, clock.System(), nil)
			return g, err
		})
		before := memory()
		var callers sync.WaitGroup
		var done, late atomic.Int64
		come := func(n int, what string) {
			for i := range n {
				callers.Go(func() {
					tenant := x.tenants[i%len(x.tenants)]
					c := call{Do: doDebit, Account: tenant.Account, Project: tenant.Project, ID: fmt.Sprintf("%s-%d", what, i), Quantity: 1}
					outcomes, err := x.service.engine.Do(context.Background(), []store.Op{c.op()})
					switch {
					case errors.Is(err, taocan.ErrUnavailable):
						late.Add(1)
					case err != nil || outcomes[0].Err != nil:
						t.Errorf("%s: %v %v", c.ID, err, outcomes)
					default:
						done.Add(1)
						x.mu.Lock()
						x.sent[c.ID], x.done[c.ID] = c, saidOf(outcomes[0])
						x.mu.Unlock()
					}
				})
			}
		}
		const beyond = 10_000
		bound := debit.DefaultLimits.Queued
		come(bound+beyond, "m")
		await(t, "for the queue to be full", func() bool { return x.service.engine.Stats().Queued+int(g.waiting.Load()) >= bound && late.Load() > 0 })
		grown := memory() - before
		t.Logf("%d callers wait, %d were refused; memory grew by %d MiB, %d bytes each", x.service.engine.Stats().Queued, late.Load(), grown>>20, grown/int64(bound))
		if grown > int64(bound)*16<<10 {
			t.Errorf("memory grew by %d MiB", grown>>20)
		}
		close(g.gate)
		callers.Wait()
		if done.Load() < int64(bound) || done.Load()+late.Load() != int64(bound+beyond) {
			t.Errorf("%d were answered and %d refused, of %d", done.Load(), late.Load(), bound+beyond)
		}
		if err := x.service.engine.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// memory is what the process holds for its heap and stacks.
func memory() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
