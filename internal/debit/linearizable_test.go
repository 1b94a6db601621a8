package debit_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// What a caller asked and was told, as porcupine checks it. The state is what is left of one package and what is
// recorded under each id.
type (
	askedOf struct {
		kind store.OpKind
		id   string
		q    taocan.Segments
		hold bool
	}
	toldOf struct {
		err      error // a kind
		state    taocan.DebitState
		replayed bool
		left     taocan.Segments // of a refusal
	}
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

const packageSize = 60

var debitModel = porcupine.Model{
	Init: func() any { return ledger{packageSize, map[string]record{}} },
	Step: func(state, input, output any) (bool, any) {
		told := output.(toldOf)
		want, next := nextLedger(state.(ledger), input.(askedOf))
		ok := want.state == told.state && want.replayed == told.replayed && want.left == told.left && errors.Is(told.err, want.err)
		return ok, next
	},
	Equal:             func(a, b any) bool { return fmt.Sprint(a) == fmt.Sprint(b) },
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v → %+v", input, output) },
}

// nextLedger is the specification: one call at a time.
func nextLedger(l ledger, in askedOf) (toldOf, ledger) {
	r, known := l.records[in.id]
	switch {
	case in.kind == store.OpTake && known && r.q == in.q && r.hold == in.hold:
		return toldOf{state: r.state, replayed: true}, l
	case in.kind == store.OpTake && known:
		return toldOf{err: taocan.ErrConflict}, l
	case in.kind == store.OpTake && in.q > l.remaining:
		return toldOf{err: taocan.ErrInsufficientQuota, left: l.remaining}, l
	case in.kind == store.OpTake:
		state := taocan.Committed
		if in.hold {
			state = taocan.Reserved
		}
		return toldOf{state: state}, l.with(in.id, record{in.q, 0, in.hold, state}, -in.q)
	case !known || !r.hold:
		return toldOf{err: taocan.ErrNotFound}, l
	case in.kind == store.OpCommit && r.state == taocan.Committed && r.settled == in.q:
		return toldOf{state: r.state, replayed: true}, l
	case in.kind == store.OpCommit && r.state == taocan.Committed:
		return toldOf{err: taocan.ErrConflict}, l
	case in.kind == store.OpRelease && r.state == taocan.Released:
		return toldOf{state: r.state, replayed: true}, l
	case r.state != taocan.Reserved:
		return toldOf{err: taocan.ErrState}, l
	case in.kind == store.OpCommit && in.q > r.q:
		return toldOf{err: taocan.ErrInvalid}, l
	case in.kind == store.OpCommit:
		return toldOf{state: taocan.Committed}, l.with(in.id, record{r.q, in.q, true, taocan.Committed}, r.q-in.q)
	}
	return toldOf{state: taocan.Released}, l.with(in.id, record{r.q, 0, true, taocan.Released}, r.q)
}

// Histories of concurrent calls on one project are linearizable: there is an order of the calls, true to their
// times, in which one caller at a time would have been told the same.
func TestHistoriesAreLinearizable(t *testing.T) {
	histories := 40
	if os.Getenv("TAOCAN_SOAK") != "" {
		histories = 2000
	}
	for n := range histories {
		b := newBench(t)
		b.grant(domestic(1, taocan.Marketing, packageSize, begin.AddDate(0, 1, 0)))
		history := concurrentHistory(t, b, uint64(n))
		if result := porcupine.CheckOperationsTimeout(debitModel, history, time.Minute); result != porcupine.Ok {
			t.Fatalf("history %d is %s", n, result)
		}
		b.verify()
		if t.Failed() {
			return
		}
	}
}

func concurrentHistory(t *testing.T, b *bench, seed uint64) []porcupine.Operation {
	var mu sync.Mutex
	var history []porcupine.Operation
	started := time.Now()
	var callers sync.WaitGroup
	for c := range 8 {
		callers.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(c)))
			for range 40 {
				in := askedOf{store.OpTake, fmt.Sprintf("m-%d", random.IntN(60)), taocan.Segments(1 + random.IntN(3)), random.IntN(2) == 0}
				if random.IntN(5) > 2 {
					in.kind = []store.OpKind{store.OpCommit, store.OpRelease}[random.IntN(2)]
				}
				op := take(in.id, taocan.Marketing, in.q)
				switch {
				case in.kind != store.OpTake:
					op = settle(in.kind, in.id, in.q)
				case in.hold:
					op = reserve(in.id, taocan.Marketing, in.q, time.Hour)
				}
				call := time.Since(started)
				outcomes, err := b.engine.Do(t.Context(), []store.Op{op})
				end := time.Since(started)
				if err != nil {
					t.Errorf("do: %v", err)
					return
				}
				mu.Lock()
				history = append(history, porcupine.Operation{ClientId: c, Input: in, Output: toldBy(outcomes[0]), Call: int64(call), Return: int64(end)})
				mu.Unlock()
			}
		})
	}
	callers.Wait()
	return history
}

func toldBy(o store.Outcome) toldOf {
	if o.Err != nil {
		told := toldOf{err: o.Err}
		var q *taocan.QuotaError
		if errors.As(o.Err, &q) {
			told.left = q.Available
		}
		return told
	}
	return toldOf{state: o.Debit.State, replayed: o.Replayed}
}
