package teststore

import (
	"bytes"
	"context"
	"testing"
	"time"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

func TestADatabaseKeepsWhatItHoldsAndOthersSeeNothing(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Setenv("TAOCAN_TEST_STORE", kind)
			o := Options{Clock: clock.NewFake(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))}
			there := func(s store.Store) (n int) {
				t.Helper()
				err := s.View(t.Context(), func(r store.Reader) error {
					page, err := r.Accounts(t.Context(), store.AccountFilter{Paging: store.Paging{Limit: 1}})
					n = page.Total
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
			d := NewDatabase(t)
			s := d.Open(o)
			err := s.Update(t.Context(), "", func(tx store.Tx) error {
				return tx.InsertAccount(context.Background(), taocan.Account{ID: "acme", Name: "a word", Level: taocan.Enterprise, CreatedAt: tx.Now()})
			})
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(d.Contents(), []byte("a word")) {
				t.Error("the contents lack what was written")
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = d.Open(o)
			defer s.Close()
			if n := there(s); n != 1 {
				t.Errorf("opened again there are %d accounts, want 1", n)
			}
			other := Open(t, o)
			if n := there(other); n != 0 {
				t.Errorf("another store has %d accounts, want none", n)
			}
			if other.Epoch() == s.Epoch() {
				t.Errorf("two stores have the same epoch, %s", s.Epoch())
			}
		})
	}
}
