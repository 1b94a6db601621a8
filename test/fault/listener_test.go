package fault

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// door is a whole server with the demo's data.
type door struct {
	t             *testing.T
	URL           string `json:"url"`
	Token         string `json:"token"`
	OperatorToken string `json:"operator_token"`
}

// openDoor builds the command and starts it.
func openDoor(t *testing.T) *door {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "taocan")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../cmd/taocan").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	cmd := exec.Command(binary, "demo", "--data", filepath.Join(t.TempDir(), "data"), "--addr", "127.0.0.1:0", "--json")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
	})
	d := &door{t: t}
	if err := json.NewDecoder(out).Decode(d); err != nil {
		t.Fatalf("the server does not start: %v", err)
	}
	return d
}

func (d *door) request(method, path, token string, body any) *http.Request {
	d.t.Helper()
	encoded, err := json.Marshal(body)
	if err != nil {
		d.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.URL+path, bytes.NewReader(encoded))
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	return r
}

// metric of the server.
func (d *door) metric(name string) float64 {
	d.t.Helper()
	r, err := http.Get(d.URL + "/metrics")
	if err != nil {
		d.t.Fatal(err)
	}
	defer r.Body.Close()
	for lines := bufio.NewScanner(r.Body); lines.Scan(); {
		if value, is := strings.CutPrefix(lines.Text(), name+" "); is {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				d.t.Fatal(err)
			}
			return n
		}
	}
	d.t.Fatalf("there is no metric %s", name)
	return 0
}

// batch of a caller who has its own ids.
func batch(caller int) map[string]any {
	debits := make([]map[string]any, 1000)
	for i := range debits {
		id := fmt.Sprintf("caller-%d/%d-%s", caller, i, strings.Repeat("x", 90))
		debits[i] = map[string]any{"id": id, "category": "domestic", "purpose": "verification", "quantity": 1}
	}
	return map[string]any{"debits": debits}
}

// Many clients ask for answers of some hundred KiB and never read them. They cost the server a connection and an answer each, others
// are served meanwhile, and what they had asked stands once.
func TestClientsThatNeverReadTheirAnswer(t *testing.T) {
	t.Parallel()
	d := openDoor(t)
	grant := d.request(http.MethodPost, "/v1/operator/packages", d.OperatorToken, map[string]any{"project": "demo", "category": "domestic",
		"purpose": "verification", "quantity": 10_000_000, "reason": "fault"})
	grant.Header.Set("Idempotency-Key", "g")
	d.want(grant, 201)
	goroutines, resident := d.metric("go_goroutines"), d.metric("process_resident_memory_bytes")
	clients := either(50, 500)
	small := &net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if wrong := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) }); wrong != nil {
			return wrong
		}
		return err
	}}
	const done = `taocan_debit_outcomes_total{operation="debit",outcome="done"}`
	taken := func(n int) {
		t.Helper()
		await(t, "for all of them to be taken", func() bool { return d.metric(done) >= float64(n)*1000 })
	}
	var open []net.Conn
	for i := range clients {
		if i%50 == 0 {
			taken(i) // more at once would not find room in the project's half of the queue
		}
		c, err := small.DialContext(t.Context(), "tcp", strings.TrimPrefix(d.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		open = append(open, c)
		if err := d.request(http.MethodPost, "/v1/projects/demo/debits/batch", d.Token, batch(i)).Write(c); err != nil {
			t.Fatal(err)
		}
	}
	taken(clients)
	for i := range 20 {
		d.want(d.request(http.MethodPost, "/v1/projects/demo/debits", d.Token, map[string]any{"id": fmt.Sprintf("other-%d", i), "category": "domestic",
			"purpose": "verification", "quantity": 1}), 201)
	}
	more, grown := d.metric("go_goroutines")-goroutines, d.metric("process_resident_memory_bytes")-resident
	t.Logf("%d clients that do not read: %.0f more goroutines, %.1f MiB more resident", clients, more, grown/(1<<20))
	if more > float64(4*clients+50) || grown > float64(clients)*(2<<20)+(128<<20) {
		t.Errorf("%d clients that do not read cost %.0f goroutines and %.1f MiB", clients, more, grown/(1<<20))
	}
	for _, c := range open {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	await(t, "for goroutines to end", func() bool { return d.metric("go_goroutines") < goroutines+30 })
	for i := range min(clients, 10) {
		body := d.want(d.request(http.MethodPost, "/v1/projects/demo/debits/batch", d.Token, batch(i)), 200)
		if n := strings.Count(body, `"replayed":true`); n != 1000 {
			t.Errorf("asked again, %d of 1000 debits of client %d were known", n, i)
		}
	}
}

// want sends a request and returns the body.
func (d *door) want(r *http.Request, status int) string {
	d.t.Helper()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != status {
		d.t.Fatalf("%s: %d, %v, want %d\n%.500s", r.URL.Path, answer.StatusCode, err, status, body)
	}
	return string(body)
}
