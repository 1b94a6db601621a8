package pgtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// address of a server, as a URL of whatever database.
type address struct{ url.URL }

func (a address) url(database string) string {
	u := a.URL
	u.Path = "/" + database
	return u.String()
}

func (a address) exec(ctx context.Context, database, statement string) (err error) {
	c, err := pgconn.Connect(ctx, a.url(database))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close(ctx)) }()
	return c.Exec(ctx, statement).Close()
}

// shared is the server of this test binary, started by the first test that needs it.
var shared = sync.OnceValues(func() (address, error) {
	if admin := os.Getenv("TAOCAN_TEST_POSTGRES"); admin != "" {
		u, err := url.Parse(admin)
		if err != nil {
			return address{}, fmt.Errorf("TAOCAN_TEST_POSTGRES: %w", err)
		}
		return address{*u}, nil
	}
	s, err := newServer(Options{NoSync: true})
	if err == nil {
		err = s.initialize()
	}
	if err == nil {
		err = s.start()
	}
	if err != nil {
		return address{}, err
	}
	return s.address(), nil
})

// absent ends a test that has no server.
func absent(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, errAbsent) && os.Getenv("TAOCAN_REQUIRE_POSTGRES") != "1" {
		t.Skipf("skipped: %v", err)
	}
	t.Fatal(err)
}

// Database is the URL of an empty database, which is dropped at the end of the test.
func Database(t testing.TB) string {
	t.Helper()
	a, err := shared()
	if err != nil {
		absent(t, err)
	}
	name := "taocan_test_" + random()
	if err := a.exec(t.Context(), "postgres", "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		t.Fatalf("create a database: %v", err)
	}
	t.Cleanup(func() {
		if err := a.exec(context.Background(), "postgres", "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop database %s: %v", name, err)
		}
	})
	return a.url(name)
}

func random() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
