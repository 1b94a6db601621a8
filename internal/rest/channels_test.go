package rest_test

import (
	"strings"
	"testing"

	"taocan/internal/taocan"
)

func TestChannelsAreMadeChangedTestedAndRemoved(t *testing.T) {
	e := newEnv(t)
	path := demoPath + "/alerts/channels"
	e.call(e.demo, "GET", path, "").wantJSON(t, 200, `{"channels":[]}`)
	made := e.call(e.scoped[taocan.ScopeManage], "POST", path, `{"kind":"webhook","name":"Duty","address":"https://example.com/hook?token=abcdef","language":"en"}`)
	made.wantJSON(t, 201, `{"id":"…","kind":"webhook","name":"Duty","address":"https://example.com/hook?…","language":"en","enabled":true,"signed":true,
		"key_missing":false,"created_at":"…","updated_at":"…","secret":"…"}`)
	first := made.json(t)
	secret, one := first["secret"].(string), path+"/"+first["id"].(string)
	if !strings.HasPrefix(secret, "whsec_") {
		t.Errorf("got secret %q", secret)
	}
	shown := e.call(e.scoped[taocan.ScopeRead], "GET", one, "")
	shown.wantJSON(t, 200, `{"id":"…","kind":"webhook","name":"Duty","address":"https://example.com/hook?…","language":"en","enabled":true,"signed":true,
		"key_missing":false,"created_at":"…","updated_at":"…"}`)
	if strings.Contains(shown.body, "abcdef") || strings.Contains(shown.body, "whsec_") {
		t.Errorf("a secret is shown again: %s", shown.body)
	}
	if again := e.call(e.demo, "POST", one+"/rotate-secret", "").want(t, 200).json(t)["secret"]; again == secret {
		t.Error("the secret after a rotation is the old one")
	}
	notice := e.call(e.demo, "POST", one+"/test", "").want(t, 202).json(t)["notice"].(string)
	e.call(e.demo, "GET", demoPath+"/alerts/notices", "").wantJSON(t, 200, `{"items":[{"id":"`+notice+`","at":"…","event":"test","rule":null,"facts":{"remaining":0},
		"deliveries":0,"state":"waiting"}],"page":1,"per_page":10,"total":1}`)
	e.call(e.demo, "GET", demoPath+"/alerts/deliveries?state=failed", "").wantJSON(t, 200,
		`{"items":[],"page":1,"per_page":10,"total":0}`)
	e.call(e.demo, "PUT", one, `{"name":"Night","language":"zh","enabled":false}`).wantJSON(t, 200, `{"id":"…","kind":"webhook","name":"Night",
		"address":"https://example.com/hook?…","language":"zh","enabled":false,"signed":true,"key_missing":false,"created_at":"…","updated_at":"…"}`)
	e.call(e.demo, "POST", one+"/test", "").wantProblem(t, 422, "invalid_request")
	e.call(e.demo, "DELETE", one, "").want(t, 204)
	e.call(e.demo, "GET", one, "").wantProblem(t, 404, "not_found")
}

func TestATestOfARuleGoesToItsChannels(t *testing.T) {
	e := newEnv(t)
	e.call(e.demo, "PUT", demoPath+"/alerts", `{"rules":[{"category":"domestic","purpose":"marketing","threshold":1000}]}`).want(t, 200)
	e.call(e.demo, "POST", demoPath+"/alerts/domestic-marketing/test", "").want(t, 202)
	e.call(e.demo, "POST", demoPath+"/alerts/domestic-general/test", "").wantProblem(t, 404, "not_found")
	e.call(e.scoped[taocan.ScopeRead], "POST", demoPath+"/alerts/domestic-marketing/test", "").wantProblem(t, 403, "forbidden")
}

func TestTheMasterKeyIsRotatedByOperatorsOnly(t *testing.T) {
	e := newEnv(t)
	e.call(e.demo, "POST", demoPath+"/alerts/channels", `{"kind":"webhook","name":"Duty","address":"https://example.com/hook","language":"en"}`).want(t, 201)
	e.call(e.operator, "POST", "/v1/operator/master-key/rotate", `{}`).wantJSON(t, 200, `{"resealed":1,"missing":0,"keys":2}`)
	e.call(e.operator, "POST", "/v1/operator/master-key/rotate", `{"drop_old":true}`).wantJSON(t, 200, `{"resealed":1,"missing":0,"keys":1}`)
	e.call(e.demo, "POST", "/v1/operator/master-key/rotate", `{}`).wantProblem(t, 403, "forbidden")
}
