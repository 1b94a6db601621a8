package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"taocan/internal/alert"
	"taocan/internal/edge"
	"taocan/internal/taocan"
)

// AlertRule is what a project is told of, and how it stands.
type AlertRule struct {
	ID        string     `json:"id" example:"domestic-marketing" doc:"Made of what the rule watches"`
	Kind      string     `json:"kind" enum:"remaining,usage_day,usage_month,expiring,forecast"`
	Unit      string     `json:"unit" enum:"messages,percent,days" doc:"Of threshold"`
	Category  string     `json:"category" enum:"domestic,international"`
	Purpose   string     `json:"purpose" enum:"verification,marketing,general"`
	Country   *string    `json:"country" example:"HK" doc:"null for domestic, and for everything left abroad"`
	Threshold int64      `json:"threshold" example:"1000"`
	Enabled   bool       `json:"enabled"`
	Channels  []string   `json:"channels" doc:"Whom it tells. Empty: all of the project's channels"`
	State     string     `json:"state" enum:"off,ok,low,fired" doc:"low: less than level is left. fired: what a rule of another kind watches for is so. off: not enabled"`
	Level     *int64     `json:"level" example:"1000" doc:"remaining: threshold in messages, as it now is; null while the rule is off and for other kinds"`
	Since     *time.Time `json:"since" doc:"Since when it is low or fired; null if it is neither, or until that has been told"`
	Remaining int64      `json:"remaining" example:"150" doc:"What is left of exactly what the rule watches, not reserved"`
}

// AlertRules are all of a project's.
type AlertRules struct {
	Rules []AlertRule `json:"rules"`
}

// AlertRuleRequest says what to watch and from where on to tell.
type AlertRuleRequest struct {
	Kind string `json:"kind,omitempty" enum:"remaining,usage_day,usage_month,expiring,forecast" doc:"remaining (the default): less than threshold is left. usage_day, usage_month: more than threshold was taken today, or this month. expiring: a package expires within threshold days with something left. forecast: 30, 7 and 1 days before what is left runs out, or some of it is lost"`
	Unit string `json:"unit,omitempty" enum:"messages,percent,days" doc:"Of threshold. remaining: messages (the default), percent of what the packages that have not expired ever held, or days at the average use of the last 7. Use: messages. expiring and forecast: days"`

	Category  string   `json:"category" enum:"domestic,international"`
	Purpose   string   `json:"purpose" enum:"verification,marketing,general" doc:"international: general"`
	Country   string   `json:"country,omitempty" example:"HK" doc:"international: an ISO code, or left out for everything left abroad"`
	Threshold int64    `json:"threshold,omitempty" minimum:"1" maximum:"1000000000" example:"1000" doc:"Percent: at most 100. Days: at most 365. forecast: left out, or 30"`
	Enabled   *bool    `json:"enabled,omitempty" doc:"Default true"`
	Channels  []string `json:"channels,omitempty" maxItems:"20" doc:"Ids of channels to tell. Left out or empty: all of the project's"`
}

func (r AlertRuleRequest) rule() taocan.AlertRule {
	return taocan.AlertRule{Kind: taocan.AlertKind(r.Kind), Unit: taocan.AlertUnit(r.Unit), Category: taocan.Category(r.Category),
		Purpose: taocan.Purpose(r.Purpose), Country: taocan.Country(r.Country), Threshold: taocan.Segments(r.Threshold),
		Enabled: r.Enabled == nil || *r.Enabled, Channels: converted(r.Channels, func(id string) taocan.ChannelID { return taocan.ChannelID(id) })}
}

// AlertRulesRequest replaces all of a project's.
type AlertRulesRequest struct {
	Rules []AlertRuleRequest `json:"rules" maxItems:"300" doc:"At most one rule of a kind and unit for the same category, purpose and country"`
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
	return answer(a.toAlertRules(list)), nil
}

func (a *api) setAlerts(ctx context.Context, in *struct {
	InProject
	Body AlertRulesRequest
}) (*out[AlertRules], error) {
	list, err := a.Alerts.Set(ctx, edge.ActorOf(ctx), converted(in.Body.Rules, AlertRuleRequest.rule))
	if err != nil {
		return nil, err
	}
	return answer(a.toAlertRules(list)), nil
}

func (a *api) toAlertRules(list []alert.Standing) AlertRules {
	return AlertRules{converted(list, a.toAlertRule)}
}

func (a *api) toAlertRule(s alert.Standing) AlertRule {
	r := AlertRule{ID: string(s.ID()), Kind: string(s.Kind), Unit: string(s.Unit), Category: string(s.Category), Purpose: string(s.Purpose),
		Country: orNull(s.Country), Threshold: int64(s.Threshold), Enabled: s.Enabled, State: string(s.State), Remaining: int64(s.Remaining),
		Channels: converted(s.Channels, func(id taocan.ChannelID) string { return string(id) }), Since: a.localOrNil(s.Since)}
	if s.Level > 0 {
		level := int64(s.Level)
		r.Level = &level
	}
	return r
}
