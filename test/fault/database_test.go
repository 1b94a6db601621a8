package fault

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
	"testing"

	"taocan/internal/pgtest"
	"taocan/internal/store/postgres"
)

// onEither runs a test on a database of both kinds.
func onEither(t *testing.T, test func(t *testing.T, s settings)) {
	t.Run("sqlite", func(t *testing.T) { test(t, settings{SQLite: t.TempDir()}) })
	t.Run("postgres", func(t *testing.T) { test(t, onPostgres(t)) })
}

// onPostgres is a fresh database of the server that all tests share.
func onPostgres(t *testing.T) settings {
	t.Helper()
	return settings{Postgres: pgtest.Migrated(t, postgres.MigrationsDigest(), postgres.Migrate), IDs: t.TempDir()}
}

// beside is another process on the same database.
func (s settings) beside(t *testing.T) settings {
	t.Helper()
	if s.Postgres != "" {
		s.IDs = t.TempDir()
	}
	return s
}

// postgresUser is whom PostgreSQL runs as, since it refuses to be root; nil: as we do.
func postgresUser(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Skipf("skipped: %v", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
