package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"taocan/internal/clock"
	"taocan/internal/config"
	"taocan/internal/store"
	"taocan/internal/store/postgres"
)

// Postgres measures databases that it makes on a server, with indexes of ids in a temporary folder.
type Postgres struct {
	scratch *postgres.Scratch
	dir     string
	clock   clock.Clock
	stocked map[int]*postgresDatabase // by number of projects: copied, never opened
	made    int
}

var _ Target = (*Postgres)(nil)

// NewPostgres makes a folder below parent; empty: the system's temporary folder. The address is that of any database of the
// server, and its role must be allowed to make others.
func NewPostgres(ctx context.Context, address, parent string, c clock.Clock) (*Postgres, error) {
	scratch, err := postgres.NewScratch(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("look at the PostgreSQL server: %w", err)
	}
	dir, err := os.MkdirTemp(parent, "taocan-bench-")
	if err != nil {
		return nil, err
	}
	return &Postgres{scratch: scratch, dir: dir, clock: c, stocked: map[int]*postgresDatabase{}}, nil
}

// durable are the settings without which an answered debit may be lost, and how they must not be.
var durable = map[string][]string{"fsync": {"off"}, "synchronous_commit": {"off"}, "full_page_writes": {"off"}}

// About names the server's version and settings.
func (t *Postgres) About() About {
	a := About{Name: "postgresql", Version: t.scratch.Version, Settings: map[string]string{}}
	for name, value := range t.scratch.Settings {
		if name != "data_directory" { // where somebody keeps their data is not for a report
			a.Settings[name] = value
		}
		if slices.Contains(durable[name], value) {
			a.Warnings = append(a.Warnings, fmt.Sprintf("NOT DURABLE: the PostgreSQL server has %s=%s, so answered debits may be lost; these figures are worth nothing beside others", name, value))
		}
	}
	slices.Sort(a.Warnings)
	return a
}

// Dir is the server's data directory where this machine has it.
func (t *Postgres) Dir() string {
	if !t.scratch.Local() {
		return ""
	}
	return t.scratch.Settings["data_directory"]
}

// Probe is the median time of transactions that do nothing but write 4 KiB to the log, on one connection.
func (t *Postgres) Probe(ctx context.Context) (ms float64, err error) {
	times, err := t.scratch.Syncs(ctx, t.clock, probePages)
	if err != nil {
		return 0, fmt.Errorf("write to PostgreSQL's log: %w", err)
	}
	slices.Sort(times)
	return milliseconds(percentile(times, 0.5)), nil
}

// Writers is what a server has: while one waits for the database, the other prepares.
func (t *Postgres) Writers() int { return 2 }

// Shared is true: any number of processes have one database.
func (t *Postgres) Shared() bool { return true }

// Close drops all databases, also after what made them was stopped.
func (t *Postgres) Close() error {
	return errors.Join(t.scratch.Close(context.Background()), os.RemoveAll(t.dir))
}

func (t *Postgres) database(ctx context.Context, from string) (*postgresDatabase, error) {
	t.made++
	d := &postgresDatabase{target: t, dir: filepath.Join(t.dir, fmt.Sprint(t.made))}
	if err := os.Mkdir(d.dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	d.name, err = t.scratch.Create(ctx, from)
	return d, err
}

// Make copies a database that was stocked once.
func (t *Postgres) Make(ctx context.Context, projects int) (Database, error) {
	from := t.stocked[projects]
	if from == nil {
		var err error
		if from, err = t.database(ctx, ""); err != nil {
			return nil, err
		}
		if err := from.stock(ctx, projects); err != nil {
			return nil, err
		}
		t.stocked[projects] = from
	}
	d, err := t.database(ctx, from.name)
	if err != nil {
		return nil, err
	}
	d.projects = from.projects
	return d, nil
}

type postgresDatabase struct {
	target    *Postgres
	name, dir string
	projects  []Project
}

func (d *postgresDatabase) stock(ctx context.Context, projects int) error {
	st, err := postgres.Open(ctx, d.options())
	if err != nil {
		return err
	}
	d.projects, err = Stock(ctx, st, d.target.clock, projects)
	if err == nil {
		err = st.MakeMonths(ctx) // as the first start of a server does
	}
	if err = errors.Join(err, st.Close()); err != nil {
		return err
	}
	return d.target.scratch.Tidy(ctx, d.name)
}

func (d *postgresDatabase) options() postgres.Options {
	return postgresOptions(d.Settings(), d.target.clock)
}

// postgresOptions are those that a server with such settings opens its store with.
func postgresOptions(s config.Settings, c clock.Clock) postgres.Options {
	return postgres.Options{URL: s.DatabaseURL, Clock: c, IDFolder: filepath.Join(s.Data, "ids")}
}

func (d *postgresDatabase) Projects() []Project { return d.projects }

func (d *postgresDatabase) Open(ctx context.Context) (store.Store, error) {
	st, err := postgres.Open(ctx, d.options())
	if err != nil {
		return nil, err
	}
	return st, nil
}

func (d *postgresDatabase) Settings() config.Settings {
	s := config.Defaults()
	s.Data, s.DatabaseURL = d.dir, d.target.scratch.URL(d.name)
	return s
}

// Bytes are those of the database and of the indexes of ids, without the server's log, which it reuses.
func (d *postgresDatabase) Bytes(ctx context.Context) (int64, error) {
	files, err := bytesBelow(d.dir)
	if err != nil {
		return 0, err
	}
	stored, err := d.target.scratch.Bytes(ctx, d.name)
	return files + stored, err
}

func (d *postgresDatabase) Written(ctx context.Context, open store.Store, operations, commits int64) (Written, error) {
	st, ok := open.(*postgres.Store)
	if !ok {
		return Written{}, fmt.Errorf("look at what was written to %s: it is a %T", d.name, open)
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
		transactions, took, err := postgres.Ceiling(ctx, postgresOptions(empty.Settings(), d.target.clock), shape, d.target.Writers(), length)
		return transactions, took, errors.Join(err, empty.Remove(context.WithoutCancel(ctx)))
	}}, nil
}

func (d *postgresDatabase) Remove(ctx context.Context) error {
	return errors.Join(d.target.scratch.Drop(ctx, d.name), os.RemoveAll(d.dir))
}

// bytesBelow adds up the files of a folder.
func bytesBelow(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}
