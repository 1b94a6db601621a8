package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"taocan/internal/edge"
	"taocan/internal/taocan"
	"taocan/internal/topup"
)

// TopUp is an automatic purchase, and how it stands.
type TopUp struct {
	ID           string      `json:"id" example:"domestic-verification" doc:"Made of what it buys"`
	Category     string      `json:"category" enum:"domestic,international"`
	Purpose      string      `json:"purpose" enum:"verification,marketing,general"`
	Country      *string     `json:"country" example:"HK" doc:"null for domestic"`
	Level        int64       `json:"level" example:"1000" doc:"It buys when less than this is left"`
	Quantity     int64       `json:"quantity" example:"10000" doc:"Messages of one purchase"`
	MonthCap     Yuan        `json:"month_cap" doc:"What it may spend in a natural month"`
	Cooldown     int64       `json:"cooldown_seconds" example:"3600" doc:"Seconds between two purchases"`
	Enabled      bool        `json:"enabled"`
	Agreement    string      `json:"agreement_version" doc:"Accepted when it was set. Once another is the current one, nothing is bought until it is set again"`
	SetBy        string      `json:"set_by" example:"member:mem_1" doc:"In whose name it buys"`
	UpdatedAt    time.Time   `json:"updated_at"`
	Remaining    int64       `json:"remaining" doc:"Left of exactly what it buys, not reserved"`
	SpentMonth   Yuan        `json:"spent_this_month"`
	Buying       bool        `json:"buying" doc:"A purchase is under way"`
	CalledAt     *time.Time  `json:"called_at" doc:"Too little was found left; null: there is nothing to do"`
	NextAt       *time.Time  `json:"next_at" doc:"It does not buy before: a cooldown, or a wait after a failure; null: at once"`
	Failures     int         `json:"failures" doc:"In a row, since the last purchase"`
	FailedAt     *time.Time  `json:"failed_at"`
	FailedReason *string     `json:"failed_reason" example:"insufficient_funds"`
	LastOrder    *TopUpOrder `json:"last_order" doc:"The last that was paid; null: none"`
}

// TransformSchema lets the last order be null.
func (TopUp) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	return nullableRef(s, "last_order")
}

// TopUpOrder is a purchase that an automatic top-up has begun.
type TopUpOrder struct {
	TopUp    string    `json:"top_up" example:"domestic-verification"`
	N        int64     `json:"n" doc:"Counted for each target"`
	State    string    `json:"state" enum:"buying,bought,failed"`
	Order    *string   `json:"order" example:"O7Q2RZ8N4K1D6VJ0XWTB5" doc:"null: none was made"`
	Quantity int64     `json:"quantity"`
	Amount   Yuan      `json:"amount"`
	At       time.Time `json:"at" doc:"When it was begun; once it has ended, that"`
	Reason   *string   `json:"reason" example:"month_cap" doc:"failed: why"`
}

// TopUps are all of a project's.
type TopUps struct {
	TopUps []TopUp `json:"top_ups"`
}

// TopUpRequest says what to buy, and when.
type TopUpRequest struct {
	Category string `json:"category" enum:"domestic,international"`
	Purpose  string `json:"purpose" enum:"verification,marketing,general" doc:"domestic: verification or marketing; international: general"`
	Country  string `json:"country,omitempty" example:"HK" doc:"international: an ISO code"`
	Level    int64  `json:"level" minimum:"1" maximum:"1000000000" doc:"Buy when less than this is left"`
	Quantity int64  `json:"quantity" minimum:"100" doc:"As of a custom purchase: a multiple of 100"`
	MonthCap Yuan   `json:"month_cap" doc:"At least the price of one purchase"`
	Cooldown *int64 `json:"cooldown_seconds,omitempty" minimum:"300" maximum:"2592000" doc:"Default 3600"`
	Enabled  *bool  `json:"enabled,omitempty" doc:"Default true"`
}

func (r TopUpRequest) topUp() taocan.TopUp {
	x := taocan.TopUp{Category: taocan.Category(r.Category), Purpose: taocan.Purpose(r.Purpose), Country: taocan.Country(r.Country),
		Level: taocan.Segments(r.Level), Quantity: taocan.Segments(r.Quantity), MonthCap: taocan.Fen(r.MonthCap), Enabled: r.Enabled == nil || *r.Enabled}
	if r.Cooldown != nil {
		x.Cooldown = time.Duration(*r.Cooldown) * time.Second
	}
	return x
}

// TopUpsRequest replaces all of a project's.
type TopUpsRequest struct {
	TopUps    []TopUpRequest `json:"top_ups" maxItems:"100" doc:"At most one for the same category, purpose and country"`
	Agreement string         `json:"agreement_version,omitempty" doc:"The current version, accepted for every order to come. Not needed where none is enabled"`
}

func (a *api) topUpRoutes() {
	path, tags := "/v1/projects/{project}/top-ups", []string{"top-ups"}
	add(a, holding(taocan.ScopeRead), huma.Operation{Method: http.MethodGet, Path: path, OperationID: "get-top-ups", Tags: tags,
		Summary: "Automatic purchases that are set, and how they stand"}, a.topUps)
	add(a, holding(taocan.ScopeBuy), huma.Operation{Method: http.MethodPut, Path: path, OperationID: "set-top-ups", Tags: tags,
		Summary: "Replace all automatic purchases",
		Description: "An empty list removes all. They buy in the name of who sets them. A token needs both scopes, buy and manage; a signed-in member " +
			"the role owner or finance."}, a.setTopUps)
	add(a, holding(taocan.ScopeRead), huma.Operation{Method: http.MethodGet, Path: path + "/orders", OperationID: "list-top-up-orders", Tags: tags,
		Summary: "What automatic purchases have bought, newest first"}, a.topUpOrders)
}

func (a *api) topUps(ctx context.Context, _ *InProject) (*out[TopUps], error) {
	list, err := a.TopUps.List(ctx, edge.ActorOf(ctx).Tenant)
	if err != nil {
		return nil, err
	}
	return answer(TopUps{converted(list, a.toTopUp)}), nil
}

func (a *api) setTopUps(ctx context.Context, in *struct {
	InProject
	Body TopUpsRequest
}) (*out[TopUps], error) {
	list, err := a.TopUps.Set(ctx, edge.ActorOf(ctx), converted(in.Body.TopUps, TopUpRequest.topUp), in.Body.Agreement)
	if err != nil {
		return nil, err
	}
	return answer(TopUps{converted(list, a.toTopUp)}), nil
}

func (a *api) topUpOrders(ctx context.Context, in *struct {
	InProject
	Paging
}) (*out[List[TopUpOrder]], error) {
	paging, err := in.paging()
	if err != nil {
		return nil, err
	}
	page, err := a.TopUps.History(ctx, edge.ActorOf(ctx).Tenant, paging)
	if err != nil {
		return nil, err
	}
	return listed(in.Paging, page, a.toTopUpOrder), nil
}

func (a *api) toTopUp(s topup.Standing) TopUp {
	x := TopUp{ID: string(s.ID()), Category: string(s.Category), Purpose: string(s.Purpose), Country: orNull(s.Country), Level: int64(s.Level),
		Quantity: int64(s.Quantity), MonthCap: Yuan(s.MonthCap), Cooldown: int64(s.Cooldown / time.Second), Enabled: s.Enabled, Agreement: s.AgreementVersion,
		SetBy: s.By.Name(), UpdatedAt: a.local(s.UpdatedAt), Remaining: int64(s.Remaining), SpentMonth: Yuan(s.Spent), Buying: s.Buying,
		CalledAt: a.localOrNil(s.CalledAt), NextAt: a.localOrNil(s.NextAt), Failures: s.Failures, FailedAt: a.localOrNil(s.FailedAt), FailedReason: orNull(s.Reason)}
	if s.Last != nil {
		last := a.toTopUpOrder(*s.Last)
		x.LastOrder = &last
	}
	return x
}

func (a *api) toTopUpOrder(o taocan.TopUpOrder) TopUpOrder {
	return TopUpOrder{TopUp: string(o.TopUp), N: o.N, State: string(o.State), Order: orNull(o.Order), Quantity: int64(o.Quantity), Amount: Yuan(o.Amount),
		At: a.local(o.At), Reason: orNull(o.Reason)}
}
