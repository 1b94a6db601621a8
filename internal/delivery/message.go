package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"taocan/internal/taocan"
	"taocan/internal/vault"
)

// Secrets of a channel: where it really is, and the keys that sign.
type Secrets struct {
	Address  string    `json:"address,omitempty"` // whole URL; empty for e-mail, whose address is no secret
	Key      string    `json:"key,omitempty"`     // webhook: whsec_…; DingTalk and Feishu: what their robot was given
	OldKey   string    `json:"old_key,omitempty"` // webhook: also signs before OldUntil
	OldUntil time.Time `json:"old_until,omitzero"`
}

// LogValue keeps secrets out of logs.
func (Secrets) LogValue() slog.Value { return slog.StringValue("[secrets]") }

// String keeps secrets out of texts.
func (Secrets) String() string { return "[secrets]" }

// GoString keeps secrets out of dumps.
func (Secrets) GoString() string { return "[secrets]" }

// Keys that sign at an instant, the newest first.
func (s Secrets) Keys(now time.Time) []string {
	if s.OldKey != "" && now.Before(s.OldUntil) {
		return []string{s.Key, s.OldKey}
	}
	return []string{s.Key}
}

// Message is one notice on its way to one channel.
type Message struct {
	ID          string // the same for every try, so that receivers can drop doubles
	At          time.Time
	Notice      taocan.Notice
	Channel     taocan.Channel
	To          Secrets
	ProjectName string
}

// Sender carries messages to channels. Its errors are shown to the project and never hold a secret. status is that of the
// answer, 0 where there was none.
type Sender interface {
	Send(ctx context.Context, m Message) (status int, err error)
}

// sealName binds what is sealed to its channel.
func sealName(c taocan.Channel) string {
	return fmt.Sprintf("channel %s/%s/%s", c.Account, c.Project, c.ID)
}

func seal(v *vault.Vault, c taocan.Channel, s Secrets) ([]byte, error) {
	if s == (Secrets{}) {
		return nil, nil
	}
	b, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return v.Seal(sealName(c), b)
}

func unseal(v *vault.Vault, c taocan.Channel) (s Secrets, err error) {
	if len(c.Sealed) == 0 {
		return s, nil
	}
	b, err := v.Unseal(sealName(c), c.Sealed)
	if err != nil {
		return s, err
	}
	if json.Unmarshal(b, &s) != nil {
		return s, fmt.Errorf("what channel %s holds is not understood", c.ID) // the cause would show some of it
	}
	return s, nil
}
