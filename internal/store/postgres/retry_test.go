package postgres

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// admin runs statements beside the store.
func admin(t *testing.T, url, statement string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // also at the end of a test
	c, err := pgconn.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	if err := c.Exec(ctx, statement).Close(); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// killAll ends every connection to the database but its own.
const killAll = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

func newAccount(t *testing.T, s *Store, id taocan.AccountID) {
	t.Helper()
	err := s.Update(t.Context(), "", func(tx store.Tx) error {
		return tx.InsertAccount(t.Context(), taocan.Account{ID: id, Level: taocan.Personal, CreatedAt: tx.Now()})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func gift(ctx context.Context, tx store.Tx, a taocan.AccountID) error {
	_, err := tx.AppendWallet(ctx, taocan.WalletEntry{Account: a, Kind: taocan.WalletGift, Gift: 1})
	return err
}

func giftOf(t *testing.T, s *Store, a taocan.AccountID) (n taocan.Fen) {
	t.Helper()
	err := s.View(t.Context(), func(r store.Reader) error {
		w, err := r.Wallet(t.Context(), a)
		n = w.Gift
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAConnectionLostBeforeTheCommitIsNotNoticed(t *testing.T) {
	url := migrated(t)
	s := openAt(t, url, clock.System())
	newAccount(t, s, "a")
	tests := []struct {
		name      string
		kill      func(attempt int) bool // before the write; otherwise after it
		wantCalls int
	}{
		{"while it was idle", func(int) bool { return false }, 1},
		{"before a write", func(attempt int) bool { return attempt == 1 }, 2},
		{"before three writes", func(attempt int) bool { return attempt <= 3 }, 4},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			admin(t, url, killAll) // those in the pools
			calls := 0
			err := s.Update(t.Context(), "a", func(tx store.Tx) error {
				if calls++; tt.kill(calls) {
					admin(t, url, killAll)
				}
				return gift(t.Context(), tx, "a")
			})
			if err != nil {
				t.Fatalf("Update: %v", err)
			}
			if calls != tt.wantCalls {
				t.Errorf("ran %d times, want %d", calls, tt.wantCalls)
			}
			admin(t, url, killAll)
			if got, want := giftOf(t, s, "a"), taocan.Fen(i+1); got != want {
				t.Errorf("the wallet holds %d, want %d", got, want)
			}
		})
	}
}

func TestAConnectionThatIsLostAgainAndAgainIsUnavailable(t *testing.T) {
	url := migrated(t)
	s := openAt(t, url, clock.System())
	newAccount(t, s, "a")
	calls := 0
	err := s.Update(t.Context(), "a", func(tx store.Tx) error {
		calls++
		admin(t, url, killAll)
		return gift(t.Context(), tx, "a")
	})
	if !errors.Is(err, taocan.ErrUnavailable) || !errors.Is(err, store.ErrNotCommitted) {
		t.Errorf("got error %v, want %v and %v", err, taocan.ErrUnavailable, store.ErrNotCommitted)
	}
	if calls != retries+1 {
		t.Errorf("ran %d times, want %d", calls, retries+1)
	}
	// A function that takes the failure for something else is not believed.
	calls = 0
	err = s.Update(t.Context(), "a", func(tx store.Tx) error {
		if calls++; calls > 1 {
			return gift(t.Context(), tx, "a")
		}
		admin(t, url, killAll)
		_ = gift(t.Context(), tx, "a")
		return taocan.ErrForbidden
	})
	if err != nil || calls != 2 {
		t.Errorf("got error %v after %d calls, want success after 2", err, calls)
	}
}

func TestAConnectionLostInTheCommitLeavesTheOutcomeUnknown(t *testing.T) {
	url := migrated(t)
	s := openAt(t, url, clock.System())
	newAccount(t, s, "a")
	admin(t, url, `CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(10); RETURN NULL; END $$;
		CREATE CONSTRAINT TRIGGER die AFTER INSERT ON wallet_entry DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()`)
	calls := 0
	err := s.Update(t.Context(), "a", func(tx store.Tx) error {
		calls++
		return gift(t.Context(), tx, "a")
	})
	if !errors.Is(err, taocan.ErrUnavailable) || errors.Is(err, store.ErrNotCommitted) {
		t.Errorf("got error %v, want %v and nothing said about the outcome", err, taocan.ErrUnavailable)
	}
	if calls != 1 {
		t.Errorf("ran %d times, want once: it may have been committed", calls)
	}
	if got := giftOf(t, s, "a"); got != 0 {
		t.Errorf("the wallet holds %d", got)
	}
}

func TestACommitThatTheServerRefusesCommittedNothing(t *testing.T) {
	url := migrated(t)
	s := openAt(t, url, clock.System())
	newAccount(t, s, "a")
	admin(t, url, `CREATE SEQUENCE tries; CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF nextval('tries') <= 2 THEN RAISE EXCEPTION 'lost against another' USING ERRCODE = '40001'; END IF; RETURN NULL; END $$;
		CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON wallet_entry DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail()`)
	calls := 0
	err := s.Update(t.Context(), "a", func(tx store.Tx) error {
		calls++
		return gift(t.Context(), tx, "a")
	})
	if err != nil || calls != 3 {
		t.Errorf("got error %v after %d calls, want success after 3", err, calls)
	}
	if got := giftOf(t, s, "a"); got != 1 {
		t.Errorf("the wallet holds %d, want 1", got)
	}
}

// Two transactions that wait for each other: PostgreSQL ends one, which is tried again.
func TestADeadlockIsTriedAgain(t *testing.T) {
	url := migrated(t)
	s := openAt(t, url, clock.System())
	admin(t, url, "ALTER DATABASE "+databaseOf(url)+" SET deadlock_timeout = '20ms'")
	t.Cleanup(func() { admin(t, url, "ALTER DATABASE "+databaseOf(url)+" RESET deadlock_timeout") })
	admin(t, url, killAll)
	accounts := []taocan.AccountID{"a", "b"}
	if taocan.LaneOf("a") == taocan.LaneOf("b") {
		t.Fatal("both accounts are in one lane")
	}
	for _, a := range accounts {
		newAccount(t, s, a)
	}
	var both sync.WaitGroup
	both.Add(2)
	met := [2]sync.Once{}
	var done sync.WaitGroup
	errs := make([]error, 2)
	for i, a := range accounts {
		done.Go(func() {
			errs[i] = s.Update(t.Context(), a, func(tx store.Tx) error {
				account := taocan.Account{ID: a, Name: "new", Level: taocan.Personal}
				if err := tx.UpdateAccount(t.Context(), account); err != nil {
					return err
				}
				met[i].Do(func() { both.Done(); both.Wait() })
				account.ID = accounts[1-i]
				return tx.UpdateAccount(t.Context(), account)
			})
		})
	}
	done.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Errorf("Update: %v", err)
	}
}

// A process that stands still in the middle of a transaction loses its locks, and tries again once it goes on.
func TestAProcessThatStandsStillHoldsUpNobody(t *testing.T) {
	url := migrated(t)
	frozen, err := Open(t.Context(), Options{URL: url, Clock: clock.System(), Patience: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer frozen.Close()
	other := openAt(t, url, clock.System())
	newAccount(t, other, "a")
	calls := 0
	err = frozen.Update(t.Context(), "a", func(tx store.Tx) error {
		if calls++; calls == 1 { // it goes on when the other one is done, which waits for the lock
			if err := other.Update(t.Context(), "a", func(tx store.Tx) error { return gift(t.Context(), tx, "a") }); err != nil {
				t.Errorf("the other process: %v", err)
			}
		}
		return gift(t.Context(), tx, "a")
	})
	if err != nil || calls != 2 {
		t.Errorf("got error %v after %d calls, want success after 2", err, calls)
	}
	if got := giftOf(t, other, "a"); got != 2 {
		t.Errorf("the wallet holds %d, want 2", got)
	}
}

func TestAReadOnlyStoreRefusesToWrite(t *testing.T) {
	url := migrated(t)
	openAt(t, url, clock.System())
	s, err := Open(t.Context(), Options{URL: url, Clock: clock.System(), ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Update(t.Context(), "", func(store.Tx) error { return nil })
	if !errors.Is(err, taocan.ErrUnavailable) {
		t.Errorf("got error %v, want %v", err, taocan.ErrUnavailable)
	}
	if err := s.View(t.Context(), func(r store.Reader) error { _, err := r.Heads(t.Context()); return err }); err != nil {
		t.Error(err)
	}
}
