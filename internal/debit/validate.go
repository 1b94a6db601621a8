package debit

import (
	"fmt"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Complete fills in a request's defaults. What a replay is compared by is the completed request.
func Complete(r taocan.DebitRequest) taocan.DebitRequest {
	if r.Category == taocan.International && r.Purpose == "" {
		r.Purpose = taocan.General
	}
	if r.Kind == taocan.KindReservation {
		if r.TTL == 0 {
			r.TTL = taocan.DefaultTTL
		}
		if r.OnDeadline == "" {
			r.OnDeadline = taocan.ReleaseOnDeadline
		}
	}
	return r
}

// required is said of what is left out, as the other calls say it.
const required = "is required"

// Validate names every field of an operation that breaks a rule. Locations are those of the API's JSON body.
func Validate(op *store.Op) error {
	var bad []taocan.FieldError
	wrong := func(location, message string, value any) {
		bad = append(bad, taocan.FieldError{Location: location, Message: message, Value: value})
	}
	switch {
	case op.ID == "":
		wrong("body.id", required, nil)
	case !taocan.ValidCallerID(string(op.ID)):
		wrong("body.id", fmt.Sprintf("must be 1–%d bytes of visible ASCII", taocan.MaxIDBytes), string(op.ID))
	}
	switch op.Kind {
	case store.OpTake:
		validateRequest(&op.Request, wrong)
	case store.OpCommit:
		if op.Quantity < 0 {
			wrong("body.quantity", "must be at least 1", int64(op.Quantity))
		}
	}
	if bad != nil {
		return &taocan.InvalidError{Fields: bad}
	}
	return nil
}

func validateRequest(r *taocan.DebitRequest, wrong func(location, message string, value any)) {
	for _, field := range []struct {
		name    string
		missing bool
	}{{"category", r.Category == ""}, {"purpose", r.Purpose == ""}, {"country", r.Category == taocan.International && r.Country == ""}} {
		if field.missing {
			wrong("body."+field.name, required, nil)
		}
	}
	if !r.Category.Valid() && r.Category != "" {
		wrong("body.category", "must be domestic or international", string(r.Category))
	}
	if !r.Purpose.Valid() && r.Purpose != "" {
		wrong("body.purpose", "must be verification, marketing or general", string(r.Purpose))
	}
	switch {
	case r.Category == taocan.Domestic && r.Country != "":
		wrong("body.country", "must be absent for domestic", string(r.Country))
	case r.Category == taocan.International && r.Country != "" && !r.Country.Valid():
		wrong("body.country", "must be two capital letters (ISO 3166-1)", string(r.Country))
	}
	switch {
	case r.Quantity == 0: // left out, or a 0 that comes to the same
		wrong("body.quantity", fmt.Sprintf("is required, 1–%d", taocan.MaxSegments), nil)
	case r.Quantity < 1 || r.Quantity > taocan.MaxSegments:
		wrong("body.quantity", fmt.Sprintf("must be 1–%d", taocan.MaxSegments), int64(r.Quantity))
	}
	if !taocan.ValidReference(r.Reference) {
		wrong("body.reference", fmt.Sprintf("must be at most %d bytes of visible ASCII", taocan.MaxIDBytes), r.Reference)
	}
	if r.Kind != taocan.KindReservation {
		return
	}
	if r.TTL < time.Second || r.TTL > taocan.MaxTTL || r.TTL%time.Second != 0 {
		wrong("body.ttl_seconds", fmt.Sprintf("must be 1–%d", taocan.MaxTTL/time.Second), int64(r.TTL/time.Second))
	}
	if r.OnDeadline != taocan.ReleaseOnDeadline && r.OnDeadline != taocan.CommitOnDeadline {
		wrong("body.on_deadline", "must be release or commit", string(r.OnDeadline))
	}
}
