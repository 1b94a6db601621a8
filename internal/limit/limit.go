package limit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Bounds of what may be set.
const (
	MaxLimits = 100
	MaxCount  = taocan.Segments(1_000_000_000_000) // of a month
	MaxPools  = 20
)

// Limits is the use case. Immutable after New, safe for concurrent use.
type Limits struct {
	store store.Store
	clock clock.Clock
	zone  *time.Location
}

// New makes the use case.
func New(st store.Store, c clock.Clock, zone *time.Location) *Limits { return &Limits{st, c, zone} }

// Standing is a limit with how it stands.
type Standing struct {
	taocan.UsageLimit
	Used     taocan.Segments // in the present period, reserved messages included
	ResetsAt time.Time       // when the next period begins
}

// List says how a project's limits stand.
func (l *Limits) List(ctx context.Context, t taocan.Tenant) (list []Standing, err error) {
	err = l.store.View(ctx, func(r store.Reader) error {
		list, err = l.standings(ctx, r, t, l.clock.Now())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("usage limits of project %s: %w", t.Project, err)
	}
	return list, nil
}

func (l *Limits) standings(ctx context.Context, r store.Reader, t taocan.Tenant, now time.Time) ([]Standing, error) {
	limits, err := r.UsageLimits(ctx, t)
	if err != nil {
		return nil, err
	}
	periods := store.NewMeter(l.zone, "")
	taken := map[taocan.Period][]store.TargetSum{}
	list := make([]Standing, len(limits))
	for i, x := range limits {
		if taken[x.Period] == nil {
			if taken[x.Period], err = r.Metered(ctx, t, periods.Period(x.Period, now)); err != nil {
				return nil, err
			}
		}
		list[i] = Standing{UsageLimit: x, ResetsAt: periods.Ends(x.Period, now)}
		for _, s := range taken[x.Period] {
			if x.Counts(s.Category, s.Purpose, s.Country) {
				list[i].Used += s.Quantity
			}
		}
	}
	return list, nil
}

// Set replaces all limits of the actor's project. Tenant and UpdatedAt of those given do not count.
func (l *Limits) Set(ctx context.Context, actor taocan.Actor, limits []taocan.UsageLimit) (list []Standing, err error) {
	if err := checkLimits(limits); err != nil {
		return nil, err
	}
	err = l.store.Update(ctx, actor.Account, func(tx store.Tx) error {
		if err := permit(ctx, tx, actor, taocan.Owner); err != nil {
			return err
		}
		before, err := tx.UsageLimits(ctx, actor.Tenant)
		if err != nil {
			return err
		}
		after := slices.Clone(limits)
		for i := range after {
			after[i].Tenant, after[i].UpdatedAt = actor.Tenant, tx.Now()
			for _, old := range before {
				same := after[i]
				if same.UpdatedAt = old.UpdatedAt; same == old {
					after[i] = old // stays as it was
				}
			}
		}
		if err := tx.ReplaceUsageLimits(ctx, actor.Tenant, after); err != nil {
			return err
		}
		if err := store.Audit(ctx, tx, actor, "usage_limits.set", string(actor.Project), auditedLimits(before), auditedLimits(after)); err != nil {
			return err
		}
		list, err = l.standings(ctx, tx, actor.Tenant, tx.Now())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("set usage limits of project %s: %w", actor.Project, err)
	}
	return list, nil
}

type bounds struct {
	Warning taocan.Segments `json:"warning,omitempty"`
	Cap     taocan.Segments `json:"cap,omitempty"`
}

func auditedLimits(limits []taocan.UsageLimit) any {
	if len(limits) == 0 {
		return nil
	}
	byID := map[taocan.AlertID]bounds{}
	for _, x := range limits {
		byID[store.LimitID(x)] = bounds{x.Warning, x.Cap}
	}
	return byID
}

// checkLimits collects all that is wrong.
func checkLimits(limits []taocan.UsageLimit) error {
	if len(limits) > MaxLimits {
		return taocan.Invalid("body.limits", fmt.Sprintf("must be at most %d", MaxLimits), len(limits))
	}
	var bad []taocan.FieldError
	first := map[taocan.AlertID]int{}
	for i, x := range limits {
		must := func(ok bool, field, message string, value any) {
			if !ok {
				bad = append(bad, taocan.FieldError{Location: fmt.Sprintf("body.limits[%d]%s", i, field), Message: message, Value: value})
			}
		}
		must(x.Category.Valid(), ".category", "must be domestic or international", string(x.Category))
		must(x.Purpose == "" || x.Purpose.Valid(), ".purpose", "must be verification, marketing or general, or be left out for all", string(x.Purpose))
		must(x.Country == "" || x.Category == taocan.International && x.Country.Valid(), ".country",
			"must be an ISO 3166-1 code of two capitals, or be left out; domestic has none", string(x.Country))
		must(x.Period == taocan.PerDay || x.Period == taocan.PerMonth, ".period", "must be day or month", string(x.Period))
		must(x.Warning >= 0 && x.Warning <= MaxCount, ".warning", fmt.Sprintf("must be 1 to %d, or be left out", MaxCount), int64(x.Warning))
		must(x.Cap >= 0 && x.Cap <= MaxCount, ".cap", fmt.Sprintf("must be 1 to %d, or be left out", MaxCount), int64(x.Cap))
		must(x.Warning != 0 || x.Cap != 0, "", "needs a warning or a cap", nil)
		must(x.Warning == 0 || x.Cap == 0 || x.Warning < x.Cap, ".warning", "must be below the cap", int64(x.Warning))
		if j, twice := first[store.LimitID(x)]; twice {
			must(false, "", fmt.Sprintf("counts the same as limit %d", j), nil)
		} else {
			first[store.LimitID(x)] = i
		}
	}
	if len(bad) > 0 {
		return &taocan.InvalidError{Fields: bad}
	}
	return nil
}

// permit lets pass who may change settings of the actor's project, as the store knows them now: members with one of the
// roles, and tokens with the scope manage and whatever else is named.
func permit(ctx context.Context, r store.Reader, actor taocan.Actor, roles ...taocan.Role) error {
	if actor.Account == "" || !actor.Can(taocan.ScopeManage) && actor.Member == "" {
		return &taocan.ForbiddenError{Required: string(taocan.ScopeManage), Detail: "this takes the scope manage"}
	}
	if actor.Member == "" && slices.Contains(roles, taocan.Finance) && !actor.Can(taocan.ScopeBuy) {
		return &taocan.ForbiddenError{Required: string(taocan.ScopeBuy), Detail: "this can spend money, and takes the scope buy, too"}
	}
	_, err := store.Allowed(ctx, r, actor, "change this", roles...)
	return err
}
