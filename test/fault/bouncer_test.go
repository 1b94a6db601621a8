package fault

import (
	"context"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"taocan/internal/pgtest"
)

// PgBouncer between processes and PostgreSQL is killed and started again.
func TestARestartedPgBouncer(t *testing.T) {
	t.Parallel()
	s := onPostgres(t)
	straight := newWorker(t, s.beside(t)) // also migrates
	s.Postgres = pgtest.Bouncer(t, s.Postgres, 4)
	one, two := newWorker(t, s), newWorker(t, s.beside(t))
	b := newBook(t, one, 3)
	b.load(16, []place{one, two}, func() {
		for range either(2, 20) {
			b.goOn(50)
			restartBouncer(t, s.Postgres)
		}
		b.goOn(50)
	})
	b.check(straight, straight, one, two)
}

// restartBouncer kills the PgBouncer of a URL, which cuts its connections, and starts it again with the same settings.
func restartBouncer(t *testing.T, through string) {
	t.Helper()
	u, err := url.Parse(through)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/pgbouncer" // its console
	c, err := pgconn.Connect(t.Context(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	results, err := c.Exec(t.Context(), "SHOW CONFIG").ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	file := ""
	for _, row := range results[0].Rows {
		if string(row[0]) == "conffile" {
			file = string(row[1])
		}
	}
	pidFile := filepath.Join(filepath.Dir(file), "pid")
	written, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(written)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, "for PgBouncer to end", func() bool {
		again, err := net.Dial("tcp", u.Host)
		if err == nil {
			_ = again.Close()
		}
		return err != nil
	})
	if err := os.Remove(pidFile); err != nil { // nobody has buried the process yet, so it seems to be alive
		t.Fatal(err)
	}
	cmd := exec.Command("pgbouncer", file)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if as := postgresUser(t); as != nil {
		cmd.SysProcAttr.Credential = as
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // an error means that it has ended
		_ = cmd.Wait()
	})
}
