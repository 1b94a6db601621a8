package rest_test

import "testing"

func TestRefusalsAreRemembered(t *testing.T) {
	e := newEnv(t)
	e.call(e.demo, "GET", demoPath+"/refusals", "").wantJSON(t, 200, `{"since":"2021-04-01T12:00:00+08:00","counts":{},"minutes":[],"last":[]}`)
	e.call(e.demo, "POST", demoPath+"/debits", `{"id":"m-1","category":"domestic","purpose":"marketing","quantity":151}`).want(t, 409)
	e.call(e.demo, "POST", demoPath+"/reservations/r-none/release", "").want(t, 404)
	e.call(e.demo, "GET", demoPath+"/refusals", "").wantJSON(t, 200, `{"since":"2021-04-01T12:00:00+08:00",
		"counts":{"insufficient_quota":1,"not_found":1},
		"minutes":[{"at":"2021-04-01T12:00:00+08:00","counts":{"insufficient_quota":1,"not_found":1}}],
		"last":[{"at":"2021-04-01T12:00:01+08:00","operation":"release","id":"r-none","category":null,"purpose":null,"country":null,"quantity":0,"reason":"not_found","available":null},
			{"at":"2021-04-01T12:00:01+08:00","operation":"debit","id":"m-1","category":"domestic","purpose":"marketing","country":null,"quantity":151,"reason":"insufficient_quota","available":150}]}`)
	e.call(e.other, "GET", "/v1/projects/other/refusals", "").wantJSON(t, 200, `{"since":"2021-04-01T12:00:00+08:00","counts":{},"minutes":[],"last":[]}`)
}
