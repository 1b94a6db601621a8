package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"taocan/internal/taocan"
)

// Retries of a transaction of which nothing was committed, and of the first statement of a snapshot. With the waits between
// them, about two seconds: a restarted connection pooler or a lost connection goes by unnoticed, a fail-over does not.
const (
	retries       = 5
	retryWait     = 25 * time.Millisecond // before the first; each later one doubles it, less up to half at random
	closePatience = 5 * time.Second       // for a ROLLBACK
)

// lostError is a connection that broke, or was not got. It carries the SQLSTATE of that.
type lostError struct{ err error }

// Error is one line, and says once what every attempt has met.
func (e *lostError) Error() string {
	var said []string
	for line := range strings.Lines(e.err.Error()) {
		if line = strings.TrimSpace(line); !slices.Contains(said, line) {
			said = append(said, line)
		}
	}
	return "connection to PostgreSQL: " + strings.Join(said, " ")
}

func (e *lostError) Unwrap() error  { return e.err }
func (*lostError) SQLState() string { return "08006" }

// driverError tells errors of the server, which pass, from those of the connection.
func driverError(err error) error {
	var state interface{ SQLState() string }
	if err == nil || errors.As(err, &state) || errors.Is(err, taocan.ErrInvalid) {
		return err
	}
	return &lostError{err}
}

// transient reports whether the same transaction may succeed if it is tried once more: it lost against another, or its
// server or connection went away.
func transient(err error) bool {
	var state interface{ SQLState() string }
	if !errors.As(err, &state) {
		return false
	}
	switch code := state.SQLState(); code {
	case "40001", "40P01", // serialization failure, deadlock
		"25006",                   // read-only: the server has become a standby
		"57P01", "57P02", "57P03", // shut down, crashed, starting
		"25P03", "57P05", // idle for too long
		"53300": // too many connections
		return true
	default:
		return strings.HasPrefix(code, "08")
	}
}

// moved reports whether other connections to the server are as useless as this one.
func moved(err error) bool {
	var state interface{ SQLState() string }
	if !errors.As(err, &state) {
		return false
	}
	switch code := state.SQLState(); code {
	case "40001", "40P01", "25P03", "57P05", "53300":
		return false
	}
	return transient(err)
}

// refused reports whether an answer to COMMIT means that nothing was committed: the server said so and went on. One that is
// about to end may say so after it has committed.
func refused(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.SeverityUnlocalized == "ERROR"
}

// pause waits before a retry; false where the context ends first.
func pause(ctx context.Context, attempt int) bool {
	wait := retryWait << attempt
	timer := time.NewTimer(wait - rand.N(wait/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// errAborted is COMMIT answered by ROLLBACK: a statement before had failed.
var errAborted = fmt.Errorf("the transaction was rolled back: %w", taocan.ErrUnavailable)
