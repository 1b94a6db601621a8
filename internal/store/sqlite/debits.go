package sqlite

import (
	"context"
	"errors"
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
	if err := w.begin(ctx); err != nil {
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
	ledger, err := s.prepare(ctx, w, ops, now)
	if err != nil {
		return nil, fmt.Errorf("%w: load balances: %w", store.ErrNotCommitted, err)
	}
	outcomes := decide(ledger, ops)
	written := ledger.Written()
	if len(written) == 0 && !w.posted {
		done = true
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
	}
	w.behind.Store(true)
	ledger.Settle()
	s.index.addAll(written, func(a taocan.AccountID) int64 { return store.CommitID(taocan.LaneOf(a), ledger.At(a)) })
	w.cache.trim()
	return outcomes, nil
}

// prepare loads balances that are not cached, and what stands recorded under the ids.
func (s *Store) prepare(ctx context.Context, w *writer, ops []store.Op, now time.Time) (*store.Ledger, error) {
	ledger := store.NewLedger()
	for lane := range w.heads {
		ledger.SetAt(taocan.Lane(lane), w.heads[lane].NextAt(now))
	}
	forgotten := now.Add(-s.window)
	past := pastCommits{}
	acts := map[taocan.Tenant]bool{} // not only lent, as an owner of shared packages
	for i := range ops {
		op := &ops[i]
		balances, err := w.balances(ctx, op.Tenant)
		if err != nil {
			return nil, err
		}
		if !acts[op.Tenant] {
			acts[op.Tenant] = true
			ledger.Lend(op.Tenant, balances)
			if err := s.watch(ctx, w, ledger, op.Tenant); err != nil {
				return nil, err
			}
		}
		d, err := past.record(w, s.index.candidates(op.Project, op.ID), store.RecordKey{Tenant: op.Tenant, ID: op.ID})
		if err != nil {
			return nil, err
		}
		if d == nil || !d.Open() && lastChange(d).Before(forgotten) {
			continue // an id older than the window counts as new
		}
		ledger.Recall(d)
		for _, a := range d.Allocations {
			if !d.Open() || balances.Balance(a.Package) != nil {
				continue
			}
			err := w.hold(ctx, op.Tenant, balances, a.Package)
			if errors.Is(err, taocan.ErrNotFound) {
				err = s.ownerOf(ctx, w, ledger, op.Tenant, a.Package)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return ledger, nil
}

func lastChange(d *taocan.Debit) time.Time {
	if d.SettledAt.IsZero() {
		return d.At
	}
	return d.SettledAt
}

// pastCommits keeps the commits that a batch looks back into. The first look into one searches it; if there is a
// second, all of its records are kept, so that retrying or settling a large batch reads it twice and not once
// per operation.
type pastCommits map[int64]map[store.RecordKey]*taocan.Debit

// record is what the first of the commits that knows the key says about it, nil if none does.
func (p pastCommits) record(w *writer, commits []int64, key store.RecordKey) (*taocan.Debit, error) {
	for _, id := range commits {
		lane, at := store.CommitOf(id)
		known, looked := p[id]
		if known == nil {
			b := bind{s: w.hot.commitDebits}
			err := b.num(id).rows(func(s *sqlite3.Stmt) error {
				blob := s.ColumnRawBlob(0)
				if !looked {
					p[id] = nil
					d, err := store.FindDebit(blob, at, key.Tenant, key.ID)
					if err == nil {
						known = map[store.RecordKey]*taocan.Debit{key: &d}
					} else if errors.Is(err, taocan.ErrNotFound) {
						err = nil
					}
					return err
				}
				all, err := store.UnpackDebits(blob, at, nil)
				known = make(map[store.RecordKey]*taocan.Debit, len(all))
				for i := range all {
					known[store.RecordKey{Tenant: all[i].Tenant, ID: all[i].ID}] = &all[i]
				}
				p[id] = known
				return err
			})
			if err != nil {
				return nil, sqlstore.ErrDamaged(lane, at, err)
			}
		}
		if d := known[key]; d != nil {
			return d, nil
		}
	}
	return nil, nil
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

// balanceCache holds the balances of the projects that debited lately, up to a number of packages.
type balanceCache struct {
	projects map[taocan.Tenant]*store.Balances
	watches  map[taocan.Tenant]*store.Watch // nil: the project has nothing to watch
	packages int                            // at most this many; counted when loaded
}

// About 200 bytes each.
const maxCachedPackages = 200_000

func (c *balanceCache) reset() {
	*c = balanceCache{projects: map[taocan.Tenant]*store.Balances{}, watches: map[taocan.Tenant]*store.Watch{}}
}

func (c *balanceCache) drop(t taocan.Tenant) {
	if b := c.projects[t]; b != nil {
		c.packages -= b.Len()
		delete(c.projects, t)
	}
	delete(c.watches, t)
}

func (c *balanceCache) watch(ctx context.Context, s *Store, w *writer, t taocan.Tenant, at time.Time) (*store.Watch, error) {
	if x, known := c.watches[t]; known {
		return x, nil
	}
	x, err := s.on(w).Watch(ctx, t, at)
	if err != nil {
		return nil, fmt.Errorf("rules of project %s: %w", t.Project, err)
	}
	c.watches[t] = x
	return x, nil
}

// trim forgets all when there is too much: what is hot comes back with the next commit.
func (c *balanceCache) trim() {
	if c.packages > maxCachedPackages || len(c.watches) > maxCachedPackages {
		c.reset()
	}
}

// balances of a project. Rows that are read must be posted first.
func (w *writer) balances(ctx context.Context, t taocan.Tenant) (*store.Balances, error) {
	lane := taocan.LaneOf(t.Account)
	if b := w.cache.projects[t]; b != nil {
		b.Prune(w.heads[lane].At)
		return b, nil
	}
	if err := w.postFor(ctx, t.Account); err != nil {
		return nil, err
	}
	balances := store.NewBalances()
	b := bind{s: w.hot.poolSelect}
	err := b.text(string(t.Account), string(t.Project)).num(sqlstore.Micros(w.heads[lane].At)).rows(func(s *sqlite3.Stmt) error {
		key, x := balanceOf(s)
		balances.Add(key, x)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("packages of project %s: %w", t.Project, err)
	}
	balances.Sort()
	w.cache.projects[t] = balances
	w.cache.packages += balances.Len()
	return balances, nil
}

// hold loads one package that something may return to.
func (w *writer) hold(ctx context.Context, t taocan.Tenant, balances *store.Balances, n taocan.PackageNumber) error {
	err := w.postFor(ctx, t.Account)
	if err != nil {
		return err
	}
	b := bind{s: w.hot.balanceSelect}
	err = b.text(string(t.Account), string(t.Project), string(n)).rows(func(s *sqlite3.Stmt) error {
		_, x := balanceOf(s)
		balances.Hold(x)
		w.cache.packages++
		return nil
	})
	if err == nil && balances.Balance(n) == nil {
		err = taocan.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("package %s: %w", n, err)
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
