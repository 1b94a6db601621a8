package delivery

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
	"taocan/internal/vault"
)

// MaxChannels bounds a project's.
const MaxChannels = 20

// OldKeyFor is how long a webhook's old secret signs beside a new one.
const OldKeyFor = 24 * time.Hour

// Config of New. Random defaults to the machine's.
type Config struct {
	Store      store.Store
	Clock      clock.Clock
	Vault      *vault.Vault
	Random     io.Reader
	RobotHosts []string // besides the vendors' own; host, or host:port
	PlainHTTP  bool     // http is allowed; the sender still decides to which networks

	Permits func(a netip.Addr, tls bool) bool // whether the sender would connect there; nil: to anything
}

// Channels is the use case. Immutable after New, safe for concurrent use.
type Channels struct{ cfg Config }

// New makes the use case.
func New(cfg Config) *Channels {
	if cfg.Random == nil {
		cfg.Random = rand.Reader
	}
	return &Channels{cfg}
}

// Request says what a channel is to be. On a change an empty Address and a nil Key keep what the channel has: neither can be
// read back. Kind cannot be changed.
type Request struct {
	Kind     taocan.ChannelKind
	Name     string
	Address  string
	Key      *string // signing key of a DingTalk or Feishu robot; empty: it does not check signatures
	Language string  // zh or en
	Enabled  bool
}

// Listed is a channel as it may be shown.
type Listed struct {
	taocan.Channel
	Signed     bool // its messages are signed
	KeyMissing bool // the master key that sealed its secrets is lost: they must be set anew
}

// List of a project's channels, the oldest first.
func (c *Channels) List(ctx context.Context, t taocan.Tenant) (list []Listed, err error) {
	err = c.cfg.Store.Peek(ctx, func(r store.Reader) error {
		all, err := r.Channels(ctx, t)
		for _, ch := range all {
			list = append(list, c.listed(ch))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("channels of project %s: %w", t.Project, err)
	}
	return list, nil
}

// Channel of a project.
func (c *Channels) Channel(ctx context.Context, t taocan.Tenant, id taocan.ChannelID) (l Listed, err error) {
	err = c.cfg.Store.Peek(ctx, func(r store.Reader) error {
		ch, err := r.Channel(ctx, t, id)
		l = c.listed(ch)
		return err
	})
	return l, err
}

func (c *Channels) listed(ch taocan.Channel) Listed {
	s, err := unseal(c.cfg.Vault, ch)
	return Listed{Channel: ch, Signed: s.Key != "", KeyMissing: err != nil}
}

// Create makes a channel. The secret of a webhook is returned this once.
func (c *Channels) Create(ctx context.Context, actor taocan.Actor, req Request) (_ Listed, secret string, err error) {
	if err := c.mayTry(actor); err != nil {
		return Listed{}, "", err
	}
	if err := c.check(req, true); err != nil {
		return Listed{}, "", err
	}
	ch := taocan.Channel{Tenant: actor.Tenant, Kind: req.Kind, Name: req.Name, Address: shown(req.Kind, req.Address), Language: req.Language, Enabled: req.Enabled}
	id, err := c.draw(10)
	if err != nil {
		return Listed{}, "", err
	}
	ch.ID = taocan.ChannelID("ch_" + base64.RawURLEncoding.EncodeToString(id))
	var s Secrets
	if req.Kind != taocan.Email {
		s.Address = req.Address
	}
	if req.Key != nil {
		s.Key = *req.Key
	}
	if req.Kind == taocan.Webhook {
		if secret, err = c.newSecret(); err != nil {
			return Listed{}, "", err
		}
		s.Key = secret
	}
	err = c.cfg.Store.Update(ctx, "", func(tx store.Tx) error {
		if err := mayManage(ctx, tx, actor); err != nil {
			return err
		}
		all, err := tx.Channels(ctx, actor.Tenant)
		if err != nil {
			return err
		}
		if len(all) >= MaxChannels {
			return taocan.Invalid("body", fmt.Sprintf("the project has %d channels, the most there may be", MaxChannels), nil)
		}
		if err := c.alone(all, ch, s.Address); err != nil {
			return err
		}
		ch.CreatedAt, ch.UpdatedAt = tx.Now(), tx.Now()
		// Within the transaction: a rotation of the master key that drops the old one comes before it or after it.
		if ch.Sealed, err = seal(c.cfg.Vault, ch, s); err != nil {
			return err
		}
		if err := tx.InsertChannel(ctx, ch); err != nil {
			return err
		}
		return store.Audit(ctx, tx, actor, "channel.create", subject(ch), nil, audited(ch))
	})
	if err != nil {
		return Listed{}, "", fmt.Errorf("create channel: %w", err)
	}
	return c.listed(ch), secret, nil
}

// MessageTaken refuses an address that the project has a channel of that kind for.
const MessageTaken = "is that of another channel of the project"

// alone refuses a channel to the same place as another one: whoever listens there would be told everything twice. The
// address is the whole one, empty for e-mail, whose address is no secret. What a lost key sealed cannot be compared.
func (c *Channels) alone(all []taocan.Channel, ch taocan.Channel, address string) error {
	for _, x := range all {
		if x.ID == ch.ID || x.Kind != ch.Kind || x.Address != ch.Address {
			continue
		}
		if s, err := unseal(c.cfg.Vault, x); err == nil && s.Address == address {
			return taocan.Invalid("body.address", MessageTaken, nil)
		}
	}
	return nil
}

// Update changes a channel.
func (c *Channels) Update(ctx context.Context, actor taocan.Actor, id taocan.ChannelID, req Request) (Listed, error) {
	return c.change(ctx, actor, id, "channel.update", func(ch *taocan.Channel, s *Secrets) error {
		if req.Kind == "" {
			req.Kind = ch.Kind
		}
		if req.Kind != ch.Kind {
			return taocan.Invalid("body.kind", "cannot be changed: the channel is "+string(ch.Kind), string(req.Kind))
		}
		if err := c.check(req, false); err != nil {
			return err
		}
		ch.Name, ch.Language, ch.Enabled = req.Name, req.Language, req.Enabled
		if req.Address != "" {
			ch.Address = shown(ch.Kind, req.Address)
			if ch.Kind != taocan.Email {
				s.Address = req.Address
			}
		}
		if req.Key != nil {
			s.Key = *req.Key
		}
		return nil
	})
}

// RotateSecret gives a webhook a new secret, returned this once; the old one also signs for OldKeyFor.
func (c *Channels) RotateSecret(ctx context.Context, actor taocan.Actor, id taocan.ChannelID) (Listed, string, error) {
	secret, err := c.newSecret()
	if err != nil {
		return Listed{}, "", err
	}
	l, err := c.change(ctx, actor, id, "channel.rotate_secret", func(ch *taocan.Channel, s *Secrets) error {
		if ch.Kind != taocan.Webhook {
			return taocan.Invalid("path.id", "only webhooks have a secret that can be rotated; set the key of a robot", string(id))
		}
		s.OldKey, s.OldUntil, s.Key = s.Key, c.cfg.Clock.Now().Add(OldKeyFor), secret
		return nil
	})
	if err != nil {
		return Listed{}, "", err
	}
	return l, secret, nil
}

// change reads, changes and writes a channel. Secrets under a lost key count as none: an address given anew heals them.
func (c *Channels) change(ctx context.Context, actor taocan.Actor, id taocan.ChannelID, action string, fn func(*taocan.Channel, *Secrets) error) (l Listed, err error) {
	if err := c.mayTry(actor); err != nil {
		return l, err
	}
	err = c.cfg.Store.Update(ctx, "", func(tx store.Tx) error {
		if err := mayManage(ctx, tx, actor); err != nil {
			return err
		}
		ch, err := tx.Channel(ctx, actor.Tenant, id)
		if err != nil {
			return err
		}
		before := audited(ch)
		s, lost := unseal(c.cfg.Vault, ch)
		was, wasAt := ch.Address, s.Address
		if err := fn(&ch, &s); err != nil {
			return err
		}
		if lost != nil && s.Address == "" {
			return taocan.Invalid("body.address", "must be given anew: the key that sealed the old one is lost", nil)
		}
		if ch.Address != was || s.Address != wasAt {
			all, err := tx.Channels(ctx, actor.Tenant)
			if err != nil {
				return err
			}
			if err := c.alone(all, ch, s.Address); err != nil {
				return err
			}
		}
		if ch.Kind == taocan.Webhook && s.Key == "" { // lost as well; a rotation shows a new one
			if s.Key, err = c.newSecret(); err != nil {
				return err
			}
		}
		ch.UpdatedAt = tx.Now()
		if ch.Sealed, err = seal(c.cfg.Vault, ch, s); err != nil {
			return err
		}
		if err := tx.UpdateChannel(ctx, ch); err != nil {
			return err
		}
		l = c.listed(ch)
		return store.Audit(ctx, tx, actor, action, subject(ch), before, audited(ch))
	})
	if err != nil {
		return Listed{}, fmt.Errorf("%s %s: %w", action, id, err)
	}
	return l, nil
}

// Delete removes a channel. What was still on its way to it fails.
func (c *Channels) Delete(ctx context.Context, actor taocan.Actor, id taocan.ChannelID) error {
	if err := c.mayTry(actor); err != nil {
		return err
	}
	err := c.cfg.Store.Update(ctx, "", func(tx store.Tx) error {
		if err := mayManage(ctx, tx, actor); err != nil {
			return err
		}
		ch, err := tx.Channel(ctx, actor.Tenant, id)
		if err != nil {
			return err
		}
		if err := tx.DeleteChannel(ctx, actor.Tenant, id); err != nil {
			return err
		}
		return store.Audit(ctx, tx, actor, "channel.delete", subject(ch), audited(ch), nil)
	})
	if err != nil {
		return fmt.Errorf("delete channel %s: %w", id, err)
	}
	return nil
}

// mayTry refuses who holds no scope for it. Members are looked at again in the transaction.
func (c *Channels) mayTry(actor taocan.Actor) error {
	if !actor.Can(taocan.ScopeManage) {
		return &taocan.ForbiddenError{Required: string(taocan.ScopeManage), Detail: "managing channels takes the scope manage"}
	}
	return nil
}

// mayManage refuses actors who may not change channels as the store knows them now.
func mayManage(ctx context.Context, r store.Reader, actor taocan.Actor) error {
	_, err := store.Allowed(ctx, r, actor, "manage channels", taocan.Owner)
	return err
}

// check collects all that is wrong with a request. Its errors never repeat an address or a key.
func (c *Channels) check(req Request, create bool) error {
	var bad []taocan.FieldError
	must := func(ok bool, field, message string) {
		if !ok {
			bad = append(bad, taocan.FieldError{Location: "body." + field, Message: message})
		}
	}
	known := slices.Contains(taocan.ChannelKinds, req.Kind)
	must(known, "kind", "must be email, webhook, dingtalk, wecom or feishu")
	must(strings.TrimSpace(req.Name) != "" && len(req.Name) <= 100 && utf8.ValidString(req.Name) && !strings.ContainsFunc(req.Name, unicode.IsControl), "name", "must be one line of 1 to 100 bytes")
	must(req.Language == "zh" || req.Language == "en", "language", "must be zh or en")
	if known && (create || req.Address != "") {
		wrong := checkEmail(req.Address)
		if req.Kind != taocan.Email {
			wrong = c.checkURL(req.Kind, req.Address)
		}
		must(wrong == "", "address", wrong)
	}
	if req.Key != nil && *req.Key != "" {
		must(req.Kind == taocan.DingTalk || req.Kind == taocan.Feishu, "key", "is for dingtalk and feishu: a webhook's secret is made here, wecom has none")
		must(taocan.ValidReference(*req.Key), "key", "must be at most 128 visible ASCII characters")
	}
	if len(bad) > 0 {
		return &taocan.InvalidError{Fields: bad}
	}
	return nil
}

func (c *Channels) draw(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(c.cfg.Random, b); err != nil {
		return nil, fmt.Errorf("draw random bytes: %w", err)
	}
	return b, nil
}

// newSecret is 24 random bytes as Standard Webhooks writes them.
func (c *Channels) newSecret() (string, error) {
	b, err := c.draw(24)
	return "whsec_" + base64.StdEncoding.EncodeToString(b), err
}

func subject(c taocan.Channel) string { return string(c.Project) + "/" + string(c.ID) }

// audited shows a channel in the audit log, without secrets.
func audited(c taocan.Channel) any {
	return map[string]any{"kind": c.Kind, "name": c.Name, "address": c.Address, "language": c.Language, "enabled": c.Enabled}
}
