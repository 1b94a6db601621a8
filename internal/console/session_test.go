package console_test

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"taocan/internal/access"
	"taocan/internal/console"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// member makes a login of demo with the common password.
func (e *env) member(login string, role taocan.Role) {
	e.t.Helper()
	_, err := e.access.CreateMember(e.t.Context(), taocan.System(), access.MemberRequest{Account: "demo", Login: login, Password: password, Role: role})
	e.must(err)
}

// session is the secret in the browser's session cookie.
func (b *browser) session() string {
	u, err := url.Parse(b.e.server.URL)
	b.e.must(err)
	for _, k := range b.client.Jar.Cookies(u) {
		if k.Name == "taocan_session" {
			return k.Value
		}
	}
	return ""
}

func TestSigningIn(t *testing.T) {
	e := newEnv(t)
	e.member("ann", taocan.Owner)
	b := e.stranger()

	b.get("/").wantRedirect(t, "/login")
	b.get("/packages/domestic?sort=-total").wantRedirect(t, "/login?next=%2Fpackages%2Fdomestic%3Fsort%3D-total")
	page := b.get("/login?next=%2Forders")
	page.wantPage(t, 200, "登录名", "密码", "请登录后继续")
	if _, next, _ := page.field("next"); next != "/orders" {
		t.Errorf("the form leads to %q, want /orders", next)
	}

	wrong := b.post("/login", "login", "ann", "password", "wrong", "next", "/orders")
	wrong.wantPage(t, 401, "登录名或密码不正确")
	unknown := b.post("/login", "login", "nobody", "password", "wrong", "next", "/orders")
	unknown.wantPage(t, 401, "登录名或密码不正确")
	if a, b := strings.ReplaceAll(wrong.body, "ann", "X"), strings.ReplaceAll(unknown.body, "nobody", "X"); a != b {
		t.Errorf("an unknown login is answered otherwise than a wrong password:\n%s\n%s", a, b)
	}
	if _, kept, _ := wrong.field("login"); kept != "ann" {
		t.Errorf("the form forgot the login: %q", kept)
	}
	if strings.Contains(wrong.body, "wrong\"") {
		t.Error("the form shows the password again")
	}
	b.post("/login", "login", "", "password", "").wantPage(t, 422, "请填写")

	b.post("/login", "login", "ann", "password", password, "next", "/orders").wantRedirect(t, "/orders")
	b.get("/").wantRedirect(t, "/packages/domestic")
	b.get("/packages/domestic").wantPage(t, 200, "国内总剩余量", "ann")
	b.get("/login").wantRedirect(t, "/")
}

func TestNobodyIsLedElsewhere(t *testing.T) {
	e := newEnv(t)
	e.member("ann", taocan.Owner)
	for _, next := range []string{"https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "evil", "/a\r\nSet-Cookie: x=y", "\t//evil.example", ""} {
		b := e.stranger()
		b.post("/login", "login", "ann", "password", password, "next", next).wantRedirect(t, "/")
		b.get("/language/en?back="+url.QueryEscape(next)).wantRedirect(t, "/")
	}
}

func TestASessionIsAlwaysANewOne(t *testing.T) {
	e := newEnv(t)
	e.member("ann", taocan.Owner)
	e.member("bob", taocan.Viewer)

	// Fixation: a secret that somebody else knows, planted before the sign-in, is not taken over and does not work after it.
	attacker := e.stranger()
	attacker.post("/login", "login", "bob", "password", password).wantRedirect(t, "/")
	planted := attacker.session()
	victim := e.stranger()
	u, err := url.Parse(e.server.URL)
	e.must(err)
	victim.client.Jar.SetCookies(u, []*http.Cookie{{Name: "taocan_session", Value: planted, Path: "/"}})
	victim.post("/login", "login", "ann", "password", password).wantRedirect(t, "/")
	if victim.session() == planted || victim.session() == "" {
		t.Error("the sign-in took over the secret that the browser brought along")
	}
	victim.get("/packages/domestic").wantPage(t, 200, "ann")
	attacker.get("/packages/domestic").wantRedirect(t, "/login?next=%2Fpackages%2Fdomestic")

	// An API token is no session, even of the same member's project.
	secret, _, err := e.access.CreateToken(t.Context(), taocan.System(), access.TokenRequest{Tenant: demoTenant, Scopes: []taocan.Scope{taocan.ScopeRead}})
	e.must(err)
	stranger := e.stranger()
	stranger.client.Jar.SetCookies(u, []*http.Cookie{{Name: "taocan_session", Value: secret, Path: "/"}})
	stranger.get("/packages/domestic").wantRedirect(t, "/login?next=%2Fpackages%2Fdomestic")
}

func TestSigningOut(t *testing.T) {
	e := newEnv(t)
	e.member("ann", taocan.Owner)
	in := func() *browser {
		b := e.stranger()
		b.post("/login", "login", "ann", "password", password).wantRedirect(t, "/")
		return b
	}
	here, there := in(), in()
	secret := here.session()
	here.post("/logout").wantRedirect(t, "/login")
	if here.session() != "" {
		t.Error("the browser keeps the cookie")
	}
	if _, err := e.access.Authenticate(t.Context(), secret, ""); err == nil {
		t.Error("the session works after signing out")
	}
	there.get("/packages/domestic").wantPage(t, 200)
	again := in()
	again.post("/logout/everywhere").wantRedirect(t, "/login")
	there.get("/packages/domestic").wantRedirect(t, "/login?next=%2Fpackages%2Fdomestic")
	there.post("/orders", "kind", "custom").wantRedirect(t, "/login")
}

func TestASessionEnds(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Owner)
	e.clock.Advance(11 * time.Hour)
	b.get("/packages/domestic").wantPage(t, 200)
	e.clock.Advance(time.Hour)
	b.get("/packages/domestic").wantRedirect(t, "/login?next=%2Fpackages%2Fdomestic")
}

func TestGuessingIsThrottled(t *testing.T) {
	e := newEnv(t)
	e.member("ann", taocan.Owner)
	b := e.stranger()
	for range 10 {
		b.post("/login", "login", "ann", "password", "wrong").wantPage(t, 401)
	}
	refused := b.post("/login", "login", "ann", "password", password)
	refused.wantPage(t, 429, "尝试次数过多，请 15 分钟后再试")
	if after := refused.header.Get("Retry-After"); after != "900" {
		t.Errorf("Retry-After is %q, want 900", after)
	}
	b.english().post("/login", "login", "ann", "password", password).wantPage(t, 429, "Try again in 15 minutes")
}

func TestCookies(t *testing.T) {
	e := newEnv(t)
	e.member("ann", taocan.Owner)
	login := func(server *httptest.Server, name string, secure bool) {
		t.Helper()
		client := server.Client()
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		got, err := client.PostForm(server.URL+"/login", url.Values{"login": {"ann"}, "password": {password}})
		e.must(err)
		defer got.Body.Close()
		for _, k := range got.Cookies() {
			if k.Name == name {
				if !k.HttpOnly || k.SameSite != http.SameSiteLaxMode || k.Secure != secure || k.Path != "/" || k.Domain != "" {
					t.Errorf("the cookie is %s", k)
				}
				return
			}
		}
		t.Errorf("no cookie %s in %v", name, got.Cookies())
	}
	login(e.server, "taocan_session", false)
	overTLS := httptest.NewUnstartedServer(e.server.Config.Handler)
	overTLS.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	overTLS.StartTLS()
	defer overTLS.Close()
	login(overTLS, "__Host-taocan_session", true)
}

func TestWritesOfOtherSitesAreRefused(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Owner)
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	for _, path := range []string{"/login", "/logout", "/logout/everywhere", "/orders", "/orders/O1/payment", "/orders/O1/cancel", "/session/project"} {
		b.send(http.MethodPost, path, "", append(form, "Sec-Fetch-Site", "cross-site")).wantPage(t, 403, "请求被拒绝")
		b.send(http.MethodPost, path, "", append(form, "Sec-Fetch-Site", "same-site")).wantPage(t, 403)
		b.send(http.MethodPost, path, "", append(form, "Origin", "https://evil.example")).wantPage(t, 403)
	}
	b.get("/packages/domestic").wantPage(t, 200, "150") // still signed in, nothing bought

	code, err := e.access.SignInCode(t.Context(), "owner")
	e.must(err)
	e.stranger().get("/login/code?code="+code, "Sec-Fetch-Site", "cross-site").wantPage(t, 403)
}

func TestASignInLinkWorksOnce(t *testing.T) {
	e := newEnv(t)
	e.member("ann", taocan.Owner)
	code, err := e.access.SignInCode(t.Context(), "ann")
	e.must(err)
	first, second := e.stranger(), e.stranger()
	first.get("/login/code?code="+code).wantRedirect(t, "/")
	first.get("/packages/domestic").wantPage(t, 200, "ann")
	second.get("/login/code?code="+code).wantPage(t, 401, "登录链接已使用或已过期")
	first.get("/login/code?code="+code).wantRedirect(t, "/") // the back button
	if strings.Contains(e.log.String(), code) {
		t.Error("the code is in the log")
	}
}

func TestSwitchingProjects(t *testing.T) {
	e := newEnv(t)
	_, err := e.access.CreateProject(t.Context(), taocan.System(), access.ProjectRequest{ID: "second", Account: "demo"})
	e.must(err)
	b := e.signIn(taocan.Owner)
	b.get("/packages/domestic").wantPage(t, 200, "切换项目", "150")
	b.post("/session/project", "project", "other").wantPage(t, 404)
	b.post("/session/project", "project", "second").wantRedirect(t, "/packages/domestic")
	b.get("/packages/domestic").wantPage(t, 200, "还没有套餐包")
}

func TestWhatRolesMayDo(t *testing.T) {
	e := newEnv(t)
	owner, finance, viewer, operator := e.signIn(taocan.Owner), e.signIn(taocan.Finance), e.signIn(taocan.Viewer), e.signIn(taocan.OperatorRole)
	order := []string{"key", "k", "category", "domestic", "kind", "custom", "purpose", "verification", "hundreds", "10", "agreed", "sample-1"}

	viewer.get("/packages/domestic").lacks(t, "立即购买", "购买套餐包")
	viewer.get("/buy?category=domestic").wantPage(t, 403, "没有权限")
	viewer.get("/packages/domestic?buy=1").lacks(t, "<dialog")
	viewer.post("/orders", order...).wantPage(t, 403)
	made := finance.post("/orders", order...)
	payment := made.header.Get("Location")
	viewer.get(payment).wantPage(t, 200, "当前角色不能支付")
	viewer.post(payment, "key", "k").wantPage(t, 403)
	viewer.post(strings.Replace(payment, "/payment", "/cancel", 1)).wantPage(t, 403)
	finance.get("/packages/domestic").wantPage(t, 200, "立即购买")
	finance.post(payment, "key", "k").wantRedirect(t, strings.Replace(payment, "/payment", "/paid", 1))
	owner.get("/packages/domestic").wantPage(t, 200, "立即购买", "1,150")

	operator.get("/").wantRedirect(t, "/operator")
	operator.get("/packages/domestic").wantPage(t, 404)
	operator.post("/orders", order...).wantPage(t, 404)
	owner.get("/operator").wantPage(t, 404)

	// What a role may do now counts, not what it could when it signed in.
	_, err := e.access.SetRole(t.Context(), taocan.System(), "finance", taocan.Viewer)
	e.must(err)
	finance.post("/orders", order...).wantPage(t, 403)
}

func TestAnotherTenantsPagesDoNotExist(t *testing.T) {
	e := newEnv(t)
	demo, other := e.signIn(taocan.Owner), e.signInAs("other", "eve", taocan.Owner)
	payment := demo.post("/orders", "key", "k", "category", "domestic", "kind", "custom", "purpose", "verification", "hundreds", "10", "agreed", "sample-1").header.Get("Location")
	show := strings.TrimSuffix(payment, "/payment")
	for _, path := range []string{payment, show, show + "/paid", "/package/U1B19042914D4FE7"} {
		got, unknown := other.get(path), other.get("/orders/O404")
		got.wantPage(t, 404, "页面不存在")
		if got.main() != unknown.main() {
			t.Errorf("%s is told apart from what does not exist", path)
		}
	}
	other.post(payment, "key", "k").wantPage(t, 404)
	other.post(show+"/cancel").wantPage(t, 404)
	demo.get(payment).wantPage(t, 200, "¥44.00")
	other.get("/packages/domestic?q=U1B").wantPage(t, 200, "没有符合条件的套餐包")
}

func TestHeadersOfPages(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Owner)
	for _, path := range []string{"/packages/domestic", "/nothing/here", "/login"} {
		h := b.get(path).header
		policy := h.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
			t.Errorf("%s: policy %q", path, policy)
		}
		if got := h.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s may be cached: %q", path, got)
		}
	}
	page := b.get("/packages/domestic").body
	for _, banned := range []string{" style=\"", "<style", "onclick=", "hx-on", "javascript:"} {
		if strings.Contains(page, banned) {
			t.Errorf("the page holds %q, which the policy forbids", banned)
		}
	}
}

func TestFailuresArePages(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Owner)
	b.get("/nothing/here").wantPage(t, 404, "页面不存在", "回到首页")
	b.get("/packages/elsewhere").wantPage(t, 404)
	b.get("/packages/domestic?sort=zzz").wantPage(t, 422, "请求有误")
	b.get("/packages/domestic?page=0").wantPage(t, 422)
	b.get("/packages/domestic?page=x").wantPage(t, 422)
	b.get("/packages/domestic?q=%ff").wantPage(t, 422)
	b.get("/packages/domestic?page=7").wantRedirect(t, "/packages/domestic")
	b.send(http.MethodPost, "/orders", `{"a":1}`, []string{"Content-Type", "application/json"}).wantPage(t, 415)
	b.send(http.MethodPost, "/orders", "key="+strings.Repeat("x", 300<<10), []string{"Content-Type", "application/x-www-form-urlencoded"}).wantPage(t, 413)
	b.english().get("/nothing/here").wantPage(t, 404, "Page not found")
}

// down is a store that does not answer.
type down struct{ store.Store }

func (down) View(context.Context, func(store.Reader) error) error { return taocan.ErrUnavailable }
func (down) Peek(context.Context, func(store.Reader) error) error { return taocan.ErrUnavailable }

func (down) Update(context.Context, taocan.AccountID, func(store.Tx) error) error {
	return taocan.ErrUnavailable
}

func TestAPageSaysThatTheStoreDoesNotAnswer(t *testing.T) {
	e := newEnv(t)
	pages, err := console.New(console.Config{Log: slog.New(slog.DiscardHandler), Clock: e.clock, Zone: shanghai, Random: &counting{},
		Access: access.New(access.Config{Store: down{}, Clock: e.clock})})
	e.must(err)
	e.server.Config.Handler = pages
	b := e.stranger()
	b.post("/login", "login", "ann", "password", password).wantPage(t, 503, "暂时不可用", "重试不会重复扣款")
	u, err := url.Parse(e.server.URL)
	e.must(err)
	b.client.Jar.SetCookies(u, []*http.Cookie{{Name: "taocan_session", Value: "tc_" + strings.Repeat("a", 43), Path: "/"}})
	got := b.get("/packages/domestic")
	got.wantPage(t, 503, "暂时不可用")
	if got.header.Get("Retry-After") == "" {
		t.Error("it does not say when to come back")
	}
}

func TestWrongMethods(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Owner)
	got := b.post("/packages/domestic")
	got.wantPage(t, 405, "不支持的请求方式")
	if allow := got.header.Get("Allow"); allow != "GET" {
		t.Errorf("Allow is %q, want GET", allow)
	}
}
