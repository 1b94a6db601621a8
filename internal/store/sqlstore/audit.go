package sqlstore

import (
	"context"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

func scanAudit(s scanner) (e taocan.AuditEntry, err error) {
	return e, s.Scan(&e.N, at(&e.At), &e.By, text(&e.Login), &e.Address, &e.Action, &e.Subject, &e.Before, &e.After)
}

// ofAccount are the conditions under which a line is about an account: the account itself, what is its own, what names it, or
// what its members did. Each takes the account.
func ofAccount(q Querier) string {
	return `(a.subject = ?1
	OR m.account_id = ?1
	OR ` + q.Text("fragment_audit_account") + ` = ?1
	OR EXISTS (SELECT 1 FROM project p WHERE p.id = a.subject AND p.account_id = ?1)
	OR EXISTS (SELECT 1 FROM member x WHERE x.login = a.subject AND x.account_id = ?1)
	OR EXISTS (SELECT 1 FROM token t WHERE t.id = a.subject AND t.account_id = ?1)
	OR EXISTS (SELECT 1 FROM package k WHERE k.number = a.subject AND k.account_id = ?1))`
}

// AuditEntries lists them newest first.
func (r Reader) AuditEntries(ctx context.Context, f store.AuditFilter) (store.Page[taocan.AuditEntry], error) {
	l := listing{query: r.Q.Text("audit_list"), name: "audit", order: []sortColumn{byNumber("a.n")}, desc: true}
	if f.Account != "" { // first, for its parameter has a number
		l.and(ofAccount(r.Q), f.Account)
	}
	l.between("a.at", f.From, f.Until)
	if f.By != "" {
		l.and("(a.actor = ? OR a.actor = 'member:' || ? OR a.actor = 'token:' || ? OR m.login = ?)", f.By, f.By, f.By, f.By)
	}
	if f.Action != "" {
		l.and("(a.action = ? OR substr(a.action, 1, length(?) + 1) = ? || '.')", f.Action, f.Action, f.Action)
	}
	if f.Subject != "" {
		l.and("a.subject = ?", f.Subject)
	}
	return paged(ctx, r.Q, l, f.Paging, scanAudit, func(e taocan.AuditEntry) []any { return []any{e.N} })
}

// InsertAudit writes an entry and gives it the next number.
func (t *Tx) InsertAudit(ctx context.Context, e taocan.AuditEntry) error {
	err := t.exec(ctx, "audit_insert", Micros(e.At), e.By, e.Address, e.Action, e.Subject, e.Before, e.After)
	return About(err, "insert audit entry %s of %s", e.Action, e.Subject)
}
