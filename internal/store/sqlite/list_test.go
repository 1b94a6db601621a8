package sqlite

import (
	"errors"
	"testing"
	"time"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

func TestTotalsAreExactUpToTheLimit(t *testing.T) {
	s := openTemp(t, clock.System())
	total := func() (n int, atLeast bool) {
		t.Helper()
		err := s.View(t.Context(), func(r store.Reader) error {
			page, err := r.AuditEntries(t.Context(), store.AuditFilter{Paging: store.Paging{Limit: 1}})
			n, atLeast = page.Total, page.AtLeast
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n, atLeast
	}
	insert := func(n int) {
		t.Helper()
		_, err := s.w.conn.ExecContext(t.Context(), `INSERT INTO audit (at, actor, address, action, subject, value_before, value_after)
			WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?) SELECT 1, '', '', '', '', '', '' FROM n`, n)
		if err != nil {
			t.Fatal(err)
		}
	}
	insert(store.CountLimit)
	if n, atLeast := total(); n != store.CountLimit || atLeast {
		t.Errorf("got %d, at least: %v; want exactly %d", n, atLeast, store.CountLimit)
	}
	insert(1)
	if n, atLeast := total(); n != store.CountLimit || !atLeast {
		t.Errorf("got %d, at least: %v; want at least %d", n, atLeast, store.CountLimit)
	}
}

// The flag is what indexes know of the figures; whoever writes them, it has to follow.
func TestLiveFollowsTheFigures(t *testing.T) {
	c := clock.NewFake(time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC))
	s := openTemp(t, c)
	tenant := taocan.Tenant{Account: "a", Project: "p"}
	err := s.Update(t.Context(), tenant.Account, func(tx store.Tx) error {
		now := tx.Now()
		return errors.Join(
			tx.InsertAccount(t.Context(), taocan.Account{ID: "a", Level: taocan.Personal, CreatedAt: now}),
			tx.InsertProject(t.Context(), taocan.Project{ID: "p", Account: "a", CreatedAt: now}),
			tx.InsertPackage(t.Context(), taocan.Package{Tenant: tenant, Number: "U1A2603011200001", Category: taocan.Domestic, Purpose: taocan.General,
				ChargeOn: taocan.ChargeOnSubmit, Total: 10, Remaining: 10, PurchasedAt: now, ExistsFrom: now, ExpiresAt: now.AddDate(1, 0, 0)}, taocan.EntryGrant, ""))
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ remaining, reserved, used, live int }{
		{10, 0, 0, 1}, {3, 0, 7, 1}, {0, 3, 7, 1}, {0, 0, 10, 0}, {0, 0, 10, 0}, {1, 0, 9, 1}, {0, 0, 10, 0}, {0, 1, 9, 1},
	} {
		var live int
		_, err := s.w.conn.ExecContext(t.Context(), queries.Text("package_figures_update"), tt.remaining, tt.reserved, tt.used, "a", "p", "U1A2603011200001")
		if err == nil {
			err = s.w.conn.QueryRowContext(t.Context(), "SELECT live FROM package").Scan(&live)
		}
		if err != nil || live != tt.live {
			t.Errorf("%+v: got live %d and error %v", tt, live, err)
		}
	}
}
