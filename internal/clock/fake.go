package clock

import (
	"fmt"
	"sync"
	"time"
)

// Fake is a clock that stands still until it is moved. Safe for concurrent use.
type Fake struct {
	mu        sync.Mutex
	now       time.Time     // guarded by mu; not truncated, so that small steps add up; no monotonic reading
	monotonic time.Duration // guarded by mu
}

var _ Clock = (*Fake)(nil)

// NewFake returns a clock that shows t, as at the start of a process.
func NewFake(t time.Time) *Fake { return &Fake{now: t.Round(0)} }

// Now is the time last set, in UTC, truncated to microseconds like the machine's.
func (f *Fake) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return wall(f.now)
}

// Monotonic is the sum of all time let pass.
func (f *Fake) Monotonic() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.monotonic
}

// Advance lets d pass: both readings move. It panics if d is negative, since time does not run back; a
// wall clock that does is a Jump.
func (f *Fake) Advance(d time.Duration) {
	if d < 0 {
		panic(fmt.Sprintf("clock: Advance(%v): time does not run back, use Jump", d))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
	f.monotonic += d
}

// Jump steps the wall clock by d, either way, while no time passes: a wrong time source, or its correction.
func (f *Fake) Jump(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

// Set makes the wall clock show t. If t lies ahead, the time until then passes, as with Advance; if it lies
// behind, only the wall clock steps back, as with Jump.
func (f *Fake) Set(t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d := t.Sub(f.now); d > 0 {
		f.monotonic += d
	}
	f.now = t.Round(0)
}
