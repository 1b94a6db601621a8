package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

// putMembers writes viewers of alpha whose login is their id.
func (f *fixture) putMembers(ids ...taocan.MemberID) {
	f.Helper()
	f.update("", func(ctx context.Context, tx store.Tx) error {
		for _, id := range ids {
			m := taocan.Member{ID: id, Account: "alpha", Login: string(id), Role: taocan.Viewer, CreatedAt: tx.Now()}
			if err := tx.InsertMember(ctx, m); err != nil {
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
	{"API tokens are listed without sign-ins, and those of no project are the operators'", func(f *fixture) {
		f.open(alpha, alphaOther, beta)
		at := f.clock.Now()
		f.putMembers("m1")
		a, b, c, operators := f.newToken(alpha, at), f.newToken(alpha, at.Add(time.Second)), f.newToken(alphaOther, at), f.newToken(taocan.Tenant{}, at)
		signedIn := f.newToken(alpha, at.Add(2*time.Second))
		signedIn.Member = "m1"
		f.putTokens(a, b, c, operators, signedIn)
		for _, tt := range []struct {
			tenant taocan.Tenant
			want   []taocan.Token
		}{{alpha, []taocan.Token{b, a}}, {alphaOther, []taocan.Token{c}}, {taocan.Tenant{}, []taocan.Token{operators}}, {taocan.Tenant{Account: "alpha"}, nil},
			{taocan.Tenant{Account: "beta", Project: alpha.Project}, nil}} {
			page := get(f, func(ctx context.Context, r store.Reader) (store.Page[taocan.Token], error) {
				return r.APITokens(ctx, tt.tenant, all())
			})
			same(f, fmt.Sprint("API tokens of ", tt.tenant), page.Items, tt.want)
			same(f, "their number", page.Total, len(tt.want))
		}
	}},
	{"a member's sign-ins end together, but for one, and nobody else's", func(f *fixture) {
		f.open(alpha, alphaOther)
		at := f.clock.Now()
		f.putMembers("m1", "m2")
		signIn := func(t taocan.Tenant, m taocan.MemberID) taocan.Token {
			token := f.newToken(t, at)
			token.Member = m
			f.putTokens(token)
			return token
		}
		one, kept, elsewhere, early, others := signIn(alpha, "m1"), signIn(alpha, "m1"), signIn(alphaOther, "m1"), signIn(alpha, "m1"), signIn(alpha, "m2")
		plain := f.newToken(alpha, at)
		f.putTokens(plain)
		revoke := func(keep taocan.TokenID, when time.Time) {
			f.update("", func(ctx context.Context, tx store.Tx) error { return tx.RevokeSignIns(ctx, "m1", keep, when) })
		}
		revokedAt := func() (times []time.Time) {
			for _, t := range []taocan.Token{one, kept, elsewhere, early, others, plain} {
				got := get(f, func(ctx context.Context, r store.Reader) (taocan.Token, error) { return r.TokenByID(ctx, t.ID) })
				times = append(times, got.RevokedAt)
			}
			return times
		}
		before, first, second := at.Add(time.Second), at.Add(time.Minute), at.Add(time.Hour)
		f.update("", func(ctx context.Context, tx store.Tx) error { return tx.RevokeToken(ctx, early.ID, before) })
		revoke(kept.ID, first)
		same(f, "revoked but for one", revokedAt(), []time.Time{first, {}, first, before, {}, {}})
		revoke("", second)
		same(f, "revoked all", revokedAt(), []time.Time{first, second, first, before, {}, {}})
	}},
	{"a sign-in code is taken once", func(f *fixture) {
		f.open(alpha)
		f.putMembers("m1", "m2")
		code := func(secret string, m taocan.MemberID, life time.Duration) taocan.SignInCode {
			c := taocan.SignInCode{Hash: hashOf(secret), Member: m, ExpiresAt: f.clock.Now().Add(life)}
			f.update("", func(ctx context.Context, tx store.Tx) error { return tx.InsertSignInCode(ctx, c) })
			return c
		}
		take := func(secret string) (c taocan.SignInCode, err error) {
			err = f.try("", func(ctx context.Context, tx store.Tx) (err error) {
				c, err = tx.TakeSignInCode(ctx, hashOf(secret))
				return err
			})
			return c, err
		}
		gone := func(secret string) {
			f.Helper()
			if c, err := take(secret); !errors.Is(err, taocan.ErrNotFound) {
				f.Errorf("took %s: %v, %v, want %v", secret, c, err, taocan.ErrNotFound)
			}
		}
		taken := func(secret string, want taocan.SignInCode) {
			f.Helper()
			c, err := take(secret)
			if err != nil {
				f.Fatalf("take %s: %v", secret, err)
			}
			same(f, secret, c, want)
		}
		a, b := code("a", "m1", time.Minute), code("b", "m1", time.Minute)
		gone("other")
		taken("a", a)
		gone("a")
		f.refuse("", taocan.ErrInvalid, func(ctx context.Context, tx store.Tx) error {
			if _, err := tx.TakeSignInCode(ctx, b.Hash); err != nil {
				return err
			}
			return taocan.ErrInvalid // undone: it was not taken
		})
		f.clock.Advance(time.Minute)
		taken("b", b) // whoever takes it looks at its end

		code("short", "m1", time.Minute)
		f.clock.Advance(time.Minute - time.Microsecond)
		c := code("c", "m1", time.Hour) // one microsecond early: the short one stays
		short, err := take("short")
		same(f, "before its end", fmt.Sprint(short.Member, err), "m1<nil>")
		code("short", "m1", time.Minute)
		f.clock.Advance(time.Minute)
		mine, theirs := code("mine", "m1", time.Hour), code("theirs", "m2", time.Hour)
		gone("short") // forgotten when the next was written
		taken("c", c)
		taken("mine", mine)

		code("mine", "m1", time.Hour)
		f.update("", func(ctx context.Context, tx store.Tx) error { return tx.RevokeSignIns(ctx, "m1", "", tx.Now()) })
		gone("mine")
		taken("theirs", theirs)

		f.refuse("", nil, func(ctx context.Context, tx store.Tx) error {
			return tx.InsertSignInCode(ctx, taocan.SignInCode{Hash: hashOf("x"), Member: "nobody", ExpiresAt: tx.Now().Add(time.Hour)})
		})
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
			return r.AuditEntries(ctx, store.AuditFilter{Paging: all()})
		})
		same(f, "entries", page.Items, want)
	}},
	{"audit entries are found by time, who, action, subject and account, and say the login", func(f *fixture) {
		f.open(alpha, beta)
		f.update("", func(ctx context.Context, tx store.Tx) error {
			for _, m := range []taocan.Member{{ID: "m1", Account: "alpha", Login: "ana", Role: taocan.Owner, PasswordHash: "h", CreatedAt: f.clock.Now()},
				{ID: "m2", Login: "op", Role: taocan.OperatorRole, PasswordHash: "h", CreatedAt: f.clock.Now()}} {
				if err := tx.InsertMember(ctx, m); err != nil {
					return err
				}
			}
			return nil
		})
		at := f.clock.Now()
		number := f.put(f.newPackage(alpha, at))[0].Number
		write := func(micros time.Duration, by, action, subject, value string) {
			e := taocan.AuditEntry{At: at.Add(micros * time.Microsecond), By: by, Action: action, Subject: subject, After: value}
			f.update("", func(ctx context.Context, tx store.Tx) error { return tx.InsertAudit(ctx, e) })
		}
		write(0, "member:m2", "account.create", "alpha", "")                    // 1
		write(1, "member:m2", "wallet.top_up", "alpha", "")                     // 2
		write(2, "member:m2", "wallet.gift", "beta", "")                        // 3
		write(3, "member:m1", "token.create", "tok_x", "")                      // 4
		write(4, "token:tok_y", "member.role", "ana", "")                       // 5
		write(5, "system", "package.adjust", string(number), "")                // 6
		write(6, "system", "project.create", "soon", `{"account":"alpha"}`)     // 7
		write(7, "system", "project.rename", string(alpha.Project), "not JSON") // 8
		write(8, "system", "wallets.odd", "wallet", "")                         // 9
		for _, tt := range []struct {
			filter store.AuditFilter
			want   string
		}{
			{store.AuditFilter{}, "9 8 7 6 5 4 3 2 1"},
			{store.AuditFilter{From: at.Add(3 * time.Microsecond), Until: at.Add(5 * time.Microsecond)}, "5 4"},
			{store.AuditFilter{By: "op"}, "3 2 1"},
			{store.AuditFilter{By: "m1"}, "4"},
			{store.AuditFilter{By: "tok_y"}, "5"},
			{store.AuditFilter{By: "system"}, "9 8 7 6"},
			{store.AuditFilter{By: "nobody"}, ""},
			{store.AuditFilter{Action: "wallet"}, "3 2"},
			{store.AuditFilter{Action: "wallet.gift"}, "3"},
			{store.AuditFilter{Subject: "alpha"}, "2 1"},
			{store.AuditFilter{Account: "alpha"}, "8 7 6 5 4 2 1"},
			{store.AuditFilter{Account: "beta"}, "3"},
			{store.AuditFilter{Account: "alpha", Action: "wallet", By: "op", Until: at.Add(2 * time.Microsecond)}, "2"},
		} {
			tt.filter.Paging = all()
			page := get(f, func(ctx context.Context, r store.Reader) (store.Page[taocan.AuditEntry], error) {
				return r.AuditEntries(ctx, tt.filter)
			})
			var found []string
			for _, e := range page.Items {
				found = append(found, fmt.Sprint(e.N))
				login := map[string]string{"member:m1": "ana", "member:m2": "op"}[e.By]
				same(f, "login of "+e.By, e.Login, login)
			}
			same(f, fmt.Sprintf("%+v", tt.filter), strings.Join(found, " "), tt.want)
			same(f, "total", page.Total, len(found))
		}
	}},
	{"accounts are found by what somebody knows of them", func(f *fixture) {
		f.update("", func(ctx context.Context, tx store.Tx) error {
			for _, a := range []taocan.Account{{ID: "acme", Name: "Acme 100%", Level: taocan.Enterprise}, {ID: "beta", Name: "贝塔科技", Level: taocan.Personal},
				{ID: "gamma", Name: "Gamma", Level: taocan.Unverified, Suspended: true}} {
				a.CreatedAt = f.clock.Now()
				if err := tx.InsertAccount(ctx, a); err != nil {
					return err
				}
			}
			if err := tx.InsertProject(ctx, taocan.Project{Account: "gamma", ID: "shop_eu", Name: "Shop", CreatedAt: f.clock.Now()}); err != nil {
				return err
			}
			return tx.InsertMember(ctx, taocan.Member{ID: "m1", Account: "beta", Login: "Zhang.San", Role: taocan.Owner, PasswordHash: "h", CreatedAt: f.clock.Now()})
		})
		yes, no := true, false
		for _, tt := range []struct {
			filter store.AccountFilter
			want   string
		}{
			{store.AccountFilter{}, "acme beta gamma"},
			{store.AccountFilter{Query: "ACM"}, "acme"},
			{store.AccountFilter{Query: "科技"}, "beta"},
			{store.AccountFilter{Query: "0%"}, "acme"},
			{store.AccountFilter{Query: "%"}, "acme"},
			{store.AccountFilter{Query: "_"}, "gamma"}, // of shop_eu: no wildcard
			{store.AccountFilter{Query: "shop"}, "gamma"},
			{store.AccountFilter{Query: "zhang"}, "beta"},
			{store.AccountFilter{Query: "m1"}, ""},
			{store.AccountFilter{Levels: []taocan.Level{taocan.Personal, taocan.Enterprise}}, "acme beta"},
			{store.AccountFilter{Suspended: &yes}, "gamma"},
			{store.AccountFilter{Suspended: &no, Query: "a"}, "acme beta"},
		} {
			tt.filter.Paging = all()
			page := get(f, func(ctx context.Context, r store.Reader) (store.Page[taocan.Account], error) {
				return r.Accounts(ctx, tt.filter)
			})
			var found []string
			for _, a := range page.Items {
				found = append(found, string(a.ID))
			}
			same(f, fmt.Sprintf("%+v", tt.filter), strings.Join(found, " "), tt.want)
		}
	}},
}
