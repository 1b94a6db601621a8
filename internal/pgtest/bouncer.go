package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Bouncer starts PgBouncer in transaction mode before the server of a database, with so many connections to it, and returns
// the URL that leads through it. It ends with the test, which is skipped where there is no PgBouncer.
func Bouncer(t testing.TB, database string, connections int) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			t.Skip("skipped: no PgBouncer here; apt-get install pgbouncer")
		}
	}
	through, err := startBouncer(t, program, database, connections)
	if err != nil {
		t.Fatal(err)
	}
	return through
}

func startBouncer(t testing.TB, program, database string, connections int) (string, error) {
	u, err := url.Parse(database)
	if err != nil {
		return "", err
	}
	as, err := owner()
	if err != nil {
		return "", err
	}
	dir, err := folder(as)
	if err != nil {
		return "", err
	}
	if err := reap(dir, "pid", syscall.SIGTERM); err != nil {
		return "", err
	}
	port, err := freePort()
	if err != nil {
		return "", err
	}
	settings := fmt.Sprintf(`[databases]
* = host=%s port=%s user=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = %d
max_client_conn = 500
pidfile = %s
`, u.Hostname(), u.Port(), u.User.Username(), port, connections, filepath.Join(dir, "pid"))
	config := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(config, []byte(settings), 0o644); err != nil {
		return "", err
	}
	cmd := exec.Command(program, config)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // how it ended is of no interest
		_ = os.RemoveAll(dir)
	})
	u.Host = fmt.Sprintf("127.0.0.1:%d", port)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		c, err := pgconn.Connect(ctx, u.String())
		if err == nil {
			return u.String(), c.Close(ctx)
		}
		if ctx.Err() != nil {
			return "", fmt.Errorf("pgbouncer does not answer: %w", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
