package statement

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Messages is what a month did to the packages of one kind. Always:
//
//	Opening + Bought + Granted + Imported + TransferredIn + Restored + Adjusted
//	  − TransferredOut − Used − Expired = Closing
//
// Opening and Closing are what can be used: what remains in packages that have not expired, frozen ones included, and what is
// reserved in any package, since a reservation may be committed whatever became of its package.
type Messages struct {
	Opening         taocan.Segments
	OpeningReserved taocan.Segments // of Opening
	Bought          taocan.Segments // issued for orders
	Granted         taocan.Segments // given by the operator
	Imported        taocan.Segments
	TransferredIn   taocan.Segments
	TransferredOut  taocan.Segments
	Adjusted        taocan.Segments // by the operator, either sign
	Used            taocan.Segments // debits, and commits of reservations
	// Expired became unusable: what remained at the end of a package's last day, and what came to a package afterwards, by a
	// release or an adjustment; less what an adjustment took from an expired one.
	Expired         taocan.Segments
	Restored        taocan.Segments // became usable again: an expired package was extended
	Closing         taocan.Segments
	ClosingReserved taocan.Segments // of Closing
	ClosingFrozen   taocan.Segments // of Closing: remaining in frozen packages

	// Reserved and Returned moved within what can be used, so they are no part of the sum above: taken for reservations, and
	// given back by their release or the rest of a commit. What one commit both takes and gives back stands in neither.
	Reserved, Returned taocan.Segments
}

// Line is the messages of one kind of package of one project.
type Line struct {
	Project  taocan.ProjectID
	Category taocan.Category
	Purpose  taocan.Purpose
	Country  taocan.Country
	Messages
}

func (m *Messages) add(o Messages) {
	m.Opening += o.Opening
	m.OpeningReserved += o.OpeningReserved
	m.Bought += o.Bought
	m.Granted += o.Granted
	m.Imported += o.Imported
	m.TransferredIn += o.TransferredIn
	m.TransferredOut += o.TransferredOut
	m.Adjusted += o.Adjusted
	m.Used += o.Used
	m.Expired += o.Expired
	m.Restored += o.Restored
	m.Closing += o.Closing
	m.ClosingReserved += o.ClosingReserved
	m.ClosingFrozen += o.ClosingFrozen
	m.Reserved += o.Reserved
	m.Returned += o.Returned
}

// check proves the identity.
func (m Messages) check() error {
	sum := m.Opening + m.Bought + m.Granted + m.Imported + m.TransferredIn + m.Restored + m.Adjusted - m.TransferredOut - m.Used - m.Expired
	if sum != m.Closing {
		return fmt.Errorf("opening and changes make %d, closing is %d: %w", sum, m.Closing, ErrBroken)
	}
	return nil
}

// messagesOf is what a span did to one package. Entries are of the span; what has expired is as of from and of asOf, which
// is the span's end, or now where that has not come.
func messagesOf(x store.PackageSpan, from, asOf time.Time) (Messages, error) {
	if err := checkSpan(x); err != nil {
		return Messages{}, fmt.Errorf("package %s: %w", x.Number, err)
	}
	before, after := x.Before.Remaining, x.After.Remaining // of these unusable
	if expiryAt(x, from).After(from) {
		before = 0
	}
	if expiryAt(x, asOf).After(asOf) {
		after = 0
	}
	m := Messages{
		Opening: x.Before.Remaining + x.Before.Reserved - before, OpeningReserved: x.Before.Reserved,
		Bought: x.Moved.Issued, Granted: x.Moved.Granted, Imported: x.Moved.Imported, Adjusted: x.Moved.Adjusted,
		TransferredIn: x.Moved.TransferredIn, TransferredOut: x.Moved.TransferredOut, Used: x.Moved.Debited + x.Moved.Committed,
		Closing: x.After.Remaining + x.After.Reserved - after, ClosingReserved: x.After.Reserved,
		Reserved: x.Moved.Reserved, Returned: x.Moved.Released,
	}
	m.Restored = restored(x, from)
	m.Expired = after - before + m.Restored
	if x.Frozen {
		m.ClosingFrozen = x.After.Remaining - after
	}
	if err := m.check(); err != nil {
		return Messages{}, fmt.Errorf("package %s: %w", x.Number, err)
	}
	return m, nil
}

// checkSpan proves that a package's entries, by kind and together, lead from what it held to what it holds.
func checkSpan(x store.PackageSpan) error {
	m := x.Moved
	remaining := m.Issued + m.Imported + m.Granted + m.Adjusted + m.TransferredIn - m.TransferredOut + m.Released - m.Reserved - m.Debited
	reserved := m.Reserved - m.Released - m.Committed
	switch {
	case remaining != m.Remaining || reserved != m.ReservedSum:
		return fmt.Errorf("entries of known kinds change what remains by %d and what is reserved by %d, all entries by %d and %d: %w",
			remaining, reserved, m.Remaining, m.ReservedSum, ErrBroken)
	case x.Before.Remaining+m.Remaining != x.After.Remaining:
		return fmt.Errorf("%d remained, entries change it by %d, %d remain: %w", x.Before.Remaining, m.Remaining, x.After.Remaining, ErrBroken)
	case x.Before.Reserved+m.ReservedSum != x.After.Reserved:
		return fmt.Errorf("%d were reserved, entries change it by %d, %d are: %w", x.Before.Reserved, m.ReservedSum, x.After.Reserved, ErrBroken)
	}
	return nil
}

// expiryAt is the expiry in force just before t: at t itself a package that has expired by then is expired.
func expiryAt(x store.PackageSpan, t time.Time) time.Time {
	expires := x.FirstExpiry
	for _, e := range x.Extensions {
		if e.At.Before(t) {
			expires = e.ExpiresAt
		}
	}
	return expires
}

// restored is what extensions from an instant on made usable again.
func restored(x store.PackageSpan, from time.Time) (sum taocan.Segments) {
	expires := x.FirstExpiry
	for _, e := range x.Extensions {
		if !e.At.Before(from) && !expires.After(e.At) && e.ExpiresAt.After(e.At) {
			sum += e.Remaining
		}
		expires = e.ExpiresAt
	}
	return sum
}

// lines collects packages by their kind.
type lines struct {
	project taocan.ProjectID
	of      map[store.PoolKey]*Line
}

func (l *lines) add(x store.PackageSpan, m Messages) {
	if m == (Messages{}) {
		return
	}
	key := store.PoolKey{Category: x.Category, Purpose: x.Purpose, Country: x.Country}
	if l.of[key] == nil {
		l.of[key] = &Line{Project: l.project, Category: x.Category, Purpose: x.Purpose, Country: x.Country}
	}
	l.of[key].add(m)
}

// sorted by category, purpose as pages show them, and country.
func (l *lines) sorted() []Line {
	list := make([]Line, 0, len(l.of))
	for _, x := range l.of {
		list = append(list, *x)
	}
	slices.SortFunc(list, func(a, b Line) int {
		return cmp.Or(cmp.Compare(a.Category, b.Category),
			cmp.Compare(slices.Index(taocan.Purposes, a.Purpose), slices.Index(taocan.Purposes, b.Purpose)), cmp.Compare(a.Country, b.Country))
	})
	return list
}
