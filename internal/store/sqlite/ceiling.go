package sqlite

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"time"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/store/sqlstore"
	"taocan/internal/taocan"
)

// Shape sums up what a run of group commits wrote.
type Shape struct {
	Debits, Transactions         int64 // the engine's own figures
	Links, Entries, Refs         int64 // rows
	DebitsBytes, ManifestBytes   int64
	ReferenceBytes               int64 // of entries: those of one debit name it
	FileBytes                    int64
	Packages, PackagesPerProject int
}

// Shape measures the store; debits and transactions are what the engine counted.
func (s *Store) Shape(ctx context.Context, debits, transactions int64) (Shape, error) {
	if err := s.settle(ctx); err != nil {
		return Shape{}, err
	}
	shape := Shape{Debits: debits, Transactions: transactions}
	err := s.readers.QueryRowContext(ctx, queries.Text("shape_of_debits")).Scan(&shape.Links, &shape.DebitsBytes, &shape.ManifestBytes,
		&shape.Entries, &shape.ReferenceBytes, &shape.Refs, &shape.Packages, &shape.PackagesPerProject, &shape.FileBytes)
	return shape, sqlstore.Kind(err)
}

// Ceiling is what the disk and SQLite would give without us: in a database that holds the same packages as the one of the shape
// did, and no debits, it repeats transactions of the same statements, with as many rows and bytes, posted in the same portions,
// and the same sync; nothing is decided, packed, hashed, indexed or answered. It returns how many ran in about the given time.
// The database it leaves is no ledger.
func Ceiling(ctx context.Context, dir string, shape Shape, c clock.Clock, d time.Duration) (transactions int64, took time.Duration, err error) {
	s, err := Open(ctx, Options{Dir: dir, Clock: c})
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	run, err := s.newCeiling(ctx, shape)
	if err != nil {
		return 0, 0, fmt.Errorf("measure the ceiling in %s: %w", dir, err)
	}
	w, err := s.acquire(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer w.release()
	at, started := c.Now(), c.Monotonic()
	for took < d {
		if err := s.begin(ctx, w); err != nil {
			return 0, 0, err
		}
		at = at.Add(time.Second) // entries and commits are keyed by their times
		if err := errors.Join(run.post(w), run.write(w, at), w.commit()); err != nil {
			return 0, 0, err
		}
		transactions++
		took = c.Monotonic() - started
	}
	return transactions, took, nil
}

// ceiling is a run: what each transaction writes, and what is not posted yet.
type ceiling struct {
	debits, manifest, hash []byte
	reference              string            // as long as entries have on average
	links, entries         int               // per transaction; an entry is of a project's first package
	work                   int               // that a link counts as beside its entries
	order                  []*ceilingProject // drawn in turn, in no order of keys
	next                   int
	lanes                  [taocan.Lanes]ceilingLane
}

type ceilingLane struct {
	projects []*ceilingProject // by key
	work     int               // not posted, as Unposted.Work counts
}

type ceilingProject struct {
	taocan.Package
	pending []time.Time // commits not posted
	more    []byte      // of its list of commits
}

func (s *Store) newCeiling(ctx context.Context, shape Shape) (*ceiling, error) {
	if shape.Transactions == 0 || shape.Links == 0 {
		return nil, errors.New("it needs the shape of some commits")
	}
	per := func(total, of int64) int { return int((total + of - 1) / of) }
	run := &ceiling{hash: make([]byte, 32), debits: make([]byte, shape.DebitsBytes/shape.Links), manifest: make([]byte, shape.ManifestBytes/shape.Links),
		links: min(per(shape.Links, shape.Transactions), taocan.Lanes), entries: per(shape.Entries, shape.Transactions),
		work: int(shape.Debits / shape.Links / recordsPerRow), reference: strings.Repeat("0", int(shape.ReferenceBytes/max(1, shape.Entries)))}
	_, _ = rand.Read(run.debits) // never fails
	_, _ = rand.Read(run.manifest)
	known := 0
	err := s.View(ctx, func(r store.Reader) error {
		var t taocan.Tenant
		var n taocan.PackageNumber
		for {
			slice, err := r.PackagesAfter(ctx, t, n, ceilingSlice)
			for _, p := range slice {
				if known++; p.Tenant != t {
					project := &ceilingProject{Package: p}
					lane := &run.lanes[taocan.LaneOf(p.Account)]
					lane.projects, run.order = append(lane.projects, project), append(run.order, project)
				}
				t, n = p.Tenant, p.Number
			}
			if err != nil || len(slice) < ceilingSlice {
				return err
			}
		}
	})
	if err == nil && known != shape.Packages {
		err = fmt.Errorf("it holds %d packages, the database of the shape %d", known, shape.Packages)
	}
	run.entries = min(run.entries, len(run.order))
	mathrand.Shuffle(len(run.order), func(i, j int) { run.order[i], run.order[j] = run.order[j], run.order[i] })
	return run, err
}

// recordsPerRow is how many records count as a row that is to be posted: store.Unposted.Work.
const recordsPerRow = 128

// ceilingSlice is how many packages are read at once.
const ceilingSlice = 1000

// write appends a transaction's links and notes what they leave to be posted.
func (x *ceiling) write(w *writer, at time.Time) error {
	var links [taocan.Lanes]bool
	for range x.entries {
		p := x.order[x.next%len(x.order)]
		x.next++
		lane := taocan.LaneOf(p.Account)
		if len(p.pending) == 0 {
			x.lanes[lane].work++ // for the list of commits
		}
		p.pending = append(p.pending, at)
		x.lanes[lane].work++
		links[lane] = true
	}
	written := 0
	for lane := range links {
		if !links[lane] || written == x.links {
			continue
		}
		written++
		head := &w.heads[lane]
		head.Seq++
		x.lanes[lane].work += x.work
		link := store.Commit{Lane: taocan.Lane(lane), Seq: head.Seq, At: at, Debits: x.debits, DebitsDigest: x.hash, Manifest: x.manifest, Prev: x.hash, Hash: x.hash}
		if err := w.appendCommit(link, head.Posted); err != nil {
			return err
		}
	}
	return nil
}

// post writes the rows of lanes that have gathered much, as writer.postSome does.
func (x *ceiling) post(w *writer) error {
	var work [taocan.Lanes]int
	for lane := range work {
		work[lane] = x.lanes[lane].work
	}
	for _, lane := range store.LanesToPost(work) {
		x.lanes[lane].work = 0
		for _, p := range x.lanes[lane].projects {
			if err := x.postProject(w, p, lane); err != nil {
				return err
			}
		}
		w.heads[lane].Posted = w.heads[lane].Seq
		b := bind{s: w.hot.lanePosted}
		if err := b.num(w.heads[lane].Posted, int64(lane)).exec(); err != nil {
			return err
		}
	}
	return nil
}

// postProject writes what a posting writes for a project that has debited one package.
func (x *ceiling) postProject(w *writer, p *ceilingProject, lane taocan.Lane) error {
	if len(p.pending) == 0 {
		return nil
	}
	if _, err := w.figures(p.Tenant, p.Number); err != nil {
		return err
	}
	for _, at := range p.pending {
		p.Remaining--
		p.Used++
		e := taocan.Entry{Tenant: p.Tenant, Package: p.Number, Kind: taocan.EntryDebit, At: at, Remaining: -1, Used: 1, RemainingAfter: p.Remaining, Debits: 2,
			Reference: x.reference, Lane: lane, Commit: w.heads[lane].Seq}
		if err := w.insertEntry(e); err != nil {
			return err
		}
	}
	b := bind{s: w.hot.packageUpdate}
	if err := b.num(int64(p.Remaining), 0, int64(p.Used)).text(string(p.Account), string(p.Project), string(p.Number)).exec(); err != nil {
		return err
	}
	for len(p.more) < distanceBytes*(len(p.pending)-1) {
		p.more = append(p.more, 0)
	}
	b = bind{s: w.hot.refInsert}
	err := b.text(string(p.Account), string(p.Project)).num(p.pending[0].UnixMicro()).blob(nonNil(p.more[:distanceBytes*(len(p.pending)-1)])).exec()
	p.pending = p.pending[:0]
	return err
}

// distanceBytes of a uvarint that says how many µs passed between two commits: up to two seconds.
const distanceBytes = 3
