package test

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
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

// newEpoch is the statement of the operating manual, section 13, that tells senders of a restoration.
const newEpoch = "UPDATE store_meta SET value = substr(md5(random()::text || clock_timestamp()::text), 1, 16) WHERE name = 'epoch'"

// pgTool finds a program of PostgreSQL for clients.
func pgTool(t *testing.T, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(found) == 0 {
		t.Skipf("skipped: no %s here", name)
	}
	return found[len(found)-1]
}

func tool(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), pgTool(t, name), args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

func epochOf(t *testing.T, s *process) string {
	t.Helper()
	answer, err := http.Get(s.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.Header.Get("Taocan-Epoch")
}

// restoredAndServed proves a restored database and serves it from the data folder whose index of ids knows more than the
// database: what was answered before the backup is known, what came after it is new.
func restoredAndServed(t *testing.T, p *processes, token, epochBefore string) {
	t.Helper()
	if out := p.must("a", "verify"); !strings.Contains(out, "ok: ") {
		t.Errorf("verify: %s", out)
	}
	s := p.serve("a")
	if got := epochOf(t, s); got == epochBefore || len(got) != 16 {
		t.Errorf("the epoch is %q, and was %q", got, epochBefore)
	}
	s.wants(http.StatusOK, "POST", processProject+"/debits", token, debitBody("before", "1"))
	s.wants(http.StatusCreated, "POST", processProject+"/debits", token, debitBody("after", "2"))
	if got := s.remaining(token); got != "997" {
		t.Errorf("%s are left, want 997", got)
	}
	s.end(syscall.SIGTERM)
	if out := p.must("a", "verify"); !strings.Contains(out, "ok: ") {
		t.Errorf("verify after serving: %s", out)
	}
}

func TestADumpIsRestored(t *testing.T) {
	pgTool(t, "pg_dump")
	server := pgtest.NewServer(t, pgtest.Options{NoSync: true})
	for _, name := range []string{"taocan", "restored"} {
		if err := server.Exec(t.Context(), "postgres", "CREATE DATABASE "+name); err != nil {
			t.Fatal(err)
		}
	}
	p := newProcesses(t, server.URL("taocan"))
	s := p.serve("a")
	token := p.customer("a")
	s.buy(token, "one")
	s.wants(http.StatusCreated, "POST", processProject+"/debits", token, debitBody("before", "1"))
	dump := filepath.Join(t.TempDir(), "taocan.dump")
	tool(t, "pg_dump", "--format=custom", "--file="+dump, p.database) // beside the server
	s.wants(http.StatusCreated, "POST", processProject+"/debits", token, debitBody("after", "2"))
	epoch := epochOf(t, s)
	s.end(syscall.SIGTERM)

	p.database = server.URL("restored")
	tool(t, "pg_restore", "--no-owner", "--exit-on-error", "--single-transaction", "--dbname="+p.database, dump)
	if err := server.Exec(t.Context(), "restored", newEpoch); err != nil {
		t.Fatal(err)
	}
	restoredAndServed(t, p, token, epoch)
}

func TestADatabaseIsRestoredToAPointInTime(t *testing.T) {
	pgTool(t, "pg_basebackup")
	archive, err := os.MkdirTemp("", "taocan-archive-") // PostgreSQL runs as another user, who may not look into the test's folder
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(archive) })
	if err := os.Chmod(archive, 0o777); err != nil { //nolint:gosec // as above
		t.Fatal(err)
	}
	server := pgtest.NewServer(t, pgtest.Options{NoSync: true, Settings: []string{"archive_mode=on", "archive_command=cp %p " + archive + "/%f"}})
	if err := server.Exec(t.Context(), "postgres", "CREATE DATABASE taocan"); err != nil {
		t.Fatal(err)
	}
	p := newProcesses(t, server.URL("taocan"))
	s := p.serve("a")
	token := p.customer("a")
	s.buy(token, "one")

	restored := pgtest.NewServer(t, pgtest.Options{NoSync: true, Settings: []string{"restore_command=cp " + archive + "/%f %p",
		"recovery_target_name=noon", "recovery_target_action=promote"}})
	base(t, server, restored)
	s.wants(http.StatusCreated, "POST", processProject+"/debits", token, debitBody("before", "1"))
	if err := server.Exec(t.Context(), "postgres", "SELECT pg_create_restore_point('noon')"); err != nil {
		t.Fatal(err)
	}
	s.wants(http.StatusCreated, "POST", processProject+"/debits", token, debitBody("after", "2"))
	epoch := epochOf(t, s)
	s.end(syscall.SIGTERM)
	server.Stop() // the last of its log goes into the archive

	restored.Start(t)
	p.database = restored.URL("taocan")
	eventually(t, "the restored server takes writes", func() bool { return restored.Exec(t.Context(), "taocan", newEpoch) == nil })
	restoredAndServed(t, p, token, epoch)
}

// base puts a base backup of one server in place of the other's data, ready to recover, and leaves that one stopped.
func base(t *testing.T, from, to *pgtest.Server) {
	t.Helper()
	dir := ask(t, to.URL("postgres"), "SHOW data_directory")
	to.Stop()
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	tool(t, "pg_basebackup", "-D", dir, "-X", "fetch", "-c", "fast", "--no-sync", "-h", "127.0.0.1", "-p", strconv.Itoa(from.Port), "-U", "taocan")
	err = errors.Join(os.WriteFile(filepath.Join(dir, "recovery.signal"), nil, 0o600),
		filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			return errors.Join(err, os.Lchown(path, int(owner.Uid), int(owner.Gid)))
		}))
	if err != nil {
		t.Fatal(err)
	}
}

// ask is the one value that a query gives.
func ask(t *testing.T, url, query string) string {
	t.Helper()
	c, err := pgconn.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	r := c.ExecParams(t.Context(), query, nil, nil, nil, nil).Read()
	if r.Err != nil || len(r.Rows) != 1 {
		t.Fatalf("%s: %v", query, r.Err)
	}
	return string(r.Rows[0][0])
}
