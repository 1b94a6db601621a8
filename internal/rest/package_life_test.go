package rest_test

import (
	"testing"

	"taocan/internal/access"
	"taocan/internal/taocan"
)

func TestTheLifeOfAPackage(t *testing.T) {
	e := newEnv(t)
	_, err := e.access.CreateProject(t.Context(), taocan.System(), access.ProjectRequest{ID: "demo-2", Account: "demo"})
	e.must(err)
	const number = "U1B19042914D4FE7" // 50 of 100 are left until 2021-04-29
	staff := func(action, body, key string) reply {
		return e.call(e.operator, "POST", "/v1/operator/packages/"+number+"/"+action, body, "Idempotency-Key", key)
	}
	extended := staff("extend", `{"months":2,"reason":"slow gateway"}`, "e1").want(t, 200)
	if got := extended.json(t); got["expires_on"] != "2021-06-29" || got["project"] != "demo" {
		t.Errorf("extended to %v", got)
	}
	if again := staff("extend", `{"months":2,"reason":"slow gateway"}`, "e1").want(t, 200); again.body != extended.body {
		t.Errorf("again: %s, first: %s", again.body, extended.body)
	}
	staff("extend", `{"months":3,"reason":"slow gateway"}`, "e1").wantProblem(t, 409, "idempotency_conflict")
	staff("extend", `{"expires_on":"2021-06-29","reason":"r"}`, "e2").wantProblem(t, 422, "invalid_request")
	staff("unfreeze", `{"reason":"r"}`, "u0").wantProblem(t, 409, "package_state")

	if got := staff("freeze", `{"reason":"a dispute"}`, "f1").want(t, 200).json(t); got["status"] != "frozen" {
		t.Errorf("frozen to %v", got)
	}
	twice := staff("freeze", `{"reason":"a dispute"}`, "f2")
	twice.wantProblem(t, 409, "package_state")
	if twice.json(t)["state"] != "frozen" {
		t.Errorf("frozen twice: %s", twice.body)
	}
	list := e.call(e.demo, "GET", "/v1/projects/demo/packages?status=frozen", "").want(t, 200).json(t)
	if items := list["items"].([]any); len(items) != 1 || items[0].(map[string]any)["number"] != number {
		t.Errorf("frozen packages %v", items)
	}
	if left := e.call(e.demo, "GET", "/v1/projects/demo/balance", "").want(t, 200).json(t)["total_remaining"]; left != 100.0 {
		t.Errorf("%v left beside the frozen package, want 100", left)
	}
	e.call(e.demo, "POST", "/v1/projects/demo/debits", `{"id":"m-1","category":"domestic","purpose":"marketing","quantity":101}`).wantProblem(t, 409, "insufficient_quota")
	move := func(token, body, key string) reply {
		return e.call(token, "POST", "/v1/projects/demo/packages/"+number+"/transfer", body, "Idempotency-Key", key)
	}
	move(e.demo, `{"project":"demo-2"}`, "t0").wantProblem(t, 409, "package_state")
	staff("unfreeze", `{"reason":"settled"}`, "u1").want(t, 200)

	move(e.scoped[taocan.ScopeBuy], `{"project":"demo-2"}`, "t0").wantProblem(t, 403, "forbidden")
	move(e.demo, `{"project":"other"}`, "t0").wantProblem(t, 404, "not_found")
	move(e.demo, `{"project":"demo"}`, "t0").wantProblem(t, 422, "invalid_request")
	move(e.demo, `{"project":"demo-2","quantity":51}`, "t0").wantProblem(t, 409, "insufficient_quota")
	moved := move(e.demo, `{"project":"demo-2","quantity":20}`, "t1").want(t, 200)
	got := moved.json(t)
	from, to := got["from"].(map[string]any), got["to"].(map[string]any)
	if got["quantity"] != 20.0 || from["remaining"] != 30.0 || from["adjusted"] != -20.0 || to["project"] != "demo-2" || to["total"] != 20.0 ||
		to["expires_on"] != "2021-06-29" || to["purchased_at"] != from["purchased_at"] || to["number"] == number {
		t.Errorf("moved: %s", moved.body)
	}
	if again := move(e.demo, `{"project":"demo-2","quantity":20}`, "t1").want(t, 200); again.body != moved.body {
		t.Errorf("again: %s, first: %s", again.body, moved.body)
	}
	staff("transfer", `{"project":"demo-2"}`, "t2").wantProblem(t, 422, "invalid_request") // an operator says why
	staff("transfer", `{"project":"demo-2","reason":"asked for"}`, "t2").want(t, 200)

	statement := e.call(e.demo, "GET", "/v1/projects/demo/packages/"+number+"/entries", "").want(t, 200).json(t)["items"].([]any)
	var kinds []string
	for _, x := range statement {
		kinds = append(kinds, x.(map[string]any)["kind"].(string))
	}
	if got := len(kinds); got != 6 || kinds[0] != "transfer_out" || kinds[2] != "unfreeze" || kinds[3] != "freeze" || kinds[4] != "extend" {
		t.Errorf("statement %v", kinds)
	}
	if until := statement[4].(map[string]any)["expires_at"]; until != "2021-06-30T00:00:00+08:00" {
		t.Errorf("the extension says %v", until)
	}
}
