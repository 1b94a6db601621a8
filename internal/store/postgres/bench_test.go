package postgres

import (
	"testing"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// What the round trips of cold transactions cost, on a server without fsync.
func BenchmarkTransactions(b *testing.B) {
	s := openTemp(b, clock.System())
	err := s.Update(b.Context(), "", func(tx store.Tx) error {
		return tx.InsertAccount(b.Context(), taocan.Account{ID: "a", Level: taocan.Personal, CreatedAt: tx.Now()})
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("view of one row", func(b *testing.B) {
		for b.Loop() {
			if err := s.View(b.Context(), func(r store.Reader) error { _, err := r.Wallet(b.Context(), "a"); return err }); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("wallet entry", func(b *testing.B) {
		for b.Loop() {
			if err := s.Update(b.Context(), "a", func(tx store.Tx) error { return gift(b.Context(), tx, "a") }); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("hundred audit entries", func(b *testing.B) {
		for b.Loop() {
			err := s.Update(b.Context(), "", func(tx store.Tx) error {
				for range 100 {
					if err := tx.InsertAudit(b.Context(), taocan.AuditEntry{At: tx.Now(), Action: "a"}); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

// How quickly a database that is there is opened and closed.
func BenchmarkOpen(b *testing.B) {
	url := migrated(b)
	for b.Loop() {
		s, err := Open(b.Context(), Options{URL: url, Clock: clock.System()})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
