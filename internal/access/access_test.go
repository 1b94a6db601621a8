package access_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/access"
	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
	"taocan/internal/teststore"
)

type env struct {
	*access.Access
	t     *testing.T
	clock *clock.Fake
	store store.Store
}

var (
	system = taocan.System()
	staff  = taocan.Actor{Token: "tok_staff", Scopes: []taocan.Scope{taocan.ScopeOperator}, Address: "192.0.2.9"}
	demo   = taocan.Tenant{Account: "demo", Project: "demo"}
)

// newAccess hashes passwords cheaply: there are hundreds of them in these tests.
func newAccess(s store.Store, c clock.Clock) *access.Access {
	a := access.New(access.Config{Store: s, Clock: c})
	a.CheapHashes()
	return a
}

func newEnv(t *testing.T) *env {
	t.Helper()
	e := &env{t: t, clock: clock.NewFake(time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC))}
	e.store = teststore.Open(t, teststore.Options{Clock: e.clock})
	e.Access = newAccess(e.store, e.clock)
	_, err := e.CreateAccount(t.Context(), system, access.AccountRequest{ID: "demo"})
	e.must(err)
	for _, p := range []taocan.ProjectID{"second", "demo"} {
		_, err = e.CreateProject(t.Context(), system, access.ProjectRequest{ID: p, Account: "demo"})
		e.must(err)
	}
	_, err = e.CreateMember(t.Context(), system, access.MemberRequest{Account: "demo", Login: "ana", Password: "correct horse", Role: taocan.Owner})
	e.must(err)
	return e
}

func (e *env) must(err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatal(err)
	}
}

func (e *env) token(scopes ...taocan.Scope) (string, taocan.Token) {
	e.t.Helper()
	secret, token, err := e.CreateToken(e.t.Context(), system, access.TokenRequest{Tenant: demo, Scopes: scopes})
	e.must(err)
	return secret, token
}

func (e *env) works(secret string) bool {
	e.t.Helper()
	_, err := e.Authenticate(e.t.Context(), secret, "192.0.2.1")
	if err != nil && !errors.Is(err, taocan.ErrUnauthenticated) {
		e.t.Fatal(err)
	}
	return err == nil
}

func TestATokenSaysWhoIsAsking(t *testing.T) {
	e := newEnv(t)
	secret, token := e.token(taocan.ScopeRead, taocan.ScopeDebit)
	if len(secret) != 46 || !strings.HasPrefix(secret, "tc_") {
		t.Errorf("secret %q, want tc_ and 43 characters", secret)
	}
	actor, err := e.Authenticate(t.Context(), secret, "192.0.2.1")
	e.must(err)
	want := taocan.Actor{Tenant: demo, Token: token.ID, Scopes: []taocan.Scope{taocan.ScopeRead, taocan.ScopeDebit}, Address: "192.0.2.1"}
	if diff := cmp.Diff(want, actor); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"", "tc_", secret + "x", secret[:45], "xx_" + secret[3:], secret[:45] + "!", strings.Repeat("A", 46), "tc_" + strings.Repeat("A", 43)} {
		if e.works(bad) {
			t.Errorf("%q works", bad)
		}
	}
}

func TestTokensExpireAtTheirInstant(t *testing.T) {
	e := newEnv(t)
	secret, _, err := e.CreateToken(t.Context(), system, access.TokenRequest{Tenant: demo, Scopes: []taocan.Scope{taocan.ScopeRead}, TTL: time.Minute})
	e.must(err)
	e.clock.Advance(time.Minute - time.Microsecond)
	if !e.works(secret) {
		t.Error("it should work up to its last microsecond")
	}
	e.clock.Advance(time.Microsecond) // it is still remembered, and has expired all the same
	if e.works(secret) {
		t.Error("it works past its expiry")
	}
}

// What another process changes holds in this one within a second; what this one changes holds at once.
func TestWhatIsTakenAwayHoldsWithinASecond(t *testing.T) {
	for _, tt := range []struct {
		name string
		take func(*env, *access.Access, taocan.Token) error
		back func(*env, *access.Access) error
	}{
		{"a token is revoked", func(e *env, a *access.Access, token taocan.Token) error {
			_, err := a.RevokeToken(e.t.Context(), staff, token.ID)
			return err
		}, nil},
		{"the account is suspended", func(e *env, a *access.Access, _ taocan.Token) error {
			_, err := a.SetSuspended(e.t.Context(), staff, "demo", true)
			return err
		}, func(e *env, a *access.Access) error {
			_, err := a.SetSuspended(e.t.Context(), staff, "demo", false)
			return err
		}},
		{"the member is suspended", func(e *env, a *access.Access, _ taocan.Token) error {
			_, err := a.SetMemberSuspended(e.t.Context(), staff, "ana", true)
			return err
		}, func(e *env, a *access.Access) error {
			_, err := a.SetMemberSuspended(e.t.Context(), staff, "ana", false)
			return err
		}},
		{"the member's password is changed", func(e *env, a *access.Access, _ taocan.Token) error {
			_, err := a.SetPassword(e.t.Context(), staff, "ana", "another horse")
			return err
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnv(t)
			e.t = t
			secret, token, err := e.SignIn(t.Context(), "ana", "correct horse", "192.0.2.1")
			e.must(err)
			elsewhere := newAccess(e.store, e.clock)
			if !e.works(secret) {
				t.Fatal("it should work at first")
			}
			e.must(tt.take(e, elsewhere, token))
			if !e.works(secret) {
				t.Error("it is asked of the store each time: nothing is remembered")
			}
			e.clock.Advance(time.Second)
			if e.works(secret) {
				t.Error("it still works a second later")
			}
			if tt.back != nil {
				e.must(tt.back(e, e.Access))
				if !e.works(secret) {
					t.Error("given back here, it should work here at once")
				}
				e.must(tt.take(e, e.Access, token))
				if e.works(secret) {
					t.Error("taken away here, it should fail here at once")
				}
			}
		})
		t.Run(tt.name+", by the only process", func(t *testing.T) {
			e := newEnv(t)
			e.t = t
			e.Access = access.New(access.Config{Store: e.store, Clock: e.clock, Alone: true})
			e.CheapHashes()
			secret, token, err := e.SignIn(t.Context(), "ana", "correct horse", "192.0.2.1")
			e.must(err)
			for range 3 { // remembered, and asked again
				if !e.works(secret) {
					t.Fatal("it should work at first")
				}
				e.clock.Advance(40 * time.Second)
			}
			e.must(tt.take(e, e.Access, token))
			if e.works(secret) {
				t.Error("it still works")
			}
			if tt.back != nil {
				e.must(tt.back(e, e.Access))
				if !e.works(secret) {
					t.Error("given back, it should work at once")
				}
			}
		})
	}
}

func TestAMemberDoesWhatItsRoleAllowsNow(t *testing.T) {
	e := newEnv(t)
	secret, token, err := e.SignIn(t.Context(), "ana", "correct horse", "192.0.2.1")
	e.must(err)
	if token.Project != "demo" || !token.ExpiresAt.Equal(e.clock.Now().Add(12*time.Hour)) {
		t.Errorf("signed in to %s until %v, want demo, the first by id, for 12 hours", token.Project, token.ExpiresAt)
	}
	for role, want := range map[taocan.Role][]taocan.Scope{
		taocan.Owner:   {taocan.ScopeRead, taocan.ScopeBuy, taocan.ScopeDebit, taocan.ScopeManage},
		taocan.Finance: {taocan.ScopeRead, taocan.ScopeBuy},
		taocan.Viewer:  {taocan.ScopeRead},
	} {
		_, err := e.SetRole(t.Context(), staff, "ana", role)
		e.must(err)
		actor, err := e.Authenticate(t.Context(), secret, "")
		e.must(err)
		if diff := cmp.Diff(want, actor.Scopes); diff != "" || actor.Role != role {
			t.Errorf("%s: role %s, scopes\n%s", role, actor.Role, diff)
		}
	}
	if _, err := e.SetRole(t.Context(), staff, "ana", taocan.OperatorRole); !errors.Is(err, taocan.ErrInvalid) {
		t.Errorf("a customer's member made an operator: %v", err)
	}
}

func TestSignInToAProjectOfTheAccountOnly(t *testing.T) {
	e := newEnv(t)
	_, err := e.CreateAccount(t.Context(), system, access.AccountRequest{ID: "other"})
	e.must(err)
	_, err = e.CreateProject(t.Context(), system, access.ProjectRequest{ID: "theirs", Account: "other"})
	e.must(err)
	_, token, err := e.SignInTo(t.Context(), "ana", "correct horse", "second", "")
	if err != nil || token.Project != "second" {
		t.Errorf("sign in to second: %v, %v", token.Project, err)
	}
	_, _, another := e.SignInTo(t.Context(), "ana", "correct horse", "theirs", "")
	_, _, unknown := e.SignInTo(t.Context(), "ana", "correct horse", "nothing", "")
	if !errors.Is(another, taocan.ErrInvalid) || another.Error() != unknown.Error() {
		t.Errorf("another account's project: %v, an unknown one: %v; want the same refusal", another, unknown)
	}
	_, err = e.CreateMember(t.Context(), system, access.MemberRequest{Login: "op", Password: "operators do", Role: taocan.OperatorRole})
	e.must(err)
	secret, token, err := e.SignIn(t.Context(), "op", "operators do", "")
	e.must(err)
	actor, err := e.Authenticate(t.Context(), secret, "")
	e.must(err)
	if token.Tenant != (taocan.Tenant{}) || !actor.Can(taocan.ScopeOperator) || actor.Can(taocan.ScopeRead) {
		t.Errorf("an operator signed in as %+v", actor)
	}
}

// repeating runs every function given to Update twice, as a backend may; before happens once, just before.
type repeating struct {
	store.Store
	before func()
}

func (r *repeating) Update(ctx context.Context, account taocan.AccountID, fn func(store.Tx) error) error {
	if before := r.before; before != nil {
		r.before = nil
		before()
	}
	undo := errors.New("the first run is undone")
	err := r.Store.Update(ctx, account, func(tx store.Tx) error {
		_ = fn(tx)
		return undo
	})
	if !errors.Is(err, undo) {
		return err
	}
	return r.Store.Update(ctx, account, fn)
}

// A second run used to compare the member with what the first had read, and so let the old password in.
func TestAPasswordChangedMeanwhileIsNoMorePassword(t *testing.T) {
	e := newEnv(t)
	twice := &repeating{Store: e.store, before: func() {
		_, err := e.SetPassword(t.Context(), staff, "ana", "another horse")
		e.must(err)
	}}
	a := newAccess(twice, e.clock)
	if _, _, err := a.SignIn(t.Context(), "ana", "correct horse", ""); !errors.Is(err, taocan.ErrUnauthenticated) {
		t.Errorf("the password of before: %v, want ErrUnauthenticated", err)
	}
	if _, _, err := a.SignIn(t.Context(), "ana", "another horse", ""); err != nil {
		t.Errorf("the password of now: %v", err)
	}
}

// Every write of access comes out the same when its function runs twice.
func TestWritesMayRunTwice(t *testing.T) {
	e := newEnv(t)
	a, ctx := newAccess(&repeating{Store: e.store}, e.clock), t.Context()
	_, err := a.CreateAccount(ctx, staff, access.AccountRequest{ID: "twice"})
	e.must(err)
	_, err = a.CreateProject(ctx, staff, access.ProjectRequest{ID: "twice", Account: "twice"})
	e.must(err)
	_, err = a.CreateMember(ctx, staff, access.MemberRequest{Account: "twice", Login: "bo", Password: "battery horse", Role: taocan.Viewer})
	e.must(err)
	_, err = a.SetPassword(ctx, staff, "bo", "staple horse")
	e.must(err)
	m, err := a.SetRole(ctx, staff, "bo", taocan.Owner)
	e.must(err)
	m2, err := a.SetMemberSuspended(ctx, staff, "bo", false)
	e.must(err)
	acc, err := a.SetLevel(ctx, staff, "twice", taocan.Personal)
	e.must(err)
	secret, token, err := a.SignIn(ctx, "bo", "staple horse", "")
	e.must(err)
	if m.Role != taocan.Owner || m2.Role != taocan.Owner || acc.Level != taocan.Personal || token.Project != "twice" || !e.works(secret) {
		t.Errorf("members %+v and %+v, account %+v, token %+v", m, m2, acc, token)
	}
	secret, token, err = a.CreateToken(ctx, staff, access.TokenRequest{Tenant: token.Tenant, Scopes: []taocan.Scope{taocan.ScopeRead}})
	e.must(err)
	if !e.works(secret) {
		t.Error("the second run's token is not the one that was answered")
	}
	code, err := a.SignInCode(ctx, "bo")
	e.must(err)
	byCode, _, err := a.SignInByCode(ctx, code, "")
	e.must(err)
	actor, err := a.Authenticate(ctx, byCode, "")
	e.must(err)
	moved, _, err := a.SwitchProject(ctx, actor, "twice")
	e.must(err)
	e.must(a.ChangePassword(ctx, e.actor(moved), "staple horse", "a third horse"))
	p, err := a.RenameProject(ctx, e.actor(moved), "twice", "Twice")
	e.must(err)
	if e.works(byCode) || !e.works(moved) || p.Name != "Twice" {
		t.Errorf("the code's sign-in works: %v, the moved one: %v, project %+v", e.works(byCode), e.works(moved), p)
	}
	revoked, err := a.RevokeToken(ctx, staff, token.ID)
	e.must(err)
	if _, err := a.Authenticate(ctx, secret, ""); revoked.RevokedAt.IsZero() || !errors.Is(err, taocan.ErrUnauthenticated) {
		t.Errorf("revoked: %+v, and it works on: %v", revoked, err)
	}
}

func TestTooManyFailuresAreNotHeard(t *testing.T) {
	e := newEnv(t)
	try := func(login, password, remote string) error {
		_, _, err := e.SignIn(t.Context(), login, password, remote)
		return err
	}
	for i := range 10 {
		if err := try("ana", "wrong", fmt.Sprintf("192.0.2.%d", i)); !errors.Is(err, taocan.ErrUnauthenticated) {
			t.Fatalf("failure %d: %v", i, err)
		}
	}
	var rate *taocan.RateError
	if err := try("ana", "correct horse", "192.0.2.200"); !errors.As(err, &rate) || rate.RetryAfter != 15*time.Minute {
		t.Errorf("after ten failures of the login: %v, want RateError", err)
	}
	another := newAccess(e.store, e.clock)
	if _, _, err := another.SignIn(t.Context(), "ana", "correct horse", "192.0.2.200"); !errors.Is(err, taocan.ErrRateLimited) {
		t.Errorf("in another process: %v, want the same", err)
	}
	e.clock.Advance(15*time.Minute + time.Microsecond)
	e.must(try("ana", "correct horse", "192.0.2.200"))

	if testing.Short() {
		return // a hundred hashes
	}
	for i := range 100 {
		if err := try(fmt.Sprintf("guess-%d", i), "wrong", "192.0.2.7"); !errors.Is(err, taocan.ErrUnauthenticated) {
			t.Fatalf("failure %d from one address: %v", i, err)
		}
	}
	if err := try("ana", "correct horse", "192.0.2.7"); !errors.Is(err, taocan.ErrRateLimited) {
		t.Errorf("after a hundred failures from the address: %v", err)
	}
	e.must(try("ana", "correct horse", "192.0.2.8"))
}

// A burst of guesses is not heard beyond the limit, though all of it arrives before the first failure counts.
func TestABurstOfGuessesIsBounded(t *testing.T) {
	e := newEnv(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	heard := 0
	for range 40 {
		wg.Go(func() {
			_, _, err := e.SignIn(t.Context(), "ana", "wrong", "192.0.2.1")
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, taocan.ErrUnauthenticated) {
				heard++
			} else if !errors.Is(err, taocan.ErrRateLimited) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if heard < 10 || heard > 12 {
		t.Errorf("%d guesses were heard, want 10, and at most the two under way besides", heard)
	}
}

func TestSignInRefusesAllButTheRightPassword(t *testing.T) {
	e := newEnv(t)
	for _, tt := range []struct{ login, password string }{
		{"ana", ""}, {"ana", "correct horse "}, {"ana", "Correct horse"}, {"Ana", "correct horse"}, {"", "correct horse"}, {"nobody", "correct horse"},
		{"ana", strings.Repeat("x", 100_000)}, {strings.Repeat("x", 100_000), "correct horse"}, {"ana\x00", "correct horse"},
	} {
		if _, _, err := e.SignIn(t.Context(), tt.login, tt.password, "192.0.2.1"); !errors.Is(err, taocan.ErrUnauthenticated) {
			t.Errorf("%.20q with %.20q: %v, want ErrUnauthenticated", tt.login, tt.password, err)
		}
	}
	_, err := e.SetMemberSuspended(t.Context(), staff, "ana", true)
	e.must(err)
	if _, _, err := e.SignIn(t.Context(), "ana", "correct horse", "192.0.2.1"); !errors.Is(err, taocan.ErrUnauthenticated) {
		t.Errorf("a suspended member: %v, want ErrUnauthenticated", err)
	}
}

// With argon2id itself, which other tests do without.
func TestOnlyTheRightPasswordHashesToWhatIsKept(t *testing.T) {
	e := newEnv(t)
	a := access.New(access.Config{Store: e.store, Clock: e.clock})
	_, err := a.CreateMember(t.Context(), system, access.MemberRequest{Account: "demo", Login: "argon", Password: "battery staple", Role: taocan.Viewer})
	e.must(err)
	if _, _, err := a.SignIn(t.Context(), "argon", "battery staple", "192.0.2.1"); err != nil {
		t.Error(err)
	}
	if _, _, err := a.SignIn(t.Context(), "argon", "battery stable", "192.0.2.1"); !errors.Is(err, taocan.ErrUnauthenticated) {
		t.Errorf("a wrong password: %v, want ErrUnauthenticated", err)
	}
}

func TestNothingSecretIsStored(t *testing.T) {
	e := newEnv(t)
	secret, _ := e.token(taocan.ScopeRead)
	err := e.store.View(t.Context(), func(r store.Reader) error {
		m, err := r.Member(t.Context(), "ana")
		if err != nil {
			return err
		}
		if !strings.HasPrefix(m.PasswordHash, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(m.PasswordHash, "horse") {
			t.Errorf("password is kept as %q, want argon2id in PHC form", m.PasswordHash)
		}
		tokens, err := r.Tokens(t.Context(), demo, store.Paging{Limit: 10})
		if err != nil {
			return err
		}
		audit, err := r.AuditEntries(t.Context(), store.AuditFilter{Paging: store.Paging{Limit: 100}})
		if err != nil {
			return err
		}
		kept, err := json.Marshal([]any{tokens, audit})
		if err != nil {
			return err
		}
		for _, s := range []string{secret, "horse"} {
			if strings.Contains(string(kept), s) {
				t.Errorf("the store holds %.10s…", s)
			}
		}
		return nil
	})
	e.must(err)
}

func TestRefusedRequests(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	for name, err := range map[string]error{
		"account: no id":              second(e.CreateAccount(ctx, staff, access.AccountRequest{})),
		"account: bad id":             second(e.CreateAccount(ctx, staff, access.AccountRequest{ID: "A/B"})),
		"account: bad level":          second(e.CreateAccount(ctx, staff, access.AccountRequest{ID: "a", Level: "gold"})),
		"account: two lines":          second(e.CreateAccount(ctx, staff, access.AccountRequest{ID: "a", Name: "x\ny"})),
		"level: unknown":              second(e.SetLevel(ctx, staff, "demo", "gold")),
		"project: unknown account":    second(e.CreateProject(ctx, staff, access.ProjectRequest{ID: "p", Account: "nobody"})),
		"member: short password":      second(e.CreateMember(ctx, staff, access.MemberRequest{Account: "demo", Login: "b", Password: "short", Role: taocan.Viewer})),
		"member: operator of account": second(e.CreateMember(ctx, staff, access.MemberRequest{Account: "demo", Login: "b", Password: "correct horse", Role: taocan.OperatorRole})),
		"member: owner of nothing":    second(e.CreateMember(ctx, staff, access.MemberRequest{Login: "b", Password: "correct horse", Role: taocan.Owner})),
		"token: no scopes":            third(e.CreateToken(ctx, staff, access.TokenRequest{Tenant: demo})),
		"token: operator of project":  third(e.CreateToken(ctx, staff, access.TokenRequest{Tenant: demo, Scopes: []taocan.Scope{taocan.ScopeOperator}})),
		"token: read without project": third(e.CreateToken(ctx, staff, access.TokenRequest{Scopes: []taocan.Scope{taocan.ScopeRead}})),
		"token: a scope twice":        third(e.CreateToken(ctx, staff, access.TokenRequest{Tenant: demo, Scopes: []taocan.Scope{taocan.ScopeRead, taocan.ScopeRead}})),
		"token: unknown project":      third(e.CreateToken(ctx, staff, access.TokenRequest{Tenant: taocan.Tenant{Project: "nothing"}, Scopes: []taocan.Scope{taocan.ScopeRead}})),
		"token: another account's":    third(e.CreateToken(ctx, staff, access.TokenRequest{Tenant: taocan.Tenant{Account: "x", Project: "demo"}, Scopes: []taocan.Scope{taocan.ScopeRead}})),
		"token: negative life":        third(e.CreateToken(ctx, staff, access.TokenRequest{Tenant: demo, Scopes: []taocan.Scope{taocan.ScopeRead}, TTL: -1})),
	} {
		if !errors.Is(err, taocan.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
	for name, err := range map[string]error{
		"account": second(e.CreateAccount(ctx, staff, access.AccountRequest{ID: "demo"})),
		"project": second(e.CreateProject(ctx, staff, access.ProjectRequest{ID: "demo", Account: "demo"})),
		"login":   second(e.CreateMember(ctx, staff, access.MemberRequest{Account: "demo", Login: "ana", Password: "correct horse", Role: taocan.Viewer})),
	} {
		if !errors.Is(err, taocan.ErrConflict) {
			t.Errorf("a taken %s: %v, want ErrConflict", name, err)
		}
	}
	customer := taocan.Actor{Tenant: demo, Scopes: []taocan.Scope{taocan.ScopeManage}}
	for name, err := range map[string]error{
		"create account":  second(e.CreateAccount(ctx, customer, access.AccountRequest{ID: "a"})),
		"level":           second(e.SetLevel(ctx, customer, "demo", taocan.Enterprise)),
		"suspend":         second(e.SetSuspended(ctx, customer, "demo", false)),
		"create project":  second(e.CreateProject(ctx, customer, access.ProjectRequest{ID: "p", Account: "demo"})),
		"create member":   second(e.CreateMember(ctx, customer, access.MemberRequest{})),
		"password":        second(e.SetPassword(ctx, customer, "ana", "correct horse")),
		"role":            second(e.SetRole(ctx, customer, "ana", taocan.Owner)),
		"suspend member":  second(e.SetMemberSuspended(ctx, customer, "ana", true)),
		"create token":    third(e.CreateToken(ctx, customer, access.TokenRequest{Tenant: demo, Scopes: projectScopes})),
		"revoke token":    second(e.RevokeToken(ctx, customer, "t")),
		"note in the log": e.Record(ctx, customer, "clock.confirm", "clock"),
	} {
		if !errors.Is(err, taocan.ErrForbidden) {
			t.Errorf("%s by a customer: %v, want ErrForbidden", name, err)
		}
	}
}

var projectScopes = []taocan.Scope{taocan.ScopeRead}

func second[T any](_ T, err error) error        { return err }
func third[T, U any](_ T, _ U, err error) error { return err }

func TestOperatorsActsAreInTheAuditLog(t *testing.T) {
	e := newEnv(t)
	_, err := e.SetLevel(t.Context(), staff, "demo", taocan.Enterprise)
	e.must(err)
	if _, err := e.SetLevel(t.Context(), staff, "nobody", taocan.Enterprise); !errors.Is(err, taocan.ErrNotFound) {
		t.Errorf("an unknown account: %v", err)
	}
	_, err = e.SetPassword(t.Context(), staff, "ana", "another horse")
	e.must(err)
	page, err := e.AuditEntries(t.Context(), store.AuditFilter{Paging: store.Paging{Limit: 2}})
	e.must(err)
	for i := range page.Items {
		page.Items[i].N, page.Items[i].At = 0, time.Time{}
	}
	want := []taocan.AuditEntry{
		{By: "token:tok_staff", Address: "192.0.2.9", Action: "member.password", Subject: "ana"},
		{By: "token:tok_staff", Address: "192.0.2.9", Action: "account.level", Subject: "demo", Before: `{"level":"unverified"}`, After: `{"level":"enterprise"}`},
	}
	if diff := cmp.Diff(want, page.Items); diff != "" {
		t.Error(diff)
	}
}
