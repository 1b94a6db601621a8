package archive

import (
	"context"
	"strconv"
	"strings"
	"time"

	"taocan/internal/export"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// pageLines is how many lines are read at a time.
const pageLines = 1000

// source is one snapshot, and what of it is asked for.
type source struct {
	ctx  context.Context //nolint:containedctx // of the one call that reads it
	r    store.Reader
	of   taocan.Tenant
	zone *time.Location
}

// line takes one line of a file.
type line func(cells ...export.Cell) error

// each walks a whole list page by page.
func each[T any](page func(store.Paging) (store.Page[T], error), do func(T) error) error {
	for paging := (store.Paging{Limit: pageLines}); ; {
		got, err := page(paging)
		if err != nil {
			return err
		}
		for _, x := range got.Items {
			if err := do(x); err != nil {
				return err
			}
		}
		if got.Next == "" {
			return nil
		}
		paging.Cursor = got.Next
	}
}

// all walks a list that the store gives whole.
func all[T any](list []T, err error, do func(T) error) error {
	if err != nil {
		return err
	}
	for _, x := range list {
		if err := do(x); err != nil {
			return err
		}
	}
	return nil
}

// projects are those asked for, by id.
func (s *source) projects(do func(taocan.Project) error) error {
	if s.of.Project != "" {
		p, err := s.r.Project(s.ctx, s.of.Project)
		if err != nil {
			return err
		}
		return do(p)
	}
	return each(func(p store.Paging) (store.Page[taocan.Project], error) { return s.r.Projects(s.ctx, s.of.Account, p) }, do)
}

// tenants are the projects as tenants.
func (s *source) tenants(do func(taocan.Tenant) error) error {
	return s.projects(func(p taocan.Project) error { return do(taocan.Tenant{Account: p.Account, Project: p.ID}) })
}

// packages are those of all projects asked for, by project and number.
func (s *source) packages(do func(taocan.Package) error) error {
	return s.tenants(func(t taocan.Tenant) error {
		return each(func(p store.Paging) (store.Page[taocan.Package], error) {
			return s.r.Packages(s.ctx, t, store.PackageFilter{Sort: "number", Paging: p})
		}, do)
	})
}

// orders are those of all projects asked for, the newest first. Their states are as recorded, whatever the time.
func (s *source) orders(do func(taocan.Order) error) error {
	return s.tenants(func(t taocan.Tenant) error {
		return each(func(p store.Paging) (store.Page[taocan.Order], error) {
			return s.r.Orders(s.ctx, t, "", time.Time{}, p)
		}, do)
	})
}

// at is an instant in the platform's zone; none is an empty cell.
func (s *source) at(t time.Time) export.Cell {
	if t.IsZero() {
		return export.Text("")
	}
	return export.Instant(t.In(s.zone))
}

func yes(b bool) export.Cell { return export.Text(strconv.FormatBool(b)) }

// joined is a list in one cell, parted by spaces.
func joined[S ~string](list []S) export.Cell {
	parts := make([]string, len(list))
	for i, x := range list {
		parts[i] = string(x)
	}
	return export.Text(strings.Join(parts, " "))
}
