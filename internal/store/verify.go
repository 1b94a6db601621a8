package store

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"time"

	"taocan/internal/taocan"
)

// VerifyOptions of Verify.
type VerifyOptions struct {
	// ExpectHead is Report.Head of an earlier run: everything that it covered must still be there, unaltered.
	ExpectHead string
	// IdempotencyWindow within which a debit id may stand only once; default 30 days.
	IdempotencyWindow time.Duration
	// MaxFindings ends the run early; default 100.
	MaxFindings int
	// Archive gives back what has left the store, which is then proved as if it never had; nil: what remains of it is proved.
	Archive Archive
}

// Report says what Verify looked at and what it found wrong. No findings: the store is proved.
type Report struct {
	Commits, Debits, Entries, Packages, Orders, Wallets int64
	// Archived are those of the debits that are archived and were not read. What their months' rows say of them is counted, and proved
	// against entries, lists of commits and wallets, but not against the records.
	Archived int64
	Head     string // of every lane; keep it elsewhere to notice a cut tail
	Findings []Finding
}

var errEnough = errors.New("enough findings")

// Slices in which Verify reads, each on a snapshot of its own: it never holds one for long.
const (
	commitSlice  = 200
	packageSlice = 200
	orderSlice   = 200
	refSlice     = 5000
	// Hashes of ids held at once to find doubles; more ids take more passes over the log. 8 bytes each.
	idSlice = 4 << 20
)

// Verify proves the whole store from its own rows, on a live store and in bounded memory:
//
//   - every lane's chain links up, and every row that a link covers is unaltered; no ledger row is outside a link;
//   - every debit's allocations sum to its quantity, and each commit's entries are the sums of its debits;
//   - every package's figures follow from its entries step by step, total + adjusted = remaining + reserved + used,
//     and what is reserved is the sum of open reservations; its expiry and whether it is frozen follow from them, too, and
//     what a transfer took out of one package is what it made another of;
//   - every paid order has its payment, its packages and its wallet entry, every other has none;
//   - every wallet is the sum of its entries, and has paid the whole fen of what overflow cost;
//   - what the back end derives from the ledger to find things quickly agrees with it;
//   - no debit id stands twice within the time that ids are remembered;
//   - debits that are gone are archived: a row says so, under a link of its own, and the entries that they made and all sums over them
//     are still what it says. With VerifyOptions.Archive their records are read, too.
//
// It covers what was committed before it began.
func Verify(ctx context.Context, st Store, o VerifyOptions) (Report, error) {
	v := newVerifier(st, o)
	err := v.run(ctx)
	if errors.Is(err, errEnough) {
		err = nil
	}
	return v.report, err
}

func newVerifier(st Store, o VerifyOptions) *verifier {
	if o.MaxFindings == 0 {
		o.MaxFindings = 100
	}
	if o.IdempotencyWindow == 0 {
		o.IdempotencyWindow = 30 * 24 * time.Hour
	}
	return &verifier{st: st, o: o, seed: maphash.MakeSeed(), counts: map[RowKind]int64{}, overflow: map[taocan.AccountID]int64{}}
}

type verifier struct {
	st       Store
	o        VerifyOptions
	report   Report
	heads    [taocan.Lanes]Head
	posted   [taocan.Lanes]time.Time // of the last commit that is posted
	counts   map[RowKind]int64
	refsSeen int64                      // projects with debits, summed over commits
	overflow map[taocan.AccountID]int64 // what debits beyond packages cost, 1/10,000 yuan
	seed     maphash.Seed
	archived [taocan.Lanes][]*archivedProof // by month
}

func (v *verifier) found(subject, detail string, args ...any) error {
	v.report.Findings = append(v.report.Findings, Finding{subject, fmt.Sprintf(detail, args...)})
	if len(v.report.Findings) >= v.o.MaxFindings {
		return errEnough
	}
	return nil
}

func (v *verifier) run(ctx context.Context) error {
	if err := v.readHeads(ctx); err != nil {
		return err
	}
	v.report.Head = HeadText(v.heads)
	expected, err := parseHead(v.o.ExpectHead)
	if err != nil {
		return err
	}
	for lane := range v.heads {
		if err := v.lane(ctx, v.heads[lane], expected[lane]); err != nil {
			return err
		}
	}
	for _, step := range []func(context.Context) error{v.countRows, v.packages, v.archivedEntries, v.derived, v.reservations, v.orders, v.wallets, v.ids} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// readHeads also reads what is archived, as of these heads.
func (v *verifier) readHeads(ctx context.Context) error {
	return v.st.View(ctx, func(r Reader) (err error) {
		if v.heads, err = r.Heads(ctx); err != nil {
			return fmt.Errorf("read heads: %w", err)
		}
		months, err := r.ArchivedMonths(ctx)
		if err != nil {
			return err
		}
		for _, m := range months {
			if m.Lane >= taocan.Lanes {
				return fmt.Errorf("%s: there is no such lane", m)
			}
			v.archived[m.Lane] = append(v.archived[m.Lane], newArchivedProof(m))
		}
		return nil
	})
}

// HeadText writes the heads of lanes that have any commit: "3.17.ab12…,5.1.cd34…".
func HeadText(heads [taocan.Lanes]Head) string {
	var parts []string
	for _, h := range heads {
		if h.Seq > 0 {
			parts = append(parts, fmt.Sprintf("%d.%d.%x", h.Lane, h.Seq, h.Hash))
		}
	}
	return strings.Join(parts, ",")
}

func parseHead(s string) (heads [taocan.Lanes]Head, err error) {
	if s == "" {
		return heads, nil
	}
	for part := range strings.SplitSeq(s, ",") {
		fields := strings.Split(part, ".")
		bad := taocan.Invalid("expect_head", "is not a head that verify has printed", part)
		if len(fields) != 3 {
			return heads, bad
		}
		lane, errLane := strconv.ParseUint(fields[0], 10, 8)
		seq, errSeq := strconv.ParseInt(fields[1], 10, 64)
		hash, errHash := hex.DecodeString(fields[2])
		if errors.Join(errLane, errSeq, errHash) != nil || lane >= taocan.Lanes || seq < 1 {
			return heads, bad
		}
		heads[lane] = Head{Lane: taocan.Lane(lane), Seq: seq, Hash: hash}
	}
	return heads, nil
}

func (v *verifier) lane(ctx context.Context, head, expected Head) error {
	last := Head{Lane: head.Lane, Hash: make([]byte, sha256.Size)}
	err := v.eachCommit(ctx, head.Lane, 0, head.Seq, func(r Reader, c Commit) error {
		subject := fmt.Sprintf("commit %d of lane %d", c.Seq, c.Lane)
		var wrong error
		switch {
		case c.Seq != last.Seq+1:
			wrong = v.found(subject, "follows commit %d: commits are missing", last.Seq)
		case !bytes.Equal(c.Prev, last.Hash):
			wrong = v.found(subject, "does not link to the hash of commit %d", last.Seq)
		case !bytes.Equal(c.Hash, c.Link()):
			wrong = v.found(subject, "its hash is not that of its content")
		case !c.At.After(last.At):
			wrong = v.found(subject, "its time %s is not after that of commit %d", c.At, last.Seq)
		case expected.Seq == c.Seq && !bytes.Equal(expected.Hash, c.Hash):
			wrong = v.found(subject, "its hash is not the expected one")
		}
		if wrong != nil {
			return wrong
		}
		last = c.Head(head.Posted)
		if c.Seq == head.Posted {
			v.posted[c.Lane] = c.At
		}
		v.report.Commits++
		return v.commit(ctx, r, c, subject)
	})
	if err != nil {
		return err
	}
	if head.Posted > head.Seq {
		if err := v.found(fmt.Sprintf("lane %d", head.Lane), "is posted up to commit %d, but its head is commit %d", head.Posted, head.Seq); err != nil {
			return err
		}
	}
	if last.Seq != head.Seq || !bytes.Equal(last.Hash, head.Hash) || !last.At.Equal(head.At) {
		if err := v.found(fmt.Sprintf("lane %d", head.Lane), "its head is commit %d, its last commit is %d or has another hash or time", head.Seq, last.Seq); err != nil {
			return err
		}
	}
	if last.Seq < expected.Seq {
		err := v.found(fmt.Sprintf("lane %d", head.Lane), "ends at commit %d, commit %d is expected: its tail is missing", last.Seq, expected.Seq)
		if err != nil {
			return err
		}
	}
	return v.archivedSums(head.Lane)
}

// eachCommit walks a lane's commits after a sequence, up to another, each slice on a snapshot of its own.
func (v *verifier) eachCommit(ctx context.Context, lane taocan.Lane, after, upTo int64, fn func(Reader, Commit) error) error {
	for {
		n := 0
		err := v.st.View(ctx, func(r Reader) error {
			commits, err := r.Commits(ctx, lane, after, commitSlice)
			if err != nil {
				return fmt.Errorf("read commits of lane %d: %w", lane, err)
			}
			n = len(commits)
			for _, c := range commits {
				if c.Seq > upTo {
					n = 0 // newer than the run
					return nil
				}
				after = c.Seq
				if err := fn(r, c); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || n < commitSlice {
			return err
		}
	}
}

// commit proves the rows and the debits that one link covers.
func (v *verifier) commit(ctx context.Context, r Reader, c Commit, subject string) error {
	rows, err := UnpackManifest(c.Manifest)
	if err != nil {
		return v.found(subject, "its manifest is damaged")
	}
	entries := map[moveKey]taocan.Entry{} // that the link covers: commits of older versions have them in their manifest
	for _, row := range rows {
		v.counts[row.Kind]++
		var is Row
		var err error
		if row.Kind == RowEntry {
			var e taocan.Entry
			if e, err = r.Entry(ctx, row.RowRef); err == nil {
				is = EntryRow(e)
				entries[moveKey{e.Account, e.Package, e.Kind}] = e
			}
		} else {
			is, err = r.LedgerRow(ctx, row.RowRef)
		}
		switch {
		case errors.Is(err, taocan.ErrNotFound):
			err = v.found(row.String(), "is missing (written by %s)", subject)
		case err != nil:
			return fmt.Errorf("read %s: %w", row.RowRef, err)
		case is.Digest != row.Digest:
			err = v.found(row.String(), "has been altered since %s", subject)
		}
		if err != nil {
			return err
		}
	}
	month := v.archivedAt(c.Lane, c.Seq)
	if month != nil && c.HoldsDebits() && c.At.UTC().Format(MonthFormat) != month.Month {
		if err := v.found(month.String(), "covers commit %d of %s", c.Seq, c.At); err != nil {
			return err
		}
	}
	if c.Debits == nil && c.HoldsDebits() {
		if month == nil {
			return v.gone(ctx, r, c, subject)
		}
		if err := v.unarchive(ctx, month, &c); err != nil {
			return err
		}
		if c.Debits == nil {
			month.without(entries)
			return nil
		}
	}
	digest := sha256.Sum256(c.Debits)
	if !bytes.Equal(digest[:], c.DebitsDigest) {
		return v.found(subject, "its debits have been altered or removed")
	}
	if c.Debits == nil {
		return nil // it had none: the entries are of other work
	}
	debits, err := UnpackDebits(c.Debits, c.At, nil)
	if err != nil {
		return v.found(subject, "its debits are damaged")
	}
	v.report.Debits += int64(len(debits))
	return v.debits(ctx, r, c, debits, entries)
}

// debits proves that each record adds up and that the commit's entries are the sums of its records. What is not posted yet has
// no entries; they will follow from the records, which the link covers.
func (v *verifier) debits(ctx context.Context, r Reader, c Commit, debits []taocan.Debit, covered map[moveKey]taocan.Entry) error {
	posted := c.Seq <= v.heads[c.Lane].Posted
	projects := map[taocan.Tenant]bool{}
	records := make([]*taocan.Debit, len(debits))
	for i := range debits {
		d := &debits[i]
		records[i] = d
		subject := fmt.Sprintf("debit %s of project %s", d.ID, d.Project)
		if taocan.LaneOf(d.Account) != c.Lane {
			if err := v.found(subject, "stands in lane %d, not in its account's", c.Lane); err != nil {
				return err
			}
		}
		if posted && !projects[d.Tenant] {
			projects[d.Tenant] = true
			v.refsSeen++
			known, err := r.HasDebitRef(ctx, d.Tenant, c.At)
			if err != nil {
				return fmt.Errorf("read reference to commit %d of lane %d: %w", c.Seq, c.Lane, err)
			}
			if !known {
				if err := v.found(subject, "is not on its project's list of commits"); err != nil {
					return err
				}
			}
		}
		var sum taocan.Segments
		for _, a := range d.Allocations {
			sum += a.Quantity
		}
		if sum+d.Overflow != d.Quantity || d.Settled > d.Quantity {
			if err := v.found(subject, "its allocations and overflow sum to %d, its quantity is %d", sum+d.Overflow, d.Quantity); err != nil {
				return err
			}
		}
		if d.Overflow > 0 {
			v.overflow[d.Account] += int64(d.Overflow) * int64(d.OverflowPrice)
		}
	}
	if !posted {
		return nil
	}
	if month := v.archivedAt(c.Lane, c.Seq); month != nil {
		month.seen.Add(c, records)
	}
	for _, m := range MovesOf(records, c.At) {
		k := moveKey{m.Account, m.Package, m.Kind}
		e, known := covered[k]
		delete(covered, k)
		if !known {
			var err error
			if e, err = v.entryOf(ctx, r, m, c.At); errors.Is(err, taocan.ErrNotFound) {
				if err := v.found(fmt.Sprintf("package %s", m.Package), "has no %s entry for the debits of commit %d of lane %d", m.Kind, c.Seq, c.Lane); err != nil {
					return err
				}
				continue
			} else if err != nil {
				return fmt.Errorf("read the %s entry of package %s: %w", m.Kind, m.Package, err)
			}
			v.counts[RowEntry]++
		}
		remaining, reserved, used := moves(m.Kind, m.Quantity)
		same := e.Remaining == remaining && e.Reserved == reserved && e.Used == used && e.Debits == m.Debits
		if !known { // nothing but the records vouches for it
			same = same && e.Reference == m.Reference && e.Lane == c.Lane && e.Commit == c.Seq && e.ExpiresAt.IsZero()
		}
		if !same {
			if err := v.found(fmt.Sprintf("package %s", m.Package), "its %s entry at %s is not the sum of its %d debits", m.Kind, e.At, m.Debits); err != nil {
				return err
			}
		}
	}
	for k := range covered {
		if err := v.found(fmt.Sprintf("package %s", k.number), "has a %s entry that no debit of commit %d of lane %d explains", k.kind, c.Seq, c.Lane); err != nil {
			return err
		}
	}
	return nil
}

// entryOf finds the entry of a move. The package may be another project's of the account.
func (v *verifier) entryOf(ctx context.Context, r Reader, m Move, at time.Time) (taocan.Entry, error) {
	ref := RowRef{Kind: RowEntry, Tenant: m.Tenant, ID: string(m.Package), N: at.UnixMicro(), Entry: m.Kind}
	e, err := r.Entry(ctx, ref)
	if !errors.Is(err, taocan.ErrNotFound) {
		return e, err
	}
	owner, err := r.NumberOwner(ctx, m.Package)
	if err != nil || owner == m.Tenant || owner.Account != m.Account {
		return e, cmp.Or(err, taocan.ErrNotFound)
	}
	ref.Tenant = owner
	return r.Entry(ctx, ref)
}

// countRows proves that no ledger row stands outside the chain.
func (v *verifier) countRows(ctx context.Context) error {
	posted := v.heads
	for lane := range posted {
		posted[lane].Seq = posted[lane].Posted
	}
	for kind := RowOrder; kind <= RowArchivedMonth; kind++ {
		heads := v.heads
		if kind == RowEntry {
			heads = posted
		}
		var count RowCount
		err := v.st.View(ctx, func(r Reader) (err error) {
			count, err = r.LedgerCount(ctx, kind, heads)
			return err
		})
		if err != nil {
			return fmt.Errorf("count %s rows: %w", kind, err)
		}
		subject := fmt.Sprintf("table of %s rows", kind)
		if count.Covered != v.counts[kind] {
			if err := v.found(subject, "holds %d rows, the chains cover %d", count.Covered, v.counts[kind]); err != nil {
				return err
			}
		}
		if count.Beyond != 0 {
			if err := v.found(subject, "holds %d rows of commits that have not been made", count.Beyond); err != nil {
				return err
			}
		}
		if kind == RowEntry {
			v.report.Entries = count.Covered
		}
	}
	return v.refs(ctx)
}

// refs proves that projects' lists of commits name no commit that the chains do not hold.
func (v *verifier) refs(ctx context.Context) error {
	var last DebitRef
	listed := int64(0)
	for {
		var slice []DebitRef
		err := v.st.View(ctx, func(r Reader) (err error) {
			slice, err = r.DebitRefsAfter(ctx, last, refSlice)
			return err
		})
		if err != nil {
			return fmt.Errorf("read references to debits: %w", err)
		}
		for _, last = range slice {
			if !last.At.After(v.posted[taocan.LaneOf(last.Account)]) {
				listed++
			}
		}
		if len(slice) < refSlice {
			break
		}
	}
	if listed != v.refsSeen {
		return v.found("lists of debits", "name %d commits of projects, the chains hold %d", listed, v.refsSeen)
	}
	return nil
}

func (v *verifier) packages(ctx context.Context) error {
	var t taocan.Tenant
	var n taocan.PackageNumber
	for {
		var slice []taocan.Package
		err := v.st.View(ctx, func(r Reader) (err error) {
			if slice, err = r.PackagesAfter(ctx, t, n, packageSlice); err != nil {
				return fmt.Errorf("read packages: %w", err)
			}
			for _, p := range slice {
				t, n = p.Tenant, p.Number
				v.report.Packages++
				if err := v.onePackage(ctx, r, p); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || len(slice) < packageSlice {
			return err
		}
	}
}

// onePackage follows a package's entries from the first to what the package says now.
func (v *verifier) onePackage(ctx context.Context, r Reader, p taocan.Package) error {
	subject := fmt.Sprintf("package %s", p.Number)
	var at time.Time
	var sum, adjusted, opening Figures
	frozen, extended := false, time.Time{}
	count := 0
	err := r.EachEntry(ctx, p.Tenant, p.Number, func(e taocan.Entry) error {
		count++
		v.archivedEntry(e)
		if e.Kind.Opens() != (count == 1) {
			return v.found(subject, "its entry %d is of kind %s", count, e.Kind)
		}
		switch {
		case e.Kind.Opens():
			opening = Figures{e.Remaining, e.Reserved, e.Used}
		case e.Kind.Adjusts():
			adjusted.Remaining += e.Remaining
		case e.Remaining+e.Reserved+e.Used != 0:
			return v.found(subject, "its %s entry at %s makes or loses messages", e.Kind, e.At)
		}
		switch e.Kind {
		case taocan.EntryExtend:
			if before := cmp.Or(extended, p.FirstExpiresAt); !e.ExpiresAt.After(before) || before.IsZero() {
				return v.found(subject, "its %s entry at %s does not make its expiry later than %s", e.Kind, e.At, before)
			}
			extended = e.ExpiresAt
		case taocan.EntryFreeze, taocan.EntryUnfreeze:
			if frozen == (e.Kind == taocan.EntryFreeze) {
				return v.found(subject, "its %s entry at %s changes nothing", e.Kind, e.At)
			}
			frozen = !frozen
		case taocan.EntryTransferIn, taocan.EntryTransferOut:
			if err := v.transfer(ctx, r, p, e); err != nil {
				return err
			}
		}
		sum.Remaining += e.Remaining
		sum.Reserved += e.Reserved
		sum.Used += e.Used
		if e.RemainingAfter != sum.Remaining || e.ReservedAfter != sum.Reserved || sum.Remaining < 0 || sum.Reserved < 0 || sum.Used < 0 {
			return v.found(subject, "after its %s entry at %s it should hold %d and %d reserved, the entry says %d and %d", e.Kind, e.At,
				sum.Remaining, sum.Reserved, e.RemainingAfter, e.ReservedAfter)
		}
		if e.At.Before(at) {
			return v.found(subject, "its %s entry at %s is older than the entry before it", e.Kind, e.At)
		}
		at = e.At
		return nil
	})
	if err != nil {
		return err
	}
	v.archivedPackage(p.Account)
	if p.Remaining != sum.Remaining || p.Reserved != sum.Reserved || p.Used != sum.Used {
		err = v.found(subject, "says remaining %d, reserved %d, used %d; its entries say %d, %d, %d",
			p.Remaining, p.Reserved, p.Used, sum.Remaining, sum.Reserved, sum.Used)
	}
	if err == nil && (p.Total != opening.Remaining+opening.Reserved+opening.Used || p.Adjusted != adjusted.Remaining) {
		err = v.found(subject, "says total %d, adjusted %d; its entries say %d, %d", p.Total, p.Adjusted, opening.Remaining+opening.Reserved+opening.Used, adjusted.Remaining)
	}
	if err == nil && p.Total+p.Adjusted != p.Remaining+p.Reserved+p.Used {
		err = v.found(subject, "total %d + adjusted %d is not remaining %d + reserved %d + used %d", p.Total, p.Adjusted, p.Remaining, p.Reserved, p.Used)
	}
	if err == nil && p.Frozen != frozen {
		err = v.found(subject, "says frozen %t, its entries say %t", p.Frozen, frozen)
	}
	if err == nil && extended.IsZero() != p.FirstExpiresAt.IsZero() {
		err = v.found(subject, "says that it first expired at %s; its entries extend it to %s", p.FirstExpiresAt, extended)
	}
	if err == nil && !extended.IsZero() && !p.ExpiresAt.Equal(extended) {
		err = v.found(subject, "expires at %s, its entries extend it to %s", p.ExpiresAt, extended)
	}
	if err != nil {
		return err
	}
	owner, err := r.NumberOwner(ctx, p.Number)
	if err != nil && !errors.Is(err, taocan.ErrNotFound) {
		return fmt.Errorf("look up number %s: %w", p.Number, err)
	}
	if owner != p.Tenant {
		return v.found(subject, "the directory of numbers says it belongs to project %q", owner.Project)
	}
	return nil
}

// transfer proves that what one side of a transfer lost is what the other gained, at the same instant, within one account.
func (v *verifier) transfer(ctx context.Context, r Reader, p taocan.Package, e taocan.Entry) error {
	subject, other := fmt.Sprintf("package %s", p.Number), taocan.PackageNumber(e.Reference)
	theirs := taocan.EntryTransferIn
	if e.Kind == theirs {
		theirs = taocan.EntryTransferOut
	}
	owner, err := r.NumberOwner(ctx, other)
	var pair taocan.Entry
	if err == nil {
		pair, err = r.Entry(ctx, RowRef{Kind: RowEntry, Tenant: owner, ID: e.Reference, N: e.At.UnixMicro(), Entry: theirs})
	}
	switch {
	case errors.Is(err, taocan.ErrNotFound):
		return v.found(subject, "its %s entry at %s has no other side in package %.40q", e.Kind, e.At, e.Reference)
	case err != nil:
		return fmt.Errorf("read the other side of a transfer of package %s: %w", p.Number, err)
	case owner.Account != p.Account || owner.Project == p.Project || pair.Reference != string(p.Number) || pair.Remaining != -e.Remaining:
		return v.found(subject, "its %s entry at %s moves %d, the other side in package %s %d from or to %.40q", e.Kind, e.At,
			e.Remaining, other, pair.Remaining, pair.Reference)
	}
	return nil
}

// derived proves what a back end keeps beside the ledger: a list that misses a package would hide its messages.
func (v *verifier) derived(ctx context.Context) error {
	var wrong []Finding
	err := v.st.View(ctx, func(r Reader) (err error) {
		wrong, err = r.Derived(ctx, v.o.MaxFindings)
		return err
	})
	if err != nil {
		return fmt.Errorf("read derived tables: %w", err)
	}
	for _, f := range wrong {
		if err := v.found(f.Subject, "%s", f.Detail); err != nil {
			return err
		}
	}
	return nil
}

// reservations proves that what packages hold back is what open reservations hold, account by account: a package may hold
// something back for another project of its account.
func (v *verifier) reservations(ctx context.Context) error {
	cursor := ""
	for {
		var page Page[taocan.Account]
		err := v.st.View(ctx, func(r Reader) (err error) {
			page, err = r.Accounts(ctx, AccountFilter{Paging: Paging{Limit: 100, Cursor: cursor}})
			return err
		})
		if err != nil {
			return fmt.Errorf("read accounts: %w", err)
		}
		for _, a := range page.Items {
			if err := v.st.View(ctx, func(r Reader) error { return v.reserved(ctx, r, a.ID) }); err != nil {
				return err
			}
		}
		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}

// reserved looks at one account, on one snapshot.
func (v *verifier) reserved(ctx context.Context, r Reader, a taocan.AccountID) error {
	reserved := map[taocan.PackageNumber]taocan.Segments{}
	for cursor := ""; ; {
		projects, err := r.Projects(ctx, a, Paging{Limit: 100, Cursor: cursor})
		if err != nil {
			return fmt.Errorf("read projects of account %s: %w", a, err)
		}
		for _, p := range projects.Items {
			if err := v.reservedFor(ctx, r, taocan.Tenant{Account: a, Project: p.ID}, reserved); err != nil {
				return err
			}
		}
		if cursor = projects.Next; cursor == "" {
			break
		}
	}
	if err := v.unposted(ctx, r, a, reserved); err != nil {
		return err
	}
	for n, left := range reserved {
		if left != 0 {
			if err := v.found(fmt.Sprintf("package %s", n), "holds back %d more than its open reservations", left); err != nil {
				return err
			}
		}
	}
	return nil
}

// unposted adds what commits that are not posted yet have reserved. There are none on a store that this process writes.
func (v *verifier) unposted(ctx context.Context, r Reader, a taocan.AccountID, reserved map[taocan.PackageNumber]taocan.Segments) error {
	heads, err := r.Heads(ctx)
	if err != nil {
		return fmt.Errorf("read heads: %w", err)
	}
	head := heads[taocan.LaneOf(a)]
	for after := head.Posted; after < head.Seq; {
		commits, err := r.Commits(ctx, head.Lane, after, commitSlice)
		if err != nil || len(commits) == 0 {
			return cmp.Or(err, fmt.Errorf("commit %d of lane %d: %w", after+1, head.Lane, taocan.ErrNotFound))
		}
		for _, c := range commits {
			after = c.Seq
			records, err := RecordsOf(c.Debits, c.At)
			if err != nil {
				return fmt.Errorf("commit %d of lane %d: %w", c.Seq, c.Lane, err)
			}
			for _, m := range MovesOf(records, c.At) {
				if m.Account == a {
					_, q, _ := moves(m.Kind, m.Quantity)
					reserved[m.Package] += q
				}
			}
		}
	}
	return nil
}

// reservedFor adds what a project's packages hold back, and takes off what its open reservations hold.
func (v *verifier) reservedFor(ctx context.Context, r Reader, t taocan.Tenant, reserved map[taocan.PackageNumber]taocan.Segments) error {
	held, err := r.ReservedPackages(ctx, t)
	if err != nil {
		return fmt.Errorf("read reserved packages of project %s: %w", t.Project, err)
	}
	for n, q := range held {
		reserved[n] += q
	}
	open, err := r.OpenReservations(ctx, t)
	if err != nil {
		return fmt.Errorf("read reservations of project %s: %w", t.Project, err)
	}
	made := map[taocan.DebitID]taocan.Debit{} // reservations of the commit at hand
	var at time.Time
	for _, o := range open {
		if !o.At.Equal(at) {
			at = o.At
			commit, err := r.DebitsAt(ctx, t, at)
			if err != nil && !errors.Is(err, taocan.ErrNotFound) && !errors.Is(err, taocan.ErrArchived) {
				return fmt.Errorf("read reservations of project %s: %w", t.Project, err)
			}
			clear(made)
			for _, d := range commit {
				if d.Open() {
					made[d.ID] = d
				}
			}
		}
		d, ok := made[o.ID]
		if !ok || !d.Deadline.Equal(o.Deadline) {
			if err := v.found(fmt.Sprintf("reservation %s of project %s", o.ID, t.Project), "is open, but its commit at %s does not say so", o.At); err != nil {
				return err
			}
			continue
		}
		for _, a := range d.Allocations {
			reserved[a.Package] -= a.Quantity
		}
	}
	return nil
}

func (v *verifier) orders(ctx context.Context) error {
	var t taocan.Tenant
	var id taocan.OrderID
	for {
		var slice []taocan.Order
		err := v.st.View(ctx, func(r Reader) (err error) {
			if slice, err = r.OrdersAfter(ctx, t, id, orderSlice); err != nil {
				return fmt.Errorf("read orders: %w", err)
			}
			for _, o := range slice {
				t, id = o.Tenant, o.ID
				v.report.Orders++
				if err := v.order(ctx, r, o); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || len(slice) < orderSlice {
			return err
		}
	}
}

func (v *verifier) order(ctx context.Context, r Reader, o taocan.Order) error {
	subject := fmt.Sprintf("order %s", o.ID)
	if o.State != taocan.OrderPaid {
		if o.Payment != nil || len(o.Packages) > 0 {
			return v.found(subject, "is %s and yet has a payment or packages", o.State)
		}
		return nil
	}
	if o.Payment == nil {
		return v.found(subject, "is paid without a payment")
	}
	if got := o.Payment.Split.Total(); got != o.Quote.Amount || o.Payment.Split.Voucher < 0 || o.Payment.Split.Gift < 0 || o.Payment.Split.Cash < 0 || o.Payment.Split.Credit < 0 {
		return v.found(subject, "costs %s, its payment's parts sum to %s", o.Quote.Amount, got)
	}
	if len(o.Packages) != o.Quote.Packages {
		return v.found(subject, "issued %d packages, not %d", len(o.Packages), o.Quote.Packages)
	}
	var paid taocan.Split
	for _, n := range o.Packages {
		p, err := r.Package(ctx, o.Tenant, n)
		if err != nil {
			return fmt.Errorf("read package %s: %w", n, err)
		}
		if p.Total != o.Quote.Each || p.Purpose != o.Quote.Purpose || p.Category != o.Quote.Category || p.Country != o.Quote.Country {
			return v.found(subject, "its package %s is not what was ordered", n)
		}
		paid.Voucher += p.Paid.Voucher
		paid.Gift += p.Paid.Gift
		paid.Cash += p.Paid.Cash
		paid.Credit += p.Paid.Credit
	}
	if paid != o.Payment.Split {
		return v.found(subject, "its packages' parts of the payment do not sum to it")
	}
	if o.Payment.VoucherID == "" && o.Payment.Split.Voucher != 0 {
		return v.found(subject, "a voucher paid %s, but none is named", o.Payment.Split.Voucher)
	}
	if o.Payment.VoucherID != "" {
		x, err := r.Voucher(ctx, o.Account, o.Payment.VoucherID)
		if err != nil && !errors.Is(err, taocan.ErrNotFound) {
			return fmt.Errorf("read voucher %s: %w", o.Payment.VoucherID, err)
		}
		if x.UsedBy != o.ID || o.Payment.Split.Voucher > x.Amount {
			return v.found(subject, "its voucher %s is not used by it or is worth less", o.Payment.VoucherID)
		}
	}
	return nil
}

func (v *verifier) wallets(ctx context.Context) error {
	var account taocan.AccountID
	for {
		var slice []taocan.Wallet
		err := v.st.View(ctx, func(r Reader) (err error) {
			slice, err = r.WalletsAfter(ctx, account, orderSlice)
			return err
		})
		if err != nil {
			return fmt.Errorf("read wallets: %w", err)
		}
		for _, w := range slice {
			account = w.Account
			v.report.Wallets++
			if err := v.st.View(ctx, func(r Reader) error { return v.wallet(ctx, r, w.Account) }); err != nil {
				return err
			}
		}
		if len(slice) < orderSlice {
			return nil
		}
	}
}

// wallet follows a wallet's entries from the first to what the wallet says now, and each payment to its order.
func (v *verifier) wallet(ctx context.Context, r Reader, a taocan.AccountID) error {
	subject := fmt.Sprintf("wallet of account %s", a)
	w, err := r.Wallet(ctx, a)
	if err != nil {
		return fmt.Errorf("read %s: %w", subject, err)
	}
	sum := taocan.Wallet{Account: a}
	n := int64(0)
	paid := map[taocan.OrderID]bool{}
	var overflow taocan.Fen
	err = r.EachWalletEntry(ctx, a, func(e taocan.WalletEntry) error {
		n++
		sum.Cash += e.Cash
		sum.Gift += e.Gift
		sum.CreditLimit += e.CreditLimit
		sum.CreditUsed += e.CreditUsed
		if e.N != n || e.After != sum || sum.Cash < 0 || sum.Gift < 0 || sum.CreditLimit < 0 || sum.CreditUsed < 0 {
			return v.found(subject, "entry %d does not follow from the entries before it", e.N)
		}
		if e.Kind == taocan.WalletOverflow && !e.At.After(v.heads[taocan.LaneOf(a)].At) {
			overflow += e.CreditUsed - e.Cash - e.Gift
		}
		if e.Kind != taocan.WalletPayment {
			return nil
		}
		o, err := r.Order(ctx, taocan.Tenant{Account: a, Project: e.Project}, e.Order)
		if err != nil && !errors.Is(err, taocan.ErrNotFound) {
			return fmt.Errorf("read order %s: %w", e.Order, err)
		}
		if o.Payment == nil || paid[e.Order] || o.Payment.Split.Gift != -e.Gift || o.Payment.Split.Cash != -e.Cash || o.Payment.Split.Credit != e.CreditUsed {
			return v.found(subject, "entry %d is not the payment of order %s", e.N, e.Order)
		}
		paid[e.Order] = true
		return nil
	})
	if err != nil {
		return err
	}
	if sum != w {
		return v.found(subject, "says cash %s, gift %s, credit %s of %s; its entries say %s, %s, %s of %s",
			w.Cash, w.Gift, w.CreditUsed, w.CreditLimit, sum.Cash, sum.Gift, sum.CreditUsed, sum.CreditLimit)
	}
	if cost := v.overflow[a]; overflow != taocan.Fen(cost/perFen) {
		return v.found(subject, "has paid %s for overflow, which cost %s", overflow, taocan.Fen(cost/perFen))
	}
	return v.unpaid(ctx, r, a, paid)
}

// unpaid finds payments that took money without a wallet entry.
func (v *verifier) unpaid(ctx context.Context, r Reader, a taocan.AccountID, paid map[taocan.OrderID]bool) error {
	t, id := taocan.Tenant{Account: a}, taocan.OrderID("")
	for {
		orders, err := r.OrdersAfter(ctx, t, id, orderSlice)
		if err != nil {
			return fmt.Errorf("read orders of account %s: %w", a, err)
		}
		for _, o := range orders {
			if o.Account != a {
				return nil
			}
			t, id = o.Tenant, o.ID
			if p := o.Payment; p != nil && p.Split.Total() != p.Split.Voucher && !paid[o.ID] {
				if err := v.found(fmt.Sprintf("payment of order %s", o.ID), "took money without a wallet entry"); err != nil {
					return err
				}
			}
		}
		if len(orders) < orderSlice {
			return nil
		}
	}
}

// ids proves that no id stands twice while it is remembered. It takes hashes in rising ranges, as many as fit at
// once, and looks only at ids whose hash stands twice.
func (v *verifier) ids(ctx context.Context) error {
	for from := uint64(0); ; {
		until := ^uint64(0)
		var hashes []uint64
		err := v.eachID(ctx, func(h uint64, _ RecordKey, _ time.Time) {
			if h < from || h > until {
				return
			}
			if len(hashes) == idSlice { // keep the lower half of the range
				slices.Sort(hashes)
				until = hashes[idSlice/2]
				keep, _ := slices.BinarySearch(hashes, until+1)
				hashes = hashes[:keep]
				if h > until {
					return
				}
			}
			hashes = append(hashes, h)
		})
		if err != nil {
			return err
		}
		slices.Sort(hashes)
		doubles := map[uint64]bool{}
		for i := 1; i < len(hashes); i++ {
			if hashes[i] == hashes[i-1] {
				doubles[hashes[i]] = true
			}
		}
		if err := v.doubles(ctx, doubles); err != nil {
			return err
		}
		if until == ^uint64(0) {
			return nil
		}
		from = until + 1
	}
}

// eachID calls fn with every debit and reservation when it was first recorded.
func (v *verifier) eachID(ctx context.Context, fn func(hash uint64, key RecordKey, at time.Time)) error {
	for _, head := range v.heads {
		err := v.eachCommit(ctx, head.Lane, 0, head.Seq, func(_ Reader, c Commit) error {
			if month := v.archivedAt(c.Lane, c.Seq); month != nil && c.Debits == nil && c.HoldsDebits() {
				if err := v.unarchive(ctx, month, &c); err != nil {
					return err
				}
			}
			// A damaged commit has been found before this; what can be read of it still counts.
			_ = WalkDebitIDs(c.Debits, func(t taocan.Tenant, id []byte, _, settled bool) {
				if !settled {
					key := RecordKey{t, taocan.DebitID(id)}
					fn(maphash.Comparable(v.seed, key), key, c.At)
				}
			})
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) doubles(ctx context.Context, hashes map[uint64]bool) error {
	if len(hashes) == 0 {
		return nil
	}
	first := map[RecordKey]time.Time{}
	var wrong error
	err := v.eachID(ctx, func(h uint64, key RecordKey, at time.Time) {
		if !hashes[h] || wrong != nil {
			return
		}
		if before, ok := first[key]; ok && at.Sub(before) < v.o.IdempotencyWindow {
			wrong = v.found(fmt.Sprintf("debit %s of project %s", key.ID, key.Project), "stands twice: at %s and at %s", before, at)
		}
		first[key] = at
	})
	return errors.Join(err, wrong)
}
