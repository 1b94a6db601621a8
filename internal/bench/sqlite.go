package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"taocan/internal/clock"
	"taocan/internal/config"
	"taocan/internal/store"
	"taocan/internal/store/sqlite"
)

// SQLite measures the back end of one file, in a temporary folder.
type SQLite struct {
	dir     string
	clock   clock.Clock
	stocked map[int]*sqliteDatabase // by number of projects: copied, never opened
	made    int
}

var _ Target = (*SQLite)(nil)

// NewSQLite makes a folder below parent; empty: the system's temporary folder.
func NewSQLite(parent string, c clock.Clock) (*SQLite, error) {
	dir, err := os.MkdirTemp(parent, "taocan-bench-")
	if err != nil {
		return nil, err
	}
	return &SQLite{dir: dir, clock: c, stocked: map[int]*sqliteDatabase{}}, nil
}

// About is sqlite; its settings are the store's own.
func (t *SQLite) About() About { return About{Name: "sqlite"} }

// Dir is where the databases are.
func (t *SQLite) Dir() string { return t.dir }

// Probe writes a file beside the databases.
func (t *SQLite) Probe(context.Context) (ms float64, err error) { return probeFsync(t.dir, t.clock) }

// Writers is one: a file has one.
func (t *SQLite) Writers() int { return 1 }

// Shared is false: a file belongs to one process.
func (t *SQLite) Shared() bool { return false }

// Close removes the folder.
func (t *SQLite) Close() error { return os.RemoveAll(t.dir) }

func (t *SQLite) place() string {
	t.made++
	return filepath.Join(t.dir, fmt.Sprint(t.made))
}

// Make copies a database that was stocked once.
func (t *SQLite) Make(ctx context.Context, projects int) (Database, error) {
	from := t.stocked[projects]
	if from == nil {
		from = &sqliteDatabase{target: t, dir: t.place()}
		if err := from.stock(ctx, projects); err != nil {
			return nil, err
		}
		t.stocked[projects] = from
	}
	d := &sqliteDatabase{target: t, dir: t.place(), projects: from.projects}
	return d, os.CopyFS(d.dir, os.DirFS(from.dir))
}

type sqliteDatabase struct {
	target   *SQLite
	dir      string
	projects []Project
}

func (d *sqliteDatabase) stock(ctx context.Context, projects int) (err error) {
	st, err := d.Open(ctx)
	if err != nil {
		return err
	}
	d.projects, err = Stock(ctx, st, d.target.clock, projects)
	return errors.Join(err, st.Close())
}

func (d *sqliteDatabase) Projects() []Project { return d.projects }

func (d *sqliteDatabase) Open(ctx context.Context) (store.Store, error) {
	st, err := sqlite.Open(ctx, sqlite.Options{Dir: d.dir, Clock: d.target.clock})
	if err != nil {
		return nil, err
	}
	return st, nil
}

func (d *sqliteDatabase) Settings() config.Settings {
	s := config.Defaults()
	s.Data = d.dir
	return s
}

func (d *sqliteDatabase) Bytes(context.Context) (int64, error) { return bytesBelow(d.dir) }

func (d *sqliteDatabase) Written(ctx context.Context, open store.Store, operations, commits int64) (Written, error) {
	st, ok := open.(*sqlite.Store)
	if !ok {
		return Written{}, fmt.Errorf("look at what was written to %s: it is a %T", d.dir, open)
	}
	shape, err := st.Shape(ctx, operations, commits)
	if err != nil {
		return Written{}, err
	}
	return Written{PackedBytes: shape.DebitsBytes, Ceiling: func(ctx context.Context, length time.Duration) (int64, time.Duration, error) {
		empty, err := d.target.Make(ctx, len(d.projects))
		if err != nil {
			return 0, 0, err
		}
		transactions, took, err := sqlite.Ceiling(ctx, empty.Settings().Data, shape, d.target.clock, length)
		return transactions, took, errors.Join(err, empty.Remove(ctx))
	}}, nil
}

func (d *sqliteDatabase) Remove(context.Context) error { return os.RemoveAll(d.dir) }
