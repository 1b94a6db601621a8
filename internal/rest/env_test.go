package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/access"
	"taocan/internal/alert"
	"taocan/internal/archive"
	"taocan/internal/catalog"
	"taocan/internal/clock"
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

// env is the API on a real store with two tenants: demo holds the nine example packages and money, other nothing.
type env struct {
	t        *testing.T
	handler  http.Handler
	clock    *clock.Fake
	store    store.Store
	access   *access.Access
	catalog  *catalog.Catalog
	orders   *order.Orders
	packages *packages.Packages
	engine   *debit.Engine
	topUps   *topup.TopUps
	live     *live.Hub
	channels *delivery.Channels
	log      *bytes.Buffer // of the API; read it when nothing runs

	// Tokens.
	demo, other, operator             string
	scoped                            map[taocan.Scope]string // of demo, one scope each
	expired, revoked, expiredOperator string
}

var (
	demoTenant  = taocan.Tenant{Account: "demo", Project: "demo"}
	otherTenant = taocan.Tenant{Account: "other", Project: "other"}
	projectAll  = []taocan.Scope{taocan.ScopeRead, taocan.ScopeBuy, taocan.ScopeDebit, taocan.ScopeManage}
)

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

func newEnv(t *testing.T) *env {
	t.Helper()
	ctx := t.Context()
	e := &env{t: t, clock: clock.NewFake(time.Date(2021, 4, 1, 12, 0, 0, 0, shanghai)), log: &bytes.Buffer{}}
	e.store = teststore.Open(t, teststore.Options{Clock: e.clock})
	e.access = access.New(access.Config{Store: e.store, Clock: e.clock})
	e.catalog = catalog.New(e.store, e.clock, shanghai, 0)
	e.orders = order.New(order.Config{Store: e.store, Clock: e.clock, Zone: shanghai, Catalog: e.catalog})
	e.packages = packages.New(e.store, e.clock, shanghai, strings.NewReader(strings.Repeat("digits of granted numbers", 1000)))
	e.engine = debit.New(debit.Config{Store: e.store, Clock: e.clock})
	e.engine.Start(ctx)
	alerts := alert.New(e.store, e.clock, shanghai)
	e.topUps = topup.New(topup.Config{Store: e.store, Clock: e.clock, Zone: shanghai, Catalog: e.catalog, Orders: e.orders})
	e.live = live.New(live.Config{Store: e.store, Clock: e.clock, Packages: e.packages, Orders: e.orders, Alerts: alerts})
	e.live.Start(ctx)
	keys, err := vault.Load(filepath.Join(t.TempDir(), vault.FileName), nil)
	e.must(err)
	e.channels = delivery.New(delivery.Config{Store: e.store, Clock: e.clock, Vault: keys})
	e.handler, err = rest.New(rest.Config{Log: slog.New(slog.NewTextHandler(e.log, nil)), Clock: e.clock, Zone: shanghai, Version: "test",
		Store: e.store, Access: e.access, Catalog: e.catalog, Orders: e.orders, Packages: e.packages, Engine: e.engine,
		Alerts: alerts, Live: e.live,
		TopUps: e.topUps, Limits: limit.New(e.store, e.clock, shanghai),
		Statements: statement.New(e.store, e.clock, shanghai), Archive: archive.New(e.store, shanghai), Channels: e.channels})
	e.must(err)
	t.Cleanup(func() {
		ctx := context.Background()
		if err := errors.Join(e.live.Stop(ctx), e.engine.Stop(ctx)); err != nil {
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
	e.demo, e.other = e.token(demoTenant, 0, projectAll...), e.token(otherTenant, 0, projectAll...)
	e.operator = e.token(taocan.Tenant{}, 0, taocan.ScopeOperator)
	e.scoped = map[taocan.Scope]string{}
	for _, s := range projectAll {
		e.scoped[s] = e.token(demoTenant, 0, s)
	}
	e.expired, e.expiredOperator = e.token(demoTenant, time.Second, projectAll...), e.token(taocan.Tenant{}, time.Second, taocan.ScopeOperator)
	e.clock.Advance(time.Second)
	secret, token, err := e.access.CreateToken(ctx, system, access.TokenRequest{Tenant: demoTenant, Scopes: projectAll})
	e.must(err)
	_, err = e.access.RevokeToken(ctx, system, token.ID)
	e.must(err)
	e.revoked = secret

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

func (e *env) token(tenant taocan.Tenant, ttl time.Duration, scopes ...taocan.Scope) string {
	e.t.Helper()
	secret, _, err := e.access.CreateToken(e.t.Context(), taocan.System(), access.TokenRequest{Tenant: tenant, Scopes: scopes, TTL: ttl})
	e.must(err)
	return secret
}

// reply is an answer, read whole.
type reply struct {
	status int
	header http.Header
	body   string
}

// call sends one request. header holds names and values in turn.
func (e *env) call(token, method, path, body string, header ...string) reply {
	e.t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req := httptest.NewRequest(method, path, r)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("X-Request-Id", "the-test") // so that answers that should be the same are
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	e.handler.ServeHTTP(w, req)
	return reply{w.Code, w.Result().Header, w.Body.String()}
}

// json reads the body as an object.
func (r reply) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Fatalf("status %d, body is no JSON object: %v\n%s", r.status, err, r.body)
	}
	return v
}

// wantProblem checks status, content type and code.
func (r reply) wantProblem(t *testing.T, status int, code string) {
	t.Helper()
	if r.status != status || r.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %d %s %s, want problem %d %s", r.status, r.header.Get("Content-Type"), r.body, status, code)
		return
	}
	p := r.json(t)
	if p["code"] != code || p["status"] != float64(status) || p["title"] == "" || p["detail"] == "" || p["type"] != "/docs#error-"+code {
		t.Errorf("got problem %s, want %d %s with type, title and detail", r.body, status, code)
	}
}

// wantDetail is wantProblem with what people read.
func (r reply) wantDetail(t *testing.T, status int, code, detail string) {
	t.Helper()
	r.wantProblem(t, status, code)
	if got := r.json(t)["detail"]; got != detail {
		t.Errorf("the detail is %q, want %q", got, detail)
	}
}

// wantJSON checks the body against an example, as api.md writes it. Values "…" in the example match anything.
func (r reply) wantJSON(t *testing.T, status int, example string) {
	t.Helper()
	if r.status != status {
		t.Errorf("got status %d: %s\nwant %d", r.status, r.body, status)
		return
	}
	var got, want any
	if err := json.Unmarshal([]byte(r.body), &got); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
	if err := json.Unmarshal([]byte(example), &want); err != nil {
		t.Fatalf("%v in example %s", err, example)
	}
	if diff := cmp.Diff(want, blank(want, got)); diff != "" {
		t.Errorf("answer differs (-want +got):\n%s", diff)
	}
}

// blank replaces what the example leaves open.
func blank(want, got any) any {
	switch w := want.(type) {
	case string:
		if w == "…" && got != nil {
			return w
		}
	case map[string]any:
		if g, ok := got.(map[string]any); ok {
			for k := range w {
				if v, ok := g[k]; ok {
					g[k] = blank(w[k], v)
				}
			}
		}
	case []any:
		if g, ok := got.([]any); ok && len(g) == len(w) {
			for i := range w {
				g[i] = blank(w[i], g[i])
			}
		}
	}
	return got
}
