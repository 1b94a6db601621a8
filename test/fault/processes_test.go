package fault

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"taocan/internal/pgtest"
	"taocan/internal/store/postgres"
)

// Two servers on one PostgreSQL, with fsync, are asked everything at once over HTTP: debits alone and in batches, reservations and
// their ends, purchases, ids that both are sent, beside packages that expire meanwhile. One of them is killed and started again,
// over and over, and some callers do not wait for their answers. Nothing that was answered is lost, nothing is done twice or
// oversold, and short histories of both are linearizable.
func TestTwoServersOneOfThemKilledOverAndOver(t *testing.T) {
	t.Parallel()
	database := pgtest.NewServer(t, pgtest.Options{}).URL("postgres")
	if err := postgres.Migrate(t.Context(), database); err != nil {
		t.Fatal(err)
	}
	x := newSite(t, settings{Postgres: database, IDs: t.TempDir()}, database, database)
	one, two := x.servers[0], x.servers[1]
	b := newBook(t, one, 8)
	runs, pause := either(6*time.Second, time.Minute), either(2*time.Second, 5*time.Second)
	kills := 0
	var proved histories
	b.load(either(32, 128), []place{one, two, hasty{one}, hasty{two}}, func() {
		ctx, stop := context.WithTimeout(t.Context(), runs)
		defer stop()
		var beside sync.WaitGroup
		for i := range 2 {
			beside.Go(func() {
				for n := i; ctx.Err() == nil && !t.Failed(); n += 2 {
					history(t, one, two, fmt.Sprintf("history-%d", n), uint64(n), &proved)
				}
			})
		}
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for ctx.Err() == nil {
			select {
			case <-tick.C:
				kills++
				two.kill()
				two.start()
			case <-ctx.Done():
			}
		}
		beside.Wait()
	})
	t.Logf("%d kills; %s", kills, &proved)
	x.check(b)
}
