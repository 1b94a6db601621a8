package fault

import (
	"math/rand/v2"
	"testing"
	"time"
)

// How much of the conversation with PostgreSQL trouble is tried in, in bytes each way: a few transactions, connecting included.
const conversation = 24_000

// A connection breaks, or stalls and goes on, or is forgotten by the network, after every number of bytes in either direction, so
// at every step of the protocol. Whoever was waiting is answered, or told that the outcome is unknown; asked again it is
// exactly one.
func TestConnectionsBreakAtEveryStep(t *testing.T) {
	t.Parallel()
	s := onPostgres(t)
	p, through := newProxy(t, s.Postgres)
	straight := newWorker(t, s.beside(t))
	s.Postgres, s.Patience = through, time.Second
	w := newWorker(t, s)
	b := newBook(t, straight, 2)
	kinds := []struct {
		name string
		what func(*passage)
		// Steps between the points that are tried, in the short and in the long form: what waits for a patience takes its time.
		short, inFull int
	}{
		{"cut", (*passage).cut, 1999, 61},
		{"reset", (*passage).reset, 2999, 127},
		{"stalled", func(*passage) { time.Sleep(50 * time.Millisecond) }, 2999, 251},
		{"stalled beyond patience", func(*passage) { time.Sleep(2 * time.Second) }, 19_997, 1499},
		{"half open", (*passage).silence, 19_997, 1499},
	}
	for _, kind := range kinds {
		step := either(kind.short, kind.inFull)
		happened := 0
		for way := range 2 {
			for after := rand.IntN(step); after < conversation; after += step {
				met := p.plan(trouble{direction(way), after, kind.what})
				if happened++; !b.until(met, w, straight) {
					happened--
				}
				p.cancel()
				if t.Failed() {
					t.Fatalf("%s after %d bytes, direction %d", kind.name, after, way)
				}
			}
		}
		t.Logf("%s: %d times", kind.name, happened)
	}
	b.check(straight, w, straight)
}

// until asks one caller's things of the first worker, and now and then of the others, until met is closed and some more were
// answered. It reports whether met was closed before too much had been asked.
func (b *book) until(met <-chan struct{}, workers ...*worker) bool {
	random := rand.New(rand.NewPCG(rand.Uint64(), 0))
	for range 300 {
		b.one(random, workers)
		select {
		case <-met:
			for range 4 {
				b.one(random, workers)
			}
			return true
		default:
		}
	}
	return false
}

// A slow database fills queues, which are bounded: whoever comes too late is told at once, everybody else is answered.
func TestASlowPostgreSQL(t *testing.T) {
	t.Parallel()
	s := onPostgres(t)
	p, through := newProxy(t, s.Postgres)
	straight := newWorker(t, s.beside(t))
	s.Postgres, s.Queued = through, 40
	w := newWorker(t, s)
	b := newBook(t, straight, 4)
	b.load(100, []*worker{w}, func() {
		b.goOn(100)
		p.slow(50 * time.Millisecond)
		refused := w.refused.Load()
		await(t, "for a refusal", func() bool { return w.refused.Load() > refused+100 })
		b.goOn(10)
		p.slow(0)
		b.goOn(100)
	})
	b.check(w, w, straight)
}
