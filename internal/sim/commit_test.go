package sim_test

import (
	"errors"
	"fmt"
	"slices"
	"testing/synctest"
	"time"

	"taocan/internal/debit"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// settle waits until nothing moves, and takes in what callers were told.
func (w *world) settle() error {
	synctest.Wait()
	if w.disk.Down() {
		return nil
	}
	var errs []error
	w.calls = slices.DeleteFunc(w.calls, func(c *call) bool {
		if c.done {
			errs = append(errs, w.answered(c))
		}
		return c.done
	})
	if err := w.engine.Ready(); err != nil && w.store.CheckWrites() == nil {
		errs = append(errs, fmt.Errorf("%w: %s", err, w.complaints.String()))
	}
	return errors.Join(errs...)
}

// answered takes in what a call was told.
func (w *world) answered(c *call) error {
	if c.err != nil {
		w.log("call %d: unknown", c.n)
		w.counts.unknown++
		if !errors.Is(c.err, taocan.ErrUnavailable) {
			return fmt.Errorf("call %d failed with what is no kind of answer: %w", c.n, c.err)
		}
		return nil
	}
	if c.ops == nil {
		w.log("call %d: swept %d", c.n, c.settled)
		return nil
	}
	for i, o := range c.outcomes {
		op := &c.ops[i]
		if o.Err != nil {
			w.counts.refusals++
			w.log("call %d: %s of %s: %s", c.n, op.ID, op.Project, debit.Reason(o.Err))
			for _, b := range w.maybe {
				if k := (key{op.Tenant, op.ID}); b.last[k] {
					w.denied[k] = o.Err
				}
			}
			continue
		}
		w.counts.answers++
		if o.Replayed {
			w.counts.replays++
		}
		w.log("call %d: %s of %s: %s %d from %v replayed %t", c.n, op.ID, op.Project, o.Debit.State, o.Debit.Quantity, o.Debit.Allocations, o.Replayed)
		if o.Debit.State == taocan.DryRun {
			continue
		}
		if o.Debit.Tenant != op.Tenant || o.Debit.ID != op.ID {
			return fmt.Errorf("call %d asked about %s of %s and was answered about %s of %s", c.n, op.ID, op.Project, o.Debit.ID, o.Debit.Project)
		}
		if !w.durable[o.Debit] {
			return fmt.Errorf("call %d was answered %s of %s by no commit that succeeded", c.n, op.ID, op.Project)
		}
		k := key{op.Tenant, op.ID}
		first := w.first[k]
		if first == nil {
			w.first[k] = o.Debit
		} else if !first.At.Equal(o.Debit.At) || !slices.Equal(first.Allocations, o.Debit.Allocations) || first.DebitRequest != o.Debit.DebitRequest {
			return fmt.Errorf("%s of %s was answered %+v, and then %+v", op.ID, op.Project, *first, *o.Debit)
		}
	}
	return nil
}

// commit lets one of the group commits that wait through, if there is any.
func (w *world) commit() error {
	b := w.gate.next(w.random.IntN(2))
	if b == nil {
		return nil
	}
	now := w.clock.Now()
	after := w.truth.clone()
	want := after.batch(b.ops, now)
	w.counts.commits++
	w.log("commit of %d at %s", len(b.ops), now.Format(clockFormat))
	w.gate.pass(b)
	synctest.Wait()
	if w.disk.Down() {
		w.maybe = append(w.maybe, after)
		return nil
	}
	if b.err != nil {
		w.log("commit failed: %t", errors.Is(b.err, store.ErrNotCommitted))
		if err := w.failed(after, errors.Is(b.err, store.ErrNotCommitted), b.err); err != nil {
			return err
		}
		return w.settle()
	}
	for i, o := range b.outcomes {
		if diff := want[i].Differs(o); diff != "" {
			return fmt.Errorf("%+v at %s: %s", b.ops[i], w.truth.at(b.ops[i].Account, now).Format(clockFormat), diff)
		}
		if o.Err == nil {
			w.durable[o.Debit] = true
		}
	}
	w.took(after)
	return w.settle()
}

// took makes after the truth. A commit overwrites whatever a failed one has left in the log.
func (w *world) took(after *books) {
	if after.lanes != w.truth.lanes {
		w.maybe = nil
		clear(w.denied)
	}
	w.truth = after
}

// failed takes in that a commit failed: certainly not written, or unknown. The living store shows one of the two; which of them the disk
// has shows after the next start.
func (w *world) failed(after *books, certain bool, cause error) error {
	if w.well() {
		return fmt.Errorf("a commit failed although nothing is wrong: %w", cause)
	}
	if certain {
		return nil
	}
	w.mend() // so that it can be looked at
	diff, err := w.differs(w.truth, figures)
	if diff == "" {
		w.maybe = append(w.maybe, after) // also if the power has gone meanwhile
	}
	if err != nil {
		return fmt.Errorf("look at the store after a failed commit: %w", err)
	}
	if diff == "" {
		return nil
	}
	if other, err := w.differs(after, figures); other != "" || err != nil {
		return errors.Join(fmt.Errorf("after a commit that failed (%w) the store is neither as before (%s) nor as after (%s)", cause, diff, other), err)
	}
	w.maybe = append(w.maybe, w.truth)
	w.truth = after
	return nil
}

// well reports whether nothing stands in the way of a commit.
func (w *world) well() bool { return !w.trouble && w.store.CheckWrites() == nil }

// update runs a transaction beside debits; apply does the same to the books.
func (w *world) update(what string, a taocan.AccountID, fn func(store.Tx) error, apply func(*books)) error {
	w.log("%s", what)
	var at time.Time
	ended := false
	err := w.store.Update(w.ctx, a, func(tx store.Tx) error {
		at, ended = tx.Now(), false
		if err := fn(tx); err != nil {
			return err
		}
		ended = true
		return nil
	})
	after := w.truth.clone()
	if ended {
		apply(after)
		after.commit(a, at, what)
	}
	if w.disk.Down() {
		if ended {
			w.maybe = append(w.maybe, after)
		}
		return nil
	}
	if err != nil {
		w.log("failed")
		return w.failed(after, !ended, fmt.Errorf("%s: %w", what, err))
	}
	if want := w.truth.at(a, w.clock.Now()); !at.Equal(want) {
		return fmt.Errorf("%s: committed at %s, want %s", what, at.Format(clockFormat), want.Format(clockFormat))
	}
	w.counts.updates++
	w.took(after)
	return w.settle()
}
