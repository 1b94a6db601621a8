package pgtest

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// ask runs a query with one value as its answer.
func ask(t *testing.T, url, query string) string {
	t.Helper()
	c, err := pgconn.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	r := c.ExecParams(t.Context(), query, nil, nil, nil, nil).Read()
	if r.Err != nil {
		t.Fatalf("%s: %v", query, r.Err)
	}
	return string(r.Rows[0][0])
}

func TestAMigratedDatabaseIsAsMigrationsLeaveItWhoeverUsedItBefore(t *testing.T) {
	made := 0
	migrate := func(ctx context.Context, url string) error {
		made++
		c, err := pgconn.Connect(ctx, url)
		if err != nil {
			return err
		}
		defer c.Close(context.Background())
		return c.Exec(ctx, `CREATE TABLE x (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n bigint); INSERT INTO x (n) VALUES (7);
			CREATE TABLE y (x_id bigint REFERENCES x (id))`).Close()
	}
	digest := random()
	everything := func(url string) string {
		return ask(t, url, `SELECT concat_ws(' ', (SELECT string_agg(id || ':' || n, ',') FROM x), (SELECT count(*) FROM y),
			(SELECT count(*) FROM pg_tables WHERE schemaname = 'public'))`)
	}
	users := []struct{ name, does string }{
		{"writes", "INSERT INTO x (n) VALUES (8); INSERT INTO y SELECT max(id) FROM x"},
		{"deletes what was there", "DELETE FROM x"},
		{"changes the schema", "CREATE TABLE z ()"},
		{"changes a table", "ALTER TABLE x ADD COLUMN more text"},
		{"only looks", "SELECT 1"},
	}
	for _, u := range users {
		t.Run(u.name, func(t *testing.T) {
			url, other := Migrated(t, digest, migrate), Migrated(t, digest, migrate)
			if url == other {
				t.Fatal("two users at once have the same database")
			}
			for _, url := range []string{url, other} {
				if got := everything(url); got != "1:7 0 2" {
					t.Errorf("got %q, want what migrate made", got)
				}
			}
			if got := ask(t, url, "SELECT nextval('x_id_seq')"); got != "2" {
				t.Errorf("the next number is %s, want 2", got)
			}
			if err := execute(t.Context(), url, u.does); err != nil {
				t.Fatal(err)
			}
		})
	}
	if made != 1 {
		t.Errorf("migrated %d times, want once", made)
	}
	a, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "_0", "_1"} {
		if err := a.exec(t.Context(), "postgres", "DROP DATABASE taocan_template_"+digest+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	}
}

func execute(ctx context.Context, url, statement string) error {
	c, err := pgconn.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer c.Close(context.Background())
	return c.Exec(ctx, statement).Close()
}

func TestAnEmptyDatabaseIsDropped(t *testing.T) {
	var name string
	t.Run("user", func(t *testing.T) {
		url := Database(t)
		name = ask(t, url, "SELECT current_database()")
		if got := ask(t, url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"); got != "0" {
			t.Errorf("an empty database has %s tables", got)
		}
	})
	a, err := shared()
	if err != nil {
		t.Skip(err)
	}
	if got := ask(t, a.String(), "SELECT count(*) FROM pg_database WHERE datname = '"+name+"'"); got != "0" {
		t.Errorf("database %s was not dropped", name)
	}
}

func TestAServerIsStoppedKilledAndFollowed(t *testing.T) {
	s := NewServer(t, Options{})
	if got := ask(t, s.URL("postgres"), "SHOW fsync"); got != "on" {
		t.Errorf("fsync is %s", got)
	}
	write := func(s *Server, n int) {
		t.Helper()
		if err := s.Exec(t.Context(), "postgres", fmt.Sprintf("CREATE TABLE IF NOT EXISTS x (n int); INSERT INTO x VALUES (%d)", n)); err != nil {
			t.Fatal(err)
		}
	}
	numbers := func(s *Server) string {
		t.Helper()
		return ask(t, s.URL("postgres"), "SELECT string_agg(n::text, ' ' ORDER BY n) FROM x")
	}
	write(s, 1)
	s.Stop()
	s.Start(t)
	write(s, 2)
	s.Kill()
	s.Start(t)
	if got := numbers(s); got != "1 2" {
		t.Errorf("after a kill there is %q, want 1 2", got)
	}
	standby := s.Standby(t)
	if got := numbers(standby); got != "1 2" {
		t.Errorf("the standby has %q, want 1 2", got)
	}
	s.Kill()
	standby.Promote(t)
	write(standby, 3)
	if got := numbers(standby); got != "1 2 3" {
		t.Errorf("after the promotion there is %q, want 1 2 3", got)
	}
}
