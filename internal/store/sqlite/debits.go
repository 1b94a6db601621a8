package sqlite

import (
	"context"
	"fmt"
	"time"

	sqlite3 "github.com/ncruces/go-sqlite3"

	"taocan/internal/store"
	"taocan/internal/store/sqlstore"
	"taocan/internal/taocan"
)

// CommitDebits is one group commit: prepare what the operations need, let decide settle them, write, sync.
func (s *Store) CommitDebits(ctx context.Context, ops []store.Op, decide func(*store.Ledger, []store.Op) []store.Outcome) ([]store.Outcome, error) {
	w, err := s.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer w.release()
	if err := s.begin(ctx, w); err != nil {
		return nil, err
	}
	done := false
	defer func() {
		if !done { // failed or panicked
			_ = w.rollback()
		}
	}()
	now, err := s.now()
	if err != nil {
		return nil, err
	}
	if err := w.postSome(ctx); err != nil {
		return nil, fmt.Errorf("%w: post: %w", store.ErrNotCommitted, err)
	}
	ledger, err := sqlstore.Prepare(ctx, loader{s, w}, ops, now, now.Add(-s.window))
	if err != nil {
		return nil, fmt.Errorf("%w: load balances: %w", store.ErrNotCommitted, err)
	}
	outcomes := decide(ledger, ops)
	if len(ledger.Written()) == 0 && !w.posted {
		done = true
		w.cache.Trim()                                         // refusals load balances, too
		return outcomes, sqlstore.Kind(w.raw.Exec("ROLLBACK")) // nothing was changed, on disk or in memory
	}
	commits, records, err := s.write(ctx, w, ledger)
	if err != nil {
		return nil, fmt.Errorf("%w: write debits: %w", store.ErrNotCommitted, err)
	}
	done = true
	if err := w.commit(); err != nil {
		return nil, err
	}
	for _, c := range commits {
		w.heads[c.Lane] = c.Head(w.heads[c.Lane].Posted)
		w.unposted[c.Lane].Add(c.Seq, c.At, records[c.Lane])
		s.index.Load().AddWritten(c.Lane, c.Seq, store.CommitID(c.Lane, c.At), records[c.Lane])
	}
	w.behind.Store(true)
	ledger.Settle()
	w.cache.Trim()
	return outcomes, nil
}

// write puts a group commit's changes into the open transaction: a link per lane with its records, and what is not posted later.
func (s *Store) write(ctx context.Context, w *writer, ledger *store.Ledger) (commits []store.Commit, records [taocan.Lanes][]*taocan.Debit, err error) {
	for _, d := range ledger.Written() {
		lane := taocan.LaneOf(d.Account)
		records[lane] = append(records[lane], d)
	}
	rows, err := sqlstore.WriteBeside(ctx, s.on(w), &w.heads, ledger)
	if err != nil {
		return nil, records, err
	}
	for lane := range records {
		if len(records[lane]) == 0 {
			continue
		}
		at := ledger.At(records[lane][0].Account)
		c := store.NewCommit(w.heads[lane], at, store.PackDebits(records[lane], at), rows[lane])
		if err := w.appendCommit(c, w.heads[lane].Posted); err != nil {
			return nil, records, err
		}
		commits = append(commits, c)
		if err := w.writeReservations(records[lane]); err != nil {
			return nil, records, err
		}
	}
	return commits, records, nil
}

// writeReservations keeps the table of open reservations.
func (w *writer) writeReservations(written []*taocan.Debit) error {
	for _, d := range written {
		if d.Kind != taocan.KindReservation {
			continue
		}
		b := bind{s: w.hot.reservationDelete}
		if d.Open() {
			b.s = w.hot.reservationInsert
		}
		b.text(string(d.Account), string(d.Project)).num(d.At.UnixMicro()).text(string(d.ID))
		if d.Open() {
			b.num(d.Deadline.UnixMicro())
		}
		if err := b.exec(); err != nil {
			return fmt.Errorf("reservation %s: %w", d.ID, err)
		}
	}
	return nil
}

// loader implements sqlstore.Loader on the writing connection.
type loader struct {
	s *Store
	w *writer
}

func (l loader) Reader() sqlstore.Reader                { return l.s.on(l.w) }
func (l loader) Cache(taocan.AccountID) *sqlstore.Cache { return l.w.cache }
func (l loader) Head(a taocan.AccountID) store.Head     { return l.w.heads[taocan.LaneOf(a)] }

func (l loader) Post(ctx context.Context, a taocan.AccountID) error {
	if lane := taocan.LaneOf(a); l.w.unposted[lane].Concerns(a) {
		return l.w.post(ctx, lane)
	}
	return nil
}

func (l loader) Candidates(p taocan.ProjectID, id taocan.DebitID) ([]int64, error) {
	return l.s.candidates(p, id)
}

func (l loader) Balances(_ context.Context, projects []taocan.Tenant, add func(taocan.Tenant, store.PoolKey, *store.Balance)) error {
	for _, t := range projects {
		b := bind{s: l.w.hot.poolSelect}
		err := b.text(string(t.Account), string(t.Project)).num(sqlstore.Micros(l.Head(t.Account).At)).rows(func(s *sqlite3.Stmt) error {
			key, x := balanceOf(s)
			add(t, key, x)
			return nil
		})
		if err != nil {
			return fmt.Errorf("packages of project %s: %w", t.Project, err)
		}
	}
	return nil
}

func (l loader) Balance(_ context.Context, t taocan.Tenant, n taocan.PackageNumber) (found *store.Balance, err error) {
	b := bind{s: l.w.hot.balanceSelect}
	err = b.text(string(t.Account), string(t.Project), string(n)).rows(func(s *sqlite3.Stmt) error {
		_, found = balanceOf(s)
		return nil
	})
	if err == nil && found == nil {
		err = taocan.ErrNotFound
	}
	return found, err
}

func (l loader) Watched(_ context.Context, projects []taocan.Tenant) (watched []taocan.Tenant, err error) {
	for _, t := range projects {
		b := bind{s: l.w.hot.watchWanted}
		err := b.text(string(t.Account), string(t.Project)).rows(func(s *sqlite3.Stmt) error {
			if s.ColumnBool(0) {
				watched = append(watched, t)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("project %s: %w", t.Project, err)
		}
	}
	return watched, nil
}

func (l loader) Debits(_ context.Context, commits []int64, fn func(commit int64, blob []byte) error) error {
	for _, id := range commits {
		b := bind{s: l.w.hot.commitDebits}
		if err := b.num(id).rows(func(s *sqlite3.Stmt) error { return fn(id, s.ColumnRawBlob(0)) }); err != nil {
			return err
		}
	}
	return nil
}

func balanceOf(s *sqlite3.Stmt) (store.PoolKey, *store.Balance) {
	x := &store.Balance{
		Number: taocan.PackageNumber(s.ColumnText(0)), Purpose: taocan.Purpose(s.ColumnText(2)),
		ExpiresAt: time.UnixMicro(s.ColumnInt64(4)).UTC(), PurchasedAt: time.UnixMicro(s.ColumnInt64(5)).UTC(),
		Remaining: taocan.Segments(s.ColumnInt64(6)), Reserved: taocan.Segments(s.ColumnInt64(7)), Used: taocan.Segments(s.ColumnInt64(8)),
	}
	key := store.PoolKey{Category: taocan.Category(s.ColumnText(1)), Purpose: x.Purpose, Country: taocan.Country(s.ColumnText(3))}
	return key, x
}
