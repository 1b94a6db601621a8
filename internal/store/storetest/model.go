package storetest

import (
	"errors"
	"sort"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Model is a plain, slow debit ledger of one project: maps and loops, no cache, no batches. It says what the engine
// and a store must answer. It shares no code with them but the words.
type Model struct {
	Packages map[taocan.PackageNumber]*ModelPackage
	Records  map[taocan.DebitID]*ModelRecord
	Last     time.Time // time of the last commit
}

// ModelPackage is a package as the model keeps it.
type ModelPackage struct {
	Number                    taocan.PackageNumber
	Category                  taocan.Category
	Purpose                   taocan.Purpose
	Country                   taocan.Country
	Purchased, Expires        time.Time
	Remaining, Reserved, Used taocan.Segments
}

// ModelRecord is a debit or reservation as the model keeps it.
type ModelRecord struct {
	Request     taocan.DebitRequest
	Allocations []taocan.Allocation
	State       taocan.DebitState
	Deadline    time.Time
	Settled     taocan.Segments
	ByDeadline  bool
}

// NewModel returns a model without packages.
func NewModel() *Model {
	return &Model{Packages: map[taocan.PackageNumber]*ModelPackage{}, Records: map[taocan.DebitID]*ModelRecord{}}
}

// At is the time that a commit gets when the clock shows now.
func (m *Model) At(now time.Time) time.Time {
	if now.After(m.Last) {
		return now
	}
	return m.Last.Add(time.Microsecond)
}

// Add makes a package known; its insertion is a commit.
func (m *Model) Add(p taocan.Package, at time.Time) {
	m.Packages[p.Number] = &ModelPackage{p.Number, p.Category, p.Purpose, p.Country, p.PurchasedAt, p.ExpiresAt, p.Remaining, p.Reserved, p.Used}
	m.Last = at
}

// ModelAnswer is what an operation must be answered.
type ModelAnswer struct {
	Record   *ModelRecord // nil when refused
	Replayed bool
	Err      error // a kind
	Asked    taocan.Segments
	Left     taocan.Segments // of a refusal for lack of quota
}

// Apply runs one operation when the clock shows now.
func (m *Model) Apply(op store.Op, now time.Time) ModelAnswer {
	at := m.At(now)
	r := m.Records[op.ID]
	if op.Kind == store.OpTake {
		return m.take(op, r, at)
	}
	if r == nil || r.Request.Kind != taocan.KindReservation {
		return ModelAnswer{Err: taocan.ErrNotFound}
	}
	late := !at.Before(r.Deadline)
	end := taocan.Released
	if r.Request.OnDeadline == taocan.CommitOnDeadline {
		end = taocan.Committed
	}
	switch op.Kind {
	case store.OpCommit:
		q := op.Quantity
		if q == 0 {
			q = r.Request.Quantity
		}
		if r.State == taocan.Committed && !r.ByDeadline {
			if r.Settled == q {
				return ModelAnswer{Record: r, Replayed: true}
			}
			return ModelAnswer{Err: taocan.ErrConflict}
		}
		if r.State != taocan.Reserved || late {
			return ModelAnswer{Err: taocan.ErrState}
		}
		if q > r.Request.Quantity {
			return ModelAnswer{Err: taocan.ErrInvalid}
		}
		return m.settle(r, q, taocan.Committed, false, at)
	case store.OpRelease:
		if r.State == taocan.Released {
			return ModelAnswer{Record: r, Replayed: true}
		}
		if r.State == taocan.Committed || late && end == taocan.Committed {
			return ModelAnswer{Err: taocan.ErrState}
		}
		return m.settle(r, 0, taocan.Released, late, at)
	case store.OpDeadline:
		if r.State != taocan.Reserved || !late {
			return ModelAnswer{Record: r, Replayed: true}
		}
		if end == taocan.Committed {
			return m.settle(r, r.Request.Quantity, end, true, at)
		}
		return m.settle(r, 0, end, true, at)
	}
	panic("unknown operation")
}

func (m *Model) take(op store.Op, r *ModelRecord, at time.Time) ModelAnswer {
	if r != nil {
		if r.Request != op.Request {
			return ModelAnswer{Err: taocan.ErrConflict}
		}
		return ModelAnswer{Record: r, Replayed: true}
	}
	var usable []*ModelPackage
	var left taocan.Segments
	for _, p := range m.Packages {
		fits := p.Purpose == op.Request.Purpose || p.Purpose == taocan.General
		if fits && p.Category == op.Request.Category && p.Country == op.Request.Country && at.Before(p.Expires) && p.Remaining > 0 {
			usable = append(usable, p)
			left += p.Remaining
		}
	}
	if left < op.Request.Quantity {
		return ModelAnswer{Err: taocan.ErrInsufficientQuota, Asked: op.Request.Quantity, Left: left}
	}
	sort.Slice(usable, func(i, j int) bool {
		a, b := usable[i], usable[j]
		if exactA, exactB := a.Purpose == op.Request.Purpose, b.Purpose == op.Request.Purpose; exactA != exactB {
			return exactA
		}
		if !a.Expires.Equal(b.Expires) {
			return a.Expires.Before(b.Expires)
		}
		if !a.Purchased.Equal(b.Purchased) {
			return a.Purchased.Before(b.Purchased)
		}
		return a.Number < b.Number
	})
	n := &ModelRecord{Request: op.Request, State: taocan.Committed}
	missing := op.Request.Quantity
	for _, p := range usable {
		if missing == 0 {
			break
		}
		q := min(missing, p.Remaining)
		missing -= q
		n.Allocations = append(n.Allocations, taocan.Allocation{Package: p.Number, Quantity: q})
	}
	if op.DryRun {
		n.State = taocan.DryRun
		return ModelAnswer{Record: n}
	}
	for _, a := range n.Allocations {
		p := m.Packages[a.Package]
		p.Remaining -= a.Quantity
		if op.Request.Kind == taocan.KindReservation {
			p.Reserved += a.Quantity
		} else {
			p.Used += a.Quantity
		}
	}
	if op.Request.Kind == taocan.KindReservation {
		n.State, n.Deadline = taocan.Reserved, at.Add(op.Request.TTL)
	}
	m.Records[op.ID] = n
	m.Last = at
	return ModelAnswer{Record: n}
}

func (m *Model) settle(r *ModelRecord, used taocan.Segments, state taocan.DebitState, byDeadline bool, at time.Time) ModelAnswer {
	r.State, r.Settled, r.ByDeadline = state, used, byDeadline
	for _, a := range r.Allocations {
		p := m.Packages[a.Package]
		q := min(used, a.Quantity)
		used -= q
		p.Reserved -= a.Quantity
		p.Used += q
		p.Remaining += a.Quantity - q
	}
	m.Last = at
	return ModelAnswer{Record: r}
}

// Differs says how an outcome is not what the model says, or "".
func (a ModelAnswer) Differs(o store.Outcome) string {
	if a.Err != nil || o.Err != nil {
		if !errors.Is(o.Err, a.Err) || a.Err == nil {
			return "error " + errText(o.Err) + ", the model says " + errText(a.Err)
		}
		var q *taocan.QuotaError
		if errors.As(o.Err, &q) && (q.Requested != a.Asked || q.Available != a.Left) {
			return "refusal " + q.Error() + " differs from the model"
		}
		return ""
	}
	d := o.Debit
	switch {
	case d.DebitRequest != a.Record.Request:
		return "another request than the model's"
	case d.State != a.Record.State:
		return "state " + string(d.State) + ", the model says " + string(a.Record.State)
	case o.Replayed != a.Replayed:
		return "replayed differs from the model"
	case d.Settled != a.Record.Settled || d.ByDeadline != a.Record.ByDeadline:
		return "settled differently from the model"
	case !d.Deadline.Equal(a.Record.Deadline):
		return "deadline " + d.Deadline.String() + ", the model says " + a.Record.Deadline.String()
	case len(d.Allocations) != len(a.Record.Allocations):
		return "other allocations than the model's"
	}
	for i := range d.Allocations {
		if d.Allocations[i] != a.Record.Allocations[i] {
			return "other allocations than the model's"
		}
	}
	return ""
}

func errText(err error) string {
	if err == nil {
		return "none"
	}
	return err.Error()
}
