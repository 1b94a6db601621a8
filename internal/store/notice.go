package store

import (
	"context"
	"time"

	"taocan/internal/taocan"
)

// NoticeReader reads channels, the outbox and its deliveries.
type NoticeReader interface {
	Channels(ctx context.Context, t taocan.Tenant) ([]taocan.Channel, error) // the oldest first
	Channel(ctx context.Context, t taocan.Tenant, id taocan.ChannelID) (taocan.Channel, error)
	// SealedChannels are those of every project that hold secrets, by tenant and id.
	SealedChannels(ctx context.Context) ([]taocan.Channel, error)

	Notice(ctx context.Context, t taocan.Tenant, id taocan.NoticeID) (taocan.Notice, error)
	Notices(ctx context.Context, t taocan.Tenant, f NoticeFilter) (Page[NoticeRow], error)        // newest first
	Deliveries(ctx context.Context, t taocan.Tenant, f DeliveryFilter) (Page[DeliveryRow], error) // newest first

	// UnspreadNotices are notices of every project that have no deliveries yet, the oldest first.
	UnspreadNotices(ctx context.Context, limit int) ([]taocan.Notice, error)
	// DueDeliveries are pending deliveries of every project whose next try is due, the longest due first; those to a
	// channel that already has perChannel of them further up are left out, so that one channel cannot fill the list.
	DueDeliveries(ctx context.Context, now time.Time, perChannel, limit int) ([]taocan.Delivery, error)
}

// NoticeTx writes channels, the outbox and its deliveries. None of it is ledger.
type NoticeTx interface {
	InsertChannel(ctx context.Context, c taocan.Channel) error
	UpdateChannel(ctx context.Context, c taocan.Channel) error // name, address, sealed, language, enabled, updated
	DeleteChannel(ctx context.Context, t taocan.Tenant, id taocan.ChannelID) error

	// InsertNotice puts a notice into the outbox. One with a known Unique is dropped silently.
	InsertNotice(ctx context.Context, n taocan.Notice) error
	// SpreadNotice writes a pending delivery, due at once, for each channel and marks the notice; ErrConflict if it is
	// marked already. Without channels nobody is told.
	SpreadNotice(ctx context.Context, t taocan.Tenant, id taocan.NoticeID, to []taocan.ChannelID) error
	// LeaseDelivery takes a delivery until an instant, in which nobody else tries it; ErrConflict unless it is still
	// pending and its next try is when d says.
	LeaseDelivery(ctx context.Context, d taocan.Delivery, until time.Time) error
	// SettleDelivery writes what a try came to: state, next try, attempts, status, error, time of the try. ErrConflict
	// unless the delivery is pending under exactly that lease.
	SettleDelivery(ctx context.Context, d taocan.Delivery, lease time.Time) error
	// PurgeNotices forgets up to limit notices from before an instant, with their deliveries, and says how many. What is
	// still to be delivered stays.
	PurgeNotices(ctx context.Context, before time.Time, limit int) (int, error)
}

// NoticeFilter selects notices.
type NoticeFilter struct {
	Rule taocan.AlertID // empty: all
	Paging
}

// NoticeRow is a notice and how far it has got.
type NoticeRow struct {
	taocan.Notice
	Spread     bool // it has its deliveries
	Deliveries int  // none although it is spread: there was nobody to tell
}

// DeliveryFilter selects deliveries; zero values select all.
type DeliveryFilter struct {
	Channel taocan.ChannelID
	State   taocan.DeliveryState
	Rule    taocan.AlertID
	Paging
}

// DeliveryRow is a delivery with what its notice is about.
type DeliveryRow struct {
	taocan.Delivery
	Event taocan.NoticeEvent
	Rule  taocan.AlertID
}
