// Package test holds the suites that look at the project as a whole.
package test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "taocan/"

// layer is what a package may import when it is built for use; its tests may import anything.
type layer struct {
	imports    []string // of this module, below internal/; "*" is any
	stdOnly    bool     // no third-party package either
	onlyTested bool     // no package may import it, but tests may, and others like it
	drivers    bool     // may speak SQL
}

// useCases own the rules. A front door calls one of them; they do not know front doors.
var useCases = []string{"catalog", "order", "debit", "alert", "access", "packages", "statement", "topup", "limit", "delivery", "archive"}

// layers are the arrows of the project. They point towards internal/taocan: a package knows the words and
// what it stands on, never who calls it. A new package gets its row here before it gets an import.
var layers = map[string]layer{
	"taocan":  {stdOnly: true},
	"segment": {stdOnly: true, imports: []string{"taocan"}},
	"clock":   {stdOnly: true},
	"i18n":    {stdOnly: true},
	"config":  {stdOnly: true},

	"store":           {imports: []string{"taocan", "clock"}},
	"sim":             {onlyTested: true},
	"sim/crashfs":     {onlyTested: true, drivers: true},
	"pgtest":          {onlyTested: true, drivers: true},
	"teststore":       {onlyTested: true, drivers: true, imports: []string{"store", "store/sqlite", "store/postgres", "pgtest", "clock"}},
	"store/idindex":   {imports: []string{"store", "taocan"}},
	"store/sqlstore":  {imports: []string{"store", "store/idindex", "taocan"}, drivers: true},
	"store/sqlite":    {imports: []string{"store", "store/sqlstore", "store/idindex", "taocan", "clock"}, drivers: true},
	"store/postgres":  {imports: []string{"store", "store/sqlstore", "store/idindex", "taocan", "clock"}, drivers: true},
	"store/storetest": {imports: []string{"store", "taocan", "clock"}, onlyTested: true},

	"catalog":   {imports: []string{"taocan", "store", "clock"}},
	"order":     {imports: []string{"taocan", "store", "clock", "catalog"}},
	"debit":     {imports: []string{"taocan", "store", "clock", "segment"}},
	"packages":  {imports: []string{"taocan", "store", "clock", "catalog"}},
	"alert":     {imports: []string{"taocan", "store", "clock", "packages"}},
	"access":    {imports: []string{"taocan", "store", "clock"}},
	"statement": {imports: []string{"taocan", "store", "clock", "export"}},
	"archive":   {imports: []string{"taocan", "store", "export"}},
	"limit":     {imports: []string{"taocan", "store", "clock"}},
	"monthfile": {imports: []string{"taocan", "store"}},
	"topup":     {imports: []string{"taocan", "store", "clock", "catalog", "order"}},
	"notify":    {imports: []string{"taocan", "delivery", "i18n"}},
	"vault":     {stdOnly: true},
	"delivery":  {imports: []string{"taocan", "store", "clock", "vault"}},
	"live":      {imports: []string{"taocan", "store", "clock", "packages", "order", "alert"}},

	"trace":        {imports: []string{"edge"}},
	"edge":         {imports: []string{"access", "i18n", "taocan", "clock"}},
	"export":       {stdOnly: true, imports: []string{"taocan", "store"}},
	"rest":         {imports: slices.Concat(useCases, []string{"edge", "export", "live", "segment", "clock", "taocan", "store"})},
	"action":       {imports: slices.Concat(useCases, []string{"edge", "export", "segment", "clock", "taocan", "store"})},
	"console":      {imports: slices.Concat(useCases, []string{"edge", "export", "live", "segment", "clock", "taocan", "store", "i18n", "console/view"})},
	"console/view": {imports: slices.Concat(useCases, []string{"taocan", "store", "i18n"})},
	"smpp":         {imports: slices.Concat(useCases, []string{"edge", "export", "segment", "clock", "taocan", "store"})},

	"move":   {imports: []string{"store", "store/sqlstore", "store/sqlite", "store/postgres", "taocan", "clock"}, drivers: true},
	"server": {imports: []string{"*"}},
	"bench":  {imports: []string{"*"}},
}

// driverPaths speak SQL, so they stay under internal/store.
var driverPaths = []string{
	"database/sql",
	"github.com/jackc/pgx",
	"github.com/ncruces/go-sqlite3",
	"modernc.org/sqlite",
	"zombiezen.com/go/sqlite",
}

// listed is what `go list` says of a package. Imports leaves out those of tests.
type listed struct {
	ImportPath string
	Dir        string
	Imports    []string
}

func goList(t *testing.T) []listed {
	t.Helper()
	// -e: a package that does not build at the moment still has imports to judge.
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,Imports", "./...")
	cmd.Dir = root(t)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var pkgs []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("go list wrote what cannot be read: %v", err)
		}
		pkgs = append(pkgs, p)
	}
	if len(pkgs) == 0 {
		t.Fatal("go list found no package")
	}
	return pkgs
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatalf("the module's root is not where this test looks for it: %v", err)
	}
	return dir
}

func TestArrows(t *testing.T) {
	for _, sentence := range wrongArrows(goList(t)) {
		t.Error(sentence)
	}
}

// wrongArrows returns a sentence for each import that layers does not allow.
func wrongArrows(pkgs []listed) []string {
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	for _, p := range pkgs {
		name, internal := strings.CutPrefix(p.ImportPath, module+"internal/")
		own, known := layers[name]
		if !internal {
			own = layer{imports: []string{"*"}} // cmd and test put things together, and look at everything
		} else if !known {
			say("internal/%s has no row in the table of test/arrows_test.go: say there what it may import", name)
			continue
		}
		for _, imported := range p.Imports {
			target, ours := strings.CutPrefix(imported, module+"internal/")
			switch {
			case ours && layers[target].onlyTested && !own.onlyTested:
				say("%s imports internal/%s, which is for tests only", p.ImportPath, target)
			case ours && !slices.Contains(own.imports, target) && !slices.Contains(own.imports, "*"):
				say("internal/%s imports internal/%s, but may import only %s", name, target, own.may())
			case internal && strings.HasPrefix(imported, module) && !ours:
				say("internal/%s imports %s, but nothing below internal may know commands or suites", name, imported)
			case own.stdOnly && !ours && !standard(imported):
				say("internal/%s imports %s, but may import only %s", name, imported, own.may())
			case !own.drivers && driver(imported):
				say("%s imports %s, but SQL and its drivers stay under internal/store", p.ImportPath, imported)
			}
		}
	}
	return wrong
}

// may names what a layer allows, for a sentence.
func (l layer) may() string {
	var names []string
	if l.stdOnly {
		names = append(names, "the standard library")
	}
	for _, name := range l.imports {
		names = append(names, "internal/"+name)
	}
	return strings.Join(names, ", ")
}

// standard tells a package of Go itself: its first element has no dot, and it is not ours.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".") && !strings.HasPrefix(path, module)
}

func driver(path string) bool {
	return slices.ContainsFunc(driverPaths, func(d string) bool {
		return path == d || strings.HasPrefix(path, d+"/")
	})
}

// TestArrowsAreHeld gives wrongArrows imports that must be refused, and some that must not.
func TestArrowsAreHeld(t *testing.T) {
	tests := []struct {
		pkg, imported string
		want          string // the sentence; empty means allowed
	}{
		{"taocan/internal/taocan", "errors", ""},
		{"taocan/internal/taocan", "taocan/internal/clock", "internal/taocan imports internal/clock, but may import only the standard library"},
		{"taocan/internal/taocan", "golang.org/x/text/width", "internal/taocan imports golang.org/x/text/width, but may import only the standard library"},
		{"taocan/internal/segment", "taocan/internal/taocan", ""},
		{"taocan/internal/store", "taocan/internal/store/sqlite", "internal/store imports internal/store/sqlite, but may import only internal/taocan, internal/clock"},
		{"taocan/internal/store/sqlite", "zombiezen.com/go/sqlite/sqlitex", ""},
		{"taocan/internal/order", "taocan/internal/catalog", ""},
		{"taocan/internal/catalog", "taocan/internal/order", "internal/catalog imports internal/order, but may import only internal/taocan, internal/store, internal/clock"},
		{"taocan/internal/debit", "database/sql", "taocan/internal/debit imports database/sql, but SQL and its drivers stay under internal/store"},
		{"taocan/internal/rest", "taocan/internal/store", ""},
		{"taocan/internal/rest", "taocan/internal/store/sqlite", "internal/rest imports internal/store/sqlite, but may import only " + layers["rest"].may()},
		{"taocan/internal/rest", "taocan/internal/console", "internal/rest imports internal/console, but may import only " + layers["rest"].may()},
		{"taocan/internal/server", "taocan/internal/store/sqlite", ""},
		{"taocan/internal/server", "taocan/internal/store/storetest", "taocan/internal/server imports internal/store/storetest, which is for tests only"},
		{"taocan/internal/teststore", "taocan/internal/pgtest", ""},
		{"taocan/internal/server", "taocan/cmd/taocan", "internal/server imports taocan/cmd/taocan, but nothing below internal may know commands or suites"},
		{"taocan/cmd/taocan", "taocan/internal/server", ""},
		{"taocan/cmd/taocan", "taocan/internal/store/storetest", "taocan/cmd/taocan imports internal/store/storetest, which is for tests only"},
		{"taocan/internal/util", "errors", "internal/util has no row in the table of test/arrows_test.go: say there what it may import"},
	}
	for _, tt := range tests {
		got := strings.Join(wrongArrows([]listed{{ImportPath: tt.pkg, Imports: []string{tt.imported}}}), "\n")
		if got != tt.want {
			t.Errorf("%s importing %s\n got: %s\nwant: %s", tt.pkg, tt.imported, got, tt.want)
		}
	}
}

// TestArrowsPointOneWay holds the table itself: no two packages may import each other, however far around.
func TestArrowsPointOneWay(t *testing.T) {
	const visiting, done = 1, 2
	state := make(map[string]int)
	var visit func(name string, path []string)
	visit = func(name string, path []string) {
		if state[name] == visiting {
			t.Fatalf("the table of layers has a circle: %s", strings.Join(append(path, name), " → "))
		}
		if state[name] == done || name == "*" {
			return
		}
		if _, ok := layers[name]; !ok {
			t.Errorf("the table of layers lets %s import %s, which has no row", path[len(path)-1], name)
		}
		state[name] = visiting
		for _, next := range layers[name].imports {
			visit(next, append(path, name))
		}
		state[name] = done
	}
	for name := range layers {
		visit(name, nil)
	}
}

// TestOnlyClockAsksTheMachine looks through the sources for readings of the machine's clock outside
// internal/clock. Tests may take them, and so may the load generator of `taocan bench`, which measures a
// server from outside.
func TestOnlyClockAsksTheMachine(t *testing.T) {
	top := root(t)
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			hidden := strings.HasPrefix(name, ".") && path != top
			if hidden || name == "testdata" || name == "node_modules" {
				return filepath.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(top, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") ||
			strings.HasPrefix(rel, "internal/clock/") || strings.HasPrefix(rel, "cmd/taocan/bench") {
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		sentences, err := clockReadings(rel, src)
		if err != nil {
			return err
		}
		for _, s := range sentences {
			t.Error(s)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// clockReadings finds time.Now, and time.Since and time.Until, which call it, whatever name the file gives
// to package time, called or passed on as a value.
func clockReadings(rel string, src []byte) ([]string, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, rel, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	local := ""
	for _, spec := range file.Imports {
		if path, _ := strconv.Unquote(spec.Path.Value); path == "time" {
			local = "time"
			if spec.Name != nil {
				local = spec.Name.Name
			}
		}
	}
	if local == "" {
		return nil, nil
	}
	var sentences []string
	ast.Inspect(file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		pkg, ok := sel.X.(*ast.Ident)
		if ok && pkg.Name == local && slices.Contains([]string{"Now", "Since", "Until"}, sel.Sel.Name) {
			sentences = append(sentences, fmt.Sprintf("%s: time.%s reads the machine's clock; take a clock.Clock instead",
				fset.Position(sel.Pos()), sel.Sel.Name))
		}
		return true
	})
	return sentences, nil
}

func TestClockReadingsAreFound(t *testing.T) {
	tests := []struct {
		name, src string
		want      int
	}{
		{"a call", "package p\nimport \"time\"\nvar x = time.Now()", 1},
		{"a value", "package p\nimport \"time\"\nvar now = time.Now", 1},
		{"another name", "package p\nimport t \"time\"\nvar x = t.Since(t.Time{})", 1},
		{"a comment and a string", "package p\nimport \"time\"\n// time.Now\nvar x, d = \"time.Now()\", time.Second", 0},
		{"another package named time", "package p\nimport \"example.com/time\"\nvar x = time.Now()", 0},
	}
	for _, tt := range tests {
		got, err := clockReadings("p.go", []byte(tt.src))
		if err != nil || len(got) != tt.want {
			t.Errorf("%s: found %q, %v, want %d", tt.name, got, err, tt.want)
		}
	}
}
