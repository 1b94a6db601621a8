package packages

import (
	"context"
	"errors"
	"fmt"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// TransferRequest moves messages to another project of the same account.
type TransferRequest struct {
	To       taocan.ProjectID
	Quantity taocan.Segments // 0: all that remains
	Reason   string          // for the audit log; an operator needs one
}

// Transfer is what one did: the package that lost, and the one that was made of it.
type Transfer struct {
	From, To taocan.Package
	Quantity taocan.Segments
}

// Transfer takes messages out of a package of t and makes a package of them in another project of the account, with the same
// name, kind, expiry and place in the order of use, and a number of its own. What was paid stays with the first package.
// Owners of the account may, operators, and tokens of the project with the scope manage. The same key and content again
// answers both packages as they were after the first time.
func (p *Packages) Transfer(ctx context.Context, actor taocan.Actor, t taocan.Tenant, n taocan.PackageNumber, key string, content []byte, r TransferRequest) (Transfer, bool, error) {
	operator := actor.OperatorOnly() == nil
	if !operator && !actor.Can(taocan.ScopeManage) {
		return Transfer{}, false, &taocan.ForbiddenError{Required: string(taocan.ScopeManage), Detail: "a transfer takes the scope manage"}
	}
	if err := r.check(operator); err != nil {
		return Transfer{}, false, err
	}
	if err := checkKey(key); err != nil {
		return Transfer{}, false, err
	}
	var done Transfer
	var replayed bool
	err := p.store.Update(ctx, t.Account, func(tx store.Tx) error {
		if !operator {
			if err := mayTransfer(ctx, tx, actor, t); err != nil {
				return err
			}
		}
		to := taocan.Tenant{Account: t.Account, Project: r.To}
		if err := projectOf(ctx, tx, to); err != nil {
			return err
		}
		made, known, err := store.Replay(ctx, tx, t, opTransfer, key, content)
		if err != nil {
			return err
		}
		if replayed = known; replayed {
			done, err = transferred(ctx, tx, t, n, to, taocan.PackageNumber(made))
			return err
		}
		if done, err = p.transfer(ctx, tx, t, n, to, r.Quantity); err != nil {
			return err
		}
		if err := tx.InsertIdempotencyKey(ctx, store.IdempotencyKey{Tenant: t, Operation: opTransfer, Key: key, Content: content,
			Subject: string(done.To.Number), CreatedAt: tx.Now()}); err != nil {
			return err
		}
		return store.Audit(ctx, tx, actor, "package.transfer", string(n), map[string]any{"remaining": done.From.Remaining + done.Quantity},
			map[string]any{"remaining": done.From.Remaining, "quantity": done.Quantity, "project": to.Project, "package": done.To.Number, "reason": r.Reason})
	})
	if err != nil {
		return Transfer{}, false, fmt.Errorf("transfer from package %.40q: %w", n, err)
	}
	return done, replayed, nil
}

func (r TransferRequest) check(operator bool) error {
	var bad []taocan.FieldError
	if r.To == "" {
		bad = append(bad, taocan.FieldError{Location: "body.project", Message: "is missing"})
	}
	if r.Quantity < 0 || r.Quantity > maxRemaining {
		bad = append(bad, taocan.FieldError{Location: "body.quantity", Message: "must be at least 1", Value: r.Quantity})
	}
	if message := checkReason(r.Reason); message != "" && (operator || r.Reason != "") {
		bad = append(bad, taocan.FieldError{Location: "body.reason", Message: message})
	}
	if bad != nil {
		return &taocan.InvalidError{Fields: bad}
	}
	return nil
}

// mayTransfer refuses whoever may not give away what the project holds, as the store knows them now.
func mayTransfer(ctx context.Context, r store.Reader, actor taocan.Actor, t taocan.Tenant) error {
	if actor.Tenant != t {
		return taocan.ErrNotFound
	}
	account, err := r.Account(ctx, t.Account)
	if err != nil {
		return err
	}
	if account.Suspended {
		return &taocan.ForbiddenError{Detail: "the account is suspended"}
	}
	if actor.Member == "" {
		return nil
	}
	m, err := r.MemberByID(ctx, actor.Member)
	switch {
	case err != nil:
		return err
	case m.Suspended:
		return &taocan.ForbiddenError{Detail: "this login is suspended"}
	case m.Role != taocan.Owner || m.Account != t.Account:
		return &taocan.ForbiddenError{Required: string(taocan.Owner), Detail: "a transfer takes the role owner"}
	}
	return nil
}

// transfer moves quantity of package n, 0: all that remains.
func (p *Packages) transfer(ctx context.Context, tx store.Tx, t taocan.Tenant, n taocan.PackageNumber, to taocan.Tenant, quantity taocan.Segments) (Transfer, error) {
	from, err := tx.Package(ctx, t, n)
	if err != nil {
		return Transfer{}, err
	}
	if to == t {
		return Transfer{}, taocan.Invalid("body.project", "is the project that has the package", to.Project)
	}
	now := tx.Now()
	if from.Status(now) != taocan.Active {
		return Transfer{}, stateOf(from, now)
	}
	if quantity == 0 {
		quantity = from.Remaining
	}
	if quantity > from.Remaining || quantity == 0 { // all may be reserved
		return Transfer{}, &taocan.QuotaError{Requested: max(quantity, 1), Available: from.Remaining}
	}
	made := taocan.Package{Tenant: to, Name: from.Name, Category: from.Category, Purpose: from.Purpose, Country: from.Country, ChargeOn: from.ChargeOn,
		Total: quantity, Remaining: quantity, PurchasedAt: from.PurchasedAt, ExistsFrom: now, ExpiresAt: from.ExpiresAt}
	if made.Number, err = store.FreeNumber(ctx, tx, made.Category, made.Purpose, now, p.zone, p.random); err != nil {
		return Transfer{}, err
	}
	err = tx.TransferPackage(ctx, t, n, made)
	if errors.Is(err, taocan.ErrConflict) { // another process took the number since we looked: not the caller's conflict
		err = fmt.Errorf("package number %s: %w", made.Number, taocan.ErrUnavailable)
	}
	if err != nil {
		return Transfer{}, err
	}
	from.Remaining -= quantity
	from.Adjusted -= quantity
	return Transfer{from, made, quantity}, nil
}

// transferred is what a transfer did, as both packages were after it.
func transferred(ctx context.Context, r store.Reader, t taocan.Tenant, n taocan.PackageNumber, to taocan.Tenant, made taocan.PackageNumber) (Transfer, error) {
	opening, err := r.OpeningEntry(ctx, to, made)
	if err != nil {
		return Transfer{}, err
	}
	at := opening.At.Format(time.RFC3339Nano)
	from, err := packageAfter(ctx, r, t, n, at)
	if err != nil {
		return Transfer{}, err
	}
	x, err := packageAfter(ctx, r, to, made, at)
	return Transfer{from, x, opening.Remaining}, err
}
