package sqlite

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"taocan/internal/clock"
)

// fresh is the file of an empty database without an epoch: migrating takes ten times as long as opening a copy.
var fresh = sync.OnceValues(func() (_ []byte, err error) {
	dir, err := os.MkdirTemp("", "taocan-fresh-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := Open(context.Background(), Options{Dir: dir, Clock: clock.System()})
	if err != nil {
		return nil, err
	}
	_, err = s.w.conn.ExecContext(context.Background(), "DELETE FROM store_meta WHERE name = 'epoch'")
	if err := errors.Join(err, s.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, FileName)) // whole: whoever closes last leaves no log beside it
})

// openTemp opens a fresh database.
func openTemp(t testing.TB, c clock.Clock) *Store {
	t.Helper()
	empty, err := fresh()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, FileName), empty, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Options{Dir: dir, Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func TestEveryQueryPreparesOnAFreshDatabase(t *testing.T) {
	s := openTemp(t, clock.System())
	for name, text := range queries {
		if strings.HasPrefix(name, "fragment_") {
			continue // no whole statement
		}
		stmt, err := s.readers.PrepareContext(t.Context(), text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := stmt.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryQueryIsUsedAndEveryUsedQueryIsThere(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	shared, err := filepath.Glob("../sqlstore/*.go")
	if err != nil || len(shared) == 0 {
		t.Fatalf("what both back ends share is not there: %v", err)
	}
	words := map[string]bool{} // every text in the code
	for _, path := range append(files, shared...) {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				if word, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
					words[word] = true
				}
			case *ast.CallExpr:
				if name, ok := queryNamed(n); ok && queries[name] == "" {
					t.Errorf("%s names the query %q, which is not there", path, name)
				}
			}
			return true
		})
	}
	for name := range queries {
		if !words[name] {
			t.Errorf("nothing uses the query %q", name)
		}
	}
}

// queryNamed is the name that a call of Text, exec or change gives.
func queryNamed(call *ast.CallExpr) (string, bool) {
	at := -1
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		switch f.Sel.Name {
		case "Text":
			at = 0
		case "exec":
			at = 1
		case "change":
			at = 2
		}
	}
	if at < 0 || at >= len(call.Args) {
		return "", false
	}
	lit, ok := call.Args[at].(*ast.BasicLit)
	if !ok {
		return "", false
	}
	name, err := strconv.Unquote(lit.Value)
	return name, err == nil
}

// A tenant's rows must be found by their account: whatever the planner does, it may not walk over others'.
func TestQueriesOfATenantSearchByAccount(t *testing.T) {
	s := openTemp(t, clock.System())
	global := map[string]string{ // what looks over all accounts, and why
		"account_list": "operator", "project_list_all": "operator", "token_list_all": "operator", "audit_list": "operator",
		"order_list": "conditions are added", "voucher_code_list": "operator", "package_unmarked": "sweeper", "reservation_due": "sweeper",
		"reservation_due_count": "metrics", "reservation_oldest": "archive", "commit_replay": "start", "shape_of_debits": "bench",
		"package_live_wrong": "verify", "package_group_wrong": "verify", "package_sum_wrong": "verify", "voucher_code_wrong": "verify", "reservation_all": "start",
	}
	for name, text := range queries {
		if global[name] != "" || strings.HasPrefix(name, "count_") || strings.HasPrefix(name, "platform_") || strings.HasSuffix(name, "_after") || !strings.HasPrefix(text, "SELECT") && !strings.HasPrefix(text, "UPDATE") {
			continue
		}
		for _, step := range plan(t, s, text) {
			for _, table := range []string{"package", "entry", "purchase_order", "payment", "wallet_entry", "voucher ", "reservation", "debit_ref"} {
				if strings.HasPrefix(step, "SCAN "+table) || strings.HasPrefix(step, "SCAN p") && strings.Contains(text, "package p") {
					t.Errorf("%s: %s", name, step)
				}
			}
		}
	}
}

func plan(t testing.TB, s *Store, text string) []string {
	t.Helper()
	args := make([]any, strings.Count(text, "?"))
	rows, err := s.readers.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, args[:parameters(text)]...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}

// parameters counts those of a statement: as SQLite does, a plain ? follows the largest number before it.
func parameters(text string) int {
	most := 0
	for i, c := range text {
		if c != '?' {
			continue
		}
		var n int
		if _, err := fmt.Sscanf(text[i+1:], "%d", &n); err != nil {
			n = most + 1
		}
		most = max(most, n)
	}
	return most
}
