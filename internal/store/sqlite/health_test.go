package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/store/sqlite"
	"taocan/internal/taocan"
)

func TestTheFilesAreTheirOwnersAlone(t *testing.T) {
	dir := t.TempDir()
	c := clock.NewFake(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	for _, name := range []string{"a new database", "one that an older version left readable"} {
		s, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir, Clock: c})
		if err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(dir, sqlite.FileName+"*"))
		if err != nil || len(files) < 2 {
			t.Fatalf("%s: files %v, error %v; want the log, too", name, files, err)
		}
		for _, f := range files {
			info, err := os.Stat(f)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %s has mode %o", name, filepath.Base(f), info.Mode().Perm())
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(dir, sqlite.FileName), 0o644); err != nil { //nolint:gosec // that is what is tested
			t.Fatal(err)
		}
	}
}

func TestHealth(t *testing.T) {
	dir := t.TempDir()
	began := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir, Clock: clock.NewFake(began)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h, err := s.Health(t.Context())
	if err != nil || h.Schema != h.Newest || h.Schema < 8 || !h.LastCommit.IsZero() || h.Damage != nil {
		t.Errorf("a new database: %+v, error %v", h, err)
	}
	err = s.Update(t.Context(), "acme", func(tx store.Tx) error {
		if err := tx.InsertAccount(t.Context(), taocan.Account{ID: "acme", Level: taocan.Enterprise, CreatedAt: began}); err != nil {
			return err
		}
		_, err := tx.AppendWallet(t.Context(), taocan.WalletEntry{Account: "acme", Kind: taocan.WalletTopUp, Cash: 100, Reference: "bank-1"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if h, err = s.Health(t.Context()); err != nil || !h.LastCommit.Equal(began) {
		t.Errorf("after a commit at %s: %+v, error %v", began, h, err)
	}
	if open, ids := s.Remembered(); open != 0 || ids != 0 {
		t.Errorf("%d open reservations, %d ids; want none", open, ids)
	}
}
