package rest_test

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"taocan/internal/export"
	"taocan/internal/packages"
	"taocan/internal/taocan"
)

var update = flag.Bool("update", false, "write the golden OpenAPI document")

const demoPath = "/v1/projects/demo"

func TestOpenAPIDocumentIsTheGoldenOne(t *testing.T) {
	e := newEnv(t)
	got := e.call("", "GET", "/openapi.json", "").want(t, 200)
	golden := filepath.Join("testdata", "openapi.json")
	if *update {
		e.must(os.MkdirAll("testdata", 0o755))
		e.must(os.WriteFile(golden, []byte(got.body), 0o644))
	}
	want, err := os.ReadFile(golden)
	e.must(err)
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.body, "\n")); diff != "" {
		t.Errorf("the API has changed; if it was meant to, run go test ./internal/rest -run Golden -update and read the diff:\n%s", diff)
	}
	if v := got.json(t)["openapi"]; v != "3.1.0" {
		t.Errorf("openapi is %v, want 3.1.0", v)
	}
	yaml := e.call("", "GET", "/openapi.yaml", "").want(t, 200)
	if !strings.Contains(yaml.body, "openapi: 3.1.0") || strings.Contains(got.body, "$schema") {
		t.Error("want YAML too, and no $schema anywhere")
	}
}

// A voucher for ever would have made every list that shows it unreadable.
func TestAVoucherForEverIsRefused(t *testing.T) {
	e := newEnv(t)
	e.call(e.operator, "POST", "/v1/operator/vouchers", `{"count":1,"amount":"1.00","valid_until":"9999-12-31T23:59:59Z"}`).wantProblem(t, 422, "invalid_request")
	e.call(e.operator, "GET", "/v1/operator/vouchers", "").want(t, 200).json(t)
}

func TestPagesNeedNothingFromOutside(t *testing.T) {
	e := newEnv(t)
	for _, path := range []string{"/docs", "/docs/docs.js", "/docs/docs.css"} {
		got := e.call("", "GET", path, "").want(t, 200)
		for _, outside := range []string{"https://", "http://", "//cdn"} {
			if i := strings.Index(got.body, outside); i >= 0 && !strings.HasPrefix(got.body[i:], "http://example.com/v1") { // its own address
				t.Errorf("%s names %.40q", path, got.body[i:])
			}
		}
	}
	if csp := e.call("", "GET", "/docs", "").header.Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'self'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy of /docs is %q", csp)
	}
	// Every code that can be answered is explained where its problem's type points.
	codes := map[string]bool{}
	for _, c := range e.call("", "GET", "/openapi.json", "").json(t)["x-error-codes"].([]any) {
		codes[c.(map[string]any)["code"].(string)] = true
	}
	for _, code := range []string{"invalid_request", "unauthenticated", "forbidden", "not_found", "idempotency_conflict", "insufficient_quota", "insufficient_funds",
		"order_not_pending", "reservation_not_open", "agreement_not_accepted", "voucher_not_usable", "quantity_above_price_list", "quantity_not_multiple",
		"quantity_too_small", "quantity_too_large", "purpose_not_for_sale", "country_not_for_sale", "product_not_for_sale", "content_too_long", "rate_limited",
		"unavailable", "body_too_large", "method_not_allowed", "unsupported_media_type", "internal"} {
		if !codes[code] {
			t.Errorf("the reference does not explain %s", code)
		}
	}
}

func TestUnknownRoutesAndMethods(t *testing.T) {
	e := newEnv(t)
	for _, path := range []string{"/nothing", "/v1", "/v1/", "/v1/projects", "/v1/projects/demo/", "/v1/projects//balance", "/v1//projects/demo/balance", "/docs/", "/docs/..", "/docs/%2e%2e/healthz", "/../healthz"} {
		e.call(e.demo, "GET", path, "").wantProblem(t, 404, "not_found")
	}
	for _, c := range []struct{ method, path, allow string }{
		{"DELETE", demoPath + "/balance", "GET"}, {"GET", demoPath + "/quotes", "POST"}, {"PUT", demoPath + "/orders", "GET, POST"},
		{"OPTIONS", demoPath + "/debits", "GET, POST"}, {"POST", "/healthz", "GET"}, {"PATCH", "/docs", "GET"},
	} {
		got := e.call(e.demo, c.method, c.path, "")
		got.wantProblem(t, 405, "method_not_allowed")
		if allow := got.header.Get("Allow"); allow != c.allow {
			t.Errorf("%s %s: Allow is %q, want %q", c.method, c.path, allow, c.allow)
		}
	}
}

func TestEveryAnswerCarriesItsHeaders(t *testing.T) {
	e := newEnv(t)
	seen := map[string]bool{}
	for _, path := range []string{"/", "/healthz", "/nothing", demoPath + "/balance", "/v1/projects//x"} {
		got := e.call(e.demo, "GET", path, "", "X-Request-Id", "not one word")
		id := got.header.Get("X-Request-Id")
		if id == "" || id == "not one word" || seen[id] {
			t.Errorf("%s: request id %q, want a new one of ours", path, id)
		}
		seen[id] = true
		if got.header.Get("Taocan-Epoch") != e.store.Epoch() {
			t.Errorf("%s: epoch %q, want %q", path, got.header.Get("Taocan-Epoch"), e.store.Epoch())
		}
		if got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("Content-Security-Policy") == "" || got.header.Get("Link") != "" {
			t.Errorf("%s: headers %v", path, got.header)
		}
	}
	log := e.log.String()
	if n := strings.Count(log, "msg=request"); n != len(seen) {
		t.Errorf("%d access lines for %d requests:\n%s", n, len(seen), log)
	}
	if strings.Contains(log, e.demo) || !strings.Contains(log, "project=demo") {
		t.Errorf("the log should name the project and never the token:\n%s", log)
	}
}

func TestBalanceAndAsOf(t *testing.T) {
	e := newEnv(t)
	balance := `{"category":"domestic","as_of":"%s","total_remaining":%d,"reserved":0,"by_purpose":{"verification":0,"marketing":%[2]d,"general":0},"by_country":{}}`
	e.call(e.demo, "GET", demoPath+"/balance", "").wantJSON(t, 200, fmt.Sprintf(balance, "2021-04-01T12:00:01+08:00", 150))
	e.clock.Set(time.Date(2021, 5, 2, 9, 0, 0, 0, shanghai))
	for asOf, left := range map[string]int{
		"2021-04-01T12:00:00+08:00": 150, "2021-04-28T23:59:59+08:00": 150, "2021-04-29T23:59:59+08:00": 150, "2021-04-30T00:00:00+08:00": 0,
		"2021-03-31T23:59:59+08:00": 0, // before the snapshot there is nothing
	} {
		for _, form := range []string{url.QueryEscape(asOf), asOf} { // also where the client forgot to encode the +
			e.call(e.demo, "GET", demoPath+"/balance?category=domestic&as_of="+form, "").wantJSON(t, 200, fmt.Sprintf(balance, asOf, left))
		}
	}
	expired := e.call(e.demo, "GET", demoPath+"/packages?as_of=2021-04-30T00:00:00%2B08:00&status=expired&sort=number", "").want(t, 200).json(t)
	if expired["total"] != 2.0 {
		t.Errorf("%v expired on 2021-04-30, want 2", expired["total"])
	}
	e.call(e.demo, "GET", demoPath+"/balance?as_of=2021-05-02T09:00:01%2B08:00", "").wantProblem(t, 422, "invalid_request")
	e.call(e.demo, "GET", demoPath+"/balance?as_of=0001-01-01T00:00:00Z", "").wantProblem(t, 422, "invalid_request") // not the present
	e.call(e.demo, "GET", demoPath+"/balance?category=international", "").wantJSON(t, 200,
		`{"category":"international","as_of":"…","total_remaining":0,"reserved":0,"by_purpose":{"verification":0,"marketing":0,"general":0},"by_country":{}}`)
}

func TestPackages(t *testing.T) {
	e := newEnv(t)
	one := `{"number":"U1B19042914D4FE7","name":"国内短信包(营销推广)","category":"domestic","purpose":"marketing","country":null,
		"total":100,"adjusted":0,"remaining":50,"reserved":0,"used":50,"charge_on":"submit","purchased_at":"2019-04-29T14:00:00+08:00",
		"expires_at":"2021-04-30T00:00:00+08:00","expires_on":"2021-04-29","status":"active","order_id":null}`
	e.call(e.demo, "GET", demoPath+"/packages/U1B19042914D4FE7", "").wantJSON(t, 200, one)
	e.call(e.demo, "GET", demoPath+"/packages/U1B19042914D4FE7/entries", "").wantJSON(t, 200, `{"items":[{"at":"2021-04-01T00:00:00+08:00","kind":"import",
		"quantity":50,"reserved_change":0,"used_change":50,"remaining_after":50,"reserved_after":0,"debits":0,"reference":null,"commit":1}],"page":1,"per_page":10,"total":1}`)
	e.call(e.demo, "GET", demoPath+"/packages?q=u1b19042914d&status=active&purpose=marketing&purpose=general", "").wantJSON(t, 200,
		`{"items":[`+one+`],"page":1,"per_page":10,"total":1}`)

	// Pages by number and by cursor hold the same, each package once.
	var byPage, byCursor []string
	numbers := func(r reply) []string {
		var list []string
		for _, p := range r.want(t, 200).json(t)["items"].([]any) {
			list = append(list, p.(map[string]any)["number"].(string))
		}
		return list
	}
	for page := 1; page <= 3; page++ {
		got := e.call(e.demo, "GET", fmt.Sprintf("%s/packages?sort=total&per_page=4&page=%d", demoPath, page), "")
		byPage = append(byPage, numbers(got)...)
		if v := got.json(t); v["total"] != 9.0 || v["page"] != float64(page) || v["per_page"] != 4.0 {
			t.Errorf("page %d says %v", page, v)
		}
	}
	next := ""
	for range 3 {
		got := e.call(e.demo, "GET", demoPath+"/packages?sort=total&per_page=4&cursor="+url.QueryEscape(next), "")
		byCursor = append(byCursor, numbers(got)...)
		next, _ = got.json(t)["next_cursor"].(string)
	}
	if len(byPage) != 9 || next != "" {
		t.Errorf("by page %v, cursor left %q", byPage, next)
	}
	if diff := cmp.Diff(byPage, byCursor); diff != "" {
		t.Errorf("by page and by cursor differ:\n%s", diff)
	}
}

func TestExportCanBeImportedAgain(t *testing.T) {
	e := newEnv(t)
	got := e.call(e.demo, "GET", demoPath+"/packages.csv?sort=-number", "").want(t, 200)
	if got.header.Get("Content-Type") != "text/csv; charset=utf-8" || !strings.HasPrefix(got.body, "\ufeff套餐包编号,套餐包名称,短信用途,短信总量(条),短信剩余量(条),到期时间,状态\n") {
		t.Errorf("export begins %.200q", got.body)
	}
	report, err := e.packages.Import(t.Context(), taocan.System(), demoTenant, strings.NewReader(got.body),
		packages.ImportOptions{SnapshotAt: time.Date(2021, 4, 1, 0, 0, 0, 0, shanghai), Format: "csv", DryRun: true})
	if err != nil || report.Unchanged != 9 || len(report.Bad) > 0 {
		t.Errorf("importing it again: %+v, error %v; want nine unchanged", report, err)
	}
	e.call(e.operator, "POST", "/v1/operator/packages", `{"project":"demo","category":"domestic","purpose":"marketing","name":"=HYPERLINK(1)","quantity":100,"reason":"test"}`,
		"Idempotency-Key", "g").want(t, 201)
	if got := e.call(e.demo, "GET", demoPath+"/packages.csv", "").want(t, 200).body; !strings.Contains(got, ",'=HYPERLINK(1),") {
		t.Errorf("a name that is a formula was exported as one:\n%s", got)
	}
	entries := e.call(e.demo, "GET", demoPath+"/packages/U1B19042914D4FE7/entries.csv", "").want(t, 200).body
	if want := "\ufeff时间,类型,变动(条),变动后剩余(条),预留变动(条),变动后预留(条),扣减笔数,关联编号\n2021-04-01 00:00:00.000000,导入,50,50,0,0,0,\n"; entries != want {
		t.Errorf("statement is %q, want %q", entries, want)
	}
}

// TestWorkbooksAreExportedAndImported: figures are numbers, texts are texts, and what was exported is what is imported.
func TestWorkbooksAreExportedAndImported(t *testing.T) {
	e := newEnv(t)
	e.call(e.operator, "POST", "/v1/operator/packages", `{"project":"demo","category":"domestic","purpose":"marketing","name":"=HYPERLINK(1)","quantity":100,"reason":"-1"}`,
		"Idempotency-Key", "g").want(t, 201)
	open := func(path string) *excelize.File {
		t.Helper()
		got := e.call(e.demo, "GET", demoPath+path, "").want(t, 200)
		if got.header.Get("Content-Type") != export.MediaXLSX {
			t.Errorf("%s is %s", path, got.header.Get("Content-Type"))
		}
		book, err := excelize.OpenReader(strings.NewReader(got.body))
		e.must(err)
		t.Cleanup(func() { _ = book.Close() })
		return book
	}
	book := open("/packages.xlsx?purpose=marketing&sort=-remaining")
	rows, err := book.GetRows("packages")
	e.must(err)
	if diff := cmp.Diff([]string{"套餐包编号", "套餐包名称", "短信用途", "短信总量(条)", "短信剩余量(条)", "到期时间", "状态"}, rows[0]); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"U1B19042914D4FE7", "国内短信包(营销推广)", "会员营销", "100", "50", "2021-04-29", "有效"}, rows[len(rows)-1]); diff != "" || len(rows) != 4 {
		t.Errorf("%d rows, the last (-want +got):\n%s", len(rows), diff)
	}
	for cell, want := range map[string]excelize.CellType{"A4": excelize.CellTypeInlineString, "D4": excelize.CellTypeUnset, "E4": excelize.CellTypeUnset, "F4": excelize.CellTypeInlineString} {
		if got, err := book.GetCellType("packages", cell); err != nil || got != want { // a number has no type
			t.Errorf("%s has type %d, error %v; want %d", cell, got, err, want)
		}
	}
	if names := rows[1][1] + rows[2][1]; !strings.Contains(names, "'=HYPERLINK(1)") {
		t.Errorf("a name that is a formula was exported as one: %s", names)
	}
	entries, err := open("/packages/U1B19042914D4FE7/entries.xlsx").GetRows("entries")
	e.must(err)
	if diff := cmp.Diff([]string{"2021-04-01 00:00:00.000000", "导入", "50", "50", "0", "0", "0"}, entries[1]); diff != "" || len(entries) != 2 {
		t.Errorf("statement of %d lines (-want +got):\n%s", len(entries), diff)
	}

	file := e.call(e.demo, "GET", demoPath+"/packages.xlsx?purpose=general&purpose=verification", "").want(t, 200).body
	post := func(contentType string) reply {
		return e.call(e.operator, "POST", "/v1/operator/projects/demo/packages/import?snapshot_at=2021-04-01T00:00:00%2B08:00", file, "Content-Type", contentType)
	}
	for _, contentType := range []string{export.MediaXLSX, "text/csv", ""} { // a command line sends any file as text/csv
		post(contentType).wantJSON(t, 200, `{"dry_run":false,"imported":0,"unchanged":7,"bad":[]}`)
	}
	post("application/json").wantProblem(t, 415, "unsupported_media_type")
}

func TestQuotes(t *testing.T) {
	e := newEnv(t)
	quote := func(body string) reply { return e.call(e.demo, "POST", demoPath+"/quotes", body) }
	quote(`{"category":"domestic","kind":"custom","purpose":"verification","quantity":1000}`).wantJSON(t, 200, `{"kind":"custom","category":"domestic","purpose":"verification",
		"country":null,"name":"国内短信包(验证通知)","packages":1,"quantity":1000,"unit_price":"0.044","amount":"44.00","currency":"CNY","validity_months":12,
		"expires_on":"2022-04-01","charge_on":"submit","price_list":"…","better_offer":null}`)
	offer := quote(`{"category":"domestic","kind":"custom","purpose":"marketing","quantity":95000}`).want(t, 200).json(t)
	if diff := cmp.Diff(map[string]any{"quantity": 100000.0, "amount": "4000.00", "saves": "180.00"}, offer["better_offer"]); diff != "" {
		t.Error(diff)
	}
	hk := quote(`{"category":"international","kind":"custom","country":"HK","quantity":100}`).want(t, 200).json(t)
	if hk["amount"] != "39.70" || hk["unit_price"] != "0.397" || hk["country"] != "HK" {
		t.Errorf("100 to HK: %v", hk)
	}
	fixed := quote(`{"kind":"fixed","product":"verification-5k","count":2}`).want(t, 200).json(t)
	if fixed["unit_price"] != nil || fixed["price_list"] != nil || fixed["amount"] != "500.00" || fixed["quantity"] != 10000.0 || fixed["packages"] != 2.0 {
		t.Errorf("two fixed packages: %v", fixed)
	}
	for body, code := range map[string]string{
		`{"kind":"custom","category":"domestic","purpose":"verification","quantity":0}`:         "quantity_too_small",
		`{"kind":"custom","category":"domestic","purpose":"verification","quantity":-100}`:      "quantity_too_small",
		`{"kind":"custom","category":"domestic","purpose":"verification","quantity":150}`:       "quantity_not_multiple",
		`{"kind":"custom","category":"domestic","purpose":"verification","quantity":100000000}`: "quantity_too_large",
		`{"kind":"custom","category":"domestic","purpose":"general","quantity":100}`:            "purpose_not_for_sale",
		`{"kind":"custom","category":"international","country":"ZZ","quantity":100}`:            "country_not_for_sale",
		`{"kind":"fixed","product":"nothing","count":1}`:                                        "product_not_for_sale",
		`{"kind":"fixed","product":"verification-5k","count":0}`:                                "invalid_request",
		`{"kind":"custom","category":"domestic","purpose":"verification"}`:                      "invalid_request",
	} {
		got := quote(body)
		if code := code; got.status != 422 || got.json(t)["code"] != code {
			// A missing quantity may be told as too small.
			if !(code == "invalid_request" && got.json(t)["code"] == "quantity_too_small") {
				t.Errorf("%s: %d %s, want %s", body, got.status, got.body, code)
			}
		}
	}
	e.call(e.operator, "PUT", "/v1/operator/accounts/demo/level", `{"level":"personal"}`).want(t, 200)
	refused := quote(`{"category":"domestic","kind":"custom","purpose":"marketing","quantity":1000}`)
	refused.wantProblem(t, 403, "forbidden")
	if refused.json(t)["required"] != "enterprise" {
		t.Errorf("required is %v, want enterprise", refused.json(t)["required"])
	}
}

func TestBuying(t *testing.T) {
	e := newEnv(t)
	order := `{"category":"domestic","kind":"custom","purpose":"verification","quantity":100,"agreement_version":"sample-1"}`
	create := func(key, body string) reply {
		return e.call(e.demo, "POST", demoPath+"/orders", body, "Idempotency-Key", key)
	}
	first := create("k1", order)
	first.wantJSON(t, 201, `{"id":"…","state":"pending","description":"…","quantity":100,"amount":"4.40","created_at":"…","closes_at":"…","settled_at":null,
		"agreement_version":"sample-1","packages":[],"payment":null}`)
	again := create("k1", ` { "agreement_version" : "sample-1", "quantity": 100, "purpose":"verification","kind":"custom","category":"domestic"}`)
	if again.status != 200 || again.body != first.body || again.header.Get("Idempotent-Replayed") != "true" || first.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("replay: %d %s, header %q", again.status, again.body, again.header.Get("Idempotent-Replayed"))
	}
	create("k1", strings.Replace(order, "100", "200", 1)).wantProblem(t, 409, "idempotency_conflict")
	missing := create("k2", strings.Replace(order, `,"agreement_version":"sample-1"`, "", 1))
	missing.wantProblem(t, 409, "agreement_not_accepted")
	if missing.json(t)["current_version"] != "sample-1" {
		t.Errorf("current_version is %v", missing.json(t)["current_version"])
	}

	id := first.json(t)["id"].(string)
	pay := func(key, body string) reply {
		return e.call(e.demo, "POST", demoPath+"/orders/"+id+"/payment", body, "Idempotency-Key", key)
	}
	paid := pay("p1", `{"voucher":null}`)
	v := paid.want(t, 200).json(t)
	payment := map[string]any{"total": "4.40", "voucher": "0.00", "gift": "4.40", "cash": "0.00", "credit": "0.00", "voucher_id": nil, "paid_at": v["payment"].(map[string]any)["paid_at"]}
	if diff := cmp.Diff(payment, v["payment"]); diff != "" {
		t.Error(diff)
	}
	number := v["packages"].([]any)[0].(string)
	if o := v["order"].(map[string]any); o["state"] != "paid" || o["packages"].([]any)[0] != number || !strings.HasPrefix(number, "U1A21040112") {
		t.Errorf("paid order %v with package %s", o, number)
	}
	for _, body := range []string{"", "{}", `{"voucher":null}`} { // all the same call
		if replay := pay("p1", body); replay.status != 200 || replay.body != paid.body || replay.header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("payment again with body %q: %d %s", body, replay.status, replay.body)
		}
	}
	other := pay("p2", "")
	other.wantProblem(t, 409, "order_not_pending")
	if other.json(t)["state"] != "paid" {
		t.Errorf("state is %v, want paid", other.json(t)["state"])
	}
	e.call(e.demo, "POST", demoPath+"/orders/"+id+"/cancel", "").wantProblem(t, 409, "order_not_pending")
	e.call(e.demo, "GET", demoPath+"/wallet", "").wantJSON(t, 200, `{"cash":"18.70","gift":"79635.63","credit_limit":"0.00","credit_used":"0.00","currency":"CNY"}`)
	last := e.call(e.demo, "GET", demoPath+"/wallet/entries?per_page=1", "").want(t, 200).json(t)["items"].([]any)[0].(map[string]any)
	if last["kind"] != "payment" || last["gift"] != "-4.40" || last["order_id"] != id {
		t.Errorf("last wallet entry: %v", last)
	}
	if got := e.call(e.demo, "GET", demoPath+"/packages/"+number, "").want(t, 200).json(t); got["order_id"] != id || got["total"] != 100.0 {
		t.Errorf("package: %v", got)
	}

	second := create("k3", order).want(t, 201).json(t)["id"].(string)
	for range 2 {
		if got := e.call(e.demo, "POST", demoPath+"/orders/"+second+"/cancel", "").want(t, 200).json(t); got["state"] != "cancelled" {
			t.Errorf("cancelled: %v", got)
		}
	}
	if got := e.call(e.demo, "GET", demoPath+"/orders?state=cancelled", "").want(t, 200).json(t); got["total"] != 1.0 {
		t.Errorf("cancelled orders: %v", got)
	}

	// Too expensive, then covered.
	dear := create("k4", strings.Replace(order, "100,", "3000000,", 1)).want(t, 201).json(t)["id"].(string)
	id = dear
	short := pay("p3", "")
	short.wantProblem(t, 409, "insufficient_funds")
	if s := short.json(t); s["total"] != "108000.00" || s["available"] != "79654.33" || s["missing"] != "28345.67" {
		t.Errorf("refusal says %s", short.body)
	}
	e.call(e.operator, "PUT", "/v1/operator/accounts/demo/credit-limit", `{"credit_limit":"30000.00"}`, "Idempotency-Key", "c").want(t, 200)
	pay("p3", "").want(t, 200)
}

func TestVouchers(t *testing.T) {
	e := newEnv(t)
	issued := e.call(e.operator, "POST", "/v1/operator/vouchers", `{"count":1,"amount":"3.00","valid_until":"2022-01-01T00:00:00+08:00"}`).want(t, 201).json(t)["items"].([]any)[0].(map[string]any)
	code := issued["code"].(string)
	if issued["account"] != nil || code == "" {
		t.Errorf("issued %v", issued)
	}
	redeemed := e.call(e.demo, "POST", demoPath+"/vouchers/redeem", `{"code":"`+code+`"}`).want(t, 200).json(t)
	if redeemed["state"] != "usable" || redeemed["amount"] != "3.00" || redeemed["code"] != nil {
		t.Errorf("redeemed %v", redeemed)
	}
	e.call(e.other, "POST", "/v1/projects/other/vouchers/redeem", `{"code":"`+code+`"}`).wantProblem(t, 409, "voucher_not_usable")
	id := e.call(e.demo, "POST", demoPath+"/orders", `{"category":"domestic","kind":"custom","purpose":"verification","quantity":100,"agreement_version":"sample-1"}`,
		"Idempotency-Key", "k").want(t, 201).json(t)["id"].(string)
	e.call(e.demo, "GET", demoPath+"/orders/"+id+"/vouchers", "").wantJSON(t, 200,
		`{"items":[{"id":"`+redeemed["id"].(string)+`","amount":"3.00","min_amount":"0.00","valid_until":"2022-01-01T00:00:00+08:00","pays":"3.00"}]}`)
	paid := e.call(e.demo, "POST", demoPath+"/orders/"+id+"/payment", `{"voucher":"`+redeemed["id"].(string)+`"}`, "Idempotency-Key", "p").want(t, 200).json(t)["payment"].(map[string]any)
	if paid["voucher"] != "3.00" || paid["gift"] != "1.40" || paid["voucher_id"] != redeemed["id"] {
		t.Errorf("paid %v", paid)
	}
	if v := e.call(e.demo, "GET", demoPath+"/vouchers", "").want(t, 200).json(t)["items"].([]any)[0].(map[string]any); v["state"] != "used" || v["used_by"] != id {
		t.Errorf("used voucher: %v", v)
	}
}

// One sentence for a wrong path, another's project, an operator's token and a thing that is not there helped nobody.
func TestWhatIsNotFoundIsNamed(t *testing.T) {
	e := newEnv(t)
	other := "for this token; the token belongs to the project demo"
	for _, tt := range []struct{ token, path, want string }{
		{e.demo, "/v1/project/demo", "the API has no path /v1/project/demo"},
		{e.demo, "/v1/projects/other/balance", "there is no project other " + other},
		{e.demo, "/v1/projects/nowhere/balance", "there is no project nowhere " + other},
		{e.operator, demoPath + "/balance", "there is no project demo for this token; an operator's token belongs to no project: ask under /v1/operator, or with a token of the project"},
		{e.demo, demoPath + "/packages/U1B19042914D4FE8/entries", "there is no package U1B19042914D4FE8 here"},
		{e.demo, demoPath + "/debits/m%2F8/explain", "there is no debit or reservation m/8 here"},
		{e.demo, demoPath + "/orders/o-1", "there is no order o-1 here"},
		{e.operator, "/v1/operator/accounts/nope", "there is no account nope here"},
	} {
		e.call(tt.token, "GET", tt.path, "").wantDetail(t, 404, "not_found", tt.want)
	}
}

func TestDebits(t *testing.T) {
	e := newEnv(t)
	debit := func(body string) reply { return e.call(e.demo, "POST", demoPath+"/debits", body) }
	body := `{"id":"m-1","category":"domestic","purpose":"marketing","quantity":3,"reference":"task-7"}`
	answer := `{"id":"m-1","state":"committed","quantity":3,"allocations":[{"package":"U1B19042914389DC","quantity":3}],"at":"…","replayed":%t}`
	first := debit(body)
	first.wantJSON(t, 201, fmt.Sprintf(answer, false))
	second := debit(body)
	second.wantJSON(t, 200, fmt.Sprintf(answer, true))
	if strings.Replace(second.body, `"replayed":true`, `"replayed":false`, 1) != first.body {
		t.Errorf("a replay is %s, want the first answer %s but for replayed", second.body, first.body)
	}
	debit(strings.Replace(body, `:3,"reference":"task-7"`, ":4", 1)).wantDetail(t, 409, "idempotency_conflict",
		"the id m-1 has been used before: quantity was 3, now it is 4; reference was \"task-7\", now it is \"\"")
	e.call(e.demo, "POST", demoPath+"/reservations", body).wantDetail(t, 409, "idempotency_conflict", "the id m-1 has been used before, for a debit")
	e.call(e.demo, "POST", demoPath+"/reservations/m-1/release", "").wantDetail(t, 404, "not_found", "m-1 is a debit, not a reservation")
	dry := debit(`{"id":"m-2","category":"domestic","purpose":"marketing","quantity":120,"dry_run":true}`)
	dry.wantJSON(t, 200, `{"id":"m-2","state":"dry_run","quantity":120,"allocations":[{"package":"U1B19042914389DC","quantity":97},{"package":"U1B19042914D4FE7","quantity":23}],"at":"…","replayed":false}`)
	e.call(e.demo, "GET", demoPath+"/debits/m-2", "").wantProblem(t, 404, "not_found")
	short := debit(`{"id":"m-2","category":"domestic","purpose":"marketing","quantity":148}`)
	short.wantProblem(t, 409, "insufficient_quota")
	if s := short.json(t); s["requested"] != 148.0 || s["available"] != 147.0 {
		t.Errorf("refusal says %s", short.body)
	}
	debit(`{}`).wantDetail(t, 422, "invalid_request", "body.id: is required")
	for body, location := range map[string]string{
		`{"category":"domestic","purpose":"marketing","quantity":1}`:                                         "body.id",
		`{"id":"x","purpose":"marketing","quantity":1}`:                                                      "body.category",
		`{"id":"x","category":"domestic","purpose":"marketing"}`:                                             "body.quantity",
		`{"id":"x","category":"domestic","quantity":1}`:                                                      "body.purpose",
		`{"id":"x","category":"domestic","purpose":"marketing","quantity":0}`:                                "body.quantity",
		`{"id":"x","category":"domestic","purpose":"marketing","quantity":-1}`:                               "body.quantity",
		`{"id":"x","category":"domestic","purpose":"marketing","quantity":1.5}`:                              "body.quantity",
		`{"id":"x","category":"domestic","purpose":"marketing","quantity":"3"}`:                              "body.quantity",
		`{"id":"x","category":"domestic","purpose":"marketing","quantity":9223372036854775808}`:              "body.quantity",
		`{"id":"x","category":"domestic","purpose":"marketing","quantity":1000000001}`:                       "body.quantity",
		`{"id":"x","category":"domestic","purpose":"marketing","quantity":1,"country":"MY"}`:                 "body.country",
		`{"id":"x","category":"international","quantity":1}`:                                                 "body.country",
		`{"id":"x","category":"domestic","purpose":"marketing","quantity":1,"Quantity":1}`:                   "body.Quantity",
		`{"id":"x","category":"domestic","purpose":"marketing","quantity":1,"quantity":1}`:                   "body.quantity",
		`{"id":"x","category":"domestic","purpose":"marketing","quantity":1,"ttl_seconds":1}`:                "body.ttl_seconds",
		`{"id":"a b","category":"domestic","purpose":"marketing","quantity":1}`:                              "body.id",
		`{"id":"` + strings.Repeat("x", 129) + `","category":"domestic","purpose":"marketing","quantity":1}`: "body.id",
	} {
		got := debit(body)
		got.wantProblem(t, 422, "invalid_request")
		if errs, _ := got.json(t)["errors"].([]any); len(errs) != 1 || errs[0].(map[string]any)["location"] != location {
			t.Errorf("%s: errors %v, want one at %s", body, errs, location)
		}
	}
	e.call(e.demo, "GET", demoPath+"/debits/m-1", "").wantJSON(t, 200, `{"id":"m-1","kind":"debit","state":"committed","category":"domestic","purpose":"marketing","country":null,
		"quantity":3,"reference":"task-7","allocations":[{"package":"U1B19042914389DC","quantity":3}],"at":"…"}`)
	why := e.call(e.demo, "GET", demoPath+"/debits/m-1/explain", "").want(t, 200).json(t)["considered"].([]any)
	if len(why) != 2 || why[0].(map[string]any)["verdict"] != "used" || why[1].(map[string]any)["verdict"] != "not_needed" {
		t.Errorf("considered %v", why)
	}
	line := e.call(e.demo, "GET", demoPath+"/packages/U1B19042914389DC/entries", "").want(t, 200).json(t)["items"].([]any)[0].(map[string]any)
	if line["kind"] != "debit" || line["quantity"] != -3.0 || line["used_change"] != 3.0 || line["remaining_after"] != 97.0 || line["reference"] != "m-1" {
		t.Errorf("statement: %v", line)
	}
	opened := e.call(e.demo, "GET", fmt.Sprintf("%s/debits?commit=%.0f", demoPath, line["commit"]), "").want(t, 200).json(t)["items"].([]any)
	if len(opened) != 1 || opened[0].(map[string]any)["id"] != "m-1" {
		t.Errorf("the line opens into %v", opened)
	}
	e.call(e.demo, "GET", demoPath+"/usage?group_by=day,purpose&from=2021-04-01&to=2021-04-02", "").wantJSON(t, 200, `{"items":[{"day":"2021-04-01","purpose":"marketing","used":3}]}`)
	e.call(e.demo, "GET", demoPath+"/usage?group_by=category", "").wantJSON(t, 200, `{"items":[{"category":"domestic","used":3}]}`)
}

func TestBatches(t *testing.T) {
	e := newEnv(t)
	e.call(e.demo, "POST", demoPath+"/debits/batch", `{"debits":[
		{"id":"a","category":"domestic","purpose":"marketing","quantity":3},
		{"id":"a","category":"domestic","purpose":"marketing","quantity":3},
		{"id":"b","category":"domestic","purpose":"marketing","quantity":0},
		{"id":"c","category":"international","quantity":1},
		{"id":"d","category":"domestic","purpose":"marketing","quantity":1000},
		{"id":"e","category":"domestic","purpose":"marketing","quantity":1,"dry_run":true},
		{"id":"f","category":"domestic","purpose":"marketing","quantity":1}]}`).wantJSON(t, 200, `{"results":[
		{"id":"a","status":201,"debit":{"id":"a","state":"committed","quantity":3,"allocations":[{"package":"U1B19042914389DC","quantity":3}],"at":"…","replayed":false}},
		{"id":"a","status":200,"debit":{"id":"a","state":"committed","quantity":3,"allocations":[{"package":"U1B19042914389DC","quantity":3}],"at":"…","replayed":true}},
		{"id":"b","status":422,"code":"invalid_request","detail":"…"},
		{"id":"c","status":422,"code":"invalid_request","detail":"…"},
		{"id":"d","status":409,"code":"insufficient_quota","detail":"…","requested":1000,"available":147},
		{"id":"e","status":200,"debit":{"id":"e","state":"dry_run","quantity":1,"allocations":[{"package":"U1B19042914389DC","quantity":1}],"at":"…","replayed":false}},
		{"id":"f","status":201,"debit":{"id":"f","state":"committed","quantity":1,"allocations":[{"package":"U1B19042914389DC","quantity":1}],"at":"…","replayed":false}}]}`)
	for body, location := range map[string]string{
		`{"debits":[{"id":"g","category":"domestic","purpose":"marketing","quantity":1},{"id":"h","category":"domestic","purpose":"marketing","quantity":"1"}]}`:     "body.debits[1].quantity",
		`{"debits":[{"id":"g","category":"domestic","purpose":"marketing","quantity":1},{"id":"h","category":"domestic","purpose":"marketing","quantity":1,"x":1}]}`: "body.debits[1].x",
		`{"debits":[{"id":"g","category":"domestic","purpose":"marketing","quantity":1},{"id":"h","id":"i","category":"domestic"}]}`:                                 "body.debits[1].id",
		`{"debits":[]}`: "body.debits",
		`{}`:            "body.debits",
	} {
		got := e.call(e.demo, "POST", demoPath+"/debits/batch", body)
		got.wantProblem(t, 422, "invalid_request")
		if errs := got.json(t)["errors"].([]any); errs[0].(map[string]any)["location"] != location {
			t.Errorf("%s: errors %v, want %s", body, errs, location)
		}
	}
	e.call(e.demo, "GET", demoPath+"/debits/g", "").wantProblem(t, 404, "not_found") // nothing of a refused request is taken
}

func TestReservations(t *testing.T) {
	e := newEnv(t)
	post := func(path, body string) reply { return e.call(e.demo, "POST", demoPath+path, body) }
	held := post("/reservations", `{"id":"r-1","category":"domestic","purpose":"marketing","quantity":3,"ttl_seconds":3600,"on_deadline":"release"}`)
	held.wantJSON(t, 201, `{"id":"r-1","state":"reserved","quantity":3,"allocations":[{"package":"U1B19042914389DC","quantity":3}],"at":"…","deadline":"…","on_deadline":"release","replayed":false}`)
	if b := e.call(e.demo, "GET", demoPath+"/balance", "").json(t); b["reserved"] != 3.0 || b["total_remaining"] != 147.0 {
		t.Errorf("balance while held: %v", b)
	}
	for _, bad := range []string{`{"quantity":0}`, `{"quantity":4}`, `{"quantity":-1}`, `{"quantity":1.5}`, `{"quantity":"2"}`} {
		post("/reservations/r-1/commit", bad).wantProblem(t, 422, "invalid_request")
	}
	committed := `{"id":"r-1","state":"committed","quantity":3,"allocations":[{"package":"U1B19042914389DC","quantity":3}],"at":"…","deadline":"…","on_deadline":"release",
		"committed":2,"returned":1,"settled_at":"…","replayed":%t}`
	post("/reservations/r-1/commit", `{"quantity":2}`).wantJSON(t, 200, fmt.Sprintf(committed, false))
	post("/reservations/r-1/commit", `{"quantity":2}`).wantJSON(t, 200, fmt.Sprintf(committed, true))
	post("/reservations/r-1/commit", `{"quantity":1}`).wantDetail(t, 409, "idempotency_conflict", "the reservation r-1 is committed already, with 2 of 3; now 1 are asked for")
	post("/reservations/r-1/commit", "").wantDetail(t, 409, "idempotency_conflict", "the reservation r-1 is committed already, with 2 of 3; now 3 are asked for")
	// A release takes no part, so a body that asks for one is not passed over.
	post("/reservations/r-1/release", `{"quantity":2}`).wantProblem(t, 422, "invalid_request")
	closed := post("/reservations/r-1/release", "")
	closed.wantProblem(t, 409, "reservation_not_open")
	if closed.json(t)["state"] != "committed" {
		t.Errorf("state is %v, want committed", closed.json(t)["state"])
	}
	post("/reservations/m%2F7/commit", "").wantDetail(t, 404, "not_found", "there is no reservation m/7 here")
	for _, ttl := range []string{"0", "-1", "2592001", "1.5", `"60"`} {
		post("/reservations", `{"id":"r-2","category":"domestic","purpose":"marketing","quantity":3,"ttl_seconds":`+ttl+`}`).wantProblem(t, 422, "invalid_request")
	}
	post("/reservations", `{"id":"r-2","category":"domestic","purpose":"marketing","quantity":3,"on_deadline":"keep"}`).wantProblem(t, 422, "invalid_request")

	post("/reservations/batch", `{"reservations":[{"id":"s-1","category":"domestic","purpose":"marketing","quantity":2},{"id":"s-2","category":"domestic","purpose":"marketing","quantity":2},
		{"id":"s-3","category":"domestic","purpose":"marketing","quantity":2,"ttl_seconds":0}]}`).want(t, 200)
	results := post("/reservations/settle-batch", `{"settlements":[{"id":"s-1","action":"commit"},{"id":"s-2","action":"release"},{"id":"s-3","action":"commit"},
		{"id":"s-1","action":"commit","quantity":0},{"id":"s-1","action":"release","quantity":1},{"id":"s-1","action":"keep"},{"id":"","action":"release"}]}`).want(t, 200).json(t)["results"].([]any)
	var statuses []float64
	for _, r := range results {
		statuses = append(statuses, r.(map[string]any)["status"].(float64))
	}
	if diff := cmp.Diff([]float64{200, 200, 404, 422, 422, 422, 422}, statuses); diff != "" {
		t.Errorf("settle-batch: %v\n%s", results, diff)
	}
	if d := e.call(e.demo, "GET", demoPath+"/debits/s-2", "").want(t, 200).json(t); d["kind"] != "reservation" || d["state"] != "released" || d["returned"] != 2.0 {
		t.Errorf("released: %v", d)
	}
}

func TestSegments(t *testing.T) {
	e := newEnv(t)
	count := func(body string) reply { return e.call(e.demo, "POST", demoPath+"/segments", body) }
	count(`{"category":"domestic","signature":"公司","text":"`+strings.Repeat("字", 67)+`"}`).wantJSON(t, 200, `{"length":71,"encoding":"ucs2","segments":2}`)
	count(`{"category":"international","signature":"ACME","text":"hello €"}`).wantJSON(t, 200, `{"length":16,"encoding":"gsm7","segments":1}`)
	count(`{"category":"domestic","text":"`+strings.Repeat("字", 501)+`"}`).wantProblem(t, 422, "content_too_long")
}

// Every id that a caller may choose works in a path, percent-encoded.
func TestIDsOfAllCharactersWorkInPaths(t *testing.T) {
	e := newEnv(t)
	server := httptest.NewServer(e.handler)
	defer server.Close()
	ids := []string{"a/b", "..", ".", "a%2Fb", "+", "/", "//", "a/../b", "%", "%2E", "?", "#", "a?b=c", "explain", "a/explain", "batch", "../../x"}
	for c := byte('!'); c <= '~'; c++ {
		ids = append(ids, string(c), "x"+string(c)+"y")
	}
	seen := map[string]bool{}
	for _, id := range ids {
		if seen[id] {
			continue
		}
		seen[id] = true
		body, err := json.Marshal(map[string]any{"id": id, "category": "domestic", "purpose": "marketing", "quantity": 1, "ttl_seconds": 60})
		e.must(err)
		e.call(e.demo, "POST", demoPath+"/reservations", string(body)).want(t, 201)
		everything := ""
		for _, c := range []byte(id) {
			everything += fmt.Sprintf("%%%02X", c)
		}
		for _, escaped := range []string{url.PathEscape(id), everything} {
			for _, path := range []string{"/debits/%s", "/debits/%s/explain"} {
				path = server.URL + demoPath + fmt.Sprintf(path, escaped)
				req, err := http.NewRequest("GET", path, nil)
				e.must(err)
				req.Header.Set("Authorization", "Bearer "+e.demo)
				resp, err := http.DefaultTransport.RoundTrip(req)
				e.must(err)
				b, err := io.ReadAll(resp.Body)
				e.must(err)
				resp.Body.Close()
				var got struct {
					ID    string
					Debit struct{ ID string }
				}
				if err := json.Unmarshal(b, &got); err != nil || resp.StatusCode != 200 || got.ID+got.Debit.ID != id {
					t.Errorf("GET %s: %d %s, want id %q", path, resp.StatusCode, b, id)
				}
			}
		}
		e.call(e.demo, "POST", demoPath+"/reservations/"+everything+"/release", "").want(t, 200)
	}
	// A client that does not even encode the dots is understood too, and never redirected.
	for _, id := range []string{"..", "."} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		e.must(err)
		_, err = fmt.Fprintf(conn, "GET %s/debits/%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n", demoPath, id, e.demo)
		e.must(err)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		e.must(err)
		if resp.StatusCode != 200 {
			t.Errorf("GET …/debits/%s unencoded: %d, want 200", id, resp.StatusCode)
		}
		resp.Body.Close()
		conn.Close()
	}
}

func TestSigningIn(t *testing.T) {
	w := newWorld(t)
	signIn := func(user, password string) reply {
		body, err := json.Marshal(map[string]string{"user": user, "password": password})
		w.must(err)
		return w.call("", "POST", "/v1/sign-in", string(body))
	}
	got := signIn("ana", "correct horse").want(t, 200).json(t)
	token := got["token"].(string)
	if got["project"] != "demo" || got["role"] != "owner" || got["expires_at"] != "2021-04-02T00:00:01+08:00" {
		t.Errorf("signed in: %v", got)
	}
	w.call(token, "GET", demoPath+"/balance", "").want(t, 200)
	w.call(token, "GET", "/v1/operator/accounts", "").wantProblem(t, 403, "forbidden")
	w.call(token, "POST", "/v1/sign-out", "").want(t, 204)
	w.call(token, "GET", demoPath+"/balance", "").wantProblem(t, 401, "unauthenticated")
	if wrong, nobody := signIn("ana", "wrong password"), signIn("nobody", "wrong password"); wrong.body != nobody.body || wrong.status != 401 {
		t.Errorf("a wrong password: %s, an unknown login: %s; want the same", wrong.body, nobody.body)
	}
	for range 9 {
		signIn("ana", "wrong password").wantProblem(t, 401, "unauthenticated")
	}
	throttled := signIn("ana", "correct horse")
	throttled.wantProblem(t, 429, "rate_limited")
	if throttled.header.Get("Retry-After") != "900" {
		t.Errorf("Retry-After is %q, want 900", throttled.header.Get("Retry-After"))
	}
	w.clock.Advance(15*time.Minute + time.Second)
	signIn("ana", "correct horse").want(t, 200)
	if log := w.log.String(); strings.Contains(log, "horse") || strings.Contains(log, token) {
		t.Error("the log holds a password or a token")
	}
	bad := w.call("", "POST", "/v1/sign-in", `{"password":"correct horse","pass":1}`)
	bad.wantProblem(t, 422, "invalid_request")
	if strings.Contains(bad.body, "horse") {
		t.Errorf("a refusal repeats the password: %s", bad.body)
	}
}

func TestOperatorsWork(t *testing.T) {
	e := newEnv(t)
	do := func(method, path, body string, header ...string) reply {
		return e.call(e.operator, method, "/v1/operator"+path, body, header...)
	}
	do("POST", "/accounts", `{"id":"acme","name":"极限公司"}`).wantJSON(t, 201, `{"id":"acme","name":"极限公司","level":"unverified","suspended":false,"created_at":"…"}`)
	do("POST", "/accounts", `{"id":"acme"}`).wantDetail(t, 409, "idempotency_conflict", "the id acme is taken")
	do("PUT", "/accounts/acme/level", `{"level":"enterprise"}`).want(t, 200)
	do("POST", "/projects", `{"id":"acme-1","account":"acme"}`).want(t, 201)
	do("POST", "/projects", `{"id":"acme-2","account":"nobody"}`).wantProblem(t, 422, "invalid_request")
	token := do("POST", "/tokens", `{"project":"acme-1","name":"sender","scopes":["read","debit"],"ttl_seconds":60}`).want(t, 201).json(t)
	secret := token["token"].(string)
	e.call(secret, "GET", "/v1/projects/acme-1/balance", "").want(t, 200)
	if got := do("GET", "/tokens?project=acme-1", "").want(t, 200).body; strings.Contains(got, secret) || !strings.Contains(got, token["id"].(string)) {
		t.Errorf("tokens: %s", got)
	}
	top := do("POST", "/accounts/acme/top-up", `{"amount":"100.00","reference":"bank-9"}`, "Idempotency-Key", "t1")
	top.wantJSON(t, 200, `{"cash":"100.00","gift":"0.00","credit_limit":"0.00","credit_used":"0.00","currency":"CNY"}`)
	if again := do("POST", "/accounts/acme/top-up", `{"reference":"bank-9","amount":"100.00"}`, "Idempotency-Key", "t1"); again.body != top.body || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("the same top-up again: %d %s", again.status, again.body)
	}
	do("POST", "/accounts/acme/top-up", `{"amount":"100.00","reference":"bank-9"}`, "Idempotency-Key", "t2").wantDetail(t, 409, "idempotency_conflict",
		"the reference bank-9 has been booked for this account before")
	do("POST", "/accounts/acme/top-up", `{"amount":"1.00","reference":"bank-10"}`, "Idempotency-Key", "t1").wantDetail(t, 409, "idempotency_conflict",
		"the key t1 has been used before, with other content")
	do("POST", "/accounts/acme/wallet/adjust", `{"amount":"-0.01","reason":"rounding"}`, "Idempotency-Key", "t3").want(t, 200)
	for _, amount := range []string{`"1.001"`, `"1e3"`, `"-0"`, `""`, `"１"`, `"99999999999999999"`, `1`, `"+1"`, `" 1"`} {
		do("POST", "/accounts/acme/gift", `{"amount":`+amount+`,"reason":"x"}`, "Idempotency-Key", "t4").wantProblem(t, 422, "invalid_request")
	}
	granted := do("POST", "/packages", `{"project":"acme-1","category":"domestic","purpose":"verification","quantity":100,"reason":"welcome"}`, "Idempotency-Key", "g").want(t, 201).json(t)
	number := granted["number"].(string)
	do("POST", "/packages/"+number+"/adjust", `{"delta":-40,"reason":"counted again"}`, "Idempotency-Key", "a").want(t, 200)
	do("POST", "/packages/"+number+"/adjust", `{"delta":-61,"reason":"too much"}`, "Idempotency-Key", "b").wantProblem(t, 409, "insufficient_quota")
	if found := do("GET", "/packages/"+number, "").want(t, 200).json(t); found["account"] != "acme" || found["remaining"] != 60.0 || found["adjusted"] != -40.0 {
		t.Errorf("found %v", found)
	}
	entries := do("GET", "/packages/"+number+"/entries", "").want(t, 200).json(t)["items"].([]any)
	if len(entries) != 2 || entries[0].(map[string]any)["reference"] != "counted again" {
		t.Errorf("statement %v", entries)
	}

	do("PUT", "/accounts/acme/suspended", `{"suspended":true}`).want(t, 200)
	e.call(secret, "GET", "/v1/projects/acme-1/balance", "").wantProblem(t, 401, "unauthenticated")
	do("PUT", "/accounts/acme/suspended", `{"suspended":false}`).want(t, 200)
	e.call(secret, "GET", "/v1/projects/acme-1/balance", "").want(t, 200)
	do("POST", "/tokens/"+token["id"].(string)+"/revoke", "").want(t, 200)
	e.call(secret, "GET", "/v1/projects/acme-1/balance", "").wantProblem(t, 401, "unauthenticated")

	var actions []string
	for _, x := range do("GET", "/audit?per_page=100", "").want(t, 200).json(t)["items"].([]any) {
		line := x.(map[string]any)
		if strings.HasPrefix(line["by"].(string), "token:") && line["address"] == "192.0.2.1" {
			actions = append([]string{line["action"].(string)}, actions...)
		}
	}
	want := []string{"account.create", "account.level", "project.create", "token.create", "wallet.top_up", "wallet.adjust", "package.grant", "package.adjust",
		"account.suspended", "account.suspended", "token.revoke"}
	if diff := cmp.Diff(want, actions); diff != "" {
		t.Errorf("audit log (-want +got):\n%s", diff)
	}
}

func TestAClockThatJumpedIsConfirmed(t *testing.T) {
	e := newEnv(t)
	e.clock.Jump(2 * time.Hour)
	debit := func() reply {
		return e.call(e.demo, "POST", demoPath+"/debits", `{"id":"m-1","category":"domestic","purpose":"marketing","quantity":3}`)
	}
	refused := debit()
	refused.wantProblem(t, 503, "unavailable")
	if refused.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	e.call("", "GET", "/readyz", "").wantProblem(t, 503, "unavailable")
	e.call("", "GET", "/healthz", "").want(t, 200)
	e.call(e.operator, "POST", "/v1/operator/clock/confirm", "").want(t, 200)
	e.call("", "GET", "/readyz", "").want(t, 200)
	debit().want(t, 201)
}

func TestImportOverTheAPI(t *testing.T) {
	e := newEnv(t)
	post := func(query, body string) reply {
		return e.call(e.operator, "POST", "/v1/operator/projects/demo/packages/import?"+query, body, "Content-Type", "text/csv")
	}
	at := "snapshot_at=2021-04-01T00:00:00%2B08:00"
	post(at, exampleCSV).wantJSON(t, 200, `{"dry_run":false,"imported":0,"unchanged":9,"bad":[]}`)
	bad := strings.Replace(exampleCSV, "5000,0,2021-06-17", "5000,6000,2021-06-17", 1)
	report := post(at+"&dry_run=true", bad).want(t, 200).json(t)
	if rows := report["bad"].([]any); len(rows) != 1 || rows[0].(map[string]any)["line"] != 2.0 {
		t.Errorf("report %v", report)
	}
	post("", exampleCSV).wantProblem(t, 422, "invalid_request")
	post("snapshot_at=2031-04-01T00:00:00%2B08:00", exampleCSV).wantProblem(t, 422, "invalid_request")
	e.call(e.operator, "POST", "/v1/operator/projects/nothing/packages/import?"+at, exampleCSV, "Content-Type", "text/csv").wantProblem(t, 404, "not_found")
}

func TestMetrics(t *testing.T) {
	e := newEnv(t)
	e.call(e.demo, "POST", demoPath+"/debits", `{"id":"m-1","category":"domestic","purpose":"marketing","quantity":3}`).want(t, 201)
	e.call(e.demo, "POST", demoPath+"/debits", `{"id":"m-2","category":"domestic","purpose":"marketing","quantity":300}`).want(t, 409)
	got := e.call("", "GET", "/metrics", "").want(t, 200).body
	for _, line := range []string{
		`taocan_http_requests_total{method="POST",route="POST /v1/projects/{project}/debits",status="201"} 1`,
		`taocan_debit_refused_total{reason="insufficient_quota"} 1`,
		`taocan_debit_operations_total `, `go_goroutines `,
	} {
		if !strings.Contains(got, line) {
			t.Errorf("metrics lack %s", line)
		}
	}
}
