package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"taocan/internal/debit"
)

// past is a history that cases share. One without debits is not kept: every run makes its own.
type past struct {
	*history
	users int // cases that have not had their last run
}

// history is a database with debits in it, which runs use one after the other.
type history struct {
	Database
	empty  int64         // bytes when it had none
	debits int64         // that it holds now
	fill   time.Duration // how long making them took
}

// historyOf is what a case's run is on. An empty one is made anew for every run; the others keep what the runs add.
func (b *bench) historyOf(ctx context.Context, c *Case) (h *history, err error) {
	if c.past.history != nil {
		return c.past.history, nil
	}
	projects := b.Projects
	if c.DebitsInStore == 0 {
		projects = c.Projects
	}
	if h, err = b.remember(ctx, c, projects); err == nil && c.DebitsInStore > 0 {
		c.past.history = h
	}
	return h, err
}

// leave a history after a run: the last proves what is in it, and removes it.
func (b *bench) leave(ctx context.Context, c *Case, h *history) (err error) {
	if c.DebitsInStore > 0 {
		if !b.lastRun(c) {
			return nil
		}
		if c.past.users--; c.past.users > 0 {
			return nil
		}
	}
	if b.lastRun(c) {
		err = b.reopen(ctx, c, h, h.debits)
	}
	return errors.Join(err, h.Remove(context.WithoutCancel(ctx)))
}

// remember makes a database with so many debits, asked for as the load will ask: their rows lie as they would.
func (b *bench) remember(ctx context.Context, c *Case, projects int) (h *history, err error) {
	h = &history{}
	if h.Database, err = b.Target.Make(ctx, projects); err != nil {
		return nil, err
	}
	if c.Part == PartGrowth {
		if err := b.firstStart(ctx, h); err != nil {
			return nil, err
		}
	}
	if h.empty, err = h.Bytes(ctx); err != nil || c.DebitsInStore == 0 {
		return h, err
	}
	st, err := h.Open(ctx)
	if err != nil {
		return nil, err
	}
	engine := debit.New(debit.Config{Store: st, Clock: b.Clock, Writers: b.Target.Writers()})
	engine.Start(ctx)
	began := b.Clock.Monotonic()
	err = fill(ctx, c.DebitsInStore, b.inProcess(c.Callers, h.Projects(), engine.Do), func(left int64) {
		b.say("%s: %s debits to make", c.Name, thousands(float64(left)))
	})
	h.fill = b.Clock.Monotonic() - began
	if err = errors.Join(err, engine.Stop(context.WithoutCancel(ctx)), st.Close()); err != nil {
		return nil, fmt.Errorf("make %d debits: %w", c.DebitsInStore, err)
	}
	h.debits = c.DebitsInStore
	return h, nil
}

// firstStart has a server do once what it does on a new database alone: the first operator's password takes much time and memory.
func (b *bench) firstStart(ctx context.Context, db Database) error {
	s, err := startServer(ctx, db.Settings(), b.Clock)
	if err != nil {
		return err
	}
	return s.Stop(context.WithoutCancel(ctx))
}

// growthRun is one on the case's history.
func (b *bench) growthRun(ctx context.Context, c *Case) (Figures, error) {
	h, err := b.historyOf(ctx, c)
	if err != nil {
		return nil, err
	}
	f, err := b.runOn(ctx, c, h)
	if err != nil {
		return nil, err
	}
	return f, b.leave(ctx, c, h)
}

// runOn starts a server on a history and asks its engine, without HTTP.
func (b *bench) runOn(ctx context.Context, c *Case, h *history) (Figures, error) {
	f := Figures{DebitsBefore: float64(h.debits)}
	before, err := h.Bytes(ctx)
	if err != nil {
		return nil, err
	}
	f[StoredMiB] = round(float64(before) / (1 << 20))
	if h.debits > 0 {
		f[StoredPerItem] = round(ratio(before-h.empty, h.debits))
		f[FillPerS] = round(float64(c.DebitsInStore) / h.fill.Seconds())
	}
	forgetMemory()
	began := b.Clock.Monotonic()
	s, err := startServer(ctx, h.Settings(), b.Clock)
	if err != nil {
		return nil, err
	}
	f[Start] = milliseconds(b.Clock.Monotonic() - began)
	m := memoryNow()
	f[RSSStarted], f[HeapStarted] = m.RSS, m.Heap
	sample := b.load(ctx, b.inProcess(c.Callers, h.Projects(), s.Debits.Do))
	m = memoryNow()
	stats := s.Debits.Stats()
	if err := s.Stop(context.WithoutCancel(ctx)); err != nil {
		return nil, err
	}
	h.debits += sample.Answered
	after, err := h.Bytes(ctx)
	if err != nil {
		return nil, err
	}
	loaded, err := c.figures(&sample, m)
	if err != nil {
		return nil, err
	}
	maps.Copy(f, loaded)
	f[DebitsPerCommit] = round(ratio(stats.Operations, stats.Commits))
	f[BytesPerDebit] = round(ratio(after-before, stats.Operations))
	return f, nil
}
