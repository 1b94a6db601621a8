package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"taocan/internal/server"
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

// httpRun measures a whole server, over the loopback interface, on a new database.
func (b *bench) httpRun(ctx context.Context, c *Case) (_ Figures, err error) {
	db, err := b.Target.Make(ctx, c.Projects)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Remove(context.WithoutCancel(ctx))) }()
	s, err := b.serve(ctx, db)
	if err != nil {
		return nil, err
	}
	forgetMemory()
	sample, err := b.httpLoad(ctx, c, s.URL()[len("http://"):], db.Projects())
	m := memoryNow()
	stats := s.Debits.Stats()
	if err = errors.Join(err, s.Stop(context.WithoutCancel(ctx))); err != nil {
		return nil, err
	}
	if b.lastRun(c) {
		if err := b.reopen(ctx, c, db, sample.answered); err != nil {
			return nil, err
		}
	}
	f, err := c.figures(&sample, m)
	if err != nil {
		return nil, err
	}
	f[DebitsPerCommit] = round(ratio(stats.Operations, stats.Commits))
	return f, nil
}

func (b *bench) httpLoad(ctx context.Context, c *Case, host string, projects []Project) (sample, error) {
	callers, end, err := b.overHTTP(ctx, c, host, projects)
	if err != nil {
		return sample{}, err
	}
	defer end()
	return b.load(ctx, callers), nil
}

// serve starts a server on the database, listening on a free port of this machine.
func (b *bench) serve(ctx context.Context, db Database) (*server.Server, error) {
	settings := db.Settings()
	settings.Addr = "127.0.0.1:0"
	s, err := server.Open(ctx, server.Options{Settings: settings, Clock: b.Clock})
	if err != nil {
		return nil, err
	}
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
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
	sample, err := b.httpLoad(ctx, c, listener.Addr().String(), make([]Project, c.Projects))
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
