package edge

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"taocan/internal/clock"
	"taocan/internal/taocan"
)

func TestEveryLineOfARequestCarriesItsID(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(LogHandler(slog.NewTextHandler(&log, nil)))
	front := &Front{Log: logger, Clock: clock.NewFake(noon), Timeout: time.Minute}
	h := front.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		logger.With("part", "x").WarnContext(r.Context(), "something of the request")
		logger.WarnContext(r.Context(), "named already", "request_id", RequestOf(r.Context()).ID)
		logger.Warn("of no request")
	}))
	r := httptest.NewRequest("GET", "/x", nil)
	r.Header.Set("X-Request-Id", "caller-1")
	h.ServeHTTP(httptest.NewRecorder(), r)
	for line := range strings.Lines(log.String()) {
		want := 1
		if strings.Contains(line, "of no request") {
			want = 0
		}
		if strings.Count(line, "request_id=caller-1") != want {
			t.Errorf("want the request's id %d times in: %s", want, line)
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 4 {
		t.Errorf("%d lines, want 4:\n%s", n, &log)
	}
}

func TestARequestTakesItsCallersIDWhereThatCanStandInALog(t *testing.T) {
	var log bytes.Buffer
	front := &Front{Log: slog.New(slog.NewTextHandler(&log, nil)), Clock: clock.NewFake(noon), Timeout: time.Minute}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /things/{thing}", func(w http.ResponseWriter, r *http.Request) {
		RequestOf(r.Context()).Actor = taocan.Actor{Tenant: taocan.Tenant{Account: "acme", Project: "web"}, Token: "tok_1", Scopes: []taocan.Scope{taocan.ScopeRead}}
		Fail(r.Context(), slog.New(slog.DiscardHandler), taocan.ErrNotFound).Write(w)
	})
	h := front.Wrap(mux)
	seen := map[string]bool{}
	for _, tt := range []struct {
		name, sent string
		taken      bool
	}{
		{"a plain id is taken", "gateway-7.A_b", true},
		{"64 characters are taken", strings.Repeat("a", 64), true},
		{"65 are not", strings.Repeat("a", 65), false},
		{"nothing is none", "", false},
		{"a line end is not", "a\nlevel=ERROR", false},
		{"a space is not", "a b", false},
		{"other letters are not", "请求", false},
		{"a token is not", "tc_" + strings.Repeat("A", 43), false},
	} {
		log.Reset()
		r := httptest.NewRequest("GET", "/things/7", nil)
		r.Header["X-Request-Id"] = []string{tt.sent}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		got := w.Header().Get("X-Request-Id")
		if (got == tt.sent) != tt.taken || got == "" || seen[got] {
			t.Errorf("%s: the request is called %q", tt.name, got)
		}
		seen[got] = true
		if !strings.Contains(w.Body.String(), `"request_id":"`+got+`"`) {
			t.Errorf("%s: the problem does not name request %s: %s", tt.name, got, w.Body)
		}
		for _, part := range []string{"request_id=" + got + " ", "method=GET", "route=/things/{thing}", "status=404", "bytes=", "ms=", "project=web", "token=tok_1"} {
			if !strings.Contains(log.String(), part) {
				t.Errorf("%s: the access line lacks %s: %s", tt.name, part, &log)
			}
		}
		if strings.Count(log.String(), "\n") != 1 {
			t.Errorf("%s: want one line:\n%s", tt.name, &log)
		}
	}
}
