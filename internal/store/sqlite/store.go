package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	sqlite3 "github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	"github.com/pressly/goose/v3"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/store/idindex"
	"taocan/internal/store/sqlstore"
	"taocan/internal/taocan"
)

//go:embed migration/*.sql
var migrations embed.FS

// FileName of the database in its folder.
const FileName = "taocan.db"

// ErrHeld means that another process holds the database for writing.
var ErrHeld = errors.New("another taocan process holds the database")

// Options of Open.
type Options struct {
	Dir   string // created if missing
	Clock clock.Clock
	Zone  *time.Location // of natural days and months; nil: UTC
	Log   *slog.Logger
	// ReadOnly opens an existing database beside a running server; Update and CommitDebits fail.
	ReadOnly bool
	// Moving also opens for writing what a move of the store has left behind or is filling: whoever moves it.
	Moving bool
	// IdempotencyWindow is how long ids of debits are remembered, and noted for whoever opens the store without saying; 0: as noted,
	// or 30 days.
	IdempotencyWindow time.Duration
	// VFS names a registered file layer; empty is the default. Fault tests bring their own.
	VFS string
	// DiskReserve is how many bytes must stay free on Dir's file system: with less, no ledger is written. 0: not looked at.
	DiskReserve int64

	file       string                      // in Dir; default FileName
	lock       *os.File                    // of Dir, where the caller holds it already
	migrations fs.FS                       // default those embedded
	free       func(string) (int64, error) // default freeBytes
	memoryIDs  int                         // of the index in memory, before a file is written; default idindex.MemoryIDs
}

// Store is a database in one file.
type Store struct {
	readers *sql.DB
	epoch   string
	clock   clock.Clock
	guard   *clock.Guard
	disk    *diskGuard
	source  sqlstore.Source
	window  time.Duration
	log     *slog.Logger
	dir     string
	w       *writer // nil when read-only
	closed  atomic.Bool

	index     atomic.Pointer[idindex.Index]
	idFiles   bool // the index keeps files
	memoryIDs int
}

var _ store.Store = (*Store)(nil)

// writer is what the one writing connection knows. Whoever holds the token owns it.
type writer struct {
	token chan struct{} // capacity 1
	lock  *os.File      // nil where it is somebody else's, or was not got
	db    *sql.DB
	conn  *sql.Conn
	raw   *sqlite3.Conn
	hot   hotStatements
	known bool // heads, unposted and balances agree with the disk
	heads [taocan.Lanes]store.Head
	cache *sqlstore.Cache

	unposted [taocan.Lanes]*store.Unposted
	posted   bool // something, in the open transaction
	// behind: there may be commits that are not posted. Set before their callers are answered. Looked at without the token.
	behind atomic.Bool
}

// Open opens the database, creates or migrates it unless read-only, and loads the index of ids.
func Open(ctx context.Context, o Options) (_ *Store, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	own := o.file == "" // not a copy that is looked at
	s := &Store{clock: o.Clock, guard: clock.NewGuard(o.Clock), log: o.Log, dir: o.Dir,
		idFiles: !o.ReadOnly && o.VFS == "" && own, memoryIDs: o.memoryIDs}
	s.source = sqlstore.Source{Zone: o.Zone, Candidates: func(_ context.Context, _ sqlstore.Reader, t taocan.Tenant, id taocan.DebitID) ([]int64, error) {
		return s.candidates(t.Project, id)
	}}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	if o.file == "" {
		o.file = FileName
	}
	if o.migrations == nil {
		o.migrations = migrationFiles()
	}
	if o.free == nil {
		o.free = freeBytes
	}
	s.disk = &diskGuard{dir: o.Dir, reserve: o.DiskReserve, free: o.free, clock: o.Clock, log: o.Log}
	path := filepath.Join(o.Dir, o.file)
	if o.ReadOnly {
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("open %s: %w", path, err)
		}
	} else if err := s.openWriter(ctx, o, path); err != nil {
		return nil, err
	}
	s.readers, err = driver.Open(dsn(path, o.VFS, "busy_timeout(5000)", "query_only(1)", "cache_size(-8192)"))
	if err != nil {
		return nil, err
	}
	s.readers.SetMaxOpenConns(4)
	s.readers.SetMaxIdleConns(4)
	if err := checkSchema(ctx, s.readers, sqlstore.Newest(o.migrations), o.ReadOnly); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if err := s.readers.QueryRowContext(ctx, "SELECT value FROM store_meta WHERE name = 'epoch'").Scan(&s.epoch); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, sqlstore.Kind(err))
	}
	value := func(ctx context.Context, name string) (string, error) { return meta(ctx, s.readers, name) }
	if !o.ReadOnly && !o.Moving {
		if err := sqlstore.CheckMoved(ctx, value); err != nil {
			return nil, fmt.Errorf("open %s: %w", path, err)
		}
	}
	if s.window, err = sqlstore.Window(ctx, value, o.IdempotencyWindow); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	started := o.Clock.Monotonic()
	if err := s.openIndex(ctx); err != nil {
		return nil, fmt.Errorf("load the index of debit ids: %w", err)
	}
	o.Log.Debug("store open", "path", path, "debit_ids", s.index.Load().Stats().Entries, "index_ms", (o.Clock.Monotonic() - started).Milliseconds())
	return s, nil
}

func dsn(path, vfs string, pragmas ...string) string {
	q := url.Values{"_pragma": pragmas}
	if vfs != "" {
		q.Set("vfs", vfs)
	}
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}
	return u.String()
}

func (s *Store) openWriter(ctx context.Context, o Options, path string) error {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	w := &writer{token: make(chan struct{}, 1), cache: sqlstore.NewCache(sqlstore.CachedPackages)}
	w.behind.Store(true) // whoever wrote last may have left some
	s.w = w
	var err error
	if o.lock == nil {
		if w.lock, err = lockFolder(o.Dir); err != nil {
			return fmt.Errorf("open %s: %w", path, err)
		}
	}
	if err := keepPrivate(path); err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	if o.VFS == "" {
		if err := rewriteLog(path + "-wal"); err != nil {
			return fmt.Errorf("open %s: %w", path, err)
		}
	}
	// Statements of the hot path touch few pages again and again: 32 MiB of cache keep them.
	w.db, err = driver.Open(dsn(path, o.VFS, "busy_timeout(5000)", "journal_mode(wal)", "synchronous(full)",
		"foreign_keys(1)", "cache_size(-32768)", "wal_autocheckpoint(4000)"))
	if err != nil {
		return err
	}
	w.db.SetMaxOpenConns(1)
	if err := checkSchema(ctx, w.db, sqlstore.Newest(o.migrations), false); err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	migrate, err := goose.NewProvider(goose.DialectSQLite3, w.db, o.migrations, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if _, err := migrate.Up(ctx); err != nil {
		return fmt.Errorf("migrate %s: %w", path, err)
	}
	if _, err := w.db.ExecContext(ctx, "INSERT INTO store_meta (name, value) VALUES ('epoch', ?) ON CONFLICT DO NOTHING", sqlstore.NewEpoch()); err != nil {
		return fmt.Errorf("open %s: %w", path, sqlstore.Kind(err))
	}
	if o.IdempotencyWindow > 0 && !o.Moving {
		if _, err := w.db.ExecContext(ctx, queries.Text("meta_put"), sqlstore.MetaWindow, o.IdempotencyWindow.String()); err != nil {
			return fmt.Errorf("open %s: %w", path, sqlstore.Kind(err))
		}
	}
	if w.conn, err = w.db.Conn(ctx); err != nil {
		return err
	}
	if err := keepPrivateBeside(path); err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	err = w.conn.Raw(func(c any) error {
		w.raw = c.(driver.Conn).Raw() // conn is never given back, so raw stays ours
		return w.hot.prepare(w.raw)
	})
	if err != nil {
		return fmt.Errorf("prepare statements: %w", err)
	}
	return nil
}

// lockFolder makes this process the one that writes in the folder. Closing the file gives it up.
func lockFolder(dir string) (*os.File, error) {
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

// Close ends the store. Nobody may be reading; a transaction under way ends first.
func (s *Store) Close() error {
	if !s.closed.CompareAndSwap(false, true) {
		return nil // a second one would wait for a writer that never comes
	}
	var errs []error
	if s.readers != nil {
		errs = append(errs, s.readers.Close())
	}
	if x := s.index.Load(); x != nil {
		defer func() { _ = x.Close() }()
	}
	if w := s.w; w != nil {
		w.token <- struct{}{} // whoever is writing ends first; nobody writes afterwards
		if w.conn != nil && w.known {
			errs = append(errs, s.settleWith(context.Background(), w)) // for those who read the file without us
		}
		w.behind.Store(false)
		errs = append(errs, w.hot.close())
		if w.conn != nil {
			errs = append(errs, w.conn.Close())
		}
		if w.db != nil {
			errs = append(errs, w.db.Close())
		}
		if w.lock != nil {
			errs = append(errs, w.lock.Close()) // also gives up the lock
		}
	}
	return errors.Join(errs...)
}

// Window is how long ids of debits are remembered.
func (s *Store) Window() time.Duration { return s.window }

// Epoch identifies this database's history.
func (s *Store) Epoch() string { return s.epoch }

// CheckWrites says why no ledger is written now.
func (s *Store) CheckWrites() error {
	_, err := s.now()
	return err
}

// ConfirmClock trusts the wall clock as it stands.
func (s *Store) ConfirmClock() { s.guard.Confirm() }

// now is the time that a commit may take.
func (s *Store) now() (time.Time, error) {
	now, err := s.guard.Now()
	if err == nil {
		err = s.disk.check()
	}
	if err != nil {
		return now, fmt.Errorf("%w: %w: %w", store.ErrNotCommitted, taocan.ErrUnavailable, err)
	}
	return now, nil
}

// View runs fn on one snapshot, on which everything is posted.
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) error {
	if err := s.settle(ctx); err != nil {
		return err
	}
	return s.Peek(ctx, fn)
}

// Peek runs fn on one snapshot as it stands.
func (s *Store) Peek(ctx context.Context, fn func(store.Reader) error) error {
	t, err := s.readers.BeginTx(ctx, nil)
	if err != nil {
		return sqlstore.Kind(err)
	}
	defer func() { _ = t.Rollback() }()
	return fn(sqlstore.Reader{Q: querier{t}, S: &s.source})
}

// acquire takes the writer's token.
func (s *Store) acquire(ctx context.Context) (*writer, error) {
	if s.w == nil {
		return nil, fmt.Errorf("the store is open for reading only: %w", taocan.ErrUnavailable)
	}
	select {
	case s.w.token <- struct{}{}:
		return s.w, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w: %w", store.ErrNotCommitted, taocan.ErrUnavailable, ctx.Err())
	}
}

func (w *writer) release() { <-w.token }

// begin starts a transaction with the heads known.
func (s *Store) begin(ctx context.Context, w *writer) error {
	if err := s.mendIndex(ctx); err != nil {
		return err
	}
	if !w.raw.GetAutocommit() { // a rollback failed earlier
		if err := w.raw.Exec("ROLLBACK"); err != nil {
			return fmt.Errorf("%w: %w", store.ErrNotCommitted, sqlstore.Kind(err))
		}
	}
	if err := w.raw.Exec("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("%w: %w", store.ErrNotCommitted, sqlstore.Kind(err))
	}
	w.posted = false
	if w.known {
		return nil
	}
	err := w.makeDurable()
	if err == nil {
		err = s.learn(ctx, w)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("%w: %w", store.ErrNotCommitted, err), w.rollback())
	}
	w.known = true
	w.cache.Reset()
	return nil
}

// makeDurable makes what the database shows survive a loss of power, before anything relies on it. A commit of which only the sync
// has failed is shown to whoever opens the log next, and so is one of a process that was killed before its sync: both must
// stand from now on. The log is synced by a commit, and SQLite writes one only if something changes.
func (w *writer) makeDurable() error {
	if err := w.raw.Exec(queries.Text("meta_settle")); err != nil {
		return sqlstore.Kind(err)
	}
	if err := w.raw.Exec("COMMIT"); err != nil {
		return sqlstore.Kind(err)
	}
	return sqlstore.Kind(w.raw.Exec("BEGIN IMMEDIATE"))
}

// learn reads where the lanes stand. Commits whose outcome was not known may be on disk: their ids are noted, too.
func (s *Store) learn(ctx context.Context, w *writer) error {
	r := s.on(w)
	heads, err := r.Heads(ctx)
	if err != nil {
		return err
	}
	x := s.index.Load()
	indexed := x.Covered()
	for lane, head := range heads {
		w.unposted[lane] = store.NewUnposted(head.Lane, head.Posted)
		err := sqlstore.EachCommit(ctx, r, head.Lane, min(head.Posted, indexed[lane]), head.Seq, func(c store.Commit) error {
			if c.Seq > indexed[lane] {
				if err := x.AddCommit(c.Lane, c.Seq, store.CommitID(c.Lane, c.At), c.Debits); err != nil {
					return sqlstore.ErrDamaged(c.Lane, c.At, err)
				}
			}
			if c.Seq <= head.Posted {
				return nil
			}
			records, err := store.RecordsOf(c.Debits, c.At)
			if err != nil {
				return sqlstore.ErrDamaged(c.Lane, c.At, err)
			}
			w.unposted[lane].Add(c.Seq, c.At, records)
			return nil
		})
		if err != nil {
			return err
		}
	}
	w.heads = heads
	return nil
}

// rollback ends a transaction without trace. What the writer remembers is dropped: a balance may have been changed.
func (w *writer) rollback() error {
	w.known = false
	w.behind.Store(true)
	w.cache.Reset()
	if w.raw.GetAutocommit() {
		return nil // SQLite has rolled back by itself
	}
	return sqlstore.Kind(w.raw.Exec("ROLLBACK"))
}

// abandon ends a transaction that has touched no balance in memory. Refused orders are common and must not cost the
// engine its cache.
func (w *writer) abandon() {
	if w.raw.GetAutocommit() || w.raw.Exec("ROLLBACK") != nil {
		_ = w.rollback()
	}
}

// commit makes the transaction durable. After an error its outcome is unknown.
func (w *writer) commit() error {
	if err := w.raw.Exec("COMMIT"); err != nil {
		return errors.Join(fmt.Errorf("commit: %w", sqlstore.Kind(err)), w.rollback())
	}
	return nil
}

// Update runs fn in one transaction.
func (s *Store) Update(ctx context.Context, account taocan.AccountID, fn func(store.Tx) error) error {
	w, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer w.release()
	if account != "" { // fn reads packages
		if err := s.settleWith(ctx, w); err != nil {
			return err
		}
	}
	if err := s.begin(ctx, w); err != nil {
		return err
	}
	done := false
	defer func() {
		if !done { // fn failed or panicked
			w.abandon()
		}
	}()
	now, head := s.clock.Now(), store.Head{}
	if account != "" {
		if now, err = s.now(); err != nil {
			return err
		}
		head = w.heads[taocan.LaneOf(account)]
		now = head.NextAt(now)
	}
	t := sqlstore.NewTx(s.on(w), account, head, now)
	if err := fn(t); err != nil {
		return err
	}
	rows, err := t.Finish(ctx)
	if err != nil {
		return err
	}
	var link *store.Commit
	if len(rows) > 0 {
		c := store.NewCommit(head, now, nil, rows)
		if err := w.appendCommit(c, c.Seq); err != nil {
			return err
		}
		link = &c
	}
	done = true
	if err := w.commit(); err != nil {
		return err
	}
	if link != nil {
		w.heads[link.Lane] = link.Head(link.Seq)
		w.unposted[link.Lane].Add(link.Seq, link.At, nil)
		s.index.Load().AddWritten(link.Lane, link.Seq, store.CommitID(link.Lane, link.At), nil)
	}
	changed, everything := t.Changed()
	for _, tenant := range changed {
		w.cache.Drop(tenant)
	}
	if everything {
		w.cache.Reset()
	}
	return nil
}

// on reads through the writing connection.
func (s *Store) on(w *writer) sqlstore.Reader {
	return sqlstore.Reader{Q: querier{w.conn}, S: &s.source}
}
