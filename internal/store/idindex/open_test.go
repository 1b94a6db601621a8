package idindex

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

func options(dir string) Options {
	return Options{
		Dir: dir, Owner: "epoch-1", Window: time.Hour, MemoryIDs: 128, Log: slog.New(slog.DiscardHandler),
		Now:      func() time.Time { return modelStart },
		CommitAt: func(_ taocan.Lane, seq int64) (int64, error) { return firstCommit + seq, nil },
	}
}

func opened(t *testing.T, o Options) *Index {
	t.Helper()
	x, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

// until waits for the background worker.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not: %s", what)
		}
	}
}

func TestOpenWritesFilesForItsOwnerAlone(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := filepath.Join(t.TempDir(), "ids")
	x := opened(t, options(dir))
	random := rand.New(rand.NewPCG(1, 6))
	for seq := range int64(100) {
		x.AddWritten(2, seq+1, firstCommit+seq+1, []*taocan.Debit{debit("p", randomID(random)), debit("p", randomID(random)), debit("p", randomID(random))})
	}
	until(t, "written", func() bool { n := x.Stats(); return n.Segments == 2 && n.Waiting == 0 })
	if n := x.Stats(); n.Entries != 300 || n.Disk == 0 || n.Memory == 0 {
		t.Errorf("Stats() = %+v, want 300 entries, in memory and on disk", n)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
	if _, err := x.Candidates("p", "a"); !errors.Is(err, ErrClosed) {
		t.Errorf("a lookup after Close: %v, want ErrClosed", err)
	}
	for name, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, manifestName): 0o600, filepath.Join(dir, segmentName(1)): 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want mode %v", name, info, err, want)
		}
	}
	x, err := Open(options(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if got := x.Covered()[2]; got < 80 || got > 100 {
		t.Errorf("covered to %d of lane 2, want what two tables held", got)
	}
}

func TestOpenReportsWhatItCannotUse(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if x, err := Open(options(name)); err == nil {
		x.Close()
		t.Error("a file was opened as a folder")
	}
	o := options(t.TempDir())
	o.CommitAt = nil
	if x, err := Open(o); err == nil {
		x.Close()
		t.Error("a folder was opened without a way to tell whose past it knows")
	}
}

func TestADatabaseThatDoesNotAnswerIsNoReasonToForget(t *testing.T) {
	w, dir, _ := furnished(t)
	if err := w.x.Close(); err != nil {
		t.Fatal(err)
	}
	down := errors.New("connection refused")
	o := w.opts
	o.Dir = dir
	o.CommitAt = func(taocan.Lane, int64) (int64, error) { return 0, down }
	if x, err := Open(o); !errors.Is(err, down) {
		x.Close()
		t.Fatalf("Open: %v, want %v", err, down)
	}
	was := w.covered()
	w.start()
	if w.covered() < was || len(w.x.segments) == 0 {
		t.Errorf("covered %d commits by %d files, want %d as before", w.covered(), len(w.x.segments), was)
	}
}

func TestInMemoryOnly(t *testing.T) {
	o := options("")
	o.CommitAt = nil
	x := opened(t, o)
	random := rand.New(rand.NewPCG(1, 7))
	var ids []taocan.DebitID
	for seq := range int64(2000) {
		ids = append(ids, randomID(random))
		x.AddWritten(2, seq+1, firstCommit+seq+1, []*taocan.Debit{debit("p", ids[seq])})
	}
	until(t, "merged", func() bool { n := x.Stats(); return n.Waiting == 0 && n.Segments < 8 })
	if n := x.Stats(); n.Disk != 0 || n.Memory < 2000*13 {
		t.Errorf("Stats() = %+v, want all in memory", n)
	}
	for i, id := range ids {
		if got, err := x.Candidates("p", id); err != nil || len(got) != 1 || got[0] != firstCommit+int64(i)+1 {
			t.Fatalf("candidates of id %d: %v, %v", i, got, err)
		}
	}
	if err := x.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// Many lanes write, many callers look, files come and go below them: what was told is found at once and always.
func TestConcurrentUse(t *testing.T) {
	defer goleak.VerifyNone(t)
	commits := 400
	if os.Getenv("TAOCAN_SOAK") != "" {
		commits = 4_000
	}
	o := options(filepath.Join(t.TempDir(), "ids"))
	o.Window = 6 * time.Second
	var now atomic.Int64
	now.Store(modelStart.UnixMicro())
	o.Now = func() time.Time { return time.UnixMicro(now.Load()) }
	x, err := newIndex(o)
	if err != nil {
		t.Fatal(err)
	}
	x.worker.piece, x.worker.pause = 500, time.Millisecond
	x.worker.start(x)
	remembered := func(commit int64) bool { return commit/taocan.Lanes >= now.Load()-o.Window.Microseconds() }
	look := func(id taocan.DebitID, commit int64) bool {
		got, err := x.Candidates("p", id)
		if err != nil || remembered(commit) && (len(got) != 1 || got[0] != commit) {
			t.Errorf("candidates of an id of commit %d are %v, %v", commit, got, err)
			return false
		}
		return true
	}
	// Each lane writes, and goes on looking until nothing is left to merge.
	var writers, all sync.WaitGroup
	merged := make(chan struct{})
	for lane := range taocan.Lane(6) {
		writers.Add(1)
		all.Go(func() {
			random := rand.New(rand.NewPCG(2, uint64(lane)))
			ids := map[taocan.DebitID]int64{}
			lookAround := func() bool {
				looks := 0
				for id, commit := range ids {
					if !remembered(commit) {
						delete(ids, id)
					} else if !look(id, commit) {
						return false
					}
					if looks++; looks == 20 {
						break
					}
				}
				return true
			}
			write := func(seq int64) bool {
				commit := now.Add(5000)*taocan.Lanes + int64(lane)
				var debits []*taocan.Debit
				for range 1 + random.IntN(6) {
					id := randomID(random)
					ids[id] = commit
					debits = append(debits, debit("p", id))
				}
				if lane%2 == 0 {
					x.AddWritten(lane, seq, commit, debits)
				} else if err := x.AddCommit(lane, seq, commit, store.PackDebits(debits, modelStart)); err != nil {
					t.Errorf("lane %d: %v", lane, err)
					return false
				}
				return lookAround()
			}
			ok := true
			for seq := int64(1); ok && seq <= int64(commits); seq++ {
				ok = write(seq)
			}
			writers.Done()
			for ok {
				select {
				case <-merged:
					return
				case <-time.After(time.Millisecond):
					ok = lookAround()
				}
			}
		})
	}
	all.Go(func() {
		for {
			if err := x.Check(t.Context()); err != nil {
				t.Errorf("check: %v", err)
			}
			x.Covered()
			select {
			case <-merged:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	writers.Wait()
	until(t, "all written, dropped and merged", func() bool {
		x.mu.RLock()
		defer x.mu.RUnlock()
		lo, hi := planMerge(x.segments, x.window, x.memoryIDs)
		return len(x.frozen) == 0 && lo == hi && x.expired(x.newest) == 0
	})
	close(merged)
	all.Wait()
	if err := x.Close(); err != nil {
		t.Error(err)
	}
	n := x.Stats()
	t.Logf("%+v after %d files", n, x.worker.manifest.Last)
	if x.worker.manifest.Floor == [taocan.Lanes]mark{} || n.Segments > 16 {
		t.Errorf("%d segments stand, floor %v; want few, and the oldest dropped", n.Segments, x.worker.manifest.Floor)
	}
}

// A replay faster than the disk waits for it; it does not wait for a disk that fails, nor for an index that is over.
func TestReplayWaitsForTheDisk(t *testing.T) {
	replay := func(x *Index, commits int64) <-chan int64 {
		most := make(chan int64, 1)
		go func() {
			var n int64
			random := rand.New(rand.NewPCG(1, 8))
			for seq := range commits {
				var debits []*taocan.Debit
				for range 64 {
					debits = append(debits, debit("p", randomID(random)))
				}
				if err := x.AddCommit(2, seq+1, firstCommit+seq+1, store.PackDebits(debits, modelStart)); err != nil {
					t.Error(err)
				}
				n = max(n, x.Stats().Waiting)
			}
			most <- n
		}()
		return most
	}
	t.Run("a disk that works", func(t *testing.T) {
		x := opened(t, options(t.TempDir()))
		if most := <-replay(x, 200); most > (waitingTables+1)*128 {
			t.Errorf("%d ids waited, want no more than %d tables of 128", most, waitingTables+1)
		}
	})
	t.Run("a disk that is full", func(t *testing.T) {
		disk := &faulty{files: folder(t.TempDir())}
		disk.failing.Store(true)
		x, err := newIndexOn(disk, options(""))
		if err != nil {
			t.Fatal(err)
		}
		x.worker.start(x)
		if most := <-replay(x, 100); most < 50*64 {
			t.Errorf("%d ids waited, want what could not be written", most)
		}
		x.Close()
	})
	t.Run("an index that is closed", func(t *testing.T) {
		x := opened(t, options(t.TempDir()))
		most := replay(x, 200)
		x.Close()
		<-most
	})
}

// What was dropped under a shorter window, or never told, is not there: a longer one needs the log again.
func TestALongerWindowRebuildsTheIndex(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ids")
	fill := func(x *Index, from int64) {
		for seq := from; seq < from+100; seq++ {
			x.AddWritten(2, seq+1, firstCommit+seq+1, []*taocan.Debit{debit("p", taocan.DebitID(fmt.Sprint("a-", seq))), debit("p", taocan.DebitID(fmt.Sprint("b-", seq)))})
		}
		until(t, "written", func() bool { return x.Stats().Waiting == 0 })
	}
	open := func(window time.Duration) *Index {
		o := options(dir)
		o.Window = window
		return opened(t, o)
	}
	for _, step := range []struct {
		window time.Duration
		known  bool // what the index knew before
	}{{time.Hour, false}, {time.Hour, true}, {30 * time.Minute, true}, {time.Hour, false}, {2 * time.Hour, false}, {2 * time.Hour, true}} {
		x := open(step.window)
		covered := x.Covered()[2]
		if (covered > 0) != step.known {
			t.Errorf("opened for %s, it knows the log up to commit %d; known before: %t", step.window, covered, step.known)
		}
		fill(x, covered)
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
