package alert_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/alert"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// commit is a group commit on a hand-made ledger: one marketing package of demo with so much left, of which so much is taken.
func commit(w *store.Watch, left, taken taocan.Segments, at time.Time) *store.Ledger {
	l := store.NewLedger()
	l.SetAt(taocan.LaneOf(demo.Account), at)
	b := store.NewBalances()
	p := &store.Balance{Number: "U1A2603011200001", Purpose: taocan.Marketing, ExpiresAt: at.AddDate(1, 0, 0), PurchasedAt: at, Remaining: left}
	b.Add(store.PoolKey{Category: taocan.Domestic, Purpose: taocan.Marketing}, p)
	b.Sort()
	l.Lend(demo, b)
	l.LendWatch(demo, w)
	r := taocan.DebitRequest{Category: taocan.Domestic, Purpose: taocan.Marketing, Quantity: taken}
	l.Move(p, taocan.EntryDebit, taken)
	l.Write(&taocan.Debit{Tenant: demo, DebitRequest: r, Allocations: []taocan.Allocation{{Package: p.Number, Quantity: taken}}})
	if w.Meter != nil {
		w.Meter.Add(at, &r, taken)
	}
	return l
}

func events(l *store.Ledger) (all []string) {
	for _, n := range l.Notices() {
		all = append(all, said(n))
	}
	return all
}

func TestWatchNeedsNoStore(t *testing.T) {
	rule := &store.WatchedRule{AlertRule: domestic(taocan.Marketing, 100)}
	w := &store.Watch{Rules: []*store.WatchedRule{rule}}
	l := commit(w, 100, 1, begin)
	alert.Watch(l)
	if diff := cmp.Diff([]string{"low domestic-marketing 99"}, events(l)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	state := taocan.AlertState{Rule: "domestic-marketing", Level: 100, Low: true, Since: begin, ToldAt: begin}
	want := []store.ChangedState{{Tenant: demo, AlertState: state}}
	if diff := cmp.Diff(want, l.AlertStates()); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	alert.Watch(commit(w, 99, 1, begin.Add(time.Hour)))
	if rule.State != state {
		t.Errorf("another commit below the level changed the state to %+v", rule.State)
	}
}

func TestALevelThatIsNotWorkedOutYetIsLeftToTheWorker(t *testing.T) {
	r := domestic(taocan.Marketing, 50)
	r.Unit = taocan.InPercent
	w := &store.Watch{Rules: []*store.WatchedRule{{AlertRule: r}}}
	l := commit(w, 100, 100, begin)
	alert.Watch(l)
	if got := events(l); got != nil {
		t.Errorf("told %v", got)
	}
}

func TestTheWarningOfALimitIsToldOncePerPeriod(t *testing.T) {
	limit := taocan.UsageLimit{Tenant: demo, Category: taocan.Domestic, Period: taocan.PerDay, Warning: 10}
	silent := taocan.UsageLimit{Tenant: demo, Category: taocan.Domestic, Period: taocan.PerMonth, Cap: 1}
	w := &store.Watch{Limits: []taocan.UsageLimit{limit, silent}, Told: map[taocan.AlertID]string{}, Meter: store.NewMeter(shanghai, "2026-03-01")}
	for _, tt := range []struct {
		name  string
		at    time.Time
		taken taocan.Segments
		want  []string
	}{
		{"at the warning", begin, 10, nil},
		{"above it", begin, 1, []string{"usage_limit  99, 11 in 2026-03-01"}},
		{"further above", begin.Add(time.Hour), 5, nil},
		{"above it on the next day", begin.Add(day), 11, []string{"usage_limit  89, 11 in 2026-03-02"}},
	} {
		l := commit(w, 100, tt.taken, tt.at)
		alert.Watch(l)
		if diff := cmp.Diff(tt.want, events(l)); diff != "" {
			t.Errorf("%s: told (-want +got):\n%s", tt.name, diff)
		}
		if len(l.AlertStates()) != len(tt.want) {
			t.Errorf("%s: %d states are written, want as many as notices", tt.name, len(l.AlertStates()))
		}
	}
}

func TestATopUpIsCalledOnceBelowItsLevel(t *testing.T) {
	x := &store.WatchedTopUp{ID: "domestic-marketing", Category: taocan.Domestic, Purpose: taocan.Marketing, Level: 50}
	w := &store.Watch{TopUps: []*store.WatchedTopUp{x}}
	for i, want := range []int{0, 1, 0} {
		l := commit(w, taocan.Segments(51-i), 1, begin)
		alert.Watch(l)
		if got := len(l.CalledTopUps()); got != want {
			t.Errorf("%d left: called %d times, want %d", 50-i, got, want)
		}
	}
}
