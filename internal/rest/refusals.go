package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"taocan/internal/debit"
	"taocan/internal/edge"
	"taocan/internal/taocan"
)

// Refusals are what the project was refused lately.
type Refusals struct {
	Since   time.Time        `json:"since" doc:"What happened before is not known: the server started then, or it is a day ago"`
	Counts  map[string]int64 `json:"counts" doc:"All of them, by reason: the code that was answered"`
	Minutes []RefusalMinute  `json:"minutes" doc:"Minutes with a refusal, the oldest first"`
	Last    []Refusal        `json:"last" doc:"The last 50, the newest first"`
}

// RefusalMinute counts one minute's refusals.
type RefusalMinute struct {
	At     time.Time        `json:"at"`
	Counts map[string]int64 `json:"counts" doc:"By reason"`
}

// Refusal is one operation that was refused.
type Refusal struct {
	At        time.Time `json:"at"`
	Operation string    `json:"operation" enum:"debit,reservation,commit,release"`
	ID        *string   `json:"id" doc:"null where it was none"`
	Category  *string   `json:"category" doc:"null for commit and release"`
	Purpose   *string   `json:"purpose" doc:"null for commit and release"`
	Country   *string   `json:"country"`
	Quantity  int64     `json:"quantity" doc:"0 for a whole reservation"`
	Reason    string    `json:"reason" example:"insufficient_quota"`
	Available *int64    `json:"available" doc:"With insufficient_quota: what there was"`
}

func (a *api) refusalRoutes() {
	add(a, holding(taocan.ScopeDebit, taocan.ScopeRead), huma.Operation{Method: http.MethodGet, Path: "/v1/projects/{project}/refusals",
		OperationID: "get-refusals", Tags: []string{"debits"}, Summary: "What was refused in the last 24 hours, and why",
		Description: "Refusals leave no trace in the ledger. The server remembers them in memory, so a restart forgets them; since says from when on " +
			"they are known. Dry runs are left out."}, a.refusals)
}

func (a *api) refusals(ctx context.Context, _ *InProject) (*out[Refusals], error) {
	r := a.Engine.Refusals(edge.ActorOf(ctx).Tenant)
	return answer(Refusals{Since: a.local(r.Since), Counts: r.Counts, Last: converted(r.Last, a.toRefusal),
		Minutes: converted(r.Minutes, func(m debit.RefusalMinute) RefusalMinute { return RefusalMinute{a.local(m.At), m.Counts} })}), nil
}

func (a *api) toRefusal(r debit.Refusal) Refusal {
	return Refusal{At: a.local(r.At), Operation: r.Operation, ID: orNull(r.ID), Category: orNull(r.Category), Purpose: orNull(r.Purpose),
		Country: orNull(r.Country), Quantity: int64(r.Quantity), Reason: r.Reason, Available: (*int64)(r.Available)}
}
