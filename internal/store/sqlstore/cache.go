package sqlstore

import (
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Cache holds the balances of projects that debited lately, as of the last commit of their lane, and what their rules look at.
type Cache struct {
	projects map[taocan.Tenant]*store.Balances
	watches  map[taocan.Tenant]*store.Watch // nil: the project has nothing to watch
	packages int                            // counted when they were loaded
	limit    int                            // of packages, and of projects
}

// CachedPackages is how many packages a process remembers, about 200 bytes each.
const CachedPackages = 200_000

// NewCache for so many packages.
func NewCache(limit int) *Cache {
	c := &Cache{limit: limit}
	c.Reset()
	return c
}

// Reset forgets all.
func (c *Cache) Reset() {
	c.projects, c.watches, c.packages = map[taocan.Tenant]*store.Balances{}, map[taocan.Tenant]*store.Watch{}, 0
}

// Drop forgets a project.
func (c *Cache) Drop(t taocan.Tenant) {
	if b := c.projects[t]; b != nil {
		c.packages -= b.Len()
		delete(c.projects, t)
	}
	delete(c.watches, t)
}

// Trim forgets all when there is too much: what is hot comes back with the next commit.
func (c *Cache) Trim() {
	if c.packages > c.limit || len(c.watches) > c.limit {
		c.Reset()
	}
}

// Apply moves the balances by what another process has committed. Projects that it cannot follow are forgotten, with all of their
// account: the package may be another project's of the account, which shares it. Of a package that nobody remembers only what its
// owner watches is the concern, whoever of the account that is.
func (c *Cache) Apply(records []*taocan.Debit, moves []store.Move) {
	for _, d := range records {
		c.dropWatched(d.Tenant)
	}
	lost := map[taocan.AccountID]bool{}
	elsewhere := map[taocan.AccountID][]taocan.PackageNumber{}
	for _, m := range moves {
		switch own := c.projects[m.Tenant]; {
		case own == nil:
			elsewhere[m.Account] = append(elsewhere[m.Account], m.Package)
		case !own.Apply(m):
			lost[m.Account] = true
		}
	}
	if len(lost)+len(elsewhere) == 0 {
		return
	}
	others := map[taocan.AccountID][]taocan.Tenant{}
	for t := range c.projects {
		if lost[t.Account] {
			c.Drop(t)
		} else if elsewhere[t.Account] != nil {
			others[t.Account] = append(others[t.Account], t)
		}
	}
	for account, projects := range others {
		if c.hold(projects, elsewhere[account]) {
			for _, t := range projects {
				c.Drop(t)
			}
			continue
		}
		for _, t := range projects {
			c.dropWatched(t)
		}
	}
}

// dropWatched forgets a project that has anything to watch: meters and states have moved on.
func (c *Cache) dropWatched(t taocan.Tenant) {
	if c.watches[t] != nil {
		c.Drop(t)
	}
}

// hold reports whether one of some projects remembers one of some packages. It costs what they remember, not each with each.
func (c *Cache) hold(projects []taocan.Tenant, packages []taocan.PackageNumber) bool {
	wanted := make(map[taocan.PackageNumber]bool, len(packages))
	for _, n := range packages {
		wanted[n] = true
	}
	for _, t := range projects {
		for n := range c.projects[t].Numbers() {
			if wanted[n] {
				return true
			}
		}
	}
	return false
}
