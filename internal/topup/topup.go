package topup

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"taocan/internal/catalog"
	"taocan/internal/clock"
	"taocan/internal/order"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Config of New. All must be set but Random.
type Config struct {
	Store   store.Store
	Clock   clock.Clock
	Zone    *time.Location // of months and days
	Catalog *catalog.Catalog
	Orders  *order.Orders
	Random  io.Reader // ids of notices; safe for concurrent use; nil: the system's
}

// TopUps are the use cases of automatic top-up. Safe for concurrent use; several processes may step over one store.
type TopUps struct {
	Config // immutable after New

	mu       sync.Mutex
	after    taocan.TopUp  // guarded by mu; how far the walk over idle top-ups has got
	walkedAt time.Duration // guarded by mu; on the monotonic clock: when the last walk began
	walking  bool          // guarded by mu
}

// New makes the use cases.
func New(c Config) *TopUps {
	if c.Random == nil {
		c.Random = rand.Reader
	}
	return &TopUps{Config: c, walkedAt: c.Clock.Monotonic() - walkEvery}
}

// Standing is a top-up with how it stands.
type Standing struct {
	taocan.TopUp
	Remaining taocan.Segments    // left of exactly the target
	Spent     taocan.Fen         // in this month
	Last      *taocan.TopUpOrder // the last purchase that was paid; nil: none
	Buying    bool               // a purchase is under way
}

// List says how a project's top-ups stand, by category, purpose and country.
func (t *TopUps) List(ctx context.Context, tenant taocan.Tenant) (list []Standing, err error) {
	now := t.Clock.Now()
	err = t.Store.View(ctx, func(r store.Reader) error {
		list, err = t.standings(ctx, r, tenant, now)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("automatic top-ups of project %s: %w", tenant.Project, err)
	}
	return list, nil
}

func (t *TopUps) standings(ctx context.Context, r store.Reader, tenant taocan.Tenant, now time.Time) ([]Standing, error) {
	all, err := r.TopUps(ctx, tenant)
	if err != nil {
		return nil, err
	}
	list := make([]Standing, len(all))
	for i, x := range all {
		if list[i], err = t.standing(ctx, r, x, now); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (t *TopUps) standing(ctx context.Context, r store.Reader, x taocan.TopUp, now time.Time) (s Standing, err error) {
	s.TopUp = x
	if s.Remaining, err = left(ctx, r, x, now); err != nil {
		return s, err
	}
	if s.Spent, err = r.TopUpSpent(ctx, x.Tenant, x.ID(), t.month(now)); err != nil {
		return s, err
	}
	switch last, err := r.LastTopUpOrder(ctx, x.Tenant, x.ID(), taocan.TopUpBought); {
	case err == nil:
		s.Last = &last
	case !errors.Is(err, taocan.ErrNotFound):
		return s, err
	}
	s.Buying, err = buying(ctx, r, x)
	return s, err
}

// History lists the purchases that a project's top-ups have begun, newest first.
func (t *TopUps) History(ctx context.Context, tenant taocan.Tenant, p store.Paging) (page store.Page[taocan.TopUpOrder], err error) {
	err = t.Store.View(ctx, func(r store.Reader) error {
		page, err = r.TopUpOrders(ctx, tenant, p)
		return err
	})
	if err != nil {
		return page, fmt.Errorf("purchases of automatic top-ups of project %s: %w", tenant.Project, err)
	}
	return page, nil
}

// Targets are the domestic purposes that can be topped up; abroad it is every country on sale.
func (t *TopUps) Targets() []taocan.Purpose { return t.Catalog.CustomPurposes(taocan.Domestic) }

// Target is the top-up that an id names, with nothing set. What it is worth is Set's matter.
func Target(id taocan.TopUpID) taocan.TopUp {
	parts := append(strings.SplitN(string(id), "-", 3), "", "")
	return taocan.TopUp{Category: taocan.Category(parts[0]), Purpose: taocan.Purpose(parts[1]), Country: taocan.Country(parts[2])}
}

// Left of exactly the target, by a balance of its category.
func Left(x taocan.TopUp, b taocan.Balance) taocan.Segments {
	if x.Category == taocan.International {
		return b.ByCountry[x.Country]
	}
	return b.ByPurpose[x.Purpose]
}

// left of exactly the target at the instant: remaining, not reserved, of active packages.
func left(ctx context.Context, r store.Reader, x taocan.TopUp, now time.Time) (taocan.Segments, error) {
	b, err := r.Balance(ctx, x.Tenant, x.Category, now, time.Time{})
	return Left(x, b), err
}

// buying reports whether a purchase of the target is under way.
func buying(ctx context.Context, r store.Reader, x taocan.TopUp) (bool, error) {
	_, err := r.LastTopUpOrder(ctx, x.Tenant, x.ID(), taocan.TopUpBuying)
	if errors.Is(err, taocan.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// month of an instant, as caps count.
func (t *TopUps) month(at time.Time) string { return at.In(t.Zone).Format("2006-01") }

func purchase(x taocan.TopUp) taocan.Purchase {
	return taocan.Purchase{Kind: taocan.Custom, Category: x.Category, Purpose: x.Purpose, Country: x.Country, Quantity: x.Quantity}
}

// notify puts a notice into the outbox; unique keeps it from being said twice.
func (t *TopUps) notify(ctx context.Context, tx store.Tx, x taocan.TopUp, event taocan.NoticeEvent, unique string, facts taocan.NoticeFacts) error {
	var id [12]byte
	if _, err := io.ReadFull(t.Random, id[:]); err != nil {
		return err
	}
	facts.Category, facts.Purpose, facts.Country, facts.Level = x.Category, x.Purpose, x.Country, x.Level
	return tx.InsertNotice(ctx, taocan.Notice{Tenant: x.Tenant, ID: taocan.NoticeID("ntc_" + hex.EncodeToString(id[:])), At: tx.Now(), Event: event,
		Facts: facts, Unique: unique})
}
