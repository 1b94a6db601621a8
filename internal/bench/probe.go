package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"taocan/internal/clock"
)

const (
	probePage  = 4096
	probePages = 32 // written before, so that a sync has no new file size to write
)

// probeFsync is the median time in ms that a write of one page and its sync take in dir.
func probeFsync(dir string, c clock.Clock) (ms float64, err error) {
	f, err := os.Create(filepath.Join(dir, "fsync-probe"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	if _, err := f.Write(make([]byte, probePages*probePage)); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, fmt.Errorf("sync %s: %w", f.Name(), err)
	}
	page, times := make([]byte, probePage), make([]time.Duration, probePages)
	for i := range times {
		began := c.Monotonic()
		if _, err := f.WriteAt(page, int64(i)*probePage); err != nil {
			return 0, err
		}
		if err := syncData(f); err != nil {
			return 0, fmt.Errorf("sync %s: %w", f.Name(), err)
		}
		times[i] = c.Monotonic() - began
	}
	slices.Sort(times)
	return milliseconds(percentile(times, 0.5)), nil
}
