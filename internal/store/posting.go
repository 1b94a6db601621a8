package store

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"taocan/internal/taocan"
)

// A group commit writes its records, packed, and the lane's next link; nothing else of the ledger. What the records did to
// packages is posted later, many commits at once: the figures of packages, an entry per package, commit and kind, and the
// projects' lists of commits. Whoever reads these has it done first (Store.View), so a posting is never noticed; it makes the
// cost of a commit that of its debits, not that of the packages that they touch. A lane's head says how far it is posted.

// Move is what the records of one commit did to one package in one way: it becomes one entry.
type Move struct {
	taocan.Tenant // whose records they are; the package may be another project's of that account
	Package       taocan.PackageNumber
	Kind          taocan.EntryKind // debit, reserve, commit or release
	Quantity      taocan.Segments
	Debits        int
	Reference     string // the record's id where Debits is 1
}

type moveKey struct {
	account taocan.AccountID
	number  taocan.PackageNumber
	kind    taocan.EntryKind
}

// MovesOf sums up a commit's records, in no particular order. A reservation that is settled by the commit that made it has no
// reserve entry: so the entries of a commit that settles reservations are only about older ones, and no figure between two
// entries is negative.
func MovesOf(records []*taocan.Debit, at time.Time) []Move {
	settledHere := map[RecordKey]bool{}
	for _, d := range records {
		if d.Kind == taocan.KindReservation && !d.Open() && d.At.Equal(at) {
			settledHere[RecordKey{d.Tenant, d.ID}] = true
		}
	}
	places := make(map[moveKey]int, len(records))
	moves := make([]Move, 0, len(records))
	add := func(d *taocan.Debit, n taocan.PackageNumber, kind taocan.EntryKind, q taocan.Segments) {
		if q == 0 {
			return
		}
		k := moveKey{d.Account, n, kind}
		i, known := places[k]
		if !known {
			places[k] = len(moves)
			moves = append(moves, Move{Tenant: d.Tenant, Package: n, Kind: kind, Quantity: q, Debits: 1, Reference: string(d.ID)})
			return
		}
		m := &moves[i]
		m.Quantity += q
		m.Debits++
		m.Reference = ""
	}
	for _, d := range records {
		switch {
		case d.Kind == taocan.KindDebit:
			for _, a := range d.Allocations {
				add(d, a.Package, taocan.EntryDebit, a.Quantity)
			}
		case d.Open():
			if settledHere[RecordKey{d.Tenant, d.ID}] {
				continue
			}
			for _, a := range d.Allocations {
				add(d, a.Package, taocan.EntryReserve, a.Quantity)
			}
		default:
			left, here := d.Settled, d.At.Equal(at)
			for _, a := range d.Allocations {
				used := min(left, a.Quantity)
				left -= used
				if here {
					add(d, a.Package, taocan.EntryDebit, used)
					continue
				}
				add(d, a.Package, taocan.EntryCommit, used)
				add(d, a.Package, taocan.EntryRelease, a.Quantity-used)
			}
		}
	}
	return moves
}

// Figures of a package.
type Figures struct{ Remaining, Reserved, Used taocan.Segments }

// Posting is what a number of commits of one lane come to, ready to be written: by package, so that what belongs together on
// disk is written together.
type Posting struct {
	Packages []PackagePosting // by account, project (of the records), number
	Refs     []DebitRefs      // by account, project
	UpTo     int64            // sequence of the last commit
	entries  int
}

// PackagePosting is what happened to one package, in order.
type PackagePosting struct {
	taocan.Tenant // of the first record; the package may be another project's of that account
	Number        taocan.PackageNumber
	steps         []step
}

type step struct {
	at        time.Time
	commit    int64
	kind      taocan.EntryKind
	quantity  taocan.Segments
	debits    int
	reference string
}

// Unposted collects the commits of a lane that nobody has posted yet.
type Unposted struct {
	lane     taocan.Lane
	places   map[moveKey]int // into posting.Packages; kind is not used
	accounts map[taocan.AccountID]bool
	refs     map[taocan.Tenant]int // into posting.Refs
	last     []time.Time           // of posting.Refs
	records  int
	from     int64
	posting  Posting
}

// NewUnposted of a lane that is posted up to a sequence.
func NewUnposted(lane taocan.Lane, posted int64) *Unposted {
	return &Unposted{lane: lane, places: map[moveKey]int{}, accounts: map[taocan.AccountID]bool{}, refs: map[taocan.Tenant]int{}, from: posted, posting: Posting{UpTo: posted}}
}

// Add notes the lane's next commit; records may be none.
func (u *Unposted) Add(seq int64, at time.Time, records []*taocan.Debit) {
	if seq != u.posting.UpTo+1 {
		panic(fmt.Sprintf("store: commit %d of lane %d is noted for posting after commit %d", seq, u.lane, u.posting.UpTo))
	}
	u.posting.UpTo = seq
	u.records += len(records)
	var last taocan.Tenant
	noted := map[taocan.Tenant]bool{}
	for _, d := range records {
		if d.Tenant != last && !noted[d.Tenant] {
			noted[d.Tenant] = true
			u.accounts[d.Account] = true
			u.refer(d.Tenant, at)
		}
		last = d.Tenant
	}
	for _, m := range MovesOf(records, at) {
		k := moveKey{account: m.Account, number: m.Package}
		i, known := u.places[k]
		if !known {
			i = len(u.posting.Packages)
			u.places[k] = i
			u.posting.Packages = append(u.posting.Packages, PackagePosting{Tenant: m.Tenant, Number: m.Package})
		}
		p := &u.posting.Packages[i]
		p.steps = append(p.steps, step{at, seq, m.Kind, m.Quantity, m.Debits, m.Reference})
		u.posting.entries++
	}
}

func (u *Unposted) refer(t taocan.Tenant, at time.Time) {
	i, known := u.refs[t]
	if !known {
		u.refs[t] = len(u.posting.Refs)
		u.posting.Refs, u.last = append(u.posting.Refs, DebitRefs{Tenant: t, First: at}), append(u.last, at)
		return
	}
	r := &u.posting.Refs[i]
	r.More = binary.AppendUvarint(r.More, uint64(at.Sub(u.last[i]).Microseconds()))
	u.last[i] = at
}

// Work is how many rows a posting would write, roughly. Records count a little even where they share their entries, since a
// start after a crash reads them again.
func (u *Unposted) Work() int { return u.posting.entries + len(u.posting.Refs) + u.records/128 }

// From is the commit after which they come.
func (u *Unposted) From() int64 { return u.from }

// UpTo is the last of the commits.
func (u *Unposted) UpTo() int64 { return u.posting.UpTo }

// Concerns reports whether an account has records among them. Its packages' rows are not up to date then.
func (u *Unposted) Concerns(a taocan.AccountID) bool { return u.accounts[a] }

// DebitRefs lists commits that hold debits of a project.
type DebitRefs struct {
	taocan.Tenant
	First time.Time
	More  []byte // the distances in µs from each to the next, as uvarints
}

// Times of the commits, in order.
func (r DebitRefs) Times() (all []time.Time, err error) {
	at := r.First.UnixMicro()
	all = append(all, r.First)
	for rest := r.More; len(rest) > 0; {
		distance, n := binary.Uvarint(rest)
		if n <= 0 || distance > 1<<60 {
			return nil, errPacked
		}
		at, rest = at+int64(distance), rest[n:]
		all = append(all, time.UnixMicro(at).UTC())
	}
	return all, nil
}

// Posting of all that was noted. Nothing is noted afterwards.
func (u *Unposted) Posting() *Posting {
	slices.SortFunc(u.posting.Packages, func(a, b PackagePosting) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Project, b.Project), cmp.Compare(a.Number, b.Number))
	})
	for _, p := range u.posting.Packages { // a commit's kinds were summed up in no order
		slices.SortFunc(p.steps, func(a, b step) int { return cmp.Or(cmp.Compare(a.commit, b.commit), cmp.Compare(a.kind, b.kind)) })
	}
	slices.SortFunc(u.posting.Refs, func(a, b DebitRefs) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Project, b.Project))
	})
	return &u.posting
}

// Post works out the entries of a package of the owner, from its figures before, and its figures after them. Less than nothing
// is a broken invariant: a panic.
func (p *PackagePosting) Post(owner taocan.Tenant, lane taocan.Lane, f Figures) (entries []taocan.Entry, after Figures) {
	entries = make([]taocan.Entry, len(p.steps))
	for i, s := range p.steps {
		e := taocan.Entry{Tenant: owner, Package: p.Number, Kind: s.kind, At: s.at, Debits: s.debits, Reference: s.reference, Lane: lane, Commit: s.commit}
		e.Remaining, e.Reserved, e.Used = moves(s.kind, s.quantity)
		f.Remaining += e.Remaining
		f.Reserved += e.Reserved
		f.Used += e.Used
		if f.Remaining < 0 || f.Reserved < 0 || f.Used < 0 {
			panic(fmt.Sprintf("store: the records of commit %d of lane %d bring package %s to %+v", s.commit, lane, p.Number, f))
		}
		e.RemainingAfter, e.ReservedAfter = f.Remaining, f.Reserved
		entries[i] = e
	}
	return entries, f
}

// How many rows a lane's posting writes before a group commit does it: enough that rows of one package share their pages, few
// enough that nobody waits long, and that a start after a crash has little to do over. At most two lanes are posted per commit,
// unless one has many times as much.
const (
	postRows     = 2048
	postRowsMost = 8 * postRows
	postLanes    = 2
)

// LanesToPost picks the lanes that a group commit posts before it does its own work, by what each has to post (Unposted.Work).
func LanesToPost(work [taocan.Lanes]int) (lanes []taocan.Lane) {
	for lane, n := range work {
		if n >= postRows && (len(lanes) < postLanes || n >= postRowsMost) {
			lanes = append(lanes, taocan.Lane(lane))
		}
	}
	return lanes
}
