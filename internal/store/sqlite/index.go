package sqlite

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"taocan/internal/store"
	"taocan/internal/store/sqlstore"
	"taocan/internal/taocan"
)

// idIndex finds the commit that recorded a debit id. It maps hashes of ids, seeded per process, to commits; whoever
// looks up compares the full id in the commit, so a collision costs a read and never an answer. A settled
// reservation has a second entry, for the commit that settled it.
//
// Ids are forgotten by generation: each map takes a third of the window, and one that lies wholly behind the
// window is dropped. About 30 bytes per remembered id. Open reservations are kept apart until they are settled,
// however old they are.
type idIndex struct {
	seed   maphash.Seed
	window time.Duration

	mu   sync.RWMutex
	gens []*generation     // oldest first
	open map[openKey]int64 // commits of open reservations, which are never forgotten
}

type openKey struct {
	project taocan.ProjectID
	id      taocan.DebitID
}

type generation struct {
	from    time.Time
	commits map[uint64]int64
	also    map[uint64][]int64 // further commits under a hash that commits has already
}

func newIDIndex(window time.Duration) *idIndex {
	return &idIndex{seed: maphash.MakeSeed(), window: window, open: map[openKey]int64{}}
}

func (x *idIndex) hash(project taocan.ProjectID, id string, settled bool) uint64 {
	var h maphash.Hash
	h.SetSeed(x.seed)
	_, _ = h.WriteString(string(project))
	if settled {
		_ = h.WriteByte(1)
	} else {
		_ = h.WriteByte(0)
	}
	_, _ = h.WriteString(id)
	return h.Sum64()
}

// add notes that a commit recorded the id.
func (x *idIndex) add(project taocan.ProjectID, id string, settled bool, commit int64) {
	_, at := store.CommitOf(commit)
	g := x.generation(at)
	h := x.hash(project, id, settled)
	if _, taken := g.commits[h]; taken {
		g.also[h] = append(g.also[h], commit)
		return
	}
	g.commits[h] = commit
}

func (x *idIndex) generation(at time.Time) *generation {
	if n := len(x.gens); n > 0 && at.Sub(x.gens[n-1].from) < x.window/3 {
		return x.gens[n-1]
	}
	for len(x.gens) > 1 && at.Sub(x.gens[1].from) > x.window {
		x.gens = x.gens[1:]
	}
	g := &generation{from: at, commits: map[uint64]int64{}, also: map[uint64][]int64{}}
	x.gens = append(x.gens, g)
	return g
}

// addAll notes the records of one commit.
func (x *idIndex) addAll(written []*taocan.Debit, commit func(taocan.AccountID) int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, d := range written {
		x.add(d.Project, string(d.ID), settled(d), commit(d.Account))
		x.keepOpen(d.Project, d.ID, d.Kind == taocan.KindReservation, settled(d), commit(d.Account))
	}
}

func (x *idIndex) keepOpen(project taocan.ProjectID, id taocan.DebitID, reservation, settled bool, commit int64) {
	switch {
	case settled:
		delete(x.open, openKey{project, id})
	case reservation:
		x.open[openKey{project, id}] = commit
	}
}

func settled(d *taocan.Debit) bool {
	return d.Kind == taocan.KindReservation && d.State != taocan.Reserved
}

// candidates lists the commits that may hold the id, the most telling first.
func (x *idIndex) candidates(project taocan.ProjectID, id taocan.DebitID) []int64 {
	var found []int64
	x.mu.RLock()
	defer x.mu.RUnlock()
	if commit, ok := x.open[openKey{project, id}]; ok {
		return []int64{commit}
	}
	for _, settled := range []bool{true, false} {
		h := x.hash(project, string(id), settled)
		for i := len(x.gens) - 1; i >= 0; i-- {
			also := x.gens[i].also[h]
			for j := len(also) - 1; j >= 0; j-- {
				found = append(found, also[j])
			}
			if c, ok := x.gens[i].commits[h]; ok {
				found = append(found, c)
			}
		}
	}
	return found
}

func (x *idIndex) len() (n int) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, g := range x.gens {
		n += len(g.commits)
	}
	return n
}

// loadIndex rebuilds the index from the log, as far back as ids are remembered.
func (s *Store) loadIndex(ctx context.Context) error {
	since := s.clock.Now().Add(-s.window)
	rows, err := s.readers.QueryContext(ctx, queries.Text("commit_debits_since"), store.CommitID(0, since))
	if err != nil {
		return sqlstore.Kind(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var blob []byte
		if err := rows.Scan(&id, &blob); err != nil {
			return sqlstore.Kind(err)
		}
		if err := s.index.addCommit(id, blob); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return sqlstore.Kind(err)
	}
	// Open reservations may be older than what is remembered.
	open, err := s.readers.QueryContext(ctx, queries.Text("reservation_all"))
	if err != nil {
		return sqlstore.Kind(err)
	}
	defer open.Close()
	for open.Next() {
		var account taocan.AccountID
		var key openKey
		var at int64
		if err := open.Scan(&account, &key.project, &key.id, &at); err != nil {
			return sqlstore.Kind(err)
		}
		s.index.open[key] = store.CommitID(taocan.LaneOf(account), sqlstore.FromMicros(at))
	}
	return sqlstore.Kind(open.Err())
}

// addCommit notes the ids of a packed commit.
func (x *idIndex) addCommit(id int64, blob []byte) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	err := store.WalkDebitIDs(blob, func(t taocan.Tenant, debit []byte, reservation, settled bool) {
		x.add(t.Project, string(debit), settled, id)
		x.keepOpen(t.Project, taocan.DebitID(debit), reservation, settled, id)
	})
	if err != nil {
		lane, at := store.CommitOf(id)
		return sqlstore.ErrDamaged(lane, at, err)
	}
	return nil
}
