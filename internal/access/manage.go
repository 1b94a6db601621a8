package access

import (
	"context"
	"errors"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// manager refuses whoever may not manage the members, tokens and project names of an account. An operator may; so may
// a member who is the owner of exactly this account now, whatever its sign-in remembers. To an owner another account
// does not exist. API tokens manage none, whatever their scopes: a token that leaks must not make others.
func manager(ctx context.Context, r store.Reader, actor taocan.Actor, account taocan.AccountID) error {
	if actor.OperatorOnly() == nil {
		return nil
	}
	ownerOnly := &taocan.ForbiddenError{Required: string(taocan.Owner), Detail: "only owners of the account who have signed in may do this"}
	if actor.Member == "" {
		return ownerOnly
	}
	m, _, err := signedIn(ctx, r, actor)
	switch {
	case err != nil:
		return err
	case m.Role != taocan.Owner:
		return ownerOnly
	case m.Account != account:
		return taocan.ErrNotFound
	}
	return nil
}

// managed is what find finds, for its manager. What is not there belongs to no account, so that an owner is told the
// same of it as of another account's, and whoever is no owner the same of anything.
func managed[T any](ctx context.Context, r store.Reader, actor taocan.Actor, accountOf func(T) taocan.AccountID, find func() (T, error)) (T, error) {
	var none T
	found, err := find()
	if errors.Is(err, taocan.ErrNotFound) {
		found = none
	} else if err != nil {
		return none, err
	}
	if denied := manager(ctx, r, actor, accountOf(found)); denied != nil {
		return none, denied
	}
	return found, err
}

func accountOfMember(m taocan.Member) taocan.AccountID   { return m.Account }
func accountOfProject(p taocan.Project) taocan.AccountID { return p.Account }
func accountOfToken(t taocan.Token) taocan.AccountID     { return t.Account }

func managedMember(ctx context.Context, r store.Reader, actor taocan.Actor, login string) (taocan.Member, error) {
	return managed(ctx, r, actor, accountOfMember, func() (taocan.Member, error) { return r.Member(ctx, login) })
}

func managedProject(ctx context.Context, r store.Reader, actor taocan.Actor, id taocan.ProjectID) (taocan.Project, error) {
	return managed(ctx, r, actor, accountOfProject, func() (taocan.Project, error) { return r.Project(ctx, id) })
}

// signedIn is the actor's member and sign-in as they stand now. Authenticate may have answered from what it remembers:
// nobody makes a credential with one that has ended since.
func signedIn(ctx context.Context, r store.Reader, actor taocan.Actor) (taocan.Member, taocan.Token, error) {
	t, err := r.TokenByID(ctx, actor.Token)
	if errors.Is(err, taocan.ErrNotFound) || err == nil && t.Member != actor.Member {
		return taocan.Member{}, taocan.Token{}, taocan.ErrUnauthenticated
	}
	if err != nil {
		return taocan.Member{}, taocan.Token{}, err
	}
	m, works, err := holds(ctx, r, t)
	if err == nil && !works {
		err = taocan.ErrUnauthenticated
	}
	return m, t, err
}

// signInOnly refuses whoever has not signed in.
func signInOnly(actor taocan.Actor) error {
	if actor.Member == "" {
		return &taocan.ForbiddenError{Required: "sign-in", Detail: "only members who have signed in may do this"}
	}
	return nil
}
