package bench

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// The names of figures, as they stand in the JSON report. Their units are in them; docs/performance.md says what each means.
const (
	DebitsPerS      = "debits_per_s"
	RequestsPerS    = "requests_per_s"
	P50             = "p50_ms"
	P90             = "p90_ms"
	P99             = "p99_ms"
	MaxLatency      = "max_ms"
	CPUPerDebit     = "cpu_us_per_debit"        // of all processes of taocan, generator included
	ServerCPU       = "server_cpu_us_per_debit" // over HTTP: of the server alone
	DebitsPerCommit = "debits_per_commit"       // of a group commit
	BytesPerDebit   = "bytes_per_debit"         // growth of all files
	FirstRead       = "first_read_ms"           // after the load, until a reader sees all of it
	PackedPerDebit  = "packed_bytes_per_debit"
	Fsync           = "fsync_ms"          // median of the probe before the run
	P99InFsyncs     = "p99_fsyncs"        // p99_ms / fsync_ms
	FsyncBound      = "fsync_bound_per_s" // callers / (2 × fsync_ms): what callers that share syncs may hope for
	Load            = "load_average"      // of the last minute, before the run
	Ceiling         = "ceiling_per_s"
	CeilingCPU      = "ceiling_cpu_us_per_debit"
	Ratio           = "ratio_to_ceiling"
	RatioToNaive    = "ratio_to_naive"       // debits_per_s of the same round, one transaction per debit, same projects
	RatioToOne      = "ratio_to_one_process" // debits_per_s of the same round, as many callers in one process
	RSS             = "rss_mib"              // at the end of the load; over HTTP of the server alone, of several processes the largest
	RSSPeak         = "rss_peak_mib"         // since the run began
	Heap            = "heap_mib"             // Go's, in use, collected or not
	GeneratorOnly   = "generator_only_per_s"

	// Of growth alone, but for the first and ratio_to_empty, which several processes have, too.
	DebitsBefore  = "debits_before"
	Start         = "start_ms"      // of a server, until it listens
	RSSStarted    = "rss_start_mib" // when it listens
	HeapStarted   = "heap_start_mib"
	StoredMiB     = "files_mib"              // all files, before the load
	StoredPerItem = "stored_bytes_per_debit" // of all debits so far
	RatioToEmpty  = "ratio_to_empty"         // debits_per_s of the same round without history
	FillPerS      = "fill_debits_per_s"      // while the history was made
)

// Figures of one run, by name.
type Figures map[string]float64

// Spread is a figure over the runs of a case.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// spreads sums runs up: each figure over the runs that have it.
func spreads(runs []Figures) map[string]Spread {
	values := map[string][]float64{}
	for _, run := range runs {
		for name, v := range run {
			values[name] = append(values[name], v)
		}
	}
	all := make(map[string]Spread, len(values))
	for name, v := range values {
		all[name] = spreadOf(v)
	}
	return all
}

// spreadOf at least one value.
func spreadOf(values []float64) Spread {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return Spread{Median: round((sorted[(n-1)/2] + sorted[n/2]) / 2), Min: sorted[0], Max: sorted[n-1]}
}

// round keeps six significant digits: more would be noise that hides what changed.
func round(v float64) float64 {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return v
	}
	scale := math.Pow(10, 5-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*scale) / scale
}

func milliseconds(d time.Duration) float64 { return round(float64(d.Microseconds()) / 1000) }

// ratio of two figures; 0 where there is nothing to compare with.
func ratio[T, U ~int64 | ~float64](of T, to U) float64 {
	if to == 0 {
		return 0
	}
	return float64(of) / float64(to)
}

// percentile is the smallest of sorted values that at least the share p of them do not exceed.
func percentile[T cmp.Ordered](sorted []T, p float64) (at T) {
	if len(sorted) == 0 {
		return at
	}
	return sorted[max(0, int(math.Ceil(p*float64(len(sorted))))-1)]
}
