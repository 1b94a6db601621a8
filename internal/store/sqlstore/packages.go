package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

func scanPackage(s scanner) (p taocan.Package, err error) {
	return p, s.Scan(&p.Account, &p.Project, &p.Number, &p.Name, &p.Category, &p.Purpose, &p.Country, &p.ChargeOn,
		&p.Total, &p.Adjusted, &p.Remaining, &p.Reserved, &p.Used, at(&p.PurchasedAt), at(&p.ExistsFrom), at(&p.ExpiresAt),
		at(&p.FirstExpiresAt), &p.Frozen, text(&p.Order), &p.Paid.Voucher, &p.Paid.Gift, &p.Paid.Cash, &p.Paid.Credit)
}

// Package by number.
func (r Reader) Package(ctx context.Context, t taocan.Tenant, n taocan.PackageNumber) (taocan.Package, error) {
	p, err := one(ctx, r.Q, r.Q.Text("package_get"), scanPackage, t.Account, t.Project, n)
	return p, About(err, "package %s", n)
}

// PackageAnywhere finds a package by its number alone.
func (r Reader) PackageAnywhere(ctx context.Context, n taocan.PackageNumber) (taocan.Package, error) {
	t, err := one(ctx, r.Q, r.Q.Text("package_number_get"), func(s scanner) (t taocan.Tenant, err error) {
		return t, s.Scan(&t.Account, &t.Project)
	}, n)
	if err != nil {
		return taocan.Package{}, About(err, "package %s", n)
	}
	return r.Package(ctx, t, n)
}

// figures are the expressions for what a package p holds and is, now or at an instant of the past. They take no parameters
// but ?3, the instant of package_pick_as_of.
type figures struct{ remaining, live, expires, frozen string }

var figuresNow = figures{"p.remaining", "p.live", "p.expires_at", "p.frozen"}

func figuresAsOf(q Querier) figures {
	extend := q.Text("fragment_entry_extend")
	freeze := q.Text("fragment_entry_freeze")
	return figures{
		remaining: lastEntry("e.remaining_after", "", ""),
		live:      lastEntry("CASE WHEN e.remaining_after > 0 OR e.reserved_after > 0 THEN 1 ELSE 0 END", "", ""),
		// Only an extension changes an expiry, and few packages have been extended or frozen.
		expires: "CASE WHEN p.first_expires_at = 0 THEN p.expires_at ELSE coalesce(" +
			lastEntry("e.expires_at", extend, " AND e.kind = 10") + ", p.first_expires_at) END",
		frozen: "coalesce(" + lastEntry("CASE WHEN e.kind = 11 THEN 1 ELSE 0 END", freeze, " AND e.kind IN (11, 12)") + ", 0)",
	}
}

// lastEntry is a column of a package's last entry by ?3, of those with a condition. index names the one to use, where the
// database must be told.
func lastEntry(column, index, and string) string {
	return "(SELECT " + column + " FROM entry e " + index + " WHERE e.account_id = p.account_id AND e.project_id = p.project_id" +
		" AND e.package = p.number" + and + " AND e.at <= ?3 ORDER BY e.at DESC, e.kind DESC LIMIT 1)"
}

// packageSort is one of store.PackageSorts but the number, which every sort ends with.
type packageSort struct {
	column func(figures) string
	value  func(taocan.Package) int64
}

var packageSorts = map[string]packageSort{
	"total":        {func(figures) string { return "p.total" }, func(p taocan.Package) int64 { return int64(p.Total) }},
	"remaining":    {func(f figures) string { return f.remaining }, func(p taocan.Package) int64 { return int64(p.Remaining) }},
	"expires_at":   {func(f figures) string { return f.expires }, func(p taocan.Package) int64 { return Micros(p.ExpiresAt) }},
	"purchased_at": {func(figures) string { return "p.purchased_at" }, func(p taocan.Package) int64 { return Micros(p.PurchasedAt) }},
}

// Packages lists a project's packages. It first picks the numbers of the page, which indexes answer without the
// table, then reads these packages.
func (r Reader) Packages(ctx context.Context, t taocan.Tenant, f store.PackageFilter) (store.Page[taocan.Package], error) {
	page, err := r.packages(ctx, t, f)
	return page, About(err, "packages of project %s", t.Project)
}

func (r Reader) packages(ctx context.Context, t taocan.Tenant, f store.PackageFilter) (page store.Page[taocan.Package], err error) {
	l := listing{query: r.Q.Text("package_pick"), args: []any{t.Account, t.Project}}
	holds, load := figuresNow, "package_page"
	wanted := statuses(f)
	switch {
	case !f.AsOf.IsZero():
		l = listing{query: r.Q.Text("package_pick_as_of"), args: []any{t.Account, t.Project, Micros(f.AsOf)}}
		holds, load = figuresAsOf(r.Q), "package_page_as_of"
	case !wanted.exhausted && (f.Sort == "" || strings.HasSuffix(f.Sort, "purchased_at") || strings.HasSuffix(f.Sort, "remaining")):
		l.query = r.Q.Text("package_pick_live")
	}
	filterKinds(r.Q, &l, f)
	if err := r.filterText(ctx, &l, t, f.Query); err != nil {
		return page, err
	}
	wanted.filter(&l, holds)
	value, err := sortPackages(&l, f.Sort, holds)
	if err != nil {
		return page, err
	}
	var total int // exact, unless atLeast
	var atLeast bool
	if f.Query != "" || !f.AsOf.IsZero() {
		total, atLeast, err = l.count(ctx, r.Q)
	} else {
		total, err = r.countPackages(ctx, t, f, wanted)
	}
	if err != nil {
		return page, err
	}
	page.Total, page.AtLeast = min(total, store.CountLimit), atLeast || total > store.CountLimit
	numbers, more, err := pick(ctx, r.Q, l, f.Paging, total, atLeast)
	if err != nil {
		return page, err
	}
	if page.Items, err = r.packagePage(ctx, t, load, numbers, f.AsOf); err != nil {
		return page, err
	}
	if more {
		page.Next = l.cursor(value(page.Items[len(page.Items)-1]))
	}
	return page, nil
}

// pick is slice for a list whose total is known: a page of its second half is walked to from the end.
func pick(ctx context.Context, q Querier, l listing, p store.Paging, total int, atLeast bool) ([]taocan.PackageNumber, bool, error) {
	left := total - p.Offset
	if p.Cursor != "" || atLeast || left <= 0 || left >= p.Offset {
		return slice(ctx, q, l, p, scanNumber)
	}
	size := min(max(p.Limit, 1), left)
	l.desc = !l.desc
	numbers, _, err := slice(ctx, q, l, store.Paging{Limit: size, Offset: left - size}, scanNumber)
	slices.Reverse(numbers)
	return numbers, left > size, err
}

func scanNumber(s scanner) (n taocan.PackageNumber, err error) { return n, s.Scan(&n) }

func filterKinds(q Querier, l *listing, f store.PackageFilter) {
	if f.Category != "" {
		l.and("p.category = ?", f.Category)
	}
	if f.Country != "" {
		l.and("p.country = ?", f.Country)
	}
	if len(f.Purposes) > 0 {
		l.and("p.purpose "+q.Text("fragment_in_list"), toList(f.Purposes))
	}
}

// filterText looks for the start of a number or a part of a name. Names that no package has need not be looked for.
func (r Reader) filterText(ctx context.Context, l *listing, t taocan.Tenant, q string) error {
	if q == "" {
		return nil
	}
	names, err := many(ctx, r.Q, r.Q.Text("package_group_names"), func(s scanner) (name string, err error) { return name, s.Scan(&name) },
		t.Account, t.Project, q)
	if err != nil {
		return err
	}
	from := strings.ToUpper(q)
	until := from + "\x7f" // numbers are made of digits and capitals
	if len(names) == 0 {
		l.and("p.number >= ? AND p.number < ?", from, until)
	} else {
		l.and("(p.number >= ? AND p.number < ? OR p.name "+r.Q.Text("fragment_in_list")+")", from, until, toList(names))
	}
	return nil
}

// wantedStatuses are those that a list shows, as of an instant.
type wantedStatuses struct {
	active, expired, frozen, exhausted bool
	asOf                               int64
}

func statuses(f store.PackageFilter) wantedStatuses {
	w := wantedStatuses{asOf: Micros(f.Now)}
	if !f.AsOf.IsZero() {
		w.asOf = Micros(f.AsOf)
	}
	if len(f.Statuses) == 0 {
		w.active, w.expired, w.frozen, w.exhausted = true, true, true, true
	}
	for _, s := range f.Statuses {
		w.active = w.active || s == taocan.Active
		w.expired = w.expired || s == taocan.Expired
		w.frozen = w.frozen || s == taocan.Frozen
		w.exhausted = w.exhausted || s == taocan.Exhausted
	}
	return w
}

// filter leaves those in: exhausted packages, and of the others those that live says.
func (w wantedStatuses) filter(l *listing, holds figures) {
	condition, args := w.live(holds)
	switch {
	case w.exhausted && condition == "true":
	case w.exhausted && condition == "false":
		l.and(holds.live + " = 0")
	case w.exhausted:
		l.and("("+holds.live+" = 0 OR "+condition+")", args...)
	case condition == "true":
		l.and(holds.live + " = 1")
	case condition == "false":
		l.and("false")
	default:
		l.and(condition+" AND "+holds.live+" = 1", args...)
	}
}

// live is the condition for packages that hold something.
func (w wantedStatuses) live(holds figures) (condition string, args []any) {
	expires, frozen := holds.expires, holds.frozen
	switch {
	case w.active && w.expired && w.frozen:
		return "true", nil
	case w.active && w.expired:
		return "(" + expires + " <= ? OR " + frozen + " = 0)", []any{w.asOf}
	case w.active && w.frozen:
		return expires + " > ?", []any{w.asOf}
	case w.expired && w.frozen:
		return "(" + expires + " <= ? OR " + frozen + " = 1)", []any{w.asOf}
	case w.active:
		return "(" + expires + " > ? AND " + frozen + " = 0)", []any{w.asOf}
	case w.expired:
		return expires + " <= ?", []any{w.asOf}
	case w.frozen:
		return "(" + expires + " > ? AND " + frozen + " = 1)", []any{w.asOf}
	}
	return "false", nil
}

// countPackages counts the present list without walking over exhausted packages: all of the wanted kinds, less those
// that are live and not wanted.
func (r Reader) countPackages(ctx context.Context, t taocan.Tenant, f store.PackageFilter, w wantedStatuses) (total int, err error) {
	if w.exhausted {
		l := listing{query: r.Q.Text("package_group_sum"), args: []any{t.Account, t.Project}}
		filterKinds(r.Q, &l, f)
		if err := r.Q.QueryRowContext(ctx, l.query, l.args...).Scan(&total); err != nil {
			return 0, Kind(err)
		}
	}
	live := w
	live.exhausted = false
	if w.exhausted {
		live.active, live.expired, live.frozen = !w.active, !w.expired, !w.frozen
	}
	if live.active || live.expired || live.frozen {
		l := listing{query: r.Q.Text("package_pick_live"), args: []any{t.Account, t.Project}}
		filterKinds(r.Q, &l, f)
		live.filter(&l, figuresNow)
		var n int
		if err := r.Q.QueryRowContext(ctx, "SELECT count(*) FROM ("+l.query+") AS counted", l.args...).Scan(&n); err != nil {
			return 0, Kind(err)
		}
		if w.exhausted {
			n = total - n
		}
		total = n
	}
	return total, nil
}

// sortPackages gives the list its order and returns what reads a package's place in it.
func sortPackages(l *listing, by string, holds figures) (func(taocan.Package) []any, error) {
	if by == "" {
		by = "-purchased_at"
	}
	key, desc := strings.CutPrefix(by, "-")
	l.name, l.desc = "packages by "+by, desc
	if key == "number" {
		l.order = []sortColumn{byText("p.number")}
		return func(p taocan.Package) []any { return []any{p.Number} }, nil
	}
	s, ok := packageSorts[key]
	if !ok {
		return nil, taocan.Invalid("query.sort", "must be one of "+strings.Join(store.PackageSorts, ", ")+", with - in front for descending", by)
	}
	l.order = []sortColumn{byNumber(s.column(holds)), byText("p.number")}
	return func(p taocan.Package) []any { return []any{s.value(p), p.Number} }, nil
}

// packagePage reads packages in the order of numbers.
func (r Reader) packagePage(ctx context.Context, t taocan.Tenant, load string, numbers []taocan.PackageNumber, asOf time.Time) ([]taocan.Package, error) {
	if len(numbers) == 0 {
		return nil, nil
	}
	args := []any{t.Account, t.Project, toList(numbers)}
	if !asOf.IsZero() {
		args = append(args, Micros(asOf))
	}
	found, err := many(ctx, r.Q, r.Q.Text(load), scanPackage, args...)
	if err != nil {
		return nil, err
	}
	place := make(map[taocan.PackageNumber]int, len(numbers))
	for i, n := range numbers {
		place[n] = i
	}
	slices.SortFunc(found, func(a, b taocan.Package) int { return place[a.Number] - place[b.Number] })
	return found, nil
}

// Balance sums active packages, as they are or as they were.
func (r Reader) Balance(ctx context.Context, t taocan.Tenant, c taocan.Category, now time.Time, asOf time.Time) (taocan.Balance, error) {
	query, when := "balance_now", now
	if !asOf.IsZero() {
		query, when = "balance_as_of", asOf
	}
	b := taocan.Balance{Category: c, AsOf: when, ByPurpose: map[taocan.Purpose]taocan.Segments{}, ByCountry: map[taocan.Country]taocan.Segments{}}
	for _, p := range taocan.Purposes {
		b.ByPurpose[p] = 0
	}
	type part struct {
		purpose             taocan.Purpose
		country             taocan.Country
		remaining, reserved taocan.Segments
	}
	parts, err := many(ctx, r.Q, r.Q.Text(query), func(s scanner) (p part, err error) {
		return p, s.Scan(&p.purpose, &p.country, &p.remaining, &p.reserved)
	}, t.Account, t.Project, c, Micros(when))
	if err != nil {
		return taocan.Balance{}, About(err, "balance of project %s", t.Project)
	}
	for _, p := range parts {
		b.Remaining += p.remaining
		b.Reserved += p.reserved
		b.ByPurpose[p.purpose] += p.remaining
		if p.country != "" && p.remaining > 0 {
			b.ByCountry[p.country] += p.remaining
		}
	}
	return b, nil
}

// Unmarked lists packages that have expired with something left and carry no expire entry, the oldest first.
func (r Reader) Unmarked(ctx context.Context, now time.Time, limit int) ([]taocan.Package, error) {
	return many(ctx, r.Q, r.Q.Text("package_unmarked"), scanPackage, Micros(now), limit)
}

// InsertPackage writes a package and its opening entry.
func (t *Tx) InsertPackage(ctx context.Context, p taocan.Package, kind taocan.EntryKind, reference string) error {
	return About(t.insertPackage(ctx, p, kind, reference), "insert package %s", p.Number)
}

func (t *Tx) insertPackage(ctx context.Context, p taocan.Package, kind taocan.EntryKind, reference string) error {
	if err := t.owns(p.Account); err != nil {
		return err
	}
	if !kind.Opens() {
		return fmt.Errorf("a package cannot begin with %s", kind)
	}
	if err := t.change(ctx, taocan.ErrConflict, "package_number_insert", p.Number, p.Account, p.Project); err != nil {
		return err
	}
	if err := t.exec(ctx, "package_group_add", p.Account, p.Project, p.Category, p.Purpose, p.Country, p.Name); err != nil {
		return err
	}
	used := p.Total - p.Remaining
	err := t.exec(ctx, "package_insert", p.Account, p.Project, p.Number, p.Name, p.Category, p.Purpose, p.Country, p.ChargeOn, p.Total,
		p.Remaining, used, Micros(p.PurchasedAt), Micros(p.ExistsFrom), Micros(p.ExpiresAt), null(p.Order),
		p.Paid.Voucher, p.Paid.Gift, p.Paid.Cash, p.Paid.Credit, t.lane, t.seq)
	if err != nil {
		return err
	}
	t.packagesChanged(p.Tenant, true)
	if err := t.ledger(store.PackageRow(p)); err != nil {
		return err
	}
	return t.insertEntry(ctx, taocan.Entry{Tenant: p.Tenant, Package: p.Number, Kind: kind, At: p.ExistsFrom,
		Remaining: p.Remaining, Used: used, RemainingAfter: p.Remaining, Reference: reference})
}

// AdjustPackage adds to what remains, or takes from it.
func (t *Tx) AdjustPackage(ctx context.Context, tenant taocan.Tenant, n taocan.PackageNumber, delta taocan.Segments, reason string) error {
	return About(t.adjustPackage(ctx, tenant, n, delta, reason), "adjust package %s", n)
}

func (t *Tx) adjustPackage(ctx context.Context, tenant taocan.Tenant, n taocan.PackageNumber, delta taocan.Segments, reason string) error {
	if err := t.owns(tenant.Account); err != nil {
		return err
	}
	p, err := t.Package(ctx, tenant, n)
	if err != nil {
		return err
	}
	if p.Remaining+delta < 0 {
		return &taocan.QuotaError{Requested: -delta, Available: p.Remaining}
	}
	if err := t.exec(ctx, "package_adjust", delta, p.Account, p.Project, p.Number); err != nil {
		return err
	}
	t.packagesChanged(tenant, delta > 0)
	return t.insertEntry(ctx, taocan.Entry{Tenant: tenant, Package: n, Kind: taocan.EntryAdjust, At: t.now,
		Remaining: delta, RemainingAfter: p.Remaining + delta, ReservedAfter: p.Reserved, Reference: reason})
}

// MarkExpired writes the expire entry of an expired package, once. It moves nothing, so balances in memory stay.
func (t *Tx) MarkExpired(ctx context.Context, tenant taocan.Tenant, n taocan.PackageNumber) error {
	return About(t.markExpired(ctx, tenant, n), "mark package %s expired", n)
}

func (t *Tx) markExpired(ctx context.Context, tenant taocan.Tenant, n taocan.PackageNumber) error {
	if err := t.owns(tenant.Account); err != nil {
		return err
	}
	p, err := t.Package(ctx, tenant, n)
	if err != nil {
		return err
	}
	if p.Status(t.now) != taocan.Expired {
		return fmt.Errorf("it is %s: %w", p.Status(t.now), taocan.ErrConflict)
	}
	marked := errors.New("it is marked")
	err = t.change(ctx, marked, "package_mark_expired", p.Account, p.Project, p.Number)
	if errors.Is(err, marked) {
		return nil
	}
	if err != nil {
		return err
	}
	return t.insertEntry(ctx, taocan.Entry{Tenant: tenant, Package: n, Kind: taocan.EntryExpire, At: t.now,
		RemainingAfter: p.Remaining, ReservedAfter: p.Reserved})
}
