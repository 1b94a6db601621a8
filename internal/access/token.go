package access

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

const (
	secretPrefix = "tc_"
	secretBytes  = 32
	maxTokenTTL  = 10 * 366 * 24 * time.Hour

	// remembered is how long an answer of the store is believed: what an operator revokes or suspends holds
	// everywhere within this time.
	remembered = time.Second
	// rememberedAlone is that of a process that makes all changes itself, and forgets all at each.
	rememberedAlone = time.Minute
	// patience is how long a look-up may take: where the store stalls, callers are told soon, and few of them wait.
	patience = 5 * time.Second
	// cacheSize bounds what is remembered; past it everything is forgotten and asked again.
	cacheSize = 10_000
)

var secretLength = len(secretPrefix) + base64.RawURLEncoding.EncodedLen(secretBytes)

// TokenRequest asks for a token: of a project, or with an empty tenant an operator's. The account may be left
// out: it follows from the project. TTL 0 means that it never expires.
type TokenRequest struct {
	taocan.Tenant
	Name   string
	Scopes []taocan.Scope
	TTL    time.Duration
	// Key makes one token of a project's request, however often it is sent; empty: each makes another.
	Key string
}

// opToken is what callers' keys of tokens are kept under, per project.
const opToken = "token"

// content is what a request with the same key must say again.
func (q TokenRequest) content() []byte {
	hash := sha256.Sum256(fmt.Appendf(nil, "%q %q %d", q.Name, q.Scopes, q.TTL))
	return hash[:]
}

// CreateToken makes a token: an operator any, an owner those of the projects of its account. The secret is shown
// this once: sent again with its key, the request answers the token without it.
func (a *Access) CreateToken(ctx context.Context, actor taocan.Actor, req TokenRequest) (string, taocan.Token, error) {
	notOperator := actor.OperatorOnly()
	if notOperator != nil && (req.Project == "" || slices.Contains(req.Scopes, taocan.ScopeOperator)) {
		return "", taocan.Token{}, notOperator
	}
	var bad checks
	bad.check(validDisplayName(req.Name), "body.name", "must be one line of at most 200 bytes", req.Name)
	bad.check(within(req.TTL), "body.ttl_seconds", "must be from 0 (never expires) to ten years", int64(req.TTL/time.Second))
	bad.check(req.Key == "" || taocan.ValidCallerID(req.Key), "header.Idempotency-Key", "must be 1 to 128 visible ASCII characters", req.Key)
	bad.check(len(req.Scopes) > 0, "body.scopes", "must name at least one scope", nil)
	for i, s := range req.Scopes {
		at := fmt.Sprintf("body.scopes[%d]", i)
		switch {
		case !s.Valid():
			bad.check(false, at, "must be read, buy, debit, manage or operator", string(s))
		case slices.Contains(req.Scopes[:i], s):
			bad.check(false, at, "is given twice", string(s))
		case (s == taocan.ScopeOperator) != (req.Project == ""):
			bad.check(false, at, "operator goes with no project, every other scope with one", string(s))
		}
	}
	if err := bad.err(); err != nil {
		return "", taocan.Token{}, err
	}
	var secret string
	var made taocan.Token
	err := a.update(ctx, func(tx store.Tx) error {
		tenant := taocan.Tenant{}
		if req.Project != "" {
			p, err := managedProject(ctx, tx, actor, req.Project)
			if err != nil && notOperator == nil {
				err = unknownReference(err, "body.project", string(req.Project))
			}
			if err != nil {
				return err
			}
			if req.Account != "" && req.Account != p.Account {
				return taocan.Invalid("body.project", "is not known", string(req.Project))
			}
			tenant = taocan.Tenant{Account: p.Account, Project: p.ID}
		}
		secret = "" // this may run twice
		if req.Key != "" && req.Project != "" {
			id, known, err := store.Replay(ctx, tx, tenant, opToken, req.Key, req.content())
			if err != nil {
				return err
			}
			if known {
				made, err = tx.TokenByID(ctx, taocan.TokenID(id))
				return err
			}
		}
		t := taocan.Token{Tenant: tenant, Name: req.Name, Scopes: req.Scopes}
		if req.TTL > 0 {
			t.ExpiresAt = tx.Now().Add(req.TTL)
		}
		var err error
		if secret, made, err = a.insertToken(ctx, tx, t); err != nil {
			return err
		}
		if req.Key != "" && req.Project != "" {
			if err := tx.InsertIdempotencyKey(ctx, store.IdempotencyKey{Tenant: tenant, Operation: opToken, Key: req.Key,
				Content: req.content(), Subject: string(made.ID), CreatedAt: tx.Now()}); err != nil {
				return err
			}
		}
		after := fields{"account": made.Account, "project": made.Project, "name": made.Name, "scopes": made.Scopes}
		if !made.ExpiresAt.IsZero() {
			after["expires_at"] = made.ExpiresAt
		}
		return store.Audit(ctx, tx, actor, "token.create", string(made.ID), nil, after)
	})
	if err != nil {
		return "", taocan.Token{}, fmt.Errorf("create token: %w", err)
	}
	return secret, made, nil
}

// draw makes a secret that starts with prefix, and the hash that is kept of it.
func (a *Access) draw(prefix string) (secret string, hash []byte, err error) {
	var raw [secretBytes]byte
	if _, err := io.ReadFull(a.random, raw[:]); err != nil {
		return "", nil, fmt.Errorf("draw secret: %w", err)
	}
	secret = prefix + base64.RawURLEncoding.EncodeToString(raw[:])
	return secret, hashOf(secret), nil
}

func hashOf(secret string) []byte {
	hash := sha256.Sum256([]byte(secret))
	return hash[:]
}

// insertToken draws id and secret of t and writes it.
func (a *Access) insertToken(ctx context.Context, tx store.Tx, t taocan.Token) (string, taocan.Token, error) {
	secret, hash, err := a.draw(secretPrefix)
	if err != nil {
		return "", t, err
	}
	id, err := a.newID("tok")
	if err != nil {
		return "", t, err
	}
	t.ID, t.Hash, t.CreatedAt = taocan.TokenID(id), hash, tx.Now()
	return secret, t, tx.InsertToken(ctx, t)
}

// RevokeToken ends a token: an operator any, an owner those of its account. Revoking it again changes nothing.
func (a *Access) RevokeToken(ctx context.Context, actor taocan.Actor, id taocan.TokenID) (taocan.Token, error) {
	var t taocan.Token
	err := a.update(ctx, func(tx store.Tx) error {
		var err error
		if t, err = managed(ctx, tx, actor, accountOfToken, func() (taocan.Token, error) { return tx.TokenByID(ctx, id) }); err != nil {
			return err
		}
		if !t.RevokedAt.IsZero() {
			return nil
		}
		t.RevokedAt = tx.Now()
		if err := tx.RevokeToken(ctx, id, t.RevokedAt); err != nil {
			return err
		}
		return store.Audit(ctx, tx, actor, "token.revoke", string(id), nil, fields{"revoked_at": t.RevokedAt})
	})
	if err != nil {
		return taocan.Token{}, fmt.Errorf("revoke token %s: %w", id, err)
	}
	return t, nil
}

// SignOut ends the token that a sign-in made for the actor.
func (a *Access) SignOut(ctx context.Context, actor taocan.Actor) error {
	if actor.Member == "" {
		return &taocan.ForbiddenError{Required: "sign-in",
			Detail: "only a sign-in can be ended this way; other tokens are revoked by an operator or the account's owner"}
	}
	err := a.update(ctx, func(tx store.Tx) error { return tx.RevokeToken(ctx, actor.Token, tx.Now()) })
	if err != nil {
		return fmt.Errorf("sign out %s: %w", actor.Token, err)
	}
	return nil
}

// TokensOf lists the API tokens of the actor's project, or for an operator those of operators, newest first. What
// sign-ins made is left out.
func (a *Access) TokensOf(ctx context.Context, actor taocan.Actor, p store.Paging) (store.Page[taocan.Token], error) {
	return read(ctx, a.store, func(r store.Reader) (store.Page[taocan.Token], error) {
		if err := manager(ctx, r, actor, actor.Account); err != nil {
			return store.Page[taocan.Token]{}, err
		}
		return r.APITokens(ctx, actor.Tenant, p)
	})
}

// Tokens of a project, newest first; an empty tenant lists all.
func (a *Access) Tokens(ctx context.Context, t taocan.Tenant, p store.Paging) (store.Page[taocan.Token], error) {
	return read(ctx, a.store, func(r store.Reader) (store.Page[taocan.Token], error) { return r.Tokens(ctx, t, p) })
}

// Authenticate says who holds the secret. Any credential that does not work, for whatever reason, is
// ErrUnauthenticated: strangers learn no more.
func (a *Access) Authenticate(ctx context.Context, bearer, remote string) (taocan.Actor, error) {
	if len(bearer) != secretLength || !strings.HasPrefix(bearer, secretPrefix) {
		return taocan.Actor{}, taocan.ErrUnauthenticated
	}
	hash := sha256.Sum256([]byte(bearer))
	known, ok := a.cache.get(hash, a.clock.Monotonic())
	if !ok {
		// Read before the store is asked, so that the answer is never believed too long.
		since, generation := a.clock.Monotonic(), a.cache.mark()
		var err error
		known, err = a.look(ctx, hash[:])
		if errors.Is(err, taocan.ErrNotFound) {
			return taocan.Actor{}, taocan.ErrUnauthenticated
		}
		if err != nil {
			return taocan.Actor{}, fmt.Errorf("authenticate: %w", err)
		}
		known.until = since + a.believe
		a.cache.put(hash, known, generation)
	}
	if !known.works || !known.expires.IsZero() && !a.clock.Now().Before(known.expires) {
		return taocan.Actor{}, taocan.ErrUnauthenticated
	}
	actor := known.actor
	actor.Address = remote
	return actor, nil
}

// look asks the store about a token and all that it hangs on.
func (a *Access) look(ctx context.Context, hash []byte) (credential, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return read(ctx, a.store, func(r store.Reader) (credential, error) {
		t, err := r.Token(ctx, hash)
		if err != nil {
			return credential{}, err
		}
		m, works, err := holds(ctx, r, t)
		if err != nil {
			return credential{}, err
		}
		c := credential{works: works, expires: t.ExpiresAt,
			actor: taocan.Actor{Tenant: t.Tenant, Token: t.ID, Member: t.Member, Scopes: t.Scopes}}
		if t.Member != "" {
			// What the member may do now counts, not what it could when it signed in.
			c.actor.Role, c.actor.Scopes = m.Role, scopesOf(m.Role)
		}
		return c, nil
	})
}

// holds reports whether nothing that a token hangs on is revoked or suspended, and the member whose sign-in made it.
func holds(ctx context.Context, r store.Reader, t taocan.Token) (m taocan.Member, works bool, err error) {
	works = t.RevokedAt.IsZero()
	if t.Account != "" {
		acc, err := r.Account(ctx, t.Account)
		if err != nil {
			return m, false, err
		}
		works = works && !acc.Suspended
	}
	if t.Member != "" {
		if m, err = r.MemberByID(ctx, t.Member); err != nil {
			return m, false, err
		}
		works = works && !m.Suspended && m.Account == t.Account
	}
	return m, works, nil
}

// credential is what is remembered of a token. Immutable once cached.
type credential struct {
	actor   taocan.Actor
	works   bool          // neither revoked nor suspended
	expires time.Time     // zero: never
	until   time.Duration // of the monotonic clock: not believed from here on
}

// cache remembers credentials by the hash of their secret.
type cache struct {
	mu         sync.RWMutex
	byHash     map[[sha256.Size]byte]credential // guarded by mu
	generation int                              // guarded by mu; counts clears
}

func (c *cache) get(hash [sha256.Size]byte, now time.Duration) (credential, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	got, ok := c.byHash[hash]
	return got, ok && now < got.until
}

func (c *cache) mark() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.generation
}

// put remembers what was read since the mark, unless something was changed meanwhile.
func (c *cache) put(hash [sha256.Size]byte, x credential, generation int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation != generation {
		return
	}
	if c.byHash == nil || len(c.byHash) >= cacheSize {
		c.byHash = map[[sha256.Size]byte]credential{}
	}
	c.byHash[hash] = x
}

func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byHash = nil
	c.generation++
}
