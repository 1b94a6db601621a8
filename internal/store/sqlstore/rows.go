package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"taocan/internal/taocan"
)

// scanner is a row under the cursor.
type scanner interface{ Scan(dest ...any) error }

// one reads the row that a query finds; taocan.ErrNotFound where it finds none.
func one[T any](ctx context.Context, q Querier, text string, scan func(scanner) (T, error), args ...any) (T, error) {
	v, err := scan(q.QueryRowContext(ctx, text, args...))
	if err != nil {
		var none T
		return none, Kind(err)
	}
	return v, nil
}

// many reads all rows of a query, which bounds them itself.
func many[T any](ctx context.Context, q Querier, text string, scan func(scanner) (T, error), args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, Kind(err)
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, Kind(err)
		}
		all = append(all, v)
	}
	return all, Kind(rows.Err())
}

// exec runs the block of that name.
func (t *Tx) exec(ctx context.Context, name string, args ...any) error {
	_, err := t.Q.ExecContext(ctx, t.Q.Text(name), args...)
	return Kind(err)
}

// change runs a block that has to change one row; none is the error where it finds none.
func (t *Tx) change(ctx context.Context, none error, name string, args ...any) error {
	result, err := t.Q.ExecContext(ctx, t.Q.Text(name), args...)
	if err != nil {
		return Kind(err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return Kind(err)
	}
	if n == 0 {
		return none
	}
	return nil
}

// owns fails unless the transaction may write the account's ledger. It comes before the first write, so that nothing
// is written which the chain does not know.
func (t *Tx) owns(a taocan.AccountID) error {
	if a == "" || a != t.account {
		return fmt.Errorf("the transaction is for the ledger of account %q, not %q", t.account, a)
	}
	return nil
}

// Micros is the stored form of a time; 0 for none.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func FromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// at scans a time.
func at(t *time.Time) sql.Scanner { return timeColumn{t} }

type timeColumn struct{ t *time.Time }

func (c timeColumn) Scan(v any) error {
	switch v := v.(type) {
	case nil: // the side of an outer join that is not there
		*c.t = time.Time{}
	case int64:
		*c.t = FromMicros(v)
	default:
		return fmt.Errorf("a time is stored as %T", v)
	}
	return nil
}

// null is s for a column that is NULL where s is empty.
func null[S ~string](s S) any {
	if s == "" {
		return nil
	}
	return string(s)
}

// text scans a column that may be NULL.
func text[S ~string](s *S) sql.Scanner { return textColumn[S]{s} }

type textColumn[S ~string] struct{ s *S }

func (c textColumn[S]) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*c.s = ""
	case string:
		*c.s = S(v)
	default:
		return fmt.Errorf("a text is stored as %T", v)
	}
	return nil
}
