package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// asked is a call with a caller's id, and what was answered first.
type asked struct {
	call
	mu       sync.Mutex
	first    *said  // nil: never done, as far as anybody was told
	taken    int    // answers that did not say replayed
	settling *asked // of a reservation: how its caller settled it, once it tried
}

// book knows what was asked. Safe for concurrent use.
type book struct {
	t       *testing.T
	tenants []taocan.Tenant

	mu  sync.Mutex
	all []*asked
}

// newBook opens tenants, the first of which gets half of all calls.
func newBook(t *testing.T, w *worker, tenants int) *book {
	t.Helper()
	b := &book{t: t}
	for i := range tenants {
		tenant := taocan.Tenant{Account: taocan.AccountID(fmt.Sprintf("account-%d", i)), Project: taocan.ProjectID(fmt.Sprintf("project-%d", i))}
		w.must(call{Do: doOpen, Account: tenant.Account, Project: tenant.Project})
		b.tenants = append(b.tenants, tenant)
		b.ask(w, b.enter(call{Do: doGrant, Account: tenant.Account, Project: tenant.Project, ID: fmt.Sprintf("first-%d", i), Quantity: 200, Life: 30 * 24 * time.Hour}))
	}
	return b
}

// enter writes down that a call will be asked.
func (b *book) enter(c call) *asked {
	a := &asked{call: c}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, a)
	return a
}

// ask asks once and compares with what was answered before.
func (b *book) ask(w *worker, a *asked) said {
	known := a.known()
	answer := w.ask(a.call)[0]
	b.take(a, known, answer)
	return answer
}

func (a *asked) known() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.first != nil
}

// take takes in an answer. known: the call had been answered before it was asked this time.
func (b *book) take(a *asked, known bool, answer said) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case answer.Err == unavailable:
	case answer.Err == "insufficient_quota" && !known && (a.Do == doDebit || a.Do == doReserve):
	case answer.Err == "reservation_not_open" && !known && (a.Do == doCommit || a.Do == doRelease): // its deadline was first
	case answer.Err == "not_found" && !known && (a.Do == doCommit || a.Do == doRelease): // the reservation came to nothing
	case answer.Err != "":
		b.t.Errorf("%s %s, answered before: %t: %s %s", a.Do, a.ID, known, answer.Err, answer.Detail)
	case known && !answer.Replayed:
		b.t.Errorf("%s %s was answered %+v and is done again: %+v", a.Do, a.ID, *a.first, answer)
	default:
		if !answer.Replayed {
			a.taken++
		}
		if a.taken > 1 {
			b.t.Errorf("%s %s was done %d times", a.Do, a.ID, a.taken)
		}
		if a.first == nil {
			a.first = &answer
		} else if a.first.Paid != answer.Paid || a.first.At != answer.At {
			b.t.Errorf("%s %s was answered %+v, now %+v", a.Do, a.ID, *a.first, answer)
		}
	}
}

// caller asks one thing after the other until ctx ends.
func (b *book) caller(ctx context.Context, random *rand.Rand, workers []*worker) {
	for ctx.Err() == nil {
		if workers[random.IntN(len(workers))].wait(ctx) {
			b.one(random, workers)
		}
	}
}

// one asks one thing of some of the workers.
func (b *book) one(random *rand.Rand, workers []*worker) {
	some := func() *worker { return workers[random.IntN(len(workers))] }
	t := b.tenants[max(0, random.IntN(2*len(b.tenants))-len(b.tenants))]
	c := call{Account: t.Account, Project: t.Project, ID: someID(random), Quantity: taocan.Segments(1 + random.IntN(9))}
	switch dice := random.IntN(100); {
	case dice < 50:
		c.Do = doDebit
		b.ask(some(), b.enter(c))
	case dice < 62: // at once of two, who may be one
		c.Do = doDebit
		a := b.enter(c)
		var both sync.WaitGroup
		for _, w := range []*worker{some(), some()} {
			both.Go(func() { b.ask(w, a) })
		}
		both.Wait()
	case dice < 84:
		c.Do, c.TTL = doReserve, []time.Duration{time.Second, time.Hour}[random.IntN(2)]
		if a := b.enter(c); b.ask(some(), a).Err == "" && random.IntN(4) > 0 {
			b.settleOne(some(), a, random)
		}
	case dice < 92:
		b.again(workers, random)
	case dice < 98: // little, so that it is often all used up
		c.Do, c.Quantity, c.Life = doGrant, 10, time.Duration(1+random.IntN(5))*time.Second
		b.ask(some(), b.enter(c))
	default:
		c.Do = doBuy
		b.ask(some(), b.enter(c))
	}
}

func (b *book) settleOne(w *worker, reservation *asked, random *rand.Rand) {
	c := reservation.call
	if c.Do, c.TTL = doRelease, 0; random.IntN(2) == 0 {
		c.Do, c.Quantity = doCommit, 1+taocan.Segments(random.IntN(int(c.Quantity)))
	}
	a := &asked{call: c}
	reservation.mu.Lock()
	reservation.settling = a
	reservation.mu.Unlock()
	b.ask(w, a)
}

// again asks what somebody has asked before, or something else under its id.
func (b *book) again(workers []*worker, random *rand.Rand) {
	b.mu.Lock()
	a := b.all[len(b.all)-1-random.IntN(min(len(b.all), 500))]
	b.mu.Unlock()
	w := workers[random.IntN(len(workers))]
	if a.Do != doDebit || !a.known() || random.IntN(2) == 0 {
		b.ask(w, a)
		return
	}
	other := a.call
	other.Quantity++
	if answer := w.ask(other)[0]; answer.Err != unavailable && answer.Err != "idempotency_conflict" {
		b.t.Errorf("other content under the id %s: %+v", a.ID, answer)
	}
}

// someID is like what callers send: of any form, in no order.
func someID(random *rand.Rand) string {
	n := random.Uint64()
	switch random.IntN(5) {
	case 0:
		return fmt.Sprintf("%020d", n)
	case 1:
		return fmt.Sprintf("../m/%x?a=%%2F", n)
	case 2:
		return strings.Repeat("~", 100) + fmt.Sprintf("%x", n)
	case 3:
		return fmt.Sprintf("%016X", n)
	}
	return fmt.Sprintf("%x-%x", uint32(n), n)
}

// load runs callers while fn runs.
func (b *book) load(callers int, workers []*worker, fn func()) {
	b.t.Helper()
	ctx, stop := context.WithCancel(b.t.Context())
	var all sync.WaitGroup
	seed := rand.Uint64()
	b.t.Logf("callers are seeded with %d", seed)
	for i := range callers {
		all.Go(func() { b.caller(ctx, rand.New(rand.NewPCG(seed, uint64(i))), workers) })
	}
	fn()
	stop()
	all.Wait()
}

// answered is how many calls have been answered.
func (b *book) answered() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.all {
		if a.known() {
			n++
		}
	}
	return n
}

// goOn waits until so many more calls have been answered.
func (b *book) goOn(n int) {
	b.t.Helper()
	n += b.answered()
	await(b.t, "for callers to be answered", func() bool { return b.answered() >= n || b.t.Failed() })
}

// resolve asks everything again, of the worker, until everything is known: done, or refused.
func (b *book) resolve(w *worker) {
	b.t.Helper()
	var settling []*asked
	b.resolveAll(w, b.all)
	for _, a := range b.all {
		if a.settling != nil {
			settling = append(settling, a.settling)
		}
	}
	b.resolveAll(w, settling)
}

func (b *book) resolveAll(w *worker, all []*asked) {
	b.t.Helper()
	end := time.Now().Add(patience)
	for some := range slices.Chunk(all, 500) {
		for len(some) > 0 {
			calls, known := make([]call, len(some)), make([]bool, len(some))
			for i, a := range some {
				calls[i], known[i] = a.call, a.known()
			}
			var left []*asked
			for i, answer := range w.ask(calls...) {
				b.take(some[i], known[i], answer)
				if answer.Err == unavailable {
					left = append(left, some[i])
				}
			}
			if some = left; len(some) == 0 {
				break
			}
			if time.Now().After(end) {
				b.t.Fatalf("%d calls are not answered, the first is %+v\n%s", len(some), some[0].call, w.log)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// check resolves everything through the worker, ends all workers, opens the store and counts.
func (b *book) check(through *worker, workers ...*worker) {
	b.t.Helper()
	b.resolve(through)
	if b.t.Failed() {
		b.t.Logf("log of the worker asked last:\n%s", through.log)
		return
	}
	for _, w := range workers {
		w.kill()
	}
	s := through.settings
	s.IDs = "" // those of the process that was killed are its own
	st, err := s.open(b.t.Context(), clock.System(), nil)
	if err != nil {
		b.t.Fatalf("open after it all: %v", err)
	}
	defer st.Close()
	b.count(st)
	prove(b.t, st)
}

// prove has the store prove itself.
func prove(t *testing.T, st store.Store) {
	t.Helper()
	report, err := store.Verify(t.Context(), st, store.VerifyOptions{})
	if err != nil {
		t.Errorf("verify: %v", err)
	}
	for _, f := range report.Findings {
		t.Errorf("verify: %s", f)
	}
}

// sums are what a project's packages hold, or should.
type sums struct {
	packages                         int
	total, remaining, reserved, used taocan.Segments
	bought                           taocan.Fen // of the account's
}

// count compares the store's figures with the sums of what was answered.
func (b *book) count(st store.Store) {
	b.t.Helper()
	ctx := b.t.Context()
	want := map[taocan.Tenant]*sums{}
	for _, t := range b.tenants {
		want[t] = &sums{}
	}
	err := st.View(ctx, func(r store.Reader) error {
		for _, a := range b.all {
			if err := a.addTo(ctx, r, want[a.tenant()]); err != nil {
				return err
			}
		}
		for _, t := range b.tenants {
			got, err := sumsOf(ctx, r, t)
			if err != nil {
				return err
			}
			w := want[t]
			w.remaining = w.total - w.reserved - w.used
			if got != *w {
				b.t.Errorf("%s holds %+v, by what was answered it is %+v", t.Project, got, *w)
			}
		}
		return nil
	})
	if err != nil {
		b.t.Error(err)
	}
	b.t.Logf("%d calls, %d of them done", len(b.all), b.answered())
}

// addTo adds what a call that was done came to.
func (a *asked) addTo(ctx context.Context, r store.Reader, s *sums) error {
	if a.first == nil {
		return nil
	}
	switch a.Do {
	case doGrant:
		s.packages++
		s.total += a.Quantity
	case doBuy:
		s.packages++
		s.total += 100
		s.bought += 440
	case doDebit:
		s.used += a.Quantity
	case doReserve:
		d, err := r.Debit(ctx, a.tenant(), taocan.DebitID(a.ID))
		if err != nil {
			return fmt.Errorf("reservation %s: %w", a.ID, err)
		}
		// A release of what the deadline has released is answered, too.
		if x := a.settling; x != nil && x.first != nil && (d.State != x.first.State || d.Settled != x.first.Settled || d.ByDeadline && x.Do == doCommit) {
			return fmt.Errorf("reservation %s was settled: %+v, now it is %+v", a.ID, *x.first, d)
		}
		if d.State == taocan.Reserved {
			s.reserved += d.Quantity
		} else {
			s.used += d.Settled
		}
	}
	return nil
}

func sumsOf(ctx context.Context, r store.Reader, t taocan.Tenant) (s sums, err error) {
	w, err := r.Wallet(ctx, t.Account)
	if err != nil {
		return s, err
	}
	s.bought = purse - w.Cash
	for f := (store.PackageFilter{Now: time.Unix(0, 0), Paging: store.Paging{Limit: 100}}); ; {
		page, err := r.Packages(ctx, t, f)
		if err != nil {
			return s, err
		}
		for _, p := range page.Items {
			s.packages++
			s.total += p.Total
			s.remaining += p.Remaining
			s.reserved += p.Reserved
			s.used += p.Used
		}
		if f.Cursor = page.Next; f.Cursor == "" {
			return s, nil
		}
	}
}
