package sim_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// gate is the store as the engine sees it. Group commits wait there until the world lets one of them through.
type gate struct {
	store.Store
	hasty bool // answer what was decided, whatever became of the commit

	mu      sync.Mutex
	waiting []*batch // guarded by mu; one of each writer of the engine at most, by lane
	shut    bool     // guarded by mu: the process is gone
}

// batch is a group commit, and what came of it.
type batch struct {
	ops      []store.Op
	through  chan struct{}
	outcomes []store.Outcome
	err      error
}

func (g *gate) CommitDebits(ctx context.Context, ops []store.Op, decide func(*store.Ledger, []store.Op) []store.Outcome) ([]store.Outcome, error) {
	b := &batch{ops: ops, through: make(chan struct{})}
	g.mu.Lock()
	shut := g.shut
	g.waiting = append(g.waiting, b)
	slices.SortFunc(g.waiting, func(a, b *batch) int { return cmp.Compare(a.lane(), b.lane()) })
	g.mu.Unlock()
	if !shut {
		<-b.through
		g.mu.Lock()
		shut = g.shut
		g.mu.Unlock()
	}
	if shut {
		return nil, fmt.Errorf("the process is gone: %w", taocan.ErrUnavailable)
	}
	var decided []store.Outcome
	b.outcomes, b.err = g.Store.CommitDebits(ctx, ops, func(l *store.Ledger, ops []store.Op) []store.Outcome {
		decided = decide(l, ops)
		return decided
	})
	if g.hasty && decided != nil {
		return decided, nil
	}
	return b.outcomes, b.err
}

func (b *batch) lane() taocan.Lane { return taocan.LaneOf(b.ops[0].Account) }

// next is one of the commits that wait, by a number; nil for none.
func (g *gate) next(n int) *batch {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		return nil
	}
	return g.waiting[n%len(g.waiting)]
}

// pass lets a commit through.
func (g *gate) pass(b *batch) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = slices.DeleteFunc(g.waiting, func(x *batch) bool { return x == b })
	close(b.through)
}

// close ends the process: nothing gets to the store any more.
func (g *gate) close() {
	g.mu.Lock()
	g.shut = true
	g.mu.Unlock()
	for b := g.next(0); b != nil; b = g.next(0) {
		g.pass(b)
	}
}
