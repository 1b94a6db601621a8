package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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

	done    atomic.Int64 // calls that were answered
	retries atomic.Int64

	mu  sync.Mutex
	all []*asked
}

// newBook opens tenants, the first of which gets half of all calls.
func newBook(t *testing.T, at place, tenants int) *book {
	t.Helper()
	b := &book{t: t}
	for i := range tenants {
		tenant := taocan.Tenant{Account: taocan.AccountID(fmt.Sprintf("account-%d", i)), Project: taocan.ProjectID(fmt.Sprintf("project-%d", i))}
		must(t, at, call{Do: doOpen, Account: tenant.Account, Project: tenant.Project})
		b.tenants = append(b.tenants, tenant)
		b.ask(at, b.enter(call{Do: doGrant, Account: tenant.Account, Project: tenant.Project, ID: fmt.Sprintf("first-%d", i), Quantity: 200, Life: 30 * 24 * time.Hour}))
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
func (b *book) ask(at place, all ...*asked) []said {
	calls, known := make([]call, len(all)), make([]bool, len(all))
	for i, a := range all {
		calls[i], known[i] = a.call, a.known()
	}
	answers := at.ask(calls...)
	for i, a := range all {
		b.take(a, known[i], answers[i])
	}
	return answers
}

// insist asks some place after the other, as a sender does, until it knows what came of it all, or ctx ends.
func (b *book) insist(ctx context.Context, random *rand.Rand, places []place, all ...*asked) {
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		at := places[random.IntN(len(places))]
		if !at.wait(ctx) {
			return
		}
		var left []*asked
		for i, answer := range b.ask(at, all...) {
			if answer.Err == unavailable {
				left = append(left, all[i])
			}
		}
		if all = left; len(all) == 0 {
			return
		}
		b.retries.Add(int64(len(all)))
		select {
		case <-time.After(wait/2 + time.Duration(random.Int64N(int64(wait)))):
		case <-ctx.Done():
			return
		}
	}
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
			b.done.Add(1)
		} else if !slices.Equal(a.first.Paid, answer.Paid) || a.first.Number != answer.Number || a.first.At != answer.At {
			b.t.Errorf("%s %s was answered %+v, now %+v", a.Do, a.ID, *a.first, answer)
		}
	}
}

// caller asks one thing after the other until ctx ends.
func (b *book) caller(ctx context.Context, random *rand.Rand, places []place) {
	for ctx.Err() == nil {
		if places[random.IntN(len(places))].wait(ctx) {
			b.one(ctx, random, places)
		}
	}
}

// one asks one thing of some of the places; half of all callers insist on an answer, the others leave it at that.
func (b *book) one(ctx context.Context, random *rand.Rand, places []place) {
	ask := func(a *asked) {
		if random.IntN(2) == 0 {
			b.insist(ctx, random, places, a)
		} else {
			b.ask(places[random.IntN(len(places))], a)
		}
	}
	t := b.tenants[max(0, random.IntN(2*len(b.tenants))-len(b.tenants))]
	c := call{Account: t.Account, Project: t.Project, ID: someID(random), Quantity: taocan.Segments(1 + random.IntN(9))}
	switch dice := random.IntN(100); {
	case dice < 45:
		c.Do = doDebit
		ask(b.enter(c))
	case dice < 50: // a batch, one of which may be too much
		c.Do = doDebit
		batch := make([]*asked, 1+random.IntN(20))
		for i := range batch {
			c.ID, c.Quantity = someID(random), taocan.Segments(1+random.IntN(9))
			batch[i] = b.enter(c)
		}
		b.insist(ctx, random, places, batch...)
	case dice < 62: // at once of two, who may be one
		c.Do = doDebit
		a := b.enter(c)
		var both sync.WaitGroup
		for range 2 {
			at := places[random.IntN(len(places))]
			both.Go(func() { b.ask(at, a) })
		}
		both.Wait()
	case dice < 84:
		c.Do, c.TTL = doReserve, []time.Duration{time.Second, time.Hour}[random.IntN(2)]
		a := b.enter(c)
		if ask(a); a.known() && random.IntN(4) > 0 {
			ask(a.settle(random))
		}
	case dice < 92:
		b.again(places, random)
	case dice < 98: // little, so that it is often all used up
		c.Do, c.Quantity, c.Life = doGrant, 10, time.Duration(1+random.IntN(5))*time.Second
		ask(b.enter(c))
	default:
		c.Do = doBuy
		ask(b.enter(c))
	}
}

// settle is how the caller of a reservation will settle it.
func (a *asked) settle(random *rand.Rand) *asked {
	c := a.call
	if c.Do, c.TTL = doRelease, 0; random.IntN(2) == 0 {
		c.Do, c.Quantity = doCommit, 1+taocan.Segments(random.IntN(int(c.Quantity)))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.settling = &asked{call: c}
	return a.settling
}

// again asks what somebody has asked before, or something else under its id.
func (b *book) again(places []place, random *rand.Rand) {
	b.mu.Lock()
	a := b.all[len(b.all)-1-random.IntN(min(len(b.all), 500))]
	b.mu.Unlock()
	at := places[random.IntN(len(places))]
	if a.Do != doDebit || !a.known() || random.IntN(2) == 0 {
		b.ask(at, a)
		return
	}
	other := a.call
	other.Quantity++
	if answer := at.ask(other)[0]; answer.Err != unavailable && answer.Err != "idempotency_conflict" {
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
func (b *book) load(callers int, places []place, fn func()) {
	b.t.Helper()
	ctx, stop := context.WithCancel(b.t.Context())
	var all sync.WaitGroup
	seed := rand.Uint64()
	b.t.Logf("callers are seeded with %d", seed)
	for i := range callers {
		all.Go(func() { b.caller(ctx, rand.New(rand.NewPCG(seed, uint64(i))), places) })
	}
	fn()
	stop()
	all.Wait()
}

// goOn waits until so many more calls have been answered.
func (b *book) goOn(n int) {
	b.t.Helper()
	until := b.done.Load() + int64(n)
	await(b.t, "for callers to be answered", func() bool { return b.done.Load() >= until || b.t.Failed() })
}

// resolve asks everything again, of one place, until everything is known: done, or refused.
func (b *book) resolve(at place) {
	b.t.Helper()
	var settling []*asked
	b.resolveAll(at, b.all)
	for _, a := range b.all {
		if a.settling != nil {
			settling = append(settling, a.settling)
		}
	}
	b.resolveAll(at, settling)
}

func (b *book) resolveAll(at place, all []*asked) {
	b.t.Helper()
	end := time.Now().Add(patience)
	for some := range slices.Chunk(all, 500) {
		for len(some) > 0 {
			var left []*asked
			for i, answer := range b.ask(at, some...) {
				if answer.Err == unavailable {
					left = append(left, some[i])
				}
			}
			if some = left; len(some) == 0 {
				break
			}
			if time.Now().After(end) {
				b.t.Fatalf("%d calls are not answered, the first is %+v", len(some), some[0].call)
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

// given is what a package gave, by what was answered.
type given struct{ reserved, used taocan.Segments }

// count compares the store's figures with the sums of what was answered, of each project and of each package, and no package paid
// at or after its expiry.
func (b *book) count(st store.Store) {
	b.t.Helper()
	ctx := b.t.Context()
	want := map[taocan.Tenant]*sums{}
	for _, t := range b.tenants {
		want[t] = &sums{}
	}
	gave, last := map[taocan.PackageNumber]*given{}, map[taocan.PackageNumber]int64{}
	err := st.View(ctx, func(r store.Reader) error {
		for _, a := range b.all {
			if a.first == nil {
				continue
			}
			if err := a.addTo(ctx, r, want[a.tenant()], gave); err != nil {
				return err
			}
			for _, x := range a.first.Paid {
				last[x.Package] = max(last[x.Package], a.first.At)
			}
		}
		for _, t := range b.tenants {
			got, err := sumsOf(ctx, r, t, func(p taocan.Package) {
				g := gave[p.Number]
				delete(gave, p.Number)
				if g == nil {
					g = &given{}
				}
				if (given{p.Reserved, p.Used}) != *g || g.reserved+g.used > p.Total {
					b.t.Errorf("package %s of %d has %d reserved and %d used, by what was answered it is %+v", p.Number, p.Total, p.Reserved, p.Used, *g)
				}
				if last[p.Number] >= p.ExpiresAt.UnixMicro() {
					b.t.Errorf("package %s expired at %s and paid at %s", p.Number, p.ExpiresAt, time.UnixMicro(last[p.Number]))
				}
			})
			if err != nil {
				return err
			}
			w := want[t]
			w.remaining = w.total - w.reserved - w.used
			if got != *w {
				b.t.Errorf("%s holds %+v, by what was answered it is %+v", t.Project, got, *w)
			}
		}
		for number, g := range gave {
			b.t.Errorf("there is no package %s, which gave %+v", number, *g)
		}
		return nil
	})
	if err != nil {
		b.t.Error(err)
	}
	done := map[string]int{}
	for _, a := range b.all {
		if a.first != nil {
			done[a.Do]++
		}
	}
	b.t.Logf("%d calls, %d retries; done: %v", len(b.all), b.retries.Load(), done)
}

// addTo adds what a call that was done came to.
func (a *asked) addTo(ctx context.Context, r store.Reader, s *sums, gave map[taocan.PackageNumber]*given) error {
	used, open := taocan.Segments(0), false // of what was taken, the first so many are used; a reservation nobody has settled
	switch a.Do {
	case doGrant:
		s.packages++
		s.total += a.Quantity
	case doBuy:
		s.packages++
		s.total += 100
		s.bought += 440
	case doDebit:
		used = a.Quantity
		s.used += used
	case doReserve:
		d, err := r.Debit(ctx, a.tenant(), taocan.DebitID(a.ID))
		if err != nil {
			return fmt.Errorf("reservation %s: %w", a.ID, err)
		}
		// A release of what the deadline has released is answered, too.
		if x := a.settling; x != nil && x.first != nil && (d.State != x.first.State || d.Settled != x.first.Settled || d.ByDeadline && x.Do == doCommit) {
			return fmt.Errorf("reservation %s was settled: %+v, now it is %+v", a.ID, *x.first, d)
		}
		if open = d.State == taocan.Reserved; open {
			s.reserved += d.Quantity
		}
		used = d.Settled
		s.used += used
	}
	for _, x := range a.first.Paid {
		g := gave[x.Package]
		if g == nil {
			g = &given{}
			gave[x.Package] = g
		}
		if open {
			g.reserved += x.Quantity
		}
		part := min(used, x.Quantity)
		g.used += part
		used -= part
	}
	return nil
}

// sumsOf adds up a project's packages, and shows each.
func sumsOf(ctx context.Context, r store.Reader, t taocan.Tenant, show func(taocan.Package)) (s sums, err error) {
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
			show(p)
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
