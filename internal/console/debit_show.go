package console

import (
	"net/http"

	"taocan/internal/console/view"
	"taocan/internal/debit"
	"taocan/internal/edge"
	"taocan/internal/taocan"
)

func (c *console) debitShowRoutes() {
	c.member("GET /debits/{id}", func(w http.ResponseWriter, r *http.Request) error {
		edge.RestorePath(r, "id")
		x, err := c.explanation(r, taocan.DebitID(r.PathValue("id")))
		if err != nil {
			return err
		}
		return c.showDebit(w, r, x)
	}, taocan.ScopeRead)
}

// showDebit says what happened and why.
func (c *console) showDebit(w http.ResponseWriter, r *http.Request, x debit.Explanation) error {
	f, err := c.frame(r, "debit.title", "packages", "debits")
	if err != nil {
		return err
	}
	return render(w, r, http.StatusOK, view.DebitPage(f, x))
}
