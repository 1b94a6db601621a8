package postgres

import (
	"errors"
	"testing"
	"time"

	"taocan/internal/clock"
	"taocan/internal/debit"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Each process knows only the project that it debits for. What one takes from a package that the other's project shares must reach
// the other's balances, or the package is sold twice.
func TestAProcessLearnsWhatAnotherTookFromASharedPackage(t *testing.T) {
	url, c := migrated(t), clock.NewFake(time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC))
	one, two := openAt(t, url, c), openAt(t, url, c)
	ctx := t.Context()
	owner, user := taocan.Tenant{Account: "a", Project: "owner"}, taocan.Tenant{Account: "a", Project: "user"}
	err := one.Update(ctx, "a", func(tx store.Tx) error {
		now := tx.Now()
		return errors.Join(
			tx.InsertAccount(ctx, taocan.Account{ID: "a", Level: taocan.Personal, CreatedAt: now}),
			tx.InsertProject(ctx, taocan.Project{ID: "owner", Account: "a", CreatedAt: now}),
			tx.InsertProject(ctx, taocan.Project{ID: "user", Account: "a", CreatedAt: now}),
			tx.ReplacePoolShares(ctx, user, []taocan.ProjectID{"owner"}),
			tx.InsertPackage(ctx, taocan.Package{Tenant: owner, Number: "U1A2603011200001", Category: taocan.Domestic, Purpose: taocan.General,
				ChargeOn: taocan.ChargeOnSubmit, Total: 10, Remaining: 10, PurchasedAt: now, ExistsFrom: now, ExpiresAt: now.AddDate(1, 0, 0)}, taocan.EntryGrant, ""))
	})
	if err != nil {
		t.Fatal(err)
	}
	take := func(s *Store, by taocan.Tenant, id taocan.DebitID, q taocan.Segments) error {
		t.Helper()
		c.Advance(time.Second)
		outcomes, err := s.CommitDebits(ctx, []store.Op{{Tenant: by, Kind: store.OpTake, ID: id, Request: taocan.DebitRequest{ID: id, Kind: taocan.KindDebit,
			Category: taocan.Domestic, Purpose: taocan.General, Quantity: q}}}, debit.Decide)
		if err != nil {
			t.Fatal(err)
		}
		return outcomes[0].Err
	}
	if err := take(one, owner, "o-1", 1); err != nil { // one remembers the owner
		t.Fatal(err)
	}
	if err := take(two, user, "u-1", 6); err != nil { // which leaves 3
		t.Fatal(err)
	}
	if err := take(one, owner, "o-2", 4); !errors.Is(err, taocan.ErrInsufficientQuota) {
		t.Errorf("taking 4 of 3: %v, want refused", err)
	}
	if err := take(one, owner, "o-3", 3); err != nil {
		t.Errorf("taking 3 of 3: %v", err)
	}
	report, err := store.Verify(ctx, two, store.VerifyOptions{})
	if err != nil || len(report.Findings) > 0 {
		t.Errorf("verify: %v, %v", report.Findings, err)
	}
}
