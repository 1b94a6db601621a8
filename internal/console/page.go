package console

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"taocan/internal/console/view"
	"taocan/internal/edge"
	"taocan/internal/i18n"
	"taocan/internal/taocan"
)

// frame is what every page shows around its content.
func (c *console) frame(r *http.Request, titleKey, tab, side string) (view.Frame, error) {
	f := c.bareFrame(r, titleKey)
	f.Tab, f.Side = tab, side
	if f.Actor.Member == "" {
		return f, nil
	}
	self, err := c.Access.Self(r.Context(), f.Actor)
	if err != nil {
		return f, err
	}
	f.Login = self.Login
	if f.Actor.Account != "" {
		if f.Projects, err = c.Access.AccountProjects(r.Context(), f.Actor); err != nil {
			return f, err
		}
		for _, p := range f.Projects {
			if p.ID == f.Actor.Project {
				f.Project = p
			}
		}
	}
	return f, nil
}

// bareFrame asks the store nothing.
func (c *console) bareFrame(r *http.Request, titleKey string) view.Frame {
	v := visitOf(r)
	here := localPath(r.URL.RequestURI()) // as it could be gone back to: no page repeats an endless address in its links
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		here = "/" // going there again would be another kind of request
	}
	return view.Frame{Lang: v.lang, Theme: v.theme, Product: c.Product, Title: v.lang.Text(titleKey), Here: here, Now: c.Clock.Now(),
		Zone: c.Zone, Asset: c.assets.URL, Actor: v.actor}
}

// render answers with a page. It is drawn in memory first: half a page must not look like a whole one.
func render(w http.ResponseWriter, r *http.Request, status int, page templ.Component) error {
	var b bytes.Buffer
	if err := page.Render(r.Context(), &b); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Vary", "Cookie, HX-Request")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // who has gone needs no answer
	return nil
}

// seeOther leads to a page by GET.
func seeOther(w http.ResponseWriter, r *http.Request, to string) error {
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// byScript reports whether htmx asks for a part of a page.
func byScript(r *http.Request) bool { return r.Header.Get("HX-Request") == "true" }

var errCrossOrigin = errors.New("the request came from another site")

func (c *console) crossOrigin(w http.ResponseWriter, r *http.Request) {
	pageHeaders(w)
	if with, err := c.identify(r); err == nil {
		r = with
	}
	c.refuse(w, r, errCrossOrigin)
}

// refuse answers a request that could not be served as asked.
func (c *console) refuse(w http.ResponseWriter, r *http.Request, err error) {
	lang := visitOf(r).lang
	if errors.Is(err, taocan.ErrUnauthenticated) {
		c.sendToLogin(w, r)
		return
	}
	x := view.Failure{Status: http.StatusForbidden, Title: lang.Text("error.cross_origin.title"), Text: lang.Text("error.cross_origin.text")}
	if !errors.Is(err, errCrossOrigin) {
		p := edge.Fail(r.Context(), c.Log, err)
		code := strconv.Itoa(p.Status)
		if !i18n.Has("error." + code + ".title") {
			code = "422"
		}
		x = view.Failure{Status: p.Status, Title: lang.Text("error." + code + ".title"), Text: lang.Text("error." + code + ".text"), Retry: p.Status >= 500}
		if name := badParameter(r, err); name != "" {
			x.Text, x.Plain = lang.Text("error.422.parameter", name), r.URL.EscapedPath()
		}
		if p.Status >= 500 {
			x.Request = edge.RequestOf(r.Context()).ID
		}
		for name, values := range p.GetHeaders() {
			if name != "Www-Authenticate" {
				w.Header()[name] = values
			}
		}
	}
	// The menus need the store; where that is what failed, the page does without.
	f, frameErr := c.frame(r, "error.404.title", "", "")
	if frameErr != nil {
		f = c.bareFrame(r, "error.404.title")
		f.Actor = taocan.Actor{}
	}
	f.Title = x.Title
	if err := render(w, r, x.Status, view.FailurePage(f, x)); err != nil {
		http.Error(w, x.Title, x.Status)
	}
}

// badParameter is the parameter of a page's address that was refused, as an old bookmark's is; empty: it is something else.
func badParameter(r *http.Request, err error) string {
	var invalid *taocan.InvalidError
	if r.Method != http.MethodGet || !errors.As(err, &invalid) {
		return ""
	}
	for _, bad := range invalid.Fields {
		name, ok := strings.CutPrefix(listIndex.ReplaceAllString(bad.Location, ""), "query.")
		if ok && r.URL.Query().Has(name) {
			return name
		}
	}
	return ""
}

// sendToLogin leads to the login page, and from there back.
func (c *console) sendToLogin(w http.ResponseWriter, r *http.Request) {
	next := r.URL.RequestURI()
	if r.Method != http.MethodGet && r.Method != http.MethodHead || byScript(r) {
		next = "/" // where the person was: the page that the form or the part is on
		if u, err := url.Parse(r.Header.Get("Hx-Current-Url")); err == nil && u.Path != "" {
			next = localPath(u.RequestURI())
		} else if u, err := url.Parse(r.Referer()); err == nil && u.Host == r.Host {
			next = localPath(u.RequestURI())
		}
	}
	to := "/login"
	if next != "/" {
		to = view.Address("/login", "next", next)
	}
	if byScript(r) {
		w.Header().Set("Hx-Redirect", to)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}
