package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"taocan/internal/alert"
	"taocan/internal/clock"
	"taocan/internal/order"
	"taocan/internal/packages"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	web    = taocan.Tenant{Account: "acme", Project: "web"}
	shop   = taocan.Tenant{Account: "acme", Project: "shop"} // in the lane of web
	noon   = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	closes = noon.Add(24 * time.Hour)
)

// ledger is a store that holds what a hub reads: figures that a test sets, and how often they were asked for.
type ledger struct {
	store.Store
	store.Reader

	mu       sync.Mutex // guards the rest
	seq      int64
	left     map[taocan.Tenant]taocan.Segments // domestic
	orders   map[taocan.Tenant][]taocan.Order  // newest first
	rules    []taocan.AlertRule
	broken   error
	clock    error
	failed   int // attempts while it was broken
	looks    int // at the heads
	readings int // of a balance
}

func (l *ledger) View(ctx context.Context, fn func(store.Reader) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := errors.Join(ctx.Err(), l.broken); err != nil {
		l.failed++
		return err
	}
	return fn(l)
}

func (l *ledger) Peek(ctx context.Context, fn func(store.Reader) error) error { return l.View(ctx, fn) }

func (l *ledger) CheckWrites() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.clock
}

func (l *ledger) Heads(context.Context) (heads [taocan.Lanes]store.Head, err error) {
	l.looks++
	for i := range heads {
		heads[i].Seq = l.seq
	}
	return heads, nil
}

func (l *ledger) Balance(_ context.Context, t taocan.Tenant, c taocan.Category, now, _ time.Time) (taocan.Balance, error) {
	l.readings++
	b := taocan.Balance{Category: c, AsOf: now}
	if c == taocan.Domestic {
		b.Remaining = l.left[t]
		b.ByPurpose = map[taocan.Purpose]taocan.Segments{taocan.Marketing: l.left[t]}
	}
	return b, nil
}

func (l *ledger) Orders(_ context.Context, t taocan.Tenant, _ taocan.OrderState, _ time.Time, p store.Paging) (store.Page[taocan.Order], error) {
	items := slices.Clone(l.orders[t])
	return store.Page[taocan.Order]{Items: items[:min(len(items), p.Limit)]}, nil
}

func (l *ledger) AlertRules(_ context.Context, t taocan.Tenant) (list []taocan.AlertRule, err error) {
	for _, r := range l.rules {
		if r.Tenant == t {
			list = append(list, r)
		}
	}
	return list, nil
}

func (l *ledger) AlertStates(context.Context, taocan.Tenant) ([]taocan.AlertState, error) {
	return nil, nil
}

// commit changes what the ledger holds, as a commit does.
func (l *ledger) commit(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq++
	change()
}

// set changes what no commit has to say.
func (l *ledger) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

type bench struct {
	*Hub
	t      *testing.T
	ledger *ledger
	clock  *clock.Fake
	log    *bytes.Buffer
}

// newBench is a hub that looks when a test tells it to.
func newBench(t *testing.T) *bench {
	l := &ledger{left: map[taocan.Tenant]taocan.Segments{}, orders: map[taocan.Tenant][]taocan.Order{}}
	b := &bench{t: t, ledger: l, clock: clock.NewFake(noon), log: &bytes.Buffer{}}
	b.Hub = hubOn(l, b.clock, b.log)
	return b
}

func hubOn(l *ledger, c clock.Clock, log *bytes.Buffer) *Hub {
	return New(Config{Store: l, Clock: c, Packages: packages.New(l, c, time.UTC, nil), Orders: order.New(order.Config{Store: l, Clock: c, Zone: time.UTC}),
		Alerts: alert.New(l, c, time.UTC), Log: slog.New(slog.NewTextHandler(log, nil))})
}

func (b *bench) subscribe(t taocan.Tenant) *Subscription {
	b.t.Helper()
	s, err := b.Subscribe(t)
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// got is what a subscription holds, in short; "end" at its end.
func got(s *Subscription) []string {
	var all []string
	for {
		select {
		case e, more := <-s.Events():
			if !more {
				return append(all, "end")
			}
			all = append(all, show(e))
		default:
			return all
		}
	}
}

func show(e Event) string {
	switch e.Name {
	case Balance:
		return fmt.Sprintf("%s %d", e.Balance.Category, e.Balance.Remaining)
	case Order:
		return fmt.Sprintf("order %s %s", e.Order.ID, e.Order.State)
	case Alert:
		return fmt.Sprintf("alert %s %s below %d", e.Alert.ID(), e.Alert.State, e.Alert.Threshold)
	}
	return e.Name
}

// wants looks and compares what a subscription gets.
func (b *bench) wants(s *Subscription, when string, want ...string) {
	b.t.Helper()
	b.look(b.t.Context())
	b.holds(s, when, want...)
}

func (b *bench) holds(s *Subscription, when string, want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, got(s)); diff != "" {
		b.t.Errorf("%s: events differ (-want +got):\n%s", when, diff)
	}
}

func pending(id taocan.OrderID) taocan.Order {
	return taocan.Order{Tenant: web, ID: id, State: taocan.OrderPending, CreatedAt: noon, ClosesAt: closes}
}

func TestEventsTellWhatHasChanged(t *testing.T) {
	b := newBench(t)
	l := b.ledger
	l.left[web], l.orders[web] = 100, []taocan.Order{pending("o-1")}
	s, other := b.subscribe(web), b.subscribe(shop)
	b.wants(s, "a new subscriber gets both balances and nothing that was before", "domestic 100", "international 0")
	b.holds(other, "so does another project's", "domestic 0", "international 0")

	b.wants(s, "nothing has changed")
	l.commit(func() { l.left[web] = 97 })
	b.wants(s, "a debit", "domestic 97")
	l.commit(func() {})
	b.wants(s, "a commit of somebody else in the lane")
	l.commit(func() { l.orders[web] = append([]taocan.Order{pending("o-3"), pending("o-2")}, l.orders[web]...) })
	b.wants(s, "two orders, the older one first", "order o-2 pending", "order o-3 pending")
	l.commit(func() { l.left[web], l.orders[web][1].State = 1097, taocan.OrderPaid })
	b.wants(s, "a purchase", "domestic 1097", "order o-2 paid")

	late := b.subscribe(web)
	l.commit(func() { l.left[web] = 1096 })
	b.wants(s, "with a second subscriber there", "domestic 1096")
	b.holds(late, "whoever comes later gets both balances as they are", "domestic 1096", "international 0")
	b.holds(other, "another project of the account has seen nothing of it")
}

func TestWhatNoCommitTellsIsTold(t *testing.T) {
	b := newBench(t)
	l := b.ledger
	l.left[web], l.orders[web] = 100, []taocan.Order{pending("o-1")}
	s := b.subscribe(web)
	b.wants(s, "at first", "domestic 100", "international 0")
	l.set(func() { l.left[web] = 0 }) // expired
	b.clock.Advance(rereadEvery - 1)
	b.wants(s, "just before everything is read again")
	b.clock.Advance(1)
	b.wants(s, "when everything is read again", "domestic 0")
	b.clock.Set(closes)
	b.wants(s, "an order that nobody has paid", "order o-1 closed")
}

func TestAlertsAreToldWhenTheirStateOrTheirRuleChanges(t *testing.T) {
	b := newBench(t)
	l := b.ledger
	rule := taocan.AlertRule{Tenant: web, Kind: taocan.AlertRemaining, Unit: taocan.InMessages, Category: taocan.Domestic, Purpose: taocan.Marketing, Threshold: 50, Enabled: true}
	l.left[web], l.rules = 100, []taocan.AlertRule{rule}
	s, other := b.subscribe(web), b.subscribe(shop)
	b.wants(s, "at first", "domestic 100", "international 0")
	b.holds(other, "at first", "domestic 0", "international 0")
	l.commit(func() { l.left[web] = 60 })
	b.wants(s, "still above the threshold", "domestic 60")
	l.commit(func() { l.left[web] = 49 })
	b.wants(s, "below it", "domestic 49", "alert domestic-marketing low below 50")
	l.commit(func() { l.left[web] = 48 })
	b.wants(s, "further below", "domestic 48")
	l.set(func() { l.rules[0].Threshold = 40 })
	b.clock.Advance(rereadEvery)
	b.wants(s, "the rule is changed, without a commit", "alert domestic-marketing ok below 40")
	l.set(func() { l.rules[0].Threshold = 41 })
	b.clock.Advance(rereadEvery)
	b.wants(s, "the rule is changed, its state is not", "alert domestic-marketing ok below 41")
	l.set(func() { l.rules[0].Enabled = false })
	b.clock.Advance(rereadEvery)
	b.wants(s, "it is switched off", "alert domestic-marketing off below 41")
	b.holds(other, "another project of the account has seen nothing of it")
}

func TestOnlyWhatHasMovedIsRead(t *testing.T) {
	b := newBench(t)
	if pause := b.look(t.Context()); pause != 0 || b.ledger.looks != 0 {
		t.Errorf("nobody watches: %d looks at the store, and the next one after %v; want none", b.ledger.looks, pause)
	}
	s := b.subscribe(web)
	b.wants(s, "at first", "domestic 0", "international 0")
	before := b.ledger.readings
	for range 10 {
		if pause := b.look(t.Context()); pause != lookEvery {
			t.Errorf("the next look comes after %v, want %v", pause, lookEvery)
		}
	}
	if b.ledger.readings != before {
		t.Errorf("%d balances were read although no lane has moved", b.ledger.readings-before)
	}
	s.Close()
	if pause := b.look(t.Context()); pause != 0 {
		t.Errorf("the last subscriber has gone, and the next look comes after %v", pause)
	}
}

func TestASubscriberThatDoesNotListenIsEnded(t *testing.T) {
	b := newBench(t)
	slow, good := b.subscribe(web), b.subscribe(web)
	for i := range taocan.Segments(queue) {
		b.ledger.commit(func() { b.ledger.left[web] = i })
		b.look(t.Context())
		if events := got(good); len(events) == 0 || events[len(events)-1] == "end" {
			t.Fatalf("after %d events the one that listens got %v", i, events)
		}
	}
	all := got(slow)
	if len(all) != queue+1 || all[queue] != "end" {
		t.Errorf("the one that does not listen got %d, the last is %q; want %d events and the end", len(all), all[len(all)-1], queue)
	}
	slow.Close() // again
	b.wants(good, "afterwards")
	b.ledger.commit(func() { b.ledger.left[web] = 7 })
	b.wants(good, "a change afterwards", "domestic 7")
}

func TestSubscriptionsAreBounded(t *testing.T) {
	b := newBench(t)
	refused := func(when string, t2 taocan.Tenant) {
		t.Helper()
		var rate *taocan.RateError
		if _, err := b.Subscribe(t2); !errors.As(err, &rate) || rate.RetryAfter <= 0 {
			t.Errorf("%s: error %v, want RateError", when, err)
		}
	}
	var last *Subscription
	for i := range maxSubscriptions / maxPerProject {
		tenant := taocan.Tenant{Account: "acme", Project: taocan.ProjectID(fmt.Sprint("p", i))}
		for range maxPerProject {
			last = b.subscribe(tenant)
		}
		refused("one more of a full project", tenant)
	}
	refused("the 2,001st", web)
	last.Close()
	b.subscribe(web)
	refused("the place of the one that went is taken", web)
	b.must(b.Stop(t.Context()))
	if b.count != 0 || len(b.projects) != 0 {
		t.Errorf("after the stop there are %d subscriptions of %d projects", b.count, len(b.projects))
	}
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// A store that cannot be read, and a clock that nobody trusts, are no news: subscribers wait, and the log says it once.
func TestAFailingStoreIsWaitedFor(t *testing.T) {
	for name, fault := range map[string]func(*ledger) *error{
		"the store fails":                func(l *ledger) *error { return &l.broken },
		"the clock is not to be trusted": func(l *ledger) *error { return &l.clock },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			l := b.ledger
			l.left[web] = 100
			s := b.subscribe(web)
			b.wants(s, "before", "domestic 100", "international 0")
			late := b.subscribe(web)
			l.commit(func() { l.left[web] = 50; *fault(l) = taocan.ErrUnavailable })
			for range 5 {
				if pause := b.look(t.Context()); pause != failedPause {
					t.Errorf("the next look comes after %v, want %v", pause, failedPause)
				}
			}
			b.holds(s, "meanwhile")
			b.holds(late, "meanwhile, for one who came late")
			l.set(func() { *fault(l) = nil })
			b.wants(s, "what was missed", "domestic 50")
			b.holds(late, "what was missed, for one who came late", "domestic 50", "international 0")
			if log := b.log.String(); strings.Count(log, "\n") != 2 || !strings.Contains(log, "live events wait") || !strings.Contains(log, "live events go on") {
				t.Errorf("the log says\n%s\nwant that they wait and that they go on, once each", log)
			}
		})
	}
}

// In a bubble, time passes by itself: a hub that runs is watched for how often it looks.
func TestTheHubLooksOnlyWhileSomebodyWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{left: map[taocan.Tenant]taocan.Segments{web: 100}}
		log := &bytes.Buffer{}
		h := hubOn(l, clock.System(), log)
		h.Start(t.Context())
		now := func(counter *int) (n int) {
			synctest.Wait()
			l.set(func() { n = *counter })
			return n
		}
		in := func(d time.Duration, counter *int) int {
			before := now(counter)
			<-time.After(d) // on the bubble's clock
			return now(counter) - before
		}
		if n := in(time.Minute, &l.looks); n != 0 {
			t.Errorf("%d looks in a minute in which nobody watched", n)
		}
		s, err := h.Subscribe(web)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if diff := cmp.Diff([]string{"domestic 100", "international 0"}, got(s)); diff != "" {
			t.Errorf("a new subscriber does not wait (-want +got):\n%s", diff)
		}
		if n, want := in(time.Minute, &l.looks), int(time.Minute/lookEvery); n != want {
			t.Errorf("%d looks in a minute, want %d", n, want)
		}
		if n, want := in(time.Minute, &l.readings), 2*int(time.Minute/rereadEvery); n != want {
			t.Errorf("%d balances read in a minute without a commit, want %d", n, want)
		}
		l.set(func() { l.broken = taocan.ErrUnavailable })
		if n, most := in(time.Minute, &l.failed), int(time.Minute/failedPause); n < most-1 || n > most {
			t.Errorf("a store that fails was asked %d times in a minute, want %d", n, most)
		}
		before := now(&l.failed)
		for range 50 { // newcomers do not let it be asked more often
			if _, err := h.Subscribe(web); err != nil {
				t.Fatal(err)
			}
			in(failedPause/50, &l.failed)
		}
		if n := now(&l.failed) - before; n > 1 {
			t.Errorf("with 50 newcomers within one pause a store that fails was asked %d times, want once", n)
		}
		if err := h.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if events := got(s); events[len(events)-1] != "end" {
			t.Errorf("after the stop the subscriber got %v, want the end", events)
		}
		if _, err := h.Subscribe(web); !errors.Is(err, taocan.ErrUnavailable) {
			t.Errorf("subscribe after the stop: error %v, want ErrUnavailable", err)
		}
		if n := in(time.Minute, &l.looks) + in(time.Minute, &l.failed); n != 0 {
			t.Errorf("%d looks after the stop", n)
		}
	})
}

func TestSubscribersComeAndGoWhileItRuns(t *testing.T) {
	b := newBench(t)
	b.Start(t.Context())
	var wg sync.WaitGroup
	for i := range 8 {
		tenant := []taocan.Tenant{web, shop}[i%2]
		wg.Go(func() {
			for n := range 50 {
				s, err := b.Subscribe(tenant)
				if err != nil {
					t.Error(err)
					return
				}
				b.ledger.commit(func() { b.ledger.left[tenant]++ })
				for range 2 {
					if e := <-s.Events(); e.Name != Balance {
						t.Errorf("got %+v, want both balances first", e)
					}
				}
				if n%2 == 0 {
					s.Close()
				}
				s.Close()
			}
		})
	}
	wg.Wait()
	b.must(b.Stop(t.Context()))
	b.must(b.Stop(t.Context())) // again
}
