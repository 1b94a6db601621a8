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

// Heads of all lanes.
func (r Reader) Heads(ctx context.Context) ([taocan.Lanes]store.Head, error) { return Heads(ctx, r.Q) }

// Commits lists a lane's links after a sequence, in order.
func (r Reader) Commits(ctx context.Context, lane taocan.Lane, after int64, limit int) ([]store.Commit, error) {
	return many(ctx, r.Q, r.Q.Text("commit_list"), func(s scanner) (c store.Commit, err error) {
		var id int64
		err = s.Scan(&id, &c.Seq, &c.Debits, &c.DebitsDigest, &c.Manifest, &c.Prev, &c.Hash)
		c.Lane, c.At = store.CommitOf(id)
		return c, err
	}, lane, after, limit)
}

// EachCommit calls fn with a lane's links after a sequence, up to another, in order. fn may run queries.
func EachCommit(ctx context.Context, r Reader, lane taocan.Lane, after, upTo int64, fn func(store.Commit) error) error {
	const slice = 100
	for after < upTo {
		commits, err := r.Commits(ctx, lane, after, int(min(slice, upTo-after)))
		if err != nil {
			return err
		}
		if len(commits) == 0 || commits[0].Seq != after+1 {
			return fmt.Errorf("commit %d of lane %d: %w", after+1, lane, taocan.ErrNotFound)
		}
		for _, c := range commits {
			if err := fn(c); err != nil {
				return err
			}
			after = c.Seq
		}
	}
	return nil
}

// LedgerRow digests the row that a manifest names as it stands.
func (r Reader) LedgerRow(ctx context.Context, ref store.RowRef) (store.Row, error) {
	switch ref.Kind {
	case store.RowOrder, store.RowOrderSettled, store.RowPayment:
		o, err := r.Order(ctx, ref.Tenant, taocan.OrderID(ref.ID))
		switch {
		case err != nil:
			return store.Row{}, err
		case ref.Kind == store.RowOrder:
			return store.OrderRow(o), nil
		case ref.Kind == store.RowOrderSettled:
			return store.OrderSettledRow(o.Tenant, o.ID, o.State, o.SettledAt), nil
		case o.Payment == nil:
			return store.Row{}, fmt.Errorf("payment of order %s: %w", o.ID, taocan.ErrNotFound)
		}
		return store.PaymentRow(*o.Payment), nil
	case store.RowWalletEntry:
		e, err := r.walletEntry(ctx, ref.Account, ref.N)
		return store.WalletEntryRow(e), err
	case store.RowVoucher, store.RowVoucherUsed:
		v, err := r.Voucher(ctx, ref.Account, taocan.VoucherID(ref.ID))
		if ref.Kind == store.RowVoucher {
			return store.VoucherRow(v), err
		}
		return store.VoucherUsedRow(v), err
	case store.RowPackage:
		p, err := r.Package(ctx, ref.Tenant, taocan.PackageNumber(ref.ID))
		return store.PackageRow(p), err
	case store.RowArchivedMonth:
		m, err := r.archivedMonth(ctx, ref.N, ref.ID)
		return store.ArchivedMonthRow(ref.Account, m), err
	}
	return store.Row{}, fmt.Errorf("%s: %w", ref, taocan.ErrNotFound)
}

// Entry that a manifest names.
func (r Reader) Entry(ctx context.Context, ref store.RowRef) (taocan.Entry, error) {
	return r.entry(ctx, ref.Tenant, taocan.PackageNumber(ref.ID), FromMicros(ref.N), ref.Entry)
}

// countsOf names the query that counts the rows of a kind.
var countsOf = map[store.RowKind]string{
	store.RowOrder: "count_orders", store.RowOrderSettled: "count_settled_orders", store.RowPayment: "count_payments",
	store.RowWalletEntry: "count_wallet_entries", store.RowVoucher: "count_vouchers", store.RowVoucherUsed: "count_used_vouchers",
	store.RowPackage: "count_packages", store.RowEntry: "count_entries",
	store.RowArchivedMonth: "count_archived_months",
}

// LedgerCount counts the rows of a kind.
func (r Reader) LedgerCount(ctx context.Context, rows store.RowKind, asked [taocan.Lanes]store.Head) (c store.RowCount, err error) {
	present, err := Heads(ctx, r.Q)
	if err != nil {
		return c, err
	}
	if rows == store.RowEntry { // those of later commits are not posted
		for lane := range present {
			present[lane].Seq = present[lane].Posted
		}
	}
	upTo, err := sequences(asked)
	if err != nil {
		return c, err
	}
	now, err := sequences(present)
	if err != nil {
		return c, err
	}
	err = r.Q.QueryRowContext(ctx, r.Q.Text(countsOf[rows]), upTo, now).Scan(&c.Covered, &c.Beyond)
	return c, Kind(err)
}

// sequences of heads as a JSON array by lane.
func sequences(heads [taocan.Lanes]store.Head) (string, error) {
	var seqs [taocan.Lanes]int64
	for lane, h := range heads {
		seqs[lane] = h.Seq
	}
	b, err := json.Marshal(seqs)
	return string(b), err
}

// DebitRefsAfter lists references to commits in key order.
func (r Reader) DebitRefsAfter(ctx context.Context, after store.DebitRef, limit int) ([]store.DebitRef, error) {
	rows, err := many(ctx, r.Q, r.Q.Text("debit_ref_after"), scanRefs, after.Account, after.Project, Micros(after.At), limit)
	var refs []store.DebitRef
	for _, row := range rows {
		times, damaged := row.Times()
		err = errors.Join(err, damaged)
		for _, at := range times {
			refs = append(refs, store.DebitRef{Tenant: row.Tenant, At: at})
		}
	}
	return refs, err
}

// HasDebitRef reports whether the project's list of commits knows the one at this time.
func (r Reader) HasDebitRef(ctx context.Context, t taocan.Tenant, when time.Time) (known bool, err error) {
	found, err := r.debitRefs(ctx, t, Micros(when), Micros(when)+1)
	return len(found) == 1, err
}

// PackagesAfter lists packages of all tenants in key order.
func (r Reader) PackagesAfter(ctx context.Context, t taocan.Tenant, n taocan.PackageNumber, limit int) ([]taocan.Package, error) {
	return many(ctx, r.Q, r.Q.Text("package_after"), scanPackage, t.Account, t.Project, n, limit)
}

// EachEntry calls fn with a package's entries, oldest first.
func (r Reader) EachEntry(ctx context.Context, t taocan.Tenant, n taocan.PackageNumber, fn func(taocan.Entry) error) error {
	return each(ctx, r.Q, r.Q.Text("entry_each"), scanEntry, fn, t.Account, t.Project, n)
}

// NumberOwner is whose package the directory says it is.
func (r Reader) NumberOwner(ctx context.Context, n taocan.PackageNumber) (taocan.Tenant, error) {
	return one(ctx, r.Q, r.Q.Text("package_number_get"), func(s scanner) (t taocan.Tenant, err error) { return t, s.Scan(&t.Account, &t.Project) }, n)
}

// ReservedPackages lists what is reserved in each package of the project.
func (r Reader) ReservedPackages(ctx context.Context, t taocan.Tenant) (map[taocan.PackageNumber]taocan.Segments, error) {
	reserved := map[taocan.PackageNumber]taocan.Segments{}
	err := each(ctx, r.Q, r.Q.Text("package_reserved"), func(s scanner) (p taocan.Package, err error) { return p, s.Scan(&p.Number, &p.Reserved) },
		func(p taocan.Package) error { reserved[p.Number] = p.Reserved; return nil }, t.Account, t.Project)
	return reserved, err
}

// OpenReservations lists the project's rows of the table of open reservations, by time.
func (r Reader) OpenReservations(ctx context.Context, t taocan.Tenant) ([]store.OpenReservation, error) {
	return many(ctx, r.Q, r.Q.Text("reservation_list"), func(s scanner) (o store.OpenReservation, err error) {
		return o, s.Scan(at(&o.At), &o.ID, at(&o.Deadline))
	}, t.Account, t.Project)
}

// Derived compares live with the figures, the counts of package_group and the sums of package_sum with the packages, and vouchers with the
// directory that they were issued from.
func (r Reader) Derived(ctx context.Context, limit int) ([]store.Finding, error) {
	wrong, err := many(ctx, r.Q, r.Q.Text("package_live_wrong"), func(s scanner) (f store.Finding, err error) {
		var n taocan.PackageNumber
		err = s.Scan(&n)
		return store.Finding{Subject: fmt.Sprintf("package %s", n), Detail: "is kept on the wrong side of what can pay"}, err
	}, limit)
	if err != nil {
		return nil, err
	}
	groups, err := many(ctx, r.Q, r.Q.Text("package_group_wrong"), func(s scanner) (f store.Finding, err error) {
		var project, name string
		err = s.Scan(&project, &name)
		return store.Finding{Subject: fmt.Sprintf("packages %q of project %s", name, project), Detail: "are counted wrongly"}, err
	}, limit)
	if err != nil {
		return nil, err
	}
	sums, err := many(ctx, r.Q, r.Q.Text("package_sum_wrong"), func(s scanner) (f store.Finding, err error) {
		var project, category, purpose string
		err = s.Scan(&project, &category, &purpose)
		return store.Finding{Subject: fmt.Sprintf("balance of %s %s of project %s", category, purpose, project), Detail: "is not the sum of its packages"}, err
	}, limit)
	if err != nil {
		return nil, err
	}
	vouchers, err := many(ctx, r.Q, r.Q.Text("voucher_code_wrong"), func(s scanner) (f store.Finding, err error) {
		var id string
		err = s.Scan(&id)
		return store.Finding{Subject: "voucher " + id, Detail: "is not what the operator's directory says was issued"}, err
	}, limit)
	return slices.Concat(wrong, groups, sums, vouchers), err
}

// OrdersAfter lists orders of all tenants in key order.
func (r Reader) OrdersAfter(ctx context.Context, t taocan.Tenant, id taocan.OrderID, limit int) ([]taocan.Order, error) {
	l := listing{query: r.Q.Text("order_list")}
	l.and("(o.account_id, o.project_id, o.id) > (?, ?, ?)", t.Account, t.Project, id)
	return many(ctx, r.Q, l.query+" ORDER BY o.account_id, o.project_id, o.id LIMIT ?", scanOrder, append(l.args, limit)...)
}

// WalletsAfter lists wallets by account.
func (r Reader) WalletsAfter(ctx context.Context, a taocan.AccountID, limit int) ([]taocan.Wallet, error) {
	return many(ctx, r.Q, r.Q.Text("wallet_after"), scanWallet, a, limit)
}

// EachWalletEntry calls fn with a wallet's entries, oldest first.
func (r Reader) EachWalletEntry(ctx context.Context, a taocan.AccountID, fn func(taocan.WalletEntry) error) error {
	return each(ctx, r.Q, r.Q.Text("wallet_entry_list")+" ORDER BY n", scanWalletEntry, fn, a)
}

// each calls fn with the rows of a query one by one; fn may run further queries.
func each[T any](ctx context.Context, q Querier, query string, scan func(scanner) (T, error), fn func(T) error, args ...any) (err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return Kind(err)
	}
	defer func() { err = errors.Join(err, Kind(rows.Close())) }()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return Kind(err)
		}
		if err := fn(v); err != nil {
			return err
		}
	}
	return Kind(rows.Err())
}

// Heads of all lanes.
func Heads(ctx context.Context, q Querier) (all [taocan.Lanes]store.Head, err error) {
	rows, err := q.QueryContext(ctx, q.Text("lane_heads"))
	if err != nil {
		return all, Kind(err)
	}
	defer rows.Close()
	for rows.Next() {
		var h store.Head
		var at int64
		if err := rows.Scan(&h.Lane, &h.Seq, &at, &h.Hash, &h.Posted); err != nil {
			return all, Kind(err)
		}
		if h.Lane >= taocan.Lanes {
			return all, fmt.Errorf("the table of lanes names lane %d; there are %d", h.Lane, taocan.Lanes)
		}
		h.At = FromMicros(at)
		all[h.Lane] = h
	}
	return all, Kind(rows.Err())
}
