package view

import (
	"net/url"
	"slices"
	"strconv"
)

// List is where a list stands: what its address says. Links change one thing of it and keep the rest, so lists can be
// shared, reloaded and gone back to.
type List struct {
	Path    string
	Filters url.Values // all but page and per_page, sort included
	Page    int        // from 1
	PerPage int
	Total   int
	AtLeast bool // there are more than Total
}

// PageSizes are offered to choose from.
var PageSizes = []int{10, 20, 50, 100}

// DefaultPageSize is not written into addresses.
const DefaultPageSize = 10

// Pages is how many there are; at least one.
func (l List) Pages() int { return max(1, (l.Total+l.PerPage-1)/l.PerPage) }

func (l List) with(page, perPage int, change func(url.Values)) string {
	q := url.Values{}
	for name, values := range l.Filters {
		q[name] = slices.Clone(values)
	}
	if change != nil {
		change(q)
	}
	if page > 1 {
		q.Set("page", strconv.Itoa(page))
	}
	if perPage != DefaultPageSize {
		q.Set("per_page", strconv.Itoa(perPage))
	}
	for name, values := range q {
		if q[name] = slices.DeleteFunc(values, func(v string) bool { return v == "" }); len(q[name]) == 0 {
			delete(q, name)
		}
	}
	if len(q) == 0 {
		return l.Path
	}
	return l.Path + "?" + q.Encode()
}

// Self is the list as it stands.
func (l List) Self() string { return l.with(l.Page, l.PerPage, nil) }

// At is another page of it.
func (l List) At(page int) string { return l.with(page, l.PerPage, nil) }

// Set changes one filter and starts from the first page.
func (l List) Set(name string, values ...string) string {
	return l.with(1, l.PerPage, func(q url.Values) { q[name] = values })
}

// Filtered reports whether anything but the order is asked for.
func (l List) Filtered() bool {
	for name := range l.Filters {
		if name != "sort" {
			return true
		}
	}
	return false
}

// Sort is the address that sorts by the key: descending first, then ascending, then as by default.
func (l List) Sort(key string) string {
	switch l.Filters.Get("sort") {
	case "-" + key:
		return l.Set("sort", key)
	case key:
		return l.Set("sort")
	}
	return l.Set("sort", "-"+key)
}

// Sorted is how the list is sorted by the key, in the words of aria-sort.
func (l List) Sorted(key string) string {
	switch l.Filters.Get("sort") {
	case "-" + key:
		return "descending"
	case key:
		return "ascending"
	}
	return "none"
}

// Hidden are the fields that a form has to carry along, so that it changes only those that it shows.
func (l List) Hidden(shown ...string) [][2]string {
	var fields [][2]string
	for name, values := range l.Filters {
		if slices.Contains(shown, name) {
			continue
		}
		for _, v := range values {
			fields = append(fields, [2]string{name, v})
		}
	}
	if l.PerPage != DefaultPageSize && !slices.Contains(shown, "per_page") {
		fields = append(fields, [2]string{"per_page", strconv.Itoa(l.PerPage)})
	}
	slices.SortFunc(fields, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	return fields
}

// Window are the pages around the current one that get links.
func (l List) Window() []int {
	from, to := max(1, l.Page-2), min(l.Pages(), l.Page+2)
	var pages []int
	for p := from; p <= to; p++ {
		pages = append(pages, p)
	}
	return pages
}
