package notify

import (
	"context"
	"net/http"
)

// TryMail connects to the mail server as a message would, with its greeting, TLS and sign-in, and sends nothing.
func (s *Sender) TryMail(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	c, err := s.mailClient(ctx)
	if err != nil {
		return err
	}
	if err := c.DialWithContext(ctx); err != nil {
		return err
	}
	return c.Close()
}

// TryHost asks whether a channel's host answers at all, under the same rules as a message: it makes one request for its
// root, whatever that is answered with.
func (s *Sender) TryHost(ctx context.Context, scheme, host string) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, scheme+"://"+host+"/", nil)
	if err != nil {
		return err
	}
	client := s.https
	if scheme == "http" {
		client = s.plain
	}
	resp, err := client.Do(req)
	if err != nil {
		return readable(err)
	}
	return resp.Body.Close()
}
