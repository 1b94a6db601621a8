package access

import (
	"context"
	"fmt"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// scopesOf is what a signed-in member may do.
func scopesOf(r taocan.Role) []taocan.Scope {
	switch r {
	case taocan.Owner:
		return []taocan.Scope{taocan.ScopeRead, taocan.ScopeBuy, taocan.ScopeDebit, taocan.ScopeManage}
	case taocan.Finance:
		return []taocan.Scope{taocan.ScopeRead, taocan.ScopeBuy}
	case taocan.Viewer:
		return []taocan.Scope{taocan.ScopeRead}
	case taocan.OperatorRole:
		return []taocan.Scope{taocan.ScopeOperator}
	}
	return nil
}

// MemberRequest asks for a login: of an account, or with an empty account of the platform's staff.
type MemberRequest struct {
	Account  taocan.AccountID
	Login    string
	Password string
	Role     taocan.Role
}

const (
	minPasswordBytes = 10
	maxPasswordBytes = 256
)

func checkRole(bad *checks, account taocan.AccountID, role taocan.Role) {
	if account == "" {
		bad.check(role == taocan.OperatorRole, "body.role", "must be operator where there is no account", string(role))
	} else {
		bad.check(role.Valid(), "body.role", "must be owner, finance or viewer", string(role))
	}
}

// checkPassword never shows the password that it refuses.
func checkPassword(bad *checks, password string) {
	bad.check(len(password) >= minPasswordBytes && len(password) <= maxPasswordBytes, "body.password",
		fmt.Sprintf("must have %d to %d bytes", minPasswordBytes, maxPasswordBytes), nil)
}

// CreateMember makes a login. A taken login is a conflict.
func (a *Access) CreateMember(ctx context.Context, actor taocan.Actor, req MemberRequest) (taocan.Member, error) {
	if err := actor.OperatorOnly(); err != nil {
		return taocan.Member{}, err
	}
	var bad checks
	bad.check(taocan.ValidCallerID(req.Login), "body.login", "must be 1–128 visible ASCII characters", req.Login)
	checkRole(&bad, req.Account, req.Role)
	checkPassword(&bad, req.Password)
	if err := bad.err(); err != nil {
		return taocan.Member{}, err
	}
	hash, err := a.hashPassword(ctx, req.Password)
	if err != nil {
		return taocan.Member{}, err
	}
	id, err := a.newID("mem")
	if err != nil {
		return taocan.Member{}, err
	}
	m := taocan.Member{ID: taocan.MemberID(id), Account: req.Account, Login: req.Login, Role: req.Role, PasswordHash: hash}
	err = a.update(ctx, func(tx store.Tx) error {
		if m.Account != "" {
			if _, err := tx.Account(ctx, m.Account); err != nil {
				return unknownReference(err, "body.account", string(m.Account))
			}
		}
		m.CreatedAt = tx.Now()
		if err := tx.InsertMember(ctx, m); err != nil {
			return err
		}
		return store.Audit(ctx, tx, actor, "member.create", m.Login, nil, fields{"id": m.ID, "account": m.Account, "role": m.Role})
	})
	if err != nil {
		return taocan.Member{}, fmt.Errorf("create member %s: %w", req.Login, err)
	}
	return m, nil
}

// changeMember reads, changes and writes a member, and audits the figures that show picks.
func (a *Access) changeMember(ctx context.Context, actor taocan.Actor, login, action string,
	change func(store.Tx, *taocan.Member) error, show func(taocan.Member) any) (taocan.Member, error) {
	if err := actor.OperatorOnly(); err != nil {
		return taocan.Member{}, err
	}
	var m taocan.Member
	err := a.update(ctx, func(tx store.Tx) error {
		var err error
		if m, err = tx.Member(ctx, login); err != nil {
			return err
		}
		before := show(m)
		if err := change(tx, &m); err != nil {
			return err
		}
		if err := tx.UpdateMember(ctx, m); err != nil {
			return err
		}
		return store.Audit(ctx, tx, actor, action, login, before, show(m))
	})
	if err != nil {
		return taocan.Member{}, fmt.Errorf("%s %s: %w", action, login, err)
	}
	return m, nil
}

// SetPassword gives a member another password and ends its sign-ins: whoever knew the old one is out.
func (a *Access) SetPassword(ctx context.Context, actor taocan.Actor, login, password string) (taocan.Member, error) {
	if err := actor.OperatorOnly(); err != nil {
		return taocan.Member{}, err
	}
	var bad checks
	if checkPassword(&bad, password); bad.err() != nil {
		return taocan.Member{}, bad.err()
	}
	hash, err := a.hashPassword(ctx, password)
	if err != nil {
		return taocan.Member{}, err
	}
	return a.changeMember(ctx, actor, login, "member.password", func(tx store.Tx, m *taocan.Member) error {
		m.PasswordHash = hash
		return revokeSignIns(ctx, tx, *m)
	}, func(taocan.Member) any { return nil })
}

// SetRole changes what a member may do; sign-ins under way follow.
func (a *Access) SetRole(ctx context.Context, actor taocan.Actor, login string, role taocan.Role) (taocan.Member, error) {
	return a.changeMember(ctx, actor, login, "member.role", func(_ store.Tx, m *taocan.Member) error {
		var bad checks
		if checkRole(&bad, m.Account, role); bad.err() != nil {
			return bad.err()
		}
		m.Role = role
		return nil
	}, func(m taocan.Member) any { return fields{"role": m.Role} })
}

// SetMemberSuspended locks a member out, or lets it in again.
func (a *Access) SetMemberSuspended(ctx context.Context, actor taocan.Actor, login string, suspended bool) (taocan.Member, error) {
	return a.changeMember(ctx, actor, login, "member.suspended",
		func(_ store.Tx, m *taocan.Member) error { m.Suspended = suspended; return nil },
		func(m taocan.Member) any { return fields{"suspended": m.Suspended} })
}

// Members of an account; an empty account lists the platform's staff.
func (a *Access) Members(ctx context.Context, account taocan.AccountID) ([]taocan.Member, error) {
	return read(ctx, a.store, func(r store.Reader) ([]taocan.Member, error) { return r.Members(ctx, account) })
}

// revokeSignIns ends the tokens that a member's sign-ins made.
func revokeSignIns(ctx context.Context, tx store.Tx, m taocan.Member) error {
	tenants := []taocan.Tenant{{}} // staff: their tokens belong to no project
	if m.Account != "" {
		projects, err := all(func(p store.Paging) (store.Page[taocan.Project], error) { return tx.Projects(ctx, m.Account, p) })
		if err != nil {
			return err
		}
		tenants = nil
		for _, p := range projects {
			tenants = append(tenants, taocan.Tenant{Account: m.Account, Project: p.ID})
		}
	}
	for _, tenant := range tenants {
		tokens, err := all(func(p store.Paging) (store.Page[taocan.Token], error) { return tx.Tokens(ctx, tenant, p) })
		if err != nil {
			return err
		}
		for _, t := range tokens {
			if t.Member == m.ID && t.RevokedAt.IsZero() {
				if err := tx.RevokeToken(ctx, t.ID, tx.Now()); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// all collects a list page by page.
func all[T any](page func(store.Paging) (store.Page[T], error)) ([]T, error) {
	var items []T
	for p := (store.Paging{Limit: 100}); ; {
		got, err := page(p)
		if err != nil {
			return nil, err
		}
		items = append(items, got.Items...)
		if got.Next == "" {
			return items, nil
		}
		p.Cursor = got.Next
	}
}
