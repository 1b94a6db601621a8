package clock

import (
	"fmt"
	"sync/atomic"
	"time"
)

// maxJump is how far the wall clock may run ahead of the monotonic one before somebody has to confirm it.
const maxJump = time.Hour

// JumpError says that the wall clock is not to be trusted.
type JumpError struct{ By time.Duration }

func (e *JumpError) Error() string {
	return fmt.Sprintf("the server's clock jumped forward by %s and an operator has to confirm it", e.By.Round(time.Second))
}

// Guard refuses the time after the wall clock has jumped forward against the monotonic clock, until it is confirmed
// or put right: one bad time step must not let every package expire. A clock that steps back is no danger here.
// Safe for concurrent use.
type Guard struct {
	clock  Clock
	offset atomic.Int64 // wall − monotonic when the clock was last trusted, ns
}

// NewGuard trusts the clock as it stands.
func NewGuard(c Clock) *Guard {
	g := &Guard{clock: c}
	g.Confirm()
	return g
}

// Now is the time, or a *JumpError.
func (g *Guard) Now() (time.Time, error) {
	now := g.clock.Now()
	if jump := time.Duration(now.UnixNano() - int64(g.clock.Monotonic()) - g.offset.Load()); jump > maxJump {
		return time.Time{}, &JumpError{jump}
	}
	return now, nil
}

// Confirm trusts the wall clock as it stands.
func (g *Guard) Confirm() { g.offset.Store(g.clock.Now().UnixNano() - int64(g.clock.Monotonic())) }
