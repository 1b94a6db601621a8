package monthfile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"taocan/internal/monthfile"
	"taocan/internal/store"
	"taocan/internal/taocan"
	"taocan/internal/teststore"
)

// fileOf is the archive's file of an account and a month.
func (e *env) fileOf(a taocan.AccountID, month string) string {
	return filepath.Join(e.dir, monthfile.Name(month, taocan.LaneOf(a)))
}

func (e *env) listed(t taocan.Tenant) (n int, before time.Time) {
	e.Helper()
	e.must(e.store.View(e.ctx, func(r store.Reader) error {
		page, err := r.Debits(e.ctx, t, store.DebitFilter{Paging: store.Paging{Limit: 1000}})
		n, before = len(page.Items), page.ArchivedBefore
		return err
	}))
	return n, before
}

func TestOldMonthsLeaveAndTheStoreStillProves(t *testing.T) {
	e := newEnv(t)
	e.proves("before")
	all, err := e.archive("2026-07")
	e.must(err)
	var got []string
	for _, m := range all {
		got = append(got, fmt.Sprintf("%s %d: %d debits of %d commits", m.Month, m.Lane, m.Debits, m.Commits))
	}
	var want []string
	for lane := range taocan.Lane(taocan.Lanes) {
		for _, month := range []string{"2026-05", "2026-06"} {
			switch lane {
			case taocan.LaneOf("acme"):
				want = append(want, fmt.Sprintf("%s %d: 9 debits of 9 commits", month, lane))
			case taocan.LaneOf("rival"):
				want = append(want, fmt.Sprintf("%s %d: 3 debits of 3 commits", month, lane))
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("archived (-want +got):\n%s", diff)
	}
	e.proves("afterwards")
	if n, before := e.listed(web); n != 3*5 || !before.Equal(time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%d debits are listed, up to %s", n, before)
	}
	e.reopen()
	e.proves("after a start")
	again, err := e.archive("2026-07")
	if e.must(err); len(again) != 0 {
		t.Errorf("a second run archived %v", again)
	}
	e.debits(9)
	more, err := e.archive("2026-08")
	if e.must(err); len(more) != 2 || more[0].Month != "2026-07" {
		t.Errorf("the next month: %v", more)
	}
	e.proves("with one month more")
}

// What is written is JSON a line, which says all that the store held.
func TestAFileReadsWithoutUs(t *testing.T) {
	e := newEnv(t)
	_, err := e.archive("2026-06")
	e.must(err)
	f, err := os.Open(e.fileOf("acme", "2026-05"))
	e.must(err)
	defer f.Close()
	zip, err := zstd.NewReader(f)
	e.must(err)
	defer zip.Close()
	var ids, kinds []string
	for lines := json.NewDecoder(zip); ; {
		var x struct {
			Line, ID, State, Reference string
			Debits                     int
		}
		err := lines.Decode(&x)
		if errors.Is(err, io.EOF) {
			break
		}
		e.must(err)
		if kinds = append(kinds, x.Line); x.Line == "debit" {
			ids = append(ids, x.ID+" "+x.State+" "+x.Reference)
		}
	}
	want := []string{"m-0-0 committed <m-0-0>", "m-0-0 committed <m-0-0>", "m-0-1 committed <m-0-1>", "m-0-1 committed <m-0-1>", "m-0-2 committed <m-0-2>",
		"m-0-2 committed <m-0-2>", "o-0 committed ", "r-0 reserved <r-0>", "r-0 committed <r-0>"}
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Errorf("debits (-want +got):\n%s", diff)
	}
	if kinds[0] != "head" || kinds[len(kinds)-1] != "end" {
		t.Errorf("lines %v", kinds)
	}
}

func TestADryRunChangesNothing(t *testing.T) {
	e := newEnv(t)
	var months []string
	e.must(monthfile.Archive(e.ctx, e.store, monthfile.Options{Dir: e.dir, Before: "2026-07", Now: e.clock.Now(), Window: window, DryRun: true,
		Done: func(m monthfile.Month) { months = append(months, m.Month) }}))
	if len(months) != 4 {
		t.Errorf("it would archive %v", months)
	}
	if _, err := os.Stat(e.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder was made: %v", err)
	}
	if n, _ := e.listed(web); n != 5*5 {
		t.Errorf("%d debits are listed", n)
	}
}

func TestWhatTheStoreStillNeedsIsRefused(t *testing.T) {
	e := newEnv(t)
	for before, want := range map[string]string{"2026-09": "2026-07 at the latest", "2027-01": "2026-07 at the latest", "July": "must be a month"} {
		if _, err := e.archive(before); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("before %s: %v, want %q", before, err, want)
		}
	}
	// A clock that is ahead makes nothing old.
	err := monthfile.Archive(e.ctx, e.store, monthfile.Options{Dir: e.dir, Before: "2026-09", Now: e.clock.Now().AddDate(1, 0, 0), Window: window})
	if !errors.Is(err, monthfile.ErrTooYoung) {
		t.Errorf("with a clock that is ahead: %v", err)
	}
	// An open reservation, however old: nobody has settled it yet.
	e.take(web, taocan.KindReservation, "open", 5)
	e.clock.Advance(100 * 24 * time.Hour)
	e.take(web, taocan.KindDebit, "later", 5)
	if _, err := e.archive("2026-11"); !errors.Is(err, monthfile.ErrTooYoung) || !strings.Contains(err.Error(), "still open") {
		t.Errorf("with an open reservation: %v", err)
	}
	_, err = e.archive("2026-07")
	e.must(err)
	e.proves("afterwards")
}

// What is refused says why, and what to do.
func TestARefusalCanBeActedOn(t *testing.T) {
	e := newEnv(t)
	_, err := e.archive("2026-09")
	if want := "--before may be 2026-07 at the latest, counted from the last commit (2026-09-03T12:00:12Z)"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("with an idle store: %v, want %q", err, want)
	}
	err = monthfile.Archive(e.ctx, e.store, monthfile.Options{Dir: e.dir, Before: "2026-09", Now: e.clock.Now().AddDate(0, -1, 0), Window: window})
	if want := "counted from now (2026-09-03T12:00:00Z)"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("with a clock that is behind: %v, want %q", err, want)
	}
	e.take(shop, taocan.KindReservation, "open", 5)
	e.clock.Advance(100 * 24 * time.Hour)
	e.take(web, taocan.KindDebit, "later", 5)
	_, err = e.archive("2026-11")
	want := "reservation open of 2026-10-03T12:00:01Z in project shop of account acme is still open; a running server settles it at its deadline, 2026-10-03T13:00:01Z: " +
		"start one, or archive what is before 2026-10"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("with an open reservation: %v, want %q", err, want)
	}
	nothing := teststore.NewDatabase(t).Open(teststore.Options{Clock: e.clock})
	defer nothing.Close()
	if all, err := e.archive("2026-09", nothing); err != nil || len(all) > 0 {
		t.Errorf("with an empty store: %v, %v", all, err)
	}
}

// raced is a store in which something happens after the first look.
type raced struct {
	store.Store
	meddle func()
}

func (r *raced) View(ctx context.Context, fn func(store.Reader) error) error {
	err := r.Store.View(ctx, fn)
	if meddle := r.meddle; meddle != nil {
		r.meddle = nil
		meddle()
	}
	return err
}

// A second run had looked before it waited for its turn, and ended in a conflict.
func TestTheFolderIsHeldBeforeAnythingIsRead(t *testing.T) {
	e := newEnv(t)
	_, err := e.archive("2026-07", &raced{e.store, func() {
		if _, err := e.archive("2026-07"); err == nil || !strings.Contains(err.Error(), "another process archives into") {
			t.Errorf("a second run: %v", err)
		}
	}})
	e.must(err)
	e.proves("afterwards")
}

func TestTheFolderIsMadeWithThoseAboveIt(t *testing.T) {
	e := newEnv(t)
	e.dir = filepath.Join(t.TempDir(), "a", "b", "c")
	_, err := e.archive("2026-06")
	e.must(err)
	e.proves("afterwards")
	above := filepath.Dir(e.dir) // where nothing was made, it need not be readable
	e.must(os.Chmod(above, 0o100))
	_, err = e.archive("2026-07")
	e.must(os.Chmod(above, 0o700))
	e.must(err)
	e.proves("afterwards")
}

// meddling runs something in between two looks at a store.
type meddling struct {
	store.Store
	views  int
	meddle func()
}

func (m *meddling) View(ctx context.Context, fn func(store.Reader) error) error {
	if m.views--; m.views == 0 {
		m.meddle()
	}
	return m.Store.View(ctx, fn)
}

// What is archived while verify runs is no finding: verify says that it has to be run again.
func TestVerifyBesideAnArchiveFindsNothingWrong(t *testing.T) {
	e := newEnv(t)
	e.proves("before")
	st := &meddling{Store: e.store, views: 2, meddle: func() {
		_, err := e.archive("2026-07")
		e.must(err)
	}}
	r, err := store.Verify(e.ctx, st, store.VerifyOptions{})
	if err == nil || !strings.Contains(err.Error(), "run it again") || len(r.Findings) > 0 {
		t.Errorf("findings %v, error %v", r.Findings, err)
	}
	e.proves("again")
}

var errCrash = errors.New("the power is gone")

// crashing is a store of which the n-th write fails: before it is done, or after it, when nobody is told.
type crashing struct {
	store.Store
	n    int
	done bool
}

func (c *crashing) Update(ctx context.Context, a taocan.AccountID, fn func(store.Tx) error) error {
	if c.n--; c.n > 0 {
		return c.Store.Update(ctx, a, fn)
	}
	if c.n == 0 && c.done {
		if err := c.Store.Update(ctx, a, fn); err != nil {
			return err
		}
	}
	return errCrash
}

// Each of two months of two lanes is a row and some slices; the first write comes when the first file is there.
func TestACrashBetweenAnyTwoStepsLosesNothing(t *testing.T) {
	for n := 1; n <= 14; n++ {
		for _, done := range []bool{false, true} {
			t.Run(fmt.Sprintf("write %d, done %t", n, done), func(t *testing.T) {
				t.Parallel()
				e := newEnv(t)
				if _, err := e.archive("2026-07", &crashing{Store: e.store, n: n, done: done}); !errors.Is(err, errCrash) {
					t.Fatalf("the run ended with %v", err)
				}
				e.reopen()
				e.proves("after the crash")
				_, err := e.archive("2026-07")
				e.must(err)
				e.proves("after another run")
				if n, _ := e.listed(web); n != 3*5 {
					t.Errorf("%d debits are listed", n)
				}
				if names := e.names(); len(names) != 4 {
					t.Errorf("files %v", names)
				}
			})
		}
	}
}

// A run that breaks off while it writes leaves a part, which counts for nothing.
func TestAHalfWrittenFileIsWrittenAnew(t *testing.T) {
	e := newEnv(t)
	e.must(os.MkdirAll(e.dir, 0o700))
	e.must(os.WriteFile(e.fileOf("acme", "2026-05")+".part", []byte("half"), 0o600))
	_, err := e.archive("2026-07")
	e.must(err)
	e.proves("afterwards")
	if names := e.names(); len(names) != 4 {
		t.Errorf("files %v", names)
	}
}

func TestAFileThatIsNotTheMonthsIsLeftAlone(t *testing.T) {
	e, other := newEnv(t), newEnv(t)
	_, err := other.archive("2026-06")
	other.must(err)
	theirs, err := os.ReadFile(other.fileOf("acme", "2026-05"))
	e.must(err)
	mine := e.fileOf("acme", "2026-05")
	for what, content := range map[string][]byte{"another store's": append(theirs[:0:0], theirs[:len(theirs)/2]...), "nothing": nil, "text": []byte("hello\n")} {
		e.must(os.MkdirAll(e.dir, 0o700))
		e.must(os.WriteFile(mine, content, 0o600))
		if _, err := e.archive("2026-06"); err == nil || !strings.Contains(err.Error(), "move it away") {
			t.Errorf("%s: %v", what, err)
		}
		if now, err := os.ReadFile(mine); err != nil || !bytes.Equal(now, content) {
			t.Errorf("%s was written over: %v", what, err)
		}
	}
	if found := e.findings(false); found != "" {
		t.Errorf("afterwards: %s", found)
	}
}

// A run that broke off before the row leaves a file, which the next one takes, and vouches for: only if it says what the chain
// does, for people, too.
func TestAFileThatSaysSomethingElseIsNotTaken(t *testing.T) {
	e := newEnv(t)
	if _, err := e.archive("2026-06", &crashing{Store: e.store, n: 1}); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	names := e.names()
	if len(names) != 1 {
		t.Fatalf("files %v", names)
	}
	path := filepath.Join(e.dir, names[0])
	good, err := os.ReadFile(path)
	e.must(err)
	unzip, err := zstd.NewReader(nil)
	e.must(err)
	defer unzip.Close()
	zip, err := zstd.NewWriter(nil)
	e.must(err)
	defer zip.Close()
	lines, err := unzip.DecodeAll(good, nil)
	e.must(err)
	for _, tt := range []struct{ name, from, to string }{
		{"head", `"month":"2026-05"`, `"month":"2026-04"`},
		{"a quantity", `"quantity":1,`, `"quantity":9,`},
		{"a place of a debit", `"line":"debit","commit":`, `"line":"debit","commit":1`},
		{"a link", `"prev":"`, `"prev":"00`},
		{"a list of rows", `"manifest_digest":"`, `"manifest_digest":"00`},
		{"a count", `"debits":1,`, `"debits":2,`},
		{"no debit", `{"line":"debit",`, "{}\n" + `{"line":"debit",`},
		{"an end", `{"line":"end","commits":`, `{"line":"end","commits":1`},
		{"more", `{"line":"end",`, `{"line":"end"}` + "\n" + `{"line":"end",`},
	} {
		altered := bytes.Replace(lines, []byte(tt.from), []byte(tt.to), 1)
		if bytes.Equal(altered, lines) {
			t.Fatalf("%s: nothing says %s", tt.name, tt.from)
		}
		e.must(os.WriteFile(path, zip.EncodeAll(altered, nil), 0o600))
		if _, err := e.archive("2026-06"); err == nil || !strings.Contains(err.Error(), "move it away") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	e.must(os.WriteFile(path, zip.EncodeAll(append(bytes.Clone(lines), '\n'), nil), 0o600))
	if _, err := e.archive("2026-06"); err == nil || !strings.Contains(err.Error(), "more than the month") {
		t.Errorf("with a line too many: %v", err)
	}
	if n, _ := e.listed(web); n != 5*5 {
		t.Errorf("%d debits are listed", n)
	}
	e.must(os.WriteFile(path, good, 0o600))
	_, err = e.archive("2026-06")
	e.must(err)
	e.proves("afterwards")
}

// A run that began with another folder is ended only with its file.
func TestARunThatBrokeOffGoesOnOnlyWithItsFile(t *testing.T) {
	e := newEnv(t)
	if _, err := e.archive("2026-06", &crashing{Store: e.store, n: 2}); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	written := e.dir
	e.dir = filepath.Join(t.TempDir(), "other")
	if _, err := e.archive("2026-06"); err == nil || !strings.Contains(err.Error(), "cannot be relied on") {
		t.Errorf("in another folder: %v", err)
	}
	e.dir = written
	_, err := e.archive("2026-06")
	e.must(err)
	e.proves("afterwards")
}

func TestNothingWrongIsArchived(t *testing.T) {
	e := newEnv(t)
	e.proves("before") // and everything is posted
	e.database.Tamper("UPDATE entry SET debits = debits + 1 WHERE at = (SELECT min(at) FROM entry WHERE kind = 8)")
	if _, err := e.archive("2026-06"); err == nil || !strings.Contains(err.Error(), "does not prove") {
		t.Errorf("%v", err)
	}
	if n, _ := e.listed(web); n != 5*5 {
		t.Errorf("%d debits are listed", n)
	}
}

func TestTamperingIsFound(t *testing.T) {
	june := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	before := fmt.Sprintf("at < %d", june)
	log := fmt.Sprintf("id < %d", june*taocan.Lanes)
	first := "at = (SELECT min(at) FROM entry WHERE kind = 8)"
	for _, tt := range []struct {
		name, statement string
		onlyFiles       bool // without them nothing tells
	}{
		{"an entry's debits", "UPDATE entry SET debits = debits + 1 WHERE kind = 8 AND " + first, false},
		{"an entry's reference", "UPDATE entry SET reference = 'x' WHERE kind = 8 AND " + first, false},
		{"a reserve's reference", "UPDATE entry SET reference = 'x' WHERE kind = 7 AND " + before, true},
		{"an entry's commit", "UPDATE entry SET seq = seq + 1 WHERE kind = 8 AND " + first, false},
		{"entries that cancel out", "UPDATE entry SET remaining = remaining - 1, used = used + 1, remaining_after = remaining_after - 1 WHERE kind = 8 AND " + first, false},
		{"an entry of no package", "UPDATE entry SET package = 'U0' WHERE kind = 8 AND " + first, false},
		{"an entry more, of no package", "INSERT INTO entry (account_id, project_id, package, at, kind, remaining, reserved, used, remaining_after, reserved_after, debits, reference, lane, seq) " +
			"SELECT account_id, project_id, 'U0', at, kind, remaining, reserved, used, remaining_after, reserved_after, debits, reference, lane, seq FROM entry WHERE kind = 8 AND " + first, false},
		{"an entry away", "DELETE FROM entry WHERE kind = 8 AND " + first, false},
		{"a list of commits", "DELETE FROM debit_ref WHERE project_id = 'shop'", false},
		{"what overflow cost", `UPDATE archived_month SET overflow = '{"acme":3000}' WHERE overflow <> '{}'`, false},
		{"the row's digest", "UPDATE archived_month SET entries_digest = file_sha256", false},
		{"the row's file", "UPDATE archived_month SET file = 'debits.jsonl.zst'", false},
		{"the row away", "DELETE FROM archived_month", false},
		{"the row's span", "UPDATE archived_month SET last_seq = last_seq - 1", false},
		{"a row without a link", "INSERT INTO archived_month SELECT lane, '2026-06', last_seq + 1, last_seq + 1, 1, 1, 1, 1, 1, overflow, entries_digest, file, file_sha256, archived_at, seq FROM archived_month", false},
		{"debits that are not archived", fmt.Sprintf("UPDATE commit_log SET debits = NULL WHERE id = (SELECT min(id) FROM commit_log WHERE debits IS NOT NULL AND id > %d)", june*taocan.Lanes), false},
		{"a digest in the chain", "UPDATE commit_log SET debits_digest = hash WHERE id = (SELECT min(id) FROM commit_log WHERE " + log + ")", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			_, err := e.archive("2026-06")
			e.must(err)
			e.proves("before")
			e.must(e.store.Close())
			e.database.Tamper(tt.statement)
			e.store = nil
			e.reopen()
			if found := e.findings(true); found == "" {
				t.Error("not found with the files")
			}
			if found := e.findings(false); (found == "") != tt.onlyFiles {
				t.Errorf("without the files: %q", found)
			}
		})
	}
}

// All that a row says is under its link; seq only says which that is.
func TestEveryColumnOfARowIsProved(t *testing.T) {
	e := newEnv(t)
	_, err := e.archive("2026-06")
	e.must(err)
	for _, column := range []string{"first_seq", "last_seq", "commits", "debits", "refs", "entries", "segments", "archived_at"} {
		e.database.Tamper(fmt.Sprintf("UPDATE archived_month SET %s = %s - 1", column, column))
		if found := e.findings(false); !strings.Contains(found, "archived month 2026-05") {
			t.Errorf("%s: %q", column, found)
		}
		e.database.Tamper(fmt.Sprintf("UPDATE archived_month SET %s = %s + 1", column, column))
	}
	for _, column := range []string{"month", "overflow", "entries_digest", "file", "file_sha256"} {
		other := map[string]string{"month": "'2026-04'", "overflow": `'{"acme":1}'`, "file": "'x'"}[column]
		if other == "" {
			other = map[string]string{"entries_digest": "file_sha256", "file_sha256": "entries_digest"}[column]
		}
		e := newEnv(t)
		_, err := e.archive("2026-06")
		e.must(err)
		e.database.Tamper(fmt.Sprintf("UPDATE archived_month SET %s = %s", column, other))
		if found := e.findings(false); !strings.Contains(found, "archived month") {
			t.Errorf("%s: %q", column, found)
		}
	}
	e.proves("put right")
}

func TestAnAlteredFileIsFound(t *testing.T) {
	e := newEnv(t)
	_, err := e.archive("2026-06")
	e.must(err)
	path := e.fileOf("acme", "2026-05")
	good, err := os.ReadFile(path)
	e.must(err)
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	for what, content := range map[string][]byte{"a bit": flipped, "its end": good[:len(good)-10], "all of it": nil, "more": append(bytes.Clone(good), good...)} {
		e.must(os.WriteFile(path, content, 0o600))
		if found := e.findings(true); !strings.Contains(found, "it has been altered") {
			t.Errorf("%s: %q", what, found)
		}
	}
	e.must(os.Remove(path))
	if found := e.findings(true); !strings.Contains(found, "no such file") {
		t.Errorf("without the file: %q", found)
	}
	if found := e.findings(false); found != "" {
		t.Errorf("where no file is looked at: %s", found)
	}
	e.must(os.WriteFile(path, good, 0o600))
	e.proves("put right")
}
