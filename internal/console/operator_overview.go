package console

import (
	"errors"
	"net/http"

	"taocan/internal/console/view"
	"taocan/internal/taocan"
)

// operatorOverviewRoutes serve a page of its own: with a hundred thousand packages its figures take seconds (BenchmarkOverview), which the
// home page must not wait for.
func (c *console) operatorOverviewRoutes() {
	c.staff("GET /operator/overview", c.operatorOverview)
}

func (c *console) operatorOverview(w http.ResponseWriter, r *http.Request) error {
	f, err := c.frame(r, "overview.title", "operator", "months")
	if err != nil {
		return err
	}
	query := r.URL.Query()
	p := view.OperatorOverview{From: query.Get("from"), To: query.Get("to")}
	o, err := c.Statements.Overview(r.Context(), f.Actor, p.From, p.To)
	var wrong *taocan.InvalidError
	if errors.As(err, &wrong) {
		p.Refused = true
		return render(w, r, http.StatusUnprocessableEntity, view.OperatorOverviewPage(f, p))
	}
	if err != nil {
		return err
	}
	p.Overview = o
	p.From, p.To = o.Months[0].Name, o.Months[len(o.Months)-1].Name
	return render(w, r, http.StatusOK, view.OperatorOverviewPage(f, p))
}
