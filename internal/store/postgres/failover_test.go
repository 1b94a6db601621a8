package postgres

import (
	"errors"
	"fmt"
	"testing"

	"taocan/internal/clock"
	"taocan/internal/pgtest"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// A primary is killed and its standby promoted. With both in the URL, the store finds the new one by itself.
func TestAStoreFollowsThePromotedStandby(t *testing.T) {
	primary := pgtest.NewServer(t, pgtest.Options{})
	standby := primary.Standby(t)
	for _, statement := range []string{"ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"} {
		if err := primary.Exec(t.Context(), "postgres", statement); err != nil {
			t.Fatal(err)
		}
	}
	url := fmt.Sprintf("postgres://taocan@127.0.0.1:%d,127.0.0.1:%d/postgres?sslmode=disable&target_session_attrs=read-write", primary.Port, standby.Port)
	s := openAt(t, url, clock.System())
	newAccount(t, s, "a")
	write := func() error {
		return s.Update(t.Context(), "a", func(tx store.Tx) error { return gift(t.Context(), tx, "a") })
	}
	answered := taocan.Fen(0)
	for range 5 {
		if err := write(); err != nil {
			t.Fatal(err)
		}
		answered++
	}
	primary.Kill()
	if err := write(); !errors.Is(err, taocan.ErrUnavailable) {
		t.Errorf("without a primary: got error %v, want %v", err, taocan.ErrUnavailable)
	}
	standby.Promote(t)
	if err := write(); err != nil {
		t.Fatalf("after the promotion: %v", err)
	}
	answered++
	if got := giftOf(t, s, "a"); got != answered {
		t.Errorf("%d writes are there, %d were answered", got, answered)
	}
}
