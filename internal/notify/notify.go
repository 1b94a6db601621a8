package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"taocan/internal/delivery"
	"taocan/internal/taocan"
)

// Config of New. Zero values are the defaults named.
type Config struct {
	Product    string         // name of the service in texts; default 短信服务, in English SMS Service
	ConsoleURL string         // where the console is, for links; empty: no links
	Zone       *time.Location // of times in texts; default UTC
	Networks   []netip.Prefix // HTTP may go to these besides public addresses, without TLS as well
	Timeout    time.Duration  // of one try; default 10 s
	SMTP       SMTP

	// For tests.
	Resolver *net.Resolver  // nil: the machine's
	Roots    *x509.CertPool // nil: the machine's
}

// Sender sends. Immutable after New, safe for concurrent use.
type Sender struct {
	cfg   Config
	https *http.Client
	plain *http.Client // to allowed networks only
}

var _ delivery.Sender = (*Sender)(nil)

// New makes a sender.
func New(cfg Config) *Sender {
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
	return &Sender{cfg: cfg, https: client(cfg, true), plain: client(cfg, false)}
}

// Permits reports whether HTTP, with TLS or without it, may go to an address.
func (s *Sender) Permits(a netip.Addr, tls bool) bool { return guard{s.cfg.Networks, !tls}.permits(a) }

// Send tries a message once.
func (s *Sender) Send(ctx context.Context, m delivery.Message) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	switch m.Channel.Kind {
	case taocan.Email:
		err = s.email(ctx, m)
	case taocan.Webhook:
		status, err = s.webhook(ctx, m)
	case taocan.DingTalk, taocan.WeCom, taocan.Feishu:
		status, err = s.robot(ctx, m)
	default:
		err = fmt.Errorf("a channel cannot be %q", m.Channel.Kind)
	}
	if err != nil {
		if ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = fmt.Errorf("no complete answer within %s", s.cfg.Timeout)
		}
		err = errors.New(s.redact(err.Error(), m))
	}
	return status, err
}

// redact takes out what an answer may have repeated: keys, and the parts of the address that hold them.
func (s *Sender) redact(text string, m delivery.Message) string {
	secret := []string{m.To.Key, m.To.OldKey, s.cfg.SMTP.Password}
	if u, err := url.Parse(m.To.Address); err == nil && m.To.Address != "" {
		secret = append(secret, m.To.Address, u.RequestURI())
		for pair := range strings.SplitSeq(u.RawQuery, "&") { // as it was written, too
			_, value, _ := strings.Cut(pair, "=")
			secret = append(secret, value)
		}
		for _, values := range u.Query() {
			secret = append(secret, values...)
		}
		if m.Channel.Kind != taocan.Webhook {
			secret = append(secret, strings.Split(u.Path, "/")...)
		}
	}
	for _, x := range secret {
		if len(x) >= 6 { // shorter ones are words
			text = strings.ReplaceAll(text, x, "…")
		}
	}
	return text
}

// client reaches public addresses and the networks allowed, or without TLS those only.
func client(cfg Config, secure bool) *http.Client {
	guard := guard{cfg.Networks, !secure}
	dialer := &net.Dialer{Resolver: cfg.Resolver, Control: guard.control, KeepAlive: -1}
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  nil, // it would connect for us, past the guard
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.Roots},
			DisableKeepAlives:      true, // each try is checked anew
			DisableCompression:     true,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
