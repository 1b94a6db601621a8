package sqlite

import (
	"context"
	"fmt"

	"taocan/internal/store"
	"taocan/internal/store/sqlstore"
	"taocan/internal/taocan"
)

// watch lends the ledger a project's watch, and what it needs: the balances of projects that share their packages with it,
// and its account's purse.
func (s *Store) watch(ctx context.Context, w *writer, ledger *store.Ledger, t taocan.Tenant) error {
	x, err := w.cache.watch(ctx, s, w, t, ledger.At(t.Account))
	if err != nil || x == nil {
		return err
	}
	ledger.LendWatch(t, x)
	for _, owner := range x.Pool {
		if err := s.lend(ctx, w, ledger, owner); err != nil {
			return err
		}
	}
	if len(x.Overflow) > 0 && ledger.Purses()[t.Account] == nil {
		purse, err := s.on(w).Purse(ctx, t.Account)
		if err != nil {
			return err
		}
		ledger.LendPurse(t.Account, &purse)
	}
	return nil
}

// lend gives the ledger the balances of a project that shares them, and what its own rules look at.
func (s *Store) lend(ctx context.Context, w *writer, ledger *store.Ledger, owner taocan.Tenant) error {
	balances, err := w.balances(ctx, owner)
	if err != nil {
		return err
	}
	ledger.Lend(owner, balances)
	x, err := w.cache.watch(ctx, s, w, owner, ledger.At(owner.Account))
	if err == nil && x != nil {
		ledger.LendWatch(owner, x)
	}
	return err
}

// ownerOf finds whose package gave to a project that is not its own, and makes it known.
func (s *Store) ownerOf(ctx context.Context, w *writer, ledger *store.Ledger, t taocan.Tenant, n taocan.PackageNumber) error {
	owner, err := s.on(w).NumberOwner(ctx, n)
	if err != nil {
		return sqlstore.About(err, "owner of package %s", n)
	}
	if owner.Account != t.Account {
		return fmt.Errorf("package %s, which gave to project %s, is of another account", n, t.Project)
	}
	if err := s.lend(ctx, w, ledger, owner); err != nil {
		return err
	}
	ledger.Own(n, owner)
	if balances := ledger.Balances(owner); balances.Balance(n) == nil {
		return w.hold(ctx, owner, balances, n)
	}
	return nil
}
