package debit

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"taocan/internal/segment"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// DecisionVersion names the order-of-use rule below; it is stored with every record.
const DecisionVersion = 1

// Decide answers a batch of operations, in order, on the balances and records in the ledger. It is pure: it
// looks at nothing but its arguments and changes nothing but the ledger.
func Decide(l *store.Ledger, ops []store.Op) []store.Outcome {
	outcomes := make([]store.Outcome, len(ops))
	var gifts []gift // room for one debit's, used again
	for i := range ops {
		op := &ops[i]
		switch op.Kind {
		case store.OpTake:
			outcomes[i] = take(l, op, &gifts)
		case store.OpCommit:
			outcomes[i] = commit(l, op)
		case store.OpRelease:
			outcomes[i] = release(l, op)
		case store.OpDeadline:
			outcomes[i] = deadline(l, op)
		}
	}
	return outcomes
}

func refuse(err error) store.Outcome { return store.Outcome{Err: err} }

// take is a debit or a reservation. Precedence: replay or conflict, then caps, then quota.
func take(l *store.Ledger, op *store.Op, room *[]gift) store.Outcome {
	if d := l.Record(op.Tenant, op.ID); d != nil {
		if d.DebitRequest != op.Request {
			return refuse(usedBefore(&d.DebitRequest, &op.Request))
		}
		return store.Outcome{Debit: d, Replayed: true}
	}
	r, at := &op.Request, l.At(op.Account)
	watch := l.Watch(op.Tenant)
	if err := capped(watch, r, at); err != nil {
		return refuse(err)
	}
	from, missing := allocate((*room)[:0], l, op.Tenant, watch, r, at)
	*room = from
	d := &taocan.Debit{Tenant: op.Tenant, DebitRequest: *r, State: taocan.Committed, At: at,
		DecisionVersion: DecisionVersion, SegmentVersion: segment.RuleVersion}
	if missing > 0 {
		var more taocan.Segments
		if r.Kind == taocan.KindDebit { // a reservation holds messages, never money
			more, d.OverflowPrice = l.Overflowable(op.Tenant, r)
		}
		if more < missing {
			return refuse(&taocan.QuotaError{Requested: r.Quantity, Available: r.Quantity - missing + more})
		}
		d.Overflow = missing
	}
	d.Allocations = make([]taocan.Allocation, len(from))
	for i, g := range from {
		d.Allocations[i] = taocan.Allocation{Package: g.Number, Quantity: g.quantity}
	}
	move := taocan.EntryDebit
	if r.Kind == taocan.KindReservation {
		d.State, d.Deadline = taocan.Reserved, at.Add(r.TTL)
		move = taocan.EntryReserve
	}
	if op.DryRun {
		d.State, d.Deadline = taocan.DryRun, time.Time{}
		return store.Outcome{Debit: d}
	}
	for _, g := range from {
		if g.owner != op.Tenant {
			l.Own(g.Number, g.owner)
		}
		l.Move(g.Balance, move, g.quantity)
	}
	if d.Overflow > 0 {
		l.Overflow(op.Tenant, r.Category, d.Overflow, d.OverflowPrice)
	}
	if watch != nil && watch.Meter != nil {
		watch.Meter.Add(at, r, r.Quantity)
	}
	l.Write(d)
	return store.Outcome{Debit: d}
}

// usedBefore says how a request differs from the one that stands recorded under its id.
func usedBefore(old, now *taocan.DebitRequest) error {
	if old.Kind != now.Kind {
		kind := "debit"
		if old.Kind == taocan.KindReservation {
			kind = "reservation"
		}
		return taocan.Conflict("the id %s has been used before, for a %s", old.ID, kind)
	}
	var differ []string
	compare := func(name string, old, now any) {
		if old != now {
			differ = append(differ, fmt.Sprintf("%s was %v, now it is %v", name, old, now))
		}
	}
	compare("category", old.Category, now.Category)
	compare("purpose", old.Purpose, now.Purpose)
	compare("country", strconv.Quote(string(old.Country)), strconv.Quote(string(now.Country)))
	compare("quantity", old.Quantity, now.Quantity)
	compare("reference", strconv.Quote(old.Reference), strconv.Quote(now.Reference))
	compare("ttl_seconds", int64(old.TTL.Seconds()), int64(now.TTL.Seconds()))
	compare("on_deadline", old.OnDeadline, now.OnDeadline)
	return taocan.Conflict("the id %s has been used before: %s", old.ID, strings.Join(differ, "; "))
}

// capped refuses what a hard cap does not allow (product rules §7). What is reserved counts.
func capped(w *store.Watch, r *taocan.DebitRequest, at time.Time) error {
	if w == nil {
		return nil
	}
	for _, limit := range w.Limits {
		if limit.Cap == 0 || !limit.Counts(r.Category, r.Purpose, r.Country) {
			continue
		}
		if used := w.Meter.Taken(limit.Category, limit.Purpose, limit.Country, limit.Period, at); used+r.Quantity > limit.Cap {
			return &taocan.LimitError{Limit: limit.Cap, Used: used, Requested: r.Quantity, Of: counted(&limit), ResetsAt: w.Meter.Ends(limit.Period, at)}
		}
	}
	return nil
}

// counted says what a cap counts.
func counted(l *taocan.UsageLimit) string {
	period := "daily"
	if l.Period == taocan.PerMonth {
		period = "monthly"
	}
	return strings.Join(slices.DeleteFunc([]string{period, string(l.Category), string(l.Purpose), string(l.Country)}, func(s string) bool { return s == "" }), " ")
}

// gift is what one package gives.
type gift struct {
	*store.Balance
	owner    taocan.Tenant
	quantity taocan.Segments
}

// allocate chooses packages in the order of use (product rules §7): those of exactly the purpose first, then general
// ones; within each, soonest expiry, then earliest purchase, then number. After its own packages come those of the projects
// that share theirs with it, project by project. It takes nothing yet, and says how much is missing.
func allocate(from []gift, l *store.Ledger, t taocan.Tenant, w *store.Watch, r *taocan.DebitRequest, at time.Time) (_ []gift, missing taocan.Segments) {
	missing = r.Quantity
	use := func(owner taocan.Tenant) bool {
		b := l.Balances(owner)
		for _, purpose := range payingPurposes(r.Purpose) {
			for _, x := range b.Pool(store.PoolKey{Category: r.Category, Purpose: purpose, Country: r.Country}) {
				if x.Remaining == 0 || !at.Before(x.ExpiresAt) {
					continue
				}
				q := min(missing, x.Remaining)
				from = append(from, gift{x, owner, q})
				if missing -= q; missing == 0 {
					return true
				}
			}
		}
		return false
	}
	if use(t) || w == nil {
		return from, missing
	}
	for _, owner := range w.Pool {
		if use(owner) {
			break
		}
	}
	return from, missing
}

// payingPurposes lists which packages pay for a purpose, in the order of use.
func payingPurposes(p taocan.Purpose) []taocan.Purpose {
	switch p {
	case taocan.Verification:
		return verificationPays
	case taocan.Marketing:
		return marketingPays
	}
	return generalPays
}

var (
	verificationPays = []taocan.Purpose{taocan.Verification, taocan.General}
	marketingPays    = []taocan.Purpose{taocan.Marketing, taocan.General}
	generalPays      = []taocan.Purpose{taocan.General}
)

// reservation finds an open or settled reservation by the operation's id.
func reservation(l *store.Ledger, op *store.Op) (*taocan.Debit, error) {
	d := l.Record(op.Tenant, op.ID)
	switch {
	case d == nil:
		return nil, &taocan.NotFoundError{Detail: fmt.Sprintf("there is no reservation %s here", op.ID)}
	case d.Kind != taocan.KindReservation:
		return nil, &taocan.NotFoundError{Detail: fmt.Sprintf("%s is a debit, not a reservation", op.ID)}
	}
	return d, nil
}

func notOpen(s taocan.DebitState) store.Outcome {
	return refuse(&taocan.StateError{What: "reservation", State: string(s)})
}

// fate is what a reservation becomes at its deadline.
func fate(d *taocan.Debit) taocan.DebitState {
	if d.OnDeadline == taocan.CommitOnDeadline {
		return taocan.Committed
	}
	return taocan.Released
}

// commit makes a reservation final, whole or in part. Past the deadline it is refused, swept or not.
func commit(l *store.Ledger, op *store.Op) store.Outcome {
	d, err := reservation(l, op)
	if err != nil {
		return refuse(err)
	}
	quantity := op.Quantity
	if quantity == 0 {
		quantity = d.Quantity
	}
	switch {
	case d.State == taocan.Committed && !d.ByDeadline && d.Settled == quantity:
		return store.Outcome{Debit: d, Replayed: true}
	case d.State == taocan.Committed && !d.ByDeadline:
		return refuse(taocan.Conflict("the reservation %s is committed already, with %d of %d; now %d are asked for", d.ID, d.Settled, d.Quantity, quantity))
	case !d.Open():
		return notOpen(d.State)
	case !l.At(op.Account).Before(d.Deadline):
		return notOpen(fate(d))
	case quantity > d.Quantity:
		return refuse(taocan.Invalid("body.quantity", fmt.Sprintf("only %d are reserved", d.Quantity), int64(quantity)))
	}
	return store.Outcome{Debit: settle(l, d, quantity, taocan.Committed, false)}
}

// release returns a reservation to the packages that it came from.
func release(l *store.Ledger, op *store.Op) store.Outcome {
	d, err := reservation(l, op)
	if err != nil {
		return refuse(err)
	}
	late := !l.At(op.Account).Before(d.Deadline)
	switch {
	case d.State == taocan.Released:
		return store.Outcome{Debit: d, Replayed: true}
	case !d.Open():
		return notOpen(d.State)
	case late && fate(d) == taocan.Committed:
		return notOpen(taocan.Committed)
	}
	return store.Outcome{Debit: settle(l, d, 0, taocan.Released, late)}
}

// deadline settles a reservation that nobody settled in time; of any other it does nothing.
func deadline(l *store.Ledger, op *store.Op) store.Outcome {
	d, err := reservation(l, op)
	if err != nil {
		return refuse(err)
	}
	if !d.Open() || l.At(op.Account).Before(d.Deadline) {
		return store.Outcome{Debit: d, Replayed: true}
	}
	if fate(d) == taocan.Committed {
		return store.Outcome{Debit: settle(l, d, d.Quantity, taocan.Committed, true)}
	}
	return store.Outcome{Debit: settle(l, d, 0, taocan.Released, true)}
}

// settle ends an open reservation: the first quantity messages of its allocations become used, the rest returns.
func settle(l *store.Ledger, open *taocan.Debit, quantity taocan.Segments, state taocan.DebitState, byDeadline bool) *taocan.Debit {
	for _, s := range shares(open.Allocations, quantity) {
		owner := l.Owner(open.Tenant, s.Package)
		b := l.Balances(owner).Balance(s.Package)
		if open.At.Equal(l.At(open.Account)) { // reserved by this same commit
			l.Unreserve(b, s.used+s.returned)
			if s.used > 0 {
				l.Move(b, taocan.EntryDebit, s.used)
			}
			continue
		}
		if s.used > 0 {
			l.Move(b, taocan.EntryCommit, s.used)
		}
		if s.returned > 0 {
			l.Move(b, taocan.EntryRelease, s.returned)
		}
	}
	if w := l.Watch(open.Tenant); w != nil && w.Meter != nil && quantity < open.Quantity {
		w.Meter.Add(open.At, &open.DebitRequest, quantity-open.Quantity) // a return credits the day of taking
	}
	d := *open
	d.State, d.Settled, d.SettledAt, d.ByDeadline = state, quantity, l.At(open.Account), byDeadline
	l.Write(&d)
	return &d
}

type share struct {
	Package        taocan.PackageNumber
	used, returned taocan.Segments
}

// shares divides allocations when quantity of them become used: in the order that they were taken.
func shares(allocations []taocan.Allocation, quantity taocan.Segments) []share {
	all := make([]share, len(allocations))
	for i, a := range allocations {
		used := min(quantity, a.Quantity)
		quantity -= used
		all[i] = share{a.Package, used, a.Quantity - used}
	}
	return all
}
