package sqlstore

import (
	"context"
	"strings"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

func scanToken(s scanner) (t taocan.Token, err error) {
	var scopes string
	err = s.Scan(&t.ID, &t.Hash, text(&t.Account), text(&t.Project), &t.Name, text(&t.Member), &scopes,
		at(&t.CreatedAt), at(&t.ExpiresAt), at(&t.RevokedAt))
	for scope := range strings.SplitSeq(scopes, ",") {
		if scope != "" {
			t.Scopes = append(t.Scopes, taocan.Scope(scope))
		}
	}
	return t, err
}

// Token by the hash of its secret.
func (r Reader) Token(ctx context.Context, hash []byte) (taocan.Token, error) {
	t, err := one(ctx, r.Q, r.Q.Text("token_by_hash"), scanToken, hash)
	return t, About(err, "token by its hash")
}

// TokenByID is a token by id.
func (r Reader) TokenByID(ctx context.Context, id taocan.TokenID) (taocan.Token, error) {
	t, err := one(ctx, r.Q, r.Q.Text("token_get"), scanToken, id)
	return t, About(err, "token %s", id)
}

// Tokens lists a tenant's, or all, newest first.
func (r Reader) Tokens(ctx context.Context, t taocan.Tenant, p store.Paging) (store.Page[taocan.Token], error) {
	l := listing{query: r.Q.Text("token_list_all"), name: "tokens", order: []sortColumn{byNumber("created_at"), byText("id")}, desc: true}
	if t != (taocan.Tenant{}) {
		l.query, l.args = r.Q.Text("token_list"), []any{t.Account, null(t.Project)}
	}
	return paged(ctx, r.Q, l, p, scanToken, func(t taocan.Token) []any { return []any{Micros(t.CreatedAt), t.ID} })
}

// APITokens lists a project's without what sign-ins made, or with an empty tenant the operators', newest first.
func (r Reader) APITokens(ctx context.Context, t taocan.Tenant, p store.Paging) (store.Page[taocan.Token], error) {
	l := listing{query: r.Q.Text("token_list_api"), args: []any{null(t.Account), null(t.Project)}, name: "api_tokens",
		order: []sortColumn{byNumber("created_at"), byText("id")}, desc: true}
	return paged(ctx, r.Q, l, p, scanToken, func(t taocan.Token) []any { return []any{Micros(t.CreatedAt), t.ID} })
}

// SignInFailures counts failures of a key since an instant.
func (r Reader) SignInFailures(ctx context.Context, key string, since time.Time) (n int, err error) {
	err = r.Q.QueryRowContext(ctx, r.Q.Text("sign_in_failure_count"), key, Micros(since)).Scan(&n)
	return n, Kind(err)
}

// InsertToken writes a token.
func (t *Tx) InsertToken(ctx context.Context, x taocan.Token) error {
	scopes := make([]string, len(x.Scopes))
	for i, s := range x.Scopes {
		scopes[i] = string(s)
	}
	err := t.exec(ctx, "token_insert", x.ID, x.Hash, null(x.Account), null(x.Project), x.Name, null(x.Member),
		strings.Join(scopes, ","), Micros(x.CreatedAt), Micros(x.ExpiresAt), Micros(x.RevokedAt))
	return About(err, "insert token %s", x.ID)
}

// RevokeToken ends a token; revoked again it keeps the first time.
func (t *Tx) RevokeToken(ctx context.Context, id taocan.TokenID, when time.Time) error {
	return About(t.change(ctx, taocan.ErrNotFound, "token_revoke", Micros(when), id), "revoke token %s", id)
}

// RevokeSignIns ends the tokens that a member's sign-ins made, but for one, and takes back its codes.
func (t *Tx) RevokeSignIns(ctx context.Context, m taocan.MemberID, keep taocan.TokenID, when time.Time) error {
	err := t.exec(ctx, "sign_in_revoke", Micros(when), m, keep)
	if err == nil {
		err = t.exec(ctx, "sign_in_code_revoke", m)
	}
	return About(err, "revoke sign-ins of %s", m)
}

func scanSignInCode(s scanner) (c taocan.SignInCode, err error) {
	return c, s.Scan(&c.Hash, &c.Member, at(&c.ExpiresAt))
}

// InsertSignInCode writes a code and forgets those that have expired.
func (t *Tx) InsertSignInCode(ctx context.Context, c taocan.SignInCode) error {
	err := t.exec(ctx, "sign_in_code_forget", Micros(t.now))
	if err == nil {
		err = t.exec(ctx, "sign_in_code_insert", c.Hash, c.Member, Micros(c.ExpiresAt))
	}
	return About(err, "insert sign-in code")
}

// TakeSignInCode deletes a code and says what it was, and forgets those that have expired.
func (t *Tx) TakeSignInCode(ctx context.Context, hash []byte) (taocan.SignInCode, error) {
	c, err := one(ctx, t.Q, t.Q.Text("sign_in_code_take"), scanSignInCode, hash)
	if err == nil {
		err = t.exec(ctx, "sign_in_code_forget", Micros(t.now))
	}
	return c, About(err, "take sign-in code")
}

// Failures older than this are forgotten.
const signInMemory = 24 * time.Hour

// InsertSignInFailure notes a failure and forgets old ones.
func (t *Tx) InsertSignInFailure(ctx context.Context, key string, when time.Time) error {
	err := t.exec(ctx, "sign_in_failure_insert", key, Micros(when))
	if err == nil {
		err = t.exec(ctx, "sign_in_failure_forget", Micros(when.Add(-signInMemory)))
	}
	return About(err, "insert sign-in failure")
}
