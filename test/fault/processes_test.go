package fault

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"taocan/internal/clock"
	"taocan/internal/pgtest"
	"taocan/internal/store/postgres"
)

// Two processes on one PostgreSQL, with fsync, are asked everything at once: debits, reservations, their ends, purchases, packages that
// expire meanwhile, ids that both are sent. One of them is killed and started again, over and over. Nothing that was answered is
// lost, nothing is done twice or oversold, and short histories of both are linearizable.
func TestTwoProcessesOneOfThemKilledOverAndOver(t *testing.T) {
	server := pgtest.NewServer(t, pgtest.Options{})
	if err := postgres.Migrate(t.Context(), server.URL("postgres")); err != nil {
		t.Fatal(err)
	}
	s := settings{Postgres: server.URL("postgres"), IDs: t.TempDir()}
	one, two := newWorker(t, s), newWorker(t, s.beside(t))
	b := newBook(t, one, 8)
	runs, pause := either(12*time.Second, time.Minute), either(2*time.Second, 5*time.Second)
	kills, histories := 0, 0
	b.load(either(16, 128), []*worker{one, two}, func() { // half of them ask either process
		ctx, stop := context.WithTimeout(t.Context(), runs)
		defer stop()
		var beside sync.WaitGroup
		beside.Go(func() {
			for ; ctx.Err() == nil && !t.Failed(); histories++ {
				history(t, one, two, fmt.Sprintf("history-%d", histories), uint64(histories))
			}
		})
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
		b.goOn(100)
	})
	t.Logf("%d kills, %d histories", kills, histories)
	b.check(one, one, two)
}

// Many short histories, one of the processes killed in the middle of each third.
func TestHistoriesOfTwoProcessesAreLinearizable(t *testing.T) {
	t.Parallel()
	s := onPostgres(t)
	steady, killed := newWorker(t, s), newWorker(t, s.beside(t))
	for n := 0; n < either(6, 300) && !t.Failed(); n++ {
		var one sync.WaitGroup
		one.Go(func() { history(t, steady, killed, fmt.Sprintf("history-%d", n), uint64(n)) })
		if n%3 == 2 {
			killed.kill()
			killed.start()
		}
		one.Wait()
	}
	if t.Failed() {
		return
	}
	steady.stop()
	killed.stop()
	st, err := s.open(t.Context(), clock.System(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	prove(t, st)
}
