package sqlite

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/store/sqlstore"
	"taocan/internal/taocan"
)

// proves runs the whole of verify.
func proves(ctx context.Context, s *Store) error {
	r, err := store.Verify(ctx, s, store.VerifyOptions{})
	if err != nil {
		return err
	}
	if len(r.Findings) > 0 {
		return errors.New(r.Findings[0].String())
	}
	return nil
}

func backedUp(t *testing.T, dir, file string) BackupReport {
	t.Helper()
	r, err := Backup(t.Context(), BackupOptions{Dir: dir, File: file, Clock: clock.NewFake(verifyBegin.AddDate(0, 0, 1)), Prove: proves})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func filesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestABackupRestoresToTheSameHistoryUnderANewEpoch(t *testing.T) {
	dir, to, again := t.TempDir(), filepath.Join(t.TempDir(), "new"), filepath.Join(t.TempDir(), "again")
	fullLedger(t, dir)
	out := t.TempDir()
	file := filepath.Join(out, "b.db")
	b := backedUp(t, dir, file)
	if got := filesIn(t, out); len(got) != 1 || got[0] != "b.db" {
		t.Errorf("a backup is one file, got %q", got)
	}
	if b.Schema != NewestSchema() || b.Head == "" || b.Bytes == 0 || b.Epoch == "" || b.LastCommit.IsZero() {
		t.Errorf("report %+v leaves something out", b)
	}
	c := clock.NewFake(verifyBegin.AddDate(0, 0, 2))
	r, err := Restore(t.Context(), RestoreOptions{Dir: to, File: file, Clock: c, Prove: proves})
	if err != nil {
		t.Fatal(err)
	}
	if r.From.Epoch != b.Epoch || r.From.Head != b.Head || !r.From.BackupAt.Equal(b.At) || !r.From.At.Equal(c.Now()) || !r.LastCommit.Equal(b.LastCommit) {
		t.Errorf("restored %+v from backup %+v", r, b)
	}
	s := openAt(t, to, c)
	if s.Epoch() != r.Epoch || r.Epoch == b.Epoch {
		t.Errorf("epoch %s, reported %s, the backup's was %s", s.Epoch(), r.Epoch, b.Epoch)
	}
	if err := proves(t.Context(), s); err != nil {
		t.Error(err)
	}
	if origin, err := meta(t.Context(), s.readers, metaRestoredFrom+r.Epoch); err != nil || !strings.Contains(origin, b.Epoch) || !strings.Contains(origin, b.Head) {
		t.Errorf("origin %q, %v: want the epoch and the head of the backup", origin, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := filesIn(t, to); strings.Join(got, " ") != "ids taocan.db taocan.lock" {
		t.Errorf("the restored folder holds %q", got)
	}

	// A closed database is restored as well: a plain copy, without the time of a backup.
	plain, err := Restore(t.Context(), RestoreOptions{Dir: again, File: filepath.Join(to, FileName), Clock: c, Prove: proves})
	if err != nil || plain.From.Epoch != r.Epoch || !plain.From.BackupAt.IsZero() {
		t.Errorf("a plain copy: %+v, %v", plain, err)
	}
}

func TestABackupNeedsAFreeNameUnlessForced(t *testing.T) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "b.db")
	fullLedger(t, dir)
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := BackupOptions{Dir: dir, File: file, Clock: clock.System()}
	if _, err := Backup(t.Context(), o); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want that the file is there", err)
	}
	o.Force, o.Prove = true, func(context.Context, *Store) error { return errors.New("not convinced") }
	if _, err := Backup(t.Context(), o); err == nil || !strings.Contains(err.Error(), "not convinced") {
		t.Errorf("got %v, want what the proof said", err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "precious" {
		t.Errorf("a backup that failed has touched the earlier one: %q, %v", b, err)
	}
	o.Prove = proves
	if _, err := Backup(t.Context(), o); err != nil {
		t.Error(err)
	}
	if got := filesIn(t, filepath.Dir(file)); len(got) != 1 {
		t.Errorf("beside the backup: %q", got)
	}
}

func TestABackupNeverReplacesWhatTheServerKeeps(t *testing.T) {
	dir := t.TempDir()
	fullLedger(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "master.key"), []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{FileName, FileName + "-wal", FileName + "-shm", "taocan.lock", "master.key", "operator-password"} {
		before, _ := os.ReadFile(filepath.Join(dir, name))
		_, err := Backup(t.Context(), BackupOptions{Dir: dir, File: filepath.Join(dir, name), Force: true, Clock: clock.System()})
		after, _ := os.ReadFile(filepath.Join(dir, name))
		if err == nil || !bytes.Equal(before, after) {
			t.Errorf("%s: got %v, want a refusal that leaves it as it was", name, err)
		}
	}
	backedUp(t, dir, filepath.Join(t.TempDir(), FileName)) // elsewhere the name is free
}

func TestAFailedBackupLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	fullLedger(t, dir)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name string
		ctx  context.Context
		dir  string
		file func(out string) string
	}{
		{"cancelled", cancelled, dir, func(out string) string { return filepath.Join(out, "b.db") }},
		{"a folder that is not there", t.Context(), dir, func(out string) string { return filepath.Join(out, "none", "b.db") }},
		{"no database", t.Context(), t.TempDir(), func(out string) string { return filepath.Join(out, "b.db") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := t.TempDir()
			if _, err := Backup(tt.ctx, BackupOptions{Dir: tt.dir, File: tt.file(out), Clock: clock.System()}); err == nil {
				t.Error("no error")
			}
			if got := filesIn(t, out); len(got) > 0 {
				t.Errorf("left %q", got)
			}
		})
	}
}

func TestRestoreRefusesAFolderThatIsInUseAndAFileThatIsNoDatabase(t *testing.T) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "b.db")
	fullLedger(t, dir)
	backedUp(t, dir, file)
	write := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	walOnly := filepath.Dir(write("taocan.db-wal", "left over"))
	running := t.TempDir()
	s := openAt(t, running, clock.System())
	defer s.Close()
	newer := filepath.Join(t.TempDir(), FileName)
	func() {
		n := openAt(t, filepath.Dir(newer), clock.System())
		defer n.Close()
		if _, err := n.w.conn.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)"); err != nil {
			t.Fatal(err)
		}
	}()
	tests := []struct {
		name, dir, file string
		want            error
		text            string
	}{
		{"a folder with a database", dir, file, fs.ErrExist, "taocan.db"},
		{"a folder with a database's log alone", walOnly, file, fs.ErrExist, "taocan.db-wal"},
		{"a folder that a server holds", running, file, ErrHeld, ""},
		{"a text", t.TempDir(), write("x", strings.Repeat("no database ", 1000)), nil, "not a database of taocan"},
		{"an empty file", t.TempDir(), write("x", ""), nil, "not a database of taocan"},
		{"a file that is not there", t.TempDir(), filepath.Join(dir, "none"), fs.ErrNotExist, ""},
		{"a schema of the future", t.TempDir(), newer, sqlstore.ErrSchema, "schema 9999"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := strings.Join(filesIn(t, tt.dir), " ")
			_, err := Restore(t.Context(), RestoreOptions{Dir: tt.dir, File: tt.file, Clock: clock.System()})
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v, want %v and %q", err, tt.want, tt.text)
			}
			if after := strings.ReplaceAll(strings.Join(filesIn(t, tt.dir), " "), "taocan.lock", ""); strings.TrimSpace(after) != strings.TrimSpace(strings.ReplaceAll(before, "taocan.lock", "")) {
				t.Errorf("the folder held %q, now %q", before, after)
			}
		})
	}
}

func TestARestorationThatDoesNotProveLeavesTheFolderEmpty(t *testing.T) {
	dir, file, to := t.TempDir(), filepath.Join(t.TempDir(), "b.db"), t.TempDir()
	fullLedger(t, dir)
	backedUp(t, dir, file)
	o := RestoreOptions{Dir: to, File: file, Clock: clock.System(), Prove: func(context.Context, *Store) error { return errors.New("not convinced") }}
	if _, err := Restore(t.Context(), o); err == nil || !strings.Contains(err.Error(), "not convinced") {
		t.Errorf("got %v, want what the proof said", err)
	}
	if got := filesIn(t, to); strings.Join(got, " ") != "taocan.lock" {
		t.Errorf("left %q", got)
	}
	if err := os.WriteFile(filepath.Join(to, "taocan.db.restoring"), []byte("of an attempt that was killed"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Prove = proves
	if _, err := Restore(t.Context(), o); err != nil {
		t.Errorf("after attempts that failed: %v", err)
	}
}

func TestADatabaseOfANewerSchemaIsRefused(t *testing.T) {
	dir := t.TempDir()
	fullLedger(t, dir)
	s := openAt(t, dir, clock.System())
	if _, err := s.w.conn.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, readOnly := range []bool{false, true} {
		_, err := Open(t.Context(), Options{Dir: dir, Clock: clock.System(), ReadOnly: readOnly})
		if !errors.Is(err, sqlstore.ErrSchema) || !strings.Contains(err.Error(), "the database has schema 9999, this version knows schemas up to") {
			t.Errorf("read-only %v: got %v", readOnly, err)
		}
	}
}

// with adds migrations of a version to come.
func with(t *testing.T, statements string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{"9999_to_come.sql": {Data: []byte("-- +goose Up\n" + statements)}}
	names, err := fs.Glob(migrationFiles(), "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := fs.ReadFile(migrationFiles(), name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: b}
	}
	return files
}

func TestAFailedMigrationLeavesTheDatabaseAsItWas(t *testing.T) {
	dir := t.TempDir()
	fullLedger(t, dir)
	broken := with(t, "CREATE TABLE half (x INTEGER) STRICT;\nDROP TABLE payment;\nINSERT INTO nowhere VALUES (1);\n")
	if s, err := Open(t.Context(), Options{Dir: dir, Clock: clock.System(), migrations: broken}); err == nil {
		_ = s.Close()
		t.Fatal("the broken migration went through")
	}
	s := openAt(t, dir, clock.System()) // by the version before
	defer s.Close()
	if err := proves(t.Context(), s); err != nil {
		t.Error(err)
	}
}

func TestAnOlderSchemaIsNotReadBeforeItIsMigrated(t *testing.T) {
	dir := t.TempDir()
	fullLedger(t, dir)
	next := with(t, "CREATE TABLE more (x INTEGER) STRICT;\n")
	_, err := Open(t.Context(), Options{Dir: dir, Clock: clock.System(), ReadOnly: true, migrations: next})
	if !errors.Is(err, sqlstore.ErrSchema) || !strings.Contains(err.Error(), "run taocan migrate") {
		t.Errorf("read-only: got %v, want to be told to migrate", err)
	}
	s, err := Open(t.Context(), Options{Dir: dir, Clock: clock.System(), migrations: next})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(proves(t.Context(), s), s.Close()); err != nil {
		t.Error(err)
	}
}

func TestLedgerWritesAreRefusedWhileTheDiskIsNearlyFull(t *testing.T) {
	c, free, asked := clock.NewFake(verifyBegin), int64(1<<20), 0
	var broken error
	s, err := Open(t.Context(), Options{Dir: t.TempDir(), Clock: c, DiskReserve: 1 << 20,
		free: func(string) (int64, error) { asked++; return free, broken }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	write := func(account taocan.AccountID) error {
		return s.Update(t.Context(), account, func(store.Tx) error { return nil })
	}
	for range 10 {
		if err := write("a"); err != nil {
			t.Fatalf("just enough is free: %v", err)
		}
	}
	if asked != 1 {
		t.Errorf("the file system was asked %d times within a second, want once", asked)
	}
	free--
	c.Advance(time.Second)
	var low *LowDiskError
	if err := write("a"); !errors.As(err, &low) || !errors.Is(err, taocan.ErrUnavailable) || !errors.Is(err, store.ErrNotCommitted) {
		t.Errorf("one byte too few: got %v, want that nothing was committed", err)
	}
	if err := s.CheckWrites(); !errors.Is(err, taocan.ErrUnavailable) {
		t.Errorf("CheckWrites: got %v, want unavailable", err)
	}
	if err := write(""); err != nil {
		t.Errorf("what is no ledger stays writable, so that an operator can sign in: %v", err)
	}
	free++
	if err := write("a"); err == nil {
		t.Error("room is noticed at the next look, not before")
	}
	c.Advance(time.Second)
	if err := write("a"); err != nil {
		t.Errorf("with room again: %v", err)
	}
	free, broken = 0, syscall.EIO
	c.Advance(time.Second)
	if err := write("a"); err != nil {
		t.Errorf("a file system that does not answer refuses nothing: %v", err)
	}
}

func TestFreeBytesOfAFolder(t *testing.T) {
	if free, err := freeBytes(t.TempDir()); err != nil || free <= 0 {
		t.Errorf("got %d, %v", free, err)
	}
	if _, err := freeBytes(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a folder that is not there has free space")
	}
}
