package edge

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"taocan/internal/clock"
	"taocan/internal/taocan"
)

// Request is what is known of a request while it is served. Owned by the request's goroutine.
type Request struct {
	ID     string       // the caller's own X-Request-Id where that can stand in a log, else one of ours
	Remote string       // address of whoever asks
	TLS    bool         // asked over TLS, as far as a proxy that is trusted says
	Call   string       // method and decoded path: with the body, the content of a keyed call
	Actor  taocan.Actor // empty until the gate has let it in

	path string // as it was asked for, escaped

	connection context.Context // without the time limit, for Stream; nil outside of Front
	streamed   bool            // answered by Stream
}

type requestKey struct{}

// RequestOf is the request that ctx belongs to; an empty one outside of Front.
func RequestOf(ctx context.Context) *Request {
	if r, ok := ctx.Value(requestKey{}).(*Request); ok {
		return r
	}
	return &Request{}
}

// ActorOf is who the gate let in.
func ActorOf(ctx context.Context) taocan.Actor { return RequestOf(ctx).Actor }

// Front stands before every route: it numbers, times, limits and logs requests.
type Front struct {
	Log     *slog.Logger
	Clock   clock.Clock
	Timeout time.Duration
	Epoch   string // of the store
	// Proxies are believed when they say for whom, and over what, they ask. Empty: nobody is.
	Proxies []netip.Prefix
	// Observe counts an answer; may be nil. How long a stream took says nothing of the server.
	Observe func(method, route string, status int, took time.Duration, bytes int64, streamed bool)

	prefix  string
	counter atomic.Uint64
}

// Wrap puts the front before next. It is called once.
func (f *Front) Wrap(next http.Handler) http.Handler {
	var b [6]byte
	_, _ = rand.Read(b[:])
	// Unique over processes by its front half; nobody gains by guessing one.
	f.prefix = hex.EncodeToString(b[:]) + "-"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.serve(w, r, next) })
}

func (f *Front) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	start := f.Clock.Monotonic()
	info := &Request{ID: f.name(r), Call: r.Method + " " + r.URL.Path, path: r.URL.EscapedPath(), connection: r.Context()}
	info.Remote, info.TLS = f.origin(r)
	ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), requestKey{}, info), f.Timeout)
	defer cancel()
	r = r.WithContext(ctx)
	path := r.URL.Path
	answer := &recorder{ResponseWriter: w}
	h := w.Header()
	h["X-Request-Id"] = []string{info.ID}
	h["Taocan-Epoch"] = []string{f.Epoch}
	for _, x := range securityHeaders {
		h[x.name] = x.value
	}
	defer func() {
		broken := recover()
		if broken == http.ErrAbortHandler { //nolint:errorlint // net/http compares by identity, too
			defer panic(broken) // the connection breaks off, but its line is written
		} else if broken != nil {
			f.Log.ErrorContext(ctx, "panic", "request_id", info.ID, "error", broken, "stack", string(debug.Stack()))
			if answer.status == 0 {
				p := internal.problem()
				p.Detail = "something went wrong here; the log knows it as request " + info.ID
				p.Write(answer)
			}
		}
		if answer.status == 0 {
			answer.status = http.StatusOK
		}
		took := f.Clock.Monotonic() - start
		if f.Observe != nil {
			f.Observe(r.Method, r.Pattern, answer.status, took, answer.bytes, info.streamed)
		}
		by := ""
		if len(info.Actor.Scopes) > 0 { // otherwise nobody was let in
			by = info.Actor.Name()
		}
		f.Log.LogAttrs(ctx, slog.LevelInfo, "request",
			slog.String("request_id", info.ID), slog.String("method", r.Method), slog.String("route", route(r)), slog.String("path", clip(path)),
			slog.Int("status", answer.status), slog.Int64("bytes", answer.bytes), slog.Float64("ms", float64(took.Microseconds())/1000),
			slog.String("remote", info.Remote), slog.String("project", string(info.Actor.Project)), slog.String("by", by),
			slog.String("token", string(info.Actor.Token)))
	}()
	if plainPath(r) {
		next.ServeHTTP(answer, r)
	} else {
		ProblemAt(http.StatusNotFound, "the API has no path "+clip(r.URL.EscapedPath())).Write(answer)
	}
}

// maxRequestID bounds an id that a caller gives to its own request.
const maxRequestID = 64

// name is the request's id: the caller's, so that one id leads through the logs of all systems that a call passes, or one
// of ours. A caller's may come twice; it names what it asked for and opens nothing.
func (f *Front) name(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	sane := id != "" && len(id) <= maxRequestID
	for i := 0; i < len(id) && sane; i++ {
		c := id[i]
		sane = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.'
	}
	if sane && !strings.HasPrefix(id, "tc_") { // somebody's token would end up in the log
		return id
	}
	return f.prefix + strconv.FormatUint(f.counter.Add(1), 36)
}

// route is the pattern that matched, without the method that stands beside it in the log.
func route(r *http.Request) string {
	if _, path, ok := strings.Cut(r.Pattern, " "); ok {
		return path
	}
	return r.Pattern
}

// slashStep stands for the id "/", which ServeMux would take for the end of a path. It is no id itself.
const slashStep = "%01"

// RestorePath gives path parameters back what plainPath took from them.
func RestorePath(r *http.Request, names ...string) {
	for _, name := range names {
		if r.PathValue(name) == "\x01" {
			r.SetPathValue(name, "/")
		}
	}
}

// plainPath makes a path safe for a mux that cleans paths and redirects: an id may be "." or "..", percent-encoded
// or not, and is never a step to another folder. It reports false for empty steps, which name nothing.
func plainPath(r *http.Request) bool {
	path := r.URL.EscapedPath()
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "//") {
		return false
	}
	if !strings.Contains(path, "/.") && !strings.Contains(path, "/%2") {
		return true
	}
	steps := strings.Split(path, "/")
	for i, s := range steps {
		switch {
		case s == "." || s == "..":
			steps[i] = strings.Repeat("%2E", len(s))
		case strings.EqualFold(s, "%2F"):
			steps[i] = slashStep
		}
	}
	u := *r.URL
	u.RawPath = strings.Join(steps, "/")
	// A mux looks at RawPath only where it agrees with Path.
	if u.Path, _ = url.PathUnescape(u.RawPath); u.Path == "" {
		return false
	}
	r.URL = &u
	return true
}

// securityHeaders go with every answer. Pages that need more set their own policy.
var securityHeaders = []struct {
	name  string
	value []string
}{
	{"X-Content-Type-Options", []string{"nosniff"}},
	{"X-Frame-Options", []string{"DENY"}},
	{"Referrer-Policy", []string{"no-referrer"}},
	{"Content-Security-Policy", []string{"default-src 'none'; frame-ancestors 'none'"}},
	{"Cache-Control", []string{"no-store"}},
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// NoRoute is the problem of a request that only the mux's "/" has matched: 405 where another method would have matched
// more, else 404.
func NoRoute(mux *http.ServeMux, r *http.Request) *Problem {
	var allowed []string
	for _, m := range methods {
		other := *r
		other.Method = m
		if _, pattern := mux.Handler(&other); pattern != "/" && pattern != "" {
			allowed = append(allowed, m)
		}
	}
	if len(allowed) == 0 {
		return ProblemAt(http.StatusNotFound, "the API has no path "+clip(r.URL.EscapedPath()))
	}
	p := ProblemAt(http.StatusMethodNotAllowed, "")
	p.Allow = strings.Join(allowed, ", ")
	return p
}

// origin says who asks, and whether over TLS. A trusted proxy names its client at the end of X-Forwarded-For; what stands
// before that the client itself may have written, unless it is a trusted proxy, too.
func (f *Front) origin(r *http.Request) (remote string, overTLS bool) {
	remote, overTLS = peer(r), r.TLS != nil
	if !f.trusted(remote) {
		return remote, overTLS
	}
	overTLS = overTLS || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		if remote = hop.Unmap().String(); !f.trusted(remote) {
			break
		}
	}
	return remote, overTLS
}

func (f *Front) trusted(address string) bool {
	if len(f.Proxies) == 0 {
		return false
	}
	a, err := netip.ParseAddr(address)
	return err == nil && slices.ContainsFunc(f.Proxies, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
}

// peer is the other end of the connection, without its port.
func peer(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// recorder notes what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
