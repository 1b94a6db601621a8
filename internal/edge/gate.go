package edge

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"taocan/internal/taocan"
)

// Authenticator turns a bearer's secret into an actor.
type Authenticator interface {
	Authenticate(ctx context.Context, bearer, remote string) (taocan.Actor, error)
}

// Gate lets requests in.
type Gate struct{ Access Authenticator }

// Authenticate finds out who is asking and notes it on the request.
func (g Gate) Authenticate(r *http.Request) (taocan.Actor, error) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return taocan.Actor{}, taocan.ErrUnauthenticated
	}
	actor, err := g.Access.Authenticate(r.Context(), strings.TrimSpace(secret), RequestOf(r.Context()).Remote)
	if err != nil {
		return taocan.Actor{}, err
	}
	RequestOf(r.Context()).Actor = actor
	return actor, nil
}

// CheckQuery refuses a query that cannot be read as one; parsers would leave the unreadable part out.
func CheckQuery(r *http.Request) error {
	if r.URL.RawQuery == "" {
		return nil
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return taocan.Invalid("query", "is malformed", nil)
	}
	for name, list := range values {
		for _, v := range list {
			if !utf8.ValidString(name) || !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
				return taocan.Invalid("query", "is not text", nil)
			}
		}
	}
	return nil
}

// Project lets the holder of any of the scopes into a project. One that is not the token's does not exist,
// whatever the token may do in its own.
func (g Gate) Project(r *http.Request, project string, anyOf ...taocan.Scope) error {
	actor, err := g.Authenticate(r)
	if err != nil {
		return err
	}
	if actor.Project == "" || string(actor.Project) != project {
		return notOf(actor, project)
	}
	return holds(actor, anyOf)
}

// notOf says whose the token is, and nothing of the project that it asked for.
func notOf(actor taocan.Actor, project string) error {
	its := "the token belongs to no project"
	switch {
	case actor.Project != "":
		its = "the token belongs to the project " + string(actor.Project)
	case actor.Can(taocan.ScopeOperator):
		its = "an operator's token belongs to no project: ask under /v1/operator, or with a token of the project"
	}
	return &taocan.NotFoundError{Detail: "there is no project " + clip(project) + " for this token; " + its}
}

// Operator lets operators in.
func (g Gate) Operator(r *http.Request) error {
	actor, err := g.Authenticate(r)
	if err != nil {
		return err
	}
	return holds(actor, []taocan.Scope{taocan.ScopeOperator})
}

func holds(actor taocan.Actor, anyOf []taocan.Scope) error {
	for _, s := range anyOf {
		if actor.Can(s) {
			return nil
		}
	}
	names := make([]string, len(anyOf))
	for i, s := range anyOf {
		names[i] = string(s)
	}
	// Required names the usual one; the detail names all that would do.
	return &taocan.ForbiddenError{Required: names[0], Detail: "the token lacks the scope " + strings.Join(names, " or ")}
}
