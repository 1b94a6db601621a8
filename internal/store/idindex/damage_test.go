package idindex

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"taocan/internal/taocan"
)

// furnished has segments on disk, large and small, and ids that stand in memory only.
func furnished(t *testing.T) (w *world, dir string, log *bytes.Buffer) {
	w = onDisk(t, 30*time.Minute, 64)
	log = &bytes.Buffer{}
	w.opts.Log = slog.New(slog.NewTextHandler(log, nil))
	_ = w.x.Close()
	w.start()
	w.writeMany(20, 16, 40*time.Second)
	w.settleDown()
	w.writeMany(10, 16, time.Second)
	w.work(3)
	w.writeMany(2, 5, time.Second)
	if n := len(w.x.segments); n < 3 {
		t.Fatalf("%d segments, want several", n)
	}
	return w, string(w.files.(folder)), log
}

func (w *world) covered() (n int64) {
	for _, seq := range w.x.Covered() {
		n += seq
	}
	return n
}

// What can't be relied on is thrown away when the index is opened, and told again from the log.
func TestOpenRebuilds(t *testing.T) {
	onFirst := func(do func(t *testing.T, name string)) func(*testing.T, *world, string) {
		return func(t *testing.T, w *world, dir string) {
			do(t, filepath.Join(dir, segmentName(w.x.segments[0].number)))
		}
	}
	alter := func(name string, at func(b []byte) int) error {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		b[at(b)] ^= 4
		return os.WriteFile(name, b, 0o600)
	}
	check := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name  string
		spoil func(t *testing.T, w *world, dir string)
		keeps string // all, some or none of what is on disk
		says  string
	}{
		{"nothing is wrong", func(*testing.T, *world, string) {}, "all", ""},
		{"the folder is empty", func(t *testing.T, w *world, dir string) {
			check(t, os.RemoveAll(dir))
			check(t, os.Mkdir(dir, 0o700))
		}, "none", ""},
		{"the manifest is gone", func(t *testing.T, w *world, dir string) { check(t, os.Remove(filepath.Join(dir, manifestName))) }, "none", ""},
		{"the manifest is altered", func(t *testing.T, w *world, dir string) {
			check(t, alter(filepath.Join(dir, manifestName), func([]byte) int { return 20 }))
		}, "none", "manifest's checksum"},
		{"the first file is gone", onFirst(func(t *testing.T, name string) { check(t, os.Remove(name)) }), "none", "no such file"},
		{"the last file is gone", func(t *testing.T, w *world, dir string) {
			check(t, os.Remove(filepath.Join(dir, segmentName(w.x.segments[len(w.x.segments)-1].number))))
		}, "some", "no such file"},
		{"a file is cut off", onFirst(func(t *testing.T, name string) { check(t, os.Truncate(name, 300)) }), "none", "too short"},
		{"a file has lost its front", onFirst(func(t *testing.T, name string) {
			b, err := os.ReadFile(name)
			check(t, err)
			check(t, os.WriteFile(name, b[100:], 0o600))
		}), "none", "bytes long, want"},
		{"a footer is altered", onFirst(func(t *testing.T, name string) {
			check(t, alter(name, func(b []byte) int { return len(b) - 50 }))
		}), "none", "footer's checksum"},
		{"a filter is altered", onFirst(func(t *testing.T, name string) {
			check(t, alter(name, func(b []byte) int { return len(b) - footerBytes - 10 }))
		}), "none", "fences and filter"},
		{"one good file stands in another's place", func(t *testing.T, w *world, dir string) {
			b, err := os.ReadFile(filepath.Join(dir, segmentName(w.x.segments[0].number)))
			check(t, err)
			check(t, os.WriteFile(filepath.Join(dir, segmentName(w.x.segments[1].number)), b, 0o600))
		}, "some", "not the file that the manifest names"},
		{"the manifest leaves out the first file", func(t *testing.T, w *world, dir string) {
			b, err := w.x.worker.manifest.listing(w.x.segments[1:]).encode()
			check(t, err)
			check(t, os.WriteFile(filepath.Join(dir, manifestName), b, 0o600))
		}, "none", "does not follow the file before it"},
		{"it is another database's", func(t *testing.T, w *world, dir string) { w.opts.Owner = "epoch-2" }, "none", "another database"},
		{"a crash left files behind", func(t *testing.T, w *world, dir string) {
			for _, name := range []string{segmentName(999), segmentName(998) + temporary, manifestName + temporary} {
				check(t, os.WriteFile(filepath.Join(dir, name), []byte("left behind"), 0o600))
			}
		}, "all", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, dir, log := furnished(t)
			onDisk := w.x.segments[len(w.x.segments)-1].to
			var all int64
			for _, m := range onDisk {
				all += m.Seq
			}
			check(t, os.WriteFile(filepath.Join(dir, "not-ours"), nil, 0o600))
			check(t, w.x.Close())
			tt.spoil(t, w, dir)
			log.Reset()
			x, err := newIndexOn(w.files, w.opts)
			check(t, err)
			w.x = x
			kept := "none"
			if n := w.covered(); n == all {
				kept = "all"
			} else if n > 0 {
				kept = "some"
			}
			if kept != tt.keeps {
				t.Errorf("%s of the files was kept, want %s", kept, tt.keeps)
			}
			if !strings.Contains(log.String(), tt.says) || tt.says == "" && log.Len() > 0 {
				t.Errorf("logged %q, want %q", log, tt.says)
			}
			w.replay()
			w.verify()
			w.settleDown()
			check(t, w.x.Close())
			w.start()
			w.verify()
			check(t, w.x.Check(t.Context()))
			names, err := filepath.Glob(filepath.Join(dir, "*"))
			check(t, err)
			if want := len(w.x.segments) + 1; tt.name != "the folder is empty" && len(names) != want+1 { // and not-ours
				t.Errorf("the folder holds %v, want the manifest, %d segments and what is not ours", names, want-1)
			}
		})
	}
}

// Two folders have files of one number and of the same commits, but each its own key.
func TestOpenNoticesAFileOfAnotherFolder(t *testing.T) {
	name := segmentName(1)
	w := onDisk(t, 30*time.Minute, 64)
	w.writeMany(5, 16, time.Second)
	w.settleDown()
	other := newWorld(t, folder(t.TempDir()), 30*time.Minute, 64)
	other.lanes = w.lanes
	other.start()
	other.settleDown()
	theirs, ours := filepath.Join(string(other.files.(folder)), name), filepath.Join(string(w.files.(folder)), name)
	if err := errors.Join(w.x.Close(), other.x.Close(), os.Rename(theirs, ours)); err != nil {
		t.Fatal(err)
	}
	w.start()
	if n := len(w.x.segments); n != 0 {
		t.Errorf("%d files were taken, want none", n)
	}
	w.verify()
}

// A database that was restored to an earlier state, without a new epoch, must not be taken for the one that the files know.
func TestOpenNoticesAnotherPast(t *testing.T) {
	w, _, log := furnished(t)
	end := w.x.segments[0].to
	last := w.x.segments[len(w.x.segments)-1].to
	if err := w.x.Close(); err != nil {
		t.Fatal(err)
	}
	for lane := range w.lanes {
		w.lanes[lane] = w.lanes[lane][:end[lane].Seq]
	}
	w.advance(time.Second)
	w.writeMany(100, 1, time.Millisecond) // the lanes have gone on from there, and further
	for lane, m := range last {
		if int64(len(w.lanes[lane])) < m.Seq {
			t.Fatalf("lane %d ends at %d, want beyond %d", lane, len(w.lanes[lane]), m.Seq)
		}
	}
	w.start()
	if !strings.Contains(log.String(), "a past that is undone") {
		t.Errorf("logged %q, want that a past is undone", log)
	}
	if len(w.x.segments) != 1 {
		t.Errorf("%d segments are kept, want the one of before the restore", len(w.x.segments))
	}
	w.verify()
}

// A block that goes bad under a running index is found when it is read; no answer is given any more.
func TestDamageUnderARunningIndex(t *testing.T) {
	w, dir, _ := furnished(t)
	name := filepath.Join(dir, segmentName(w.x.segments[0].number))
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 64), 128); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := w.x.Check(t.Context()); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), filepath.Base(name)) {
		t.Errorf("Check: %v, want damage of %s", err, name)
	}
	found := false
	for k := range w.all() {
		if _, err := w.x.Candidates(k.project, k.id); errors.Is(err, ErrDamaged) {
			found = true
			break
		}
	}
	if !found {
		t.Fatal("every id of the log was looked up, and the damage was not found")
	}
	if _, err := w.x.Candidates("project-a", "never"); !errors.Is(err, ErrDamaged) {
		t.Errorf("an answer after damage was found: %v, want ErrDamaged", err)
	}
	if did, err := w.x.work(); did != didNothing || err != nil {
		t.Errorf("work after damage was found: %v, %v, want none", did, err)
	}
	if err := w.x.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the damaged file after Close: %v, want it gone", err)
	}
	w.start()
	w.verify()
}

// A full disk costs memory and nothing else.
func TestDiskFull(t *testing.T) {
	for _, after := range []bool{false, true} {
		disk := &faulty{files: folder(t.TempDir()), after: after}
		w := newWorld(t, disk, 30*time.Minute, 64)
		log := &bytes.Buffer{}
		w.opts.Log = slog.New(slog.NewTextHandler(log, nil))
		w.start()
		w.writeMany(8, 16, time.Second)
		w.settleDown()
		disk.failing.Store(true)
		w.writeMany(40, 16, time.Second)
		for range 5 {
			if _, err := w.x.work(); !errors.Is(err, errFull) {
				t.Fatalf("work on a full disk: %v, want %v", err, errFull)
			}
		}
		if n := w.x.Stats().Waiting; n < 500 {
			t.Errorf("%d ids wait, want all that could not be written", n)
		}
		w.verify()
		disk.failing.Store(false)
		w.settleDown()
		if n := w.x.Stats().Waiting; n != 0 {
			t.Errorf("%d ids wait after the disk had room again, want none", n)
		}
		if failed, again := strings.Count(log.String(), "can't be written"), strings.Count(log.String(), "written again"); failed*again != 1 {
			t.Errorf("logged %d failures and %d recoveries, want one of each:\n%s", failed, again, log)
		}
		w.verify()
		w.crash()
		w.start()
		w.verify()
		w.x.Close()
	}
}

// While files can't be written the worker tries again after a pause, however many tables fill up meanwhile.
func TestDiskFullIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &faulty{files: memory{}}
		disk.failing.Store(true)
		w := newWorld(t, disk, 30*time.Minute, 64)
		w.manual = false
		w.start()
		tries := func(want int32, when string) {
			t.Helper()
			synctest.Wait()
			if got := disk.tries.Load(); got != want {
				t.Errorf("%d tries %s, want %d", got, when, want)
			}
		}
		w.writeMany(10, 16, time.Second)
		tries(1, "when a table was full")
		w.writeMany(10, 16, time.Second)
		tries(1, "when more were full")
		time.Sleep(retryPause)
		tries(2, "after a pause")
		disk.failing.Store(false)
		time.Sleep(retryPause)
		synctest.Wait()
		if n := w.x.Stats().Waiting; n != 0 {
			t.Errorf("%d ids wait after the disk had room again, want none", n)
		}
		w.verify()
		w.x.Close()
	})
}

// A merge that fails is begun anew, and does not keep tables from being written.
func TestDiskFullWhileMerging(t *testing.T) {
	disk := &faulty{files: folder(t.TempDir())}
	w := newWorld(t, disk, 30*time.Minute, 16)
	w.start()
	for w.x.worker.merge == nil {
		w.writeMany(1, 16, time.Second)
		w.work(2)
	}
	disk.failing.Store(true)
	for failed := false; !failed; {
		did, err := w.x.work()
		failed = err != nil
		if did != didMerge {
			t.Fatalf("work did %v, %v, want a merge to go on until it fails", did, err)
		}
	}
	disk.failing.Store(false)
	w.writeMany(2, 16, time.Second)
	if did, err := w.x.work(); did != didFlush || err != nil {
		t.Errorf("work did %v, %v, want a table written first", did, err)
	}
	w.settleDown()
	if got := len(w.x.segments); got >= mergeFactor {
		t.Errorf("%d segments, want them merged after all", got)
	}
	w.verify()
	w.x.Close()
}

func TestCandidatesOfAReservation(t *testing.T) {
	w := onDisk(t, 30*time.Minute, 4)
	fill := func() { w.writeMany(5, 4, time.Second); w.settleDown() }
	look := func() []int64 {
		t.Helper()
		got, err := w.x.Candidates("project-r", "r")
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	w.write(1, reservation("project-r", "r", taocan.Reserved))
	made := w.lanes[1][0].mark.Commit
	fill()
	if got, want := look(), []int64{made}; !slices.Equal(got, want) {
		t.Errorf("candidates while open: %v, want %v", got, want)
	}
	w.write(1, reservation("project-r", "r", taocan.Committed))
	settled := w.lanes[1][1].mark.Commit
	fill()
	if got, want := look(), []int64{settled, made}; !slices.Equal(got, want) {
		t.Errorf("candidates when settled: %v, want %v", got, want)
	}
	w.advance(40 * time.Minute)
	w.write(1, reservation("project-r", "r", taocan.Reserved), reservation("project-r", "r", taocan.Released))
	again := w.lanes[1][2].mark.Commit
	if got := look(); len(got) == 0 || got[0] != again || slices.Contains(got[1:], again) {
		t.Errorf("candidates when made and settled again by one commit: %v, want %d first and once", got, again)
	}
}
