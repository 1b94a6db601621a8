package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"taocan/internal/alert"
	"taocan/internal/clock"
	"taocan/internal/config"
	"taocan/internal/debit"
	"taocan/internal/server"
	"taocan/internal/store"
	"taocan/internal/store/postgres"
	"taocan/internal/store/sqlite"
)

// A worker is a process of its own that a run starts: this program again, told by its standard input what to do. It is either a
// whole server, whose memory and processor time are then nobody else's, or callers with an engine on a database that other
// processes have as well. Words are JSON; the first is a job, and each after it asks for one in return. A worker ends with its
// standard input, so with the process that started it.

// job is what a worker is started for.
type job struct {
	Data, DatabaseURL string

	// A server has none of these.
	Callers          int
	Writers          int
	Projects         []Project
	Seed, Streams    uint64 // Streams: taken by others
	Warmup, Duration time.Duration
}

// word is what a worker answers.
type word struct {
	Error               string
	URL                 string // of a server that listens
	Memory              memory
	CPU                 time.Duration
	Operations, Commits int64
	Sample              *sample // of a load that has ended
}

// worker is one as its starter sees it.
type worker struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *json.Decoder
	stderr bytes.Buffer
}

// hire starts a worker and returns when it is ready. It is killed when ctx ends.
func (b *bench) hire(ctx context.Context, j job) (w *worker, ready word, err error) {
	if len(b.Worker) == 0 {
		return nil, ready, errors.New("no program is named that workers run")
	}
	w = &worker{cmd: exec.CommandContext(ctx, b.Worker[0])}
	w.cmd.Args = b.Worker[1:]
	w.cmd.Stderr = &w.stderr
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // ctrl-C is for us; we end it
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		return nil, ready, err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, ready, err
	}
	w.out = json.NewDecoder(out)
	if err := w.cmd.Start(); err != nil {
		return nil, ready, fmt.Errorf("start a worker: %w", err)
	}
	if err = w.tell(j); err == nil {
		ready, err = w.hear()
	}
	if err != nil {
		return nil, ready, errors.Join(err, w.dismiss())
	}
	return w, ready, nil
}

func (w *worker) tell(what any) error { return json.NewEncoder(w.in).Encode(what) }

func (w *worker) hear() (said word, err error) {
	if err := w.out.Decode(&said); err != nil {
		return said, fmt.Errorf("hear from a worker: %w", err)
	}
	if said.Error != "" {
		return said, fmt.Errorf("a worker: %s", said.Error)
	}
	return said, nil
}

func (w *worker) ask() (word, error) {
	if err := w.tell(struct{}{}); err != nil {
		return word{}, fmt.Errorf("ask a worker: %w", err)
	}
	return w.hear()
}

// dismiss waits until it has stopped what it runs.
func (w *worker) dismiss() error {
	if err := errors.Join(w.in.Close(), w.cmd.Wait()); err != nil {
		return fmt.Errorf("a worker: %w\n%s", err, w.stderr.Bytes()[max(0, w.stderr.Len()-2000):])
	}
	return nil
}

// Work is what a worker does.
func Work(ctx context.Context, in io.Reader, out io.Writer, c clock.Clock) error {
	var j job
	from := json.NewDecoder(in)
	if err := from.Decode(&j); err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	do := work
	if j.Callers == 0 {
		do = workAsServer
	}
	to := json.NewEncoder(out)
	err := do(ctx, j, c, func(said word) (more bool, err error) {
		if err := to.Encode(said); err != nil {
			return false, err
		}
		err = from.Decode(&struct{}{})
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil && to.Encode(word{Error: err.Error()}) == nil {
		return nil // it is told
	}
	return err
}

// workAsServer tells how the server does whenever it is asked.
func workAsServer(ctx context.Context, j job, c clock.Clock, say func(word) (bool, error)) error {
	s, err := startServer(ctx, j.settings(), c)
	if err != nil {
		return err
	}
	forgetMemory()
	for more := true; more && err == nil; {
		stats := s.Debits.Stats()
		more, err = say(word{URL: s.URL(), Memory: memoryNow(), CPU: processorTime(), Operations: stats.Operations, Commits: stats.Commits})
	}
	return errors.Join(err, s.Stop(ctx))
}

func (j job) settings() config.Settings {
	s := config.Defaults()
	s.Data, s.DatabaseURL = j.Data, j.DatabaseURL
	return s
}

// startServer starts one on a free port of this machine.
func startServer(ctx context.Context, settings config.Settings, c clock.Clock) (*server.Server, error) {
	settings.Addr = "127.0.0.1:0"
	s, err := server.Open(ctx, server.Options{Settings: settings, Clock: c, Serves: true})
	if err != nil {
		return nil, err
	}
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// work runs the job's callers once it is asked to.
func work(ctx context.Context, j job, c clock.Clock, say func(word) (bool, error)) (err error) {
	st, err := j.open(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	engine := debit.New(debit.Config{Store: st, Clock: c, Watch: alert.Watch, Writers: j.Writers})
	engine.Start(ctx)
	forgetMemory()
	more, err := say(word{})
	if err != nil || !more {
		return errors.Join(err, engine.Stop(ctx))
	}
	b := bench{Config: Config{Clock: c}, seed: j.Seed, streams: j.Streams}
	s := load{clock: c, warmup: j.Warmup, duration: j.Duration, callers: b.inProcess(j.Callers, j.Projects, engine.Do)}.run(ctx)
	m := memoryNow()
	if err := engine.Stop(ctx); err != nil {
		return err
	}
	stats := engine.Stats()
	_, err = say(word{Sample: &s, Memory: m, Operations: stats.Operations, Commits: stats.Commits})
	return err
}

func (j job) open(ctx context.Context, c clock.Clock) (store.Store, error) {
	if j.DatabaseURL == "" {
		return sqlite.Open(ctx, sqlite.Options{Dir: j.Data, Clock: c})
	}
	return postgres.Open(ctx, postgresOptions(j.settings(), c))
}

// process is the job of one of several that share a database, each with a folder of its own.
func (b *bench) process(c *Case, db Database, i int) job {
	s := db.Settings()
	j := job{Data: filepath.Join(s.Data, fmt.Sprintf("process-%d", i+1)), DatabaseURL: s.DatabaseURL, Callers: c.Callers / c.Processes, Writers: b.Target.Writers(),
		Projects: db.Projects()[:c.Projects], Seed: b.seed, Streams: b.streams, Warmup: b.warmup(), Duration: b.Duration}
	b.streams += uint64(j.Callers)
	return j
}
