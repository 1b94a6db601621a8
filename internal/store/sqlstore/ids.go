package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"slices"
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

// FillIndex tells an index what the log holds and it does not know, as far back as ids are remembered, and which reservations
// are open.
func (r Reader) FillIndex(ctx context.Context, x *idindex.Index, since time.Time) error {
	heads, err := r.Heads(ctx)
	if err != nil {
		return err
	}
	type unknown struct {
		id, seq int64
	}
	var commits []unknown
	for lane, covered := range x.Covered() {
		if covered == heads[lane].Seq {
			continue
		}
		of, err := many(ctx, r.Q, r.Q.Text("commit_ids_after"), func(s scanner) (c unknown, err error) { return c, s.Scan(&c.id, &c.seq) },
			lane, covered, store.CommitID(0, since))
		if err != nil {
			return err
		}
		commits = append(commits, of...)
	}
	slices.SortFunc(commits, func(a, b unknown) int { return cmp.Compare(a.id, b.id) })
	for _, c := range commits {
		var blob []byte
		if err := r.Q.QueryRowContext(ctx, r.Q.Text("commit_debits"), c.id).Scan(&blob); err != nil {
			return Kind(err)
		}
		lane, at := store.CommitOf(c.id)
		if err := x.AddCommit(lane, c.seq, c.id, blob); err != nil {
			return ErrDamaged(lane, at, err)
		}
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
