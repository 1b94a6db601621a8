package store

import (
	"context"
	"time"

	"taocan/internal/taocan"
)

// TopUpReader reads automatic top-ups and what they have bought.
type TopUpReader interface {
	TopUps(ctx context.Context, t taocan.Tenant) ([]taocan.TopUp, error) // by category, purpose as in taocan.Purposes, country
	TopUp(ctx context.Context, t taocan.Tenant, id taocan.TopUpID) (taocan.TopUp, error)
	// LastTopUpOrder is the purchase of the target with the highest N; in a state, where one is given. It may outlive its top-up.
	LastTopUpOrder(ctx context.Context, t taocan.Tenant, id taocan.TopUpID, state taocan.TopUpState) (taocan.TopUpOrder, error)
	TopUpOrders(ctx context.Context, t taocan.Tenant, p Paging) (Page[taocan.TopUpOrder], error) // newest first
	// TopUpSpent is what the target's purchases of the month (2006-01) have cost.
	TopUpSpent(ctx context.Context, t taocan.Tenant, id taocan.TopUpID, month string) (taocan.Fen, error)

	// DueTopUps are enabled top-ups of every project that are called and whose next look is due, the longest due first.
	DueTopUps(ctx context.Context, now time.Time, limit int) ([]taocan.TopUp, error)
	// LeftTopUpOrders are purchases of every project under way whose lease has ended, the longest first.
	LeftTopUpOrders(ctx context.Context, now time.Time, limit int) ([]taocan.TopUpOrder, error)
	// IdleTopUps walks the enabled top-ups of every project that are not called, by tenant and id, from behind after's.
	IdleTopUps(ctx context.Context, after taocan.TopUp, limit int) ([]taocan.TopUp, error)
}

// TopUpTx writes automatic top-ups. None of it is ledger: what they buy are orders.
type TopUpTx interface {
	// ReplaceTopUps writes all of a project's top-ups in place of those that it had, with where they stand. Two for one
	// target are ErrConflict.
	ReplaceTopUps(ctx context.Context, t taocan.Tenant, topUps []taocan.TopUp) error
	// SetTopUpState writes where a top-up stands; ErrNotFound if it has been removed.
	SetTopUpState(ctx context.Context, x taocan.TopUp) error

	// InsertTopUpOrder writes a purchase that begins; ErrConflict while another of the target is under way.
	InsertTopUpOrder(ctx context.Context, o taocan.TopUpOrder) error
	// LeaseTopUpOrder takes a purchase until an instant; ErrConflict unless it is under way with o's lease.
	LeaseTopUpOrder(ctx context.Context, o taocan.TopUpOrder, until time.Time) error
	// SettleTopUpOrder writes how a purchase has ended: state, order, month, amount, time and reason. ErrConflict if it is
	// bought already, or has failed and o does not say that it is bought: money that was taken is never forgotten.
	SettleTopUpOrder(ctx context.Context, o taocan.TopUpOrder) error
}
