package order

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"taocan/internal/catalog"
	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// DefaultCloseAfter is how long an unpaid order keeps its price.
const DefaultCloseAfter = 24 * time.Hour

// Config of New. Store, Clock, Zone and Catalog must be set.
type Config struct {
	Store      store.Store
	Clock      clock.Clock
	Zone       *time.Location // of package numbers and expiry dates
	Catalog    *catalog.Catalog
	Random     io.Reader     // ids, voucher codes, package numbers; safe for concurrent use; nil: the system's
	CloseAfter time.Duration // 0: DefaultCloseAfter
}

// Orders are the use cases of buying. Immutable after New and safe for concurrent use.
type Orders struct {
	store      store.Store
	clock      clock.Clock
	zone       *time.Location
	catalog    *catalog.Catalog
	random     io.Reader
	closeAfter time.Duration
}

// New makes the use cases.
func New(c Config) *Orders {
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.CloseAfter <= 0 {
		c.CloseAfter = DefaultCloseAfter
	}
	return &Orders{c.Store, c.Clock, c.Zone, c.Catalog, c.Random, c.CloseAfter}
}

// The operations that callers' keys are kept under, per project. Those of the operator's money writes are the
// kinds of wallet entries, per account.
const (
	opOrder   = "order"
	opPayment = "payment"
)

// Order reads one order, with its payment and packages.
func (o *Orders) Order(ctx context.Context, t taocan.Tenant, id taocan.OrderID) (ord taocan.Order, err error) {
	err = o.store.View(ctx, func(r store.Reader) error {
		ord, err = r.Order(ctx, t, id)
		return err
	})
	if err != nil {
		return taocan.Order{}, fmt.Errorf("order %.64s: %w", id, err)
	}
	return seen(ord, o.clock.Now()), nil
}

// Orders lists a project's orders, newest first; an empty state takes all.
func (o *Orders) Orders(ctx context.Context, t taocan.Tenant, state taocan.OrderState, p store.Paging) (store.Page[taocan.Order], error) {
	return o.list(ctx, state, func(r store.Reader, now time.Time) (store.Page[taocan.Order], error) {
		return r.Orders(ctx, t, state, now, p)
	})
}

// AllOrders lists the orders of all accounts, newest first, for operators. States are those of now.
func (o *Orders) AllOrders(ctx context.Context, f store.OrderFilter) (store.Page[taocan.Order], error) {
	return o.list(ctx, f.State, func(r store.Reader, now time.Time) (store.Page[taocan.Order], error) {
		f.Now = now
		return r.AllOrders(ctx, f)
	})
}

// FindOrder is an order by its id, whoever's it is, for operators.
func (o *Orders) FindOrder(ctx context.Context, id taocan.OrderID) (found taocan.Order, err error) {
	err = o.store.View(ctx, func(r store.Reader) error {
		found, err = r.OrderAnywhere(ctx, id)
		return err
	})
	if err != nil {
		return taocan.Order{}, fmt.Errorf("order %.64s: %w", id, err)
	}
	return seen(found, o.clock.Now()), nil
}

func (o *Orders) list(ctx context.Context, state taocan.OrderState, read func(store.Reader, time.Time) (store.Page[taocan.Order], error)) (page store.Page[taocan.Order], err error) {
	if state != "" && !state.Valid() {
		return page, taocan.Invalid("query.state", "must be pending, paid, cancelled or closed", string(state))
	}
	now := o.clock.Now()
	err = o.store.View(ctx, func(r store.Reader) error {
		page, err = read(r, now)
		return err
	})
	if err != nil {
		return store.Page[taocan.Order]{}, fmt.Errorf("orders: %w", err)
	}
	for i := range page.Items {
		page.Items[i] = seen(page.Items[i], now)
	}
	return page, nil
}

// seen is the order as it is at an instant: past its close it is closed, whether the sweeper has been there or not.
func seen(ord taocan.Order, now time.Time) taocan.Order {
	if state := ord.StateAt(now); state != ord.State {
		ord.State, ord.SettledAt = state, ord.ClosesAt
	}
	return ord
}

// buyer is the account that the actor buys for, if the actor may buy at all as the store knows it now.
// A plain token's scope has been checked at the door.
func buyer(ctx context.Context, r store.Reader, actor taocan.Actor) (taocan.Account, error) {
	account, err := r.Account(ctx, actor.Account)
	if err != nil {
		return taocan.Account{}, err
	}
	if account.Suspended {
		return taocan.Account{}, &taocan.ForbiddenError{Detail: "the account is suspended"}
	}
	if actor.Member == "" {
		return account, nil
	}
	member, err := r.MemberByID(ctx, actor.Member)
	if err != nil && !errors.Is(err, taocan.ErrNotFound) {
		return taocan.Account{}, err
	}
	if err != nil || member.Account != actor.Account || member.Suspended || member.Role != taocan.Owner && member.Role != taocan.Finance {
		return taocan.Account{}, &taocan.ForbiddenError{Required: string(taocan.Finance), Detail: "only members with the role owner or finance may buy"}
	}
	return account, nil
}

func checkKey(key string) error {
	if !taocan.ValidCallerID(key) {
		return taocan.Invalid("header.Idempotency-Key", "must be 1 to 128 visible ASCII characters", key)
	}
	return nil
}
