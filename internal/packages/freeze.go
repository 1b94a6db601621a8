package packages

import (
	"context"
	"fmt"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Freeze stops an active package: it pays nothing and is in no balance until it is unfrozen. Reservations that it holds can
// still be committed; what returns to it stays in it. The same key and content again answers the package as it was after
// the first time.
func (p *Packages) Freeze(ctx context.Context, actor taocan.Actor, n taocan.PackageNumber, key string, content []byte, reason string) (taocan.Package, bool, error) {
	return p.freeze(ctx, actor, n, operation{"freeze package", opFreeze, "package.freeze", key, content}, true, reason)
}

// Unfreeze lets a frozen package pay again, until it expires as it would have.
func (p *Packages) Unfreeze(ctx context.Context, actor taocan.Actor, n taocan.PackageNumber, key string, content []byte, reason string) (taocan.Package, bool, error) {
	return p.freeze(ctx, actor, n, operation{"unfreeze package", opUnfreeze, "package.unfreeze", key, content}, false, reason)
}

func (p *Packages) freeze(ctx context.Context, actor taocan.Actor, n taocan.PackageNumber, op operation, frozen bool, reason string) (taocan.Package, bool, error) {
	if err := actor.OperatorOnly(); err != nil {
		return taocan.Package{}, false, fmt.Errorf("%s: %w", op.doing, err)
	}
	if message := checkReason(reason); message != "" {
		return taocan.Package{}, false, taocan.Invalid("body.reason", message, nil)
	}
	return p.change(ctx, actor, n, op, reason,
		func(tx store.Tx, x taocan.Package) error {
			// A package that was frozen can be unfrozen whatever has become of it; only an active one can be frozen.
			if frozen && x.Status(tx.Now()) != taocan.Active || x.Frozen == frozen {
				return stateOf(x, tx.Now())
			}
			return tx.FreezePackage(ctx, x.Tenant, n, frozen, reason)
		},
		func(before, after taocan.Package) (map[string]any, map[string]any) {
			return map[string]any{"frozen": before.Frozen}, map[string]any{"frozen": after.Frozen}
		})
}
