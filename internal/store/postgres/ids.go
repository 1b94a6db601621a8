package postgres

import (
	"context"
	"errors"
	"fmt"

	"taocan/internal/store"
	"taocan/internal/store/idindex"
	"taocan/internal/store/sqlstore"
	"taocan/internal/taocan"
)

// openIDs opens the index of debit ids and brings it up to the log. Its files belong to this process alone; without a folder
// everything is in memory, and read again at every start.
func (s *Store) openIDs(ctx context.Context) error {
	return s.Peek(ctx, func(snapshot store.Reader) error {
		r := snapshot.(sqlstore.Reader)
		x, err := idindex.Open(idindex.Options{Dir: s.idFolder, Owner: s.epoch, Window: s.indexWindow, Now: s.clock.Now, Log: s.log,
			CommitAt: func(lane taocan.Lane, seq int64) (int64, error) { return r.CommitAt(ctx, lane, seq) }})
		if err != nil {
			return err
		}
		if err := r.FillIndex(ctx, x, s.clock.Now(), s.indexWindow); err != nil {
			return errors.Join(err, x.Close())
		}
		heads, err := r.Heads(ctx)
		if err != nil {
			return errors.Join(err, x.Close())
		}
		for lane, head := range heads {
			if _, ok := s.seen[lane].agrees(head); !ok {
				return errors.Join(s.historyLost(taocan.Lane(lane)), x.Close())
			}
		}
		s.ids.Store(x)
		return nil
	})
}

// mendIDs rebuilds a damaged index.
func (s *Store) mendIDs(ctx context.Context) error {
	if !s.ids.Load().Damaged() {
		return nil
	}
	s.mending.Lock()
	defer s.mending.Unlock()
	old := s.ids.Load()
	if !old.Damaged() {
		return nil // somebody else has
	}
	s.log.Warn("the index of debit ids is rebuilt from the log")
	if err := old.Close(); err != nil {
		s.log.Warn("close the damaged index of debit ids", "error", err)
	}
	if err := s.openIDs(ctx); err != nil {
		return fmt.Errorf("%w: rebuild the index of debit ids: %w", store.ErrNotCommitted, err)
	}
	return nil
}

// indexed is up to which commit of a lane the index knows the log.
func (s *Store) indexed(lane taocan.Lane) int64 { return s.ids.Load().Covered()[lane] }

// note takes in a commit of the log, and tells it to the index unless that knows it. A lane's commits are told in order, by whoever
// comes upon them first.
func (s *Store) note(c store.Commit) error {
	seen := &s.seen[c.Lane]
	seen.Lock()
	defer seen.Unlock()
	if c.Seq > seen.seq+1 {
		return fmt.Errorf("the log lacks commit %d of lane %d", seen.seq+1, c.Lane)
	}
	if !seen.see(c) {
		return s.historyLost(c.Lane)
	}
	x := s.ids.Load() // one index is looked at and told, whether or not it is being replaced
	if x.Covered()[c.Lane] != c.Seq-1 {
		return nil // it knows it, or will be told from the log when the lane is locked next
	}
	if err := x.AddCommit(c.Lane, c.Seq, store.CommitID(c.Lane, c.At), c.Debits); err != nil {
		return sqlstore.ErrDamaged(c.Lane, c.At, err)
	}
	return nil
}

// noteWritten is note for a commit of this process, which goes on from what was seen under the lane's lock. After the index was rebuilt it
// may lack the commit before.
func (s *Store) noteWritten(c store.Commit, records []*taocan.Debit) {
	seen := &s.seen[c.Lane]
	seen.Lock()
	defer seen.Unlock()
	_ = seen.see(c)
	if x := s.ids.Load(); x.Covered()[c.Lane] == c.Seq-1 { // or whoever locks the lane next tells it
		x.AddWritten(c.Lane, c.Seq, store.CommitID(c.Lane, c.At), records)
	}
}

// candidates are the commits that may hold an id, on a reader's snapshot: what other processes committed before it is read first.
func (s *Store) candidates(ctx context.Context, r sqlstore.Reader, t taocan.Tenant, id taocan.DebitID) ([]int64, error) {
	lane := taocan.LaneOf(t.Account)
	index, head := s.ids.Load(), store.Head{Lane: lane}
	if err := r.Q.QueryRowContext(ctx, r.Q.Text("lane_head"), lane).Scan(&head.Seq, &head.Hash); err != nil {
		return nil, sqlstore.Kind(err)
	}
	seen, ok := s.seen[lane].agrees(head)
	if !ok {
		return nil, s.historyLost(lane)
	}
	if known := min(seen, s.indexed(lane)); known < head.Seq {
		if err := sqlstore.EachCommit(ctx, r, lane, known, head.Seq, s.note); err != nil {
			return nil, err
		}
	}
	found, err := s.lookUp(t.Project, id)
	if err == nil && s.ids.Load() != index {
		err = fmt.Errorf("the index of debit ids was rebuilt meanwhile: %w", taocan.ErrUnavailable)
	}
	return found, err
}

func (s *Store) lookUp(p taocan.ProjectID, id taocan.DebitID) ([]int64, error) {
	found, err := s.ids.Load().Candidates(p, id)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", taocan.ErrUnavailable, err)
	}
	return found, nil
}

// Remembered says how many reservations are open and how many ids the index holds, as far as this process has looked.
func (s *Store) Remembered() (open int, ids int64) {
	x := s.ids.Load()
	return x.Open(), x.Stats().Entries
}
