package debit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Days that a report covers: unless it is told, and at most, so that the work of one question is bounded.
const (
	ReportDays    = 30
	MaxReportDays = 366
)

// Span is a number of whole natural days, both named ones included. Both are the beginnings of their days, in the
// platform's zone.
type Span struct{ First, Last time.Time }

// LastDays is the span of so many days that ends today.
func LastDays(days int, now time.Time, zone *time.Location) Span {
	today := dayOf(now, zone)
	return Span{today.AddDate(0, 0, 1-days), today}
}

func dayOf(t time.Time, zone *time.Location) time.Time {
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, zone)
}

// Messages of what is wrong with a span.
const (
	MessageNotADate = "must be a date, like 2026-04-29"
	MessageReversed = "must not be after the last day"
	MessageTooLong  = "makes more than 366 days up to the last one"
)

// ParseSpan reads the two days of a span, which came as the query's "from" and lastName. An empty last day is today, an
// empty first one ReportDays in all.
func ParseSpan(lastName, first, last string, now time.Time, zone *time.Location) (Span, error) {
	s := LastDays(ReportDays, now, zone)
	var bad []taocan.FieldError
	if last != "" {
		t, err := time.ParseInLocation(time.DateOnly, last, zone)
		if err != nil {
			bad = append(bad, taocan.FieldError{Location: "query." + lastName, Message: MessageNotADate, Value: last})
		}
		s.First, s.Last = t.AddDate(0, 0, 1-ReportDays), t
	}
	if first != "" {
		t, err := time.ParseInLocation(time.DateOnly, first, zone)
		if err != nil {
			bad = append(bad, taocan.FieldError{Location: "query.from", Message: MessageNotADate, Value: first})
		}
		s.First = t
	}
	switch {
	case len(bad) > 0:
	case s.First.After(s.Last):
		bad = append(bad, taocan.FieldError{Location: "query.from", Message: MessageReversed, Value: first})
	case !s.Last.Before(s.First.AddDate(0, 0, MaxReportDays)):
		bad = append(bad, taocan.FieldError{Location: "query.from", Message: MessageTooLong, Value: first})
	}
	if len(bad) > 0 {
		return Span{}, &taocan.InvalidError{Fields: bad}
	}
	return s, nil
}

// Until is the end of the span: the first instant after it.
func (s Span) Until() time.Time { return s.Last.AddDate(0, 0, 1) }

// Use is what became used, by the purpose of the packages that paid.
type Use struct {
	ByPurpose map[taocan.Purpose]taocan.Segments
	Total     taocan.Segments
}

func (u *Use) add(r store.UsageRow) {
	if u.ByPurpose == nil {
		u.ByPurpose = map[taocan.Purpose]taocan.Segments{}
	}
	u.ByPurpose[r.Purpose] += r.Used
	u.Total += r.Used
}

// DayUse is the use of one natural day.
type DayUse struct {
	Day string // 2006-01-02
	Use
}

// CountryUse is the use for one country.
type CountryUse struct {
	Country taocan.Country
	Used    taocan.Segments
}

// Report is what a project used in a span.
type Report struct {
	Span
	Use
	Rows      []store.UsageRow // what the sums are made of: by day, category, purpose, country
	Days      []DayUse         // every day of the span, the oldest first
	Countries []CountryUse     // the most used first; international only
}

// Report sums the use of a span, by day, purpose and country; an empty category takes both.
func (e *Engine) Report(ctx context.Context, t taocan.Tenant, c taocan.Category, s Span) (Report, error) {
	if c != "" && !c.Valid() {
		return Report{}, taocan.Invalid("query.category", "is not a category", c)
	}
	rows, err := e.Usage(ctx, t, s.First, s.Until(), s.First.Location())
	if err != nil {
		return Report{}, fmt.Errorf("usage of project %s: %w", t.Project, err)
	}
	return reportOf(rows, c, s), nil
}

func reportOf(rows []store.UsageRow, c taocan.Category, s Span) Report {
	x := Report{Span: s}
	place := map[string]int{}
	for day := s.First; !day.After(s.Last); day = day.AddDate(0, 0, 1) {
		name := day.Format(time.DateOnly)
		place[name] = len(x.Days)
		x.Days = append(x.Days, DayUse{Day: name})
	}
	countries := map[taocan.Country]taocan.Segments{}
	for _, r := range rows {
		i, inside := place[r.Day]
		if !inside || c != "" && r.Category != c {
			continue
		}
		x.Rows = append(x.Rows, r)
		x.add(r)
		x.Days[i].add(r)
		if r.Country != "" {
			countries[r.Country] += r.Used
		}
	}
	for _, code := range slices.Sorted(maps.Keys(countries)) {
		x.Countries = append(x.Countries, CountryUse{code, countries[code]})
	}
	slices.SortStableFunc(x.Countries, func(a, b CountryUse) int { return cmp.Compare(b.Used, a.Used) })
	return x
}

// Overview is what a project used of one category lately.
type Overview struct {
	Today, Month Use
	Lately       Report // the last ReportDays days
}

// Overview sums today, this calendar month and the last ReportDays days.
func (e *Engine) Overview(ctx context.Context, t taocan.Tenant, c taocan.Category, zone *time.Location) (Overview, error) {
	lately := LastDays(ReportDays, e.clock.Now(), zone)
	y, m, _ := lately.Last.Date()
	month := Span{time.Date(y, m, 1, 0, 0, 0, 0, zone), lately.Last}
	whole := lately
	if month.First.Before(whole.First) {
		whole = month
	}
	all, err := e.Report(ctx, t, c, whole)
	if err != nil {
		return Overview{}, err
	}
	return Overview{Today: reportOf(all.Rows, c, Span{lately.Last, lately.Last}).Use, Month: reportOf(all.Rows, c, month).Use,
		Lately: reportOf(all.Rows, c, lately)}, nil
}

// recentEntries is how far back in a package's statement Recent looks.
const recentEntries = 50

// Recent lists the latest debits and reservations that a package gave to, newest first. It reads the commits that the
// package's statement names; a list filtered by the package would have to walk those of the whole project.
// Where it comes upon archived ones it ends, and says so.
func (e *Engine) Recent(ctx context.Context, t taocan.Tenant, n taocan.PackageNumber, limit int) (store.Page[taocan.Debit], error) {
	var recent store.Page[taocan.Debit]
	err := e.store.View(ctx, func(r store.Reader) error {
		entries, err := r.Entries(ctx, t, n, store.Paging{Limit: recentEntries})
		if err != nil {
			return err
		}
		var last int64 // one commit can have several entries, which stand together
		for _, x := range entries.Items {
			if x.Debits == 0 || x.Commit == last || len(recent.Items) == limit {
				continue
			}
			last = x.Commit
			page, err := r.Debits(ctx, t, store.DebitFilter{Package: n, Commit: x.Commit, Paging: store.Paging{Limit: limit - len(recent.Items)}})
			if archived := (*taocan.ArchivedError)(nil); errors.Is(err, taocan.ErrArchived) && errors.As(err, &archived) {
				recent.ArchivedBefore = archived.Before
				return nil
			}
			if err != nil {
				return err
			}
			recent.Items = append(recent.Items, page.Items...)
		}
		return nil
	})
	if err != nil && !errors.Is(err, taocan.ErrNotFound) {
		err = fmt.Errorf("recent debits of package %.40q: %w", n, err)
	}
	return recent, err
}
