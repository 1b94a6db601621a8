package sqlstore

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Debit is what stands recorded under the id.
func (r Reader) Debit(ctx context.Context, t taocan.Tenant, id taocan.DebitID) (taocan.Debit, error) {
	commits, err := r.S.Candidates(ctx, r, t, id)
	if err != nil {
		return taocan.Debit{}, About(err, "debit %s", id)
	}
	for _, commit := range commits {
		d, err := r.find(ctx, commit, t, id)
		if errors.Is(err, taocan.ErrNotFound) {
			continue // another id's, or newer than this snapshot
		}
		return d, err
	}
	// Ids are remembered for a while only, so nobody can tell whether an archived month knows this one.
	before, err := r.archivedBefore(ctx, taocan.LaneOf(t.Account))
	if err != nil {
		return taocan.Debit{}, About(err, "debit %s", id)
	}
	if !before.IsZero() {
		gone, err := r.hasDebits(ctx, t, 0, Micros(before))
		if err != nil {
			return taocan.Debit{}, About(err, "debit %s", id)
		}
		if gone { // a lane is shared: the project may have none
			return taocan.Debit{}, fmt.Errorf("debit %s: %w", id, &taocan.ArchivedError{Before: before})
		}
	}
	return taocan.Debit{}, fmt.Errorf("debit %s: %w", id, taocan.ErrNotFound)
}

func (r Reader) find(ctx context.Context, commit int64, t taocan.Tenant, id taocan.DebitID) (taocan.Debit, error) {
	lane, at := store.CommitOf(commit)
	blob, err := r.debitsOf(ctx, commit)
	if err != nil {
		return taocan.Debit{}, err
	}
	d, err := store.FindDebit(blob, at, t, id)
	if err != nil && !errors.Is(err, taocan.ErrNotFound) {
		return d, ErrDamaged(lane, at, err)
	}
	return d, err
}

// DebitsAt lists what one commit recorded for the project.
func (r Reader) DebitsAt(ctx context.Context, t taocan.Tenant, at time.Time) ([]taocan.Debit, error) {
	lane := taocan.LaneOf(t.Account)
	blob, err := r.debitsOf(ctx, store.CommitID(lane, at))
	if err != nil {
		return nil, err
	}
	found, err := store.UnpackDebits(blob, at, &t)
	if err != nil {
		return nil, ErrDamaged(lane, at, err)
	}
	return found, nil
}

// accountDebitsAt lists what one commit recorded for any project of the tenant's account.
func (r Reader) accountDebitsAt(ctx context.Context, t taocan.Tenant, at time.Time) ([]taocan.Debit, error) {
	lane := taocan.LaneOf(t.Account)
	blob, err := r.debitsOf(ctx, store.CommitID(lane, at))
	if err != nil {
		return nil, err
	}
	all, err := store.UnpackDebits(blob, at, nil)
	if err != nil {
		return nil, ErrDamaged(lane, at, err)
	}
	return slices.DeleteFunc(all, func(d taocan.Debit) bool { return d.Account != t.Account }), nil
}

// entryAt reports whether debits moved a package in the commit of an instant, µs.
func (r Reader) entryAt(ctx context.Context, t taocan.Tenant, n taocan.PackageNumber, at int64) (bool, error) {
	for _, kind := range []taocan.EntryKind{taocan.EntryDebit, taocan.EntryReserve, taocan.EntryCommit, taocan.EntryRelease} {
		_, err := r.Entry(ctx, store.RowRef{Kind: store.RowEntry, Tenant: t, ID: string(n), N: at, Entry: kind})
		if !errors.Is(err, taocan.ErrNotFound) {
			return err == nil, err
		}
	}
	return false, nil
}

// A list reads at most this many commits for one page; the cursor goes on from there.
const maxCommitsPerPage = 2000

// Debits walks the project's commits from the newest back, and ends before what is archived.
func (r Reader) Debits(ctx context.Context, t taocan.Tenant, f store.DebitFilter) (page store.Page[taocan.Debit], err error) {
	from, until, skip := int64(0), int64(1)<<62, 0
	if !f.From.IsZero() {
		from = f.From.UnixMicro()
	}
	if !f.Until.IsZero() {
		until = f.Until.UnixMicro()
	}
	if f.Commit != 0 {
		var id int64
		if err := r.Q.QueryRowContext(ctx, r.Q.Text("commit_at_seq"), taocan.LaneOf(t.Account), f.Commit).Scan(&id); err != nil {
			if err = Kind(err); errors.Is(err, taocan.ErrNotFound) {
				err = nil // an unknown commit holds nothing
			}
			return page, err
		}
		_, at := store.CommitOf(id)
		if at.UnixMicro() < from || at.UnixMicro() >= until {
			return page, nil
		}
		from, until = at.UnixMicro(), at.UnixMicro()+1
	}
	if f.Cursor != "" {
		at, n, err := parseDebitCursor(f.Cursor)
		if err != nil {
			return page, err
		}
		until, skip = min(until, at+1), n
	}
	if f.Commit == 0 { // one commit is answered or archived, nothing between
		before, err := r.archivedBefore(ctx, taocan.LaneOf(t.Account))
		if err != nil {
			return page, err
		}
		if n := Micros(before); n > from {
			gone, err := r.hasDebits(ctx, t, from, min(n, until))
			if err != nil {
				return page, err
			}
			if gone { // a lane is shared: the project may have none
				page.ArchivedBefore = before
			}
			from = n
		}
	}
	commits, err := r.debitRefs(ctx, t, from, until)
	if err != nil {
		return page, err
	}
	find := r.DebitsAt
	if f.Commit != 0 && f.Package != "" { // the package may have paid for another project of its account
		if _, err := r.Package(ctx, t, f.Package); err != nil {
			return page, err
		}
		find, commits = r.accountDebitsAt, []int64{from}
	}
	for i, at := range commits {
		if err := ctx.Err(); err != nil {
			return page, fmt.Errorf("%w: %w", taocan.ErrUnavailable, err)
		}
		found, err := find(ctx, t, time.UnixMicro(at).UTC())
		if errors.Is(err, taocan.ErrArchived) {
			if f.Package != "" { // a lane is shared: the commit may be of others alone
				if concerns, err := r.entryAt(ctx, t, f.Package, at); err != nil || !concerns {
					return page, err
				}
			}
			return page, err
		}
		if err != nil { // a commit that the list names is there: its absence must not be taken for the list's
			return page, fmt.Errorf("list debits of project %s: %s", t.Project, err.Error())
		}
		for n := len(found) - 1 - skip; n >= 0; n-- {
			if len(page.Items) == f.Limit {
				page.Next = debitCursor(at, len(found)-1-n)
				return page, nil
			}
			d := found[n]
			if !matches(d, f) {
				continue
			}
			if current, err := r.current(ctx, d); err != nil {
				return page, err
			} else if current {
				page.Items = append(page.Items, d)
			}
		}
		skip = 0
		if i == len(commits)-1 && len(commits) == maxCommitsPerPage {
			page.Next = debitCursor(at, len(found))
		}
	}
	return page, nil
}

// debitRefs lists commits with records of the project in [from, until), newest first, at most a page of them.
func (r Reader) debitRefs(ctx context.Context, t taocan.Tenant, from, until int64) ([]int64, error) {
	var commits []int64
	for until > from {
		refs, err := many(ctx, r.Q, r.Q.Text("debit_ref_list"), scanRefs, t.Account, t.Project, until, refRows)
		if err != nil {
			return nil, err
		}
		for _, ref := range refs {
			times, err := ref.Times()
			if err != nil {
				return nil, fmt.Errorf("list of commits of project %s: %w", t.Project, err)
			}
			for _, at := range slices.Backward(times) {
				switch n := at.UnixMicro(); {
				case n < from:
					return commits, nil
				case n < until:
					commits = append(commits, n)
				}
				if len(commits) == maxCommitsPerPage {
					return commits, nil
				}
			}
			until = ref.First.UnixMicro()
		}
		if len(refs) < refRows {
			break
		}
	}
	return commits, nil
}

// refRows is how many rows of lists of commits are read at a time.
const refRows = 100

func scanRefs(s scanner) (r store.DebitRefs, err error) {
	return r, s.Scan(&r.Account, &r.Project, at(&r.First), &r.More)
}

func matches(d taocan.Debit, f store.DebitFilter) bool {
	if f.Category != "" && d.Category != f.Category || f.Purpose != "" && d.Purpose != f.Purpose || f.State != "" && d.State != f.State {
		return false
	}
	if f.Package == "" {
		return true
	}
	for _, a := range d.Allocations {
		if a.Package == f.Package {
			return true
		}
	}
	return false
}

// current reports whether no later record has taken d's place: an open reservation still stands in its table.
func (r Reader) current(ctx context.Context, d taocan.Debit) (open bool, err error) {
	if !d.Open() {
		return true, nil
	}
	err = r.Q.QueryRowContext(ctx, r.Q.Text("reservation_open"), d.Account, d.Project, d.At.UnixMicro(), d.ID).Scan(&open)
	return open, Kind(err)
}

func debitCursor(at int64, skip int) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%d", at, skip))
}

func parseDebitCursor(s string) (at int64, skip int, err error) {
	bad := taocan.Invalid("query.cursor", "is not a cursor of this list", s)
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return 0, 0, bad
	}
	first, second, _ := strings.Cut(string(b), ".")
	at, err = strconv.ParseInt(first, 10, 64)
	if err != nil || at < 0 || at > 1<<61 {
		return 0, 0, bad
	}
	skip, err = strconv.Atoi(second)
	if err != nil || skip < 0 {
		return 0, 0, bad
	}
	return at, skip, nil
}

// DueReservations lists open reservations past their deadline, the longest overdue first.
func (r Reader) DueReservations(ctx context.Context, now time.Time, limit int) ([]store.Due, error) {
	rows, err := r.Q.QueryContext(ctx, r.Q.Text("reservation_due"), now.UnixMicro(), limit)
	if err != nil {
		return nil, Kind(err)
	}
	defer rows.Close()
	var due []store.Due
	for rows.Next() {
		var d store.Due
		if err := rows.Scan(&d.Account, &d.Project, &d.ID); err != nil {
			return nil, Kind(err)
		}
		due = append(due, d)
	}
	return due, Kind(rows.Err())
}

// CountDue is how many open reservations are past their deadline.
func (r Reader) CountDue(ctx context.Context, now time.Time) (n int, err error) {
	err = r.Q.QueryRowContext(ctx, r.Q.Text("reservation_due_count"), now.UnixMicro()).Scan(&n)
	return n, Kind(err)
}

// Usage sums what became used per natural day, by the package that paid.
func (r Reader) Usage(ctx context.Context, t taocan.Tenant, from, until time.Time, zone *time.Location) ([]store.UsageRow, error) {
	rows, err := r.Q.QueryContext(ctx, r.Q.Text("usage_sum"), t.Account, t.Project, from.UnixMicro(), until.UnixMicro())
	if err != nil {
		return nil, Kind(err)
	}
	defer rows.Close()
	sums := map[store.UsageRow]taocan.Segments{}
	for rows.Next() {
		var u store.UsageRow
		var at int64
		var used taocan.Segments
		if err := rows.Scan(&at, &u.Category, &u.Purpose, &u.Country, &used); err != nil {
			return nil, Kind(err)
		}
		u.Day = time.UnixMicro(at).In(zone).Format(time.DateOnly)
		sums[u] += used
	}
	if err := rows.Err(); err != nil {
		return nil, Kind(err)
	}
	days := make([]store.UsageRow, 0, len(sums))
	for u, used := range sums {
		u.Used = used
		days = append(days, u)
	}
	sort.Slice(days, func(i, j int) bool {
		a, b := days[i], days[j]
		if a.Day != b.Day {
			return a.Day < b.Day
		}
		return string(a.Category)+string(a.Purpose)+string(a.Country) < string(b.Category)+string(b.Purpose)+string(b.Country)
	})
	return days, nil
}

// ErrDamaged says which commit's records cannot be read.
func ErrDamaged(lane taocan.Lane, at time.Time, err error) error {
	return fmt.Errorf("commit of lane %d at %s: %w", lane, at.Format(time.RFC3339Nano), err)
}
