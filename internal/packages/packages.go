package packages

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Packages is the use case. Immutable after New, safe for concurrent use.
type Packages struct {
	store  store.Store
	clock  clock.Clock
	zone   *time.Location
	random io.Reader
}

// New makes the use case; random is where the digits of granted numbers come from.
func New(st store.Store, c clock.Clock, zone *time.Location, random io.Reader) *Packages {
	return &Packages{st, c, zone, random}
}

// List of a project's packages. With AsOf it holds what existed then, with the figures of then.
func (p *Packages) List(ctx context.Context, t taocan.Tenant, f store.PackageFilter) (store.Page[taocan.Package], error) {
	f.Now = p.clock.Now()
	if err := checkFilter(f); err != nil {
		return store.Page[taocan.Package]{}, err
	}
	var page store.Page[taocan.Package]
	err := p.store.View(ctx, func(r store.Reader) (err error) {
		page, err = r.Packages(ctx, t, f)
		return err
	})
	if err != nil {
		return page, fmt.Errorf("list packages of project %s: %w", t.Project, err)
	}
	return page, nil
}

func checkFilter(f store.PackageFilter) error {
	if f.Category != "" && !f.Category.Valid() {
		return taocan.Invalid("query.category", "is not a category", f.Category)
	}
	for _, x := range f.Purposes {
		if !x.Valid() {
			return taocan.Invalid("query.purpose", "is not a purpose", x)
		}
	}
	for _, x := range f.Statuses {
		if !x.Valid() {
			return taocan.Invalid("query.status", "is not a status", x)
		}
	}
	if f.Country != "" && !f.Country.Valid() {
		return taocan.Invalid("query.country", "is not a country code", f.Country)
	}
	if f.Sort != "" && !slices.Contains(store.PackageSorts, strings.TrimPrefix(f.Sort, "-")) {
		return taocan.Invalid("query.sort", "is not a sort key: "+strings.Join(store.PackageSorts, ", "), f.Sort)
	}
	return checkAsOf(f.AsOf, f.Now)
}

// checkAsOf refuses an instant that has not come: what will be left then is not known yet.
func checkAsOf(asOf, now time.Time) error {
	if asOf.After(now) {
		return taocan.Invalid("query.as_of", "lies in the future", asOf.Format(time.RFC3339))
	}
	return nil
}

// Get one package of a project.
func (p *Packages) Get(ctx context.Context, t taocan.Tenant, n taocan.PackageNumber) (taocan.Package, error) {
	var found taocan.Package
	err := p.store.View(ctx, func(r store.Reader) (err error) {
		found, err = r.Package(ctx, t, n)
		return err
	})
	if err != nil {
		return found, fmt.Errorf("package %.40q: %w", n, err)
	}
	return found, nil
}

// Find a package by its number alone, whoever's it is: the operator's search.
func (p *Packages) Find(ctx context.Context, n taocan.PackageNumber) (taocan.Package, error) {
	var found taocan.Package
	err := p.store.View(ctx, func(r store.Reader) (err error) {
		found, err = r.PackageAnywhere(ctx, n)
		return err
	})
	if err != nil {
		return found, fmt.Errorf("find package %.40q: %w", n, err)
	}
	return found, nil
}

// Entries is a package's statement, newest first.
func (p *Packages) Entries(ctx context.Context, t taocan.Tenant, n taocan.PackageNumber, paging store.Paging) (store.Page[taocan.Entry], error) {
	var page store.Page[taocan.Entry]
	err := p.store.View(ctx, func(r store.Reader) error {
		// A statement of nothing would hide that the package is unknown, or another's.
		if _, err := r.Package(ctx, t, n); err != nil {
			return err
		}
		var err error
		page, err = r.Entries(ctx, t, n, paging)
		return err
	})
	if err != nil {
		return page, fmt.Errorf("statement of package %.40q: %w", n, err)
	}
	return page, nil
}

// Balance of a category at an instant that is not in the future; zero means now.
func (p *Packages) Balance(ctx context.Context, t taocan.Tenant, c taocan.Category, asOf time.Time) (taocan.Balance, error) {
	if !c.Valid() {
		return taocan.Balance{}, taocan.Invalid("query.category", "is not a category", c)
	}
	now := p.clock.Now()
	if err := checkAsOf(asOf, now); err != nil {
		return taocan.Balance{}, err
	}
	var balance taocan.Balance
	err := p.store.View(ctx, func(r store.Reader) (err error) {
		balance, err = r.Balance(ctx, t, c, now, asOf)
		return err
	})
	if err != nil {
		return balance, fmt.Errorf("balance of project %s: %w", t.Project, err)
	}
	return balance, nil
}

// expirySlice bounds one step of MarkExpired, and so how long it may hold the writer.
const expirySlice = 500

// MarkExpired writes the expire entries of packages that expired with something left, at most a slice of
// them, and says how many. Nothing depends on it: status and balances go by the clock.
func (p *Packages) MarkExpired(ctx context.Context) (int, error) {
	var due []taocan.Package
	err := p.store.Peek(ctx, func(r store.Reader) (err error) { // what is not posted yet can only make fewer of them
		due, err = r.Unmarked(ctx, p.clock.Now(), expirySlice)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("find expired packages: %w", err)
	}
	byAccount := map[taocan.AccountID][]taocan.Package{}
	for _, x := range due {
		byAccount[x.Account] = append(byAccount[x.Account], x)
	}
	marked := 0
	for account, expired := range byAccount {
		err := p.store.Update(ctx, account, func(tx store.Tx) error {
			for _, x := range expired {
				found, err := tx.Package(ctx, x.Tenant, x.Number)
				if err == nil && found.Status(tx.Now()) == taocan.Expired { // not used up or extended meanwhile
					err = tx.MarkExpired(ctx, x.Tenant, x.Number)
				}
				if err != nil {
					return fmt.Errorf("package %s: %w", x.Number, err)
				}
			}
			return nil
		})
		if err != nil {
			return marked, fmt.Errorf("mark expired packages of account %s: %w", account, err)
		}
		marked += len(expired)
	}
	return marked, nil
}
