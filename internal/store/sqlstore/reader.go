package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Querier runs statements on one connection: a reader's snapshot or a transaction. Text words a statement for the database.
type Querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	Text(name string) string
}

// Source is what a back end tells its readers and transactions beside the connection. Immutable.
type Source struct {
	Zone *time.Location // of natural days and months
	// Candidates lists the commits (store.CommitID) that may hold a debit's id, the most telling first. One that does not
	// hold it costs a read; a commit that the reader sees and that holds it is never left out.
	Candidates func(context.Context, Reader, taocan.Tenant, taocan.DebitID) ([]int64, error)
}

// Reader implements store.Reader.
type Reader struct {
	Q Querier
	S *Source
}

var _ store.Reader = Reader{}
