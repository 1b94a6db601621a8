package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"taocan/internal/bench"
	"taocan/internal/clock"
	"taocan/internal/config"
)

// benchCmd measures this machine, or a running server.
type benchCmd struct {
	Duration time.Duration `name:"duration" default:"3s" help:"What is counted of each run; a tenth of it, at most 500ms, goes before."`
	Runs     int           `name:"runs" default:"3" help:"Runs of each case, all cases in turn; the median is reported, with the lowest and the highest."`
	Callers  []int         `name:"callers" default:"1,64,1024" help:"Callers in the process that each wait for their answer; the most of them also meet ceiling and history."`
	Projects int           `name:"projects" default:"1000" help:"Projects of one account each that callers draw from; one hot project is always measured, too."`
	Growth   []string      `name:"growth" default:"0,1e6" help:"Debits in the store, as in 0,1e6."`
	Full     bool          `name:"full" help:"Also grow to 10 million debits, and two processes on PostgreSQL to 5 million: some minutes more, and some gigabytes."`
	Verify   string        `name:"verify" default:"3e6" help:"Prove what each case's last run has made, where it is not more debits than this."`
	Only     []string      `name:"only" placeholder:"NAME,…" help:"Only cases whose names begin so, as engine or http/connections=16 (parts: generator, engine, naive, http, processes, growth)."`
	Dir      string        `name:"dir" placeholder:"DIR" help:"Where to put temporary databases (default: the system's temporary folder)."`
	Postgres string        `name:"database-url" placeholder:"URL" help:"Measure PostgreSQL: on this server databases named taocan_bench_… are made and dropped, for which the role needs CREATEDB."`
	URL      string        `name:"url" placeholder:"URL" help:"Measure the running server at this address instead, over HTTP."`
	Token    string        `name:"token" env:"TAOCAN_TOKEN" placeholder:"TOKEN" help:"Operator's token for --url; accounts named bench-… are made and stay."`
}

// fullGrowth is what --full adds to --growth.
const fullGrowth = 10_000_000

// Run prints progress on stderr and the report on stdout. Stopped by a signal, it reports what it has measured until then.
func (c *benchCmd) Run(a *app) (err error) {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	cfg.Say = func(line string) { fmt.Fprintln(a.errOut, line) }
	ctx, stop := untilSignal(a.ctx)
	defer stop()
	if c.URL == "" {
		if cfg.Target, err = c.target(ctx, cfg.Clock); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, cfg.Target.Close()) }()
		for _, text := range cfg.Target.About().Warnings {
			cfg.Say("WARNING: " + text)
		}
	}
	report, err := bench.Run(ctx, cfg)
	if report == nil {
		return err
	}
	if a.json {
		err = errors.Join(err, a.printJSON(report))
	} else {
		err = errors.Join(err, report.Print(a.out))
	}
	if n := len(report.Verified.Findings); n > 0 {
		err = errors.Join(err, fmt.Errorf("what was made does not prove: %d found", n))
	}
	return err
}

func (c *benchCmd) target(ctx context.Context, k clock.Clock) (bench.Target, error) {
	if c.Postgres == "" {
		return bench.NewSQLite(c.Dir, k)
	}
	return bench.NewPostgres(ctx, c.Postgres, c.Dir, k)
}

// line is the command as it was given, without what is secret in it.
func (c *benchCmd) line() []string {
	var hide []string
	if c.Postgres != "" {
		hide = append(hide, c.Postgres, config.Settings{DatabaseURL: c.Postgres}.Database())
	}
	if c.Token != "" {
		hide = append(hide, c.Token, "…")
	}
	secrets, line := strings.NewReplacer(hide...), append([]string{"taocan"}, os.Args[1:]...)
	for i := range line {
		line[i] = secrets.Replace(line[i])
	}
	return line
}

// benchWorkerCmd is what a bench starts beside itself.
type benchWorkerCmd struct{}

// Run does what standard input says, until it ends.
func (*benchWorkerCmd) Run(a *app) error { return bench.Work(a.ctx, os.Stdin, a.out, clock.System()) }

func (c *benchCmd) config() (bench.Config, error) {
	program, err := os.Executable()
	if err != nil {
		return bench.Config{}, err
	}
	cfg := bench.Config{Command: c.line(), Worker: []string{program, os.Args[0], "bench-worker"}, Clock: clock.System(),
		Duration: c.Duration, Runs: c.Runs, Callers: c.Callers, Projects: c.Projects, Only: c.Only}
	if c.Runs < 1 || c.Duration < 10*time.Millisecond || c.Projects < 1 || c.Projects > 10_000 || len(c.Callers) == 0 {
		return cfg, usage("bench: runs from 1, duration from 10ms, projects 1–10000, callers at least one number")
	}
	for _, n := range c.Callers {
		if n < 1 || n > 100_000 {
			return cfg, usage("bench: callers 1–100000, not %d", n)
		}
	}
	for _, text := range c.Growth {
		n, err := wholeNumber(text)
		if err != nil {
			return cfg, err
		}
		cfg.Growth = append(cfg.Growth, n)
	}
	if cfg.Verify, err = wholeNumber(c.Verify); err != nil {
		return cfg, err
	}
	if c.Full {
		cfg.Growth = append(cfg.Growth, fullGrowth)
	}
	slices.Sort(cfg.Growth)
	cfg.Growth = slices.Compact(cfg.Growth)
	if c.URL != "" && c.Postgres != "" {
		return cfg, usage("bench: --url measures a server as it runs, --database-url one that is started for it")
	}
	if c.URL != "" {
		cfg.Remote = bench.Remote{URL: c.URL, Token: c.Token}
		if u, err := url.Parse(c.URL); err != nil || u.Scheme != "http" || u.Host == "" || c.Token == "" {
			return cfg, usage("bench: --url must be an http:// address, and goes with an operator's token")
		}
	}
	return cfg, nil
}

// wholeNumber reads one that may be written as 1e6.
func wholeNumber(text string) (int64, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n < 0 || n > 1e9 || n != math.Trunc(n) {
		return 0, usage("bench: %s is not a whole number up to 1e9", text)
	}
	return int64(n), nil
}
