package test

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"taocan/internal/delivery"
	"taocan/internal/notify"
	"taocan/internal/store"
	"taocan/internal/taocan"
	"taocan/internal/vault"
)

// receivers are a real mail server and a real webhook, both of which can be down.
type receivers struct {
	t        *testing.T
	hook     *httptest.Server
	mail     *smtp.Server
	mailAddr string
	channels *delivery.Channels
	worker   *delivery.Worker

	mu      sync.Mutex
	down    bool                                // guarded by mu
	refused int                                 // guarded by mu: tries that met a receiver that was down
	secrets map[string]string                   // guarded by mu; by path of the hook
	hooks   map[taocan.ProjectID]map[string]int // guarded by mu; calls by webhook-id
	mails   map[string][]string                 // guarded by mu; message ids by recipient
}

func newReceivers(t *testing.T) *receivers {
	t.Helper()
	r := &receivers{t: t, secrets: map[string]string{}, hooks: map[taocan.ProjectID]map[string]int{}, mails: map[string][]string{}}
	r.hook = httptest.NewServer(http.HandlerFunc(r.called))
	t.Cleanup(r.hook.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.mailAddr = listener.Addr().String()
	r.mail = smtp.NewServer(r)
	r.mail.Domain = "localhost"
	go func() { _ = r.mail.Serve(listener) }()
	t.Cleanup(func() { _ = r.mail.Close() })
	return r
}

// called is the webhook: it trusts nothing that is not signed.
func (r *receivers) called(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		r.refused++
		http.Error(w, "down for maintenance", http.StatusInternalServerError)
		return
	}
	check, err := standardwebhooks.NewWebhook(r.secrets[req.URL.Path])
	if err == nil {
		err = check.VerifyIgnoringTimestamp(body, req.Header) // the month's clock is not the machine's
	}
	if err != nil || !json.Valid(body) {
		r.t.Errorf("a webhook call to %s that cannot be trusted: %v: %s", req.URL.Path, err, body)
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	project := taocan.ProjectID(strings.TrimPrefix(req.URL.Path, "/"))
	if r.hooks[project] == nil {
		r.hooks[project] = map[string]int{}
	}
	r.hooks[project][req.Header.Get("webhook-id")]++
}

// NewSession and the methods below make it a mail server.
func (r *receivers) NewSession(*smtp.Conn) (smtp.Session, error) { return &mailSession{r: r}, nil }

type mailSession struct {
	r  *receivers
	to string
}

func (s *mailSession) Mail(string, *smtp.MailOptions) error {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	if s.r.down {
		s.r.refused++
		return &smtp.SMTPError{Code: 451, Message: "try again later"}
	}
	return nil
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return nil
}

var messageID = regexp.MustCompile(`(?mi)^Message-ID:\s*(\S+)`)

func (s *mailSession) Data(body io.Reader) error {
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.r.mails[s.to] = append(s.r.mails[s.to], string(messageID.Find(text)))
	return nil
}

func (s *mailSession) Reset()        {}
func (s *mailSession) Logout() error { return nil }

// attach makes the channels and the worker on the month's store.
func (r *receivers) attach(m *month) {
	m.t.Helper()
	keys, err := vault.Load(filepath.Join(m.t.TempDir(), "master.key"), rand.Reader)
	m.must(err)
	r.channels = delivery.New(delivery.Config{Store: m.server.Store, Clock: m.clock, Vault: keys, PlainHTTP: true})
	sender := notify.New(notify.Config{Zone: m.server.Zone, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, SMTP: mailSettings(r.mailAddr)})
	r.worker = delivery.NewWorker(delivery.WorkerConfig{Store: m.server.Store, Clock: m.clock, Vault: keys, Sender: sender})
}

// join gives a customer both channels.
func (r *receivers) join(m *month, c *customer) {
	m.t.Helper()
	_, _, err := r.channels.Create(m.ctx, c.by, delivery.Request{Kind: taocan.Email, Name: "mail", Address: string(c.Account) + "@example.com", Language: "zh", Enabled: true})
	m.must(err)
	path := "/" + string(c.Project)
	_, secret, err := r.channels.Create(m.ctx, c.by, delivery.Request{Kind: taocan.Webhook, Name: "hook", Address: r.hook.URL + path, Language: "en", Enabled: true})
	m.must(err)
	r.mu.Lock()
	r.secrets[path] = secret
	r.mu.Unlock()
}

func (r *receivers) fail() { r.set(true) }
func (r *receivers) mend() { r.set(false) }

func (r *receivers) set(down bool) {
	r.mu.Lock()
	r.down = down
	r.mu.Unlock()
}

// deliver sends what is due.
func (r *receivers) deliver(m *month) {
	m.t.Helper()
	for {
		n, err := r.worker.Step(m.ctx)
		m.must(err)
		if n == 0 {
			return
		}
	}
}

func (r *receivers) told() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ids := range r.hooks {
		n += len(ids)
	}
	return n
}

// checkDeliveries proves that every notice came to both channels, once each, although both were down twice.
func (m *month) checkDeliveries(c *customer) {
	m.t.Helper()
	notices := m.notices(c)
	r := m.receivers
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.hooks[c.Project]) != len(notices) {
		m.t.Errorf("%s: %d notices, %d came to the webhook", c.Project, len(notices), len(r.hooks[c.Project]))
	}
	for id, n := range r.hooks[c.Project] {
		if n != 1 {
			m.t.Errorf("%s: the webhook was called %d times for %s", c.Project, n, id)
		}
	}
	mails := slices.Clone(r.mails[string(c.Account)+"@example.com"])
	slices.Sort(mails)
	if once := slices.Compact(slices.Clone(mails)); len(mails) != len(notices) || len(once) != len(mails) {
		m.t.Errorf("%s: %d notices, %d mails, %d of them different", c.Project, len(notices), len(mails), len(once))
	}
	m.must(m.server.Store.View(m.ctx, func(rd store.Reader) error {
		page, err := rd.Deliveries(m.ctx, c.Tenant, store.DeliveryFilter{Paging: store.Paging{Limit: 1000}})
		if err != nil {
			return err
		}
		retried := 0
		for _, d := range page.Items {
			if d.State != taocan.DeliveryDelivered {
				m.t.Errorf("%s: delivery of %s is %s: %s", c.Project, d.Notice, d.State, d.Error)
			}
			if d.Attempts > 1 {
				retried++
			}
		}
		m.t.Logf("%s: %d deliveries, %d of them tried more than once", c.Project, len(page.Items), retried)
		return nil
	}))
}

func mailSettings(addr string) notify.SMTP {
	host, port, _ := net.SplitHostPort(addr)
	n, _ := strconv.Atoi(port)
	return notify.SMTP{Host: host, Port: n, From: "taocan@example.com", TLS: "none"}
}
