package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"taocan/internal/pgtest"
)

// TestMigrateStore runs testdata/migrate-store, with TestScripts' commands and an empty database, $DATABASE_URL, for each script.
func TestMigrateStore(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/migrate-store",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"launch": launch, "halt": halt, "http": httpCall},
		Setup: func(e *testscript.Env) error {
			e.Values[servers{}] = map[string]*background{}
			e.Setenv("DATABASE_URL", pgtest.Database(t))
			return nil
		},
	})
}
