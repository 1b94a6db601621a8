package access_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/access"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// managing lists every act of manage on the account that holds login, project and token, by name.
func (e *env) managing(actor taocan.Actor, account taocan.AccountID, login string, project taocan.ProjectID, token taocan.TokenID) map[string]error {
	ctx := e.t.Context()
	return map[string]error{
		"create member":  second(e.CreateMember(ctx, actor, access.MemberRequest{Account: account, Login: "new-" + string(actor.Token), Password: "correct horse", Role: taocan.Viewer})),
		"role":           second(e.SetRole(ctx, actor, login, taocan.Finance)),
		"password":       second(e.SetPassword(ctx, actor, login, "another horse")),
		"suspend member": second(e.SetMemberSuspended(ctx, actor, login, false)),
		"create token":   third(e.CreateToken(ctx, actor, access.TokenRequest{Tenant: taocan.Tenant{Project: project}, Scopes: projectScopes})),
		"revoke token":   second(e.RevokeToken(ctx, actor, token)),
		"rename project": second(e.RenameProject(ctx, actor, project, "Renamed")),
	}
}

func TestAnOwnerManagesItsAccount(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	_, owner := e.signIn("ana")

	e.must(second(e.CreateMember(ctx, owner, access.MemberRequest{Account: "demo", Login: "bo", Password: "battery horse", Role: taocan.Viewer})))
	bo, err := e.SetRole(ctx, owner, "bo", taocan.Finance)
	e.must(err)
	if bo.Role != taocan.Finance || bo.Account != "demo" {
		t.Errorf("made %+v", bo)
	}
	e.must(second(e.SetPassword(ctx, owner, "bo", "correct horse")))
	bos, _ := e.signIn("bo")
	e.must(second(e.SetMemberSuspended(ctx, owner, "bo", true)))
	if e.works(bos) {
		t.Error("a suspended member's sign-in works")
	}

	// Of any project of the account, not of the one signed in to alone.
	secret, token, err := e.CreateToken(ctx, owner, access.TokenRequest{Tenant: taocan.Tenant{Project: "second"}, Name: "sender", Scopes: projectScopes})
	e.must(err)
	if got := e.actor(secret).Tenant; got != (taocan.Tenant{Account: "demo", Project: "second"}) {
		t.Errorf("token of %v", got)
	}
	e.must(second(e.RevokeToken(ctx, owner, token.ID)))
	if e.works(secret) {
		t.Error("a revoked token works")
	}
	renamed, err := e.RenameProject(ctx, owner, "second", "营销")
	e.must(err)
	if p, err := e.Project(ctx, "second"); err != nil || p.Name != "营销" || renamed != p {
		t.Errorf("renamed to %+v, %v", p, err)
	}

	page, err := e.AuditEntries(ctx, store.AuditFilter{Paging: store.Paging{Limit: 7}})
	e.must(err)
	var did []string
	for _, x := range page.Items {
		if x.By != owner.Name() || x.Address != "192.0.2.1" {
			t.Errorf("%s was done by %s from %s", x.Action, x.By, x.Address)
		}
		did = append(did, x.Action+" "+x.Subject)
	}
	want := []string{"project.rename second", "token.revoke " + string(token.ID), "token.create " + string(token.ID), "member.suspended bo", "member.password bo", "member.role bo", "member.create bo"}
	if diff := cmp.Diff(want, did); diff != "" {
		t.Error(diff)
	}
}

func TestOnlyOwnersManage(t *testing.T) {
	e := newEnv(t)
	e.tenant("other")
	e.member("other", "theirs", taocan.Owner)
	e.member("demo", "fin", taocan.Finance)
	e.member("demo", "view", taocan.Viewer)
	_, finance := e.signIn("fin")
	_, viewer := e.signIn("view")
	_, demoted := e.signIn("ana")
	e.must(second(e.SetRole(t.Context(), staff, "ana", taocan.Viewer))) // its actor still says owner
	_, token := e.token(taocan.ScopeRead)
	for name, actor := range map[string]taocan.Actor{"finance": finance, "a viewer": viewer, "an owner of before": demoted, "an API token": e.plain()} {
		for _, target := range []struct {
			account taocan.AccountID
			login   string
			project taocan.ProjectID
			token   taocan.TokenID
		}{{"demo", "view", "demo", token.ID}, {"other", "theirs", "other", token.ID}, {"none", "nobody", "none", "none"}} {
			for act, err := range e.managing(actor, target.account, target.login, target.project, target.token) {
				var forbidden *taocan.ForbiddenError
				if !errors.As(err, &forbidden) || forbidden.Required != "owner" {
					t.Errorf("%s by %s in %s: %v, want to hear that an owner is needed", act, name, target.account, err)
				}
			}
		}
		_, err := e.MembersOf(t.Context(), actor)
		_, err2 := e.TokensOf(t.Context(), actor, store.Paging{Limit: 10})
		if !errors.Is(err, taocan.ErrForbidden) || !errors.Is(err2, taocan.ErrForbidden) {
			t.Errorf("members and tokens read by %s: %v, %v, want ErrForbidden", name, err, err2)
		}
	}
}

// Whatever an owner asks about another account, it hears what it would hear if that did not exist.
func TestToAnOwnerAnotherAccountDoesNotExist(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	e.tenant("other")
	e.member("other", "theirs", taocan.Owner)
	e.member("", "op", taocan.OperatorRole)
	_, token, err := e.CreateToken(ctx, system, access.TokenRequest{Tenant: taocan.Tenant{Project: "other"}, Scopes: projectScopes})
	e.must(err)
	_, operators, err := e.CreateToken(ctx, system, access.TokenRequest{Scopes: []taocan.Scope{taocan.ScopeOperator}})
	e.must(err)
	_, owner := e.signIn("ana")

	words := func(errs map[string]error, names ...string) map[string]string {
		heard := map[string]string{}
		for act, err := range errs {
			if !errors.Is(err, taocan.ErrNotFound) {
				t.Errorf("%s of %s: %v, want ErrNotFound", act, names[0], err)
				continue
			}
			heard[act] = err.Error()
			for _, n := range names {
				heard[act] = strings.ReplaceAll(heard[act], n, "X")
			}
		}
		return heard
	}
	unknown := words(e.managing(owner, "none", "nobody", "none", "tok_none"), "tok_none", "nobody", "none")
	another := words(e.managing(owner, "other", "theirs", "other", token.ID), string(token.ID), "theirs", "other")
	if diff := cmp.Diff(unknown, another); diff != "" {
		t.Errorf("another account is told from an unknown one:\n%s", diff)
	}
	for act, err := range e.managing(owner, "", "op", "", operators.ID) { // staff, and operators' tokens
		if !errors.Is(err, taocan.ErrNotFound) && (act != "create token" || !errors.Is(err, taocan.ErrForbidden)) {
			t.Errorf("%s of the platform's: %v", act, err)
		}
	}
	e.must(third(e.SignIn(ctx, "theirs", "correct horse", ""))) // untouched
	if p, err := e.Project(ctx, "other"); err != nil || p.Name != "other" {
		t.Errorf("another's project is %+v, %v", p, err)
	}
}

func TestAnOwnerMakesNoOperator(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	_, owner := e.signIn("ana")
	e.member("demo", "bo", taocan.Viewer)
	for name, err := range map[string]error{
		"an operator's token":          third(e.CreateToken(ctx, owner, access.TokenRequest{Scopes: []taocan.Scope{taocan.ScopeOperator}})),
		"scope operator in its own":    third(e.CreateToken(ctx, owner, access.TokenRequest{Tenant: demo, Scopes: []taocan.Scope{taocan.ScopeRead, taocan.ScopeOperator}})),
		"a token of no project":        third(e.CreateToken(ctx, owner, access.TokenRequest{Tenant: taocan.Tenant{Account: "demo"}, Scopes: projectScopes})),
		"another project":              second(e.CreateProject(ctx, owner, access.ProjectRequest{ID: "third", Account: "demo"})),
		"a level":                      second(e.SetLevel(ctx, owner, "demo", taocan.Enterprise)),
		"the end of its suspension":    second(e.SetSuspended(ctx, owner, "demo", false)),
		"a line in the log":            e.Record(ctx, owner, "clock.confirm", "clock"),
		"staff (by the role)":          second(e.SetRole(ctx, owner, "bo", taocan.OperatorRole)),
		"staff (of its account)":       second(e.CreateMember(ctx, owner, access.MemberRequest{Account: "demo", Login: "x", Password: "correct horse", Role: taocan.OperatorRole})),
		"staff (of no account)":        second(e.CreateMember(ctx, owner, access.MemberRequest{Login: "x", Password: "correct horse", Role: taocan.OperatorRole})),
		"a project without a name":     second(e.RenameProject(ctx, owner, "demo", "")),
		"a project with two lines":     second(e.RenameProject(ctx, owner, "demo", "a\nb")),
		"a password that is too short": second(e.SetPassword(ctx, owner, "bo", "short")),
	} {
		if err == nil {
			t.Errorf("an owner made %s", name)
		}
	}
}

func TestAnAccountKeepsAnOwner(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	_, ana := e.signIn("ana")
	refused := func(what, location string, err error) {
		t.Helper()
		var bad *taocan.InvalidError
		if !errors.As(err, &bad) || bad.Fields[0].Location != location {
			t.Errorf("%s: %v, want it refused at %s", what, err, location)
		}
	}
	refused("the only owner steps down", "body.role", second(e.SetRole(ctx, ana, "ana", taocan.Viewer)))
	e.must(second(e.SetRole(ctx, ana, "ana", taocan.Owner))) // no change
	e.member("demo", "bo", taocan.Owner)
	_, bo := e.signIn("bo")
	refused("an owner suspends itself", "body.suspended", second(e.SetMemberSuspended(ctx, ana, "ana", true)))

	e.must(second(e.SetMemberSuspended(ctx, ana, "bo", true)))
	refused("the others are suspended", "body.role", second(e.SetRole(ctx, ana, "ana", taocan.Viewer)))
	if err := second(e.SetRole(ctx, bo, "ana", taocan.Viewer)); !errors.Is(err, taocan.ErrUnauthenticated) {
		t.Errorf("a suspended owner demotes the other: %v, want ErrUnauthenticated", err)
	}
	e.must(second(e.SetMemberSuspended(ctx, ana, "bo", false)))
	e.must(second(e.SetRole(ctx, ana, "ana", taocan.Viewer))) // another is left
	refused("the owner that is left steps down", "body.role", second(e.SetRole(ctx, bo, "bo", taocan.Finance)))

	// An operator may do all of it.
	e.must(second(e.SetRole(ctx, staff, "bo", taocan.Finance)))
	e.must(second(e.SetRole(ctx, staff, "bo", taocan.Owner)))
	e.must(second(e.SetMemberSuspended(ctx, staff, "bo", true)))
}

func TestAnOwnerChangesItsOwnPasswordWithTheCurrentOne(t *testing.T) {
	e := newEnv(t)
	_, owner := e.signIn("ana")
	if err := second(e.SetPassword(t.Context(), owner, "ana", "another horse")); !errors.Is(err, taocan.ErrInvalid) {
		t.Errorf("set without the current one: %v, want ErrInvalid", err)
	}
	e.must(third(e.SignIn(t.Context(), "ana", "correct horse", "")))
}

func TestWhoIsRefusedCostsNoHash(t *testing.T) {
	e := newEnv(t)
	e.member("demo", "view", taocan.Viewer)
	_, viewer := e.signIn("view")
	hashes := 0
	e.OnHash(func(_, _, _ uint32) { hashes++ })
	for act, err := range e.managing(viewer, "demo", "ana", "demo", "none") {
		if !errors.Is(err, taocan.ErrForbidden) {
			t.Errorf("%s: %v", act, err)
		}
	}
	if hashes != 0 {
		t.Errorf("%d hashes for somebody who may do nothing", hashes)
	}
}

// Its password is hashed outside the transaction, and who asked may have lost the role by then.
func TestAnOwnerDemotedMeanwhileManagesNoMore(t *testing.T) {
	for name, act := range map[string]func(a *access.Access, actor taocan.Actor) error{
		"create member": func(a *access.Access, actor taocan.Actor) error {
			return second(a.CreateMember(t.Context(), actor, access.MemberRequest{Account: "demo", Login: "new", Password: "correct horse", Role: taocan.Owner}))
		},
		"password": func(a *access.Access, actor taocan.Actor) error {
			return second(a.SetPassword(t.Context(), actor, "bo", "another horse"))
		},
	} {
		e := newEnv(t)
		e.member("demo", "bo", taocan.Viewer)
		_, owner := e.signIn("ana")
		late := &repeating{Store: e.store, before: func() { e.must(second(e.SetRole(t.Context(), staff, "ana", taocan.Viewer))) }}
		if err := act(newAccess(late, e.clock), owner); !errors.Is(err, taocan.ErrForbidden) {
			t.Errorf("%s: %v, want ErrForbidden", name, err)
		}
	}
}

func TestAnOwnersMembersAreBounded(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	_, owner := e.signIn("ana")
	e.must(e.store.Update(ctx, "", func(tx store.Tx) error {
		for i := 1; i < 200; i++ {
			id := fmt.Sprintf("m-%03d", i)
			if err := tx.InsertMember(ctx, taocan.Member{ID: taocan.MemberID(id), Account: "demo", Login: id, Role: taocan.Viewer, CreatedAt: tx.Now()}); err != nil {
				return err
			}
		}
		return nil
	}))
	req := access.MemberRequest{Account: "demo", Login: "one-more", Password: "correct horse", Role: taocan.Viewer}
	if err := second(e.CreateMember(ctx, owner, req)); !errors.Is(err, taocan.ErrInvalid) {
		t.Errorf("the 201st by an owner: %v, want ErrInvalid", err)
	}
	e.must(second(e.CreateMember(ctx, staff, req)))
}

func TestAnOwnerReadsMembersAndAPITokens(t *testing.T) {
	e := newEnv(t)
	e.tenant("other")
	e.member("other", "theirs", taocan.Owner)
	e.member("", "op", taocan.OperatorRole)
	_, plain := e.token(taocan.ScopeRead)
	_, owner := e.signIn("ana")
	_, operator := e.signIn("op")
	_, operators, err := e.CreateToken(t.Context(), system, access.TokenRequest{Scopes: []taocan.Scope{taocan.ScopeOperator}})
	e.must(err)
	for _, tt := range []struct {
		name    string
		actor   taocan.Actor
		members []string
		tokens  []taocan.TokenID
	}{{"an owner", owner, []string{"ana"}, []taocan.TokenID{plain.ID}}, {"an operator", operator, []string{"op"}, []taocan.TokenID{operators.ID}}} {
		members, err := e.MembersOf(t.Context(), tt.actor)
		e.must(err)
		var logins []string
		for _, m := range members {
			logins = append(logins, m.Login)
		}
		page, err := e.TokensOf(t.Context(), tt.actor, store.Paging{Limit: 10})
		e.must(err)
		var ids []taocan.TokenID
		for _, x := range page.Items {
			ids = append(ids, x.ID)
		}
		if diff := cmp.Diff(tt.members, logins) + cmp.Diff(tt.tokens, ids); diff != "" {
			t.Errorf("%s reads\n%s", tt.name, diff)
		}
	}
}

func TestThePlatformKeepsAnOperatorWhoCanSignIn(t *testing.T) {
	e := newEnv(t)
	ctx, system := t.Context(), taocan.System()
	operator := func(login string) taocan.Member {
		t.Helper()
		m, err := e.CreateMember(ctx, system, access.MemberRequest{Login: login, Password: "correct horse battery", Role: taocan.OperatorRole})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	first := operator("first")
	suspend := func(by taocan.Actor, login string, want string) {
		t.Helper()
		_, err := e.SetMemberSuspended(ctx, by, login, true)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("suspending %s: got %v, want %q", login, err, want)
		}
	}
	suspend(system, "first", access.MessageLastOperator)
	operator("second")
	self := taocan.Actor{Member: first.ID, Role: taocan.OperatorRole, Scopes: []taocan.Scope{taocan.ScopeOperator}}
	suspend(self, "first", "you cannot suspend yourself; another operator may")
	suspend(self, "second", "")
	suspend(system, "first", access.MessageLastOperator) // the other one is suspended
}
