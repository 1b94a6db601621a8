package sqlstore

import (
	"context"
	"errors"
	"time"

	"taocan/internal/store"
	"taocan/internal/store/idindex"
	"taocan/internal/taocan"
)

// CommitAt is a commit's id by its sequence, 0 where there is none.
func (r Reader) CommitAt(ctx context.Context, lane taocan.Lane, seq int64) (id int64, err error) {
	err = Kind(r.Q.QueryRowContext(ctx, r.Q.Text("commit_at_seq"), lane, seq).Scan(&id))
	if errors.Is(err, taocan.ErrNotFound) {
		err = nil
	}
	return id, err
}

// FillIndex tells an index what the log holds and it does not know, as far back as ids are remembered before now, and which
// reservations are open. A clock that is ahead of the log forgets nothing: the newest commit counts then.
func (r Reader) FillIndex(ctx context.Context, x *idindex.Index, now time.Time, window time.Duration) error {
	heads, err := r.Heads(ctx)
	if err != nil {
		return err
	}
	var newest time.Time
	for _, h := range heads {
		if h.At.After(newest) {
			newest = h.At
		}
	}
	if newest.Before(now) {
		now = newest
	}
	if err := r.replay(ctx, x, heads, store.CommitID(0, now.Add(-window))); err != nil {
		return err
	}
	for lane, covered := range x.Covered() { // what is older than ids are remembered need not be told
		if head := heads[lane]; covered != head.Seq {
			if err := x.AddCommit(head.Lane, head.Seq, store.CommitID(head.Lane, head.At), nil); err != nil {
				return err
			}
		}
	}
	// Open reservations may be older than what is remembered.
	return each(ctx, r.Q, r.Q.Text("reservation_all"), func(s scanner) (d taocan.Debit, err error) {
		return d, s.Scan(&d.Account, &d.Project, &d.ID, at(&d.At))
	}, func(d taocan.Debit) error {
		x.SetOpen(d.Project, d.ID, store.CommitID(taocan.LaneOf(d.Account), d.At))
		return nil
	})
}

// replaySlice is how many commits are read at a time: a large one has 100 KB.
const replaySlice = 256

// replay tells the commits that the index does not know, oldest first over all lanes.
func (r Reader) replay(ctx context.Context, x *idindex.Index, heads [taocan.Lanes]store.Head, since int64) error {
	type unknown struct {
		id, seq int64
		blob    []byte
	}
	covered := x.Covered()
	oldest := int64(0) // commit that any lane lacks
	for lane, seq := range covered {
		if seq == heads[lane].Seq {
			continue
		}
		id, err := r.CommitAt(ctx, taocan.Lane(lane), seq+1)
		if err != nil {
			return err
		}
		if oldest == 0 || id < oldest {
			oldest = id
		}
	}
	if oldest == 0 {
		return nil
	}
	from := max(oldest, since)
	for {
		commits, err := many(ctx, r.Q, r.Q.Text("commit_replay"), func(s scanner) (c unknown, err error) { return c, s.Scan(&c.id, &c.seq, &c.blob) }, from, replaySlice)
		if err != nil {
			return err
		}
		for _, c := range commits {
			lane, at := store.CommitOf(c.id)
			if from = c.id + 1; c.seq <= covered[lane] {
				continue
			}
			if err := x.AddCommit(lane, c.seq, c.id, c.blob); err != nil {
				return ErrDamaged(lane, at, err)
			}
		}
		if len(commits) < replaySlice {
			return nil
		}
	}
}
