package postgres

import (
	"context"
	"errors"
	"net"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// committing is set on a connection while COMMIT is on its way. Where commits wait for a standby (synchronous_standby_names), a
// request to cancel one ends the wait, not the transaction: the server says COMMIT, everybody sees it, and a fail-over loses it.
// So a commit that takes too long is abandoned without one. The server holds its locks until the standby has it; whoever asks
// again waits behind them.
type committing struct{ atomic.Bool }

const committingKey = "taocan.committing"

var errCommitting = errors.New("a commit is not cancelled")

// guardCommits has every connection of a pool refuse requests to cancel while it commits.
func guardCommits(_ context.Context, config *pgx.ConnConfig) error {
	c, dial := &committing{}, config.DialFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if c.Load() { // only such a request dials again
			return nil, errCommitting
		}
		return dial(ctx, network, address)
	}
	config.AfterConnect = func(_ context.Context, conn *pgconn.PgConn) error {
		conn.CustomData()[committingKey] = c
		return nil
	}
	return nil
}

// commits notes that COMMIT is on its way, and returns what notes its end. A connection that has broken meanwhile stays as it is: it
// is closed by a goroutine of its own, which would send the request.
func commits(conn *pgconn.PgConn) (ended func()) {
	c := conn.CustomData()[committingKey].(*committing)
	c.Store(true)
	return func() {
		if !conn.IsClosed() {
			c.Store(false)
		}
	}
}
