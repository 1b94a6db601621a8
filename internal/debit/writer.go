package debit

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// writer commits the batches of its lanes, one at a time.
type writer struct {
	e *Engine

	mu      sync.Mutex
	machine *machine // guarded by mu

	wake chan struct{} // capacity 1: something may be there to commit
}

func (w *writer) idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.machine.idle() || w.machine.stopped != nil
}

// stopped says why it takes no more operations, nil while it does.
func (w *writer) stopped() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.machine.stopped
}

func (w *writer) queued() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.machine.ops
}

func (w *writer) stop(err error) {
	w.mu.Lock()
	answers := w.machine.stop(err)
	w.mu.Unlock()
	deliver(answers)
}

func (w *writer) submit(c *call, how func(*machine, *call) error) error {
	w.mu.Lock()
	err := how(w.machine, c)
	w.mu.Unlock()
	if err == nil {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
	return err
}

// commitLoop drives the machine: take a batch, commit it, answer.
func (w *writer) commitLoop(ctx context.Context) {
	for {
		select {
		case <-w.wake:
		case <-ctx.Done():
			return
		}
		for w.step(ctx) {
		}
	}
}

// step commits one batch and reports whether there was one.
func (w *writer) step(ctx context.Context) bool {
	// Callers that were just answered get to ask again before the next batch is closed: fuller batches, and no wait
	// where nobody is there.
	runtime.Gosched()
	w.mu.Lock()
	batch := w.machine.batch()
	w.mu.Unlock()
	if batch == nil {
		return false
	}
	var ops []store.Op
	if len(batch) == 1 {
		ops = batch[0].ops
	} else {
		n := 0
		for _, c := range batch {
			n += len(c.ops)
		}
		ops = make([]store.Op, 0, n)
		for _, c := range batch {
			ops = append(ops, c.ops...)
		}
	}
	e := w.e
	began := e.clock.Monotonic()
	ended := func(error) {}
	if e.trace != nil {
		ctx, ended = e.trace(ctx, len(ops))
	}
	outcomes, err, broken := e.commit(ctx, ops)
	ended(errors.Join(err, broken))
	if broken != nil {
		e.log.Error("debit engine stopped: the ledger is suspect; run taocan verify", "error", broken)
		e.halt(fmt.Errorf("the debit engine has stopped: %w", taocan.ErrUnavailable))
		return false
	}
	if err != nil {
		e.log.Warn("commit of debits failed", "operations", len(ops), "error", err)
	} else {
		e.counts.commits.Add(1)
		e.counts.operations.Add(int64(len(ops)))
		e.counts.commitTime.observe((e.clock.Monotonic() - began).Microseconds())
		e.counts.commitSize.observe(int64(len(ops)))
		e.counts.lastCommit.Store(e.clock.Now().UnixMicro())
	}
	w.mu.Lock()
	answers := w.machine.complete(outcomes, err)
	w.mu.Unlock()
	deliver(answers)
	return true
}
