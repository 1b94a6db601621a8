package rest

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"taocan/internal/debit"
	"taocan/internal/edge"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// DebitRecord is what stands recorded under an id.
type DebitRecord struct {
	ID          string       `json:"id"`
	Kind        string       `json:"kind" enum:"debit,reservation"`
	State       string       `json:"state" enum:"committed,reserved,released"`
	Category    string       `json:"category" enum:"domestic,international"`
	Purpose     string       `json:"purpose" enum:"verification,marketing,general"`
	Country     *string      `json:"country"`
	Quantity    int64        `json:"quantity"`
	Reference   *string      `json:"reference"`
	Allocations []Allocation `json:"allocations"`
	At          time.Time    `json:"at"`
	Settling
}

// Explanation says why a debit took what it took.
type Explanation struct {
	Debit      DebitRecord  `json:"debit"`
	Considered []Considered `json:"considered" doc:"In the order of use, then those that could not pay; figures just before the debit"`
	Truncated  bool         `json:"truncated" doc:"There were more packages than are listed"`
}

// Considered is one package as it was just before the debit.
type Considered struct {
	Package   string    `json:"package"`
	Name      string    `json:"name"`
	Purpose   string    `json:"purpose" enum:"verification,marketing,general"`
	ExpiresAt time.Time `json:"expires_at"`
	Remaining int64     `json:"remaining" doc:"Just before"`
	Taken     int64     `json:"taken"`
	Verdict   string    `json:"verdict" enum:"used,not_needed,empty,expired,frozen,other_purpose"`
}

// UsageRow is what was used, summed over all that is not named in it.
type UsageRow struct {
	Day      string `json:"day,omitempty" example:"2026-04-29"`
	Category string `json:"category,omitempty"`
	Purpose  string `json:"purpose,omitempty"`
	Country  string `json:"country,omitempty"`
	Used     int64  `json:"used"`
}

// CommitRequest says how much of a reservation became used.
type CommitRequest struct {
	Quantity *int64 `json:"quantity,omitempty" doc:"The rest returns; default all"`
}

// ReconcileRequest is a part of what a sender has written down.
type ReconcileRequest struct {
	From   *time.Time   `json:"from,omitempty" doc:"With to: what was recorded or last settled from here on, before to, and is not named in debits, is listed as missing"`
	To     *time.Time   `json:"to,omitempty"`
	Debits []DebitClaim `json:"debits" maxItems:"10000" doc:"Each id once, debits and reservations alike"`
}

// DebitClaim is what a sender has written down about one id. What is left out is not compared.
type DebitClaim struct {
	ID        string `json:"id" example:"m-1"`
	Category  string `json:"category,omitempty" enum:"domestic,international"`
	Purpose   string `json:"purpose,omitempty" enum:"verification,marketing,general"`
	Country   string `json:"country,omitempty"`
	Quantity  int64  `json:"quantity,omitempty" minimum:"1" maximum:"1000000000"`
	Reference string `json:"reference,omitempty"`
	Kind      string `json:"kind,omitempty" enum:"debit,reservation"`
	State     string `json:"state,omitempty" enum:"committed,reserved,released"`
	Committed *int64 `json:"committed,omitempty" minimum:"0" maximum:"1000000000" doc:"Of a settled reservation: how many became used"`
}

// Reconciliation is how the sender's record and ours disagree.
type Reconciliation struct {
	Agreeing        int               `json:"agreeing" doc:"How many stand recorded as they were named"`
	Unknown         []string          `json:"unknown" doc:"Named, but nothing stands recorded since remembered_since"`
	Archived        []string          `json:"archived" doc:"Named, and in an archived month"`
	Different       []DebitDifference `json:"different" doc:"Recorded otherwise than they were named"`
	Missing         []DebitRecord     `json:"missing" doc:"Recorded between from and to, but not named; oldest first"`
	RememberedSince time.Time         `json:"remembered_since" doc:"Ids of before it may be forgotten: do not send again what you sent before it"`
	ArchivedBefore  *time.Time        `json:"archived_before,omitempty" doc:"Debits before it are archived: missing knows only what is later"`
}

// DebitDifference is a record that is not as the sender has it.
type DebitDifference struct {
	Fields []string    `json:"fields" doc:"Where they differ"`
	Debit  DebitRecord `json:"debit" doc:"What stands recorded"`
}

// InDebit is the path of one debit or reservation.
type InDebit struct {
	InProject
	ID string `path:"id" doc:"Your id, percent-encoded"`
}

func (a *api) debitRoutes() {
	tags := []string{"debits"}
	may, look := holding(taocan.ScopeDebit), holding(taocan.ScopeDebit, taocan.ScopeRead)
	base := "/v1/projects/{project}"

	s := newDebitSchemas(a.huma.OpenAPI().Components.Schemas)
	a.debits = s
	a.hot(base+"/debits", "debit", "Take messages", s.debit, may, a.oneTake(taocan.KindDebit))
	a.hot(base+"/debits/batch", "debit-batch", "Take messages, up to 10,000 times", s.debits, may, a.manyTakes(taocan.KindDebit))
	a.hot(base+"/reservations", "reserve", "Reserve messages", s.reservation, may, a.oneTake(taocan.KindReservation))
	a.hot(base+"/reservations/batch", "reserve-batch", "Reserve messages, up to 10,000 times", s.reservations, may, a.manyTakes(taocan.KindReservation))
	a.hot(base+"/reservations/settle-batch", "settle-batch", "Commit or release up to 10,000 reservations", s.settling, may, a.settleBatch)

	add(a, may, huma.Operation{Method: http.MethodPost, Path: base + "/reservations/{id}/commit", OperationID: "commit-reservation", Tags: tags,
		Summary: "Make a reservation final, whole or in part"}, a.commitReservation)
	add(a, may, huma.Operation{Method: http.MethodPost, Path: base + "/reservations/{id}/release", OperationID: "release-reservation", Tags: tags,
		Summary: "Return a reservation"}, a.releaseReservation)
	add(a, look, huma.Operation{Method: http.MethodGet, Path: base + "/debits", OperationID: "list-debits", Tags: tags,
		Summary: "Debits and reservations, newest first"}, a.listDebits)
	add(a, look, huma.Operation{Method: http.MethodPost, Path: base + "/debits/reconcile", OperationID: "reconcile-debits", Tags: tags,
		Summary:     "Compare your record with ours",
		Description: "Changes nothing, so it needs no Idempotency-Key and may be repeated."}, a.reconcile)
	add(a, look, huma.Operation{Method: http.MethodGet, Path: base + "/debits/{id}", OperationID: "get-debit", Tags: tags,
		Summary: "What stands recorded under an id"}, a.oneDebit)
	add(a, look, huma.Operation{Method: http.MethodGet, Path: base + "/debits/{id}/explain", OperationID: "explain-debit", Tags: tags,
		Summary: "Which packages were considered, which were used, and why"}, a.explain)
	add(a, holding(taocan.ScopeRead), huma.Operation{Method: http.MethodGet, Path: base + "/usage", OperationID: "get-usage", Tags: tags,
		Summary: "What was used, by natural day of the platform's zone"}, a.usage)
}

// hot declares a route that is read and answered by hand.
func (a *api) hot(path, id, summary string, body *huma.Schema, g guard, serve func(http.ResponseWriter, *http.Request)) {
	op := &huma.Operation{Method: http.MethodPost, Path: path, OperationID: id, Summary: summary, Tags: []string{"debits"},
		Parameters:  []*huma.Param{{Name: "project", In: "path", Required: true, Description: "The token's project", Schema: &huma.Schema{Type: huma.TypeString}}},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{jsonType: {Schema: body}}}}
	schemas := a.huma.OpenAPI().Components.Schemas
	answers := func(description string, schema *huma.Schema) *huma.Response {
		return &huma.Response{Description: description, Content: map[string]*huma.MediaType{jsonType: {Schema: schema}}}
	}
	if strings.HasSuffix(path, "batch") {
		op.Description = "Each item stands alone: it is answered as the single call would be. A value of a wrong type or an unknown field refuses the whole request and nothing is taken."
		op.Responses = map[string]*huma.Response{"200": answers("Results in the order of the request", schemas.Schema(reflect.TypeFor[BatchResults](), true, ""))}
	} else {
		d := schemas.Schema(reflect.TypeFor[Debit](), true, "")
		op.Responses = map[string]*huma.Response{"201": answers("Taken", d), "200": answers("The id was known (replayed), or a dry run", d)}
	}
	op.Responses["default"] = &huma.Response{Description: "Error", Content: map[string]*huma.MediaType{
		"application/problem+json": {Schema: schemas.Schema(reflect.TypeFor[Problem](), true, "")}}}
	a.describe(op, g)
	a.huma.OpenAPI().AddOperation(op)
	a.mux.HandleFunc(op.Method+" "+path, func(w http.ResponseWriter, r *http.Request) {
		err := a.let(r, r.PathValue("project"), g)
		if err == nil {
			err = edge.CheckQuery(r)
		}
		if err != nil {
			a.fail(r.Context(), err).Write(w)
			return
		}
		if r.URL.RawQuery != "" {
			for name := range r.URL.Query() {
				a.fail(r.Context(), taocan.Invalid("query."+name, "unknown query parameter", nil)).Write(w)
				return
			}
		}
		serve(w, r)
	})
}

// take reads a hot call's body and has decode make operations of it. The body is given back by then.
func (a *api) take(w http.ResponseWriter, r *http.Request, schema *huma.Schema, decode func([]byte) error) error {
	if err := edge.CheckType(r, jsonType); err != nil {
		return err
	}
	body, err := a.bodies.Read(w, r)
	if err != nil {
		return err
	}
	defer body.Release()
	if err := decode(body.Bytes); err != nil {
		return a.debits.refusal(schema, body.Bytes, err)
	}
	return nil
}

func (a *api) oneTake(kind taocan.DebitKind) func(http.ResponseWriter, *http.Request) {
	schema := a.debits.debit
	if kind == taocan.KindReservation {
		schema = a.debits.reservation
	}
	return func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		ops := make([]store.Op, 1)
		err := a.take(w, r, schema, func(b []byte) (err error) {
			ops[0], err = decodeTake(b, kind)
			return err
		})
		if err != nil {
			a.fail(ctx, err).Write(w)
			return
		}
		ops[0].Tenant = edge.ActorOf(ctx).Tenant
		outcomes, err := a.Engine.Do(ctx, ops)
		if err == nil {
			err = outcomes[0].Err
		}
		if err != nil {
			a.fail(ctx, err).Write(w)
			return
		}
		buf := answerBuffers.Get().(*[]byte)
		b := append(a.appendDebit((*buf)[:0], outcomes[0].Debit, outcomes[0].Replayed), '\n')
		writeJSON(w, statusOf(&ops[0], &outcomes[0]), b)
		recycle(buf, b)
	}
}

func (a *api) manyTakes(kind taocan.DebitKind) func(http.ResponseWriter, *http.Request) {
	schema := a.debits.debits
	if kind == taocan.KindReservation {
		schema = a.debits.reservations
	}
	return func(w http.ResponseWriter, r *http.Request) {
		var ops []store.Op
		err := a.take(w, r, schema, func(b []byte) (err error) {
			ops, err = decodeTakes(b, kind)
			return err
		})
		a.answerBatch(w, r, ops, nil, err)
	}
}

func (a *api) settleBatch(w http.ResponseWriter, r *http.Request) {
	var ops []store.Op
	var bad []error
	err := a.take(w, r, a.debits.settling, func(b []byte) (err error) {
		ops, bad, err = decodeSettlements(b)
		return err
	})
	a.answerBatch(w, r, ops, bad, err)
}

// answerBatch runs the operations that break no rule and answers all, in order. bad, where not nil, holds what is
// already known to be wrong with an item.
func (a *api) answerBatch(w http.ResponseWriter, r *http.Request, ops []store.Op, bad []error, err error) {
	ctx := r.Context()
	if err != nil {
		a.fail(ctx, err).Write(w)
		return
	}
	tenant := edge.ActorOf(ctx).Tenant
	outcomes := make([]store.Outcome, len(ops))
	good, places := ops, []int(nil)
	if slices.ContainsFunc(bad, func(err error) bool { return err != nil }) {
		good = nil
		for i := range ops {
			if bad[i] != nil {
				outcomes[i].Err = bad[i]
				continue
			}
			good, places = append(good, ops[i]), append(places, i)
		}
	}
	for i := range good {
		good[i].Tenant = tenant
	}
	if len(good) > 0 {
		done, err := a.Engine.Do(ctx, good)
		if err != nil {
			a.fail(ctx, err).Write(w)
			return
		}
		if places == nil {
			outcomes = done
		}
		for i, place := range places {
			outcomes[place] = done[i]
		}
	}
	buf := answerBuffers.Get().(*[]byte)
	b := append((*buf)[:0], `{"results":[`...)
	for i := range outcomes {
		if i > 0 {
			b = append(b, ',')
		}
		b = a.appendResult(ctx, b, &ops[i], &outcomes[i])
	}
	b = append(b, "]}\n"...)
	writeJSON(w, http.StatusOK, b)
	recycle(buf, b)
}

// appendResult writes one item of a batch's answer.
func (a *api) appendResult(ctx context.Context, b []byte, op *store.Op, o *store.Outcome) []byte {
	b = append(b, `{"id":`...)
	b = edge.AppendString(b, string(op.ID))
	b = append(b, `,"status":`...)
	if o.Err == nil {
		b = strconv.AppendInt(b, int64(statusOf(op, o)), 10)
		b = append(b, `,"debit":`...)
		b = a.appendDebit(b, o.Debit, o.Replayed)
		return append(b, '}')
	}
	p := edge.Fail(ctx, a.Log, o.Err)
	p.Errors = nil // the detail says it; locations would need the index
	b = strconv.AppendInt(b, int64(p.Status), 10)
	b = append(b, `,"code":`...)
	b = edge.AppendString(b, p.Code)
	b = append(b, `,"detail":`...)
	b = edge.AppendString(b, p.Detail)
	return append(p.AppendFields(b), '}')
}

var answerBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// recycle keeps a buffer, unless a large batch has made it large.
func recycle(buf *[]byte, b []byte) {
	if cap(b) <= 1<<20 {
		*buf = b
		answerBuffers.Put(buf)
	}
}

var jsonHeader = []string{jsonType}

func writeJSON(w http.ResponseWriter, status int, b []byte) {
	h := w.Header()
	h["Content-Type"] = jsonHeader
	h["Content-Length"] = []string{strconv.Itoa(len(b))}
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// settleOne settles a reservation and answers it.
func (a *api) settleOne(ctx context.Context, id, action string, quantity *int64) (*out[Debit], error) {
	op := store.Op{Tenant: edge.ActorOf(ctx).Tenant, ID: taocan.DebitID(id)}
	var q int64
	if quantity != nil {
		q = *quantity
	}
	if err := settle(&op, action, q, quantity != nil); err != nil {
		return nil, err
	}
	outcomes, err := a.Engine.Do(ctx, []store.Op{op})
	if err == nil {
		err = outcomes[0].Err
	}
	if err != nil {
		return nil, err
	}
	return answer(a.toDebit(outcomes[0].Debit, outcomes[0].Replayed)), nil
}

func (a *api) commitReservation(ctx context.Context, in *struct {
	InDebit
	Body *CommitRequest
}) (*out[Debit], error) {
	var quantity *int64
	if in.Body != nil {
		quantity = in.Body.Quantity
	}
	return a.settleOne(ctx, in.ID, "commit", quantity)
}

func (a *api) releaseReservation(ctx context.Context, in *InDebit) (*out[Debit], error) {
	return a.settleOne(ctx, in.ID, "release", nil)
}

func (a *api) toRecord(d *taocan.Debit) DebitRecord {
	kind := "debit"
	if d.Kind == taocan.KindReservation {
		kind = "reservation"
	}
	return DebitRecord{ID: string(d.ID), Kind: kind, State: string(d.State), Category: string(d.Category), Purpose: string(d.Purpose),
		Country: orNull(d.Country), Quantity: int64(d.Quantity), Reference: orNull(d.Reference), Allocations: toAllocations(d.Allocations),
		At: a.local(d.At), Settling: a.toSettling(d)}
}

func (a *api) oneDebit(ctx context.Context, in *InDebit) (*out[DebitRecord], error) {
	d, err := a.Engine.Debit(ctx, edge.ActorOf(ctx).Tenant, taocan.DebitID(in.ID))
	if err != nil {
		return nil, err
	}
	return answer(a.toRecord(&d)), nil
}

func (a *api) listDebits(ctx context.Context, in *struct {
	InProject
	From    instant `query:"from" doc:"RFC 3339: taken at or after"`
	To      instant `query:"to" doc:"RFC 3339: taken before"`
	Package string  `query:"package" doc:"That this package gave to"`
	Purpose string  `query:"purpose" enum:"verification,marketing,general"`
	State   string  `query:"state" enum:"committed,reserved,released"`
	Commit  int64   `query:"commit" minimum:"1" doc:"Of this line of a statement"`
	Scroll
}) (*out[Scrolled[DebitRecord]], error) {
	f := store.DebitFilter{Package: taocan.PackageNumber(in.Package), Purpose: taocan.Purpose(in.Purpose), State: taocan.DebitState(in.State), Commit: in.Commit, Paging: store.Paging{Limit: in.PerPage, Cursor: in.Cursor}}
	var err error
	if f.From, err = in.From.parse("query.from"); err != nil {
		return nil, err
	}
	if f.Until, err = in.To.parse("query.to"); err != nil {
		return nil, err
	}
	page, err := a.Engine.Debits(ctx, edge.ActorOf(ctx).Tenant, f)
	if err != nil {
		return nil, err
	}
	return answer(Scrolled[DebitRecord]{converted(page.Items, func(d taocan.Debit) DebitRecord { return a.toRecord(&d) }), in.PerPage, page.Next, a.localOrNil(page.ArchivedBefore)}), nil
}

func (a *api) reconcile(ctx context.Context, in *struct {
	InProject
	Body ReconcileRequest
}) (*out[Reconciliation], error) {
	claims := converted(in.Body.Debits, func(c DebitClaim) debit.Claim {
		return debit.Claim{ID: taocan.DebitID(c.ID), Category: taocan.Category(c.Category), Purpose: taocan.Purpose(c.Purpose), Country: taocan.Country(c.Country),
			Quantity: taocan.Segments(c.Quantity), Reference: c.Reference, Kind: debitKinds[c.Kind], State: taocan.DebitState(c.State), Settled: (*taocan.Segments)(c.Committed)}
	})
	var from, to time.Time
	if in.Body.From != nil {
		from = in.Body.From.UTC()
	}
	if in.Body.To != nil {
		to = in.Body.To.UTC()
	}
	x, err := a.Engine.Reconcile(ctx, edge.ActorOf(ctx).Tenant, claims, from, to)
	if err != nil {
		return nil, err
	}
	id := func(id taocan.DebitID) string { return string(id) }
	return answer(Reconciliation{Agreeing: x.Agreeing, Unknown: converted(x.Unknown, id), Archived: converted(x.Archived, id),
		Different:       converted(x.Different, func(d debit.Difference) DebitDifference { return DebitDifference{d.Fields, a.toRecord(&d.Debit)} }),
		Missing:         converted(x.Missing, func(d taocan.Debit) DebitRecord { return a.toRecord(&d) }),
		RememberedSince: a.local(x.RememberedSince), ArchivedBefore: a.localOrNil(x.ArchivedBefore)}), nil
}

var debitKinds = map[string]taocan.DebitKind{"debit": taocan.KindDebit, "reservation": taocan.KindReservation}

func (a *api) explain(ctx context.Context, in *InDebit) (*out[Explanation], error) {
	x, err := a.Engine.Explain(ctx, edge.ActorOf(ctx).Tenant, taocan.DebitID(in.ID))
	if err != nil {
		return nil, err
	}
	return answer(Explanation{Debit: a.toRecord(&x.Debit), Truncated: x.Truncated, Considered: converted(x.Considered, func(c debit.Considered) Considered {
		return Considered{Package: string(c.Package.Number), Name: c.Package.Name, Purpose: string(c.Package.Purpose),
			ExpiresAt: a.local(c.Package.ExpiresAt), Remaining: int64(c.Package.Remaining), Taken: int64(c.Taken), Verdict: string(c.Verdict)}
	})}), nil
}

func (a *api) usage(ctx context.Context, in *struct {
	InProject
	From    string   `query:"from" format:"date" doc:"First day, default 30 days back"`
	To      string   `query:"to" format:"date" doc:"Last day, default today"`
	GroupBy []string `query:"group_by" enum:"day,category,purpose,country" default:"day,purpose" doc:"What to tell apart, separated by commas"`
}) (*out[Items[UsageRow]], error) {
	span, err := debit.ParseSpan("to", in.From, in.To, a.Clock.Now(), a.Zone)
	if err != nil {
		return nil, err
	}
	rows, err := a.Engine.Usage(ctx, edge.ActorOf(ctx).Tenant, span.First, span.Until(), a.Zone)
	if err != nil {
		return nil, err
	}
	return answer(Items[UsageRow]{grouped(rows, in.GroupBy)}), nil
}

// grouped sums rows over what is not told apart, in the order of day, category, purpose, country.
func grouped(rows []store.UsageRow, by []string) []UsageRow {
	sums := map[UsageRow]int64{}
	for _, r := range rows {
		var key UsageRow
		for _, name := range by {
			switch name {
			case "day":
				key.Day = r.Day
			case "category":
				key.Category = string(r.Category)
			case "purpose":
				key.Purpose = string(r.Purpose)
			case "country":
				key.Country = string(r.Country)
			}
		}
		sums[key] += int64(r.Used)
	}
	list := make([]UsageRow, 0, len(sums))
	for key, used := range sums {
		key.Used = used
		list = append(list, key)
	}
	slices.SortFunc(list, func(x, y UsageRow) int {
		for _, c := range []int{strings.Compare(x.Day, y.Day), strings.Compare(x.Category, y.Category), strings.Compare(x.Purpose, y.Purpose)} {
			if c != 0 {
				return c
			}
		}
		return strings.Compare(x.Country, y.Country)
	})
	return list
}
