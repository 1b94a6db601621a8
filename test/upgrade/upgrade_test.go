package upgrade_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/clock"
	"taocan/internal/debit"
	"taocan/internal/store"
	"taocan/internal/store/sqlite"
	"taocan/internal/taocan"
	"taocan/test/upgrade"
)

var demo = taocan.Tenant{Account: "demo", Project: "demo"}

func TestEverySchemaSoFarIsBroughtUpToDate(t *testing.T) {
	fixtures, err := filepath.Glob("testdata/schema-*.db.gz")
	if err != nil || len(fixtures) < 3 {
		t.Fatalf("found the fixtures %q, %v", fixtures, err)
	}
	for _, packed := range fixtures {
		name := strings.TrimSuffix(filepath.Base(packed), ".db.gz")
		t.Run(name, func(t *testing.T) {
			f := readFacts(t, strings.TrimSuffix(packed, ".db.gz")+".json")
			dir := t.TempDir()
			file := filepath.Join(dir, sqlite.FileName)
			unpack(t, packed, file)
			if got, err := sqlite.SchemaOf(file); err != nil || got != f.Schema || fmt.Sprintf("schema-%04d", got) != name {
				t.Fatalf("the fixture has schema %d, %v", got, err)
			}
			upgraded(t, dir, f)
		})
	}
}

// A backup of an older schema is restored as well: it is migrated on the way.
func TestABackupOfAnOlderVersionIsRestored(t *testing.T) {
	f := readFacts(t, "testdata/schema-0001.json")
	file, dir := filepath.Join(t.TempDir(), "old.db"), t.TempDir()
	unpack(t, "testdata/schema-0001.db.gz", file)
	proved := false
	r, err := sqlite.Restore(t.Context(), sqlite.RestoreOptions{Dir: dir, File: file, Clock: clock.NewFake(f.At), Prove: func(ctx context.Context, s *sqlite.Store) error {
		proved = true
		return proves(ctx, s, f)
	}})
	if err != nil || !proved || r.Schema != 1 || r.From.Head != f.Verify.Head {
		t.Fatalf("restored %+v, proved %v: %v", r, proved, err)
	}
	upgraded(t, dir, f)
}

// upgraded opens a database of the past with today's code and holds it against its facts.
func upgraded(t *testing.T, dir string, f upgrade.Facts) {
	t.Helper()
	ctx, c := t.Context(), clock.NewFake(f.At)
	s, err := sqlite.Open(ctx, sqlite.Options{Dir: dir, Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := proves(ctx, s, f); err != nil {
		t.Errorf("after the migration: %v", err)
	}
	if diff := cmp.Diff(f.Packages, packages(t, s, f)); diff != "" {
		t.Errorf("figures of packages (-then +now):\n%s", diff)
	}
	if diff := cmp.Diff(f.Wallet, wallet(t, s)); diff != "" {
		t.Errorf("wallet (-then +now):\n%s", diff)
	}

	e := debit.New(debit.Config{Store: s, Clock: c})
	e.Start(ctx)
	defer func() {
		if err := e.Stop(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	}()
	var again []store.Op
	for _, d := range f.Debits {
		again = append(again, take(d))
	}
	outcomes, err := e.Do(ctx, again)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range outcomes {
		if o.Err != nil || !o.Replayed {
			t.Errorf("%s was answered then; now replayed %v, %v", f.Debits[i].ID, o.Replayed, o.Err)
		}
	}
	outcomes, err = e.Do(ctx, []store.Op{take(upgrade.Debit{ID: "new", Quantity: 3, Purpose: "verification"}),
		{Kind: store.OpRelease, Tenant: demo, ID: "r/2"}}) // the reservation that was left open
	if err == nil {
		err = errors.Join(outcomes[0].Err, outcomes[1].Err)
	}
	if err != nil || outcomes[0].Replayed {
		t.Errorf("a new debit and a release: %+v, %v", outcomes, err)
	}
	if err := proves(ctx, s, upgrade.Facts{Verify: upgrade.Verified{Head: f.Verify.Head}}); err != nil {
		t.Errorf("after new debits: %v", err)
	}
}

// proves runs verify; what it counts must be what the facts say, if they say anything, and their head must still be covered.
func proves(ctx context.Context, s *sqlite.Store, f upgrade.Facts) error {
	r, err := store.Verify(ctx, s, store.VerifyOptions{ExpectHead: f.Verify.Head})
	if err != nil {
		return err
	}
	for _, finding := range r.Findings {
		err = errors.Join(err, errors.New(finding.String()))
	}
	got := f.Verify.Checked
	got.Commits, got.Debits, got.Entries, got.Packages, got.Orders, got.Wallets = r.Commits, r.Debits, r.Entries, r.Packages, r.Orders, r.Wallets
	if f.Schema != 0 && (got != f.Verify.Checked || r.Head != f.Verify.Head) {
		err = errors.Join(err, fmt.Errorf("verify counts %+v up to %s, then it was %+v up to %s", got, r.Head, f.Verify.Checked, f.Verify.Head))
	}
	return err
}

func take(d upgrade.Debit) store.Op {
	r := taocan.DebitRequest{ID: taocan.DebitID(d.ID), Kind: taocan.KindDebit, Category: taocan.Domestic, Purpose: taocan.Purpose(d.Purpose), Quantity: taocan.Segments(d.Quantity)}
	if d.Reservation {
		r.Kind, r.TTL = taocan.KindReservation, 30*24*time.Hour
	}
	return store.Op{Kind: store.OpTake, Tenant: demo, ID: r.ID, Request: r}
}

func packages(t *testing.T, s *sqlite.Store, f upgrade.Facts) (all []upgrade.Package) {
	t.Helper()
	err := s.View(t.Context(), func(r store.Reader) error {
		for _, then := range f.Packages {
			p, err := r.Package(t.Context(), demo, taocan.PackageNumber(then.Number))
			if err != nil {
				return err
			}
			all = append(all, upgrade.Package{Number: string(p.Number), Total: int64(p.Total), Remaining: int64(p.Remaining), Reserved: int64(p.Reserved), Used: int64(p.Used)})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func wallet(t *testing.T, s *sqlite.Store) map[string]any {
	t.Helper()
	var w taocan.Wallet
	err := s.View(t.Context(), func(r store.Reader) (err error) {
		w, err = r.Wallet(t.Context(), demo.Account)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"cash": w.Cash.String(), "gift": w.Gift.String(), "credit_limit": w.CreditLimit.String(), "credit_used": w.CreditUsed.String(), "currency": "CNY"}
}

func readFacts(t *testing.T, path string) (f upgrade.Facts) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func unpack(t *testing.T, packed, to string) {
	t.Helper()
	in, err := os.Open(packed)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	r, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A release's heading in CHANGELOG.md names its schema, "## 1.2.0 (schema 9)", and that schema has a fixture.
func TestEveryReleaseHasItsFixture(t *testing.T) {
	f, err := os.Open("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	named := regexp.MustCompile(`\(schema (\d+)\)$`)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		heading, ok := strings.CutPrefix(lines.Text(), "## ")
		if !ok || heading == "Unreleased" {
			continue
		}
		m := named.FindStringSubmatch(heading)
		if m == nil {
			t.Errorf("the heading %q does not end with its schema, like (schema %d)", heading, sqlite.NewestSchema())
			continue
		}
		if _, err := os.Stat(fmt.Sprintf("testdata/schema-%04s.db.gz", m[1])); err != nil {
			t.Errorf("release %q has no fixture; make it with test/upgrade/fixture: %v", heading, err)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}
