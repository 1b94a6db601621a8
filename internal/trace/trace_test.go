package trace_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"taocan/internal/clock"
	"taocan/internal/edge"
	"taocan/internal/trace"
)

// receiver is a collector: it takes in what is posted to /v1/traces.
type receiver struct {
	*httptest.Server
	mu  sync.Mutex
	got map[string]*spans.Span // by name
	raw []byte
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{got: map[string]*spans.Span{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		b, err := io.ReadAll(q.Body)
		var request collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(b, &request)
		}
		if err != nil || q.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", q.URL.Path, err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.raw = append(r.raw, b...)
		for _, resource := range request.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				for _, s := range scope.Spans {
					r.got[s.Name] = s
				}
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(r.Close)
	return r
}

func attributes(s *spans.Span) map[string]string {
	all := map[string]string{}
	for _, a := range s.GetAttributes() {
		all[a.Key] = a.Value.GetStringValue()
		if all[a.Key] == "" {
			all[a.Key] = fmt.Sprint(a.Value.GetIntValue())
		}
	}
	return all
}

func TestRequestsAndCommitsAreTracedWithoutSecrets(t *testing.T) {
	r := newReceiver(t)
	traces, err := trace.New(t.Context(), trace.Config{Endpoint: r.URL, Version: "v1", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /things/{thing}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	observed := ""
	front := &edge.Front{Log: slog.New(slog.DiscardHandler), Clock: clock.NewFake(time.Unix(0, 0)), Timeout: time.Minute,
		Observe: func(_, route string, _ int, _ time.Duration, _ int64, _ bool) { observed = route }}
	q := httptest.NewRequest("POST", "/things/7?password=secret-query", strings.NewReader("secret-body"))
	q.Header.Set("Authorization", "Bearer secret-token")
	q.Header.Set("Cookie", "session=secret-cookie")
	q.Header.Set("X-Request-Id", "call-7")
	q.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	front.Wrap(traces.Wrap(mux)).ServeHTTP(httptest.NewRecorder(), q)
	if observed != "POST /things/{thing}" {
		t.Errorf("with traces the front sees route %q", observed)
	}
	_, end := traces.Commit(t.Context(), 12)
	end(errors.New("secret-error"))
	if err := traces.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}

	request := attributes(r.got["POST /things/{thing}"])
	if request["http.route"] != "POST /things/{thing}" || request["taocan.request_id"] != "call-7" || request["http.response.status_code"] != "418" {
		t.Errorf("the request's span: %v", request)
	}
	if id := fmt.Sprintf("%x", r.got["POST /things/{thing}"].GetTraceId()); id != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("trace %s, want the caller's to go on", id)
	}
	commit := r.got["group commit"]
	if attributes(commit)["taocan.operations"] != "12" || commit.GetStatus().GetCode() != spans.Status_STATUS_CODE_ERROR {
		t.Errorf("the commit's span: %v", commit)
	}
	if at := bytes.Index(r.raw, []byte("secret-")); at >= 0 {
		t.Errorf("a secret was sent: %q", r.raw[at:at+20])
	}
}

func TestWithoutAnEndpointNothingStandsInTheWay(t *testing.T) {
	traces, err := trace.New(t.Context(), trace.Config{})
	if err != nil || traces != nil {
		t.Fatalf("traces %v, error %v; want neither", traces, err)
	}
	h := http.NewServeMux()
	if got := traces.Wrap(h); got != http.Handler(h) {
		t.Error("the handler was wrapped")
	}
	if err := traces.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestACollectorThatIsAwayIsLoggedOnce(t *testing.T) {
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }))
	defer away.Close()
	var log bytes.Buffer
	traces, err := trace.New(t.Context(), trace.Config{Endpoint: away.URL, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 * 512 { // a batch each
		_, end := traces.Commit(t.Context(), 1)
		end(nil)
	}
	if err := traces.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(log.String(), "traces cannot be sent"); n != 1 {
		t.Errorf("%d lines:\n%s", n, &log)
	}
}
