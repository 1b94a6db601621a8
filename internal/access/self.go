package access

import (
	"context"
	"fmt"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// projectsMax bounds the projects that a member chooses from.
const projectsMax = 100

// Self is the member who has signed in.
func (a *Access) Self(ctx context.Context, actor taocan.Actor) (taocan.Member, error) {
	if err := signInOnly(actor); err != nil {
		return taocan.Member{}, err
	}
	return read(ctx, a.store, func(r store.Reader) (taocan.Member, error) { return r.MemberByID(ctx, actor.Member) })
}

// AccountProjects lists the projects that the actor may switch to: the first hundred of its account by id. An operator
// has none.
func (a *Access) AccountProjects(ctx context.Context, actor taocan.Actor) ([]taocan.Project, error) {
	if err := signInOnly(actor); err != nil || actor.Account == "" {
		return nil, err
	}
	page, err := a.Projects(ctx, actor.Account, store.Paging{Limit: projectsMax})
	return page.Items, err
}

// SwitchProject ends the actor's sign-in and opens one for another project of its account, which lasts no longer than
// the first would have.
func (a *Access) SwitchProject(ctx context.Context, actor taocan.Actor, project taocan.ProjectID) (string, taocan.Token, error) {
	if err := signInOnly(actor); err != nil {
		return "", taocan.Token{}, err
	}
	var secret string
	var made taocan.Token
	err := a.update(ctx, func(tx store.Tx) error {
		m, t, err := signedIn(ctx, tx, actor)
		if err != nil {
			return err
		}
		p, err := tx.Project(ctx, project)
		if err != nil {
			return err
		}
		if p.Account != m.Account {
			return fmt.Errorf("project %s: %w", project, taocan.ErrNotFound) // as if it did not exist
		}
		if err := tx.RevokeToken(ctx, t.ID, tx.Now()); err != nil {
			return err
		}
		secret, made, err = a.insertSignIn(ctx, tx, m, taocan.Tenant{Account: p.Account, Project: p.ID}, t.ExpiresAt)
		return err
	})
	if err != nil {
		return "", taocan.Token{}, fmt.Errorf("switch project: %w", err)
	}
	return secret, made, nil
}

// SignOutEverywhere ends all sign-ins of the actor's member, this one included.
func (a *Access) SignOutEverywhere(ctx context.Context, actor taocan.Actor) error {
	if err := signInOnly(actor); err != nil {
		return err
	}
	err := a.update(ctx, func(tx store.Tx) error { return tx.RevokeSignIns(ctx, actor.Member, "", tx.Now()) })
	if err != nil {
		return fmt.Errorf("sign out %s everywhere: %w", actor.Member, err)
	}
	return nil
}

// ChangePassword gives the actor's member another password and ends its other sign-ins. A wrong current password
// counts as a failed sign-in, so that nobody guesses it here who could not at the door.
func (a *Access) ChangePassword(ctx context.Context, actor taocan.Actor, current, next string) error {
	if err := signInOnly(actor); err != nil {
		return err
	}
	var bad checks
	if checkPassword(&bad, "body.next", next); bad.err() != nil {
		return bad.err()
	}
	if err := a.changePassword(ctx, actor, current, next); err != nil {
		return fmt.Errorf("change password of %s: %w", actor.Member, err)
	}
	return nil
}

func (a *Access) changePassword(ctx context.Context, actor taocan.Actor, current, next string) error {
	waiting, cancel := context.WithTimeout(ctx, signInQueueTimeoutMax)
	defer cancel()
	release, err := a.enterHashing(waiting)
	if err != nil {
		return err
	}
	defer release()
	// Counted with the place to hash in hand, as in SignInTo.
	var keys []failureKey
	m, err := read(ctx, a.store, func(r store.Reader) (taocan.Member, error) {
		m, _, err := signedIn(ctx, r, actor)
		if err != nil {
			return m, err
		}
		keys = failureKeys(m.Login, actor.Address)
		return m, a.heard(ctx, r, keys)
	})
	if err != nil {
		return err
	}
	right, hash := a.verifyPassword(m.PasswordHash, current), ""
	if right {
		if hash, err = a.newHash(next); err != nil {
			return err
		}
	}
	changed := false
	err = a.update(ctx, func(tx store.Tx) error {
		changed = false
		now, t, err := signedIn(ctx, tx, actor)
		if err != nil {
			return err
		}
		if !right || now.PasswordHash != m.PasswordHash { // changed while it was checked
			return countFailure(ctx, tx, keys)
		}
		now.PasswordHash = hash
		if err := tx.UpdateMember(ctx, now); err != nil {
			return err
		}
		if err := tx.RevokeSignIns(ctx, now.ID, t.ID, tx.Now()); err != nil {
			return err
		}
		changed = true
		return store.Audit(ctx, tx, actor, "member.password", now.Login, nil, nil)
	})
	if err == nil && !changed {
		err = taocan.Invalid("body.current", "is not the current password", nil)
	}
	return err
}
