package bench_test

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"taocan/internal/bench"
	"taocan/internal/clock"
	"taocan/internal/pgtest"
	"taocan/internal/store/postgres"
)

// ofPostgres are names of a report's figures, of a short run.
var ofPostgres = map[string][]string{
	"engine/callers=4/projects=1":                 names["engine/callers=4/projects=1"],
	"engine/callers=4/projects=3":                 names["engine/callers=4/projects=1"],
	"naive/callers=64/projects=1":                 names["naive/callers=64/projects=1"],
	"naive/callers=64/projects=3":                 names["naive/callers=64/projects=1"],
	"http/connections=64/debits=1/projects=3":     ofHTTP,
	"processes/callers=2x2/projects=1/debits=0":   slices.Concat(ofSeveral, []string{"ratio_to_naive", "ratio_to_one_process"}),
	"processes/callers=2x2/projects=3/debits=0":   slices.Concat(ofSeveral, []string{"ratio_to_naive", "ratio_to_one_process"}),
	"processes/callers=2x2/projects=1/debits=100": slices.Concat(ofSeveral, []string{"ratio_to_empty"}),
	"processes/callers=2x2/projects=3/debits=100": slices.Concat(ofSeveral, []string{"ratio_to_empty"}),
	"growth/debits=100":                           names["growth/debits=200"],
}

// databases of benches on the server.
func databases(t *testing.T, address string) string {
	return answer(t, address, "SELECT count(*)::text FROM pg_database WHERE datname LIKE 'taocan_bench_%'")
}

// inUse are connections of stores to a run's database, the second that it makes; the first is what it copies.
func inUse(t *testing.T, address string) string {
	return answer(t, address, "SELECT count(*)::text FROM pg_sleep(0.02), pg_stat_activity WHERE datname LIKE 'taocan_bench_%_2' AND application_name = 'taocan'")
}

func answer(t *testing.T, address, query string) string {
	c, err := pgconn.Connect(t.Context(), address)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer c.Close(t.Context())
	r := c.ExecParams(t.Context(), query, nil, nil, nil, nil).Read()
	if r.Err != nil {
		t.Error(r.Err)
		return ""
	}
	return string(r.Rows[0][0])
}

func newPostgres(t *testing.T, address string) *bench.Postgres {
	t.Helper()
	target, err := bench.NewPostgres(t.Context(), address, t.TempDir(), clock.System())
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func TestPostgres(t *testing.T) {
	server := pgtest.NewServer(t, pgtest.Options{})
	target := newPostgres(t, server.URL("postgres"))
	made, r := run(t, bench.Config{Target: target, Runs: 1, Callers: []int{4}, Projects: 3, Growth: []int64{0, 100},
		Only: []string{"engine", "naive", "http/connections=64/debits=1/projects=3", "processes", "growth/debits=100"}})
	want := ofPostgres
	want["growth/debits=100"] = slices.DeleteFunc(slices.Clone(want["growth/debits=100"]), func(name string) bool { return name == "ratio_to_empty" }) // not run
	checkFigures(t, r, want)
	for _, c := range r.Cases {
		if ratio, ok := c.Figures["ratio_to_ceiling"]; ok && (*ratio.Median <= 0 || *c.Figures["ceiling_per_s"].Median <= 0) {
			t.Errorf("%s: %v of the ceiling, want some", c.Name, *ratio.Median)
		}
	}
	// 2 of the engine, 2 naive, one over HTTP, 2 of two processes and one that both had, one with history: each is proved.
	if v := r.Verified; !v.OK || v.Databases != 9 || len(v.Skipped) > 0 {
		t.Errorf("verified: %+v, want 9 databases and nothing found", v)
	}
	if d := r.Database; d.Name != "postgresql" || d.Version == "" || d.Settings["fsync"] != "on" || d.Settings["synchronous_commit"] != "on" || d.Settings["data_directory"] != "" ||
		len(r.Warnings) > 0 {
		t.Errorf("database %+v, warnings %q; want the server's settings and no warning", d, r.Warnings)
	}
	var text bytes.Buffer
	if err := made.Print(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"postgresql on ", "fsync=on", "callers=2x2/projects=3/debits=100 ", "verified: 9 databases"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the printed report lacks %q:\n%s", want, &text)
		}
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	if left := databases(t, server.URL("postgres")); left != "0" {
		t.Errorf("%s databases are left after the run, want none", left)
	}
}

// A reader of figures that are not durable is told so, twice.
func TestPostgresThatForgetsIsWarnedOf(t *testing.T) {
	server := pgtest.NewServer(t, pgtest.Options{NoSync: true})
	target := newPostgres(t, server.URL("postgres"))
	made, r := run(t, bench.Config{Target: target, Runs: 1, Callers: []int{1}, Projects: 1, Only: []string{"generator/callers"}})
	var text bytes.Buffer
	if err := errors.Join(made.Print(&text), target.Close()); err != nil {
		t.Fatal(err)
	}
	for _, setting := range []string{"fsync=off", "synchronous_commit=off"} {
		if !strings.Contains(strings.Join(r.Warnings, "\n"), setting) || strings.Count(text.String(), "WARNING: NOT DURABLE: the PostgreSQL server has "+setting) != 2 {
			t.Errorf("warnings %q and printed, want %s in both:\n%s", r.Warnings, setting, &text)
		}
	}
}

// A stopped run leaves nothing on somebody's server, whatever it was about.
func TestStoppedRunDropsItsDatabases(t *testing.T) {
	server := pgtest.NewServer(t, pgtest.Options{NoSync: true})
	t.Setenv(asWorker, "1")
	for _, part := range []string{"engine/callers=4", "http/connections=64/debits=1/", "processes"} {
		target := newPostgres(t, server.URL("postgres"))
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			for ctx.Err() == nil && inUse(t, server.URL("postgres")) == "0" {
			}
			cancel()
		}()
		_, err := bench.Run(ctx, bench.Config{Target: target, Clock: clock.System(), Duration: time.Hour, Runs: 1, Callers: []int{4}, Projects: 1, Growth: []int64{0},
			Only: []string{part}, Worker: []string{program(t), "worker"}})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s, stopped: %v", part, err)
		}
		cancel()
		<-stopped
		if err := target.Close(); err != nil {
			t.Errorf("%s: close: %v", part, err)
		}
		if left := databases(t, server.URL("postgres")); left != "0" {
			t.Errorf("%s: %s databases are left of a stopped run, want none", part, left)
		}
	}
}

func TestPostgresWithoutTheRight(t *testing.T) {
	server := pgtest.NewServer(t, pgtest.Options{NoSync: true})
	if err := server.Exec(t.Context(), "postgres", "CREATE ROLE plain LOGIN"); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(server.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("plain", "secret")
	_, err = bench.NewPostgres(t.Context(), u.String(), t.TempDir(), clock.System())
	if !errors.Is(err, postgres.ErrMayNotCreate) || !strings.Contains(err.Error(), "plain") {
		t.Errorf("a role that may not make databases: %v, want it named", err)
	}
	for _, address := range []string{"mysql://u:secret@localhost/x", "postgres://u:secret@local host/x", "postgres://u:secret@127.0.0.1:1/x"} {
		if _, err := bench.NewPostgres(t.Context(), address, t.TempDir(), clock.System()); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("a wrong address: %v, want an error without the password", err)
		}
	}
}
