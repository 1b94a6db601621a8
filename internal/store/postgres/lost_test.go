package postgres

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"taocan/internal/clock"
	"taocan/internal/debit"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// As after a fail-over to a standby that lacked the last commit: whoever has seen it, by whatever way, writes no more, whether the
// others have gone on meanwhile or not. Who starts afterwards works.
func TestWhoHasSeenCommitsThatAreGoneStops(t *testing.T) {
	for _, goneOn := range []int{0, 1, 2} {
		t.Run(fmt.Sprint(goneOn), func(t *testing.T) {
			url, c := migrated(t), clock.NewFake(time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC))
			ctx := t.Context()
			mine := taocan.Tenant{Account: "a", Project: "p"}
			take := func(s *Store, id taocan.DebitID) error {
				c.Advance(time.Second)
				outcomes, err := s.CommitDebits(ctx, []store.Op{{Tenant: mine, Kind: store.OpTake, ID: id, Request: taocan.DebitRequest{ID: id, Kind: taocan.KindDebit,
					Category: taocan.Domestic, Purpose: taocan.General, Quantity: 1}}}, debit.Decide)
				if err != nil {
					return err
				}
				return outcomes[0].Err
			}
			old := openAt(t, url, c)
			err := old.Update(ctx, mine.Account, func(tx store.Tx) error {
				now := tx.Now()
				return errors.Join(
					tx.InsertAccount(ctx, taocan.Account{ID: mine.Account, Level: taocan.Personal, CreatedAt: now}),
					tx.InsertProject(ctx, taocan.Project{ID: mine.Project, Account: mine.Account, CreatedAt: now}),
					tx.InsertPackage(ctx, taocan.Package{Tenant: mine, Number: "U1A2603011200001", Category: taocan.Domestic, Purpose: taocan.General,
						ChargeOn: taocan.ChargeOnSubmit, Total: 10, Remaining: 10, PurchasedAt: now, ExistsFrom: now, ExpiresAt: now.AddDate(1, 0, 0)}, taocan.EntryGrant, ""))
			})
			if err := errors.Join(err, take(old, "m-1")); err != nil {
				t.Fatal(err)
			}
			asked := openAt(t, url, c)
			if err := take(old, "m-2"); err != nil {
				t.Fatal(err)
			}
			err = asked.Peek(ctx, func(r store.Reader) error { // a View would post, and so lock the lane
				_, err := r.Debit(ctx, mine, "m-2")
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			spare := openAt(t, url, c)

			direct, err := pgconn.Connect(ctx, url)
			if err != nil {
				t.Fatal(err)
			}
			defer direct.Close(ctx)
			lane := taocan.LaneOf(mine.Account)
			for _, statement := range []string{
				fmt.Sprintf("UPDATE lane SET seq = l.seq, at = l.id / 16, hash = l.hash FROM (SELECT * FROM commit_log WHERE lane = %d ORDER BY seq DESC OFFSET 1 LIMIT 1) l WHERE lane.lane = %[1]d", lane),
				fmt.Sprintf("DELETE FROM commit_log WHERE lane = %d AND seq > (SELECT seq FROM lane WHERE lane = %[1]d)", lane),
			} {
				if err := direct.Exec(ctx, statement).Close(); err != nil {
					t.Fatalf("%s: %v", statement, err)
				}
			}
			fresh := openAt(t, url, c)
			for i := range goneOn {
				if err := take(fresh, taocan.DebitID(fmt.Sprint("n-", i))); err != nil {
					t.Fatal(err)
				}
			}
			for how, s := range map[string]*Store{"made it": old, "was asked about it": asked, "found it at its start": spare} {
				for range 2 {
					if err := take(s, "m-2"); !errors.Is(err, store.ErrHistoryLost) || !errors.Is(err, taocan.ErrUnavailable) {
						t.Errorf("a debit at who %s: %v, want the history to be lost", how, err)
					}
					err := s.Update(ctx, mine.Account, func(tx store.Tx) error { return gift(ctx, tx, mine.Account) })
					if !errors.Is(err, store.ErrHistoryLost) {
						t.Errorf("a transaction at who %s: %v, want the history to be lost", how, err)
					}
				}
			}
			if err := take(fresh, "n-9"); err != nil {
				t.Error(err)
			}
			report, err := store.Verify(ctx, fresh, store.VerifyOptions{})
			if err != nil || len(report.Findings) > 0 {
				t.Errorf("verify: %v, %v", report.Findings, err)
			}
		})
	}
}

// A snapshot may be older than what was seen, as when the index is rebuilt while others write: that is no loss.
func TestWhatASnapshotSaysOfTheChain(t *testing.T) {
	hash := func(n int64) []byte { return fmt.Appendf(nil, "hash %d", n) }
	at := func(seq int64) store.Head { return store.Head{Seq: seq, Hash: hash(seq)} }
	var v sight
	if seq, ok := v.agrees(at(7)); seq != 7 || !ok {
		t.Errorf("the first head: seen up to %d, %v, want 7", seq, ok)
	}
	if !v.see(store.Commit{Seq: 8, Prev: hash(7), Hash: hash(8)}) || !v.see(store.Commit{Seq: 8, Hash: hash(8)}) || !v.see(store.Commit{Seq: 6, Hash: hash(6)}) {
		t.Error("the chain goes on, and is read once more: not seen")
	}
	for name, tt := range map[string]struct {
		head store.Head
		ok   bool
	}{"an older one": {at(7), true}, "the same": {at(8), true}, "a newer one": {at(9), true}, "another in its place": {store.Head{Seq: 8, Hash: hash(0)}, false}} {
		if seq, ok := v.agrees(tt.head); seq != 8 || ok != tt.ok {
			t.Errorf("%s: seen up to %d, %v, want 8, %v", name, seq, ok, tt.ok)
		}
	}
	if v.see(store.Commit{Seq: 9, Prev: hash(0), Hash: hash(9)}) || v.see(store.Commit{Seq: 8, Hash: hash(0)}) {
		t.Error("the chain goes another way, and that was taken for good")
	}
}
