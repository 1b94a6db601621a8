package console

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"taocan/internal/console/view"
	"taocan/internal/export"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

func (c *console) operatorFindRoutes() {
	c.staff("GET /operator/find", c.operatorFindAnything)
}

// operatorFindAnything leads to the page of what somebody typed into the search box that is on every page of the operators.
func (c *console) operatorFindAnything(w http.ResponseWriter, r *http.Request) error {
	query := strings.TrimSpace(r.URL.Query().Get("q"))
	if query == "" {
		return seeOther(w, r, "/operator")
	}
	if len(query) > maxValueBytes {
		return taocan.Invalid("query.q", "is too long", nil)
	}
	to, err := c.operatorPageOf(r.Context(), query)
	if err == nil {
		return seeOther(w, r, to)
	}
	if !errors.Is(err, taocan.ErrNotFound) {
		return err
	}
	f, err := c.frame(r, "operator.find", "operator", "")
	if err != nil {
		return err
	}
	f.Looked = query
	return render(w, r, http.StatusNotFound, view.OperatorFindPage(f))
}

// operatorPageOf is the page of a package by its number, of an order, an account or a project by its id, of a member by its
// login, or else the customers that the words select.
func (c *console) operatorPageOf(ctx context.Context, query string) (string, error) {
	upper := strings.ToUpper(query)
	for _, look := range []func() (string, error){
		func() (string, error) {
			p, err := c.Packages.Find(ctx, taocan.PackageNumber(upper))
			return view.OperatorPackagePath(p.Number), err
		},
		func() (string, error) {
			o, err := c.Orders.FindOrder(ctx, taocan.OrderID(upper))
			return view.OperatorOrderPath(o.ID), err
		},
		func() (string, error) {
			a, err := c.Access.Account(ctx, taocan.AccountID(query))
			return view.OperatorAccountPath(a.ID), err
		},
		func() (string, error) {
			p, err := c.Access.Project(ctx, taocan.ProjectID(query))
			return view.OperatorProjectPath(p), err
		},
		func() (string, error) {
			m, err := c.Access.Member(ctx, query)
			if m.Account == "" {
				return "/operator/staff", err
			}
			return view.OperatorAccountPath(m.Account), err
		},
	} {
		if to, err := look(); !errors.Is(err, taocan.ErrNotFound) {
			return to, err
		}
	}
	page, err := c.Access.Accounts(ctx, store.AccountFilter{Query: query, Paging: store.Paging{Limit: 1}})
	switch {
	case err != nil:
		return "", err
	case page.Total == 0:
		return "", taocan.ErrNotFound
	case page.Total == 1:
		return view.OperatorAccountPath(page.Items[0].ID), nil
	}
	return view.Address("/operator/accounts", "q", query), nil
}

// spanOf reads the days that a list is narrowed to, in the platform's zone: from the beginning of the first to the end of the last.
func (c *console) spanOf(l view.List) (from, until time.Time, err error) {
	for _, x := range []struct {
		name string
		into *time.Time
	}{{"from", &from}, {"until", &until}} {
		s := l.Filters.Get(x.name)
		if s == "" {
			continue
		}
		if *x.into, err = time.ParseInLocation(time.DateOnly, s, c.Zone); err != nil {
			return from, until, taocan.Invalid("query."+x.name, "must be a date", s)
		}
	}
	if !until.IsZero() {
		until = taocan.EndOfDate(until.Year(), until.Month(), until.Day(), c.Zone)
	}
	return from, until, nil
}

// trimmed is a filter's value without the spaces that nobody meant.
func trimmed(l view.List, name string) string { return strings.TrimSpace(l.Filters.Get(name)) }

// staffExported is exported for operators' lists.
func (c *console) staffExported(path string, do func(http.ResponseWriter, *http.Request, export.Format) error) {
	for _, format := range []export.Format{export.CSV, export.XLSX} {
		c.staff("GET "+path+"."+string(format), func(w http.ResponseWriter, r *http.Request) error { return do(w, r, format) })
	}
}
