package packages

import (
	"context"
	"fmt"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Opening is the issue, import or grant that a package began with.
func (p *Packages) Opening(ctx context.Context, t taocan.Tenant, n taocan.PackageNumber) (taocan.Entry, error) {
	var opening taocan.Entry
	err := p.store.View(ctx, func(r store.Reader) (err error) {
		opening, err = r.OpeningEntry(ctx, t, n)
		return err
	})
	if err != nil {
		return opening, fmt.Errorf("opening of package %.40q: %w", n, err)
	}
	return opening, nil
}

// Fate is what becomes of one active package if use goes on as it was.
type Fate struct {
	Forecast                 // of all packages of its category, purpose and country
	Unused   taocan.Segments // would be left of it on its last day
	Unknown  bool            // more packages expire unused than a forecast names, and this one is not among those named
}

// Fate of a package of the project; false where it is not active, so that nothing can become of it any more.
func (p *Packages) Fate(ctx context.Context, x taocan.Package) (Fate, bool, error) {
	if x.Status(p.clock.Now()) != taocan.Active {
		return Fate{}, false, nil
	}
	all, err := p.Forecast(ctx, x.Tenant)
	if err != nil {
		return Fate{}, false, err
	}
	for _, f := range all {
		if f.Category == x.Category && f.Purpose == x.Purpose && f.Country == x.Country {
			return fateOf(f, x.Number), true, nil
		}
	}
	return Fate{}, false, nil // expired since it was read
}

func fateOf(f Forecast, n taocan.PackageNumber) Fate {
	unnamed := f.ExpiringTotal
	for _, e := range f.ExpiringUnused {
		if e.Package == n {
			return Fate{Forecast: f, Unused: e.Quantity}
		}
		unnamed -= e.Quantity
	}
	return Fate{Forecast: f, Unknown: unnamed > 0}
}
