package debit

import (
	"errors"
	"fmt"
	"testing"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

func callOf(project string, ids ...string) *call {
	c := &call{answer: make(chan result, 1)}
	for _, id := range ids {
		c.ops = append(c.ops, store.Op{Tenant: taocan.Tenant{Account: "a", Project: taocan.ProjectID(project)}, ID: taocan.DebitID(id)})
		c.bytes += len(id)
	}
	return c
}

func idsOf(batch []*call) (ids string) {
	for _, c := range batch {
		for _, op := range c.ops {
			ids += string(op.ID) + " "
		}
	}
	return ids
}

func offer(t *testing.T, m *machine, c *call) {
	t.Helper()
	if err := m.offer(c); err != nil {
		t.Fatalf("offer: %v", err)
	}
}

func TestABatchIsWhatHasArrived(t *testing.T) {
	m := newMachine(DefaultLimits)
	offer(t, m, callOf("p", "1"))
	first := m.batch()
	offer(t, m, callOf("p", "2"))
	offer(t, m, callOf("p", "3"))
	if again := m.batch(); again != nil {
		t.Errorf("batch while one is in flight: %s", idsOf(again))
	}
	answers := m.complete(make([]store.Outcome, 1), nil)
	if got := idsOf(first); got != "1 " || len(answers) != 1 || answers[0].err != nil {
		t.Errorf("first batch %q, answers %v", got, answers)
	}
	if got := idsOf(m.batch()); got != "2 3 " {
		t.Errorf("second batch %q, want what came meanwhile", got)
	}
}

func TestProjectsTakeTurns(t *testing.T) {
	m := newMachine(Limits{Queued: 100, QueuedBytes: 1000, Batch: 4})
	for i := range 5 {
		offer(t, m, callOf("flood", fmt.Sprintf("f%d", i)))
	}
	offer(t, m, callOf("small", "s0"))
	if got := idsOf(m.batch()); got != "f0 s0 f1 f2 " {
		t.Errorf("batch %q: the small project waits behind the flood", got)
	}
}

func TestTheQueueIsBounded(t *testing.T) {
	full := func(m *machine, c *call) {
		t.Helper()
		if err := m.offer(c); !errors.Is(err, taocan.ErrUnavailable) {
			t.Errorf("offer of %s: %v, want unavailable", idsOf([]*call{c}), err)
		}
	}
	m := newMachine(Limits{Queued: 4, QueuedBytes: 1000, Batch: 4})
	offer(t, m, callOf("p", "1", "2"))
	full(m, callOf("p", "3")) // one project holds half at most
	offer(t, m, callOf("q", "4", "5"))
	full(m, callOf("r", "6"))

	m = newMachine(Limits{Queued: 100, QueuedBytes: 10, Batch: 4})
	offer(t, m, callOf("p", "12345678"))
	full(m, callOf("q", "123"))
	m.batch()
	offer(t, m, callOf("q", "123")) // room again once a batch has left
}

func TestACallLargerThanABatchGoesAlone(t *testing.T) {
	m := newMachine(Limits{Queued: 100, QueuedBytes: 1000, Batch: 2})
	offer(t, m, callOf("p", "1"))
	offer(t, m, callOf("q", "2", "3", "4"))
	if got := idsOf(m.batch()); got != "1 " {
		t.Errorf("first batch %q", got)
	}
	m.complete(make([]store.Outcome, 1), nil)
	if got := idsOf(m.batch()); got != "2 3 4 " {
		t.Errorf("second batch %q", got)
	}
}

func TestOnePoisonousCallFailsAtMostHalfItsBatch(t *testing.T) {
	m := newMachine(DefaultLimits)
	for i := range 4 {
		offer(t, m, callOf("p", fmt.Sprint(i)))
	}
	m.batch()
	if answers := m.complete(nil, store.ErrNotCommitted); answers != nil {
		t.Fatalf("answers %v before the second try", answers)
	}
	if got := idsOf(m.batch()); got != "0 1 " {
		t.Fatalf("first half %q", got)
	}
	if answers := m.complete(nil, store.ErrNotCommitted); len(answers) != 2 || !errors.Is(answers[0].err, taocan.ErrUnavailable) {
		t.Errorf("answers to the failed half: %v", answers)
	}
	if got := idsOf(m.batch()); got != "2 3 " {
		t.Fatalf("second half %q", got)
	}
	if answers := m.complete(make([]store.Outcome, 2), nil); len(answers) != 2 || answers[1].err != nil {
		t.Errorf("answers to the good half: %v", answers)
	}
	if !m.idle() {
		t.Error("not idle in the end")
	}
}

func TestABatchOfUnknownOutcomeIsNotTriedAgain(t *testing.T) {
	m := newMachine(DefaultLimits)
	offer(t, m, callOf("p", "1"))
	offer(t, m, callOf("p", "2"))
	m.batch()
	answers := m.complete(nil, errors.New("the connection went away in COMMIT"))
	if len(answers) != 2 || !errors.Is(answers[0].err, taocan.ErrUnavailable) || m.batch() != nil {
		t.Errorf("answers %v: want every caller told that the outcome is unknown", answers)
	}
}

func TestStoppingAnswersEverybody(t *testing.T) {
	m := newMachine(Limits{Queued: 100, QueuedBytes: 1000, Batch: 1})
	offer(t, m, callOf("p", "1"))
	offer(t, m, callOf("p", "2"))
	offer(t, m, callOf("q", "3"))
	if err := m.settle(callOf("p", "due")); err != nil {
		t.Fatal(err)
	}
	m.batch()
	if answers := m.stop(taocan.ErrUnavailable); len(answers) != 4 {
		t.Errorf("%d answers, want 4", len(answers))
	}
	if err := m.offer(callOf("p", "4")); !errors.Is(err, taocan.ErrUnavailable) || m.batch() != nil {
		t.Errorf("offer after stop: %v", err)
	}
}

func TestDueReservationsWaitBehindCallers(t *testing.T) {
	m := newMachine(Limits{Queued: 100, QueuedBytes: 1000, Batch: 2})
	if err := m.settle(callOf("p", "due")); err != nil {
		t.Fatal(err)
	}
	offer(t, m, callOf("p", "1"))
	offer(t, m, callOf("p", "2"))
	offer(t, m, callOf("p", "3"))
	if got := idsOf(m.batch()); got != "1 2 " {
		t.Errorf("first batch %q", got)
	}
	m.complete(make([]store.Outcome, 2), nil)
	if got := idsOf(m.batch()); got != "3 due " {
		t.Errorf("second batch %q", got)
	}
}

func TestDueReservationsArePassedOverOnceAtMost(t *testing.T) {
	m := newMachine(Limits{Queued: 100, QueuedBytes: 1000, Batch: 2})
	if err := m.settle(callOf("p", "due")); err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		offer(t, m, callOf("p", fmt.Sprint(i)))
	}
	m.batch()
	m.complete(make([]store.Outcome, 2), nil)
	if got := idsOf(m.batch()); got != "2 3 due " {
		t.Errorf("second of many full batches %q", got)
	}
}

// What fails inside is no answer to the operation: a sender that reads "not found" would not ask again.
func TestAFailureInsideIsOnlyEverUnavailable(t *testing.T) {
	m := newMachine(DefaultLimits)
	for _, cause := range []error{taocan.ErrNotFound, taocan.ErrConflict, fmt.Errorf("%w: %w", taocan.ErrUnavailable, taocan.ErrConflict)} {
		offer(t, m, callOf("p", "1"))
		m.batch()
		err := m.complete(nil, cause)[0].err
		if !errors.Is(err, taocan.ErrUnavailable) || errors.Is(err, taocan.ErrNotFound) || errors.Is(err, taocan.ErrConflict) {
			t.Errorf("%v is answered %v", cause, err)
		}
	}
}
