package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/store/sqlstore"
	"taocan/internal/taocan"
)

// Shape sums up what a run of group commits wrote.
type Shape struct {
	Debits, Transactions       int64 // the engine's own figures
	Links, Entries             int64 // rows
	Singles                    int64 // entries of one debit, which name it
	DebitsBytes, ManifestBytes int64
	Packages                   int64
}

// Shape measures the store; debits and transactions are what the engine counted.
func (s *Store) Shape(ctx context.Context, debits, transactions int64) (Shape, error) {
	if err := s.settle(ctx); err != nil {
		return Shape{}, err
	}
	x := Shape{Debits: debits, Transactions: transactions}
	c, err := s.readers.Conn(ctx)
	if err != nil {
		return x, sqlstore.Kind(err)
	}
	defer func() { _ = c.Close() }() // it only reads
	err = c.QueryRowContext(ctx, queries.Text("bench_shape")).Scan(&x.Links, &x.DebitsBytes, &x.ManifestBytes, &x.Entries, &x.Singles, &x.Packages)
	return x, sqlstore.Kind(err)
}

// Ceiling is what the disk and PostgreSQL would give without us: in a database that holds the same packages as the one of the
// shape did, and no debits, it repeats transactions of the same statements, with as many rows and bytes, posted in the same
// portions by the store itself, and the same sync, on as many connections as an engine with so many writers uses; nothing is
// decided, packed, hashed, indexed or answered. It returns how many ran in about the given time. The database it leaves is no
// ledger.
func Ceiling(ctx context.Context, o Options, shape Shape, writers int, d time.Duration) (transactions int64, took time.Duration, err error) {
	if shape.Transactions == 0 || shape.Links == 0 || shape.Entries == 0 {
		return 0, 0, errors.New("measure the ceiling: it needs the shape of some commits")
	}
	s, err := Open(ctx, o)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	runs, err := s.newCeilings(ctx, shape, writers)
	if err != nil {
		return 0, 0, fmt.Errorf("measure the ceiling: %w", err)
	}
	var running sync.WaitGroup
	errs := make([]error, len(runs))
	started := o.Clock.Monotonic()
	for i, x := range runs {
		running.Go(func() { errs[i] = x.run(ctx, o.Clock, started+d) })
	}
	running.Wait()
	for _, x := range runs {
		transactions += x.transactions
	}
	return transactions, o.Clock.Monotonic() - started, errors.Join(errs...)
}

// ceiling is one writer of a run. Like an engine's it has lanes of its own.
type ceiling struct {
	s            *Store
	shape        Shape
	lanes        []*ceilingLane
	next         int // lane
	at           time.Time
	transactions int64

	debits, manifest, hash []byte
	links                  share // per transaction
	entries                share // per link
	singles                share // per entry
}

type ceilingLane struct {
	taocan.Lane
	packages []taocan.Package // the first of each project
	next     int
	unmade   int // records that a run's commits held and these do not, since the lane was posted
}

// share hands a fraction out in whole numbers that add up to it.
type share struct{ of, among, owed int64 }

func (x *share) take() int64 {
	x.owed += x.of
	n := x.owed / x.among
	x.owed -= n * x.among
	return n
}

// ceilingStep is how far commits are apart that the ceiling makes: lists of commits hold the distances.
const ceilingStep = 10 * time.Millisecond

// newCeilings is one for each writer that has lanes with projects.
func (s *Store) newCeilings(ctx context.Context, shape Shape, writers int) (runs []*ceiling, err error) {
	var lanes [taocan.Lanes]ceilingLane
	known := int64(0)
	err = s.View(ctx, func(r store.Reader) error {
		var t taocan.Tenant
		var n taocan.PackageNumber
		for {
			slice, err := r.PackagesAfter(ctx, t, n, ceilingSlice)
			for _, p := range slice {
				if known++; p.Tenant != t {
					lane := &lanes[taocan.LaneOf(p.Account)]
					lane.packages = append(lane.packages, p)
				}
				t, n = p.Tenant, p.Number
			}
			if err != nil || len(slice) < ceilingSlice {
				return err
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if known != shape.Packages {
		return nil, fmt.Errorf("it holds %d packages, the database of the shape %d", known, shape.Packages)
	}
	byWriter := make([]*ceiling, max(1, min(writers, taocan.Lanes)))
	for i := range lanes {
		if len(lanes[i].packages) == 0 {
			continue
		}
		lanes[i].Lane = taocan.Lane(i)
		if err := s.settleLane(ctx, int64(i)); err != nil { // which has it remembered
			return nil, err
		}
		x := &byWriter[i%len(byWriter)]
		if *x == nil {
			*x = s.newCeiling(shape)
			runs = append(runs, *x)
		}
		(*x).lanes = append((*x).lanes, &lanes[i])
	}
	return runs, nil
}

func (s *Store) newCeiling(shape Shape) *ceiling {
	x := &ceiling{s: s, shape: shape, at: s.clock.Now(), hash: make([]byte, 32), debits: make([]byte, shape.DebitsBytes/shape.Links),
		manifest: make([]byte, shape.ManifestBytes/shape.Links), links: share{of: shape.Links, among: shape.Transactions},
		entries: share{of: shape.Entries, among: shape.Links}, singles: share{of: shape.Singles, among: shape.Entries}}
	_, _ = rand.Read(x.debits) // never fails
	_, _ = rand.Read(x.manifest)
	return x
}

// ceilingSlice is how many packages are read at once.
const ceilingSlice = 1000

func (x *ceiling) run(ctx context.Context, c clock.Clock, until time.Duration) error {
	for c.Monotonic() < until {
		if err := x.transact(ctx); err != nil {
			return err
		}
		x.transactions++
	}
	return nil
}

// transact is one group commit, as Store.commitDebits makes it.
func (x *ceiling) transact(ctx context.Context) error {
	x.at = x.at.Add(ceilingStep)
	lanes, locked := x.draw()
	c, err := x.s.writers.Conn(ctx)
	if err != nil {
		return sqlstore.Kind(err)
	}
	defer func() { _ = c.Close() }()
	tx, err := sessionOf(c)
	if err != nil {
		return err
	}
	b := &loader{s: x.s, q: querier{c}}
	if err := x.lock(ctx, b, locked); err != nil {
		return fmt.Errorf("lock the lanes: %w", err)
	}
	if err := x.post(ctx, b, lanes); err != nil {
		return fmt.Errorf("post: %w", err)
	}
	last, err := x.statements(tx, lanes)
	if err != nil {
		return err
	}
	if _, err := tx.commit(ctx, last...); err != nil {
		return fmt.Errorf("commit: %w", sqlstore.Kind(err))
	}
	for _, lane := range lanes {
		m := &x.s.memory[lane.Lane]
		m.head.Seq++
		records := x.records(lane)
		m.unposted.Add(m.head.Seq, x.at, records)
		lane.unmade += max(0, int(x.shape.Debits/x.shape.Links)-len(records))
	}
	return nil
}

// recordsPerRow is how many records count as a row that is to be posted: store.Unposted.Work.
const recordsPerRow = 128

// draw picks the lanes of a transaction, in turn.
func (x *ceiling) draw() (lanes []*ceilingLane, locked []int64) {
	for range min(max(1, x.links.take()), int64(len(x.lanes))) {
		lane := x.lanes[x.next%len(x.lanes)]
		x.next++
		lanes, locked = append(lanes, lane), append(locked, int64(lane.Lane))
	}
	return lanes, locked
}

// lock is the statement of Store.lock. What it reads nobody else has changed.
func (x *ceiling) lock(ctx context.Context, b *loader, lanes []int64) error {
	rows, err := b.q.QueryContext(ctx, b.q.Text("lane_lock"), lanes)
	if err != nil {
		return sqlstore.Kind(err)
	}
	defer rows.Close()
	for rows.Next() {
	}
	return sqlstore.Kind(rows.Err())
}

// post is Store.postSome, as often as if a run's records were all there.
func (x *ceiling) post(ctx context.Context, b *loader, lanes []*ceilingLane) error {
	var work [taocan.Lanes]int
	for _, lane := range lanes {
		work[lane.Lane] = x.s.memory[lane.Lane].unposted.Work() + lane.unmade/recordsPerRow
	}
	due := store.LanesToPost(work)
	for _, lane := range lanes {
		for _, n := range due {
			if lane.Lane != n {
				continue
			}
			if err := x.s.post(ctx, b, n); err != nil {
				return err
			}
			lane.unmade = 0
		}
	}
	return nil
}

// statements of Store.links.
func (x *ceiling) statements(tx *session, lanes []*ceilingLane) ([]statement, error) {
	n := len(lanes)
	ids, numbers, seqs, ats := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	debits, manifests, hashes := make([][]byte, n), make([][]byte, n), make([][]byte, n)
	for i, lane := range lanes {
		ids[i], numbers[i], seqs[i], ats[i] = store.CommitID(lane.Lane, x.at), int64(lane.Lane), x.s.memory[lane.Lane].head.Seq+1, x.at.UnixMicro()
		debits[i], manifests[i], hashes[i] = x.debits, x.manifest, x.hash
	}
	insert, err := tx.named("commit_insert_many", ids, numbers, seqs, debits, hashes, manifests, hashes, hashes)
	update, err2 := tx.named("lane_update_many", numbers, seqs, ats, hashes)
	return []statement{insert, update}, errors.Join(err, err2)
}

// records from which a posting makes as many entries as a link of the run had, some that name their debit and some that do not.
func (x *ceiling) records(lane *ceilingLane) (records []*taocan.Debit) {
	for range min(x.entries.take(), int64(len(lane.packages))) {
		p := &lane.packages[lane.next%len(lane.packages)]
		lane.next++
		d := &taocan.Debit{Tenant: p.Tenant, DebitRequest: taocan.DebitRequest{ID: ceilingID, Kind: taocan.KindDebit, Quantity: 1}, At: x.at,
			Allocations: []taocan.Allocation{{Package: p.Number, Quantity: 1}}}
		if records = append(records, d); x.singles.take() == 0 {
			records = append(records, d)
		}
	}
	return records
}

// ceilingID is as long as an id of the bench's callers.
var ceilingID = taocan.DebitID(strings.Repeat("0", 32))
