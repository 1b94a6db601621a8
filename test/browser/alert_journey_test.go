package browser

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// hook is a receiver of webhooks on this machine.
type hook struct {
	url string
	got chan string // the event of each call
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{got: make(chan string, 20)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("Webhook-Signature") == "" {
			http.Error(w, "not a signed call", http.StatusBadRequest)
			return
		}
		var call struct {
			Type string `json:"type"`
		}
		if err := json.Unmarshal(body, &call); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		h.got <- call.Type
	}))
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

// TestAlertArrives: a channel added by keyboard, a threshold above what is left, and the call that reaches the receiver, in both languages.
func TestAlertArrives(t *testing.T) {
	t.Parallel()
	for _, said := range []struct {
		lang                  lang
		low, event, delivered string
	}{
		{zh, "会员营销-套餐包 余量不足：低于 1,000 条 剩余 150 条", "余量不足", "已送达"},
		{en, "", "Running low", "Delivered"},
	} {
		t.Run(string(said.lang), func(t *testing.T) {
			t.Parallel()
			h := newHook(t)
			d := startDemo(t)
			d.restart("serve", "--webhook-allow-networks", "127.0.0.0/8,::1")
			p := d.open(t, said.lang, desktop)
			p.signIn()

			p.visit("/channels")
			p.tabTo("#channel-kind")
			p.until("is a webhook, where no mail is sent", `$("#channel-kind").value === "webhook"`)
			p.tabTo("#channel-name")
			p.keys("ops")
			p.tabTo("#channel-address")
			p.keys(h.url + "/alerts")
			p.tabTo("#channel button[type=submit]")
			p.enter()
			p.seeAt("#secret")
			if secret := p.get(`$("#secret").value`); !strings.HasPrefix(secret, "whsec_") {
				t.Errorf("the webhook's secret is %q", secret)
			}
			p.tabTo("main a.btn-primary")
			p.enter()
			p.at("/channels")
			p.see("ops")

			p.visit("/alerts")
			p.fill("input[name='threshold.domestic-marketing']", "1000")
			p.click("#alerts-save")
			p.seeAt("#state-domestic-marketing .is-low")
			p.visit("/packages/domestic")
			p.seeAt("[data-alert=domestic-marketing].is-low, [data-alert=domestic-marketing] .is-low")
			if said.low != "" {
				p.says("[data-alert=domestic-marketing]", said.low)
			}
			p.shot("journey-low")

			p.visit("/deliveries")
			p.until("says that it is delivered", `$("#delivery-rows tr .badge.is-ok")`) // the page asks again by itself
			rows := p.list("#delivery-rows tr")
			if len(rows) != 1 || !strings.Contains(rows[0], said.event) || !strings.Contains(rows[0], "ops") || !strings.Contains(rows[0], said.delivered) {
				t.Errorf("the log of deliveries says %q, want one of %s to ops that is %s", rows, said.event, said.delivered)
			}
			if event := <-h.got; !strings.Contains(event, "low") {
				t.Errorf("the receiver got %q, want the notice of little left", event)
			}
			p.shot("journey-delivered")
		})
	}
}
