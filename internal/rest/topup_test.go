package rest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"taocan/internal/access"
	"taocan/internal/taocan"
)

func TestTopUpsAreSetAndShownWithHowTheyStand(t *testing.T) {
	e := newEnv(t)
	e.clock.Advance(time.Second) // a commit takes a later time than its account's last
	path := demoPath + "/top-ups"
	e.call(e.demo, "GET", path, "").wantJSON(t, 200, `{"top_ups":[]}`)
	e.call(e.demo, "PUT", path, `{"top_ups":[
		{"category":"domestic","purpose":"marketing","level":151,"quantity":100,"month_cap":"5"},
		{"category":"international","purpose":"general","country":"HK","level":10,"quantity":100,"month_cap":"39.70","cooldown_seconds":600,"enabled":false}],
		"agreement_version":"sample-1"}`).want(t, 200)
	got := e.call(e.scoped[taocan.ScopeRead], "GET", path, "").want(t, 200).json(t)["top_ups"].([]any)
	first, second := got[0].(map[string]any), got[1].(map[string]any)
	for key, want := range map[string]any{"id": "domestic-marketing", "country": nil, "level": 151.0, "quantity": 100.0, "month_cap": "5.00", "cooldown_seconds": 3600.0,
		"enabled": true, "agreement_version": "sample-1", "remaining": 150.0, "spent_this_month": "0.00", "buying": false, "next_at": nil, "failures": 0.0,
		"failed_reason": nil, "last_order": nil, "called_at": "2021-04-01T12:00:02+08:00"} {
		if first[key] != want {
			t.Errorf("%s is %v, want %v", key, first[key], want)
		}
	}
	if second["id"] != "international-general-HK" || second["enabled"] != false || second["cooldown_seconds"] != 600.0 {
		t.Errorf("the second is %v", second)
	}
	_, err := e.topUps.Step(t.Context())
	e.must(err)
	first = e.call(e.demo, "GET", path, "").want(t, 200).json(t)["top_ups"].([]any)[0].(map[string]any)
	last := first["last_order"].(map[string]any)
	if first["remaining"] != 250.0 || first["spent_this_month"] != "4.40" || last["state"] != "bought" || last["amount"] != "4.40" || last["n"] != 1.0 {
		t.Errorf("after a purchase it stands at %v", first)
	}
	history := e.call(e.demo, "GET", path+"/orders", "").want(t, 200).json(t)
	if items := history["items"].([]any); history["total"] != 1.0 || items[0].(map[string]any)["order"] != last["order"] {
		t.Errorf("the history is %v", history)
	}
	e.call(e.demo, "GET", demoPath+"/orders/"+last["order"].(string), "").want(t, 200)
	e.call(e.other, "GET", "/v1/projects/other/top-ups/orders", "").want(t, 200)
	e.call(e.demo, "PUT", path, `{"top_ups":[]}`).wantJSON(t, 200, `{"top_ups":[]}`)
}

func TestBadTopUpsAreNamedByTheirPlace(t *testing.T) {
	e := newEnv(t)
	path := demoPath + "/top-ups"
	rule := func(change string) string {
		fields := map[string]string{"category": `"domestic"`, "purpose": `"marketing"`, "level": "100", "quantity": "1000", "month_cap": `"100.00"`}
		name, value, _ := strings.Cut(change, "=")
		fields[name] = value
		var list []string
		for k, v := range fields {
			list = append(list, fmt.Sprintf("%q:%s", k, v))
		}
		return "{" + strings.Join(list, ",") + "}"
	}
	for change, place := range map[string]string{"level=0": "body.top_ups[0].level", "quantity=150": "body.top_ups[0].quantity", `month_cap="43.99"`: "body.top_ups[0].month_cap",
		`month_cap=44`: "body.top_ups[0].month_cap", "cooldown_seconds=299": "body.top_ups[0].cooldown_seconds", `country="HK"`: "body.top_ups[0].country",
		`purpose="general"`: "body.top_ups[0].purpose", "channels=[]": "body.top_ups[0].channels"} {
		got := e.call(e.demo, "PUT", path, `{"top_ups":[`+rule(change)+`],"agreement_version":"sample-1"}`)
		got.wantProblem(t, 422, "invalid_request")
		if at := got.json(t)["errors"].([]any)[0].(map[string]any)["location"]; at != place {
			t.Errorf("%s: the first bad field is %v, want %s", change, at, place)
		}
	}
	e.call(e.demo, "PUT", path, `{"top_ups":[`+rule("level=1")+`]}`).wantProblem(t, 409, "agreement_not_accepted")
	e.call(e.scoped[taocan.ScopeBuy], "PUT", path, `{"top_ups":[`+rule("level=1")+`],"agreement_version":"sample-1"}`).wantProblem(t, 403, "forbidden")
	e.call(e.demo, "GET", path, "").wantJSON(t, 200, `{"top_ups":[]}`)
}

func TestOwnersAndFinanceSetTopUps(t *testing.T) {
	e := newEnv(t)
	for role, status := range map[taocan.Role]int{taocan.Owner: 200, taocan.Finance: 200, taocan.Viewer: 403} {
		login := fmt.Sprint("member-", role)
		_, err := e.access.CreateMember(t.Context(), taocan.System(), access.MemberRequest{Account: "demo", Login: login, Password: "correct horse", Role: role})
		e.must(err)
		token := e.call("", "POST", "/v1/sign-in", `{"user":"`+login+`","password":"correct horse","project":"demo"}`).want(t, 200).json(t)["token"].(string)
		if got := e.call(token, "PUT", demoPath+"/top-ups", `{"top_ups":[]}`); got.status != status {
			t.Errorf("%s: got %d %s, want %d", role, got.status, got.body, status)
		}
	}
}
