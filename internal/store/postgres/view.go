package postgres

import (
	"context"

	"taocan/internal/store"
	"taocan/internal/store/sqlstore"
)

// View runs fn on one snapshot, on which everything is posted.
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) error {
	if err := s.settle(ctx); err != nil {
		return err
	}
	return s.Peek(ctx, fn)
}

// Peek runs fn on one snapshot as it stands. The snapshot is taken by the first statement, which is tried again where its
// connection is lost; fn is run once.
func (s *Store) Peek(ctx context.Context, fn func(store.Reader) error) error {
	c, err := s.readers.Conn(ctx)
	if err != nil {
		return sqlstore.Kind(err)
	}
	defer func() { _ = c.Close() }()
	return fn(sqlstore.Reader{Q: querier{c}, S: &s.source})
}
