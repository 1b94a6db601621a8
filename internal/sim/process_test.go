package sim_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing/synctest"
	"time"

	"taocan/internal/debit"
	"taocan/internal/store/sqlite"
)

// open starts a process: store and engine.
func (w *world) open() error {
	w.counts.starts++
	st, err := sqlite.Open(w.ctx, sqlite.Options{Dir: w.dir, Clock: w.clock, VFS: w.disk.VFS()})
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	w.store = st
	w.gate = &gate{Store: st, hasty: w.hasty}
	// Sweeps are steps of the world, so that nothing happens at a time of its own.
	w.complaints.Reset()
	log := slog.New(slog.NewTextHandler(&w.complaints, &slog.HandlerOptions{Level: slog.LevelError}))
	w.engine = debit.New(debit.Config{Store: w.gate, Clock: w.clock, Log: log, SweepEvery: 10_000 * time.Hour, Writers: 1 + int(w.seed%2),
		Limits: debit.Limits{Queued: 60, QueuedBytes: 1 << 20, Batch: 12}})
	w.engine.Start(w.ctx)
	return nil
}

// mend makes the disk well again: from here on, whatever fails is wrong.
func (w *world) mend() {
	w.disk.Heal()
	w.trouble = false
}

// gone ends the process, as it stands.
func (w *world) gone() {
	if w.store == nil {
		return
	}
	w.gate.close()
	_ = w.letGo()
	now, cancel := context.WithCancel(w.ctx)
	cancel()
	_ = w.engine.Stop(now) // what waits is not answered in time; that is the point
	_ = w.store.Close()    // of a process that was killed nobody reads this
	w.store = nil
	synctest.Wait()
	w.calls = nil
}

// crashed is what happens after the process has gone, with or without the power: start again, and look what is there.
func (w *world) crashed() error {
	w.counts.crashes++
	w.killed = w.disk.Killed()
	w.log("the server is gone")
	w.gone()
	w.reboot()
	return w.start()
}

// reboot makes the disk ready for another process. What was planned for it is forgotten.
func (w *world) reboot() {
	w.disk.Restart()
	w.trouble = false
}

// start opens the store after a process has ended, over further accidents, and finds out which of the possible states it is in.
func (w *world) start() error {
	for {
		if w.faults && w.random.IntN(4) == 0 {
			w.harm()
		}
		err := w.open()
		troubled := w.trouble
		w.mend()
		if err == nil {
			w.log("started")
			err = w.recognize()
		}
		switch {
		case w.disk.Down():
			w.counts.crashes++
			w.killed = w.disk.Killed()
			w.log("the server is gone again")
			w.gone()
			w.reboot()
		case err != nil && w.store == nil && troubled:
			w.log("start failed")
		default:
			return err
		}
	}
}

// recognize finds out which of the possible states the store is in, and asks it for everything again that was answered.
func (w *world) recognize() error {
	how := everything
	if len(w.maybe) == 0 && w.random.IntN(2) == 0 {
		how = records // so that sometimes the engine goes on from what nobody has posted
	}
	var diffs []error
	for i, b := range append([]*books{w.truth}, w.maybe...) {
		diff, err := w.differs(b, how)
		if err != nil {
			return fmt.Errorf("look at the store after a start: %w", err)
		}
		if diff != "" {
			diffs = append(diffs, fmt.Errorf("it is not %q: %s", b.wrote, diff))
			continue
		}
		if i > 0 {
			w.log("state %d of %d", i, len(w.maybe))
			if err := w.rose(b); err != nil {
				return err
			}
		}
		w.found(i)
		if how == everything || w.random.IntN(2) == 0 {
			if err := w.replay(); err != nil {
				return err
			}
		}
		if w.random.IntN(8) == 0 {
			return w.prove()
		}
		return nil
	}
	return fmt.Errorf("after a start the store is in no state that it can be in: %w", errors.Join(diffs...))
}

// found takes in which state it is. What has risen after a mere kill is seen, but not synced: it may go again.
func (w *world) found(i int) {
	states := append([]*books{w.truth}, w.maybe...)
	w.truth, w.maybe = states[i], nil
	if i > 0 && w.killed {
		w.maybe = slices.Delete(states, i, i+1)
	}
	clear(w.denied)
}

// rose takes in that a commit that failed stands after all.
func (w *world) rose(b *books) error {
	w.counts.risen++
	for k := range b.last {
		if refusal := w.denied[k]; refusal != nil {
			return fmt.Errorf("%s of %s was refused (%w) after a commit of it had failed, and yet stands after a start", k.id, k.Project, refusal)
		}
	}
	return nil
}
