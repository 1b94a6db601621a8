package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"taocan/internal/store"
	"taocan/internal/store/sqlstore"
	"taocan/internal/taocan"
)

// CommitDebits is one group commit: lock the lanes, learn what others have committed, let decide settle the operations, write and
// commit, the last in one round trip.
func (s *Store) CommitDebits(ctx context.Context, ops []store.Op, decide func(*store.Ledger, []store.Op) []store.Outcome) ([]store.Outcome, error) {
	if s.writers == nil {
		return nil, fmt.Errorf("the store is open for reading only: %w", taocan.ErrUnavailable)
	}
	lanes := lanesIn(ops)
	release, err := s.hold(ctx, lanes)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := s.mendIDs(ctx); err != nil {
		return nil, err
	}
	for attempt := 0; ; attempt++ {
		outcomes, again, err := s.commitDebits(ctx, lanes, ops, decide)
		if err == nil || !again || attempt >= retries || !pause(ctx, attempt) {
			return outcomes, err
		}
		s.log.Warn("a group commit is tried again", "attempt", attempt+1, "error", err)
	}
}

// commitDebits is one attempt. again: nothing was committed, and the next attempt may succeed.
func (s *Store) commitDebits(ctx context.Context, lanes []int64, ops []store.Op, decide func(*store.Ledger, []store.Op) []store.Outcome) (_ []store.Outcome, again bool, err error) {
	done := false
	defer func() {
		if !done { // failed or panicked
			s.forget(lanes)
		}
	}()
	now, err := s.now()
	if err != nil {
		return nil, false, err
	}
	c, err := s.writers.Conn(ctx)
	if err != nil {
		return nil, false, notCommitted(err)
	}
	defer func() { _ = c.Close() }() // rolls back what is not committed
	x, err := sessionOf(c)
	if err != nil {
		return nil, false, notCommitted(err)
	}
	failed := func(what string, err error) ([]store.Outcome, bool, error) {
		return nil, x.failure != nil && transient(x.failure), fmt.Errorf("%s: %w", what, notCommitted(errors.Join(err, x.failure)))
	}
	ids := s.ids.Load()
	b := &loader{s: s, q: querier{c}}
	if err := s.lock(ctx, b.q, lanes); err != nil {
		return failed("lock the lanes", err)
	}
	if err := s.postSome(ctx, b, lanes); err != nil {
		return failed("post", err)
	}
	ledger, err := sqlstore.Prepare(ctx, b, ops, now, now.Add(-s.window))
	if err != nil {
		return failed("load balances", err)
	}
	if s.ids.Load() != ids { // ids may have been looked up in one that was not told what the lock has read
		return nil, true, fmt.Errorf("%w: the index of debit ids was rebuilt meanwhile: %w", store.ErrNotCommitted, taocan.ErrUnavailable)
	}
	outcomes := decide(ledger, ops)
	if len(ledger.Written()) == 0 && !b.posted {
		done = true
		for _, lane := range lanes { // refusals load balances, too
			s.memory[lane].cache.Trim()
		}
		return outcomes, false, nil // nothing was changed in the database
	}
	var heads [taocan.Lanes]store.Head
	var records [taocan.Lanes][]*taocan.Debit
	for _, lane := range lanes {
		heads[lane] = s.memory[lane].head
	}
	for _, d := range ledger.Written() {
		lane := taocan.LaneOf(d.Account)
		records[lane] = append(records[lane], d)
	}
	rows, err := sqlstore.WriteBeside(ctx, b.Reader(), &heads, ledger)
	if err != nil {
		return failed("write what debits set off", err)
	}
	commits, last, err := s.links(x, ledger, &records, &rows)
	if err != nil {
		return failed("write debits", err)
	}
	// A commit is not left half-way because nobody waits for it any more.
	if uncertain, err := x.commit(context.WithoutCancel(ctx), last...); uncertain {
		return nil, false, fmt.Errorf("commit: %w", sqlstore.Kind(err))
	} else if err != nil {
		return nil, transient(err), fmt.Errorf("commit: %w", notCommitted(err))
	}
	done = true
	for _, c := range commits {
		m := &s.memory[c.Lane]
		m.wrote(c, m.head.Posted, records[c.Lane])
		s.noteWritten(c, records[c.Lane])
		m.cache.Trim()
	}
	ledger.Settle()
	return outcomes, false, nil
}

// links makes each lane's next link, and the statements that write them.
func (s *Store) links(x *session, ledger *store.Ledger, records *[taocan.Lanes][]*taocan.Debit, rows *[taocan.Lanes][]store.Row) (commits []store.Commit, last []statement, err error) {
	var ids, lanes, seqs, ats []int64
	var debits, digests, manifests, prevs, hashes [][]byte
	opened, settled := reservations{}, reservations{}
	for lane := range records {
		if len(records[lane]) == 0 {
			continue
		}
		at := ledger.At(records[lane][0].Account)
		c := store.NewCommit(s.memory[lane].head, at, store.PackDebits(records[lane], at), rows[lane])
		commits = append(commits, c)
		ids, lanes, seqs, ats = append(ids, store.CommitID(c.Lane, c.At)), append(lanes, int64(lane)), append(seqs, c.Seq), append(ats, c.At.UnixMicro())
		debits, digests, manifests = append(debits, c.Debits), append(digests, c.DebitsDigest), append(manifests, c.Manifest)
		prevs, hashes = append(prevs, c.Prev), append(hashes, c.Hash)
		for _, d := range records[lane] {
			switch {
			case d.Kind != taocan.KindReservation:
			case d.Open():
				opened.add(d)
			default:
				settled.add(d)
			}
		}
	}
	add := func(name string, args ...any) {
		st, err2 := x.named(name, args...)
		last, err = append(last, st), errors.Join(err, err2)
	}
	if len(commits) > 0 {
		add("commit_insert_many", ids, lanes, seqs, debits, digests, manifests, prevs, hashes)
		add("lane_update_many", lanes, seqs, ats, hashes)
	}
	if len(opened.ids) > 0 {
		add("reservation_insert_many", opened.accounts, opened.projects, opened.ats, opened.ids, opened.deadlines)
	}
	if len(settled.ids) > 0 {
		add("reservation_delete_many", settled.accounts, settled.projects, settled.ats, settled.ids)
	}
	return commits, last, err
}

// reservations by column.
type reservations struct {
	accounts, projects, ids []string
	ats, deadlines          []int64
}

func (r *reservations) add(d *taocan.Debit) {
	r.accounts, r.projects, r.ids = append(r.accounts, string(d.Account)), append(r.projects, string(d.Project)), append(r.ids, string(d.ID))
	r.ats, r.deadlines = append(r.ats, d.At.UnixMicro()), append(r.deadlines, d.Deadline.UnixMicro())
}

// loader implements sqlstore.Loader in the transaction of a group commit.
type loader struct {
	s      *Store
	q      querier
	posted bool
}

func (b *loader) Reader() sqlstore.Reader                  { return sqlstore.Reader{Q: b.q, S: &b.s.source} }
func (b *loader) memory(a taocan.AccountID) *laneMemory    { return &b.s.memory[taocan.LaneOf(a)] }
func (b *loader) Cache(a taocan.AccountID) *sqlstore.Cache { return b.memory(a).cache }
func (b *loader) Head(a taocan.AccountID) store.Head       { return b.memory(a).head }

func (b *loader) Candidates(p taocan.ProjectID, id taocan.DebitID) ([]int64, error) {
	return b.s.lookUp(p, id)
}

func (b *loader) Post(ctx context.Context, a taocan.AccountID) error {
	if b.memory(a).unposted.Concerns(a) {
		return b.s.post(ctx, b, taocan.LaneOf(a))
	}
	return nil
}

func (b *loader) Balances(ctx context.Context, projects []taocan.Tenant, add func(taocan.Tenant, store.PoolKey, *store.Balance)) error {
	accounts, names := columns(projects)
	last := make([]int64, len(projects))
	for i, t := range projects {
		last[i] = sqlstore.Micros(b.Head(t.Account).At)
	}
	return b.balances(ctx, add, "balance_pool_many", accounts, names, last)
}

func (b *loader) Balance(ctx context.Context, t taocan.Tenant, n taocan.PackageNumber) (found *store.Balance, err error) {
	err = b.balances(ctx, func(_ taocan.Tenant, _ store.PoolKey, x *store.Balance) { found = x },
		"balance_get_many", []string{string(t.Account)}, []string{string(t.Project)}, []string{string(n)})
	if err == nil && found == nil {
		err = taocan.ErrNotFound
	}
	return found, err
}

func (b *loader) balances(ctx context.Context, add func(taocan.Tenant, store.PoolKey, *store.Balance), name string, args ...any) error {
	rows, err := b.q.QueryContext(ctx, b.q.Text(name), args...)
	if err != nil {
		return sqlstore.Kind(err)
	}
	defer rows.Close()
	for rows.Next() {
		var t taocan.Tenant
		var key store.PoolKey
		var expires, purchased int64
		x := &store.Balance{}
		if err := rows.Scan(&t.Account, &t.Project, &x.Number, &key.Category, &key.Purpose, &key.Country, &expires, &purchased, &x.Remaining, &x.Reserved, &x.Used); err != nil {
			return sqlstore.Kind(err)
		}
		x.Purpose, x.ExpiresAt, x.PurchasedAt = key.Purpose, time.UnixMicro(expires).UTC(), time.UnixMicro(purchased).UTC()
		add(t, key, x)
	}
	return sqlstore.Kind(rows.Err())
}

func (b *loader) Watched(ctx context.Context, projects []taocan.Tenant) (watched []taocan.Tenant, err error) {
	accounts, names := columns(projects)
	rows, err := b.q.QueryContext(ctx, b.q.Text("watch_wanted_many"), accounts, names)
	if err != nil {
		return nil, sqlstore.Kind(err)
	}
	defer rows.Close()
	for rows.Next() {
		var t taocan.Tenant
		if err := rows.Scan(&t.Account, &t.Project); err != nil {
			return nil, sqlstore.Kind(err)
		}
		watched = append(watched, t)
	}
	return watched, sqlstore.Kind(rows.Err())
}

func (b *loader) Debits(ctx context.Context, commits []int64, fn func(commit int64, blob []byte) error) error {
	rows, err := b.q.QueryContext(ctx, b.q.Text("commit_debits_many"), commits)
	if err != nil {
		return sqlstore.Kind(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var blob []byte
		if err := rows.Scan(&id, &blob); err != nil {
			return sqlstore.Kind(err)
		}
		if err := fn(id, blob); err != nil {
			return err
		}
	}
	return sqlstore.Kind(rows.Err())
}

func columns(projects []taocan.Tenant) (accounts, names []string) {
	accounts, names = make([]string, len(projects)), make([]string, len(projects))
	for i, t := range projects {
		accounts[i], names[i] = string(t.Account), string(t.Project)
	}
	return accounts, names
}
