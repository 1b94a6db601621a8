package test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// A real server is killed with SIGKILL at random moments under load. After every restart, whatever was answered before is
// there exactly once, what was not answered can be asked again under the same id or key, and verify finds nothing.
func TestKilledServerLosesNothingItAnswered(t *testing.T) {
	rounds := 20
	if os.Getenv("TAOCAN_SOAK") != "" {
		rounds = 500
	}
	c := &crash{t: t, binary: buildTaocan(t), data: filepath.Join(t.TempDir(), "data"), random: rand.New(rand.NewPCG(1, 2))}
	c.start()
	before := c.wallet()
	number := c.grant()
	var starts []time.Duration
	for round := range rounds {
		c.load(time.Duration(50+c.random.IntN(400)) * time.Millisecond)
		c.kill()
		starts = append(starts, c.start())
		if round < rounds-1 {
			c.settle(500) // of the last round or two; the rest is counted by check
		} else {
			c.settle(len(c.debits))
		}
		c.check(before, number)
		if t.Failed() {
			break
		}
	}
	c.stop()
	if out, err := exec.CommandContext(t.Context(), c.binary, "verify", "--data", c.data).CombinedOutput(); err != nil {
		t.Errorf("verify: %v\n%s", err, out)
	}
	slices.Sort(starts)
	t.Logf("%d rounds, %d debits, %d payments; start after a kill: median %s, longest %s", len(starts), len(c.debits), len(c.orders), starts[len(starts)/2], starts[len(starts)-1])
}

// built is a folder with the command, made once for all tests, without the race detector: what is tested are processes of their own.
var built = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "taocan-test-"); err != nil {
		return "", err
	}
	builtIn = dir
	if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "taocan"), "taocan/cmd/taocan").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return dir, nil
})

var builtIn string // what TestMain removes

func TestMain(m *testing.M) {
	code := m.Run()
	if builtIn != "" {
		_ = os.RemoveAll(builtIn) // a temporary folder
	}
	os.Exit(code)
}

func buildTaocan(t *testing.T) string {
	t.Helper()
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "taocan")
}

type crash struct {
	t      *testing.T
	binary string
	data   string
	random *rand.Rand
	server *exec.Cmd
	door   struct {
		URL           string `json:"url"`
		Token         string `json:"token"`
		OperatorToken string `json:"operator_token"`
	}

	checks  int
	callers sync.WaitGroup // of load
	mu      sync.Mutex
	debits  []*debitCall
	orders  []*orderCall
}

// debitCall is a debit that was sent; answer is empty until it was answered.
type debitCall struct{ id, answer string }

// orderCall is an order that was sent, and perhaps paid.
type orderCall struct {
	key       string
	id        string // answered
	paySent   bool
	payAnswer string // the packages
}

// start starts the server and returns how long it took to answer.
func (c *crash) start() time.Duration {
	c.t.Helper()
	began := time.Now()
	c.server = exec.Command(c.binary, "demo", "--data", c.data, "--addr", "127.0.0.1:0", "--json")
	out, err := c.server.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	var log bytes.Buffer
	c.server.Stderr = &log
	if err := c.server.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = c.server.Process.Kill() })
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		c.t.Fatalf("the server did not start: %v\n%s", err, log.String())
	}
	if err := json.Unmarshal(line, &c.door); err != nil {
		c.t.Fatalf("%v: %s", err, line)
	}
	return time.Since(began)
}

func (c *crash) kill() {
	_ = c.server.Process.Kill()
	_ = c.server.Wait()
	c.callers.Wait()
}

func (c *crash) stop() {
	c.t.Helper()
	if err := c.server.Process.Signal(os.Interrupt); err != nil {
		c.t.Error(err)
	}
	if err := c.server.Wait(); err != nil {
		c.t.Errorf("the server stopped with %v", err)
	}
}

// call sends a request; status 0 means that no answer came.
func (c *crash) call(method, path, token, key string, body any) (status int, answer map[string]any) {
	encoded, err := json.Marshal(body)
	if err != nil {
		c.t.Error(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, c.door.URL+path, bytes.NewReader(encoded))
	if err != nil {
		c.t.Error(err)
		return 0, nil
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil || json.Unmarshal(b, &answer) != nil {
		return 0, nil
	}
	return response.StatusCode, answer
}

func (c *crash) mine(method, path, key string, body any) (int, map[string]any) {
	return c.call(method, "/v1/projects/demo"+path, c.door.Token, key, body)
}

func (c *crash) wallet() int64 {
	c.t.Helper()
	status, w := c.mine(http.MethodGet, "/wallet", "", nil)
	if status != 200 {
		c.t.Fatalf("wallet: %d %v", status, w)
	}
	return fen(c.t, w["cash"]) + fen(c.t, w["gift"])
}

func fen(t *testing.T, v any) int64 {
	t.Helper()
	var yuan, cents int64
	if _, err := fmt.Sscanf(fmt.Sprint(v), "%d.%02d", &yuan, &cents); err != nil {
		t.Fatalf("amount %v: %v", v, err)
	}
	return yuan*100 + cents
}

func (c *crash) grant() string {
	c.t.Helper()
	status, p := c.call(http.MethodPost, "/v1/operator/packages", c.door.OperatorToken, "grant-1", map[string]any{"project": "demo",
		"category": "domestic", "purpose": "verification", "quantity": 1_000_000, "reason": "crash test"})
	if status != 201 {
		c.t.Fatalf("grant: %d %v", status, p)
	}
	return fmt.Sprint(p["number"])
}

// load runs callers for a while and returns while their last calls are under way.
func (c *crash) load(d time.Duration) {
	ctx, cancel := context.WithTimeout(c.t.Context(), d)
	defer cancel()
	for range 16 {
		c.callers.Go(func() {
			for ctx.Err() == nil {
				c.debit()
			}
		})
	}
	for range 2 {
		c.callers.Go(func() {
			for ctx.Err() == nil {
				c.buy()
			}
		})
	}
	<-ctx.Done()
}

func (c *crash) debit() {
	d := &debitCall{id: fmt.Sprintf("m/%016x", rand.Uint64())}
	c.mu.Lock()
	c.debits = append(c.debits, d)
	c.mu.Unlock()
	c.send(d)
}

func (d *debitCall) body() map[string]any {
	return map[string]any{"id": d.id, "category": "domestic", "purpose": "verification", "quantity": 2}
}

func (c *crash) send(d *debitCall) {
	status, answer := c.mine(http.MethodPost, "/debits", "", d.body())
	c.take(d, status, answer)
}

// sendAll asks for many by one call.
func (c *crash) sendAll(all []*debitCall) {
	bodies := make([]any, len(all))
	for i, d := range all {
		bodies[i] = d.body()
	}
	_, answer := c.mine(http.MethodPost, "/debits/batch", "", map[string]any{"debits": bodies})
	results, _ := answer["results"].([]any)
	if len(results) != len(all) {
		c.t.Errorf("%d debits have %d answers: %.300v", len(all), len(results), answer)
		return
	}
	for i, d := range all {
		result := results[i].(map[string]any)
		debit, _ := result["debit"].(map[string]any)
		c.take(d, int(result["status"].(float64)), debit)
	}
}

func (c *crash) take(d *debitCall, status int, answer map[string]any) {
	if status == 0 || status == 503 {
		return
	}
	if status != 201 && status != 200 {
		c.t.Errorf("debit %s: %d %v", d.id, status, answer)
		return
	}
	got := fmt.Sprint(answer["allocations"], answer["at"])
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case d.answer == "":
		d.answer = got
	case status != 200 || got != d.answer:
		c.t.Errorf("debit %s was answered %s, now %d %s", d.id, d.answer, status, got)
	}
}

func (c *crash) buy() {
	o := &orderCall{key: fmt.Sprintf("o-%016x", rand.Uint64())}
	c.mu.Lock()
	c.orders = append(c.orders, o)
	c.mu.Unlock()
	if c.order(o) {
		c.pay(o)
	}
}

func (c *crash) order(o *orderCall) bool {
	status, answer := c.mine(http.MethodPost, "/orders", o.key, map[string]any{"category": "domestic", "kind": "custom", "purpose": "marketing",
		"quantity": 100, "agreement_version": c.agreement()})
	if status == 0 || status == 503 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	id := fmt.Sprint(answer["id"])
	if status != 201 && status != 200 || o.id != "" && o.id != id {
		c.t.Errorf("order %s was %q, now %d %v", o.key, o.id, status, answer)
		return false
	}
	o.id = id
	return true
}

func (c *crash) agreement() string {
	_, a := c.mine(http.MethodGet, "/agreement", "", nil)
	return fmt.Sprint(a["version"])
}

func (c *crash) pay(o *orderCall) {
	o.paySent = true
	status, answer := c.mine(http.MethodPost, "/orders/"+o.id+"/payment", o.key, map[string]any{"voucher": nil})
	if status == 0 || status == 503 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	got := fmt.Sprint(answer["packages"])
	if status != 200 || o.payAnswer != "" && o.payAnswer != got {
		c.t.Errorf("payment of %s was %q, now %d %v", o.id, o.payAnswer, status, answer)
		return
	}
	o.payAnswer = got
}

// settle asks what was not answered, and the last n of what was, again under its id or key: it must be answered the same.
func (c *crash) settle(n int) {
	c.mu.Lock()
	debits, orders := slices.Clone(c.debits), slices.Clone(c.orders)
	c.mu.Unlock()
	var callers sync.WaitGroup
	work := make(chan func())
	for range 16 {
		callers.Go(func() {
			for f := range work {
				f()
			}
		})
	}
	var again []*debitCall
	for i, d := range debits {
		if i >= len(debits)-n || d.answer == "" {
			again = append(again, d)
		}
	}
	for some := range slices.Chunk(again, 500) {
		work <- func() { c.sendAll(some) }
	}
	for i, o := range orders {
		if i < len(orders)-n/10 && o.payAnswer != "" {
			continue
		}
		work <- func() {
			if c.order(o) && o.paySent {
				c.pay(o)
			}
		}
	}
	close(work)
	callers.Wait()
}

// check counts: every debit once, every payment once.
func (c *crash) check(before int64, number string) {
	c.t.Helper()
	_, p := c.mine(http.MethodGet, "/packages/"+number, "", nil)
	if got, want := p["used"], float64(2*len(c.debits)); got != want {
		c.t.Errorf("%v messages used, %v were debited", got, want)
	}
	paid := int64(0)
	for _, o := range c.orders {
		if o.payAnswer != "" {
			paid++
		}
	}
	if got, want := before-c.wallet(), 440*paid; got != want {
		c.t.Errorf("%d fen were taken for %d paid orders, want %d", got, paid, want)
	}
	_, list := c.mine(http.MethodGet, "/orders?state=paid", "", nil)
	if got := list["total"]; got != float64(paid) {
		c.t.Errorf("%v orders are paid, want %d", got, paid)
	}
	if c.checks++; c.checks%4 != 0 {
		return // it proves the whole history each time
	}
	if out, err := exec.CommandContext(c.t.Context(), c.binary, "verify", "--data", c.data).CombinedOutput(); err != nil {
		c.t.Errorf("verify beside the server: %v\n%s", err, out)
	}
}
