package debit

import (
	"errors"
	"fmt"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Limits bound what waits and what one commit takes.
type Limits struct {
	Queued      int // operations waiting; one project may hold half of them
	QueuedBytes int // of their ids and references, roughly
	Batch       int // operations of one commit; a single larger call goes alone
}

// DefaultLimits suit a server with a few hundred MiB to spare.
var DefaultLimits = Limits{Queued: 100_000, QueuedBytes: 64 << 20, Batch: 4096}

// call is one caller's operations, all of one project.
type call struct {
	ops     []store.Op
	bytes   int
	retried bool        // already part of a split batch
	answer  chan result // capacity 1, one reply: never blocks the engine
}

type result struct {
	outcomes []store.Outcome
	err      error
}

type answer struct {
	*call
	result
}

// machine is the engine without goroutines, store or clock: calls and completions go in, batches and answers
// come out. At most one batch is in flight. Not safe for concurrent use.
type machine struct {
	limits   Limits
	waiting  map[taocan.Tenant][]*call
	turn     []taocan.Tenant // projects with something waiting, in the order that they are served
	ops      int             // waiting
	bytes    int             // waiting
	perOwner map[taocan.Tenant]int

	settling   *call // due reservations: served behind callers, but passed over once at most
	passedOver bool
	split      [][]*call // halves of a failed batch, to be tried once more
	flying     []*call
	stopped    error
}

func newMachine(l Limits) *machine {
	return &machine{limits: l, waiting: map[taocan.Tenant][]*call{}, perOwner: map[taocan.Tenant]int{}}
}

var errFull = fmt.Errorf("too many debits are waiting: %w", taocan.ErrUnavailable)

// offer takes a call in, or says why not: then nothing of it was taken.
func (m *machine) offer(c *call) error {
	if m.stopped != nil {
		return m.stopped
	}
	owner := c.ops[0].Tenant
	n := len(c.ops)
	if m.ops+n > m.limits.Queued || m.bytes+c.bytes > m.limits.QueuedBytes || m.perOwner[owner]+n > m.limits.Queued/2 {
		return errFull
	}
	if len(m.waiting[owner]) == 0 {
		m.turn = append(m.turn, owner)
	}
	m.waiting[owner] = append(m.waiting[owner], c)
	m.ops += n
	m.bytes += c.bytes
	m.perOwner[owner] += n
	return nil
}

// settle takes in due reservations, unless the last are still waiting.
func (m *machine) settle(c *call) error {
	if m.stopped != nil {
		return m.stopped
	}
	if m.settling != nil {
		return errFull
	}
	m.settling = c
	return nil
}

// batch is what to commit next: nil while a batch is in flight or nothing waits. Projects take turns, a call
// each, so that a flood of one does not keep the others waiting.
func (m *machine) batch() []*call {
	if m.flying != nil || m.stopped != nil {
		return nil
	}
	if n := len(m.split); n > 0 {
		m.flying, m.split = m.split[0], m.split[1:]
		return m.flying
	}
	taken := 0
	for len(m.turn) > 0 {
		owner := m.turn[0]
		c := m.waiting[owner][0]
		if taken > 0 && taken+len(c.ops) > m.limits.Batch {
			break
		}
		m.take(owner, c)
		taken += len(c.ops)
	}
	if m.settling != nil && (taken < m.limits.Batch || m.passedOver) {
		m.flying = append(m.flying, m.settling)
		m.settling = nil
	}
	m.passedOver = m.settling != nil
	return m.flying
}

func (m *machine) take(owner taocan.Tenant, c *call) {
	m.flying = append(m.flying, c)
	m.ops -= len(c.ops)
	m.bytes -= c.bytes
	m.perOwner[owner] -= len(c.ops)
	m.turn = m.turn[1:]
	if rest := m.waiting[owner][1:]; len(rest) > 0 {
		m.waiting[owner] = rest
		m.turn = append(m.turn, owner)
	} else {
		delete(m.waiting, owner)
		delete(m.perOwner, owner)
	}
}

// complete takes in how the batch in flight ended and gives out answers. A batch of which certainly nothing was
// written is split once, so that one poisonous operation fails at most half of it.
func (m *machine) complete(outcomes []store.Outcome, err error) []answer {
	calls := m.flying
	m.flying = nil
	if err != nil && errors.Is(err, store.ErrNotCommitted) && len(calls) > 1 && !calls[0].retried {
		for _, c := range calls {
			c.retried = true
		}
		half := len(calls) / 2
		m.split = append(m.split, calls[:half], calls[half:])
		return nil
	}
	answers := make([]answer, len(calls))
	for i, c := range calls {
		answers[i].call = c
		if err != nil {
			answers[i].err = unavailable(err)
			continue
		}
		answers[i].outcomes, outcomes = outcomes[:len(c.ops):len(c.ops)], outcomes[len(c.ops):]
	}
	return answers
}

func unavailable(err error) error {
	// Its text only: whatever failed inside must not be taken for an answer to the caller's operation.
	return fmt.Errorf("%w: %s", taocan.ErrUnavailable, err.Error())
}

// stop refuses everything from now on and answers all that waits.
func (m *machine) stop(err error) []answer {
	m.stopped = err
	var answers []answer
	dismiss := func(calls []*call) {
		for _, c := range calls {
			answers = append(answers, answer{c, result{err: err}})
		}
	}
	dismiss(m.flying)
	for _, calls := range m.split {
		dismiss(calls)
	}
	for _, owner := range m.turn {
		dismiss(m.waiting[owner])
	}
	if m.settling != nil {
		dismiss([]*call{m.settling})
	}
	m.flying, m.split, m.turn, m.settling, m.ops, m.bytes = nil, nil, nil, nil, 0, 0
	clear(m.waiting)
	clear(m.perOwner)
	return answers
}

// idle reports whether nothing waits and nothing is in flight.
func (m *machine) idle() bool {
	return m.flying == nil && len(m.split) == 0 && len(m.turn) == 0 && m.settling == nil
}
