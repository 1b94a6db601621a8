package access_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/access"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// member makes a login of an account; its password is "correct horse".
func (e *env) member(account taocan.AccountID, login string, role taocan.Role) taocan.Member {
	e.t.Helper()
	m, err := e.CreateMember(e.t.Context(), system, access.MemberRequest{Account: account, Login: login, Password: "correct horse", Role: role})
	e.must(err)
	return m
}

// tenant makes an account with a project of the same name.
func (e *env) tenant(id string) {
	e.t.Helper()
	_, err := e.CreateAccount(e.t.Context(), system, access.AccountRequest{ID: taocan.AccountID(id)})
	e.must(err)
	_, err = e.CreateProject(e.t.Context(), system, access.ProjectRequest{ID: taocan.ProjectID(id), Account: taocan.AccountID(id)})
	e.must(err)
}

// signIn of a member whose password is "correct horse".
func (e *env) signIn(login string) (secret string, actor taocan.Actor) {
	e.t.Helper()
	secret, _, err := e.SignIn(e.t.Context(), login, "correct horse", "192.0.2.1")
	e.must(err)
	return secret, e.actor(secret)
}

func (e *env) actor(secret string) taocan.Actor {
	e.t.Helper()
	actor, err := e.Authenticate(e.t.Context(), secret, "192.0.2.1")
	e.must(err)
	return actor
}

// plain is an actor with an API token of demo that holds every scope of a project.
func (e *env) plain() taocan.Actor {
	e.t.Helper()
	secret, _ := e.token(taocan.ScopeRead, taocan.ScopeBuy, taocan.ScopeDebit, taocan.ScopeManage)
	return e.actor(secret)
}

func TestSwitchingTheProjectMovesTheSignIn(t *testing.T) {
	e := newEnv(t)
	secret, actor := e.signIn("ana")
	e.clock.Advance(time.Hour)
	moved, token, err := e.SwitchProject(t.Context(), actor, "second")
	e.must(err)
	if e.works(secret) {
		t.Error("the sign-in of before still works")
	}
	got := e.actor(moved)
	want := actor
	want.Project, want.Token = "second", token.ID
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if end := e.clock.Now().Add(11 * time.Hour); !token.ExpiresAt.Equal(end) {
		t.Errorf("lasts until %v, want %v: switching does not prolong it", token.ExpiresAt, end)
	}
	if _, _, err := e.SwitchProject(t.Context(), actor, "demo"); !errors.Is(err, taocan.ErrUnauthenticated) {
		t.Errorf("switching twice with one sign-in: %v, want ErrUnauthenticated", err)
	}
	if !e.works(moved) {
		t.Error("a refused switch ended a sign-in")
	}
}

func TestSwitchingStaysWithinTheAccount(t *testing.T) {
	e := newEnv(t)
	e.tenant("other")
	secret, actor := e.signIn("ana")
	_, _, another := e.SwitchProject(t.Context(), actor, "other")
	_, _, unknown := e.SwitchProject(t.Context(), actor, "nothing")
	if !errors.Is(another, taocan.ErrNotFound) || strings.ReplaceAll(another.Error(), "other", "nothing") != unknown.Error() {
		t.Errorf("another account's project: %v, an unknown one: %v; want ErrNotFound in the same words", another, unknown)
	}
	if !e.works(secret) {
		t.Error("a refused switch ended the sign-in")
	}
	if _, _, err := e.SwitchProject(t.Context(), e.plain(), "second"); !errors.Is(err, taocan.ErrForbidden) {
		t.Errorf("an API token switched: %v", err)
	}
	e.member("demo", "bo", taocan.Viewer)
	_, mixed := e.signIn("bo")
	mixed.Member = actor.Member // with a sign-in that is not its own
	if _, _, err := e.SwitchProject(t.Context(), mixed, "second"); !errors.Is(err, taocan.ErrUnauthenticated) {
		t.Errorf("a member with another's sign-in switched: %v", err)
	}
	e.member("", "op", taocan.OperatorRole)
	_, operator := e.signIn("op")
	if _, _, err := e.SwitchProject(t.Context(), operator, "demo"); !errors.Is(err, taocan.ErrNotFound) {
		t.Errorf("an operator switched into a customer's project: %v", err)
	}
}

// A process may remember for a second that a sign-in works: what it makes meanwhile must not outlive it.
func TestAnEndedSignInMakesNothing(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(*env, taocan.Actor) error
	}{
		{"signed out", func(e *env, actor taocan.Actor) error { return e.SignOut(e.t.Context(), actor) }},
		{"signed out everywhere", func(e *env, actor taocan.Actor) error { return e.SignOutEverywhere(e.t.Context(), actor) }},
		{"the member is suspended", func(e *env, _ taocan.Actor) error {
			return second(e.SetMemberSuspended(e.t.Context(), staff, "ana", true))
		}},
		{"the account is suspended", func(e *env, _ taocan.Actor) error {
			return second(e.SetSuspended(e.t.Context(), staff, "demo", true))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnv(t)
			e.t = t
			ctx := t.Context()
			_, actor := e.signIn("ana")
			e.must(tt.end(e, actor))
			for what, err := range map[string]error{
				"switch":        third(e.SwitchProject(ctx, actor, "second")),
				"password":      e.ChangePassword(ctx, actor, "correct horse", "another horse"),
				"create token":  third(e.CreateToken(ctx, actor, access.TokenRequest{Tenant: demo, Scopes: projectScopes})),
				"create member": second(e.CreateMember(ctx, actor, access.MemberRequest{Account: "demo", Login: "b", Password: "correct horse", Role: taocan.Owner})),
			} {
				if !errors.Is(err, taocan.ErrUnauthenticated) {
					t.Errorf("%s: %v, want ErrUnauthenticated", what, err)
				}
			}
		})
	}
}

func TestSigningOutEverywhereEndsAllSignInsOfTheMemberOnly(t *testing.T) {
	e := newEnv(t)
	e.member("demo", "bo", taocan.Viewer)
	one, actor := e.signIn("ana")
	two, _, err := e.SignInTo(t.Context(), "ana", "correct horse", "second", "")
	e.must(err)
	theirs, _ := e.signIn("bo")
	plain, _ := e.token(taocan.ScopeRead)
	code, err := e.SignInCode(t.Context(), "ana")
	e.must(err)

	e.must(e.SignOutEverywhere(t.Context(), actor))
	if e.works(one) || e.works(two) {
		t.Error("a sign-in of the member still works")
	}
	if !e.works(theirs) || !e.works(plain) {
		t.Error("somebody else's credential was ended")
	}
	if _, _, err := e.SignInByCode(t.Context(), code, ""); !errors.Is(err, taocan.ErrUnauthenticated) {
		t.Errorf("a code made before: %v, want ErrUnauthenticated", err)
	}
	e.must(third(e.SignIn(t.Context(), "ana", "correct horse", "")))
	if err := e.SignOutEverywhere(t.Context(), e.plain()); !errors.Is(err, taocan.ErrForbidden) {
		t.Errorf("by an API token: %v, want ErrForbidden", err)
	}
}

func TestAMemberSeesItselfAndTheProjectsOfItsAccount(t *testing.T) {
	e := newEnv(t)
	e.tenant("other")
	e.member("demo", "bo", taocan.Viewer)
	_, actor := e.signIn("bo")
	self, err := e.Self(t.Context(), actor)
	e.must(err)
	if self.Login != "bo" || self.Role != taocan.Viewer || self.Account != "demo" {
		t.Errorf("self is %+v", self)
	}
	projects := func(actor taocan.Actor) (ids []taocan.ProjectID) {
		t.Helper()
		got, err := e.AccountProjects(t.Context(), actor)
		e.must(err)
		for _, p := range got {
			ids = append(ids, p.ID)
		}
		return ids
	}
	if diff := cmp.Diff([]taocan.ProjectID{"demo", "second"}, projects(actor)); diff != "" {
		t.Error(diff)
	}
	e.member("", "op", taocan.OperatorRole)
	_, operator := e.signIn("op")
	if got := projects(operator); len(got) != 0 {
		t.Errorf("an operator has the projects %v, want none", got)
	}
	for i := range 100 {
		e.must(second(e.CreateProject(t.Context(), system, access.ProjectRequest{ID: taocan.ProjectID(fmt.Sprintf("p-%03d", i)), Account: "demo"})))
	}
	if got := projects(actor); len(got) != 100 {
		t.Errorf("%d of 102 projects, want 100", len(got))
	}
	if _, err := e.AccountProjects(t.Context(), e.plain()); !errors.Is(err, taocan.ErrForbidden) {
		t.Errorf("projects for an API token: %v, want ErrForbidden", err)
	}
	if _, err := e.Self(t.Context(), e.plain()); !errors.Is(err, taocan.ErrForbidden) {
		t.Errorf("self of an API token: %v, want ErrForbidden", err)
	}
}

func TestChangingThePasswordKeepsThisSignInAlone(t *testing.T) {
	e := newEnv(t)
	here, actor := e.signIn("ana")
	there, _ := e.signIn("ana")
	e.must(e.ChangePassword(t.Context(), actor, "correct horse", "another horse"))
	if !e.works(here) || e.works(there) {
		t.Errorf("here works: %v, there works: %v; want this sign-in alone", e.works(here), e.works(there))
	}
	if _, _, err := e.SignIn(t.Context(), "ana", "correct horse", ""); !errors.Is(err, taocan.ErrUnauthenticated) {
		t.Errorf("the old password: %v", err)
	}
	e.must(third(e.SignIn(t.Context(), "ana", "another horse", "")))
	page, err := e.AuditEntries(t.Context(), store.AuditFilter{Paging: store.Paging{Limit: 1}})
	e.must(err)
	if got := page.Items[0]; got.Action != "member.password" || got.Subject != "ana" || got.By != actor.Name() || got.Address != "192.0.2.1" {
		t.Errorf("audit log: %+v", got)
	}
}

func TestChangingThePasswordNeedsTheCurrentOne(t *testing.T) {
	e := newEnv(t)
	secret, actor := e.signIn("ana")
	field := func(err error) string {
		var bad *taocan.InvalidError
		if !errors.As(err, &bad) || len(bad.Fields) != 1 {
			return fmt.Sprint(err)
		}
		if bad.Fields[0].Value != nil {
			t.Errorf("the refusal shows %v", bad.Fields[0].Value)
		}
		return bad.Fields[0].Location
	}
	if got := field(e.ChangePassword(t.Context(), actor, "correct horse", "short")); got != "body.next" {
		t.Errorf("a short password: %s, want body.next", got)
	}
	for i := range 10 {
		if got := field(e.ChangePassword(t.Context(), actor, "wrong horse", "another horse")); got != "body.current" {
			t.Fatalf("wrong password %d: %s, want body.current", i, got)
		}
	}
	if err := e.ChangePassword(t.Context(), actor, "correct horse", "another horse"); !errors.Is(err, taocan.ErrRateLimited) {
		t.Errorf("after ten wrong ones: %v, want ErrRateLimited", err)
	}
	if _, _, err := e.SignIn(t.Context(), "ana", "correct horse", "192.0.2.200"); !errors.Is(err, taocan.ErrRateLimited) {
		t.Errorf("a sign-in after ten wrong ones: %v, want ErrRateLimited: they count alike", err)
	}
	if !e.works(secret) {
		t.Error("a wrong password ended the sign-in")
	}
	e.clock.Advance(15*time.Minute + time.Microsecond)
	e.must(e.ChangePassword(t.Context(), actor, "correct horse", "another horse"))
	if err := e.ChangePassword(t.Context(), e.plain(), "another horse", "a third horse"); !errors.Is(err, taocan.ErrForbidden) {
		t.Errorf("by an API token: %v, want ErrForbidden", err)
	}
}

// Two changes at once: both have checked the password of before, and one of them comes too late.
func TestAPasswordIsChangedOnceFromTheSameOne(t *testing.T) {
	e := newEnv(t)
	_, actor := e.signIn("ana")
	twice := &repeating{Store: e.store, before: func() {
		e.must(e.ChangePassword(t.Context(), actor, "correct horse", "another horse"))
	}}
	a := newAccess(twice, e.clock)
	if err := a.ChangePassword(t.Context(), actor, "correct horse", "a third horse"); !errors.Is(err, taocan.ErrInvalid) {
		t.Errorf("the later one: %v, want ErrInvalid", err)
	}
	e.must(third(e.SignIn(t.Context(), "ana", "another horse", "")))
}

func TestACodeSignsInOnce(t *testing.T) {
	e := newEnv(t)
	code, err := e.SignInCode(t.Context(), "ana")
	e.must(err)
	if len(code) != 43 {
		t.Errorf("code %q, want 43 characters", code)
	}
	secret, token, err := e.SignInByCode(t.Context(), code, "192.0.2.1")
	e.must(err)
	actor := e.actor(secret)
	if actor.Role != taocan.Owner || actor.Tenant != demo || !token.ExpiresAt.Equal(e.clock.Now().Add(12*time.Hour)) {
		t.Errorf("signed in as %+v until %v", actor, token.ExpiresAt)
	}
	if _, _, err := e.SignInByCode(t.Context(), code, "192.0.2.1"); !errors.Is(err, taocan.ErrUnauthenticated) {
		t.Errorf("used again: %v, want ErrUnauthenticated", err)
	}
	if !e.works(secret) {
		t.Error("using the code again ended the sign-in")
	}
	err = e.store.View(t.Context(), func(r store.Reader) error {
		audit, err := r.AuditEntries(t.Context(), store.AuditFilter{Paging: store.Paging{Limit: 100}})
		e.must(err)
		kept, err := json.Marshal(audit)
		e.must(err)
		if strings.Contains(string(kept), code) {
			t.Error("the audit log holds the code")
		}
		if got := audit.Items[0]; got.Action != "member.sign_in_code" || got.Subject != "ana" || got.By != "system" {
			t.Errorf("audit log: %+v", got)
		}
		return nil
	})
	e.must(err)
}

func TestACodeIsTakenByOneOfMany(t *testing.T) {
	e := newEnv(t)
	code, err := e.SignInCode(t.Context(), "ana")
	e.must(err)
	var wg sync.WaitGroup
	var mu sync.Mutex
	in := 0
	for range 8 {
		wg.Go(func() {
			_, _, err := e.SignInByCode(t.Context(), code, "192.0.2.1")
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				in++
			} else if !errors.Is(err, taocan.ErrUnauthenticated) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if in != 1 {
		t.Errorf("%d came in by one code", in)
	}
}

func TestACodeWorksForTenMinutes(t *testing.T) {
	e := newEnv(t)
	early, err := e.SignInCode(t.Context(), "ana")
	e.must(err)
	late, err := e.SignInCode(t.Context(), "ana")
	e.must(err)
	e.clock.Advance(10*time.Minute - time.Microsecond)
	if _, _, err := e.SignInByCode(t.Context(), early, ""); err != nil {
		t.Errorf("in its last microsecond: %v", err)
	}
	e.clock.Advance(time.Microsecond)
	if _, _, err := e.SignInByCode(t.Context(), late, ""); !errors.Is(err, taocan.ErrUnauthenticated) {
		t.Errorf("at its end: %v, want ErrUnauthenticated", err)
	}
}

func TestACodeIsMadeForWhoCanSignInOnly(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	e.must(second(e.CreateAccount(ctx, system, access.AccountRequest{ID: "empty"})))
	e.member("empty", "eve", taocan.Owner)
	for login, want := range map[string]error{"nobody": taocan.ErrNotFound, "eve": taocan.ErrForbidden} {
		if _, err := e.SignInCode(ctx, login); !errors.Is(err, want) {
			t.Errorf("code for %s: %v, want %v", login, err, want)
		}
	}
	for _, tt := range []struct {
		name string
		lock func(suspended bool) error
	}{
		{"the member", func(suspended bool) error { return second(e.SetMemberSuspended(ctx, staff, "ana", suspended)) }},
		{"the account", func(suspended bool) error { return second(e.SetSuspended(ctx, staff, "demo", suspended)) }},
	} {
		code, err := e.SignInCode(ctx, "ana")
		e.must(err)
		e.must(tt.lock(true))
		if _, _, err := e.SignInByCode(ctx, code, ""); !errors.Is(err, taocan.ErrUnauthenticated) {
			t.Errorf("%s was suspended since: %v, want ErrUnauthenticated", tt.name, err)
		}
		if _, err := e.SignInCode(ctx, "ana"); !errors.Is(err, taocan.ErrForbidden) {
			t.Errorf("a code while %s is suspended: %v, want ErrForbidden", tt.name, err)
		}
		e.must(tt.lock(false))
		if _, _, err := e.SignInByCode(ctx, code, ""); !errors.Is(err, taocan.ErrUnauthenticated) {
			t.Errorf("%s may again, but the code was spent: %v, want ErrUnauthenticated", tt.name, err)
		}
	}
}

func TestWrongCodesCountAgainstTheAddress(t *testing.T) {
	e := newEnv(t)
	code, err := e.SignInCode(t.Context(), "ana")
	e.must(err)
	for i := range 100 {
		if _, _, err := e.SignInByCode(t.Context(), strings.Repeat("x", i), "192.0.2.7"); !errors.Is(err, taocan.ErrUnauthenticated) {
			t.Fatalf("wrong code %d: %v", i, err)
		}
	}
	if _, _, err := e.SignInByCode(t.Context(), code, "192.0.2.7"); !errors.Is(err, taocan.ErrRateLimited) {
		t.Errorf("after a hundred wrong ones: %v, want ErrRateLimited", err)
	}
	if _, _, err := e.SignIn(t.Context(), "ana", "correct horse", "192.0.2.7"); !errors.Is(err, taocan.ErrRateLimited) {
		t.Errorf("a password after a hundred wrong codes: %v, want ErrRateLimited: they count alike", err)
	}
	e.must(third(e.SignInByCode(t.Context(), code, "192.0.2.8"))) // not spent by being refused unheard
}

// One who has an IPv6 network used to have as many tries as it has addresses.
func TestAnIPv6NetworkCountsAsOneAddress(t *testing.T) {
	e := newEnv(t)
	try := func(remote string) error {
		_, _, err := e.SignInByCode(t.Context(), "wrong", remote)
		return err
	}
	for i := range 100 {
		if err := try(fmt.Sprintf("2001:db8:1:2::%x", i)); !errors.Is(err, taocan.ErrUnauthenticated) {
			t.Fatalf("failure %d: %v", i, err)
		}
	}
	for remote, want := range map[string]error{"2001:db8:1:2:ffff::1": taocan.ErrRateLimited, "2001:db8:1:2::1%eth0": taocan.ErrRateLimited,
		"2001:db8:1:3::1": taocan.ErrUnauthenticated, "192.0.2.1": taocan.ErrUnauthenticated} {
		if err := try(remote); !errors.Is(err, want) {
			t.Errorf("from %s: %v, want %v", remote, err, want)
		}
	}
}

// A burst of codes is not heard beyond the limit, though all of it arrives before the first failure counts.
func TestACodeIsNotHeardOnceTheLimitIsReached(t *testing.T) {
	e := newEnv(t)
	code, err := e.SignInCode(t.Context(), "ana")
	e.must(err)
	late := &repeating{Store: e.store, before: func() {
		for range 100 {
			if _, _, err := e.SignInByCode(t.Context(), "wrong", "192.0.2.7"); !errors.Is(err, taocan.ErrUnauthenticated) {
				t.Fatal(err)
			}
		}
	}}
	a := newAccess(late, e.clock)
	if _, _, err := a.SignInByCode(t.Context(), code, "192.0.2.7"); !errors.Is(err, taocan.ErrRateLimited) {
		t.Errorf("the hundred and first: %v, want ErrRateLimited", err)
	}
}

// What an attacker could measure is the hash; so it is counted rather than timed.
func TestEveryRefusedSignInComputesOneHash(t *testing.T) {
	e := newEnv(t)
	e.member("demo", "bo", taocan.Viewer)
	e.must(second(e.SetMemberSuspended(t.Context(), staff, "bo", true)))
	var costs []string
	e.OnHash(func(time, memoryKiB, keyBytes uint32) { costs = append(costs, fmt.Sprint(time, memoryKiB, keyBytes)) })
	for _, tt := range []struct{ name, login, password string }{
		{"a wrong password", "ana", "wrong horse"},
		{"an unknown login", "nobody", "correct horse"},
		{"a login that nobody can have", "no body", "correct horse"},
		{"a suspended member", "bo", "correct horse"},
		{"no password", "ana", ""},
		{"a password that is too long", "ana", strings.Repeat("x", 1000)},
	} {
		costs = nil
		if _, _, err := e.SignIn(t.Context(), tt.login, tt.password, "192.0.2.1"); !errors.Is(err, taocan.ErrUnauthenticated) {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if diff := cmp.Diff([]string{"2 19456 32"}, costs); diff != "" {
			t.Errorf("%s: hashes by time, memory and length\n%s", tt.name, diff)
		}
	}
}
