package store

import (
	"iter"
	"maps"
	"sort"
	"time"

	"taocan/internal/taocan"
)

// OpKind says what an Op does.
type OpKind uint8

const (
	OpTake     OpKind = iota + 1 // debit or reserve, by Request.Kind
	OpCommit                     // settle a reservation: used
	OpRelease                    // settle a reservation: returned
	OpDeadline                   // settle a reservation that is past its deadline as it was told
)

// Op is one operation of a group commit, validated by the engine.
type Op struct {
	taocan.Tenant
	Kind     OpKind
	Request  taocan.DebitRequest // OpTake
	ID       taocan.DebitID      // of the debit or the reservation
	Quantity taocan.Segments     // OpCommit; 0 means all
	DryRun   bool                // OpTake: answer, record nothing
}

// Outcome answers one Op: a record or a refusal. Debit is not changed after it is handed out.
type Outcome struct {
	Debit    *taocan.Debit
	Replayed bool
	Err      error
}

// Balance is what one package holds, as the engine sees it. Owned by the group commit that it is handed to.
type Balance struct {
	Number                    taocan.PackageNumber
	Purpose                   taocan.Purpose
	ExpiresAt, PurchasedAt    time.Time
	Remaining, Reserved, Used taocan.Segments

	sum *poolSum // that counts it; nil once it has expired
}

// PoolKey names packages that pay for the same things.
type PoolKey struct {
	Category taocan.Category
	Purpose  taocan.Purpose
	Country  taocan.Country
}

// Balances holds what a project's packages hold. Pools list the packages that can still pay in the order of
// use; a package that something may return to is found by its number even when it can no longer pay.
type Balances struct {
	pools    map[PoolKey][]*Balance
	byNumber map[taocan.PackageNumber]*Balance
	sums     map[PoolKey]*poolSum
	pruned   time.Time
}

// poolSum is what a pool's packages that have not expired hold, so that a rule need not add up the pool at every commit.
// Packages leave it in the order of expiry.
type poolSum struct {
	left    taocan.Segments
	waiting []*Balance // counted in left, by expiry
}

// NewBalances returns an empty set.
func NewBalances() *Balances {
	return &Balances{pools: map[PoolKey][]*Balance{}, byNumber: map[taocan.PackageNumber]*Balance{}, sums: map[PoolKey]*poolSum{}}
}

// Len is how many packages are held.
func (b *Balances) Len() int { return len(b.byNumber) }

// Numbers of all packages.
func (b *Balances) Numbers() iter.Seq[taocan.PackageNumber] { return maps.Keys(b.byNumber) }

// Add puts a balance into its pool; call Sort when all are in.
func (b *Balances) Add(key PoolKey, x *Balance) {
	b.pools[key] = append(b.pools[key], x)
	b.byNumber[x.Number] = x
}

// Hold makes a balance known by number only: something may return to it, but it pays for nothing.
func (b *Balances) Hold(x *Balance) { b.byNumber[x.Number] = x }

// Balance finds a package by number, nil where it is not held.
func (b *Balances) Balance(n taocan.PackageNumber) *Balance { return b.byNumber[n] }

// Sort brings every pool into the order of use: soonest expiry, then earliest purchase, then number.
func (b *Balances) Sort() {
	for key, pool := range b.pools {
		sort.Slice(pool, func(i, j int) bool { return usedBefore(pool[i], pool[j]) })
		sum := &poolSum{waiting: pool}
		for _, x := range pool {
			x.sum = sum
			sum.left += x.Remaining
		}
		b.sums[key] = sum
	}
}

// left is what active packages of exactly the target hold at the instant. It is asked about rising instants only.
func (b *Balances) left(c taocan.Category, p taocan.Purpose, country taocan.Country, at time.Time) (left taocan.Segments) {
	for key, sum := range b.sums {
		if key.Category != c || key.Purpose != p && c == taocan.Domestic || country != "" && key.Country != country {
			continue
		}
		for len(sum.waiting) > 0 && !at.Before(sum.waiting[0].ExpiresAt) {
			sum.left -= sum.waiting[0].Remaining
			sum.waiting[0].sum = nil
			sum.waiting = sum.waiting[1:]
		}
		left += sum.left
	}
	return left
}

func usedBefore(a, b *Balance) bool {
	if !a.ExpiresAt.Equal(b.ExpiresAt) {
		return a.ExpiresAt.Before(b.ExpiresAt)
	}
	if !a.PurchasedAt.Equal(b.PurchasedAt) {
		return a.PurchasedAt.Before(b.PurchasedAt)
	}
	return a.Number < b.Number
}

// Pool lists packages in the order of use. Empty ones in front that nothing can return to are dropped from it;
// expired ones may still be listed.
func (b *Balances) Pool(key PoolKey) []*Balance {
	pool := b.pools[key]
	dead := 0
	for dead < len(pool) && pool[dead].Remaining == 0 && pool[dead].Reserved == 0 {
		dead++
	}
	if dead > 0 {
		pool = pool[dead:]
		b.pools[key] = pool
	}
	return pool
}

// Prune drops packages that had expired by the lane's last commit: later commits have later times, so they can never
// pay again, whatever the clock does. It looks again only a minute after its last look.
func (b *Balances) Prune(lastCommit time.Time) {
	if lastCommit.Sub(b.pruned) < time.Minute {
		return
	}
	b.pruned = lastCommit
	for key, pool := range b.pools {
		dead := 0
		for dead < len(pool) && !lastCommit.Before(pool[dead].ExpiresAt) {
			dead++
		}
		b.pools[key] = pool[dead:]
	}
}

// RecordKey names what stands recorded under an id.
type RecordKey struct {
	taocan.Tenant
	ID taocan.DebitID
}

// Ledger is the state that one group commit decides on, and what it decided. The back end fills it, hands it
// to decide, and writes its changes. If the commit fails, the back end throws the whole Ledger and every balance
// that it lent to it away.
type Ledger struct {
	at       [taocan.Lanes]time.Time
	balances map[taocan.Tenant]*Balances
	records  map[RecordKey]*taocan.Debit
	watches  map[taocan.Tenant]*Watch
	purses   map[taocan.AccountID]*Purse
	owners   map[taocan.PackageNumber]taocan.Tenant // of packages that paid for another project

	written []*taocan.Debit
	notices []taocan.Notice
	states  []ChangedState
	called  []CalledTopUp
}

// NewLedger starts a group commit.
func NewLedger() *Ledger {
	return &Ledger{balances: map[taocan.Tenant]*Balances{}, records: map[RecordKey]*taocan.Debit{}, watches: map[taocan.Tenant]*Watch{},
		purses: map[taocan.AccountID]*Purse{}, owners: map[taocan.PackageNumber]taocan.Tenant{}}
}

// SetAt fixes the commit time of a lane.
func (l *Ledger) SetAt(lane taocan.Lane, at time.Time) { l.at[lane] = at }

// Lend gives the ledger a project's balances.
func (l *Ledger) Lend(t taocan.Tenant, b *Balances) { l.balances[t] = b }

// Recall tells the ledger what stands recorded under an id.
func (l *Ledger) Recall(d *taocan.Debit) { l.records[RecordKey{d.Tenant, d.ID}] = d }

// At is the commit time for the account.
func (l *Ledger) At(a taocan.AccountID) time.Time { return l.at[taocan.LaneOf(a)] }

// Balances of a project.
func (l *Ledger) Balances(t taocan.Tenant) *Balances { return l.balances[t] }

// Own notes that a package of another project of the account pays for a project.
func (l *Ledger) Own(n taocan.PackageNumber, owner taocan.Tenant) { l.owners[n] = owner }

// Owner is the project whose package pays for t: its own, unless Own was called.
func (l *Ledger) Owner(t taocan.Tenant, n taocan.PackageNumber) taocan.Tenant {
	if owner, shared := l.owners[n]; shared && l.balances[t].Balance(n) == nil {
		return owner
	}
	return t
}

// Record is what stands under the id, this commit's earlier writes included; nil where nothing does.
func (l *Ledger) Record(t taocan.Tenant, id taocan.DebitID) *taocan.Debit {
	return l.records[RecordKey{t, id}]
}

// Write records d, a new debit or a reservation's new state. d is not changed afterwards.
func (l *Ledger) Write(d *taocan.Debit) {
	l.Recall(d)
	l.written = append(l.written, d)
}

// Unreserve takes back what this same commit has reserved, as if it had never been (MovesOf).
func (l *Ledger) Unreserve(b *Balance, q taocan.Segments) { b.move(q, -q, 0) }

// Move changes a balance in the way that the kind says: EntryDebit remaining → used, EntryReserve remaining →
// reserved, EntryCommit reserved → used, EntryRelease reserved → remaining.
func (l *Ledger) Move(b *Balance, kind taocan.EntryKind, q taocan.Segments) {
	b.move(moves(kind, q))
	if b.Remaining < 0 || b.Reserved < 0 || b.Used < 0 {
		panic("store: a balance of package " + string(b.Number) + " would fall below 0")
	}
}

// Apply moves a balance by what another process has committed. It reports false where the package is not held.
func (b *Balances) Apply(m Move) bool {
	x := b.byNumber[m.Package]
	if x == nil {
		return false
	}
	x.move(moves(m.Kind, m.Quantity))
	return true
}

func (b *Balance) move(remaining, reserved, used taocan.Segments) {
	b.Remaining += remaining
	b.Reserved += reserved
	b.Used += used
	if b.sum != nil {
		b.sum.left += remaining
	}
}

func moves(kind taocan.EntryKind, q taocan.Segments) (remaining, reserved, used taocan.Segments) {
	switch kind {
	case taocan.EntryDebit:
		return -q, 0, q
	case taocan.EntryReserve:
		return -q, q, 0
	case taocan.EntryCommit:
		return 0, -q, q
	case taocan.EntryRelease:
		return q, -q, 0
	}
	panic("store: a debit cannot move messages by " + kind.String())
}

// Written lists the records of this commit in the order of decision.
func (l *Ledger) Written() []*taocan.Debit { return l.written }

// Settle ends the commit: what is watched keeps its new figures and forgets how it came to them.
func (l *Ledger) Settle() {
	for _, w := range l.watches {
		if w == nil {
			continue
		}
		if w.Meter != nil {
			w.Meter.Settle()
		}
		for _, o := range w.Overflow {
			o.changed = false
		}
	}
}
