package trace

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"taocan/internal/edge"
)

// Config of Traces. An empty Endpoint traces nothing.
type Config struct {
	Endpoint string // http://host:4318; /v1/traces is added where it has no path
	Version  string
	Log      *slog.Logger
}

// Traces sends spans. A nil one does nothing.
type Traces struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// New starts sending. It does not look whether a collector is there.
func New(ctx context.Context, c Config) (*Traces, error) {
	if c.Endpoint == "" {
		return nil, nil
	}
	endpoint, err := url.Parse(c.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("endpoint of traces: %w", err)
	}
	if strings.Trim(endpoint.Path, "/") == "" {
		endpoint.Path = "/v1/traces"
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint.String()))
	if err != nil {
		return nil, fmt.Errorf("send traces to %s: %w", c.Endpoint, err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(&quiet{SpanExporter: exporter, log: c.Log}),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "taocan"), attribute.String("service.version", c.Version))),
	)
	return &Traces{provider, provider.Tracer("taocan")}, nil
}

// Stop sends what waits.
func (t *Traces) Stop(ctx context.Context) error {
	if t == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("stop traces: %w", err)
	}
	return nil
}

type outerKey struct{}

// Wrap traces the requests that h serves. It stands between edge's front and the routes.
func (t *Traces) Wrap(h http.Handler) http.Handler {
	if t == nil {
		return h
	}
	named := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			// The front reads the pattern from the request that it has handed on.
			if outer, ok := r.Context().Value(outerKey{}).(*http.Request); ok {
				outer.Pattern = r.Pattern
			}
			span := trace.SpanFromContext(r.Context())
			name := r.Pattern
			if name == "" {
				name = "none"
			}
			span.SetName(name)
			span.SetAttributes(attribute.String("http.route", name), attribute.String("taocan.request_id", edge.RequestOf(r.Context()).ID))
		}()
		h.ServeHTTP(w, r)
	})
	traced := otelhttp.NewHandler(named, "request", otelhttp.WithTracerProvider(t.provider), otelhttp.WithPropagators(propagation.TraceContext{}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		traced.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), outerKey{}, r)))
	})
}

// Commit begins the span of a group commit; what it returns ends it. A commit serves many requests, so it is a trace of its
// own.
func (t *Traces) Commit(ctx context.Context, operations int) (context.Context, func(error)) {
	ctx, span := t.tracer.Start(ctx, "group commit", trace.WithNewRoot(), trace.WithAttributes(attribute.Int("taocan.operations", operations)))
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, "not committed")
		}
		span.End()
	}
}

// quiet logs failures of sending instead of handing them to a global handler, and only when sending begins to fail and when
// it works again. Called by one goroutine.
type quiet struct {
	sdktrace.SpanExporter
	log     *slog.Logger
	failing bool
}

func (q *quiet) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := q.SpanExporter.ExportSpans(ctx, spans)
	switch {
	case err != nil && !q.failing:
		q.log.WarnContext(ctx, "traces cannot be sent; they are dropped until they can", "error", err)
	case err == nil && q.failing:
		q.log.InfoContext(ctx, "traces are sent again")
	}
	q.failing = err != nil
	return nil
}
