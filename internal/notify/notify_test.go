package notify_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"golang.org/x/net/dns/dnsmessage"

	"taocan/internal/clock"
	"taocan/internal/delivery"
	"taocan/internal/notify"
	"taocan/internal/taocan"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// message is that domestic marketing is low, to a channel of the kind.
func message(kind taocan.ChannelKind, address, key string) delivery.Message {
	tenant := taocan.Tenant{Account: "alpha", Project: "alpha-1"}
	m := delivery.Message{ID: "msg_nt_1_ch_1", At: clock.System().Now(), ProjectName: "Shop",
		Notice: taocan.Notice{Tenant: tenant, ID: "nt_1", At: time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC), Event: taocan.NoticeLow, Rule: "domestic-marketing",
			Facts: taocan.NoticeFacts{Category: taocan.Domestic, Purpose: taocan.Marketing, Kind: taocan.AlertRemaining, Unit: taocan.InMessages, Threshold: 10000,
				Level: 10000, Remaining: 9999}},
		Channel: taocan.Channel{Tenant: tenant, ID: "ch_1", Kind: kind, Language: "en", Enabled: true},
		To:      delivery.Secrets{Address: address, Key: key}}
	if kind == taocan.Email {
		m.Channel.Address, m.To = address, delivery.Secrets{}
	}
	return m
}

// received is one request at a server.
type received struct {
	header http.Header
	query  url.Values
	body   []byte
}

// receiver answers with a status and a text and keeps what it got.
func receiver(t *testing.T, status int, answer string) (*httptest.Server, func() received) {
	t.Helper()
	got := make(chan received, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- received{r.Header, r.URL.Query(), body}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	return s, func() received { return <-got }
}

func local(change ...func(*notify.Config)) *notify.Sender {
	cfg := notify.Config{Networks: loopback, ConsoleURL: "https://sms.example.com/", Zone: time.FixedZone("", 8*3600)}
	for _, c := range change {
		c(&cfg)
	}
	return notify.New(cfg)
}

func TestWebhookIsVerifiedByTheLibraryOfStandardWebhooks(t *testing.T) {
	server, got := receiver(t, 204, "")
	newKey := "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 24))
	oldKey := "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{2}, 24))
	m := message(taocan.Webhook, server.URL+"/hook?token=abcdef", newKey)
	m.To.OldKey, m.To.OldUntil = oldKey, m.At.Add(time.Hour)
	verifies := func(r received, key string) bool {
		hook, err := standardwebhooks.NewWebhook(key)
		if err != nil {
			t.Fatal(err)
		}
		return hook.Verify(r.body, r.header) == nil
	}
	send := func() received {
		status, err := local().Send(t.Context(), m)
		if err != nil || status != 204 {
			t.Fatalf("got %d, %v; want 204", status, err)
		}
		return got()
	}
	r := send()
	if !verifies(r, newKey) || !verifies(r, oldKey) {
		t.Errorf("signature %q: both keys must verify within the day after a rotation", r.header.Get("Webhook-Signature"))
	}
	if r.query.Get("token") != "abcdef" || r.header.Get("Webhook-Id") != m.ID {
		t.Errorf("got query %v and id %s", r.query, r.header.Get("Webhook-Id"))
	}
	var event map[string]any
	if err := json.Unmarshal(r.body, &event); err != nil {
		t.Fatal(err)
	}
	data := event["data"].(map[string]any)
	if event["type"] != "alert.low" || event["timestamp"] != "2026-03-01T12:00:00+08:00" || data["project"] != "alpha-1" ||
		data["facts"].(map[string]any)["remaining"] != 9999.0 || data["link"] != "https://sms.example.com/alerts" {
		t.Errorf("got body %s", r.body)
	}
	m.To.OldUntil = m.At // its day is over
	r = send()
	if !verifies(r, newKey) || verifies(r, oldKey) {
		t.Error("after its day the old key must not sign")
	}
	r.body = append(r.body, ' ')
	if verifies(r, newKey) {
		t.Error("a changed body verifies")
	}
}

// formula is HMAC-SHA256 in base64, worked out here from the vendors' documentation.
func formula(key, text string) string {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func TestRobotsGetWhatTheirVendorsDocument(t *testing.T) {
	read := func(b []byte) (v map[string]any) {
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	const secret = "SECthis is secret"
	t.Run("DingTalk", func(t *testing.T) {
		server, got := receiver(t, 200, `{"errcode":0,"errmsg":"ok"}`)
		m := message(taocan.DingTalk, server.URL+"/robot/send?access_token=XXXXXX", secret)
		if _, err := local().Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		r := got()
		at := r.query.Get("timestamp")
		if at != strconv.FormatInt(m.At.UnixMilli(), 10) || r.query.Get("sign") != formula(secret, at+"\n"+secret) || r.query.Get("access_token") != "XXXXXX" {
			t.Errorf("got query %v", r.query)
		}
		body := read(r.body)
		if body["msgtype"] != "text" || !strings.Contains(body["text"].(map[string]any)["content"].(string), "9,999 left, below the level of 10,000 messages.") {
			t.Errorf("got body %s", r.body)
		}
	})
	t.Run("Feishu", func(t *testing.T) {
		server, got := receiver(t, 200, `{"code":0,"msg":"success","data":{}}`)
		m := message(taocan.Feishu, server.URL+"/open-apis/bot/v2/hook/xxxx", secret)
		m.Channel.Language = "zh"
		if _, err := local().Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		body := read(got().body)
		at, _ := body["timestamp"].(string)
		if at != strconv.FormatInt(m.At.Unix(), 10) || body["sign"] != formula(at+"\n"+secret, "") || body["msg_type"] != "text" ||
			!strings.Contains(body["content"].(map[string]any)["text"].(string), "国内会员营销余量不足") {
			t.Errorf("got body %v", body)
		}
	})
	t.Run("WeCom", func(t *testing.T) {
		server, got := receiver(t, 200, `{"errcode":0,"errmsg":"ok"}`)
		if _, err := local().Send(t.Context(), message(taocan.WeCom, server.URL+"/cgi-bin/webhook/send?key=abcdef", "")); err != nil {
			t.Fatal(err)
		}
		r := got()
		if body := read(r.body); body["msgtype"] != "text" || len(r.query) != 1 {
			t.Errorf("got query %v and body %s", r.query, r.body)
		}
	})
}

func TestRobotsAreJudgedByTheCodeInTheirAnswer(t *testing.T) {
	for _, tt := range []struct {
		kind   taocan.ChannelKind
		answer string
		want   string // part of the error; empty: delivered
	}{
		{taocan.DingTalk, `{"errcode":310000,"errmsg":"sign not match"}`, "code 310000: sign not match"},
		{taocan.WeCom, `{"errcode":93000,"errmsg":"invalid webhook url"}`, "code 93000"},
		{taocan.Feishu, `{"code":19021,"msg":"sign match fail or timestamp is not within one hour from current time"}`, "code 19021"},
		{taocan.Feishu, `{"StatusCode":0,"StatusMessage":"success"}`, ""},
		{taocan.DingTalk, `<html>welcome</html>`, "not understood: <html>welcome</html>"},
		{taocan.WeCom, `{}`, "says no code"},
	} {
		server, _ := receiver(t, 200, tt.answer)
		_, err := local().Send(t.Context(), message(tt.kind, server.URL+"/x?key=abcdef", ""))
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s answering %s: got %v, want %q", tt.kind, tt.answer, err, tt.want)
		}
	}
}

func TestReceiversThatFailDoNoHarm(t *testing.T) {
	hook := "whsec_" + base64.StdEncoding.EncodeToString([]byte("a key of the test"))
	endless := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(1<<30))
		block := bytes.Repeat([]byte("x"), 64<<10)
		for {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}
	drip := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte("x"))
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(time.Millisecond):
			}
		}
	}
	for _, tt := range []struct {
		name    string
		handle  http.HandlerFunc
		timeout time.Duration
		status  int
		want    string // part of the error; empty: delivered
	}{
		{"500", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "down\x00 for\nrepair", 500) }, 0, 500, "the receiver answered 500: down for repair"},
		{"410", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(410) }, 0, 410, "answered 410"},
		{"a redirect to the metadata service", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusFound)
		}, 0, 302, "a redirect, which is not followed"},
		{"a redirect to loopback", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
		}, 0, 307, "not followed"},
		{"an answer of 1 GiB", endless, 0, 200, ""},
		{"an answer byte by byte", drip, 300 * time.Millisecond, 200, "no complete answer within 300ms"},
		{"no headers", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 200 * time.Millisecond, 0, "no complete answer within 200ms"},
		{"an answer that repeats secrets", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no "+r.URL.String()+" "+hook, 404) }, 0, 404, "no …"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // only then does a server notice that its client has gone
				tt.handle(w, r)
			}))
			defer server.Close()
			sender := local(func(c *notify.Config) { c.Timeout = tt.timeout })
			status, err := sender.Send(t.Context(), message(taocan.Webhook, server.URL+"/in?token=s3cr3t-token", hook))
			if status != tt.status || (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %d, %v; want %d, %q", status, err, tt.status, tt.want)
			}
			if err != nil && (strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), hook)) {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
	t.Run("a closed port", func(t *testing.T) {
		server := httptest.NewServer(nil)
		server.Close()
		_, err := local().Send(t.Context(), message(taocan.Webhook, server.URL+"/in?token=s3cr3t-token", hook))
		if err == nil || strings.Contains(err.Error(), "s3cr3t") || !strings.Contains(err.Error(), "refused") {
			t.Errorf("got %v, want a refused connection without the address's key", err)
		}
	})
}

func TestAddressesThatAreNotPublicAreRefusedAtConnectTime(t *testing.T) {
	key := "whsec_" + base64.StdEncoding.EncodeToString([]byte("k"))
	for _, host := range []string{"127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.2.1",
		"198.18.0.1", "224.0.0.1", "255.255.255.255", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]", "[64:ff9b::7f00:1]", "[64:ff9b:1::a00:1]",
		"[fe80::1]", "[fd00::1]", "[fc00::1]", "[ff02::1]", "[2001:db8::1]", "[2002:7f00:1::]", "[2001::1]"} {
		_, err := notify.New(notify.Config{}).Send(t.Context(), message(taocan.Webhook, "https://"+host+"/", key))
		if err == nil || !strings.Contains(err.Error(), "not allowed") {
			t.Errorf("%s: got %v, want a refusal", host, err)
		}
	}
}

func TestWithoutTLSOnlyAllowedNetworksAreReached(t *testing.T) {
	server, _ := receiver(t, 204, "")
	key := "whsec_" + base64.StdEncoding.EncodeToString([]byte("k"))
	sender := notify.New(notify.Config{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	for _, address := range []string{server.URL, "http://8.8.8.8/"} {
		if _, err := sender.Send(t.Context(), message(taocan.Webhook, address, key)); err == nil || !strings.Contains(err.Error(), "not allowed") {
			t.Errorf("%s: got %v, want a refusal", address, err)
		}
	}
}

func TestCertificatesAreVerified(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	defer server.Close()
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	m := message(taocan.Webhook, server.URL, "whsec_"+base64.StdEncoding.EncodeToString([]byte("k")))
	if _, err := local().Send(t.Context(), m); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v, want a certificate that is not trusted", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	if _, err := local(func(c *notify.Config) { c.Roots = roots }).Send(t.Context(), m); err != nil {
		t.Errorf("with the certificate trusted: %v", err)
	}
}

// nameServer answers every question with one address.
func nameServer(t *testing.T, address netip.Addr) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var q dnsmessage.Message
			if q.Unpack(buf[:n]) != nil {
				continue
			}
			q.Response, q.Additionals = true, nil
			for _, question := range q.Questions {
				head := dnsmessage.ResourceHeader{Name: question.Name, Type: question.Type, Class: question.Class, TTL: 1}
				switch {
				case question.Type == dnsmessage.TypeA && address.Is4():
					q.Answers = append(q.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: address.As4()}})
				case question.Type == dnsmessage.TypeAAAA && !address.Is4():
					q.Answers = append(q.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: address.As16()}})
				}
			}
			if b, err := q.Pack(); err == nil {
				_, _ = conn.WriteTo(b, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func TestANameThatResolvesToTheInsideIsRefused(t *testing.T) {
	for _, address := range []string{"127.0.0.1", "169.254.169.254", "10.1.2.3", "::1", "::ffff:127.0.0.1", "fd00::1"} {
		sender := notify.New(notify.Config{Resolver: nameServer(t, netip.MustParseAddr(address))})
		_, err := sender.Send(t.Context(), message(taocan.Webhook, "https://hook.example.com/", "whsec_"+base64.StdEncoding.EncodeToString([]byte("k"))))
		if err == nil || !strings.Contains(err.Error(), "is not allowed") {
			t.Errorf("%s: got %v, want a refusal", address, err)
		}
	}
}

func TestALookUpThatFailsDoesNotShowTheNameServer(t *testing.T) {
	absent := nameServer(t, netip.MustParseAddr("127.0.0.1"))
	silent := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("dial udp 10.9.8.7:53: connection refused")
	}}
	for _, x := range []struct {
		resolver *net.Resolver
		host     string
		want     string
	}{
		{absent, strings.Repeat("a", 64) + ".example", "no such host"}, // no label is that long
		{silent, "hook.example.com", "could not be looked up"},
	} {
		sender := notify.New(notify.Config{Resolver: x.resolver})
		_, err := sender.Send(t.Context(), message(taocan.Webhook, "https://"+x.host+"/", "whsec_"+base64.StdEncoding.EncodeToString([]byte("k"))))
		if err == nil || !strings.Contains(err.Error(), x.want) || strings.Contains(err.Error(), ":53") {
			t.Errorf("%s: got %v, want %q without the server", x.host, err, x.want)
		}
	}
}

func TestAKeyThatAnAnswerRepeatsAtItsCutIsNotShown(t *testing.T) {
	const key = "0123456789abcdef"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, strings.Repeat("x", 190)+r.URL.Query().Get("key"))
	}))
	defer server.Close()
	_, err := local().Send(t.Context(), message(taocan.Webhook, server.URL+"/?key="+key, "whsec_"+base64.StdEncoding.EncodeToString([]byte("k"))))
	if err == nil || strings.Contains(err.Error(), key[:6]) {
		t.Errorf("got %v, want an error without a part of the key", err)
	}
}

func TestWhyAReceiverIsNotReachedIsSaidInWords(t *testing.T) {
	gone, _ := receiver(t, 204, "")
	gone.Close()
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer silent.Close()
	for _, x := range []struct {
		sender        *notify.Sender
		address, want string
	}{
		{local(), gone.URL, strings.TrimPrefix(gone.URL, "http://") + " refused the connection"},
		{local(), silent.URL, "the receiver closed the connection without an answer"},
		{notify.New(notify.Config{}), "https://127.0.0.1:9/", "the address 127.0.0.1 is not allowed: it is not public, and in no network of the setting webhook-allow-networks"},
		{local(), "http://8.8.8.8/", "the address 8.8.8.8 is not allowed without TLS: it is in no network of the setting webhook-allow-networks"},
	} {
		_, err := x.sender.Send(t.Context(), message(taocan.Webhook, x.address, "whsec_"+base64.StdEncoding.EncodeToString([]byte("k"))))
		if err == nil || err.Error() != x.want {
			t.Errorf("%s: got %v, want %q", x.address, err, x.want)
		}
	}
}

func TestNoProxyOfTheEnvironmentIsAsked(t *testing.T) {
	proxy, _ := receiver(t, 204, "")
	t.Setenv("HTTPS_PROXY", proxy.URL)
	t.Setenv("HTTP_PROXY", proxy.URL)
	_, err := notify.New(notify.Config{}).Send(t.Context(), message(taocan.Webhook, "https://10.0.0.1/", "whsec_"+base64.StdEncoding.EncodeToString([]byte("k"))))
	if err == nil || !strings.Contains(err.Error(), "10.0.0.1 is not allowed") {
		t.Errorf("got %v, want a refusal of the address itself", err)
	}
}

// post office is a mail server that keeps what it is given.
type postOffice struct {
	mu    sync.Mutex
	mails []string // guarded by mu
	to    []string // guarded by mu
}

type postSession struct {
	office *postOffice
	known  bool
}

func (o *postOffice) NewSession(*smtp.Conn) (smtp.Session, error) {
	return &postSession{office: o}, nil
}
func (s *postSession) AuthMechanisms() []string { return []string{sasl.Plain} }
func (s *postSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "robot" || password != "pass-of-mail" {
			return smtp.ErrAuthFailed
		}
		s.known = true
		return nil
	}), nil
}
func (s *postSession) Mail(string, *smtp.MailOptions) error {
	if !s.known {
		return smtp.ErrAuthRequired
	}
	return nil
}
func (s *postSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if strings.HasPrefix(to, "nobody@") {
		return &smtp.SMTPError{Code: 550, Message: "no such mailbox"}
	}
	s.office.mu.Lock()
	defer s.office.mu.Unlock()
	s.office.to = append(s.office.to, to)
	return nil
}
func (s *postSession) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	s.office.mu.Lock()
	defer s.office.mu.Unlock()
	s.office.mails = append(s.office.mails, string(b))
	return err
}
func (s *postSession) Reset()        {}
func (s *postSession) Logout() error { return nil }

// mailServer speaks STARTTLS, or TLS from the first byte; roots trust its certificate.
func mailServer(t *testing.T, implicit bool) (office *postOffice, port int, roots *x509.CertPool) {
	t.Helper()
	web := httptest.NewTLSServer(nil) // has a certificate for 127.0.0.1
	web.Close()
	roots = x509.NewCertPool()
	roots.AddCert(web.Certificate())
	office = &postOffice{}
	server := smtp.NewServer(office)
	server.Domain = "mail.example.com"
	server.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	certificate := &tls.Config{Certificates: web.TLS.Certificates}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port = listener.Addr().(*net.TCPAddr).Port
	if implicit {
		listener = tls.NewListener(listener, certificate)
	} else {
		server.TLSConfig = certificate
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return office, port, roots
}

func TestMailArrives(t *testing.T) {
	for _, way := range []string{notify.StartTLS, notify.ImplicitTLS} {
		t.Run(way, func(t *testing.T) {
			office, port, roots := mailServer(t, way == notify.ImplicitTLS)
			sender := local(func(c *notify.Config) {
				c.Roots = roots
				c.SMTP = notify.SMTP{Host: "127.0.0.1", Port: port, User: "robot", Password: "pass-of-mail", From: "SMS <sms@example.com>", TLS: way}
			})
			m := message(taocan.Email, "duty@example.com", "")
			m.Channel.Language = "zh"
			if _, err := sender.Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			office.mu.Lock()
			defer office.mu.Unlock()
			if len(office.mails) != 1 || office.to[0] != "duty@example.com" {
				t.Fatalf("got %d mails to %v", len(office.mails), office.to)
			}
			got, err := mail.ReadMessage(strings.NewReader(office.mails[0]))
			if err != nil {
				t.Fatal(err)
			}
			subject, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject"))
			if err != nil || subject != "【短信服务】Shop:国内会员营销余量不足" || got.Header.Get("Message-Id") != "<msg_nt_1_ch_1@example.com>" {
				t.Errorf("got subject %q (%v), id %q", subject, err, got.Header.Get("Message-Id"))
			}
		})
	}
}

func TestMailThatIsRefusedSaysWhyWithoutThePassword(t *testing.T) {
	_, port, roots := mailServer(t, false)
	for _, tt := range []struct {
		name, password, to, tls string
		want                    string
	}{
		{"a wrong password", "wrong-password", "duty@example.com", notify.StartTLS, "AUTH failed"},
		{"a mailbox that is not there", "pass-of-mail", "nobody@example.com", notify.StartTLS, "no such mailbox"},
		{"no encryption where the password would be seen", "pass-of-mail", "duty@example.com", notify.NoTLS, ""},
	} {
		sender := local(func(c *notify.Config) {
			c.Roots = roots
			c.SMTP = notify.SMTP{Host: "127.0.0.1", Port: port, User: "robot", Password: tt.password, From: "sms@example.com", TLS: tt.tls}
		})
		_, err := sender.Send(t.Context(), message(taocan.Email, tt.to, ""))
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), tt.password) {
			t.Errorf("%s: got %v, want %q and no password", tt.name, err, tt.want)
		}
	}
	if _, err := local().Send(t.Context(), message(taocan.Email, "duty@example.com", "")); err == nil || !strings.Contains(err.Error(), "smtp-host") {
		t.Errorf("without a server: got %v, want what to set", err)
	}
}

func TestAMailServerThatHangsEndsWithTheTry(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	sender := local(func(c *notify.Config) {
		c.Timeout = 200 * time.Millisecond
		c.SMTP = notify.SMTP{Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port, From: "sms@example.com", TLS: notify.NoTLS}
	})
	if _, err := sender.Send(t.Context(), message(taocan.Email, "duty@example.com", "")); err == nil || !strings.Contains(err.Error(), "200ms") {
		t.Errorf("got %v, want the end of the try", err)
	}
}

func TestEveryEventHasItsTextInBothLanguages(t *testing.T) {
	server, got := receiver(t, 204, "")
	events := []taocan.NoticeEvent{taocan.NoticeLow, taocan.NoticeReminder, taocan.NoticeRecovered, taocan.NoticeUsage, taocan.NoticeLimit, taocan.NoticeExpiring,
		taocan.NoticeRunsOut, taocan.NoticeUnused, taocan.NoticeTopUp, taocan.NoticeTopUpFailed, taocan.NoticeTest}
	for _, language := range []string{"zh", "en"} {
		for _, e := range events {
			m := message(taocan.Webhook, server.URL, "whsec_"+base64.StdEncoding.EncodeToString([]byte("k")))
			m.Channel.Language, m.Notice.Event = language, e
			if _, err := local().Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			var body struct{ Data struct{ Text string } }
			if err := json.Unmarshal(got().body, &body); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(body.Data.Text, "\n")
			if len(lines) != 4 || lines[0] == "" || strings.Contains(body.Data.Text, "%!") {
				t.Errorf("%s in %s: got %q, want a headline, a sentence, the time and a link", e, language, body.Data.Text)
			}
		}
	}
}

func TestSettingsOfMailDoNotShowThePassword(t *testing.T) {
	x := notify.SMTP{Host: "mail.example.com", Port: 587, User: "robot", Password: "pass-of-mail"}
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("mail", "smtp", x)
	if shown := out.String() + fmt.Sprintf("%v %+v %#v", x, x, x); strings.Contains(shown, "pass-of-mail") {
		t.Errorf("shown: %s", shown)
	}
}
