package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Loader reads, in the transaction of a group commit and under its locks, what the process does not remember.
type Loader interface {
	// Post posts the lane of the account if the account has unposted records: its packages' rows are about to be read.
	Post(ctx context.Context, a taocan.AccountID) error
	// Balances reads the packages that can pay, or to which something reserved may return.
	Balances(ctx context.Context, projects []taocan.Tenant, add func(taocan.Tenant, store.PoolKey, *store.Balance)) error
	// Balance reads one package; taocan.ErrNotFound.
	Balance(ctx context.Context, t taocan.Tenant, n taocan.PackageNumber) (*store.Balance, error)
	// Watched picks the projects that have anything to watch.
	Watched(ctx context.Context, projects []taocan.Tenant) ([]taocan.Tenant, error)
	// Debits calls fn with the packed records of commits; fn keeps nothing of the blob.
	Debits(ctx context.Context, commits []int64, fn func(commit int64, blob []byte) error) error
	// Candidates is Source.Candidates for ids up to the lanes' heads.
	Candidates(taocan.ProjectID, taocan.DebitID) ([]int64, error)
	Cache(taocan.AccountID) *Cache
	Head(taocan.AccountID) store.Head
	Reader() Reader
}

// Prepare fills a ledger with all that operations need to be decided on: balances, what is watched, and what stands recorded under
// their ids. Commits that are older than forgotten are not remembered.
func Prepare(ctx context.Context, from Loader, ops []store.Op, now, forgotten time.Time) (*store.Ledger, error) {
	p := preparation{from, store.NewLedger()}
	var acting []taocan.Tenant
	seen := map[taocan.Tenant]bool{}
	for i := range ops {
		if t := ops[i].Tenant; !seen[t] {
			seen[t] = true
			acting = append(acting, t)
			p.ledger.SetAt(taocan.LaneOf(t.Account), from.Head(t.Account).NextAt(now))
		}
	}
	if err := p.lend(ctx, acting); err != nil {
		return nil, err
	}
	if err := p.beside(ctx, acting); err != nil {
		return nil, err
	}
	return p.ledger, p.recall(ctx, ops, forgotten)
}

type preparation struct {
	from   Loader
	ledger *store.Ledger
}

// lend gives the ledger projects' balances and what is watched, after loading what is missing.
func (p preparation) lend(ctx context.Context, projects []taocan.Tenant) error {
	var missing, unwatched []taocan.Tenant
	for _, t := range projects {
		cache := p.from.Cache(t.Account)
		if b := cache.projects[t]; b != nil {
			b.Prune(p.from.Head(t.Account).At)
		} else {
			if err := p.from.Post(ctx, t.Account); err != nil {
				return err
			}
			missing = append(missing, t)
		}
		if _, known := cache.watches[t]; !known {
			unwatched = append(unwatched, t)
		}
	}
	if err := p.load(ctx, missing); err != nil {
		return err
	}
	if err := p.loadWatches(ctx, unwatched); err != nil {
		return err
	}
	for _, t := range projects {
		cache := p.from.Cache(t.Account)
		p.ledger.Lend(t, cache.projects[t])
		if w := cache.watches[t]; w != nil {
			p.ledger.LendWatch(t, w)
		}
	}
	return nil
}

func (p preparation) load(ctx context.Context, projects []taocan.Tenant) error {
	if len(projects) == 0 {
		return nil
	}
	loaded := make(map[taocan.Tenant]*store.Balances, len(projects))
	for _, t := range projects {
		loaded[t] = store.NewBalances()
	}
	if err := p.from.Balances(ctx, projects, func(t taocan.Tenant, key store.PoolKey, b *store.Balance) { loaded[t].Add(key, b) }); err != nil {
		return fmt.Errorf("balances: %w", err)
	}
	for t, b := range loaded {
		b.Sort()
		cache := p.from.Cache(t.Account)
		cache.projects[t] = b
		cache.packages += b.Len()
	}
	return nil
}

func (p preparation) loadWatches(ctx context.Context, projects []taocan.Tenant) error {
	if len(projects) == 0 {
		return nil
	}
	watched, err := p.from.Watched(ctx, projects)
	if err != nil {
		return fmt.Errorf("rules: %w", err)
	}
	for _, t := range projects {
		p.from.Cache(t.Account).watches[t] = nil
	}
	for _, t := range watched {
		w, err := p.from.Reader().Watch(ctx, t, p.ledger.At(t.Account))
		if err != nil {
			return fmt.Errorf("rules of project %s: %w", t.Project, err)
		}
		p.from.Cache(t.Account).watches[t] = w
	}
	return nil
}

// beside lends what the projects that act need of others: balances of those that share their packages with them, and their
// accounts' purses.
func (p preparation) beside(ctx context.Context, acting []taocan.Tenant) error {
	for _, t := range acting {
		w := p.ledger.Watch(t)
		if w == nil {
			continue
		}
		if err := p.lendOthers(ctx, w.Pool...); err != nil {
			return err
		}
		if len(w.Overflow) > 0 && p.ledger.Purses()[t.Account] == nil {
			purse, err := p.from.Reader().Purse(ctx, t.Account)
			if err != nil {
				return err
			}
			p.ledger.LendPurse(t.Account, &purse)
		}
	}
	return nil
}

func (p preparation) lendOthers(ctx context.Context, others ...taocan.Tenant) error {
	var missing []taocan.Tenant
	for _, t := range others {
		if p.ledger.Balances(t) == nil {
			missing = append(missing, t)
		}
	}
	return p.lend(ctx, missing)
}

// recall tells the ledger what stands recorded under the ids. An id older than the window counts as new.
func (p preparation) recall(ctx context.Context, ops []store.Op, forgotten time.Time) error {
	candidates := map[store.RecordKey][]int64{}
	wanted := map[int64][]store.RecordKey{}
	var commits []int64
	for i := range ops {
		key := store.RecordKey{Tenant: ops[i].Tenant, ID: ops[i].ID}
		found, err := p.from.Candidates(key.Project, key.ID)
		if err != nil {
			return err
		}
		if len(found) == 0 || candidates[key] != nil {
			continue
		}
		candidates[key] = found
		for _, c := range found {
			if wanted[c] == nil {
				commits = append(commits, c)
			}
			wanted[c] = append(wanted[c], key)
		}
	}
	if len(commits) == 0 {
		return nil
	}
	type place struct {
		commit int64
		key    store.RecordKey
	}
	records := map[place]*taocan.Debit{}
	err := p.from.Debits(ctx, commits, func(commit int64, blob []byte) error {
		lane, at := store.CommitOf(commit)
		found, err := pickDebits(blob, at, wanted[commit])
		if err != nil {
			return ErrDamaged(lane, at, err)
		}
		for _, d := range found {
			records[place{commit, store.RecordKey{Tenant: d.Tenant, ID: d.ID}}] = d
		}
		return nil
	})
	if err != nil {
		return err
	}
	for key, commits := range candidates {
		for _, c := range commits {
			d := records[place{c, key}]
			if d == nil {
				continue
			}
			if d.Open() || !lastChange(d).Before(forgotten) {
				p.ledger.Recall(d)
				err = p.hold(ctx, d)
			}
			break // the first that knows the id tells
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// pickDebits finds records in a commit: a few by searching, many by decoding all, so that retrying or settling a large batch does not
// read it once per operation.
func pickDebits(blob []byte, at time.Time, keys []store.RecordKey) ([]*taocan.Debit, error) {
	if len(keys) > 2 {
		return store.RecordsOf(blob, at) // the last under an id stands
	}
	var found []*taocan.Debit
	for _, key := range keys {
		d, err := store.FindDebit(blob, at, key.Tenant, key.ID)
		if errors.Is(err, taocan.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, &d)
	}
	return found, nil
}

func lastChange(d *taocan.Debit) time.Time {
	if d.SettledAt.IsZero() {
		return d.At
	}
	return d.SettledAt
}

// hold makes the packages known to which an open reservation may return: frozen or expired ones, those of another project that
// shared them.
func (p preparation) hold(ctx context.Context, d *taocan.Debit) error {
	if !d.Open() {
		return nil
	}
	for _, a := range d.Allocations {
		if p.ledger.Balances(d.Tenant).Balance(a.Package) != nil {
			continue
		}
		err := p.holdOne(ctx, d.Tenant, a.Package)
		if errors.Is(err, taocan.ErrNotFound) {
			err = p.holdOf(ctx, d.Tenant, a.Package)
		}
		if err != nil {
			return About(err, "package %s", a.Package)
		}
	}
	return nil
}

func (p preparation) holdOne(ctx context.Context, t taocan.Tenant, n taocan.PackageNumber) error {
	if err := p.from.Post(ctx, t.Account); err != nil {
		return err
	}
	b, err := p.from.Balance(ctx, t, n)
	if err == nil {
		p.ledger.Balances(t).Hold(b)
		p.from.Cache(t.Account).packages++
	}
	return err
}

// holdOf finds whose package gave to a project that is not its own, and makes it known.
func (p preparation) holdOf(ctx context.Context, t taocan.Tenant, n taocan.PackageNumber) error {
	owner, err := p.from.Reader().NumberOwner(ctx, n)
	if err != nil {
		return err
	}
	if owner.Account != t.Account {
		return fmt.Errorf("it gave to project %s, but is of another account", t.Project)
	}
	if err := p.lendOthers(ctx, owner); err != nil {
		return err
	}
	p.ledger.Own(n, owner)
	if p.ledger.Balances(owner).Balance(n) == nil {
		return p.holdOne(ctx, owner, n)
	}
	return nil
}
