package sqlstore

import (
	"context"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

func scanEntry(s scanner) (e taocan.Entry, err error) {
	return e, s.Scan(&e.Account, &e.Project, &e.Package, at(&e.At), &e.Kind, &e.Remaining, &e.Reserved, &e.Used,
		&e.RemainingAfter, &e.ReservedAfter, &e.Debits, &e.Reference, at(&e.ExpiresAt), &e.Lane, &e.Commit)
}

// Entries lists a package's statement, newest first. Every package has at least its opening entry.
func (r Reader) Entries(ctx context.Context, t taocan.Tenant, n taocan.PackageNumber, p store.Paging) (store.Page[taocan.Entry], error) {
	l := listing{query: r.Q.Text("entry_list"), args: []any{t.Account, t.Project, n}, name: "entries",
		order: []sortColumn{byNumber("at"), byNumber("kind")}, desc: true}
	page, err := paged(ctx, r.Q, l, p, scanEntry, func(e taocan.Entry) []any { return []any{Micros(e.At), e.Kind} })
	if err == nil && page.Total == 0 {
		err = taocan.ErrNotFound
	}
	return page, About(err, "entries of package %s", n)
}

// OpeningEntry is what a package began with.
func (r Reader) OpeningEntry(ctx context.Context, t taocan.Tenant, n taocan.PackageNumber) (taocan.Entry, error) {
	e, err := one(ctx, r.Q, r.Q.Text("entry_opening"), scanEntry, t.Account, t.Project, n)
	return e, About(err, "opening entry of package %s", n)
}

// entry is one line of a statement.
func (r Reader) entry(ctx context.Context, t taocan.Tenant, n taocan.PackageNumber, when time.Time, kind taocan.EntryKind) (taocan.Entry, error) {
	e, err := one(ctx, r.Q, r.Q.Text("entry_get"), scanEntry, t.Account, t.Project, n, Micros(when), kind)
	return e, About(err, "%s entry of package %s", kind, n)
}

// insertEntry writes an entry of this transaction's commit.
func (t *Tx) insertEntry(ctx context.Context, e taocan.Entry) error {
	e.Lane, e.Commit = t.lane, t.seq
	name, args := "entry_insert", []any{e.Account, e.Project, e.Package, Micros(e.At), e.Kind, e.Remaining, e.Reserved, e.Used,
		e.RemainingAfter, e.ReservedAfter, e.Debits, e.Reference}
	if e.Kind == taocan.EntryExtend { // the one kind with an expiry; the hot path writes none
		name, args = "entry_extend_insert", append(args, Micros(e.ExpiresAt))
	}
	err := t.exec(ctx, name, append(args, e.Lane, e.Commit)...)
	if err != nil {
		return About(err, "%s entry", e.Kind)
	}
	return t.ledger(store.EntryRow(e))
}
