package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/access"
	"taocan/internal/bench"
	"taocan/internal/clock"
	"taocan/internal/config"
	"taocan/internal/server"
	"taocan/internal/taocan"
)

var (
	ofLoad    = []string{"debits_per_s", "requests_per_s", "p50_ms", "p90_ms", "p99_ms", "max_ms", "cpu_us_per_debit", "rss_mib", "rss_peak_mib", "heap_mib"}
	ofProbe   = []string{"fsync_ms", "load_average"}
	ofStore   = []string{"bytes_per_debit", "packed_bytes_per_debit", "first_read_ms"}
	ofEngine  = slices.Concat(ofLoad, ofProbe, ofStore, []string{"debits_per_commit", "p99_fsyncs", "ratio_to_naive"})
	ofHTTP    = slices.Concat(ofLoad, ofProbe, []string{"debits_per_commit", "p99_fsyncs", "server_cpu_us_per_debit"})
	alone     = slices.Concat(ofProbe, []string{"generator_only_per_s", "cpu_us_per_debit"})
	ofHistory = slices.Concat(ofLoad, ofProbe, []string{"bytes_per_debit", "debits_per_commit", "p99_fsyncs", "debits_before", "start_ms", "rss_start_mib",
		"heap_start_mib", "files_mib"})
	ofSeveral = slices.Concat(ofLoad, ofProbe, []string{"bytes_per_debit", "debits_per_commit", "p99_fsyncs", "fsync_bound_per_s", "first_read_ms", "debits_before"})
)

// asWorker has this program be one of the processes that a run starts.
const asWorker = "TAOCAN_BENCH_TEST_WORKER"

func TestMain(m *testing.M) {
	if os.Getenv(asWorker) == "" {
		os.Exit(m.Run())
	}
	if err := bench.Work(context.Background(), os.Stdin, os.Stdout, clock.System()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// names of a report's figures: people compare reports by them.
var names = map[string][]string{
	"generator/callers=1/projects=1":             alone,
	"generator/callers=4/projects=1":             alone,
	"generator/connections=64/debits=1":          alone,
	"generator/connections=64/debits=100":        alone,
	"generator/connections=16/debits=1000":       alone,
	"engine/callers=1/projects=1":                ofEngine,
	"engine/callers=4/projects=1":                slices.Concat(ofEngine, []string{"ceiling_per_s", "ceiling_cpu_us_per_debit", "ratio_to_ceiling", "fsync_bound_per_s"}),
	"naive/callers=64/projects=1":                slices.Concat(ofLoad, ofProbe, ofStore, []string{"p99_fsyncs"}),
	"http/connections=64/debits=1/projects=1":    ofHTTP,
	"http/connections=64/debits=100/projects=1":  ofHTTP,
	"http/connections=16/debits=1000/projects=1": ofHTTP,
	"growth/debits=0":                            ofHistory,
	"growth/debits=200":                          slices.Concat(ofHistory, []string{"stored_bytes_per_debit", "fill_debits_per_s", "ratio_to_empty"}),
}

// report is what a reader of the JSON sees.
type report struct {
	Format   int
	Machine  map[string]any
	Command  []string
	Warnings []string
	Database struct {
		Name, Version string
		Settings      map[string]string
	}
	Conditions map[string]any
	FsyncMS    map[string]float64 `json:"fsync_ms"`
	Cases      []struct {
		Name    string
		Errors  int64
		Figures map[string]struct{ Median, Min, Max *float64 }
		Runs    []map[string]float64
	}
	Verified struct {
		OK        bool
		Skipped   []string
		Databases int
		Debits    int64
		Findings  []string
	}
}

func run(t *testing.T, cfg bench.Config) (*bench.Report, report) {
	t.Helper()
	t.Setenv(asWorker, "1") // for those that the run starts
	cfg.Clock, cfg.Duration, cfg.Verify, cfg.Worker = clock.System(), 50*time.Millisecond, 1_000_000, []string{program(t), "worker"}
	made, err := bench.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return made, r
}

func program(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func newSQLite(t *testing.T) *bench.SQLite {
	t.Helper()
	target, err := bench.NewSQLite(t.TempDir(), clock.System())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	})
	return target
}

func TestReportHoldsEveryName(t *testing.T) {
	made, r := run(t, bench.Config{Target: newSQLite(t), Runs: 1, Callers: []int{1, 4}, Projects: 1, Growth: []int64{0, 200}, Command: []string{"taocan", "bench"}})
	checkFigures(t, r, names)
	if !slices.Equal(r.Command, []string{"taocan", "bench"}) || r.Database.Name != "sqlite" || r.Warnings != nil {
		t.Errorf("command %q, database %+v, warnings %q; want those of this run, and none", r.Command, r.Database, r.Warnings)
	}
	for part, keys := range map[string][2][]string{
		"machine": {{"arch", "cpu", "cpus", "file_system", "go", "go_max_procs", "kernel", "memory_mib", "os"}, slices.Sorted(maps.Keys(r.Machine))},
		"conditions": {{"duration_s", "id_bytes", "packages_per_project", "quantity_per_debit", "runs", "seed", "store", "warmup_s"},
			slices.Sorted(maps.Keys(r.Conditions))},
	} {
		if diff := cmp.Diff(keys[0], keys[1]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", part, diff)
		}
	}
	// 2 of the engine, a naive one, 3 over HTTP, 2 with history: each is proved.
	if v := r.Verified; !v.OK || v.Databases != 8 || v.Debits < 200 || v.Findings == nil || len(v.Skipped) > 0 {
		t.Errorf("verified: %+v, want 8 databases and nothing found", v)
	}

	var text bytes.Buffer
	if err := made.Print(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sqlite on ", "callers=4/projects=1 ", "connections=16/debits=1000/projects=1 ", "debits=200 ", "verified: 8 databases"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the printed report lacks %q:\n%s", want, &text)
		}
	}
}

// checkFigures holds a report of single runs to the names of each case.
func checkFigures(t *testing.T, r report, all map[string][]string) {
	t.Helper()
	got := map[string][]string{}
	for _, c := range r.Cases {
		got[c.Name] = slices.Sorted(maps.Keys(c.Figures))
		if c.Errors > 0 || len(c.Runs) != 1 || len(c.Runs[0]) != len(c.Figures) {
			t.Errorf("%s: %d errors and %d runs, want none and one with all figures", c.Name, c.Errors, len(c.Runs))
		}
		for name, f := range c.Figures {
			if f.Median == nil || f.Min == nil || f.Max == nil {
				t.Errorf("%s: %s has no median, min and max", c.Name, name)
			}
		}
	}
	want := map[string][]string{}
	for name, figures := range all {
		want[name] = slices.Sorted(slices.Values(figures))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("figures by case (-want +got):\n%s", diff)
	}
}

func TestRunsAreRepeatedInTurn(t *testing.T) {
	var said []string
	_, r := run(t, bench.Config{Target: newSQLite(t), Runs: 3, Callers: []int{2}, Projects: 1, Growth: []int64{100}, Only: []string{"generator/callers", "growth"},
		Say: func(line string) { said = append(said, line) }})
	var order []string
	for _, line := range said {
		if name, what, _ := strings.Cut(line, ", run "); what != "" {
			order = append(order, name+" "+what[:1])
		}
	}
	want := []string{"generator/callers=2/projects=1 1", "growth/debits=100 1", "generator/callers=2/projects=1 2", "growth/debits=100 2",
		"generator/callers=2/projects=1 3", "growth/debits=100 3"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Errorf("order of runs (-want +got):\n%s", diff)
	}
	before := 0.0
	for _, run := range r.Cases[1].Runs {
		if got := run["debits_before"]; got <= before {
			t.Errorf("history before a run: %v debits after %v, want more: the runs share it", got, before)
		}
		before = run["debits_before"]
	}
	if r.Verified.Databases != 1 || !r.Verified.OK || float64(r.Verified.Debits) <= before {
		t.Errorf("verified: %+v, want the one history with more than %v debits", r.Verified, before)
	}
}

func TestOnlyNamesACase(t *testing.T) {
	_, err := bench.Run(t.Context(), bench.Config{Target: newSQLite(t), Clock: clock.System(), Runs: 1, Callers: []int{1}, Projects: 1, Only: []string{"engin/"}})
	if err == nil || !strings.Contains(err.Error(), "engin/") {
		t.Errorf("a name that no case has: %v, want an error that says so", err)
	}
}

func TestStoppedRunReportsWhatThereIs(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	made, err := bench.Run(ctx, bench.Config{Target: newSQLite(t), Clock: clock.System(), Duration: 10 * time.Millisecond, Runs: 5, Callers: []int{1}, Projects: 1,
		Only: []string{"generator/callers", "engine"}, Say: func(line string) {
			if strings.Contains(line, "generator/callers=1/projects=1, run 2") {
				cancel()
			}
		}})
	if !errors.Is(err, context.Canceled) || made == nil {
		t.Fatalf("report %v, error %v, want what there is and why it is not all", made, err)
	}
	got := map[string]int{}
	for _, c := range made.Cases {
		got[c.Name] = len(c.Runs)
	}
	if diff := cmp.Diff(map[string]int{"generator/callers=1/projects=1": 2, "engine/callers=1/projects=1": 1}, got); diff != "" {
		t.Errorf("runs by case (-want +got):\n%s", diff)
	}
}

func TestRemoteServer(t *testing.T) {
	settings := config.Defaults()
	settings.Addr, settings.Data, settings.DiskReserveMiB = "127.0.0.1:0", t.TempDir(), 0
	s, err := server.Open(t.Context(), server.Options{Settings: settings, Clock: clock.System()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	token, _, err := s.Access.CreateToken(t.Context(), taocan.System(), access.TokenRequest{Name: "bench", Scopes: []taocan.Scope{taocan.ScopeOperator}})
	if err != nil {
		t.Fatal(err)
	}
	_, r := run(t, bench.Config{Remote: bench.Remote{URL: s.URL(), Token: token}, Runs: 1, Projects: 2,
		Only: []string{"http/connections=64/debits=1/", "http/connections=16"}})
	if len(r.Cases) != 4 {
		t.Errorf("%d cases of a running server, want 4", len(r.Cases))
	}
	for _, c := range r.Cases {
		want := []string{"debits_per_s", "load_average", "max_ms", "p50_ms", "p90_ms", "p99_ms", "requests_per_s"}
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(c.Figures))); diff != "" {
			t.Errorf("%s: figures (-want +got):\n%s", c.Name, diff)
		}
	}
}
