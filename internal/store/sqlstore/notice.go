package sqlstore

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

func scanChannel(s scanner) (c taocan.Channel, err error) {
	return c, s.Scan(&c.Account, &c.Project, &c.ID, &c.Kind, &c.Name, &c.Address, &c.Sealed, &c.Language, &c.Enabled, at(&c.CreatedAt), at(&c.UpdatedAt))
}

func scanNotice(s scanner) (taocan.Notice, error) { return scanNoticeAnd(s) }

// scanNoticeAnd reads a notice and columns after it.
func scanNoticeAnd(s scanner, more ...any) (n taocan.Notice, err error) {
	var channels, facts string
	err = s.Scan(append([]any{&n.Account, &n.Project, &n.ID, at(&n.At), &n.Event, &n.Rule, &channels, &facts, text(&n.Unique)}, more...)...)
	if err != nil {
		return n, err
	}
	return n, errors.Join(fromList(channels, &n.Channels), json.Unmarshal([]byte(facts), &n.Facts))
}

func scanNoticeRow(s scanner) (r store.NoticeRow, err error) {
	r.Notice, err = scanNoticeAnd(s, &r.Spread, &r.Deliveries)
	return r, err
}

func scanTenantNotice(s scanner) (n taocan.Notice, err error) {
	return n, s.Scan(&n.Account, &n.Project, &n.ID)
}

func deliveryColumns(d *taocan.Delivery) []any {
	return []any{&d.Account, &d.Project, &d.Notice, &d.Channel, &d.State, at(&d.CreatedAt), at(&d.NextAt), &d.Attempts, &d.Status, &d.Error, at(&d.TriedAt)}
}

func scanDelivery(s scanner) (d taocan.Delivery, err error) { return d, s.Scan(deliveryColumns(&d)...) }

func scanDeliveryRow(s scanner) (r store.DeliveryRow, err error) {
	return r, s.Scan(append(deliveryColumns(&r.Delivery), &r.Event, &r.Rule)...)
}

// Channels lists a project's.
func (r Reader) Channels(ctx context.Context, t taocan.Tenant) ([]taocan.Channel, error) {
	list, err := many(ctx, r.Q, r.Q.Text("channel_list"), scanChannel, t.Account, t.Project)
	return list, About(err, "channels of project %s", t.Project)
}

// Channel by id.
func (r Reader) Channel(ctx context.Context, t taocan.Tenant, id taocan.ChannelID) (taocan.Channel, error) {
	c, err := one(ctx, r.Q, r.Q.Text("channel_get"), scanChannel, t.Account, t.Project, id)
	return c, About(err, "channel %s", id)
}

// SealedChannels lists those of every project that hold secrets.
func (r Reader) SealedChannels(ctx context.Context) ([]taocan.Channel, error) {
	list, err := many(ctx, r.Q, r.Q.Text("channel_list_sealed"), scanChannel)
	return list, About(err, "sealed channels")
}

// Notice by id.
func (r Reader) Notice(ctx context.Context, t taocan.Tenant, id taocan.NoticeID) (taocan.Notice, error) {
	n, err := one(ctx, r.Q, r.Q.Text("notice_get"), scanNotice, t.Account, t.Project, id)
	return n, About(err, "notice %s", id)
}

// Notices lists a project's, newest first.
func (r Reader) Notices(ctx context.Context, t taocan.Tenant, f store.NoticeFilter) (store.Page[store.NoticeRow], error) {
	l := listing{query: r.Q.Text("notice_list"), args: []any{t.Account, t.Project}, name: "notices",
		order: []sortColumn{byNumber("at"), byText("id")}, desc: true}
	if f.Rule != "" {
		l.and("rule = ?", f.Rule)
	}
	return paged(ctx, r.Q, l, f.Paging, scanNoticeRow, func(n store.NoticeRow) []any { return []any{Micros(n.At), n.ID} })
}

// Deliveries lists a project's, newest first.
func (r Reader) Deliveries(ctx context.Context, t taocan.Tenant, f store.DeliveryFilter) (store.Page[store.DeliveryRow], error) {
	l := listing{query: r.Q.Text("delivery_list"), args: []any{t.Account, t.Project}, name: "deliveries",
		order: []sortColumn{byNumber("d.created_at"), byText("d.notice_id"), byText("d.channel_id")}, desc: true}
	if f.Channel != "" {
		l.and("d.channel_id = ?", f.Channel)
	}
	if f.State != "" {
		l.and("d.state = ?", f.State)
	}
	if f.Rule != "" {
		l.and("n.rule = ?", f.Rule)
	}
	return paged(ctx, r.Q, l, f.Paging, scanDeliveryRow, func(d store.DeliveryRow) []any { return []any{Micros(d.CreatedAt), d.Notice, d.Channel} })
}

// UnspreadNotices lists notices of every project without deliveries.
func (r Reader) UnspreadNotices(ctx context.Context, limit int) ([]taocan.Notice, error) {
	list, err := many(ctx, r.Q, r.Q.Text("notice_unspread"), scanNotice, limit)
	return list, About(err, "notices to spread")
}

// DueDeliveries lists deliveries of every project to try now.
func (r Reader) DueDeliveries(ctx context.Context, now time.Time, perChannel, limit int) ([]taocan.Delivery, error) {
	list, err := many(ctx, r.Q, r.Q.Text("delivery_due"), scanDelivery, Micros(now), perChannel, limit)
	return list, About(err, "due deliveries")
}

// sealed is never NULL.
func sealed(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// InsertChannel writes a channel.
func (t *Tx) InsertChannel(ctx context.Context, c taocan.Channel) error {
	err := t.exec(ctx, "channel_insert", c.Account, c.Project, c.ID, c.Kind, c.Name, c.Address, sealed(c.Sealed), c.Language, c.Enabled,
		Micros(c.CreatedAt), Micros(c.UpdatedAt))
	return About(err, "insert channel %s", c.ID)
}

// UpdateChannel changes a channel; its kind stays.
func (t *Tx) UpdateChannel(ctx context.Context, c taocan.Channel) error {
	err := t.change(ctx, taocan.ErrNotFound, "channel_update", c.Name, c.Address, sealed(c.Sealed), c.Language, c.Enabled, Micros(c.UpdatedAt),
		c.Account, c.Project, c.ID)
	return About(err, "update channel %s", c.ID)
}

// DeleteChannel removes a channel.
func (t *Tx) DeleteChannel(ctx context.Context, tenant taocan.Tenant, id taocan.ChannelID) error {
	return About(t.change(ctx, taocan.ErrNotFound, "channel_delete", tenant.Account, tenant.Project, id), "delete channel %s", id)
}

// InsertNotice puts a notice into the outbox.
func (t *Tx) InsertNotice(ctx context.Context, n taocan.Notice) error {
	return insertNotice(ctx, t.Q, n)
}

func insertNotice(ctx context.Context, q Querier, n taocan.Notice) error {
	facts, err := json.Marshal(n.Facts)
	if err != nil {
		return About(err, "insert notice %s", n.ID)
	}
	_, err = q.ExecContext(ctx, q.Text("notice_insert"), n.Account, n.Project, n.ID, Micros(n.At), n.Event, n.Rule, toList(n.Channels), string(facts), null(n.Unique))
	return About(Kind(err), "insert notice %s", n.ID)
}

// SpreadNotice writes a notice's deliveries.
func (t *Tx) SpreadNotice(ctx context.Context, tenant taocan.Tenant, id taocan.NoticeID, to []taocan.ChannelID) error {
	if err := t.change(ctx, taocan.ErrConflict, "notice_spread", tenant.Account, tenant.Project, id); err != nil {
		return About(err, "spread notice %s", id)
	}
	for _, channel := range to {
		err := t.exec(ctx, "delivery_insert", tenant.Account, tenant.Project, id, channel, Micros(t.now), Micros(t.now))
		if err != nil {
			return About(err, "spread notice %s to channel %s", id, channel)
		}
	}
	return nil
}

// LeaseDelivery takes a delivery for a while.
func (t *Tx) LeaseDelivery(ctx context.Context, d taocan.Delivery, until time.Time) error {
	err := t.change(ctx, taocan.ErrConflict, "delivery_lease", Micros(until), d.Account, d.Project, d.Notice, d.Channel, Micros(d.NextAt))
	return About(err, "lease the delivery of notice %s to channel %s", d.Notice, d.Channel)
}

// SettleDelivery writes what a try came to.
func (t *Tx) SettleDelivery(ctx context.Context, d taocan.Delivery, lease time.Time) error {
	err := t.change(ctx, taocan.ErrConflict, "delivery_settle", d.State, Micros(d.NextAt), d.Attempts, d.Status, d.Error, Micros(d.TriedAt),
		d.Account, d.Project, d.Notice, d.Channel, Micros(lease))
	return About(err, "settle the delivery of notice %s to channel %s", d.Notice, d.Channel)
}

// PurgeNotices forgets old notices with their deliveries.
func (t *Tx) PurgeNotices(ctx context.Context, before time.Time, limit int) (int, error) {
	old, err := many(ctx, t.Q, t.Q.Text("notice_old"), scanTenantNotice, Micros(before), limit)
	if err != nil {
		return 0, About(err, "purge notices")
	}
	for _, n := range old {
		for _, block := range []string{"delivery_delete", "notice_delete"} {
			if _, err := t.Q.ExecContext(ctx, t.Q.Text(block), n.Account, n.Project, n.ID); err != nil {
				return 0, About(Kind(err), "purge notice %s", n.ID)
			}
		}
	}
	return len(old), nil
}
