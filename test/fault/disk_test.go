package fault

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	sqlite3 "github.com/ncruces/go-sqlite3"

	"taocan/internal/clock"
	"taocan/internal/pgtest"
	"taocan/internal/sim/crashfs"
	"taocan/internal/store/postgres"
	"taocan/internal/store/sqlite"
)

// smallDisk is a file system of so many MiB.
func smallDisk(t *testing.T, mib int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("skipped: only root can mount a small file system")
	}
	dir := t.TempDir()
	if err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm", mib), "tmpfs", dir).Run(); err != nil {
		t.Skipf("skipped: a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := exec.Command("umount", "-l", dir).Run(); err != nil {
			t.Errorf("umount %s: %v", dir, err)
		}
	})
	return dir
}

// fill takes all room, and returns how to give it back.
func fill(t *testing.T, dir string) (room func()) {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 64<<10)
	for len(zeros) > 0 {
		if _, err := f.Write(zeros); err != nil {
			zeros = zeros[:len(zeros)/2]
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// The disk is full. What cannot be written is unavailable; once there is room, everything goes on by itself.
func TestAFullDisk(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		open func(t *testing.T, dir string) settings
	}{
		{"sqlite", func(t *testing.T, dir string) settings { return settings{SQLite: filepath.Join(dir, "data")} }},
		{"sqlite with a reserve", func(t *testing.T, dir string) settings {
			return settings{SQLite: filepath.Join(dir, "data"), DiskReserve: 1 << 20}
		}},
		// Its tables are on the small disk; a PostgreSQL whose log finds no room ends, which is a kill.
		{"postgres", postgresOn},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := smallDisk(t, 48)
			w := newWorker(t, tt.open(t, dir))
			b := newBook(t, w, 3)
			b.load(16, []place{w}, func() {
				for range either(2, 10) {
					b.goOn(100)
					room := fill(t, dir)
					refused := w.refused.Load()
					await(t, "until the full disk is noticed", func() bool { return w.refused.Load() > refused+50 })
					room()
				}
				b.goOn(100)
			})
			b.check(w, w)
		})
	}
}

// postgresOn is a database whose tables are in a folder.
func postgresOn(t *testing.T, dir string) settings {
	server := pgtest.NewServer(t, pgtest.Options{NoSync: true})
	space := filepath.Join(dir, "tables")
	if err := os.Mkdir(space, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // a test's folder is for its user alone
		t.Fatal(err)
	}
	if as := postgresUser(t); as != nil {
		if err := os.Chown(space, int(as.Uid), int(as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	for _, statement := range []string{"CREATE TABLESPACE small LOCATION '" + space + "'", "CREATE DATABASE crowded TABLESPACE small"} {
		if err := server.Exec(t.Context(), "postgres", statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := postgres.Migrate(t.Context(), server.URL("crowded")); err != nil {
		t.Fatal(err)
	}
	return settings{Postgres: server.URL("crowded"), IDs: t.TempDir()}
}

// A disk that can only be read is told at the start, and harms nothing. (While files are open for writing the kernel makes no tmpfs
// read-only; that is TestADiskThatFails.)
func TestAReadOnlyDisk(t *testing.T) {
	dir := smallDisk(t, 16)
	w := newWorker(t, settings{SQLite: filepath.Join(dir, "data")})
	b := newBook(t, w, 2)
	b.load(8, []place{w}, func() {
		b.goOn(100)
		w.kill()
		remount := func(how string) {
			if out, err := exec.Command("mount", "-o", "remount,"+how, dir).CombinedOutput(); err != nil {
				t.Fatalf("remount: %v\n%s", err, out)
			}
		}
		remount("ro")
		if err := w.tryStart(); err == nil || !strings.Contains(w.log.String(), "read-only") {
			t.Errorf("on a read-only disk a start: %v\n%s", err, w.log)
		}
		remount("rw")
		w.start()
		b.goOn(50)
	})
	b.check(w, w)
}

// Calls of the disk fail for a while, under load: everything that could not be written is unavailable, and goes on once the
// disk does. After a failed sync it is unknown what the disk has: the file layer forgets some of it, as Linux does.
func TestADiskThatFails(t *testing.T) {
	tests := []struct {
		name  string
		fault crashfs.Fault
	}{
		{"syncs fail", crashfs.Fault{Kinds: []crashfs.Kind{crashfs.Sync}, Err: sqlite3.IOERR_FSYNC, Lose: true}},
		{"writes fail", crashfs.Fault{Kinds: []crashfs.Kind{crashfs.Write}, Err: sqlite3.IOERR_WRITE, Part: true}},
		{"it became read-only", crashfs.Fault{Kinds: []crashfs.Kind{crashfs.Write, crashfs.Truncate, crashfs.Create, crashfs.Delete}, Err: sqlite3.READONLY}},
		{"it is full", crashfs.Fault{Kinds: []crashfs.Kind{crashfs.Write}, Err: sqlite3.FULL}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("the disk is seeded with %d", seed)
			disk := crashfs.New(t.TempDir(), rand.New(rand.NewPCG(seed, 0)))
			defer disk.Close()
			x := within(t, sqlite.Options{Dir: t.TempDir(), VFS: disk.VFS(), Clock: clock.System()})
			x.load(16, func() {
				for range either(3, 30) {
					x.goOn(100)
					disk.Fail(tt.fault)
					refused := x.refused.Load()
					await(t, "for a refusal", func() bool { return x.refused.Load() > refused+20 })
					disk.Heal()
				}
				x.goOn(100)
			})
			x.check()
		})
	}
}

// Only one process at a time has a file. The second says so, and the first does not notice.
func TestTwoProcessesOnOneFile(t *testing.T) {
	s := settings{SQLite: t.TempDir()}
	one := newWorker(t, s)
	b := newBook(t, one, 2)
	two := downWorker(t, s)
	b.load(8, []place{one}, func() {
		for range 3 {
			if err := two.tryStart(); err == nil || !strings.Contains(two.log.String(), sqlite.ErrHeld.Error()) {
				t.Errorf("a second process: %v\n%s", err, two.log)
			}
			b.goOn(20)
		}
		one.kill()
		two.start()
	})
	b.check(two, two)
}
