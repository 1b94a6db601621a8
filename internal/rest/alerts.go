package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"taocan/internal/alert"
	"taocan/internal/edge"
	"taocan/internal/taocan"
)

// AlertRule is a threshold on what is left, and how it stands.
type AlertRule struct {
	ID        string  `json:"id" example:"domestic-marketing" doc:"Made of what the rule watches"`
	Category  string  `json:"category" enum:"domestic,international"`
	Purpose   string  `json:"purpose" enum:"verification,marketing,general"`
	Country   *string `json:"country" example:"HK" doc:"null for domestic, and for everything left abroad"`
	Threshold int64   `json:"threshold" example:"1000"`
	Enabled   bool    `json:"enabled"`
	State     string  `json:"state" enum:"off,ok,low" doc:"low: enabled, and less than threshold is left. off: not enabled"`
	Remaining int64   `json:"remaining" example:"150" doc:"What is left of exactly what the rule watches, not reserved"`
}

// AlertRules are all of a project's.
type AlertRules struct {
	Rules []AlertRule `json:"rules"`
}

// AlertRuleRequest says what to watch and from where on too little is left.
type AlertRuleRequest struct {
	Category  string `json:"category" enum:"domestic,international"`
	Purpose   string `json:"purpose" enum:"verification,marketing,general" doc:"international: general"`
	Country   string `json:"country,omitempty" example:"HK" doc:"international: an ISO code, or left out for everything left abroad"`
	Threshold int64  `json:"threshold" minimum:"1" maximum:"1000000000" example:"1000" doc:"low when less than this is left"`
	Enabled   *bool  `json:"enabled,omitempty" doc:"Default true"`
}

func (r AlertRuleRequest) rule() taocan.AlertRule {
	return taocan.AlertRule{Category: taocan.Category(r.Category), Purpose: taocan.Purpose(r.Purpose), Country: taocan.Country(r.Country),
		Threshold: taocan.Segments(r.Threshold), Enabled: r.Enabled == nil || *r.Enabled}
}

// AlertRulesRequest replaces all of a project's.
type AlertRulesRequest struct {
	Rules []AlertRuleRequest `json:"rules" maxItems:"300" doc:"At most one rule for the same category, purpose and country"`
}

func (a *api) alertRoutes() {
	path, tags := "/v1/projects/{project}/alerts", []string{"alerts"}
	add(a, holding(taocan.ScopeRead), huma.Operation{Method: http.MethodGet, Path: path, OperationID: "get-alerts", Tags: tags,
		Summary: "The alert rules that are set, and how they stand"}, a.alerts)
	add(a, holding(taocan.ScopeManage), huma.Operation{Method: http.MethodPut, Path: path, OperationID: "set-alerts", Tags: tags,
		Summary:     "Replace all alert rules",
		Description: "An empty list removes all rules. Of a signed-in member it takes the role owner."}, a.setAlerts)
}

func (a *api) alerts(ctx context.Context, _ *InProject) (*out[AlertRules], error) {
	list, err := a.Alerts.Rules(ctx, edge.ActorOf(ctx).Tenant)
	if err != nil {
		return nil, err
	}
	return answer(toAlertRules(list)), nil
}

func (a *api) setAlerts(ctx context.Context, in *struct {
	InProject
	Body AlertRulesRequest
}) (*out[AlertRules], error) {
	list, err := a.Alerts.Set(ctx, edge.ActorOf(ctx), converted(in.Body.Rules, AlertRuleRequest.rule))
	if err != nil {
		return nil, err
	}
	return answer(toAlertRules(list)), nil
}

func toAlertRules(list []alert.Standing) AlertRules {
	return AlertRules{converted(list, toAlertRule)}
}

func toAlertRule(s alert.Standing) AlertRule {
	return AlertRule{ID: string(s.ID()), Category: string(s.Category), Purpose: string(s.Purpose), Country: orNull(s.Country),
		Threshold: int64(s.Threshold), Enabled: s.Enabled, State: string(s.State), Remaining: int64(s.Remaining)}
}
