package fault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"taocan/internal/clock"
	"taocan/internal/taocan"
)

// built is the command, without the race detector: what is tested is a process of its own. TestMain removes its folder.
var built = sync.OnceValues(func() (binary string, err error) {
	dir, err := os.MkdirTemp("", "taocan-fault-")
	if err != nil {
		return "", err
	}
	builtIn = dir
	binary = filepath.Join(dir, "taocan")
	if out, err := exec.Command("go", "build", "-o", binary, "taocan/cmd/taocan").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return binary, nil
})

var builtIn string

// taocanCommand runs the command, with settings in the environment.
func taocanCommand(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), env...)
	return cmd
}

// site is several servers on one database. What only few may do is asked of the first one.
type site struct {
	t        *testing.T
	root     string
	operator string   // token
	granter  *service // beside the servers: grants packages that live for seconds, where the product's live for days at least
	servers  []*server

	mu     sync.Mutex
	tokens map[taocan.ProjectID]string
}

// server is `taocan serve`. Safe for concurrent use.
type server struct {
	*process
	site   *site
	env    []string
	silent atomic.Int64 // requests that got no answer
}

// newSite starts a server for each of the URLs, which lead to the database of s.
func newSite(t *testing.T, s settings, urls ...string) *site {
	t.Helper()
	x := &site{t: t, root: t.TempDir(), tokens: map[taocan.ProjectID]string{}}
	st, err := s.open(t.Context(), clock.System(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() }) // nothing is written any more
	if x.granter, err = serviceOn(t.Context(), st, clock.System(), nil, 0); err != nil {
		t.Fatal(err)
	}
	for i, database := range urls {
		folder := filepath.Join(x.root, fmt.Sprint(i))
		s := &server{site: x, env: []string{"TAOCAN_DATABASE_URL=" + database, "TAOCAN_DATA=" + folder}}
		s.process = newProcess(t, func() *exec.Cmd {
			return taocanCommand(t, s.env, "--json", "serve", "--addr", "127.0.0.1:0", "--log-level", "warn")
		})
		s.client.Timeout = 40 * time.Second // the server ends a request after 30
		if i > 0 {
			x.giveKey(folder)
		}
		s.start()
		x.servers = append(x.servers, s)
	}
	out, err := x.servers[0].run("--json", "token", "create", "--scope", "operator")
	var token struct{ Token string }
	if err != nil || json.Unmarshal(out, &token) != nil {
		t.Fatalf("an operator's token: %v\n%s", err, out)
	}
	x.operator = token.Token
	return x
}

// check resolves everything, ends all servers, counts, and has the command prove the database.
func (x *site) check(b *book) {
	x.t.Helper()
	b.resolve(x.servers[0])
	for _, s := range x.servers {
		if err := s.stop(); err != nil {
			x.t.Errorf("a server ended with %v\n%s", err, s.log)
		}
	}
	if err := x.granter.engine.Stop(x.t.Context()); err != nil {
		x.t.Error(err)
	}
	b.count(x.granter.store)
	if out, err := x.servers[0].run("verify"); err != nil || !strings.Contains(string(out), "ok: ") {
		x.t.Errorf("verify: %v\n%s", err, out)
	}
}

// giveKey hands the first server's key file to another, as an operator does.
func (x *site) giveKey(folder string) {
	x.t.Helper()
	const name = "master.key"
	key, err := os.ReadFile(filepath.Join(x.root, "0", name))
	if err = errors.Join(err, os.Mkdir(folder, 0o700)); err == nil {
		err = os.WriteFile(filepath.Join(folder, name), key, 0o600)
	}
	if err != nil {
		x.t.Fatal(err)
	}
}

// run runs another command on the server's folder and database.
func (s *server) run(args ...string) ([]byte, error) {
	return taocanCommand(s.t, s.env, args...).CombinedOutput()
}

// reply is an answer of the API: a debit, a refusal, or what was made. Fields that an answer does not have are zero.
type reply struct {
	status int
	again  bool // by the header

	ID, State, Code, Detail, Token, Version string
	Allocations                             []taocan.Allocation
	At                                      time.Time
	Committed, Available                    taocan.Segments
	Replayed                                bool
	Number                                  taocan.PackageNumber
	Packages                                any // a quote counts them, an order names them
	Results                                 []struct {
		Status       int
		Debit        *reply
		Code, Detail string
		Available    taocan.Segments
	}
}

// request asks the API once. An error means that no answer came.
func (s *server) request(ctx context.Context, method, path, token, key string, body any) (r reply, err error) {
	base, err := s.address()
	if err != nil {
		return r, err
	}
	var encoded io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return r, err
		}
		encoded = bytes.NewReader(b)
	}
	q, err := http.NewRequestWithContext(ctx, method, base+path, encoded)
	if err != nil {
		return r, err
	}
	q.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		q.Header.Set("Idempotency-Key", key)
	}
	answer, err := s.client.Do(q)
	if err != nil {
		s.silent.Add(1)
		return r, err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(b, &r); err != nil {
		s.t.Errorf("%s %s: %d, %v: %s", method, path, answer.StatusCode, err, b)
		return r, err
	}
	r.status, r.again = answer.StatusCode, answer.Header.Get("Idempotent-Replayed") == "true"
	if r.status == http.StatusServiceUnavailable && answer.Header.Get("Retry-After") == "" {
		s.t.Errorf("%s %s is unavailable and does not say when to come back", method, path)
	}
	return r, nil
}

// said is what the reply comes to.
func (r *reply) said(err error) said {
	switch {
	case err != nil:
		return said{Err: unavailable, Detail: "no answer came"}
	case r.status >= 300:
		return said{Err: r.Code, Detail: r.Detail, Left: r.Available}
	}
	a := said{Replayed: r.Replayed || r.again, State: taocan.DebitState(r.State), Paid: r.Allocations, Settled: r.Committed, Number: r.Number}
	if !r.At.IsZero() {
		a.At = r.At.UnixMicro()
	}
	return a
}

func (s *server) ask(calls ...call) []said { return s.asked(context.Background(), calls) }

func (s *server) asked(ctx context.Context, calls []call) []said {
	answers := make([]said, len(calls))
	type kind struct {
		project taocan.ProjectID
		path    string
	}
	together := map[kind][]int{}
	for i, c := range calls {
		if path, _ := c.item(); path != "" && len(calls) > 1 {
			together[kind{c.Project, path}] = append(together[kind{c.Project, path}], i)
		} else {
			answers[i] = s.single(ctx, c)
		}
	}
	for k, places := range together {
		items := make([]any, len(places))
		for i, place := range places {
			_, items[i] = calls[place].item()
		}
		r, err := s.project(ctx, http.MethodPost, k.project, k.path, "", map[string]any{batches[k.path]: items})
		for i, place := range places {
			if err != nil || r.status != http.StatusOK || len(r.Results) != len(places) {
				answers[place] = r.said(err)
				continue
			}
			one := r.Results[i]
			x := reply{Code: one.Code, Detail: one.Detail, Available: one.Available}
			if one.Debit != nil {
				x = *one.Debit
			}
			x.status = one.Status
			answers[place] = x.said(nil)
		}
	}
	for _, a := range answers {
		if a.Err == unavailable {
			s.refused.Add(1)
		}
	}
	return answers
}

// batches are paths with the field that the items stand in.
var batches = map[string]string{"/debits/batch": "debits", "/reservations/batch": "reservations", "/reservations/settle-batch": "settlements"}

// item is a call as an item of a batch, and the batch's path; empty where there is no batch of it.
func (c call) item() (path string, body map[string]any) {
	body = map[string]any{"id": c.ID, "quantity": c.Quantity}
	switch c.Do {
	case doDebit, doReserve:
		path, body["category"], body["purpose"] = "/debits/batch", taocan.Domestic, taocan.Marketing
		if c.Do == doReserve {
			path, body["ttl_seconds"] = "/reservations/batch", c.TTL/time.Second
		}
	case doCommit:
		path, body["action"] = "/reservations/settle-batch", "commit"
	case doRelease:
		path, body["action"] = "/reservations/settle-batch", "release"
		delete(body, "quantity")
	}
	return path, body
}

// single asks by the single call.
func (s *server) single(ctx context.Context, c call) said {
	path, body := c.item()
	switch c.Do {
	case doDebit:
		path = "/debits"
	case doReserve:
		path = "/reservations"
	case doCommit, doRelease:
		path = "/reservations/" + url.PathEscape(c.ID) + "/" + c.Do
		if body = map[string]any{"quantity": c.Quantity}; c.Do == doRelease {
			body = nil
		}
	case doBuy:
		return s.buy(ctx, c)
	case doOpen:
		return s.open(ctx, c)
	case doGrant:
		if c.Life < 24*time.Hour {
			return s.site.granter.other(ctx, c)
		}
		r, err := s.request(ctx, http.MethodPost, "/v1/operator/packages", s.site.operator, c.ID, map[string]any{"project": c.Project, "category": taocan.Domestic,
			"purpose": taocan.Marketing, "quantity": c.Quantity, "validity_months": 1, "reason": "fault"})
		return r.said(err)
	}
	if body == nil {
		r, err := s.project(ctx, http.MethodPost, c.Project, path, "", nil)
		return r.said(err)
	}
	r, err := s.project(ctx, http.MethodPost, c.Project, path, "", body)
	return r.said(err)
}

// project asks something of a project, with its token.
func (s *server) project(ctx context.Context, method string, p taocan.ProjectID, path, key string, body any) (reply, error) {
	s.site.mu.Lock()
	token := s.site.tokens[p]
	s.site.mu.Unlock()
	return s.request(ctx, method, "/v1/projects/"+string(p)+path, token, key, body)
}

// buy asks for a quote, orders and pays.
func (s *server) buy(ctx context.Context, c call) said {
	what := map[string]any{"category": taocan.Domestic, "kind": taocan.Custom, "purpose": taocan.Marketing, "quantity": 100}
	var r reply
	var err error
	step := func(method, path, key string, body any) bool {
		r, err = s.project(ctx, method, c.Project, path, key, body)
		return err == nil && r.status < 300
	}
	if step(http.MethodPost, "/quotes", "", what) && step(http.MethodGet, "/agreement", "", nil) {
		what["agreement_version"] = r.Version
		if step(http.MethodPost, "/orders", c.ID, what) && step(http.MethodPost, "/orders/"+r.ID+"/payment", c.ID, map[string]any{}) {
			r.Number = taocan.PackageNumber(fmt.Sprint(r.Packages)) // one, in brackets
		}
	}
	return r.said(err)
}

// open makes an account with money, a project and its token.
func (s *server) open(ctx context.Context, c call) said {
	if a := s.site.granter.other(ctx, c); a.Err != "" {
		return a
	}
	r, err := s.request(ctx, http.MethodPost, "/v1/operator/tokens", s.site.operator, "", map[string]any{"project": c.Project, "scopes": []string{"read", "buy", "debit"}})
	if err == nil && r.status < 300 {
		s.site.mu.Lock()
		s.site.tokens[c.Project] = r.Token
		s.site.mu.Unlock()
	}
	return r.said(err)
}

// hasty is a server of whom some callers do not wait for the answer.
type hasty struct{ *server }

func (h hasty) ask(calls ...call) []said {
	if rand.IntN(10) > 0 {
		return h.server.ask(calls...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), rand.N(50*time.Millisecond))
	defer cancel()
	return h.asked(ctx, calls)
}
