package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/store/idindex"
	"taocan/internal/store/sqlstore"
	"taocan/internal/taocan"
)

// Options of Open.
type Options struct {
	URL        string // of the database, or of PgBouncer before it; several hosts want target_session_attrs=read-write
	MigrateURL string // straight to the database; default URL
	Clock      clock.Clock
	Zone       *time.Location // of natural days and months; nil: UTC
	Log        *slog.Logger
	// ReadOnly opens an existing database, perhaps on a standby; Update and CommitDebits fail.
	ReadOnly bool
	// Moving also opens for writing what a move of the store has left behind or is filling: whoever moves it.
	Moving bool
	// IdempotencyWindow is how long ids of debits are remembered, and noted for whoever opens the store without saying; 0: as noted,
	// or 30 days.
	IdempotencyWindow time.Duration
	// Unasked: nobody asks this process about an id of a debit, so that its index stays small.
	Unasked  bool
	IDFolder string // for files of the index of ids; empty: it is kept in memory alone
	// Connections at most of the readers, and as many of the writers; default 8 each, or what the URL says (pool_max_conns).
	Connections int
	// Patience with one statement, a wait for a lock included; default a minute.
	Patience time.Duration
}

// Store is a database that other processes may use at the same time.
type Store struct {
	readPool, writePool *pgxpool.Pool // the latter nil when read-only
	readers, writers    *sql.DB       // sessions on them
	epoch               string
	clock               clock.Clock
	guard               *clock.Guard
	source              sqlstore.Source
	window              time.Duration // for which ids are remembered
	indexWindow         time.Duration // of it, what the index holds
	log                 *slog.Logger

	// Whoever of this process writes takes its token before it takes a connection, so that those who would only wait for a
	// row's lock hold none.
	lanes    [taocan.Lanes]chan struct{}
	settings chan struct{}
	memory   [taocan.Lanes]laneMemory // each owned by whoever has the lane's token
	lost     atomic.Bool              // commits that were seen: nothing is written any more

	ids      atomic.Pointer[idindex.Index]
	idFolder string
	seen     [taocan.Lanes]sight
	mending  sync.Mutex
}

var _ store.Store = (*Store)(nil)

const connectionsDefault = 8

// Open opens the database, and creates or migrates it unless read-only.
func Open(ctx context.Context, o Options) (_ *Store, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.MigrateURL == "" {
		o.MigrateURL = o.URL
	}
	if o.Patience == 0 {
		o.Patience = time.Minute
	}
	s := &Store{clock: o.Clock, guard: clock.NewGuard(o.Clock), log: o.Log, idFolder: o.IDFolder, memory: newMemory()}
	s.source = sqlstore.Source{Zone: o.Zone, Candidates: s.candidates}
	s.settings = make(chan struct{}, 1)
	for lane := range s.lanes {
		s.lanes[lane] = make(chan struct{}, 1)
	}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	if err := s.connect(ctx, o); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx, o); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := s.openIDs(ctx); err != nil {
		return nil, fmt.Errorf("load the index of debit ids: %w", err)
	}
	return s, nil
}

// connect makes the pools. Connections come when they are needed.
func (s *Store) connect(ctx context.Context, o Options) (err error) {
	texts, long := &texts{}, longTexts()
	open := func(begin []string, savepoints bool, retries int) (*pgxpool.Pool, *sql.DB, error) {
		pool, err := newPool(ctx, o)
		if err != nil {
			return nil, nil, err
		}
		db := sql.OpenDB(&connector{pool: pool, begin: begin, savepoints: savepoints, retries: retries, patience: o.Patience, texts: texts, long: long})
		db.SetMaxIdleConns(-1) // a session ends with its transaction; the pool keeps connections
		return pool, db, nil
	}
	if s.readPool, s.readers, err = open([]string{"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"}, false, retries); err != nil || o.ReadOnly {
		return err
	}
	// A process that stands still gives up its locks.
	idle := fmt.Sprintf("SET LOCAL idle_in_transaction_session_timeout = %d", o.Patience.Milliseconds())
	s.writePool, s.writers, err = open([]string{"BEGIN ISOLATION LEVEL READ COMMITTED", idle}, true, 0)
	return err
}

func newPool(ctx context.Context, o Options) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("the database's address: %w", err) // pgx leaves the password out
	}
	switch {
	case o.Connections > 0:
		config.MaxConns = int32(o.Connections)
	case !strings.Contains(o.URL, "pool_max_conns"):
		config.MaxConns = connectionsDefault
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	if _, named := config.ConnConfig.RuntimeParams["application_name"]; !named {
		config.ConnConfig.RuntimeParams["application_name"] = "taocan"
	}
	// For those who use the pool through pgx's own calls: nothing that stays on a connection.
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.ConnConfig.StatementCacheCapacity, config.ConnConfig.DescriptionCacheCapacity = 0, 0
	config.PingTimeout = 5 * time.Second
	// Whoever stops waiting takes the statement back; otherwise it would still wait for its locks, and then hold them.
	config.ConnConfig.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: 2 * time.Second}
	}
	config.BeforeConnect = guardCommits
	return pgxpool.NewWithConfig(ctx, config)
}

// Close ends the store. Transactions under way end first.
func (s *Store) Close() error {
	var errs []error
	if x := s.ids.Load(); x != nil {
		errs = append(errs, x.Close())
	}
	for _, db := range []*sql.DB{s.readers, s.writers} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	for _, pool := range []*pgxpool.Pool{s.readPool, s.writePool} {
		if pool != nil {
			pool.Close()
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
	if s.lost.Load() {
		return time.Time{}, store.ErrHistoryLost
	}
	now, err := s.guard.Now()
	if err != nil {
		return now, fmt.Errorf("%w: %w: %w", store.ErrNotCommitted, taocan.ErrUnavailable, err)
	}
	return now, nil
}
