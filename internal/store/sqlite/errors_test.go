package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"taocan/internal/clock"
	"taocan/internal/store/sqlstore"
	"taocan/internal/taocan"
)

func TestErrorsOfTheDriverBecomeKinds(t *testing.T) {
	s := openTemp(t, clock.System())
	ctx := t.Context()
	exec := func(query string) error {
		_, err := s.w.conn.ExecContext(ctx, query)
		return err
	}
	if err := exec("INSERT INTO account (id, name, level, suspended, created_at) VALUES ('a', '', 'personal', 0, 1)"); err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	tests := []struct {
		name string
		err  error
		want error
	}{
		{"nothing", nil, nil},
		{"no row", sql.ErrNoRows, taocan.ErrNotFound},
		{"a primary key that is taken", exec("INSERT INTO account (id, name, level, suspended, created_at) VALUES ('a', '', 'personal', 0, 1)"), taocan.ErrConflict},
		{"a rowid that is taken", exec("INSERT INTO lane (lane, seq, at, hash) VALUES (0, 0, 0, x'00')"), taocan.ErrConflict},
		{"a unique column that is taken", exec("INSERT INTO project (account_id, id, name, created_at) VALUES ('a', 'p', '', 1), ('a', 'p', '', 1)"), taocan.ErrConflict},
		{"a check", exec("INSERT INTO account (id, name, level, suspended, created_at) VALUES ('b', '', 'noble', 0, 1)"), sqlstore.ErrConstraint},
		{"a foreign key", exec("INSERT INTO wallet (account_id, cash, gift, credit_limit, credit_used) VALUES ('x', 0, 0, 0, 0)"), sqlstore.ErrConstraint},
		{"a type", exec("INSERT INTO account (id, name, level, suspended, created_at) VALUES ('b', '', 'personal', 0, 'now')"), sqlstore.ErrConstraint},
		{"a full disk", func() error {
			if err := exec("PRAGMA max_page_count = 1"); err != nil {
				t.Fatal(err)
			}
			err := exec("INSERT INTO agreement (version, hash, markdown, published_at) VALUES ('1', '', printf('%.1000000c', 'x'), 1)")
			if err := exec("PRAGMA max_page_count = 1073741823"); err != nil {
				t.Fatal(err)
			}
			return err
		}(), taocan.ErrUnavailable},
		{"a database that may only be read", func() error {
			_, err := s.readers.ExecContext(ctx, "DELETE FROM account")
			return err
		}(), taocan.ErrUnavailable},
		{"a caller who has gone", cancelled.Err(), context.Canceled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := sqlstore.Kind(tt.err); !errors.Is(got, tt.want) || (got == nil) != (tt.want == nil) {
				t.Errorf("sqlstore.Kind(%v) = %v, want %v", tt.err, got, tt.want)
			}
		})
	}
	if err := sqlstore.Kind(exec("SELECT nonsense")); err == nil || errors.Is(err, taocan.ErrUnavailable) || errors.Is(err, taocan.ErrConflict) {
		t.Errorf("a mistake in SQL: got %v, want an error of no kind", err)
	}
}
