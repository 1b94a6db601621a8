package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// load is one measured run: callers that each wait for their answer before they ask again.
type load struct {
	callers  int
	batch    int
	duration time.Duration
	// ask sends one request of batch debits with fresh ids and reports how many were granted.
	ask func(ctx context.Context, caller int, ids []string) (granted int, err error)
}

// loadResult is what one run gave. Latencies are of requests.
type loadResult struct {
	DebitsPerSecond float64 `json:"debits_per_second"`
	Requests        int64   `json:"requests"`
	Debits          int64   `json:"debits"`
	Errors          int64   `json:"errors"`
	FirstError      string  `json:"first_error,omitempty"`
	P50             float64 `json:"p50_ms"`
	P90             float64 `json:"p90_ms"`
	P99             float64 `json:"p99_ms"`
	Max             float64 `json:"max_ms"`
	FsyncMillis     float64 `json:"fsync_ms,omitempty"`    // median of a probe just before the run
	CeilingPerSec   float64 `json:"raw_ceiling,omitempty"` // debits/s of the same rows without logic
	PerCommit       float64 `json:"debits_per_commit,omitempty"`
	BytesPerDebit   float64 `json:"bytes_per_debit,omitempty"` // of the database file's growth
}

func (l load) run(ctx context.Context) loadResult {
	ctx, cancel := context.WithTimeout(ctx, l.duration+30*time.Second)
	defer cancel()
	var stop atomic.Bool
	var debits, failed atomic.Int64
	var first atomic.Pointer[string]
	latencies := make([][]time.Duration, l.callers)
	var callers sync.WaitGroup
	started := time.Now()
	for c := range l.callers {
		callers.Go(func() {
			random := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
			ids := make([]string, l.batch)
			for !stop.Load() {
				for i := range ids {
					ids[i] = fmt.Sprintf("%016x%016x", random.Uint64(), random.Uint64())
				}
				asked := time.Now()
				granted, err := l.ask(ctx, c, ids)
				latencies[c] = append(latencies[c], time.Since(asked))
				debits.Add(int64(granted))
				if err != nil {
					failed.Add(1)
					text := err.Error()
					first.CompareAndSwap(nil, &text)
					if failed.Load() > 1000 {
						return
					}
				}
			}
		})
	}
	time.Sleep(l.duration)
	stop.Store(true)
	callers.Wait()
	took := time.Since(started)
	r := loadResult{Debits: debits.Load(), Errors: failed.Load(), DebitsPerSecond: float64(debits.Load()) / took.Seconds()}
	if text := first.Load(); text != nil {
		r.FirstError = *text
	}
	all := slices.Concat(latencies...)
	slices.Sort(all)
	r.Requests = int64(len(all))
	r.P50, r.P90, r.P99, r.Max = percentile(all, 0.5), percentile(all, 0.9), percentile(all, 0.99), percentile(all, 1)
	return r
}

// percentile of sorted latencies, in milliseconds.
func percentile(sorted []time.Duration, p float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	i := min(int(p*float64(len(sorted))), len(sorted)-1)
	return float64(sorted[i].Microseconds()) / 1000
}

// probeFsync is the median time that a synced append of one page takes in dir, in milliseconds.
func probeFsync(dir string) (float64, error) {
	f, err := os.Create(filepath.Join(dir, "fsync-probe"))
	if err != nil {
		return 0, err
	}
	defer func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}()
	page := make([]byte, 4096)
	var times []time.Duration
	for range 60 {
		started := time.Now()
		if _, err := f.Write(page); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		times = append(times, time.Since(started))
	}
	slices.Sort(times)
	return percentile(times, 0.5), nil
}

// median of what a field holds in all runs.
func median(runs []loadResult, field func(loadResult) float64) float64 {
	values := make([]float64, len(runs))
	for i, r := range runs {
		values[i] = field(r)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
