package rest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"taocan/internal/edge"
	"taocan/internal/taocan"
)

// huma keeps these as globals of its package; this is the one place that sets them.
func init() {
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false
	huma.NewError = newError
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
		p := newError(status, message, errs...).(*problem)
		p.RequestID = edge.RequestOf(ctx.Context()).ID
		return p
	}
}

// problem makes edge's problem huma's kind of error.
type problem struct{ *edge.Problem }

// Unwrap lets the table find a problem that came through huma.
func (p *problem) Unwrap() error { return p.Problem }

// Problem is the shape of every error, RFC 9457. Some codes add fields of their own; see /docs.
type Problem struct {
	_         struct{}     `json:"-" additionalProperties:"true"`
	Type      string       `json:"type" doc:"Where the code is explained" example:"/docs#error-insufficient_quota"`
	Title     string       `json:"title" example:"Insufficient quota"`
	Status    int          `json:"status" example:"409"`
	Detail    string       `json:"detail" doc:"For people" example:"3 requested, 2 available"`
	Code      string       `json:"code" doc:"For programs: never changes" example:"insufficient_quota"`
	RequestID string       `json:"request_id,omitempty" doc:"The answer's X-Request-Id, by which the log knows the call" example:"9f2c4a1b7d3e-4k"`
	Errors    []FieldError `json:"errors,omitempty" doc:"With invalid_request: what is wrong, by field"`
}

// FieldError names one bad field of a request.
type FieldError struct {
	Location string `json:"location" example:"body.quantity"`
	Message  string `json:"message" example:"must be at least 1"`
	Value    any    `json:"value,omitempty" doc:"What was sent, cut where it is long"`
}

// newError makes a problem of what huma finds wrong with a request.
func newError(status int, message string, errs ...error) huma.StatusError {
	p := edge.ProblemAt(status, "")
	if status == 0 { // huma asks for an example
		p.Status = http.StatusInternalServerError
	}
	for _, err := range errs {
		var detailed huma.ErrorDetailer
		if errors.As(err, &detailed) {
			p.Errors = append(p.Errors, fieldError(detailed.ErrorDetail()))
		}
	}
	if len(p.Errors) > 0 {
		p.Detail = (&taocan.InvalidError{Fields: p.Errors}).Error()
	} else if p.Code != edge.CodeInternal && message != "" {
		p.Detail = message
	}
	return &problem{p}
}

// fieldError says what huma found in our words: which field, not which object lacks it; and no objects or whole
// bodies as values, since those may hold secrets.
func fieldError(d *huma.ErrorDetail) taocan.FieldError {
	e := taocan.FieldError{Location: d.Location, Message: d.Message, Value: d.Value}
	if name, ok := strings.CutPrefix(d.Message, "expected required property "); ok {
		name, _, _ = strings.Cut(name, " ")
		e.Location, e.Message, e.Value = d.Location+"."+name, "is required", nil
	}
	if e.Message == "unexpected property" {
		e.Message, e.Value = "is not a field of this call", nil
	}
	switch reflect.ValueOf(e.Value).Kind() {
	case reflect.Map, reflect.Slice, reflect.Pointer:
		e.Value = nil
	}
	if e.Location == "body" || strings.HasSuffix(e.Location, "password") || strings.HasSuffix(e.Location, "code") {
		e.Value = nil
	}
	return e
}

// strictJSON is the one format of requests and answers.
var strictJSON = huma.Format{
	Marshal: func(w io.Writer, v any) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return enc.Encode(v)
	},
	Unmarshal: func(data []byte, v any) error {
		to, ok := v.(*any)
		if !ok {
			return json.Unmarshal(data, v)
		}
		// What huma compares with the schema: integers are integers, not floats that happen to be whole.
		got, bad := edge.Decode(data)
		if bad != nil {
			return bad
		}
		*to = got
		return nil
	},
}

// document is the frame of the OpenAPI document.
func (a *api) document() huma.Config {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	registry.RegisterTypeAlias(reflect.TypeFor[problem](), reflect.TypeFor[Problem]())
	c := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:   "taocan",
				Version: a.Version,
				Description: "Prepaid SMS packages: buy them, see what is left, debit them.\n\n" +
					"Authorization: Bearer <token>. Money is a decimal string of yuan, times are RFC 3339, quantities integers. " +
					"JSON is strict: an unknown field, a field given twice or a number in quotes is refused. " +
					"Ids in paths are percent-encoded; they may contain any visible ASCII character. " +
					"Every answer carries X-Request-Id, and Taocan-Epoch, which names the database that answers.",
			},
			Components: &huma.Components{
				Schemas: registry,
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"bearer": {Type: "http", Scheme: "bearer", Description: "A token of a project (scopes read, buy, debit, manage), of a sign-in, or an operator's."},
				},
			},
			Extensions: map[string]any{"x-error-codes": edge.Codes()},
			Tags: []*huma.Tag{
				{Name: "access", Description: "Signing in"},
				{Name: "catalogue", Description: "What is on sale and what it costs"},
				{Name: "packages", Description: "What is left"},
				{Name: "alerts", Description: "Thresholds on what is left, and how they stand"},
				{Name: "orders", Description: "Buying: orders, payment, wallet, vouchers"},
				{Name: "statements", Description: "Months: what was bought, used and left, and what an invoice may be about"},
				{Name: "debits", Description: "Using messages: debits, reservations, and why"},
				{Name: "operator", Description: "What the platform's staff does. Every write is in the audit log"},
			},
		},
		Formats:       map[string]huma.Format{jsonType: strictJSON, "json": strictJSON}, // the second is how huma finds application/problem+json
		DefaultFormat: jsonType,
	}
	return c
}
