package topup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"taocan/internal/catalog"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// MessageCap begins what is said of a cap that has no room for one purchase.
const MessageCap = "must be at least the price of one purchase, now %s"

// Bounds of what may be set.
const (
	MaxTopUps       = 100
	DefaultCooldown = time.Hour
	MinCooldown     = 5 * time.Minute
	MaxCooldown     = 30 * 24 * time.Hour
)

// Set replaces all top-ups of the actor's project and says how the new ones stand. Of those given, target, level,
// quantity, cap, cooldown and enabled count. All of them become the actor's, in whose name they buy from now on, so
// that enabled ones take the acceptance of the current agreement. What waited after a failure is tried again at once;
// a cooldown under way stays.
func (t *TopUps) Set(ctx context.Context, actor taocan.Actor, topUps []taocan.TopUp, agreementVersion string) ([]Standing, error) {
	return t.change(ctx, actor, topUps, agreementVersion, func(taocan.TopUp) bool { return false })
}

// Put sets one top-up as Set does, and leaves the others as they are.
func (t *TopUps) Put(ctx context.Context, actor taocan.Actor, x taocan.TopUp, agreementVersion string) ([]Standing, error) {
	return t.change(ctx, actor, []taocan.TopUp{x}, agreementVersion, func(other taocan.TopUp) bool { return other.ID() != x.ID() })
}

// Remove takes one top-up away. Removing one that is not there changes nothing.
func (t *TopUps) Remove(ctx context.Context, actor taocan.Actor, id taocan.TopUpID) ([]Standing, error) {
	return t.change(ctx, actor, nil, "", func(other taocan.TopUp) bool { return other.ID() != id })
}

// change writes the given top-ups in place of those that are not kept.
func (t *TopUps) change(ctx context.Context, actor taocan.Actor, given []taocan.TopUp, agreementVersion string,
	kept func(taocan.TopUp) bool) (list []Standing, err error) {
	given = slices.Clone(given)
	for i := range given {
		if given[i].Cooldown == 0 {
			given[i].Cooldown = DefaultCooldown
		}
	}
	err = t.Store.Update(ctx, actor.Account, func(tx store.Tx) error {
		account, err := buyer(ctx, tx, actor)
		if err != nil {
			return err
		}
		if err := check(given); err != nil {
			return err
		}
		if err := t.priced(ctx, tx, tx.Now(), account, given); err != nil {
			return err
		}
		if err := accepted(ctx, tx, given, agreementVersion); err != nil {
			return err
		}
		before, err := tx.TopUps(ctx, actor.Tenant)
		if err != nil {
			return err
		}
		var after []taocan.TopUp
		for _, x := range before {
			if kept(x) {
				after = append(after, x)
			}
		}
		for _, x := range given {
			x.Tenant, x.By, x.AgreementVersion, x.UpdatedAt = actor.Tenant, actor, agreementVersion, tx.Now()
			if x, err = started(ctx, tx, x); err != nil {
				return err
			}
			after = append(after, x)
		}
		if len(after) > MaxTopUps {
			return tooMany(len(after))
		}
		if err := tx.ReplaceTopUps(ctx, actor.Tenant, after); err != nil {
			return err
		}
		if err := store.Audit(ctx, tx, actor, "top_ups.set", string(actor.Project), audited(before), audited(after)); err != nil {
			return err
		}
		list, err = t.standings(ctx, tx, actor.Tenant, tx.Now())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("set automatic top-ups of project %s: %w", actor.Project, err)
	}
	return list, nil
}

func tooMany(n int) error {
	return taocan.Invalid("body.top_ups", fmt.Sprintf("must be at most %d", MaxTopUps), n)
}

// buyer is the account that the actor may top up automatically, as the store knows it now. A token needs the scopes of both
// that it does: changing settings and buying.
func buyer(ctx context.Context, r store.Reader, actor taocan.Actor) (taocan.Account, error) {
	if actor.Account == "" {
		return taocan.Account{}, &taocan.ForbiddenError{Required: string(taocan.Finance), Detail: "only the account itself may set automatic top-ups"}
	}
	if actor.Member == "" {
		for _, scope := range []taocan.Scope{taocan.ScopeManage, taocan.ScopeBuy} {
			if !actor.Can(scope) {
				return taocan.Account{}, &taocan.ForbiddenError{Required: string(scope), Detail: "automatic top-up takes the scopes manage and buy"}
			}
		}
	}
	return store.Allowed(ctx, r, actor, "set automatic top-ups", taocan.Finance, taocan.Owner)
}

// check collects all that is wrong with the top-ups by themselves.
func check(topUps []taocan.TopUp) error {
	if len(topUps) > MaxTopUps {
		return tooMany(len(topUps))
	}
	var bad []taocan.FieldError
	first := map[taocan.TopUpID]int{}
	for i, x := range topUps {
		must := func(ok bool, field, message string, value any) {
			if !ok {
				bad = append(bad, taocan.FieldError{Location: at(i) + field, Message: message, Value: value})
			}
		}
		must(x.Category.Valid(), ".category", "must be domestic or international", string(x.Category))
		if x.Category == taocan.International {
			must(x.Purpose == taocan.General, ".purpose", "must be general for international", string(x.Purpose))
			must(x.Country.Valid(), ".country", "must be an ISO 3166-1 code of two capitals", string(x.Country))
		} else {
			must(x.Purpose == taocan.Verification || x.Purpose == taocan.Marketing, ".purpose", "must be verification or marketing", string(x.Purpose))
			must(x.Country == "", ".country", "must be left out for domestic", string(x.Country))
		}
		must(x.Level >= 1 && x.Level <= taocan.MaxSegments, ".level", fmt.Sprintf("must be 1 to %d", taocan.MaxSegments), int64(x.Level))
		must(x.Quantity >= catalog.Step && x.Quantity%catalog.Step == 0, ".quantity", fmt.Sprintf("must be a multiple of %d", catalog.Step), int64(x.Quantity))
		must(x.MonthCap >= 1 && x.MonthCap <= taocan.MaxFen, ".month_cap", "must be an amount above 0", x.MonthCap.String())
		must(x.Cooldown >= MinCooldown && x.Cooldown <= MaxCooldown && x.Cooldown%time.Second == 0, ".cooldown_seconds",
			fmt.Sprintf("must be %d to %d seconds", MinCooldown/time.Second, MaxCooldown/time.Second), int64(x.Cooldown/time.Second))
		if j, twice := first[x.ID()]; twice {
			must(false, "", fmt.Sprintf("buys the same as top-up %d", j), string(x.ID()))
		} else {
			first[x.ID()] = i
		}
	}
	if len(bad) > 0 {
		return &taocan.InvalidError{Fields: bad}
	}
	return nil
}

func at(i int) string { return fmt.Sprintf("body.top_ups[%d]", i) }

// priced refuses enabled top-ups that could buy nothing at today's prices.
func (t *TopUps) priced(ctx context.Context, r store.Reader, now time.Time, account taocan.Account, topUps []taocan.TopUp) error {
	var bad []taocan.FieldError
	for i, x := range topUps {
		if !x.Enabled {
			continue
		}
		quote, err := t.Catalog.QuoteAt(ctx, r, now, account, purchase(x))
		var sale *taocan.SaleError
		switch {
		case errors.As(err, &sale):
			field, value := ".quantity", any(int64(x.Quantity))
			if sale.Code == taocan.CodeCountryNotForSale {
				field, value = ".country", string(x.Country)
			} else if sale.Code == taocan.CodePurposeNotForSale {
				field, value = ".purpose", string(x.Purpose)
			}
			bad = append(bad, taocan.FieldError{Location: at(i) + field, Message: sale.Detail, Value: value})
		case err != nil:
			return err
		case quote.Amount > x.MonthCap:
			bad = append(bad, taocan.FieldError{Location: at(i) + ".month_cap", Message: fmt.Sprintf(MessageCap, quote.Amount),
				Value: x.MonthCap.String()})
		}
	}
	if len(bad) > 0 {
		return &taocan.InvalidError{Fields: bad}
	}
	return nil
}

// accepted refuses enabled top-ups unless the version is the current agreement's.
func accepted(ctx context.Context, r store.Reader, topUps []taocan.TopUp, version string) error {
	if !slices.ContainsFunc(topUps, func(x taocan.TopUp) bool { return x.Enabled }) {
		return nil
	}
	agreement, err := r.Agreement(ctx)
	if err != nil && !errors.Is(err, taocan.ErrNotFound) {
		return err
	}
	if err != nil || agreement.Version != version {
		return &taocan.AgreementError{CurrentVersion: agreement.Version}
	}
	return nil
}

// started is a top-up as it begins to stand: to be looked at once a purchase under way has been settled and the cooldown
// after the last one is over, which removing it and setting it again does not shorten.
func started(ctx context.Context, r store.Reader, x taocan.TopUp) (taocan.TopUp, error) {
	x.CalledAt = x.UpdatedAt // the first look tells whether there is anything to do
	x.NextAt = time.Time{}
	x.Failures, x.FailedAt, x.Reason = 0, time.Time{}, ""
	last, err := r.LastTopUpOrder(ctx, x.Tenant, x.ID(), taocan.TopUpBought)
	if err != nil && !errors.Is(err, taocan.ErrNotFound) {
		return x, err
	}
	if err == nil {
		x.NextAt = last.At.Add(x.Cooldown)
	}
	return x, nil
}

// audited shows top-ups by id; none are nothing.
func audited(topUps []taocan.TopUp) any {
	if len(topUps) == 0 {
		return nil
	}
	type figures struct {
		Level    taocan.Segments `json:"level"`
		Quantity taocan.Segments `json:"quantity"`
		MonthCap string          `json:"month_cap"`
		Cooldown int64           `json:"cooldown_seconds"`
		Enabled  bool            `json:"enabled"`
	}
	byID := map[taocan.TopUpID]figures{}
	for _, x := range topUps {
		byID[x.ID()] = figures{x.Level, x.Quantity, x.MonthCap.String(), int64(x.Cooldown / time.Second), x.Enabled}
	}
	return byID
}
