package store

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"taocan/internal/taocan"
)

// The debits of old months may leave the store: their records go into files, and commit_log.debits becomes NULL. Everything else
// stays: links with the digest of what is gone, entries, lists of commits, packages, wallets. What can no longer be derived from
// the records was summed up while they were there, in a row of which a link of the lane's own chain keeps the digest.

// MonthFormat names months of the archive. They are UTC's: the log's months, not the platform's.
const MonthFormat = "2006-01"

// ArchivedMonth says that a lane's debits of a month are in a file. It is written before the first of them leaves the store.
type ArchivedMonth struct {
	Lane              taocan.Lane
	Month             string // MonthFormat
	FirstSeq, LastSeq int64  // the first and the last commit of the month that held debits
	ArchivedSums
	EntriesDigest []byte // Tally.EntriesDigest
	File          string // its name; where it is kept is the operator's affair
	FileSHA256    []byte
	ArchivedAt    time.Time
	Seq           int64 // of the commit that wrote the row
}

// ArchivedSums are what the records of some commits come to.
type ArchivedSums struct {
	Commits  int64 // that held debits
	Debits   int64
	Refs     int64                      // projects with debits, summed over commits
	Entries  int64                      // that the records make
	Segments taocan.Segments            // that became used
	Overflow map[taocan.AccountID]int64 // what debits beyond packages cost, 1/10,000 yuan; only accounts with any
}

// Covers reports whether the row is about a commit of its lane.
func (m ArchivedMonth) Covers(seq int64) bool { return m.FirstSeq <= seq && seq <= m.LastSeq }

// Until is the month's end: the debits before it are archived. Zero where Month is none.
func (m ArchivedMonth) Until() time.Time { return monthEnd(m.Month) }

func monthEnd(month string) time.Time {
	from, err := time.Parse(MonthFormat, month)
	if err != nil {
		return time.Time{}
	}
	return from.AddDate(0, 1, 0)
}

func (m ArchivedMonth) String() string {
	return fmt.Sprintf("archived month %s of lane %d", m.Month, m.Lane)
}

// ArchivedMonthRow covers an archived month. account is one of the lane's, in whose commit it is written.
func ArchivedMonthRow(account taocan.AccountID, m ArchivedMonth) Row {
	c := new(canon).str("archived month", m.Month, string(m.EntriesDigest), m.File, string(m.FileSHA256)).
		num(int64(m.Lane), m.FirstSeq, m.LastSeq, m.Commits, m.Debits, m.Refs, m.Entries, int64(m.Segments)).time(m.ArchivedAt)
	for _, a := range slices.Sorted(maps.Keys(m.Overflow)) {
		c.str(string(a)).num(m.Overflow[a])
	}
	return c.row(RowRef{Kind: RowArchivedMonth, Tenant: taocan.Tenant{Account: account}, ID: m.Month, N: int64(m.Lane)})
}

// Archive gives back what has left the store.
type Archive interface {
	// Debits are those of a commit that the row covers. Commits are mostly asked for in order.
	Debits(ctx context.Context, m ArchivedMonth, seq int64) ([]byte, error)
}

// Tally sums up a lane's commits, in order.
type Tally struct {
	ArchivedSums
	packages map[packageKey][]byte // the chain of digests of each package's entries
}

type packageKey struct {
	account taocan.AccountID
	number  taocan.PackageNumber
}

// NewTally of nothing.
func NewTally() *Tally {
	return &Tally{ArchivedSums: ArchivedSums{Overflow: map[taocan.AccountID]int64{}}, packages: map[packageKey][]byte{}}
}

// Add takes in a commit that holds debits.
func (t *Tally) Add(c Commit, records []*taocan.Debit) {
	for _, e := range t.ArchivedSums.Add(c, records) {
		k := packageKey{e.Account, e.Package}
		t.packages[k] = chainEntry(t.packages[k], e)
	}
}

// Add takes in a commit that holds debits, and returns the entries that these make, a package's in order. They say nothing of
// figures after them.
func (s *ArchivedSums) Add(c Commit, records []*taocan.Debit) []taocan.Entry {
	s.Commits++
	s.Debits += int64(len(records))
	projects := map[taocan.Tenant]bool{}
	for _, d := range records {
		if !projects[d.Tenant] {
			projects[d.Tenant] = true
			s.Refs++
		}
		if d.Overflow > 0 {
			s.Overflow[d.Account] += int64(d.Overflow) * int64(d.OverflowPrice)
		}
	}
	made := MovesOf(records, c.At)
	slices.SortFunc(made, func(a, b Move) int { return cmp.Compare(a.Kind, b.Kind) }) // as a package's entries of one commit are read
	entries := make([]taocan.Entry, len(made))
	for i, m := range made {
		e := taocan.Entry{Tenant: m.Tenant, Package: m.Package, Kind: m.Kind, At: c.At, Debits: m.Debits, Reference: m.Reference, Lane: c.Lane, Commit: c.Seq}
		e.Remaining, e.Reserved, e.Used = moves(m.Kind, m.Quantity)
		s.Entries++
		s.Segments += e.Used
		entries[i] = e
	}
	return entries
}

// chainEntry is the digest of a package's entries up to e, from that before it. What the package's other entries prove is left
// out: whose project it is, and the figures after it. So is a reserve's reference, which versions before postings sometimes did
// not write.
func chainEntry(before []byte, e taocan.Entry) []byte {
	if e.Kind == taocan.EntryReserve {
		e.Reference = ""
	}
	c := new(canon).str(string(before), string(e.Account), string(e.Package), e.Reference).
		num(int64(e.Kind), int64(e.Remaining), int64(e.Reserved), int64(e.Used), int64(e.Debits), int64(e.Lane), e.Commit).time(e.At, e.ExpiresAt)
	sum := sha256.Sum256(c.b)
	return sum[:]
}

// ofRecords reports whether entries of a kind come of debits and reservations, and of nothing else.
func ofRecords(k taocan.EntryKind) bool {
	return k == taocan.EntryDebit || k == taocan.EntryReserve || k == taocan.EntryCommit || k == taocan.EntryRelease
}

// EntriesDigest is one digest of all entries that the commits made: over packages by account, project and number, as Verify
// comes by them, and of each over its entries in order. Whose packages they are is read from the directory.
func (t *Tally) EntriesDigest(ctx context.Context, r Reader) ([]byte, error) {
	type owned struct {
		taocan.Tenant
		number taocan.PackageNumber
		digest []byte
	}
	all := make([]owned, 0, len(t.packages))
	for k, digest := range t.packages {
		owner, err := r.NumberOwner(ctx, k.number)
		if err != nil {
			return nil, fmt.Errorf("owner of package %s: %w", k.number, err)
		}
		all = append(all, owned{owner, k.number, digest})
	}
	slices.SortFunc(all, func(a, b owned) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Project, b.Project), cmp.Compare(a.number, b.number))
	})
	h := sha256.New()
	for _, p := range all {
		h.Write(p.digest)
	}
	return h.Sum(nil), nil
}

// HoldsDebits reports whether a commit has, or had, debits.
func (c Commit) HoldsDebits() bool { return !bytes.Equal(c.DebitsDigest, noDebits[:]) }

var noDebits = sha256.Sum256(nil)

// NoDebitsDigest is the digest in links without debits.
func NoDebitsDigest() []byte { return slices.Clone(noDebits[:]) }

// ProveDebits proves a lane's commits after a sequence, up to another, as Verify does: their links, their rows, their records, and
// the entries that come of these. What is posted is looked at; the rest cannot be archived.
func ProveDebits(ctx context.Context, st Store, lane taocan.Lane, after, upTo int64) ([]Finding, error) {
	v := newVerifier(st, VerifyOptions{})
	if err := v.readHeads(ctx); err != nil {
		return nil, err
	}
	if posted := v.heads[lane].Posted; upTo > posted {
		return nil, fmt.Errorf("lane %d is posted up to commit %d, not %d", lane, posted, upTo)
	}
	next := after + 1
	err := v.eachCommit(ctx, lane, after, upTo, func(r Reader, c Commit) error {
		subject := fmt.Sprintf("commit %d of lane %d", c.Seq, c.Lane)
		if c.Seq != next || !bytes.Equal(c.Hash, c.Link()) {
			return v.found(subject, "is not the link of commit %d", next)
		}
		next++
		return v.commit(ctx, r, c, subject)
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return v.report.Findings, err
}
