package fault

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
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
func (b *book) until(met <-chan struct{}, places ...place) bool {
	random := rand.New(rand.NewPCG(rand.Uint64(), 0))
	for range 300 {
		b.one(b.t.Context(), random, places)
		select {
		case <-met:
			for range 4 {
				b.one(b.t.Context(), random, places)
			}
			return true
		default:
		}
	}
	return false
}

// A database is slow, and then answers nothing at all for a while. What waits is bounded: whoever comes too late is told at once when
// to come back, and who waits for too long is told in the end. Meanwhile the server says that it is not ready, and that it lives.
// Afterwards everything goes on by itself.
func TestAStalledPostgreSQL(t *testing.T) {
	t.Parallel()
	s := onPostgres(t)
	p, through := newProxy(t, s.Postgres)
	x := newSite(t, s, through)
	at := x.servers[0]
	b := newBook(t, at, 4)
	crowd := b.tenants[0]
	grant := call{Do: doGrant, Account: crowd.Account, Project: crowd.Project, ID: "crowd", Quantity: 100_000, Life: 30 * 24 * time.Hour}
	b.ask(at, b.enter(grant))
	status := func(path string) int {
		r, err := at.client.Get(at.url + path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return 0
		}
		defer r.Body.Close()
		return r.StatusCode
	}
	b.load(16, []place{at}, func() {
		var batches [4][]*asked // more than may wait of one project
		for i := range batches {
			for n := range 10_000 {
				batches[i] = append(batches[i], b.enter(call{Do: doDebit, Account: crowd.Account, Project: crowd.Project, ID: fmt.Sprintf("crowd-%d-%d", i, n), Quantity: 1}))
			}
		}
		b.goOn(50)
		p.slow(10 * time.Millisecond)
		b.goOn(20)
		p.slow(0)
		goOn := p.stall()
		var callers sync.WaitGroup
		refused := at.refused.Load()
		for i, batch := range batches {
			callers.Go(func() { b.insist(t.Context(), rand.New(rand.NewPCG(0, uint64(i))), []place{at}, batch...) })
		}
		await(t, "for a refusal", func() bool { return at.refused.Load() > refused })
		await(t, "until it is not ready", func() bool { return status("/readyz") == http.StatusServiceUnavailable })
		if health, metrics := status("/healthz"), status("/metrics"); health != http.StatusOK || metrics != http.StatusOK {
			t.Errorf("stalled, health is answered %d and metrics %d", health, metrics)
		}
		if long() { // the time of a request is bounded by 30 s
			at.refused.Store(0)
			if r, err := at.project(t.Context(), http.MethodGet, crowd.Project, "/balance?category=domestic", "", nil); err != nil || r.status != http.StatusServiceUnavailable {
				t.Errorf("stalled, a balance is answered %d %s %v", r.status, r.Detail, err)
			}
			await(t, "for all who wait to be told", func() bool { return at.refused.Load() >= 16 })
		}
		goOn()
		callers.Wait()
		await(t, "until it is ready", func() bool { return status("/readyz") == http.StatusOK })
		b.goOn(50)
	})
	if n := at.silent.Load(); n > 0 {
		t.Errorf("%d requests were not answered at all", n)
	}
	x.check(b)
}
