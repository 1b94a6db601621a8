package console

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"taocan/internal/access"
	"taocan/internal/console/view"
	"taocan/internal/taocan"
)

func (c *console) settingsTokenRoutes() {
	c.member("GET /settings/tokens", c.tokens)
	c.member("GET /settings/tokens/new", c.tokenNew, taocan.ScopeManage)
	c.member("POST /settings/tokens", c.tokenCreate, taocan.ScopeManage)
	c.member("POST /settings/tokens/revoke", c.tokenRevoke, taocan.ScopeManage)
}

func (c *console) tokens(w http.ResponseWriter, r *http.Request) error {
	f, err := c.frame(r, "settings.tokens.title", "settings", "tokens")
	if err != nil {
		return err
	}
	p := view.TokenList{Notice: doneNotice(r, "settings.tokens")}
	if p.List, err = listOf("/settings/tokens", r.URL.Query()); err != nil {
		return err
	}
	page, err := c.Access.TokensOf(r.Context(), actorOf(r), pagingOf(p.List))
	if errors.Is(err, taocan.ErrForbidden) {
		return render(w, r, http.StatusForbidden, view.OwnersOnlyPage(f, f.Text("settings.tokens.owners_only")))
	}
	if err != nil {
		return err
	}
	if p.Tokens = page.Items; counted(&p.List, page) {
		return seeOther(w, r, p.List.At(p.List.Pages()))
	}
	return render(w, r, http.StatusOK, view.TokenListPage(f, p))
}

func (c *console) tokenNew(w http.ResponseWriter, r *http.Request) error {
	key, err := c.newKey()
	if err != nil {
		return err
	}
	return c.showTokenForm(w, r, http.StatusOK, view.TokenForm{Scopes: []taocan.Scope{taocan.ScopeRead}, Days: "365", Key: key})
}

func (c *console) showTokenForm(w http.ResponseWriter, r *http.Request, status int, form view.TokenForm) error {
	f, err := c.frame(r, "settings.token.new", "settings", "tokens")
	if err != nil {
		return err
	}
	return render(w, r, status, view.TokenFormPage(f, form))
}

// tokenCreate answers with the secret, which no address and no later page shows. Sent again, by a reload or a second
// click, the form makes no other token, and the answer is without the secret.
func (c *console) tokenCreate(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	form := view.TokenForm{Name: r.PostForm.Get("name"), Days: r.PostForm.Get("days"), Key: r.PostForm.Get("key")}
	for _, s := range r.PostForm["scopes"] {
		form.Scopes = append(form.Scopes, taocan.Scope(s))
	}
	days, err := strconv.ParseUint(form.Days, 10, 16)
	ttl := time.Duration(days) * 24 * time.Hour // 0: never expires
	if err != nil {
		ttl = -1 // no lifetime at all
	}
	key, _ := onceOf(r.PostForm)
	secret, token, err := c.Access.CreateToken(r.Context(), actorOf(r), access.TokenRequest{Tenant: actorOf(r).Tenant,
		Name: strings.TrimSpace(form.Name), Scopes: form.Scopes, TTL: ttl, Key: key})
	if err == nil {
		f, err := c.frame(r, "settings.token.made", "settings", "tokens")
		if err != nil {
			return err
		}
		return render(w, r, http.StatusOK, view.TokenMadePage(f, token, secret))
	}
	form.Errors = refusedFields(err, visitOf(r).lang, map[string]string{"body.name": "settings.token.name.invalid",
		"body.scopes": "settings.token.scopes.invalid", "body.ttl_seconds": "settings.token.days.invalid"})
	if form.Errors == nil {
		return err
	}
	return c.showTokenForm(w, r, http.StatusUnprocessableEntity, form)
}

func (c *console) tokenRevoke(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	if _, err := c.Access.RevokeToken(r.Context(), actorOf(r), taocan.TokenID(r.PostForm.Get("token"))); err != nil {
		return err
	}
	return seeOther(w, r, "/settings/tokens?done=revoked")
}
