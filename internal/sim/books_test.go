package sim_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"taocan/internal/store"
	"taocan/internal/store/storetest"
	"taocan/internal/taocan"
)

// books are what the store must hold: the plain model of each project, and what the accounts around them have.
type books struct {
	projects map[taocan.Tenant]*storetest.Model
	lanes    [taocan.Lanes]head
	cash     map[taocan.AccountID]taocan.Fen
	orders   map[taocan.OrderID]taocan.OrderState
	frozen   map[taocan.PackageNumber]time.Time // their expiry; the model sees them as expired
	wrote    string                             // the last change, for people
	last     map[key]bool                       // what that change recorded
}

type head struct {
	seq int64
	at  time.Time
}

func newBooks(tenants []taocan.Tenant) *books {
	b := &books{projects: map[taocan.Tenant]*storetest.Model{}, cash: map[taocan.AccountID]taocan.Fen{},
		orders: map[taocan.OrderID]taocan.OrderState{}, frozen: map[taocan.PackageNumber]time.Time{}}
	for _, t := range tenants {
		b.projects[t] = storetest.NewModel()
		b.cash[t.Account] = 0
	}
	return b
}

// clone copies whatever changes.
func (b *books) clone() *books {
	c := *b
	c.projects = map[taocan.Tenant]*storetest.Model{}
	for t, m := range b.projects {
		n := &storetest.Model{Last: m.Last, Packages: make(map[taocan.PackageNumber]*storetest.ModelPackage, len(m.Packages)),
			Records: make(map[taocan.DebitID]*storetest.ModelRecord, len(m.Records))}
		for k, p := range m.Packages {
			copied := *p
			n.Packages[k] = &copied
		}
		for k, r := range m.Records {
			copied := *r
			n.Records[k] = &copied
		}
		c.projects[t] = n
	}
	c.cash, c.orders, c.frozen = maps.Clone(b.cash), maps.Clone(b.orders), maps.Clone(b.frozen)
	return &c
}

// at is the time that a commit of the account gets when the clock shows now.
func (b *books) at(a taocan.AccountID, now time.Time) time.Time {
	m := storetest.Model{Last: b.lanes[taocan.LaneOf(a)].at}
	return m.At(now)
}

// batch runs operations as one group commit when the clock shows now, and says what each must be answered.
func (b *books) batch(ops []store.Op, now time.Time) []storetest.ModelAnswer {
	answers := make([]storetest.ModelAnswer, len(ops))
	wrote := map[taocan.Lane]time.Time{}
	b.last = map[key]bool{}
	for i, op := range ops {
		lane, m := taocan.LaneOf(op.Account), b.projects[op.Tenant]
		m.Last = b.lanes[lane].at // operations of one commit have one time
		a := m.Apply(op, now)
		if a.Record != nil {
			r := *a.Record // as it stands now; the commit may settle it yet
			a.Record = &r
			if !a.Replayed && r.State != taocan.DryRun {
				m.Last = b.lanes[lane].at
				wrote[lane] = m.At(now)
				b.last[key{op.Tenant, op.ID}] = true
			}
		}
		answers[i] = a
	}
	for lane, at := range wrote {
		b.lanes[lane] = head{b.lanes[lane].seq + 1, at}
	}
	b.wrote = fmt.Sprintf("batch of %d at %s", len(ops), now.Format(clockFormat))
	return answers
}

// commit notes one commit of the account's lane, beside debits.
func (b *books) commit(a taocan.AccountID, at time.Time, what string) {
	b.wrote, b.last = what, nil
	lane := taocan.LaneOf(a)
	b.lanes[lane] = head{b.lanes[lane].seq + 1, at}
}

func (b *books) add(p taocan.Package) { b.projects[p.Tenant].Add(p, p.ExistsFrom) }

func (b *books) pkg(t taocan.Tenant, n taocan.PackageNumber) *storetest.ModelPackage {
	return b.projects[t].Packages[n]
}

// freeze makes a package pay nothing, or lets it pay again.
func (b *books) freeze(t taocan.Tenant, n taocan.PackageNumber) {
	p := b.pkg(t, n)
	if until, is := b.frozen[n]; is {
		p.Expires = until
		delete(b.frozen, n)
		return
	}
	b.frozen[n] = p.Expires
	p.Expires = time.Time{}
}

// expires is when a package ends, frozen or not.
func (b *books) expires(p *storetest.ModelPackage) time.Time {
	if until, is := b.frozen[p.Number]; is {
		return until
	}
	return p.Expires
}

// numbers lists a project's packages.
func (b *books) numbers(t taocan.Tenant) []taocan.PackageNumber {
	return slices.Sorted(maps.Keys(b.projects[t].Packages))
}

// instants lists times at which something ends, for the clock to be set to.
func (b *books) instants(tenants []taocan.Tenant) []time.Time {
	var all []time.Time
	for _, t := range tenants {
		m := b.projects[t]
		for _, n := range b.numbers(t) {
			all = append(all, b.expires(m.Packages[n]))
		}
		for _, id := range slices.Sorted(maps.Keys(m.Records)) {
			if r := m.Records[id]; r.State == taocan.Reserved {
				all = append(all, r.Deadline)
			}
		}
	}
	return all
}
