package postgres

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"taocan/internal/clock"
	"taocan/internal/debit"
	"taocan/internal/monthfile"
	"taocan/internal/store"
	"taocan/internal/store/storetest"
	"taocan/internal/taocan"
)

func TestWrongArchivesAreFound(t *testing.T) {
	storetest.RunWrongArchives(t, func(t *testing.T, c clock.Clock) store.Store { return openTemp(t, c) })
}

// Two servers go on taking debits while a third process archives what is old, months that have parts of the log of their own
// and one that has none.
func TestMonthsAreArchivedBesideServers(t *testing.T) {
	ctx, url, c := t.Context(), migrated(t), clock.NewFake(time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC))
	servers := []*Store{openAt(t, url, c), openAt(t, url, c)}
	projects := []taocan.Tenant{{Account: "a", Project: "pa"}, {Account: "b", Project: "pb"}, {Account: "c", Project: "pc"}}
	for i, p := range projects {
		err := servers[0].Update(ctx, p.Account, func(tx store.Tx) error {
			return errors.Join(
				tx.InsertAccount(ctx, taocan.Account{ID: p.Account, Name: "name", Level: taocan.Enterprise, CreatedAt: tx.Now()}),
				tx.InsertProject(ctx, taocan.Project{Account: p.Account, ID: p.Project, Name: "name", CreatedAt: tx.Now()}),
				tx.InsertPackage(ctx, taocan.Package{Tenant: p, Number: taocan.PackageNumber(fmt.Sprintf("U1A260301120000%d", i)), Name: "name", Category: taocan.Domestic,
					Purpose: taocan.Verification, ChargeOn: taocan.ChargeOnSubmit, Total: 1_000_000, Remaining: 1_000_000, PurchasedAt: tx.Now(), ExistsFrom: tx.Now(),
					ExpiresAt: tx.Now().AddDate(2, 0, 0)}, taocan.EntryGrant, "grant"))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	take := func(ctx context.Context, by int, id string) error {
		p := projects[by%len(projects)]
		outcomes, err := servers[by%len(servers)].CommitDebits(ctx, []store.Op{{Tenant: p, Kind: store.OpTake, ID: taocan.DebitID(id),
			Request: taocan.DebitRequest{ID: taocan.DebitID(id), Kind: taocan.KindDebit, Category: taocan.Domestic, Purpose: taocan.Verification, Quantity: 1}}}, debit.Decide)
		if err == nil {
			err = outcomes[0].Err
		}
		return err
	}
	n := 0
	for month := range 5 {
		if month == 1 {
			if err := servers[0].MakeMonths(ctx); err != nil { // of April to June; March has moved on, July comes
				t.Fatal(err)
			}
		}
		for range 250 {
			n++
			if err := take(ctx, n, fmt.Sprint("m-", n)); err != nil {
				t.Fatal(err)
			}
		}
		c.Set(time.Date(2026, time.Month(4+month), 5, 0, 0, 0, 0, time.UTC))
	}
	if err := take(ctx, 0, "last"); err != nil {
		t.Fatal(err)
	}

	working, stop := context.WithCancel(ctx)
	var busy sync.WaitGroup
	for by := range projects {
		busy.Go(func() {
			for i := 0; working.Err() == nil; i++ {
				if err := take(ctx, by, fmt.Sprintf("busy-%d-%d", by, i)); err != nil {
					t.Errorf("a debit beside the archive: %v", err)
					return
				}
			}
		})
	}
	dir := filepath.Join(t.TempDir(), "months")
	archived := int64(0)
	err := monthfile.Archive(ctx, openAt(t, url, c), monthfile.Options{Dir: dir, Before: "2026-06", Now: c.Now(), Window: 30 * 24 * time.Hour,
		Done: func(m monthfile.Month) { archived += m.Debits }})
	stop()
	busy.Wait()
	if err != nil || archived != 3*250 {
		t.Fatalf("archived %d debits: %v", archived, err)
	}
	files := monthfile.NewDir(dir)
	defer files.Close()
	for _, o := range []store.VerifyOptions{{}, {Archive: files}} {
		report, err := store.Verify(ctx, servers[1], o)
		if err != nil || len(report.Findings) > 0 {
			t.Errorf("Verify: %v, %v", err, report.Findings)
		}
	}
}
