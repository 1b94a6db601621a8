package sim_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"math/rand/v2"
	"path/filepath"
	"runtime/debug"

	"taocan/internal/clock"
	"taocan/internal/debit"
	"taocan/internal/sim/crashfs"
	"taocan/internal/store"
	"taocan/internal/store/sqlite"
	"taocan/internal/taocan"
)

const clockFormat = "02T15:04:05.000000"

// plan of a run.
type plan struct {
	seed    uint64
	steps   int
	script  []string // of actions, one for each step; nil: the seed chooses
	faults  bool     // of the disk; power cuts among them
	cut     *plannedCut
	lies    bool // the disk does not keep what it says it has kept
	hasty   bool // callers are answered although the commit failed
	observe func(line string)
}

// plannedCut is the only cut of a run.
type plannedCut struct {
	change int // of the disk, from the start of the steps
	after  bool
	loss   crashfs.Loss
}

// world is one run.
type world struct {
	plan
	ctx    context.Context
	dir    string
	random *rand.Rand
	clock  *clock.Fake
	disk   *crashfs.Disk
	store  *sqlite.Store
	gate   *gate
	engine *debit.Engine

	tenants []taocan.Tenant
	truth   *books   // what the store holds
	maybe   []*books // what it may hold instead after the next start: commits that failed and that nothing has overwritten yet
	known   []key    // every id that was ever sent
	first   map[key]*taocan.Debit
	denied  map[key]error          // what is in maybe, and was asked for again and refused
	durable map[*taocan.Debit]bool // handed out by a commit that succeeded
	calls   []*call
	held    *snapshot
	drawn   int  // packages and orders
	trouble bool // a fault of the disk is planned
	killed  bool // the last accident was no loss of power
	hash    hash.Hash64

	complaints bytes.Buffer // of the engine
	counts     counts
}

// call is a caller that waits for its answer, in a goroutine of its own.
type call struct {
	n        int
	ops      []store.Op
	done     bool
	outcomes []store.Outcome
	err      error
	settled  int // a sweep's
}

// newWorld is a machine with the origin's file on its disk, before anything is started. dir is real and empty, or that of an
// earlier run.
func newWorld(ctx context.Context, p plan, dir string, o origin) *world {
	w := &world{plan: p, ctx: ctx, dir: dir, random: rand.New(rand.NewPCG(p.seed, 1)), clock: clock.NewFake(begin),
		disk: crashfs.New(dir, rand.New(rand.NewPCG(p.seed, 2))), tenants: tenants(), truth: o.books.clone(), drawn: o.drawn, hash: fnv.New64a(),
		first: map[key]*taocan.Debit{}, denied: map[key]error{}, durable: map[*taocan.Debit]bool{}}
	w.disk.Observe(w.saw)
	if o.image != nil {
		w.disk.Put(w.path(), o.image)
	}
	if p.lies {
		w.disk.Lie()
	}
	return w
}

// run plays a plan, and says what came up in it, and a sum over everything that happened.
func run(ctx context.Context, p plan, dir string, o origin) (c counts, sum uint64, err error) {
	w := newWorld(ctx, p, dir, o)
	defer w.disk.Close()
	opened := 0
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
		w.gone()
		c, sum = w.counts, w.hash.Sum64()
		c.changes = w.disk.Changes() - opened
	}()
	if err := w.open(); err != nil {
		return c, 0, err
	}
	opened = w.disk.Changes()
	if p.cut != nil {
		w.disk.CutAt(p.cut.change, p.cut.after, p.cut.loss)
	}
	for n := range p.steps {
		w.counts.steps++
		if err := w.survive(func() error { return w.step(n) }); err != nil {
			return c, 0, err
		}
	}
	return c, 0, w.end()
}

// survive does something, and starts again when the power goes meanwhile: whatever came of it then, nobody has heard of it.
func (w *world) survive(do func() error) error {
	err := do()
	if w.disk.Down() {
		return w.crashed()
	}
	return err
}

func (w *world) path() string { return filepath.Join(w.dir, sqlite.FileName) }

// log tells a step, for people and for the hash.
func (w *world) log(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	_, _ = w.hash.Write([]byte(line))
	if w.observe != nil {
		w.observe(line)
	}
}

// saw takes in what the disk was asked for.
func (w *world) saw(op crashfs.Op) {
	if op.Kind == crashfs.Read && !op.Failed {
		return
	}
	line := op.String()
	_, _ = w.hash.Write([]byte(line))
	if w.observe != nil {
		w.observe("    disk: " + line)
	}
}

// end has all answered, stops the server now and then, and looks at everything once more.
func (w *world) end() error {
	w.faults = false
	w.log("the end")
	if err := w.heal(); err != nil {
		return err
	}
	w.engine.ConfirmClock()
	if err := w.survive(w.drain); err != nil {
		return err
	}
	if w.random.IntN(4) == 0 {
		if err := w.survive(w.reopen); err != nil {
			return err
		}
	}
	for {
		before := w.counts.crashes
		err := w.survive(func() error {
			diff, err := w.differs(w.truth, everything)
			if err == nil && diff != "" {
				err = errors.New(diff)
			}
			return errors.Join(err, w.prove())
		})
		if err != nil || w.counts.crashes == before { // a cut may have been planned earlier
			return err
		}
	}
}
