package console

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"taocan/internal/edge"
	"taocan/internal/i18n"
	"taocan/internal/taocan"
)

// visit is what is known of who looks at a page. Immutable once identify has made it.
type visit struct {
	lang  i18n.Lang
	theme string
	actor taocan.Actor // zero: nobody is signed in
}

type visitKey struct{}

func visitOf(r *http.Request) visit {
	if v, known := r.Context().Value(visitKey{}).(visit); known {
		return v
	}
	return visit{lang: i18n.Chinese} // a request that was refused before anybody asked who sends it
}

// actorOf is who is signed in.
func actorOf(r *http.Request) taocan.Actor { return visitOf(r).actor }

const (
	languageCookie = "taocan_language"
	themeCookie    = "taocan_theme"
	// A browser takes a __Host- cookie only over TLS, for the whole host and no other.
	sessionCookie       = "taocan_session"
	secureSessionCookie = "__Host-" + sessionCookie

	sessionMaxAge    = 12 * time.Hour // a sign-in's own end is the store's matter
	preferenceMaxAge = 365 * 24 * time.Hour
)

// identify finds out who is asking. A session that does not work, or no longer, is as good as none.
func (c *console) identify(r *http.Request) (*http.Request, error) {
	v := visit{lang: i18n.Chinese}
	if k, err := r.Cookie(languageCookie); err == nil && i18n.Lang(k.Value).Valid() {
		v.lang = i18n.Lang(k.Value)
	}
	if k, err := r.Cookie(themeCookie); err == nil && (k.Value == "light" || k.Value == "dark") {
		v.theme = k.Value
	}
	with := func() *http.Request { return r.WithContext(context.WithValue(r.Context(), visitKey{}, v)) }
	k, err := r.Cookie(sessionName(r))
	if err != nil {
		return with(), nil
	}
	v.actor, err = c.Access.Authenticate(r.Context(), k.Value, edge.RequestOf(r.Context()).Remote)
	if v.actor.Member == "" { // an API token is no session, even in a cookie
		v.actor = taocan.Actor{}
	}
	edge.RequestOf(r.Context()).Actor = v.actor
	if p := edge.ProblemOf(err); p != nil && p.Status == http.StatusUnauthorized {
		err = nil
	}
	return with(), err
}

func sessionName(r *http.Request) string {
	if edge.RequestOf(r.Context()).TLS {
		return secureSessionCookie
	}
	return sessionCookie
}

// admit lets the audience of a page in.
func admit(r *http.Request, who audience, scopes []taocan.Scope) error {
	actor := actorOf(r)
	switch {
	case who == anybody:
		return nil
	case actor.Member == "":
		return taocan.ErrUnauthenticated
	case who == members && actor.Account == "", who == operators && actor.Account != "":
		return taocan.ErrNotFound // the other side's pages do not exist for this one
	}
	for _, s := range scopes {
		if !actor.Can(s) {
			return &taocan.ForbiddenError{Required: string(s), Detail: "the role does not allow it"}
		}
	}
	return nil
}

// setSession hands the browser its secret; an empty one takes it away.
func setSession(w http.ResponseWriter, r *http.Request, secret string) {
	k := &http.Cookie{Name: sessionName(r), Value: secret, Path: "/", HttpOnly: true, Secure: edge.RequestOf(r.Context()).TLS, SameSite: http.SameSiteLaxMode,
		MaxAge: int(sessionMaxAge / time.Second)}
	if secret == "" {
		k.MaxAge = -1
	}
	http.SetCookie(w, k)
}

// localPath takes a path and query of this server from a form or an address; anything else becomes the start page, so
// that nobody can be led elsewhere.
func localPath(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") ||
		strings.HasPrefix(s, "//") || strings.ContainsAny(s, "\\\r\n\t") || len(s) > 2048 {
		return "/"
	}
	return u.RequestURI()
}

func (c *console) preferenceRoutes() {
	c.open("GET /language/{value}", func(w http.ResponseWriter, r *http.Request) error {
		if !i18n.Lang(r.PathValue("value")).Valid() {
			return taocan.ErrNotFound
		}
		return prefer(w, r, languageCookie)
	})
	c.open("GET /theme/{value}", func(w http.ResponseWriter, r *http.Request) error {
		if v := r.PathValue("value"); v != "light" && v != "dark" {
			return taocan.ErrNotFound
		}
		return prefer(w, r, themeCookie)
	})
}

// prefer remembers how the browser likes its pages. It changes nothing else, so a link may do it.
func prefer(w http.ResponseWriter, r *http.Request, cookie string) error {
	http.SetCookie(w, &http.Cookie{Name: cookie, Value: r.PathValue("value"), Path: "/", HttpOnly: true, Secure: edge.RequestOf(r.Context()).TLS,
		SameSite: http.SameSiteLaxMode, MaxAge: int(preferenceMaxAge / time.Second)})
	return seeOther(w, r, localPath(r.URL.Query().Get("back")))
}
