package monthfile_test

import (
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"taocan/internal/clock"
	"taocan/internal/debit"
	"taocan/internal/monthfile"
	"taocan/internal/store"
	"taocan/internal/store/sqlite"
)

// Older versions wrote the entries of debits themselves, under the commit's link.
func TestDebitsOfOlderVersionsAreArchived(t *testing.T) {
	fixtures, err := filepath.Glob("../../test/upgrade/testdata/schema-*.db.gz")
	if err != nil || len(fixtures) == 0 {
		t.Fatalf("no database of an older version: %v", err)
	}
	for _, fixture := range fixtures {
		t.Run(filepath.Base(fixture), func(t *testing.T) {
			ctx, dir := t.Context(), t.TempDir()
			unpack(t, fixture, filepath.Join(dir, sqlite.FileName))
			c := clock.NewFake(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))
			st, err := sqlite.Open(ctx, sqlite.Options{Dir: dir, Clock: c})
			if err != nil {
				t.Fatal(err)
			}
			defer st.Close()
			var due []store.Due
			err = st.View(ctx, func(r store.Reader) (err error) {
				due, err = r.DueReservations(ctx, c.Now(), 1000)
				return err
			})
			if err != nil || len(due) == 0 {
				t.Fatalf("reservations that are due: %v, %v", due, err)
			}
			var ops []store.Op // what is due is settled now, which makes a commit of now
			for _, d := range due {
				ops = append(ops, store.Op{Tenant: d.Tenant, Kind: store.OpDeadline, ID: d.ID})
			}
			if _, err := st.CommitDebits(ctx, ops, debit.Decide); err != nil {
				t.Fatal(err)
			}
			debits := int64(len(due))
			months := filepath.Join(t.TempDir(), "months")
			err = monthfile.Archive(ctx, st, monthfile.Options{Dir: months, Before: "2099-01", Now: c.Now(), Window: window, Done: func(m monthfile.Month) { debits += m.Debits }})
			if err != nil {
				t.Fatal(err)
			}
			files := monthfile.NewDir(months)
			defer files.Close()
			for _, o := range []store.VerifyOptions{{}, {Archive: files}} {
				r, err := store.Verify(context.WithoutCancel(ctx), st, o)
				if err != nil || len(r.Findings) > 0 || r.Debits != debits || debits == int64(len(due)) {
					t.Errorf("%d debits of %d: %v, %v", r.Debits, debits, r.Findings, err)
				}
			}
		})
	}
}

func unpack(t *testing.T, from, to string) {
	t.Helper()
	f, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
