package postgres

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// A ceiling that wrote less than the run would flatter nobody but itself; one that wrote more would flatter us.
func TestCeilingRepeatsTheShape(t *testing.T) {
	url, ctx := migrated(t), t.Context()
	s := openAt(t, url, clock.System())
	for i := range 32 {
		tenant := taocan.Tenant{Account: taocan.AccountID(fmt.Sprintf("a%d", i)), Project: taocan.ProjectID(fmt.Sprintf("p%d", i))}
		err := s.Update(ctx, tenant.Account, func(tx store.Tx) error {
			now := tx.Now()
			return errors.Join(
				tx.InsertAccount(ctx, taocan.Account{ID: tenant.Account, Level: taocan.Personal, CreatedAt: now}),
				tx.InsertProject(ctx, taocan.Project{ID: tenant.Project, Account: tenant.Account, CreatedAt: now}),
				tx.InsertPackage(ctx, taocan.Package{Tenant: tenant, Number: taocan.PackageNumber(fmt.Sprintf("U1A26030112%05X", i)), Category: taocan.Domestic,
					Purpose: taocan.General, ChargeOn: taocan.ChargeOnSubmit, Total: taocan.MaxSegments, Remaining: taocan.MaxSegments, PurchasedAt: now,
					ExistsFrom: now, ExpiresAt: now.AddDate(1, 0, 0)}, taocan.EntryGrant, ""))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	shape := Shape{Debits: 35 * 300_000, // so many that each link is posted soon
		Transactions: 10, Links: 35, Entries: 42, Singles: 14, DebitsBytes: 35 * 3000, ManifestBytes: 35 * 40, Packages: 32}
	transactions, took, err := Ceiling(ctx, Options{URL: url, Clock: clock.System()}, shape, 2, 300*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if transactions < 2 || took < 300*time.Millisecond {
		t.Fatalf("%d transactions in %v, want some of 2 writers and all of the time", transactions, took)
	}
	c, err := s.readers.Conn(ctx) // no reader of the ledger understands what there is
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	one := func(query string) int64 { return numbers(t, c, query)[0] }
	const links = "FROM commit_log JOIN lane USING (lane) WHERE debits IS NOT NULL"
	all, posted := one("SELECT count(*) "+links), one("SELECT count(*) "+links+" AND commit_log.seq <= posted")
	entries, singles := one("SELECT count(*) FROM entry WHERE kind BETWEEN 5 AND 8"), one("SELECT count(*) FROM entry WHERE kind BETWEEN 5 AND 8 AND debits = 1")
	near := func(what string, got, of int64, ratio float64) {
		t.Helper()
		if want := float64(of) * ratio; math.Abs(float64(got)-want) > 4+want/10 { // each writer rounds for itself; a lane may have few projects
			t.Errorf("%d %s, want about %.0f", got, what, want)
		}
	}
	near("links", all, transactions, 3.5)
	near("entries", entries, posted, 1.2)
	near("entries of one debit", singles, entries, 1./3)
	if debits, manifests := one("SELECT sum(length(debits))::bigint "+links), one("SELECT sum(length(manifest))::bigint "+links); debits != all*3000 || manifests != all*40 {
		t.Errorf("%d bytes of debits and %d of manifests in %d links, want 3000 and 40 each", debits, manifests, all)
	}

	shape.Packages++
	if _, _, err := Ceiling(ctx, Options{URL: url, Clock: clock.System()}, shape, 2, time.Millisecond); err == nil {
		t.Error("a ceiling on other packages than the shape's was measured")
	}
}
