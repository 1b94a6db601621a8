package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"taocan/internal/store"
	"taocan/internal/store/idindex"
	"taocan/internal/store/sqlstore"
	"taocan/internal/taocan"
)

// idFolder is where the index of debit ids keeps its files, in the data folder. They are derived from the database.
const idFolder = "ids"

// openIndex opens the index of ids and brings it up to the log. Those who only read keep theirs in memory.
func (s *Store) openIndex(ctx context.Context) error {
	r := sqlstore.Reader{Q: querier{s.readers}}
	o := idindex.Options{Owner: s.epoch, Window: s.window, Now: s.clock.Now, Log: s.log, MemoryIDs: s.memoryIDs,
		CommitAt: func(lane taocan.Lane, seq int64) (int64, error) { return r.CommitAt(ctx, lane, seq) }}
	if s.idFiles {
		o.Dir = filepath.Join(s.dir, idFolder)
	}
	x, err := idindex.Open(o)
	if err != nil {
		return err
	}
	err = s.Peek(ctx, func(snapshot store.Reader) error {
		return snapshot.(sqlstore.Reader).FillIndex(ctx, x, s.clock.Now(), s.window)
	})
	if err != nil {
		return errors.Join(err, x.Close())
	}
	s.index.Store(x)
	return nil
}

// candidates are the commits that may hold an id.
func (s *Store) candidates(p taocan.ProjectID, id taocan.DebitID) ([]int64, error) {
	found, err := s.index.Load().Candidates(p, id)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", taocan.ErrUnavailable, err)
	}
	return found, nil
}

// mendIndex rebuilds a damaged index. The writer's token is held.
func (s *Store) mendIndex(ctx context.Context) error {
	if !s.index.Load().Damaged() {
		return nil
	}
	s.log.Warn("the index of debit ids is rebuilt from the log")
	old := s.index.Load()
	if err := old.Close(); err != nil {
		s.log.Warn("close the damaged index of debit ids", "error", err)
	}
	if err := s.openIndex(ctx); err != nil {
		return fmt.Errorf("%w: rebuild the index of debit ids: %w", store.ErrNotCommitted, err)
	}
	return nil
}
