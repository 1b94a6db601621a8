package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
	done := false
	defer func() {
		if !done && account != "" { // failed or panicked
			s.forget([]int64{int64(taocan.LaneOf(account))})
		}
	}()
	w, err := s.transact(ctx, querier{c}, x, account, fn)
	if err != nil {
		done = !w.doubtful
		if x.failure == nil {
			return false, err
		}
		return transient(x.failure), fmt.Errorf("%w: %w: %w", store.ErrNotCommitted, sqlstore.Kind(x.failure), err)
	}
	// A commit is not left half-way because nobody waits for it any more.
	uncertain, err := x.commit(context.WithoutCancel(ctx), w.last...)
	switch {
	case err == nil:
		done = true
		if account != "" {
			s.remember(taocan.LaneOf(account), w)
		}
		return false, nil
	case uncertain:
		return false, fmt.Errorf("commit: %w", sqlstore.Kind(err))
	}
	return transient(err), fmt.Errorf("commit: %w", notCommitted(err))
}

// written is what a transaction came to.
type written struct {
	last       []statement // that go out together with COMMIT
	doubtful   bool        // what is remembered of the lane is not so unless it is committed
	link       *store.Commit
	changed    []taocan.Tenant
	everything bool
	lanes      []int64 // that are told of changes
}

// transact does all of a transaction but its last statements.
func (s *Store) transact(ctx context.Context, q querier, x *session, account taocan.AccountID, fn func(store.Tx) error) (w written, err error) {
	r := sqlstore.Reader{Q: q, S: &s.source}
	head, now := store.Head{}, s.clock.Now()
	if account == "" {
		var id int64
		if err := q.QueryRowContext(ctx, q.Text("settings_lock")).Scan(&id); err != nil {
			return w, notCommitted(err)
		}
	} else {
		wall, err := s.now()
		if err != nil {
			return w, err
		}
		lane := taocan.LaneOf(account)
		b := &loader{s: s, q: q}
		w.doubtful = true
		if err := s.lock(ctx, q, []int64{int64(lane)}); err != nil {
			return w, notCommitted(err)
		}
		if err := s.postAll(ctx, b, lane); err != nil { // fn reads packages
			return w, notCommitted(err)
		}
		w.doubtful = b.posted
		head = s.memory[lane].head
		now = head.NextAt(wall)
	}
	t := sqlstore.NewTx(r, account, head, now)
	if err := fn(t); err != nil {
		return w, err
	}
	rows, err := t.Finish(ctx)
	if err != nil {
		return w, err
	}
	add := func(name string, args ...any) {
		one, wrong := x.named(name, args...)
		w.last, err = append(w.last, one), errors.Join(err, wrong)
	}
	w.changed, w.everything = t.Changed()
	if w.lanes = lanesOf(w.changed, w.everything); len(w.lanes) > 0 {
		add("lane_changed", w.lanes)
	}
	if len(rows) > 0 {
		c := store.NewCommit(head, now, nil, rows)
		w.link = &c
		add("commit_insert", store.CommitID(c.Lane, c.At), int64(c.Lane), c.Seq, c.Debits, c.DebitsDigest, c.Manifest, c.Prev, c.Hash)
		add("lane_update", c.Seq, c.At.UnixMicro(), c.Hash, c.Seq, int64(c.Lane))
	}
	return w, err
}

// remember notes what a transaction of this process did to its lane. Other lanes that it changed are read anew when they are locked.
func (s *Store) remember(lane taocan.Lane, w written) {
	m := &s.memory[lane]
	if slices.Contains(w.lanes, int64(lane)) {
		m.changes++
	}
	for _, t := range w.changed {
		m.cache.Drop(t)
	}
	if w.everything {
		m.cache.Reset()
	}
	if w.link != nil {
		m.wrote(*w.link, w.link.Seq, nil)
		s.noteWritten(*w.link, nil)
	}
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
