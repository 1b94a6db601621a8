package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"taocan/internal/store"
	"taocan/internal/store/sqlstore"
)

// keepPrivate makes the database's file one that nobody else can read, whatever the umask and an older version left.
func keepPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// keepPrivateBeside does the same to the files that SQLite has made beside an open database. They live as long as the writer.
func keepPrivateBeside(path string) error {
	for _, beside := range []string{path + "-wal", path + "-shm"} {
		if err := os.Chmod(beside, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Health is what can be said of a database without proving it.
type Health struct {
	Schema     int64     // of the database
	Newest     int64     // that this program knows
	LastCommit time.Time // zero: none yet
	Damage     []string  // by SQLite's own quick look; empty is well
}

// Health looks the database over, beside a running server. It reads every page once.
func (s *Store) Health(ctx context.Context) (Health, error) {
	h := Health{Newest: NewestSchema()}
	if err := s.readers.QueryRowContext(ctx, queries.Text("health_schema")).Scan(&h.Schema); err != nil {
		return h, fmt.Errorf("read the schema's version: %w", sqlstore.Kind(err))
	}
	var last int64
	if err := s.readers.QueryRowContext(ctx, queries.Text("health_last_commit")).Scan(&last); err != nil {
		return h, fmt.Errorf("read the last commit: %w", sqlstore.Kind(err))
	}
	if last > 0 {
		_, h.LastCommit = store.CommitOf(last)
	}
	rows, err := s.readers.QueryContext(ctx, queries.Text("health_quick_check"))
	if err != nil {
		return h, fmt.Errorf("quick check: %w", sqlstore.Kind(err))
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return h, fmt.Errorf("quick check: %w", sqlstore.Kind(err))
		}
		if line != "ok" {
			h.Damage = append(h.Damage, line)
		}
	}
	return h, sqlstore.Kind(rows.Err())
}

// Remembered says how many reservations are open and how many ids the index holds.
func (s *Store) Remembered() (open int, ids int64) {
	x := s.index.Load()
	return x.Open(), x.Stats().Entries
}
