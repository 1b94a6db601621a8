package sqlite

import (
	"context"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

func scanAudit(s scanner) (e taocan.AuditEntry, err error) {
	return e, s.Scan(&e.N, at(&e.At), &e.By, &e.Address, &e.Action, &e.Subject, &e.Before, &e.After)
}

// AuditEntries lists all, newest first.
func (r reader) AuditEntries(ctx context.Context, p store.Paging) (store.Page[taocan.AuditEntry], error) {
	l := listing{query: sqlText("audit_list"), name: "audit", order: []sortColumn{byNumber("n")}, desc: true}
	return paged(ctx, r.q, l, p, scanAudit, func(e taocan.AuditEntry) []any { return []any{e.N} })
}

// InsertAudit writes an entry and gives it the next number.
func (t *tx) InsertAudit(ctx context.Context, e taocan.AuditEntry) error {
	err := t.exec(ctx, "audit_insert", micros(e.At), e.By, e.Address, e.Action, e.Subject, e.Before, e.After)
	return about(err, "insert audit entry %s of %s", e.Action, e.Subject)
}
