package console

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"taocan/internal/console/view"
	"taocan/internal/debit"
	"taocan/internal/export"
	"taocan/internal/packages"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

func (c *console) usageRoutes() {
	c.member("GET /usage", c.usage, taocan.ScopeRead)
	c.exported("/usage/export", c.usageExport)
	c.member("GET /sms/{category}", c.sms, taocan.ScopeRead)
}

// spanWords are what is wrong with the days of a report, in the page's words.
var spanWords = map[string]string{"query.from|" + debit.MessageNotADate: "invalid.date", "query.until|" + debit.MessageNotADate: "invalid.date",
	"query.from|" + debit.MessageReversed: "invalid.date_order", "query.from|" + debit.MessageTooLong: "usage.too_long"}

func (c *console) usage(w http.ResponseWriter, r *http.Request) error {
	query, tenant := r.URL.Query(), actorOf(r).Tenant
	p := view.Usage{Category: taocan.Category(query.Get("category")), From: query.Get("from"), Until: query.Get("until")}
	f, err := c.frame(r, "usage.title", "packages", "usage")
	if err != nil {
		return err
	}
	span, err := debit.ParseSpan("until", p.From, p.Until, f.Now, c.Zone)
	if err != nil {
		p.Errors = map[string]string{}
		for at, text := range refusedFields(err, f.Lang, spanWords) {
			p.Errors[strings.TrimPrefix(at, "query.")] = text
		}
		return render(w, r, http.StatusUnprocessableEntity, view.UsagePage(f, p))
	}
	p.From, p.Until = span.First.Format(time.DateOnly), span.Last.Format(time.DateOnly)
	if p.Report, err = c.Debits.Report(r.Context(), tenant, p.Category, span); err != nil {
		return err
	}
	if p.Forecasts, err = c.Packages.Forecast(r.Context(), tenant); err != nil {
		return err
	}
	p.Forecasts = slices.DeleteFunc(p.Forecasts, func(x packages.Forecast) bool { return p.Category != "" && x.Category != p.Category })
	p.Refusals = c.Debits.Refusals(tenant)
	return render(w, r, http.StatusOK, view.UsagePage(f, p))
}

// usageExport is what the sums of the page are made of.
func (c *console) usageExport(w http.ResponseWriter, r *http.Request, format export.Format) error {
	query, f := r.URL.Query(), c.bareFrame(r, "usage.title")
	span, err := debit.ParseSpan("until", query.Get("from"), query.Get("until"), f.Now, c.Zone)
	if err != nil {
		return err
	}
	report, err := c.Debits.Report(r.Context(), actorOf(r).Tenant, taocan.Category(query.Get("category")), span)
	if err != nil {
		return err
	}
	columns := texts(f, "usage.day", "usage.category", "usage.purpose", "usage.country", "usage.used")
	return download(w, format, export.Table[store.UsageRow]{Name: "usage", Columns: columns, Row: func(u store.UsageRow) []export.Cell {
		country := ""
		if u.Country != "" {
			country = f.Country(u.Country)
		}
		return []export.Cell{export.Text(u.Day), export.Text(f.Text("category." + string(u.Category))), export.Text(f.Text("purpose." + string(u.Purpose))),
			export.Text(country), export.Number(u.Used)}
	}}, func(store.Paging) (store.Page[store.UsageRow], error) {
		return store.Page[store.UsageRow]{Items: report.Rows, Total: len(report.Rows)}, nil
	})
}

// sms is the page of a category's tab: what was charged. What was sent is known to the sending system.
func (c *console) sms(w http.ResponseWriter, r *http.Request) error {
	ctx, tenant := r.Context(), actorOf(r).Tenant
	p := view.SMS{Category: taocan.Category(r.PathValue("category"))}
	if !p.Category.Valid() {
		return taocan.ErrNotFound
	}
	f, err := c.frame(r, "sms.title."+string(p.Category), string(p.Category)+"_sms", "")
	if err != nil {
		return err
	}
	if p.Overview, err = c.Debits.Overview(ctx, tenant, p.Category, c.Zone); err != nil {
		return err
	}
	if p.Balance, err = c.Packages.Balance(ctx, tenant, p.Category, time.Time{}); err != nil {
		return err
	}
	if p.Debits, err = c.Debits.Debits(ctx, tenant, store.DebitFilter{Category: p.Category, Paging: store.Paging{Limit: recentLines}}); err != nil {
		return err
	}
	return render(w, r, http.StatusOK, view.SMSPage(f, p))
}
