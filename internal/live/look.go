package live

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"taocan/internal/alert"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

const (
	// lookEvery is how late a change may be told.
	lookEvery = 250 * time.Millisecond
	// rereadEvery is how late one may be told that no commit made.
	rereadEvery = 5 * time.Second
	// failedPause is how long the store is left alone when it could not be read.
	failedPause = time.Second
	// watchedOrders is how many of the newest orders are watched.
	watchedOrders = 50
)

// run looks while somebody watches. It owns what has been told.
func (h *Hub) run(ctx context.Context) {
	var next <-chan time.Time // nil while nobody watches
	for {
		select {
		case <-h.wake:
			if h.failing && next != nil {
				continue // the store is still left alone
			}
		case <-next:
		case <-ctx.Done():
			return
		}
		next = nil
		if pause := h.look(ctx); pause > 0 {
			next = time.After(pause)
		}
	}
}

// look tells what has changed, and returns how long to wait before the next look: 0 when nobody watches. It waits at
// least as long as it took, so that however many watch, it is at most half of the time at the store.
func (h *Hub) look(ctx context.Context) time.Duration {
	watched := h.watched()
	if len(watched) == 0 {
		return 0
	}
	began := h.cfg.Clock.Monotonic()
	err := h.readAll(ctx, watched)
	pause := max(lookEvery, h.cfg.Clock.Monotonic()-began)
	switch {
	case ctx.Err() != nil: // it is the stop that has failed it
	case err != nil && !h.failing:
		h.cfg.Log.WarnContext(ctx, "live events wait, will try again", "error", err)
	case err == nil && h.failing:
		h.cfg.Log.InfoContext(ctx, "live events go on")
	}
	if h.failing = err != nil; h.failing {
		pause = max(pause, failedPause)
	}
	return pause
}

// readAll reads the projects that may have changed. It goes on after a failure and returns the first one; what could not
// be read is read again at the next look.
func (h *Hub) readAll(ctx context.Context, watched []*project) error {
	// By a clock that nobody trusts every package may have expired.
	if err := h.cfg.Store.CheckWrites(); err != nil {
		return err
	}
	// The heads are read first: a commit in between is seen twice, not missed.
	var heads [taocan.Lanes]store.Head
	err := h.cfg.Store.Peek(ctx, func(r store.Reader) (err error) {
		heads, err = r.Heads(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("read the heads of the lanes: %w", err)
	}
	var failed error
	for _, p := range watched {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := h.read(ctx, p, heads[taocan.LaneOf(p.tenant.Account)].Seq); err != nil && failed == nil {
			failed = fmt.Errorf("project %s: %w", p.tenant.Project, err)
		}
	}
	return failed
}

// read finds out what has changed in a project whose lane has come to seq, and tells it.
func (h *Hub) read(ctx context.Context, p *project, seq int64) error {
	var changed []Event
	if now := h.cfg.Clock.Monotonic(); p.told == nil || p.seq != seq || now-p.readAt >= rereadEvery {
		found, err := h.stateOf(ctx, p.tenant)
		if err != nil {
			return err
		}
		changed = found.since(p.told)
		p.told, p.seq, p.readAt = found, seq, now
	}
	h.tell(p, changed)
	return nil
}

// state is what events tell of a project. Immutable once read.
type state struct {
	balances []taocan.Balance // of both categories
	orders   []taocan.Order   // the newest, newest first
	alerts   []alert.Standing
}

func (h *Hub) stateOf(ctx context.Context, t taocan.Tenant) (*state, error) {
	s := &state{}
	for _, c := range []taocan.Category{taocan.Domestic, taocan.International} {
		b, err := h.cfg.Packages.Balance(ctx, t, c, time.Time{})
		if err != nil {
			return nil, err
		}
		s.balances = append(s.balances, b)
	}
	page, err := h.cfg.Orders.Orders(ctx, t, "", store.Paging{Limit: watchedOrders})
	if err != nil {
		return nil, err
	}
	s.orders = page.Items
	if s.alerts, err = h.cfg.Alerts.Rules(ctx, t); err != nil {
		return nil, err
	}
	return s, nil
}

// first is what a new subscriber gets.
func (s *state) first() []Event {
	var events []Event
	for i := range s.balances {
		events = append(events, Event{Name: Balance, Balance: &s.balances[i]})
	}
	return events
}

// since is what differs from an earlier state of the project; nil knows nothing that could differ.
func (s *state) since(old *state) []Event {
	if old == nil {
		return nil
	}
	var events []Event
	for i := range s.balances {
		if !sameBalance(s.balances[i], old.balances[i]) {
			events = append(events, Event{Name: Balance, Balance: &s.balances[i]})
		}
	}
	known := map[taocan.OrderID]taocan.OrderState{}
	for _, o := range old.orders {
		known[o.ID] = o.State
	}
	for i, o := range slices.Backward(s.orders) {
		if known[o.ID] != o.State {
			events = append(events, Event{Name: Order, Order: &s.orders[i]})
		}
	}
	stood := map[taocan.AlertID]alert.Standing{}
	for _, a := range old.alerts {
		stood[a.ID()] = a
	}
	for i, a := range s.alerts {
		// What is left below a rule is the balances' news; the alert's is how the rule stands.
		before := stood[a.ID()]
		if before.Threshold != a.Threshold || before.Level != a.Level || before.Enabled != a.Enabled || before.State != a.State {
			events = append(events, Event{Name: Alert, Alert: &s.alerts[i]})
		}
	}
	return events
}

// sameBalance leaves out when the balance was read.
func sameBalance(a, b taocan.Balance) bool {
	return a.Remaining == b.Remaining && a.Reserved == b.Reserved && maps.Equal(a.ByPurpose, b.ByPurpose) && maps.Equal(a.ByCountry, b.ByCountry)
}
