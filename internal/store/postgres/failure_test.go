package postgres

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"taocan/internal/store/sqlstore"
	"taocan/internal/taocan"
)

func TestErrorsOfTheServerHaveKinds(t *testing.T) {
	tests := []struct {
		state     string
		kind      error // nil: passes as it is
		transient bool
	}{
		{"23505", taocan.ErrConflict, false},         // unique
		{"23503", sqlstore.ErrConstraint, false},     // foreign key
		{"23514", sqlstore.ErrConstraint, false},     // check
		{"23502", sqlstore.ErrConstraint, false},     // not null
		{"40001", taocan.ErrUnavailable, true},       // lost against another
		{"40P01", taocan.ErrUnavailable, true},       // deadlock
		{"25006", taocan.ErrUnavailable, true},       // a standby
		{"25P03", taocan.ErrUnavailable, true},       // idle in a transaction
		{"57P01", taocan.ErrUnavailable, true},       // shutting down
		{"57P03", taocan.ErrUnavailable, true},       // starting
		{"53300", taocan.ErrUnavailable, true},       // too many connections
		{"08006", taocan.ErrUnavailable, true},       // connection lost
		{"57014", taocan.ErrUnavailable, false},      // cancelled
		{"55P03", taocan.ErrUnavailable, false},      // lock not got in time
		{"53100", taocan.ErrUnavailable, false},      // disk full
		{"58030", taocan.ErrUnavailable, false},      // I/O
		{"XX001", taocan.ErrUnavailable, false},      // damage
		{"28P01", taocan.ErrUnavailable, false},      // password
		{"3D000", taocan.ErrUnavailable, false},      // no such database
		{"25P02", taocan.ErrUnavailable, false},      // had failed before
		{"42601", nil, false}, {"22012", nil, false}, // a mistake in a text, a division by zero
	}
	for _, tt := range tests {
		err := fmt.Errorf("about something: %w", &pgconn.PgError{Code: tt.state, Severity: "ERROR"})
		got := sqlstore.Kind(driverError(err))
		if tt.kind != nil && !errors.Is(got, tt.kind) || tt.kind == nil && got.Error() != err.Error() {
			t.Errorf("%s: got error %v, want kind %v", tt.state, got, tt.kind)
		}
		if transient(err) != tt.transient {
			t.Errorf("%s: tried again: %t, want %t", tt.state, !tt.transient, tt.transient)
		}
	}
	if got, want := driverError(errors.New("failed to connect:\n\tdb1: refused\n\tdb1: refused\n\tdb2: refused")).Error(),
		"connection to PostgreSQL: failed to connect: db1: refused db2: refused"; got != want {
		t.Errorf("a connection that was not got says %q, want %q", got, want)
	}
	lost := driverError(errors.New("unexpected EOF"))
	if !transient(lost) || !moved(lost) || !errors.Is(sqlstore.Kind(lost), taocan.ErrUnavailable) {
		t.Errorf("a lost connection is %v", sqlstore.Kind(lost))
	}
}
