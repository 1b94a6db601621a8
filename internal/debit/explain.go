package debit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Explanation says which packages a debit could have used and what became of each.
type Explanation struct {
	Debit      taocan.Debit
	Considered []Considered // in the order of use, then those that could not pay
	Truncated  bool         // there were more packages than are listed
}

// Verdict on one package.
type Verdict string

const (
	Used         Verdict = "used"
	NotNeeded    Verdict = "not_needed"    // comes later in the order of use
	Empty        Verdict = "empty"         // nothing was left of it at that moment
	ExpiredThen  Verdict = "expired"       // no longer worked at that moment
	FrozenThen   Verdict = "frozen"        // paid nothing at that moment
	OtherPurpose Verdict = "other_purpose" // never pays for this purpose
)

// Considered is one package as it was just before the debit.
type Considered struct {
	Package   taocan.Package // figures of then
	Taken     taocan.Segments
	Verdict   Verdict
	available taocan.Segments
}

// Packages listed in an explanation at most: of each purpose that could pay, and of those that could not.
const (
	maxConsidered = 500
	maxUnfit      = 20
)

// Debit is what stands recorded under the id.
func (e *Engine) Debit(ctx context.Context, t taocan.Tenant, id taocan.DebitID) (d taocan.Debit, err error) {
	err = e.store.Peek(ctx, func(r store.Reader) error {
		d, err = r.Debit(ctx, t, id)
		return err
	})
	return d, err
}

// Debits lists records, newest first. A filter that nothing could pass is refused: it is a slip of the caller's.
func (e *Engine) Debits(ctx context.Context, t taocan.Tenant, f store.DebitFilter) (page store.Page[taocan.Debit], err error) {
	switch {
	case f.Category != "" && !f.Category.Valid():
		return page, taocan.Invalid("query.category", "is not a category", f.Category)
	case f.Purpose != "" && !f.Purpose.Valid():
		return page, taocan.Invalid("query.purpose", "is not a purpose", f.Purpose)
	case f.State != "" && !slices.Contains(taocan.DebitStates, f.State):
		return page, taocan.Invalid("query.state", "is not a state", f.State)
	}
	err = e.store.View(ctx, func(r store.Reader) error {
		page, err = r.Debits(ctx, t, f)
		return err
	})
	return page, err
}

// Usage sums what became used per natural day, by the package that paid.
func (e *Engine) Usage(ctx context.Context, t taocan.Tenant, from, until time.Time, zone *time.Location) (rows []store.UsageRow, err error) {
	err = e.store.View(ctx, func(r store.Reader) error {
		rows, err = r.Usage(ctx, t, from, until, zone)
		return err
	})
	return rows, err
}

// Explain says why a debit or reservation took what it took. What was used is read from its record; what was
// considered is worked out anew from the entries before its commit and from what the same commit did before it.
func (e *Engine) Explain(ctx context.Context, t taocan.Tenant, id taocan.DebitID) (Explanation, error) {
	return e.explain(ctx, t, func(r store.Reader) (taocan.Debit, error) { return r.Debit(ctx, t, id) })
}

// ExplainAt explains what the commit at that instant recorded under the id, as Debits lists it. It also finds what has
// been forgotten by id, or taken anew under it since.
func (e *Engine) ExplainAt(ctx context.Context, t taocan.Tenant, id taocan.DebitID, at time.Time) (Explanation, error) {
	return e.explain(ctx, t, func(r store.Reader) (taocan.Debit, error) {
		recorded, err := r.DebitsAt(ctx, t, at)
		if err != nil {
			return taocan.Debit{}, err
		}
		for i := len(recorded) - 1; i >= 0; i-- { // reserved and settled by one commit, it stands at the latter
			if recorded[i].ID == id {
				return recorded[i], nil
			}
		}
		return taocan.Debit{}, fmt.Errorf("debit %s at %s: %w", id, at, taocan.ErrNotFound)
	})
}

func (e *Engine) explain(ctx context.Context, t taocan.Tenant, find func(store.Reader) (taocan.Debit, error)) (x Explanation, err error) {
	err = e.store.View(ctx, func(r store.Reader) error {
		if x.Debit, err = find(r); err != nil {
			return err
		}
		packages, truncated, err := candidates(ctx, r, &x.Debit)
		if err != nil {
			return fmt.Errorf("packages before %s: %w", x.Debit.At, err)
		}
		x.Truncated = truncated
		if packages, err = withShared(ctx, r, &x.Debit, packages); err != nil {
			return fmt.Errorf("shared packages before %s: %w", x.Debit.At, err)
		}
		earlier, err := r.DebitsAt(ctx, t, x.Debit.At)
		if err != nil {
			return fmt.Errorf("commit of debit %s: %w", x.Debit.ID, err)
		}
		x.Considered = consider(packages, &x.Debit, earlier)
		return nil
	})
	return x, err
}

// candidates lists, as they were just before d, the packages that could pay for it in the order of use, some of other
// purposes, those that were frozen, and those that had expired last with something left.
func candidates(ctx context.Context, r store.Reader, d *taocan.Debit) (packages []taocan.Package, truncated bool, err error) {
	commit, err := commitOf(ctx, r, d)
	if err != nil {
		return nil, false, err
	}
	before := d.At.Add(-time.Microsecond)
	paying := payingPurposes(d.Purpose)
	var unfit []taocan.Purpose
	for _, p := range taocan.Purposes {
		if !slices.Contains(paying, p) {
			unfit = append(unfit, p)
		}
	}
	list := func(status taocan.Status, sort string, limit int, purposes ...taocan.Purpose) error {
		page, err := r.Packages(ctx, d.Tenant, store.PackageFilter{Category: d.Category, Country: d.Country, Purposes: purposes,
			Statuses: []taocan.Status{status}, Sort: sort, Now: before, AsOf: before, Paging: store.Paging{Limit: limit}})
		if err != nil {
			return err
		}
		truncated = truncated || page.Next != ""
		for _, p := range page.Items {
			later, err := madeAfter(ctx, r, p, commit)
			if err != nil {
				return err
			}
			if !later {
				packages = append(packages, p)
			}
		}
		return nil
	}
	for _, purpose := range paying {
		if err := list(taocan.Active, "expires_at", maxConsidered, purpose); err != nil {
			return nil, false, err
		}
	}
	if len(unfit) > 0 {
		if err := list(taocan.Active, "expires_at", maxUnfit, unfit...); err != nil {
			return nil, false, err
		}
	}
	if err := list(taocan.Frozen, "expires_at", maxUnfit, paying...); err != nil {
		return nil, false, err
	}
	return packages, truncated, list(taocan.Expired, "-expires_at", maxUnfit)
}

// withShared adds packages of other projects of the account that gave to d. Those that shared theirs and did not have to
// give are not listed: whose packages a project could use is a setting without a history.
func withShared(ctx context.Context, r store.Reader, d *taocan.Debit, packages []taocan.Package) ([]taocan.Package, error) {
	before := d.At.Add(-time.Microsecond)
	for _, a := range d.Allocations {
		if slices.ContainsFunc(packages, func(p taocan.Package) bool { return p.Number == a.Package }) {
			continue
		}
		p, err := r.PackageAnywhere(ctx, a.Package)
		if err != nil {
			return nil, err
		}
		if p.Account != d.Account || p.Project == d.Project {
			continue
		}
		then, err := r.Packages(ctx, p.Tenant, store.PackageFilter{Query: string(p.Number), Now: before, AsOf: before, Paging: store.Paging{Limit: 1}})
		if err != nil {
			return nil, err
		}
		packages = append(packages, then.Items...)
	}
	return packages, nil
}

// commitOf is the sequence of the commit that recorded d, read from its entry; 0 where it left none.
func commitOf(ctx context.Context, r store.Reader, d *taocan.Debit) (int64, error) {
	kind := taocan.EntryDebit
	if d.Kind == taocan.KindReservation {
		kind = taocan.EntryReserve
	}
	for _, a := range d.Allocations {
		e, err := r.Entry(ctx, store.RowRef{Kind: store.RowEntry, Tenant: d.Tenant, ID: string(a.Package), N: d.At.UnixMicro(), Entry: kind})
		if err == nil || !errors.Is(err, taocan.ErrNotFound) {
			return e.Commit, err
		}
	}
	return 0, nil
}

// madeAfter reports whether a package that as-of answers know at the time was imported only later, as of an earlier day.
func madeAfter(ctx context.Context, r store.Reader, p taocan.Package, commit int64) (bool, error) {
	if commit == 0 || p.Order != "" {
		return false, nil
	}
	opening, err := r.OpeningEntry(ctx, p.Tenant, p.Number)
	return opening.Commit > commit, err
}

// consider replays what the commit did before d and judges every package that had anything left.
func consider(packages []taocan.Package, d *taocan.Debit, commit []taocan.Debit) []Considered {
	left := map[taocan.PackageNumber]taocan.Segments{}
	for _, p := range packages {
		left[p.Number] = p.Remaining
	}
	for i := range commit {
		r := &commit[i]
		if r.ID == d.ID && r.At.Equal(d.At) {
			break
		}
		for n, q := range effect(r) {
			left[n] += q
		}
	}
	taken := map[taocan.PackageNumber]taocan.Segments{}
	for _, a := range d.Allocations {
		taken[a.Package] += a.Quantity
	}
	rank := map[taocan.Purpose]int{}
	for i, p := range payingPurposes(d.Purpose) {
		rank[p] = i + 1
	}
	var all []Considered
	for _, p := range packages {
		c := Considered{Package: p, Taken: taken[p.Number], available: left[p.Number]}
		c.Package.Remaining = left[p.Number]
		switch {
		case c.Taken > 0:
			c.Verdict = Used
		case p.Remaining == 0 && c.available == 0:
			continue // was empty all along: says nothing
		case !d.At.Before(p.ExpiresAt):
			c.Verdict = ExpiredThen
		case p.Frozen:
			c.Verdict = FrozenThen
		case rank[p.Purpose] == 0:
			c.Verdict = OtherPurpose
		case c.available == 0:
			c.Verdict = Empty
		default:
			c.Verdict = NotNeeded
		}
		all = append(all, c)
	}
	sort.SliceStable(all, func(i, j int) bool { return considerBefore(all[i], all[j], d.Project, rank) })
	return all
}

func considerBefore(a, b Considered, own taocan.ProjectID, rank map[taocan.Purpose]int) bool {
	class := func(c Considered) int {
		switch {
		case c.Verdict == ExpiredThen || c.Verdict == FrozenThen || c.Verdict == OtherPurpose:
			return 2 * (len(taocan.Purposes) + 1)
		case c.Package.Project != own:
			return len(taocan.Purposes) + 1 + rank[c.Package.Purpose]
		}
		return rank[c.Package.Purpose]
	}
	if x, y := class(a), class(b); x != y {
		return x < y
	}
	p, q := a.Package, b.Package
	if !p.ExpiresAt.Equal(q.ExpiresAt) {
		return p.ExpiresAt.Before(q.ExpiresAt)
	}
	if !p.PurchasedAt.Equal(q.PurchasedAt) {
		return p.PurchasedAt.Before(q.PurchasedAt)
	}
	return p.Number < q.Number
}

// Paid is how many messages each package gave in the end: of a reservation that has been settled what became used, else
// what was taken or is set aside. Packages that got everything back are left out.
func Paid(d *taocan.Debit) []taocan.Allocation {
	if d.Kind == taocan.KindDebit || d.Open() {
		return d.Allocations
	}
	var paid []taocan.Allocation
	for _, s := range shares(d.Allocations, d.Settled) {
		if s.used > 0 {
			paid = append(paid, taocan.Allocation{Package: s.Package, Quantity: s.used})
		}
	}
	return paid
}

// effect is how a record changed what remains in packages.
func effect(d *taocan.Debit) map[taocan.PackageNumber]taocan.Segments {
	change := map[taocan.PackageNumber]taocan.Segments{}
	if d.Kind == taocan.KindDebit || d.Open() {
		for _, a := range d.Allocations {
			change[a.Package] -= a.Quantity
		}
		return change
	}
	for _, s := range shares(d.Allocations, d.Settled) {
		change[s.Package] += s.returned
	}
	return change
}
