package clock

import "time"

// Clock tells the time. Implementations are safe for concurrent use.
type Clock interface {
	// Now is the wall clock, in UTC, truncated to microseconds.
	Now() time.Time
	// Monotonic is the time since the process started. It never goes back.
	Monotonic() time.Duration
}

// processStart carries the machine's monotonic reading; immutable.
var processStart = time.Now()

type system struct{}

// System is the machine's clock.
func System() Clock { return system{} }

func (system) Now() time.Time { return wall(time.Now()) }

func (system) Monotonic() time.Duration { return time.Since(processStart) }

// wall gives the form in which every time is stored, compared and answered. Truncate also drops the
// monotonic reading, so == and Equal agree.
func wall(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
