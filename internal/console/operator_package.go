package console

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"taocan/internal/console/view"
	"taocan/internal/packages"
	"taocan/internal/taocan"
)

func (c *console) operatorPackageRoutes() {
	c.staff("GET /operator/packages", c.operatorPackageFind)
	c.staff("POST /operator/packages", c.operatorPackageGrant)
	c.staff("GET /operator/packages/{number}", c.operatorPackage)
	c.staff("POST /operator/packages/{number}/adjust", c.operatorPackageAdjust)
	c.staff("POST /operator/packages/{number}/extend", c.operatorPackageExtend)
	c.staff("POST /operator/packages/{number}/freeze", c.operatorPackageFreeze("freeze", "frozen", c.Packages.Freeze))
	c.staff("POST /operator/packages/{number}/unfreeze", c.operatorPackageFreeze("unfreeze", "unfrozen", c.Packages.Unfreeze))
	c.staff("POST /operator/packages/{number}/transfer", c.operatorPackageTransfer)
}

// operatorPackageFind looks for a package anywhere; the page also gives new ones away.
func (c *console) operatorPackageFind(w http.ResponseWriter, r *http.Request) error {
	number := strings.ToUpper(strings.TrimSpace(r.URL.Query().Get("number")))
	if number == "" {
		return c.showOperatorPackages(w, r, http.StatusOK, "", nil)
	}
	found, err := c.Packages.Find(r.Context(), taocan.PackageNumber(number))
	if errors.Is(err, taocan.ErrNotFound) {
		return c.showOperatorPackages(w, r, http.StatusNotFound, number, nil)
	}
	if err != nil {
		return err
	}
	return seeOther(w, r, view.OperatorPackagePath(found.Number))
}

func (c *console) showOperatorPackages(w http.ResponseWriter, r *http.Request, status int, unknown string, refused *view.OperatorForm) error {
	f, err := c.frame(r, "operator.packages", "operator", "packages")
	if err != nil {
		return err
	}
	p := view.OperatorPackages{Unknown: unknown, Project: r.URL.Query().Get("project")}
	if refused != nil {
		p.Grant = *refused
	} else if p.Grant, err = c.operatorForm("grant", nil, nil); err != nil {
		return err
	}
	if p.Countries, err = c.Catalog.Countries(r.Context()); err != nil {
		return err
	}
	return render(w, r, status, view.OperatorPackagesPage(f, p))
}

func (c *console) operatorPackageGrant(w http.ResponseWriter, r *http.Request) error {
	return c.operatorWrite(w, r, operatorWrite{form: "grant",
		read: func(d *operatorFields) func() (string, error) {
			project := taocan.ProjectID(d.text("project"))
			req := packages.GrantRequest{Category: taocan.Category(d.text("category")), Purpose: taocan.Purpose(d.text("purpose")),
				Country: taocan.Country(strings.ToUpper(d.text("country"))), Name: d.text("name"), Quantity: taocan.Segments(d.number("quantity")),
				ValidityMonths: d.small("validity_months"), Reason: d.text("reason")}
			key, content := onceOf(r.PostForm)
			return func() (string, error) {
				p, err := c.Access.Project(r.Context(), project)
				if errors.Is(err, taocan.ErrNotFound) {
					return "", taocan.Invalid("body.project", "is not known", string(project))
				}
				if err != nil {
					return "", err
				}
				granted, _, err := c.Packages.Grant(r.Context(), actorOf(r), taocan.Tenant{Account: p.Account, Project: p.ID}, key, content, req)
				return view.OperatorPackagePath(granted.Number) + "?done=grant", err
			}
		},
		again: func(status int, refused *view.OperatorForm) error {
			return c.showOperatorPackages(w, r, status, "", refused)
		},
	})
}

func (c *console) operatorPackage(w http.ResponseWriter, r *http.Request) error {
	return c.showOperatorPackage(w, r, http.StatusOK, nil)
}

func (c *console) showOperatorPackage(w http.ResponseWriter, r *http.Request, status int, refused *view.OperatorForm) error {
	x, err := c.Packages.Find(r.Context(), taocan.PackageNumber(r.PathValue("number")))
	if err != nil {
		return err
	}
	f, err := c.frame(r, "operator.package", "operator", "packages")
	if err != nil {
		return err
	}
	p := view.OperatorPackage{Package: x, Notice: doneNotice(r, "operator"), Refused: refused}
	if p.Key, err = c.newKey(); err != nil {
		return err
	}
	if p.List, err = listOf(view.OperatorPackagePath(x.Number), r.URL.Query()); err != nil {
		return err
	}
	page, err := c.Packages.Entries(r.Context(), x.Tenant, x.Number, pagingOf(p.List))
	if err != nil {
		return err
	}
	if p.Entries = page.Items; counted(&p.List, page) {
		return seeOther(w, r, p.List.At(p.List.Pages()))
	}
	return render(w, r, status, view.OperatorPackagePage(f, p))
}

func (c *console) operatorPackageAdjust(w http.ResponseWriter, r *http.Request) error {
	return c.operatorPackageWrite(w, r, "adjust", "adjusted", func(d *operatorFields, number taocan.PackageNumber) func() error {
		delta, reason := taocan.Segments(d.number("delta")), d.text("reason")
		key, content := onceOf(r.PostForm)
		return func() error {
			_, _, err := c.Packages.Adjust(r.Context(), actorOf(r), number, key, content, delta, reason)
			return err
		}
	})
}

func (c *console) operatorPackageExtend(w http.ResponseWriter, r *http.Request) error {
	return c.operatorPackageWrite(w, r, "extend", "extended", func(d *operatorFields, number taocan.PackageNumber) func() error {
		req := packages.ExtendRequest{ExpiresOn: d.text("expires_on"), Reason: d.text("reason")}
		key, content := onceOf(r.PostForm)
		return func() error {
			_, _, err := c.Packages.Extend(r.Context(), actorOf(r), number, key, content, req)
			return err
		}
	})
}

// operatorPackageFreeze serves both ways.
func (c *console) operatorPackageFreeze(form, done string,
	change func(context.Context, taocan.Actor, taocan.PackageNumber, string, []byte, string) (taocan.Package, bool, error)) action {
	return func(w http.ResponseWriter, r *http.Request) error {
		return c.operatorPackageWrite(w, r, form, done, func(d *operatorFields, number taocan.PackageNumber) func() error {
			reason := d.text("reason")
			key, content := onceOf(r.PostForm)
			return func() error {
				_, _, err := change(r.Context(), actorOf(r), number, key, content, reason)
				return err
			}
		})
	}
}

func (c *console) operatorPackageTransfer(w http.ResponseWriter, r *http.Request) error {
	return c.operatorPackageWrite(w, r, "transfer", "transferred", func(d *operatorFields, number taocan.PackageNumber) func() error {
		req := packages.TransferRequest{To: taocan.ProjectID(d.text("project")), Quantity: taocan.Segments(d.number("quantity")), Reason: d.text("reason")}
		key, content := onceOf(r.PostForm)
		return func() error {
			found, err := c.Packages.Find(r.Context(), number)
			if err != nil {
				return err
			}
			_, _, err = c.Packages.Transfer(r.Context(), actorOf(r), found.Tenant, number, key, content, req)
			if errors.Is(err, taocan.ErrNotFound) { // the package is there
				return taocan.Invalid("body.project", "is not known", string(req.To))
			}
			return err
		}
	})
}

// operatorPackageWrite carries out a form of the package's page.
func (c *console) operatorPackageWrite(w http.ResponseWriter, r *http.Request, form, done string,
	read func(*operatorFields, taocan.PackageNumber) func() error) error {
	number := taocan.PackageNumber(r.PathValue("number"))
	return c.operatorWrite(w, r, operatorWrite{form: form,
		read: func(d *operatorFields) func() (string, error) {
			carry := read(d, number)
			return func() (string, error) { return view.OperatorPackagePath(number) + "?done=" + done, carry() }
		},
		again: func(status int, refused *view.OperatorForm) error {
			return c.showOperatorPackage(w, r, status, refused)
		},
	})
}
