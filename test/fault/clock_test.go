package fault

import (
	"context"
	"testing"
	"time"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/store/postgres"
	"taocan/internal/store/sqlite"
)

// The wall clock is set wrongly, forward and back, and put right again. A step that would let packages expire stops all writing,
// until it is put right or confirmed; no other step is noticed. Nothing is forfeited.
func TestAClockThatJumps(t *testing.T) {
	t.Parallel()
	onEither(t, func(t *testing.T, s settings) {
		c := clock.NewFake(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
		x := insideOf(t, c, func(ctx context.Context) (store.Store, error) {
			if s.SQLite != "" {
				return sqlite.Open(ctx, sqlite.Options{Dir: s.SQLite, Clock: c})
			}
			return postgres.Open(ctx, postgres.Options{URL: s.Postgres, Clock: c})
		})
		stands := func() {
			t.Helper()
			refused := x.refused.Load()
			await(t, "for refusals", func() bool { return x.refused.Load() > refused+50 })
		}
		x.load(16, func() {
			x.goOn(50)
			for n := range either(1, 20) {
				for _, step := range []time.Duration{30 * time.Minute, -30 * time.Minute, -5 * time.Hour, time.Hour, 4 * time.Hour, -time.Microsecond} {
					c.Jump(step)
					x.goOn(50)
				}
				c.Jump(100 * 24 * time.Hour) // every package would have expired
				stands()
				c.Jump(-100 * 24 * time.Hour)
				x.goOn(50)
				further := time.Duration(n+1) * 2 * time.Hour // than what was confirmed before
				c.Jump(further)
				stands()
				x.service.engine.ConfirmClock()
				x.goOn(50)
				c.Jump(-further)
				x.goOn(50)
				c.Advance(time.Minute)
				x.goOn(50)
			}
		})
		x.check()
	})
}
