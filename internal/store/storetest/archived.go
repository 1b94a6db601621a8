package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// keptDebits is an archive in memory.
type keptDebits map[string][]byte

func keptAt(lane taocan.Lane, seq int64) string { return fmt.Sprintf("%d.%d", lane, seq) }

func (k keptDebits) Debits(_ context.Context, m store.ArchivedMonth, seq int64) ([]byte, error) {
	blob, ok := k[keptAt(m.Lane, seq)]
	if !ok {
		return nil, fmt.Errorf("commit %d is not kept: %w", seq, taocan.ErrNotFound)
	}
	return blob, nil
}

// noteMonth writes the row of a lane's month, as a file of all its debits would give rise to, and keeps these.
func (f *fixture) noteMonth(of taocan.AccountID, month string, kept keptDebits, change ...func(*store.ArchivedMonth)) store.ArchivedMonth {
	f.Helper()
	m := store.ArchivedMonth{Lane: taocan.LaneOf(of), Month: month, File: "debits-" + month}
	sum := sha256.Sum256([]byte(m.File))
	m.FileSHA256 = sum[:]
	tally := store.NewTally()
	f.look(func(ctx context.Context, r store.Reader) error {
		commits, err := r.Commits(ctx, m.Lane, 0, 1000)
		for _, c := range commits {
			if !c.HoldsDebits() || c.At.Format(store.MonthFormat) != month {
				continue
			}
			records, err := store.RecordsOf(c.Debits, c.At)
			if err != nil {
				return err
			}
			tally.Add(c, records)
			kept[keptAt(c.Lane, c.Seq)] = c.Debits
			if m.FirstSeq == 0 {
				m.FirstSeq = c.Seq
			}
			m.LastSeq = c.Seq
		}
		if err == nil {
			m.EntriesDigest, err = tally.EntriesDigest(ctx, r)
		}
		return err
	})
	m.ArchivedSums = tally.ArchivedSums
	for _, c := range change {
		c(&m)
	}
	f.update(of, func(ctx context.Context, tx store.Tx) error {
		m.ArchivedAt = tx.Now()
		return tx.InsertArchivedMonth(ctx, m)
	})
	return m
}

func (f *fixture) dropMonth(m store.ArchivedMonth) {
	f.Helper()
	f.update("", func(ctx context.Context, tx store.Tx) error {
		return tx.DropArchivedDebits(ctx, m.Lane, m.FirstSeq-1, m.LastSeq)
	})
}

// archivedYear debits alpha in March and in July, some of it reserved and settled, and beta in March.
func (f *fixture) archivedYear() {
	f.Helper()
	f.open(alpha, beta)
	p := f.put(f.newPackage(alpha, f.clock.Now()))[0]
	q := f.put(f.newPackage(beta, f.clock.Now()))[0]
	f.commit(p.Number, taocan.EntryDebit, takeOp(alpha, "m-1", 3), takeOp(alpha, "m-2", 4))
	f.commit(p.Number, taocan.EntryReserve, reserveOp(alpha, "r-1", 5, time.Hour))
	f.commit(q.Number, taocan.EntryDebit, takeOp(beta, "m-1", 1))
	f.clock.Advance(time.Minute)
	f.commit(p.Number, taocan.EntryCommit, store.Op{Tenant: alpha, Kind: store.OpCommit, ID: "r-1"})
	f.clock.Advance(120 * 24 * time.Hour)
	f.commit(p.Number, taocan.EntryDebit, takeOp(alpha, "m-3", 2))
}

func (f *fixture) proof(o store.VerifyOptions) store.Report {
	f.Helper()
	report, err := store.Verify(f.Context(), f.st, o)
	if err != nil {
		f.Fatalf("Verify: %v", err)
	}
	return report
}

// finds puts verify to something wrong.
func (f *fixture) finds(o store.VerifyOptions, want string) {
	f.Helper()
	var all []string
	for _, x := range f.proof(o).Findings {
		all = append(all, x.String())
	}
	if len(all) == 0 || !strings.Contains(strings.Join(all, "\n"), want) {
		f.Errorf("verify finds %q, want %q", all, want)
	}
}

var archivedCases = []testCase{
	{"what is archived is still counted and proved, and with the archive as if it had never left", func(f *fixture) {
		f.archivedYear()
		before := f.proof(store.VerifyOptions{})
		kept := keptDebits{}
		m := f.noteMonth("alpha", "2026-03", kept)
		same(f, "what it holds", m.ArchivedSums, store.ArchivedSums{Commits: 3, Debits: 4, Refs: 3, Entries: 3, Segments: 12, Overflow: map[taocan.AccountID]int64{}})
		same(f, "its row", get(f, func(ctx context.Context, r store.Reader) ([]store.ArchivedMonth, error) {
			all, err := r.ArchivedMonths(ctx)
			m.Seq = all[0].Seq
			return all, err
		}), []store.ArchivedMonth{m})
		same(f, "findings while the debits are there", f.proof(store.VerifyOptions{}).Findings, []store.Finding(nil))
		left := func() int64 {
			return get(f, func(ctx context.Context, r store.Reader) (int64, error) { return r.DebitsLeft(ctx, m) })
		}
		same(f, "first commit with debits", left(), m.FirstSeq)
		f.update("", func(ctx context.Context, tx store.Tx) error { // a slice, as before a crash
			return tx.DropArchivedDebits(ctx, m.Lane, m.FirstSeq-1, m.FirstSeq)
		})
		same(f, "findings between slices", f.proof(store.VerifyOptions{Archive: kept}).Findings, []store.Finding(nil))
		same(f, "findings between slices, without the archive", f.proof(store.VerifyOptions{}).Findings, []store.Finding(nil))
		f.dropMonth(m)
		same(f, "commits with debits afterwards", left(), int64(0))

		without, with := f.proof(store.VerifyOptions{}), f.proof(store.VerifyOptions{Archive: kept})
		same(f, "debits that were not read", []int64{without.Archived, with.Archived}, []int64{4, 0})
		for _, r := range []store.Report{without, with} {
			same(f, "findings", r.Findings, []store.Finding(nil))
			same(f, "debits and entries", []int64{r.Debits, r.Entries}, []int64{before.Debits, before.Entries})
		}
	}},
	{"an archived debit is not lost without a word", func(f *fixture) {
		f.archivedYear()
		f.dropMonth(f.noteMonth("alpha", "2026-03", keptDebits{}))
		until := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
		page := get(f, func(ctx context.Context, r store.Reader) (store.Page[taocan.Debit], error) {
			return r.Debits(ctx, alpha, store.DebitFilter{Paging: all()})
		})
		same(f, "debits that are listed", len(page.Items), 1)
		same(f, "where the list ends", page.ArchivedBefore, until)
		page = get(f, func(ctx context.Context, r store.Reader) (store.Page[taocan.Debit], error) {
			return r.Debits(ctx, alpha, store.DebitFilter{From: until, Paging: all()})
		})
		same(f, "the end of a list that begins after it", page.ArchivedBefore, time.Time{})
		same(f, "another lane's debits", f.debits(beta, store.DebitFilter{}), []string{"m-1"})

		entry := f.entries(alpha, "U1A2603011200001")[3]
		for what, ask := range map[string]func(context.Context, store.Reader) error{
			"its commit": func(ctx context.Context, r store.Reader) error {
				_, err := r.DebitsAt(ctx, alpha, entry.At)
				return err
			},
			"its entry": func(ctx context.Context, r store.Reader) error {
				_, err := r.Debits(ctx, alpha, store.DebitFilter{Commit: entry.Commit, Paging: all()})
				return err
			},
			"an entry's line": func(ctx context.Context, r store.Reader) error {
				_, err := r.Debits(ctx, alpha, store.DebitFilter{Commit: entry.Commit, Package: entry.Package, Paging: all()})
				return err
			},
		} {
			err := f.st.View(f.Context(), func(r store.Reader) error { return ask(f.Context(), r) })
			if x := (*taocan.ArchivedError)(nil); !errors.Is(err, taocan.ErrArchived) || !errors.As(err, &x) || !x.Before.Equal(until) {
				f.Errorf("asked for by %s: %v, want that it is archived, before %s", what, err, until)
			}
		}
		// The lane is shared: what an archived commit did is no concern of a package that it did not move.
		other := f.put(f.newPackage(alpha, f.clock.Now()))[0]
		same(f, "its debits of another package", f.debits(alpha, store.DebitFilter{Commit: entry.Commit, Package: other.Number}), []string(nil))
		// Of an old id the index may still know the commit, or not any more.
		for id, kinds := range map[taocan.DebitID][]error{"m-1": {taocan.ErrArchived, taocan.ErrNotFound}, "unheard-of": {taocan.ErrNotFound}} {
			err := f.st.View(f.Context(), func(r store.Reader) error {
				_, err := r.Debit(f.Context(), alpha, id)
				return err
			})
			x := (*taocan.ArchivedError)(nil)
			if !errors.As(err, &x) || !x.Before.Equal(until) || !slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) }) {
				f.Errorf("asked for by the id %s: %v, want that debits before %s are archived", id, err, until)
			}
		}
		// An id that is no longer remembered is new, archived or not.
		same(f, "the old id is taken anew", f.commit("U1A2603011200001", taocan.EntryDebit, takeOp(alpha, "m-1", 1))[0].Replayed, false)
	}},
	{"who has no archived debits is not told of any", func(f *fixture) { // it was told of those of its lane
		f.archivedYear()
		f.update("", func(ctx context.Context, tx store.Tx) error {
			return tx.InsertProject(ctx, taocan.Project{ID: alphaOther.Project, Account: alphaOther.Account, Name: "Project", CreatedAt: tx.Now()})
		})
		f.dropMonth(f.noteMonth("alpha", "2026-03", keptDebits{}))
		begin := f.clock.Now()
		ends := func(t taocan.Tenant, o store.DebitFilter) time.Time {
			o.Paging = all()
			return get(f, func(ctx context.Context, r store.Reader) (store.Page[taocan.Debit], error) {
				return r.Debits(ctx, t, o)
			}).ArchivedBefore
		}
		unknown := func() bool {
			err := f.st.View(f.Context(), func(r store.Reader) error {
				_, err := r.Debit(f.Context(), alphaOther, "m-1")
				return err
			})
			x := (*taocan.ArchivedError)(nil)
			return errors.Is(err, taocan.ErrNotFound) && !errors.As(err, &x)
		}
		same(f, "the end of an empty list", ends(alphaOther, store.DebitFilter{}), time.Time{})
		same(f, "an id is just unknown", unknown(), true)
		p := f.put(f.newPackage(alphaOther, begin))[0]
		f.commit(p.Number, taocan.EntryDebit, takeOp(alphaOther, "m-4", 1))
		same(f, "the end of a list of later debits", ends(alphaOther, store.DebitFilter{}), time.Time{})
		same(f, "an id is still just unknown", unknown(), true)

		first := f.entries(alpha, "U1A2603011200001")[3].At
		april := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
		for what, x := range map[string]struct {
			from, until, want time.Time
		}{
			"all":                        {want: april},
			"up to the first debit":      {until: first},
			"from the first debit":       {from: first, until: first.Add(time.Microsecond), want: april},
			"after March's, to its end":  {from: first.Add(time.Hour), until: april},
			"after March's, to the last": {from: first.Add(time.Hour)},
		} {
			same(f, "the end of a list of "+what, ends(alpha, store.DebitFilter{From: x.from, Until: x.until}), x.want)
		}
	}},
	{"the oldest reservation that is open", func(f *fixture) {
		f.open(alpha, beta)
		p := f.put(f.newPackage(alpha, f.clock.Now()))[0]
		oldest := func() (t taocan.Tenant, o store.OpenReservation, err error) {
			err = f.st.View(f.Context(), func(r store.Reader) (err error) {
				t, o, err = r.OldestReservation(f.Context())
				return err
			})
			return t, o, err
		}
		_, _, err := oldest()
		same(f, "there is none", errors.Is(err, taocan.ErrNotFound), true)
		f.commit(p.Number, taocan.EntryReserve, reserveOp(alpha, "r-2", 5, time.Hour))
		at := f.entries(alpha, p.Number)[0].At
		f.clock.Advance(time.Minute)
		f.commit(p.Number, taocan.EntryReserve, reserveOp(alpha, "r-1", 5, time.Minute))
		t, o, err := oldest()
		same(f, "error", err, nil)
		same(f, "whose", t, alpha)
		same(f, "which", o, store.OpenReservation{At: at, ID: "r-2", Deadline: at.Add(time.Hour)})
	}},
	{"no debit leaves that no row vouches for", func(f *fixture) {
		f.archivedYear()
		f.update("", func(ctx context.Context, tx store.Tx) error {
			return tx.DropArchivedDebits(ctx, taocan.LaneOf("alpha"), 0, 1000)
		})
		same(f, "debits", f.debits(alpha, store.DebitFilter{}), []string{"m-3", "r-1", "m-2", "m-1"})
		m := f.noteMonth("alpha", "2026-03", keptDebits{})
		f.update("", func(ctx context.Context, tx store.Tx) error { return tx.DropArchivedDebits(ctx, m.Lane, 0, 1000) })
		same(f, "debits after March", f.debits(alpha, store.DebitFilter{}), []string{"m-3"})
		f.refuse("alpha", taocan.ErrConflict, func(ctx context.Context, tx store.Tx) error { return tx.InsertArchivedMonth(ctx, m) })
		f.refuse("", nil, func(ctx context.Context, tx store.Tx) error { return tx.InsertArchivedMonth(ctx, m) })
		other := m
		other.Lane, other.Month = (m.Lane+1)%taocan.Lanes, "2026-02"
		f.refuse("alpha", nil, func(ctx context.Context, tx store.Tx) error { return tx.InsertArchivedMonth(ctx, other) })
	}},
}

// What a row says that is not so is found, with the debits in the store, without them, and with the archive.
var wrongArchivedCases = []struct {
	name   string
	change func(*store.ArchivedMonth)
	want   string
}{
	{"commits", func(m *store.ArchivedMonth) { m.Commits++ }, "archived month 2026-03"},
	{"entries", func(m *store.ArchivedMonth) { m.Entries++ }, "archived month 2026-03"},
	{"places in lists", func(m *store.ArchivedMonth) { m.Refs++ }, ""},
	{"messages", func(m *store.ArchivedMonth) { m.Segments++ }, "archived month 2026-03"},
	{"overflow", func(m *store.ArchivedMonth) { m.Overflow["alpha"] = 200 }, ""},
	{"digest of entries", func(m *store.ArchivedMonth) { m.EntriesDigest[7]++ }, "archived month 2026-03"},
	{"month", func(m *store.ArchivedMonth) { m.Month = "2026-02" }, "archived month 2026-02"},
	{"a shorter span", func(m *store.ArchivedMonth) { m.LastSeq-- }, "archived month 2026-03"},
	{"a longer span", func(m *store.ArchivedMonth) { m.LastSeq++ }, "archived month 2026-03"},
}

// RunWrongArchives has a back end's stores say of archived months what is not so. They are left wrong, unlike those of Run.
func RunWrongArchives(t *testing.T, open func(t *testing.T, c clock.Clock) store.Store) {
	for _, c := range wrongArchivedCases {
		t.Run(c.name, func(t *testing.T) {
			fake := clock.NewFake(start)
			f := &fixture{T: t, st: open(t, fake), clock: fake}
			f.archivedYear()
			kept := keptDebits{}
			m := f.noteMonth("alpha", "2026-03", kept, c.change)
			f.finds(store.VerifyOptions{}, c.want)
			f.dropMonth(m)
			f.finds(store.VerifyOptions{}, c.want)
			f.finds(store.VerifyOptions{Archive: kept}, c.want)
		})
	}
	t.Run("the archive", func(t *testing.T) {
		fake := clock.NewFake(start)
		f := &fixture{T: t, st: open(t, fake), clock: fake}
		f.archivedYear()
		kept := keptDebits{}
		m := f.noteMonth("alpha", "2026-03", kept)
		f.dropMonth(m)
		first := kept[keptAt(m.Lane, m.FirstSeq)]
		kept[keptAt(m.Lane, m.FirstSeq)] = append(first[:len(first)-1:len(first)-1], 'x')
		f.finds(store.VerifyOptions{Archive: kept}, "other debits")
		delete(kept, keptAt(m.Lane, m.FirstSeq))
		f.finds(store.VerifyOptions{Archive: kept}, "is not kept")
		same(f, "findings without it", f.proof(store.VerifyOptions{}).Findings, []store.Finding(nil))
	})
}
