package idindex

import (
	"fmt"
	"sync"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// incoming is what one commit of a lane brings, gathered before the index is locked.
type incoming struct {
	mu      sync.Mutex
	entries []entry
	changes []change
}

// change is what a commit does to a reservation.
type change struct {
	key     openKey
	settled bool
}

// The room that a lane keeps between commits.
const keptEntries = 4 << 10

func (n *incoming) begin() {
	n.mu.Lock()
	if cap(n.entries) > keptEntries {
		n.entries = nil
	}
	clear(n.changes) // lets go of ids
	n.entries, n.changes = n.entries[:0], n.changes[:0]
}

// AddCommit notes the records of a commit from the log. A lane's commits come in order; those without records may be
// left out. When full tables pile up faster than they can be written, it waits.
func (x *Index) AddCommit(lane taocan.Lane, seq, commit int64, blob []byte) error {
	n := &x.lanes[lane]
	n.begin()
	defer n.mu.Unlock()
	err := store.WalkDebitIDs(blob, func(t taocan.Tenant, id []byte, reservation, settled bool) {
		n.entries = append(n.entries, entry{hashOf(x.key, t.Project, id), newRef(commit, settled)})
		if reservation {
			n.changes = append(n.changes, change{openKey{t.Project, taocan.DebitID(id)}, settled})
		}
	})
	if err != nil {
		return fmt.Errorf("commit %d of lane %d: %w", seq, lane, err)
	}
	x.add(lane, mark{seq, commit}, n, true)
	return nil
}

// AddWritten notes the records of a commit that this process has just made. It waits for nobody.
func (x *Index) AddWritten(lane taocan.Lane, seq, commit int64, written []*taocan.Debit) {
	n := &x.lanes[lane]
	n.begin()
	defer n.mu.Unlock()
	for _, d := range written {
		reservation := d.Kind == taocan.KindReservation
		settled := reservation && !d.Open()
		n.entries = append(n.entries, entry{hashOf(x.key, d.Project, d.ID), newRef(commit, settled)})
		if reservation {
			n.changes = append(n.changes, change{openKey{d.Project, d.ID}, settled})
		}
	}
	x.add(lane, mark{seq, commit}, n, false)
}

// SetOpen notes an open reservation, which is found whatever its age until a commit settles it.
func (x *Index) SetOpen(project taocan.ProjectID, id taocan.DebitID, commit int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.open[openKey{project, id}] = commit
}

func (x *Index) add(lane taocan.Lane, m mark, n *incoming, mayWait bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for mayWait && x.full(m.Commit, len(n.entries)) && len(x.frozen) >= waitingTables && x.writing() {
		x.flushed.Wait()
	}
	if x.full(m.Commit, len(n.entries)) {
		x.freeze()
	}
	for _, e := range n.entries {
		x.active.add(e)
	}
	x.active.cover(lane, m, len(n.entries) > 0)
	x.newest = max(x.newest, m.Commit)
	for _, c := range n.changes {
		if c.settled {
			delete(x.open, c.key)
		} else {
			x.open[c.key] = m.Commit
		}
	}
}

// More full tables than this make a replay wait.
const waitingTables = 4

// writing reports whether full tables are on their way into files.
func (x *Index) writing() bool { return x.worker.able() && x.damaged.Load() == nil && !x.closed.Load() }

// full reports whether the active table must not take so many ids of a commit. x.mu is held.
func (x *Index) full(commit int64, ids int) bool {
	if ids == 0 || x.active.count == 0 {
		return false
	}
	return x.active.count+ids > x.memoryIDs || sliceOf(commit, x.window) > sliceOf(x.active.newest, x.window)
}

// freeze puts an empty table in the place of the active one, which is written in the background. x.mu is held.
func (x *Index) freeze() {
	x.frozen = append(x.frozen, x.active)
	x.active = newPart(x.memoryIDs, x.active.to)
	x.worker.notify()
}
