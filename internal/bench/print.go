package bench

import (
	"fmt"
	"io"
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

// sections are functions of nothing but the names above, in the order of a report.
func sections() []section {
	rate := column{"debits/s", DebitsPerS, true}
	cpu, perCommit, resident := column{"CPU µs/debit", CPUPerDebit, false}, column{"debits/commit", DebitsPerCommit, false}, column{"resident MiB, peak", RSSPeak, false}
	bytes := []column{{"bytes/debit", BytesPerDebit, false}, {"packed", PackedPerDebit, false}}
	join := func(first column, more ...column) []column {
		return append(append([]column{first}, latencies...), more...)
	}
	return []section{
		{PartGenerator, "The callers alone, with nothing behind them: no case can be faster", []column{{"debits/s", GeneratorOnly, true}, cpu}},
		{PartEngine, "In the process, one debit per call; the ceiling is the same rows, bytes, statements and syncs without logic",
			join(rate, perCommit, cpu, bytes[0], bytes[1], column{"ceiling/s", Ceiling, true}, column{"its CPU µs/debit", CeilingCPU, false}, column{"ratio", Ratio, true}, column{"× naive", RatioToNaive, true},
				column{"first read ms", FirstRead, false}, resident)},
		{PartNaive, "The same store, one transaction per debit", join(rate, cpu, bytes[0], bytes[1])},
		{PartHTTP, "Over HTTP, loopback, the whole server; latencies are of requests", join(rate, perCommit, cpu, resident)},
		{PartGrowth, "With history, in the process; start of a whole server, files in the page cache", join(rate, column{"of empty", RatioToEmpty, true}, column{"start ms", Start, true},
			column{"resident MiB, started", RSSStarted, false}, column{"at the end", RSS, false}, column{"peak", RSSPeak, false}, column{"Go heap", Heap, false},
			column{"files MiB", StoredMiB, false}, column{"stored bytes/debit", StoredPerItem, false})},
	}
}

// Print writes the report for a person.
func (r *Report) Print(w io.Writer) error {
	m := r.Machine
	fmt.Fprintf(w, "%s on %s, %d CPUs, %s MiB, %s, %s %s, %s\n", r.Conditions.Store, orUnknown(m.CPU), m.CPUs, figure(m.MemoryMiB), orUnknown(m.FileSystem), m.OS, m.Kernel, m.Go)
	fmt.Fprintf(w, "%s, %s s in all; each case %d runs of %s s, all cases in turn; median [lowest–highest]\n", r.StartedAt.Format("2006-01-02 15:04 MST"), figure(r.TookS),
		r.Conditions.Runs, figure(r.Conditions.DurationS))
	fmt.Fprintf(w, "disk: a synced write of 4 KiB takes %s ms; load average %s\n", r.FsyncMS.cell(), spreadOf(r.each(Load)).cell())
	for _, s := range sections() {
		if err := r.printSection(w, s); err != nil {
			return err
		}
	}
	for _, c := range r.Cases {
		if c.Errors > 0 {
			fmt.Fprintf(w, "\n%s: %d calls failed, the first: %s", c.Name, c.Errors, c.FirstError)
		}
	}
	if r.Verified.OK {
		_, err := fmt.Fprintf(w, "\nverified: %d databases with %s debits, every answered one is in them, nothing found\n", r.Verified.Databases, thousands(float64(r.Verified.Debits)))
		return err
	}
	_, err := fmt.Fprintf(w, "\nNOT VERIFIED, %d found:\n%s\n", len(r.Verified.Findings), strings.Join(r.Verified.Findings, "\n"))
	return err
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

// each value of a figure, of all runs.
func (r *Report) each(name string) (values []float64) {
	for _, c := range r.Cases {
		for _, run := range c.Runs {
			values = append(values, run[name])
		}
	}
	return values
}

func (s Spread) cell() string {
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
