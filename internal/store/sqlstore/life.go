package sqlstore

import (
	"context"
	"fmt"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

var _ store.PackageTx = (*Tx)(nil)

// ExtendPackage moves the expiry to a later instant.
func (t *Tx) ExtendPackage(ctx context.Context, tenant taocan.Tenant, n taocan.PackageNumber, expiresAt time.Time, reason string) error {
	return About(t.extendPackage(ctx, tenant, n, expiresAt, reason), "extend package %s", n)
}

func (t *Tx) extendPackage(ctx context.Context, tenant taocan.Tenant, n taocan.PackageNumber, expiresAt time.Time, reason string) error {
	if err := t.owns(tenant.Account); err != nil {
		return err
	}
	p, err := t.Package(ctx, tenant, n)
	if err != nil {
		return err
	}
	if !expiresAt.After(p.ExpiresAt) {
		return fmt.Errorf("it works until %s: %w", p.ExpiresAt, taocan.ErrConflict)
	}
	expired := p.Status(t.now) == taocan.Expired
	if expired {
		if err := t.markExpired(ctx, tenant, n); err != nil {
			return err
		}
	}
	if err := t.exec(ctx, "package_extend", Micros(expiresAt), p.Account, p.Project, p.Number); err != nil {
		return err
	}
	t.packagesChanged(tenant, expired)
	return t.insertEntry(ctx, taocan.Entry{Tenant: tenant, Package: n, Kind: taocan.EntryExtend, At: t.now,
		RemainingAfter: p.Remaining, ReservedAfter: p.Reserved, Reference: reason, ExpiresAt: FromMicros(Micros(expiresAt))})
}

// FreezePackage stops a package from paying, or lets it pay again.
func (t *Tx) FreezePackage(ctx context.Context, tenant taocan.Tenant, n taocan.PackageNumber, frozen bool, reason string) error {
	return About(t.freezePackage(ctx, tenant, n, frozen, reason), "freeze package %s", n)
}

func (t *Tx) freezePackage(ctx context.Context, tenant taocan.Tenant, n taocan.PackageNumber, frozen bool, reason string) error {
	if err := t.owns(tenant.Account); err != nil {
		return err
	}
	p, err := t.Package(ctx, tenant, n)
	if err != nil {
		return err
	}
	same := fmt.Errorf("frozen is %t already: %w", frozen, taocan.ErrConflict)
	if err := t.change(ctx, same, "package_freeze", frozen, p.Account, p.Project, p.Number); err != nil {
		return err
	}
	t.packagesChanged(tenant, !frozen)
	kind := taocan.EntryUnfreeze
	if frozen {
		kind = taocan.EntryFreeze
	}
	return t.insertEntry(ctx, taocan.Entry{Tenant: tenant, Package: n, Kind: kind, At: t.now,
		RemainingAfter: p.Remaining, ReservedAfter: p.Reserved, Reference: reason})
}

// TransferPackage takes what to holds out of a package and makes to of it. The two entries name each other's package.
func (t *Tx) TransferPackage(ctx context.Context, tenant taocan.Tenant, n taocan.PackageNumber, to taocan.Package) error {
	return About(t.transferPackage(ctx, tenant, n, to), "transfer from package %s", n)
}

func (t *Tx) transferPackage(ctx context.Context, tenant taocan.Tenant, n taocan.PackageNumber, to taocan.Package) error {
	if err := t.owns(tenant.Account); err != nil {
		return err
	}
	p, err := t.Package(ctx, tenant, n)
	if err != nil {
		return err
	}
	moved := to.Remaining
	if moved > p.Remaining {
		return &taocan.QuotaError{Requested: moved, Available: p.Remaining}
	}
	if moved < 1 || to.Total != moved || !to.ExistsFrom.Equal(t.now) {
		return fmt.Errorf("the package made of it holds %d of %d from %s on", moved, to.Total, to.ExistsFrom)
	}
	if err := t.exec(ctx, "package_adjust", -moved, p.Account, p.Project, p.Number); err != nil {
		return err
	}
	t.packagesChanged(tenant, false)
	err = t.insertEntry(ctx, taocan.Entry{Tenant: tenant, Package: n, Kind: taocan.EntryTransferOut, At: t.now,
		Remaining: -moved, RemainingAfter: p.Remaining - moved, ReservedAfter: p.Reserved, Reference: string(to.Number)})
	if err != nil {
		return err
	}
	return t.insertPackage(ctx, to, taocan.EntryTransferIn, string(n))
}
