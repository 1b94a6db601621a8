package monthfile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Options of Archive.
type Options struct {
	Dir    string // made if missing
	Before string // the first month that stays, 2026-07
	Now    time.Time
	Window time.Duration // within which ids are remembered
	DryRun bool          // only say what would be done
	Done   func(Month)   // called after each; nil: nobody is told
}

// Month is what was done about a lane's month.
type Month struct {
	store.ArchivedMonth
	Packed  int64 // bytes that the debits took in the store
	Resumed bool  // an earlier run had begun; Packed is not known
}

// ErrTooYoung refuses months that the store still needs.
var ErrTooYoung = errors.New("these debits are too young to be archived")

// slack is kept beyond what is needed, for clocks that differ.
const slack = 24 * time.Hour

// Slices in which commits are read and debits removed: a large commit has 100 KB. Tests have smaller ones.
var (
	readSlice int64 = 200
	dropSlice int64 = 100
)

// Archive archives all whole months before one that hold debits, oldest first, and ends what an earlier run has begun.
func Archive(ctx context.Context, st store.Store, o Options) error {
	a := &archiver{st: st, o: o}
	var err error
	if a.before, err = time.Parse(store.MonthFormat, o.Before); err != nil {
		return taocan.Invalid("before", "must be a month, as in 2026-07", o.Before)
	}
	if !o.DryRun { // before anything is read: what another process has archived meanwhile is known then
		release, err := hold(o.Dir)
		if err != nil {
			return err
		}
		defer release()
	}
	if err := a.begin(ctx); err != nil {
		return err
	}
	for lane := range a.heads {
		if err := a.lane(ctx, taocan.Lane(lane)); err != nil {
			return err
		}
	}
	return nil
}

type archiver struct {
	st     store.Store
	o      Options
	before time.Time
	heads  [taocan.Lanes]store.Head
	months [taocan.Lanes][]store.ArchivedMonth // that have a row
}

// begin posts everything, reads where the store stands, and refuses what must stay.
func (a *archiver) begin(ctx context.Context) error {
	return a.st.View(ctx, func(r store.Reader) (err error) {
		if a.heads, err = r.Heads(ctx); err != nil {
			return err
		}
		months, err := r.ArchivedMonths(ctx)
		if err != nil {
			return err
		}
		for _, m := range months {
			a.months[m.Lane] = append(a.months[m.Lane], m)
		}
		// A clock that is ahead of the log makes nothing old: the index of ids takes the newest commit for now then, too.
		now, which := time.Time{}, "the last commit"
		for _, h := range a.heads {
			if h.Seq > 0 && h.At.After(now) {
				now = h.At
			}
		}
		if now.IsZero() {
			return nil // there is nothing to archive
		}
		if a.o.Now.Before(now) {
			now, which = a.o.Now, "now"
		}
		oldest := now.Add(-a.o.Window - taocan.MaxTTL - slack)
		if a.before.After(oldest) {
			return fmt.Errorf("%w: ids are remembered for %d days and reservations may be open for %d, so --before may be %s at the latest, counted from %s (%s)",
				ErrTooYoung, a.o.Window/(24*time.Hour), taocan.MaxTTL/(24*time.Hour), oldest.UTC().Format(store.MonthFormat), which, now.UTC().Format(time.RFC3339))
		}
		t, open, err := r.OldestReservation(ctx)
		if errors.Is(err, taocan.ErrNotFound) {
			return nil
		}
		if err == nil && open.At.Before(a.before) {
			err = fmt.Errorf("%w: reservation %s of %s in project %s of account %s is still open; a running server settles it at its deadline, %s: start one, or archive what is before %s",
				ErrTooYoung, open.ID, open.At.UTC().Format(time.RFC3339), t.Project, t.Account, open.Deadline.UTC().Format(time.RFC3339), open.At.UTC().Format(store.MonthFormat))
		}
		return err
	})
}

// hold makes the folder, and keeps other processes from working in it until it is released.
func hold(dir string) (release func(), err error) {
	if err := makeFolder(filepath.Clean(dir)); err != nil {
		return nil, err
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = fmt.Errorf("another process archives into %s", dir)
		}
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}

// makeFolder makes a folder and those above it that are missing, each durably.
func makeFolder(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	above := filepath.Dir(dir)
	if above != dir {
		if err := makeFolder(above); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) { // another process may have been faster
		return err
	}
	return syncFolder(above)
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (a *archiver) lane(ctx context.Context, lane taocan.Lane) error {
	after := int64(0)
	for _, m := range a.months[lane] {
		after = max(after, m.LastSeq)
		if err := a.resume(ctx, m); err != nil {
			return fmt.Errorf("%s: %w", m, err)
		}
	}
	spans, err := a.spans(ctx, lane, after)
	if err != nil {
		return err
	}
	for _, s := range spans {
		m := Month{ArchivedMonth: store.ArchivedMonth{Lane: lane, Month: s.month, FirstSeq: s.first, LastSeq: s.last, File: Name(s.month, lane)}, Packed: s.packed}
		m.Commits, m.Debits = s.commits, s.debits
		if !a.o.DryRun {
			if m.ArchivedMonth, err = a.archive(ctx, m.ArchivedMonth); err != nil {
				return fmt.Errorf("month %s of lane %d: %w", s.month, lane, err)
			}
		}
		a.tell(m)
	}
	return nil
}

func (a *archiver) tell(m Month) {
	if a.o.Done != nil {
		a.o.Done(m)
	}
}

// span is what a lane has of a month.
type span struct {
	month                   string
	first, last             int64
	commits, debits, packed int64
}

// spans finds a lane's months that are not archived.
func (a *archiver) spans(ctx context.Context, lane taocan.Lane, after int64) (all []span, err error) {
	return all, a.each(ctx, lane, after, a.heads[lane].Seq, func(c store.Commit) (more bool, err error) {
		if !c.At.Before(a.before) {
			return false, nil
		}
		if !c.HoldsDebits() {
			return true, nil
		}
		month := c.At.UTC().Format(store.MonthFormat)
		if len(all) == 0 || all[len(all)-1].month != month {
			all = append(all, span{month: month, first: c.Seq})
		}
		s := &all[len(all)-1]
		s.last = c.Seq
		s.commits++
		s.packed += int64(len(c.Debits))
		return true, store.WalkDebitIDs(c.Debits, func(taocan.Tenant, []byte, bool, bool) { s.debits++ })
	})
}

// each calls fn with a lane's commits after a sequence, up to another, until it wants no more. Each slice is of a snapshot of its own.
func (a *archiver) each(ctx context.Context, lane taocan.Lane, after, upTo int64, fn func(store.Commit) (more bool, err error)) error {
	for after < upTo {
		more := true
		err := a.st.Peek(ctx, func(r store.Reader) error {
			commits, err := r.Commits(ctx, lane, after, int(min(readSlice, upTo-after)))
			if err == nil && len(commits) == 0 {
				err = fmt.Errorf("commit %d of lane %d: %w", after+1, lane, taocan.ErrNotFound)
			}
			for _, c := range commits {
				if err != nil || !more {
					break
				}
				after = c.Seq
				more, err = fn(c)
			}
			return err
		})
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// resume removes what a run that broke off has left of a month.
func (a *archiver) resume(ctx context.Context, m store.ArchivedMonth) error {
	var left int64
	err := a.st.Peek(ctx, func(r store.Reader) (err error) {
		left, err = r.DebitsLeft(ctx, m)
		return err
	})
	if err != nil || left == 0 {
		return err
	}
	if !a.o.DryRun {
		if err := a.holds(ctx, m); err != nil {
			return fmt.Errorf("an earlier run has begun to remove its debits, and its file %s cannot be relied on: %w", m.File, err)
		}
		if err := a.sync(filepath.Join(a.o.Dir, m.File)); err != nil {
			return err
		}
		if err := a.drop(ctx, m, left-1); err != nil {
			return err
		}
	}
	a.tell(Month{ArchivedMonth: m, Resumed: true})
	return nil
}

// holds checks that a month's file is the one that its row names, and has all that the chain says, also of what has left already.
func (a *archiver) holds(ctx context.Context, m store.ArchivedMonth) error {
	files := NewDir(a.o.Dir)
	defer files.Close()
	return a.each(ctx, m.Lane, m.FirstSeq-1, m.LastSeq, func(c store.Commit) (bool, error) {
		if !c.HoldsDebits() {
			return true, nil
		}
		debits, err := files.Debits(ctx, m, c.Seq)
		if digest := sha256.Sum256(debits); err == nil && !bytes.Equal(digest[:], c.DebitsDigest) {
			err = fmt.Errorf("it does not hold commit %d as the chain has it", c.Seq)
		}
		return true, err
	})
}

// archive moves one month. What fails leaves what the next run goes on from.
func (a *archiver) archive(ctx context.Context, m store.ArchivedMonth) (store.ArchivedMonth, error) {
	wrong, err := store.ProveDebits(ctx, a.st, m.Lane, m.FirstSeq-1, m.LastSeq)
	if err != nil {
		return m, err
	}
	if len(wrong) > 0 { // a file would make it look right for ever
		return m, fmt.Errorf("it does not prove, run taocan verify: %s", wrong[0])
	}
	file, err := a.file(ctx, m)
	if err != nil {
		return m, err
	}
	m.ArchivedSums, m.FileSHA256 = file.tally.ArchivedSums, file.sha256
	err = a.st.Peek(ctx, func(r store.Reader) (err error) {
		m.EntriesDigest, err = file.tally.EntriesDigest(ctx, r)
		return err
	})
	if err != nil {
		return m, err
	}
	err = a.st.Update(ctx, file.account, func(tx store.Tx) error {
		m.ArchivedAt = tx.Now()
		return tx.InsertArchivedMonth(ctx, m)
	})
	if errors.Is(err, taocan.ErrConflict) {
		return m, fmt.Errorf("another process has archived it meanwhile: %w", err)
	}
	if err != nil {
		return m, err
	}
	return m, a.drop(ctx, m, m.FirstSeq-1)
}

func (a *archiver) drop(ctx context.Context, m store.ArchivedMonth, after int64) error {
	for ; after < m.LastSeq; after += dropSlice {
		err := a.st.Update(ctx, "", func(tx store.Tx) error {
			return tx.DropArchivedDebits(ctx, m.Lane, after, min(after+dropSlice, m.LastSeq))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// checked is a file that holds what the chain says.
type checked struct {
	tally   *store.Tally
	account taocan.AccountID // any of the lane's
	sha256  []byte
}

// file makes the month's file, or takes the one that a run has left which broke off before the row.
func (a *archiver) file(ctx context.Context, m store.ArchivedMonth) (checked, error) {
	path := filepath.Join(a.o.Dir, m.File)
	switch _, err := os.Stat(path); {
	case err == nil:
		file, err := a.check(ctx, path, m)
		if err != nil {
			return file, fmt.Errorf("%s is there already and is not what this run would write: %w; move it away or name another folder", path, err)
		}
		return file, a.sync(path)
	case !errors.Is(err, os.ErrNotExist):
		return checked{}, err
	}
	part := path + ".part"
	if err := a.write(ctx, part, m); err != nil {
		_ = os.Remove(part) // it would be written over
		return checked{}, fmt.Errorf("write %s: %w", part, err)
	}
	file, err := a.check(ctx, part, m)
	if err != nil {
		return file, fmt.Errorf("%s does not read back as it was written: %w", part, err)
	}
	if err := os.Rename(part, path); err != nil {
		return file, err
	}
	return file, syncFolder(a.o.Dir)
}

// sync makes a file that was found durable: somebody may have copied it, or a crash came before its name was.
func (a *archiver) sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close(), syncFolder(a.o.Dir))
}

func (a *archiver) write(ctx context.Context, path string, m store.ArchivedMonth) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	zip, err := compress(f)
	if err != nil {
		return err
	}
	if err := errors.Join(a.lines(ctx, zip, m, func(store.Commit, []*taocan.Debit) {}), zip.Close()); err != nil {
		return err
	}
	return f.Sync()
}

// lines writes a month's lines, and tells of each commit.
func (a *archiver) lines(ctx context.Context, to io.Writer, m store.ArchivedMonth, tell func(store.Commit, []*taocan.Debit)) error {
	w, err := newWriter(to, headLine{Epoch: a.st.Epoch(), Month: m.Month, Lane: m.Lane, FirstSeq: m.FirstSeq, LastSeq: m.LastSeq})
	if err != nil {
		return err
	}
	err = a.each(ctx, m.Lane, m.FirstSeq-1, m.LastSeq, func(c store.Commit) (bool, error) {
		if !c.HoldsDebits() {
			return true, nil
		}
		records, err := w.add(c)
		if err != nil {
			return false, fmt.Errorf("commit %d: %w", c.Seq, err)
		}
		tell(c, records)
		return true, nil
	})
	if err != nil {
		return err
	}
	return w.close()
}

// check reads a file and compares it with what would be written now, byte by byte: nobody has altered a line, nor is one missing or
// too many. Once its row is there, its digest says so for good.
func (a *archiver) check(ctx context.Context, path string, m store.ArchivedMonth) (x checked, err error) {
	f, err := os.Open(path)
	if err != nil {
		return x, plain(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if x.sha256, err = digestOf(ctx, f); err != nil {
		return x, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return x, err
	}
	zip, err := decompress(f)
	if err != nil {
		return x, err
	}
	defer zip.Close()
	x.tally = store.NewTally()
	file := &matcher{from: zip}
	err = a.lines(ctx, file, m, func(c store.Commit, records []*taocan.Debit) {
		x.tally.Add(c, records)
		x.account = records[0].Account
	})
	if err != nil {
		return x, err
	}
	return x, file.close()
}
