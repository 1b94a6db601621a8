package console

import (
	"net/http"

	"taocan/internal/console/view"
	"taocan/internal/store"
)

func (c *console) operatorAuditRoutes() {
	c.staff("GET /operator/audit", c.operatorAudit)
}

// auditPage is how many lines of the audit log are on a page.
const auditPage = 50

func (c *console) operatorAudit(w http.ResponseWriter, r *http.Request) error {
	f, err := c.frame(r, "operator.audit", "operator", "audit")
	if err != nil {
		return err
	}
	cursor := r.URL.Query().Get("cursor")
	page, err := c.Access.AuditEntries(r.Context(), store.Paging{Limit: auditPage, Cursor: cursor})
	if err != nil {
		return err
	}
	p := view.OperatorAudit{Entries: page.Items, Next: page.Next, First: cursor == "", Logins: map[string]string{}}
	staff, err := c.Access.Members(r.Context(), "")
	if err != nil {
		return err
	}
	for _, m := range staff {
		p.Logins[string(m.ID)] = m.Login
	}
	return render(w, r, http.StatusOK, view.OperatorAuditPage(f, p))
}
