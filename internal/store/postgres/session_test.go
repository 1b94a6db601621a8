package postgres

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"math"
	"strings"
	"testing"

	"taocan/internal/clock"
	"taocan/internal/store/sqlstore"
	"taocan/internal/taocan"
)

// begin opens a session for writing that ends with the test.
func begin(t *testing.T, s *Store) *sql.Conn {
	t.Helper()
	c, err := s.writers.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func must(t *testing.T, c *sql.Conn, query string, args ...any) {
	t.Helper()
	if _, err := c.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// numbers reads a column of numbers.
func numbers(t *testing.T, c *sql.Conn, query string, args ...any) []int64 {
	t.Helper()
	rows, err := c.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var all []int64
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return all
}

func TestValuesComeBackAsTheyWereGiven(t *testing.T) {
	c := begin(t, openTemp(t, clock.System()))
	for _, n := range []int64{0, -1, math.MaxInt64, math.MinInt64} {
		if got := numbers(t, c, "SELECT CAST(? AS bigint)", n); got[0] != n {
			t.Errorf("got %d, want %d", got[0], n)
		}
	}
	type word string
	for _, want := range []string{"", "甲", "a'b\\", strings.Repeat("x", 100_000)} {
		var got word
		if err := c.QueryRowContext(t.Context(), "SELECT CAST(? AS text)", word(want)).Scan(&got); err != nil || string(got) != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	for _, want := range [][]byte{{}, {0, 255, 1}, bytes.Repeat([]byte{7}, 100_000)} {
		var got []byte
		if err := c.QueryRowContext(t.Context(), "SELECT CAST(? AS bytea)", want).Scan(&got); err != nil || !bytes.Equal(got, want) {
			t.Errorf("got %d bytes, %v, want %d", len(got), err, len(want))
		}
	}
	var none sql.NullInt64
	var blob []byte
	err := c.QueryRowContext(t.Context(), "SELECT CAST(? AS bigint), CAST(? AS bytea)", nil, []byte(nil)).Scan(&none, &blob)
	if err != nil || none.Valid || blob != nil {
		t.Errorf("got %v, %v, %v, want none", none, blob, err)
	}
	var flag bool
	if err := c.QueryRowContext(t.Context(), "SELECT ? = 1", true).Scan(&flag); err != nil || !flag {
		t.Errorf("a flag is not 1: %v", err)
	}
	var small int
	if err := c.QueryRowContext(t.Context(), "SELECT 7").Scan(&small); err != nil || small != 7 {
		t.Errorf("got %d, %v, want 7", small, err)
	}
	if got := numbers(t, c, "SELECT unnest(CAST(? AS bigint[]))", []int64{3, -4}); len(got) != 2 || got[0] != 3 || got[1] != -4 {
		t.Errorf("got %v, want 3 and -4", got)
	}
	if got := numbers(t, c, "SELECT unnest(CAST(? AS bigint[]))", []int64{}); len(got) != 0 {
		t.Errorf("got %v, want nothing", got)
	}
	const pairs = "SELECT count(*) FROM unnest(?, ?) AS n (a, b) WHERE a = 'x' AND b IS NULL OR a = '' AND b = CAST('' AS bytea)"
	if got := numbers(t, c, pairs, []string{"x", ""}, [][]byte{nil, {}}); got[0] != 2 {
		t.Errorf("%d rows of arrays came as they were given, want 2", got[0])
	}
}

func TestANumericIsAMistakeInTheText(t *testing.T) {
	c := begin(t, openTemp(t, clock.System()))
	var n int64
	if err := c.QueryRowContext(t.Context(), "SELECT sum(CAST(1 AS bigint))").Scan(&n); err == nil {
		t.Error("a numeric was read")
	}
}

func TestBytesThatAreNoTextAreRefusedWithoutEndingTheTransaction(t *testing.T) {
	c := begin(t, openTemp(t, clock.System()))
	must(t, c, "CREATE TEMPORARY TABLE x (n text)")
	for _, text := range []string{"a\x00b", "\xff"} {
		if _, err := c.ExecContext(t.Context(), "INSERT INTO x VALUES (?)", text); !errors.Is(err, taocan.ErrInvalid) {
			t.Errorf("got error %v, want %v", err, taocan.ErrInvalid)
		}
	}
	must(t, c, "INSERT INTO x VALUES (?)", "good")
}

func TestATransactionGoesOnAfterARefusedWrite(t *testing.T) {
	c := begin(t, openTemp(t, clock.System()))
	must(t, c, "CREATE TEMPORARY TABLE x (n bigint PRIMARY KEY CHECK (n > 0))")
	must(t, c, "INSERT INTO x VALUES (1)")
	for statement, kind := range map[string]error{
		"INSERT INTO x VALUES (1)":    taocan.ErrConflict,
		"INSERT INTO x VALUES (-1)":   sqlstore.ErrConstraint,
		"UPDATE x SET n = 0":          sqlstore.ErrConstraint,
		"INSERT INTO x VALUES (NULL)": sqlstore.ErrConstraint,
	} {
		_, err := c.ExecContext(t.Context(), statement)
		if err = sqlstore.Kind(err); !errors.Is(err, kind) {
			t.Errorf("%s: got error %v, want %v", statement, err, kind)
		}
		if got := numbers(t, c, "SELECT n FROM x"); len(got) != 1 || got[0] != 1 {
			t.Errorf("after %s there is %v, want 1", statement, got)
		}
	}
	result, err := c.ExecContext(t.Context(), "INSERT INTO x VALUES (2), (3)")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 2 {
		t.Errorf("%d rows changed, %v, want 2", n, err)
	}
}

// Whoever reads rows may run other statements, that read rows as well.
func TestStatementsRunWhileRowsAreRead(t *testing.T) {
	s := openTemp(t, clock.System())
	c := begin(t, s)
	must(t, c, "CREATE TEMPORARY TABLE x (n bigint)")
	const most = 3*cursorRows + 1
	must(t, c, "INSERT INTO x SELECT * FROM generate_series(1, ?)", most)
	x, err := sessionOf(c)
	if err != nil {
		t.Fatal(err)
	}
	const text = "SELECT n FROM x WHERE n <= ? ORDER BY n"
	for _, through := range []string{"memory", "cursor"} {
		x.connector = &connector{pool: x.pool, savepoints: true, patience: x.patience, texts: x.texts, long: map[string]bool{text: through == "cursor"}}
		for _, n := range []int64{0, 1, cursorRows - 1, cursorRows, cursorRows + 1, 2 * cursorRows, most} {
			rows, err := c.QueryContext(t.Context(), text, n)
			if err != nil {
				t.Fatal(err)
			}
			seen := int64(0)
			for rows.Next() {
				var got int64
				if err := rows.Scan(&got); err != nil {
					t.Fatal(err)
				}
				seen++
				if got != seen {
					t.Fatalf("through %s: row %d is %d", through, seen, got)
				}
				if seen%100 != 1 {
					continue
				}
				if inner := numbers(t, c, text, 3); len(inner) != 3 {
					t.Fatalf("through %s: got %v within, want 3 rows", through, inner)
				}
				must(t, c, "UPDATE x SET n = n WHERE n = ?", seen)
			}
			if err := rows.Err(); err != nil || seen != n {
				t.Errorf("through %s: got %d rows, %v, want %d", through, seen, err, n)
			}
			if err := rows.Close(); err != nil {
				t.Error(err)
			}
		}
		// Rows that nobody reads to their end are in nobody's way.
		rows, err := c.QueryContext(t.Context(), text, most)
		if err != nil {
			t.Fatal(err)
		}
		rows.Next()
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
		must(t, c, "SELECT 1")
	}
	if open := numbers(t, c, "SELECT count(*) FROM pg_cursors"); open[0] > 12 {
		t.Errorf("%d cursors are open", open[0])
	}
}

// What nobody waits for any more is not left running: it would hold its locks, or get them in the end.
func TestAStatementEndsWithItsContext(t *testing.T) {
	s := openTemp(t, clock.System())
	c, other := begin(t, s), begin(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	must(t, c, "SELECT 1")
	go cancel()
	_, err := c.ExecContext(ctx, "SELECT pg_sleep(600)")
	if err = sqlstore.Kind(err); !errors.Is(err, taocan.ErrUnavailable) {
		t.Errorf("got error %v, want %v", err, taocan.ErrUnavailable)
	}
	const running = `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND state = 'active' AND query LIKE '%pg_sleep(600)' AND pid <> pg_backend_pid()`
	for tries := 0; numbers(t, other, running)[0] > 0; tries++ {
		if tries == 500 {
			t.Fatal("the statement is still running")
		}
		must(t, other, "SELECT pg_sleep(0.01)")
	}
}
