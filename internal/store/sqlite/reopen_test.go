package sqlite

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

func TestWhatWasCommittedIsThereAfterOpeningAgain(t *testing.T) {
	dir := t.TempDir()
	var want taocan.Account
	for i := range 2 {
		s, err := Open(t.Context(), Options{Dir: dir, Clock: clock.System()})
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			err = s.Update(t.Context(), "", func(tx store.Tx) error {
				want = taocan.Account{ID: "a", Name: "甲", Level: taocan.Enterprise, Suspended: true, CreatedAt: tx.Now()}
				return tx.InsertAccount(t.Context(), want)
			})
		} else {
			err = s.View(t.Context(), func(r store.Reader) error {
				got, err := r.Account(t.Context(), "a")
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("account (-want +got):\n%s", diff)
				}
				return err
			})
		}
		if err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}
