package console

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
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
	p.Packages, p.List.Total, p.List.AtLeast = page.Items, page.Total, page.AtLeast
	if p.List.Page > p.List.Pages() && !p.List.AtLeast { // a page that is no longer there
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
		Paging: store.Paging{Limit: l.PerPage, Offset: (l.Page - 1) * l.PerPage}}
	for _, v := range l.Filters["purpose"] {
		filter.Purposes = append(filter.Purposes, taocan.Purpose(v))
	}
	for _, v := range l.Filters["status"] {
		filter.Statuses = append(filter.Statuses, taocan.Status(v))
	}
	return filter
}

// Bounds of a list's address: a page that no list has, and more values than any filter offers.
const (
	maxPage   = 100_000
	maxValues = 20
)

// listOf reads where a list stands. Other parameters than these are left aside: a page may have more of them.
func listOf(path string, query url.Values, filters ...string) (view.List, error) {
	l := view.List{Path: path, Filters: url.Values{}, Page: 1, PerPage: view.DefaultPageSize}
	for _, name := range filters {
		values := slices.DeleteFunc(slices.Clone(query[name]), func(v string) bool { return v == "" })
		if len(values) > maxValues {
			return l, taocan.Invalid("query."+name, "has too many values", nil)
		}
		if len(values) > 0 {
			l.Filters[name] = values
		}
	}
	for _, n := range []struct {
		name     string
		into     *int
		from, to int
	}{{"page", &l.Page, 1, maxPage}, {"per_page", &l.PerPage, 1, 100}} {
		s := query.Get(n.name)
		if s == "" {
			continue
		}
		v, err := strconv.Atoi(s)
		if err != nil || v < n.from || v > n.to {
			return l, taocan.Invalid("query."+n.name, "is out of range", s)
		}
		*n.into = v
	}
	return l, nil
}
