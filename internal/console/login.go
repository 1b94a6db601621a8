package console

import (
	"errors"
	"net/http"

	"taocan/internal/console/view"
	"taocan/internal/edge"
	"taocan/internal/taocan"
)

func (c *console) sessionRoutes() {
	c.open("GET /{$}", c.home)
	c.open("GET /login", c.loginForm)
	c.open("POST /login", c.login)
	c.open("GET /login/code", c.loginByCode)
	c.open("POST /logout", c.logout)
	c.signedIn("POST /logout/everywhere", c.logoutEverywhere)
	c.member("POST /session/project", c.switchProject)
}

// home leads to where the work is.
func (c *console) home(w http.ResponseWriter, r *http.Request) error {
	switch actor := actorOf(r); {
	case actor.Member == "":
		return seeOther(w, r, "/login")
	case actor.Account == "":
		return seeOther(w, r, "/operator")
	}
	return seeOther(w, r, "/packages/domestic")
}

func (c *console) loginForm(w http.ResponseWriter, r *http.Request) error {
	next := localPath(r.URL.Query().Get("next"))
	if actorOf(r).Member != "" {
		return seeOther(w, r, next)
	}
	form := view.LoginForm{Next: next}
	if next != "/" {
		form.Notice = view.Notice{Kind: "info", Text: visitOf(r).lang.Text("login.again")}
	}
	return c.showLogin(w, r, http.StatusOK, form)
}

func (c *console) showLogin(w http.ResponseWriter, r *http.Request, status int, form view.LoginForm) error {
	f, err := c.frame(r, "login.title", "", "")
	if err != nil {
		return err
	}
	return render(w, r, status, view.Login(f, form))
}

func (c *console) login(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	lang := visitOf(r).lang
	form := view.LoginForm{Login: r.PostForm.Get("login"), Next: localPath(r.PostForm.Get("next"))}
	password := r.PostForm.Get("password")
	if form.Login == "" {
		form.LoginError = lang.Text("login.missing")
	}
	if password == "" {
		form.PasswordError = lang.Text("login.missing")
	}
	if form.LoginError != "" || form.PasswordError != "" {
		return c.showLogin(w, r, http.StatusUnprocessableEntity, form)
	}
	secret, _, err := c.Access.SignIn(r.Context(), form.Login, password, edge.RequestOf(r.Context()).Remote)
	var rate *taocan.RateError
	var forbidden *taocan.ForbiddenError
	switch {
	case errors.Is(err, taocan.ErrUnauthenticated):
		form.Notice = view.Notice{Kind: "error", Text: lang.Text("login.wrong")}
		return c.showLogin(w, r, http.StatusUnauthorized, form)
	case errors.As(err, &rate):
		form.Notice = view.Notice{Kind: "error", Text: throttled(w, lang, rate)}
		return c.showLogin(w, r, http.StatusTooManyRequests, form)
	case errors.As(err, &forbidden):
		form.Notice = view.Notice{Kind: "error", Text: lang.Text("login.no_project")}
		return c.showLogin(w, r, http.StatusForbidden, form)
	case err != nil:
		return err
	}
	return c.welcome(w, r, secret, form.Next)
}

// welcome starts a session. It is always a new one, whatever the browser brought along; the old one ends.
func (c *console) welcome(w http.ResponseWriter, r *http.Request, secret, next string) error {
	if old := actorOf(r); old.Member != "" {
		if err := c.Access.SignOut(r.Context(), old); err != nil {
			return err
		}
	}
	setSession(w, r, secret)
	return seeOther(w, r, next)
}

// loginByCode signs in by a link that works once, as taocan demo prints it. It must be opened by a person: a page could
// otherwise sign its visitor in as somebody of its own choice, and one of this site, too, where the login form was told to
// lead here. HEAD asks what a link is and opens nothing. The code is in the query, which no log holds.
func (c *console) loginByCode(w http.ResponseWriter, r *http.Request) error {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "none" {
		return errCrossOrigin
	}
	if r.Method == http.MethodHead {
		p := edge.ProblemAt(http.StatusMethodNotAllowed, "")
		p.Allow = http.MethodGet
		return p
	}
	secret, _, err := c.Access.SignInByCode(r.Context(), r.URL.Query().Get("code"), edge.RequestOf(r.Context()).Remote)
	if errors.Is(err, taocan.ErrUnauthenticated) {
		if actorOf(r).Member != "" { // opened again by who used it: the back button
			return seeOther(w, r, "/")
		}
		notice := view.Notice{Kind: "error", Text: visitOf(r).lang.Text("login.code_spent")}
		return c.showLogin(w, r, http.StatusUnauthorized, view.LoginForm{Next: "/", Notice: notice})
	}
	if err != nil {
		return err
	}
	return c.welcome(w, r, secret, "/")
}

func (c *console) logout(w http.ResponseWriter, r *http.Request) error {
	if actor := actorOf(r); actor.Member != "" {
		if err := c.Access.SignOut(r.Context(), actor); err != nil {
			return err
		}
	}
	setSession(w, r, "")
	return seeOther(w, r, "/login")
}

func (c *console) logoutEverywhere(w http.ResponseWriter, r *http.Request) error {
	if err := c.Access.SignOutEverywhere(r.Context(), actorOf(r)); err != nil {
		return err
	}
	setSession(w, r, "")
	return seeOther(w, r, "/login")
}

func (c *console) switchProject(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	secret, _, err := c.Access.SwitchProject(r.Context(), actorOf(r), taocan.ProjectID(r.PostForm.Get("project")))
	if err != nil {
		return err
	}
	setSession(w, r, secret)
	return seeOther(w, r, "/packages/domestic")
}
