package console

import (
	"net/http"

	"taocan/internal/export"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

func (c *console) packageExportRoutes() {
	c.exported("/packages/{category}/export", c.packageExport)
	c.exported("/package/{number}/entries", c.entryExport)
}

// packageExport is the list as it is filtered and sorted, in the page's language. In Chinese it can be imported again.
func (c *console) packageExport(w http.ResponseWriter, r *http.Request, format export.Format) error {
	category := taocan.Category(r.PathValue("category"))
	if !category.Valid() {
		return taocan.ErrNotFound
	}
	l, err := listOf("/packages/"+string(category), r.URL.Query(), packageFilters...)
	if err != nil {
		return err
	}
	filter, f, tenant := packageFilter(category, l), c.bareFrame(r, "packages.list"), actorOf(r).Tenant
	columns := texts(f, "packages.number", "packages.name", "packages.purpose", "packages.total", "packages.remaining", "packages.expires", "packages.status")
	if category == taocan.International {
		columns = append(columns, f.Text("packages.country"))
	}
	return download(w, format, export.Table[taocan.Package]{Name: "packages-" + string(category), Columns: columns, Row: func(p taocan.Package) []export.Cell {
		line := []export.Cell{export.Text(p.Number), export.Text(f.PackageNameText(p)), export.Text(f.Text("purpose." + string(p.Purpose))), export.Number(p.Total),
			export.Number(p.Remaining), export.Text(p.ExpiresOn(c.Zone)), export.Text(f.Text("status." + string(p.Status(f.Now))))}
		if category == taocan.International {
			line = append(line, export.Text(f.Country(p.Country)))
		}
		return line
	}}, func(p store.Paging) (store.Page[taocan.Package], error) {
		filter.Paging = p
		return c.Packages.List(r.Context(), tenant, filter)
	})
}

// entryExport is the statement of one package.
func (c *console) entryExport(w http.ResponseWriter, r *http.Request, format export.Format) error {
	f, tenant, number := c.bareFrame(r, "package.entries"), actorOf(r).Tenant, taocan.PackageNumber(r.PathValue("number"))
	columns := texts(f, "package.entries.time", "package.entries.kind", "package.entries.change", "package.entries.after",
		"package.entries.reserved_change", "package.entries.reserved", "package.entries.debits", "package.entries.reference")
	return download(w, format, export.Table[taocan.Entry]{Name: "entries", Columns: columns, Row: func(e taocan.Entry) []export.Cell {
		return []export.Cell{export.Instant(e.At.In(c.Zone)), export.Text(f.Text("package.entry." + e.Kind.String())), export.Number(e.Remaining),
			export.Number(e.RemainingAfter), export.Number(e.Reserved), export.Number(e.ReservedAfter), export.Number(e.Debits), export.Text(e.Reference)}
	}}, func(p store.Paging) (store.Page[taocan.Entry], error) {
		return c.Packages.Entries(r.Context(), tenant, number, p)
	})
}
