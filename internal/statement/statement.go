package statement

import (
	"context"
	"errors"
	"fmt"
	"time"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// ErrBroken means that the ledger's figures do not add up. No statement is shown then: `taocan verify` says more.
var ErrBroken = errors.New("the statement does not add up")

// Statements is the use case. Immutable after New, safe for concurrent use.
type Statements struct {
	store store.Store
	clock clock.Clock
	zone  *time.Location
}

// New makes the use case.
func New(st store.Store, c clock.Clock, zone *time.Location) *Statements {
	return &Statements{st, c, zone}
}

// Statement is one month of a project, or of an account with all of its projects.
type Statement struct {
	Account taocan.AccountID
	Project taocan.ProjectID // empty: the whole account
	Month
	Lines     []Line // by project, category, purpose, country; kinds with nothing at all are left out
	Sum       Messages
	Purchases Purchases
	Projects  []ProjectPurchases // of an account: by project
	Wallet    *Wallet            // of an account; a project has none of its own
}

// ProjectPurchases is what one project of an account paid.
type ProjectPurchases struct {
	Project taocan.ProjectID
	Purchases
}

// Months that a project has statements of, the newest first. The first of them may not be over.
func (s *Statements) Months(ctx context.Context, t taocan.Tenant) ([]Month, error) {
	var p taocan.Project
	err := s.store.View(ctx, func(r store.Reader) (err error) {
		p, err = projectOf(ctx, r, t)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("months of project %s: %w", t.Project, err)
	}
	return s.months(p.CreatedAt, s.clock.Now()), nil
}

// AccountMonths are those of a whole account, for its owners, its finance and operators.
func (s *Statements) AccountMonths(ctx context.Context, actor taocan.Actor, id taocan.AccountID) ([]Month, error) {
	var a taocan.Account
	err := s.store.View(ctx, func(r store.Reader) (err error) {
		a, err = accountFor(ctx, r, actor, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("months of account %s: %w", id, err)
	}
	return s.months(a.CreatedAt, s.clock.Now()), nil
}

func projectOf(ctx context.Context, r store.Reader, t taocan.Tenant) (taocan.Project, error) {
	p, err := r.Project(ctx, t.Project)
	if err == nil && p.Account != t.Account {
		err = taocan.ErrNotFound
	}
	return p, err
}

// accountFor refuses whoever may not see all of an account's projects and its wallet with them: operators may, and members
// who are its owners or its finance now. To others of another account it does not exist.
func accountFor(ctx context.Context, r store.Reader, actor taocan.Actor, id taocan.AccountID) (taocan.Account, error) {
	if actor.OperatorOnly() != nil {
		if actor.Account != id {
			return taocan.Account{}, taocan.ErrNotFound
		}
		m, err := r.MemberByID(ctx, actor.Member)
		if err != nil && !errors.Is(err, taocan.ErrNotFound) {
			return taocan.Account{}, err
		}
		if err != nil || m.Account != id || m.Suspended || m.Role != taocan.Owner && m.Role != taocan.Finance {
			return taocan.Account{}, &taocan.ForbiddenError{Required: string(taocan.Finance),
				Detail: "only members with the role owner or finance who have signed in may see the whole account"}
		}
	}
	return r.Account(ctx, id)
}

// Project is a project's statement of a month, 2006-01. The running month is shown as it is so far.
func (s *Statements) Project(ctx context.Context, t taocan.Tenant, month string) (Statement, error) {
	st := Statement{Account: t.Account, Project: t.Project}
	err := s.store.View(ctx, func(r store.Reader) error {
		p, err := projectOf(ctx, r, t)
		if err != nil {
			return err
		}
		now := s.clock.Now()
		if st.Month, err = s.parseMonth(month, p.CreatedAt, now); err != nil {
			return err
		}
		wallet, err := r.WalletSpan(ctx, t.Account, st.From, st.Until)
		if err != nil {
			return err
		}
		paid, err := r.PaidSums(ctx, t.Account, st.From, st.Until)
		if err != nil {
			return err
		}
		st.Purchases, err = st.addProject(ctx, r, t, wallet, paid, now)
		return err
	})
	return st, s.finish(ctx, &st, t, err)
}

// Account is the statement of a whole account, for its owners, its finance and operators.
func (s *Statements) Account(ctx context.Context, actor taocan.Actor, id taocan.AccountID, month string) (Statement, error) {
	st := Statement{Account: id}
	err := s.store.View(ctx, func(r store.Reader) error {
		a, err := accountFor(ctx, r, actor, id)
		if err != nil {
			return err
		}
		now := s.clock.Now()
		if st.Month, err = s.parseMonth(month, a.CreatedAt, now); err != nil {
			return err
		}
		span, err := r.WalletSpan(ctx, id, st.From, st.Until)
		if err != nil {
			return err
		}
		wallet, err := walletOf(span)
		if err != nil {
			return err
		}
		st.Wallet = &wallet
		for _, m := range span.Moved {
			if m.Kind == taocan.WalletOverflow {
				st.Purchases.Overflow = plus(st.Purchases.Overflow, taken(m))
			}
		}
		paid, err := r.PaidSums(ctx, id, st.From, st.Until)
		if err != nil {
			return err
		}
		return eachProject(ctx, r, id, func(p taocan.Project) error {
			one, err := st.addProject(ctx, r, taocan.Tenant{Account: id, Project: p.ID}, span, paid, now)
			if err != nil {
				return err
			}
			if one.Orders > 0 {
				st.Projects = append(st.Projects, ProjectPurchases{p.ID, one})
			}
			st.Purchases.add(store.PaidSum{Orders: one.Orders, Messages: one.Messages, Split: one.Paid})
			return nil
		})
	})
	return st, s.finish(ctx, &st, taocan.Tenant{Account: id}, err)
}

// finish lists the orders, which are read apart from the sums, and says whose statement failed.
func (s *Statements) finish(ctx context.Context, st *Statement, t taocan.Tenant, err error) error {
	if err == nil {
		err = st.Sum.check()
	}
	if err == nil && st.Purchases.Orders > 0 {
		err = s.store.View(ctx, func(r store.Reader) (err error) {
			st.Purchases.Listed, err = r.PaidOrders(ctx, t, st.From, st.Until, maxOrders)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("statement %s of account %s, project %q: %w", st.Name, t.Account, t.Project, err)
	}
	return nil
}

// addProject adds a project's packages to the statement and returns what it paid.
func (st *Statement) addProject(ctx context.Context, r store.Reader, t taocan.Tenant, wallet store.WalletSpan, paid []store.PaidSum, now time.Time) (Purchases, error) {
	asOf := st.Until
	if now.Before(asOf) {
		asOf = now
	}
	l := lines{t.Project, map[store.PoolKey]*Line{}}
	var issued taocan.Segments
	err := r.PackageSpans(ctx, t, st.From, st.Until, func(x store.PackageSpan) error {
		m, err := messagesOf(x, st.From, asOf)
		if err != nil {
			return err
		}
		issued += m.Bought
		l.add(x, m)
		return nil
	})
	if err != nil {
		return Purchases{}, err
	}
	for _, x := range l.sorted() {
		st.Lines = append(st.Lines, x)
		st.Sum.add(x.Messages)
	}
	var p Purchases
	var sum store.PaidSum
	for _, x := range paid {
		if x.Project == t.Project {
			sum = x
		}
	}
	p.add(sum)
	return p, checkPaid(t.Project, sum, wallet, issued)
}

// eachProject calls fn for an account's projects, by id.
func eachProject(ctx context.Context, r store.Reader, a taocan.AccountID, fn func(taocan.Project) error) error {
	for p := (store.Paging{Limit: 100}); ; {
		page, err := r.Projects(ctx, a, p)
		if err != nil {
			return err
		}
		for _, x := range page.Items {
			if err := fn(x); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		p.Cursor = page.Next
	}
}
