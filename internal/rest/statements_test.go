package rest_test

import (
	"strings"
	"testing"
	"time"
)

func TestStatementsOfAMonth(t *testing.T) {
	e := newEnv(t)
	p := "/v1/projects/demo"
	e.call(e.demo, "POST", p+"/debits", `{"id":"m-1","category":"domestic","purpose":"marketing","quantity":30}`).want(t, 201)
	id := e.call(e.demo, "POST", p+"/orders", `{"kind":"custom","category":"domestic","purpose":"verification","quantity":1000,"agreement_version":"sample-1"}`,
		"Idempotency-Key", "o-1").want(t, 201).json(t)["id"].(string)
	e.call(e.demo, "POST", p+"/orders/"+id+"/payment", `{"voucher":null}`, "Idempotency-Key", "p-1").want(t, 200)
	got := e.call(e.demo, "GET", p+"/statements/2021-04", "").want(t, 200).json(t)
	sum := got["sum"].(map[string]any)
	// 1,000 of what was bought, and of the import's 150 what the debit left of the package that works beyond the month's end: none do.
	if got["final"] != false || sum["imported"] != 150.0 || sum["bought"] != 1000.0 || sum["used"] != 30.0 || sum["closing"] != 1120.0 {
		t.Errorf("so far: %v", got)
	}
	e.clock.Advance(time.Date(2021, 5, 1, 1, 0, 0, 0, shanghai).Sub(e.clock.Now()))
	got = e.call(e.demo, "GET", p+"/statements/2021-04", "").want(t, 200).json(t)
	sum = got["sum"].(map[string]any)
	if got["final"] != true || sum["expired"] != 120.0 || sum["closing"] != 1000.0 || got["wallet"] != nil {
		t.Errorf("the month that is over: %v", got)
	}
	if orders := got["orders"].([]any); len(orders) != 1 || orders[0].(map[string]any)["invoiceable"] != "0.00" {
		t.Errorf("orders: %v, want one that gifts paid", orders)
	}
	whole := e.call(e.operator, "GET", "/v1/operator/accounts/demo/statements/2021-04", "").want(t, 200).json(t)
	wallet := whole["wallet"].(map[string]any)
	if closing := wallet["closing"].(map[string]any); closing["cash"] != "18.70" || closing["gift"] != "79596.03" {
		t.Errorf("wallet: %v", wallet)
	}
	first := e.call(e.demo, "GET", p+"/statements/2021-04/lines.csv", "").want(t, 200)
	e.clock.Advance(40 * 24 * time.Hour)
	if again := e.call(e.demo, "GET", p+"/statements/2021-04/lines.csv", ""); again.body != first.body || !strings.Contains(first.body, "期末") {
		t.Errorf("the file changed:\n%s\nwas:\n%s", again.body, first.body)
	}
	const anyProject = "/v1/operator/projects/demo/statements"
	if same := e.call(e.operator, "GET", anyProject+"/2021-04/lines.csv", ""); same.body != first.body {
		t.Errorf("operators get another file:\n%s", same.body)
	}
	e.call(e.operator, "GET", anyProject+"/2021-04", "").want(t, 200)
	if list := e.call(e.operator, "GET", anyProject, "").want(t, 200).json(t)["items"].([]any); len(list) != 3 {
		t.Errorf("operators see the months %v", list)
	}
	e.call(e.demo, "GET", anyProject, "").wantProblem(t, 403, "forbidden")
	e.call(e.operator, "GET", "/v1/operator/projects/nothing/statements/2021-04", "").wantProblem(t, 404, "not_found")
	months := e.call(e.demo, "GET", p+"/statements", "").want(t, 200).json(t)["items"].([]any)
	if len(months) != 3 || months[2].(map[string]any)["final"] != true || months[0].(map[string]any)["final"] != false {
		t.Errorf("months: %v", months)
	}
	for _, path := range []string{"2021-03", "2031-01"} {
		e.call(e.demo, "GET", p+"/statements/"+path, "").wantProblem(t, 404, "not_found")
	}
	e.call(e.demo, "GET", p+"/statements/april", "").wantProblem(t, 422, "invalid_request")
	e.call(e.other, "GET", p+"/statements/2021-04", "").wantProblem(t, 404, "not_found")

	o := e.call(e.operator, "GET", "/v1/operator/overview?from=2021-04&to=2021-05", "").want(t, 200).json(t)
	april := o["months"].([]any)[0].(map[string]any)
	if april["sold"] != 1000.0 || april["used"] != 30.0 || april["expired"] != 120.0 || april["new_accounts"] != 2.0 {
		t.Errorf("April of the platform: %v", april)
	}
	if l := o["liabilities"].(map[string]any); l["remaining"] != 1000.0 || l["money"].(map[string]any)["gift"] != "44.00" {
		t.Errorf("liabilities: %v", l)
	}
	for _, q := range []string{"from=2021-06&to=2021-05", "to=2031-01", "from=1999-01", "from=x"} {
		e.call(e.operator, "GET", "/v1/operator/overview?"+q, "").wantProblem(t, 422, "invalid_request")
	}
}
