package rest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/access"
	"taocan/internal/delivery"
	"taocan/internal/order"
	"taocan/internal/taocan"
)

// The tests of this file derive routes, required fields and types from the OpenAPI document, so that a new route
// cannot forget to be guarded. A route with a body needs an example here; without one the test fails.

// route is one operation of the document.
type route struct {
	id, method, path string
	scopes           []string // nil: open to anybody; empty: any token
	params           []string // in the path
	keyed            bool     // needs an Idempotency-Key
	required         bool     // its body is
	schema           map[string]any
	csv              bool
	stream           bool // its answer has no end
	query            string
}

func (r route) operator() bool { return strings.HasPrefix(r.path, "/v1/operator/") }
func (r route) project() bool  { return strings.HasPrefix(r.path, "/v1/projects/{project}") }

// at fills in the path.
func (r route) at(values map[string]string) string {
	path := r.path
	for k, v := range values {
		path = strings.ReplaceAll(path, "{"+k+"}", v)
	}
	return path + r.query
}

type document struct{ v map[string]any }

func (d document) get(v any, keys ...string) any {
	for _, k := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}

// deref follows a $ref and looks through a choice with null.
func (d document) deref(schema any) map[string]any {
	s, _ := schema.(map[string]any)
	if ref, ok := s["$ref"].(string); ok {
		return d.deref(d.get(d.v, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...))
	}
	return s
}

func readDocument(e *env) document {
	e.t.Helper()
	r := e.call("", "GET", "/openapi.json", "")
	if r.status != 200 {
		e.t.Fatalf("GET /openapi.json: %d", r.status)
	}
	return document{r.json(e.t)}
}

func (d document) routes(t *testing.T) []route {
	t.Helper()
	var all []route
	paths := d.v["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		for method, v := range paths[path].(map[string]any) {
			r := route{id: d.get(v, "operationId").(string), method: strings.ToUpper(method), path: path}
			for _, security := range d.get(v, "security").([]any) {
				r.scopes = []string{}
				for _, s := range security.(map[string]any)["bearer"].([]any) {
					r.scopes = append(r.scopes, s.(string))
				}
			}
			parameters, _ := d.get(v, "parameters").([]any)
			for _, p := range parameters {
				name, in := d.get(p, "name").(string), d.get(p, "in").(string)
				switch {
				case in == "path":
					r.params = append(r.params, name)
				case name == "Idempotency-Key":
					r.keyed = d.get(p, "required") == true
				case name == "snapshot_at":
					r.query = "?snapshot_at=2021-04-01T00:00:00%2B08:00"
				}
			}
			r.schema, _ = d.get(v, "requestBody", "content", "application/json", "schema").(map[string]any)
			r.csv = d.get(v, "requestBody", "content", "text/csv") != nil
			r.stream = d.get(v, "responses", "200", "content", "text/event-stream") != nil
			r.required, _ = d.get(v, "requestBody", "required").(bool)
			all = append(all, r)
		}
	}
	if len(all) < 60 {
		t.Fatalf("the document has %d operations, want all of them", len(all))
	}
	return all
}

// world fills the tenants and names what there is.
type world struct {
	*env
	theirs  map[string]map[string]string // by the step before the parameter: values of demo's
	unknown map[string]map[string]string
}

func newWorld(t *testing.T) *world {
	e := newEnv(t)
	p := "/v1/projects/demo"
	e.call(e.demo, "POST", p+"/debits", `{"id":"m-1","category":"domestic","purpose":"marketing","quantity":3}`).want(t, 201)
	e.call(e.demo, "POST", p+"/reservations", `{"id":"r-1","category":"domestic","purpose":"marketing","quantity":5}`).want(t, 201)
	ordered := e.call(e.demo, "POST", p+"/orders", `{"kind":"custom","category":"domestic","purpose":"verification","quantity":1000,"agreement_version":"sample-1"}`,
		"Idempotency-Key", "o-1").want(t, 201).json(t)["id"].(string)
	_, err := e.access.CreateMember(t.Context(), taocan.System(), access.MemberRequest{Account: "demo", Login: "ana", Password: "correct horse", Role: taocan.Owner})
	e.must(err)
	_, token, err := e.access.CreateToken(t.Context(), taocan.System(), access.TokenRequest{Tenant: demoTenant, Scopes: projectAll})
	e.must(err)
	_, err = e.orders.IssueVouchers(t.Context(), taocan.System(), order.VoucherIssue{Account: "demo", Count: 1, Amount: 440, ValidUntil: e.clock.Now().AddDate(1, 0, 0)})
	e.must(err)
	channel, _, err := e.channels.Create(t.Context(), taocan.Actor{Tenant: demoTenant, Token: token.ID, Scopes: projectAll},
		delivery.Request{Kind: taocan.Webhook, Name: "Duty", Address: "https://example.com/hook", Language: "zh", Enabled: true})
	e.must(err)
	return &world{e, map[string]map[string]string{
		"packages": {"number": "U1B19042914D4FE7"}, "channels": {"id": string(channel.ID)}, "alerts": {"id": "nothing"}, "orders": {"id": ordered}, "debits": {"id": "m-1"}, "reservations": {"id": "r-1"},
		"statements": {"month": "2021-04"}, "accounts": {"account": "demo"}, "members": {"login": "ana"}, "tokens": {"token": string(token.ID)},
		"products": {"product": "verification-5k"}, "projects": {"project": "demo"},
	}, map[string]map[string]string{
		"packages": {"number": "U1B1904291400000"}, "channels": {"id": "nothing"}, "alerts": {"id": "nothing-either"}, "orders": {"id": "O-nothing"}, "debits": {"id": "nothing"}, "reservations": {"id": "nothing"},
		"statements": {"month": "2020-04"}, "accounts": {"account": "nobody"}, "members": {"login": "nobody"}, "tokens": {"token": "tok_nothing"},
		"products": {"product": "nothing"}, "projects": {"project": "nothing"},
	}}
}

func (r reply) want(t *testing.T, status int) reply {
	t.Helper()
	if r.status != status {
		t.Fatalf("got %d %s, want %d", r.status, r.body, status)
	}
	return r
}

// values of a route's path parameters, from one of the two tables.
func (w *world) values(r route, from map[string]map[string]string) map[string]string {
	w.t.Helper()
	got := map[string]string{}
	steps := strings.Split(r.path, "/")
	for i, s := range steps {
		if !strings.HasPrefix(s, "{") {
			continue
		}
		name := strings.Trim(s, "{}")
		v, ok := from[steps[i-1]][name]
		if !ok {
			w.t.Fatalf("%s: the test knows no value for %s after %s: add one to newWorld", r.id, s, steps[i-1])
		}
		got[name] = v
	}
	return got
}

func (w *world) send(token string, r route, path, body string, header ...string) reply {
	w.t.Helper()
	if r.keyed {
		header = append(header, "Idempotency-Key", "walk")
	}
	if r.csv {
		header = append(header, "Content-Type", "text/csv")
	}
	return w.call(token, r.method, path, body, header...)
}

// dump is all that can be read of both tenants and of the platform: what must not change when a call is refused.
func (w *world) dump(routes []route) map[string]string {
	w.t.Helper()
	got := map[string]string{}
	for _, r := range routes {
		if r.method != "GET" || r.id == "get-engine" || r.id == "get-refusals" || r.stream { // the engine counts refusals
			continue
		}
		if r.operator() {
			got[r.id] = w.call(w.operator, "GET", r.at(w.values(r, w.theirs)), "").body
			continue
		}
		values := w.values(r, w.theirs)
		got["demo "+r.id] = w.call(w.demo, "GET", r.at(values), "").body
		values["project"] = "other"
		got["other "+r.id] = w.call(w.other, "GET", r.at(values), "").body
	}
	return got
}

func TestEveryRouteIsGuarded(t *testing.T) {
	w := newWorld(t)
	routes := readDocument(w.env).routes(t)
	before := w.dump(routes)
	var open []string
	for _, r := range routes {
		if r.scopes == nil {
			open = append(open, r.id)
			continue
		}
		t.Run(r.id, func(t *testing.T) {
			path, body := r.at(w.values(r, w.theirs)), examples[r.id]
			for name, token := range map[string]string{"none": "", "garbage": "tc_garbage", "of the right form": "tc_" + strings.Repeat("A", 43),
				"expired": w.expired, "revoked": w.revoked, "expired operator's": w.expiredOperator} {
				got := w.send(token, r, path, body)
				got.wantProblem(t, 401, "unauthenticated")
				if got.header.Get("WWW-Authenticate") != "Bearer" {
					t.Errorf("token %s: no WWW-Authenticate", name)
				}
			}
			basic := w.send("", r, path, body, "Authorization", "Basic "+w.demo)
			basic.wantProblem(t, 401, "unauthenticated")

			switch {
			case r.operator():
				got := w.send(w.demo, r, path, body)
				got.wantProblem(t, 403, "forbidden")
				if got.json(t)["required"] != "operator" {
					t.Errorf("required is %v, want operator", got.json(t)["required"])
				}
			case r.project():
				for scope, token := range w.scoped {
					if slices.Contains(r.scopes, string(scope)) {
						continue
					}
					got := w.send(token, r, path, body)
					got.wantProblem(t, 403, "forbidden")
					if got.json(t)["required"] != r.scopes[0] {
						t.Errorf("with scope %s, required is %v, want %s", scope, got.json(t)["required"], r.scopes[0])
					}
				}
				// Another tenant's project and an unknown one, before scope and body: the same words to the same token, but for the id, which
				// the caller has named itself.
				unknown := r.at(w.values(r, w.unknown))
				for name, x := range map[string]struct{ token, project, body string }{
					"another's project":                  {w.other, "demo", body},
					"another's project, bad body":        {w.other, "demo", `{"`},
					"a project for an operator's token":  {w.operator, "demo", body},
					"another's project, scope of no use": {w.scoped[taocan.ScopeManage], "other", body},
				} {
					got, want := w.send(x.token, r, strings.Replace(path, "/demo", "/"+x.project, 1), x.body), w.send(x.token, r, unknown, body)
					got.wantProblem(t, 404, "not_found")
					want.wantProblem(t, 404, "not_found")
					if strings.Replace(got.body, "no project "+x.project+" ", "no project nothing ", 1) != want.body {
						t.Errorf("%s: body %s differs from an unknown project's %s", name, got.body, want.body)
					}
				}
			}
		})
	}
	if !slices.Equal(open, []string{"sign-in"}) {
		t.Errorf("open to anybody: %v, want only sign-in", open)
	}
	if diff := cmp.Diff(before, w.dump(routes)); diff != "" {
		t.Errorf("refused calls changed something (-before +after):\n%s", diff)
	}
}

func TestAnotherTenantsThingsLookUnknown(t *testing.T) {
	w := newWorld(t)
	routes := readDocument(w.env).routes(t)
	before := w.dump(routes)
	for _, r := range routes {
		if !r.project() || len(r.params) < 2 || slices.Contains(r.params, "month") { // a month is nobody's
			continue
		}
		t.Run(r.id, func(t *testing.T) {
			theirs, unknown := w.values(r, w.theirs), w.values(r, w.unknown)
			theirs["project"], unknown["project"] = "other", "other"
			got, want := w.send(w.other, r, r.at(theirs), examples[r.id]), w.send(w.other, r, r.at(unknown), examples[r.id])
			want.wantProblem(t, 404, "not_found")
			same := got.body // but for the id, which the caller has named itself
			for name := range theirs {
				same = strings.ReplaceAll(same, theirs[name], unknown[name])
			}
			if got.status != want.status || same != want.body {
				t.Errorf("another tenant's: %d %s\nunknown: %d %s", got.status, got.body, want.status, want.body)
			}
			for name := range got.header {
				if a, b := got.header[name], want.header[name]; name != "X-Request-Id" && !slices.Equal(a, b) {
					t.Errorf("header %s: %v for another tenant's, %v for an unknown one", name, a, b)
				}
			}
		})
	}
	voucher := w.call(w.demo, "GET", "/v1/projects/demo/vouchers", "").json(t)["items"].([]any)[0].(map[string]any)["id"].(string)
	mine := w.call(w.other, "POST", "/v1/projects/other/orders", `{"kind":"custom","category":"domestic","purpose":"verification","quantity":100,"agreement_version":"sample-1"}`,
		"Idempotency-Key", "v").want(t, 201).json(t)["id"].(string)
	pay := func(id string) reply {
		return w.call(w.other, "POST", "/v1/projects/other/orders/"+mine+"/payment", `{"voucher":"`+id+`"}`, "Idempotency-Key", id)
	}
	if theirs, unknown := pay(voucher), pay("V-nothing"); theirs.body != unknown.body || theirs.status != 409 {
		t.Errorf("another tenant's voucher: %s, an unknown one: %s; want the same refusal", theirs.body, unknown.body)
	}
	after := w.dump(routes)
	for _, holding := range []string{"other list-orders", "other export-project", "list-all-orders"} { // the order just made
		delete(before, holding)
		delete(after, holding)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("refused calls changed something (-before +after):\n%s", diff)
	}
}

// examples are bodies that each route accepts in a new world. Every field of a schema that can do harm is in one.
var examples = map[string]string{
	"sign-in":                `{"user":"ana","password":"correct horse","project":"demo"}`,
	"quote":                  `{"category":"domestic","kind":"custom","purpose":"verification","quantity":1000}`,
	"count-segments":         `{"category":"domestic","signature":"公司","text":"你好"}`,
	"create-order":           `{"category":"domestic","kind":"custom","purpose":"verification","quantity":1000,"agreement_version":"sample-1"}`,
	"pay-order":              `{"voucher":null}`,
	"redeem-voucher":         `{"code":"AAAA-BBBB-CCCC-DDDD"}`,
	"reconcile-debits":       `{"from":"2026-03-01T00:00:00Z","to":"2026-03-02T00:00:00Z","debits":[{"id":"w-1","category":"domestic","purpose":"marketing","quantity":1,"reference":"task-7","kind":"reservation","state":"committed","committed":1}]}`,
	"debit":                  `{"id":"w-1","category":"domestic","purpose":"marketing","quantity":1,"reference":"task-7"}`,
	"debit-batch":            `{"debits":[{"id":"w-2","category":"domestic","purpose":"marketing","quantity":1,"reference":"task-7"}]}`,
	"reserve":                `{"id":"w-3","category":"domestic","purpose":"marketing","quantity":1,"ttl_seconds":60,"on_deadline":"release"}`,
	"reserve-batch":          `{"reservations":[{"id":"w-4","category":"domestic","purpose":"marketing","quantity":1,"ttl_seconds":60,"on_deadline":"release"}]}`,
	"set-alerts":             `{"rules":[{"kind":"remaining","unit":"percent","category":"international","purpose":"general","country":"HK","threshold":10,"enabled":false,"channels":[]}]}`,
	"create-channel":         `{"kind":"dingtalk","name":"Night","address":"https://oapi.dingtalk.com/robot/send?access_token=abcdef","key":"SEC123","language":"en","enabled":true}`,
	"set-channel":            `{"name":"Day","address":"https://example.com/hook","language":"zh","enabled":true}`,
	"rotate-master-key":      `{"drop_old":true}`,
	"set-top-ups":            `{"top_ups":[{"category":"domestic","purpose":"verification","level":1000,"quantity":1000,"month_cap":"100.00","cooldown_seconds":600,"enabled":true}],"agreement_version":"sample-1"}`,
	"set-limits":             `{"limits":[{"category":"international","purpose":"general","country":"HK","period":"day","warning":5,"cap":10}]}`,
	"set-overflow":           `{"overflow":[{"category":"domestic","month_cap":"100.00"}]}`,
	"publish-overflow-price": `{"category":"domestic","purpose":"marketing","price":"0.06","valid_from":"2022-04-01T00:00:00+08:00"}`,
	"set-project-pool":       `{"projects":["demo-2"]}`,
	"set-pool":               `{"projects":["demo-2"]}`,
	"settle-batch":           `{"settlements":[{"id":"r-1","action":"commit","quantity":1}]}`,
	"commit-reservation":     `{"quantity":1}`,
	"create-account":         `{"id":"acme","name":"极限公司","level":"personal"}`,
	"set-level":              `{"level":"personal"}`,
	"suspend-account":        `{"suspended":false}`,
	"top-up":                 `{"amount":"100.00","reference":"bank-2"}`,
	"gift":                   `{"amount":"100.00","reason":"new year"}`,
	"adjust-wallet":          `{"amount":"-1.00","reason":"booked twice"}`,
	"set-credit-limit":       `{"credit_limit":"500.00","reason":"asked for"}`,
	"create-project":         `{"id":"demo-2","account":"demo","name":"second"}`,
	"create-member":          `{"account":"demo","login":"ben","password":"correct horse","role":"viewer"}`,
	"set-password":           `{"password":"correct horse 2"}`,
	"set-role":               `{"role":"finance"}`,
	"suspend-member":         `{"suspended":false}`,
	"create-token":           `{"project":"demo","name":"sender","scopes":["debit"],"ttl_seconds":3600}`,
	"preview-price-list":     `{"id":"later","category":"domestic","valid_from":"2031-01-01T00:00:00+08:00","validity_months":12,"charge_on":"submit","items":[{"purpose":"verification","tiers":[{"from":0,"unit_price":"0.050"}],"below":3000000}]}`,
	"publish-price-list":     `{"id":"later","category":"domestic","valid_from":"2031-01-01T00:00:00+08:00","validity_months":12,"charge_on":"submit","items":[{"purpose":"verification","tiers":[{"from":0,"unit_price":"0.050"}],"below":3000000}]}`,
	"add-product":            `{"id":"m-5k","name":"5千条","category":"domestic","purpose":"marketing","quantity":5000,"price":"250.00","validity_months":12}`,
	"set-on-sale":            `{"on_sale":false}`,
	"publish-agreement":      `{"version":"2","markdown":"# 协议"}`,
	"issue-vouchers":         `{"account":"demo","count":2,"amount":"10.00","min_amount":"20.00","scope":{"categories":["domestic"]},"valid_until":"2031-01-01T00:00:00+08:00"}`,
	"grant-package":          `{"project":"demo","category":"domestic","purpose":"marketing","quantity":100,"validity_months":12,"reason":"sorry"}`,
	"adjust-package":         `{"delta":5,"reason":"counted again"}`,
	"extend-package":         `{"months":6,"reason":"an outage"}`,
	"freeze-package":         `{"reason":"a dispute"}`,
	"unfreeze-package":       `{"reason":"settled"}`,
	"transfer-any-package":   `{"project":"demo-2","quantity":1,"reason":"asked for"}`,
	"transfer-package":       `{"project":"demo-2","quantity":1,"reason":"asked for"}`,
	"import-packages":        "套餐包编号,套餐包名称,短信用途,短信总量(条),短信剩余量(条),到期时间,状态\nU1B2101011012345,新包,会员营销,100,50,2022-01-01,有效\n",
}

// noSuccess are examples that are refused for another reason than their form.
var noSuccess = map[string]int{"redeem-voucher": 409, "transfer-package": 404, "unfreeze-package": 409, "set-pool": 403}

func TestEveryExampleIsAccepted(t *testing.T) {
	w := newWorld(t)
	routes := readDocument(w.env).routes(t)
	// Operators come last: they change the password, the agreement and what is on sale.
	slices.SortStableFunc(routes, func(a, b route) int { return strings.Compare(b.path, a.path) })
	for _, r := range routes {
		if examples[r.id] == "" || r.id == "commit-reservation" { // settle-batch commits the same one
			continue
		}
		token := w.demo
		if r.operator() {
			token = w.operator
		}
		got := w.send(token, r, r.at(w.values(r, w.theirs)), examples[r.id])
		if status := noSuccess[r.id]; got.status != status && (status != 0 || got.status >= 300) {
			t.Errorf("%s %s: %d %s", r.id, examples[r.id], got.status, got.body)
		}
	}
}

// badBody is a body that must be refused.
type badBody struct{ name, body string }

// mutations breaks an example in every way, at every place that the schema knows.
func (d document) mutations(t *testing.T, id string, schema map[string]any, example string) []badBody {
	t.Helper()
	var parsed any
	if err := json.Unmarshal([]byte(example), &parsed); err != nil {
		t.Fatalf("example of %s: %v", id, err)
	}
	var bad []badBody
	// raw writes the document with one place replaced by raw text.
	var at func(s map[string]any, v any, path string, write func(raw string) string)
	at = func(s map[string]any, v any, path string, write func(raw string) string) {
		add := func(what, raw string) { bad = append(bad, badBody{path + " " + what, write(raw)}) }
		s = d.deref(s)
		if list, ok := v.([]any); ok {
			add("an object for a list", `{}`)
			add("a string for a list", `"x"`)
			if len(list) > 0 {
				at(s["items"].(map[string]any), list[0], path+"[0]", func(raw string) string { return write("[" + raw + "]") })
			}
			return
		}
		object, ok := v.(map[string]any)
		if !ok {
			return
		}
		if path == "body" || strings.HasSuffix(path, "]") { // elsewhere null counts as left out
			add("null for an object", `null`)
		}
		add("a list for an object", `[]`)
		add("a number for an object", `1`)
		fields := map[string]string{}
		for k, x := range object {
			b, err := json.Marshal(x)
			if err != nil {
				t.Fatal(err)
			}
			fields[k] = string(b)
		}
		with := func(change func(map[string]string), more ...string) string {
			m := maps.Clone(fields)
			if change != nil {
				change(m)
			}
			var parts []string
			for _, k := range slices.Sorted(maps.Keys(m)) {
				parts = append(parts, fmt.Sprintf("%q:%s", k, m[k]))
			}
			return "{" + strings.Join(append(parts, more...), ",") + "}"
		}
		add("an unknown field", with(nil, `"surprise":1`))
		properties, _ := s["properties"].(map[string]any)
		required, _ := s["required"].([]any)
		for _, k := range required {
			if _, ok := fields[k.(string)]; !ok {
				t.Fatalf("example of %s lacks the required field %s%s", id, path, k)
			}
			add("without "+k.(string), with(func(m map[string]string) { delete(m, k.(string)) }))
			add("null for "+k.(string), with(func(m map[string]string) { m[k.(string)] = "null" }))
		}
		for name, property := range properties {
			p := d.deref(property)
			set := func(raw string) string { return with(func(m map[string]string) { m[name] = raw }) }
			add(name+" twice", with(nil, fmt.Sprintf("%q:%s", name, fields[name]), fmt.Sprintf("%q:%s", name, fields[name])))
			if _, ok := fields[name]; !ok {
				bad = bad[:len(bad)-1] // nothing to write twice
			} else {
				add(name+" in capitals", with(func(m map[string]string) { m[strings.ToUpper(name)] = m[name]; delete(m, name) }))
			}
			types, _ := p["type"].([]any)
			if s, ok := p["type"].(string); ok {
				types = []any{s}
			}
			for _, typ := range types {
				switch typ {
				case "integer":
					for _, raw := range []string{`1.5`, `"3"`, `9223372036854775808`, `-9223372036854775809`, `NaN`, `1e3`, `1e400`, `true`, `[1]`, `{}`} {
						add(name+" = "+raw, set(raw))
					}
					if name == "quantity" || name == "count" || name == "validity_months" {
						add(name+" = 0", set("0"))
						add(name+" = -1", set("-1"))
						add(name+" = 2^63-1", set("9223372036854775807"))
					}
				case "string":
					for _, raw := range []string{`3`, `1.5`, `true`, `[]`, `{}`} {
						add(name+" = "+raw, set(raw))
					}
					add(name+" = a huge string", set(`"`+strings.Repeat("x", 300_000)+`"`))
					add(name+" = broken UTF-8", set("\"\xff\xfe\""))
					add(name+" = half a surrogate", set(`"\ud800"`))
				case "boolean":
					for _, raw := range []string{`1`, `"true"`, `[]`} {
						add(name+" = "+raw, set(raw))
					}
				}
			}
			if x, ok := object[name]; ok {
				at(p, x, path+"."+name, func(raw string) string { return set(raw) })
			}
		}
	}
	at(schema, parsed, "body", func(raw string) string { return raw })
	for _, raw := range []string{`{`, `}`, `{"a":}`, `nul`, `NaN`, example + `x`, example + example, "\xff", `'x'`, `{"a":1,}`, strings.Repeat("[", 100_000), `{"\ud800":1}`} {
		bad = append(bad, badBody{"not JSON", raw})
	}
	return bad
}

func TestEveryWriteRouteRefusesBadBodies(t *testing.T) {
	w := newWorld(t)
	doc := readDocument(w.env)
	routes := doc.routes(t)
	before := w.dump(routes)
	total := 0
	for _, r := range routes {
		if r.schema == nil {
			continue
		}
		example, ok := examples[r.id]
		if !ok {
			t.Fatalf("%s takes a body, but the test has no example of it: add one to examples", r.id)
		}
		t.Run(r.id, func(t *testing.T) {
			token := w.demo
			if r.operator() {
				token = w.operator
			}
			path := r.at(w.values(r, w.theirs))
			for _, bad := range doc.mutations(t, r.id, r.schema, example) {
				total++
				got := w.send(token, r, path, bad.body)
				// A batch answers for an item that breaks a rule inside of 200.
				if strings.HasSuffix(r.id, "-batch") && got.status == 200 && strings.Contains(got.body, `"status":422`) && !strings.Contains(got.body, `"status":20`) {
					continue
				}
				shown := bad.body[:min(len(bad.body), 300)]
				if got.status != 422 && got.status != 400 {
					// Unknown things that a body names are not found; a sign-in does not say what was wrong, and as a
					// stranger's takes 8 KiB at most.
					if !(got.status == 404 || got.status == 413 && r.id == "sign-in" && len(bad.body) > 8<<10 || got.status == 401 && r.id == "sign-in" || got.status == 409 && strings.Contains(got.body, "agreement") ||
						got.status == 403 && r.id == "set-pool") { // set-pool: no token may
						t.Errorf("%s: %s\ngot %d %s", bad.name, shown, got.status, got.body)
					}
					continue
				}
				if got.header.Get("Content-Type") != "application/problem+json" || len(got.body) > 8000 {
					t.Errorf("%s: %s\ngot %d %s with %d bytes", bad.name, shown, got.status, got.header.Get("Content-Type"), len(got.body))
				}
				if bad.name == "not JSON" {
					got.wantProblem(t, 400, "invalid_request")
				}
			}
			w.send(token, r, path, `{"pad":"`+strings.Repeat("x", 8<<20)+`"}`).wantProblem(t, http.StatusRequestEntityTooLarge, "body_too_large")
			w.send(token, r, path, example, "Content-Type", "application/x-www-form-urlencoded").wantProblem(t, 415, "unsupported_media_type")
			if r.required {
				w.send(token, r, path, "").wantProblem(t, 400, "invalid_request")
			}
			if r.keyed {
				w.call(token, r.method, path, example).wantProblem(t, 422, "invalid_request")
				w.call(token, r.method, path, example, "Idempotency-Key", strings.Repeat("k", 129)).wantProblem(t, 422, "invalid_request")
				w.call(token, r.method, path, example, "Idempotency-Key", "a b").wantProblem(t, 422, "invalid_request")
			}
			w.send(token, r, path+"?surprise=1", example).wantProblem(t, 422, "invalid_request")
		})
	}
	t.Logf("%d bad bodies", total)
	if total < 1000 {
		t.Errorf("only %d bad bodies were tried", total)
	}
	if diff := cmp.Diff(before, w.dump(routes)); diff != "" {
		t.Errorf("refused calls changed something (-before +after):\n%s", diff)
	}
}

func TestEveryListRefusesBadQueries(t *testing.T) {
	w := newWorld(t)
	doc := readDocument(w.env)
	for _, r := range doc.routes(t) {
		if r.method != "GET" {
			continue
		}
		token := w.demo
		if r.operator() {
			token = w.operator
		}
		path := r.at(w.values(r, w.theirs))
		if !r.stream {
			w.call(token, "GET", path, "").want(t, 200)
		}
		queries := []string{"surprise=1", "q=%zz", "q=%ff", "a=1;b=2"}
		parameters, _ := doc.get(doc.v, "paths", r.path, "get", "parameters").([]any)
		for _, p := range parameters {
			name := doc.get(p, "name").(string)
			switch name {
			case "page":
				queries = append(queries, "page=0", "page=-1", "page=1.5", "page=x", "page=9223372036854775808", "page=1&cursor=x")
			case "per_page":
				queries = append(queries, "per_page=0", "per_page=101", "per_page=-1", "per_page=x")
			case "cursor":
				queries = append(queries, "cursor=nonsense", "cursor="+strings.Repeat("x", 2000))
			case "as_of", "from", "to":
				queries = append(queries, name+"=yesterday", name+"=2021-04-01T00:00:00", name+"=2021-13-01")
			case "sort":
				queries = append(queries, "sort=colour", "sort=--number", "sort="+strings.Repeat("x", 5000))
			case "category", "purpose", "status", "state", "group_by":
				queries = append(queries, name+"=nonsense", name+"=DOMESTIC", name+"=%ff")
			case "commit":
				queries = append(queries, "commit=0", "commit=x")
			}
		}
		for _, q := range queries {
			got := w.call(token, "GET", path+"?"+q, "")
			if got.status != 422 {
				t.Errorf("%s?%.80s: got %d %s, want 422", r.id, q, got.status, got.body)
				continue
			}
			got.wantProblem(t, 422, "invalid_request")
		}
	}
	w.call(w.demo, "GET", "/v1/projects/demo/balance?as_of=2021-04-01T12:00:02%2B08:00", "").wantProblem(t, 422, "invalid_request")
}
