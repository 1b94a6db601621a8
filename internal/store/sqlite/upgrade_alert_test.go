package sqlite

import (
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ncruces/go-sqlite3/driver"
	"github.com/pressly/goose/v3"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

func TestRulesFromBeforeKindsAreOnMessagesLeftAndAreLookedAt(t *testing.T) {
	dir := t.TempDir()
	db, err := driver.Open("file:" + filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	files, err := fs.Sub(migrations, "migration")
	if err != nil {
		t.Fatal(err)
	}
	migrate, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrate.UpTo(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"INSERT INTO account (id, name, level, suspended, created_at) VALUES ('acme', '', 'enterprise', 0, 1)",
		"INSERT INTO project (id, account_id, name, created_at) VALUES ('on', 'acme', '', 1), ('off', 'acme', '', 1)",
		`INSERT INTO alert_rule (account_id, project_id, category, purpose, country, threshold, enabled, updated_at) VALUES
			('acme', 'on', 'domestic', 'marketing', '', 7, 1, 1000), ('acme', 'on', 'international', 'general', 'HK', 8, 0, 1000),
			('acme', 'off', 'domestic', 'marketing', '', 9, 0, 1000)`,
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := openAt(t, dir, clock.NewFake(verifyBegin))
	defer s.Close()
	on := taocan.Tenant{Account: "acme", Project: "on"}
	rule := taocan.AlertRule{Tenant: on, Kind: taocan.AlertRemaining, Unit: taocan.InMessages, Category: taocan.Domestic, Purpose: taocan.Marketing,
		Threshold: 7, Enabled: true, UpdatedAt: time.UnixMicro(1000).UTC()}
	abroad := rule
	abroad.Category, abroad.Purpose, abroad.Country, abroad.Threshold, abroad.Enabled = taocan.International, taocan.General, "HK", 8, false
	err = s.View(t.Context(), func(r store.Reader) error {
		rules, err := r.AlertRules(t.Context(), on)
		if diff := cmp.Diff([]taocan.AlertRule{rule, abroad}, rules); diff != "" {
			t.Errorf("rules (-want +got):\n%s", diff)
		}
		if err != nil {
			return err
		}
		due, err := r.AlertsDue(t.Context(), verifyBegin, 10)
		if diff := cmp.Diff([]store.AlertDue{{Tenant: on}}, due); diff != "" {
			t.Errorf("due (-want +got):\n%s", diff)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
