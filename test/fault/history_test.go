package fault

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"taocan/internal/taocan"
)

// What stands recorded, as porcupine checks it: what is left of one package, and each id's record.
type (
	record struct {
		q, settled taocan.Segments
		hold       bool
		state      taocan.DebitState
	}
	ledger struct {
		remaining taocan.Segments
		records   map[string]record
	}
)

func (l ledger) with(id string, r record, change taocan.Segments) ledger {
	next := ledger{l.remaining + change, make(map[string]record, len(l.records)+1)}
	for k, v := range l.records {
		next.records[k] = v
	}
	next.records[id] = r
	return next
}

const historyPackage = 30

var historyModel = porcupine.Model{
	Init: func() any { return ledger{historyPackage, map[string]record{}} },
	Step: func(state, input, output any) (bool, any) {
		told := output.(said)
		want, next := state.(ledger).after(input.(call))
		if told.Err == unavailable { // it may have been done at any time from then on, or never: that is as if at the end
			return true, next
		}
		return want.Err == told.Err && want.State == told.State && want.Replayed == told.Replayed && want.Left == told.Left, next
	},
	Equal:             func(a, b any) bool { return fmt.Sprint(a) == fmt.Sprint(b) },
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v → %+v", input, output) },
}

// after is the specification: one call at a time.
func (l ledger) after(c call) (said, ledger) {
	r, known := l.records[c.ID]
	take, hold := c.Do == doDebit || c.Do == doReserve, c.Do == doReserve
	switch {
	case take && known && r.q == c.Quantity && r.hold == hold:
		return said{State: r.state, Replayed: true}, l
	case take && known:
		return said{Err: "idempotency_conflict"}, l
	case take && c.Quantity > l.remaining:
		return said{Err: "insufficient_quota", Left: l.remaining}, l
	case take:
		state := taocan.Committed
		if hold {
			state = taocan.Reserved
		}
		return said{State: state}, l.with(c.ID, record{c.Quantity, 0, hold, state}, -c.Quantity)
	case !known || !r.hold:
		return said{Err: "not_found"}, l
	case c.Do == doCommit && r.state == taocan.Committed && r.settled == c.Quantity:
		return said{State: r.state, Replayed: true}, l
	case c.Do == doCommit && r.state == taocan.Committed:
		return said{Err: "idempotency_conflict"}, l
	case c.Do == doRelease && r.state == taocan.Released:
		return said{State: r.state, Replayed: true}, l
	case r.state != taocan.Reserved:
		return said{Err: "reservation_not_open"}, l
	case c.Do == doCommit && c.Quantity > r.q:
		return said{Err: "invalid_request"}, l
	case c.Do == doCommit:
		return said{State: taocan.Committed}, l.with(c.ID, record{r.q, c.Quantity, true, taocan.Committed}, r.q-c.Quantity)
	}
	return said{State: taocan.Released}, l.with(c.ID, record{r.q, 0, true, taocan.Released}, r.q)
}

// histories counts what porcupine found out.
type histories struct{ linearizable, undecided, calls, unknown atomic.Int64 }

func (h *histories) String() string {
	return fmt.Sprintf("%d histories are linearizable, %d could not be decided; %d calls, %d of them with unknown outcome",
		h.linearizable.Load(), h.undecided.Load(), h.calls.Load(), h.unknown.Load())
}

// history has 6 callers ask 16 things each of two processes, about few ids of an account of their own, and has what they were
// told checked.
func history(t *testing.T, steady, killed place, account string, seed uint64, h *histories) {
	of := call{Account: taocan.AccountID(account), Project: taocan.ProjectID(account)}
	open, grant := of, of
	open.Do = doOpen
	grant.Do, grant.ID, grant.Quantity, grant.Life = doGrant, "all-"+account, historyPackage, 24*time.Hour
	for _, c := range []call{open, grant} {
		if a := steady.ask(c)[0]; a.Err != "" {
			t.Errorf("history %d: %+v: %+v", seed, c, a)
			return
		}
	}
	var mu sync.Mutex
	var all []porcupine.Operation
	started := time.Now()
	unknown := 0
	var callers sync.WaitGroup
	for caller := range 6 {
		callers.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(caller)))
			for range 16 {
				c := of
				c.Do = [...]string{doDebit, doDebit, doReserve, doReserve, doCommit, doRelease}[random.IntN(6)]
				c.ID, c.Quantity = fmt.Sprintf("m-%d", random.IntN(24)), taocan.Segments(1+random.IntN(3))
				if c.Do == doReserve {
					c.TTL = time.Hour
				}
				w := [...]place{steady, killed}[random.IntN(2)]
				if !w.wait(context.Background()) {
					return
				}
				asked := time.Since(started)
				answer := w.ask(c)[0]
				returned := int64(time.Since(started))
				mu.Lock()
				if answer.Err == unavailable {
					returned, unknown = math.MaxInt64, unknown+1
				}
				all = append(all, porcupine.Operation{ClientId: caller, Input: c, Output: answer, Call: int64(asked), Return: returned})
				mu.Unlock()
			}
		})
	}
	callers.Wait()
	h.calls.Add(int64(len(all)))
	h.unknown.Add(int64(unknown))
	// With many that may have been done at any time, more orders are possible than can be tried: that shows nothing.
	switch porcupine.CheckOperationsTimeout(historyModel, all, 2*time.Second) {
	case porcupine.Ok:
		h.linearizable.Add(1)
	case porcupine.Illegal:
		t.Errorf("history %d of %d calls, %d of them with unknown outcome, is not linearizable", seed, len(all), unknown)
	default:
		h.undecided.Add(1)
	}
}
