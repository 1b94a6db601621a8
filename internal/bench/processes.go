package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// processes that share a database, which is what a second one is for.
const processes = 2

// processesMost bounds the history of these cases: it is made again for them.
const processesMost = 5_000_000

// processesCases are as many callers in all as the engine's case with the most, over one project and over many. One history, of
// many projects, is for both.
func (b *bench) processesCases(most int) (all []Case) {
	if !b.Target.Shared() {
		return nil
	}
	var sizes []int64
	for _, debits := range b.Growth {
		if debits = min(debits, processesMost); !slices.Contains(sizes, debits) {
			sizes = append(sizes, debits)
		}
	}
	each := max(1, most/processes)
	for _, debits := range sizes {
		shared := &past{}
		for _, projects := range b.spread() {
			all = append(all, Case{Part: PartProcesses, Name: fmt.Sprintf("processes/callers=%dx%d/projects=%d/debits=%d", processes, each, projects, debits),
				Callers: processes * each, Processes: processes, Projects: projects, DebitsInStore: debits, run: b.processesRun, past: shared})
		}
	}
	return all
}

// processesRun has several processes, each with an engine and callers of its own, debit at once in one database.
func (b *bench) processesRun(ctx context.Context, c *Case) (_ Figures, err error) {
	h, err := b.historyOf(ctx, c)
	if err != nil {
		return nil, err
	}
	f, err := b.together(ctx, c, h)
	if err != nil {
		return nil, err
	}
	return f, b.leave(ctx, c, h)
}

func (b *bench) together(ctx context.Context, c *Case, h *history) (Figures, error) {
	before, err := h.Bytes(ctx)
	if err != nil {
		return nil, err
	}
	all, err := b.loadTogether(ctx, c, h)
	if err != nil {
		return nil, err
	}
	st, err := h.Open(ctx)
	if err != nil {
		return nil, err
	}
	read, err := b.firstRead(ctx, st)
	if err = errors.Join(err, st.Close()); err != nil {
		return nil, err
	}
	after, err := h.Bytes(ctx)
	if err != nil {
		return nil, err
	}
	f, err := c.figures(all.Sample, all.Memory)
	if err != nil {
		return nil, err
	}
	f[DebitsBefore] = float64(h.debits)
	f[DebitsPerCommit] = round(ratio(all.Operations, all.Commits))
	f[BytesPerDebit] = round(ratio(after-before, all.Operations))
	f[FirstRead] = milliseconds(read)
	h.debits += all.Sample.Answered
	return f, nil
}

// loadTogether lets the processes start when all are ready, and adds up what they say.
func (b *bench) loadTogether(ctx context.Context, c *Case, db Database) (all word, err error) {
	workers := make([]*worker, 0, c.Processes)
	defer func() {
		for _, w := range workers {
			err = errors.Join(err, w.dismiss())
		}
	}()
	for i := range c.Processes {
		w, _, err := b.hire(ctx, b.process(c, db, i))
		if err != nil {
			return all, err
		}
		workers = append(workers, w)
	}
	for _, w := range workers {
		if err := w.tell(struct{}{}); err != nil {
			return all, err
		}
	}
	all.Sample = &sample{}
	for _, w := range workers {
		said, err := w.hear()
		if err != nil {
			return all, err
		}
		all.add(said)
	}
	slices.Sort(all.Sample.Latencies)
	return all, nil
}

// add what another process says. Memory is the largest process's.
func (w *word) add(x word) {
	s, m := w.Sample, &w.Memory
	s.add(x.Sample)
	s.Took, s.CPU = max(s.Took, x.Sample.Took), s.CPU+x.Sample.CPU
	m.RSS, m.Peak, m.Heap = max(m.RSS, x.Memory.RSS), max(m.Peak, x.Memory.Peak), max(m.Heap, x.Memory.Heap)
	w.Operations += x.Operations
	w.Commits += x.Commits
}
