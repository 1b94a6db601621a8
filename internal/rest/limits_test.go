package rest_test

import (
	"testing"
	"time"

	"taocan/internal/access"
	"taocan/internal/taocan"
)

func TestLimitsAreSetShownAndHold(t *testing.T) {
	e := newEnv(t)
	e.clock.Advance(time.Second) // a commit takes a later time than its account's last
	path := demoPath + "/limits"
	e.call(e.demo, "GET", path, "").wantJSON(t, 200, `{"limits":[]}`)
	e.call(e.scoped[taocan.ScopeManage], "PUT", path, `{"limits":[
		{"category":"international","country":"HK","period":"month","warning":5},
		{"category":"domestic","purpose":"marketing","period":"day","warning":8,"cap":10}]}`).want(t, 200)
	e.call(e.demo, "POST", demoPath+"/debits", `{"id":"a","category":"domestic","purpose":"marketing","quantity":9}`).want(t, 201)
	e.call(e.demo, "POST", demoPath+"/debits", `{"id":"b","category":"domestic","purpose":"marketing","quantity":2}`).wantDetail(t, 409, "usage_limit_reached",
		"2 requested, but the limit of daily domestic marketing messages is 10 and 9 are used or reserved; it starts anew at 2021-04-02T00:00:00Z")
	e.call(e.scoped[taocan.ScopeRead], "GET", path, "").wantJSON(t, 200, `{"limits":[
		{"category":"domestic","purpose":"marketing","country":null,"period":"day","warning":8,"cap":10,"used":9,"resets_at":"2021-04-02T00:00:00+08:00","updated_at":"2021-04-01T12:00:02+08:00"},
		{"category":"international","purpose":null,"country":"HK","period":"month","warning":5,"cap":null,"used":0,"resets_at":"2021-05-01T00:00:00+08:00","updated_at":"2021-04-01T12:00:02+08:00"}]}`)
	for body, place := range map[string]string{`{"category":"domestic","period":"day"}`: "body.limits[0]", `{"category":"domestic","period":"day","warning":5,"cap":5}`: "body.limits[0].warning",
		`{"category":"domestic","country":"HK","period":"day","cap":5}`: "body.limits[0].country", `{"category":"domestic","period":"year","cap":5}`: "body.limits[0].period",
		`{"category":"domestic","period":"day","cap":0}`: "body.limits[0].cap"} {
		got := e.call(e.demo, "PUT", path, `{"limits":[`+body+`]}`)
		got.wantProblem(t, 422, "invalid_request")
		if at := got.json(t)["errors"].([]any)[0].(map[string]any)["location"]; at != place {
			t.Errorf("%s: the first bad field is %v, want %s", body, at, place)
		}
	}
	e.call(e.demo, "PUT", path, `{"limits":[]}`).wantJSON(t, 200, `{"limits":[]}`)
	e.call(e.demo, "POST", demoPath+"/debits", `{"id":"b","category":"domestic","purpose":"marketing","quantity":2}`).want(t, 201)
}

func TestOverflowIsPricedByTheOperatorAndSetByTheCustomer(t *testing.T) {
	e := newEnv(t)
	e.clock.Advance(time.Second) // a commit takes a later time than its account's last
	path, prices := demoPath+"/overflow", "/v1/operator/overflow-prices"
	e.call(e.demo, "GET", path, "").wantJSON(t, 200, `{"overflow":[],"prices":[]}`)
	price := `{"category":"domestic","purpose":"marketing","country":null,"price":"0.060","valid_from":"2021-04-01T12:00:02+08:00","published_at":"2021-04-01T12:00:02+08:00"}`
	e.call(e.operator, "POST", prices, `{"category":"domestic","purpose":"marketing","price":"0.06"}`).wantJSON(t, 201, price)
	e.call(e.operator, "POST", prices, `{"category":"domestic","purpose":"marketing","price":"0.06","valid_from":"2021-04-01T12:00:00+08:00"}`).wantProblem(t, 422, "invalid_request")
	e.call(e.operator, "GET", prices, "").wantJSON(t, 200, `{"items":[`+price+`]}`)
	e.call(e.scoped[taocan.ScopeBuy], "PUT", path, `{"overflow":[]}`).wantProblem(t, 403, "forbidden")
	e.call(e.demo, "PUT", path, `{"overflow":[{"category":"domestic","month_cap":"5"}]}`).want(t, 200)

	e.call(e.demo, "POST", demoPath+"/debits", `{"id":"all","category":"domestic","purpose":"marketing","quantity":160}`).want(t, 201)
	e.call(e.demo, "GET", path, "").wantJSON(t, 200, `{"overflow":[{"category":"domestic","month_cap":"5.00","spent_this_month":"0.60","updated_at":"2021-04-01T12:00:02+08:00"}],"prices":[`+price+`]}`)
	e.call(e.demo, "PUT", path, `{"overflow":[{"category":"domestic","month_cap":"0"}]}`).wantProblem(t, 422, "invalid_request")
	e.call(e.demo, "PUT", path, `{"overflow":[]}`).want(t, 200)
	e.call(e.demo, "POST", demoPath+"/debits", `{"id":"more","category":"domestic","purpose":"marketing","quantity":1}`).wantProblem(t, 409, "insufficient_quota")
}

func TestAPoolIsSharedByOwnersAndOperatorsOnly(t *testing.T) {
	e := newEnv(t)
	_, err := e.access.CreateProject(t.Context(), taocan.System(), access.ProjectRequest{ID: "shop", Account: "demo"})
	e.must(err)
	e.call(e.demo, "PUT", demoPath+"/pool", `{"projects":["shop"]}`).wantProblem(t, 403, "forbidden")
	_, err = e.access.CreateMember(t.Context(), taocan.System(), access.MemberRequest{Account: "demo", Login: "olga", Password: "correct horse", Role: taocan.Owner})
	e.must(err)
	olga := e.call("", "POST", "/v1/sign-in", `{"user":"olga","password":"correct horse","project":"shop"}`).want(t, 200).json(t)["token"].(string)
	e.call(olga, "PUT", "/v1/projects/shop/pool", `{"projects":["demo"]}`).wantJSON(t, 200, `{"projects":["demo"]}`)
	e.call(olga, "POST", "/v1/projects/shop/debits", `{"id":"a","category":"domestic","purpose":"marketing","quantity":20}`).want(t, 201)
	e.call(e.demo, "GET", demoPath+"/balance", "").want(t, 200)
	for _, bad := range []string{"shop", "other", "nothing"} {
		e.call(olga, "PUT", "/v1/projects/shop/pool", `{"projects":["`+bad+`"]}`).wantProblem(t, 422, "invalid_request")
	}
	operators := "/v1/operator/accounts/demo/projects/shop/pool"
	e.call(e.operator, "PUT", operators, `{"projects":[]}`).wantJSON(t, 200, `{"projects":[]}`)
	e.call(olga, "GET", "/v1/projects/shop/pool", "").wantJSON(t, 200, `{"projects":[]}`)
	e.call(olga, "POST", "/v1/projects/shop/debits", `{"id":"b","category":"domestic","purpose":"marketing","quantity":20}`).wantProblem(t, 409, "insufficient_quota")
	e.call(e.operator, "PUT", "/v1/operator/accounts/other/projects/shop/pool", `{"projects":[]}`).wantProblem(t, 404, "not_found")
}
