package rest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"

	"taocan/internal/access"
	"taocan/internal/alert"
	"taocan/internal/archive"
	"taocan/internal/catalog"
	"taocan/internal/clock"
	"taocan/internal/debit"
	"taocan/internal/delivery"
	"taocan/internal/edge"
	"taocan/internal/limit"
	"taocan/internal/live"
	"taocan/internal/order"
	"taocan/internal/packages"
	"taocan/internal/statement"
	"taocan/internal/store"
	"taocan/internal/taocan"
	"taocan/internal/topup"
)

// Config is what the API stands on.
type Config struct {
	Log     *slog.Logger
	Clock   clock.Clock
	Zone    *time.Location
	Version string
	Timeout time.Duration  // of one request; default 30 s
	Proxies []netip.Prefix // believed about whom they ask for

	Store  store.Store // readiness and epoch only
	Access *access.Access
	// Authenticator tells who holds a credential; nil: Access. A server may know one more, of its own socket.
	Authenticator edge.Authenticator
	Catalog       *catalog.Catalog
	Orders        *order.Orders
	Packages      *packages.Packages
	Engine        *debit.Engine
	Alerts        *alert.Alerts
	TopUps        *topup.TopUps
	Limits        *limit.Limits
	Statements    *statement.Statements
	Archive       *archive.Archive
	Channels      *delivery.Channels
	Live          *live.Hub // started and stopped by the server

	Pages   http.Handler                    // answers the paths that are not the API's; nil: they are unknown
	Metrics *prometheus.Registry            // nil: one of its own
	Trace   func(http.Handler) http.Handler // put before the routes; may be nil
}

const defaultTimeout = 30 * time.Second

// api holds what handlers share. Immutable after New.
type api struct {
	Config
	gate   edge.Gate
	bodies edge.Bodies
	mux    *http.ServeMux
	huma   huma.API
	debits debitSchemas
}

// New returns the handler of everything that the server answers.
func New(cfg Config) (http.Handler, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Metrics == nil {
		cfg.Metrics = prometheus.NewRegistry()
	}
	if cfg.Authenticator == nil {
		cfg.Authenticator = cfg.Access
	}
	a := &api{Config: cfg, gate: edge.Gate{Access: cfg.Authenticator}, mux: http.NewServeMux()}
	a.huma = humago.New(a.mux, a.document())
	a.accessRoutes()
	a.catalogRoutes()
	a.packageRoutes()
	a.forecastRoutes()
	a.alertRoutes()
	a.channelRoutes()
	a.topUpRoutes()
	a.limitRoutes()
	a.statementRoutes()
	a.archiveRoutes()
	a.orderRoutes()
	a.debitRoutes()
	a.refusalRoutes()
	a.eventRoutes()
	a.operatorRoutes()
	a.importRoutes()
	if err := a.plainRoutes(); err != nil {
		return nil, fmt.Errorf("assemble the API: %w", err)
	}
	observe, err := a.metrics()
	if err != nil {
		return nil, fmt.Errorf("assemble the API: %w", err)
	}
	front := &edge.Front{Log: cfg.Log, Clock: cfg.Clock, Timeout: cfg.Timeout, Epoch: cfg.Store.Epoch(), Proxies: cfg.Proxies, Observe: observe}
	if cfg.Trace != nil {
		return front.Wrap(cfg.Trace(a.mux)), nil
	}
	return front.Wrap(a.mux), nil
}

// guard says who may call a route.
type guard struct {
	open     bool           // anybody
	signedIn bool           // any token
	operator bool           // operators
	anyOf    []taocan.Scope // holders of one of these, of the project in the path
}

func holding(anyOf ...taocan.Scope) guard { return guard{anyOf: anyOf} }

var operators = guard{operator: true}

// let applies the guard to a request.
func (a *api) let(r *http.Request, project string, g guard) error {
	switch {
	case g.open:
		return nil
	case g.operator:
		return a.gate.Operator(r)
	case g.signedIn:
		_, err := a.gate.Authenticate(r)
		return err
	}
	return a.gate.Project(r, project, g.anyOf...)
}

// add declares a route and its handler.
func add[I, O any](a *api, g guard, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	a.describe(&op, g)
	op.Middlewares = huma.Middlewares{a.guarded(g)}
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, a.fail(ctx, err)
		}
		return out, nil
	})
}

// describe fills in what every operation has.
func (a *api) describe(op *huma.Operation, g guard) {
	op.MaxBodyBytes = -1    // guarded has read the body, within its own bounds
	op.BodyReadTimeout = -1 // likewise
	op.RejectUnknownQueryParameters = true
	if g.open {
		op.Security = []map[string][]string{}
		return
	}
	var names []string
	for _, s := range g.anyOf {
		names = append(names, string(s))
	}
	if g.operator {
		names = []string{string(taocan.ScopeOperator)}
	}
	if names == nil {
		names = []string{}
	} else {
		op.Description = strings.TrimSpace(op.Description + "\n\nScope: " + strings.Join(names, " or ") + ".")
	}
	op.Security = []map[string][]string{{"bearer": names}}
}

// guarded lets a request in, takes in its body, and hands both on.
func (a *api) guarded(g guard) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		err := a.let(r, r.PathValue("project"), g)
		if err == nil {
			err = edge.CheckQuery(r)
		}
		if err != nil {
			a.fail(r.Context(), err).Write(w)
			return
		}
		for _, p := range ctx.Operation().Parameters {
			if p.In == "path" {
				edge.RestorePath(r, p.Name)
			}
		}
		wanted := ctx.Operation().RequestBody
		if wanted == nil {
			if err := a.readNothing(w, r); err != nil {
				a.fail(r.Context(), err).Write(w)
				return
			}
			next(ctx)
			return
		}
		body, err := a.read(w, r, wanted)
		if err != nil {
			a.fail(r.Context(), err).Write(w)
			return
		}
		defer body.Release()
		next(bodyContext{ctx, bytes.NewReader(body.Bytes)})
	}
}

const jsonType = "application/json"

// read takes in a body and checks that JSON is strictly that.
func (a *api) read(w http.ResponseWriter, r *http.Request, wanted *huma.RequestBody) (*edge.Body, error) {
	_, isJSON := wanted.Content[jsonType]
	if err := checkType(r, wanted); err != nil {
		return nil, err
	}
	body, err := a.bodies.Read(w, r)
	if err != nil || !isJSON || len(body.Bytes) == 0 {
		return body, err
	}
	if _, bad := edge.Decode(body.Bytes); bad != nil {
		body.Release()
		return nil, bad
	}
	return body, nil
}

// checkType refuses a body that says it is none of what the route takes.
func checkType(r *http.Request, wanted *huma.RequestBody) (err error) {
	for _, media := range slices.Sorted(maps.Keys(wanted.Content)) { // one, or an import's two; a refusal names the last
		if err = edge.CheckType(r, media); err == nil {
			return nil
		}
	}
	return err
}

// readNothing refuses a body where none is taken, except an empty object: whoever sends more means something that
// would not be done.
func (a *api) readNothing(w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength == 0 || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	body, err := a.bodies.Read(w, r)
	if err != nil {
		return err
	}
	defer body.Release()
	if len(bytes.TrimSpace(body.Bytes)) == 0 {
		return nil
	}
	v, bad := edge.Decode(body.Bytes)
	if bad != nil {
		return bad
	}
	if fields, ok := v.(map[string]any); !ok || len(fields) > 0 {
		return taocan.Invalid("body", "this call takes no body", nil)
	}
	return nil
}

// humaContext gives the embedded field a name that is not one of its methods.
type humaContext interface{ huma.Context }

// bodyContext is a huma context whose body has been read.
type bodyContext struct {
	humaContext
	body io.Reader
}

func (c bodyContext) BodyReader() io.Reader { return c.body }

// Unwrap lets humago find its own context.
func (c bodyContext) Unwrap() huma.Context { return c.humaContext }

// fail translates an error into the problem that answers it.
func (a *api) fail(ctx context.Context, err error) *problem {
	return &problem{edge.Fail(ctx, a.Log, err)}
}

// content is what a keyed call is compared by when it comes again: the call and its body as it was understood, so
// that white space and the order of fields do not matter.
func content(ctx context.Context, body any) ([]byte, error) {
	h := sha256.New()
	_, _ = io.WriteString(h, edge.RequestOf(ctx).Call+"\n")
	if err := json.NewEncoder(h).Encode(body); err != nil {
		return nil, fmt.Errorf("content of the call: %w", err)
	}
	return h.Sum(nil), nil
}

// local is the instant in the platform's zone, in which answers write times.
func (a *api) local(t time.Time) time.Time { return t.In(a.Zone) }

// localOrNil is nil for the zero time.
func (a *api) localOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.In(a.Zone)
	return &t
}
