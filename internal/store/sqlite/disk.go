package sqlite

import (
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"taocan/internal/clock"
)

// diskLookEvery bounds how often the file system is asked how much is free.
const diskLookEvery = time.Second

// LowDiskError says that the data folder's file system is nearly full, in bytes. A full disk would fail in the middle of
// a commit; refused in time, nothing is in doubt, and room is left to clean up.
type LowDiskError struct{ Free, Reserve int64 }

func (e *LowDiskError) Error() string {
	return fmt.Sprintf("the data folder's file system has %d MiB free, less than the %d MiB that are kept in reserve: make room", e.Free>>20, e.Reserve>>20)
}

// diskGuard refuses ledger writes while less than the reserve is free. Safe for concurrent use.
type diskGuard struct {
	dir     string
	reserve int64                       // bytes; 0: not guarded
	free    func(string) (int64, error) // bytes that a process of ours may still write
	clock   clock.Clock
	log     *slog.Logger

	mu     sync.Mutex
	looked bool          // guarded by mu
	at     time.Duration // of the last look, monotonic; guarded by mu
	low    *LowDiskError // as of the last look; guarded by mu
}

// check is nil, or a *LowDiskError.
func (g *diskGuard) check() error {
	if g.reserve <= 0 {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := g.clock.Monotonic(); !g.looked || now-g.at >= diskLookEvery {
		g.looked, g.at = true, now
		g.look()
	}
	if g.low == nil {
		return nil
	}
	return g.low
}

// look asks the file system. One that does not answer refuses nothing: writing will tell.
func (g *diskGuard) look() {
	free, err := g.free(g.dir)
	was := g.low
	g.low = nil
	switch {
	case err != nil:
		g.log.Warn("cannot tell how much of the disk is free", "dir", g.dir, "error", err)
	case free < g.reserve:
		g.low = &LowDiskError{free, g.reserve}
	}
	if (was == nil) != (g.low == nil) {
		g.log.Warn("free space of the data folder has passed its reserve", "dir", g.dir, "free_bytes", free, "reserve_bytes", g.reserve, "low", g.low != nil)
	}
}

// freeBytes is what an ordinary user may still write to dir's file system.
func freeBytes(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("look at the file system of %s: %w", dir, err)
	}
	return int64(s.Bavail) * int64(s.Bsize), nil // the types differ by system
}
