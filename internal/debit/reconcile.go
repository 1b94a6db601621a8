package debit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// MaxReconciled is how many claims a reconciliation takes, and how many records its time may hold.
const MaxReconciled = 10_000

// reconcilingMost is how many reconciliations run at a time; others wait.
const reconcilingMost = 2

// Claim is what a sender has written down about one of its ids. What is left out is not compared.
type Claim struct {
	ID        taocan.DebitID
	Category  taocan.Category
	Purpose   taocan.Purpose
	Country   taocan.Country
	Quantity  taocan.Segments
	Reference string
	Kind      taocan.DebitKind
	State     taocan.DebitState
	Settled   *taocan.Segments // of a settled reservation, how many became used
}

// Reconciliation is how a sender's record and ours disagree.
type Reconciliation struct {
	Agreeing  int
	Unknown   []taocan.DebitID // claimed, and nothing stands recorded since RememberedSince
	Archived  []taocan.DebitID // claimed, and in an archived month
	Different []Difference     // in the order of the claims
	Missing   []taocan.Debit   // recorded in the time asked for, and not claimed; oldest first
	// RememberedSince: what was recorded before it may be unknown now, since ids are forgotten in the end.
	RememberedSince time.Time
	// ArchivedBefore: some of the time asked for is archived, and Missing knows only what is later. Zero: nothing of it is.
	ArchivedBefore time.Time
}

// Difference is a record that is not as it was claimed to be.
type Difference struct {
	Fields []string // as the claim names them
	Debit  taocan.Debit
}

// Reconcile compares what a sender has written down with what stands recorded. What was recorded, or last settled, in
// [from, until) and is not claimed is missing there; both zero: nobody looks for that.
func (e *Engine) Reconcile(ctx context.Context, t taocan.Tenant, claims []Claim, from, until time.Time) (x Reconciliation, err error) {
	if err := checkClaims(claims, from, until); err != nil {
		return x, err
	}
	select { // each holds a reader of the store for long
	case e.reconciling <- struct{}{}:
		defer func() { <-e.reconciling }()
	case <-ctx.Done():
		return x, fmt.Errorf("wait for other reconciliations: %w: %w", taocan.ErrUnavailable, ctx.Err())
	}
	err = e.store.View(ctx, func(r store.Reader) error {
		x = Reconciliation{RememberedSince: e.clock.Now().Add(-e.remembered)}
		recorded, order, err := recordedIn(ctx, r, t, from, until, &x)
		if err != nil {
			return err
		}
		for _, c := range claims {
			d, known := recorded[c.ID]
			var err error
			if !known {
				d, err = r.Debit(ctx, t, c.ID)
			}
			delete(recorded, c.ID)
			switch {
			case errors.Is(err, taocan.ErrNotFound):
				x.Unknown = append(x.Unknown, c.ID)
			case errors.Is(err, taocan.ErrArchived):
				x.Archived = append(x.Archived, c.ID)
			case err != nil:
				return err
			default:
				if fields := c.differs(&d); fields != nil {
					x.Different = append(x.Different, Difference{fields, d})
				} else {
					x.Agreeing++
				}
			}
		}
		for _, id := range slices.Backward(order) {
			if d, ok := recorded[id]; ok {
				x.Missing = append(x.Missing, d)
			}
		}
		return nil
	})
	return x, err
}

func checkClaims(claims []Claim, from, until time.Time) error {
	var bad []taocan.FieldError
	wrong := func(location, message string, value any) {
		bad = append(bad, taocan.FieldError{Location: location, Message: message, Value: value})
	}
	switch {
	case from.IsZero() && !until.IsZero():
		wrong("body.from", "is required with to", nil)
	case until.IsZero() && !from.IsZero():
		wrong("body.to", "is required with from", nil)
	case until.Before(from):
		wrong("body.to", "must not be before from", until)
	}
	if len(claims) > MaxReconciled {
		wrong("body.debits", fmt.Sprintf("must be at most %d", MaxReconciled), len(claims))
		return &taocan.InvalidError{Fields: bad}
	}
	named := make(map[taocan.DebitID]bool, len(claims))
	for i, c := range claims {
		at := fmt.Sprintf("body.debits[%d].", i)
		switch {
		case !taocan.ValidCallerID(string(c.ID)):
			wrong(at+"id", fmt.Sprintf("must be 1–%d bytes of visible ASCII", taocan.MaxIDBytes), string(c.ID))
		case named[c.ID]:
			wrong(at+"id", "stands twice", string(c.ID))
		}
		named[c.ID] = true
		if c.Country != "" && !c.Country.Valid() {
			wrong(at+"country", "must be two capital letters (ISO 3166-1)", string(c.Country))
		}
		if !taocan.ValidReference(c.Reference) {
			wrong(at+"reference", fmt.Sprintf("must be at most %d bytes of visible ASCII", taocan.MaxIDBytes), c.Reference)
		}
	}
	if bad != nil {
		return &taocan.InvalidError{Fields: bad}
	}
	return nil
}

// recordedIn are the records of a time by id, and the ids from the newest to the oldest.
func recordedIn(ctx context.Context, r store.Reader, t taocan.Tenant, from, until time.Time, x *Reconciliation) (recorded map[taocan.DebitID]taocan.Debit, order []taocan.DebitID, err error) {
	recorded = map[taocan.DebitID]taocan.Debit{}
	if !until.After(from) {
		return recorded, nil, nil
	}
	f := store.DebitFilter{From: from, Until: until, Paging: store.Paging{Limit: MaxReconciled + 1}}
	for {
		page, err := r.Debits(ctx, t, f)
		if err != nil {
			return nil, nil, err
		}
		for _, d := range page.Items {
			if _, known := recorded[d.ID]; !known { // the newest of an id that was used again after it was forgotten
				recorded[d.ID] = d
				order = append(order, d.ID)
			}
		}
		if page.ArchivedBefore.After(x.ArchivedBefore) {
			x.ArchivedBefore = page.ArchivedBefore
		}
		if len(order) > MaxReconciled {
			return nil, nil, taocan.Invalid("body.from", fmt.Sprintf("more than %d debits stand between from and to: ask for a shorter time", MaxReconciled), from)
		}
		if f.Cursor = page.Next; f.Cursor == "" {
			return recorded, order, nil
		}
	}
}

// differs names what a record has otherwise than it is claimed.
func (c *Claim) differs(d *taocan.Debit) (fields []string) {
	for _, x := range []struct {
		field string
		is    bool
	}{
		{"category", c.Category != "" && c.Category != d.Category},
		{"purpose", c.Purpose != "" && c.Purpose != d.Purpose},
		{"country", c.Country != "" && c.Country != d.Country},
		{"quantity", c.Quantity != 0 && c.Quantity != d.Quantity},
		{"reference", c.Reference != "" && c.Reference != d.Reference},
		{"kind", c.Kind != 0 && c.Kind != d.Kind},
		{"state", c.State != "" && c.State != d.State},
		{"committed", c.Settled != nil && (d.Kind != taocan.KindReservation || d.Open() || *c.Settled != d.Settled)},
	} {
		if x.is {
			fields = append(fields, x.field)
		}
	}
	return fields
}
