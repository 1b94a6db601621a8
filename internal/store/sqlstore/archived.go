package sqlstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// ArchivedMonths lists what has left the store, by lane and month.
func (r Reader) ArchivedMonths(ctx context.Context) ([]store.ArchivedMonth, error) {
	list, err := many(ctx, r.Q, r.Q.Text("archived_month_list"), scanArchivedMonth)
	return list, About(err, "archived months")
}

func scanArchivedMonth(s scanner) (m store.ArchivedMonth, err error) {
	var overflow []byte
	err = s.Scan(&m.Lane, &m.Month, &m.FirstSeq, &m.LastSeq, &m.Commits, &m.Debits, &m.Refs, &m.Entries, &m.Segments, &overflow,
		&m.EntriesDigest, &m.File, &m.FileSHA256, at(&m.ArchivedAt), &m.Seq)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(overflow, &m.Overflow); err != nil {
		return m, fmt.Errorf("overflow of %s: %w", m, err)
	}
	return m, nil
}

// archivedMonth is one of them.
func (r Reader) archivedMonth(ctx context.Context, lane int64, month string) (store.ArchivedMonth, error) {
	return one(ctx, r.Q, r.Q.Text("archived_month_get"), scanArchivedMonth, lane, month)
}

// DebitsLeft is the first commit that the row covers and whose debits are still there.
func (r Reader) DebitsLeft(ctx context.Context, m store.ArchivedMonth) (seq int64, err error) {
	err = r.Q.QueryRowContext(ctx, r.Q.Text("archived_debits_left"), m.Lane, m.FirstSeq-1, m.LastSeq).Scan(&seq)
	return seq, About(Kind(err), "debits of %s", m)
}

// OldestReservation is the oldest that is open.
func (r Reader) OldestReservation(ctx context.Context) (t taocan.Tenant, oldest store.OpenReservation, err error) {
	err = r.Q.QueryRowContext(ctx, r.Q.Text("reservation_oldest")).Scan(&t.Account, &t.Project, at(&oldest.At), &oldest.ID, at(&oldest.Deadline))
	return t, oldest, About(Kind(err), "oldest reservation")
}

// hasDebits reports whether the project has any in [from, until), archived or not.
func (r Reader) hasDebits(ctx context.Context, t taocan.Tenant, from, until int64) (bool, error) {
	newest, err := many(ctx, r.Q, r.Q.Text("debit_ref_list"), scanRefs, t.Account, t.Project, until, 1)
	if err != nil || len(newest) == 0 {
		return false, err
	}
	times, err := newest[0].Times()
	if err != nil {
		return false, fmt.Errorf("list of commits of project %s: %w", t.Project, err)
	}
	return slices.ContainsFunc(times, func(at time.Time) bool { n := at.UnixMicro(); return from <= n && n < until }), nil
}

// archivedBefore is the instant before which a lane's debits are archived; zero where none are.
func (r Reader) archivedBefore(ctx context.Context, lane taocan.Lane) (time.Time, error) {
	var newest string
	err := r.Q.QueryRowContext(ctx, r.Q.Text("archived_month_newest"), lane).Scan(&newest)
	return store.ArchivedMonth{Month: newest}.Until(), Kind(err)
}

// debitsOf are the packed debits of a commit; nil where it has none. If they are archived, it says so.
func (r Reader) debitsOf(ctx context.Context, commit int64) (blob []byte, err error) {
	if err := r.Q.QueryRowContext(ctx, r.Q.Text("commit_debits"), commit).Scan(&blob); err != nil || blob != nil {
		return blob, Kind(err)
	}
	var month string
	err = Kind(r.Q.QueryRowContext(ctx, r.Q.Text("archived_month_of_commit"), commit, store.NoDebitsDigest()).Scan(&month))
	switch {
	case errors.Is(err, taocan.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	lane, _ := store.CommitOf(commit)
	before, err := r.archivedBefore(ctx, lane)
	if err != nil {
		return nil, err
	}
	return nil, &taocan.ArchivedError{Before: before, Found: true}
}

// InsertArchivedMonth notes that a month of the lane is in a file.
func (t *Tx) InsertArchivedMonth(ctx context.Context, m store.ArchivedMonth) error {
	if err := t.owns(t.account); err != nil {
		return About(err, "insert %s", m)
	}
	if m.Lane != t.lane {
		return fmt.Errorf("insert %s: the transaction is of lane %d", m, t.lane)
	}
	if m.Overflow == nil {
		m.Overflow = map[taocan.AccountID]int64{}
	}
	overflow, err := json.Marshal(m.Overflow)
	if err != nil {
		return err
	}
	err = t.exec(ctx, "archived_month_insert", m.Lane, m.Month, m.FirstSeq, m.LastSeq, m.Commits, m.Debits, m.Refs, m.Entries, m.Segments, string(overflow),
		m.EntriesDigest, m.File, m.FileSHA256, Micros(m.ArchivedAt), t.seq)
	if err != nil {
		return About(err, "insert %s", m)
	}
	// A process that has not looked for months learns the balances anew: the log no longer tells what they lost.
	t.watchChanged(taocan.Tenant{Account: t.account})
	return t.ledger(store.ArchivedMonthRow(t.account, m))
}

// DropArchivedDebits removes debits that archived months cover.
func (t *Tx) DropArchivedDebits(ctx context.Context, lane taocan.Lane, after, upTo int64) error {
	return About(t.exec(ctx, "archived_debits_drop", lane, after, upTo), "remove archived debits of lane %d", lane)
}
