package fault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// place is where calls are asked: a worker, or a server.
type place interface {
	ask(calls ...call) []said
	wait(ctx context.Context) bool
}

// process can be killed and started again. Safe for concurrent use.
type process struct {
	t       *testing.T
	command func() *exec.Cmd // one that prints {"url": …} once it answers
	client  *http.Client
	refused atomic.Int64 // answers that said unavailable, as against none

	mu    sync.Mutex
	cmd   *exec.Cmd
	stdin io.Closer
	log   *lockedBuffer
	url   string        // empty while it is down
	up    chan struct{} // closed once url is set
}

// newProcess is one that has not been started. It ends with the test.
func newProcess(t *testing.T, command func() *exec.Cmd) *process {
	p := &process{t: t, command: command, up: make(chan struct{}), log: &lockedBuffer{},
		client: &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 512}}}
	t.Cleanup(p.kill)
	return p
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

func (p *process) start() {
	p.t.Helper()
	if err := p.tryStart(); err != nil {
		p.t.Fatalf("a process does not start: %v\n%s", err, p.log)
	}
}

// tryStart returns once the process answers.
func (p *process) tryStart() error {
	cmd, log := p.command(), &lockedBuffer{}
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
	p.mu.Lock()
	p.log = log
	p.mu.Unlock()
	var said struct{ URL string }
	if err := json.NewDecoder(out).Decode(&said); err != nil {
		_ = stdin.Close()
		_ = cmd.Process.Kill() // an error means that it has ended
		return errors.Join(err, cmd.Wait())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd, p.stdin, p.url = cmd, stdin, said.URL
	close(p.up)
	return nil
}

// kill ends it at any instant.
func (p *process) kill() { _ = p.end(syscall.SIGKILL) }

// stop ends it in an orderly way, and returns how it ended.
func (p *process) stop() error { return p.end(syscall.SIGTERM) }

func (p *process) end(how syscall.Signal) error {
	p.mu.Lock()
	cmd, stdin := p.cmd, p.stdin
	if cmd != nil {
		p.cmd, p.url, p.up = nil, "", make(chan struct{})
	}
	p.mu.Unlock()
	if cmd == nil {
		return nil
	}
	_ = cmd.Process.Signal(how) // an error means that it has ended
	err := cmd.Wait()
	_ = stdin.Close()
	p.client.CloseIdleConnections()
	return err
}

// wait returns when it is up; false when ctx ends before.
func (p *process) wait(ctx context.Context) bool {
	p.mu.Lock()
	up := p.up
	p.mu.Unlock()
	select {
	case <-up:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// address of it; an error while it is down.
func (p *process) address() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.url == "" {
		return "", errors.New("the process is down")
	}
	return p.url, nil
}

// worker is a process with a store and the engine in it (worker_test.go).
type worker struct {
	*process
	settings settings
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
	t.Helper()
	encoded, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return &worker{settings: s, process: newProcess(t, func() *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), workerEnv+"="+string(encoded))
		return cmd
	})}
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
	url, err := w.address()
	if err != nil {
		return err
	}
	r, err := w.client.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer r.Body.Close()
	return json.NewDecoder(r.Body).Decode(answers)
}

// must asks until the call is done.
func must(t *testing.T, at place, c call) said {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		a := at.ask(c)[0]
		if a.Err == "" {
			return a
		}
		if a.Err != unavailable || time.Now().After(end) {
			t.Fatalf("%+v: %s %s", c, a.Err, a.Detail)
		}
	}
}
