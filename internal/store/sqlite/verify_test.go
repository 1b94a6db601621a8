package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3/driver"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

var (
	verifyOwner = taocan.Tenant{Account: "acme", Project: "web"}
	verifyBegin = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
)

func openAt(t *testing.T, dir string, c clock.Clock) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{Dir: dir, Clock: c})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

// fullLedger writes one of everything that a chain covers: a paid order with voucher, gift, cash and credit, a
// cancelled one, a grant, an adjustment, an expiry, debits, and reservations open, committed and released.
func fullLedger(t *testing.T, dir string) {
	t.Helper()
	ctx, c := t.Context(), clock.NewFake(verifyBegin)
	s := openAt(t, dir, c)
	defer s.Close()
	update := func(fn func(tx store.Tx) error) {
		t.Helper()
		c.Advance(time.Second)
		if err := s.Update(ctx, verifyOwner.Account, fn); err != nil {
			t.Fatalf("update: %v", err)
		}
	}
	voucher := taocan.Voucher{ID: "V1", Account: verifyOwner.Account, CodeHint: "ABCD", Amount: 500, Scope: taocan.VoucherScope{Categories: []taocan.Category{taocan.Domestic}},
		ValidFrom: verifyBegin, ValidUntil: verifyBegin.AddDate(1, 0, 0), IssuedAt: verifyBegin, AssignedAt: verifyBegin}
	quote := taocan.Quote{Purchase: taocan.Purchase{Kind: taocan.Custom, Category: taocan.Domestic, Purpose: taocan.Marketing, Quantity: 1000}, Name: "国内短信包(营销推广)",
		Each: 1000, Packages: 1, Quantity: 1000, UnitPrice: 440, HasUnitPrice: true, Amount: 4400, ValidityMonths: 12, ChargeOn: taocan.ChargeOnSubmit, PriceList: "L1"}
	order := func(id string) taocan.Order {
		return taocan.Order{Tenant: verifyOwner, ID: taocan.OrderID(id), Description: "d", Quote: quote, AgreementVersion: "1", AgreementHash: "h",
			By: taocan.Actor{Token: "T1", Address: "10.0.0.1"}, CreatedAt: verifyBegin, ClosesAt: verifyBegin.AddDate(0, 0, 1), State: taocan.OrderPending}
	}
	split := taocan.Split{Voucher: 500, Gift: 1000, Cash: 2000, Credit: 900}
	update(func(tx store.Tx) error {
		if err := tx.InsertAccount(ctx, taocan.Account{ID: verifyOwner.Account, Name: "Acme", Level: taocan.Enterprise, CreatedAt: verifyBegin}); err != nil {
			return err
		}
		if err := tx.InsertProject(ctx, taocan.Project{ID: verifyOwner.Project, Account: verifyOwner.Account, Name: "Web", CreatedAt: verifyBegin}); err != nil {
			return err
		}
		for _, e := range []taocan.WalletEntry{{Kind: taocan.WalletTopUp, Cash: 2000, Reference: "bank-1"}, {Kind: taocan.WalletGift, Gift: 1000}, {Kind: taocan.WalletCreditLimit, CreditLimit: 1000}} {
			e.Account = verifyOwner.Account
			if _, err := tx.AppendWallet(ctx, e); err != nil {
				return err
			}
		}
		if err := tx.InsertVoucher(ctx, voucher, []byte("code hash")); err != nil {
			return err
		}
		if err := tx.InsertOrder(ctx, order("O1")); err != nil {
			return err
		}
		return tx.InsertOrder(ctx, order("O2"))
	})
	pkg := taocan.Package{Tenant: verifyOwner, Name: quote.Name, Category: taocan.Domestic, Purpose: taocan.Marketing, ChargeOn: taocan.ChargeOnSubmit, Total: 1000, Remaining: 1000}
	update(func(tx store.Tx) error {
		p := pkg
		p.Number, p.Order, p.Paid, p.PurchasedAt, p.ExistsFrom, p.ExpiresAt = "U1B2603010000001", "O1", split, tx.Now(), tx.Now(), verifyBegin.AddDate(1, 0, 0)
		for _, step := range []func() error{
			func() error { return tx.SettleOrder(ctx, verifyOwner, "O2", taocan.OrderCancelled, tx.Now()) },
			func() error { return tx.SettleOrder(ctx, verifyOwner, "O1", taocan.OrderPaid, tx.Now()) },
			func() error { return tx.UseVoucher(ctx, verifyOwner.Account, "V1", order("O1"), tx.Now()) },
			func() error {
				return tx.InsertPayment(ctx, taocan.Payment{Tenant: verifyOwner, Order: "O1", Split: split, VoucherID: "V1", PaidAt: tx.Now(), By: taocan.Actor{Token: "T1"}})
			},
			func() error {
				_, err := tx.AppendWallet(ctx, taocan.WalletEntry{Account: verifyOwner.Account, Kind: taocan.WalletPayment, Gift: -1000, Cash: -2000, CreditUsed: 900, Project: "web", Order: "O1"})
				return err
			},
			func() error { return tx.InsertPackage(ctx, p, taocan.EntryIssue, "O1") },
			func() error {
				short := pkg
				short.Number, short.PurchasedAt, short.ExistsFrom, short.ExpiresAt = "U1B2603010000002", tx.Now(), tx.Now(), verifyBegin.Add(time.Hour)
				return tx.InsertPackage(ctx, short, taocan.EntryGrant, "")
			},
		} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
	update(func(tx store.Tx) error { return tx.AdjustPackage(ctx, verifyOwner, "U1B2603010000001", 7, "goodwill") })
	c.Advance(2 * time.Hour)
	update(func(tx store.Tx) error { return tx.MarkExpired(ctx, verifyOwner, "U1B2603010000002") })
	n := taocan.PackageNumber("U1B2603010000001")
	record := func(id string, kind taocan.DebitKind, state taocan.DebitState, q taocan.Segments, move taocan.EntryKind) {
		t.Helper()
		c.Advance(time.Second)
		op := store.Op{Tenant: verifyOwner, ID: taocan.DebitID(id)}
		_, err := s.CommitDebits(ctx, []store.Op{op}, func(l *store.Ledger, ops []store.Op) []store.Outcome {
			d := &taocan.Debit{Tenant: verifyOwner, State: state, At: l.At(verifyOwner.Account), Allocations: []taocan.Allocation{{Package: n, Quantity: q}},
				DebitRequest: taocan.DebitRequest{ID: op.ID, Kind: kind, Category: taocan.Domestic, Purpose: taocan.Marketing, Quantity: q}}
			if kind == taocan.KindReservation {
				d.TTL, d.OnDeadline, d.Deadline = time.Hour, taocan.ReleaseOnDeadline, d.At.Add(time.Hour)
			}
			if open := l.Record(verifyOwner, op.ID); open != nil {
				d.At, d.Deadline, d.SettledAt = open.At, open.Deadline, l.At(verifyOwner.Account)
				if state == taocan.Committed {
					d.Settled = q
				}
			}
			l.Move(l.Balances(verifyOwner).Balance(n), move, q)
			l.Write(d)
			return make([]store.Outcome, 1)
		})
		if err != nil {
			t.Fatalf("commit debits: %v", err)
		}
	}
	record("m-1", taocan.KindDebit, taocan.Committed, 3, taocan.EntryDebit)
	record("r-1", taocan.KindReservation, taocan.Reserved, 5, taocan.EntryReserve)
	record("r-2", taocan.KindReservation, taocan.Reserved, 6, taocan.EntryReserve)
	record("r-3", taocan.KindReservation, taocan.Reserved, 7, taocan.EntryReserve)
	record("r-1", taocan.KindReservation, taocan.Committed, 5, taocan.EntryCommit)
	record("r-2", taocan.KindReservation, taocan.Released, 6, taocan.EntryRelease)
}

func findings(t *testing.T, dir string, o store.VerifyOptions) []store.Finding {
	t.Helper()
	s, err := Open(t.Context(), Options{Dir: dir, Clock: clock.NewFake(verifyBegin.AddDate(0, 0, 1)), ReadOnly: true})
	if err != nil {
		return []store.Finding{{Subject: "store", Detail: err.Error()}} // too damaged to open, which says so, too
	}
	defer s.Close()
	report, err := store.Verify(t.Context(), s, o)
	if err != nil { // a row that can't even be read; the error names it
		return []store.Finding{{Subject: "store", Detail: err.Error()}}
	}
	return report.Findings
}

// tamper changes the database with every guard off, as somebody with a shell could.
func tamper(t *testing.T, dir, statement string) (changed bool) {
	t.Helper()
	db, err := driver.Open("file:" + filepath.Join(dir, FileName) + "?_pragma=foreign_keys(0)&_pragma=ignore_check_constraints(1)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "DROP TRIGGER IF EXISTS package_live"); err != nil {
		t.Fatal(err)
	}
	result, err := db.ExecContext(t.Context(), statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}

func copyOf(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	db, err := driver.Open("file:" + filepath.Join(from, FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "VACUUM INTO ?", filepath.Join(to, FileName)); err != nil {
		t.Fatal(err)
	}
	return to
}

// columns of a table that hold what the ledger says, by type.
func columns(t *testing.T, dir, table string) map[string]string {
	t.Helper()
	db, err := driver.Open("file:" + filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), "SELECT name, type FROM pragma_table_info(?)", table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := map[string]string{}
	for rows.Next() {
		var name, kind string
		if err := rows.Scan(&name, &kind); err != nil {
			t.Fatal(err)
		}
		found[name] = kind
	}
	return found
}

func TestVerifyProvesAGoodStore(t *testing.T) {
	dir := t.TempDir()
	fullLedger(t, dir)
	for _, f := range findings(t, dir, store.VerifyOptions{}) {
		t.Errorf("unexpected: %s", f)
	}
}

// Every column of every ledger table, changed by hand in one row, is found and named.
func TestVerifyFindsEveryAlteredColumn(t *testing.T) {
	good := t.TempDir()
	fullLedger(t, good)
	// Columns that say nothing about the ledger: expire_marked steers the sweeper, lane and the sequences say which
	// link covers a row, and the links themselves say that, too.
	beside := map[string]bool{"expire_marked": true, "lane": true, "seq": true, "settled_seq": true, "used_seq": true}
	named := map[string]string{"package": "U1B26030100", "entry": "U1B26030100", "payment": "O1", "purchase_order": "O", "wallet": "acme",
		"wallet_entry": "acme", "voucher": "V1", "commit_log": "lane", "lane": "", "reservation": "", "debit_ref": "", "package_number": "U1B26030100", "package_group": "", "package_sum": "balance of"}
	for table, name := range named {
		for column, kind := range columns(t, good, table) {
			if beside[column] && table != "commit_log" && table != "lane" {
				continue
			}
			t.Run(table+"."+column, func(t *testing.T) {
				t.Parallel()
				dir := copyOf(t, good)
				set := map[string]string{"INTEGER": column + " + 100", "TEXT": "'x' || " + column, "BLOB": "CAST(x'00' || " + column + " AS BLOB)"}[kind]
				one := fmt.Sprintf("(SELECT rowid FROM %s WHERE %s IS NOT NULL ORDER BY 1 LIMIT 1)", table, column)
				where := "rowid = " + one
				if strings.Contains(tableText(t, dir, table), "WITHOUT ROWID") {
					where = primaryKeyIs(t, dir, table, column)
				}
				if !tamper(t, dir, fmt.Sprintf("UPDATE %s SET %s = %s WHERE %s", table, column, set, where)) {
					t.Fatalf("no row to change")
				}
				found := findings(t, dir, store.VerifyOptions{})
				if len(found) == 0 {
					t.Fatalf("%s.%s altered and not found", table, column)
				}
				for _, f := range found {
					if strings.Contains(f.String(), name) {
						return
					}
				}
				t.Errorf("no finding names %q: %v", name, found)
			})
		}
	}
}

func TestVerifyFindsMissingAndForeignRows(t *testing.T) {
	good := t.TempDir()
	fullLedger(t, good)
	for _, statement := range []string{
		"DELETE FROM entry WHERE kind = 8", "DELETE FROM entry WHERE kind = 9", "DELETE FROM payment", "DELETE FROM wallet_entry WHERE n = 2",
		"DELETE FROM voucher", "DELETE FROM purchase_order WHERE id = 'O2'", "DELETE FROM package WHERE number = 'U1B2603010000002'", "DELETE FROM package_number",
		"DELETE FROM reservation", "DELETE FROM debit_ref", "DELETE FROM commit_log WHERE seq = 3", "DELETE FROM commit_log WHERE seq = (SELECT max(seq) FROM commit_log)",
		"INSERT INTO entry SELECT account_id, project_id, package, at + 1, kind, 0, 0, 0, remaining_after, reserved_after, 0, 'forged', lane, seq, 0 FROM entry WHERE kind = 9",
		"INSERT INTO wallet_entry SELECT account_id, n + 9, kind, at, 0, 0, 0, 0, cash_after, gift_after, credit_limit_after, credit_used_after, NULL, NULL, 'forged', '', '', '', '', lane, seq FROM wallet_entry WHERE n = 1",
		// A row of a commit that has not been made, with the figure that it would explain.
		"INSERT INTO entry SELECT account_id, project_id, package, at + 1, 4, 500, 0, 0, remaining_after + 500, reserved_after, 0, 'forged', lane, 1000, 0 FROM entry WHERE package = 'U1B2603010000002' AND kind = 9",
		"UPDATE commit_log SET debits = NULL WHERE seq = (SELECT min(seq) FROM commit_log WHERE debits IS NOT NULL)",
		"UPDATE voucher_code SET amount = amount * 1000",
		"UPDATE voucher_code SET account_id = NULL",
		"INSERT INTO debit_ref SELECT account_id, project_id, at + 1, x'' FROM debit_ref LIMIT 1",
		"INSERT INTO reservation SELECT account_id, project_id, at, 'forged', deadline FROM reservation",
	} {
		t.Run(statement[:min(60, len(statement))], func(t *testing.T) {
			t.Parallel()
			dir := copyOf(t, good)
			if !tamper(t, dir, statement) {
				t.Fatal("nothing changed")
			}
			if len(findings(t, dir, store.VerifyOptions{})) == 0 {
				t.Error("not found")
			}
		})
	}
}

// A tail cut off with its head moved back is a shorter history that proves; only a head kept elsewhere tells.
func TestVerifyFindsACutTailAgainstAnExpectedHead(t *testing.T) {
	dir := t.TempDir()
	fullLedger(t, dir)
	s := openAt(t, dir, clock.NewFake(verifyBegin.AddDate(0, 0, 1)))
	before, err := store.Verify(t.Context(), s, store.VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), verifyOwner.Account, func(tx store.Tx) error {
		return tx.AdjustPackage(t.Context(), verifyOwner, "U1B2603010000001", 1, "more")
	})
	if err != nil {
		t.Fatal(err)
	}
	after, err := store.Verify(t.Context(), s, store.VerifyOptions{ExpectHead: before.Head})
	if err != nil || len(after.Findings) != 0 {
		t.Fatalf("a longer history: %v, %v", after.Findings, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	shorter := t.TempDir()
	fullLedger(t, shorter)
	if found := findings(t, shorter, store.VerifyOptions{ExpectHead: after.Head}); len(found) != 1 || !strings.Contains(found[0].Detail, "tail is missing") {
		t.Errorf("a shorter history against the longer one's head: %v", found)
	}
	if _, err := store.Verify(context.Background(), s, store.VerifyOptions{ExpectHead: "nonsense"}); err == nil {
		t.Error("a malformed head was taken")
	}
}

func tableText(t *testing.T, dir, table string) (text string) {
	t.Helper()
	db, err := driver.Open("file:" + filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), "SELECT sql FROM sqlite_schema WHERE name = ?", table).Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
}

// primaryKeyIs is a condition that finds one row of a table without rowid in which the column holds something.
func primaryKeyIs(t *testing.T, dir, table, column string) string {
	t.Helper()
	db, err := driver.Open("file:" + filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var key sql.NullString
	if err := db.QueryRowContext(t.Context(), "SELECT group_concat(name) FROM (SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk)", table).Scan(&key); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("(%[1]s) = (SELECT %[1]s FROM %[2]s WHERE %[3]s IS NOT NULL ORDER BY %[1]s LIMIT 1)", key.String, table, column)
}
