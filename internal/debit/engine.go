package debit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Config of an Engine.
type Config struct {
	Store  store.Store
	Clock  clock.Clock
	Log    *slog.Logger
	Limits Limits // zero: DefaultLimits
	// Watch looks at what a batch came to, before it is committed, and may write notices beside it. It is pure, like Decide.
	// nil: nobody looks.
	Watch func(*store.Ledger)
	// Trace is told that a commit of so many operations begins, and by what it returns how it ended. nil: nobody is.
	Trace func(ctx context.Context, operations int) (context.Context, func(error))
	// Writers is how many batches may be on their way at once, each of lanes of its own; default 1. A store with one writer
	// gains nothing by more.
	Writers int
	// Remembered is for how long ids are, by the store.
	Remembered time.Duration
	// SweepEvery is how often due reservations are looked for; default 250 ms, so that none is settled more than
	// a second late.
	SweepEvery time.Duration
}

// Due reservations are settled in pieces of this many, each in one commit behind waiting callers.
const sweepPiece = 2000

// Engine commits debits in groups. Start it before Do; Stop drains it.
type Engine struct {
	store store.Store
	clock clock.Clock
	log   *slog.Logger
	every time.Duration
	watch func(*store.Ledger)
	trace func(context.Context, int) (context.Context, func(error))

	remembered  time.Duration
	reconciling chan struct{} // has room for as many as may be at it

	writers []*writer // by lane: LaneOf(account) % len
	cancel  context.CancelFunc
	running sync.WaitGroup

	jumped   atomic.Bool // and logged
	draining atomic.Bool
	counts   counts
	refusals *refusalLog
}

type counts struct {
	commits, operations, replays atomic.Int64
	refused                      sync.Map // reason string → *atomic.Int64
	overdue                      atomic.Int64
	lastCommit                   atomic.Int64 // µs, 0: none yet
	done, replayed               [len(operations)]atomic.Int64
	commitTime, commitSize       histogram // µs, operations
}

// New returns an engine at rest.
func New(c Config) *Engine {
	if c.Limits == (Limits{}) {
		c.Limits = DefaultLimits
	}
	if c.SweepEvery == 0 {
		c.SweepEvery = 250 * time.Millisecond
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{store: c.Store, clock: c.Clock, log: c.Log, every: c.SweepEvery, watch: c.Watch, trace: c.Trace, refusals: newRefusalLog(c.Clock.Now()),
		remembered: c.Remembered, reconciling: make(chan struct{}, reconcilingMost)}
	n := min(max(c.Writers, 1), taocan.Lanes)
	c.Limits.Queued, c.Limits.QueuedBytes = c.Limits.Queued/n, c.Limits.QueuedBytes/n
	for range n {
		e.writers = append(e.writers, &writer{e: e, machine: newMachine(c.Limits), wake: make(chan struct{}, 1)})
	}
	return e
}

// Start runs the engine until Stop.
func (e *Engine) Start(ctx context.Context) {
	ctx, e.cancel = context.WithCancel(context.WithoutCancel(ctx))
	for _, w := range e.writers {
		e.running.Go(func() { w.commitLoop(ctx) })
	}
	e.running.Go(func() { e.sweepLoop(ctx) })
}

// Stop takes no more operations, answers those that wait, and returns when the engine is at rest. When ctx ends
// first, what still waits is answered ErrUnavailable.
func (e *Engine) Stop(ctx context.Context) error {
	e.draining.Store(true)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	var err error
	for err == nil && !e.idle() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	e.halt(fmt.Errorf("the server is stopping: %w", taocan.ErrUnavailable))
	if e.cancel != nil { // it was started
		e.cancel()
	}
	e.running.Wait()
	return err
}

func (e *Engine) idle() bool {
	for _, w := range e.writers {
		if !w.idle() {
			return false
		}
	}
	return true
}

func (e *Engine) halt(err error) {
	for _, w := range e.writers {
		w.stop(err)
	}
}

func deliver(answers []answer) {
	for _, a := range answers {
		a.answer <- a.result
	}
}

// Do runs the operations of one project, each on its own, and returns their outcomes in order. An error
// concerns the whole call: what became of it is unknown, and it can be retried with the same ids.
// When ctx ends, Do stops waiting, not the commit.
func (e *Engine) Do(ctx context.Context, ops []store.Op) ([]store.Outcome, error) {
	outcomes := make([]store.Outcome, len(ops))
	valid := make([]store.Op, 0, len(ops))
	places := make([]int, 0, len(ops))
	bytes := 0
	for i := range ops {
		op := ops[i]
		if op.Tenant != ops[0].Tenant {
			return nil, fmt.Errorf("operations of two projects in one call: %w", taocan.ErrInvalid)
		}
		if op.Kind == store.OpTake {
			op.Request = Complete(op.Request)
			op.ID = op.Request.ID
		}
		if err := Validate(&op); err != nil {
			outcomes[i].Err = err
			e.refusedOp(&op, err)
			continue
		}
		valid = append(valid, op)
		places = append(places, i)
		bytes += len(op.ID) + len(op.Request.Reference) + 128
	}
	if len(valid) == 0 {
		return outcomes, nil
	}
	c := &call{ops: valid, bytes: bytes, answer: make(chan result, 1)}
	if err := e.submit(c, (*machine).offer); err != nil {
		e.refusedAll(valid, err)
		return nil, err
	}
	r, err := c.wait(ctx)
	if err != nil {
		e.refusedAll(valid, err)
		return nil, err
	}
	for i, o := range r {
		outcomes[places[i]] = o
		e.count(&valid[i], o)
	}
	return outcomes, nil
}

func (c *call) wait(ctx context.Context) ([]store.Outcome, error) {
	select {
	case r := <-c.answer:
		return r.outcomes, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", taocan.ErrUnavailable, ctx.Err())
	}
}

// submit gives a call to the writer of its account's lane; all its operations are of that writer.
func (e *Engine) submit(c *call, how func(*machine, *call) error) error {
	if e.draining.Load() {
		return fmt.Errorf("the server is stopping: %w", taocan.ErrUnavailable)
	}
	if err := e.checkWrites(); err != nil {
		return err
	}
	return e.writerOf(c.ops[0].Account).submit(c, how)
}

func (e *Engine) writerOf(a taocan.AccountID) *writer {
	return e.writers[int(taocan.LaneOf(a))%len(e.writers)]
}

// commit hands a batch to the store. A panic there is a broken invariant, and a lost history is as bad.
func (e *Engine) commit(ctx context.Context, ops []store.Op) (outcomes []store.Outcome, err, broken error) {
	defer func() {
		if p := recover(); p != nil {
			broken = fmt.Errorf("%v\n%s", p, debug.Stack())
		}
	}()
	outcomes, err = e.store.CommitDebits(ctx, ops, e.decide)
	if errors.Is(err, store.ErrHistoryLost) {
		return nil, nil, err
	}
	return outcomes, err, nil
}

// decide settles a batch and then lets rules look at what it came to.
func (e *Engine) decide(l *store.Ledger, ops []store.Op) []store.Outcome {
	outcomes := Decide(l, ops)
	if e.watch != nil && len(l.Written()) > 0 {
		e.watch(l)
	}
	return outcomes
}

// sweepLoop settles reservations past their deadline.
func (e *Engine) sweepLoop(ctx context.Context) {
	tick := time.NewTicker(e.every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if _, err := e.Sweep(ctx); err != nil && ctx.Err() == nil && !e.draining.Load() {
				e.log.Warn("settling due reservations failed, will try again", "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// Sweep settles what is due now and says how many that were. Correctness never waits for it: a commit past the
// deadline is refused, swept or not.
func (e *Engine) Sweep(ctx context.Context) (int, error) {
	settled := 0
	for {
		var due []store.Due
		err := e.store.Peek(ctx, func(r store.Reader) (err error) {
			due, err = r.DueReservations(ctx, e.clock.Now(), sweepPiece)
			return err
		})
		if err != nil {
			return settled, fmt.Errorf("find due reservations: %w", err)
		}
		e.counts.overdue.Store(int64(len(due)))
		if len(due) == 0 {
			return settled, nil
		}
		n, err := e.settleDue(ctx, due)
		settled += n
		if err != nil || len(due) < sweepPiece || n == 0 {
			return settled, err
		}
	}
}

// settleDue settles due reservations, each by its writer, and says how many it could settle.
func (e *Engine) settleDue(ctx context.Context, due []store.Due) (settled int, err error) {
	calls := map[*writer]*call{}
	for _, d := range due {
		w := e.writerOf(d.Account)
		if calls[w] == nil {
			calls[w] = &call{answer: make(chan result, 1)}
		}
		calls[w].ops = append(calls[w].ops, store.Op{Tenant: d.Tenant, Kind: store.OpDeadline, ID: d.ID})
	}
	for w, c := range calls {
		if failed := e.submit(c, (*machine).settle); failed != nil {
			err = failed
			delete(calls, w)
		}
	}
	for _, c := range calls {
		outcomes, failed := c.wait(ctx)
		if failed != nil {
			err = failed
			continue
		}
		for i, o := range outcomes {
			if o.Err != nil {
				e.log.Error("a due reservation cannot be settled", "project", c.ops[i].Project, "id", c.ops[i].ID, "error", o.Err)
				continue
			}
			settled++
		}
	}
	return settled, err
}

// checkWrites refuses early what the store would refuse, and logs it once.
func (e *Engine) checkWrites() error {
	err := e.store.CheckWrites()
	if err == nil {
		e.jumped.Store(false)
	} else if e.jumped.CompareAndSwap(false, true) {
		e.log.Error("nothing is written to the ledger", "error", err)
	}
	return err
}

// ConfirmClock trusts the wall clock as it stands.
func (e *Engine) ConfirmClock() { e.store.ConfirmClock() }

// Ready says why the engine takes no debits, nil when it does.
func (e *Engine) Ready() error {
	var stopped error
	for _, w := range e.writers {
		stopped = errors.Join(stopped, w.stopped())
	}
	return errors.Join(stopped, e.checkWrites())
}

func (e *Engine) refused(err error) {
	reason := Reason(err)
	n, ok := e.counts.refused.Load(reason)
	if !ok {
		n, _ = e.counts.refused.LoadOrStore(reason, new(atomic.Int64))
	}
	n.(*atomic.Int64).Add(1)
}

// Reason is a refusal's name in statistics.
func Reason(err error) string {
	for _, k := range []struct {
		kind error
		name string
	}{
		{taocan.ErrUnavailable, "unavailable"}, {taocan.ErrInsufficientQuota, "insufficient_quota"}, {taocan.ErrUsageLimit, "usage_limit_reached"}, {taocan.ErrConflict, "idempotency_conflict"}, {taocan.ErrInvalid, "invalid_request"},
		{taocan.ErrNotFound, "not_found"}, {taocan.ErrState, "reservation_not_open"},
	} {
		if errors.Is(err, k.kind) {
			return k.name
		}
	}
	return "internal"
}
