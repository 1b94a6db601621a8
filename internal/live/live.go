package live

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"taocan/internal/alert"
	"taocan/internal/clock"
	"taocan/internal/order"
	"taocan/internal/packages"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Names of events.
const (
	Balance = "balance"
	Order   = "order"
	Alert   = "alert"
)

// Event is one thing that has changed, as it is now. All subscribers share what it points to: nobody changes it.
type Event struct {
	Name    string // the other fields are nil but for the one that it names
	Balance *taocan.Balance
	Order   *taocan.Order
	Alert   *alert.Standing
}

// Alerts says how the rules of a project stand; *alert.Alerts does.
type Alerts interface {
	Rules(ctx context.Context, t taocan.Tenant) ([]alert.Standing, error)
}

// Bounds. An event is a few hundred bytes.
const (
	maxSubscriptions = 2000
	maxPerProject    = 100
	// queue holds what many looks find. A subscriber that is so far behind is ended.
	queue = 128
	// comeAgain is for those who find no place.
	comeAgain = 10 * time.Second
)

// Config of New. All must be set but Log; without one the hub is silent.
type Config struct {
	Store    store.Store
	Clock    clock.Clock
	Packages *packages.Packages
	Orders   *order.Orders
	Alerts   Alerts
	Log      *slog.Logger
}

// Hub hands events to subscribers. Safe for concurrent use.
type Hub struct {
	cfg Config // immutable after New

	wake   chan struct{} // capacity 1: somebody new is there
	cancel context.CancelFunc
	gone   chan struct{} // closed when run has returned; nil until Start

	failing bool // owned by run: the last look has failed, and the log knows

	mu       sync.Mutex
	projects map[taocan.Tenant]*project // guarded by mu; those with subscriptions
	count    int                        // guarded by mu; subscriptions
	stopped  bool                       // guarded by mu
}

// project is one that somebody watches.
type project struct {
	tenant        taocan.Tenant
	subscriptions map[*Subscription]struct{} // guarded by Hub.mu

	// Owned by run.
	told   *state        // nil until it has been read
	seq    int64         // of its lane's head, at most as new as told
	readAt time.Duration // on the monotonic clock
}

// Subscription is one watcher's.
type Subscription struct {
	hub     *Hub
	project *project
	events  chan Event
	fresh   bool // guarded by Hub.mu; it has got nothing yet
	ended   bool // guarded by Hub.mu; events is closed
}

// New makes a hub. Nothing is read before Start.
func New(cfg Config) *Hub {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Hub{cfg: cfg, wake: make(chan struct{}, 1), projects: map[taocan.Tenant]*project{}}
}

// Start lets the hub look, until Stop.
func (h *Hub) Start(ctx context.Context) {
	ctx, h.cancel = context.WithCancel(context.WithoutCancel(ctx))
	h.gone = make(chan struct{})
	go func() {
		defer close(h.gone)
		h.run(ctx)
	}()
}

// Stop ends all subscriptions, lets nobody in any more and returns when nothing is read any more, or ctx ends.
func (h *Hub) Stop(ctx context.Context) error {
	h.mu.Lock()
	h.stopped = true
	for _, p := range h.projects {
		for s := range p.subscriptions {
			h.end(s)
		}
	}
	h.mu.Unlock()
	if h.gone == nil { // it was not started
		return nil
	}
	h.cancel()
	select {
	case <-h.gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop live events: %w", ctx.Err())
	}
}

// Subscribe watches a project. It is taocan.ErrRateLimited where too many do.
func (h *Hub) Subscribe(t taocan.Tenant) (*Subscription, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped {
		return nil, fmt.Errorf("the server is stopping: %w", taocan.ErrUnavailable)
	}
	p := h.projects[t]
	if h.count >= maxSubscriptions || p != nil && len(p.subscriptions) >= maxPerProject {
		return nil, &taocan.RateError{RetryAfter: comeAgain}
	}
	if p == nil {
		p = &project{tenant: t, subscriptions: map[*Subscription]struct{}{}}
		h.projects[t] = p
	}
	s := &Subscription{hub: h, project: p, events: make(chan Event, queue), fresh: true}
	p.subscriptions[s] = struct{}{}
	h.count++
	select {
	case h.wake <- struct{}{}:
	default: // somebody else has knocked
	}
	return s, nil
}

// Events come out here until the subscription ends: by Close, by Stop, or because they were not taken.
func (s *Subscription) Events() <-chan Event { return s.events }

// Close ends the subscription. It may be called again.
func (s *Subscription) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.hub.end(s)
}

// end closes a subscription's channel and forgets it. mu is held.
func (h *Hub) end(s *Subscription) {
	if s.ended {
		return
	}
	s.ended = true
	close(s.events)
	h.count--
	delete(s.project.subscriptions, s)
	if len(s.project.subscriptions) == 0 {
		delete(h.projects, s.project.tenant)
	}
}

// watched lists the projects that have subscriptions.
func (h *Hub) watched() []*project {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]*project, 0, len(h.projects))
	for _, p := range h.projects {
		all = append(all, p)
	}
	return all
}

// tell hands what has changed in a project to its subscribers, and both balances to those who are new. Called by run.
func (h *Hub) tell(p *project, changed []Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range p.subscriptions {
		events := changed
		if s.fresh {
			s.fresh, events = false, p.told.first()
		}
		for _, e := range events {
			select {
			case s.events <- e:
				continue
			default: // nobody waits for one who does not listen
			}
			h.end(s)
			break
		}
	}
}
