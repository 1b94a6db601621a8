package rest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics have few labels, and none that grows with customers: routes are patterns, reasons and states are words of ours.
// docs/metrics.md lists them.

// httpMethods are those that are named; a stranger can make up others.
var httpMethods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}

// metrics registers what is counted and returns how a request is.
func (a *api) metrics() (func(method, route string, status int, took time.Duration, bytes int64, streamed bool), error) {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "taocan_http_requests_total", Help: "Requests answered, by method, route and status."},
		[]string{"method", "route", "status"})
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "taocan_http_request_duration_seconds", Help: "Time to answer, by route; streams are left out.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}}, []string{"route"})
	sent := prometheus.NewCounter(prometheus.CounterOpts{Name: "taocan_http_response_bytes_total", Help: "Bytes of answers."})
	for _, c := range []prometheus.Collector{requests, duration, sent, engineCollector{a}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})} {
		if err := a.Metrics.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return func(method, route string, status int, took time.Duration, bytes int64, streamed bool) {
		if route == "" {
			route = "none" // refused before any route was looked for
		}
		if !slices.Contains(httpMethods, method) {
			method = "other"
		}
		requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
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
	engineOutcomes   = prometheus.NewDesc("taocan_debit_outcomes_total", "Operations that succeeded, by what was asked and whether it was done or known already.",
		[]string{"operation", "outcome"}, nil)
	engineRefused    = prometheus.NewDesc("taocan_debit_refused_total", "Operations refused, by reason.", []string{"reason"}, nil)
	engineQueued     = prometheus.NewDesc("taocan_debit_queued", "Operations that wait for a commit.", nil, nil)
	engineReady      = prometheus.NewDesc("taocan_debit_ready", "1 while the engine takes debits.", nil, nil)
	engineCommitTime = prometheus.NewDesc("taocan_debit_commit_duration_seconds", "Time of a group commit, its sync of the disk included.", nil, nil)
	engineCommitSize = prometheus.NewDesc("taocan_debit_commit_operations", "Operations of a group commit.", nil, nil)
	engineLastCommit = prometheus.NewDesc("taocan_debit_last_commit_timestamp_seconds", "When the last group commit ended; 0 before the first.", nil, nil)
	engineOverdue    = prometheus.NewDesc("taocan_reservations_overdue", "Reservations past their deadline at the last look.", nil, nil)
)

func (c engineCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{engineCommits, engineOperations, engineReplays, engineOutcomes, engineRefused, engineQueued, engineReady,
		engineCommitTime, engineCommitSize, engineLastCommit, engineOverdue} {
		ch <- d
	}
}

// knownReasons are shown from the start, so that their first increase is one.
var knownReasons = []string{"insufficient_quota", "usage_limit_reached", "idempotency_conflict", "invalid_request", "not_found", "reservation_not_open",
	"unavailable", "internal"}

func (c engineCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.a.Engine.Stats()
	counter := func(d *prometheus.Desc, v int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge := func(d *prometheus.Desc, v float64) { ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	counter(engineCommits, s.Commits)
	counter(engineOperations, s.Operations)
	counter(engineReplays, s.Replays)
	for operation, n := range s.Done {
		counter(engineOutcomes, n, operation, "done")
		counter(engineOutcomes, s.Replayed[operation], operation, "replayed")
	}
	for _, reason := range knownReasons {
		counter(engineRefused, s.Refused[reason], reason)
		delete(s.Refused, reason)
	}
	for reason, n := range s.Refused {
		counter(engineRefused, n, reason)
	}
	gauge(engineQueued, float64(s.Queued))
	gauge(engineOverdue, float64(s.Overdue))
	ready := 0.0
	if c.a.Engine.Ready() == nil {
		ready = 1
	}
	gauge(engineReady, ready)
	last := 0.0
	if !s.LastCommit.IsZero() {
		last = float64(s.LastCommit.UnixMicro()) / 1e6
	}
	gauge(engineLastCommit, last)
	buckets := map[float64]uint64{}
	for i, bound := range s.CommitMicros.Bounds {
		buckets[float64(bound)/1e6] = s.CommitMicros.Cumulative[i]
	}
	ch <- prometheus.MustNewConstHistogram(engineCommitTime, s.CommitMicros.Count, float64(s.CommitMicros.Sum)/1e6, buckets)
	buckets = map[float64]uint64{}
	for i, bound := range s.CommitSize.Bounds {
		buckets[float64(bound)] = s.CommitSize.Cumulative[i]
	}
	ch <- prometheus.MustNewConstHistogram(engineCommitSize, s.CommitSize.Count, float64(s.CommitSize.Sum), buckets)
}
