package fault

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// worker is a process that can be killed and started again. Safe for concurrent use.
type worker struct {
	t        *testing.T
	settings settings
	client   *http.Client
	refused  atomic.Int64 // answers that said unavailable, as against none

	mu    sync.Mutex
	cmd   *exec.Cmd
	stdin io.Closer
	log   *lockedBuffer
	url   string        // empty while it is down
	up    chan struct{} // closed once url is set
}

// lockedBuffer takes what a process writes while the test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newWorker starts one that ends with the test.
func newWorker(t *testing.T, s settings) *worker {
	t.Helper()
	w := downWorker(t, s)
	w.start()
	return w
}

// downWorker is one that has not been started.
func downWorker(t *testing.T, s settings) *worker {
	w := &worker{t: t, settings: s, up: make(chan struct{}),
		client: &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 512}}}
	t.Cleanup(w.kill)
	return w
}

func (w *worker) start() {
	w.t.Helper()
	if err := w.tryStart(); err != nil {
		w.t.Fatalf("a worker does not start: %v\n%s", err, w.log)
	}
}

// tryStart returns once the worker answers.
func (w *worker) tryStart() error {
	encoded, err := json.Marshal(w.settings)
	if err != nil {
		return err
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), workerEnv+"="+string(encoded))
	log := &lockedBuffer{}
	cmd.Stderr = log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	w.mu.Lock()
	w.log = log
	w.mu.Unlock()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = stdin.Close()
		return errors.Join(err, cmd.Wait())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cmd, w.stdin, w.url = cmd, stdin, strings.TrimSpace(line)
	close(w.up)
	return nil
}

// kill ends it at any instant.
func (w *worker) kill() { w.end(func(cmd *exec.Cmd) { _ = cmd.Process.Kill() }) }

// stop ends it in an orderly way.
func (w *worker) stop() { w.end(func(*exec.Cmd) {}) }

func (w *worker) end(how func(*exec.Cmd)) {
	w.mu.Lock()
	cmd, stdin := w.cmd, w.stdin
	if cmd != nil {
		w.cmd, w.url, w.up = nil, "", make(chan struct{})
	}
	w.mu.Unlock()
	if cmd == nil {
		return
	}
	how(cmd)
	_ = stdin.Close()
	_ = cmd.Wait() // killed, or told to end
	w.client.CloseIdleConnections()
}

// wait returns when it is up; false when ctx ends before.
func (w *worker) wait(ctx context.Context) bool {
	w.mu.Lock()
	up := w.up
	w.mu.Unlock()
	select {
	case <-up:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// ask returns an answer for each call. Where none came it is unavailable: whether anything was done is unknown.
func (w *worker) ask(calls ...call) []said {
	answers := make([]said, len(calls))
	if err := w.post(calls, &answers); err != nil || len(answers) != len(calls) {
		answers = make([]said, len(calls))
		for i := range answers {
			answers[i] = said{Err: unavailable, Detail: "no answer came"}
		}
		return answers
	}
	for _, a := range answers {
		if a.Err == unavailable {
			w.refused.Add(1)
		}
	}
	return answers
}

func (w *worker) post(calls []call, answers *[]said) error {
	body, err := json.Marshal(calls)
	if err != nil {
		return err
	}
	w.mu.Lock()
	url := w.url
	w.mu.Unlock()
	if url == "" {
		return errors.New("the worker is down")
	}
	r, err := w.client.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer r.Body.Close()
	return json.NewDecoder(r.Body).Decode(answers)
}

// must asks until the call is done.
func (w *worker) must(c call) said {
	w.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		a := w.ask(c)[0]
		if a.Err == "" {
			return a
		}
		if a.Err != unavailable || time.Now().After(end) {
			w.t.Fatalf("%+v: %s %s\n%s", c, a.Err, a.Detail, w.log)
		}
	}
}
