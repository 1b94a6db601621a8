package rest_test

import (
	"fmt"
	"strings"
	"testing"

	"taocan/internal/access"
	"taocan/internal/taocan"
)

func TestAlertRulesAreSetAndShownWithTheirState(t *testing.T) {
	e := newEnv(t)
	path := demoPath + "/alerts"
	e.call(e.demo, "GET", path, "").wantJSON(t, 200, `{"rules":[]}`)

	// enabled defaults to true, null counts as left out, and the answer is in the order of pages.
	rules := `{"rules":[
		{"id":"domestic-marketing","kind":"remaining","unit":"messages","category":"domestic","purpose":"marketing","country":null,"threshold":1000,"channels":[],"level":1000,"since":null,"enabled":true,"state":"low","remaining":150},
		{"id":"domestic-general","kind":"remaining","unit":"messages","category":"domestic","purpose":"general","country":null,"threshold":5,"channels":[],"level":5,"since":null,"enabled":false,"state":"off","remaining":0},
		{"id":"international-general","kind":"remaining","unit":"messages","category":"international","purpose":"general","country":null,"threshold":1,"channels":[],"level":1,"since":null,"enabled":true,"state":"low","remaining":0},
		{"id":"international-general-HK","kind":"remaining","unit":"messages","category":"international","purpose":"general","country":"HK","threshold":1,"channels":[],"level":1,"since":null,"enabled":true,"state":"low","remaining":0}]}`
	e.call(e.scoped[taocan.ScopeManage], "PUT", path, `{"rules":[
		{"category":"international","purpose":"general","country":"HK","threshold":1},
		{"category":"international","purpose":"general","country":null,"threshold":1,"enabled":null},
		{"category":"domestic","purpose":"general","threshold":5,"enabled":false},
		{"category":"domestic","purpose":"marketing","threshold":1000}]}`).wantJSON(t, 200, rules)
	e.call(e.scoped[taocan.ScopeRead], "GET", path, "").wantJSON(t, 200, rules)
	e.call(e.other, "GET", "/v1/projects/other/alerts", "").wantJSON(t, 200, `{"rules":[]}`)

	e.call(e.demo, "PUT", path, `{"rules":[{"category":"domestic","purpose":"marketing","threshold":150}]}`).wantJSON(t, 200,
		`{"rules":[{"id":"domestic-marketing","kind":"remaining","unit":"messages","category":"domestic","purpose":"marketing","country":null,"threshold":150,"channels":[],"level":150,"since":null,"enabled":true,"state":"ok","remaining":150}]}`)
	e.call(e.demo, "POST", demoPath+"/reservations", `{"id":"r-1","category":"domestic","purpose":"marketing","quantity":1}`).want(t, 201)
	e.call(e.demo, "GET", path, "").wantJSON(t, 200,
		`{"rules":[{"id":"domestic-marketing","kind":"remaining","unit":"messages","category":"domestic","purpose":"marketing","country":null,"threshold":150,"channels":[],"level":150,"since":null,"enabled":true,"state":"low","remaining":149}]}`)
	e.call(e.demo, "PUT", path, `{"rules":[]}`).wantJSON(t, 200, `{"rules":[]}`)
}

func TestRulesOfEveryKindAreTakenWithTheirUsualUnit(t *testing.T) {
	e := newEnv(t)
	rule := func(id, kind, unit, rest string) string {
		return `{"id":"domestic-marketing-` + id + `","kind":"` + kind + `","unit":"` + unit + `","category":"domestic","purpose":"marketing","country":null,
			"channels":[],"since":null,"remaining":150,` + rest + `}`
	}
	target := `"category":"domestic","purpose":"marketing"`
	got := e.call(e.demo, "PUT", demoPath+"/alerts", `{"rules":[{"kind":"forecast",`+target+`},{"kind":"expiring","threshold":14,"enabled":false,`+target+`},
		{"kind":"usage_day","threshold":5,`+target+`},{"unit":"days","threshold":3,`+target+`},{"unit":"percent","threshold":10,`+target+`}]}`)
	got.wantJSON(t, 200, `{"rules":[`+strings.Join([]string{
		rule("percent", "remaining", "percent", `"threshold":10,"enabled":true,"state":"ok","level":20`),
		rule("days", "remaining", "days", `"threshold":3,"enabled":true,"state":"ok","level":1`),
		rule("usage_day", "usage_day", "messages", `"threshold":5,"enabled":true,"state":"ok","level":null`),
		rule("expiring", "expiring", "days", `"threshold":14,"enabled":false,"state":"off","level":null`),
		rule("forecast", "forecast", "days", `"threshold":30,"enabled":true,"state":"ok","level":null`),
	}, ",")+`]}`)
}

func TestBadAlertRulesAreNamedByTheirPlace(t *testing.T) {
	e := newEnv(t)
	path := demoPath + "/alerts"
	before := e.call(e.demo, "PUT", path, `{"rules":[{"category":"domestic","purpose":"marketing","threshold":7}]}`).want(t, 200).body
	good := `{"category":"domestic","purpose":"general","threshold":1}`
	for name, tt := range map[string]struct{ rules, at string }{
		"a threshold of nothing":       {good + `,{"category":"domestic","purpose":"marketing","threshold":0}`, "body.rules[1].threshold"},
		"a threshold out of range":     {`{"category":"domestic","purpose":"marketing","threshold":1000000001}`, "body.rules[0].threshold"},
		"marketing abroad":             {`{"category":"international","purpose":"marketing","threshold":1}`, "body.rules[0].purpose"},
		"no threshold":                 {`{"category":"domestic","purpose":"general"}`, "body.rules[0].threshold"},
		"an unknown kind":              {`{"kind":"weather","category":"domestic","purpose":"general","threshold":1}`, "body.rules[0].kind"},
		"use in percent":               {`{"kind":"usage_day","unit":"percent","category":"domestic","purpose":"general","threshold":1}`, "body.rules[0].unit"},
		"more than all":                {`{"unit":"percent","category":"domestic","purpose":"general","threshold":101}`, "body.rules[0].threshold"},
		"a channel that is not there":  {`{"category":"domestic","purpose":"general","threshold":1,"channels":["chn_none"]}`, "body.rules[0].channels[0]"},
		"a domestic country":           {`{"category":"domestic","purpose":"general","country":"HK","threshold":1}`, "body.rules[0].country"},
		"no country":                   {`{"category":"international","purpose":"general","country":"Hong Kong","threshold":1}`, "body.rules[0].country"},
		"two rules for one target":     {good + "," + good, "body.rules[1]"},
		"a field that is not there":    {`{"category":"domestic","purpose":"general","threshold":1,"colour":"red"}`, "body.rules[0].colour"},
		"more rules than there may be": {strings.Repeat(good+",", 300) + good, "body.rules"},
	} {
		got := e.call(e.demo, "PUT", path, `{"rules":[`+tt.rules+`]}`)
		got.wantProblem(t, 422, "invalid_request")
		first := got.json(t)["errors"].([]any)[0].(map[string]any)
		if first["location"] != tt.at {
			t.Errorf("%s: the first bad field is %v, want %s", name, first, tt.at)
		}
	}
	if got := e.call(e.demo, "GET", path, "").body; got != before {
		t.Errorf("refused calls changed the rules to %s", got)
	}
}

// What a member may do is looked up each time: no scope of an earlier sign-in helps.
func TestOnlyOwnersSetAlertRules(t *testing.T) {
	e := newEnv(t)
	body := `{"rules":[{"category":"domestic","purpose":"marketing","threshold":7}]}`
	for role, status := range map[taocan.Role]int{taocan.Owner: 200, taocan.Finance: 403, taocan.Viewer: 403} {
		login := fmt.Sprint("member-", role)
		_, err := e.access.CreateMember(t.Context(), taocan.System(), access.MemberRequest{Account: "demo", Login: login, Password: "correct horse", Role: role})
		e.must(err)
		token := e.call("", "POST", "/v1/sign-in", `{"user":"`+login+`","password":"correct horse","project":"demo"}`).want(t, 200).json(t)["token"].(string)
		e.call(token, "GET", demoPath+"/alerts", "").want(t, 200)
		if got := e.call(token, "PUT", demoPath+"/alerts", body); got.status != status {
			t.Errorf("%s: got %d %s, want %d", role, got.status, got.body, status)
		}
	}
	log := e.call(e.operator, "GET", "/v1/operator/audit?per_page=100", "").want(t, 200).body
	if n := strings.Count(log, `"alerts.set"`); n != 1 {
		t.Errorf("the audit log has %d entries of it, want the owner's only:\n%s", n, log)
	}
}
