package sqlite

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
func (r reader) Token(ctx context.Context, hash []byte) (taocan.Token, error) {
	t, err := one(ctx, r.q, sqlText("token_by_hash"), scanToken, hash)
	return t, about(err, "token by its hash")
}

// TokenByID is a token by id.
func (r reader) TokenByID(ctx context.Context, id taocan.TokenID) (taocan.Token, error) {
	t, err := one(ctx, r.q, sqlText("token_get"), scanToken, id)
	return t, about(err, "token %s", id)
}

// Tokens lists a tenant's, or all, newest first.
func (r reader) Tokens(ctx context.Context, t taocan.Tenant, p store.Paging) (store.Page[taocan.Token], error) {
	l := listing{query: sqlText("token_list_all"), name: "tokens", order: []sortColumn{byNumber("created_at"), byText("id")}, desc: true}
	if t != (taocan.Tenant{}) {
		l.query, l.args = sqlText("token_list"), []any{t.Account, null(t.Project)}
	}
	return paged(ctx, r.q, l, p, scanToken, func(t taocan.Token) []any { return []any{micros(t.CreatedAt), t.ID} })
}

// APITokens lists a project's without what sign-ins made, or with an empty tenant the operators', newest first.
func (r reader) APITokens(ctx context.Context, t taocan.Tenant, p store.Paging) (store.Page[taocan.Token], error) {
	l := listing{query: sqlText("token_list_api"), args: []any{null(t.Account), null(t.Project)}, name: "api_tokens",
		order: []sortColumn{byNumber("created_at"), byText("id")}, desc: true}
	return paged(ctx, r.q, l, p, scanToken, func(t taocan.Token) []any { return []any{micros(t.CreatedAt), t.ID} })
}

// SignInFailures counts failures of a key since an instant.
func (r reader) SignInFailures(ctx context.Context, key string, since time.Time) (n int, err error) {
	err = r.q.QueryRowContext(ctx, sqlText("sign_in_failure_count"), key, micros(since)).Scan(&n)
	return n, kind(err)
}

// InsertToken writes a token.
func (t *tx) InsertToken(ctx context.Context, x taocan.Token) error {
	scopes := make([]string, len(x.Scopes))
	for i, s := range x.Scopes {
		scopes[i] = string(s)
	}
	err := t.exec(ctx, "token_insert", x.ID, x.Hash, null(x.Account), null(x.Project), x.Name, null(x.Member),
		strings.Join(scopes, ","), micros(x.CreatedAt), micros(x.ExpiresAt), micros(x.RevokedAt))
	return about(err, "insert token %s", x.ID)
}

// RevokeToken ends a token; revoked again it keeps the first time.
func (t *tx) RevokeToken(ctx context.Context, id taocan.TokenID, when time.Time) error {
	return about(t.change(ctx, taocan.ErrNotFound, "token_revoke", micros(when), id), "revoke token %s", id)
}

// RevokeSignIns ends the tokens that a member's sign-ins made, but for one, and takes back its codes.
func (t *tx) RevokeSignIns(ctx context.Context, m taocan.MemberID, keep taocan.TokenID, when time.Time) error {
	err := t.exec(ctx, "sign_in_revoke", micros(when), m, keep)
	if err == nil {
		err = t.exec(ctx, "sign_in_code_revoke", m)
	}
	return about(err, "revoke sign-ins of %s", m)
}

func scanSignInCode(s scanner) (c taocan.SignInCode, err error) {
	return c, s.Scan(&c.Hash, &c.Member, at(&c.ExpiresAt))
}

// InsertSignInCode writes a code and forgets those that have expired.
func (t *tx) InsertSignInCode(ctx context.Context, c taocan.SignInCode) error {
	err := t.exec(ctx, "sign_in_code_forget", micros(t.now))
	if err == nil {
		err = t.exec(ctx, "sign_in_code_insert", c.Hash, c.Member, micros(c.ExpiresAt))
	}
	return about(err, "insert sign-in code")
}

// TakeSignInCode deletes a code and says what it was, and forgets those that have expired.
func (t *tx) TakeSignInCode(ctx context.Context, hash []byte) (taocan.SignInCode, error) {
	c, err := one(ctx, t.q, sqlText("sign_in_code_take"), scanSignInCode, hash)
	if err == nil {
		err = t.exec(ctx, "sign_in_code_forget", micros(t.now))
	}
	return c, about(err, "take sign-in code")
}

// Failures older than this are forgotten.
const signInMemory = 24 * time.Hour

// InsertSignInFailure notes a failure and forgets old ones.
func (t *tx) InsertSignInFailure(ctx context.Context, key string, when time.Time) error {
	err := t.exec(ctx, "sign_in_failure_insert", key, micros(when))
	if err == nil {
		err = t.exec(ctx, "sign_in_failure_forget", micros(when.Add(-signInMemory)))
	}
	return about(err, "insert sign-in failure")
}
