package postgres

import (
	"testing"

	"taocan/internal/clock"
	"taocan/internal/pgtest"
	"taocan/internal/store"
	"taocan/internal/store/storetest"
)

// migrated is the URL of a fresh database with the newest schema.
func migrated(t testing.TB) string {
	t.Helper()
	return pgtest.Migrated(t, MigrationsDigest(), Migrate)
}

// openAt opens a database and closes it with the test.
func openAt(t testing.TB, url string, c clock.Clock) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{URL: url, Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// openTemp opens a fresh database.
func openTemp(t testing.TB, c clock.Clock) *Store {
	t.Helper()
	return openAt(t, migrated(t), c)
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T, c clock.Clock) store.Store { return openTemp(t, c) })
}
