package server

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"taocan/internal/config"
	"taocan/internal/delivery"
	"taocan/internal/notify"
)

// openDelivery assembles what brings notices to people: the keys, the channels, the sender and its worker.
func (s *Server) openDelivery(ctx context.Context) error {
	keys, err := s.openKeys(ctx)
	if err != nil {
		return err
	}
	networks, err := s.settings.WebhookNetworks()
	if err != nil {
		return err
	}
	sender, err := NewSender(s.settings)
	if err != nil {
		return err
	}
	s.Channels = delivery.New(delivery.Config{Store: s.Store, Clock: s.clock, Vault: keys, RobotHosts: s.settings.Robots(), PlainHTTP: len(networks) > 0,
		Permits: sender.Permits})
	s.Deliveries = delivery.NewWorker(delivery.WorkerConfig{Store: s.Store, Clock: s.clock, Vault: keys, Sender: sender, Log: s.log})
	return nil
}

// NewSender makes what carries messages, by the settings.
func NewSender(x config.Settings) (*notify.Sender, error) {
	networks, err := x.WebhookNetworks()
	if err != nil {
		return nil, err
	}
	password, err := firstLine(x.SMTPPassword)
	if err != nil {
		return nil, fmt.Errorf("smtp-password-file: %w", err)
	}
	zone, err := time.LoadLocation(x.Zone)
	if err != nil {
		return nil, err
	}
	return notify.New(notify.Config{Product: x.ProductName, ConsoleURL: x.ConsoleURL, Zone: zone, Networks: networks,
		SMTP: notify.SMTP{Host: x.SMTPHost, Port: x.SMTPPort, User: x.SMTPUser, Password: password, From: x.SMTPFrom, TLS: x.SMTPTLS}}), nil
}

// firstLine of a file; nothing of none.
func firstLine(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}
