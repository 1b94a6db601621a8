package sqlstore

import (
	"context"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

func scanAccount(s scanner) (a taocan.Account, err error) {
	return a, s.Scan(&a.ID, &a.Name, &a.Level, &a.Suspended, at(&a.CreatedAt))
}

func scanProject(s scanner) (p taocan.Project, err error) {
	return p, s.Scan(&p.Account, &p.ID, &p.Name, at(&p.CreatedAt))
}

func scanMember(s scanner) (m taocan.Member, err error) {
	return m, s.Scan(&m.ID, text(&m.Account), &m.Login, &m.Role, &m.PasswordHash, &m.Suspended, at(&m.CreatedAt))
}

// Account by id.
func (r Reader) Account(ctx context.Context, id taocan.AccountID) (taocan.Account, error) {
	a, err := one(ctx, r.Q, r.Q.Text("account_get"), scanAccount, id)
	return a, About(err, "account %s", id)
}

// Accounts lists them by id.
func (r Reader) Accounts(ctx context.Context, f store.AccountFilter) (store.Page[taocan.Account], error) {
	l := listing{query: r.Q.Text("account_list"), name: "accounts", order: []sortColumn{byText("id")}}
	if f.Query != "" {
		part := containing(f.Query)
		l.and(`(lower(id) LIKE ? ESCAPE '\' OR lower(name) LIKE ? ESCAPE '\' OR id IN (SELECT account_id FROM project WHERE lower(id) LIKE ? ESCAPE '\' OR lower(name) LIKE ? ESCAPE '\')
			OR id IN (SELECT account_id FROM member WHERE account_id IS NOT NULL AND lower(login) LIKE ? ESCAPE '\'))`, part, part, part, part, part)
	}
	if len(f.Levels) > 0 {
		l.and("level "+r.Q.Text("fragment_in_list"), toList(f.Levels))
	}
	if f.Suspended != nil {
		l.and("suspended = ?", *f.Suspended)
	}
	return paged(ctx, r.Q, l, f.Paging, scanAccount, func(a taocan.Account) []any { return []any{a.ID} })
}

// Project by id, whoever owns it.
func (r Reader) Project(ctx context.Context, id taocan.ProjectID) (taocan.Project, error) {
	p, err := one(ctx, r.Q, r.Q.Text("project_get"), scanProject, id)
	return p, About(err, "project %s", id)
}

// Projects lists an account's, or all, by id.
func (r Reader) Projects(ctx context.Context, account taocan.AccountID, p store.Paging) (store.Page[taocan.Project], error) {
	l := listing{query: r.Q.Text("project_list_all"), name: "projects", order: []sortColumn{byText("id")}}
	if account != "" {
		l.query, l.args = r.Q.Text("project_list"), []any{account}
	}
	return paged(ctx, r.Q, l, p, scanProject, func(p taocan.Project) []any { return []any{p.ID} })
}

// Member by login.
func (r Reader) Member(ctx context.Context, login string) (taocan.Member, error) {
	m, err := one(ctx, r.Q, r.Q.Text("member_by_login"), scanMember, login)
	return m, About(err, "member %q", login)
}

// MemberByID is a member by id.
func (r Reader) MemberByID(ctx context.Context, id taocan.MemberID) (taocan.Member, error) {
	m, err := one(ctx, r.Q, r.Q.Text("member_get"), scanMember, id)
	return m, About(err, "member %s", id)
}

// Members lists an account's members by id; those of no account are the platform's staff.
func (r Reader) Members(ctx context.Context, account taocan.AccountID) ([]taocan.Member, error) {
	return many(ctx, r.Q, r.Q.Text("member_list"), scanMember, null(account))
}

// InsertAccount writes an account with an empty wallet.
func (t *Tx) InsertAccount(ctx context.Context, a taocan.Account) error {
	err := t.exec(ctx, "account_insert", a.ID, a.Name, a.Level, a.Suspended, Micros(a.CreatedAt))
	if err == nil {
		err = t.exec(ctx, "wallet_insert", a.ID)
	}
	return About(taken(err, "id", a.ID), "insert account %s", a.ID)
}

// UpdateAccount changes name, level and suspension.
func (t *Tx) UpdateAccount(ctx context.Context, a taocan.Account) error {
	err := t.change(ctx, taocan.ErrNotFound, "account_update", a.Name, a.Level, a.Suspended, a.ID)
	return About(err, "update account %s", a.ID)
}

// InsertProject writes a project.
func (t *Tx) InsertProject(ctx context.Context, p taocan.Project) error {
	err := t.exec(ctx, "project_insert", p.Account, p.ID, p.Name, Micros(p.CreatedAt))
	return About(taken(err, "id", p.ID), "insert project %s", p.ID)
}

// UpdateProject changes the name.
func (t *Tx) UpdateProject(ctx context.Context, p taocan.Project) error {
	err := t.change(ctx, taocan.ErrNotFound, "project_update", p.Name, p.Account, p.ID)
	return About(err, "update project %s", p.ID)
}

// InsertMember writes a member.
func (t *Tx) InsertMember(ctx context.Context, m taocan.Member) error {
	err := t.exec(ctx, "member_insert", m.ID, null(m.Account), m.Login, m.Role, m.PasswordHash, m.Suspended, Micros(m.CreatedAt))
	return About(taken(err, "login", m.Login), "insert member %s", m.ID)
}

// UpdateMember changes role, password and suspension.
func (t *Tx) UpdateMember(ctx context.Context, m taocan.Member) error {
	err := t.change(ctx, taocan.ErrNotFound, "member_update", m.Role, m.PasswordHash, m.Suspended, m.ID)
	return About(err, "update member %s", m.ID)
}
