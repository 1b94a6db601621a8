package store

import (
	"context"
	"time"

	"taocan/internal/taocan"
)

// PackageTx changes what becomes of a package after it was made. Every method writes entries; what the rules allow is the
// use case's matter, except what is said here.
type PackageTx interface {
	// ExtendPackage moves the expiry to a later instant; not later is ErrConflict. A package that has expired gets its expire
	// entry before the extension, if it has none yet.
	ExtendPackage(ctx context.Context, t taocan.Tenant, n taocan.PackageNumber, expiresAt time.Time, reason string) error
	// FreezePackage stops a package from paying, or with frozen false lets it pay again. What it is already is ErrConflict.
	FreezePackage(ctx context.Context, t taocan.Tenant, n taocan.PackageNumber, frozen bool, reason string) error
	// TransferPackage takes what to holds out of package n of t, and makes to of it, a package of the same account. More than
	// remains is taocan.ErrInsufficientQuota; a taken number is ErrConflict.
	TransferPackage(ctx context.Context, t taocan.Tenant, n taocan.PackageNumber, to taocan.Package) error
}
