package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"taocan/internal/edge"
	"taocan/internal/limit"
	"taocan/internal/taocan"
)

// UsageLimit bounds what a project takes in each natural day or month, and how it stands.
type UsageLimit struct {
	Category  string    `json:"category" enum:"domestic,international"`
	Purpose   *string   `json:"purpose" example:"marketing" doc:"null: all purposes. It is the one that was asked for, whatever package paid"`
	Country   *string   `json:"country" example:"HK" doc:"null for domestic, and for all countries"`
	Period    string    `json:"period" enum:"day,month" doc:"Of the platform's time zone"`
	Warning   *int64    `json:"warning" example:"80000" doc:"The project is told once in a period when it has taken more; null: never"`
	Cap       *int64    `json:"cap" example:"100000" doc:"What would take more is refused with usage_limit_reached; null: none"`
	Used      int64     `json:"used" doc:"In the present period, reserved messages included"`
	ResetsAt  time.Time `json:"resets_at" doc:"When the next period begins"`
	UpdatedAt time.Time `json:"updated_at"`
}

// UsageLimits are all of a project's.
type UsageLimits struct {
	Limits []UsageLimit `json:"limits"`
}

// UsageLimitRequest sets a limit.
type UsageLimitRequest struct {
	Category string `json:"category" enum:"domestic,international"`
	Purpose  string `json:"purpose,omitempty" example:"marketing" doc:"Left out: all purposes"`
	Country  string `json:"country,omitempty" example:"HK" doc:"international; left out: all countries"`
	Period   string `json:"period" enum:"day,month"`
	Warning  *int64 `json:"warning,omitempty" minimum:"1" maximum:"1000000000000" doc:"Below the cap"`
	Cap      *int64 `json:"cap,omitempty" minimum:"1" maximum:"1000000000000"`
}

func (r UsageLimitRequest) limit() taocan.UsageLimit {
	l := taocan.UsageLimit{Category: taocan.Category(r.Category), Purpose: taocan.Purpose(r.Purpose), Country: taocan.Country(r.Country), Period: taocan.Period(r.Period)}
	if r.Warning != nil {
		l.Warning = taocan.Segments(*r.Warning)
	}
	if r.Cap != nil {
		l.Cap = taocan.Segments(*r.Cap)
	}
	return l
}

// UsageLimitsRequest replaces all of a project's.
type UsageLimitsRequest struct {
	Limits []UsageLimitRequest `json:"limits" maxItems:"100" doc:"At most one for the same category, purpose, country and period; each with a warning, a cap or both"`
}

// OverflowSetting lets a project go on from its account's wallet when its packages have run out.
type OverflowSetting struct {
	Category   string    `json:"category" enum:"domestic,international"`
	MonthCap   Yuan      `json:"month_cap" doc:"What it may cost in a natural month"`
	SpentMonth Yuan      `json:"spent_this_month"`
	UpdatedAt  time.Time `json:"updated_at"`
}

// Overflows are all of a project's, with what messages cost then.
type Overflows struct {
	Overflow []OverflowSetting `json:"overflow" doc:"A category that is not here stops when its packages have run out"`
	Prices   []OverflowPrice   `json:"prices" doc:"All that are published, coming ones too, newest start first"`
}

// OverflowRequest sets the overflow of a category.
type OverflowRequest struct {
	Category string `json:"category" enum:"domestic,international"`
	MonthCap Yuan   `json:"month_cap"`
}

// OverflowsRequest replaces all of a project's.
type OverflowsRequest struct {
	Overflow []OverflowRequest `json:"overflow" maxItems:"2"`
}

// OverflowPrice is what a message beyond all packages costs from an instant on, until a later price for the same.
type OverflowPrice struct {
	Category    string    `json:"category" enum:"domestic,international"`
	Purpose     *string   `json:"purpose" doc:"null for international"`
	Country     *string   `json:"country" doc:"null for domestic, and for countries that have no price of their own"`
	Price       UnitYuan  `json:"price"`
	ValidFrom   time.Time `json:"valid_from"`
	PublishedAt time.Time `json:"published_at"`
}

// OverflowPriceRequest publishes a price.
type OverflowPriceRequest struct {
	Category  string     `json:"category" enum:"domestic,international"`
	Purpose   string     `json:"purpose,omitempty" doc:"domestic: verification, marketing or general"`
	Country   string     `json:"country,omitempty" doc:"international; left out: all that have no price of their own"`
	Price     UnitYuan   `json:"price"`
	ValidFrom *time.Time `json:"valid_from,omitempty" doc:"Not in the past; left out: now"`
}

// Pool names the other projects whose packages pay for a project, too.
type Pool struct {
	Projects []string `json:"projects" maxItems:"20" doc:"Other projects of the same account, in the order of use: after the project's own packages, one after the other"`
}

func (a *api) limitRoutes() {
	base, read, manage := "/v1/projects/{project}", holding(taocan.ScopeRead), holding(taocan.ScopeManage)
	op := func(method, path, id, summary, description string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: id, Tags: []string{"limits"}, Summary: summary, Description: description}
	}
	add(a, read, op(http.MethodGet, base+"/limits", "get-limits", "Limits on use, and how much is used", ""), a.limits)
	add(a, manage, op(http.MethodPut, base+"/limits", "set-limits", "Replace all limits on use",
		"An empty list removes all. Of a signed-in member it takes the role owner."), a.setLimits)
	add(a, read, op(http.MethodGet, base+"/overflow", "get-overflow", "What happens when packages have run out, and what it costs", ""), a.overflow)
	add(a, holding(taocan.ScopeBuy), op(http.MethodPut, base+"/overflow", "set-overflow", "Replace all overflow to the wallet",
		"An empty list stops it. A token needs both scopes, buy and manage; a signed-in member the role owner or finance."), a.setOverflow)
	add(a, read, op(http.MethodGet, base+"/pool", "get-pool", "Whose packages pay for the project besides its own", ""), a.pool)
	add(a, manage, op(http.MethodPut, base+"/pool", "set-pool", "Say whose packages pay for the project besides its own",
		"Only for a signed-in member with the role owner: no token of one project gives away another's packages."), a.setPool)

	prices := "/v1/operator/overflow-prices"
	publish := huma.Operation{Method: http.MethodPost, Path: prices, OperationID: "publish-overflow-price", Tags: []string{"operator"}, DefaultStatus: http.StatusCreated,
		Summary: "Publish what messages beyond all packages cost", Description: "A price is never edited afterwards; a later one takes its place."}
	add(a, operators, publish, a.publishOverflowPrice)
	add(a, operators, huma.Operation{Method: http.MethodGet, Path: prices, OperationID: "list-overflow-prices", Tags: []string{"operator"},
		Summary: "All overflow prices, newest start first"}, a.overflowPrices)
	add(a, operators, huma.Operation{Method: http.MethodPut, Path: "/v1/operator/accounts/{account}/projects/{project}/pool", OperationID: "set-project-pool",
		Tags: []string{"operator"}, Summary: "Say whose packages pay for a project besides its own"}, a.setProjectPool)
}

func (a *api) limits(ctx context.Context, _ *InProject) (*out[UsageLimits], error) {
	list, err := a.Limits.List(ctx, edge.ActorOf(ctx).Tenant)
	if err != nil {
		return nil, err
	}
	return answer(UsageLimits{converted(list, a.toUsageLimit)}), nil
}

func (a *api) setLimits(ctx context.Context, in *struct {
	InProject
	Body UsageLimitsRequest
}) (*out[UsageLimits], error) {
	list, err := a.Limits.Set(ctx, edge.ActorOf(ctx), converted(in.Body.Limits, UsageLimitRequest.limit))
	if err != nil {
		return nil, err
	}
	return answer(UsageLimits{converted(list, a.toUsageLimit)}), nil
}

func (a *api) toUsageLimit(s limit.Standing) UsageLimit {
	figure := func(q taocan.Segments) *int64 {
		if q == 0 {
			return nil
		}
		n := int64(q)
		return &n
	}
	return UsageLimit{Category: string(s.Category), Purpose: orNull(s.Purpose), Country: orNull(s.Country), Period: string(s.Period), Warning: figure(s.Warning),
		Cap: figure(s.Cap), Used: int64(s.Used), ResetsAt: a.local(s.ResetsAt), UpdatedAt: a.local(s.UpdatedAt)}
}

func (a *api) overflow(ctx context.Context, _ *InProject) (*out[Overflows], error) {
	list, err := a.Limits.Overflows(ctx, edge.ActorOf(ctx).Tenant)
	if err != nil {
		return nil, err
	}
	return a.overflowAnswer(ctx, list)
}

func (a *api) setOverflow(ctx context.Context, in *struct {
	InProject
	Body OverflowsRequest
}) (*out[Overflows], error) {
	list, err := a.Limits.SetOverflow(ctx, edge.ActorOf(ctx), converted(in.Body.Overflow, func(o OverflowRequest) taocan.Overflow {
		return taocan.Overflow{Category: taocan.Category(o.Category), Cap: taocan.Fen(o.MonthCap)}
	}))
	if err != nil {
		return nil, err
	}
	return a.overflowAnswer(ctx, list)
}

func (a *api) overflowAnswer(ctx context.Context, list []limit.OverflowStanding) (*out[Overflows], error) {
	prices, err := a.Limits.Prices(ctx)
	if err != nil {
		return nil, err
	}
	return answer(Overflows{converted(list, func(o limit.OverflowStanding) OverflowSetting {
		return OverflowSetting{Category: string(o.Category), MonthCap: Yuan(o.Cap), SpentMonth: Yuan(o.Spent), UpdatedAt: a.local(o.UpdatedAt)}
	}), converted(prices, a.toOverflowPrice)}), nil
}

func (a *api) toOverflowPrice(p taocan.OverflowPrice) OverflowPrice {
	return OverflowPrice{Category: string(p.Category), Purpose: orNull(p.Purpose), Country: orNull(p.Country), Price: UnitYuan(p.Price),
		ValidFrom: a.local(p.ValidFrom), PublishedAt: a.local(p.PublishedAt)}
}

func (a *api) overflowPrices(ctx context.Context, _ *struct{}) (*out[Items[OverflowPrice]], error) {
	prices, err := a.Limits.Prices(ctx)
	if err != nil {
		return nil, err
	}
	return answer(Items[OverflowPrice]{converted(prices, a.toOverflowPrice)}), nil
}

func (a *api) publishOverflowPrice(ctx context.Context, in *struct{ Body OverflowPriceRequest }) (*out[OverflowPrice], error) {
	p := taocan.OverflowPrice{Category: taocan.Category(in.Body.Category), Purpose: taocan.Purpose(in.Body.Purpose), Country: taocan.Country(in.Body.Country),
		Price: taocan.UnitPrice(in.Body.Price)}
	if in.Body.ValidFrom != nil {
		p.ValidFrom = *in.Body.ValidFrom
	}
	p, err := a.Limits.PublishPrice(ctx, edge.ActorOf(ctx), p)
	if err != nil {
		return nil, err
	}
	return answer(a.toOverflowPrice(p)), nil
}

func (a *api) pool(ctx context.Context, _ *InProject) (*out[Pool], error) {
	owners, err := a.Limits.Pool(ctx, edge.ActorOf(ctx).Tenant)
	if err != nil {
		return nil, err
	}
	return answer(Pool{converted(owners, projectName)}), nil
}

func (a *api) setPool(ctx context.Context, in *struct {
	InProject
	Body Pool
}) (*out[Pool], error) {
	actor := edge.ActorOf(ctx)
	return a.shared(ctx, actor, actor.Tenant, in.Body)
}

func (a *api) setProjectPool(ctx context.Context, in *struct {
	Account string `path:"account"`
	Project string `path:"project"`
	Body    Pool
}) (*out[Pool], error) {
	return a.shared(ctx, edge.ActorOf(ctx), taocan.Tenant{Account: taocan.AccountID(in.Account), Project: taocan.ProjectID(in.Project)}, in.Body)
}

func (a *api) shared(ctx context.Context, actor taocan.Actor, user taocan.Tenant, wanted Pool) (*out[Pool], error) {
	owners, err := a.Limits.SetPool(ctx, actor, user, converted(wanted.Projects, func(id string) taocan.ProjectID { return taocan.ProjectID(id) }))
	if err != nil {
		return nil, err
	}
	return answer(Pool{converted(owners, projectName)}), nil
}

func projectName(id taocan.ProjectID) string { return string(id) }
