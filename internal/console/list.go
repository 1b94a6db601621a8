package console

import (
	"net/url"
	"slices"
	"strconv"

	"taocan/internal/console/view"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Bounds of a list's address: a page that no list has, more values than any filter offers, and longer ones than any name
// is. Every link of the list repeats them.
const (
	maxPage       = 100_000
	maxValues     = 20
	maxValueBytes = 256
)

// listOf reads where a list stands. Other parameters than these are left aside: a page may have more of them.
func listOf(path string, query url.Values, filters ...string) (view.List, error) {
	l := view.List{Path: path, Filters: url.Values{}, Page: 1, PerPage: view.DefaultPageSize}
	for _, name := range filters {
		values := slices.DeleteFunc(slices.Clone(query[name]), func(v string) bool { return v == "" })
		if len(values) > maxValues {
			return l, taocan.Invalid("query."+name, "has too many values", nil)
		}
		if slices.ContainsFunc(values, func(v string) bool { return len(v) > maxValueBytes }) {
			return l, taocan.Invalid("query."+name, "is too long", nil)
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

// pagingOf is the page of a list that its address asks for.
func pagingOf(l view.List) store.Paging {
	return store.Paging{Limit: l.PerPage, Offset: (l.Page - 1) * l.PerPage}
}

// counted notes how long a list is, and reports whether the page asked for lies past its end: it may have been there before.
func counted[T any](l *view.List, page store.Page[T]) (pastEnd bool) {
	l.Total, l.AtLeast = page.Total, page.AtLeast
	return l.Page > l.Pages() && !l.AtLeast
}
