package console

import (
	"net/http"

	"taocan/internal/console/view"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

func (c *console) packageShowRoutes() {
	c.member("GET /package/{number}", c.packageShow, taocan.ScopeRead)
}

// Lines on a package's page: of its statement, and of its latest debits.
const (
	entryLines  = 20
	recentLines = 20
)

// packageShow tells the story of one package. Drawn anew for a live page it leaves the forecast out: that costs most,
// and hangs on the use of whole days.
func (c *console) packageShow(w http.ResponseWriter, r *http.Request) error {
	ctx, tenant := r.Context(), actorOf(r).Tenant
	p := view.PackageShow{Cursor: r.URL.Query().Get("cursor")}
	var err error
	if p.Package, err = c.Packages.Get(ctx, tenant, taocan.PackageNumber(r.PathValue("number"))); err != nil {
		return err
	}
	if p.Entries, err = c.Packages.Entries(ctx, tenant, p.Number, store.Paging{Limit: entryLines, Cursor: p.Cursor}); err != nil {
		return err
	}
	if p.Opening, err = c.Packages.Opening(ctx, tenant, p.Number); err != nil {
		return err
	}
	if p.Debits, err = c.Debits.Recent(ctx, tenant, p.Number, recentLines); err != nil {
		return err
	}
	if !byScript(r) {
		fate, active, err := c.Packages.Fate(ctx, p.Package)
		if err != nil {
			return err
		}
		if active {
			p.Fate = &fate
		}
	}
	f, err := c.frame(r, "package.title", "packages", string(p.Category))
	if err != nil {
		return err
	}
	return render(w, r, http.StatusOK, view.PackageShowPage(f, p))
}
