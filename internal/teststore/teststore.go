package teststore

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"taocan/internal/clock"
	"taocan/internal/pgtest"
	"taocan/internal/store"
	"taocan/internal/store/postgres"
	"taocan/internal/store/sqlite"
)

// Background is what may outlive a package's tests, for those that look for leaked goroutines: the waits for the end of a PostgreSQL
// server that the test binary has started itself.
func Background() []goleak.Option {
	return []goleak.Option{goleak.IgnoreAnyFunction("taocan/internal/pgtest.(*Server).startOn.func1"), goleak.IgnoreAnyFunction("taocan/internal/pgtest.reap.func1")}
}

// Options of a store.
type Options struct {
	Clock clock.Clock
	Zone  *time.Location // of natural days and months; nil: UTC
}

// Open opens an empty store, which is closed after the test's own cleanups.
func Open(t testing.TB, o Options) store.Store {
	t.Helper()
	s := NewDatabase(t).Open(o)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return s
}

// Database can be opened again after its store was closed, as by a process that starts anew.
type Database struct {
	t        testing.TB
	open     func(context.Context, Options) (store.Store, error)
	contents func(context.Context) ([]byte, error)
	exec     func(ctx context.Context, statement string) (changed int64, err error)
}

// NewDatabase is empty and ends with the test.
func NewDatabase(t testing.TB) *Database {
	t.Helper()
	d := &Database{t: t}
	switch kind := os.Getenv("TAOCAN_TEST_STORE"); kind {
	case "", "sqlite":
		dir := t.TempDir()
		if err := copyTemplate(dir); err != nil {
			t.Fatalf("make an empty store: %v", err)
		}
		d.open = func(ctx context.Context, o Options) (store.Store, error) {
			return sqlite.Open(ctx, sqlite.Options{Dir: dir, Clock: o.Clock, Zone: o.Zone})
		}
		d.contents = func(context.Context) ([]byte, error) { return files(dir) }
		d.exec = func(ctx context.Context, statement string) (int64, error) { return execFile(ctx, dir, statement) }
	case "postgres":
		url, ids := pgtest.Migrated(t, postgres.MigrationsDigest(), postgres.Migrate), filepath.Join(t.TempDir(), "ids")
		d.open = func(ctx context.Context, o Options) (store.Store, error) {
			return postgres.Open(ctx, postgres.Options{URL: url, Clock: o.Clock, Zone: o.Zone, IDFolder: ids})
		}
		d.contents = func(ctx context.Context) ([]byte, error) { return tables(ctx, url) }
		d.exec = func(ctx context.Context, statement string) (int64, error) { return execURL(ctx, url, statement) }
	default:
		t.Fatalf("TAOCAN_TEST_STORE is %q, want sqlite or postgres", kind)
	}
	return d
}

// Open opens the database; the caller closes it, in time before it is opened again.
func (d *Database) Open(o Options) store.Store {
	d.t.Helper()
	s, err := d.open(context.WithoutCancel(d.t.Context()), o)
	if err != nil {
		d.t.Fatalf("open the store: %v", err)
	}
	return s
}

// NoNetwork skips a test in a synctest bubble where the store is reached by a network: time moves in a bubble as if its
// connections did not wait for anybody.
func NoNetwork(t testing.TB) {
	t.Helper()
	if os.Getenv("TAOCAN_TEST_STORE") == "postgres" {
		t.Skip("skipped: a bubble of synctest holds no connections to PostgreSQL")
	}
}
