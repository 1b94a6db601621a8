package fault

import (
	"math/rand/v2"
	"testing"
	"time"

	"taocan/internal/pgtest"
)

// A process is killed at any instant and started again.
func TestAKilledProcess(t *testing.T) {
	t.Parallel()
	onEither(t, func(t *testing.T, s settings) {
		w := newWorker(t, s)
		b := newBook(t, w, 3)
		b.load(16, []place{w}, func() {
			for range either(4, 40) {
				b.goOn(rand.IntN(300))
				w.kill()
				w.start()
			}
			b.goOn(100)
		})
		b.check(w, w)
	})
}

// PostgreSQL is killed with all its processes, at any instant, and started again. Those who use it go on by themselves.
func TestAKilledPostgreSQL(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t, pgtest.Options{})
	s := settings{Postgres: server.URL("postgres"), IDs: t.TempDir(), Patience: 10 * time.Second}
	one, two := newWorker(t, s), newWorker(t, s.beside(t))
	b := newBook(t, one, 3)
	b.load(16, []place{one, two}, func() {
		for range either(2, 20) {
			b.goOn(rand.IntN(300))
			server.Kill()
			server.Start(t)
		}
		b.goOn(100)
	})
	b.check(two, one, two)
}
