package edge

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"taocan/internal/clock"
	"taocan/internal/taocan"
)

// streamed is a server whose answers are streams, and a connection to it. In a bubble its time passes by itself.
type streamed struct {
	t      *testing.T
	events chan string // a word before "|" is the name
	client net.Conn
	server *http.Server

	mu       sync.Mutex // guards the rest
	refused  error      // what the caller is told when it is looked at again
	checks   int
	answered time.Duration // when the handler ended, since the start; goesOn until then
	wasShort bool          // it counted as an ordinary answer
}

const goesOn = -1

// pipe is a listener of one connection.
type pipe struct {
	conns  chan net.Conn
	closed chan struct{}
	once   *sync.Once
}

func (p pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p pipe) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p pipe) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func newStreamed(t *testing.T, method string) *streamed {
	s := &streamed{t: t, events: make(chan string), answered: goesOn}
	began := time.Now()
	front := Front{Log: slog.New(slog.DiscardHandler), Clock: clock.NewFake(began), Timeout: 30 * time.Second,
		Observe: func(_, _ string, _ int, _ time.Duration, _ int64, streamed bool) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.answered, s.wasShort = time.Since(began), !streamed
		}}
	s.server = &http.Server{ReadTimeout: 2 * time.Minute, WriteTimeout: 5 * time.Minute,
		Handler: front.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			Stream(w, r, s.events, func(e string) (string, []byte) {
				name, data, _ := strings.Cut(e, "|")
				return name, []byte(data)
			}, func(r *http.Request) error {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.checks++
				return errors.Join(s.refused, r.Context().Err())
			})
		}))}
	s.server.Protocols = new(http.Protocols)
	s.server.Protocols.SetHTTP1(true)
	s.server.Protocols.SetUnencryptedHTTP2(true)
	ours, theirs := net.Pipe()
	s.client = ours
	listener := pipe{make(chan net.Conn, 1), make(chan struct{}), &sync.Once{}}
	listener.conns <- theirs
	go func() { _ = s.server.Serve(listener) }()
	if method == "" { // the test asks
		return s
	}
	if _, err := io.WriteString(ours, method+" / HTTP/1.1\r\nHost: taocan\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *streamed) stop() {
	s.client.Close()
	s.server.Close()
}

// after lets time pass and says when the handler ended.
func (s *streamed) after(d time.Duration) time.Duration {
	<-time.After(d) // on the bubble's clock
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answered
}

// open reads the head of the answer and its first line.
func (s *streamed) open() *bufio.Scanner {
	s.t.Helper()
	return s.opened(http.ReadResponse(bufio.NewReader(s.client), nil)) //nolint:bodyclose // it ends with the connection
}

func (s *streamed) opened(answer *http.Response, err error) *bufio.Scanner {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	for name, want := range map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"} {
		if got := answer.Header.Get(name); got != want {
			s.t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	lines := bufio.NewScanner(answer.Body)
	s.read(lines, "retry: 2000", "")
	return lines
}

func (s *streamed) read(lines *bufio.Scanner, want ...string) {
	s.t.Helper()
	for _, w := range want {
		if !lines.Scan() || lines.Text() != w {
			s.t.Fatalf("got line %q (error %v), want %q", lines.Text(), lines.Err(), w)
		}
	}
}

func TestAStreamOutlivesEveryTimeLimit(t *testing.T) {
	t.Run("HTTP/1.1", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStreamed(t, "GET")
			defer s.stop()
			s.lastsAnHour(s.open())
		})
	})
	// HTTP/2 ends streams at deadlines that have passed, whether they write or not.
	t.Run("HTTP/2", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStreamed(t, "")
			defer s.stop()
			transport := &http.Transport{Protocols: new(http.Protocols),
				DialContext: func(context.Context, string, string) (net.Conn, error) { return s.client, nil }}
			transport.Protocols.SetUnencryptedHTTP2(true)
			defer transport.CloseIdleConnections()
			answer, err := (&http.Client{Transport: transport}).Get("http://taocan/")
			lines := s.opened(answer, err)
			defer answer.Body.Close()
			if answer.ProtoMajor != 2 {
				t.Errorf("the answer came by %s", answer.Proto)
			}
			s.lastsAnHour(lines)
		})
	})
}

func (s *streamed) lastsAnHour(lines *bufio.Scanner) {
	s.t.Helper()
	s.events <- `balance|{"a":1}`
	s.read(lines, "event: balance", `data: {"a":1}`, "")
	s.events <- "|left out"
	s.events <- "page|<p>\r\nid: 7\n</p>"
	s.read(lines, "event: page", "data: <p>", "data: id: 7", "data: </p>", "")
	for range 4 * 60 { // in which nothing happens
		s.read(lines, ": keep", "")
	}
	if ended := s.after(0); ended != goesOn {
		s.t.Errorf("the stream ended after %v", ended)
	}
	s.events <- "order|{}"
	s.read(lines, "event: order", "data: {}", "")
	close(s.events)
	if lines.Scan() || lines.Err() != nil {
		s.t.Errorf("at the end got %q, error %v; want a proper end", lines.Text(), lines.Err())
	}
	if s.after(0); s.wasShort {
		s.t.Error("the stream was counted among the ordinary answers")
	}
	if s.checks != 12*60 {
		s.t.Errorf("the caller was looked at %d times in an hour, want each %v", s.checks, checkEvery)
	}
}

func TestAStreamEndsForOneWhoIsNoLongerLetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreamed(t, "GET")
		defer s.stop()
		lines := s.open()
		s.after(time.Minute - time.Second)
		go func() { // takes what comes
			for lines.Scan() {
			}
		}()
		s.mu.Lock()
		s.refused = taocan.ErrUnauthenticated
		s.mu.Unlock()
		if ended := s.after(10 * time.Second); ended == goesOn {
			t.Error("ten seconds after the token was revoked the stream goes on")
		}
	})
}

func TestAStreamEndsForOneWhoTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreamed(t, "GET") // whose answer nobody reads
		defer s.stop()
		if ended := s.after(unreadAfter - time.Second); ended != goesOn {
			t.Errorf("the stream ended after %v", ended)
		}
		if ended := s.after(time.Second); ended != unreadAfter {
			t.Errorf("the stream ended after %v, want %v", ended, unreadAfter)
		}
	})
}

func TestAStreamEndsWithItsConnectionAndItsServer(t *testing.T) {
	for name, end := range map[string]func(*streamed){
		"the caller goes":        func(s *streamed) { s.client.Close() },
		"the server gives it up": func(s *streamed) { s.server.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStreamed(t, "GET")
				defer s.stop()
				s.open()
				end(s)
				if ended := s.after(time.Millisecond); ended == goesOn {
					t.Error("the handler goes on")
				}
			})
		})
	}
	t.Run("its events end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStreamed(t, "HEAD") // which has none
			defer s.stop()
			answer, err := http.ReadResponse(bufio.NewReader(s.client), &http.Request{Method: "HEAD"})
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if ended := s.after(time.Millisecond); ended == goesOn {
				t.Error("the handler goes on")
			}
		})
	})
}

// Only Stream lifts the limit: what else a handler does still has it.
func TestUntimedKeepsTheRequest(t *testing.T) {
	base, cancel := context.WithCancel(t.Context())
	info := &Request{ID: "r-1", connection: base}
	ctx, over := context.WithTimeout(context.WithValue(base, requestKey{}, info), 0)
	defer over()
	r, err := http.NewRequestWithContext(ctx, "GET", "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	open := untimed(r)
	if open.Context().Err() != nil || r.Context().Err() == nil || RequestOf(open.Context()) != info {
		t.Errorf("the context says %v, of request %q", open.Context().Err(), RequestOf(open.Context()).ID)
	}
	if cancel(); open.Context().Err() == nil {
		t.Error("the connection has gone, and the request does not know")
	}
}
