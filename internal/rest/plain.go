package rest

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

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
	serve := func(path, media string, made func() ([]byte, error)) {
		a.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			b, err := made()
			if err != nil {
				a.fail(r.Context(), err).Write(w)
				return
			}
			h := w.Header()
			h.Set("Content-Type", media)
			h.Set("Cache-Control", "no-cache")
			if strings.HasPrefix(media, "text/html") {
				h.Set("Content-Security-Policy", pagePolicy)
			}
			_, _ = w.Write(b)
		})
	}
	// Made for the first who asks: together they take half of a start.
	serve("/openapi.json", "application/openapi+json", sync.OnceValues(func() ([]byte, error) {
		b, err := json.MarshalIndent(a.huma.OpenAPI(), "", " ")
		if err != nil {
			return nil, fmt.Errorf("write the OpenAPI document: %w", err)
		}
		return append(b, '\n'), nil
	}))
	serve("/openapi.yaml", "application/openapi+yaml", sync.OnceValues(func() ([]byte, error) {
		b, err := a.huma.OpenAPI().YAML()
		if err != nil {
			return nil, fmt.Errorf("write the OpenAPI document: %w", err)
		}
		return b, nil
	}))
	for _, f := range []struct{ path, file, media string }{
		{"/docs", "docs.html", "text/html; charset=utf-8"},
		{"/docs/docs.js", "docs.js", "text/javascript; charset=utf-8"},
		{"/docs/docs.css", "docs.css", "text/css; charset=utf-8"},
	} {
		b, err := static.ReadFile("static/" + f.file)
		if err != nil {
			return fmt.Errorf("page %s: %w", f.path, err)
		}
		serve(f.path, f.media, func() ([]byte, error) { return b, nil })
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
	err := a.Store.Peek(ctx, func(r store.Reader) error {
		_, err := r.Heads(ctx) // something, since a snapshot that nothing is read from asks no database
		return err
	})
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
