package bench

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// section is one table of the printed report.
type section struct {
	part, title string
	columns     []column
}

type column struct {
	head   string
	name   string // of the figure
	spread bool   // with the lowest and the highest
}

var latencies = []column{{"p50 ms", P50, false}, {"p90", P90, false}, {"p99", P99, true}, {"max", MaxLatency, false}}

// sections of a report, in its order.
func sections() []section {
	rate, start := column{"debits/s", DebitsPerS, true}, column{"start ms", Start, true}
	cpu, perCommit := column{"CPU µs/debit", CPUPerDebit, false}, column{"debits/commit", DebitsPerCommit, false}
	bytes, packed := column{"bytes/debit", BytesPerDebit, false}, column{"packed", PackedPerDebit, false}
	peak := column{"resident MiB, peak", RSSPeak, false}
	loaded := slices.Concat([]column{rate}, latencies)
	return []section{
		{PartGenerator, "The callers alone, with nothing behind them: no case can be faster", []column{{"debits/s", GeneratorOnly, true}, cpu}},
		{PartEngine, "In the process, one debit per call; the ceiling is the same rows, bytes, statements and syncs without logic",
			slices.Concat(loaded, []column{perCommit, cpu, bytes, packed, {"ceiling/s", Ceiling, true}, {"its CPU µs/debit", CeilingCPU, false}, {"ratio", Ratio, true},
				{"× naive", RatioToNaive, true}, {"first read ms", FirstRead, false}, peak})},
		{PartNaive, "The same store, one transaction per debit", slices.Concat(loaded, []column{cpu, bytes, packed})},
		{PartHTTP, "Over HTTP, loopback, a whole server in a process of its own, whose memory it is; latencies are of requests",
			slices.Concat(loaded, []column{perCommit, cpu, {"the server's", ServerCPU, false}, peak})},
		{PartProcesses, "Several processes on one database, each with callers of its own; memory is the largest one's",
			slices.Concat(loaded, []column{perCommit, cpu, bytes, {"× naive", RatioToNaive, true}, {"× one process", RatioToOne, true}, {"of empty", RatioToEmpty, true},
				{"first read ms", FirstRead, false}, peak})},
		{PartGrowth, "With history, in the process; start of a whole server, files in the page cache",
			slices.Concat(loaded, []column{{"of empty", RatioToEmpty, true}, start, {"resident MiB, started", RSSStarted, false}, {"at the end", RSS, false},
				{"peak", RSSPeak, false}, {"Go heap", Heap, false}, {"files MiB", StoredMiB, false}, {"stored bytes/debit", StoredPerItem, false}})},
	}
}

// Print writes the report for a person.
func (r *Report) Print(w io.Writer) error {
	m, c := r.Machine, r.Conditions
	fmt.Fprintf(w, "%s on %s, %d CPUs, %s MiB, %s, %s %s, %s\n", c.Store, orUnknown(m.CPU), m.CPUs, figure(m.MemoryMiB), orUnknown(m.FileSystem), m.OS, m.Kernel, m.Go)
	fmt.Fprintf(w, "%s, %s s in all; each case %d runs of %s s, all cases in turn; median [lowest–highest]\n",
		r.StartedAt.Format("2006-01-02 15:04 MST"), figure(r.TookS), c.Runs, figure(c.DurationS))
	if len(r.Command) > 0 {
		fmt.Fprintf(w, "%s\n", strings.Join(r.Command, " "))
	}
	if d := r.Database; d.Version != "" {
		fmt.Fprintf(w, "%s %s: %s\n", d.Name, d.Version, settingsText(d.Settings))
	}
	r.printWarnings(w)
	fmt.Fprintf(w, "disk: a synced write of 4 KiB takes %s ms; load average %s\n", r.FsyncMS.cell(), spreadOf(r.each(Load)).cell())
	for _, s := range sections() {
		if err := r.printSection(w, s); err != nil {
			return err
		}
	}
	fmt.Fprintln(w, "\nWhat the columns are (packed, × naive, first read ms and the others): docs/performance.md")
	r.printWarnings(w)
	for _, c := range r.Cases {
		if c.Errors > 0 {
			fmt.Fprintf(w, "\n%s: %d calls failed, the first: %s", c.Name, c.Errors, c.FirstError)
		}
	}
	for _, name := range r.Verified.Skipped {
		fmt.Fprintf(w, "\n%s: not verified, too many debits", name)
	}
	if r.Verified.OK {
		_, err := fmt.Fprintf(w, "\nverified: %d databases with %s debits, every answered one is in them, nothing found\n",
			r.Verified.Databases, thousands(float64(r.Verified.Debits)))
		return err
	}
	_, err := fmt.Fprintf(w, "\nNOT VERIFIED, %d found:\n%s\n", len(r.Verified.Findings), strings.Join(r.Verified.Findings, "\n"))
	return err
}

// printWarnings stands at the head and at the foot, so that no table is read without.
func (r *Report) printWarnings(w io.Writer) {
	for _, text := range r.Warnings {
		fmt.Fprintf(w, "\n**WARNING: %s**\n", text)
	}
}

func settingsText(settings map[string]string) string {
	texts := make([]string, 0, len(settings))
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		texts = append(texts, name+"="+settings[name])
	}
	return strings.Join(texts, ", ")
}

// printSection writes a table in Markdown, so that it can go into a document as it is.
func (r *Report) printSection(w io.Writer, s section) error {
	t := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	row := func(cells []string) { fmt.Fprintf(t, "| %s\t|\n", strings.Join(cells, "\t| ")) }
	shown := false
	for _, c := range r.Cases {
		if c.Part != s.part {
			continue
		}
		if !shown {
			shown = true
			fmt.Fprintf(w, "\n%s\n\n", s.title)
			head, rule := []string{"case"}, []string{"---"}
			for _, x := range s.columns {
				head, rule = append(head, x.head), append(rule, "---")
			}
			row(head)
			row(rule)
		}
		cells := []string{strings.TrimPrefix(c.Name, s.part+"/")}
		for _, x := range s.columns {
			f, ok := c.Figures[x.name]
			switch {
			case !ok:
				cells = append(cells, "")
			case x.spread:
				cells = append(cells, f.cell())
			default:
				cells = append(cells, figure(f.Median))
			}
		}
		row(cells)
	}
	return t.Flush()
}

// each value of a figure, of all runs that have it.
func (r *Report) each(name string) (values []float64) {
	for _, c := range r.Cases {
		for _, run := range c.Runs {
			if v, ok := run[name]; ok {
				values = append(values, v)
			}
		}
	}
	return values
}

func (s Spread) cell() string {
	if s.Min == s.Max { // one run, most often
		return figure(s.Median)
	}
	return fmt.Sprintf("%s [%s–%s]", figure(s.Median), figure(s.Min), figure(s.Max))
}

// figure shows three digits of small numbers and all of large ones.
func figure(v float64) string {
	if v >= 100 {
		return thousands(v)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// thousands separates them by commas.
func thousands(v float64) string {
	digits := strconv.FormatFloat(v, 'f', 0, 64)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
