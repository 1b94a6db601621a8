package crashfs_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	sqlite3 "github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	"github.com/ncruces/go-sqlite3/vfs"

	"taocan/internal/sim/crashfs"
)

// machine is a disk and what was opened on it.
type machine struct {
	*testing.T
	*crashfs.Disk
	seed uint64
}

func newMachine(t *testing.T, seed uint64) *machine {
	m := &machine{t, crashfs.New(t.TempDir(), rand.New(rand.NewPCG(seed, 0))), seed}
	t.Cleanup(m.Disk.Close)
	return m
}

// open opens the database with a connection; closing it is the test's end.
func (m *machine) open(pragmas ...string) *sql.DB {
	m.Helper()
	uri := "file:/data.db?vfs=" + m.VFS() + "&_pragma=busy_timeout(0)"
	for _, p := range pragmas {
		uri += "&_pragma=" + p
	}
	db, err := driver.Open(uri)
	if err != nil {
		m.Fatalf("seed %d: open: %v", m.seed, err)
	}
	db.SetMaxOpenConns(1)
	m.Cleanup(func() { db.Close() })
	return db
}

func (m *machine) exec(db *sql.DB, query string, args ...any) {
	m.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		m.Fatalf("seed %d: %s: %v", m.seed, query, err)
	}
}

func (m *machine) number(db *sql.DB, query string) (n int) {
	m.Helper()
	if err := db.QueryRow(query).Scan(&n); err != nil {
		m.Fatalf("seed %d: %s: %v", m.seed, query, err)
	}
	return n
}

// sound fails unless SQLite finds the database whole.
func (m *machine) sound(db *sql.DB) {
	m.Helper()
	var verdict string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		m.Fatalf("seed %d: integrity check: %s, %v", m.seed, verdict, err)
	}
}

var journals = map[string][]string{
	"WAL": {"journal_mode(wal)", "synchronous(full)"},
	// Less would not sync the folder after the journal was deleted: it would come back, and roll the commit back.
	"rollback journal": {"journal_mode(delete)", "synchronous(extra)"},
}

// Whatever a cut leaves at whatever change, what was committed is there, and what was under way is there whole or not at all.
func TestACommitSurvivesACutAtEveryChange(t *testing.T) {
	for name, pragmas := range journals {
		t.Run(name, func(t *testing.T) {
			for _, loss := range crashfs.Losses {
				for n, cut := 1, true; cut; n++ {
					cut = commitsUntilCut(t, pragmas, n, n%2 == 0, loss)
				}
			}
		})
	}
}

// commitsUntilCut reports whether the cut came before everything was done.
func commitsUntilCut(t *testing.T, pragmas []string, n int, after bool, loss crashfs.Loss) bool {
	t.Helper()
	m := newMachine(t, uint64(n))
	db := m.open(pragmas...)
	m.exec(db, "CREATE TABLE x (batch INTEGER, text TEXT)")
	m.CutAt(n, after, loss)
	done := 0
	for batch := 1; batch <= 4; batch++ {
		text := bytes.Repeat([]byte{byte('a' + batch)}, 3000*batch) // of several pages
		_, err := db.Exec("INSERT INTO x SELECT ?, ? FROM (VALUES (1), (2), (3))", batch, text)
		if m.Down() {
			break
		}
		if err != nil {
			t.Fatalf("seed %d: batch %d: %v", m.seed, batch, err)
		}
		done = batch
	}
	cut := m.Down()
	db.Close()
	m.Restart()
	db = m.open(pragmas...)
	m.sound(db)
	if got := m.number(db, "SELECT count(*) FROM x"); got%3 != 0 || got/3 < done || got/3 > done+1 {
		t.Fatalf("cut at change %d (after: %t, %s): %d batches were committed, %d rows are there", n, after, loss, done, got)
	}
	return cut
}

// A disk that could not lose anything would prove nothing.
func TestWhatIsNotSyncedIsLost(t *testing.T) {
	for name, tt := range map[string]struct {
		pragmas []string
		lies    bool
	}{
		"without syncs":                {pragmas: []string{"journal_mode(wal)", "synchronous(normal)"}},
		"with syncs that save nothing": {pragmas: []string{"journal_mode(wal)", "synchronous(full)"}, lies: true},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, 1)
			db := m.open("journal_mode(wal)", "synchronous(full)")
			m.exec(db, "CREATE TABLE x (n INTEGER)")
			db.Close()
			db = m.open(tt.pragmas...)
			if tt.lies {
				m.Lie()
			}
			m.exec(db, "INSERT INTO x VALUES (1)")
			m.Cut(crashfs.Drop)
			db.Close()
			m.Restart()
			db = m.open()
			m.sound(db)
			if got := m.number(db, "SELECT count(*) FROM x"); got != 0 {
				t.Errorf("%d rows are there, want none", got)
			}
		})
	}
}

func TestReadersSeeCommitsAndKeepTheirSnapshot(t *testing.T) {
	m := newMachine(t, 1)
	writer := m.open(journals["WAL"]...)
	m.exec(writer, "CREATE TABLE x (n INTEGER)")
	reader := m.open("query_only(1)")
	tx, err := reader.Begin()
	if err != nil {
		t.Fatal(err)
	}
	count := func(q interface{ QueryRow(string, ...any) *sql.Row }) (n int) {
		t.Helper()
		if err := q.QueryRow("SELECT count(*) FROM x").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := count(tx)
	m.exec(writer, "INSERT INTO x VALUES (1)")
	if again := count(tx); again != before {
		t.Errorf("a snapshot showed %d rows, and then %d", before, again)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if after := count(reader); after != before+1 {
		t.Errorf("after a commit a reader sees %d rows, want %d", after, before+1)
	}
}

func TestTwoWritersExcludeEachOther(t *testing.T) {
	for name, pragmas := range journals {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, 1)
			first, second := m.open(pragmas...), m.open(pragmas...)
			m.exec(first, "CREATE TABLE x (n INTEGER)")
			m.exec(first, "BEGIN IMMEDIATE")
			if _, err := second.Exec("BEGIN IMMEDIATE"); !errors.Is(err, sqlite3.BUSY) {
				t.Errorf("a second writer: %v, want busy", err)
			}
			m.exec(first, "INSERT INTO x VALUES (1)")
			m.exec(first, "COMMIT")
			m.exec(second, "INSERT INTO x VALUES (2)")
			if got := m.number(first, "SELECT sum(n) FROM x"); got != 3 {
				t.Errorf("the sum is %d, want 3", got)
			}
		})
	}
}

func TestPlannedFaults(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault crashfs.Fault
		want  sqlite3.ExtendedErrorCode
	}{
		{"a sync fails", crashfs.Fault{Kinds: []crashfs.Kind{crashfs.Sync}, Name: "db-wal", Times: 1, Err: sqlite3.IOERR_FSYNC}, sqlite3.IOERR_FSYNC},
		{"a sync fails and forgets", crashfs.Fault{Kinds: []crashfs.Kind{crashfs.Sync}, Times: 1, Err: sqlite3.IOERR_FSYNC, Lose: true}, sqlite3.IOERR_FSYNC},
		{"the second write fails in part", crashfs.Fault{Kinds: []crashfs.Kind{crashfs.Write}, Skip: 1, Times: 1, Err: sqlite3.IOERR_WRITE, Part: true},
			sqlite3.IOERR_WRITE},
		{"the disk is full", crashfs.Fault{Kinds: []crashfs.Kind{crashfs.Write}, Err: sqlite3.FULL}, sqlite3.ExtendedErrorCode(sqlite3.FULL)},
		{"the disk is read-only", crashfs.Fault{Kinds: []crashfs.Kind{crashfs.Write, crashfs.Truncate, crashfs.Create, crashfs.Delete}, Err: sqlite3.READONLY},
			sqlite3.ExtendedErrorCode(sqlite3.READONLY)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t, 1)
			db := m.open(journals["WAL"]...)
			m.exec(db, "CREATE TABLE x (n INTEGER)")
			m.Fail(tt.fault)
			_, err := db.Exec("INSERT INTO x VALUES (1)")
			var code sqlite3.ExtendedErrorCode
			if !errors.As(err, &code) || code != tt.want {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			m.Heal()
			m.exec(db, "INSERT INTO x VALUES (2)") // nothing of it stays
			for _, l := range []crashfs.Loss{crashfs.Drop, crashfs.Keep} {
				m.Cut(l)
				db.Close()
				m.Restart()
				db = m.open()
				m.sound(db)
				if got := m.number(db, "SELECT sum(n) FROM x"); got != 2 {
					t.Errorf("after a cut (%s) the sum is %d, want only what was committed: 2", l, got)
				}
			}
		})
	}
}

// What a failed sync has forgotten stays visible, and a later sync that succeeds does not save it.
func TestAFailedSyncThatForgets(t *testing.T) {
	m := newMachine(t, 2)
	f := openFile(t, m, "/f.db")
	write(t, f, 0, "aaaa")
	if err := f.Sync(vfs.SYNC_FULL); err != nil {
		t.Fatal(err)
	}
	m.Fail(crashfs.Fault{Kinds: []crashfs.Kind{crashfs.Sync}, Times: 1, Err: sqlite3.IOERR_FSYNC, Lose: true})
	for at := range int64(40) { // so many sectors are not all saved by chance
		write(t, f, at*512, "bbbb")
	}
	if err := f.Sync(vfs.SYNC_FULL); !errors.Is(err, sqlite3.IOERR_FSYNC) {
		t.Fatalf("sync: %v", err)
	}
	if err := f.Sync(vfs.SYNC_FULL); err != nil {
		t.Fatal(err)
	}
	seen := bytes.Count(m.Get("/f.db"), []byte("bbbb"))
	m.Evict()
	evicted := bytes.Count(m.Get("/f.db"), []byte("bbbb"))
	m.Cut(crashfs.Keep)
	m.Restart()
	if left := bytes.Count(m.Get("/f.db"), []byte("bbbb")); seen != 40 || left == 0 || left == 40 || evicted != left {
		t.Errorf("%d of 40 sectors were seen, then %d, %d are left; want all seen, and then as many as are left", seen, evicted, left)
	}
}

func TestAFileThatIsNotInItsFolderIsLost(t *testing.T) {
	m := newMachine(t, 1)
	f := openFile(t, m, "/new.db") // a database is not synced with its folder; its journals are
	write(t, f, 0, "text")
	wal := openWAL(t, m, "/new.db-wal")
	write(t, wal, 0, "text")
	if err := f.Sync(vfs.SYNC_FULL); err != nil {
		t.Fatal(err)
	}
	m.Cut(crashfs.Drop)
	m.Restart()
	if m.Get("/new.db") != nil || m.Get("/new.db-wal") != nil {
		t.Error("files are there although their folder was not synced")
	}
	wal = openWAL(t, m, "/new.db-wal")
	write(t, wal, 0, "text")
	if err := wal.Sync(vfs.SYNC_FULL); err != nil {
		t.Fatal(err)
	}
	m.Cut(crashfs.Drop)
	m.Restart()
	if string(m.Get("/new.db-wal")) != "text" {
		t.Errorf("a synced log holds %q", m.Get("/new.db-wal"))
	}
	if err := vfs.Find(m.VFS()).Delete("/new.db-wal", false); err != nil {
		t.Fatal(err)
	}
	m.Cut(crashfs.Drop)
	m.Restart()
	if string(m.Get("/new.db-wal")) != "text" {
		t.Errorf("a file that was deleted without syncing the folder holds %q, want it back", m.Get("/new.db-wal"))
	}
}

// Each write of 4 sectors is torn at some sector in some run, and never inside one.
func TestWritesAreTornAtSectors(t *testing.T) {
	shapes := map[string]bool{}
	for seed := range uint64(200) {
		m := newMachine(t, seed)
		m.Put("/f.db", bytes.Repeat([]byte("-"), 4*512))
		f := openFile(t, m, "/f.db")
		write(t, f, 0, string(bytes.Repeat([]byte("x"), 4*512)))
		m.Cut(crashfs.Torn)
		m.Restart()
		shape := ""
		for sector := range 4 {
			s := m.Get("/f.db")[512*sector : 512*(sector+1)]
			if !bytes.Equal(s, bytes.Repeat(s[:1], 512)) {
				t.Fatalf("seed %d: sector %d is torn", seed, sector)
			}
			shape += string(s[:1])
		}
		shapes[shape] = true
	}
	if len(shapes) != 16 {
		t.Errorf("%d of 16 outcomes occurred", len(shapes))
	}
}

func TestAHandleDiesWithItsProcess(t *testing.T) {
	m := newMachine(t, 1)
	f := openFile(t, m, "/f.db")
	write(t, f, 0, "text")
	m.Cut(crashfs.Keep)
	m.Restart()
	if _, err := f.WriteAt([]byte("late"), 0); err == nil {
		t.Error("a write of a dead process succeeded")
	}
	if string(m.Get("/f.db")) != "text" {
		t.Errorf("the file holds %q", m.Get("/f.db"))
	}
}

func TestTheSameSeedLeavesTheSame(t *testing.T) {
	left := func(seed uint64) string {
		m := newMachine(t, seed)
		f := openFile(t, m, "/f.db")
		for n := range 20 {
			write(t, f, int64(n*300), fmt.Sprintf("%0300d", n))
		}
		m.Cut(crashfs.Torn)
		m.Restart()
		return string(m.Get("/f.db"))
	}
	same := 0
	for seed := range uint64(20) {
		first := left(seed)
		if again := left(seed); again != first {
			t.Errorf("seed %d left this, and then that", seed)
		}
		if left(seed+1) == first {
			same++
		}
	}
	if same == 20 {
		t.Error("all seeds leave the same")
	}
}

func openFile(t *testing.T, m *machine, path string) vfs.File {
	t.Helper()
	return openAs(t, m, path, vfs.OPEN_MAIN_DB)
}

func openWAL(t *testing.T, m *machine, path string) vfs.File {
	t.Helper()
	return openAs(t, m, path, vfs.OPEN_WAL)
}

func openAs(t *testing.T, m *machine, path string, kind vfs.OpenFlag) vfs.File {
	t.Helper()
	f, _, err := vfs.Find(m.VFS()).Open(path, kind|vfs.OPEN_READWRITE|vfs.OPEN_CREATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func write(t *testing.T, f vfs.File, at int64, text string) {
	t.Helper()
	if _, err := f.WriteAt([]byte(text), at); err != nil {
		t.Fatal(err)
	}
}
