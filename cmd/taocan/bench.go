package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"taocan/internal/access"
	"taocan/internal/clock"
	"taocan/internal/config"
	"taocan/internal/debit"
	"taocan/internal/server"
	"taocan/internal/store"
	"taocan/internal/store/sqlite"
	"taocan/internal/taocan"
)

// benchCmd measures durable debits: of an engine in this process, of a server that it starts, or of a running one.
type benchCmd struct {
	Embedded bool          `name:"embedded" help:"Measure the engine in this process, without HTTP; also the raw ceiling of the same rows."`
	URL      string        `name:"url" placeholder:"URL" help:"Measure the running server at this address (default: start one on a temporary folder)."`
	Token    string        `name:"token" env:"TAOCAN_TOKEN" placeholder:"TOKEN" help:"Operator's token for --url; accounts named bench-… are made."`
	Callers  int           `name:"callers" default:"64" help:"Callers (connections) that each wait for their answer."`
	Batch    int           `name:"batch" default:"1" help:"Debits per request, at most 10,000."`
	Accounts int           `name:"accounts" default:"1" help:"Accounts of one project each, which callers draw from at random."`
	Duration time.Duration `name:"duration" default:"3s" help:"Length of one run."`
	Runs     int           `name:"runs" default:"5" help:"Runs; the median is reported."`
	Dir      string        `name:"dir" placeholder:"DIR" help:"Where to put temporary databases (default: the system's temporary folder)."`
}

// benchReport is what bench prints with --json.
type benchReport struct {
	What     string       `json:"what"`
	Callers  int          `json:"callers"`
	Batch    int          `json:"batch"`
	Accounts int          `json:"accounts"`
	Seconds  float64      `json:"seconds_per_run"`
	Median   loadResult   `json:"median"`
	Ratio    float64      `json:"ratio_to_ceiling,omitempty"`
	RSSMiB   float64      `json:"resident_mib,omitempty"` // of this process, load generator included
	Runs     []loadResult `json:"runs"`
}

const benchPackages = 5 // per project

func (c *benchCmd) Run(a *app) error {
	if c.Callers < 1 || c.Callers > 100_000 || c.Batch < 1 || c.Batch > 10_000 || c.Accounts < 1 || c.Accounts > 10_000 || c.Runs < 1 || c.Duration < 100*time.Millisecond {
		return usage("bench: callers 1–100000, batch 1–10000, accounts 1–10000, runs from 1, duration from 100ms")
	}
	if c.URL != "" && (c.Embedded || c.Token == "") {
		return usage("bench: --url needs an operator's token and goes without --embedded")
	}
	run, what := c.served, "HTTP, server in this process"
	if c.Embedded {
		run, what = c.embedded, "engine in this process"
	} else if c.URL != "" {
		run, what = func(ctx context.Context, _ string) (loadResult, error) {
			return c.overHTTP(ctx, c.URL, c.Token)
		}, "HTTP, "+c.URL
	}
	report := benchReport{What: what, Callers: c.Callers, Batch: c.Batch, Accounts: c.Accounts, Seconds: c.Duration.Seconds()}
	for range c.Runs {
		r, err := c.once(a.ctx, run)
		if err != nil {
			return err
		}
		report.Runs = append(report.Runs, r)
		if !a.json {
			fmt.Fprintf(a.out, "%10.0f debits/s   p50 %.1f ms   p99 %.1f ms   errors %d   fsync %.2f ms\n", r.DebitsPerSecond, r.P50, r.P99, r.Errors, r.FsyncMillis)
			if r.FirstError != "" {
				fmt.Fprintf(a.out, "           the first error: %s\n", r.FirstError)
			}
		}
	}
	report.summarize()
	if a.json {
		return a.printJSON(report)
	}
	m := report.Median
	fmt.Fprintf(a.out, "\n%s: %d callers × %d debits, %d accounts\nmedian %.0f debits/s, p50 %.1f ms, p90 %.1f ms, p99 %.1f ms", what, c.Callers, c.Batch, c.Accounts, m.DebitsPerSecond, m.P50, m.P90, m.P99)
	if m.CeilingPerSec > 0 {
		fmt.Fprintf(a.out, "\nraw ceiling %.0f debits/s, ratio %.2f; %.0f debits per commit, %.0f bytes per debit", m.CeilingPerSec, report.Ratio, m.PerCommit, m.BytesPerDebit)
	}
	_, err := fmt.Fprintf(a.out, "\nresident memory %.0f MiB\n", report.RSSMiB)
	return err
}

func (r *benchReport) summarize() {
	r.Median = loadResult{
		DebitsPerSecond: median(r.Runs, func(x loadResult) float64 { return x.DebitsPerSecond }),
		P50:             median(r.Runs, func(x loadResult) float64 { return x.P50 }),
		P90:             median(r.Runs, func(x loadResult) float64 { return x.P90 }),
		P99:             median(r.Runs, func(x loadResult) float64 { return x.P99 }),
		Max:             median(r.Runs, func(x loadResult) float64 { return x.Max }),
		FsyncMillis:     median(r.Runs, func(x loadResult) float64 { return x.FsyncMillis }),
		CeilingPerSec:   median(r.Runs, func(x loadResult) float64 { return x.CeilingPerSec }),
		PerCommit:       median(r.Runs, func(x loadResult) float64 { return x.PerCommit }),
		BytesPerDebit:   median(r.Runs, func(x loadResult) float64 { return x.BytesPerDebit }),
	}
	for _, x := range r.Runs {
		r.Median.Requests += x.Requests
		r.Median.Debits += x.Debits
		r.Median.Errors += x.Errors
	}
	if r.Median.CeilingPerSec > 0 {
		r.Ratio = r.Median.DebitsPerSecond / r.Median.CeilingPerSec
	}
	r.RSSMiB = residentMiB()
}

// once probes the disk and does one run in a folder of its own.
func (c *benchCmd) once(ctx context.Context, run func(context.Context, string) (loadResult, error)) (_ loadResult, err error) {
	dir, err := os.MkdirTemp(c.Dir, "taocan-bench-")
	if err != nil {
		return loadResult{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fsync, err := probeFsync(dir)
	if err != nil {
		return loadResult{}, err
	}
	r, err := run(ctx, dir)
	r.FsyncMillis = fsync
	return r, err
}

// embedded measures the engine on an empty store, then the ceiling of the same rows.
func (c *benchCmd) embedded(ctx context.Context, dir string) (r loadResult, err error) {
	st, err := sqlite.Open(ctx, sqlite.Options{Dir: filepath.Join(dir, "engine"), Clock: clock.System()})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	tenants := make([]taocan.Tenant, c.Accounts)
	for i := range tenants {
		tenants[i] = taocan.Tenant{Account: taocan.AccountID(fmt.Sprintf("bench-%d", i)), Project: taocan.ProjectID(fmt.Sprintf("bench-%d", i))}
		if err := stockProject(ctx, st, tenants[i], i); err != nil {
			return r, err
		}
	}
	empty, err := st.Shape(ctx, 0, 0)
	if err != nil {
		return r, err
	}
	engine := debit.New(debit.Config{Store: st, Clock: clock.System()})
	engine.Start(ctx)
	r = load{c.Callers, c.Batch, c.Duration, func(ctx context.Context, _ int, ids []string) (int, error) {
		return askEngine(ctx, engine, tenants[rand.IntN(len(tenants))], ids)
	}}.run(ctx)
	stats := engine.Stats()
	if err := engine.Stop(ctx); err != nil {
		return r, err
	}
	shape, err := st.Shape(ctx, stats.Operations, stats.Commits)
	if err != nil {
		return r, err
	}
	r.PerCommit = float64(stats.Operations) / float64(max(1, stats.Commits))
	r.BytesPerDebit = float64(shape.FileBytes-empty.FileBytes) / float64(max(1, stats.Operations))
	transactions, took, err := sqlite.Ceiling(ctx, filepath.Join(dir, "ceiling"), shape, clock.System(), c.Duration)
	if err != nil {
		return r, err
	}
	r.CeilingPerSec = float64(transactions) * r.PerCommit / took.Seconds()
	return r, nil
}

func askEngine(ctx context.Context, engine *debit.Engine, t taocan.Tenant, ids []string) (granted int, err error) {
	ops := make([]store.Op, len(ids))
	for i, id := range ids {
		ops[i] = store.Op{Tenant: t, Kind: store.OpTake, Request: taocan.DebitRequest{ID: taocan.DebitID(id), Kind: taocan.KindDebit,
			Category: taocan.Domestic, Purpose: taocan.Marketing, Quantity: 1}}
	}
	outcomes, err := engine.Do(ctx, ops)
	for _, o := range outcomes {
		if o.Err != nil {
			err = o.Err
		} else {
			granted++
		}
	}
	return granted, err
}

// stockProject makes an account with one project and packages that no run can use up.
func stockProject(ctx context.Context, st store.Store, t taocan.Tenant, i int) error {
	return st.Update(ctx, t.Account, func(tx store.Tx) error {
		if err := tx.InsertAccount(ctx, taocan.Account{ID: t.Account, Name: string(t.Account), Level: taocan.Enterprise, CreatedAt: tx.Now()}); err != nil {
			return err
		}
		if err := tx.InsertProject(ctx, taocan.Project{ID: t.Project, Account: t.Account, Name: string(t.Project), CreatedAt: tx.Now()}); err != nil {
			return err
		}
		for k := range benchPackages {
			p := taocan.Package{Tenant: t, Number: taocan.PackageNumber(fmt.Sprintf("U1B26010100%05X", i*benchPackages+k)), Name: "bench", Category: taocan.Domestic,
				Purpose: taocan.Marketing, ChargeOn: taocan.ChargeOnSubmit, Total: taocan.MaxSegments, Remaining: taocan.MaxSegments,
				PurchasedAt: tx.Now(), ExistsFrom: tx.Now(), ExpiresAt: tx.Now().AddDate(1, k, 0)}
			if err := tx.InsertPackage(ctx, p, taocan.EntryGrant, "bench"); err != nil {
				return err
			}
		}
		return nil
	})
}

// served starts a server on an empty folder and measures it over the loopback interface.
func (c *benchCmd) served(ctx context.Context, dir string) (r loadResult, err error) {
	settings := config.Defaults()
	settings.Addr, settings.Data = "127.0.0.1:0", filepath.Join(dir, "server")
	s, err := server.Open(ctx, server.Options{Settings: settings, Clock: clock.System()})
	if err != nil {
		return r, err
	}
	if err := s.Start(ctx); err != nil {
		return r, errors.Join(err, s.Close())
	}
	defer func() { err = errors.Join(err, s.Stop(context.WithoutCancel(ctx))) }()
	token, _, err := s.Access.CreateToken(ctx, taocan.System(), access.TokenRequest{Name: "bench", Scopes: []taocan.Scope{taocan.ScopeOperator}})
	if err != nil {
		return r, err
	}
	return c.overHTTP(ctx, s.URL(), token)
}

// residentMiB is this process's resident memory where the system tells it, else 0.
func residentMiB() float64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		var kib float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kib); n == 1 {
			return kib / 1024
		}
	}
	return 0
}
