package limit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// MaxOverflowCap bounds what one project's overflow may cost in a month: 10 million yuan.
const MaxOverflowCap taocan.Fen = 1_000_000_000

// OverflowStanding is an overflow with what it has cost in the present month.
type OverflowStanding struct {
	taocan.Overflow
	Spent taocan.Fen // rounded up
}

// Overflows says how a project's overflow stands, by category; none: debits stop when packages run out.
func (l *Limits) Overflows(ctx context.Context, t taocan.Tenant) (list []OverflowStanding, err error) {
	err = l.store.View(ctx, func(r store.Reader) error {
		list, err = l.overflows(ctx, r, t, l.clock.Now())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("overflow of project %s: %w", t.Project, err)
	}
	return list, nil
}

func (l *Limits) overflows(ctx context.Context, r store.Reader, t taocan.Tenant, now time.Time) ([]OverflowStanding, error) {
	all, err := r.Overflows(ctx, t)
	if err != nil {
		return nil, err
	}
	list := make([]OverflowStanding, len(all))
	for i, o := range all {
		cost, err := r.OverflowCost(ctx, t, o.Category, now.In(l.zone).Format("2006-01"))
		if err != nil {
			return nil, err
		}
		list[i] = OverflowStanding{o, taocan.Fen((cost + 99) / 100)}
	}
	return list, nil
}

// SetOverflow replaces the overflow of the actor's project. Of each, category and cap count. It spends the account's money,
// so it takes a role, or scopes, that may.
func (l *Limits) SetOverflow(ctx context.Context, actor taocan.Actor, overflows []taocan.Overflow) (list []OverflowStanding, err error) {
	var bad []taocan.FieldError
	for i, o := range overflows {
		at := fmt.Sprintf("body.overflow[%d]", i)
		if !o.Category.Valid() {
			bad = append(bad, taocan.FieldError{Location: at + ".category", Message: "must be domestic or international", Value: string(o.Category)})
		}
		if o.Cap < 1 || o.Cap > MaxOverflowCap {
			bad = append(bad, taocan.FieldError{Location: at + ".month_cap", Message: fmt.Sprintf("must be 0.01 to %s", MaxOverflowCap), Value: o.Cap.String()})
		}
		if slices.ContainsFunc(overflows[:i], func(x taocan.Overflow) bool { return x.Category == o.Category }) {
			bad = append(bad, taocan.FieldError{Location: at, Message: "stands twice", Value: string(o.Category)})
		}
	}
	if len(bad) > 0 {
		return nil, &taocan.InvalidError{Fields: bad}
	}
	err = l.store.Update(ctx, actor.Account, func(tx store.Tx) error {
		if err := permit(ctx, tx, actor, taocan.Finance, taocan.Owner); err != nil {
			return err
		}
		before, err := tx.Overflows(ctx, actor.Tenant)
		if err != nil {
			return err
		}
		after := make([]taocan.Overflow, len(overflows))
		for i, o := range overflows {
			after[i] = taocan.Overflow{Tenant: actor.Tenant, Category: o.Category, Cap: o.Cap, UpdatedAt: tx.Now()}
		}
		if err := tx.ReplaceOverflows(ctx, actor.Tenant, after); err != nil {
			return err
		}
		if err := store.Audit(ctx, tx, actor, "overflow.set", string(actor.Project), auditedOverflow(before), auditedOverflow(after)); err != nil {
			return err
		}
		list, err = l.overflows(ctx, tx, actor.Tenant, tx.Now())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("set overflow of project %s: %w", actor.Project, err)
	}
	return list, nil
}

func auditedOverflow(list []taocan.Overflow) any {
	if len(list) == 0 {
		return nil
	}
	byCategory := map[taocan.Category]string{}
	for _, o := range list {
		byCategory[o.Category] = o.Cap.String()
	}
	return byCategory
}

// Prices lists what messages beyond packages cost, past and coming prices too.
func (l *Limits) Prices(ctx context.Context) (list []taocan.OverflowPrice, err error) {
	err = l.store.View(ctx, func(r store.Reader) error {
		list, err = r.OverflowPrices(ctx)
		return err
	})
	return list, err
}

// PublishPrice sets what a message beyond packages costs from an instant on; without one, from now. Operators only.
func (l *Limits) PublishPrice(ctx context.Context, actor taocan.Actor, p taocan.OverflowPrice) (taocan.OverflowPrice, error) {
	if err := actor.OperatorOnly(); err != nil {
		return p, err
	}
	var bad []taocan.FieldError
	must := func(ok bool, field, message string, value any) {
		if !ok {
			bad = append(bad, taocan.FieldError{Location: "body." + field, Message: message, Value: value})
		}
	}
	must(p.Category.Valid(), "category", "must be domestic or international", string(p.Category))
	if p.Category == taocan.International {
		must(p.Purpose == "", "purpose", "must be left out for international", string(p.Purpose))
		must(p.Country == "" || p.Country.Valid(), "country", "must be an ISO 3166-1 code of two capitals, or be left out for all that have no price of their own", string(p.Country))
	} else {
		must(p.Purpose.Valid(), "purpose", "must be verification, marketing or general", string(p.Purpose))
		must(p.Country == "", "country", "must be left out for domestic", string(p.Country))
	}
	must(p.Price >= 1 && p.Price <= 1_000_000, "price", "must be 0.0001 to 100", p.Price.String())
	must(p.ValidFrom.Before(taocan.MaxTime), "valid_from", "is too late", p.ValidFrom)
	if len(bad) > 0 {
		return p, &taocan.InvalidError{Fields: bad}
	}
	err := l.store.Update(ctx, "", func(tx store.Tx) error {
		p.PublishedAt = tx.Now()
		if p.ValidFrom.IsZero() {
			p.ValidFrom = tx.Now()
		}
		if p.ValidFrom = p.ValidFrom.UTC().Truncate(time.Microsecond); p.ValidFrom.Before(tx.Now()) {
			return taocan.Invalid("body.valid_from", "must not be in the past", p.ValidFrom)
		}
		if err := tx.InsertOverflowPrice(ctx, p); err != nil {
			return err
		}
		return store.Audit(ctx, tx, actor, "overflow_price.publish", string(p.Category)+" "+string(p.Purpose)+string(p.Country), nil,
			map[string]string{"price": p.Price.String(), "valid_from": p.ValidFrom.Format(time.RFC3339)})
	})
	if err != nil {
		return p, fmt.Errorf("publish an overflow price: %w", err)
	}
	return p, nil
}
