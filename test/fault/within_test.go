package fault

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/store/sqlite"
	"taocan/internal/taocan"
)

// inside is a service in the test's own process, for what a process of its own cannot be given: a clock, a disk.
type inside struct {
	t       *testing.T
	open    func(context.Context) (store.Store, error)
	store   store.Store
	service *service
	tenants []taocan.Tenant
	refused atomic.Int64

	mu   sync.Mutex
	done map[string]said // by id
	sent map[string]call
}

func within(t *testing.T, o sqlite.Options) *inside {
	t.Helper()
	return insideOf(t, o.Clock, func(ctx context.Context) (store.Store, error) { return sqlite.Open(ctx, o) })
}

func insideOf(t *testing.T, c clock.Clock, open func(context.Context) (store.Store, error)) *inside {
	t.Helper()
	x := &inside{t: t, open: open, done: map[string]said{}, sent: map[string]call{}}
	var err error
	if x.store, err = open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if x.service, err = serviceOn(t.Context(), x.store, c, nil, 0); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		tenant := taocan.Tenant{Account: taocan.AccountID(fmt.Sprintf("account-%d", i)), Project: taocan.ProjectID(fmt.Sprintf("project-%d", i))}
		x.tenants = append(x.tenants, tenant)
		c := call{Do: doOpen, Account: tenant.Account, Project: tenant.Project}
		grant := c
		grant.Do, grant.ID, grant.Quantity, grant.Life = doGrant, "first", packageOf, 30*24*time.Hour
		for _, a := range x.service.all(t.Context(), []call{c, grant}) {
			if a.Err != "" {
				t.Fatalf("%+v", a)
			}
		}
	}
	return x
}

// packageOf is what every project has: enough.
const packageOf = 1_000_000_000

// ask debits 1 under an id, and remembers.
func (x *inside) ask(id string, t taocan.Tenant) said {
	c := call{Do: doDebit, Account: t.Account, Project: t.Project, ID: id, Quantity: 1}
	x.mu.Lock()
	x.sent[id] = c
	before, known := x.done[id]
	x.mu.Unlock()
	a := x.service.all(context.Background(), []call{c})[0]
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case a.Err == unavailable:
		x.refused.Add(1)
	case a.Err != "":
		x.t.Errorf("debit %s: %+v", id, a)
	case known && (!a.Replayed || a.At != before.At || !slices.Equal(a.Paid, before.Paid)):
		x.t.Errorf("debit %s was answered %+v, now %+v", id, before, a)
	default:
		x.done[id] = a
	}
	return a
}

// load runs callers while fn runs. One that is refused asks the same again.
func (x *inside) load(callers int, fn func()) {
	var stop atomic.Bool
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for n := 0; !stop.Load(); n++ {
				id := fmt.Sprintf("%x/%d", uint64(n)*0x9e3779b97f4a7c15, i)
				for x.ask(id, x.tenants[(i+n)%len(x.tenants)]).Err == unavailable && !stop.Load() {
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	fn()
	stop.Store(true)
	all.Wait()
}

func (x *inside) answered() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.done)
}

func (x *inside) goOn(n int) {
	x.t.Helper()
	n += x.answered()
	await(x.t, "for callers to be answered", func() bool { return x.answered() >= n || x.t.Failed() })
}

// check asks everything again, opens the store once more, asks again, and counts.
func (x *inside) check() {
	x.t.Helper()
	again := func() {
		for id, c := range x.sent {
			await(x.t, "for an answer", func() bool { return x.ask(id, c.tenant()).Err != unavailable })
		}
	}
	again()
	if err := x.service.engine.Stop(x.t.Context()); err != nil {
		x.t.Error(err)
	}
	if err := x.store.Close(); err != nil {
		x.t.Errorf("close: %v", err)
	}
	st, err := x.open(x.t.Context())
	if err != nil {
		x.t.Fatalf("open again: %v", err)
	}
	defer st.Close()
	used := taocan.Segments(0)
	err = st.View(x.t.Context(), func(r store.Reader) error {
		for _, t := range x.tenants {
			s, err := sumsOf(x.t.Context(), r, t, func(taocan.Package) {})
			if err != nil {
				return err
			}
			used += s.used
		}
		return nil
	})
	if err != nil || int(used) != len(x.sent) {
		x.t.Errorf("%d messages are used, %d were debited: %v", used, len(x.sent), err)
	}
	prove(x.t, st)
	x.t.Logf("%d debits, %d refusals", len(x.sent), x.refused.Load())
}
