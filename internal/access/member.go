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

	// membersMax bounds the members of an account that its owners make; an operator may make more.
	membersMax = 200
)

// Messages that tell apart what may be wrong with one field.
var (
	MessageMembersFull  = fmt.Sprintf("an account has at most %d members", membersMax)
	MessageLastOperator = "would lock out the last operator who can sign in; make another one first"
	MessageLastOwner    = "you are the last owner of the account who can sign in; make another member owner first"
)

func checkRole(bad *checks, account taocan.AccountID, role taocan.Role) {
	if account == "" {
		bad.check(role == taocan.OperatorRole, "body.role", "must be operator where there is no account", string(role))
	} else {
		bad.check(role.Valid(), "body.role", "must be owner, finance or viewer", string(role))
	}
}

// checkPassword never shows the password that it refuses.
func checkPassword(bad *checks, location, password string) {
	bad.check(len(password) >= minPasswordBytes && len(password) <= maxPasswordBytes, location,
		fmt.Sprintf("must have %d to %d bytes", minPasswordBytes, maxPasswordBytes), nil)
}

// CreateMember makes a login: an operator for anybody, an owner for its account. A taken login is a conflict.
func (a *Access) CreateMember(ctx context.Context, actor taocan.Actor, req MemberRequest) (taocan.Member, error) {
	// Asked before the password is hashed, and again in the transaction.
	err := a.store.Peek(ctx, func(r store.Reader) error { return manager(ctx, r, actor, req.Account) })
	if err != nil {
		return taocan.Member{}, fmt.Errorf("create member %s: %w", req.Login, err)
	}
	var bad checks
	bad.check(taocan.ValidCallerID(req.Login), "body.login", "must be 1–128 visible ASCII characters", req.Login)
	checkRole(&bad, req.Account, req.Role)
	checkPassword(&bad, "body.password", req.Password)
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
		if err := manager(ctx, tx, actor, m.Account); err != nil {
			return err
		}
		if err := roomForMember(ctx, tx, actor); err != nil {
			return err
		}
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

// roomForMember keeps an owner from making members without end.
func roomForMember(ctx context.Context, r store.Reader, actor taocan.Actor) error {
	if actor.OperatorOnly() == nil {
		return nil
	}
	members, err := r.Members(ctx, actor.Account)
	if err == nil && len(members) >= membersMax {
		err = taocan.Invalid("body.login", MessageMembersFull, nil)
	}
	return err
}

// changeMember reads, changes and writes a member, and audits the figures that show picks.
func (a *Access) changeMember(ctx context.Context, actor taocan.Actor, login, action string,
	change func(store.Tx, *taocan.Member) error, show func(taocan.Member) any) (taocan.Member, error) {
	var m taocan.Member
	err := a.update(ctx, func(tx store.Tx) error {
		var err error
		if m, err = managedMember(ctx, tx, actor, login); err != nil {
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

// SetPassword gives a member another password and ends its sign-ins: whoever knew the old one is out. An owner gives
// itself one with ChangePassword alone, so that an unlocked screen is not enough to take the account over for good.
func (a *Access) SetPassword(ctx context.Context, actor taocan.Actor, login, password string) (taocan.Member, error) {
	// Asked before the password is hashed, and again in the transaction.
	m, err := read(ctx, a.store, func(r store.Reader) (taocan.Member, error) { return managedMember(ctx, r, actor, login) })
	if err != nil {
		return taocan.Member{}, fmt.Errorf("member.password %s: %w", login, err)
	}
	if m.ID == actor.Member && m.Account != "" {
		return taocan.Member{}, taocan.Invalid("path.login", "your own password is changed with the one that you have", login)
	}
	var bad checks
	if checkPassword(&bad, "body.password", password); bad.err() != nil {
		return taocan.Member{}, bad.err()
	}
	hash, err := a.hashPassword(ctx, password)
	if err != nil {
		return taocan.Member{}, err
	}
	return a.changeMember(ctx, actor, login, "member.password", func(tx store.Tx, m *taocan.Member) error {
		m.PasswordHash = hash
		return tx.RevokeSignIns(ctx, m.ID, "", tx.Now())
	}, func(taocan.Member) any { return nil })
}

// SetRole changes what a member may do; sign-ins under way follow. The last owner who works keeps its role, unless an
// operator takes it.
func (a *Access) SetRole(ctx context.Context, actor taocan.Actor, login string, role taocan.Role) (taocan.Member, error) {
	return a.changeMember(ctx, actor, login, "member.role", func(tx store.Tx, m *taocan.Member) error {
		var bad checks
		if checkRole(&bad, m.Account, role); bad.err() != nil {
			return bad.err()
		}
		m.Role = role
		// Whoever changes another's role is an owner itself, and stays one.
		if m.ID == actor.Member && m.Account != "" && role != taocan.Owner {
			return anotherOwner(ctx, tx, *m)
		}
		return nil
	}, func(m taocan.Member) any { return fields{"role": m.Role} })
}

// anotherOwner refuses to leave the account of m without an owner who works.
func anotherOwner(ctx context.Context, r store.Reader, m taocan.Member) error {
	members, err := r.Members(ctx, m.Account)
	if err != nil {
		return err
	}
	for _, x := range members {
		if x.ID != m.ID && x.Role == taocan.Owner && !x.Suspended {
			return nil
		}
	}
	return taocan.Invalid("body.role", MessageLastOwner, string(m.Role))
}

// SetMemberSuspended locks a member out, or lets it in again. Nobody suspends itself, so an account that owners manage
// keeps one; and the platform keeps an operator who can sign in, whoever asks.
func (a *Access) SetMemberSuspended(ctx context.Context, actor taocan.Actor, login string, suspended bool) (taocan.Member, error) {
	return a.changeMember(ctx, actor, login, "member.suspended",
		func(tx store.Tx, m *taocan.Member) error {
			if suspended && m.ID == actor.Member {
				return taocan.Invalid("body.suspended", fmt.Sprintf("you cannot suspend yourself; another %s may", m.Role), suspended)
			}
			if suspended && m.Account == "" {
				if err := anotherOperator(ctx, tx, *m); err != nil {
					return err
				}
			}
			m.Suspended = suspended
			return nil
		},
		func(m taocan.Member) any { return fields{"suspended": m.Suspended} })
}

// anotherOperator refuses to leave the platform without an operator who can sign in.
func anotherOperator(ctx context.Context, r store.Reader, m taocan.Member) error {
	staff, err := r.Members(ctx, "")
	if err != nil {
		return err
	}
	for _, x := range staff {
		if x.ID != m.ID && !x.Suspended {
			return nil
		}
	}
	return taocan.Invalid("body.suspended", MessageLastOperator, true)
}

// Member is a login, whoever's it is, for operators.
func (a *Access) Member(ctx context.Context, login string) (taocan.Member, error) {
	return read(ctx, a.store, func(r store.Reader) (taocan.Member, error) { return r.Member(ctx, login) })
}

// MembersOf lists the members of the actor's account, or for an operator the platform's staff.
func (a *Access) MembersOf(ctx context.Context, actor taocan.Actor) ([]taocan.Member, error) {
	return read(ctx, a.store, func(r store.Reader) ([]taocan.Member, error) {
		if err := manager(ctx, r, actor, actor.Account); err != nil {
			return nil, err
		}
		return r.Members(ctx, actor.Account)
	})
}

// Members of an account; an empty account lists the platform's staff.
func (a *Access) Members(ctx context.Context, account taocan.AccountID) ([]taocan.Member, error) {
	return read(ctx, a.store, func(r store.Reader) ([]taocan.Member, error) { return r.Members(ctx, account) })
}
