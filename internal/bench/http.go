package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// overHTTP opens a connection per caller; each sends its requests one after the other. end closes them.
func (b *bench) overHTTP(ctx context.Context, c *Case, host string, projects []Project) (callers []ask, end func(), err error) {
	dialer := net.Dialer{}
	conns := make([]*conn, 0, c.Callers)
	closeAll := func() {
		for _, x := range conns {
			_ = x.Close()
		}
	}
	for range c.Callers {
		to, err := dialer.DialContext(ctx, "tcp", host)
		if err != nil {
			closeAll()
			return nil, nil, fmt.Errorf("open connection %d of %d: %w", len(conns)+1, c.Callers, err)
		}
		x, ids := newConn(to, host, c.DebitsPerRequest), b.newIDs()
		conns = append(conns, x)
		callers = append(callers, func(context.Context) (int, error) { return x.debit(ids.project(projects), ids) })
	}
	unwatch := context.AfterFunc(ctx, closeAll)
	return callers, func() { unwatch(); closeAll() }, nil
}

// httpRun measures a whole server, a process of its own, over the loopback interface, on a new database.
func (b *bench) httpRun(ctx context.Context, c *Case) (_ Figures, err error) {
	db, err := b.Target.Make(ctx, c.Projects)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Remove(context.WithoutCancel(ctx))) }()
	s, server, err := b.serverLoad(ctx, c, db)
	if err != nil {
		return nil, err
	}
	if b.lastRun(c) {
		if err := b.reopen(ctx, c, db, s.Answered); err != nil {
			return nil, err
		}
	}
	f, err := c.figures(&s, server.Memory)
	if err != nil {
		return nil, err
	}
	f[ServerCPU] = round(ratio(float64(server.CPU.Microseconds()), s.Debits))
	f[DebitsPerCommit] = round(ratio(server.Operations, server.Commits))
	return f, nil
}

// serverLoad starts a server and says what it was like at the end of the load, with the processor time that it took meanwhile.
func (b *bench) serverLoad(ctx context.Context, c *Case, db Database) (s sample, server word, err error) {
	settings := db.Settings()
	w, server, err := b.hire(ctx, job{Data: settings.Data, DatabaseURL: settings.DatabaseURL})
	if err != nil {
		return s, server, err
	}
	defer func() { err = errors.Join(err, w.dismiss()) }()
	var asked [2]time.Duration // at the beginning of what counts, at its end
	var errs []error
	s, err = b.httpLoad(ctx, c, server.URL[len("http://"):], db.Projects(), func() time.Duration {
		said, err := w.ask()
		asked[0], asked[1], errs = asked[1], said.CPU, append(errs, err)
		return processorTime() + said.CPU
	})
	if err = errors.Join(append(errs, err)...); err != nil {
		return s, server, err
	}
	server, err = w.ask()
	server.CPU = asked[1] - asked[0]
	return s, server, err
}

// httpLoad counts the processor time of this process, or what cpu says.
func (b *bench) httpLoad(ctx context.Context, c *Case, host string, projects []Project, cpu func() time.Duration) (sample, error) {
	callers, end, err := b.overHTTP(ctx, c, host, projects)
	if err != nil {
		return sample{}, err
	}
	defer end()
	return load{clock: b.Clock, warmup: b.warmup(), duration: b.Duration, callers: callers, cpu: cpu}.run(ctx), nil
}

// httpGeneratorRun is the same connections with a server that reads a request and grants it at once: what HTTP itself,
// on both sides, leaves possible.
func (b *bench) httpGeneratorRun(ctx context.Context, c *Case) (_ Figures, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	status, answer := http.StatusCreated, []byte("{}")
	if c.DebitsPerRequest > 1 {
		status, answer = http.StatusOK, bytes.Repeat(grantedItem, c.DebitsPerRequest)
	}
	s := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // a cut connection is seen by the caller
		w.Header()["Content-Length"] = []string{fmt.Sprint(len(answer))}
		w.WriteHeader(status)
		_, _ = w.Write(answer)
	})}
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	sample, err := b.httpLoad(ctx, c, listener.Addr().String(), make([]Project, c.Projects), nil)
	err = errors.Join(err, s.Close())
	if end := <-served; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	if err != nil {
		return nil, err
	}
	f, err := c.figures(&sample, memory{})
	if err != nil {
		return nil, err
	}
	return Figures{GeneratorOnly: f[DebitsPerS], CPUPerDebit: f[CPUPerDebit]}, nil
}
