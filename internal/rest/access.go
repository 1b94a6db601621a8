package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"taocan/internal/edge"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// SignInRequest is what a person knows.
type SignInRequest struct {
	User     string `json:"user" maxLength:"200"`
	Password string `json:"password" maxLength:"1000"`
	Project  string `json:"project,omitempty" doc:"Which of the account's projects; default the first"`
}

// SignedIn is a short-lived token and what it is for.
type SignedIn struct {
	Token     string    `json:"token" doc:"Shown once"`
	ExpiresAt time.Time `json:"expires_at"`
	Role      string    `json:"role" enum:"owner,finance,viewer,operator"`
	Project   *string   `json:"project" doc:"null for operators"`
	Projects  []string  `json:"projects" doc:"All of the account's, up to 100"`
}

// ProjectInfo is the project that a token belongs to.
type ProjectInfo struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Account string `json:"account"`
	Level   string `json:"level" enum:"unverified,personal,enterprise" doc:"Decides what the account may buy"`
}

func (a *api) accessRoutes() {
	add(a, guard{open: true}, huma.Operation{Method: http.MethodPost, Path: "/v1/sign-in", OperationID: "sign-in", Tags: []string{"access"},
		Summary: "Sign in", Description: "Opens a token for twelve hours. Too many failures are answered 429 for a quarter of an hour."}, a.signIn)
	add(a, guard{signedIn: true}, huma.Operation{Method: http.MethodPost, Path: "/v1/sign-out", OperationID: "sign-out", Tags: []string{"access"},
		Summary: "End the sign-in that the token belongs to", DefaultStatus: http.StatusNoContent}, a.signOut)
	add(a, holding(taocan.ScopeRead), huma.Operation{Method: http.MethodGet, Path: "/v1/projects/{project}", OperationID: "get-project",
		Tags: []string{"access"}, Summary: "The project that the token belongs to"}, a.project)
}

func (a *api) signIn(ctx context.Context, in *struct{ Body SignInRequest }) (*out[SignedIn], error) {
	remote := edge.RequestOf(ctx).Remote
	secret, token, err := a.Access.SignInTo(ctx, in.Body.User, in.Body.Password, taocan.ProjectID(in.Body.Project), remote)
	if err != nil {
		return nil, err
	}
	// What the new token may do now, as any later call will see it.
	actor, err := a.Access.Authenticate(ctx, secret, remote)
	if err != nil {
		return nil, err
	}
	got := SignedIn{Token: secret, ExpiresAt: a.local(token.ExpiresAt), Role: string(actor.Role), Project: orNull(token.Project), Projects: []string{}}
	if token.Account != "" {
		page, err := a.Access.Projects(ctx, token.Account, store.Paging{Limit: 100})
		if err != nil {
			return nil, err
		}
		got.Projects = converted(page.Items, func(p taocan.Project) string { return string(p.ID) })
	}
	return answer(got), nil
}

func (a *api) signOut(ctx context.Context, _ *struct{}) (*struct{}, error) {
	return nil, a.Access.SignOut(ctx, edge.ActorOf(ctx))
}

func (a *api) project(ctx context.Context, _ *InProject) (*out[ProjectInfo], error) {
	actor := edge.ActorOf(ctx)
	p, err := a.Access.Project(ctx, actor.Project)
	if err != nil {
		return nil, err
	}
	acc, err := a.Access.Account(ctx, actor.Account)
	if err != nil {
		return nil, err
	}
	return answer(ProjectInfo{ID: string(p.ID), Name: p.Name, Account: string(acc.ID), Level: string(acc.Level)}), nil
}
