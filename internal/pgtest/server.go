package pgtest

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Options of NewServer.
type Options struct {
	Settings []string // of postgresql.conf, as "name=value"
	NoSync   bool     // a crash of the machine may lose everything; a killed server loses nothing
}

// Server is a PostgreSQL of a test's own. Owned by the test: not safe for concurrent use.
type Server struct {
	Port     int
	bin, dir string
	owner    *syscall.Credential
	settings []string
	process  *exec.Cmd     // nil while stopped
	ended    chan struct{} // closed when process has ended
}

// patience bounds every wait for a server; it is no figure of interest.
const patience = 60 * time.Second

// NewServer starts a server that ends with the test.
func NewServer(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := newServer(o)
	if err != nil {
		absent(t, err)
	}
	t.Cleanup(s.remove)
	if err := s.initialize(); err != nil {
		t.Fatal(err)
	}
	s.Start(t)
	return s
}

// empty is the data folder of a server that has never run, made once for the test binary: a copy takes a fraction of the time.
var empty = sync.OnceValues(func() (string, error) {
	s, err := newServer(Options{})
	if err != nil {
		return "", err
	}
	return s.data(), s.run("initdb", "-D", s.data(), "-U", "taocan", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync", "--no-instructions")
})

func (s *Server) initialize() error {
	from, err := empty()
	if err != nil {
		return err
	}
	if out, err := exec.Command("cp", "-a", from, s.data()).CombinedOutput(); err != nil { // -a: whoever owns it goes on to
		return fmt.Errorf("copy %s: %w\n%s", from, err, out)
	}
	return nil
}

// newServer makes the folder and whoever removes it.
func newServer(o Options) (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, settings: o.Settings}
	if s.owner, err = owner(); err != nil {
		return nil, err
	}
	if o.NoSync {
		s.settings = append([]string{"fsync=off", "synchronous_commit=off", "full_page_writes=off"}, s.settings...)
	}
	if s.dir, err = folder(s.owner); err != nil {
		return nil, err
	}
	return s, reap(s.dir, filepath.Join("data", "postmaster.pid"), syscall.SIGQUIT)
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }
func (s *Server) log() string  { return filepath.Join(s.dir, "log") }

// URL of a database of the server.
func (s *Server) URL(database string) string { return s.address().url(database) }

func (s *Server) address() address {
	host := net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port))
	return address{url.URL{Scheme: "postgres", User: url.User("taocan"), Host: host, Path: "/postgres", RawQuery: "sslmode=disable"}}
}

// Start starts it, again on the same data and port after Stop or Kill, and waits until it answers.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) start() error {
	tries := 1
	if s.Port == 0 {
		tries = 5 // somebody else may take the port that was free
	}
	var err error
	for range tries {
		port := s.Port
		if port == 0 {
			if port, err = freePort(); err != nil {
				return err
			}
		}
		if err = s.startOn(port); err == nil {
			s.Port = port
			return nil
		}
	}
	return err
}

func (s *Server) startOn(port int) error {
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	args := []string{"-D", s.data(), "-p", strconv.Itoa(port), "-k", s.dir, "-h", "127.0.0.1",
		"-c", "max_connections=300", "-c", "shared_buffers=64MB", "-c", "autovacuum=off", "-c", "log_min_messages=warning"}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	cmd := s.command("postgres", args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	s.process, s.ended = cmd, make(chan struct{})
	go func(ended chan struct{}) {
		_ = cmd.Wait() // how it ended stands in its log
		close(ended)
	}(s.ended)
	if err := s.await(port); err != nil {
		s.signal(syscall.SIGQUIT)
		return err
	}
	return nil
}

// await returns when the server takes connections.
func (s *Server) await(port int) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	at := *s
	at.Port = port
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := pgconn.Connect(ctx, at.URL("postgres"))
		if err == nil {
			return c.Close(ctx)
		}
		select {
		case <-tick.C:
		case <-s.ended:
			return fmt.Errorf("postgres ended at once:\n%s", s.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("postgres does not answer: %w\n%s", err, s.lastWords())
		}
	}
}

func (s *Server) lastWords() string {
	b, err := os.ReadFile(s.log())
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-2000):])
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// Stop ends it in an orderly way: connections are cut, everything is written.
func (s *Server) Stop() { s.signal(syscall.SIGINT) }

// Kill ends it like the kernel would that needs the memory: the postmaster and all its children, at any point.
func (s *Server) Kill() {
	if s.process == nil {
		return
	}
	children := childrenOf(s.process.Process.Pid)
	_ = s.process.Process.Kill() // an error means that it has ended
	for _, pid := range children {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	<-s.ended
	s.process = nil
	// A child that is not gone yet holds the shared memory, and no new server starts beside it.
	for _, pid := range children {
		for n := 0; n < 500 && alive(pid); n++ {
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func (s *Server) signal(sig syscall.Signal) {
	if s.process == nil {
		return
	}
	_ = s.process.Process.Signal(sig) // an error means that it has ended
	<-s.ended
	s.process = nil
}

func (s *Server) remove() {
	s.signal(syscall.SIGQUIT)
	_ = os.RemoveAll(s.dir) // what is left the reaper tries again
}

// childrenOf lists processes by their parent, as Linux tells; elsewhere children end by themselves a moment later.
func childrenOf(parent int) (children []int) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	for _, path := range stats {
		if pid, ppid, _ := stat(path); ppid == parent {
			children = append(children, pid)
		}
	}
	return children
}

// alive tells whether a process runs; one that waits to be buried does not.
func alive(pid int) bool {
	_, _, state := stat(fmt.Sprintf("/proc/%d/stat", pid))
	return state != "" && state != "Z"
}

// stat reads "pid (name) state ppid …".
func stat(path string) (pid, ppid int, state string) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, -1, "" // ended meanwhile
	}
	head, rest, _ := strings.Cut(string(b), " (")
	fields := strings.Fields(rest[strings.LastIndexByte(rest, ')')+1:])
	if len(fields) < 2 {
		return 0, -1, ""
	}
	pid, err = strconv.Atoi(head)
	if err != nil {
		return 0, -1, ""
	}
	if ppid, err = strconv.Atoi(fields[1]); err != nil {
		return 0, -1, ""
	}
	return pid, ppid, fields[0]
}

// Standby starts a server that follows this one by streaming and answers reads. It ends with the test.
func (s *Server) Standby(t testing.TB) *Server {
	t.Helper()
	b, err := newServer(Options{Settings: s.settings})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.remove)
	if err := b.run("pg_basebackup", "-D", b.data(), "-R", "-X", "stream", "-c", "fast", "--no-sync",
		"-h", "127.0.0.1", "-p", strconv.Itoa(s.Port), "-U", "taocan"); err != nil {
		t.Fatal(err)
	}
	b.Start(t)
	return b
}

// Promote makes a standby a server of its own, that takes writes.
func (s *Server) Promote(t testing.TB) {
	t.Helper()
	if err := s.Exec(t.Context(), "postgres", "SELECT pg_promote(true, 60)"); err != nil {
		t.Fatal(err)
	}
}

// Exec runs a statement in a database.
func (s *Server) Exec(ctx context.Context, database, statement string) error {
	return s.address().exec(ctx, database, statement)
}
