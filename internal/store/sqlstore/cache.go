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
// account: the package may be another project's of the account, which shares it. One that nobody remembers is nobody's concern.
func (c *Cache) Apply(records []*taocan.Debit, moves []store.Move) {
	for _, d := range records {
		if c.watches[d.Tenant] != nil { // meters and states have moved on
			c.Drop(d.Tenant)
		}
	}
	var projects map[taocan.AccountID][]taocan.Tenant // that are remembered
	for _, m := range moves {
		own := c.projects[m.Tenant]
		if own != nil && own.Apply(m) {
			continue
		}
		if projects == nil {
			projects = c.byAccount()
		}
		if own != nil || c.holds(projects[m.Account], m.Package) {
			for _, t := range projects[m.Account] {
				c.Drop(t)
			}
		}
	}
}

func (c *Cache) byAccount() map[taocan.AccountID][]taocan.Tenant {
	all := map[taocan.AccountID][]taocan.Tenant{}
	for t := range c.projects {
		all[t.Account] = append(all[t.Account], t)
	}
	return all
}

// holds reports whether one of some projects remembers a package.
func (c *Cache) holds(projects []taocan.Tenant, n taocan.PackageNumber) bool {
	for _, t := range projects {
		if b := c.projects[t]; b != nil && b.Balance(n) != nil {
			return true
		}
	}
	return false
}
