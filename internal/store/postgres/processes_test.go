package postgres

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"

	"taocan/internal/clock"
	"taocan/internal/pgtest"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

func databaseOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

// writeAtOnce has stores write to few accounts and to settings at the same time, and proves that nothing was lost.
func writeAtOnce(t *testing.T, stores ...*Store) {
	t.Helper()
	accounts := []taocan.AccountID{"a", "b", "c"}
	for _, a := range accounts {
		newAccount(t, stores[0], a)
	}
	const callers, each = 4, 12
	errs := make(chan error, callers*each*len(stores)*2)
	var wg sync.WaitGroup
	for _, s := range stores {
		for caller := range callers {
			wg.Go(func() {
				for i := range each {
					a := accounts[(caller+i)%len(accounts)]
					errs <- s.Update(t.Context(), a, func(tx store.Tx) error { return gift(t.Context(), tx, a) })
					// A name that counts: the next one is read and written back.
					errs <- s.Update(t.Context(), "", func(tx store.Tx) error {
						account, err := tx.Account(t.Context(), "a")
						if err != nil {
							return err
						}
						account.Name += "x"
						return tx.UpdateAccount(t.Context(), account)
					})
				}
			})
		}
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Errorf("Update: %v", err)
		}
	}
	gifts, commits := taocan.Fen(0), int64(0)
	for _, a := range accounts {
		gifts += giftOf(t, stores[len(stores)-1], a)
	}
	want := len(stores) * callers * each
	err := stores[0].View(t.Context(), func(r store.Reader) error {
		account, err := r.Account(t.Context(), "a")
		if len(account.Name) != want {
			t.Errorf("%d changes of the name are there, want %d", len(account.Name), want)
		}
		heads, err2 := r.Heads(t.Context())
		for _, h := range heads {
			commits += h.Seq
		}
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
	if int(gifts) != want || int(commits) != want {
		t.Errorf("%d gifts and %d commits are there, want %d of both", gifts, commits, want)
	}
	report, err := store.Verify(t.Context(), stores[0], store.VerifyOptions{})
	if err != nil || len(report.Findings) > 0 {
		t.Errorf("Verify: %v, %v", err, report.Findings)
	}
}

func TestTwoProcessesWriteToOneDatabase(t *testing.T) {
	url := migrated(t)
	one, two := openAt(t, url, clock.System()), openAt(t, url, clock.System())
	if one.Epoch() != two.Epoch() || one.Epoch() == "" {
		t.Errorf("the epochs are %q and %q, want the same", one.Epoch(), two.Epoch())
	}
	writeAtOnce(t, one, two)
}

func TestProcessesThatStartAtOnceMigrateOnce(t *testing.T) {
	url := pgtest.Database(t)
	epochs := make([]string, 3)
	var wg sync.WaitGroup
	for i := range epochs {
		wg.Go(func() {
			s, err := Open(t.Context(), Options{URL: url, Clock: clock.System()})
			if err != nil {
				t.Errorf("Open: %v", err)
				return
			}
			epochs[i] = s.Epoch()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if epochs[0] == "" || epochs[0] != epochs[1] || epochs[0] != epochs[2] {
		t.Errorf("the epochs are %q, want the same", epochs)
	}
}

func TestTwoProcessesBehindPgBouncer(t *testing.T) {
	straight := migrated(t)
	through := pgtest.Bouncer(t, straight, 3)
	one, two := openAt(t, through, clock.System()), openAt(t, through, clock.System())
	writeAtOnce(t, one, two)
}

// What is remembered elsewhere of an account's projects is dropped when their settings change.
func TestChangedSettingsAreToldByTheLane(t *testing.T) {
	s := openTemp(t, clock.System())
	newAccount(t, s, "a")
	tenant := taocan.Tenant{Account: "a", Project: "a-1"}
	changes := func() (all [taocan.Lanes]int64) {
		t.Helper()
		c, err := s.readers.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		copy(all[:], numbers(t, c, "SELECT changes FROM lane ORDER BY lane"))
		return all
	}
	none := changes()
	update := func(account taocan.AccountID, fn func(ctx context.Context, tx store.Tx) error) {
		t.Helper()
		if err := s.Update(t.Context(), account, func(tx store.Tx) error { return fn(t.Context(), tx) }); err != nil {
			t.Fatal(err)
		}
	}
	update("", func(ctx context.Context, tx store.Tx) error {
		return tx.InsertProject(ctx, taocan.Project{ID: tenant.Project, Account: "a", CreatedAt: tx.Now()})
	})
	if got := changes(); got != none {
		t.Errorf("a new project changed lanes: %v", got)
	}
	want := none
	want[taocan.LaneOf("a")]++
	update("a", func(ctx context.Context, tx store.Tx) error {
		return tx.ReplaceUsageLimits(ctx, tenant, nil)
	})
	if got := changes(); got != want {
		t.Errorf("after a change of limits there is %v, want %v", got, want)
	}
	for lane := range want {
		want[lane]++
	}
	update("", func(ctx context.Context, tx store.Tx) error {
		price := taocan.OverflowPrice{Category: taocan.Domestic, Purpose: taocan.General, ValidFrom: tx.Now(), Price: 500, PublishedAt: tx.Now()}
		return tx.InsertOverflowPrice(ctx, price)
	})
	if got := changes(); got != want {
		t.Errorf("after a new price there is %v, want %v", got, want)
	}
}
