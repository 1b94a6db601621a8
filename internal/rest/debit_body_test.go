package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"taocan/internal/edge"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// schemas are made when first asked for: after init has set what huma makes them by.
var schemas = sync.OnceValue(func() debitSchemas {
	return newDebitSchemas(huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer))
})

// form is one of the hot bodies: its decoder, its schema, and how encoding/json would read it.
type form struct {
	name   string
	schema func(debitSchemas) *huma.Schema
	decode func([]byte) ([]store.Op, error)
	std    func([]byte) ([]store.Op, error)
}

func strictly[T any](b []byte, ops func(T) []store.Op) ([]store.Op, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var v T
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return ops(v), nil
}

func (r DebitRequest) op(kind taocan.DebitKind) store.Op {
	return store.Op{Kind: store.OpTake, ID: taocan.DebitID(r.ID), DryRun: r.DryRun, Request: taocan.DebitRequest{Kind: kind,
		ID: taocan.DebitID(r.ID), Category: taocan.Category(r.Category), Purpose: taocan.Purpose(r.Purpose), Country: taocan.Country(r.Country),
		Quantity: taocan.Segments(r.Quantity), Reference: r.Reference}}
}

func debitOp(r DebitRequest) store.Op { return r.op(taocan.KindDebit) }

func reservationOp(r ReservationRequest) store.Op {
	op := r.op(taocan.KindReservation)
	op.Request.OnDeadline = taocan.OnDeadline(r.OnDeadline)
	if r.TTLSeconds != nil {
		op.Request.TTL = ttl(*r.TTLSeconds)
	}
	return op
}

func settlementOp(s Settlement) store.Op {
	op := store.Op{ID: taocan.DebitID(s.ID)}
	var q int64
	if s.Quantity != nil {
		q = *s.Quantity
	}
	_ = settle(&op, s.Action, q, s.Quantity != nil)
	return op
}

func one(op store.Op, err error) ([]store.Op, error) { return []store.Op{op}, err }

var forms = []form{
	{"debit", func(s debitSchemas) *huma.Schema { return s.debit }, func(b []byte) ([]store.Op, error) { return one(decodeTake(b, taocan.KindDebit)) },
		func(b []byte) ([]store.Op, error) {
			return strictly(b, func(r DebitRequest) []store.Op { return []store.Op{debitOp(r)} })
		}},
	{"reservation", func(s debitSchemas) *huma.Schema { return s.reservation }, func(b []byte) ([]store.Op, error) { return one(decodeTake(b, taocan.KindReservation)) },
		func(b []byte) ([]store.Op, error) {
			return strictly(b, func(r ReservationRequest) []store.Op { return []store.Op{reservationOp(r)} })
		}},
	{"debits", func(s debitSchemas) *huma.Schema { return s.debits }, func(b []byte) ([]store.Op, error) { return decodeTakes(b, taocan.KindDebit) },
		func(b []byte) ([]store.Op, error) {
			return strictly(b, func(r DebitBatch) []store.Op { return converted(r.Debits, debitOp) })
		}},
	{"reservations", func(s debitSchemas) *huma.Schema { return s.reservations }, func(b []byte) ([]store.Op, error) { return decodeTakes(b, taocan.KindReservation) },
		func(b []byte) ([]store.Op, error) {
			return strictly(b, func(r ReservationBatch) []store.Op { return converted(r.Reservations, reservationOp) })
		}},
	{"settlements", func(s debitSchemas) *huma.Schema { return s.settling }, func(b []byte) ([]store.Op, error) { ops, _, err := decodeSettlements(b); return ops, err },
		func(b []byte) ([]store.Op, error) {
			return strictly(b, func(r SettlementBatch) []store.Op { return converted(r.Settlements, settlementOp) })
		}},
}

// agree holds a decoder to its schema and to encoding/json for one body.
func (f form) agree(t *testing.T, body []byte) {
	t.Helper()
	got, err := f.decode(body)
	var wrong []error // by the schema, but for missing fields, which the engine names per item
	v, bad := edge.Decode(body)
	if bad == nil {
		wrong = slices.DeleteFunc(schemas().validate(f.schema(schemas()), v), func(err error) bool {
			return strings.Contains(err.Error(), "expected required property") && !strings.Contains(err.Error(), "property debits") &&
				!strings.Contains(err.Error(), "property reservations") && !strings.Contains(err.Error(), "property settlements")
		})
	}
	if refused := bad != nil || len(wrong) > 0; refused != (err != nil) {
		t.Fatalf("%s %.300q:\ndecoder says %v, JSON says %v, schema says %v", f.name, body, err, bad, wrong)
	}
	if err != nil {
		if p := schemas().refusal(f.schema(schemas()), body, err); p.Status != 400 && (p.Status != 422 || len(p.Errors) == 0 || p.Errors[0].Location == "body" && p.Errors[0].Message == err.Error()) {
			t.Fatalf("%s %.300q: %v is explained by %+v, want the schema's words", f.name, body, err, p)
		}
		return
	}
	want, err := f.std(body)
	if err != nil {
		t.Fatalf("%s %.300q: accepted, but encoding/json says %v", f.name, body, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s %.300q (-encoding/json +decoder):\n%s", f.name, body, diff)
	}
}

// pieces are values to be tried at every field.
var pieces = []string{`"m-1"`, `"domestic"`, `"x\u0041\n\"\/"`, `"中文\ud83d\ude00"`, `""`, `1`, `0`, `-1`, `-0`, `1.5`, `1e3`, `01`, `+1`, `-`, `9223372036854775807`, `9223372036854775808`,
	`NaN`, `true`, `false`, `null`, `[]`, `{}`, `"\ud800"`, `"\x"`, "\"\xff\"", "\"\x01\"", `tru`, `nulll`, ``, `"unclosed`}

func fieldNames(t reflect.Type) []string {
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			names = append(names, name)
		}
	}
	return names
}

func TestDebitDecoderAgreesWithItsSchema(t *testing.T) {
	base := map[string]string{"id": `"a"`, "category": `"domestic"`, "quantity": `3`}
	write := func(m map[string]string, more string) string {
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(m)) {
			parts = append(parts, fmt.Sprintf("%q : %s", k, m[k]))
		}
		return "{" + strings.Join(parts, " ,\n") + more + "}"
	}
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			wrap, item, start := "%s", reflect.TypeFor[ReservationRequest](), base
			switch f.name {
			case "debits", "reservations", "settlements":
				wrap = `{"` + f.name + `":[%s]}`
			}
			if f.name == "settlements" {
				item, start = reflect.TypeFor[Settlement](), map[string]string{"id": `"a"`, "action": `"commit"`}
			}
			check := func(body string) { t.Helper(); f.agree(t, []byte(body)) }
			in := func(object string) { t.Helper(); check(fmt.Sprintf(wrap, object)) }
			in(write(start, ""))
			for _, name := range fieldNames(item) {
				for _, piece := range pieces {
					m := maps.Clone(start)
					m[name] = piece
					in(write(m, ""))
					in(write(start, fmt.Sprintf(`,"%s":%s`, strings.ToUpper(name), piece)))
				}
				m := maps.Clone(start)
				delete(m, name)
				in(write(m, ""))
				in(write(start, fmt.Sprintf(`,"%s":null,"%s":null`, name, name)))
				in(write(start, fmt.Sprintf(`,"\u%04x%s":1,"%s":1`, name[0], name[1:], name))) // an escaped name is the same name
			}
			in(write(start, `,"surprise":1`))
			in(write(start, ",") + "x")
			for _, body := range []string{"", " ", "null", "[]", "{}", "{", "}", `{"debits":[]}`, `{"debits":{}}`, `{"debits":null}`, `{"debits":[],"debits":[]}`,
				`{"reservations":[1]}`, `{"settlements":[null]}`, `{"debits":[{}],"x":1}`, "\ufeff{}", "{}{}", "{} x", strings.Repeat("[", 100)} {
				check(body)
			}
			if wrap != "%s" {
				object := write(start, "")
				check(fmt.Sprintf(wrap, strings.TrimSuffix(strings.Repeat(object+",", maxBatch), ",")))
				check(fmt.Sprintf(wrap, strings.TrimSuffix(strings.Repeat(object+",", maxBatch+1), ",")))
			}
		})
	}
}

func FuzzDebitDecoder(f *testing.F) {
	for _, s := range []string{`{"id":"m-1","category":"domestic","purpose":"marketing","quantity":3,"reference":"t","dry_run":true}`,
		`{"id":"r","category":"international","country":"MY","quantity":1,"ttl_seconds":60,"on_deadline":"commit"}`,
		`{"debits":[{"id":"m-1","category":"domestic","quantity":3},{"id":"\u0041"}]}`, `{"reservations":[{"id":null}]}`,
		`{"settlements":[{"id":"r","action":"release","quantity":null}]}`, `{"quantity":1e3}`, "{\"id\":\"\xff\"}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, form := range forms {
			form.agree(t, body)
		}
	})
}

func TestHandWrittenAnswersAreWhatIsDeclared(t *testing.T) {
	zone := time.FixedZone("CST", 8*60*60)
	a := &api{Config: Config{Zone: zone}}
	at := time.Date(2026, 5, 4, 3, 2, 1, 120_000_000, time.UTC)
	base := taocan.Debit{DebitRequest: taocan.DebitRequest{ID: `a"\<é`, Kind: taocan.KindDebit, Quantity: 5, OnDeadline: taocan.ReleaseOnDeadline},
		State: taocan.Committed, At: at, Allocations: []taocan.Allocation{{Package: "U1B19042914D4FE7", Quantity: 3}, {Package: "U1G190429142ABCD", Quantity: 2}}}
	with := func(change func(*taocan.Debit)) *taocan.Debit {
		d := base
		change(&d)
		return &d
	}
	for name, d := range map[string]*taocan.Debit{
		"a debit":        with(func(*taocan.Debit) {}),
		"a dry run":      with(func(d *taocan.Debit) { d.State = taocan.DryRun }),
		"no allocations": with(func(d *taocan.Debit) { d.Allocations = nil }),
		"an open hold": with(func(d *taocan.Debit) {
			d.Kind, d.State, d.Deadline = taocan.KindReservation, taocan.Reserved, at.Add(time.Hour)
		}),
		"a dry run of one": with(func(d *taocan.Debit) { d.Kind, d.State = taocan.KindReservation, taocan.DryRun }),
		"a settled hold": with(func(d *taocan.Debit) {
			d.Kind, d.Deadline, d.Settled, d.SettledAt = taocan.KindReservation, at, 2, at.Add(1)
		}),
		"released, too late": with(func(d *taocan.Debit) {
			d.Kind, d.State, d.SettledAt, d.ByDeadline = taocan.KindReservation, taocan.Released, at, true
		}),
	} {
		for _, replayed := range []bool{false, true} {
			var want bytes.Buffer
			if err := strictJSON.Marshal(&want, a.toDebit(d, replayed)); err != nil {
				t.Fatal(err)
			}
			if got := string(a.appendDebit(nil, d, replayed)) + "\n"; got != want.String() {
				t.Errorf("%s: wrote\n%swant\n%s", name, got, want.String())
			}
			o := store.Outcome{Debit: d, Replayed: replayed}
			op := store.Op{Kind: store.OpTake, ID: d.ID}
			shown := a.toDebit(d, replayed)
			want.Reset()
			if err := strictJSON.Marshal(&want, BatchResult{ID: string(d.ID), Status: statusOf(&op, &o), Debit: &shown}); err != nil {
				t.Fatal(err)
			}
			if got := string(a.appendResult(t.Context(), nil, &op, &o)) + "\n"; got != want.String() {
				t.Errorf("%s in a batch: wrote\n%swant\n%s", name, got, want.String())
			}
		}
	}
	refused := store.Outcome{Err: fmt.Errorf("debit: %w", &taocan.QuotaError{Requested: 5, Available: 2})}
	got := string(a.appendResult(t.Context(), nil, &store.Op{ID: "m-2"}, &refused))
	if want := `{"id":"m-2","status":409,"code":"insufficient_quota","detail":"5 requested, 2 available","requested":5,"available":2}`; got != want {
		t.Errorf("refused item: wrote\n%s\nwant\n%s", got, want)
	}
}
