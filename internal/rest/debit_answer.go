package rest

import (
	"strconv"
	"time"

	"taocan/internal/edge"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Allocation is how many messages one package gave.
type Allocation struct {
	Package  string `json:"package" example:"U1B19042914D4FE7"`
	Quantity int64  `json:"quantity"`
}

// Debit answers a debit or a reservation in its present state.
type Debit struct {
	ID          string       `json:"id" example:"m-1"`
	State       string       `json:"state" enum:"committed,reserved,released,dry_run"`
	Quantity    int64        `json:"quantity" doc:"As asked for"`
	Allocations []Allocation `json:"allocations" doc:"As first taken, in the order of use"`
	At          time.Time    `json:"at" doc:"When it was taken"`
	Settling
	Overflow *Overflow `json:"overflow,omitempty" doc:"What packages did not hold and the wallet pays for"`
	Replayed bool      `json:"replayed" doc:"The id was known: nothing more was taken"`
}

// Overflow is the part of a debit that the wallet pays for.
type Overflow struct {
	Quantity  int64  `json:"quantity"`
	UnitPrice string `json:"unit_price" example:"0.050"`
}

func toOverflow(d *taocan.Debit) *Overflow {
	if d.Overflow == 0 {
		return nil
	}
	return &Overflow{int64(d.Overflow), d.OverflowPrice.String()}
}

// Settling is what only reservations have.
type Settling struct {
	Deadline   *time.Time `json:"deadline,omitempty" doc:"Reservations"`
	OnDeadline string     `json:"on_deadline,omitempty" enum:"release,commit" doc:"Reservations"`
	Committed  *int64     `json:"committed,omitempty" doc:"Settled reservations: how many became used"`
	Returned   *int64     `json:"returned,omitempty" doc:"Settled reservations: how many went back"`
	SettledAt  *time.Time `json:"settled_at,omitempty" doc:"Settled reservations"`
	ByDeadline bool       `json:"by_deadline,omitempty" doc:"Settled by its deadline, not by a call"`
}

// BatchResult answers one item of a batch: a debit, or the refusal of it.
type BatchResult struct {
	_      struct{} `json:"-" additionalProperties:"true"`
	ID     string   `json:"id"`
	Status int      `json:"status" doc:"What the single call would have been answered with" example:"201"`
	Debit  *Debit   `json:"debit,omitempty"`
	Code   string   `json:"code,omitempty" doc:"Refused items, with the fields that the code adds" example:"insufficient_quota"`
	Detail string   `json:"detail,omitempty"`
}

// BatchResults are in the order of the request.
type BatchResults struct {
	Results []BatchResult `json:"results"`
}

func (a *api) toSettling(d *taocan.Debit) Settling {
	if d.Kind != taocan.KindReservation || d.State == taocan.DryRun {
		return Settling{}
	}
	deadline := a.local(d.Deadline)
	s := Settling{Deadline: &deadline, OnDeadline: string(d.OnDeadline)}
	if !d.Open() {
		committed, returned := int64(d.Settled), int64(d.Quantity-d.Settled)
		s.Committed, s.Returned, s.SettledAt, s.ByDeadline = &committed, &returned, a.localOrNil(d.SettledAt), d.ByDeadline
	}
	return s
}

func toAllocations(list []taocan.Allocation) []Allocation {
	return converted(list, func(x taocan.Allocation) Allocation { return Allocation{string(x.Package), int64(x.Quantity)} })
}

func (a *api) toDebit(d *taocan.Debit, replayed bool) Debit {
	return Debit{ID: string(d.ID), State: string(d.State), Quantity: int64(d.Quantity), Allocations: toAllocations(d.Allocations),
		At: a.local(d.At), Settling: a.toSettling(d), Overflow: toOverflow(d), Replayed: replayed}
}

// appendDebit writes what toDebit would encode to.
func (a *api) appendDebit(b []byte, d *taocan.Debit, replayed bool) []byte {
	b = append(b, `{"id":`...)
	b = edge.AppendString(b, string(d.ID))
	b = append(b, `,"state":"`...)
	b = append(b, d.State...)
	b = append(b, `","quantity":`...)
	b = strconv.AppendInt(b, int64(d.Quantity), 10)
	b = append(b, `,"allocations":[`...)
	for i, x := range d.Allocations {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"package":"`...)
		b = append(b, x.Package...)
		b = append(b, `","quantity":`...)
		b = strconv.AppendInt(b, int64(x.Quantity), 10)
		b = append(b, '}')
	}
	b = append(b, `],"at":`...)
	b = a.appendTime(b, d.At)
	if d.Kind == taocan.KindReservation && d.State != taocan.DryRun {
		b = append(b, `,"deadline":`...)
		b = a.appendTime(b, d.Deadline)
		b = append(b, `,"on_deadline":"`...)
		b = append(b, d.OnDeadline...)
		b = append(b, '"')
		if !d.Open() {
			b = append(b, `,"committed":`...)
			b = strconv.AppendInt(b, int64(d.Settled), 10)
			b = append(b, `,"returned":`...)
			b = strconv.AppendInt(b, int64(d.Quantity-d.Settled), 10)
			b = append(b, `,"settled_at":`...)
			b = a.appendTime(b, d.SettledAt)
			if d.ByDeadline {
				b = append(b, `,"by_deadline":true`...)
			}
		}
	}
	if x := toOverflow(d); x != nil {
		b = append(b, `,"overflow":{"quantity":`...)
		b = strconv.AppendInt(b, x.Quantity, 10)
		b = append(b, `,"unit_price":"`...)
		b = append(b, x.UnitPrice...)
		b = append(b, `"}`...)
	}
	if replayed {
		return append(b, `,"replayed":true}`...)
	}
	return append(b, `,"replayed":false}`...)
}

func (a *api) appendTime(b []byte, t time.Time) []byte {
	b = append(b, '"')
	b = t.In(a.Zone).AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}

// statusOf is what an outcome that is no error is answered with.
func statusOf(op *store.Op, o *store.Outcome) int {
	if op.Kind == store.OpTake && !o.Replayed && !op.DryRun {
		return 201
	}
	return 200
}
