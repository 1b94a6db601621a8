package limit

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Pool lists the projects whose packages also pay for a project, in the order of use: after its own, one after the other.
func (l *Limits) Pool(ctx context.Context, t taocan.Tenant) (owners []taocan.ProjectID, err error) {
	err = l.store.View(ctx, func(r store.Reader) error {
		owners, err = pool(ctx, r, t)
		return err
	})
	return owners, err
}

func pool(ctx context.Context, r store.Reader, t taocan.Tenant) ([]taocan.ProjectID, error) {
	shares, err := r.PoolShares(ctx, t.Account)
	if err != nil {
		return nil, err
	}
	owners := []taocan.ProjectID{}
	for _, s := range shares {
		if s.User == t.Project {
			owners = append(owners, s.Owner)
		}
	}
	return owners, nil
}

// SetPool says whose packages pay for a project besides its own. It gives away packages of other projects, so it takes
// somebody who speaks for the whole account: a member with the role owner, or an operator; no token of one project.
func (l *Limits) SetPool(ctx context.Context, actor taocan.Actor, t taocan.Tenant, owners []taocan.ProjectID) ([]taocan.ProjectID, error) {
	if len(owners) > MaxPools {
		return nil, taocan.Invalid("body.projects", fmt.Sprintf("must be at most %d", MaxPools), len(owners))
	}
	err := l.store.Update(ctx, t.Account, func(tx store.Tx) error {
		if actor.OperatorOnly() != nil {
			if actor.Account != t.Account || actor.Member == "" {
				return &taocan.ForbiddenError{Required: string(taocan.Owner), Detail: "only members with the role owner, or operators, may share packages between projects"}
			}
			if err := permit(ctx, tx, actor, taocan.Owner); err != nil {
				return err
			}
		}
		if p, err := tx.Project(ctx, t.Project); err != nil || p.Account != t.Account {
			return errors.Join(err, taocan.ErrNotFound)
		}
		for i, owner := range owners {
			at := fmt.Sprintf("body.projects[%d]", i)
			p, err := tx.Project(ctx, owner)
			switch {
			case err != nil && !errors.Is(err, taocan.ErrNotFound):
				return err
			case err != nil || p.Account != t.Account:
				return taocan.Invalid(at, "is not a project of the account", string(owner))
			case owner == t.Project:
				return taocan.Invalid(at, "is the project itself, whose packages pay first anyway", string(owner))
			case slices.Contains(owners[:i], owner):
				return taocan.Invalid(at, "stands twice", string(owner))
			}
		}
		before, err := pool(ctx, tx, t)
		if err != nil {
			return err
		}
		if err := tx.ReplacePoolShares(ctx, t, owners); err != nil {
			return err
		}
		return store.Audit(ctx, tx, actor, "pool.set", string(t.Project), before, owners)
	})
	if err != nil {
		return nil, fmt.Errorf("share packages with project %s: %w", t.Project, err)
	}
	return slices.Clone(owners), nil
}
