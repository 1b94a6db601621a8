package store

import (
	"context"

	"taocan/internal/taocan"
)

// MeteringReader reads limits on use, overflow and shared pools.
type MeteringReader interface {
	UsageLimits(ctx context.Context, t taocan.Tenant) ([]taocan.UsageLimit, error) // by category, purpose, country, period
	Overflows(ctx context.Context, t taocan.Tenant) ([]taocan.Overflow, error)     // by category
	OverflowPrices(ctx context.Context) ([]taocan.OverflowPrice, error)            // by category, purpose, country, newest first
	// OverflowCost is what a project's overflow of a category cost in a month (2006-01), in 1/10,000 yuan.
	OverflowCost(ctx context.Context, t taocan.Tenant, c taocan.Category, month string) (int64, error)
	// Purse is what an account's overflow draws on.
	Purse(ctx context.Context, a taocan.AccountID) (Purse, error)
	PoolShares(ctx context.Context, a taocan.AccountID) ([]taocan.PoolShare, error) // by user, then the oldest first
}

// MeteringTx changes them.
type MeteringTx interface {
	// ReplaceUsageLimits writes all of a project's limits in place of those that it had. A limit that is gone forgets that
	// it has warned.
	ReplaceUsageLimits(ctx context.Context, t taocan.Tenant, limits []taocan.UsageLimit) error
	ReplaceOverflows(ctx context.Context, t taocan.Tenant, overflows []taocan.Overflow) error
	InsertOverflowPrice(ctx context.Context, p taocan.OverflowPrice) error // one from the same instant on: ErrConflict
	// ReplacePoolShares writes whose packages pay for a project, in this order.
	ReplacePoolShares(ctx context.Context, user taocan.Tenant, owners []taocan.ProjectID) error
	// Meter begins to count what a project takes, where it is not counted yet: from the first day of the month on, out of
	// its records.
	Meter(ctx context.Context, t taocan.Tenant) error
}
