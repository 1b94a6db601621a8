package edge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/clock"
	"taocan/internal/taocan"
)

func TestDecodeIsStrict(t *testing.T) {
	for _, body := range []string{``, ` `, `{`, `}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `[1,]`, `{,}`, `01`, `1.`, `.5`, `-`, `+1`, `1e`, `NaN`, `Infinity`, `nul`, `truE`,
		`'a'`, `"a`, "\"a\nb\"", `"\x"`, `"\u12"`, `"\u12g4"`, `"\ud800"`, `"\ud800\u0041"`, `"\udc00"`, "\"\xff\"", "{\"\xff\":1}", `1 2`, `{}x`, "\ufeff{}", `{1:2}`, `{"a":1 "b":2}`,
		strings.Repeat("[", 1_000_000), `/* */ {}`} {
		if v, p := Decode([]byte(body)); p == nil || p.Status != 400 || p.Code != "invalid_request" {
			t.Errorf("Decode(%.40q) = %v, %v; want 400 invalid_request", body, v, p)
		}
	}
	got, p := Decode([]byte(` {"a":[1,-2,9223372036854775807,9223372036854775808,1.5,1e3],"b":"\u4e2d\ud83d\ude00\n","c":{"d":null,"e":true}} `))
	want := map[string]any{"a": []any{int64(1), int64(-2), int64(9223372036854775807), Literal("9223372036854775808"), Literal("1.5"), Literal("1e3")},
		"b": "中😀\n", "c": map[string]any{"d": nil, "e": true}}
	if diff := cmp.Diff(any(want), got); diff != "" || p != nil {
		t.Errorf("Decode: %v\n%s", p, diff)
	}
	_, p = Decode([]byte(`{"a":{"b":[{"c":1,"\u0063":2}]},"a":1,"A":1}`))
	if p == nil || p.Status != 422 {
		t.Fatalf("a field given twice: %v, want 422", p)
	}
	wantErrors := []taocan.FieldError{{Location: "body.a.b[0].c", Message: "is given twice"}, {Location: "body.a", Message: "is given twice"}}
	if diff := cmp.Diff(wantErrors, p.Errors); diff != "" {
		t.Error(diff)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5,"\ud83d\ude00",null,true]}`, `"\ud800"`, `1e999`, `[[[]]]`, `{"a":1,"a":2}`, "\"\xff\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, p := Decode(body)
		if p != nil {
			if p.Status == 400 || p.Status == 422 {
				return // we refuse more than encoding/json does
			}
			t.Fatalf("%q: %+v", body, p)
		}
		var want any
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if err := d.Decode(&want); err != nil {
			t.Fatalf("%q: accepted, but encoding/json says %v", body, err)
		}
		a, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		// -0 is the integer 0 here, and stays "-0" there.
		if x, y := strings.ReplaceAll(string(a), "-0", "0"), strings.ReplaceAll(string(b), "-0", "0"); x != y {
			t.Fatalf("%q: read as %s, encoding/json reads %s", body, a, b)
		}
	})
}

func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"plain", "a\"b\\c\n\t\r\b\f\x00\x1f\x7f", "中文\U0001f600", "\xff\xc0", "\u2028\u2029", "<&>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(s); err != nil {
			t.Fatal(err)
		}
		if got := string(AppendString(nil, s)) + "\n"; got != want.String() {
			t.Errorf("AppendString(%q) = %s, want %s", s, got, want.String())
		}
	})
}

func TestErrorsBecomeProblemsByOneTable(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{taocan.Invalid("body.quantity", "must be at least 1", int64(0)), `{"type":"/docs#error-invalid_request","title":"Invalid request","status":422,"detail":"body.quantity: must be at least 1","code":"invalid_request","errors":[{"location":"body.quantity","message":"must be at least 1","value":0}]}`},
		{&taocan.ForbiddenError{Required: "buy", Detail: "the token lacks the scope buy"}, `{"type":"/docs#error-forbidden","title":"Forbidden","status":403,"detail":"the token lacks the scope buy","code":"forbidden","required":"buy"}`},
		{taocan.ErrNotFound, `{"type":"/docs#error-not_found","title":"Not found","status":404,"detail":"there is no such thing here","code":"not_found"}`},
		{&taocan.QuotaError{Requested: 3, Available: 2}, `{"type":"/docs#error-insufficient_quota","title":"Insufficient quota","status":409,"detail":"3 requested, 2 available","code":"insufficient_quota","requested":3,"available":2}`},
		{&taocan.FundsError{Total: 440, Available: 100, Missing: 340}, `{"type":"/docs#error-insufficient_funds","title":"Insufficient funds","status":409,"detail":"the order costs 4.40, 1.00 is available, 3.40 is missing","code":"insufficient_funds","total":"4.40","available":"1.00","missing":"3.40"}`},
		{&taocan.StateError{What: "order", State: "paid"}, `{"type":"/docs#error-order_not_pending","title":"Not possible in this state","status":409,"detail":"the order is paid","code":"order_not_pending","state":"paid"}`},
		{&taocan.StateError{What: "reservation", State: "released"}, `{"type":"/docs#error-reservation_not_open","title":"Not possible in this state","status":409,"detail":"the reservation is released","code":"reservation_not_open","state":"released"}`},
		{&taocan.AgreementError{CurrentVersion: "2"}, `{"type":"/docs#error-agreement_not_accepted","title":"Agreement not accepted","status":409,"detail":"agreement version 2 has to be accepted","code":"agreement_not_accepted","current_version":"2"}`},
		{&taocan.VoucherError{Reason: "used"}, `{"type":"/docs#error-voucher_not_usable","title":"Voucher not usable","status":409,"detail":"the voucher cannot be used: used","code":"voucher_not_usable","reason":"used"}`},
		{&taocan.SaleError{Code: taocan.CodeNotMultiple, Detail: "a multiple of 100"}, `{"type":"/docs#error-quantity_not_multiple","title":"Not for sale","status":422,"detail":"a multiple of 100","code":"quantity_not_multiple"}`},
		{taocan.ErrUnavailable, `{"type":"/docs#error-unavailable","title":"Unavailable","status":503,"detail":"try again with the same id","code":"unavailable"}`},
		{context.DeadlineExceeded, `{"type":"/docs#error-unavailable","title":"Unavailable","status":503,"detail":"it took too long: try again with the same id","code":"unavailable"}`},
	} {
		// What is wrapped around it names ids and stays inside.
		if got := string(ProblemOf(fmt.Errorf("pay order O-secret: %w", tt.err)).Append(nil)); got != tt.want {
			t.Errorf("%v becomes\n%s\nwant\n%s", tt.err, got, tt.want)
		}
	}
	if p := ProblemOf(&taocan.RateError{RetryAfter: 1500 * time.Millisecond}); p.GetHeaders().Get("Retry-After") != "2" || p.Status != 429 {
		t.Errorf("rate limit: %+v", p)
	}
	long := ProblemOf(taocan.Invalid("body.x", strings.Repeat("é", 500), strings.Repeat("é", 500)))
	if b := long.Append(nil); len(b) > 800 || !json.Valid(b) || bytes.Contains(b, []byte("\ufffd")) {
		t.Errorf("a huge value is shown as %d bytes: %s", len(b), b)
	}
	many := make([]taocan.FieldError, 1000)
	if b := ProblemOf(&taocan.InvalidError{Fields: many}).Append(nil); !json.Valid(b) || bytes.Count(b, []byte("location")) != maxErrors {
		t.Errorf("a thousand bad fields: %d are shown", bytes.Count(b, []byte("location")))
	}
}

func TestWhatTheTableDoesNotListIsLoggedOnceAndShownAsARequestID(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	front := &Front{Log: logger, Clock: clock.NewFake(noon), Timeout: time.Minute, Epoch: "e"}
	for name, h := range map[string]http.HandlerFunc{
		"an error": func(w http.ResponseWriter, r *http.Request) {
			Fail(r.Context(), logger, errors.New("disk on fire")).Write(w)
		},
		"a panic": func(http.ResponseWriter, *http.Request) { panic("disk on fire") },
	} {
		log.Reset()
		w := httptest.NewRecorder()
		front.Wrap(h).ServeHTTP(w, httptest.NewRequest("GET", "/x", nil))
		id := w.Header().Get("X-Request-Id")
		if w.Code != 500 || !strings.Contains(w.Body.String(), id) || strings.Contains(w.Body.String(), "fire") || !strings.Contains(w.Body.String(), `"code":"internal"`) {
			t.Errorf("%s: answer %d %s", name, w.Code, w.Body)
		}
		if strings.Count(log.String(), "level=ERROR") != 1 || !strings.Contains(log.String(), "fire") || strings.Count(log.String(), "msg=request ") != 1 || !strings.Contains(log.String(), id) {
			t.Errorf("%s: log\n%s", name, &log)
		}
	}
}

func TestABrokenOffAnswerIsLogged(t *testing.T) {
	var log bytes.Buffer
	front := &Front{Log: slog.New(slog.NewTextHandler(&log, nil)), Clock: clock.NewFake(noon), Timeout: time.Minute}
	h := front.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer func() {
		if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
			t.Errorf("recovered %v, want the server to see ErrAbortHandler", p)
		}
		if strings.Count(log.String(), "msg=request ") != 1 || strings.Contains(log.String(), "ERROR") {
			t.Errorf("log\n%s", &log)
		}
	}()
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/x", nil))
}

func TestARequestHasATimeLimit(t *testing.T) {
	front := &Front{Log: slog.New(slog.DiscardHandler), Clock: clock.NewFake(noon), Timeout: 0}
	w := httptest.NewRecorder()
	front.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		Fail(r.Context(), slog.New(slog.DiscardHandler), fmt.Errorf("read: %w", r.Context().Err())).Write(w)
	})).ServeHTTP(w, httptest.NewRequest("GET", "/x", nil))
	if w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("out of time: %d %v", w.Code, w.Header())
	}
}

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func bodyRequest(size int, announced bool) *http.Request {
	var body io.Reader = strings.NewReader(strings.Repeat("x", size))
	if !announced {
		body = io.MultiReader(body)
	}
	r := httptest.NewRequest("POST", "/x", body)
	if !announced {
		r.ContentLength = -1
	}
	return known(r)
}

// known is the request of somebody whom the gate has let in.
func known(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), requestKey{}, &Request{Actor: taocan.System()}))
}

// idle blocks like a connection that has announced a body and sends none.
type idle struct{ until <-chan struct{} }

func (i idle) Read([]byte) (int, error) {
	<-i.until
	return 0, io.ErrUnexpectedEOF
}

func TestAnnouncedBodiesThatDoNotComeHoldNothingUp(t *testing.T) {
	var bodies Bodies
	done := make(chan struct{})
	var waiting sync.WaitGroup
	for range 100 {
		r := known(httptest.NewRequest("POST", "/x", idle{done}))
		r.ContentLength = MaxBody
		waiting.Go(func() { _, _ = bodies.Read(httptest.NewRecorder(), r) })
	}
	body, err := bodies.Read(httptest.NewRecorder(), bodyRequest(MaxBody, true))
	if err != nil {
		t.Errorf("a large body beside 100 that were only announced: %v", err)
	} else {
		body.Release()
	}
	close(done)
	waiting.Wait()
	if n := bodies.inFlight.Load(); n != 0 {
		t.Errorf("%d bytes are still counted", n)
	}
}

// net/http reads on before it answers, and used to wait without end for a body that does not come.
func TestABodyThatDoesNotComeIsAnsweredInTime(t *testing.T) {
	var bodies Bodies
	front := &Front{Log: slog.New(slog.DiscardHandler), Clock: clock.NewFake(noon), Timeout: 50 * time.Millisecond}
	server := httptest.NewServer(front.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := bodies.Read(w, r)
		if err == nil {
			body.Release()
		}
		ProblemOf(err).Write(w)
	})))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil { // the test has failed by then
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 503 ")) {
		t.Errorf("answered %.100q, error %v; want 503 and the end of the connection", answer, err)
	}
	if n := bodies.inFlight.Load(); n != 0 {
		t.Errorf("%d bytes are still counted", n)
	}
}

func TestAStrangersBodyIsSmall(t *testing.T) {
	var bodies Bodies
	for size, want := range map[int]int{8 << 10: 0, 8<<10 + 1: 413} {
		for _, length := range []int64{int64(size), -1} {
			r := httptest.NewRequest("POST", "/x", strings.NewReader(strings.Repeat("x", size)))
			r.ContentLength = length
			_, err := bodies.Read(httptest.NewRecorder(), r)
			if p := ProblemOf(err); want == 0 && err != nil || want != 0 && (p == nil || p.Status != want) {
				t.Errorf("%d bytes: %v, want %d", size, err, want)
			}
		}
	}
}

func TestABodyOfTooManyValuesIsNotTakenApart(t *testing.T) {
	items := func(n int) []byte { return []byte(`{"debits":[` + strings.Repeat("0,", n) + `0]}`) }
	if _, p := Decode(items(149_990)); p != nil {
		t.Errorf("as many as fit: %v", p)
	}
	for _, body := range [][]byte{items(150_000), items(4_000_000), []byte(`{"debits":[` + strings.Repeat("{},", 200_000) + `{}]}`)} {
		if _, p := Decode(body); p == nil || p.Status != 422 || p.Code != "invalid_request" || len(p.Errors) != 1 {
			t.Errorf("%d bytes of junk: %v, want one 422", len(body), p)
		}
	}
}

func TestAFailureInsideIsNoAnswer(t *testing.T) {
	for _, cause := range []error{taocan.ErrNotFound, taocan.ErrConflict, taocan.ErrInvalid} {
		p := Fail(t.Context(), slog.New(slog.DiscardHandler), fmt.Errorf("%w: %w", taocan.ErrUnavailable, cause))
		if p.Status != 503 || p.Code != "unavailable" {
			t.Errorf("unavailable because of %v: %d %s, want 503", cause, p.Status, p.Code)
		}
	}
}

func TestBodiesAreBounded(t *testing.T) {
	var bodies Bodies
	for _, announced := range []bool{true, false} {
		for _, tt := range []struct{ size, status int }{{0, 0}, {1, 0}, {4095, 0}, {4096, 0}, {4097, 0}, {MaxBody, 0}, {MaxBody + 1, 413}} {
			body, err := bodies.Read(httptest.NewRecorder(), bodyRequest(tt.size, announced))
			if tt.status == 0 {
				if err != nil || len(body.Bytes) != tt.size {
					t.Errorf("%d bytes, announced %t: error %v", tt.size, announced, err)
					continue
				}
				body.Release()
			} else if p := ProblemOf(err); p == nil || p.Status != tt.status || p.Code != "body_too_large" {
				t.Errorf("%d bytes, announced %t: %v, want %d", tt.size, announced, err, tt.status)
			}
		}
	}
	// Eight of the largest fit at once, a ninth does not, and room comes back.
	var held []*Body
	for range maxInFlight / MaxBody {
		body, err := bodies.Read(httptest.NewRecorder(), bodyRequest(MaxBody, true))
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, body)
	}
	_, err := bodies.Read(httptest.NewRecorder(), bodyRequest(1, true))
	if p := ProblemOf(err); p == nil || p.Status != 503 || p.RetryAfter == 0 {
		t.Errorf("beyond 64 MiB at once: %v, want 503 with Retry-After", err)
	}
	held[0].Release()
	body, err := bodies.Read(httptest.NewRecorder(), bodyRequest(1, true))
	if err != nil {
		t.Fatalf("with room again: %v", err)
	}
	body.Release()
	for _, b := range held[1:] {
		b.Release()
	}
	if n := bodies.inFlight.Load(); n != 0 {
		t.Errorf("%d bytes are still counted", n)
	}
	broken := known(httptest.NewRequest("POST", "/x", io.MultiReader(strings.NewReader("x"), brokenReader{})))
	if _, err := bodies.Read(httptest.NewRecorder(), broken); ProblemOf(err) == nil || ProblemOf(err).Status != 400 {
		t.Errorf("a body that breaks off: %v, want 400", err)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestWhoAsksBehindAProxy(t *testing.T) {
	front := &Front{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}}
	for _, tt := range []struct {
		name      string
		peer      string
		forwarded []string
		proto     string
		remote    string
		overTLS   bool
	}{
		{"nobody in between", "203.0.113.9:1", nil, "", "203.0.113.9", false},
		{"a stranger's headers are not believed", "203.0.113.9:1", []string{"198.51.100.1"}, "https", "203.0.113.9", false},
		{"a trusted proxy's are", "10.1.2.3:1", []string{"198.51.100.1"}, "https", "198.51.100.1", true},
		{"the client's own part is not", "10.1.2.3:1", []string{"1.1.1.1, 198.51.100.1"}, "http", "198.51.100.1", false},
		{"a chain of trusted proxies", "[::1]:1", []string{"1.1.1.1, 198.51.100.1", "10.9.9.9"}, "https", "198.51.100.1", true},
		{"nonsense ends the chain", "10.1.2.3:1", []string{"<script>, 10.9.9.9"}, "", "10.9.9.9", false},
		{"no header: the proxy itself asks", "10.1.2.3:1", nil, "", "10.1.2.3", false},
		{"IPv4 written as IPv6", "10.1.2.3:1", []string{"::ffff:198.51.100.1"}, "", "198.51.100.1", false},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = tt.peer
		for _, v := range tt.forwarded {
			r.Header.Add("X-Forwarded-For", v)
		}
		r.Header.Set("X-Forwarded-Proto", tt.proto)
		if remote, overTLS := front.origin(r); remote != tt.remote || overTLS != tt.overTLS {
			t.Errorf("%s: %s over TLS %v, want %s, %v", tt.name, remote, overTLS, tt.remote, tt.overTLS)
		}
	}
}
