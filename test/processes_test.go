package test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"taocan/internal/pgtest"
)

// processes are servers that share one PostgreSQL, each with its own data folder.
type processes struct {
	t        *testing.T
	binary   string
	root     string
	database string
	args     []string // of every server
}

func newProcesses(t *testing.T, database string, args ...string) *processes {
	return &processes{t: t, binary: buildTaocan(t), root: t.TempDir(), database: database, args: args}
}

func (p *processes) folder(name string) string { return filepath.Join(p.root, name) }

// command runs taocan on a folder. The database is named in the environment, as a service does.
func (p *processes) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(p.t.Context(), p.binary, args...)
	cmd.Env = append(os.Environ(), "TAOCAN_DATABASE_URL="+p.database, "TAOCAN_DATA="+p.folder(name))
	return cmd
}

func (p *processes) run(name string, args ...string) (string, error) {
	out, err := p.command(name, args...).CombinedOutput()
	return string(out), err
}

func (p *processes) must(name string, args ...string) string {
	p.t.Helper()
	out, err := p.run(name, args...)
	if err != nil {
		p.t.Fatalf("taocan %v: %v\n%s", args, err, out)
	}
	return out
}

// giveKey hands the key file of one folder to another, as an operator does.
func (p *processes) giveKey(from, to string) {
	p.t.Helper()
	b, err := os.ReadFile(filepath.Join(p.folder(from), "master.key"))
	if err == nil {
		err = os.MkdirAll(p.folder(to), 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(p.folder(to), "master.key"), b, 0o600)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// process is one server that runs.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	log bytes.Buffer // complete once it has ended
	URL string       `json:"url"`
}

func (p *processes) serve(name string) *process {
	p.t.Helper()
	s := &process{t: p.t, cmd: p.command(name, append([]string{"--json", "serve", "--addr", "127.0.0.1:0"}, p.args...)...)}
	s.cmd.Stderr = &s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { s.end(syscall.SIGKILL) })
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil || json.Unmarshal(line, s) != nil {
		s.end(syscall.SIGKILL)
		p.t.Fatalf("server %s printed %q (%v)\n%s", name, line, err, &s.log)
	}
	return s
}

func (s *process) end(sig syscall.Signal) {
	_ = s.cmd.Process.Signal(sig) // an error means that it has ended
	_ = s.cmd.Wait()
}

// ask sends a request under a token and returns status and body.
func (s *process) ask(method, path, token, body string, header ...string) (int, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

func (s *process) wants(status int, method, path, token, body string, header ...string) string {
	s.t.Helper()
	got, text := s.ask(method, path, token, body, header...)
	if got != status {
		s.t.Fatalf("%s %s: status %d, want %d: %s", method, path, got, status, text)
	}
	return text
}

// eventually asks until the answer is as wanted. How long it takes is of no interest, but it must come.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came that %s", what)
		}
	}
}

func field(t *testing.T, text, name string) string {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	value, _ := object[name].(string)
	if value == "" {
		t.Fatalf("no %s in %s", name, text)
	}
	return value
}

// receiver counts what a webhook is sent.
type receiver struct {
	*httptest.Server
	mu  sync.Mutex
	got []string // guarded by mu
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		b, _ := io.ReadAll(q.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, string(b))
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) messages() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.got...)
}

const processProject = "/v1/projects/main"

// customer makes an account with money and a project, and gives a token of it.
func (p *processes) customer(name string) (token string) {
	p.must(name, "account", "create", "acme", "--level", "enterprise")
	p.must(name, "project", "create", "main", "--account", "acme")
	p.must(name, "account", "gift", "acme", "1000.00", "--reason", "test")
	return p.token(name)
}

func (p *processes) token(name string) string {
	return field(p.t, p.must(name, "--json", "token", "create", "--project", "main", "--scope", "read,buy,debit,manage"), "token")
}

// buy orders 1,000 messages at a server and pays them.
func (s *process) buy(token, key string) {
	s.t.Helper()
	order := field(s.t, s.wants(http.StatusCreated, "POST", processProject+"/orders", token,
		`{"category":"domestic","kind":"custom","purpose":"verification","quantity":1000,"agreement_version":"sample-1"}`, "Idempotency-Key", key), "id")
	s.wants(http.StatusOK, "POST", processProject+"/orders/"+order+"/payment", token, `{}`, "Idempotency-Key", key)
}

func debitBody(id string, n string) string {
	return `{"id":"` + id + `","category":"domestic","purpose":"verification","quantity":` + n + `}`
}

func (s *process) remaining(token string) string {
	s.t.Helper()
	var balance struct {
		Total json.Number `json:"total_remaining"`
	}
	text := s.wants(http.StatusOK, "GET", processProject+"/balance?category=domestic", token, "")
	if err := json.Unmarshal([]byte(text), &balance); err != nil {
		s.t.Fatal(err)
	}
	return balance.Total.String()
}

func TestTwoProcessesServeOneDatabase(t *testing.T) {
	hook := newReceiver(t)
	p := newProcesses(t, pgtest.Database(t), "--webhook-allow-networks", "127.0.0.1")
	a := p.serve("a")

	if out, err := p.run("b", "serve", "--addr", "127.0.0.1:0"); err == nil || !strings.Contains(out, "copy the key file") {
		t.Fatalf("a process without the key file was not refused for it: %v\n%s", err, out)
	}
	if out, err := p.run("a", "migrate"); err == nil || !strings.Contains(out, "holds the data folder") {
		t.Errorf("a second process on a data folder was not refused for it: %v\n%s", err, out)
	}
	p.giveKey("a", "b")
	b := p.serve("b")
	token := p.customer("b") // through b's socket

	// Bought on one, debited on the other, seen by who watches the first.
	watching, stop := context.WithCancel(t.Context())
	defer stop()
	changes := a.watch(watching, token)
	a.wants(http.StatusOK, "GET", processProject+"/balance?category=domestic", token, "")
	a.buy(token, "one")
	hooked := a.wants(http.StatusCreated, "POST", processProject+"/alerts/channels", token, `{"kind":"webhook","name":"Duty","address":"`+hook.URL+`/hook","language":"en"}`)
	a.wants(http.StatusOK, "PUT", processProject+"/alerts", token, `{"rules":[{"category":"domestic","purpose":"verification","threshold":990,"enabled":true}]}`)
	b.wants(http.StatusCreated, "POST", processProject+"/debits", token, debitBody("m-1", "20"))
	if got := a.remaining(token); got != "980" {
		t.Errorf("after a debit on b, %s are left on a, want 980", got)
	}
	if text := a.wants(http.StatusOK, "POST", processProject+"/debits", token, debitBody("m-1", "20")); !strings.Contains(text, `"replayed":true`) {
		t.Errorf("the same debit on a: %s", text)
	}
	a.wants(http.StatusConflict, "POST", processProject+"/debits", token, debitBody("m-1", "21"))
	eventually(t, "whoever watches a sees the debit on b", func() bool { return strings.Contains(changes(), `980`) })
	eventually(t, "the webhook is told", func() bool { return len(hook.messages()) > 0 })
	eventually(t, "the delivery is written down", func() bool {
		_, text := b.ask("GET", processProject+"/alerts/deliveries", token, "")
		return strings.Contains(text, `"state":"delivered"`)
	})
	_ = field(t, hooked, "secret")

	// What ends a credential ends it everywhere.
	second := p.token("a")
	b.wants(http.StatusOK, "GET", processProject+"/balance?category=domestic", second, "")
	id := tokenID(t, p.must("a", "--json", "token", "list", "--project", "main"))
	p.must("a", "token", "revoke", id)
	eventually(t, "b refuses a token that was revoked on a", func() bool {
		status, _ := b.ask("GET", processProject+"/balance?category=domestic", second, "")
		return status == http.StatusUnauthorized
	})
	p.must("a", "account", "suspend", "acme")
	eventually(t, "b refuses an account that was suspended on a", func() bool {
		status, _ := b.ask("POST", processProject+"/debits", token, debitBody("m-2", "1"))
		return status >= 400
	})
	p.must("b", "account", "resume", "acme")
	eventually(t, "a lets it in again", func() bool {
		status, _ := a.ask("GET", processProject+"/balance?category=domestic", token, "")
		return status == http.StatusOK
	})
	wrong := func(s *process) int {
		status, _ := s.ask("POST", "/v1/sign-in", "", `{"user":"operator","password":"wrong"}`)
		return status
	}
	for n := 0; wrong(a) != http.StatusTooManyRequests; n++ {
		if n > 30 {
			t.Fatal("guessing passwords is never slowed down")
		}
	}
	if got := wrong(b); got != http.StatusTooManyRequests {
		t.Errorf("passwords guessed on a, and b answers %d, want 429", got)
	}

	// One is killed; the other goes on, and the first comes back.
	a.end(syscall.SIGKILL)
	b.wants(http.StatusCreated, "POST", processProject+"/debits", token, debitBody("m-3", "5"))
	a = p.serve("a")
	if got := a.remaining(token); got != "975" && got != "974" {
		t.Errorf("%s are left, want 975 (974 where m-2 was taken)", got)
	}
	a.wants(http.StatusOK, "POST", processProject+"/debits", token, debitBody("m-3", "5"))
	if got := len(hook.messages()); got != 1 {
		t.Errorf("the webhook was told %d times, want once:\n%s", got, strings.Join(hook.messages(), "\n"))
	}

	// An operator elsewhere, without a server.
	p.giveKey("a", "c")
	if out := p.must("c", "account", "list"); !strings.Contains(out, "acme") {
		t.Errorf("account list without a server: %s", out)
	}
	for _, s := range []*process{a, b} {
		s.end(syscall.SIGTERM)
		if s.cmd.ProcessState.ExitCode() != 0 {
			t.Errorf("a server ended with %v\n%s", s.cmd.ProcessState, &s.log)
		}
	}
	if out := p.must("a", "verify"); !strings.Contains(out, "ok: ") {
		t.Errorf("verify: %s", out)
	}
	if out, err := p.run("a", "doctor"); err != nil || !strings.Contains(out, "is PostgreSQL ") || !strings.Contains(out, "ids ") {
		t.Errorf("doctor: %v\n%s", err, out)
	}
	if out, err := p.run("a", "backup", filepath.Join(p.root, "x.db")); err == nil || !strings.Contains(out, "pg_dump") {
		t.Errorf("backup: %v\n%s", err, out)
	}
}

// tokenID is the id of the newest token of a list.
func tokenID(t *testing.T, list string) string {
	t.Helper()
	var tokens struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	if err := json.Unmarshal([]byte(list), &tokens); err != nil || len(tokens.Items) == 0 {
		t.Fatalf("no tokens in %s (%v)", list, err)
	}
	return tokens.Items[0].ID
}

// watch collects a project's events until ctx ends.
func (s *process) watch(ctx context.Context, token string) (seen func() string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+processProject+"/events", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r) //nolint:bodyclose // who reads it closes it
	if err != nil {
		s.t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK {
		s.t.Fatalf("events: %s", answer.Status)
	}
	var mu sync.Mutex
	var text strings.Builder
	go func() {
		defer answer.Body.Close()
		for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
			mu.Lock()
			text.WriteString(lines.Text() + "\n")
			mu.Unlock()
		}
	}()
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return text.String()
	}
}
