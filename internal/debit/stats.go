package debit

import (
	"sync/atomic"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// operations are what callers ask of the engine, in the order of Stats.
var operations = [...]string{"debit", "reservation", "commit", "release"}

func operationOf(op *store.Op) int {
	switch {
	case op.Kind == store.OpCommit:
		return 2
	case op.Kind == store.OpRelease:
		return 3
	case op.Request.Kind == taocan.KindReservation:
		return 1
	}
	return 0
}

func operationName(op *store.Op) string { return operations[operationOf(op)] }

// count notes how an operation ended.
func (e *Engine) count(op *store.Op, o store.Outcome) {
	switch {
	case o.Err != nil:
		e.refusedOp(op, o.Err)
	case o.Replayed:
		e.counts.replays.Add(1)
		e.counts.replayed[operationOf(op)].Add(1)
	case !op.DryRun:
		e.counts.done[operationOf(op)].Add(1)
	}
}

func (e *Engine) refusedAll(ops []store.Op, err error) {
	for i := range ops {
		e.refusedOp(&ops[i], err)
	}
}

// Stats is what the engine has done since it started, and what waits now.
type Stats struct {
	Commits, Operations, Replays int64
	Done, Replayed               map[string]int64 // by what was asked: debit, reservation, commit, release
	Refused                      map[string]int64 // by Reason
	Queued                       int
	Overdue                      int64     // reservations past their deadline at the last look, up to one piece
	LastCommit                   time.Time // zero: none since the start
	CommitMicros, CommitSize     Histogram // of commits that succeeded
}

// Histogram counts observations up to bounds.
type Histogram struct {
	Bounds     []int64  // inclusive
	Cumulative []uint64 // observations up to each bound
	Count      uint64
	Sum        int64
}

// histogramBounds double: 1, 2, 4 … 2²³, which is eight seconds in µs and more operations than a commit takes.
const histogramBounds = 24

// histogram is safe for concurrent use. Its zero value is ready.
type histogram struct {
	counts [histogramBounds + 1]atomic.Uint64
	sum    atomic.Int64
}

func (h *histogram) observe(v int64) {
	at := 0
	for at < histogramBounds && v > 1<<at {
		at++
	}
	h.counts[at].Add(1)
	h.sum.Add(v)
}

// read gives the histogram with bounds from 2^first to 2^last.
func (h *histogram) read(first, last int) Histogram {
	r := Histogram{Sum: h.sum.Load()}
	for at := range h.counts {
		r.Count += h.counts[at].Load()
		if at >= first && at <= last {
			r.Bounds, r.Cumulative = append(r.Bounds, 1<<at), append(r.Cumulative, r.Count)
		}
	}
	return r
}

// Stats counts.
func (e *Engine) Stats() Stats {
	s := Stats{Commits: e.counts.commits.Load(), Operations: e.counts.operations.Load(), Replays: e.counts.replays.Load(),
		Done: map[string]int64{}, Replayed: map[string]int64{}, Refused: map[string]int64{}, Overdue: e.counts.overdue.Load(),
		CommitMicros: e.counts.commitTime.read(7, histogramBounds-1), CommitSize: e.counts.commitSize.read(0, 12)}
	if at := e.counts.lastCommit.Load(); at != 0 {
		s.LastCommit = time.UnixMicro(at).UTC()
	}
	for i, name := range operations {
		s.Done[name], s.Replayed[name] = e.counts.done[i].Load(), e.counts.replayed[i].Load()
	}
	e.counts.refused.Range(func(k, v any) bool {
		s.Refused[k.(string)] = v.(*atomic.Int64).Load()
		return true
	})
	for _, w := range e.writers {
		s.Queued += w.queued()
	}
	return s
}
