package console

import (
	"errors"
	"net/http"

	"taocan/internal/console/view"
	"taocan/internal/taocan"
)

func (c *console) settingsSelfRoutes() {
	c.signedIn("GET /settings/self", c.self) // operators have a password, too
	c.signedIn("POST /settings/self/password", c.selfPassword)
}

func (c *console) self(w http.ResponseWriter, r *http.Request) error {
	return c.showSelf(w, r, http.StatusOK, nil)
}

func (c *console) showSelf(w http.ResponseWriter, r *http.Request, status int, refused map[string]string) error {
	tab := "settings"
	if actorOf(r).Account == "" {
		tab = "operator"
	}
	f, err := c.frame(r, "settings.self.title", tab, "self")
	if err != nil {
		return err
	}
	p := view.Self{Notice: doneNotice(r, "settings.self"), Errors: refused}
	if p.Member, err = c.Access.Self(r.Context(), actorOf(r)); err != nil {
		return err
	}
	return render(w, r, status, view.SelfPage(f, p))
}

func (c *console) selfPassword(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	lang, next := visitOf(r).lang, r.PostForm.Get("next")
	if next != r.PostForm.Get("again") {
		return c.showSelf(w, r, http.StatusUnprocessableEntity, map[string]string{"again": lang.Text("settings.password.differs")})
	}
	err := c.Access.ChangePassword(r.Context(), actorOf(r), r.PostForm.Get("current"), next)
	if err == nil {
		return seeOther(w, r, "/settings/self?done=password")
	}
	var rate *taocan.RateError
	if errors.As(err, &rate) {
		return c.showSelf(w, r, http.StatusTooManyRequests, map[string]string{"current": throttled(w, lang, rate)})
	}
	refused := refusedFields(err, lang, map[string]string{"body.current": "settings.password.wrong", "body.next": "settings.password.invalid"})
	if refused == nil {
		return err
	}
	return c.showSelf(w, r, http.StatusUnprocessableEntity, refused)
}
