package postgres

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"

	"taocan/internal/store"
	"taocan/internal/store/sqlstore"
	"taocan/internal/taocan"
)

// laneMemory is what this process remembers of a lane: it is as the database was at head. Other processes write to the lane as
// well, so whoever locks the lane first reads what they have committed since (lock). Owned by whoever holds the lane's token.
type laneMemory struct {
	known     bool
	head      store.Head
	following int64 // of which commit the cache is, while the log is read after it
	changes   int64 // settings and packages of the lane's accounts, counted; more than these: they have changed
	unposted  *store.Unposted
	cache     *sqlstore.Cache
}

func newMemory() (all [taocan.Lanes]laneMemory) {
	for lane := range all {
		all[lane].cache = sqlstore.NewCache(sqlstore.CachedPackages / taocan.Lanes)
	}
	return all
}

// forget makes the next lock read everything anew.
func (s *Store) forget(lanes []int64) {
	for _, lane := range lanes {
		s.memory[lane].known = false
	}
}

// lock locks lanes, lowest first, and brings what is remembered of them up to date.
func (s *Store) lock(ctx context.Context, q querier, lanes []int64) error {
	if s.lost.Load() {
		return store.ErrHistoryLost
	}
	var seen [taocan.Lanes]store.Head // before the lock, so that the heads cannot be older
	for _, lane := range lanes {
		seen[lane].Seq, seen[lane].Hash = s.seen[lane].upTo()
	}
	rows, err := q.QueryContext(ctx, q.Text("lane_lock"), lanes)
	if err != nil {
		return sqlstore.Kind(err)
	}
	defer rows.Close()
	var behind, after []int64
	for rows.Next() {
		var h store.Head
		var at, changes int64
		if err := rows.Scan(&h.Lane, &h.Seq, &at, &h.Hash, &h.Posted, &changes); err != nil {
			return sqlstore.Kind(err)
		}
		h.At = sqlstore.FromMicros(at)
		known := seen[h.Lane]
		if h.Seq < known.Seq || h.Seq == known.Seq && !bytes.Equal(h.Hash, known.Hash) {
			return s.historyLost(h.Lane)
		}
		if from := s.memory[h.Lane].meet(h, changes, min(known.Seq, s.indexed(h.Lane))); from < h.Seq {
			behind, after = append(behind, int64(h.Lane)), append(after, from)
		}
	}
	if err := sqlstore.Kind(rows.Err()); err != nil {
		return err
	}
	if len(behind) > 0 {
		return s.follow(ctx, q, behind, after)
	}
	return nil
}

// sight is the furthest commit of a lane that this process has come upon: at its start, in the log, or its own. It is never
// forgotten: ids and balances that are remembered are of it and of those before, so the chain must go on from it.
type sight struct {
	sync.Mutex // held while the index is told, too
	seq        int64
	hash       []byte // nil: nothing was seen yet
}

// upTo is what was seen so far.
func (v *sight) upTo() (seq int64, hash []byte) {
	v.Lock()
	defer v.Unlock()
	return v.seq, v.hash
}

// agrees reports whether a head of a snapshot, which may be older than what was seen, is not another in its place, and up to where
// the chain was seen. The first head is what is seen.
func (v *sight) agrees(head store.Head) (seq int64, ok bool) {
	v.Lock()
	defer v.Unlock()
	if v.hash == nil {
		v.seq, v.hash = head.Seq, head.Hash
	}
	return v.seq, head.Seq != v.seq || bytes.Equal(head.Hash, v.hash)
}

// see takes in a commit of the log, unless the chain goes another way to it than what was seen. The mutex is held.
func (v *sight) see(c store.Commit) (ok bool) {
	switch {
	case c.Seq == v.seq:
		return bytes.Equal(c.Hash, v.hash)
	case c.Seq == v.seq+1 && !bytes.Equal(c.Prev, v.hash):
		return false
	case c.Seq > v.seq:
		v.seq, v.hash = c.Seq, c.Hash
	}
	return true
}

// historyLost is for good: balances and ids that this process remembers are of commits that the database does not hold. A server took
// over that lacked them.
func (s *Store) historyLost(lane taocan.Lane) error {
	if !s.lost.Swap(true) {
		s.log.Error("the history is lost", "lane", lane, "error", store.ErrHistoryLost)
	}
	return fmt.Errorf("lane %d: %w", lane, store.ErrHistoryLost)
}

// wrote takes in a commit of this process.
func (m *laneMemory) wrote(c store.Commit, posted int64, records []*taocan.Debit) {
	m.head = c.Head(posted)
	m.unposted.Add(c.Seq, c.At, records)
}

// meet takes in a lane's head and says after which commit the log must be read; told is up to where others know it.
func (m *laneMemory) meet(head store.Head, changes, told int64) (from int64) {
	from = min(told, head.Seq)
	if !m.known || changes != m.changes {
		m.cache.Reset()
	}
	m.following = m.head.Seq
	if !m.known {
		m.following = head.Seq // the cache is empty: it has nothing to follow
	}
	if !m.known || head.Posted != m.unposted.From() { // somebody else has posted
		m.unposted = store.NewUnposted(head.Lane, head.Posted)
	}
	from = min(from, m.unposted.UpTo(), m.following)
	m.known, m.changes, m.head = true, changes, head
	return from
}

// follow reads what the log holds of lanes after some commits, into the index, what is unposted, and the balances.
func (s *Store) follow(ctx context.Context, q querier, lanes, after []int64) error {
	rows, err := q.QueryContext(ctx, q.Text("commit_follow"), lanes, after, int64(1)<<40)
	if err != nil {
		return sqlstore.Kind(err)
	}
	defer rows.Close()
	for rows.Next() {
		var lane taocan.Lane
		var seq, id int64
		var blob, prev, hash []byte
		if err := rows.Scan(&lane, &seq, &id, &blob, &prev, &hash); err != nil {
			return sqlstore.Kind(err)
		}
		_, at := store.CommitOf(id)
		if err := s.note(store.Commit{Lane: lane, Seq: seq, At: at, Debits: blob, Prev: prev, Hash: hash}); err != nil {
			return err
		}
		m := &s.memory[lane]
		if seq <= m.following && seq <= m.unposted.UpTo() {
			continue
		}
		records, err := store.RecordsOf(blob, at)
		if err != nil {
			return sqlstore.ErrDamaged(lane, at, err)
		}
		if seq > m.following {
			m.cache.Apply(records, store.MovesOf(records, at))
		}
		if seq == m.unposted.UpTo()+1 {
			m.unposted.Add(seq, at, records)
		}
	}
	return sqlstore.Kind(rows.Err())
}

// hold takes the tokens of lanes, lowest first.
func (s *Store) hold(ctx context.Context, lanes []int64) (release func(), err error) {
	held := 0
	release = func() {
		for _, lane := range lanes[:held] {
			<-s.lanes[lane]
		}
	}
	for _, lane := range lanes {
		select {
		case s.lanes[lane] <- struct{}{}:
			held++
		case <-ctx.Done():
			release()
			return nil, fmt.Errorf("%w: %w: %w", store.ErrNotCommitted, taocan.ErrUnavailable, ctx.Err())
		}
	}
	return release, nil
}

// lanesIn are those that operations concern, lowest first.
func lanesIn(ops []store.Op) (lanes []int64) {
	var wanted [taocan.Lanes]bool
	var last taocan.AccountID
	for i := range ops {
		if a := ops[i].Account; a != last {
			last = a
			wanted[taocan.LaneOf(a)] = true
		}
	}
	for lane, is := range wanted {
		if is {
			lanes = append(lanes, int64(lane))
		}
	}
	return slices.Clip(lanes)
}
