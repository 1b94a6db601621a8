package edge

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"taocan/internal/taocan"
)

// Codes that no use case speaks of.
const (
	CodeInternal             = "internal"
	CodeBodyTooLarge         = "body_too_large"
	CodeMethodNotAllowed     = "method_not_allowed"
	CodeUnsupportedMediaType = "unsupported_media_type"
	CodeContentTooLong       = "content_too_long"
)

// outcome is a row of the table: how a kind of error is shown. Detail is said where the error has nothing of its own to say.
type outcome struct {
	kind   error
	status int
	code   string
	title  string
	detail string
}

// nothing is what says least of what was not found.
var nothing = outcome{taocan.ErrNotFound, http.StatusNotFound, "not_found", "Not found", "there is no such thing here"}

// outcomes is the one table from kinds to answers. The first row that matches counts: a failure inside comes before
// what may have caused it, or a sender would take "not found" within the store for the answer to its own question.
var outcomes = []outcome{
	{taocan.ErrUnavailable, http.StatusServiceUnavailable, "unavailable", "Unavailable", "try again with the same id"},
	{taocan.ErrInvalid, http.StatusUnprocessableEntity, "invalid_request", "Invalid request", "a field is missing, unknown or out of range"},
	{taocan.ErrUnauthenticated, http.StatusUnauthorized, "unauthenticated", "Unauthenticated", "a valid token is needed: Authorization: Bearer tc_…"},
	{taocan.ErrForbidden, http.StatusForbidden, "forbidden", "Forbidden", "this is not allowed"},
	nothing,
	{taocan.ErrArchived, http.StatusGone, "archived", "Archived", "it is archived: ask the operator of the platform"},
	{taocan.ErrConflict, http.StatusConflict, "idempotency_conflict", "Conflict", "this id, key or reference has been used before"},
	{taocan.ErrInsufficientQuota, http.StatusConflict, "insufficient_quota", "Insufficient quota", "the usable packages hold less than that"},
	{taocan.ErrUsageLimit, http.StatusConflict, "usage_limit_reached", "Usage limit reached", "a daily or monthly cap of the project does not allow it"},
	{taocan.ErrInsufficientFunds, http.StatusConflict, "insufficient_funds", "Insufficient funds", "the wallet holds less than that"},
	{taocan.ErrState, http.StatusConflict, "order_not_pending", "Not possible in this state", "the state does not allow it"},
	{taocan.ErrAgreement, http.StatusConflict, "agreement_not_accepted", "Agreement not accepted", "the current agreement has to be accepted"},
	{taocan.ErrVoucher, http.StatusConflict, "voucher_not_usable", "Voucher not usable", "the voucher cannot be used"},
	{taocan.ErrNotForSale, http.StatusUnprocessableEntity, taocan.CodeProductNotForSale, "Not for sale", "this is not for sale"},
	{taocan.ErrRateLimited, http.StatusTooManyRequests, "rate_limited", "Too many requests", "too many requests"},
	// The request's time is over; what it had begun may still have been done.
	{context.DeadlineExceeded, http.StatusServiceUnavailable, "unavailable", "Unavailable", "it took too long: try again with the same id"},
	{context.Canceled, http.StatusServiceUnavailable, "unavailable", "Unavailable", "the request was given up"},
}

// Titles of the codes that have no kind.
var (
	internal = outcome{nil, http.StatusInternalServerError, CodeInternal, "Internal error", ""}
	byStatus = map[int]outcome{
		http.StatusBadRequest:            {nil, http.StatusBadRequest, "invalid_request", "Invalid request", "the body is not JSON"},
		http.StatusUnprocessableEntity:   outcomes[1],
		http.StatusNotFound:              nothing,
		http.StatusMethodNotAllowed:      {nil, http.StatusMethodNotAllowed, CodeMethodNotAllowed, "Method not allowed", "this path does not take that method"},
		http.StatusRequestEntityTooLarge: {nil, http.StatusRequestEntityTooLarge, CodeBodyTooLarge, "Body too large", "the body is larger than 8 MiB"},
		http.StatusUnsupportedMediaType:  {nil, http.StatusUnsupportedMediaType, CodeUnsupportedMediaType, "Unsupported media type", "send application/json"},
		http.StatusServiceUnavailable:    {nil, http.StatusServiceUnavailable, "unavailable", "Unavailable", "try again with the same id"},
	}
)

// Code is what callers' programs look at, for the reference.
type Code struct {
	Code   string `json:"code"`
	Status int    `json:"status"`
	When   string `json:"when"`
	Extra  string `json:"extra,omitempty"` // fields that it adds
}

// Codes lists all that can be answered.
func Codes() []Code {
	return []Code{
		{"invalid_request", 422, "A field is missing, unknown or out of range; errors names each. 400 where the body is no JSON.", "errors"},
		{"unauthenticated", 401, "No token, or one that does not work.", ""},
		{"forbidden", 403, "Scope, role or identity level lacking.", "required"},
		{"not_found", 404, "Unknown, or of another project: which of the two is never told.", "archived_before, of a debit where older ones are archived"},
		{"archived", 410, "The debit, or the commit that it is asked for by, is archived: the operator has it in a file.", "archived_before"},
		{"idempotency_conflict", 409, "The same id or key was used before with other content.", ""},
		{"insufficient_quota", 409, "The usable packages hold less than that. Nothing was taken.", "requested, available"},
		{"usage_limit_reached", 409, "A daily or monthly cap of the project does not allow it. Reserved messages count. Nothing was taken.", "limit, used, resets_at"},
		{"insufficient_funds", 409, "Voucher, gift, cash and credit together are less than the order. Nothing was taken.", "total, available, missing"},
		{"order_not_pending", 409, "The order has been paid, cancelled or closed.", "state"},
		{"reservation_not_open", 409, "The reservation has been committed or released, or is past its deadline.", "state"},
		{"package_state", 409, "The package is exhausted, expired, frozen or not frozen, and that does not go with what was asked.", "state"},
		{"agreement_not_accepted", 409, "The current version of the agreement has to be accepted.", "current_version"},
		{"voucher_not_usable", 409, "The voucher cannot pay this order.", "reason"},
		{taocan.CodeAbovePriceList, 422, "More than the price list goes to: contact sales.", ""},
		{taocan.CodeNotMultiple, 422, "A custom quantity is a multiple of 100.", ""},
		{taocan.CodeTooSmall, 422, "A custom quantity is at least 100.", ""},
		{taocan.CodeTooLarge, 422, "More than one purchase may be.", ""},
		{taocan.CodePurposeNotForSale, 422, "This purpose is not sold that way.", ""},
		{taocan.CodeCountryNotForSale, 422, "This country is not sold.", ""},
		{taocan.CodeProductNotForSale, 422, "There is no such product on sale.", ""},
		{CodeContentTooLong, 422, "The message is longer than 500 units, signature included.", ""},
		{CodeBodyTooLarge, 413, "The body is larger than 8 MiB, or without a token (sign-in) than 8 KiB.", ""},
		{CodeUnsupportedMediaType, 415, "The body is not application/json (imports: text/csv).", ""},
		{CodeMethodNotAllowed, 405, "The path takes another method; the header Allow says which.", ""},
		{"rate_limited", 429, "Too many tries; the header Retry-After says when to come back.", ""},
		{"unavailable", 503, "Not possible right now. Try again with the same id or key: nothing is done twice.", ""},
		{CodeInternal, 500, "A fault of the server; the log knows it by the request's id.", ""},
	}
}

// Extra is a field that some codes add to a problem.
type Extra struct {
	Name  string
	Value any // string, int64 or a JSON-ready value
}

// Problem is an error as a stranger sees it: RFC 9457.
type Problem struct {
	Status     int
	Code       string
	Title      string
	Detail     string
	Extras     []Extra
	Errors     []taocan.FieldError
	RetryAfter time.Duration
	Allow      string // methods, with 405
	RequestID  string // of the request that it answers as a whole; empty within a batch
}

func (o outcome) problem() *Problem {
	return &Problem{Status: o.status, Code: o.code, Title: o.title, Detail: o.detail}
}

// ProblemAt is the plain problem of a status.
func ProblemAt(status int, detail string) *Problem {
	o, ok := byStatus[status]
	if !ok {
		o = internal
	}
	p := o.problem()
	if detail != "" {
		p.Detail = detail
	}
	if status == http.StatusServiceUnavailable {
		p.RetryAfter = time.Second
	}
	return p
}

// ContentTooLong is the refusal of a text that is too long to send.
func ContentTooLong(detail string) *Problem {
	return &Problem{Status: http.StatusUnprocessableEntity, Code: CodeContentTooLong, Title: "Content too long", Detail: detail}
}

// ProblemOf translates an error by the table. It returns nil for what the table does not list.
func ProblemOf(err error) *Problem {
	if own := (*Problem)(nil); errors.As(err, &own) {
		return own
	}
	for _, o := range outcomes {
		if errors.Is(err, o.kind) {
			p := o.problem()
			p.explain(err)
			return p
		}
	}
	return nil
}

// explain takes over what the error's own struct has to say. What callers wrapped around it stays inside: it
// names ids, and an unknown one must look like another tenant's.
func (p *Problem) explain(err error) {
	switch e := part[*taocan.InvalidError](err); {
	case e != nil:
		p.Errors = e.Fields
		p.Detail = clip(e.Error())
	}
	if e := part[*taocan.ForbiddenError](err); e != nil {
		p.Detail = e.Detail
		p.add("required", e.Required)
	}
	if e := part[*taocan.ConflictError](err); e != nil {
		p.Detail = e.Detail
	}
	if e := part[*taocan.NotFoundError](err); e != nil {
		p.Detail = e.Detail
	}
	if e := part[*taocan.ArchivedError](err); e != nil {
		p.Detail = e.Error()
		p.add("archived_before", e.Before.UTC().Format(time.RFC3339))
	}
	if e := part[*taocan.QuotaError](err); e != nil {
		p.Detail = e.Error()
		p.add("requested", int64(e.Requested))
		p.add("available", int64(e.Available))
	}
	if e := part[*taocan.LimitError](err); e != nil {
		p.Detail = e.Error()
		p.add("limit", int64(e.Limit))
		p.add("used", int64(e.Used))
		p.add("resets_at", e.ResetsAt.Format(time.RFC3339))
	}
	if e := part[*taocan.FundsError](err); e != nil {
		p.Detail = e.Error()
		p.add("total", e.Total.String())
		p.add("available", e.Available.String())
		p.add("missing", e.Missing.String())
	}
	if e := part[*taocan.StateError](err); e != nil {
		p.Detail = e.Error()
		if e.What == "reservation" {
			p.Code = "reservation_not_open"
		} else if e.What == "package" {
			p.Code = "package_state"
		}
		p.add("state", e.State)
	}
	if e := part[*taocan.AgreementError](err); e != nil {
		p.Detail = e.Error()
		p.add("current_version", e.CurrentVersion)
	}
	if e := part[*taocan.VoucherError](err); e != nil {
		p.Detail = e.Error()
		p.add("reason", e.Reason)
	}
	if e := part[*taocan.SaleError](err); e != nil {
		p.Code, p.Detail = e.Code, e.Detail
	}
	if p.Status == http.StatusServiceUnavailable {
		p.RetryAfter = time.Second
	}
	if e := part[*taocan.RateError](err); e != nil {
		p.RetryAfter = e.RetryAfter
	}
}

func part[T error](err error) T {
	var e T
	errors.As(err, &e)
	return e
}

func (p *Problem) add(name string, value any) { p.Extras = append(p.Extras, Extra{name, value}) }

// Fail translates an error for the answer. What the table does not list is logged here, once, and shown as the
// request's id.
func Fail(ctx context.Context, log *slog.Logger, err error) *Problem {
	id := RequestOf(ctx).ID
	if p := ProblemOf(err); p != nil {
		named := *p // a problem may be shared
		named.RequestID = id
		if named.Code == nothing.code && named.Detail == nothing.detail {
			named.Detail = RequestOf(ctx).missing()
		}
		return &named
	}
	log.ErrorContext(ctx, "internal error", "request_id", id, "error", err)
	p := internal.problem()
	p.Detail, p.RequestID = "something went wrong here; the log knows it as request "+id, id
	return p
}

// maxShown bounds texts of the caller that are shown to it again; maxErrors how many bad fields are named.
const (
	maxShown  = 100
	maxErrors = 20
)

// clip cuts a text at a character.
func clip(s string) string {
	if len(s) <= maxShown {
		return s
	}
	cut := maxShown
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// Error makes a Problem an error that can travel through a front door's framework.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders are the headers that go with it.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((p.RetryAfter+time.Second-1)/time.Second), 10))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if p.Allow != "" {
		h.Set("Allow", p.Allow)
	}
	return h
}

// ContentType of every problem.
func (*Problem) ContentType(string) string { return problemType }

const problemType = "application/problem+json"

// MarshalJSON writes the whole problem.
func (p *Problem) MarshalJSON() ([]byte, error) { return p.Append(nil), nil }

// Append writes the problem as JSON.
func (p *Problem) Append(b []byte) []byte {
	// The type is where the code is explained.
	b = append(b, `{"type":"/docs#error-`...)
	b = append(b, p.Code...)
	b = append(b, `","title":`...)
	b = AppendString(b, p.Title)
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(p.Status), 10)
	b = append(b, `,"detail":`...)
	b = AppendString(b, p.Detail)
	b = append(b, `,"code":`...)
	b = AppendString(b, p.Code)
	if p.RequestID != "" {
		b = append(b, `,"request_id":`...)
		b = AppendString(b, p.RequestID)
	}
	return append(p.AppendFields(b), '}')
}

// AppendFields writes the fields that the code adds, each with a comma before it.
func (p *Problem) AppendFields(b []byte) []byte {
	for _, x := range p.Extras {
		b = append(b, ',')
		b = AppendString(b, x.Name)
		b = append(b, ':')
		b = appendValue(b, x.Value)
	}
	if len(p.Errors) > 0 {
		b = append(b, `,"errors":[`...)
		for i, e := range p.Errors[:min(len(p.Errors), maxErrors)] {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, `{"location":`...)
			b = AppendString(b, clip(e.Location))
			b = append(b, `,"message":`...)
			b = AppendString(b, clip(e.Message))
			if e.Value != nil {
				b = append(b, `,"value":`...)
				b = appendValue(b, e.Value)
			}
			b = append(b, '}')
		}
		b = append(b, ']')
	}
	return b
}

// appendValue shows a value, cut where it is long.
func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return AppendString(b, clip(v))
	case int64:
		return strconv.AppendInt(b, v, 10)
	}
	text, err := json.Marshal(v)
	if err != nil || len(text) > maxShown {
		return AppendString(b, clip(string(text)))
	}
	return append(b, text...)
}

// Write answers with the problem.
func (p *Problem) Write(w http.ResponseWriter) {
	h := w.Header()
	for name, values := range p.GetHeaders() {
		h[name] = values
	}
	h.Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	named := *p
	if named.RequestID == "" {
		named.RequestID = h.Get("X-Request-Id") // the front's
	}
	_, _ = w.Write(append(named.Append(nil), '\n'))
}
