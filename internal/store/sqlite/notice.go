package sqlite

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
func (r reader) Channels(ctx context.Context, t taocan.Tenant) ([]taocan.Channel, error) {
	list, err := many(ctx, r.q, sqlText("channel_list"), scanChannel, t.Account, t.Project)
	return list, about(err, "channels of project %s", t.Project)
}

// Channel by id.
func (r reader) Channel(ctx context.Context, t taocan.Tenant, id taocan.ChannelID) (taocan.Channel, error) {
	c, err := one(ctx, r.q, sqlText("channel_get"), scanChannel, t.Account, t.Project, id)
	return c, about(err, "channel %s", id)
}

// SealedChannels lists those of every project that hold secrets.
func (r reader) SealedChannels(ctx context.Context) ([]taocan.Channel, error) {
	list, err := many(ctx, r.q, sqlText("channel_list_sealed"), scanChannel)
	return list, about(err, "sealed channels")
}

// Notice by id.
func (r reader) Notice(ctx context.Context, t taocan.Tenant, id taocan.NoticeID) (taocan.Notice, error) {
	n, err := one(ctx, r.q, sqlText("notice_get"), scanNotice, t.Account, t.Project, id)
	return n, about(err, "notice %s", id)
}

// Notices lists a project's, newest first.
func (r reader) Notices(ctx context.Context, t taocan.Tenant, f store.NoticeFilter) (store.Page[store.NoticeRow], error) {
	l := listing{query: sqlText("notice_list"), args: []any{t.Account, t.Project}, name: "notices",
		order: []sortColumn{byNumber("at"), byText("id")}, desc: true}
	if f.Rule != "" {
		l.and("rule = ?", f.Rule)
	}
	return paged(ctx, r.q, l, f.Paging, scanNoticeRow, func(n store.NoticeRow) []any { return []any{micros(n.At), n.ID} })
}

// Deliveries lists a project's, newest first.
func (r reader) Deliveries(ctx context.Context, t taocan.Tenant, f store.DeliveryFilter) (store.Page[store.DeliveryRow], error) {
	l := listing{query: sqlText("delivery_list"), args: []any{t.Account, t.Project}, name: "deliveries",
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
	return paged(ctx, r.q, l, f.Paging, scanDeliveryRow, func(d store.DeliveryRow) []any { return []any{micros(d.CreatedAt), d.Notice, d.Channel} })
}

// UnspreadNotices lists notices of every project without deliveries.
func (r reader) UnspreadNotices(ctx context.Context, limit int) ([]taocan.Notice, error) {
	list, err := many(ctx, r.q, sqlText("notice_unspread"), scanNotice, limit)
	return list, about(err, "notices to spread")
}

// DueDeliveries lists deliveries of every project to try now.
func (r reader) DueDeliveries(ctx context.Context, now time.Time, perChannel, limit int) ([]taocan.Delivery, error) {
	list, err := many(ctx, r.q, sqlText("delivery_due"), scanDelivery, micros(now), perChannel, limit)
	return list, about(err, "due deliveries")
}

// sealed is never NULL.
func sealed(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// InsertChannel writes a channel.
func (t *tx) InsertChannel(ctx context.Context, c taocan.Channel) error {
	err := t.exec(ctx, "channel_insert", c.Account, c.Project, c.ID, c.Kind, c.Name, c.Address, sealed(c.Sealed), c.Language, c.Enabled,
		micros(c.CreatedAt), micros(c.UpdatedAt))
	return about(err, "insert channel %s", c.ID)
}

// UpdateChannel changes a channel; its kind stays.
func (t *tx) UpdateChannel(ctx context.Context, c taocan.Channel) error {
	err := t.change(ctx, taocan.ErrNotFound, "channel_update", c.Name, c.Address, sealed(c.Sealed), c.Language, c.Enabled, micros(c.UpdatedAt),
		c.Account, c.Project, c.ID)
	return about(err, "update channel %s", c.ID)
}

// DeleteChannel removes a channel.
func (t *tx) DeleteChannel(ctx context.Context, tenant taocan.Tenant, id taocan.ChannelID) error {
	return about(t.change(ctx, taocan.ErrNotFound, "channel_delete", tenant.Account, tenant.Project, id), "delete channel %s", id)
}

// InsertNotice puts a notice into the outbox.
func (t *tx) InsertNotice(ctx context.Context, n taocan.Notice) error {
	return insertNotice(ctx, t.q, n)
}

func insertNotice(ctx context.Context, q querier, n taocan.Notice) error {
	facts, err := json.Marshal(n.Facts)
	if err != nil {
		return about(err, "insert notice %s", n.ID)
	}
	_, err = q.ExecContext(ctx, sqlText("notice_insert"), n.Account, n.Project, n.ID, micros(n.At), n.Event, n.Rule, toList(n.Channels), string(facts), null(n.Unique))
	return about(kind(err), "insert notice %s", n.ID)
}

// SpreadNotice writes a notice's deliveries.
func (t *tx) SpreadNotice(ctx context.Context, tenant taocan.Tenant, id taocan.NoticeID, to []taocan.ChannelID) error {
	if err := t.change(ctx, taocan.ErrConflict, "notice_spread", tenant.Account, tenant.Project, id); err != nil {
		return about(err, "spread notice %s", id)
	}
	for _, channel := range to {
		err := t.exec(ctx, "delivery_insert", tenant.Account, tenant.Project, id, channel, micros(t.now), micros(t.now))
		if err != nil {
			return about(err, "spread notice %s to channel %s", id, channel)
		}
	}
	return nil
}

// LeaseDelivery takes a delivery for a while.
func (t *tx) LeaseDelivery(ctx context.Context, d taocan.Delivery, until time.Time) error {
	err := t.change(ctx, taocan.ErrConflict, "delivery_lease", micros(until), d.Account, d.Project, d.Notice, d.Channel, micros(d.NextAt))
	return about(err, "lease the delivery of notice %s to channel %s", d.Notice, d.Channel)
}

// SettleDelivery writes what a try came to.
func (t *tx) SettleDelivery(ctx context.Context, d taocan.Delivery, lease time.Time) error {
	err := t.change(ctx, taocan.ErrConflict, "delivery_settle", d.State, micros(d.NextAt), d.Attempts, d.Status, d.Error, micros(d.TriedAt),
		d.Account, d.Project, d.Notice, d.Channel, micros(lease))
	return about(err, "settle the delivery of notice %s to channel %s", d.Notice, d.Channel)
}

// PurgeNotices forgets old notices with their deliveries.
func (t *tx) PurgeNotices(ctx context.Context, before time.Time, limit int) (int, error) {
	old, err := many(ctx, t.q, sqlText("notice_old"), scanTenantNotice, micros(before), limit)
	if err != nil {
		return 0, about(err, "purge notices")
	}
	for _, n := range old {
		for _, block := range []string{"delivery_delete", "notice_delete"} {
			if _, err := t.q.ExecContext(ctx, sqlText(block), n.Account, n.Project, n.ID); err != nil {
				return 0, about(kind(err), "purge notice %s", n.ID)
			}
		}
	}
	return len(old), nil
}
