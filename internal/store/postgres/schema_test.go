package postgres

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/clock"
	"taocan/internal/pgtest"
	"taocan/internal/store"
	"taocan/internal/store/sqlstore"
)

func TestADatabaseOfANewerVersionIsRefused(t *testing.T) {
	url := migrated(t)
	admin(t, url, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, true)")
	if _, err := Open(t.Context(), Options{URL: url, Clock: clock.System()}); !errors.Is(err, sqlstore.ErrSchema) {
		t.Errorf("got error %v, want %v", err, sqlstore.ErrSchema)
	}
}

func TestAnOlderDatabaseIsNotMigratedForReading(t *testing.T) {
	url := pgtest.Database(t)
	if _, err := Open(t.Context(), Options{URL: url, Clock: clock.System(), ReadOnly: true}); !errors.Is(err, sqlstore.ErrSchema) {
		t.Errorf("got error %v, want %v", err, sqlstore.ErrSchema)
	}
}

func TestMigrationsGoTheDirectWay(t *testing.T) {
	straight := pgtest.Database(t)
	through := pgtest.Bouncer(t, straight, 2)
	s, err := Open(t.Context(), Options{URL: through, MigrateURL: straight, Clock: clock.System()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestAnAbsentServerIsUnavailable(t *testing.T) {
	_, err := Open(t.Context(), Options{URL: "postgres://nobody@127.0.0.1:1/none?sslmode=disable", Clock: clock.System()})
	if err == nil {
		t.Error("a store was opened without a server")
	}
}

func TestMonthsAreMadeAheadOnceAndTakeTheirCommits(t *testing.T) {
	c := clock.NewFake(time.Date(2026, 11, 30, 23, 0, 0, 0, time.UTC))
	s := openTemp(t, c)
	newAccount(t, s, "a")
	write := func() {
		t.Helper()
		if err := s.Update(t.Context(), "a", func(tx store.Tx) error { return gift(t.Context(), tx, "a") }); err != nil {
			t.Fatal(err)
		}
	}
	write() // into the part for months that are not made
	for range 2 {
		if err := s.MakeMonths(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	c.Advance(2 * time.Hour)
	write()
	conn, err := s.readers.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	rows, err := conn.QueryContext(t.Context(), "SELECT CAST(tableoid::regclass AS text) FROM commit_log ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got []string
	for rows.Next() {
		var part string
		if err := rows.Scan(&part); err != nil {
			t.Fatal(err)
		}
		got = append(got, part)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"commit_log_2026_11", "commit_log_2026_12"}, got); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
}

func TestHealth(t *testing.T) {
	c := clock.NewFake(time.Date(2026, 11, 30, 23, 0, 0, 0, time.UTC))
	s := openTemp(t, c)
	newAccount(t, s, "a")
	if err := s.Update(t.Context(), "a", func(tx store.Tx) error { return gift(t.Context(), tx, "a") }); err != nil {
		t.Fatal(err)
	}
	h, err := s.Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if h.Server == "" {
		t.Error("the server has no version")
	}
	h.Server = ""
	if apart := time.Since(h.Clock).Abs(); apart > time.Minute {
		t.Errorf("PostgreSQL's clock on this machine is %s away", apart)
	}
	h.Clock = time.Time{}
	if diff := cmp.Diff(Health{Schema: NewestSchema(), Newest: NewestSchema(), LastCommit: c.Now()}, h); diff != "" {
		t.Errorf("health (-want +got):\n%s", diff)
	}
}

func TestHowLongIDsAreRememberedIsNoted(t *testing.T) {
	url := migrated(t)
	for _, x := range []struct {
		o    Options
		want time.Duration
	}{
		{Options{}, 30 * 24 * time.Hour},
		{Options{IdempotencyWindow: 365 * 24 * time.Hour}, 365 * 24 * time.Hour},
		{Options{}, 365 * 24 * time.Hour},
		{Options{Unasked: true}, 365 * 24 * time.Hour},
		{Options{IdempotencyWindow: time.Nanosecond, ReadOnly: true}, time.Nanosecond},
		{Options{IdempotencyWindow: 7 * 24 * time.Hour}, 7 * 24 * time.Hour},
		{Options{ReadOnly: true}, 7 * 24 * time.Hour},
	} {
		x.o.URL, x.o.Clock = url, clock.System()
		s, err := Open(t.Context(), x.o)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Window(); got != x.want {
			t.Errorf("opened with %s, read-only %t: ids are remembered for %s, want %s", x.o.IdempotencyWindow, x.o.ReadOnly, got, x.want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
