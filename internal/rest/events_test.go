package rest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/access"
	"taocan/internal/packages"
	"taocan/internal/taocan"
	"taocan/internal/teststore"
)

// The tests of this file run in bubbles, where the hub's and the stream's time passes by itself.

// watch is an open stream of events.
type watch struct {
	t     *testing.T
	lines *bufio.Scanner
	ended chan struct{}
	hang  func() // the caller goes
}

// pipeWriter is an answer that is read while it is written.
type pipeWriter struct {
	*httptest.ResponseRecorder
	to io.Writer
}

func (w pipeWriter) Write(b []byte) (int, error) { return w.to.Write(b) }

func (e *env) watch(token, project string) *watch {
	e.t.Helper()
	from, to := io.Pipe()
	ctx, gone := context.WithCancel(e.t.Context())
	r := httptest.NewRequestWithContext(ctx, "GET", "/v1/projects/"+project+"/events", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := &watch{t: e.t, lines: bufio.NewScanner(from), ended: make(chan struct{}), hang: func() { gone(); from.Close() }}
	e.t.Cleanup(func() { w.hang(); <-w.ended })
	answer := pipeWriter{httptest.NewRecorder(), to}
	go func() {
		defer close(w.ended)
		defer to.Close()
		e.handler.ServeHTTP(answer, r)
	}()
	w.line("retry: 2000")
	w.line("")
	if got := answer.Result(); got.StatusCode != 200 || got.Header.Get("Content-Type") != "text/event-stream" || got.Header.Get("X-Request-Id") == "" {
		e.t.Fatalf("the stream begins with %d %v", got.StatusCode, got.Header)
	}
	return w
}

func (w *watch) line(want string) {
	w.t.Helper()
	if !w.lines.Scan() || w.lines.Text() != want {
		w.t.Fatalf("got line %q (error %v), want %q", w.lines.Text(), w.lines.Err(), want)
	}
}

// next is the next event, its data as an object without as_of, which no event repeats to the microsecond.
func (w *watch) next(name string) map[string]any {
	w.t.Helper()
	for { // comments may come before it
		if !w.lines.Scan() {
			w.t.Fatalf("the stream has ended, want %s", name)
		}
		if w.lines.Text() != "" && !strings.HasPrefix(w.lines.Text(), ":") {
			break
		}
	}
	if got := w.lines.Text(); got != "event: "+name {
		w.t.Fatalf("got %q, want event: %s", got, name)
	}
	w.lines.Scan()
	data, ok := strings.CutPrefix(w.lines.Text(), "data: ")
	var v map[string]any
	if err := json.Unmarshal([]byte(data), &v); err != nil || !ok {
		w.t.Fatalf("event %s has %q, want data that is an object", name, w.lines.Text())
	}
	w.line("")
	delete(v, "as_of")
	return v
}

// shows compares the next event with what a GET answers.
func (w *watch) shows(e *env, name, path string) {
	w.t.Helper()
	got := w.next(name)
	want := e.call(e.demo, "GET", demoPath+path, "").want(w.t, 200).json(w.t)
	if rules, ok := want["rules"].([]any); ok {
		want = rules[0].(map[string]any)
	}
	delete(want, "as_of")
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("event %s differs from GET %s (-GET +event):\n%s", name, path, diff)
	}
}

// within checks how long the stream goes on.
func (w *watch) within(d time.Duration, why string) {
	w.t.Helper()
	began := time.Now()
	for w.lines.Scan() {
	}
	<-w.ended
	if took := time.Since(began); took > d { // the bubble's
		w.t.Errorf("%s: the stream went on for %v, want at most %v", why, took, d)
	}
}

func TestEventsShowWhatTheirGetsShow(t *testing.T) {
	teststore.NoNetwork(t)
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t)
		e.call(e.demo, "PUT", demoPath+"/alerts", `{"rules":[{"category":"domestic","purpose":"marketing","threshold":150}]}`).want(t, 200)
		w, theirs := e.watch(e.scoped[taocan.ScopeRead], "demo"), e.watch(e.other, "other")
		w.shows(e, "balance", "/balance")
		w.shows(e, "balance", "/balance?category=international")
		for range 2 {
			if got := theirs.next("balance"); got["total_remaining"] != 0.0 {
				t.Errorf("another tenant begins with %v", got)
			}
		}

		began := time.Now()
		e.call(e.demo, "POST", demoPath+"/debits", `{"id":"m-1","category":"domestic","purpose":"marketing","quantity":3}`).want(t, 201)
		w.shows(e, "balance", "/balance")
		if took := time.Since(began); took > time.Second { // the bubble's
			t.Errorf("a debit was told after %v", took)
		}
		w.shows(e, "alert", "/alerts")

		order := e.call(e.demo, "POST", demoPath+"/orders", `{"kind":"custom","category":"domestic","purpose":"verification","quantity":1000,"agreement_version":"sample-1"}`,
			"Idempotency-Key", "o-1").want(t, 201).json(t)["id"].(string)
		w.shows(e, "order", "/orders/"+order)
		e.call(e.demo, "POST", demoPath+"/orders/"+order+"/payment", "", "Idempotency-Key", "p-1").want(t, 200)
		w.shows(e, "balance", "/balance")
		w.shows(e, "order", "/orders/"+order)

		// Of all that the other tenant has heard nothing: the first event is its own.
		_, _, err := e.packages.Grant(t.Context(), taocan.System(), otherTenant, "g-1", []byte("g-1"), packages.GrantRequest{
			Category: taocan.Domestic, Purpose: taocan.General, Quantity: 7, Reason: "sorry"})
		e.must(err)
		if got := theirs.next("balance"); got["total_remaining"] != 7.0 {
			t.Errorf("after its own grant the other tenant gets %v, want 7", got)
		}
		e.must(e.live.Stop(t.Context()))
		w.within(0, "the server stops")
		theirs.within(0, "the server stops")
		e.call(e.demo, "GET", demoPath+"/events", "").wantProblem(t, 503, "unavailable")
	})
}

func TestAStreamEndsWithItsToken(t *testing.T) {
	for name, end := range map[string]func(*env, taocan.TokenID) error{
		"revoked": func(e *env, id taocan.TokenID) error {
			_, err := e.access.RevokeToken(e.t.Context(), taocan.System(), id)
			return err
		},
		"expired": func(e *env, _ taocan.TokenID) error {
			e.clock.Advance(time.Hour)
			return nil
		},
		"its account suspended": func(e *env, _ taocan.TokenID) error {
			_, err := e.access.SetSuspended(e.t.Context(), taocan.System(), demoTenant.Account, true)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			teststore.NoNetwork(t)
			synctest.Test(t, func(t *testing.T) {
				e := newEnv(t)
				secret, token, err := e.access.CreateToken(t.Context(), taocan.System(),
					access.TokenRequest{Tenant: demoTenant, Scopes: []taocan.Scope{taocan.ScopeRead}, TTL: time.Hour})
				e.must(err)
				w := e.watch(secret, "demo")
				w.next("balance")
				w.next("balance")
				for range 4 { // it lasts as long as the token works
					for w.lines.Scan() && !strings.HasPrefix(w.lines.Text(), ":") {
					}
					if w.lines.Text() != ": keep" {
						t.Fatalf("got %q, want comments as long as nothing happens", w.lines.Text())
					}
				}
				e.must(end(e, token.ID))
				w.within(10*time.Second, "token "+name)
			})
		})
	}
}

func TestWhoeverGoesLeavesItsPlace(t *testing.T) {
	teststore.NoNetwork(t)
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t)
		var all []*watch
		for range 100 {
			all = append(all, e.watch(e.demo, "demo"))
		}
		full := e.call(e.demo, "GET", demoPath+"/events", "")
		full.wantProblem(t, 429, "rate_limited")
		if full.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		all[0].hang()
		<-all[0].ended
		e.watch(e.demo, "demo")
	})
}

// A stream of an hour would be the slowest call of all.
func TestStreamsAreNoSlowCalls(t *testing.T) {
	teststore.NoNetwork(t)
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t)
		w := e.watch(e.demo, "demo")
		w.next("balance")
		w.hang()
		<-w.ended
		metrics := e.call("", "GET", "/metrics", "").want(t, 200).body
		const route = `route="GET /v1/projects/{project}/events"`
		if !strings.Contains(metrics, `taocan_http_requests_total{method="GET",`+route) || strings.Contains(metrics, "taocan_http_request_duration_seconds_count{"+route) {
			t.Error("want streams among the requests, and not among their durations")
		}
	})
}

// Over a real connection: HTTP ends what Stop ends.
func TestAStreamOverAConnection(t *testing.T) {
	e := newEnv(t)
	s := httptest.NewServer(e.handler)
	defer s.Close()
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+demoPath+"/events", nil)
	e.must(err)
	r.Header.Set("Authorization", "Bearer "+e.demo)
	answer, err := s.Client().Do(r)
	e.must(err)
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() && lines.Text() != "event: balance" {
	}
	if lines.Text() != "event: balance" {
		t.Fatalf("the stream ended with %q (error %v)", lines.Text(), lines.Err())
	}
	e.must(e.live.Stop(t.Context()))
	for lines.Scan() {
	}
	if err := lines.Err(); err != nil && !errors.Is(err, io.EOF) {
		t.Errorf("the stream broke off: %v", err)
	}
}
