package access

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Config is what New needs. Random defaults to the machine's.
type Config struct {
	Store  store.Store
	Clock  clock.Clock
	Random io.Reader
	// Alone: no other process changes the store, and in this one only what New returns changes credentials. So what is remembered of
	// them is true until it is forgotten.
	Alone bool
}

// Access is safe for concurrent use.
type Access struct {
	store   store.Store
	clock   clock.Clock
	random  io.Reader
	cache   cache
	believe time.Duration // for how long an answer of the store is
	hashing chan struct{} // one place per password hash under way: each takes 19 MiB
	derive  deriver
}

// New makes the use case.
func New(cfg Config) *Access {
	a := &Access{store: cfg.Store, clock: cfg.Clock, random: cfg.Random, hashing: make(chan struct{}, hashesAtOnce), derive: argon2.IDKey}
	if a.random == nil {
		a.random = rand.Reader
	}
	a.believe = remembered
	if cfg.Alone {
		a.believe = rememberedAlone
	}
	return a
}

// update writes in one transaction and forgets what this process remembers of credentials, so that a change
// made here holds here at once.
func (a *Access) update(ctx context.Context, fn func(store.Tx) error) error {
	defer a.cache.clear()
	return a.store.Update(ctx, "", fn)
}

// read runs one lookup on a snapshot.
func read[T any](ctx context.Context, st store.Store, fn func(store.Reader) (T, error)) (T, error) {
	var got T
	err := st.Peek(ctx, func(r store.Reader) error {
		var err error
		got, err = fn(r)
		return err
	})
	return got, err
}

// fields are the figures shown in the audit log.
type fields map[string]any

// AuditEntries lists what operators did, and owners in their accounts, newest first.
func (a *Access) AuditEntries(ctx context.Context, f store.AuditFilter) (store.Page[taocan.AuditEntry], error) {
	return read(ctx, a.store, func(r store.Reader) (store.Page[taocan.AuditEntry], error) { return r.AuditEntries(ctx, f) })
}

// Record notes an operator's act that writes nothing else to the store.
func (a *Access) Record(ctx context.Context, actor taocan.Actor, action, subject string) error {
	if err := actor.OperatorOnly(); err != nil {
		return err
	}
	return a.update(ctx, func(tx store.Tx) error { return store.Audit(ctx, tx, actor, action, subject, nil, nil) })
}

// AccountRequest asks for an account. Name defaults to ID, Level to unverified.
type AccountRequest struct {
	ID    taocan.AccountID
	Name  string
	Level taocan.Level
}

// maxNameBytes bounds display names.
const maxNameBytes = 200

func validDisplayName(s string) bool {
	return len(s) <= maxNameBytes && !strings.ContainsAny(s, "\r\n\x00")
}

// CreateAccount makes an account with an empty wallet. A taken id is a conflict.
func (a *Access) CreateAccount(ctx context.Context, actor taocan.Actor, req AccountRequest) (taocan.Account, error) {
	if err := actor.OperatorOnly(); err != nil {
		return taocan.Account{}, err
	}
	acc := taocan.Account{ID: req.ID, Name: req.Name, Level: req.Level}
	if acc.Name == "" {
		acc.Name = string(req.ID)
	}
	if acc.Level == "" {
		acc.Level = taocan.Unverified
	}
	var bad checks
	bad.check(taocan.ValidName(string(acc.ID)), "body.id", "must be 1–64 lower-case letters, digits, '-' or '_'", string(acc.ID))
	bad.check(validDisplayName(acc.Name), "body.name", "must be one line of at most 200 bytes", acc.Name)
	bad.check(acc.Level.Valid(), "body.level", "must be unverified, personal or enterprise", string(acc.Level))
	if err := bad.err(); err != nil {
		return taocan.Account{}, err
	}
	err := a.update(ctx, func(tx store.Tx) error {
		acc.CreatedAt = tx.Now()
		if err := tx.InsertAccount(ctx, acc); err != nil {
			return err
		}
		return store.Audit(ctx, tx, actor, "account.create", string(acc.ID), nil, fields{"name": acc.Name, "level": acc.Level})
	})
	if err != nil {
		return taocan.Account{}, fmt.Errorf("create account %s: %w", req.ID, err)
	}
	return acc, nil
}

// changeAccount reads, changes and writes an account, and audits the figures that show picks.
func (a *Access) changeAccount(ctx context.Context, actor taocan.Actor, id taocan.AccountID, action string,
	change func(*taocan.Account), show func(taocan.Account) any) (taocan.Account, error) {
	if err := actor.OperatorOnly(); err != nil {
		return taocan.Account{}, err
	}
	var acc taocan.Account
	err := a.update(ctx, func(tx store.Tx) error {
		var err error
		if acc, err = tx.Account(ctx, id); err != nil {
			return err
		}
		before := show(acc)
		change(&acc)
		if err := tx.UpdateAccount(ctx, acc); err != nil {
			return err
		}
		return store.Audit(ctx, tx, actor, action, string(id), before, show(acc))
	})
	if err != nil {
		return taocan.Account{}, fmt.Errorf("%s %s: %w", action, id, err)
	}
	return acc, nil
}

// SetLevel changes how well the platform knows the account.
func (a *Access) SetLevel(ctx context.Context, actor taocan.Actor, id taocan.AccountID, level taocan.Level) (taocan.Account, error) {
	if !level.Valid() {
		return taocan.Account{}, taocan.Invalid("body.level", "must be unverified, personal or enterprise", string(level))
	}
	return a.changeAccount(ctx, actor, id, "account.level", func(x *taocan.Account) { x.Level = level },
		func(x taocan.Account) any { return fields{"level": x.Level} })
}

// SetSuspended locks an account out, or lets it in again: none of its tokens and members work while it is suspended.
func (a *Access) SetSuspended(ctx context.Context, actor taocan.Actor, id taocan.AccountID, suspended bool) (taocan.Account, error) {
	return a.changeAccount(ctx, actor, id, "account.suspended", func(x *taocan.Account) { x.Suspended = suspended },
		func(x taocan.Account) any { return fields{"suspended": x.Suspended} })
}

// Account by id.
func (a *Access) Account(ctx context.Context, id taocan.AccountID) (taocan.Account, error) {
	return read(ctx, a.store, func(r store.Reader) (taocan.Account, error) { return r.Account(ctx, id) })
}

// Accounts that the filter selects, by id.
func (a *Access) Accounts(ctx context.Context, f store.AccountFilter) (store.Page[taocan.Account], error) {
	for _, level := range f.Levels {
		if !level.Valid() {
			return store.Page[taocan.Account]{}, taocan.Invalid("query.level", "must be unverified, personal or enterprise", string(level))
		}
	}
	return read(ctx, a.store, func(r store.Reader) (store.Page[taocan.Account], error) { return r.Accounts(ctx, f) })
}

// ProjectRequest asks for a project of an account. Name defaults to ID.
type ProjectRequest struct {
	ID      taocan.ProjectID
	Account taocan.AccountID
	Name    string
}

// CreateProject makes a project. Its id is unique over all accounts.
func (a *Access) CreateProject(ctx context.Context, actor taocan.Actor, req ProjectRequest) (taocan.Project, error) {
	if err := actor.OperatorOnly(); err != nil {
		return taocan.Project{}, err
	}
	p := taocan.Project{ID: req.ID, Account: req.Account, Name: req.Name}
	if p.Name == "" {
		p.Name = string(req.ID)
	}
	var bad checks
	bad.check(taocan.ValidName(string(p.ID)), "body.id", "must be 1–64 lower-case letters, digits, '-' or '_'", string(p.ID))
	bad.check(validDisplayName(p.Name), "body.name", "must be one line of at most 200 bytes", p.Name)
	if err := bad.err(); err != nil {
		return taocan.Project{}, err
	}
	err := a.update(ctx, func(tx store.Tx) error {
		if _, err := tx.Account(ctx, p.Account); err != nil {
			return unknownReference(err, "body.account", string(p.Account))
		}
		p.CreatedAt = tx.Now()
		if err := tx.InsertProject(ctx, p); err != nil {
			return err
		}
		return store.Audit(ctx, tx, actor, "project.create", string(p.ID), nil, fields{"account": p.Account, "name": p.Name})
	})
	if err != nil {
		return taocan.Project{}, fmt.Errorf("create project %s: %w", req.ID, err)
	}
	return p, nil
}

// RenameProject gives a project another name; its id stays.
func (a *Access) RenameProject(ctx context.Context, actor taocan.Actor, project taocan.ProjectID, name string) (taocan.Project, error) {
	if name == "" || !validDisplayName(name) {
		return taocan.Project{}, taocan.Invalid("body.name", fmt.Sprintf("must be one line of 1 to %d bytes", maxNameBytes), name)
	}
	var p taocan.Project
	err := a.update(ctx, func(tx store.Tx) error {
		var err error
		if p, err = managedProject(ctx, tx, actor, project); err != nil {
			return err
		}
		before := fields{"name": p.Name}
		p.Name = name
		if err := tx.UpdateProject(ctx, p); err != nil {
			return err
		}
		return store.Audit(ctx, tx, actor, "project.rename", string(p.ID), before, fields{"name": p.Name})
	})
	if err != nil {
		return taocan.Project{}, fmt.Errorf("rename project %s: %w", project, err)
	}
	return p, nil
}

// unknownReference makes "not found" of something named inside a request a bad field of it.
func unknownReference(err error, location, value string) error {
	if errors.Is(err, taocan.ErrNotFound) {
		return taocan.Invalid(location, "is not known", value)
	}
	return err
}

// Project by id, whosever it is.
func (a *Access) Project(ctx context.Context, id taocan.ProjectID) (taocan.Project, error) {
	return read(ctx, a.store, func(r store.Reader) (taocan.Project, error) { return r.Project(ctx, id) })
}

// Projects of an account by id; an empty account lists all.
func (a *Access) Projects(ctx context.Context, account taocan.AccountID, p store.Paging) (store.Page[taocan.Project], error) {
	return read(ctx, a.store, func(r store.Reader) (store.Page[taocan.Project], error) { return r.Projects(ctx, account, p) })
}

// newID draws an id that says what it names: "tok_3f…".
func (a *Access) newID(prefix string) (string, error) {
	var b [12]byte
	if _, err := io.ReadFull(a.random, b[:]); err != nil {
		return "", fmt.Errorf("draw id: %w", err)
	}
	return fmt.Sprintf("%s_%x", prefix, b), nil
}

// within reports whether d is a lifetime that a token may have.
func within(d time.Duration) bool { return d >= 0 && d <= maxTokenTTL }
