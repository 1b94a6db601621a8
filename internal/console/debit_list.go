package console

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"taocan/internal/console/view"
	"taocan/internal/debit"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

func (c *console) debitListRoutes() {
	c.member("GET /debits", c.debitList, taocan.ScopeRead)
}

// debitLines is how many debits a page lists.
const debitLines = 50

func (c *console) debitList(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	p := view.DebitList{Filters: map[string]string{}, Cursor: query.Get("cursor"), Errors: map[string]string{}}
	for name := range query {
		p.Filters[name] = query.Get(name)
	}
	if id := taocan.DebitID(query.Get("id")); id != "" {
		switch x, err := c.explanation(r, id); {
		case err == nil && (id == "." || id == ".."):
			return c.showDebit(w, r, x)
		case err == nil:
			return seeOther(w, r, view.DebitAddress(id, time.Time{}))
		case !errors.Is(err, taocan.ErrNotFound):
			return err
		}
		p.Unknown = visitOf(r).lang.Text("debit.search.unknown")
	}
	f, err := c.frame(r, "debit.list.title", "packages", "debits")
	if err != nil {
		return err
	}
	filter, err := debitFilter(f, query, p.Errors)
	if err != nil {
		return err
	}
	if len(p.Errors) > 0 { // what cannot be understood is not answered with everything
		return render(w, r, http.StatusUnprocessableEntity, view.DebitListPage(f, p))
	}
	page, err := c.Debits.Debits(r.Context(), actorOf(r).Tenant, filter)
	if err != nil {
		return err
	}
	p.Debits, p.Next, p.ArchivedBefore = page.Items, page.Next, page.ArchivedBefore
	return render(w, r, http.StatusOK, view.DebitListPage(f, p))
}

// debitFilter reads the filters. What a person can have mistyped goes into bad, in words; the rest comes from lists and
// links.
func debitFilter(f view.Frame, query url.Values, bad map[string]string) (store.DebitFilter, error) {
	filter := store.DebitFilter{Package: taocan.PackageNumber(query.Get("package")), Category: taocan.Category(query.Get("category")),
		Purpose: taocan.Purpose(query.Get("purpose")), State: taocan.DebitState(query.Get("state")),
		Paging: store.Paging{Limit: debitLines, Cursor: query.Get("cursor")}}
	if s := query.Get("commit"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 1 {
			return filter, taocan.Invalid("query.commit", "must be 1 or more", s)
		}
		filter.Commit = n
	}
	if _, err := filter.Package.Parse(f.Zone); filter.Package != "" && err != nil {
		bad["package"] = f.Text("debit.filter.package.invalid")
	}
	from, until := query.Get("from"), query.Get("until")
	for name, s := range map[string]string{"from": from, "until": until} {
		if s == "" {
			continue
		}
		day, err := time.ParseInLocation(time.DateOnly, s, f.Zone)
		switch {
		case err != nil:
			bad[name] = f.Text("invalid.date")
		case name == "from":
			filter.From = day
		default:
			filter.Until = day.AddDate(0, 0, 1)
		}
	}
	if !filter.From.IsZero() && !filter.Until.IsZero() && !filter.From.Before(filter.Until) {
		bad["from"] = f.Text("invalid.date_order")
	}
	return filter, nil
}

// explanation of the debit that the query's "at" names, else of the latest under the id.
func (c *console) explanation(r *http.Request, id taocan.DebitID) (debit.Explanation, error) {
	tenant := actorOf(r).Tenant
	if s := r.URL.Query().Get("at"); s != "" {
		at, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return debit.Explanation{}, taocan.Invalid("query.at", "must be a time in microseconds", s)
		}
		return c.Debits.ExplainAt(r.Context(), tenant, id, time.UnixMicro(at).UTC())
	}
	return c.Debits.Explain(r.Context(), tenant, id)
}
