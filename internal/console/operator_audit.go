package console

import (
	"net/http"
	"net/url"

	"taocan/internal/console/view"
	"taocan/internal/export"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

func (c *console) operatorAuditRoutes() {
	c.staff("GET /operator/audit", c.operatorAudit)
	c.staffExported("/operator/audit", c.operatorAuditExport)
}

// auditPage is how many lines of the audit log are on a page unless the address says otherwise.
const auditPage = 50

// auditList reads which lines are asked for.
func (c *console) auditList(query url.Values) (view.List, store.AuditFilter, error) {
	l, err := listOf("/operator/audit", query, "from", "until", "by", "action", "subject", "account")
	if err != nil {
		return l, store.AuditFilter{}, err
	}
	if query.Get("per_page") == "" {
		l.PerPage = auditPage
	}
	f := store.AuditFilter{By: trimmed(l, "by"), Action: trimmed(l, "action"), Subject: trimmed(l, "subject"),
		Account: taocan.AccountID(trimmed(l, "account")), Paging: pagingOf(l)}
	f.From, f.Until, err = c.spanOf(l)
	return l, f, err
}

func (c *console) operatorAudit(w http.ResponseWriter, r *http.Request) error {
	f, err := c.frame(r, "operator.audit", "operator", "audit")
	if err != nil {
		return err
	}
	var p view.OperatorAudit
	var filter store.AuditFilter
	if p.List, filter, err = c.auditList(r.URL.Query()); err != nil {
		return err
	}
	page, err := c.Access.AuditEntries(r.Context(), filter)
	if err != nil {
		return err
	}
	if p.Entries = page.Items; counted(&p.List, page) {
		return seeOther(w, r, p.List.At(p.List.Pages()))
	}
	return render(w, r, http.StatusOK, view.OperatorAuditPage(f, p))
}

// operatorAuditExport is the log as it is filtered, with the figures as they were written.
func (c *console) operatorAuditExport(w http.ResponseWriter, r *http.Request, format export.Format) error {
	_, filter, err := c.auditList(r.URL.Query())
	if err != nil {
		return err
	}
	f := c.bareFrame(r, "operator.audit")
	columns := texts(f, "operator.audit.n", "operator.time", "operator.audit.by", "operator.audit.address", "operator.audit.action", "operator.audit.subject",
		"operator.audit.before", "operator.audit.after")
	return download(w, format, export.Table[taocan.AuditEntry]{Name: "audit", Columns: columns, Row: func(e taocan.AuditEntry) []export.Cell {
		return []export.Cell{export.Number(e.N), export.Instant(e.At.In(c.Zone)), export.Text(f.AuditWho(e)), export.Text(e.Address), export.Text(f.AuditAction(e.Action)),
			export.Text(e.Subject), export.Text(e.Before), export.Text(e.After)}
	}}, func(p store.Paging) (store.Page[taocan.AuditEntry], error) {
		filter.Paging = p
		return c.Access.AuditEntries(r.Context(), filter)
	})
}
