package move

import (
	"context"
	"errors"
	"fmt"
	"time"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/store/sqlstore"
	"taocan/internal/taocan"
)

// Kind of a store.
type Kind string

// The kinds.
const (
	SQLite   Kind = "sqlite"
	Postgres Kind = "postgres"
)

// Errors of Run that say what the operator has to do.
var (
	ErrNotEmpty = errors.New("the target is not empty")
	ErrInUse    = errors.New("somebody else uses the database")
	ErrNothing  = errors.New("there is no database")
)

// Options of Run.
type Options struct {
	From, To Kind   // one of each
	Dir      string // data folder of the SQLite side
	URL      string // of the PostgreSQL side, straight to it and not through PgBouncer
	Name     string // of the PostgreSQL side for people, without its password
	Clock    clock.Clock
	// KeepSource does not mark the source as moved away: for a trial, or a copy.
	KeepSource bool
	// Progress hears of stages and of tables; nil: nobody does.
	Progress func(Progress)

	step func(at string) error // tests end a run here, as a crash would
}

// Progress of a run. Table is empty where a stage begins.
type Progress struct {
	Stage Stage
	Table string
	Rows  int64 // so far, of this run
	Done  bool  // with the table
}

// Stage of a run.
type Stage string

// The stages, in order.
const (
	StageProveSource Stage = "prove the source"
	StageResume      Stage = "go on with an earlier run" // says so; or
	StageRestart     Stage = "start over, for the source has changed since an earlier run"
	StageCopy        Stage = "copy"
	StageCompare     Stage = "compare"
	StageProveTarget Stage = "prove the target"
)

// Report of a run that succeeded.
type Report struct {
	From, To string // for people
	Epoch    string
	Head     string // of both, as verify prints it
	Tables   int
	Rows     int64 // that both sides have, store_meta left out
	Proved   store.Report
	Took     time.Duration
}

// errDiffers means that a row of the target is not the source's.
var errDiffers = errors.New("the copy differs from the source")

// mover is one run.
type mover struct {
	o        Options
	from, to side
	tables   []table
	origin   origin
	report   Report
	resumed  bool
	window   time.Duration // for which the source remembers ids of debits
}

// Run moves a store. After an error the source is as it was, and Run can be called again.
func Run(ctx context.Context, o Options) (r Report, err error) {
	if o.From == o.To {
		return r, fmt.Errorf("from %s to %s is no move", o.From, o.To)
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.step == nil {
		o.step = func(string) error { return nil }
	}
	started := o.Clock.Monotonic()
	m := &mover{o: o}
	if m.from, err = openSide(ctx, o, o.From, asSource); err != nil {
		return r, fmt.Errorf("the source: %w", err)
	}
	defer func() { err = errors.Join(err, m.from.close()) }()
	if m.to, err = openSide(ctx, o, o.To, asTarget); err != nil {
		return r, fmt.Errorf("the target: %w", err)
	}
	defer func() { err = errors.Join(err, m.to.close()) }()
	if err := m.run(ctx); err != nil {
		return r, err
	}
	m.report.Took = o.Clock.Monotonic() - started
	return m.report, nil
}

func (m *mover) run(ctx context.Context) error {
	m.report.From, m.report.To = m.from.String(), m.to.String()
	place, err := m.prepare(ctx)
	if err != nil {
		return err
	}
	err = m.fill(ctx, place)
	if m.resumed && (errors.Is(err, errDiffers) || errors.Is(err, sqlstore.ErrConstraint) || errors.Is(err, taocan.ErrConflict)) {
		// What an earlier run has copied was changed in the source afterwards.
		m.o.Progress(Progress{Stage: StageRestart})
		m.resumed = false
		if err = m.to.clear(ctx, m.tables, m.origin); err == nil {
			err = m.fill(ctx, m.origin.start())
		}
	}
	if err != nil {
		return err
	}
	return m.finish(ctx)
}

// prepare proves the source, compares schemas, and finds out where to begin.
func (m *mover) prepare(ctx context.Context) (place, error) {
	meta, err := m.from.meta(ctx)
	if err != nil {
		return place{}, err
	}
	if _, half := meta[sqlstore.MetaMoving]; half {
		return place{}, fmt.Errorf("the source: %w: a move into it has not ended", sqlstore.ErrMoved)
	}
	value := func(_ context.Context, name string) (string, error) {
		if v, is := meta[name]; is {
			return v, nil
		}
		return "", taocan.ErrNotFound
	}
	if m.window, err = sqlstore.Window(ctx, value, 0); err != nil {
		return place{}, fmt.Errorf("the source: %w", err)
	}
	m.o.Progress(Progress{Stage: StageProveSource})
	if m.report.Proved, err = m.from.prove(ctx, m.window); err != nil {
		return place{}, fmt.Errorf("the source: %w", err)
	}
	m.origin = origin{Epoch: meta["epoch"], Head: m.report.Proved.Head}
	m.report.Epoch, m.report.Head = m.origin.Epoch, m.origin.Head
	if m.tables, err = pair(ctx, m.from, m.to); err != nil {
		return place{}, err
	}
	if m.report.Tables = len(m.tables); m.report.Tables == 0 {
		return place{}, errors.New("the source has no tables")
	}
	theirs, err := m.to.meta(ctx)
	if err != nil {
		return place{}, err
	}
	text, begun := theirs[sqlstore.MetaMoving]
	switch to, moved := meta[sqlstore.MetaMovedTo]; {
	case moved && !begun:
		return place{}, fmt.Errorf("the source: %w: it was moved to %s", sqlstore.ErrMoved, to)
	case !begun:
		if err := m.empty(ctx, theirs); err != nil {
			return place{}, err
		}
	default:
		p, err := parsePlace(text)
		if err == nil && p.origin == m.origin {
			m.resumed = true
			m.o.Progress(Progress{Stage: StageResume})
			return p, nil
		}
		m.o.Progress(Progress{Stage: StageRestart})
	}
	return m.origin.start(), m.to.clear(ctx, m.tables, m.origin)
}

// empty refuses a target that holds anything.
func (m *mover) empty(ctx context.Context, meta map[string]string) error {
	if _, away := meta[sqlstore.MetaMovedTo]; away {
		return fmt.Errorf("%w: %s was itself moved away; give a new one", ErrNotEmpty, m.to)
	}
	heads, err := m.to.head(ctx)
	if err != nil {
		return err
	}
	if heads != "" {
		return fmt.Errorf("%w: %s has a history", ErrNotEmpty, m.to)
	}
	for _, t := range m.tables {
		if t.name == "lane" {
			continue // has its rows from the start
		}
		some, err := m.to.holds(ctx, t)
		if err != nil {
			return err
		}
		if some {
			return fmt.Errorf("%w: %s has rows in %s", ErrNotEmpty, m.to, t.name)
		}
	}
	return nil
}

// fill copies what is missing and compares everything.
func (m *mover) fill(ctx context.Context, p place) error {
	m.o.Progress(Progress{Stage: StageCopy})
	if err := m.copy(ctx, p); err != nil {
		return err
	}
	if err := m.settle(ctx); err != nil {
		return fmt.Errorf("the target: %w", err)
	}
	m.o.Progress(Progress{Stage: StageCompare})
	return m.compare(ctx)
}

// settle gives the target the source's facts, beside how far the copy has come.
func (m *mover) settle(ctx context.Context) error {
	meta, err := m.from.meta(ctx)
	if err != nil {
		return err
	}
	theirs, err := m.to.meta(ctx)
	if err != nil {
		return err
	}
	meta = facts(meta)
	meta[sqlstore.MetaMoving] = theirs[sqlstore.MetaMoving]
	return m.to.settle(ctx, meta)
}

// finish proves the target, marks the source and opens the target to servers.
func (m *mover) finish(ctx context.Context) error {
	m.o.Progress(Progress{Stage: StageProveTarget})
	proved, err := m.to.prove(ctx, m.window)
	if err != nil {
		return fmt.Errorf("the target: %w", err)
	}
	if figures(proved) != figures(m.report.Proved) {
		return fmt.Errorf("the proofs differ: %s of the source, %s of the target", figures(m.report.Proved), figures(proved))
	}
	to := ""
	if !m.o.KeepSource {
		to = m.to.String()
	}
	if err := m.o.step("mark"); err != nil {
		return err
	}
	if err := m.from.leave(ctx, to); err != nil {
		return fmt.Errorf("mark the source as moved: %w", err)
	}
	if err := m.o.step("open"); err != nil {
		return err
	}
	if err := m.to.open(ctx); err != nil {
		return fmt.Errorf("open the target to servers: %w", err)
	}
	return nil
}

// figures of a proof, of which nothing may differ.
func figures(r store.Report) string {
	return fmt.Sprintf("%d commits, %d debits, %d entries, %d packages, %d orders, %d wallets, head %s",
		r.Commits, r.Debits, r.Entries, r.Packages, r.Orders, r.Wallets, r.Head)
}
