package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// takeFrom decides as simply as can be: it records every operation that is not a replay and takes it from one package.
func takeFrom(n taocan.PackageNumber, move taocan.EntryKind) func(*store.Ledger, []store.Op) []store.Outcome {
	return func(l *store.Ledger, ops []store.Op) []store.Outcome {
		outcomes := make([]store.Outcome, len(ops))
		for i, op := range ops {
			d := l.Record(op.Tenant, op.ID)
			switch {
			case d != nil && op.Kind == store.OpTake:
				outcomes[i] = store.Outcome{Debit: d, Replayed: true}
				continue
			case d != nil: // settle it: all becomes used
				settled := *d
				settled.State, settled.Settled, settled.SettledAt = taocan.Committed, d.Quantity, l.At(op.Account)
				d = &settled
			default:
				d = &taocan.Debit{Tenant: op.Tenant, DebitRequest: op.Request, State: taocan.Committed, At: l.At(op.Account), DecisionVersion: 1, SegmentVersion: 1,
					Allocations: []taocan.Allocation{{Package: n, Quantity: op.Request.Quantity}}}
				if op.Request.Kind == taocan.KindReservation {
					d.State, d.Deadline = taocan.Reserved, d.At.Add(op.Request.TTL)
				}
			}
			l.Move(l.Balances(op.Tenant).Balance(n), move, d.Quantity)
			l.Write(d)
			outcomes[i] = store.Outcome{Debit: d}
		}
		return outcomes
	}
}

func takeOp(t taocan.Tenant, id string, q taocan.Segments) store.Op {
	return store.Op{Tenant: t, Kind: store.OpTake, ID: taocan.DebitID(id), Request: taocan.DebitRequest{ID: taocan.DebitID(id), Kind: taocan.KindDebit,
		Category: taocan.Domestic, Purpose: taocan.Verification, Quantity: q, Reference: "ref-" + id}}
}

func reserveOp(t taocan.Tenant, id string, q taocan.Segments, ttl time.Duration) store.Op {
	op := takeOp(t, id, q)
	op.Request.Kind, op.Request.TTL, op.Request.OnDeadline = taocan.KindReservation, ttl, taocan.CommitOnDeadline
	return op
}

func (f *fixture) commit(n taocan.PackageNumber, move taocan.EntryKind, ops ...store.Op) []store.Outcome {
	f.Helper()
	outcomes, err := f.st.CommitDebits(f.Context(), ops, takeFrom(n, move))
	if err != nil {
		f.Fatalf("CommitDebits: %v", err)
	}
	return outcomes
}

func (f *fixture) debit(t taocan.Tenant, id taocan.DebitID) taocan.Debit {
	f.Helper()
	return get(f, func(ctx context.Context, r store.Reader) (taocan.Debit, error) { return r.Debit(ctx, t, id) })
}

func (f *fixture) debits(t taocan.Tenant, filter store.DebitFilter) []string {
	f.Helper()
	var ids []string
	limit := max(filter.Limit, 1)
	filter.Limit = limit
	for range 1000 {
		page := get(f, func(ctx context.Context, r store.Reader) (store.Page[taocan.Debit], error) {
			return r.Debits(ctx, t, filter)
		})
		for _, d := range page.Items {
			ids = append(ids, string(d.ID))
		}
		if filter.Cursor = page.Next; filter.Cursor == "" {
			return ids
		}
	}
	f.Fatal("the list does not end")
	return nil
}

var debitCases = []testCase{
	{"a commit reads back as it was decided", func(f *fixture) {
		f.open(alpha)
		p := f.put(f.newPackage(alpha, f.clock.Now()))[0]
		ids := []string{"a/b", "..", "~!$", "m-4"}
		var ops []store.Op
		for i, id := range ids {
			ops = append(ops, takeOp(alpha, id, taocan.Segments(i+1)))
		}
		outcomes := f.commit(p.Number, taocan.EntryDebit, ops...)
		for i, id := range ids {
			same(f, "debit "+id, f.debit(alpha, taocan.DebitID(id)), *outcomes[i].Debit)
		}
		same(f, "figures", f.pkg(alpha, p.Number).Used, taocan.Segments(10))
		entry := f.entries(alpha, p.Number)[0]
		want := taocan.Entry{Tenant: alpha, Package: p.Number, Kind: taocan.EntryDebit, At: outcomes[0].Debit.At, Remaining: -10, Used: 10,
			RemainingAfter: 990, Debits: 4, Lane: taocan.LaneOf("alpha"), Commit: entry.Commit}
		same(f, "the commit's entry", entry, want)
		same(f, "its debits", f.debits(alpha, store.DebitFilter{Commit: entry.Commit}), []string{"m-4", "~!$", "..", "a/b"})
		for what, x := range map[string]struct {
			from, until time.Time
			want        []string
		}{
			"in its time": {entry.At, entry.At.Add(time.Microsecond), []string{"m-4", "~!$", "..", "a/b"}},
			"after it":    {entry.At.Add(time.Microsecond), time.Time{}, nil},
			"until it":    {time.Time{}, entry.At, nil},
		} {
			got := f.debits(alpha, store.DebitFilter{Commit: entry.Commit, Package: p.Number, From: x.from, Until: x.until})
			same(f, "its debits of the package, asked for "+what, got, x.want)
		}
		f.commit(p.Number, taocan.EntryDebit, takeOp(alpha, "alone", 1))
		same(f, "reference of an entry of one debit", f.entries(alpha, p.Number)[0].Reference, "alone")
	}},
	{"what stands recorded under an id is recalled, in the same call and later", func(f *fixture) {
		f.open(alpha, beta)
		p := f.put(f.newPackage(alpha, f.clock.Now()))[0]
		q := f.put(f.newPackage(beta, f.clock.Now()))[0]
		first := f.commit(p.Number, taocan.EntryDebit, takeOp(alpha, "m-1", 5), takeOp(alpha, "m-1", 5))
		if first[0].Replayed || !first[1].Replayed {
			f.Errorf("outcomes %+v: the second is a replay", first)
		}
		again := f.commit(p.Number, taocan.EntryDebit, takeOp(alpha, "m-1", 5))[0]
		if !again.Replayed {
			f.Error("a later call is a replay")
		}
		same(f, "replayed record", *again.Debit, *first[0].Debit)
		if other := f.commit(q.Number, taocan.EntryDebit, takeOp(beta, "m-1", 5))[0]; other.Replayed {
			f.Error("another project's id is another id")
		}
		same(f, "used", f.pkg(alpha, p.Number).Used, taocan.Segments(5))
	}},
	{"ids are remembered for thirty days and then count as new", func(f *fixture) {
		f.open(alpha)
		p := f.put(f.newPackage(alpha, f.clock.Now()))[0]
		f.commit(p.Number, taocan.EntryDebit, takeOp(alpha, "m-1", 5))
		f.clock.Advance(30*24*time.Hour - time.Minute)
		if !f.commit(p.Number, taocan.EntryDebit, takeOp(alpha, "m-1", 5))[0].Replayed {
			f.Error("a minute before: want a replay")
		}
		f.clock.Advance(2 * time.Minute)
		if f.commit(p.Number, taocan.EntryDebit, takeOp(alpha, "m-1", 5))[0].Replayed {
			f.Error("a minute after: want a new debit")
		}
		same(f, "used", f.pkg(alpha, p.Number).Used, taocan.Segments(10))
	}},
	{"nothing written leaves nothing, not even a commit", func(f *fixture) {
		f.open(alpha)
		p := f.put(f.newPackage(alpha, f.clock.Now()))[0]
		head := func() store.Head {
			return get(f, func(ctx context.Context, r store.Reader) ([taocan.Lanes]store.Head, error) { return r.Heads(ctx) })[taocan.LaneOf("alpha")]
		}
		before := head()
		refused := errors.New("refused")
		outcomes, err := f.st.CommitDebits(f.Context(), []store.Op{takeOp(alpha, "m-1", 1)}, func(*store.Ledger, []store.Op) []store.Outcome {
			return []store.Outcome{{Err: refused}}
		})
		if err != nil || !errors.Is(outcomes[0].Err, refused) {
			f.Errorf("outcomes %v, %v", outcomes, err)
		}
		same(f, "head", head(), before)
		absent(f, "the refused debit", func(ctx context.Context, r store.Reader) (taocan.Debit, error) { return r.Debit(ctx, alpha, "m-1") })
		same(f, "figures", f.pkg(alpha, p.Number).Remaining, p.Remaining)
	}},
	{"a decision that panics is thrown away with all that it changed", func(f *fixture) {
		f.open(alpha)
		p := f.put(f.newPackage(alpha, f.clock.Now()))[0]
		func() {
			defer func() {
				if recover() == nil {
					f.Error("the panic is the caller's to see")
				}
			}()
			_, _ = f.st.CommitDebits(f.Context(), []store.Op{takeOp(alpha, "m-1", 1)}, func(l *store.Ledger, ops []store.Op) []store.Outcome {
				l.Move(l.Balances(alpha).Balance(p.Number), taocan.EntryDebit, p.Remaining+1)
				return nil
			})
		}()
		f.commit(p.Number, taocan.EntryDebit, takeOp(alpha, "m-1", 3))
		same(f, "figures", f.pkg(alpha, p.Number).Remaining, p.Remaining-3)
	}},
	{"commits of several accounts at once each stand in their own lane", func(f *fixture) {
		var ops []store.Op
		packages := map[taocan.Tenant]taocan.PackageNumber{}
		for i := range 40 {
			t := taocan.Tenant{Account: taocan.AccountID(fmt.Sprintf("a%d", i)), Project: taocan.ProjectID(fmt.Sprintf("p%d", i))}
			f.open(t)
			packages[t] = f.put(f.newPackage(t, f.clock.Now()))[0].Number
			ops = append(ops, takeOp(t, "m-1", taocan.Segments(i+1)))
		}
		_, err := f.st.CommitDebits(f.Context(), ops, func(l *store.Ledger, ops []store.Op) (outcomes []store.Outcome) {
			for i := range ops {
				outcomes = append(outcomes, takeFrom(packages[ops[i].Tenant], taocan.EntryDebit)(l, ops[i:i+1])...)
			}
			return outcomes
		})
		if err != nil {
			f.Fatal(err)
		}
		for i, op := range ops {
			same(f, "used by "+string(op.Account), f.pkg(op.Tenant, packages[op.Tenant]).Used, taocan.Segments(i+1))
			same(f, "debits of "+string(op.Account), f.debits(op.Tenant, store.DebitFilter{}), []string{"m-1"})
		}
	}},
	{"a purchase is seen by the next commit", func(f *fixture) {
		f.open(alpha)
		p := f.put(f.newPackage(alpha, f.clock.Now()))[0]
		f.commit(p.Number, taocan.EntryDebit, takeOp(alpha, "m-1", 1))
		q := f.put(f.newPackage(alpha, f.clock.Now()))[0]
		f.adjust(alpha, p.Number, 7)
		f.commit(q.Number, taocan.EntryDebit, takeOp(alpha, "m-2", 2))
		f.commit(p.Number, taocan.EntryDebit, takeOp(alpha, "m-3", 3))
		same(f, "the new one", f.pkg(alpha, q.Number).Remaining, taocan.Segments(998))
		same(f, "the adjusted one", f.pkg(alpha, p.Number).Remaining, taocan.Segments(1003))
	}},
	{"balances of the past come from entries", func(f *fixture) {
		f.open(alpha)
		p := f.put(f.newPackage(alpha, f.clock.Now()))[0]
		at := func(t time.Time) taocan.Segments {
			return get(f, func(ctx context.Context, r store.Reader) (taocan.Balance, error) {
				return r.Balance(ctx, alpha, taocan.Domestic, f.clock.Now(), t)
			}).Remaining
		}
		var times []time.Time
		for i := range 5 {
			f.clock.Advance(time.Hour)
			times = append(times, f.commit(p.Number, taocan.EntryDebit, takeOp(alpha, fmt.Sprint("m-", i), 10))[0].Debit.At)
		}
		for i, when := range times {
			same(f, "at the commit", at(when), taocan.Segments(1000-10*(i+1)))
			same(f, "just before", at(when.Add(-time.Microsecond)), taocan.Segments(1000-10*i))
		}
	}},
	{"open reservations are due from their deadline on, until they are settled", func(f *fixture) {
		f.open(alpha)
		p := f.put(f.newPackage(alpha, f.clock.Now()))[0]
		due := func(now time.Time) (ids []string) {
			for _, d := range get(f, func(ctx context.Context, r store.Reader) ([]store.Due, error) { return r.DueReservations(ctx, now, 10) }) {
				ids = append(ids, string(d.ID))
			}
			return ids
		}
		late := f.commit(p.Number, taocan.EntryReserve, reserveOp(alpha, "late", 3, 2*time.Hour))[0].Debit
		soon := f.commit(p.Number, taocan.EntryReserve, reserveOp(alpha, "soon", 4, time.Hour))[0].Debit
		same(f, "due just before", due(soon.Deadline.Add(-time.Microsecond)), []string(nil))
		same(f, "due at the deadline", due(soon.Deadline), []string{"soon"})
		same(f, "due later, the longest overdue first", due(late.Deadline), []string{"soon", "late"})
		same(f, "their number", get(f, func(ctx context.Context, r store.Reader) (int, error) { return r.CountDue(ctx, late.Deadline) }), 2)
		same(f, "the reservation", f.debit(alpha, "soon"), *soon)
		f.clock.Advance(time.Minute)
		settled := f.commit(p.Number, taocan.EntryCommit, store.Op{Tenant: alpha, Kind: store.OpCommit, ID: "soon"})[0].Debit
		same(f, "due after settling", due(late.Deadline), []string{"late"})
		same(f, "the settled reservation", f.debit(alpha, "soon"), *settled)
		same(f, "a list shows it once, at its last change", f.debits(alpha, store.DebitFilter{}), []string{"soon", "late"})
		same(f, "open ones", f.debits(alpha, store.DebitFilter{State: taocan.Reserved}), []string{"late"})
	}},
	{"lists of debits filter, page without overlap, and never show another project's", func(f *fixture) {
		f.open(alpha, alphaOther)
		p := f.put(f.newPackage(alpha, f.clock.Now()))[0]
		q := f.put(f.newPackage(alpha, f.clock.Now()))[0]
		other := f.put(f.newPackage(alphaOther, f.clock.Now()))[0]
		var newest []string
		for i := range 7 {
			f.clock.Advance(time.Minute)
			n := []taocan.PackageNumber{p.Number, q.Number}[i%2]
			var ops []store.Op
			for k := range i + 1 {
				id := fmt.Sprintf("m-%d-%d", i, k)
				ops = append(ops, takeOp(alpha, id, 1))
				newest = append([]string{id}, newest...)
			}
			f.commit(n, taocan.EntryDebit, ops...)
			f.commit(other.Number, taocan.EntryDebit, takeOp(alphaOther, fmt.Sprint("x-", i), 1))
		}
		for _, limit := range []int{1, 2, 3, 5, 100} {
			same(f, fmt.Sprintf("pages of %d", limit), f.debits(alpha, store.DebitFilter{Paging: store.Paging{Limit: limit}}), newest)
		}
		same(f, "of the other project", len(f.debits(alphaOther, store.DebitFilter{})), 7)
		same(f, "of one package", len(f.debits(alpha, store.DebitFilter{Package: q.Number})), 2+4+6)
		same(f, "of a purpose", len(f.debits(alpha, store.DebitFilter{Purpose: taocan.Marketing})), 0)
		same(f, "of a category", len(f.debits(alpha, store.DebitFilter{Category: taocan.Domestic})), len(newest))
		same(f, "of the other category", len(f.debits(alpha, store.DebitFilter{Category: taocan.International})), 0)
		third := f.debit(alpha, "m-2-0").At
		same(f, "from an instant on, until another", f.debits(alpha, store.DebitFilter{From: third, Until: third.Add(time.Microsecond)}), []string{"m-2-2", "m-2-1", "m-2-0"})
		for _, cursor := range []string{"?", "bm9uc2Vuc2U", "MTIz"} {
			err := f.st.View(f.Context(), func(r store.Reader) error {
				_, err := r.Debits(f.Context(), alpha, store.DebitFilter{Paging: store.Paging{Limit: 1, Cursor: cursor}})
				return err
			})
			if !errors.Is(err, taocan.ErrInvalid) {
				f.Errorf("cursor %q: got %v, want %v", cursor, err, taocan.ErrInvalid)
			}
		}
	}},
	{"usage sums what became used, by natural day of the zone", func(f *fixture) {
		f.open(alpha)
		p := f.put(f.newPackage(alpha, f.clock.Now()))[0]
		zone := time.FixedZone("platform", 8*3600)
		f.clock.Set(time.Date(2026, 3, 1, 15, 59, 0, 0, time.UTC)) // 23:59 on 1 March there
		f.commit(p.Number, taocan.EntryDebit, takeOp(alpha, "m-1", 5))
		f.commit(p.Number, taocan.EntryReserve, reserveOp(alpha, "r-1", 7, time.Hour))
		f.clock.Advance(2 * time.Minute)
		f.commit(p.Number, taocan.EntryCommit, store.Op{Tenant: alpha, Kind: store.OpCommit, ID: "r-1"})
		rows := get(f, func(ctx context.Context, r store.Reader) ([]store.UsageRow, error) {
			return r.Usage(ctx, alpha, start, start.AddDate(0, 0, 2), zone)
		})
		same(f, "usage", rows, []store.UsageRow{
			{Day: "2026-03-01", Category: taocan.Domestic, Purpose: taocan.Verification, Used: 5},
			{Day: "2026-03-02", Category: taocan.Domestic, Purpose: taocan.Verification, Used: 7},
		})
	}},
}
