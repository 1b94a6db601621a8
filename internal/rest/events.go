package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"taocan/internal/edge"
	"taocan/internal/live"
	"taocan/internal/taocan"
)

func (a *api) eventRoutes() {
	add(a, holding(taocan.ScopeRead), huma.Operation{Method: http.MethodGet, Path: "/v1/projects/{project}/events", OperationID: "watch-project",
		Tags: []string{"packages"}, Summary: "What changes, as it changes: server-sent events",
		Description: "First both balances. Then, within a second or so, each `balance` that differs (the body of GET …/balance), each `order` that is " +
			"new or in another state (of GET …/orders/{id}) and each `alert` whose rule or state is another (a rule of GET …/alerts). " +
			"States in between may be left out. Changes that no call made, such as an expiry, take up to five seconds. " +
			"What happens while nobody listens is not told later: whoever comes again reads the lists anew.",
		Responses: map[string]*huma.Response{"200": {Description: "OK",
			Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}}}}, a.events)
}

func (a *api) events(ctx context.Context, _ *InProject) (*huma.StreamResponse, error) {
	subscription, err := a.Live.Subscribe(edge.ActorOf(ctx).Tenant)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		defer subscription.Close()
		r, w := humago.Unwrap(ctx)
		edge.Stream(w, r, subscription.Events(), a.showEvent, func(r *http.Request) error {
			return a.gate.Project(r, r.PathValue("project"), taocan.ScopeRead)
		})
	}}, nil
}

// showEvent writes what has changed as its GET does.
func (a *api) showEvent(e live.Event) (name string, data []byte) {
	var shown any
	switch e.Name {
	case live.Balance:
		shown = a.toBalance(*e.Balance)
	case live.Order:
		shown = a.toOrder(*e.Order)
	case live.Alert:
		shown = a.toAlertRule(*e.Alert)
	}
	data, err := json.Marshal(shown)
	if err != nil {
		panic(fmt.Errorf("write the event %s: %w", e.Name, err)) // our own types; Front logs it
	}
	return e.Name, data
}
