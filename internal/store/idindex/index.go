package idindex

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"taocan/internal/taocan"
)

// ErrDamaged is of an index that can't be relied on any more: a file has changed since it was opened. Close it, Open it
// again, and tell it the commits after Covered; until then it answers nothing.
var ErrDamaged = errors.New("the index of debit ids is damaged")

// ErrClosed is of a lookup after Close.
var ErrClosed = errors.New("the index of debit ids is closed")

// Options of an index.
type Options struct {
	Dir   string // the index's own folder; "": all in memory, for those who may not write
	Owner string // whose ids these are, the store's epoch: files of another owner are thrown away

	// CommitAt is the id of a lane's commit by its sequence, 0 if there is none. Files that remember it otherwise are of another
	// past, which a restore has undone, and are thrown away. Needed with Dir.
	CommitAt func(lane taocan.Lane, seq int64) (commit int64, err error)

	Window    time.Duration    // for how long ids are remembered, at least
	Now       func() time.Time // nothing is forgotten before it and the newest commit are both a window later
	Log       *slog.Logger
	MemoryIDs int // how many ids a table in memory takes before it is written to a file; 0: MemoryIDs
}

// MemoryIDs is how many ids a table in memory takes: 8 MiB.
const MemoryIDs = 1 << 18

// Index is safe for concurrent use, but commits of one lane come one after the other.
type Index struct {
	window    time.Duration
	now       func() time.Time
	log       *slog.Logger
	memoryIDs int
	key       hashKey
	files     files
	rooms     sync.Pool // for blocks that lookups read
	lanes     [taocan.Lanes]incoming

	mu       sync.RWMutex // guards what follows; never held while a file is touched
	active   *part
	frozen   []*part    // oldest first; immutable tables on their way into segments
	segments []*segment // oldest first; the slice is replaced, never changed
	open     map[openKey]int64
	newest   int64 // commit
	flushed  *sync.Cond

	worker  worker
	closed  atomic.Bool
	damaged atomic.Pointer[damage]
}

type openKey struct {
	project taocan.ProjectID
	id      taocan.DebitID
}

// Open reads what is in the folder. The back end then tells the commits after Covered, oldest first over all lanes, and
// the open reservations.
func Open(o Options) (*Index, error) {
	x, err := newIndex(o)
	if err != nil {
		return nil, err
	}
	x.worker.start(x)
	return x, nil
}

// newIndex is an index whose background work nobody does yet.
func newIndex(o Options) (*Index, error) {
	if o.Dir == "" {
		return newIndexOn(memory{}, o)
	}
	if o.CommitAt == nil {
		return nil, fmt.Errorf("open the index of debit ids: files can't be told from those of another past")
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the index of debit ids: %w", err)
	}
	return newIndexOn(folder(o.Dir), o)
}

func newIndexOn(fs files, o Options) (*Index, error) {
	x := &Index{window: o.Window, now: o.Now, log: o.Log, memoryIDs: o.MemoryIDs, files: fs, open: map[openKey]int64{}}
	x.flushed = sync.NewCond(&x.mu)
	x.rooms.New = func() any { return new([]byte) }
	if x.memoryIDs == 0 {
		x.memoryIDs = MemoryIDs
	}
	m, segments, err := load(fs, o)
	if err != nil {
		for _, s := range segments {
			_ = s.file.Close()
		}
		return nil, fmt.Errorf("open the index of debit ids: %w", err)
	}
	x.key, x.segments = m.hashKey(), segments
	x.worker.manifest, x.worker.piece, x.worker.pause = m, mergeEntries, mergePause
	covered := m.Floor
	for _, s := range segments {
		covered, x.newest = s.to, max(x.newest, s.newest)
	}
	x.active = newPart(0, covered)
	return x, nil
}

// Covered is the last sequence, per lane, that the index knows.
func (x *Index) Covered() (seqs [taocan.Lanes]int64) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for lane, m := range x.active.to {
		seqs[lane] = m.Seq
	}
	return seqs
}

// Candidates lists the commits that may have recorded the id, the most telling first: of an open reservation its own
// alone, otherwise settlements before what they settled, the newest first.
func (x *Index) Candidates(project taocan.ProjectID, id taocan.DebitID) ([]int64, error) {
	hash := hashOf(x.key, project, id)
	var room [8]ref
	for {
		if x.closed.Load() {
			return nil, fmt.Errorf("look up debit %s: %w", id, ErrClosed)
		}
		if d := x.damaged.Load(); d != nil {
			return nil, fmt.Errorf("look up debit %s: %w", id, d)
		}
		x.mu.RLock()
		if commit, ok := x.open[openKey{project, id}]; ok {
			x.mu.RUnlock()
			return []int64{commit}, nil
		}
		found := x.active.find(hash, room[:0])
		frozen, segments := x.frozen, x.segments
		x.mu.RUnlock()

		for _, p := range frozen {
			found = p.find(hash, found)
		}
		var err error
		for _, s := range segments {
			if s.filter.maybe(hash) {
				if found, err = x.look(s, hash, found); err != nil {
					break
				}
			}
		}
		if err == nil {
			return commitsOf(found), nil
		}
		x.ifDamage(err) // else the segment is retired, and another has taken its place
	}
}

func (x *Index) look(s *segment, hash uint64, found []ref) ([]ref, error) {
	room := x.rooms.Get().(*[]byte)
	defer x.rooms.Put(room)
	return s.find(hash, room, found)
}

// ifDamage ends the index's answers where err is of damage; the file goes when the index is closed.
func (x *Index) ifDamage(err error) (yes bool) {
	var d *damage
	if !errors.As(err, &d) {
		return false
	}
	if x.damaged.CompareAndSwap(nil, d) {
		x.log.Error("the index of debit ids is damaged", "error", d)
		x.release()
	}
	return true
}

// Damaged reports whether the index answers nothing any more (ErrDamaged).
func (x *Index) Damaged() bool { return x.damaged.Load() != nil }

// Open counts the open reservations.
func (x *Index) Open() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.open)
}

// Stats are figures of the index. Entries count settlements of reservations beside what they settled, and may count
// what was told twice twice.
type Stats struct {
	Entries  int64
	Waiting  int64 // of them in full tables not yet written: grows, with memory, while files can't be written
	Segments int
	Memory   int64 // bytes, without open reservations
	Disk     int64 // bytes
}

func (x *Index) Stats() (n Stats) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	n.Entries, n.Memory = int64(x.active.count), x.active.bytes()
	for _, p := range x.frozen {
		n.Entries += int64(p.count)
		n.Waiting += int64(p.count)
		n.Memory += p.bytes()
	}
	n.Segments = len(x.segments)
	for _, s := range x.segments {
		n.Entries += int64(s.count)
		n.Memory += s.memory()
		if _, ok := x.files.(memory); ok {
			n.Memory += s.fileLen()
		} else {
			n.Disk += s.fileLen()
		}
	}
	return n
}

// Close stops background work. What is in memory only is told again after the next Open.
func (x *Index) Close() error {
	if x.closed.Swap(true) {
		return nil
	}
	x.worker.halt()
	x.release()
	var errs []error
	for _, s := range x.segments { // the worker's, who is gone
		errs = append(errs, s.file.Close())
	}
	if d := x.damaged.Load(); d != nil {
		errs = append(errs, x.files.remove(segmentName(d.number)))
	}
	return errors.Join(errs...)
}
