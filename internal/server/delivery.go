package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"taocan/internal/delivery"
	"taocan/internal/notify"
	"taocan/internal/vault"
)

// openDelivery assembles what brings notices to people: the keys, the channels, the sender and its worker.
func (s *Server) openDelivery() error {
	path := s.settings.KeyFile
	if path == "" {
		path = filepath.Join(s.settings.Data, vault.FileName)
	}
	keys, err := vault.Load(path, nil)
	if err != nil {
		return err
	}
	networks, err := s.settings.WebhookNetworks()
	if err != nil {
		return err
	}
	password, err := firstLine(s.settings.SMTPPassword)
	if err != nil {
		return fmt.Errorf("smtp-password-file: %w", err)
	}
	s.Channels = delivery.New(delivery.Config{Store: s.Store, Clock: s.clock, Vault: keys, RobotHosts: s.settings.Robots(), PlainHTTP: len(networks) > 0})
	sender := notify.New(notify.Config{Product: s.settings.ProductName, ConsoleURL: s.settings.ConsoleURL, Zone: s.Zone, Networks: networks,
		SMTP: notify.SMTP{Host: s.settings.SMTPHost, Port: s.settings.SMTPPort, User: s.settings.SMTPUser, Password: password, From: s.settings.SMTPFrom,
			TLS: s.settings.SMTPTLS}})
	s.Deliveries = delivery.NewWorker(delivery.WorkerConfig{Store: s.Store, Clock: s.clock, Vault: keys, Sender: sender, Log: s.log})
	return nil
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
