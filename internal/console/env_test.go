package console_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"taocan/internal/access"
	"taocan/internal/alert"
	"taocan/internal/archive"
	"taocan/internal/catalog"
	"taocan/internal/clock"
	"taocan/internal/console"
	"taocan/internal/debit"
	"taocan/internal/delivery"
	"taocan/internal/limit"
	"taocan/internal/live"
	"taocan/internal/order"
	"taocan/internal/packages"
	"taocan/internal/rest"
	"taocan/internal/statement"
	"taocan/internal/store"
	"taocan/internal/taocan"
	"taocan/internal/teststore"
	"taocan/internal/topup"
	"taocan/internal/vault"
)

var shanghai = func() *time.Location {
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		panic(err)
	}
	return zone
}()

// env is the console, as the server assembles it, on a real store with two accounts: demo holds the nine example
// packages and money, other nothing.
type env struct {
	t        testing.TB
	clock    *clock.Fake
	store    store.Store
	access   *access.Access
	catalog  *catalog.Catalog
	orders   *order.Orders
	packages *packages.Packages
	engine   *debit.Engine
	alerts   *alert.Alerts
	topUps   *topup.TopUps
	limits   *limit.Limits
	server   *httptest.Server
	log      *lockedBuffer
}

var (
	demoTenant  = taocan.Tenant{Account: "demo", Project: "demo"}
	otherTenant = taocan.Tenant{Account: "other", Project: "other"}
)

// password of every member.
const password = "correct horse battery"

const exampleCSV = `套餐包编号,套餐包名称,短信用途,短信总量(条),短信剩余量(条),到期时间,状态
U1G1906171982DF8,5000条,通用,5000,0,2021-06-17,额度用尽
U1G190617194C8E1,5000条,通用,5000,0,2021-06-17,额度用尽
U1G1906171935CC7,5000条,通用,5000,0,2021-06-17,额度用尽
U1G1905081936229,国内短信包(通用),通用,946,0,2021-05-08,额度用尽
U1B19042914D4FE7,国内短信包(营销推广),会员营销,100,50,2021-04-29,有效
U1B19042914389DC,国内短信包(营销推广),会员营销,100,100,2021-04-29,有效
U1A1906171957076,10万条,验证通知,100000,0,2021-06-17,额度用尽
U1A1904291445AFF,国内短信包(验证通知),验证通知,100,0,2021-04-29,额度用尽
U1A190422231E4FE,国内短信包(验证通知),验证通知,100,0,2021-04-22,额度用尽
`

// newEnv starts at noon of 2021-04-01.
func newEnv(t testing.TB) *env {
	t.Helper()
	ctx := t.Context()
	e := &env{t: t, clock: clock.NewFake(time.Date(2021, 4, 1, 12, 0, 0, 0, shanghai)), log: &lockedBuffer{}}
	log := slog.New(slog.NewTextHandler(e.log, nil))
	e.store = teststore.Open(t, teststore.Options{Clock: e.clock})
	e.access = access.New(access.Config{Store: e.store, Clock: e.clock})
	e.catalog = catalog.New(e.store, e.clock, shanghai, 0)
	e.orders = order.New(order.Config{Store: e.store, Clock: e.clock, Zone: shanghai, Catalog: e.catalog})
	e.packages = packages.New(e.store, e.clock, shanghai, strings.NewReader(strings.Repeat("digits of granted numbers", 1000)))
	e.engine = debit.New(debit.Config{Store: e.store, Clock: e.clock})
	e.engine.Start(ctx)
	e.alerts = alert.New(e.store, e.clock, shanghai)
	e.topUps = topup.New(topup.Config{Store: e.store, Clock: e.clock, Zone: shanghai, Catalog: e.catalog, Orders: e.orders})
	e.limits = limit.New(e.store, e.clock, shanghai)
	keys, err := vault.Load(filepath.Join(t.TempDir(), "master.key"), rand.Reader)
	e.must(err)
	channels := delivery.New(delivery.Config{Store: e.store, Clock: e.clock, Vault: keys})
	hub := live.New(live.Config{Store: e.store, Clock: e.clock, Packages: e.packages, Orders: e.orders, Alerts: e.alerts})
	hub.Start(ctx)
	pages, err := console.New(console.Config{Log: log, Clock: e.clock, Zone: shanghai, Random: &counting{}, Access: e.access, Catalog: e.catalog,
		Orders: e.orders, Packages: e.packages, Debits: e.engine, Alerts: e.alerts, TopUps: e.topUps, Limits: e.limits, Channels: channels, Mail: true, Live: hub,
		Archive:    archive.New(e.store, shanghai),
		Statements: statement.New(e.store, e.clock, shanghai)})
	e.must(err)
	handler, err := rest.New(rest.Config{Log: log, Clock: e.clock, Zone: shanghai, Version: "test", Store: e.store, Access: e.access, Catalog: e.catalog,
		Orders: e.orders, Packages: e.packages, Engine: e.engine, Alerts: e.alerts, TopUps: e.topUps, Limits: e.limits, Live: hub, Pages: pages})
	e.must(err)
	e.server = httptest.NewServer(handler)
	t.Cleanup(func() {
		ctx := context.Background()
		if err := hub.Stop(ctx); err != nil {
			t.Error(err)
		}
		e.server.Close()
		if err := e.engine.Stop(ctx); err != nil {
			t.Error(err)
		}
		if report, err := store.Verify(ctx, e.store, store.VerifyOptions{}); err != nil || len(report.Findings) > 0 {
			t.Errorf("verify found %v, error %v", report.Findings, err)
		}
	})

	e.must(e.catalog.Seed(ctx))
	system := taocan.System()
	for _, tenant := range []taocan.Tenant{demoTenant, otherTenant} {
		_, err := e.access.CreateAccount(ctx, system, access.AccountRequest{ID: tenant.Account, Level: taocan.Enterprise})
		e.must(err)
		_, err = e.access.CreateProject(ctx, system, access.ProjectRequest{ID: tenant.Project, Account: tenant.Account})
		e.must(err)
	}
	report, err := e.packages.Import(ctx, system, demoTenant, strings.NewReader(exampleCSV),
		packages.ImportOptions{SnapshotAt: time.Date(2021, 4, 1, 0, 0, 0, 0, shanghai), Format: "csv"})
	e.must(err)
	if report.Imported != 9 {
		t.Fatalf("imported %+v, want nine packages", report)
	}
	_, _, err = e.orders.TopUp(ctx, system, demoTenant.Account, order.WalletChange{Key: "cash", ContentHash: make([]byte, 32), Amount: 1870, Reference: "bank-1"})
	e.must(err)
	_, _, err = e.orders.Gift(ctx, system, demoTenant.Account, order.WalletChange{Key: "gift", ContentHash: make([]byte, 32), Amount: 7_964_003, Reason: "welcome"})
	e.must(err)
	return e
}

func (e *env) must(err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatal(err)
	}
}

// signIn opens a browser for a member of demo with the role, or for an operator. The login is the role's name.
func (e *env) signIn(role taocan.Role) *browser {
	account := demoTenant.Account
	if role == taocan.OperatorRole {
		account = ""
	}
	return e.signInAs(account, string(role), role)
}

// signInAs opens a browser for a member, who is made where there is none.
func (e *env) signInAs(account taocan.AccountID, login string, role taocan.Role) *browser {
	e.t.Helper()
	_, err := e.access.CreateMember(e.t.Context(), taocan.System(), access.MemberRequest{Account: account, Login: login, Password: password, Role: role})
	if err != nil && !errors.Is(err, taocan.ErrConflict) {
		e.t.Fatal(err)
	}
	code, err := e.access.SignInCode(e.t.Context(), login)
	e.must(err)
	b := e.stranger()
	b.get("/login/code?code="+code).wantRedirect(e.t, "/")
	return b
}

// stranger opens a browser that nobody has signed in with.
func (e *env) stranger() *browser {
	e.t.Helper()
	jar, err := cookiejar.New(nil)
	e.must(err)
	return &browser{e: e, client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// browser keeps cookies and follows no redirect by itself.
type browser struct {
	e      *env
	client *http.Client
}

// english turns the pages to English.
func (b *browser) english() *browser {
	b.e.t.Helper()
	b.get("/language/en").wantRedirect(b.e.t, "/")
	return b
}

// get asks for a page. header holds names and values in turn.
func (b *browser) get(path string, header ...string) answer {
	b.e.t.Helper()
	return b.send(http.MethodGet, path, "", header)
}

// post sends a form. fields holds names and values in turn.
func (b *browser) post(path string, fields ...string) answer {
	b.e.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return b.send(http.MethodPost, path, form.Encode(), []string{"Content-Type", "application/x-www-form-urlencoded"})
}

func (b *browser) send(method, path, body string, header []string) answer {
	b.e.t.Helper()
	r, err := http.NewRequestWithContext(b.e.t.Context(), method, b.e.server.URL+path, strings.NewReader(body))
	b.e.must(err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	got, err := b.client.Do(r)
	b.e.must(err)
	defer got.Body.Close()
	raw, err := io.ReadAll(got.Body)
	b.e.must(err)
	return answer{got.StatusCode, got.Header, string(raw)}
}

// answer is a response, read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

// wantRedirect checks that the answer leads to a page by GET.
func (a answer) wantRedirect(t testing.TB, to string) {
	t.Helper()
	if a.status != http.StatusSeeOther || a.header.Get("Location") != to {
		t.Errorf("got %d to %q, want 303 to %q\n%.2000s", a.status, a.header.Get("Location"), to, a.text())
	}
}

// wantPage checks the status, that a page says all of the texts, and that no key lacks its text.
func (a answer) wantPage(t testing.TB, status int, texts ...string) {
	t.Helper()
	if a.status != status {
		t.Errorf("got status %d, want %d\n%.2000s", a.status, status, a.text())
		return
	}
	text := a.text()
	for _, want := range texts {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q:\n%.6000s", want, text)
		}
	}
	if strings.ContainsAny(a.body, "⟦⟧") {
		t.Errorf("the page shows a key without text:\n%.6000s", text)
	}
}

// lacks checks that neither the page's text nor its source holds any of the parts.
func (a answer) lacks(t testing.TB, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if strings.Contains(a.body, p) || strings.Contains(a.text(), p) {
			t.Errorf("the page holds %q:\n%.6000s", p, a.text())
		}
	}
}

// doc is the page, parsed.
func (a answer) doc() *html.Node {
	n, err := html.Parse(strings.NewReader(a.body))
	if err != nil {
		panic(err) // a string can be read
	}
	return n
}

// text is what the page says to a reader, title included, spaces joined. Values typed into fields are not part of it.
func (a answer) text() string {
	var words []string
	for n := range a.doc().Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "script" && n.Parent.Data != "style" {
			words = append(words, strings.Fields(n.Data)...)
		}
	}
	return strings.Join(words, " ")
}

// main is the text of what stands beside the menus.
func (a answer) main() string {
	for n := range a.doc().Descendants() {
		if n.Data == "main" {
			var b strings.Builder
			if err := html.Render(&b, n); err != nil {
				panic(err)
			}
			return answer{body: b.String()}.text()
		}
	}
	return ""
}

// field is the first form field of that name: its attributes, and what was chosen or typed.
func (a answer) field(name string) (attributes map[string]string, value string, there bool) {
	for n := range a.doc().Descendants() {
		if n.Type != html.ElementNode || n.Data != "input" && n.Data != "select" && n.Data != "textarea" {
			continue
		}
		attributes = attributesOf(n)
		if attributes["name"] != name {
			continue
		}
		switch n.Data {
		case "textarea":
			if n.FirstChild != nil {
				value = n.FirstChild.Data
			}
		case "select":
			for o := range n.Descendants() {
				if at := attributesOf(o); o.Data == "option" {
					if _, chosen := at["selected"]; chosen || value == "" {
						value = at["value"]
					}
				}
			}
		default:
			value = attributes["value"]
		}
		return attributes, value, true
	}
	return nil, "", false
}

// links are the addresses that the page links to.
func (a answer) links() (to []string) {
	for n := range a.doc().Descendants() {
		if n.Type == html.ElementNode && n.Data == "a" {
			to = append(to, attributesOf(n)["href"])
		}
	}
	return to
}

// link is the address behind the first link that says the text; empty where there is none.
func (a answer) link(text string) string {
	for n := range a.doc().Descendants() {
		if n.Type != html.ElementNode || n.Data != "a" {
			continue
		}
		for d := range n.Descendants() {
			if d.Type == html.TextNode && strings.Contains(d.Data, text) {
				return attributesOf(n)["href"]
			}
		}
	}
	return ""
}

func attributesOf(n *html.Node) map[string]string {
	m := map[string]string{}
	for _, a := range n.Attr {
		m[a.Key] = a.Val
	}
	return m
}

// row is the text of the first row of a table's body that says it; empty where none does.
func (a answer) row(says string) string {
	for n := range a.doc().Descendants() {
		if n.Data != "tr" || n.Parent.Data != "tbody" {
			continue
		}
		var b strings.Builder
		if err := html.Render(&b, n); err != nil {
			panic(err)
		}
		// Alone, a row is no HTML.
		if text := (answer{body: "<table>" + b.String() + "</table>"}).text(); strings.Contains(text, says) {
			return text
		}
	}
	return ""
}

// byID is the text of the element with that id; empty where there is none.
func (a answer) byID(id string) string {
	for n := range a.doc().Descendants() {
		if n.Type == html.ElementNode && attributesOf(n)["id"] == id {
			var b strings.Builder
			if err := html.Render(&b, n); err != nil {
				panic(err)
			}
			return answer{body: b.String()}.text()
		}
	}
	return ""
}

// counting is a reader that never gives the same bytes twice; keys of forms need no more in a test.
type counting struct {
	mu sync.Mutex
	n  byte // guarded by mu
	m  byte // guarded by mu
}

func (c *counting) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range p {
		p[i] = c.m
	}
	if len(p) > 0 {
		p[0] = c.n
	}
	if c.n++; c.n == 0 {
		c.m++
	}
	return len(p), nil
}

// lockedBuffer is a log that requests write to at the same time.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
