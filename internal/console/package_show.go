package console

import (
	"errors"
	"net/http"
	"strconv"

	"taocan/internal/console/view"
	"taocan/internal/packages"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

func (c *console) packageShowRoutes() {
	c.member("GET /package/{number}", c.packageShow, taocan.ScopeRead)
	c.member("POST /package/{number}/transfer", c.packageTransfer, taocan.ScopeManage)
}

// Lines on a package's page: of its statement, and of its latest debits.
const (
	entryLines  = 20
	recentLines = 20
)

// packageShow tells the story of one package. Drawn anew for a live page it leaves the forecast out: that costs most,
// and hangs on the use of whole days.
func (c *console) packageShow(w http.ResponseWriter, r *http.Request) error {
	return c.showPackage(w, r, http.StatusOK, nil)
}

// showPackage draws the page; refused is the transfer that was asked for in vain.
func (c *console) showPackage(w http.ResponseWriter, r *http.Request, status int, refused *view.PackageTransfer) error {
	ctx, tenant := r.Context(), actorOf(r).Tenant
	p := view.PackageShow{Cursor: r.URL.Query().Get("cursor"), Notice: doneNotice(r, "package")}
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
	if refused != nil {
		p.Transfer = *refused
	} else {
		p.Transfer.Quantity = strconv.FormatInt(int64(p.Remaining), 10)
	}
	if p.Transfer.Key, err = c.keyOf(r.PostForm); err != nil {
		return err
	}
	return render(w, r, status, view.PackageShowPage(f, p))
}

// packageTransfer moves messages of the package to another project of the account.
func (c *console) packageTransfer(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	actor, lang := actorOf(r), visitOf(r).lang
	// Without it nobody could be told what may be typed; an unknown package is not found here.
	x, err := c.Packages.Get(r.Context(), actor.Tenant, taocan.PackageNumber(r.PathValue("number")))
	if err != nil {
		return err
	}
	typed := view.PackageTransfer{Project: r.PostForm.Get("project"), Quantity: r.PostForm.Get("quantity"), Errors: map[string]string{}}
	quantity, err := strconv.ParseInt(thousands.Replace(typed.Quantity), 10, 64)
	if err != nil || quantity < 1 {
		typed.Errors["quantity"] = lang.Text("package.transfer.invalid.quantity", lang.Number(int64(x.Remaining)))
		return c.showPackage(w, r, http.StatusUnprocessableEntity, &typed)
	}
	key, content := onceOf(r.PostForm)
	_, _, err = c.Packages.Transfer(r.Context(), actor, actor.Tenant, x.Number, key, content,
		packages.TransferRequest{To: taocan.ProjectID(typed.Project), Quantity: taocan.Segments(quantity)})
	if err == nil {
		return seeOther(w, r, view.TransferredPath(x.Number))
	}
	var quota *taocan.QuotaError
	switch {
	case errors.As(err, &quota):
		typed.Errors["quantity"] = lang.Text("package.transfer.invalid.quantity", lang.Number(int64(quota.Available)))
	case errors.Is(err, taocan.ErrInvalid), errors.Is(err, taocan.ErrNotFound): // the package is there
		typed.Errors["project"] = lang.Text("package.transfer.invalid.project")
	case errors.Is(err, taocan.ErrState):
		typed.Errors[""] = lang.Text("package.transfer.refused")
	default:
		return err
	}
	return c.showPackage(w, r, http.StatusUnprocessableEntity, &typed)
}
