package rest

import (
	"errors"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"taocan/internal/edge"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// DebitRequest asks for messages under the caller's own id.
type DebitRequest struct {
	ID        string `json:"id" doc:"Your own id, 1–128 bytes of visible ASCII, unique in the project. The same id and content again gets the first answer" example:"m-1"`
	Category  string `json:"category" doc:"domestic or international" example:"domestic"`
	Purpose   string `json:"purpose,omitempty" doc:"verification, marketing or general; international defaults to general" example:"marketing"`
	Country   string `json:"country,omitempty" doc:"ISO code; needed for international, refused for domestic"`
	Quantity  int64  `json:"quantity" doc:"1–1,000,000,000 segments" example:"3"`
	Reference string `json:"reference,omitempty" doc:"Yours to choose, at most 128 bytes of visible ASCII"`
	DryRun    bool   `json:"dry_run,omitempty" doc:"Say what would happen, take nothing"`
}

// ReservationRequest takes messages out of what remains until they are committed or released.
type ReservationRequest struct {
	DebitRequest
	TTLSeconds *int64 `json:"ttl_seconds,omitempty" doc:"Until its deadline: default 72 h, at most 30 days"`
	OnDeadline string `json:"on_deadline,omitempty" doc:"What becomes of it if nobody settles it: release (default) or commit"`
}

// DebitBatch holds up to 10,000 debits. Each stands alone.
type DebitBatch struct {
	Debits []DebitRequest `json:"debits" minItems:"1" maxItems:"10000"`
}

// ReservationBatch holds up to 10,000 reservations. Each stands alone.
type ReservationBatch struct {
	Reservations []ReservationRequest `json:"reservations" minItems:"1" maxItems:"10000"`
}

// Settlement ends one reservation.
type Settlement struct {
	ID       string `json:"id" doc:"Of the reservation"`
	Action   string `json:"action" doc:"commit or release"`
	Quantity *int64 `json:"quantity,omitempty" doc:"commit: how many became used, the rest returns; default all"`
}

// SettlementBatch ends up to 10,000 reservations. Each stands alone.
type SettlementBatch struct {
	Settlements []Settlement `json:"settlements" minItems:"1" maxItems:"10000"`
}

// maxBatch bounds one batch.
const maxBatch = 10_000

// The decoder accepts exactly the bodies that have the declared types and no other fields. Fields that are missing
// and values that break a rule are not its matter: the engine names them, per item of a batch.

// debitDecoder reads the bodies of the hot calls.
type debitDecoder struct{ *edge.JSON }

var (
	errUnknownField = errors.New("unknown field")
	errTwice        = errors.New("a field is given twice")
	errNull         = errors.New("null where a value is required")
	errTooMany      = errors.New("too many items")
	errNone         = errors.New("no items")
)

// once notes a field by its bit and refuses it the second time.
func (d debitDecoder) once(seen *uint16, bit uint16) {
	if *seen&bit != 0 {
		d.Refuse(errTwice)
	}
	*seen |= bit
}

// optional reads a string; null counts as left out.
func (d debitDecoder) optional() string {
	if d.Null() {
		return ""
	}
	return d.Word()
}

func (d debitDecoder) required() string {
	if d.Peek() == 'n' {
		d.Refuse(errNull)
	}
	return d.Word()
}

// take reads a debit, or a reservation, into an operation.
func (d debitDecoder) take(op *store.Op, kind taocan.DebitKind) {
	op.Kind = store.OpTake
	r := &op.Request
	r.Kind = kind
	var seen uint16
	d.Object(func(key []byte) {
		switch string(key) {
		case "id":
			d.once(&seen, 1<<0)
			r.ID = taocan.DebitID(d.required())
		case "category":
			d.once(&seen, 1<<1)
			r.Category = taocan.Category(d.required())
		case "purpose":
			d.once(&seen, 1<<2)
			r.Purpose = taocan.Purpose(d.optional())
		case "country":
			d.once(&seen, 1<<3)
			r.Country = taocan.Country(d.optional())
		case "quantity":
			d.once(&seen, 1<<4)
			r.Quantity = taocan.Segments(d.Int())
		case "reference":
			d.once(&seen, 1<<5)
			r.Reference = d.optional()
		case "dry_run":
			d.once(&seen, 1<<6)
			op.DryRun = !d.Null() && d.Bool()
		case "ttl_seconds":
			d.once(&seen, 1<<7)
			if !d.Null() {
				r.TTL = ttl(d.Int())
			}
			d.onlyReservations(kind)
		case "on_deadline":
			d.once(&seen, 1<<8)
			r.OnDeadline = taocan.OnDeadline(d.optional())
			d.onlyReservations(kind)
		default:
			d.Refuse(errUnknownField)
		}
	})
	op.ID = r.ID
}

func (d debitDecoder) onlyReservations(kind taocan.DebitKind) {
	if kind != taocan.KindReservation {
		d.Refuse(errUnknownField)
	}
}

// ttl is never the 0 that means the default: a caller that says 0 is refused by the engine's rule.
func ttl(seconds int64) time.Duration {
	if most := int64(taocan.MaxTTL/time.Second) + 1; seconds > most {
		seconds = most
	}
	if seconds < 1 {
		return -1
	}
	return time.Duration(seconds) * time.Second
}

// settlement reads one item of a settle-batch. What breaks a rule is left in bad.
func (d debitDecoder) settlement(op *store.Op) (bad error) {
	var seen uint16
	var action string
	quantity, given := int64(0), false
	d.Object(func(key []byte) {
		switch string(key) {
		case "id":
			d.once(&seen, 1<<0)
			op.ID = taocan.DebitID(d.required())
		case "action":
			d.once(&seen, 1<<1)
			action = d.required()
		case "quantity":
			d.once(&seen, 1<<2)
			if given = !d.Null(); given {
				quantity = d.Int()
			}
		default:
			d.Refuse(errUnknownField)
		}
	})
	return settle(op, action, quantity, given)
}

// settle makes an operation of what a caller says about a reservation.
func settle(op *store.Op, action string, quantity int64, given bool) error {
	switch action {
	case "commit":
		op.Kind = store.OpCommit
		if given && quantity < 1 { // the engine's 0 means all
			return taocan.Invalid("body.quantity", "must be at least 1", quantity)
		}
		op.Quantity = taocan.Segments(quantity)
	case "release":
		op.Kind = store.OpRelease
		if given {
			return taocan.Invalid("body.quantity", "goes with commit only", quantity)
		}
	default:
		return taocan.Invalid("body.action", "must be commit or release", action)
	}
	return nil
}

// batchBody reads {"name":[item, …]}.
func (d debitDecoder) batchBody(name string, item func()) {
	var seen uint16
	n := 0
	d.Object(func(key []byte) {
		if string(key) != name {
			d.Refuse(errUnknownField)
			return
		}
		d.once(&seen, 1)
		d.Array(func() {
			if n++; n > maxBatch {
				d.Refuse(errTooMany)
				return
			}
			item()
		})
	})
	d.End()
	if n == 0 {
		d.Refuse(errNone)
	}
}

// decodeTake reads the body of POST /debits or /reservations.
func decodeTake(b []byte, kind taocan.DebitKind) (store.Op, error) {
	d := debitDecoder{edge.NewJSON(b)}
	var op store.Op
	d.take(&op, kind)
	d.End()
	return op, d.Err
}

// decodeTakes reads the body of a batch of either.
func decodeTakes(b []byte, kind taocan.DebitKind) ([]store.Op, error) {
	d := debitDecoder{edge.NewJSON(b)}
	name := "debits"
	if kind == taocan.KindReservation {
		name = "reservations"
	}
	ops := make([]store.Op, 0, min(len(b)/64+1, maxBatch))
	d.batchBody(name, func() {
		ops = append(ops, store.Op{})
		d.take(&ops[len(ops)-1], kind)
	})
	return ops, d.Err
}

// decodeSettlements reads the body of settle-batch. bad holds an error for each item that breaks a rule.
func decodeSettlements(b []byte) (ops []store.Op, bad []error, err error) {
	d := debitDecoder{edge.NewJSON(b)}
	d.batchBody("settlements", func() {
		ops = append(ops, store.Op{})
		bad = append(bad, d.settlement(&ops[len(ops)-1]))
	})
	return ops, bad, d.Err
}

// debitSchemas are the declared bodies of the hot calls.
type debitSchemas struct {
	registry                                           huma.Registry
	debit, debits, reservation, reservations, settling *huma.Schema
}

func newDebitSchemas(registry huma.Registry) debitSchemas {
	of := func(t reflect.Type) *huma.Schema { return registry.Schema(t, true, "") }
	return debitSchemas{registry, of(reflect.TypeFor[DebitRequest]()), of(reflect.TypeFor[DebitBatch]()),
		of(reflect.TypeFor[ReservationRequest]()), of(reflect.TypeFor[ReservationBatch]()), of(reflect.TypeFor[SettlementBatch]())}
}

// refusal says why the decoder has refused a body, in the words of the declared schema. A required field that is
// missing is named too, since the whole request is refused anyway.
func (s debitSchemas) refusal(schema *huma.Schema, body []byte, found error) *edge.Problem {
	if len(body) == 0 {
		return edge.ProblemAt(http.StatusBadRequest, "request body is required")
	}
	v, bad := edge.Decode(body)
	if bad != nil {
		return bad
	}
	if errs := s.validate(schema, v); len(errs) > 0 {
		return newError(http.StatusUnprocessableEntity, "", errs...).(*problem).Problem
	}
	// Never seen: a test holds the decoder and the schema to each other.
	return edge.ProblemOf(taocan.Invalid("body", found.Error(), nil))
}

func (s debitSchemas) validate(schema *huma.Schema, v any) []error {
	path := huma.NewPathBuffer(nil, 0)
	path.Push("body")
	var res huma.ValidateResult
	huma.Validate(s.registry, schema, path, huma.ModeWriteToServer, v, &res)
	return res.Errors
}
