package sqlstore

import (
	"testing"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Two projects of one account and one of another, each with a package of its own.
func remembering(t *testing.T, projects ...taocan.Tenant) *Cache {
	t.Helper()
	c := NewCache(100)
	for _, p := range projects {
		b := store.NewBalances()
		b.Add(store.PoolKey{Category: taocan.Domestic, Purpose: taocan.Marketing},
			&store.Balance{Number: packageOf(p), Purpose: taocan.Marketing, ExpiresAt: time.Unix(1<<40, 0), Remaining: 100})
		b.Sort()
		c.projects[p], c.watches[p] = b, nil
		c.packages++
	}
	return c
}

func packageOf(t taocan.Tenant) taocan.PackageNumber {
	return taocan.PackageNumber("P-" + string(t.Project))
}

func debitOf(t taocan.Tenant, n taocan.PackageNumber) *taocan.Debit {
	return &taocan.Debit{Tenant: t, DebitRequest: taocan.DebitRequest{ID: "d1", Kind: taocan.KindDebit, Quantity: 7}, Allocations: []taocan.Allocation{{Package: n, Quantity: 7}}}
}

func TestWhatAnotherProcessDidIsFollowed(t *testing.T) {
	a1, a2, b := taocan.Tenant{Account: "a", Project: "a1"}, taocan.Tenant{Account: "a", Project: "a2"}, taocan.Tenant{Account: "b", Project: "b"}
	for name, x := range map[string]struct {
		remembered []taocan.Tenant
		debit      *taocan.Debit
		watching   []taocan.Tenant // they have something to watch
		kept       []taocan.Tenant // the others are read again
		left       map[taocan.Tenant]taocan.Segments
	}{
		"its own package":                                          {[]taocan.Tenant{a1, a2, b}, debitOf(a1, packageOf(a1)), nil, []taocan.Tenant{a1, a2, b}, map[taocan.Tenant]taocan.Segments{a1: 93, a2: 100, b: 100}},
		"of a project that is not remembered":                      {[]taocan.Tenant{a2, b}, debitOf(a1, packageOf(a1)), nil, []taocan.Tenant{a2, b}, map[taocan.Tenant]taocan.Segments{a2: 100, b: 100}},
		"another's package, both remembered":                       {[]taocan.Tenant{a1, a2, b}, debitOf(a1, packageOf(a2)), nil, []taocan.Tenant{b}, nil},
		"another's package, the lender is":                         {[]taocan.Tenant{a2, b}, debitOf(a1, packageOf(a2)), nil, []taocan.Tenant{b}, nil},
		"another's package, the borrower is":                       {[]taocan.Tenant{a1, b}, debitOf(a1, packageOf(a2)), nil, []taocan.Tenant{b}, nil},
		"of a project with something to watch":                     {[]taocan.Tenant{a1, a2, b}, debitOf(a1, packageOf(a1)), []taocan.Tenant{a1}, []taocan.Tenant{a2, b}, nil},
		"watched, and another's that is remembered":                {[]taocan.Tenant{a1, a2, b}, debitOf(a1, packageOf(a2)), []taocan.Tenant{a1}, []taocan.Tenant{b}, nil},
		"of a project that is not remembered, and another watches": {[]taocan.Tenant{a2, b}, debitOf(a1, packageOf(a1)), []taocan.Tenant{a2, b}, []taocan.Tenant{b}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := remembering(t, x.remembered...)
			for _, p := range x.watching {
				c.watches[p] = &store.Watch{}
			}
			records := []*taocan.Debit{x.debit}
			c.Apply(records, store.MovesOf(records, time.Unix(1, 0)))
			if len(c.projects) != len(x.kept) {
				t.Errorf("remembers %d projects afterwards, want %v", len(c.projects), x.kept)
			}
			for _, p := range x.kept {
				if c.projects[p] == nil {
					t.Errorf("project %s was forgotten", p.Project)
				}
			}
			for p, want := range x.left {
				if got := c.projects[p].Balance(packageOf(p)).Remaining; got != want {
					t.Errorf("the package of %s holds %d, want %d", p.Project, got, want)
				}
			}
		})
	}
}
