package view

import (
	"net/url"
	"strconv"
	"time"

	"taocan/internal/debit"
	"taocan/internal/taocan"
)

// DebitAddress is the page of a debit. at is when the commit that it stands at was made; zero: the latest of that id.
// Browsers take "." and ".." for steps however they are written, so those ids go into the query.
func DebitAddress(id taocan.DebitID, at time.Time) string {
	when := ""
	if !at.IsZero() {
		when = strconv.FormatInt(at.UnixMicro(), 10)
	}
	if id == "." || id == ".." {
		return Address("/debits", "id", string(id), "at", when)
	}
	return Address("/debits/"+url.PathEscape(string(id)), "at", when)
}

// LastChange is when a debit was last written: when a reservation was settled, else when it was taken.
func LastChange(d taocan.Debit) time.Time {
	if !d.SettledAt.IsZero() {
		return d.SettledAt
	}
	return d.At
}

// DebitList is where a list of debits stands, what it holds, and what was wrong with what was asked.
type DebitList struct {
	Filters map[string]string // as typed: package, category, purpose, state, from, until, commit, id
	Cursor  string            // of this page; empty: the newest
	Debits  []taocan.Debit
	Next    string            // cursor of the next page, empty at the end
	Unknown string            // says that there is no debit with the id that was searched for
	Errors  map[string]string // by filter; then nothing was asked
	// What was before is archived, and the list ends there; zero: nothing is.
	ArchivedBefore time.Time
}

// debitFilters are the names of filters, in the order of the form.
var debitFilters = []string{"package", "category", "purpose", "state", "from", "until", "commit"}

func (p DebitList) address(cursor string) string {
	var pairs []string
	for _, name := range debitFilters {
		pairs = append(pairs, name, p.Filters[name])
	}
	return Address("/debits", append(pairs, "cursor", cursor)...)
}

func (p DebitList) filtered() bool {
	for _, name := range debitFilters {
		if p.Filters[name] != "" {
			return true
		}
	}
	return false
}

// stateClass is the colour of a state.
func stateClass(s taocan.DebitState) string {
	switch s {
	case taocan.Committed:
		return "is-ok"
	case taocan.Reserved:
		return "is-pending"
	}
	return ""
}

// given is how many messages a package gives to a debit, or all of them where no package is named: asked for at first,
// and paid in the end. They differ where a reservation was settled with less, and the rest went back.
func given(d taocan.Debit, n taocan.PackageNumber) (asked, paid taocan.Segments) {
	sum := func(list []taocan.Allocation) (q taocan.Segments) {
		for _, a := range list {
			if n == "" || a.Package == n {
				q += a.Quantity
			}
		}
		return q
	}
	asked, paid = sum(d.Allocations), sum(debit.Paid(&d))
	if n == "" { // the wallet's part, too
		asked, paid = asked+d.Overflow, paid+d.Overflow
	}
	return asked, paid
}

// what tells what happened to a debit, a sentence at a time.
func what(f Frame, x debit.Explanation) []string {
	d := x.Debit
	where := f.Text("category." + string(d.Category))
	if d.Country != "" {
		where = f.Country(d.Country)
	}
	purpose, asked := f.Text("purpose."+string(d.Purpose)), f.Messages(d.Quantity)
	if d.Kind == taocan.KindDebit {
		return []string{f.Text("debit.what.debit", f.Instant(d.At), where, purpose, asked)}
	}
	said := []string{f.Text("debit.what.reserve", f.Instant(d.At), where, purpose, asked)}
	if d.Open() {
		return append(said, f.Text("debit.what.open", f.Instant(d.Deadline)), f.Text("debit.what.open."+string(d.OnDeadline)))
	}
	returned := d.Quantity - d.Settled
	when, key := d.SettledAt, string(d.State)
	if d.ByDeadline {
		when, key = d.Deadline, "deadline."+key
	}
	if d.State == taocan.Released {
		said = append(said, f.Text("debit.what."+key, f.Instant(when), f.Messages(returned)))
	} else {
		said = append(said, f.Text("debit.what."+key, f.Instant(when), f.Messages(d.Settled)))
		if returned > 0 {
			said = append(said, f.Count("debit.what.part", int64(returned)))
		}
	}
	if returned > 0 {
		for _, c := range x.Considered {
			if c.Taken > 0 && !d.SettledAt.Before(c.Package.ExpiresAt) {
				return append(said, f.Text("debit.what.expired"))
			}
		}
	}
	return said
}

// why tells by which rule the packages were chosen.
func why(f Frame, x debit.Explanation) []string {
	d := x.Debit
	rule := "debit.why.domestic"
	if d.Purpose == taocan.General {
		rule = "debit.why.general"
	}
	said := []string{f.Text(rule)}
	if d.Country != "" {
		said = append(said, f.Text("debit.why.international", f.Country(d.Country)))
	}
	switch {
	case d.Kind == taocan.KindReservation && len(d.Allocations) == 1:
		said = append(said, f.Text("debit.why.one.reserved", f.Messages(d.Quantity)))
	case d.Kind == taocan.KindReservation:
		said = append(said, f.Count("debit.why.many.reserved", int64(len(d.Allocations))))
	case len(d.Allocations) == 1 && d.Overflow == 0:
		said = append(said, f.Text("debit.why.one", f.Messages(d.Quantity)))
	case len(d.Allocations) > 0:
		said = append(said, f.Count("debit.why.many", int64(len(d.Allocations))))
	}
	if d.Overflow > 0 {
		said = append(said, f.Text("debit.why.overflow", f.Messages(d.Overflow), f.Lang.Decimal(d.OverflowPrice.String())))
	}
	notNeeded := 0
	for _, c := range x.Considered {
		if c.Verdict == debit.NotNeeded {
			notNeeded++
		}
	}
	if notNeeded > 0 && !x.Truncated {
		said = append(said, f.Count("debit.why.not_needed", int64(notNeeded)))
	}
	return said
}

// verdict is what became of one package, as a word: what was set aside need not have been used.
func verdict(d taocan.Debit, c debit.Considered) string {
	if c.Verdict != debit.Used || d.Kind == taocan.KindDebit {
		return "debit.verdict." + string(c.Verdict)
	}
	switch _, paid := given(d, c.Package.Number); {
	case d.Open():
		return "debit.verdict.reserved"
	case paid == 0:
		return "debit.verdict.returned"
	}
	return "debit.verdict.used"
}

// because tells why one package was used or not.
func because(f Frame, d taocan.Debit, c debit.Considered) string {
	switch {
	case c.Verdict == debit.OtherPurpose:
		return f.Text("debit.because.other_purpose", f.Text("purpose."+string(c.Package.Purpose)), f.Text("purpose."+string(d.Purpose)))
	case c.Verdict == debit.Used && c.Taken == c.Package.Remaining && d.Kind == taocan.KindReservation:
		return f.Text("debit.because.used_up.reserved")
	case c.Verdict == debit.Used && c.Taken == c.Package.Remaining:
		return f.Text("debit.because.used_up")
	}
	return f.Text("debit.because." + string(c.Verdict))
}
