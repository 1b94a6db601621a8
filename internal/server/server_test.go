package server

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"taocan/internal/access"
	"taocan/internal/clock"
	"taocan/internal/config"
	"taocan/internal/order"
	"taocan/internal/packages"
	"taocan/internal/store"
	"taocan/internal/store/sqlite"
	"taocan/internal/taocan"
)

var (
	start  = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	tenant = taocan.Tenant{Account: "acme", Project: "main"}
)

func settings(dir string) config.Settings {
	s := config.Defaults()
	s.Addr, s.Data = "127.0.0.1:0", dir
	return s
}

func open(t *testing.T, s config.Settings, c clock.Clock) *Server {
	t.Helper()
	server, err := Open(context.Background(), Options{Settings: s, Clock: c, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// stock makes a customer with a marketing package of 100 and money, and returns a token of its project.
func stock(t *testing.T, s *Server) string {
	t.Helper()
	ctx := context.Background()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	_, err := s.Access.CreateAccount(ctx, taocan.System(), access.AccountRequest{ID: tenant.Account, Level: taocan.Enterprise})
	must(err)
	_, err = s.Access.CreateProject(ctx, taocan.System(), access.ProjectRequest{ID: tenant.Project, Account: tenant.Account})
	must(err)
	_, _, err = s.Packages.Grant(ctx, taocan.System(), tenant, "grant", []byte("grant"), packages.GrantRequest{
		Category: taocan.Domestic, Purpose: taocan.Marketing, Quantity: 100, ValidityMonths: 1, Reason: "test"})
	must(err)
	_, _, err = s.Orders.Gift(ctx, taocan.System(), tenant.Account, order.WalletChange{Key: "gift", ContentHash: []byte("gift"), Amount: 100_00, Reason: "test"})
	must(err)
	secret, _, err := s.Access.CreateToken(ctx, taocan.System(), access.TokenRequest{Tenant: tenant,
		Scopes: []taocan.Scope{taocan.ScopeRead, taocan.ScopeBuy, taocan.ScopeDebit}})
	must(err)
	return secret
}

func TestTheFirstOperatorIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, settings(dir), clock.System())
	path := s.PasswordFile()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the password file has mode %o, want 600", info.Mode().Perm())
	}
	password, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Access.SignIn(context.Background(), FirstOperator, strings.TrimSpace(string(password)), "here"); err != nil {
		t.Errorf("sign in with the password of the file: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, settings(dir), clock.System())
	defer again.Close()
	if again.PasswordFile() != path {
		t.Errorf("the second start names %q, want a reminder of %s as long as the file is there", again.PasswordFile(), path)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, password) {
		t.Errorf("the second start changed the password file (error %v)", err)
	}
}

func TestTheFolderIsHeldByOneProcess(t *testing.T) {
	dir := t.TempDir()
	s := open(t, settings(dir), clock.System())
	defer s.Close()
	if _, err := Open(context.Background(), Options{Settings: settings(dir), Clock: clock.System()}); !errors.Is(err, sqlite.ErrHeld) {
		t.Errorf("a second open: error %v, want ErrHeld", err)
	}
}

func TestWhoeverUsesTheSocketIsAnOperator(t *testing.T) {
	for name, dir := range map[string]string{
		"a short path":                          t.TempDir(),
		"a path longer than a socket's address": filepath.Join(t.TempDir(), strings.Repeat("long-", 30), "data"),
	} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
				t.Fatal(err)
			}
			s := open(t, settings(dir), clock.System())
			if err := s.Start(ctx); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(filepath.Join(dir, socketName))
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != 0o600 {
				t.Errorf("the socket has mode %o, want 600", info.Mode().Perm())
			}
			over := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return DialSocket(ctx, dir) }}}
			answer, err := over.Post("http://taocan/v1/operator/accounts", "application/json", strings.NewReader(`{"id":"acme"}`))
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != http.StatusCreated {
				t.Errorf("over the socket: status %d, want 201", answer.StatusCode)
			}
			page, err := s.Access.AuditEntries(ctx, store.AuditFilter{Paging: store.Paging{Limit: 1}})
			if err != nil || page.Items[0].By != "system" || page.Items[0].Address != "local" {
				t.Errorf("audit %+v (error %v), want system, local", page.Items, err)
			}
			answer, err = http.Get(s.URL() + "/v1/operator/accounts")
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != http.StatusUnauthorized {
				t.Errorf("over the address: status %d, want 401", answer.StatusCode)
			}
			over.CloseIdleConnections()
			if err := s.Stop(ctx); err != nil {
				t.Errorf("stop: %v", err)
			}
			if _, err := os.Lstat(filepath.Join(dir, socketName)); !os.IsNotExist(err) {
				t.Errorf("the socket is still there after the stop (error %v)", err)
			}
		})
	}
}

func TestADeadSocketIsReplaced(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, socketName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, settings(dir), clock.System())
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	conn, err := DialSocket(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if err := s.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// TestStopAnswersWhatIsUnderWay stops while a debit's body is still being sent.
func TestStopAnswersWhatIsUnderWay(t *testing.T) {
	ctx := context.Background()
	s := open(t, settings(t.TempDir()), clock.System())
	token := stock(t, s)
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	// The server asks for the body (100 Continue) from inside the handler: from then on the request is under way.
	underWay := make(chan struct{})
	trace := &httptrace.ClientTrace{Got100Continue: func() { close(underWay) }}
	body, send := io.Pipe()
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), http.MethodPost, s.URL()+"/v1/projects/main/debits", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Expect", "100-continue")
	answered := make(chan error, 1)
	go func() {
		client := http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute}}
		answer, err := client.Do(r)
		if err == nil {
			defer answer.Body.Close()
			if text, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusCreated {
				err = errors.New(answer.Status + " " + string(text))
			}
		}
		answered <- err
	}()
	<-underWay
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(ctx) }()
	if _, err := io.WriteString(send, `{"id":"m-1","category":"domestic","purpose":"marketing","quantity":3}`); err != nil {
		t.Fatal(err)
	}
	send.Close()
	if err := <-answered; err != nil {
		t.Errorf("the request under way: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestStopGivesUpAtItsDeadline(t *testing.T) {
	ctx := context.Background()
	set := settings(t.TempDir())
	set.StopTimeout = time.Millisecond
	s := open(t, set, clock.System())
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// A first answer shows that the connection was accepted; half a request keeps it busy.
	if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nPOST /v1/sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nContent-Type: application/json\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stop: %v", err)
	}
	if _, err := sqlite.Open(ctx, sqlite.Options{Dir: set.Data, Clock: clock.System()}); err != nil {
		t.Errorf("the folder is not free after the stop: %v", err)
	}
}

// Close ends connections, not what serves them: the store used to be closed while a handler was writing.
func TestStopWaitsForHandlersThatWereGivenUp(t *testing.T) {
	ctx := context.Background()
	set := settings(t.TempDir())
	set.StopTimeout = time.Millisecond
	s := open(t, set, clock.System())
	inside, stopped, worked := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	s.handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(inside)
		<-r.Context().Done()
		select { // a stop that does not wait for us is over by then
		case <-stopped:
		case <-time.After(200 * time.Millisecond):
		}
		worked <- s.Store.View(ctx, func(store.Reader) error { return nil })
	})
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = http.Post(s.URL(), "", strings.NewReader("never read")) }() //nolint:bodyclose // no answer comes
	<-inside
	err := s.Stop(ctx)
	close(stopped)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stop: %v, want DeadlineExceeded", err)
	}
	if err := <-worked; err != nil {
		t.Errorf("the store, for a handler that still runs: %v", err)
	}
	again, err := sqlite.Open(ctx, sqlite.Options{Dir: set.Data, Clock: clock.System()})
	if err != nil {
		t.Fatalf("the folder is not free after the stop: %v", err)
	}
	again.Close()
}

func TestAStoreIsNotClosedUnderAHandler(t *testing.T) {
	ctx := context.Background()
	set := settings(t.TempDir())
	set.StopTimeout = time.Millisecond
	s := open(t, set, clock.System())
	s.grace = time.Millisecond
	inside, release := make(chan struct{}), make(chan struct{})
	s.handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(inside)
		<-release
	})
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = http.Get(s.URL()) }() //nolint:bodyclose // no answer comes
	<-inside
	if err := s.Stop(ctx); err == nil || !strings.Contains(err.Error(), "1 requests did not end") {
		t.Errorf("stop: %v, want it to say that a request did not end", err)
	}
	if err := s.Store.View(ctx, func(store.Reader) error { return nil }); err != nil {
		t.Errorf("the store was closed under a request: %v", err)
	}
	close(release)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// Bodies that are announced and do not come used to take all room for bodies: eight sockets stopped every debit.
func TestIdleConnectionsDoNotStopDebits(t *testing.T) {
	ctx := context.Background()
	set := settings(t.TempDir())
	s := open(t, set, clock.System())
	token := stock(t, s)
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	// Being asked for its body, by 100 Continue, shows that a request is being read from; a refusal ends it.
	idle := func(path, length, authorization, want string) {
		t.Helper()
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: application/json\r\n"+authorization+length+"\r\n"); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "HTTP/1.1 "+want) {
			t.Errorf("%s %q: %q (error %v), want %s", path, length, line, err, want)
		}
	}
	const large, chunked = "Content-Length: 8388608\r\n", "Transfer-Encoding: chunked\r\n"
	for range 20 {
		idle("/v1/sign-in", large, "", "413")
		idle("/v1/sign-in", "Content-Length: 8192\r\n", "", "100")
		idle("/v1/sign-in", chunked, "", "100")
		idle("/v1/projects/main/debits", large, "Authorization: Bearer "+token+"\r\n", "100")
		idle("/v1/projects/main/debits", chunked, "Authorization: Bearer "+token+"\r\n", "100")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL()+"/v1/projects/main/debits",
		strings.NewReader(`{"id":"m-1","category":"domestic","purpose":"marketing","quantity":3}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusCreated {
		t.Errorf("a debit beside idle connections: %s %s, want 201", answer.Status, text)
	}
	http.DefaultClient.CloseIdleConnections()
	s.settings.StopTimeout = time.Millisecond // they are not worth waiting for
	if err := s.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stop: %v", err)
	}
}

func TestSweepersWriteWhatTheClockDecided(t *testing.T) {
	ctx := context.Background()
	c := clock.NewFake(start)
	s := open(t, settings(t.TempDir()), c)
	defer s.Close()
	stock(t, s)
	buyer := taocan.Actor{Tenant: tenant, Scopes: []taocan.Scope{taocan.ScopeBuy}}
	agreement, err := s.Catalog.Agreement(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Orders.Create(ctx, buyer, "o", []byte("o"), taocan.Purchase{Kind: taocan.Custom, Category: taocan.Domestic,
		Purpose: taocan.Verification, Quantity: 100}, agreement.Version); err != nil {
		t.Fatal(err)
	}
	written := func() (closed bool, expired bool) {
		t.Helper()
		err := s.Store.View(ctx, func(r store.Reader) error {
			orders, err := r.Orders(ctx, tenant, "", start, store.Paging{Limit: 1}) // as of the start: only what is written counts
			if err != nil {
				return err
			}
			closed = orders.Items[0].State == taocan.OrderClosed
			unmarked, err := r.Unmarked(ctx, c.Now(), 10)
			expired = len(unmarked) == 0
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return closed, expired
	}
	c.Jump(50 * 24 * time.Hour)
	s.sweepOnce(ctx)
	if closed, expired := written(); closed || expired {
		t.Errorf("after a jump that nobody confirmed: order closed %t, package marked %t; want neither", closed, expired)
	}
	s.Debits.ConfirmClock()
	s.sweepOnce(ctx)
	if closed, expired := written(); !closed || !expired {
		t.Errorf("after the jump was confirmed: order closed %t, package marked %t; want both", closed, expired)
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	set := settings(filepath.Join(dir, "data"))
	set.TLSCert, set.TLSKey = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	pool := writeCertificate(t, set.TLSCert, set.TLSKey)
	s := open(t, set, clock.System())
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(s.URL(), "https://127.0.0.1:") {
		t.Errorf("URL %s, want https", s.URL())
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	answer, err := client.Get(s.URL() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	client.CloseIdleConnections()
	if err := s.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

func writeCertificate(t *testing.T, certFile, keyFile string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: clock.System().Now().Add(-time.Hour), NotAfter: clock.System().Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for file, b := range map[string][]byte{certFile: cert, keyFile: pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})} {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return pool
}

func TestAProcessThatOnlyAdministratesNeedsNoStart(t *testing.T) {
	s := open(t, settings(t.TempDir()), clock.System())
	defer s.Close()
	w := httptest.NewRecorder()
	s.OperatorHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/operator/products", nil))
	var got struct {
		Items []struct{ ID string } `json:"items"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK || len(got.Items) != 3 {
		t.Errorf("status %d, %s (error %v); want the three shipped products", w.Code, w.Body, err)
	}
}

// Commands are not told how long ids are remembered; what the server was told holds for them.
func TestCommandsRememberIDsAsTheServerDoes(t *testing.T) {
	x := settings(t.TempDir())
	for _, days := range []int{365, 7} {
		x.IdempotencyDays = days
		s, err := Open(t.Context(), Options{Settings: x, Clock: clock.System(), Serves: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		x.IdempotencyDays = config.Defaults().IdempotencyDays
		command := open(t, x, clock.System())
		windows := []time.Duration{command.database.Window()}
		if err := command.Close(); err != nil {
			t.Fatal(err)
		}
		for _, open := range []func() (Opened, error){
			func() (Opened, error) { return OpenReader(t.Context(), x, clock.System()) },
			func() (Opened, error) { return OpenUpkeep(t.Context(), x, clock.System(), nil) },
		} {
			st, err := open()
			if err != nil {
				t.Fatal(err)
			}
			windows = append(windows, st.Window())
			if err := st.Close(); err != nil {
				t.Fatal(err)
			}
		}
		for _, window := range windows {
			if want := time.Duration(days) * 24 * time.Hour; window != want {
				t.Errorf("a command remembers ids for %s, the server for %s", window, want)
			}
		}
	}
}
