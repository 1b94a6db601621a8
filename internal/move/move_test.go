package move

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"taocan/internal/clock"
	"taocan/internal/pgtest"
	"taocan/internal/store"
	"taocan/internal/store/postgres"
	"taocan/internal/store/sqlite"
	"taocan/internal/store/sqlstore"
	"taocan/internal/store/storetest"
	"taocan/internal/taocan"
)

// share is how many of the contract's cases are not moved in a short run, for each that is.
const share = 12

// soak asks for the long forms.
var soak = os.Getenv("TAOCAN_SOAK") == "1"

var start = time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)

func newDatabase(t testing.TB) string {
	t.Helper()
	url := pgtest.Migrated(t, postgres.MigrationsDigest(), postgres.Migrate)
	// The package keeps a connection of its own to a copy that was used before.
	ctx := context.WithoutCancel(t.Context())
	c, err := pgx.Connect(ctx, url)
	if err == nil {
		_, err = c.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		err = errors.Join(err, c.Close(ctx))
	}
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// toPostgres and toSQLite are the options of a move in each direction.
func toPostgres(dir, url string, c clock.Clock) Options {
	return Options{From: SQLite, To: Postgres, Dir: dir, URL: url, Name: "test", Clock: c}
}

func toSQLite(url, dir string, c clock.Clock) Options {
	return Options{From: Postgres, To: SQLite, Dir: dir, URL: url, Name: "test", Clock: c}
}

// content is every row of a side, as text, by table.
func content(t testing.TB, o Options, k Kind) map[string]string {
	t.Helper()
	s, err := openSide(t.Context(), o, k, asSource)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}()
	tables, err := s.tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for name, table := range tables {
		var b strings.Builder
		for row, err := range s.rows(t.Context(), table, nil) {
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "%#v\n", row)
		}
		all[name] = b.String()
	}
	meta, err := s.meta(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all[metaTable] = fmt.Sprint(facts(meta))
	return all
}

func equal(t testing.TB, what string, got, want map[string]string) {
	t.Helper()
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s, table %s:\n got %.2000s\nwant %.2000s", what, name, got[name], want[name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d tables, want %d", what, len(got), len(want))
	}
}

// thereAndBack moves the store of a closed folder to PostgreSQL and on into another folder.
func thereAndBack(t testing.TB, dir string, c clock.Clock) {
	t.Helper()
	url, back := newDatabase(t), t.TempDir()
	before := content(t, toPostgres(dir, url, c), SQLite)
	if _, err := Run(t.Context(), toPostgres(dir, url, c)); err != nil {
		t.Fatalf("to PostgreSQL: %v", err)
	}
	equal(t, "PostgreSQL", content(t, toSQLite(url, back, c), Postgres), before)
	if _, err := Run(t.Context(), toSQLite(url, back, c)); err != nil {
		t.Fatalf("back to SQLite: %v", err)
	}
	equal(t, "SQLite", content(t, toPostgres(back, url, c), SQLite), before)
}

// Whatever the contract's cases write is moved there and back, and every table is the same, row by row.
func TestWhatAnyCaseOfTheContractWritesIsMoved(t *testing.T) {
	storetest.Run(t, func(t *testing.T, c clock.Clock) store.Store {
		h := fnv.New32a()
		_, _ = h.Write([]byte(t.Name()))
		if !soak && h.Sum32()%share != 0 {
			t.Skip("not in a short run")
		}
		dir := t.TempDir()
		t.Cleanup(func() { // after the store was closed
			if !t.Failed() {
				thereAndBack(cleaning{t}, dir, c)
			}
		})
		st, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir, Clock: c})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := st.Close(); err != nil {
				t.Error(err)
			}
		})
		return st
	})
}

// cleaning is a test whose context has ended.
type cleaning struct{ *testing.T }

func (cleaning) Context() context.Context { return context.Background() }

var alpha = taocan.Tenant{Account: "alpha", Project: "alpha-1"}

// stock makes a store with a package and some debits of it, and closes it.
func stock(t testing.TB, dir string, c *clock.Fake) {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir, Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	err = st.Update(ctx, "", func(tx store.Tx) error {
		err := tx.InsertAccount(ctx, taocan.Account{ID: alpha.Account, Name: "短信 'alpha' \"1\"", Level: taocan.Enterprise, CreatedAt: tx.Now()})
		return errors.Join(err, tx.InsertProject(ctx, taocan.Project{ID: alpha.Project, Account: alpha.Account, Name: "one", CreatedAt: tx.Now()}),
			tx.InsertAudit(ctx, taocan.AuditEntry{At: tx.Now(), Action: "first"}), tx.InsertAudit(ctx, taocan.AuditEntry{At: tx.Now(), Action: "second"}))
	})
	if err == nil {
		err = st.Update(ctx, alpha.Account, func(tx store.Tx) error {
			return tx.InsertPackage(ctx, taocan.Package{Tenant: alpha, Number: number, Name: "国内短信包(验证通知)", Category: taocan.Domestic, Purpose: taocan.Verification,
				ChargeOn: taocan.ChargeOnSubmit, Total: 1000, Remaining: 1000, PurchasedAt: tx.Now(), ExistsFrom: tx.Now(), ExpiresAt: tx.Now().AddDate(1, 0, 0)}, taocan.EntryGrant, "grant")
		})
	}
	for i := range 3 {
		c.Advance(20 * 24 * time.Hour) // into other months
		if err == nil {
			err = take(ctx, st, fmt.Sprintf("debit-%d", i), false)
		}
	}
	if err = errors.Join(err, st.Close()); err != nil {
		t.Fatal(err)
	}
}

const number = taocan.PackageNumber("U1A2603011200001")

// take debits one message, or learns that it was.
func take(ctx context.Context, st store.Store, id string, known bool) error {
	op := store.Op{Tenant: alpha, Kind: store.OpTake, ID: taocan.DebitID(id), Request: taocan.DebitRequest{ID: taocan.DebitID(id), Kind: taocan.KindDebit,
		Category: taocan.Domestic, Purpose: taocan.Verification, Quantity: 1}}
	_, err := st.CommitDebits(ctx, []store.Op{op}, func(l *store.Ledger, ops []store.Op) []store.Outcome {
		d := l.Record(alpha, op.ID)
		if d != nil {
			return []store.Outcome{{Debit: d, Replayed: true}}
		}
		d = &taocan.Debit{Tenant: alpha, DebitRequest: op.Request, State: taocan.Committed, At: l.At(alpha.Account), DecisionVersion: 1, SegmentVersion: 1,
			Allocations: []taocan.Allocation{{Package: number, Quantity: 1}}}
		l.Move(l.Balances(alpha).Balance(number), taocan.EntryDebit, 1)
		l.Write(d)
		return []store.Outcome{{Debit: d}}
	})
	if err != nil {
		return err
	}
	return st.View(ctx, func(r store.Reader) error {
		p, err := r.Package(ctx, alpha, number)
		if err == nil && known && p.Used != 3 {
			err = fmt.Errorf("the id %s was forgotten: %d used", id, p.Used)
		}
		return err
	})
}

var errCrash = errors.New("crash")

// A run may end at any step, before or after any commit. The next one ends it, and nothing is lost or doubled.
func TestARunThatCrashedAnywhereIsEndedByTheNext(t *testing.T) {
	steps := map[string][]string{ // of a short run
		"to PostgreSQL": {"write account", "wrote commit_log", "write package", "wrote package", "write package_sum", "wrote entry", "mark", "open"},
		"to SQLite":     {"wrote lane", "wrote package_sum", "mark", "open"},
	}
	for _, direction := range []string{"to PostgreSQL", "to SQLite"} {
		t.Run(direction, func(t *testing.T) {
			c := clock.NewFake(start)
			dir, url := t.TempDir(), newDatabase(t)
			stock(t, dir, c)
			o := toPostgres(dir, url, c)
			if direction == "to SQLite" {
				if _, err := Run(t.Context(), o); err != nil {
					t.Fatal(err)
				}
				o = toSQLite(url, t.TempDir(), c)
			}
			before := content(t, o, o.From)
			crashes, resumed := 0, 0
			for seen := map[string]bool{}; ; crashes++ {
				// Each run ends at the first step that none before has come to.
				o.step = func(at string) error {
					if seen[at] || !soak && !slices.Contains(steps[direction], at) {
						return nil
					}
					seen[at] = true
					return fmt.Errorf("%w: %s", errCrash, at)
				}
				o.Progress = func(p Progress) {
					if p.Stage == StageResume {
						resumed++
					}
				}
				_, err := Run(t.Context(), o)
				if err == nil {
					break
				}
				if !errors.Is(err, errCrash) {
					t.Fatalf("after %d crashes: %v", crashes, err)
				}
				if err := servable(t, o, o.To); !errors.Is(err, sqlstore.ErrMoved) {
					t.Fatalf("a target that is half filled opens: %v", err)
				}
			}
			if crashes < len(steps[direction]) || resumed != crashes {
				t.Errorf("%d crashes, %d runs went on with an earlier one", crashes, resumed)
			}
			o.step = nil
			if err := servable(t, o, o.From); !errors.Is(err, sqlstore.ErrMoved) {
				t.Errorf("a source that was moved away opens: %v", err)
			}
			if _, err := Run(t.Context(), o); !errors.Is(err, sqlstore.ErrMoved) {
				t.Errorf("a source that was moved away is moved again: %v", err)
			}
			equal(t, "target", content(t, o, o.To), before)
			st := openStore(t, o, o.To)
			if err := take(t.Context(), st, "debit-1", true); err != nil {
				t.Error(err)
			}
			if err := audited(t.Context(), st); err != nil {
				t.Errorf("rows are not numbered on: %v", err)
			}
		})
	}
}

func audited(ctx context.Context, st store.Store) error {
	err := st.Update(ctx, "", func(tx store.Tx) error { return tx.InsertAudit(ctx, taocan.AuditEntry{At: tx.Now(), Action: "third"}) })
	if err != nil {
		return err
	}
	return st.View(ctx, func(r store.Reader) error {
		page, err := r.AuditEntries(ctx, store.AuditFilter{Paging: store.Paging{Limit: 10}})
		if err == nil && (len(page.Items) != 3 || page.Items[0].N != 3) {
			err = fmt.Errorf("got %v", page.Items)
		}
		return err
	})
}

func open(t testing.TB, o Options, k Kind) (store.Store, error) {
	if k == SQLite {
		st, err := sqlite.Open(t.Context(), sqlite.Options{Dir: o.Dir, Clock: o.Clock})
		if err != nil {
			return nil, err
		}
		return st, nil
	}
	st, err := postgres.Open(t.Context(), postgres.Options{URL: o.URL, Clock: o.Clock})
	if err != nil {
		return nil, err
	}
	return st, nil
}

func servable(t testing.TB, o Options, k Kind) error {
	st, err := open(t, o, k)
	if err != nil {
		return err
	}
	return st.Close()
}

func openStore(t testing.TB, o Options, k Kind) store.Store {
	t.Helper()
	st, err := open(t, o, k)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

// A source that was served again after a run had crashed is copied anew.
func TestASourceThatChangedBetweenRunsIsCopiedAnew(t *testing.T) {
	for name, change := range map[string]func(context.Context, store.Store) error{
		"its ledger": func(ctx context.Context, st store.Store) error { return take(ctx, st, "late", false) },
		"a row beside the ledger": func(ctx context.Context, st store.Store) error {
			return st.Update(ctx, "", func(tx store.Tx) error {
				return tx.InsertAccount(ctx, taocan.Account{ID: "aardvark", Level: taocan.Personal, CreatedAt: tx.Now()})
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := clock.NewFake(start)
			o := toPostgres(t.TempDir(), newDatabase(t), c)
			stock(t, o.Dir, c)
			o.step = func(at string) error {
				if at == "wrote package" {
					return errCrash
				}
				return nil
			}
			if _, err := Run(t.Context(), o); !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
			st, err := open(t, o, SQLite)
			if err != nil {
				t.Fatalf("the source is not served after a crash: %v", err)
			}
			if err := errors.Join(change(t.Context(), st), st.Close()); err != nil {
				t.Fatal(err)
			}
			before := content(t, o, SQLite)
			o.step = nil
			anew := false
			o.Progress = func(p Progress) { anew = anew || p.Stage == StageRestart }
			if _, err := Run(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			if !anew {
				t.Error("nobody was told that the copy began anew")
			}
			equal(t, "target", content(t, o, Postgres), before)
		})
	}
}

func TestATargetThatIsNotEmptyIsRefused(t *testing.T) {
	c := clock.NewFake(start)
	o := toPostgres(t.TempDir(), newDatabase(t), c)
	stock(t, o.Dir, c)
	st, err := open(t, o, Postgres)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	err = st.Update(ctx, "", func(tx store.Tx) error {
		return tx.InsertAccount(ctx, taocan.Account{ID: "beta", Level: taocan.Personal, CreatedAt: tx.Now()})
	})
	if err = errors.Join(err, st.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(ctx, o); !errors.Is(err, ErrNotEmpty) || !strings.Contains(err.Error(), "account") {
		t.Errorf("got %v, want %v", err, ErrNotEmpty)
	}
	if err := servable(t, o, SQLite); err != nil {
		t.Errorf("the source does not open after a refusal: %v", err)
	}
}

func TestADatabaseThatSomebodyUsesIsRefused(t *testing.T) {
	c := clock.NewFake(start)
	o := toPostgres(t.TempDir(), newDatabase(t), c)
	stock(t, o.Dir, c)
	held := openStore(t, o, SQLite)
	if _, err := Run(t.Context(), o); !errors.Is(err, ErrInUse) {
		t.Errorf("a served folder: got %v, want %v", err, ErrInUse)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	o.KeepSource = true
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if err := servable(t, o, SQLite); err != nil {
		t.Errorf("a source that was to be kept: %v", err)
	}
	server := openStore(t, o, Postgres)
	if err := server.View(t.Context(), func(store.Reader) error { return nil }); err != nil { // it connects
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "new")
	if _, err := Run(t.Context(), toSQLite(o.URL, dir, c)); !errors.Is(err, ErrInUse) {
		t.Errorf("a served database: got %v, want %v", err, ErrInUse)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a refusal has made the target's folder")
	}
}

func TestASourceThatDoesNotProveIsNotMoved(t *testing.T) {
	c := clock.NewFake(start)
	o := toPostgres(t.TempDir(), newDatabase(t), c)
	stock(t, o.Dir, c)
	s, err := openSQLite(t.Context(), o, asSource)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.conn.ExecContext(t.Context(), "UPDATE entry SET used = used + 1, remaining = remaining - 1 WHERE kind > 1")
	if err = errors.Join(err, s.close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "does not prove") {
		t.Errorf("got %v, want a refusal", err)
	}
}
