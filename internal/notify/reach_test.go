package notify_test

import (
	"net/url"
	"testing"

	"taocan/internal/notify"
)

func TestTheMailServerIsTriedWithoutAMessage(t *testing.T) {
	_, port, roots := mailServer(t, false)
	smtp := notify.SMTP{Host: "127.0.0.1", Port: port, User: "taocan", Password: "wrong", From: "taocan@example.com", TLS: notify.StartTLS}
	if err := notify.New(notify.Config{SMTP: smtp, Roots: roots}).TryMail(t.Context()); err == nil {
		t.Error("a wrong password was not noticed")
	}
	smtp.User, smtp.Password = "robot", "pass-of-mail"
	if err := notify.New(notify.Config{SMTP: smtp, Roots: roots}).TryMail(t.Context()); err != nil {
		t.Error(err)
	}
	smtp.Port = 1
	if err := notify.New(notify.Config{SMTP: smtp, Roots: roots}).TryMail(t.Context()); err == nil {
		t.Error("a server that is not there was reached")
	}
}

func TestAHostIsTriedUnderTheRulesOfMessages(t *testing.T) {
	server, _ := receiver(t, 404, "not here")
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if err := local().TryHost(t.Context(), u.Scheme, u.Host); err != nil {
		t.Errorf("any answer is an answer: %v", err)
	}
	if err := notify.New(notify.Config{}).TryHost(t.Context(), u.Scheme, u.Host); err == nil {
		t.Error("loopback was reached although no network is allowed")
	}
}
