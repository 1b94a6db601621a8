package idindex

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

var modelStart = time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)

// tester is what testing.T and rapid.T have in common.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
}

// recorded is a commit of the log.
type recorded struct {
	lane   taocan.Lane
	mark   mark
	debits []*taocan.Debit
}

// world is a back end as the index sees it: a log of commits, a table of open reservations, and a clock.
type world struct {
	t      tester
	files  files
	opts   Options
	manual bool // nobody works in the background; work does
	now    atomic.Int64
	lanes  [taocan.Lanes][]recorded
	open   map[openKey]int64
	passed int64 // see horizon
	x      *Index
}

func newWorld(t tester, fs files, window time.Duration, memoryIDs int) *world {
	w := &world{t: t, files: fs, manual: true, open: map[openKey]int64{}}
	w.now.Store(modelStart.UnixMicro())
	w.opts = Options{
		Owner: "epoch-1", Window: window, MemoryIDs: memoryIDs, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.UnixMicro(w.now.Load()) },
		CommitAt: func(lane taocan.Lane, seq int64) (int64, error) {
			if seq > int64(len(w.lanes[lane])) {
				return 0, nil
			}
			return w.lanes[lane][seq-1].mark.Commit, nil
		},
	}
	return w
}

// start opens the index and tells it what it does not cover.
func (w *world) start() {
	w.t.Helper()
	x, err := newIndexOn(w.files, w.opts)
	if err != nil {
		w.t.Fatalf("open: %v", err)
	}
	x.worker.piece = 3
	w.x = x
	if !w.manual {
		x.worker.start(x)
	}
	w.replay()
}

func (w *world) replay() {
	w.t.Helper()
	covered := w.x.Covered()
	var later []recorded
	for lane, log := range w.lanes {
		if covered[lane] > int64(len(log)) {
			w.t.Fatalf("lane %d is covered to %d, the log ends at %d", lane, covered[lane], len(log))
		}
		for _, c := range log[covered[lane]:] {
			if c.mark.Commit >= w.horizon() && len(c.debits) > 0 {
				later = append(later, c)
			}
		}
	}
	slices.SortFunc(later, func(a, b recorded) int { return cmp.Compare(a.mark.Commit, b.mark.Commit) })
	for _, c := range later {
		w.tell(c)
	}
	for k, commit := range w.open {
		w.x.SetOpen(k.project, k.id, commit)
	}
}

// tell gives the index a commit from the log.
func (w *world) tell(c recorded) {
	w.t.Helper()
	at := time.UnixMicro(c.mark.Commit / taocan.Lanes)
	if err := w.x.AddCommit(c.lane, c.mark.Seq, c.mark.Commit, store.PackDebits(c.debits, at)); err != nil {
		w.t.Fatalf("add commit %d of lane %d: %v", c.mark.Seq, c.lane, err)
	}
}

// crash ends the process: nothing is written any more, and the system closes its files.
func (w *world) crash() {
	if !w.manual {
		close(w.x.worker.stop)
		<-w.x.worker.stopped
	}
	for _, s := range w.x.segments {
		_ = s.file.Close()
	}
	if m := w.x.worker.merge; m != nil && m.out.file != nil {
		_ = m.out.file.Close()
	}
}

// horizon is the oldest commit that must be remembered. What was behind the window once may stay forgotten.
func (w *world) horizon() int64 {
	at := w.now.Load()
	newest := int64(0)
	for _, log := range w.lanes {
		if n := len(log); n > 0 {
			newest = max(newest, log[n-1].mark.Commit/taocan.Lanes)
		}
	}
	w.passed = max(w.passed, (min(at, newest)-w.opts.Window.Microseconds())*taocan.Lanes)
	return w.passed
}

// commit appends to a lane's log what the index is told next.
func (w *world) commit(lane taocan.Lane, debits ...*taocan.Debit) recorded {
	log := w.lanes[lane]
	at := w.now.Load()
	if n := len(log); n > 0 {
		at = max(at, log[n-1].mark.Commit/taocan.Lanes+1)
	}
	c := recorded{lane, mark{int64(len(log)) + 1, at*taocan.Lanes + int64(lane)}, debits}
	for _, d := range debits {
		d.At = time.UnixMicro(at)
		if d.Kind != taocan.KindReservation {
			continue
		}
		d.TTL, d.Deadline = time.Hour, d.At.Add(time.Hour)
		if k := (openKey{d.Project, d.ID}); d.Open() {
			w.open[k] = c.mark.Commit
		} else {
			delete(w.open, k)
		}
	}
	w.lanes[lane] = append(log, c)
	return c
}

// write commits and tells the index as the process that committed does.
func (w *world) write(lane taocan.Lane, debits ...*taocan.Debit) {
	c := w.commit(lane, debits...)
	w.x.AddWritten(lane, c.mark.Seq, c.mark.Commit, debits)
}

func debit(project taocan.ProjectID, id taocan.DebitID) *taocan.Debit {
	return &taocan.Debit{
		Tenant:       taocan.Tenant{Account: "account", Project: project},
		DebitRequest: taocan.DebitRequest{ID: id, Kind: taocan.KindDebit, Category: taocan.Domestic, Purpose: taocan.General, Quantity: 1},
		State:        taocan.Committed,
	}
}

func reservation(project taocan.ProjectID, id taocan.DebitID, state taocan.DebitState) *taocan.Debit {
	d := debit(project, id)
	d.Kind, d.State = taocan.KindReservation, state
	return d
}

// all are the refs of every record in the log.
func (w *world) all() map[openKey][]ref {
	known := map[openKey][]ref{}
	for _, log := range w.lanes {
		for _, c := range log {
			for _, d := range c.debits {
				k := openKey{d.Project, d.ID}
				known[k] = append(known[k], newRef(c.mark.Commit, d.Kind == taocan.KindReservation && !d.Open()))
			}
		}
	}
	return known
}

// verify looks up every id of the log and some others, and begins anew where the index is found damaged.
func (w *world) verify() {
	w.t.Helper()
	for k, refs := range w.all() {
		w.verifyID(k, refs)
	}
	w.verifyID(openKey{"project-a", "never"}, nil)
	w.verifyID(openKey{"project-never", "0"}, nil)
}

func (w *world) verifyID(k openKey, refs []ref) {
	w.t.Helper()
	got, err := w.x.Candidates(k.project, k.id)
	for tries := 0; errors.Is(err, ErrDamaged); tries++ {
		if tries > 100 {
			w.t.Fatalf("still damaged: %v", err)
		}
		w.t.Logf("found damaged: %v", err)
		_ = w.x.Close()
		w.start()
		got, err = w.x.Candidates(k.project, k.id)
	}
	if err != nil {
		w.t.Fatalf("look up %v: %v", k, err)
	}
	if commit, ok := w.open[k]; ok {
		if !slices.Equal(got, []int64{commit}) {
			w.t.Fatalf("candidates of the open reservation %v are %v, want %d alone", k, got, commit)
		}
		return
	}
	want := commitsOf(slices.Clone(refs)) // more than it must know
	horizon := w.horizon()
	next := 0
	for _, commit := range want {
		if next < len(got) && got[next] == commit {
			next++
		} else if commit >= horizon {
			w.t.Fatalf("candidates of %v are %v, want %v from %d on", k, got, want, horizon)
		}
	}
	if next < len(got) {
		w.t.Fatalf("candidates of %v are %v, want no others than %v and in that order", k, got, want)
	}
}

// work does up to n pieces of background work.
func (w *world) work(n int) {
	w.horizon()
	for range n {
		if did, err := w.x.work(); did == didNothing || err != nil {
			return
		}
	}
}

// settleDown does all of the background work.
func (w *world) settleDown() {
	w.t.Helper()
	w.horizon()
	for {
		did, err := w.x.work()
		if err != nil {
			w.t.Fatalf("work: %v", err)
		}
		if did == didNothing {
			return
		}
	}
}

func (w *world) advance(d time.Duration) { w.now.Add(d.Microseconds()) }

// writeMany makes commits of random ids, a little time apart.
func (w *world) writeMany(commits, ids int, apart time.Duration) {
	random := rand.New(rand.NewPCG(uint64(commits), uint64(len(w.lanes[5]))))
	for range commits {
		w.advance(apart)
		var debits []*taocan.Debit
		for range ids {
			debits = append(debits, debit("project-a", randomID(random)))
		}
		w.write(taocan.Lane(random.IntN(4)+5), debits...)
	}
}

func randomID(r *rand.Rand) taocan.DebitID {
	return taocan.DebitID(fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64()))
}

// onDisk is a world with a folder of its own.
func onDisk(t *testing.T, window time.Duration, memoryIDs int) *world {
	w := newWorld(t, folder(t.TempDir()), window, memoryIDs)
	w.start()
	t.Cleanup(func() { w.x.Close() })
	return w
}
