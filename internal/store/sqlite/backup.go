package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	sqlite3 "github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/store/sqlstore"
)

// Names in store_meta.
const (
	metaEpoch = "epoch"
	// metaBackupAt stands in backups only: when their snapshot was taken.
	metaBackupAt = "backup_at"
	// metaRestoredFrom and an epoch tell where the database of that epoch came from.
	metaRestoredFrom = "restored_from/"
)

// copyPages are copied between two looks at the context: 16 MiB.
const copyPages = 4096

// backupSuffix and restoreSuffix name files that are not complete yet.
const (
	backupSuffix  = ".part"
	restoreSuffix = ".restoring"
)

// BackupOptions of Backup.
type BackupOptions struct {
	Dir   string // data folder; a server may run on it
	File  string // where the copy goes
	Force bool   // replace a file that is there
	Clock clock.Clock
	// Prove looks at the copy, opened for reading, before it takes its name; an error gives the backup up. nil: nothing more
	// than SQLite's own check of the file.
	Prove func(context.Context, *Store) error
	// VFS writes the copy; empty is the default. Fault tests bring their own.
	VFS string
}

// BackupReport says what a backup holds.
type BackupReport struct {
	At         time.Time // everything answered before this is in it
	LastCommit time.Time // zero where nothing was ever committed
	Epoch      string
	Schema     int64
	Head       string // as verify prints it
	Bytes      int64
	Took       time.Duration
}

// Backup copies the database of a data folder into one file, as of one instant, beside a running server. It reads one
// snapshot through SQLite's backup interface, so writers go on; what they write meanwhile stays in the write-ahead log until
// the copy is done. The copy appears under its name only when it is whole, checked and on disk; any failure leaves nothing.
func Backup(ctx context.Context, o BackupOptions) (r BackupReport, err error) {
	started := o.Clock.Monotonic()
	if ownFile(o.Dir, o.File) {
		return r, fmt.Errorf("back up to %s: the server's own file of this name would be replaced, give another name", o.File)
	}
	if _, err := os.Stat(o.File); err == nil && !o.Force {
		return r, fmt.Errorf("back up to %s: %w", o.File, fs.ErrExist)
	}
	source := filepath.Join(o.Dir, FileName)
	if _, err := os.Stat(source); err != nil {
		return r, fmt.Errorf("back up %s: %w", source, err)
	}
	part := o.File + backupSuffix
	if err := claim(part); err != nil {
		return r, fmt.Errorf("back up to %s: %w", o.File, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("back up to %s: %w", o.File, err), removeDatabase(part))
		}
	}()
	r.At = o.Clock.Now()
	if err := copyDatabase(ctx, source, part, sqlite3.OPEN_READWRITE, o.VFS); err != nil {
		return r, err
	}
	if err := r.finish(ctx, part, o.VFS); err != nil {
		return r, err
	}
	if o.Prove != nil {
		if err := proveCopy(ctx, part, o); err != nil {
			return r, err
		}
	}
	if r.Bytes, err = syncFile(part); err != nil {
		return r, err
	}
	if err := rename(part, o.File); err != nil {
		return r, err
	}
	r.Took = o.Clock.Monotonic() - started
	return r, nil
}

// ownFile reports whether a path is one that a server keeps in its data folder, is it there or not: a backup renamed over the
// database would take it away from the server that runs on it.
func ownFile(dir, path string) bool {
	name := filepath.Base(path)
	if !strings.HasPrefix(name, "taocan.") && name != "master.key" && name != "operator-password" {
		return false
	}
	folder, err := os.Stat(dir)
	if err != nil {
		return false
	}
	parent, err := os.Stat(filepath.Dir(path))
	return err == nil && os.SameFile(folder, parent)
}

// claim makes an empty file, in place of what an earlier attempt left.
func claim(path string) error {
	if err := removeDatabase(path); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// copyDatabase copies one snapshot of a database over the empty file to.
func copyDatabase(ctx context.Context, from, to string, flags sqlite3.OpenFlag, toVFS string) (err error) {
	source, err := sqlite3.OpenFlags(fileURI(from, "", "busy_timeout(5000)"), flags|sqlite3.OPEN_URI)
	if err != nil {
		return sqlstore.Kind(err)
	}
	defer func() { err = errors.Join(err, sqlstore.Kind(source.Close())) }()
	// The transaction pins the snapshot: without it every commit of the server would make the copy begin anew.
	if err := source.Exec("BEGIN; SELECT count(*) FROM sqlite_master"); err != nil {
		return sqlstore.Kind(err)
	}
	b, err := source.BackupInit("main", fileURI(to, toVFS))
	if err != nil {
		return sqlstore.Kind(err)
	}
	defer func() { err = errors.Join(err, sqlstore.Kind(b.Close())) }()
	for done := false; !done; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if done, err = b.Step(copyPages); err != nil {
			return sqlstore.Kind(err)
		}
	}
	return nil
}

// finish makes the copy one file without a log beside it, notes in it when it was taken, has SQLite check it, and reads what it
// holds.
func (r *BackupReport) finish(ctx context.Context, part, vfs string) (err error) {
	db, err := driver.Open(fileURI(part, vfs, "journal_mode(delete)", "synchronous(full)"))
	if err != nil {
		return sqlstore.Kind(err)
	}
	defer func() { err = errors.Join(err, sqlstore.Kind(db.Close())) }()
	db.SetMaxOpenConns(1)
	if r.Schema, err = schemaOf(ctx, db); err != nil {
		return err
	}
	if r.Schema == 0 {
		return errors.New("the data folder's file is not a database of taocan")
	}
	if _, err := db.ExecContext(ctx, queries.Text("meta_put"), metaBackupAt, r.At.Format(time.RFC3339Nano)); err != nil {
		return sqlstore.Kind(err)
	}
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return sqlstore.Kind(err)
	}
	if verdict != "ok" {
		return fmt.Errorf("the copy is damaged, and so may be the database: %s", verdict)
	}
	if r.Epoch, err = meta(ctx, db, metaEpoch); err != nil {
		return err
	}
	r.Head, r.LastCommit, err = holds(ctx, db)
	return err
}

// holds is a database's head and the time of its last commit.
func holds(ctx context.Context, q runner) (head string, last time.Time, err error) {
	all, err := sqlstore.Heads(ctx, querier{q})
	if err != nil {
		return "", time.Time{}, err
	}
	for _, h := range all {
		if h.Seq > 0 && h.At.After(last) {
			last = h.At
		}
	}
	return store.HeadText(all), last, nil
}

func meta(ctx context.Context, q runner, name string) (value string, err error) {
	err = q.QueryRowContext(ctx, queries.Text("meta_get"), name).Scan(&value)
	return value, sqlstore.About(sqlstore.Kind(err), "read %s of the store", name)
}

func proveCopy(ctx context.Context, part string, o BackupOptions) (err error) {
	s, err := Open(ctx, Options{Dir: filepath.Dir(part), file: filepath.Base(part), Clock: o.Clock, ReadOnly: true, VFS: o.VFS})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return o.Prove(ctx, s)
}

// RestoreOptions of Restore.
type RestoreOptions struct {
	Dir   string // data folder, without a database
	File  string // a backup, or any closed database of ours
	Clock clock.Clock
	Log   *slog.Logger
	// Prove looks at the database before it takes its place; an error gives the restoration up. nil: nothing is proved.
	Prove func(context.Context, *Store) error
}

// Origin says where a restored database came from.
type Origin struct {
	Epoch    string    `json:"epoch"`
	At       time.Time `json:"at"`        // of the restoration
	BackupAt time.Time `json:"backup_at"` // zero where the file was no backup but a plain copy
	Head     string    `json:"head"`
}

// RestoreReport says what was restored.
type RestoreReport struct {
	From       Origin
	LastCommit time.Time // zero where nothing was ever committed
	Epoch      string    // the new one
	Schema     int64     // of the file; the database has NewestSchema
	Bytes      int64
	Took       time.Duration
}

// Restore makes a backup the database of a data folder that has none, brings it to this version's schema and gives it a new
// epoch: what was answered after the backup is forgotten, and whoever compares epochs can tell. The database appears in
// the folder only when it is whole and on disk; any failure leaves the folder without one.
func Restore(ctx context.Context, o RestoreOptions) (r RestoreReport, err error) {
	started := o.Clock.Monotonic()
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return r, err
	}
	path := filepath.Join(o.Dir, FileName)
	lock, err := lockFolder(o.Dir) // first: a server that runs is what the operator should hear of
	if err != nil {
		return r, fmt.Errorf("restore to %s: %w", o.Dir, err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	for _, left := range []string{path, path + "-wal", path + "-journal"} {
		if _, err := os.Lstat(left); !errors.Is(err, fs.ErrNotExist) {
			return r, fmt.Errorf("restore to %s: %w: %s", o.Dir, errors.Join(fs.ErrExist, err), filepath.Base(left))
		}
	}
	if r.Schema, err = inspect(ctx, o.File); err != nil {
		return r, fmt.Errorf("restore %s: %w", o.File, err)
	}
	part := path + restoreSuffix
	if err := claim(part); err != nil {
		return r, fmt.Errorf("restore to %s: %w", o.Dir, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("restore %s: %w", o.File, err), removeDatabase(part))
		}
	}()
	if err := copyDatabase(ctx, o.File, part, sqlite3.OPEN_READONLY, ""); err != nil {
		return r, err
	}
	if err := r.begin(ctx, part, lock, o); err != nil {
		return r, err
	}
	if r.Bytes, err = syncFile(part); err != nil {
		return r, err
	}
	if err := rename(part, path); err != nil {
		return r, err
	}
	r.Took = o.Clock.Monotonic() - started
	return r, nil
}

// inspect refuses what is no database that this version can take over, and tells its schema.
func inspect(ctx context.Context, file string) (schema int64, err error) {
	if _, err := os.Stat(file); err != nil {
		return 0, err
	}
	db, err := driver.Open(fileURI(file, "", "query_only(1)") + "&mode=ro")
	if err != nil {
		return 0, sqlstore.Kind(err)
	}
	defer func() { err = errors.Join(err, sqlstore.Kind(db.Close())) }()
	err = checkSchema(ctx, db, NewestSchema(), false)
	if err == nil {
		schema, err = schemaOf(ctx, db)
	}
	if errors.Is(err, sqlite3.NOTADB) || err == nil && schema == 0 {
		return 0, errors.New("it is not a database of taocan")
	}
	return schema, err
}

// begin migrates and proves the copy and gives it its epoch.
func (r *RestoreReport) begin(ctx context.Context, part string, lock *os.File, o RestoreOptions) (err error) {
	s, err := Open(ctx, Options{Dir: o.Dir, file: filepath.Base(part), lock: lock, Clock: o.Clock, Log: o.Log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }() // the last connection moves the log into the file and removes it
	if o.Prove != nil {
		if err := o.Prove(ctx, s); err != nil {
			return err
		}
	}
	conn := s.w.conn
	r.From = Origin{Epoch: s.epoch, At: o.Clock.Now()}
	if r.From.Head, r.LastCommit, err = holds(ctx, conn); err != nil {
		return err
	}
	if at, err := meta(ctx, conn, metaBackupAt); err == nil {
		if r.From.BackupAt, err = time.Parse(time.RFC3339Nano, at); err != nil {
			return fmt.Errorf("read when the backup was made: %w", err)
		}
	}
	r.Epoch = sqlstore.NewEpoch()
	origin, err := json.Marshal(r.From)
	if err != nil {
		return err
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return sqlstore.Kind(err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	for _, step := range [][]any{{"meta_put", metaEpoch, r.Epoch}, {"meta_put", metaRestoredFrom + r.Epoch, string(origin)}, {"meta_delete", metaBackupAt}} {
		if _, err := tx.ExecContext(ctx, queries.Text(step[0].(string)), step[1:]...); err != nil {
			return sqlstore.Kind(err)
		}
	}
	return sqlstore.Kind(tx.Commit())
}

// removeDatabase removes a file and what SQLite keeps beside it.
func removeDatabase(path string) error {
	var errs []error
	for _, suffix := range []string{"", "-journal", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// syncFile puts a closed file on disk and tells its size.
func syncFile(path string) (size int64, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Sync(); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// rename gives a synced file its name, durably.
func rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// fileURI is dsn for any path, relative ones included.
func fileURI(path, vfs string, pragmas ...string) string {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	return dsn(path, vfs, pragmas...)
}
