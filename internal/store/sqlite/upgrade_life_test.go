package sqlite

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3/driver"
	"github.com/pressly/goose/v3"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// beforeLife writes what the database in dir holds into one of the schema before packages could be extended or frozen.
func beforeLife(t *testing.T, dir string) string {
	t.Helper()
	old := t.TempDir()
	db, err := driver.Open("file:" + filepath.Join(old, FileName) + "?_pragma=foreign_keys(0)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // the other database is attached to one connection
	files, err := fs.Sub(migrations, "migration")
	if err != nil {
		t.Fatal(err)
	}
	migrate, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrate.UpTo(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	exec := func(statement string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	exec("ATTACH ? AS new", filepath.Join(dir, FileName))
	rows, err := db.QueryContext(t.Context(), `SELECT m.name, group_concat(c.name, ', ') FROM main.sqlite_schema m JOIN pragma_table_info(m.name, 'main') c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE 'goose_%' AND m.name NOT IN ('package_sum', 'debit_ref') GROUP BY m.name`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columnsOf := map[string]string{}
	for rows.Next() {
		var table, columns string
		if err := rows.Scan(&table, &columns); err != nil {
			t.Fatal(err)
		}
		columnsOf[table] = columns
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for table, columns := range columnsOf { // triggers make package_sum
		exec(fmt.Sprintf("INSERT OR REPLACE INTO main.%[1]s (%[2]s) SELECT %[2]s FROM new.%[1]s", table, columns))
	}
	for _, ref := range refsIn(t, dir) { // lists of commits had a row for each
		exec("INSERT INTO main.debit_ref (account_id, project_id, at) VALUES (?, ?, ?)", ref.Account, ref.Project, ref.At.UnixMicro())
	}
	return old
}

// refsIn lists all references to commits of a closed database.
func refsIn(t *testing.T, dir string) (refs []store.DebitRef) {
	t.Helper()
	s, err := Open(t.Context(), Options{Dir: dir, Clock: clock.NewFake(verifyBegin), ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.View(t.Context(), func(r store.Reader) (err error) {
		refs, err = r.DebitRefsAfter(t.Context(), store.DebitRef{}, 1000)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return refs
}

func TestALedgerFromBeforePackagesCouldBeExtendedMigratesAndProves(t *testing.T) {
	written := t.TempDir()
	fullLedger(t, written)
	old := beforeLife(t, written)
	if columns := columns(t, old, "package"); columns["frozen"] != "" {
		t.Fatalf("the old schema has the column frozen: %v", columns)
	}
	const number = "U1B2603010000001"
	s := openAt(t, old, clock.NewFake(verifyBegin.AddDate(0, 0, 1)))
	defer s.Close()
	prove := func(what string) {
		t.Helper()
		report, err := store.Verify(t.Context(), s, store.VerifyOptions{})
		if err != nil || len(report.Findings) > 0 || report.Debits == 0 {
			t.Errorf("%s: %d debits, findings %v, error %v", what, report.Debits, report.Findings, err)
		}
	}
	prove("migrated")
	err := s.View(t.Context(), func(r store.Reader) error {
		p, err := r.Package(t.Context(), verifyOwner, number)
		if p.Frozen || !p.FirstExpiresAt.IsZero() || !p.ExpiresAt.Equal(verifyBegin.AddDate(1, 0, 0)) {
			t.Errorf("the old package reads as %+v", p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), verifyOwner.Account, func(tx store.Tx) error {
		if err := tx.FreezePackage(t.Context(), verifyOwner, number, true, "a dispute"); err != nil {
			return err
		}
		return tx.ExtendPackage(t.Context(), verifyOwner, number, verifyBegin.AddDate(2, 0, 0), "longer")
	})
	if err != nil {
		t.Fatal(err)
	}
	prove("extended and frozen")
}

// livedLedger is fullLedger with a package that was extended, frozen and unfrozen, and a transfer between two projects.
func livedLedger(t *testing.T, dir string) {
	t.Helper()
	fullLedger(t, dir)
	ctx, c := t.Context(), clock.NewFake(verifyBegin.AddDate(0, 0, 1))
	s := openAt(t, dir, c)
	defer s.Close()
	const number = "U1B2603010000001"
	other := taocan.Tenant{Account: verifyOwner.Account, Project: "app"}
	for _, step := range []func(tx store.Tx) error{
		func(tx store.Tx) error {
			return tx.InsertProject(ctx, taocan.Project{ID: other.Project, Account: other.Account, Name: "App", CreatedAt: tx.Now()})
		},
		func(tx store.Tx) error {
			return tx.ExtendPackage(ctx, verifyOwner, number, verifyBegin.AddDate(2, 0, 0), "longer")
		},
		func(tx store.Tx) error { return tx.FreezePackage(ctx, verifyOwner, number, true, "a dispute") },
		func(tx store.Tx) error { return tx.FreezePackage(ctx, verifyOwner, number, false, "settled") },
		func(tx store.Tx) error {
			from, err := tx.Package(ctx, verifyOwner, number)
			if err != nil {
				return err
			}
			return tx.TransferPackage(ctx, verifyOwner, number, taocan.Package{Tenant: other, Number: "U1B2603020000003", Name: from.Name,
				Category: from.Category, Purpose: from.Purpose, ChargeOn: from.ChargeOn, Total: 40, Remaining: 40, PurchasedAt: from.PurchasedAt,
				ExistsFrom: tx.Now(), ExpiresAt: from.ExpiresAt})
		},
		func(tx store.Tx) error { return tx.FreezePackage(ctx, other, "U1B2603020000003", true, "a dispute") },
	} {
		c.Advance(1000)
		if err := s.Update(ctx, verifyOwner.Account, step); err != nil {
			t.Fatal(err)
		}
	}
}

func TestVerifyFindsWhatIsWrongWithALivedPackage(t *testing.T) {
	good := t.TempDir()
	livedLedger(t, good)
	if found := findings(t, good, store.VerifyOptions{}); len(found) > 0 {
		t.Fatalf("a good store: %v", found)
	}
	for what, tt := range map[string]struct{ statement, named string }{
		"a package that would work longer":           {"UPDATE package SET expires_at = expires_at + 1 WHERE number = 'U1B2603010000001'", "U1B2603010000001"},
		"another first expiry":                       {"UPDATE package SET first_expires_at = first_expires_at + 1 WHERE number = 'U1B2603010000001'", "U1B2603010000001"},
		"an extension that is forgotten":             {"UPDATE package SET expires_at = first_expires_at, first_expires_at = 0 WHERE number = 'U1B2603010000001'", "U1B2603010000001"},
		"a first expiry that never was":              {"UPDATE package SET first_expires_at = expires_at - 1 WHERE number = 'U1B2603020000003'", "U1B2603020000003"},
		"another expiry in the entry":                {"UPDATE entry SET expires_at = expires_at + 1 WHERE kind = 10", "U1B2603010000001"},
		"an expiry in an entry that extends nothing": {"UPDATE entry SET expires_at = 5 WHERE kind = 4", "U1B2603010000001"},
		"a frozen package that pays":                 {"UPDATE package SET frozen = 0 WHERE number = 'U1B2603020000003'", "U1B2603020000003"},
		"an active package that does not pay":        {"UPDATE package SET frozen = 1 WHERE number = 'U1B2603010000001'", "U1B2603010000001"},
		"a freeze that is missing":                   {"DELETE FROM entry WHERE kind = 11 AND project_id = 'app'", "U1B2603020000003"},
		"a transfer to somewhere else":               {"UPDATE entry SET reference = 'U1B2603010000002' WHERE kind = 14", "U1B2603010000001"},
		"a transfer of more":                         {"UPDATE entry SET remaining = remaining - 1 WHERE kind = 14", "U1B2603010000001"},
		"a transfer without its other side":          {"DELETE FROM entry WHERE kind = 14", "U1B2603020000003"},
		"a frozen package in a balance":              {"INSERT INTO package_sum SELECT account_id, project_id, category, expires_at, purpose, country, remaining, reserved FROM package WHERE frozen = 1 ON CONFLICT DO UPDATE SET remaining = 40", "balance of"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			dir := copyOf(t, good)
			if !tamper(t, dir, tt.statement) {
				t.Fatal("nothing changed")
			}
			for _, f := range findings(t, dir, store.VerifyOptions{}) {
				if strings.Contains(f.String(), tt.named) {
					return
				}
			}
			t.Errorf("no finding names %q", tt.named)
		})
	}
}

// A package may have millions of entries. What it was at an instant must not walk over them.
func TestAnswersAboutThePastUseTheIndexesOfTheFewEntries(t *testing.T) {
	s := openTemp(t, clock.NewFake(verifyBegin))
	for query, indexes := range map[string][]string{
		"package_page_as_of": {"entry_adjust", "entry_extend", "entry_freeze"},
		"balance_as_of":      {"entry_extend", "entry_freeze"},
	} {
		steps := strings.Join(plan(t, s, queries.Text(query)), "\n")
		for _, index := range indexes {
			if !strings.Contains(steps, "INDEX "+index+" (account_id=? AND project_id=? AND package=? AND at<?)") {
				t.Errorf("%s does not search %s by package and time:\n%s", query, index, steps)
			}
		}
	}
}
