package store

import (
	"context"

	"taocan/internal/taocan"
)

// Proof is what Verify reads: the chains, and rows in key order over all tenants, in slices.
type Proof interface {
	Heads(ctx context.Context) ([taocan.Lanes]Head, error)
	// Commits lists a lane's links after a sequence, in order.
	Commits(ctx context.Context, lane taocan.Lane, after int64, limit int) ([]Commit, error)
	// LedgerRow loads the row that a manifest names and digests it as it stands.
	LedgerRow(ctx context.Context, ref RowRef) (Row, error)
}
