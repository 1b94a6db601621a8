package delivery

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Notices lists what a project was told, newest first.
func (c *Channels) Notices(ctx context.Context, t taocan.Tenant, f store.NoticeFilter) (page store.Page[store.NoticeRow], err error) {
	err = c.cfg.Store.Peek(ctx, func(r store.Reader) error {
		page, err = r.Notices(ctx, t, f)
		return err
	})
	return page, err
}

// Deliveries lists what went to whom, newest first.
func (c *Channels) Deliveries(ctx context.Context, t taocan.Tenant, f store.DeliveryFilter) (page store.Page[store.DeliveryRow], err error) {
	err = c.cfg.Store.Peek(ctx, func(r store.Reader) error {
		page, err = r.Deliveries(ctx, t, f)
		return err
	})
	return page, err
}

// Test puts a test into the outbox for one channel and returns its id. It travels like any notice.
func (c *Channels) Test(ctx context.Context, actor taocan.Actor, id taocan.ChannelID) (taocan.NoticeID, error) {
	return c.test(ctx, actor, func(tx store.Tx, n *taocan.Notice) error {
		ch, err := tx.Channel(ctx, actor.Tenant, id)
		if err == nil && !ch.Enabled {
			err = taocan.Invalid("path.id", "the channel is disabled", string(id))
		}
		n.Channels = []taocan.ChannelID{id}
		return err
	})
}

// TestRule puts a test into the outbox for the channels of an alert rule.
func (c *Channels) TestRule(ctx context.Context, actor taocan.Actor, id taocan.AlertID) (taocan.NoticeID, error) {
	return c.test(ctx, actor, func(tx store.Tx, n *taocan.Notice) error {
		rules, err := tx.AlertRules(ctx, actor.Tenant)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(rules, func(r taocan.AlertRule) bool { return r.ID() == id })
		if i < 0 {
			return taocan.ErrNotFound
		}
		r := rules[i]
		n.Rule, n.Channels = id, r.Channels
		n.Facts = taocan.NoticeFacts{Category: r.Category, Purpose: r.Purpose, Country: r.Country, Kind: r.Kind, Unit: r.Unit, Threshold: r.Threshold}
		return nil
	})
}

// maxWaitingTests bounds how many tests of a project may be waiting at once.
const maxWaitingTests = 20

func (c *Channels) test(ctx context.Context, actor taocan.Actor, fill func(store.Tx, *taocan.Notice) error) (taocan.NoticeID, error) {
	if err := c.mayTry(actor); err != nil {
		return "", err
	}
	id, err := c.draw(15)
	if err != nil {
		return "", err
	}
	n := taocan.Notice{Tenant: actor.Tenant, ID: taocan.NoticeID("nt_" + base64.RawURLEncoding.EncodeToString(id)), Event: taocan.NoticeTest}
	err = c.cfg.Store.Update(ctx, "", func(tx store.Tx) error {
		if err := mayManage(ctx, tx, actor); err != nil {
			return err
		}
		waiting, err := tx.Deliveries(ctx, actor.Tenant, store.DeliveryFilter{State: taocan.DeliveryPending, Paging: store.Paging{Limit: 200}})
		if err != nil {
			return err
		}
		told, err := tx.Notices(ctx, actor.Tenant, store.NoticeFilter{Paging: store.Paging{Limit: maxWaitingTests}})
		if err != nil {
			return err
		}
		tests := 0
		for _, d := range waiting.Items {
			if d.Event == taocan.NoticeTest {
				tests++
			}
		}
		for _, n := range told.Items { // those that came within the last second have no deliveries yet
			if n.Event == taocan.NoticeTest && !n.Spread {
				tests++
			}
		}
		if tests >= maxWaitingTests {
			return &taocan.RateError{RetryAfter: backOff[0]}
		}
		test := n
		test.At = tx.Now()
		if err := fill(tx, &test); err != nil {
			return err
		}
		if err := tx.InsertNotice(ctx, test); err != nil {
			return err
		}
		return store.Audit(ctx, tx, actor, "alerts.test", string(actor.Project), nil, map[string]any{"notice": test.ID, "rule": test.Rule, "channels": test.Channels})
	})
	if err != nil {
		return "", fmt.Errorf("test of project %s: %w", actor.Project, err)
	}
	return n.ID, nil
}

// Rotation says what a rotation of the master key came to.
type Rotation struct {
	Resealed int // channels
	Missing  int // channels whose key is lost
	Keys     int // in the key file
}

// RotateKey gives the vault a new first key and seals every channel's secrets anew with it; dropOld then removes the other
// keys from the file: none of them opens anything in the store. It may be repeated: what a crash left is sealed then.
func (c *Channels) RotateKey(ctx context.Context, actor taocan.Actor, dropOld bool) (done Rotation, err error) {
	if err := actor.OperatorOnly(); err != nil {
		return done, err
	}
	if err := c.cfg.Vault.Rotate(); err != nil {
		return done, err
	}
	err = c.cfg.Store.Update(ctx, "", func(tx store.Tx) error {
		done = Rotation{}
		all, err := tx.SealedChannels(ctx)
		if err != nil {
			return err
		}
		for _, ch := range all {
			s, err := unseal(c.cfg.Vault, ch)
			if err != nil {
				done.Missing++
				continue
			}
			if ch.Sealed, err = seal(c.cfg.Vault, ch, s); err != nil {
				return err
			}
			if err := tx.UpdateChannel(ctx, ch); err != nil {
				return err
			}
			done.Resealed++
		}
		return store.Audit(ctx, tx, actor, "key.rotate", "master key", nil, map[string]any{"resealed": done.Resealed, "missing": done.Missing, "drop_old": dropOld})
	})
	if err == nil && dropOld {
		err = c.cfg.Vault.DropOld()
	}
	if err != nil {
		return done, fmt.Errorf("rotate the master key: %w", err)
	}
	done.Keys = c.cfg.Vault.Keys()
	return done, nil
}
