package console

import (
	"net/http"
	"strconv"
	"time"

	"taocan/internal/access"
	"taocan/internal/console/view"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

func (c *console) operatorProjectRoutes() {
	c.staff("POST /operator/accounts/{account}/projects", c.operatorProjectCreate)
	c.staff("GET /operator/accounts/{account}/projects/{project}", c.operatorProject)
	c.staff("POST /operator/accounts/{account}/projects/{project}/tokens", c.operatorTokenCreate)
	c.staff("POST /operator/accounts/{account}/projects/{project}/tokens/revoke", c.operatorTokenRevoke)
}

func (c *console) operatorProjectCreate(w http.ResponseWriter, r *http.Request) error {
	return c.operatorAccountForm(w, r, "project", "id", func(d *operatorFields) func() error {
		req := access.ProjectRequest{ID: taocan.ProjectID(d.text("id")), Account: taocan.AccountID(r.PathValue("account")), Name: d.text("name")}
		return func() error {
			_, err := c.Access.CreateProject(r.Context(), actorOf(r), req)
			return err
		}
	})
}

// operatorProjectOf is the project that the address names, if it is the account's.
func (c *console) operatorProjectOf(r *http.Request) (taocan.Project, error) {
	p, err := c.Access.Project(r.Context(), taocan.ProjectID(r.PathValue("project")))
	if err == nil && p.Account != taocan.AccountID(r.PathValue("account")) {
		err = taocan.ErrNotFound
	}
	return p, err
}

func (c *console) operatorProject(w http.ResponseWriter, r *http.Request) error {
	project, err := c.operatorProjectOf(r)
	if err != nil {
		return err
	}
	return c.showOperatorProject(w, r, http.StatusOK, project, nil, nil)
}

// mostTokens is how many of a project's newest credentials its page lists.
const mostTokens = 100

// showOperatorProject draws a project's page; made is a token that has just been made, with its secret.
func (c *console) showOperatorProject(w http.ResponseWriter, r *http.Request, status int, project taocan.Project, refused *view.OperatorForm, made *view.NewToken) error {
	f, err := c.frame(r, "operator.project", "operator", "accounts")
	if err != nil {
		return err
	}
	tenant := taocan.Tenant{Account: project.Account, Project: project.ID}
	p := view.OperatorProject{Project: project, Notice: doneNotice(r, "operator"), Made: made}
	if refused != nil {
		p.Token = *refused
	} else if p.Token, err = c.operatorForm("token", nil, nil); err != nil {
		return err
	}
	if p.List, err = listOf(view.OperatorProjectPath(project), r.URL.Query(), "q", "sort", "purpose", "status"); err != nil {
		return err
	}
	page, err := c.Packages.List(r.Context(), tenant, packageFilter("", p.List))
	if err != nil {
		return err
	}
	if p.Packages = page.Items; counted(&p.List, page) {
		return seeOther(w, r, p.List.At(p.List.Pages()))
	}
	tokens, err := c.Access.Tokens(r.Context(), tenant, store.Paging{Limit: mostTokens})
	if err != nil {
		return err
	}
	p.Tokens, p.MoreTokens = tokens.Items, tokens.Next != ""
	members, err := c.Access.Members(r.Context(), project.Account)
	if err != nil {
		return err
	}
	p.Logins = map[taocan.MemberID]string{}
	for _, m := range members {
		p.Logins[m.ID] = m.Login
	}
	return render(w, r, status, view.OperatorProjectPage(f, p))
}

// operatorTokenCreate answers the new secret, this once: it is in no address, and the form sent again makes no other.
func (c *console) operatorTokenCreate(w http.ResponseWriter, r *http.Request) error {
	project, err := c.operatorProjectOf(r)
	if err != nil {
		return err
	}
	if err := readForm(w, r); err != nil {
		return err
	}
	d := c.fieldsOf(r)
	req := access.TokenRequest{Tenant: taocan.Tenant{Account: project.Account, Project: project.ID}, Name: d.text("name"), Scopes: listed[taocan.Scope](d, "scopes")}
	req.Key, _ = onceOf(r.PostForm)
	if s := d.text("days"); s != "" {
		days, err := strconv.ParseInt(s, 10, 16) // all that fit make a duration
		if err != nil || days < 0 {
			d.refuse("days", "number")
		}
		req.TTL = time.Duration(days) * 24 * time.Hour
	}
	if len(d.bad) == 0 {
		secret, token, err := c.Access.CreateToken(r.Context(), actorOf(r), req)
		if err == nil {
			return c.showOperatorProject(w, r, http.StatusOK, project, nil, &view.NewToken{Secret: secret, Token: token})
		}
		if d.bad = operatorRefusal(err, d.lang, ""); d.bad == nil {
			return err
		}
		if text, there := d.bad["ttl_seconds"]; there {
			d.bad["days"] = text
		}
	}
	return c.operatorAgain(r, operatorWrite{form: "token",
		again: func(status int, refused *view.OperatorForm) error {
			return c.showOperatorProject(w, r, status, project, refused, nil)
		}}, d)
}

func (c *console) operatorTokenRevoke(w http.ResponseWriter, r *http.Request) error {
	project, err := c.operatorProjectOf(r)
	if err != nil {
		return err
	}
	if err := readForm(w, r); err != nil {
		return err
	}
	if _, err := c.Access.RevokeToken(r.Context(), actorOf(r), taocan.TokenID(r.PostForm.Get("token"))); err != nil {
		return err
	}
	return seeOther(w, r, view.OperatorProjectPath(project)+"?done=revoked")
}
