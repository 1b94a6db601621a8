package packages

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"taocan/internal/catalog"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// GrantRequest is a package given without payment.
type GrantRequest struct {
	Category       taocan.Category
	Purpose        taocan.Purpose // international: general, also where empty
	Country        taocan.Country // international only
	Name           string         // empty: the name that a custom package would have
	Quantity       taocan.Segments
	ValidityMonths int // 0: 12
	Reason         string
}

const (
	defaultMonths  = 12
	maxMonths      = 120
	maxReasonRunes = 128
)

// The operations that idempotency keys are kept under.
const (
	opGrant    = "package_grant"
	opAdjust   = "package_adjust"
	opExtend   = "package_extend"
	opFreeze   = "package_freeze"
	opUnfreeze = "package_unfreeze"
	opTransfer = "package_transfer"
)

// Grant gives a project a package. The same key and content again answers the first package as it was given.
func (p *Packages) Grant(ctx context.Context, actor taocan.Actor, t taocan.Tenant, key string, content []byte, g GrantRequest) (taocan.Package, bool, error) {
	if err := actor.OperatorOnly(); err != nil {
		return taocan.Package{}, false, fmt.Errorf("grant package: %w", err)
	}
	if err := g.complete(); err != nil {
		return taocan.Package{}, false, err
	}
	if err := checkKey(key); err != nil {
		return taocan.Package{}, false, err
	}
	var granted taocan.Package
	var replayed bool
	err := p.store.Update(ctx, t.Account, func(tx store.Tx) error {
		if err := projectOf(ctx, tx, t); err != nil {
			return err
		}
		number, known, err := store.Replay(ctx, tx, t, opGrant, key, content)
		if err != nil {
			return err
		}
		if replayed = known; replayed {
			if granted, err = tx.Package(ctx, t, taocan.PackageNumber(number)); err != nil {
				return err
			}
			granted.Remaining, granted.Adjusted, granted.Reserved, granted.Used = granted.Total, 0, 0, 0
			return nil
		}
		now := tx.Now()
		granted = taocan.Package{Tenant: t, Name: g.Name, Category: g.Category, Purpose: g.Purpose, Country: g.Country,
			ChargeOn: taocan.ChargeOnSubmit, Total: g.Quantity, Remaining: g.Quantity,
			PurchasedAt: now, ExistsFrom: now, ExpiresAt: taocan.Expiry(now, g.ValidityMonths, p.zone)}
		if granted.Number, err = store.FreeNumber(ctx, tx, g.Category, g.Purpose, now, p.zone, p.random); err != nil {
			return err
		}
		err = tx.InsertPackage(ctx, granted, taocan.EntryGrant, g.Reason)
		if errors.Is(err, taocan.ErrConflict) { // another process took the number since we looked: not the caller's conflict
			err = fmt.Errorf("package number %s: %w", granted.Number, taocan.ErrUnavailable)
		}
		if err != nil {
			return err
		}
		if err := tx.InsertIdempotencyKey(ctx, store.IdempotencyKey{Tenant: t, Operation: opGrant, Key: key, Content: content,
			Subject: string(granted.Number), CreatedAt: now}); err != nil {
			return err
		}
		return store.Audit(ctx, tx, actor, "package.grant", string(granted.Number), nil, map[string]any{
			"project": t.Project, "name": g.Name, "quantity": g.Quantity, "validity_months": g.ValidityMonths, "reason": g.Reason})
	})
	if err != nil {
		return taocan.Package{}, false, fmt.Errorf("grant package to project %s: %w", t.Project, err)
	}
	return granted, replayed, nil
}

// complete fills in defaults and checks the rules.
func (g *GrantRequest) complete() error {
	if g.Category == taocan.International && g.Purpose == "" {
		g.Purpose = taocan.General
	}
	if g.ValidityMonths == 0 {
		g.ValidityMonths = defaultMonths
	}
	var bad []taocan.FieldError
	refuse := func(field, message string, value any) {
		bad = append(bad, taocan.FieldError{Location: "body." + field, Message: message, Value: value})
	}
	switch {
	case !g.Category.Valid():
		refuse("category", "is not a category", g.Category)
	case g.Category == taocan.Domestic && g.Country != "":
		refuse("country", "goes with international packages only", g.Country)
	case g.Category == taocan.International && !g.Country.Valid():
		refuse("country", "is not a country code", g.Country)
	}
	switch {
	case !g.Purpose.Valid():
		refuse("purpose", "is not a purpose", g.Purpose)
	case g.Category == taocan.International && g.Purpose != taocan.General:
		refuse("purpose", "of an international package is general", g.Purpose)
	}
	if g.Quantity < 1 || g.Quantity > taocan.MaxSegments {
		refuse("quantity", fmt.Sprintf("must be from 1 to %d", taocan.MaxSegments), g.Quantity)
	}
	if g.ValidityMonths < 1 || g.ValidityMonths > maxMonths {
		refuse("validity_months", fmt.Sprintf("must be from 1 to %d", maxMonths), g.ValidityMonths)
	}
	if g.Name != "" {
		if reason := checkName(g.Name); reason != "" {
			refuse("name", reason, nil)
		}
	}
	if message := checkReason(g.Reason); message != "" {
		refuse("reason", message, nil)
	}
	if bad != nil {
		return &taocan.InvalidError{Fields: bad}
	}
	if g.Name == "" {
		country := ""
		if g.Country != "" {
			country, _ = catalog.CountryName(g.Country)
		}
		g.Name = taocan.CustomName(g.Category, g.Purpose, g.Country, country)
	}
	return nil
}

func checkReason(s string) string {
	switch {
	case strings.TrimSpace(s) == "":
		return "is missing: say why"
	case utf8.RuneCountInString(s) > maxReasonRunes || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		return fmt.Sprintf("must be at most %d printable characters", maxReasonRunes)
	}
	return ""
}

func checkKey(key string) error {
	if !taocan.ValidCallerID(key) {
		return taocan.Invalid("header.Idempotency-Key", "must be 1 to 128 visible ASCII characters", nil)
	}
	return nil
}

// Adjust adds delta, of either sign, to what remains of a package, with a reason. The same key and content
// again answers the package as it was after the first time.
func (p *Packages) Adjust(ctx context.Context, actor taocan.Actor, n taocan.PackageNumber, key string, content []byte, delta taocan.Segments, reason string) (taocan.Package, bool, error) {
	if err := actor.OperatorOnly(); err != nil {
		return taocan.Package{}, false, fmt.Errorf("adjust package: %w", err)
	}
	if err := checkAdjust(delta, reason); err != nil {
		return taocan.Package{}, false, err
	}
	return p.change(ctx, actor, n, operation{"adjust package", opAdjust, "package.adjust", key, content}, reason,
		func(tx store.Tx, x taocan.Package) error {
			if x.Remaining+delta < 0 {
				return &taocan.QuotaError{Requested: -delta, Available: x.Remaining}
			}
			if x.Remaining+delta > maxRemaining {
				return taocan.Invalid("body.delta", fmt.Sprintf("would leave more than %d", maxRemaining), delta)
			}
			return tx.AdjustPackage(ctx, x.Tenant, n, delta, reason)
		},
		func(before, after taocan.Package) (map[string]any, map[string]any) {
			return map[string]any{"remaining": before.Remaining}, map[string]any{"remaining": after.Remaining, "delta": delta}
		})
}

// operation is one of the operator's changes of a package: how errors name it, the name that its keys are kept under, its
// name in the audit log, and the caller's key with the digest of what it asked.
type operation struct {
	doing, name, action string
	key                 string
	content             []byte
}

// change carries out a change of one package, once for a key, and records who made it: write makes it, audited says what
// the audit log keeps besides the reason. The actor has been checked.
func (p *Packages) change(ctx context.Context, actor taocan.Actor, n taocan.PackageNumber, op operation, reason string,
	write func(store.Tx, taocan.Package) error, audited func(before, after taocan.Package) (map[string]any, map[string]any),
) (after taocan.Package, replayed bool, err error) {
	if err := checkKey(op.key); err != nil {
		return taocan.Package{}, false, err
	}
	found, err := p.Find(ctx, n)
	if err != nil {
		return taocan.Package{}, false, err
	}
	t := found.Tenant // never changes
	err = p.store.Update(ctx, t.Account, func(tx store.Tx) error {
		entryAt, known, err := store.Replay(ctx, tx, t, op.name, op.key, op.content)
		if err != nil {
			return err
		}
		if replayed = known; replayed {
			after, err = packageAfter(ctx, tx, t, n, entryAt)
			return err
		}
		before, err := tx.Package(ctx, t, n)
		if err != nil {
			return err
		}
		if err := write(tx, before); err != nil {
			return err
		}
		if after, err = tx.Package(ctx, t, n); err != nil {
			return err
		}
		if err := tx.InsertIdempotencyKey(ctx, store.IdempotencyKey{Tenant: t, Operation: op.name, Key: op.key, Content: op.content,
			Subject: tx.Now().Format(time.RFC3339Nano), CreatedAt: tx.Now()}); err != nil {
			return err
		}
		was, is := audited(before, after)
		is["reason"] = reason
		return store.Audit(ctx, tx, actor, op.action, string(n), was, is)
	})
	if err != nil {
		return taocan.Package{}, false, fmt.Errorf("%s %s: %w", op.doing, n, err)
	}
	return after, replayed, nil
}

// maxRemaining keeps sums over a million packages within 64 bits.
const maxRemaining = 1000 * taocan.MaxSegments

func checkAdjust(delta taocan.Segments, reason string) error {
	var bad []taocan.FieldError
	if delta == 0 || delta > taocan.MaxSegments || delta < -taocan.MaxSegments {
		bad = append(bad, taocan.FieldError{Location: "body.delta", Value: delta,
			Message: fmt.Sprintf("must be from -%d to %d and not 0", taocan.MaxSegments, taocan.MaxSegments)})
	}
	if message := checkReason(reason); message != "" {
		bad = append(bad, taocan.FieldError{Location: "body.reason", Message: message})
	}
	if bad != nil {
		return &taocan.InvalidError{Fields: bad}
	}
	return nil
}

// packageAfter is the package as it was after its entry of that time.
func packageAfter(ctx context.Context, r store.Reader, t taocan.Tenant, n taocan.PackageNumber, entryAt string) (taocan.Package, error) {
	at, err := time.Parse(time.RFC3339Nano, entryAt)
	if err != nil {
		return taocan.Package{}, fmt.Errorf("entry of package %s: %w", n, err)
	}
	page, err := r.Packages(ctx, t, store.PackageFilter{Query: string(n), Now: at, AsOf: at, Paging: store.Paging{Limit: 1}})
	if err != nil {
		return taocan.Package{}, err
	}
	if len(page.Items) != 1 {
		return taocan.Package{}, fmt.Errorf("package %s as of %s: %w", n, entryAt, taocan.ErrNotFound)
	}
	return page.Items[0], nil
}
