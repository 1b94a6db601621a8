package postgres

import (
	"context"
	"errors"
	"fmt"

	"taocan/internal/store"
	"taocan/internal/store/sqlstore"
	"taocan/internal/taocan"
)

// Update runs fn in one transaction, under the lock of the account's lane, or of the settings where account is empty. It runs
// again where a transaction could not be committed for reasons that pass.
func (s *Store) Update(ctx context.Context, account taocan.AccountID, fn func(store.Tx) error) error {
	if s.writers == nil {
		return fmt.Errorf("the store is open for reading only: %w", taocan.ErrUnavailable)
	}
	token := s.settings
	if account != "" {
		token = s.lanes[taocan.LaneOf(account)]
	} else if err := s.settle(ctx); err != nil { // an account's lane is posted under its lock
		return err
	}
	select {
	case token <- struct{}{}:
	case <-ctx.Done():
		return notCommitted(ctx.Err())
	}
	defer func() { <-token }()
	for attempt := 0; ; attempt++ {
		again, err := s.update(ctx, account, fn)
		if err == nil || !again || attempt >= retries || !pause(ctx, attempt) {
			return err
		}
		s.log.Warn("a transaction is tried again", "attempt", attempt+1, "error", err)
	}
}

func notCommitted(err error) error {
	return fmt.Errorf("%w: %w", store.ErrNotCommitted, sqlstore.Kind(err))
}

// update is one attempt. again: nothing was committed, and the next attempt may succeed.
func (s *Store) update(ctx context.Context, account taocan.AccountID, fn func(store.Tx) error) (again bool, err error) {
	c, err := s.writers.Conn(ctx)
	if err != nil {
		return false, notCommitted(err)
	}
	defer func() { _ = c.Close() }() // rolls back what is not committed, also where fn panics
	x, err := sessionOf(c)
	if err != nil {
		return false, notCommitted(err)
	}
	last, err := s.transact(ctx, querier{c}, x, account, fn)
	if err != nil {
		if x.failure == nil {
			return false, err
		}
		return transient(x.failure), fmt.Errorf("%w: %w: %w", store.ErrNotCommitted, sqlstore.Kind(x.failure), err)
	}
	// A commit is not left half-way because nobody waits for it any more.
	uncertain, err := x.commit(context.WithoutCancel(ctx), last...)
	switch {
	case err == nil:
		return false, nil
	case uncertain:
		return false, fmt.Errorf("commit: %w", sqlstore.Kind(err))
	}
	return transient(err), fmt.Errorf("commit: %w", notCommitted(err))
}

// transact does all of a transaction but its last statements, which it returns: those go out together with COMMIT.
func (s *Store) transact(ctx context.Context, q querier, x *session, account taocan.AccountID, fn func(store.Tx) error) ([]statement, error) {
	r := sqlstore.Reader{Q: q, S: &s.source}
	head, now := store.Head{}, s.clock.Now()
	if account == "" {
		var id int64
		if err := q.QueryRowContext(ctx, q.Text("settings_lock")).Scan(&id); err != nil {
			return nil, notCommitted(err)
		}
	} else {
		wall, err := s.now()
		if err != nil {
			return nil, err
		}
		if head, err = holdLane(ctx, q, taocan.LaneOf(account)); err != nil {
			return nil, notCommitted(err)
		}
		if err := s.post(ctx, q, &head); err != nil {
			return nil, notCommitted(err)
		}
		now = head.NextAt(wall)
	}
	t := sqlstore.NewTx(r, account, head, now)
	if err := fn(t); err != nil {
		return nil, err
	}
	rows, err := t.Finish(ctx)
	if err != nil {
		return nil, err
	}
	var last []statement
	add := func(name string, args ...any) {
		one, wrong := x.named(name, args...)
		last, err = append(last, one), errors.Join(err, wrong)
	}
	if lanes := lanesOf(t.Changed()); len(lanes) > 0 {
		add("lane_changed", lanes)
	}
	if len(rows) > 0 {
		c := store.NewCommit(head, now, nil, rows)
		add("commit_insert", store.CommitID(c.Lane, c.At), int64(c.Lane), c.Seq, c.Debits, c.DebitsDigest, c.Manifest, c.Prev, c.Hash)
		add("lane_update", c.Seq, c.At.UnixMicro(), c.Hash, c.Seq, int64(c.Lane))
	}
	return last, err
}

// holdLane locks a lane and reads its head.
func holdLane(ctx context.Context, q querier, lane taocan.Lane) (store.Head, error) {
	h := store.Head{Lane: lane}
	var at int64
	err := q.QueryRowContext(ctx, q.Text("lane_hold"), lane).Scan(&h.Seq, &at, &h.Hash, &h.Posted)
	h.At = sqlstore.FromMicros(at)
	return h, err
}

// lanesOf are those of projects, each once; everything: all.
func lanesOf(projects []taocan.Tenant, everything bool) (lanes []int64) {
	var wanted [taocan.Lanes]bool
	for _, t := range projects {
		wanted[taocan.LaneOf(t.Account)] = true
	}
	for lane, is := range wanted {
		if is || everything {
			lanes = append(lanes, int64(lane))
		}
	}
	return lanes
}
