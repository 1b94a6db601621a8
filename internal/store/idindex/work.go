package idindex

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"taocan/internal/taocan"
)

// Merging goes in pieces of so many entries, which take about 10 ms, with a pause after each: it never takes much of a
// core, nor of the disk, from those who debit.
const (
	mergeEntries = 64 << 10
	mergePause   = 30 * time.Millisecond
	retryPause   = 10 * time.Second // after a failure
)

// worker does an index's background work, in one goroutine: it writes full tables, drops what is behind the window, and
// merges. Its fields are its own, but for the channels and failing.
type worker struct {
	manifest *manifest // as on disk, but for the number of the last file
	merge    *merge    // under way
	piece    int       // entries that a merge moves at a time, with a pause after each
	pause    time.Duration
	failing  [didMerge + 1]atomic.Bool

	wake, stop, stopped chan struct{} // nil: nobody works
}

func (w *worker) start(x *Index) {
	w.wake, w.stop, w.stopped = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go w.run(x)
	w.notify()
}

// notify says that there is something to do.
func (w *worker) notify() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// able reports whether waiting for the worker makes sense.
func (w *worker) able() bool { return w.stop != nil && !w.failing[didFlush].Load() }

// halt returns when the worker is gone.
func (w *worker) halt() {
	if w.stop != nil {
		close(w.stop)
		<-w.stopped
	}
	w.abandon()
}

// number is one for a file that no other had or will have, whether this one comes to be or not.
func (w *worker) number() uint64 {
	w.manifest.Last++
	return w.manifest.Last
}

func (w *worker) abandon() {
	if w.merge != nil {
		w.merge.out.abandon()
		w.merge = nil
	}
}

func (w *worker) run(x *Index) {
	defer close(w.stopped)
	for {
		var pause time.Duration
		wake := w.wake
		switch did, err := x.work(); {
		case err != nil:
			pause = retryPause
			if did == didFlush {
				wake = nil // a full table more is no reason to try at once
			}
		case did == didMerge:
			pause = w.pause
		case did != didNothing:
			select {
			case <-w.stop:
				return
			default:
				continue
			}
		}
		var after <-chan time.Time
		if pause > 0 {
			after = time.After(pause)
		}
		select {
		case <-w.stop:
			return
		case <-wake:
		case <-after:
		}
	}
}

type did int

const (
	didNothing did = iota
	didFlush
	didDrop
	didMerge
)

func (d did) String() string { return [...]string{"nothing", "flush", "drop", "merge"}[d] }

// work does one piece of what there is to do, the most urgent first.
func (x *Index) work() (did, error) {
	if x.damaged.Load() != nil {
		return didNothing, nil // nothing that is built on damage shall reach the disk
	}
	done, err := x.workOn()
	switch {
	case err == nil || x.ifDamage(err):
	case !x.worker.failing[done].Swap(true):
		x.log.Error("files of the index of debit ids can't be written; what is new stays in memory", "work", done.String(), "error", err)
		x.release()
	}
	return done, err
}

// succeeded takes note that a piece of work is on disk.
func (x *Index) succeeded(done did) {
	if x.worker.failing[done].Swap(false) {
		x.log.Info("files of the index of debit ids are written again", "work", done.String())
	}
	x.release()
}

// release wakes those who wait for the worker.
func (x *Index) release() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.flushed.Broadcast()
}

func (x *Index) workOn() (did, error) {
	w := &x.worker
	x.mu.RLock()
	var full *part
	if len(x.frozen) > 0 {
		full = x.frozen[0]
	}
	newest := x.newest
	x.mu.RUnlock()
	if full != nil {
		return didFlush, x.flush(full)
	}
	if w.merge != nil {
		return didMerge, x.mergeOn()
	}
	if n := x.expired(newest); n > 0 {
		return didDrop, x.drop(n)
	}
	if lo, hi := planMerge(x.segments, x.window, x.memoryIDs); lo < hi {
		var err error
		w.merge, err = newMerge(x.files, w.number(), x.segments[lo:hi])
		return didMerge, err
	}
	return didNothing, nil
}

// flush makes a segment of the oldest full table.
func (x *Index) flush(p *part) error {
	s, err := writePart(x.files, x.worker.number(), p)
	if err != nil {
		return err
	}
	return x.replace(didFlush, append(slices.Clone(x.segments), s), s, x.worker.manifest.Floor)
}

// expired counts the oldest segments that are wholly behind the window. Both the clock and the newest commit must have
// left them behind: no clock set wrong makes ids forgotten that commits still follow closely.
func (x *Index) expired(newest int64) (n int) {
	now := min(x.now().UnixMicro(), newest/taocan.Lanes)
	from := (now - x.window.Microseconds()) * taocan.Lanes
	for n < len(x.segments) && x.segments[n].newest < from {
		n++
	}
	return n
}

func (x *Index) drop(n int) error {
	return x.replace(didDrop, slices.Clone(x.segments[n:]), nil, x.segments[n-1].to)
}

// mergeOn does a piece of the merge under way. One that fails is given up, and begun anew later.
func (x *Index) mergeOn() error {
	m := x.worker.merge
	done, err := m.step(x.worker.piece)
	if err != nil {
		x.worker.abandon()
		return err
	}
	if !done {
		return nil
	}
	defer x.worker.abandon()
	s, err := m.out.finish()
	if err != nil {
		return err
	}
	lo := slices.Index(x.segments, m.inputs[0])
	return x.replace(didMerge, slices.Replace(slices.Clone(x.segments), lo, lo+len(m.inputs), s), s, x.worker.manifest.Floor)
}

// replace makes segments the index's, on disk and then in memory, and lets go of those that are not among them. fresh is
// the new one, if any; of a flush it takes the place of the oldest full table.
func (x *Index) replace(done did, segments []*segment, fresh *segment, floor [taocan.Lanes]mark) error {
	m := x.worker.manifest.listing(segments)
	m.Floor = floor
	b, err := m.encode()
	if err == nil {
		err = x.files.writeManifest(b)
	}
	if err != nil {
		if fresh != nil {
			return errors.Join(err, x.retire(fresh))
		}
		return err
	}
	x.worker.manifest = m
	old := x.segments
	x.mu.Lock()
	x.segments = segments
	if done == didFlush {
		x.frozen = append([]*part(nil), x.frozen[1:]...) // what is written shall not be held by an array
	}
	x.mu.Unlock()
	x.succeeded(done)
	for _, s := range old {
		if !slices.Contains(segments, s) {
			if err := x.retire(s); err != nil {
				x.log.Warn("a file of the index of debit ids is left behind", "error", err) // the next Open removes it
			}
		}
	}
	return nil
}

// retire closes and removes a segment's file. Lookups that still hold it find out, and look again.
func (x *Index) retire(s *segment) error {
	return errors.Join(s.file.Close(), x.files.remove(segmentName(s.number)))
}
