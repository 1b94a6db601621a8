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

// Apply moves the balances by what another process has committed. Projects that it cannot follow are forgotten: where a record's own
// project does not hold the package, or is not remembered, another of the account may, which shares it.
func (c *Cache) Apply(records []*taocan.Debit, moves []store.Move) {
	for _, d := range records {
		if c.watches[d.Tenant] != nil { // meters and states have moved on
			c.Drop(d.Tenant)
		}
	}
	elsewhere := map[taocan.AccountID]bool{}
	for _, m := range moves {
		if b := c.projects[m.Tenant]; b == nil || !b.Apply(m) {
			elsewhere[m.Account] = true
		}
	}
	if len(elsewhere) == 0 {
		return
	}
	for t := range c.projects {
		if elsewhere[t.Account] {
			c.Drop(t)
		}
	}
}
