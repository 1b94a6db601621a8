package postgres

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"taocan/internal/store/sqlstore"
	"taocan/internal/taocan"
)

//go:embed migration/*.sql
var migrations embed.FS

// NewestSchema is the schema that this version brings a database to.
func NewestSchema() int64 { return sqlstore.Newest(migrationFiles()) }

// MigrationsDigest differs wherever Migrate does something else.
func MigrationsDigest() string {
	h := sha256.New()
	err := fs.WalkDir(migrations, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(migrations, path)
		_, _ = fmt.Fprintf(h, "%s %d\n%s", path, len(b), b)
		return err
	})
	if err != nil {
		panic("postgres: " + err.Error()) // embedded
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func migrationFiles() fs.FS {
	files, err := fs.Sub(migrations, "migration")
	if err != nil {
		panic("postgres: " + err.Error()) // embedded
	}
	return files
}

// Migrate brings a database to the newest schema. Processes that start at the same time wait for each other, by an advisory
// lock of the connection: url leads straight to the database.
func Migrate(ctx context.Context, url string) (err error) { return migrate(ctx, url, migrationFiles()) }

func migrate(ctx context.Context, url string, files fs.FS) (err error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return fmt.Errorf("the database's address for migrations: %w", err)
	}
	db := stdlib.OpenDB(*config)
	defer func() { err = errors.Join(err, db.Close()) }()
	const seconds, tries = 1, 300 // a long migration of another process is waited for
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(seconds, tries))
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithLogger(goose.NopLogger()), goose.WithSessionLocker(locker))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", sqlstore.Kind(err))
	}
	return nil
}

// prepare checks the schema, migrates where that is due, and makes or reads the epoch.
func (s *Store) prepare(ctx context.Context, o Options) error {
	version, err := s.schema(ctx)
	if err == nil {
		err = sqlstore.CheckSchema(version, NewestSchema(), o.ReadOnly)
	}
	if err != nil {
		return err
	}
	if version < NewestSchema() {
		if err := Migrate(ctx, o.MigrateURL); err != nil {
			return err
		}
	}
	if !o.ReadOnly && !o.Moving {
		if err := sqlstore.CheckMoved(ctx, s.meta); err != nil {
			return err
		}
	}
	if s.window, err = sqlstore.Window(ctx, s.meta, o.IdempotencyWindow); err != nil {
		return err
	}
	if s.indexWindow = s.window; o.Unasked {
		s.indexWindow = time.Minute
	}
	if o.IdempotencyWindow > 0 && !o.ReadOnly && !o.Moving {
		if err := s.write(ctx, "meta_put", sqlstore.MetaWindow, s.window.String()); err != nil {
			return err
		}
	}
	if s.epoch, err = s.meta(ctx, "epoch"); !errors.Is(err, taocan.ErrNotFound) || o.ReadOnly {
		return err
	}
	if err := s.write(ctx, "epoch_insert", sqlstore.NewEpoch()); err != nil { // another process may have been first
		return err
	}
	s.epoch, err = s.meta(ctx, "epoch")
	return err
}

// schema is that of a database of ours, 0 for an empty one.
func (s *Store) schema(ctx context.Context) (version int64, err error) {
	var tables int
	c, err := s.readers.Conn(ctx)
	if err != nil {
		return 0, sqlstore.Kind(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.QueryRowContext(ctx, queries.Text("meta_tables")).Scan(&tables); err != nil {
		return 0, sqlstore.Kind(err)
	}
	if tables != sqlstore.EveryTables {
		return 0, nil
	}
	err = c.QueryRowContext(ctx, queries.Text("schema_version")).Scan(&version)
	return version, sqlstore.Kind(err)
}

func (s *Store) meta(ctx context.Context, name string) (value string, err error) {
	c, err := s.readers.Conn(ctx)
	if err != nil {
		return "", sqlstore.Kind(err)
	}
	defer func() { _ = c.Close() }()
	err = c.QueryRowContext(ctx, queries.Text("meta_get"), name).Scan(&value)
	return value, sqlstore.Kind(err)
}

// write runs one statement in a transaction of its own.
func (s *Store) write(ctx context.Context, name string, args ...any) error {
	c, err := s.writers.Conn(ctx)
	if err != nil {
		return sqlstore.Kind(err)
	}
	defer func() { _ = c.Close() }()
	x, err := sessionOf(c)
	if err != nil {
		return err
	}
	only, err := x.named(name, args...)
	if err != nil {
		return err
	}
	_, err = x.commit(ctx, only)
	return sqlstore.Kind(err)
}
