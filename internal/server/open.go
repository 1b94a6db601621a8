package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"taocan/internal/clock"
	"taocan/internal/config"
	"taocan/internal/store"
	"taocan/internal/store/postgres"
	"taocan/internal/store/sqlite"
)

// ErrHeld means that another process uses the data folder.
var ErrHeld = sqlite.ErrHeld

// ErrNoDatabase means that there is nothing to read yet: nobody has served or migrated.
var ErrNoDatabase = errors.New("there is no database")

// database is a store, with what is not the same for every kind of it. Immutable.
type database struct {
	Opened
	remembered func() (open int, ids int64) // reservations, and ids in the index of this process
	files      map[string]string            // whose sizes are told: paths by their names in metrics
	upkeep     func(context.Context) error  // what is done at every start and daily; nil: nothing
	release    func() error                 // gives up what was taken besides the store; nil: nothing
	writers    int                          // how many batches of debits gain by being on their way at once
	alone      bool                         // no other process writes to it
}

// Close ends the store and gives up the folder.
func (d *database) Close() error {
	err := d.Opened.Close()
	if d.release != nil {
		err = errors.Join(err, d.release())
	}
	return err
}

// openDatabase opens what the settings name, and creates or migrates it. Ids of debits are remembered for so long; 0: as the server did
// that ran last.
func openDatabase(ctx context.Context, x config.Settings, ids time.Duration, c clock.Clock, zone *time.Location, log *slog.Logger) (*database, error) {
	if x.DatabaseURL != "" {
		return openPostgres(ctx, x, ids, c, zone, log)
	}
	st, err := sqlite.Open(ctx, sqlite.Options{Dir: x.Data, Clock: c, Zone: zone, Log: log, IdempotencyWindow: ids, DiskReserve: x.DiskReserveMiB << 20})
	if err != nil {
		return nil, err
	}
	path := filepath.Join(x.Data, sqlite.FileName)
	return &database{Opened: st, remembered: st.Remembered, files: map[string]string{"database": path, "wal": path + "-wal"}, writers: 1, alone: true}, nil
}

// postgresWriters: while one waits for the database, the other prepares. More only take turns on two cores.
const postgresWriters = 2

// idFolder holds the index of debit ids of a process, in its data folder.
const idFolder = "ids"

// openPostgres takes the data folder for this process: the index of ids and the socket in it are one process's own.
func openPostgres(ctx context.Context, x config.Settings, ids time.Duration, c clock.Clock, zone *time.Location, log *slog.Logger) (_ *database, err error) {
	lock, err := lockFolder(x.Data)
	if err != nil {
		return nil, fmt.Errorf("open data folder %s: %w", x.Data, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Close())
		}
	}()
	st, err := postgres.Open(ctx, postgres.Options{URL: x.DatabaseURL, MigrateURL: x.DatabaseMigrateURL, Clock: c, Zone: zone, Log: log,
		IdempotencyWindow: ids, IDFolder: filepath.Join(x.Data, idFolder)})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", x.Database(), err)
	}
	return &database{Opened: st, remembered: st.Remembered, upkeep: st.MakeMonths, release: lock.Close, writers: postgresWriters}, nil
}

// lockFolder makes this process the one that uses a folder, until the file is closed. A database in the folder has the same lock.
func lockFolder(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "taocan.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrHeld
		}
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// Opened is a store that commands read or tidy up in.
type Opened interface {
	store.Store
	Window() time.Duration // for which ids of debits are remembered
}

// OpenReader opens what the settings name for reading only, beside servers that run.
func OpenReader(ctx context.Context, x config.Settings, c clock.Clock) (Opened, error) {
	return openReader(ctx, x, c, 0)
}

// openReader reads the ids of so long into a PostgreSQL's index.
func openReader(ctx context.Context, x config.Settings, c clock.Clock, ids time.Duration) (Opened, error) {
	zone, err := time.LoadLocation(x.Zone)
	if err != nil {
		return nil, err
	}
	if x.DatabaseURL == "" {
		st, err := sqlite.Open(ctx, sqlite.Options{Dir: x.Data, Clock: c, Zone: zone, ReadOnly: true})
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w in %s", ErrNoDatabase, x.Data)
		}
		if err != nil {
			return nil, err
		}
		return st, nil
	}
	st, err := postgres.Open(ctx, postgres.Options{URL: x.DatabaseURL, Clock: c, Zone: zone, ReadOnly: true, IdempotencyWindow: ids})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", x.Database(), err)
	}
	return st, nil
}

// OpenUpkeep opens what the settings name for writing, for commands that tidy up in a store that somebody else serves: a
// PostgreSQL beside its servers, an SQLite without one (ErrHeld). A PostgreSQL must have this version's schema already, since
// servers of the version before may still be running.
func OpenUpkeep(ctx context.Context, x config.Settings, c clock.Clock, log *slog.Logger) (Opened, error) {
	reader, err := openReader(ctx, x, c, time.Nanosecond) // only its schema is looked at
	if err != nil {
		return nil, err
	}
	if err := reader.Close(); err != nil {
		return nil, err
	}
	if x.DatabaseURL == "" {
		db, err := openDatabase(ctx, x, 0, c, time.UTC, log)
		if err != nil {
			return nil, err
		}
		return db, nil
	}
	st, err := postgres.Open(ctx, postgres.Options{URL: x.DatabaseURL, MigrateURL: x.DatabaseMigrateURL, Clock: c, Log: log, Unasked: true})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", x.Database(), err)
	}
	return st, nil
}

// HasDatabase reports whether there is something to open. A PostgreSQL is asked when it is opened.
func HasDatabase(x config.Settings) bool {
	if x.DatabaseURL != "" {
		return true
	}
	_, err := os.Stat(filepath.Join(x.Data, sqlite.FileName))
	return err == nil
}
