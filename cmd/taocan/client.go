package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"taocan/internal/clock"
	"taocan/internal/server"
)

// target says where an administrative command is carried out.
type target struct {
	folder `embed:""`
	URL    string `name:"url" env:"TAOCAN_URL" placeholder:"URL" help:"Ask the server at this address, with an operator's token, instead of the one that runs on the data folder, or the folder itself."`
	Token  string `name:"token" env:"TAOCAN_TOKEN" placeholder:"TOKEN" help:"Operator's token for --url."`
}

// client asks the REST API, wherever it answers.
type client struct {
	http  *http.Client
	base  string
	token string
	close func() error
}

const requestTimeout = 2 * time.Minute

// connect finds who answers: the given address, the server of the data folder, or the handler in this process, which opens the
// database that the settings name.
func (t *target) connect(ctx context.Context) (*client, error) {
	nothing := func() error { return nil }
	if t.URL != "" {
		if t.Token == "" {
			return nil, usage("--url needs an operator's token: --token or TAOCAN_TOKEN")
		}
		return &client{&http.Client{Timeout: requestTimeout}, strings.TrimSuffix(t.URL, "/"), t.Token, nothing}, nil
	}
	settings, err := t.settings()
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return server.DialSocket(ctx, settings.Data) }
	if conn, err := dial(ctx, "", ""); err == nil {
		_ = conn.Close()
		return &client{&http.Client{Timeout: requestTimeout, Transport: &http.Transport{DialContext: dial}}, "http://taocan", "", nothing}, nil
	}
	if !server.HasDatabase(settings) {
		return nil, fmt.Errorf("no server runs on %s and there is no database in it: taocan migrate makes one", settings.Data)
	}
	s, err := server.Open(ctx, server.Options{Settings: settings, Clock: clock.System()})
	if errors.Is(err, server.ErrHeld) {
		return nil, fmt.Errorf("a server holds the data folder %s but its socket does not answer: stop it first, or ask it with --url and --token", settings.Data)
	}
	if err != nil {
		return nil, err
	}
	return &client{&http.Client{Transport: inProcess{s.OperatorHandler()}}, "http://taocan", "", s.Close}, nil
}

// ask connects, calls once and prints the answer: as it is with --json, else by print.
func (t *target) ask(a *app, call func(*client) (json.RawMessage, error), print func(json.RawMessage) error) error {
	c, err := t.connect(a.ctx)
	if err != nil {
		return err
	}
	answer, err := call(c)
	if err := errors.Join(err, c.close()); err != nil {
		return err
	}
	if a.json {
		_, err = fmt.Fprintf(a.out, "%s\n", bytes.TrimSpace(answer))
		return err
	}
	return print(answer)
}

// show calls once and prints the named fields of the answer.
func (t *target) show(a *app, q request, names ...string) error {
	return t.ask(a, func(c *client) (json.RawMessage, error) { return c.do(a.ctx, q) },
		func(answer json.RawMessage) error { return a.fields(answer, names...) })
}

// list prints a whole list as a table of the named fields.
func (t *target) list(a *app, path string, query url.Values, names ...string) error {
	return t.ask(a, func(c *client) (json.RawMessage, error) { return c.all(a.ctx, path, query) },
		func(answer json.RawMessage) error { return a.table(answer, names...) })
}

// request is one call of the API.
type request struct {
	method string
	path   string
	query  url.Values
	body   any    // sent as JSON; an io.Reader is sent as text/csv
	key    string // Idempotency-Key
}

// do sends a request and returns the body of a good answer, or what the server had against it.
func (c *client) do(ctx context.Context, q request) (json.RawMessage, error) {
	body, contentType := io.Reader(nil), ""
	switch b := q.body.(type) {
	case nil:
	case io.Reader:
		body, contentType = b, "text/csv"
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			return nil, err
		}
		body, contentType = bytes.NewReader(encoded), "application/json"
	}
	address := c.base + q.path
	if len(q.query) > 0 {
		address += "?" + q.query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, q.method, address, body)
	if err != nil {
		return nil, usageError{err}
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if q.key != "" {
		r.Header.Set("Idempotency-Key", q.key)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if answer.StatusCode >= 300 {
		return nil, problem(answer.StatusCode, b)
	}
	return b, nil
}

// all collects a list page by page: {"items":[…]}.
func (c *client) all(ctx context.Context, path string, query url.Values) (json.RawMessage, error) {
	list := struct {
		Items []json.RawMessage `json:"items"`
	}{[]json.RawMessage{}}
	next := url.Values{}
	maps.Copy(next, query)
	for {
		answer, err := c.do(ctx, request{method: http.MethodGet, path: path, query: next})
		if err != nil {
			return nil, err
		}
		var page struct {
			Items []json.RawMessage `json:"items"`
			Next  string            `json:"next_cursor"`
		}
		if err := json.Unmarshal(answer, &page); err != nil {
			return nil, fmt.Errorf("read the answer: %w", err)
		}
		list.Items = append(list.Items, page.Items...)
		if page.Next == "" {
			return json.Marshal(list)
		}
		next.Set("per_page", "100") // lists that are always whole take no such parameter, so the first call has none
		next.Set("cursor", page.Next)
	}
}

// problem reads application/problem+json into one line.
func problem(status int, body []byte) error {
	var p struct {
		Detail string `json:"detail"`
		Code   string `json:"code"`
		Errors []struct {
			Location string `json:"location"`
			Message  string `json:"message"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &p) != nil || p.Code == "" {
		return fmt.Errorf("the server answered with status %d", status)
	}
	text := p.Detail
	if len(p.Errors) > 0 {
		var parts []string
		for _, e := range p.Errors {
			_, field, _ := strings.Cut(e.Location, ".") // body.quantity, query.as_of: the command line knows no bodies
			parts = append(parts, strings.TrimSpace(field+" "+e.Message))
		}
		text = strings.Join(parts, "; ")
	}
	return fmt.Errorf("%s (%s)", text, p.Code)
}

// randomKey makes one run of a command one request, however often it is sent.
func randomKey() string { return "cli-" + rand.Text() }

// download writes the body of a good answer to w, however long it is and takes. It is no JSON, so it is never printed.
func (c *client) download(ctx context.Context, path string, w io.Writer) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return usageError{err}
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	patient := *c.http
	patient.Timeout = 0 // the server bounds it
	answer, err := patient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		b, err := io.ReadAll(answer.Body)
		if err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		return problem(answer.StatusCode, b)
	}
	if _, err := io.Copy(w, answer.Body); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

// inProcess answers requests by a handler. A body is handed on as it is written, so that a long one is never held whole.
type inProcess struct{ handler http.Handler }

func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r = r.Clone(r.Context())
		r.Body = http.NoBody
	}
	read, write := io.Pipe()
	w := &answer{header: http.Header{}, body: write, begun: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if broken := recover(); broken != nil { // as a connection breaks off
				_ = write.CloseWithError(io.ErrUnexpectedEOF)
			}
			w.WriteHeader(http.StatusOK)
			_ = write.Close()
		}()
		t.handler.ServeHTTP(w, r)
	}()
	<-w.begun
	return &http.Response{StatusCode: w.status, Header: w.sent, Body: inProcessBody{read, done}, Request: r,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: -1}, nil
}

// inProcessBody is closed when its handler has returned.
type inProcessBody struct {
	*io.PipeReader
	done <-chan struct{}
}

func (b inProcessBody) Close() error {
	err := b.PipeReader.Close()
	<-b.done
	return err
}

// answer hands on what a handler writes.
type answer struct {
	header http.Header
	sent   http.Header // as it stood when the answer began
	status int
	begun  chan struct{}
	body   io.Writer
}

func (w *answer) Header() http.Header { return w.header }

func (w *answer) WriteHeader(status int) {
	if w.status == 0 {
		w.status, w.sent = status, w.header.Clone()
		close(w.begun)
	}
}

func (w *answer) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}
