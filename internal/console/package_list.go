package console

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"time"

	"taocan/internal/console/view"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

func (c *console) packageListRoutes() {
	c.member("GET /packages/{category}", c.packageList, taocan.ScopeRead)
}

func (c *console) packageList(w http.ResponseWriter, r *http.Request) error {
	category, query := taocan.Category(r.PathValue("category")), r.URL.Query()
	if !category.Valid() {
		return taocan.ErrNotFound
	}
	if query.Get("buy") == "" || !actorOf(r).Can(taocan.ScopeBuy) {
		return c.showPackages(w, r, http.StatusOK, category, query, nil)
	}
	// Who has followed a link has agreed to nothing, whatever the link says. Without script the dialog asks for itself.
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		query.Del("agreed")
	}
	if query.Get("category") == "" {
		query.Set("category", string(category))
	}
	dialog, err := c.purchase(r, query)
	if err != nil {
		return err
	}
	// With the dialog open, what the query says is said of the purchase.
	return c.showPackages(w, r, http.StatusOK, dialog.Category, nil, &dialog)
}

// showPackages draws the list that the query describes, under the purchase dialog where there is one.
func (c *console) showPackages(w http.ResponseWriter, r *http.Request, status int, category taocan.Category, query url.Values, dialog *view.Purchase) error {
	actor := actorOf(r)
	f, err := c.frame(r, "packages.title."+string(category), "packages", string(category))
	if err != nil {
		return err
	}
	p := view.PackageList{Category: category}
	if p.List, err = listOf("/packages/"+string(category), query, packageFilters...); err != nil {
		return err
	}
	page, err := c.Packages.List(r.Context(), actor.Tenant, packageFilter(category, p.List))
	if err != nil {
		return err
	}
	if p.Packages = page.Items; counted(&p.List, page) {
		return seeOther(w, r, p.List.At(p.List.Pages()))
	}
	if p.Balance, err = c.Packages.Balance(r.Context(), actor.Tenant, category, time.Time{}); err != nil {
		return err
	}
	for code, left := range p.Balance.ByCountry {
		p.Countries = append(p.Countries, view.CountryBalance{Code: code, Remaining: left})
	}
	slices.SortFunc(p.Countries, func(a, b view.CountryBalance) int { return cmp.Compare(a.Code, b.Code) })
	if p.Alerts, err = c.Alerts.Board(r.Context(), actor.Tenant, category); err != nil {
		return err
	}
	if dialog != nil {
		p.Dialog = view.BuyDialog(f, *dialog)
	}
	return render(w, r, status, view.PackageListPage(f, p))
}

// packageFilters are what the list's address can say besides where it stands.
var packageFilters = []string{"q", "sort", "purpose", "status", "country"}

func packageFilter(category taocan.Category, l view.List) store.PackageFilter {
	filter := store.PackageFilter{Category: category, Country: taocan.Country(l.Filters.Get("country")), Query: l.Filters.Get("q"), Sort: l.Filters.Get("sort"),
		Paging: pagingOf(l)}
	for _, v := range l.Filters["purpose"] {
		filter.Purposes = append(filter.Purposes, taocan.Purpose(v))
	}
	for _, v := range l.Filters["status"] {
		filter.Statuses = append(filter.Statuses, taocan.Status(v))
	}
	return filter
}
