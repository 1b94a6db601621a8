package console_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"taocan/internal/edge"
	"taocan/internal/taocan"
)

// The login form may be told to lead to somebody else's link, and does so from this site: the visitor used to work in
// that other's name from then on. A program that only asks what the link is used to spend it.
func TestASignInLinkIsOpenedByNobodyButAPerson(t *testing.T) {
	e := newEnv(t)
	e.member("ann", taocan.Owner)
	code, err := e.access.SignInCode(t.Context(), "ann")
	e.must(err)
	link, b := "/login/code?code="+code, e.stranger()
	for _, site := range []string{"cross-site", "same-site", "same-origin"} {
		b.get(link, "Sec-Fetch-Site", site).wantPage(t, http.StatusForbidden, "请求被拒绝")
	}
	head := b.send(http.MethodHead, link, "", nil)
	if head.status != http.StatusMethodNotAllowed || head.header.Get("Allow") != http.MethodGet || b.session() != "" {
		t.Errorf("HEAD: %d, Allow %q, session %q; want 405, GET and none", head.status, head.header.Get("Allow"), b.session())
	}
	b.get(link, "Sec-Fetch-Site", "none").wantRedirect(t, "/")
	b.get("/packages/domestic").wantPage(t, http.StatusOK, "ann")
}

// A link that was sent around used to open the purchase with the agreement accepted.
func TestALinkAcceptsNoAgreement(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Owner)
	for site, want := range map[string]bool{"cross-site": false, "same-site": false, "none": false, "same-origin": true} {
		page := b.get("/packages/domestic?buy=1&hundreds=50&agreed=sample-1", "Sec-Fetch-Site", site)
		page.wantPage(t, http.StatusOK)
		attributes, _, there := page.field("agreed")
		if _, ticked := attributes["checked"]; !there || ticked != want {
			t.Errorf("from %s the box is there: %t, ticked: %t; want it ticked: %t", site, there, ticked, want)
		}
		if _, hundreds, _ := page.field("hundreds"); hundreds != "50" {
			t.Errorf("from %s the dialog holds %q hundreds, want 50", site, hundreds)
		}
	}
}

// Each link of a page used to repeat an address of any length: 60 KB asked for made 1.4 MB.
func TestNoPageRepeatsAnEndlessAddress(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Owner)
	for _, path := range []string{"/settings/self", "/packages/domestic", "/orders", "/nothing/here"} {
		plain, long := b.get(path), b.get(path+"?x="+strings.Repeat("%22", 10_000))
		if len(long.body) > len(plain.body)+4096 {
			t.Errorf("%s has %d bytes, and %d where the address is long", path, len(plain.body), len(long.body))
		}
	}
	b.get("/packages/domestic?q="+strings.Repeat("x", 256)).wantPage(t, http.StatusOK, "没有符合条件的套餐包")
	b.get("/packages/domestic?q="+strings.Repeat("x", 257)).wantPage(t, http.StatusUnprocessableEntity)
}

// begin opens a connection and sends a form that is announced longer than what comes.
func begin(t *testing.T, server *httptest.Server, path, session string, sent, announced int) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil { // the test has failed by then
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: console\r\nCookie: taocan_session=%s\r\nContent-Type: application/x-www-form-urlencoded\r\n"+
		"Content-Length: %d\r\n\r\n%s", path, session, announced, strings.Repeat("x", sent))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// Such a form used to be waited for much longer than a request may take.
func TestAFormThatDoesNotComeIsGivenUp(t *testing.T) {
	e := newEnv(t)
	front := &edge.Front{Log: slog.New(slog.DiscardHandler), Clock: e.clock, Timeout: 50 * time.Millisecond}
	server := httptest.NewServer(front.Wrap(e.server.Config.Handler))
	defer server.Close()
	answer, err := io.ReadAll(begin(t, server, "/login", "", 5, 100))
	if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 503 ")) {
		t.Errorf("answered %.100q, error %v; want 503 and the end of the connection", answer, err)
	}
}

// Forms that were sent slowly used to take as much memory as somebody had connections.
func TestFormsOnTheirWayAreBounded(t *testing.T) {
	e := newEnv(t)
	session := e.signIn(taocan.Viewer).session()
	const most = 64 << 20 / (256 << 10) // in flight, of the largest
	answers := make(chan string, most+10)
	for range most + 10 {
		// A quarter has come, so room for the whole has been made.
		conn := begin(t, e.server, "/settings/self/password", session, 64<<10+1, 256<<10)
		go func() {
			status := make([]byte, len("HTTP/1.1 503"))
			_, _ = io.ReadFull(conn, status) // the others are cut off at the end
			answers <- string(status)
		}()
	}
	if got := <-answers; got != "HTTP/1.1 503" {
		t.Errorf("the first answer is %q, want 503 for one form too many", got)
	}
}
