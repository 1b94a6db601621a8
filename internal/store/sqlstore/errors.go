package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	sqlite3 "github.com/ncruces/go-sqlite3"

	"taocan/internal/taocan"
)

// taken names what an insertion found to be another's already.
func taken(err error, what string, id any) error {
	if errors.Is(err, taocan.ErrConflict) {
		return fmt.Errorf("%w: %w", taocan.Conflict("the %s %s is taken", what, id), err)
	}
	return err
}

// ErrConstraint marks a write that the schema refused although the code should not have tried it.
var ErrConstraint = errors.New("a constraint of the database was violated")

// Kind turns an error of the driver into a kind, by its code; other errors pass.
func Kind(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, sql.ErrNoRows) {
		return taocan.ErrNotFound
	}
	var state interface{ SQLState() string } // PostgreSQL's
	if errors.As(err, &state) {
		return stateKind(state.SQLState(), err)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", taocan.ErrUnavailable, err)
	}
	var code sqlite3.ExtendedErrorCode // the driver gives errors with a text, and bare codes
	if !errors.As(err, &code) {
		return err
	}
	switch code {
	case sqlite3.CONSTRAINT_UNIQUE, sqlite3.CONSTRAINT_PRIMARYKEY, sqlite3.CONSTRAINT_ROWID:
		return fmt.Errorf("%w: %w", taocan.ErrConflict, err)
	}
	switch code.Code() {
	case sqlite3.CONSTRAINT:
		return fmt.Errorf("%w: %w", ErrConstraint, err)
	case sqlite3.BUSY, sqlite3.LOCKED, sqlite3.FULL, sqlite3.IOERR, sqlite3.READONLY, sqlite3.CANTOPEN, sqlite3.PROTOCOL,
		sqlite3.NOMEM, sqlite3.INTERRUPT:
		return fmt.Errorf("%w: %w", taocan.ErrUnavailable, err)
	}
	return err
}

// unavailable are the classes of SQLSTATE, and codes, that say nothing against the statement: connection, authorization and
// database, transaction, resources, locks, operators, system, damage; a server that only reads; a transaction that had failed, or stood idle for too long.
var unavailable = []string{"08", "28", "3D", "40", "53", "55", "57", "58", "XX", "25006", "25P02", "25P03"}

// stateKind is Kind of an error with a SQLSTATE.
func stateKind(state string, err error) error {
	switch {
	case state == "23505": // unique
		return fmt.Errorf("%w: %w", taocan.ErrConflict, err)
	case strings.HasPrefix(state, "23"):
		return fmt.Errorf("%w: %w", ErrConstraint, err)
	}
	for _, class := range unavailable {
		if strings.HasPrefix(state, class) {
			return fmt.Errorf("%w: %w", taocan.ErrUnavailable, err)
		}
	}
	return err
}

// About puts the subject in front of an error's text.
func About(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}
