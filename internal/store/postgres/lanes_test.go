package postgres

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// What runs for every debit names the account, or the lane that its account belongs to: so the schema can be distributed.
func TestEveryHotStatementNamesAccountOrLane(t *testing.T) {
	hot := 0
	for name, text := range queries {
		if !strings.HasSuffix(name, "_many") && !strings.HasPrefix(name, "lane_") && name != "commit_follow" {
			continue
		}
		hot++
		if !strings.Contains(text, "account_id") && !strings.Contains(text, "lane") {
			t.Errorf("%s names neither:\n%s", name, text)
		}
	}
	if hot < 15 {
		t.Errorf("only %d hot statements were found", hot)
	}
}

// A commit of one lane, its posting included, needs nothing that others have locked of all other lanes and accounts: with lanes
// placed as wholes it stays on one machine.
func TestACommitOfOneLaneTouchesNoOther(t *testing.T) {
	url := migrated(t)
	c := clock.NewFake(time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC))
	s := openAt(t, url, c)
	ctx := t.Context()
	mine := taocan.Tenant{Account: "a0", Project: "p0"}
	for i := range 40 {
		tenant := taocan.Tenant{Account: taocan.AccountID(fmt.Sprintf("a%d", i)), Project: taocan.ProjectID(fmt.Sprintf("p%d", i))}
		err := s.Update(ctx, tenant.Account, func(tx store.Tx) error {
			now := tx.Now()
			return errors.Join(
				tx.InsertAccount(ctx, taocan.Account{ID: tenant.Account, Level: taocan.Personal, CreatedAt: now}),
				tx.InsertProject(ctx, taocan.Project{ID: tenant.Project, Account: tenant.Account, CreatedAt: now}),
				tx.InsertPackage(ctx, taocan.Package{Tenant: tenant, Number: taocan.PackageNumber(fmt.Sprintf("U1A26030112%05X", i)), Category: taocan.Domestic,
					Purpose: taocan.General, ChargeOn: taocan.ChargeOnSubmit, Total: 1000, Remaining: 1000, PurchasedAt: now, ExistsFrom: now, ExpiresAt: now.AddDate(1, 0, 0)}, taocan.EntryGrant, ""))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	other, err := pgconn.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(ctx)
	lane := taocan.LaneOf(mine.Account)
	for _, statement := range []string{"BEGIN", fmt.Sprintf("SELECT 1 FROM lane WHERE lane <> %d FOR UPDATE", lane),
		"SELECT 1 FROM package WHERE account_id <> 'a0' FOR UPDATE", "SELECT 1 FROM package_sum WHERE account_id <> 'a0' FOR UPDATE",
		"SELECT 1 FROM settings_lock FOR UPDATE", "SELECT 1 FROM package_number WHERE account_id <> 'a0' FOR UPDATE"} {
		if err := other.Exec(ctx, statement).Close(); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	for i := range 3 {
		c.Advance(time.Second)
		op := store.Op{Tenant: mine, Kind: store.OpTake, ID: taocan.DebitID(fmt.Sprint("m-", i)), Request: taocan.DebitRequest{ID: taocan.DebitID(fmt.Sprint("m-", i)), Kind: taocan.KindDebit,
			Category: taocan.Domestic, Purpose: taocan.General, Quantity: 1}}
		_, err := s.CommitDebits(ctx, []store.Op{op}, func(l *store.Ledger, ops []store.Op) []store.Outcome {
			d := &taocan.Debit{Tenant: mine, DebitRequest: op.Request, State: taocan.Committed, At: l.At(mine.Account), DecisionVersion: 1, SegmentVersion: 1,
				Allocations: []taocan.Allocation{{Package: "U1A2603011200000", Quantity: 1}}}
			l.Move(l.Balances(mine).Balance("U1A2603011200000"), taocan.EntryDebit, 1)
			l.Write(d)
			return []store.Outcome{{Debit: d}}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	err = s.View(ctx, func(r store.Reader) error { // posts the lane
		p, err := r.Package(ctx, mine, "U1A2603011200000")
		if p.Remaining != 997 {
			t.Errorf("%d are left, want 997", p.Remaining)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
