package access

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

const (
	signInTTL = 12 * time.Hour

	// Failures of one login, or from one address, within the window before further tries are refused unheard.
	// An address may stand for a whole company behind one router.
	failureWindow         = 15 * time.Minute
	failuresOfLoginMax    = 10
	failuresOfAddressMax  = 100
	signInQueueTimeoutMax = 10 * time.Second // waiting for a place to hash in
)

// SignIn opens a short-lived token for the member, for the first of the account's projects by id.
func (a *Access) SignIn(ctx context.Context, login, password, remote string) (string, taocan.Token, error) {
	return a.SignInTo(ctx, login, password, "", remote)
}

// storable is a login as any database can be asked for it: bytes that no text has become a sign that no login has.
func storable(login string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(login, "\uFFFD"), "\x00", "\uFFFD")
}

// SignInTo opens a short-lived token for the member and one project of its account; an empty project takes the
// first by id. Unknown logins, wrong passwords and whatever is suspended answer ErrUnauthenticated alike.
func (a *Access) SignInTo(ctx context.Context, login, password string, project taocan.ProjectID, remote string) (string, taocan.Token, error) {
	login = storable(login)
	keys := failureKeys(login, remote)
	ctx, cancel := context.WithTimeout(ctx, signInQueueTimeoutMax)
	defer cancel()
	release, err := a.enterHashing(ctx)
	if err != nil {
		return "", taocan.Token{}, fmt.Errorf("sign in: %w", err)
	}
	defer release()
	// Counted with the place to hash in hand, so that a burst cannot all be heard before its failures count.
	m, err := read(ctx, a.store, func(r store.Reader) (taocan.Member, error) {
		if err := a.heard(ctx, r, keys); err != nil {
			return taocan.Member{}, err
		}
		m, err := r.Member(ctx, login)
		if errors.Is(err, taocan.ErrNotFound) {
			return taocan.Member{}, nil // goes on, so that it takes as long as a wrong password
		}
		return m, err
	})
	if err != nil {
		return "", taocan.Token{}, fmt.Errorf("sign in: %w", err)
	}
	right := a.verifyPassword(m.PasswordHash, password) && m.ID != ""

	var secret string
	var made taocan.Token
	err = a.store.Update(ctx, "", func(tx store.Tx) error {
		secret, made = "", taocan.Token{}
		welcome, now := right, m // locals: this may run twice
		if right {
			// As it stands now: the password may have been changed while it was checked.
			var err error
			if now, err = tx.MemberByID(ctx, m.ID); err != nil {
				return err
			}
			locked, err := lockedOut(ctx, tx, now)
			if err != nil {
				return err
			}
			welcome = now.PasswordHash == m.PasswordHash && !locked
		}
		if !welcome {
			return countFailure(ctx, tx, keys)
		}
		tenant, err := tenantOf(ctx, tx, now, project)
		if err != nil {
			return err
		}
		secret, made, err = a.insertSignIn(ctx, tx, now, tenant, tx.Now().Add(signInTTL))
		return err
	})
	if err != nil {
		return "", taocan.Token{}, fmt.Errorf("sign in: %w", err)
	}
	if secret == "" {
		return "", taocan.Token{}, taocan.ErrUnauthenticated
	}
	return secret, made, nil
}

// insertSignIn writes the token of a member who has shown who it is.
func (a *Access) insertSignIn(ctx context.Context, tx store.Tx, m taocan.Member, tenant taocan.Tenant,
	expires time.Time) (string, taocan.Token, error) {
	t := taocan.Token{Tenant: tenant, Name: "sign-in", Member: m.ID, Scopes: scopesOf(m.Role), ExpiresAt: expires}
	return a.insertToken(ctx, tx, t)
}

// lockedOut reports whether the member is suspended, by itself or with its account.
func lockedOut(ctx context.Context, r store.Reader, m taocan.Member) (bool, error) {
	if m.Suspended || m.Account == "" {
		return m.Suspended, nil
	}
	acc, err := r.Account(ctx, m.Account)
	return acc.Suspended, err
}

// tenantOf is the project that the member works in.
func tenantOf(ctx context.Context, r store.Reader, m taocan.Member, project taocan.ProjectID) (taocan.Tenant, error) {
	if m.Account == "" {
		if project != "" {
			return taocan.Tenant{}, taocan.Invalid("body.project", "is not known", string(project))
		}
		return taocan.Tenant{}, nil
	}
	if project == "" {
		first, err := r.Projects(ctx, m.Account, store.Paging{Limit: 1})
		if err != nil {
			return taocan.Tenant{}, err
		}
		if len(first.Items) == 0 {
			return taocan.Tenant{}, &taocan.ForbiddenError{Required: "project", Detail: "the account has no project yet"}
		}
		return taocan.Tenant{Account: m.Account, Project: first.Items[0].ID}, nil
	}
	p, err := r.Project(ctx, project)
	if err != nil {
		return taocan.Tenant{}, unknownReference(err, "body.project", string(project))
	}
	if p.Account != m.Account {
		return taocan.Tenant{}, taocan.Invalid("body.project", "is not known", string(project))
	}
	return taocan.Tenant{Account: p.Account, Project: p.ID}, nil
}

type failureKey struct {
	key string
	max int
}

// addressKey counts an address. Whoever has one of IPv6 has the 2^64 of its network (RFC 4291 §2.5.4), so these count as one.
func addressKey(remote string) failureKey {
	if a, err := netip.ParseAddr(remote); err == nil && a.Unmap().Is6() {
		remote = netip.PrefixFrom(a, 64).Masked().String()
	}
	return failureKey{"address:" + remote, failuresOfAddressMax}
}

// failureKeys are what failures are counted by. A login that no member can have is not stored.
func failureKeys(login, remote string) []failureKey {
	keys := []failureKey{addressKey(remote)}
	if taocan.ValidCallerID(login) {
		keys = append(keys, failureKey{"login:" + login, failuresOfLoginMax})
	}
	return keys
}

// heard refuses a try after too many failures.
func (a *Access) heard(ctx context.Context, r store.Reader, keys []failureKey) error {
	since := a.clock.Now().Add(-failureWindow)
	for _, k := range keys {
		n, err := r.SignInFailures(ctx, k.key, since)
		if err != nil {
			return err
		}
		if n >= k.max {
			return &taocan.RateError{RetryAfter: failureWindow}
		}
	}
	return nil
}

func countFailure(ctx context.Context, tx store.Tx, keys []failureKey) error {
	for _, k := range keys {
		if err := tx.InsertSignInFailure(ctx, k.key, tx.Now()); err != nil {
			return err
		}
	}
	return nil
}
