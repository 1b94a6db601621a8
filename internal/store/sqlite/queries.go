package sqlite

import (
	"context"
	"database/sql"
	"embed"

	"taocan/internal/store/sqlstore"
)

//go:embed query/*.sql
var queryFiles embed.FS

var queries = sqlstore.Load(sqlstore.Common, queryFiles)

// querier runs statements on a connection, a transaction or a pool.
type querier struct {
	runner
}

type runner interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Text of a query.
func (querier) Text(name string) string { return queries.Text(name) }
