package access

import (
	"context"
	"errors"
	"fmt"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

const signInCodeTTL = 10 * time.Minute

// SignInCode makes a code that signs the member in once, without its password. The platform makes it, for somebody who
// has been let in already: whoever runs a demonstration opens the console with it.
func (a *Access) SignInCode(ctx context.Context, login string) (string, error) {
	var code string
	err := a.store.Update(ctx, "", func(tx store.Tx) error {
		m, err := tx.Member(ctx, login)
		if err != nil {
			return err
		}
		// A code that nobody could use is not made: what is wrong is said here, and no more to who brings the code.
		locked, err := lockedOut(ctx, tx, m)
		if err != nil {
			return err
		}
		if locked {
			return &taocan.ForbiddenError{Detail: "the member or its account is suspended"}
		}
		if _, err := tenantOf(ctx, tx, m, ""); err != nil {
			return err
		}
		var hash []byte
		if code, hash, err = a.draw(""); err != nil {
			return err
		}
		if err := tx.InsertSignInCode(ctx, taocan.SignInCode{Hash: hash, Member: m.ID, ExpiresAt: tx.Now().Add(signInCodeTTL)}); err != nil {
			return err
		}
		return store.Audit(ctx, tx, taocan.System(), "member.sign_in_code", login, nil, nil)
	})
	if err != nil {
		return "", fmt.Errorf("sign-in code for %s: %w", login, err)
	}
	return code, nil
}

// SignInByCode opens what SignIn opens, for a code instead of a password. The code works once, until it expires. Codes
// that do not work, for whatever reason, answer ErrUnauthenticated alike, and count against the address.
func (a *Access) SignInByCode(ctx context.Context, code, remote string) (string, taocan.Token, error) {
	keys := []failureKey{addressKey(remote)}
	// Asked on a snapshot first: who is not heard must not take the store's one writer either.
	if err := a.store.Peek(ctx, func(r store.Reader) error { return a.heard(ctx, r, keys) }); err != nil {
		return "", taocan.Token{}, fmt.Errorf("sign in by code: %w", err)
	}
	hash := hashOf(code)
	var secret string
	var made taocan.Token
	err := a.store.Update(ctx, "", func(tx store.Tx) error {
		secret, made = "", taocan.Token{}
		if err := a.heard(ctx, tx, keys); err != nil {
			return err
		}
		m, tenant, err := spendCode(ctx, tx, hash)
		if errors.Is(err, taocan.ErrUnauthenticated) {
			return countFailure(ctx, tx, keys)
		}
		if err != nil {
			return err
		}
		secret, made, err = a.insertSignIn(ctx, tx, m, tenant, tx.Now().Add(signInTTL))
		return err
	})
	if err != nil {
		return "", taocan.Token{}, fmt.Errorf("sign in by code: %w", err)
	}
	if secret == "" {
		return "", taocan.Token{}, taocan.ErrUnauthenticated
	}
	return secret, made, nil
}

// spendCode takes a code and says whom it lets in, and where. It is spent even where it lets nobody in.
func spendCode(ctx context.Context, tx store.Tx, hash []byte) (m taocan.Member, tenant taocan.Tenant, err error) {
	c, err := tx.TakeSignInCode(ctx, hash)
	if errors.Is(err, taocan.ErrNotFound) || err == nil && !tx.Now().Before(c.ExpiresAt) {
		return m, tenant, taocan.ErrUnauthenticated
	}
	if err != nil {
		return m, tenant, err
	}
	if m, err = tx.MemberByID(ctx, c.Member); err != nil {
		return m, tenant, err
	}
	locked, err := lockedOut(ctx, tx, m)
	if err != nil {
		return m, tenant, err
	}
	if locked {
		return m, tenant, taocan.ErrUnauthenticated
	}
	tenant, err = tenantOf(ctx, tx, m, "")
	if errors.Is(err, taocan.ErrForbidden) { // it has no project, as SignInCode says
		err = taocan.ErrUnauthenticated
	}
	return m, tenant, err
}
