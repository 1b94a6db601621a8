package bench

import (
	"context"
	"errors"
	"time"

	"taocan/internal/alert"
	"taocan/internal/debit"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// do is how operations are handed in: an engine's Do, or what stands in for it.
type do func(ctx context.Context, ops []store.Op) ([]store.Outcome, error)

// inProcess callers debit one message of a random project at a time.
func (b *bench) inProcess(n int, projects []Project, do do) []ask {
	callers := make([]ask, n)
	for i := range callers {
		ids, ops := b.newIDs(), make([]store.Op, 1)
		callers[i] = func(ctx context.Context) (int, error) {
			ops[0] = store.Op{Tenant: ids.project(projects).Tenant, Kind: store.OpTake, Request: taocan.DebitRequest{ID: taocan.DebitID(ids.next()),
				Kind: taocan.KindDebit, Category: taocan.Domestic, Purpose: taocan.Marketing, Quantity: 1}}
			outcomes, err := do(ctx, ops)
			if err == nil {
				err = outcomes[0].Err
			}
			if err != nil {
				return 0, err
			}
			return 1, nil
		}
	}
	return callers
}

// engineRun measures the engine without HTTP, on a new database, and with the most callers also the ceiling.
func (b *bench) engineRun(ctx context.Context, c *Case) (_ Figures, err error) {
	var done debit.Stats
	f, written, err := b.storeRun(ctx, c, func(st store.Store, projects []Project) (sample, error) {
		engine := debit.New(debit.Config{Store: st, Clock: b.Clock, Watch: alert.Watch, Writers: b.Target.Writers()})
		engine.Start(ctx)
		s := b.load(ctx, b.inProcess(c.Callers, projects, engine.Do))
		err := engine.Stop(context.WithoutCancel(ctx))
		done = engine.Stats()
		return s, err
	}, func() (operations, commits int64) { return done.Operations, done.Commits })
	if err != nil {
		return nil, err
	}
	f[DebitsPerCommit] = round(ratio(done.Operations, done.Commits))
	if !c.Ceiling {
		return f, nil
	}
	before := processorTime()
	transactions, took, err := written.Ceiling(ctx, b.Duration)
	if err != nil {
		return nil, err
	}
	debits := float64(transactions) * ratio(done.Operations, done.Commits)
	f[Ceiling] = round(debits / took.Seconds())
	f[CeilingCPU] = round(ratio(float64((processorTime() - before).Microseconds()), debits))
	f[Ratio] = round(ratio(f[DebitsPerS], f[Ceiling]))
	return f, nil
}

// naiveRun measures the same store where every debit is a commit of its own: same rules, same rows, no group.
func (b *bench) naiveRun(ctx context.Context, c *Case) (Figures, error) {
	answered := int64(0)
	f, _, err := b.storeRun(ctx, c, func(st store.Store, projects []Project) (sample, error) {
		s := b.load(ctx, b.inProcess(c.Callers, projects, func(ctx context.Context, ops []store.Op) ([]store.Outcome, error) {
			ops[0].ID = ops[0].Request.ID
			return st.CommitDebits(ctx, ops, debit.Decide)
		}))
		answered = s.Answered
		return s, nil
	}, func() (operations, commits int64) { return answered, answered })
	return f, err
}

// storeRun gives a load a new database, and afterwards proves what it has made and sums it up.
func (b *bench) storeRun(ctx context.Context, c *Case, drive func(store.Store, []Project) (sample, error),
	done func() (operations, commits int64)) (_ Figures, written Written, err error) {
	db, err := b.Target.Make(ctx, c.Projects)
	if err != nil {
		return nil, written, err
	}
	defer func() { err = errors.Join(err, db.Remove(context.WithoutCancel(ctx))) }()
	before, err := db.Bytes(ctx)
	if err != nil {
		return nil, written, err
	}
	st, err := db.Open(ctx)
	if err != nil {
		return nil, written, err
	}
	forgetMemory()
	s, err := drive(st, db.Projects())
	m := memoryNow()
	operations, commits := done()
	var read time.Duration
	if err == nil {
		read, err = b.firstRead(ctx, st)
	}
	if err == nil {
		err = b.verify(ctx, c, st, s.Answered)
	}
	if err == nil {
		written, err = db.Written(ctx, st, operations, commits)
	}
	if err = errors.Join(err, st.Close()); err != nil {
		return nil, written, err
	}
	after, err := db.Bytes(ctx)
	if err != nil {
		return nil, written, err
	}
	f, err := c.figures(&s, m)
	if err != nil {
		return nil, written, err
	}
	f[FirstRead] = milliseconds(read)
	f[BytesPerDebit] = round(ratio(after-before, operations))
	f[PackedPerDebit] = round(ratio(written.PackedBytes, operations))
	return f, written, nil
}

// firstRead is how long a reader waits for what commits have left to be done later.
func (b *bench) firstRead(ctx context.Context, st store.Store) (time.Duration, error) {
	began := b.Clock.Monotonic()
	err := st.View(ctx, func(store.Reader) error { return nil })
	return b.Clock.Monotonic() - began, err
}

// generatorRun is the same callers with nothing behind them: what is measured cannot be faster.
func (b *bench) generatorRun(ctx context.Context, c *Case) (Figures, error) {
	granted := []store.Outcome{{}}
	nothing := func(context.Context, []store.Op) ([]store.Outcome, error) { return granted, nil }
	s := b.load(ctx, b.inProcess(c.Callers, make([]Project, c.Projects), nothing))
	f := s.figures()
	return Figures{GeneratorOnly: f[DebitsPerS], CPUPerDebit: f[CPUPerDebit]}, nil
}
