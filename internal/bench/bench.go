package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"taocan/internal/clock"
	"taocan/internal/store"
)

// Parts of a run, in their order: the first words of cases' names.
const (
	PartGenerator = "generator" // the callers alone
	PartEngine    = "engine"    // in the process, with the ceiling
	PartNaive     = "naive"     // one transaction per debit
	PartProcesses = "processes" // several on one database, where it can be shared
	PartHTTP      = "http"
	PartGrowth    = "growth"
)

// Config of Run.
type Config struct {
	Target   Target // nil: Remote is measured
	Remote   Remote
	Clock    clock.Clock
	Duration time.Duration // of what is counted of a run
	Runs     int
	Callers  []int        // of the engine's cases; the most of them has the ceiling, and grows
	Projects int          // beside the one hot project
	Only     []string     // cases whose names begin with one of these; empty: all
	Growth   []int64      // debits in the store; of several processes at most processesMost
	Verify   int64        // databases with more debits are not proved
	Say      func(string) // progress; nil: nobody listens
	Command  []string     // that was given, for the report
	// Worker is the program that runs Work, and its arguments, the program's own name first: cases over HTTP and of several
	// processes start it.
	Worker []string
}

// maxWarmup bounds how long a run goes on before it counts: a tenth of its duration.
const maxWarmup = 500 * time.Millisecond

// naiveCallers is how many callers the naive comparison has.
const naiveCallers = 64

// httpShapes are connections and debits per request of the cases over HTTP.
var httpShapes = [...]struct{ connections, debits int }{{64, 1}, {64, 100}, {16, 1000}}

// Case is one way of asking, and what came of it.
type Case struct {
	Name             string            `json:"name"`
	Part             string            `json:"part"`
	Callers          int               `json:"callers"`             // or connections; of all processes
	Processes        int               `json:"processes,omitempty"` // 0: everything in one
	Projects         int               `json:"projects"`
	DebitsPerRequest int               `json:"debits_per_request"`
	DebitsInStore    int64             `json:"debits_in_store,omitempty"` // growth: when it began
	Ceiling          bool              `json:"-"`                         // measured beside it
	Figures          map[string]Spread `json:"figures"`
	Runs             []Figures         `json:"runs"`
	Errors           int64             `json:"errors"`
	FirstError       string            `json:"first_error,omitempty"`

	run  func(ctx context.Context, c *Case) (Figures, error)
	past *past
}

// bench is one Run.
type bench struct {
	Config
	seed     uint64
	streams  uint64 // of random ids handed out
	verified Verified
}

// Run measures everything that cfg asks for. Where a database does not prove, the report says so and the error is nil. After an
// error, as by the end of ctx, the report holds what was measured until then; nil: nothing was.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	b := &bench{Config: cfg, seed: rand.Uint64(), verified: Verified{Findings: []string{}, Skipped: []string{}}}
	about, dir := About{Name: "a server at " + cfg.Remote.URL}, ""
	if b.Target != nil {
		about, dir = b.Target.About(), b.Target.Dir()
	}
	cases := b.wanted()
	if len(cases) == 0 {
		return nil, fmt.Errorf("no case's name begins with %s", strings.Join(b.Only, " or "))
	}
	r := &Report{Format: reportFormat, StartedAt: b.Clock.Now(), Command: b.Command, Machine: machine(dir), Database: about, Warnings: about.Warnings, Cases: cases, Conditions: Conditions{
		Store: about.Name, Runs: b.Runs, DurationS: b.Duration.Seconds(), WarmupS: b.warmup().Seconds(), PackagesPerProject: packagesEach,
		IDBytes: idBytes, QuantityPerDebit: 1, Seed: b.seed}}
	began := b.Clock.Monotonic()
	err := b.rounds(ctx, cases)
	r.TookS = round((b.Clock.Monotonic() - began).Seconds())
	r.Verified = b.verified
	r.sum()
	if len(r.Cases) == 0 {
		return nil, err
	}
	return r, err
}

// rounds goes through all cases as often as each is to be run.
func (b *bench) rounds(ctx context.Context, cases []*Case) error {
	for run := range b.Runs {
		for _, c := range cases {
			f, err := b.once(ctx, c)
			if ctx.Err() != nil {
				err = ctx.Err() // a load that was cut short, or what came of that
			}
			if err != nil {
				return fmt.Errorf("%s, run %d: %w", c.Name, run+1, err)
			}
			c.Runs = append(c.Runs, f)
			b.say("%s, run %d of %d: %s", c.Name, run+1, b.Runs, brief(f))
		}
	}
	return nil
}

// sum up what was run.
func (r *Report) sum() {
	r.Cases = slices.DeleteFunc(r.Cases, func(c *Case) bool { return len(c.Runs) == 0 })
	compare(r.Cases)
	for _, c := range r.Cases {
		c.Figures = spreads(c.Runs)
	}
	if probes := r.each(Fsync); len(probes) > 0 {
		r.FsyncMS = spreadOf(probes)
	}
	r.Verified.OK = len(r.Verified.Findings) == 0
}

// compare runs with those of the same round that they are judged by.
func compare(cases []*Case) {
	for _, c := range cases {
		for _, base := range cases {
			switch {
			case (c.Part == PartEngine || c.Part == PartProcesses && c.DebitsInStore == 0) && base.Part == PartNaive && c.Projects == base.Projects:
				c.compare(base, RatioToNaive)
			case c.Part == PartProcesses && c.DebitsInStore == 0 && base.Part == PartEngine && c.Projects == base.Projects && c.Callers == base.Callers:
				c.compare(base, RatioToOne)
			case c.Part == PartProcesses && base.Part == PartProcesses && c.Projects == base.Projects && base.DebitsInStore == 0 && c != base:
				c.compare(base, RatioToEmpty)
			case c.Part == PartGrowth && base.Part == PartGrowth && base.DebitsInStore == 0 && c != base:
				c.compare(base, RatioToEmpty)
			}
		}
	}
}

func (c *Case) compare(base *Case, name string) {
	for i, run := range c.Runs[:min(len(c.Runs), len(base.Runs))] {
		run[name] = round(ratio(run[DebitsPerS], base.Runs[i][DebitsPerS]))
	}
}

// once probes what takes the commits, where it is not behind a running server, and does one run of a case.
func (b *bench) once(ctx context.Context, c *Case) (Figures, error) {
	load, fsync := loadAverage(), 0.0
	if b.Target != nil {
		var err error
		if fsync, err = b.Target.Probe(ctx); err != nil {
			return nil, fmt.Errorf("probe the disk: %w", err)
		}
	}
	f, err := c.run(ctx, c)
	if err != nil {
		return nil, err
	}
	f[Load] = load
	if fsync > 0 {
		f[Fsync] = fsync
		if p99, ok := f[P99]; ok {
			f[P99InFsyncs] = round(p99 / fsync)
		}
		if (c.Part == PartEngine || c.Part == PartProcesses) && c.Callers > 1 {
			f[FsyncBound] = round(float64(c.Callers) * 1000 / (2 * fsync))
		}
	}
	return f, nil
}

// wanted cases, in the order in which every round goes through them.
func (b *bench) wanted() []*Case {
	cases := b.remoteCases()
	if b.Target != nil {
		cases = b.cases()
	}
	cases = slices.DeleteFunc(cases, func(c *Case) bool {
		return len(b.Only) > 0 && !slices.ContainsFunc(b.Only, func(only string) bool { return strings.HasPrefix(c.Name, only) })
	})
	for _, c := range cases {
		if c.past != nil {
			c.past.users++
		}
	}
	return cases
}

func (b *bench) cases() (all []*Case) {
	most, spread := slices.Max(b.Callers), b.spread()
	add := func(c Case) {
		c.DebitsPerRequest = max(1, c.DebitsPerRequest)
		if c.Name == "" {
			c.Name = fmt.Sprintf("%s/callers=%d/projects=%d", c.Part, c.Callers, c.Projects)
		}
		all = append(all, &c)
	}
	for _, callers := range b.Callers {
		add(Case{Part: PartGenerator, Callers: callers, Projects: b.Projects, run: b.generatorRun})
	}
	for _, x := range httpShapes {
		add(Case{Part: PartGenerator, Name: fmt.Sprintf("generator/connections=%d/debits=%d", x.connections, x.debits), Callers: x.connections,
			DebitsPerRequest: x.debits, Projects: b.Projects, run: b.httpGeneratorRun})
	}
	for _, callers := range b.Callers {
		for _, projects := range spread {
			add(Case{Part: PartEngine, Callers: callers, Projects: projects, Ceiling: callers == most, run: b.engineRun})
		}
	}
	for _, projects := range spread {
		add(Case{Part: PartNaive, Callers: naiveCallers, Projects: projects, run: b.naiveRun})
	}
	for _, c := range httpCases(spread, b.httpRun) {
		add(c)
	}
	for _, c := range b.processesCases(most) {
		add(c)
	}
	for _, debits := range b.Growth {
		add(Case{Part: PartGrowth, Name: fmt.Sprintf("growth/debits=%d", debits), Callers: most, Projects: b.Projects, DebitsInStore: debits, run: b.growthRun, past: &past{}})
	}
	return all
}

// spread is over how many projects callers debit: one hot one, and many.
func (b *bench) spread() []int {
	if b.Projects == 1 {
		return []int{1}
	}
	return []int{1, b.Projects}
}

func httpCases(spread []int, run func(context.Context, *Case) (Figures, error)) (all []Case) {
	for _, x := range httpShapes {
		for _, projects := range spread {
			all = append(all, Case{Part: PartHTTP, Name: fmt.Sprintf("http/connections=%d/debits=%d/projects=%d", x.connections, x.debits, projects),
				Callers: x.connections, DebitsPerRequest: x.debits, Projects: projects, run: run})
		}
	}
	return all
}

// lastRun reports whether the run under way is the last of the case.
func (b *bench) lastRun(c *Case) bool { return len(c.Runs)+1 == b.Runs }

func (b *bench) warmup() time.Duration { return min(b.Duration/10, maxWarmup) }

func (b *bench) load(ctx context.Context, callers []ask) sample {
	return load{clock: b.Clock, warmup: b.warmup(), duration: b.Duration, callers: callers}.run(ctx)
}

func (b *bench) newIDs() *ids {
	b.streams++
	return newIDs(b.seed, b.streams)
}

func (b *bench) say(format string, args ...any) {
	if b.Say != nil {
		b.Say(fmt.Sprintf(format, args...))
	}
}

// figures of a load of this case. One that got nothing done has measured nothing.
func (c *Case) figures(s *sample, m memory) (Figures, error) {
	if c.Errors += s.Errors; c.FirstError == "" {
		c.FirstError = s.FirstError
	}
	if s.Debits == 0 {
		return nil, errors.Join(errors.New("no debit was granted in time"), errorText(s.FirstError))
	}
	f := s.figures()
	if m.RSS > 0 {
		f[RSS], f[RSSPeak] = m.RSS, m.Peak
	}
	f[Heap] = m.Heap
	return f, nil
}

func errorText(s string) error {
	if s == "" {
		return nil
	}
	return errors.New(s)
}

// verify proves the database that the last run of a case has left: nothing else than that, and every debit that was answered is
// in it. A proof takes longer than a run, so earlier runs go without.
func (b *bench) verify(ctx context.Context, c *Case, st store.Store, answered int64) error {
	if !b.lastRun(c) {
		return nil
	}
	if answered > b.Verify {
		b.verified.Skipped = append(b.verified.Skipped, c.Name)
		return nil
	}
	b.say("%s: verifying %s debits", c.Name, thousands(float64(answered)))
	began := b.Clock.Monotonic()
	report, err := store.Verify(ctx, st, store.VerifyOptions{})
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	b.verified.TookS = round(b.verified.TookS + (b.Clock.Monotonic() - began).Seconds())
	b.verified.Databases++
	b.verified.Debits += report.Debits
	for _, f := range report.Findings {
		b.verified.Findings = append(b.verified.Findings, fmt.Sprintf("%s: %s", c.Name, f))
	}
	if report.Debits < answered {
		b.verified.Findings = append(b.verified.Findings, fmt.Sprintf("%s: %d debits were answered, the database holds %d", c.Name, answered, report.Debits))
	}
	return nil
}

// reopen a database that a server has closed, to prove it.
func (b *bench) reopen(ctx context.Context, c *Case, db Database, answered int64) error {
	st, err := db.Open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(b.verify(ctx, c, st, answered), st.Close())
}
