package packages

import (
	"context"
	"fmt"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// ExtendRequest is a later expiry: a date, or months.
type ExtendRequest struct {
	ExpiresOn string // the new last date on which the package works, 2006-01-02; or empty
	Months    int    // added to the present last date, clamped to the month's last day; or 0
	Reason    string
}

// Extend moves a package's expiry to a later date. What has expired works again, what is exhausted is refused. The same key
// and content again answers the package as it was after the first time.
func (p *Packages) Extend(ctx context.Context, actor taocan.Actor, n taocan.PackageNumber, key string, content []byte, r ExtendRequest) (taocan.Package, bool, error) {
	if err := actor.OperatorOnly(); err != nil {
		return taocan.Package{}, false, fmt.Errorf("extend package: %w", err)
	}
	if err := r.check(); err != nil {
		return taocan.Package{}, false, err
	}
	return p.change(ctx, actor, n, operation{"extend package", opExtend, "package.extend", key, content}, r.Reason,
		func(tx store.Tx, x taocan.Package) error {
			if x.Status(tx.Now()) == taocan.Exhausted {
				return stateOf(x, tx.Now())
			}
			expiresAt, err := r.expiry(x, p.zone, tx.Now())
			if err != nil {
				return err
			}
			return tx.ExtendPackage(ctx, x.Tenant, n, expiresAt, r.Reason)
		},
		func(before, after taocan.Package) (map[string]any, map[string]any) {
			return map[string]any{"expires_on": before.ExpiresOn(p.zone)}, map[string]any{"expires_on": after.ExpiresOn(p.zone)}
		})
}

func (r ExtendRequest) check() error {
	var bad []taocan.FieldError
	if (r.ExpiresOn == "") == (r.Months == 0) {
		bad = append(bad, taocan.FieldError{Location: "body.expires_on", Message: "either a date or months are needed, not both"})
	}
	if r.Months < 0 || r.Months > maxMonths {
		bad = append(bad, taocan.FieldError{Location: "body.months", Message: fmt.Sprintf("must be from 1 to %d", maxMonths), Value: r.Months})
	}
	if _, err := time.Parse(time.DateOnly, r.ExpiresOn); r.ExpiresOn != "" && err != nil {
		bad = append(bad, taocan.FieldError{Location: "body.expires_on", Message: "is not a date: 2006-01-02", Value: r.ExpiresOn})
	}
	if message := checkReason(r.Reason); message != "" {
		bad = append(bad, taocan.FieldError{Location: "body.reason", Message: message})
	}
	if bad != nil {
		return &taocan.InvalidError{Fields: bad}
	}
	return nil
}

// expiry that x shall have: later than the one that it has, and than now.
func (r ExtendRequest) expiry(x taocan.Package, zone *time.Location, now time.Time) (time.Time, error) {
	field, value := "body.expires_on", any(r.ExpiresOn)
	var until time.Time
	if r.Months > 0 {
		field, value = "body.months", r.Months
		until = taocan.Expiry(x.ExpiresAt.Add(-time.Microsecond), r.Months, zone)
	} else {
		last, err := time.Parse(time.DateOnly, r.ExpiresOn)
		if err != nil {
			return time.Time{}, err // has been checked
		}
		until = taocan.EndOfDate(last.Year(), last.Month(), last.Day(), zone)
	}
	switch {
	case !until.After(x.ExpiresAt):
		return time.Time{}, taocan.Invalid(field, "must be later than "+x.ExpiresOn(zone), value)
	case !until.After(now):
		return time.Time{}, taocan.Invalid(field, "would lie in the past", value)
	case !until.Before(taocan.MaxTime):
		return time.Time{}, taocan.Invalid(field, "is too far in the future", value)
	}
	return until, nil
}

// stateOf says that x cannot be changed that way in the state that it is in.
func stateOf(x taocan.Package, now time.Time) error {
	return &taocan.StateError{What: "package", State: string(x.Status(now))}
}
