package sim_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"taocan/internal/debit"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// call has somebody ask for something.
func (w *world) call() error {
	if len(w.calls) >= 8 {
		return w.commit()
	}
	t := w.tenant()
	ops := make([]store.Op, pick(w.random, 1, 1, 1, 2, 5))
	for i := range ops {
		ops[i] = w.operation(t)
	}
	return w.send(ops)
}

// callAgain asks for what was asked before, as senders do that had no answer, or a bad day.
func (w *world) callAgain() error {
	if len(w.known) == 0 {
		return nil
	}
	k := pick(w.random, w.known...)
	return w.send([]store.Op{w.request(k.Tenant, k.id)})
}

func (w *world) send(ops []store.Op) error {
	w.drawnCall(ops)
	c := &call{n: w.counts.steps, ops: ops}
	w.calls = append(w.calls, c)
	engine := w.engine
	go func() {
		c.outcomes, c.err = engine.Do(w.ctx, ops)
		c.done = true
	}()
	return w.settle()
}

func (w *world) drawnCall(ops []store.Op) {
	line := fmt.Sprintf("call %d of %s:", w.counts.steps, ops[0].Project)
	for i := range ops {
		op := &ops[i]
		if k := (key{op.Tenant, op.ID}); !slices.Contains(w.known, k) {
			w.known = append(w.known, k)
		}
		switch op.Kind {
		case store.OpTake:
			line += fmt.Sprintf(" take %s %d %s%s", op.ID, op.Request.Quantity, op.Request.Purpose, op.Request.Country)
			if op.Request.Kind == taocan.KindReservation {
				line += fmt.Sprintf(" for %s", op.Request.TTL)
			}
			if op.DryRun {
				line += " dry"
			}
		case store.OpCommit:
			line += fmt.Sprintf(" commit %s %d", op.ID, op.Quantity)
		case store.OpRelease:
			line += fmt.Sprintf(" release %s", op.ID)
		}
		line += ";"
	}
	w.log("%s", line)
}

// ids of a project: few, so that they meet again.
const ids = 12

// operation draws one that has a fair chance of meeting a taken id, an empty package, a deadline.
func (w *world) operation(t taocan.Tenant) store.Op {
	id := taocan.DebitID(fmt.Sprintf("m-%d", w.random.IntN(ids)))
	switch w.random.IntN(10) {
	case 0, 1:
		return store.Op{Tenant: t, Kind: store.OpCommit, ID: w.reservation(t, id), Quantity: taocan.Segments(w.random.IntN(8))}
	case 2:
		return store.Op{Tenant: t, Kind: store.OpRelease, ID: w.reservation(t, id)}
	case 3: // the same id for something else
		op := w.request(t, id)
		op.Request.Quantity++
		return op
	case 4:
		op := w.request(t, id)
		op.DryRun = true
		return op
	}
	return w.request(t, id)
}

// reservation is the id of one that stands, mostly, or otherwise.
func (w *world) reservation(t taocan.Tenant, otherwise taocan.DebitID) taocan.DebitID {
	records := w.truth.projects[t].Records
	var some []taocan.DebitID
	for _, id := range slices.Sorted(maps.Keys(records)) {
		if records[id].Request.Kind == taocan.KindReservation {
			some = append(some, id)
		}
	}
	if len(some) == 0 || w.random.IntN(5) == 0 {
		return otherwise
	}
	return pick(w.random, some...)
}

// request is what the id stands for: always the same.
func (w *world) request(t taocan.Tenant, id taocan.DebitID) store.Op {
	r := rand.New(rand.NewPCG(w.seed, sumOf(string(t.Project)+" "+string(id))))
	q := taocan.DebitRequest{ID: id, Kind: taocan.KindDebit, Category: taocan.Domestic, Purpose: pick(r, taocan.Purposes...),
		Quantity: taocan.Segments(1 + r.IntN(15))}
	if r.IntN(5) == 0 {
		q.Category, q.Country = taocan.International, pick(r, taocan.Country("HK"), "MY")
	}
	if r.IntN(2) == 0 {
		q.Kind, q.TTL = taocan.KindReservation, time.Duration(pick(r, 1, 60, 3600, 0))*time.Second
		q.OnDeadline = pick(r, taocan.ReleaseOnDeadline, taocan.CommitOnDeadline)
	}
	return store.Op{Tenant: t, Kind: store.OpTake, ID: id, Request: debit.Complete(q)}
}

func sumOf(s string) (sum uint64) {
	for _, b := range []byte(s) {
		sum = sum*1099511628211 + uint64(b)
	}
	return sum
}

// sweep has due reservations settled, in a commit of its own turn.
func (w *world) sweep() error {
	w.log("call %d: sweep", w.counts.steps)
	c := &call{n: w.counts.steps}
	w.calls = append(w.calls, c)
	engine := w.engine
	go func() {
		c.settled, c.err = engine.Sweep(w.ctx)
		c.done = true
	}()
	return w.settle()
}
