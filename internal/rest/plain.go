package rest

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"taocan/internal/edge"
	"taocan/internal/store"
)

//go:embed static
var static embed.FS

// pagePolicy lets our own pages load our own script and style, and nothing else.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// plainRoutes are those outside of the document.
func (a *api) plainRoutes() error {
	doc, err := json.Marshal(a.huma.OpenAPI())
	if err != nil {
		return fmt.Errorf("write the OpenAPI document: %w", err)
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, doc, "", " "); err != nil {
		return fmt.Errorf("write the OpenAPI document: %w", err)
	}
	pretty.WriteByte('\n')
	yaml, err := a.huma.OpenAPI().YAML()
	if err != nil {
		return fmt.Errorf("write the OpenAPI document: %w", err)
	}
	serve := func(path, media string, b []byte) {
		a.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			h := w.Header()
			h.Set("Content-Type", media)
			h.Set("Cache-Control", "no-cache")
			if strings.HasPrefix(media, "text/html") {
				h.Set("Content-Security-Policy", pagePolicy)
			}
			_, _ = w.Write(b)
		})
	}
	serve("/openapi.json", "application/openapi+json", pretty.Bytes())
	serve("/openapi.yaml", "application/openapi+yaml", yaml)
	for _, f := range []struct{ path, file, media string }{
		{"/docs", "docs.html", "text/html; charset=utf-8"},
		{"/docs/docs.js", "docs.js", "text/javascript; charset=utf-8"},
		{"/docs/docs.css", "docs.css", "text/css; charset=utf-8"},
	} {
		b, err := static.ReadFile("static/" + f.file)
		if err != nil {
			return fmt.Errorf("page %s: %w", f.path, err)
		}
		serve(f.path, f.media, b)
	}
	a.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, []byte("{\"status\":\"ok\"}\n"))
	})
	a.mux.HandleFunc("GET /readyz", a.ready)
	a.mux.Handle("GET /metrics", promhttp.HandlerFor(a.Metrics, promhttp.HandlerOpts{}))
	a.mux.HandleFunc("/", a.nothingHere)
	return nil
}

// ready says whether calls would be served: the store answers and the engine takes debits.
func (a *api) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	err := a.Store.View(ctx, func(store.Reader) error { return nil })
	if err == nil {
		err = a.Engine.Ready()
	}
	if err != nil {
		// Why is for the log and the operator; a load balancer needs the status only.
		a.Log.WarnContext(ctx, "not ready", "request_id", edge.RequestOf(ctx).ID, "error", err)
		edge.ProblemAt(http.StatusServiceUnavailable, "not ready").Write(w)
		return
	}
	writeJSON(w, http.StatusOK, []byte("{\"status\":\"ready\"}\n"))
}

// nothingHere answers what no route matches: 405 where another method would have matched, else a page for people or 404
// for programs.
func (a *api) nothingHere(w http.ResponseWriter, r *http.Request) {
	p := edge.NoRoute(a.mux, r)
	if p.Status == http.StatusNotFound && a.Pages != nil && !strings.HasPrefix(r.URL.Path+"/", "/v1/") {
		a.Pages.ServeHTTP(w, r)
		return
	}
	p.Write(w)
}

// metrics registers what is counted and returns how a request is.
func (a *api) metrics() (func(method, route string, status int, took time.Duration, bytes int64, streamed bool), error) {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "taocan_http_requests_total", Help: "Requests answered, by route and status."},
		[]string{"route", "status"})
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "taocan_http_request_duration_seconds", Help: "Time to answer, by route.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}}, []string{"route"})
	sent := prometheus.NewCounter(prometheus.CounterOpts{Name: "taocan_http_response_bytes_total", Help: "Bytes of answers."})
	for _, c := range []prometheus.Collector{requests, duration, sent, engineCollector{a}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})} {
		if err := a.Metrics.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return func(_, route string, status int, took time.Duration, bytes int64, streamed bool) {
		if route == "" {
			route = "none" // refused before any route was looked for
		}
		requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
		if !streamed {
			duration.WithLabelValues(route).Observe(took.Seconds())
		}
		sent.Add(float64(bytes))
	}, nil
}

// engineCollector shows the engine's own counts.
type engineCollector struct{ a *api }

var (
	engineCommits    = prometheus.NewDesc("taocan_debit_commits_total", "Group commits.", nil, nil)
	engineOperations = prometheus.NewDesc("taocan_debit_operations_total", "Operations that were decided in commits.", nil, nil)
	engineReplays    = prometheus.NewDesc("taocan_debit_replays_total", "Operations that were answered from the record.", nil, nil)
	engineRefused    = prometheus.NewDesc("taocan_debit_refused_total", "Operations refused, by reason.", []string{"reason"}, nil)
	engineQueued     = prometheus.NewDesc("taocan_debit_queued", "Operations that wait for a commit.", nil, nil)
	engineOverdue    = prometheus.NewDesc("taocan_reservations_overdue", "Reservations past their deadline at the last look.", nil, nil)
)

func (c engineCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{engineCommits, engineOperations, engineReplays, engineRefused, engineQueued, engineOverdue} {
		ch <- d
	}
}

func (c engineCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.a.Engine.Stats()
	counter := func(d *prometheus.Desc, v int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	counter(engineCommits, s.Commits)
	counter(engineOperations, s.Operations)
	counter(engineReplays, s.Replays)
	for reason, n := range s.Refused {
		counter(engineRefused, n, reason)
	}
	ch <- prometheus.MustNewConstMetric(engineQueued, prometheus.GaugeValue, float64(s.Queued))
	ch <- prometheus.MustNewConstMetric(engineOverdue, prometheus.GaugeValue, float64(s.Overdue))
}
