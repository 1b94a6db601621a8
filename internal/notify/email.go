package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"

	"github.com/wneessen/go-mail"

	"taocan/internal/delivery"
)

// Ways to speak to the mail server.
const (
	StartTLS    = "starttls" // and not without
	ImplicitTLS = "tls"
	NoTLS       = "none"
)

// SMTP is the operator's mail server. Without a host no mail is sent.
type SMTP struct {
	Host     string
	Port     int
	User     string // empty: no sign-in
	Password string
	From     string // address, or name and address
	TLS      string
}

// LogValue keeps the password out of logs.
func (s SMTP) LogValue() slog.Value { return slog.StringValue(s.String()) }

// String keeps the password out of texts.
func (s SMTP) String() string { return fmt.Sprintf("mail server %s:%d as %q", s.Host, s.Port, s.User) }

// GoString keeps the password out of dumps.
func (s SMTP) GoString() string { return s.String() }

func (s *Sender) email(ctx context.Context, m delivery.Message) error {
	if s.cfg.SMTP.Host == "" {
		return errors.New("e-mail is not set up: the operator has to set smtp-host")
	}
	t := s.text(m)
	msg := mail.NewMsg()
	if err := msg.From(s.cfg.SMTP.From); err != nil {
		return errors.New("e-mail is not set up: smtp-from is not an address")
	}
	if err := msg.To(m.Channel.Address); err != nil {
		return errors.New("the channel's address is not understood")
	}
	msg.Subject(t.subject)
	msg.SetDateWithValue(m.At)
	_, domain, _ := strings.Cut(strings.TrimSuffix(s.cfg.SMTP.From, ">"), "@")
	msg.SetMessageIDWithValue(m.ID + "@" + domain) // the same for every try: mail programs show doubles once
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(mail.TypeTextPlain, t.body+"\n")
	c, err := s.mailClient(ctx)
	if err != nil {
		return fmt.Errorf("e-mail is not set up: %w", err)
	}
	return c.DialAndSendWithContext(ctx, msg)
}

// mailClient connects with the context: when it ends the connection does, whatever the server is about to say. The package's own
// timeout is longer and never decides.
func (s *Sender) mailClient(ctx context.Context) (*mail.Client, error) {
	x := s.cfg.SMTP
	config := &tls.Config{ServerName: x.Host, MinVersion: tls.VersionTLS12, RootCAs: s.cfg.Roots}
	dial := func(dialing context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{Resolver: s.cfg.Resolver}).DialContext(dialing, network, address)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = conn.Close() })
		if x.TLS == ImplicitTLS {
			return tls.Client(conn, config), nil
		}
		return conn, nil
	}
	options := []mail.Option{mail.WithPort(x.Port), mail.WithTimeout(2 * s.cfg.Timeout), mail.WithTLSConfig(config), mail.WithDialContextFunc(dial)}
	switch x.TLS {
	case NoTLS:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	case ImplicitTLS:
		options = append(options, mail.WithSSL())
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if x.User != "" {
		methods := []mail.SMTPAuthType{mail.SMTPAuthPlain, mail.SMTPAuthLogin}
		if x.TLS == NoTLS {
			methods = []mail.SMTPAuthType{mail.SMTPAuthPlainNoEnc, mail.SMTPAuthLoginNoEnc}
		}
		options = append(options, mail.WithUsername(x.User), mail.WithPassword(x.Password), mail.WithOpportunisticSMTPAuth(methods...))
	}
	return mail.NewClient(x.Host, options...)
}
