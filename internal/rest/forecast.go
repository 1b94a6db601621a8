package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"taocan/internal/edge"
	"taocan/internal/packages"
	"taocan/internal/taocan"
)

// Forecasts is the answer of a forecast: a row for each purpose that has an active package or was used lately.
type Forecasts struct {
	Items []Forecast `json:"items" doc:"Domestic first, then countries"`
}

// Forecast is what becomes of the packages of one purpose if use goes on as it was.
type Forecast struct {
	Category       string            `json:"category" enum:"domestic,international"`
	Purpose        string            `json:"purpose" enum:"verification,marketing,general" doc:"Of the packages"`
	Country        *string           `json:"country" doc:"null for domestic"`
	Remaining      int64             `json:"remaining" doc:"In active packages of exactly this purpose"`
	PerDay         string            `json:"per_day" example:"12.3" doc:"Average use of these packages over the last 7 whole natural days"`
	Outlook        string            `json:"outlook" enum:"unused,runs_out,expires" doc:"No use; runs out on a date; or expires before it is used up"`
	RunsOutOn      *string           `json:"runs_out_on" format:"date" doc:"First date whose use is not covered; null unless outlook is runs_out"`
	ExpiringUnused []ExpiringPackage `json:"expiring_unused" doc:"Soonest first, at most 100 packages"`
	ExpiringTotal  int64             `json:"expiring_total" doc:"Over all packages"`
}

// ExpiringPackage is what would be left in a package on its last day.
type ExpiringPackage struct {
	Package   string `json:"package" example:"U1B19042914D4FE7"`
	ExpiresOn string `json:"expires_on" format:"date"`
	Quantity  int64  `json:"quantity"`
}

func (a *api) forecastRoutes() {
	add(a, holding(taocan.ScopeRead), huma.Operation{Method: http.MethodGet, Path: "/v1/projects/{project}/forecast", OperationID: "forecast",
		Tags: []string{"packages"}, Summary: "When packages run out, and what will expire unused",
		Description: "If use goes on at the average of the last 7 whole natural days, following the order of use: packages of exactly the purpose, " +
			"soonest expiry first, then general ones, which all purposes whose own are gone empty together."}, a.forecast)
}

func (a *api) forecast(ctx context.Context, _ *InProject) (*out[Forecasts], error) {
	rows, err := a.Packages.Forecast(ctx, edge.ActorOf(ctx).Tenant)
	if err != nil {
		return nil, err
	}
	return answer(Forecasts{converted(rows, toForecast)}), nil
}

func toForecast(f packages.Forecast) Forecast {
	return Forecast{Category: string(f.Category), Purpose: string(f.Purpose), Country: orNull(f.Country), Remaining: int64(f.Remaining),
		PerDay: f.PerDay(), Outlook: string(f.Outlook), RunsOutOn: orNull(f.RunsOutOn), ExpiringTotal: int64(f.ExpiringTotal),
		ExpiringUnused: converted(f.ExpiringUnused, func(x packages.Expiring) ExpiringPackage {
			return ExpiringPackage{string(x.Package), x.ExpiresOn, int64(x.Quantity)}
		})}
}
