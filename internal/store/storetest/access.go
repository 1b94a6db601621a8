package storetest

import (
	"context"
	"fmt"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// newToken of a tenant; none for an operator's.
func (f *fixture) newToken(t taocan.Tenant, at time.Time) taocan.Token {
	id := f.id("token")
	return taocan.Token{ID: taocan.TokenID(id), Hash: hashOf(id), Tenant: t, Name: "sender", Scopes: []taocan.Scope{taocan.ScopeRead, taocan.ScopeDebit}, CreatedAt: at}
}

func (f *fixture) putTokens(ts ...taocan.Token) {
	f.Helper()
	f.update("", func(ctx context.Context, tx store.Tx) error {
		for _, t := range ts {
			if err := tx.InsertToken(ctx, t); err != nil {
				return err
			}
		}
		return nil
	})
}

var accessCases = []testCase{
	{"a token is found by the hash of its secret and reads as it was written", func(f *fixture) {
		f.open(alpha)
		member := taocan.Member{ID: "m1", Account: "alpha", Login: "owner", Role: taocan.Owner, CreatedAt: f.clock.Now()}
		f.update("", func(ctx context.Context, tx store.Tx) error { return tx.InsertMember(ctx, member) })
		token := f.newToken(alpha, f.clock.Now())
		token.Member, token.ExpiresAt = "m1", f.clock.Now().Add(time.Hour)
		operator := f.newToken(taocan.Tenant{}, f.clock.Now())
		operator.Scopes = []taocan.Scope{taocan.ScopeOperator}
		signedIn := f.newToken(taocan.Tenant{Account: "alpha"}, f.clock.Now())
		f.putTokens(token, operator, signedIn)
		for _, want := range []taocan.Token{token, operator, signedIn} {
			same(f, "by hash", get(f, func(ctx context.Context, r store.Reader) (taocan.Token, error) { return r.Token(ctx, want.Hash) }), want)
			same(f, "by id", get(f, func(ctx context.Context, r store.Reader) (taocan.Token, error) { return r.TokenByID(ctx, want.ID) }), want)
		}
		absent(f, "unknown hash", func(ctx context.Context, r store.Reader) (taocan.Token, error) { return r.Token(ctx, hashOf("other")) })
		absent(f, "unknown id", func(ctx context.Context, r store.Reader) (taocan.Token, error) { return r.TokenByID(ctx, "other") })
		f.refuse("", taocan.ErrConflict, func(ctx context.Context, tx store.Tx) error {
			twin := f.newToken(beta, tx.Now())
			twin.Tenant, twin.Hash = alpha, token.Hash
			return tx.InsertToken(ctx, twin)
		})
		f.refuse("", nil, func(ctx context.Context, tx store.Tx) error {
			return tx.InsertToken(ctx, f.newToken(taocan.Tenant{Account: "alpha", Project: "beta-1"}, tx.Now()))
		})
	}},
	{"revoking holds from the first time", func(f *fixture) {
		f.open(alpha)
		token := f.newToken(alpha, f.clock.Now())
		f.putTokens(token)
		first := f.clock.Now().Add(time.Minute)
		for _, when := range []time.Time{first, first.Add(time.Hour)} {
			f.update("", func(ctx context.Context, tx store.Tx) error { return tx.RevokeToken(ctx, token.ID, when) })
		}
		got := get(f, func(ctx context.Context, r store.Reader) (taocan.Token, error) { return r.TokenByID(ctx, token.ID) })
		same(f, "revoked at", got.RevokedAt, first)
		f.refuse("", taocan.ErrNotFound, func(ctx context.Context, tx store.Tx) error { return tx.RevokeToken(ctx, "other", first) })
	}},
	{"tokens are listed by tenant or all, newest first", func(f *fixture) {
		f.open(alpha, alphaOther, beta)
		at := f.clock.Now()
		a, b, c := f.newToken(alpha, at), f.newToken(alphaOther, at.Add(time.Second)), f.newToken(beta, at.Add(2*time.Second))
		d := f.newToken(alpha, at) // the same instant as a
		f.putTokens(a, b, c, d)
		for _, tt := range []struct {
			tenant taocan.Tenant
			want   []taocan.Token
		}{{alpha, []taocan.Token{d, a}}, {alphaOther, []taocan.Token{b}}, {taocan.Tenant{}, []taocan.Token{c, b, d, a}}, {taocan.Tenant{Account: "alpha"}, nil}} {
			page := get(f, func(ctx context.Context, r store.Reader) (store.Page[taocan.Token], error) {
				return r.Tokens(ctx, tt.tenant, all())
			})
			same(f, fmt.Sprint("tokens of ", tt.tenant), page.Items, tt.want)
		}
	}},
	{"failed sign-ins are counted per key since an instant and forgotten after a day", func(f *fixture) {
		begin := f.clock.Now()
		fail := func(key string) {
			f.update("", func(ctx context.Context, tx store.Tx) error { return tx.InsertSignInFailure(ctx, key, f.clock.Now()) })
		}
		count := func(key string, since time.Time) int {
			return get(f, func(ctx context.Context, r store.Reader) (int, error) { return r.SignInFailures(ctx, key, since) })
		}
		fail("login:a")
		fail("login:a") // at the same instant
		f.clock.Advance(time.Minute)
		fail("login:a")
		fail("login:b")
		same(f, "all", count("login:a", begin), 3)
		same(f, "since a minute", count("login:a", begin.Add(time.Minute)), 1)
		same(f, "of another", count("login:b", begin), 1)
		same(f, "of nobody", count("login:c", begin), 0)
		f.clock.Advance(24 * time.Hour)
		fail("login:b")
		same(f, "a day later", count("login:a", begin), 1)
		f.clock.Advance(time.Hour)
		fail("login:b")
		same(f, "longer than a day later", count("login:a", begin), 0)
	}},
	{"audit entries are numbered from 1 and listed newest first", func(f *fixture) {
		var want []taocan.AuditEntry
		for i := range 3 {
			e := taocan.AuditEntry{At: f.clock.Now(), By: "member:m0", Address: "192.0.2.1", Action: "account.create", Subject: fmt.Sprint("a", i), Before: "", After: `{"n":1}`}
			f.update("", func(ctx context.Context, tx store.Tx) error { return tx.InsertAudit(ctx, e) })
			e.N = int64(i + 1)
			want = append([]taocan.AuditEntry{e}, want...)
		}
		page := get(f, func(ctx context.Context, r store.Reader) (store.Page[taocan.AuditEntry], error) {
			return r.AuditEntries(ctx, all())
		})
		same(f, "entries", page.Items, want)
	}},
}
