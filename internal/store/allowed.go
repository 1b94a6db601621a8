package store

import (
	"context"
	"errors"
	"slices"
	"strings"

	"taocan/internal/taocan"
)

// Allowed is the actor's account, where the actor may change it as the store knows both now: the account is not suspended,
// and a member still belongs to it with one of the roles, of which the first is named as required. Tokens have no role;
// their scopes are the caller's matter. what ends the sentence of the refusal: "set alert rules".
func Allowed(ctx context.Context, r Reader, actor taocan.Actor, what string, roles ...taocan.Role) (taocan.Account, error) {
	account, err := r.Account(ctx, actor.Account)
	if err != nil {
		return account, err
	}
	if account.Suspended {
		return account, &taocan.ForbiddenError{Detail: "the account is suspended"}
	}
	if actor.Member == "" {
		return account, nil
	}
	member, err := r.MemberByID(ctx, actor.Member)
	if err != nil && !errors.Is(err, taocan.ErrNotFound) {
		return account, err
	}
	if err != nil || member.Account != actor.Account || member.Suspended || !slices.Contains(roles, member.Role) {
		names := make([]string, len(roles))
		for i, role := range roles {
			names[i] = string(role)
		}
		return account, &taocan.ForbiddenError{Required: names[0], Detail: "only members with the role " + strings.Join(names, " or ") + " may " + what}
	}
	return account, nil
}
