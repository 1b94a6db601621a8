package topup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

const (
	// stepBatch bounds what one step reads of each kind.
	stepBatch = 50
	// lease is how long a purchase belongs to whoever has begun it. It is given up well before.
	lease  = 2 * time.Minute
	giveUp = time.Minute
	// walkEvery is how late what no debit has called is found.
	walkEvery = time.Minute
)

// Reasons of failures that are no error's code.
const (
	ReasonMonthCap  = "month_cap"
	ReasonSuspended = "account_suspended"
	ReasonSetter    = "setter_may_not_buy" // who set it has left, lost the role, or the token works no more
	ReasonLevel     = "identity_level"
	ReasonFunds     = "insufficient_funds"
	ReasonAgreement = "agreement_not_accepted"
	ReasonKeyTaken  = "idempotency_conflict" // somebody else has used the purchase's key
	ReasonClosed    = "order_closed"         // by somebody, or by time
	reasonWithdrawn = "withdrawn"            // the top-up has been switched off or removed meanwhile
	reasonNotNeeded = "not_needed"           // enough is left again
)

// backOff is how long to wait after so many failures in a row.
func backOff(failures int) time.Duration {
	steps := []time.Duration{5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 12 * time.Hour, 24 * time.Hour}
	return steps[min(max(failures, 1), len(steps))-1]
}

// Step does what is due: it takes up purchases that were left, begins others, and looks now and then at what no debit has
// called. It says how much it did; one that fails does not hold up the others.
func (t *TopUps) Step(ctx context.Context) (done int, err error) {
	now := t.Clock.Now()
	var leftOver []taocan.TopUpOrder
	var due []taocan.TopUp
	err = t.Store.Peek(ctx, func(r store.Reader) (err error) {
		if leftOver, err = r.LeftTopUpOrders(ctx, now, stepBatch); err != nil {
			return err
		}
		due, err = r.DueTopUps(ctx, now, stepBatch)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("automatic top-ups: %w", err)
	}
	var failed []error
	did := func(ok bool, subject taocan.Tenant, id taocan.TopUpID, err error) {
		if err != nil {
			failed = append(failed, fmt.Errorf("automatic top-up %s of project %s: %w", id, subject.Project, err))
		}
		if ok && err == nil {
			done++
		}
	}
	for _, o := range leftOver {
		ok, err := t.takeUp(ctx, o)
		did(ok, o.Tenant, o.TopUp, err)
	}
	for _, x := range due {
		ok, err := t.look(ctx, x)
		did(ok, x.Tenant, x.ID(), err)
	}
	called, err := t.walk(ctx)
	if err != nil {
		failed = append(failed, fmt.Errorf("look for automatic top-ups that nothing has called: %w", err))
	}
	return done + called, errors.Join(failed...)
}

// takeUp goes on with a purchase that somebody has left.
func (t *TopUps) takeUp(ctx context.Context, o taocan.TopUpOrder) (bool, error) {
	err := t.Store.Update(ctx, o.Account, func(tx store.Tx) error {
		until := tx.Now().Add(lease)
		return tx.LeaseTopUpOrder(ctx, o, until)
	})
	if errors.Is(err, taocan.ErrConflict) {
		return false, nil // somebody else was faster
	}
	if err != nil {
		return false, err
	}
	return true, t.buy(ctx, o)
}

// look judges a called top-up and buys, in one transaction up to the beginning of the purchase: two that look at once
// begin one.
func (t *TopUps) look(ctx context.Context, x taocan.TopUp) (changed bool, err error) {
	var begun *taocan.TopUpOrder
	err = t.Store.Update(ctx, x.Account, func(tx store.Tx) (err error) {
		begun, changed = nil, false
		x, err := tx.TopUp(ctx, x.Tenant, x.ID())
		if errors.Is(err, taocan.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		now := tx.Now()
		if !x.Enabled || x.CalledAt.IsZero() || x.NextAt.After(now) {
			return nil // somebody else has looked
		}
		if busy, err := buying(ctx, tx, x); err != nil || busy {
			return err
		}
		changed = true
		remaining, err := left(ctx, tx, x, now)
		if err != nil {
			return err
		}
		if remaining >= x.Level {
			x.CalledAt = time.Time{}
			return tx.SetTopUpState(ctx, x)
		}
		quote, reason, err := t.judge(ctx, tx, x, now)
		if err != nil {
			return err
		}
		if reason != "" {
			return t.fail(ctx, tx, x, reason, taocan.NoticeFacts{Remaining: remaining, Quantity: x.Quantity, Amount: amountOf(quote.Amount)})
		}
		n, err := nextNumber(ctx, tx, x)
		if err != nil {
			return err
		}
		begun = &taocan.TopUpOrder{Tenant: x.Tenant, TopUp: x.ID(), N: n, State: taocan.TopUpBuying, Lease: now.Add(lease), Quantity: x.Quantity, At: now}
		if err := tx.InsertTopUpOrder(ctx, *begun); err != nil {
			return err
		}
		x.NextAt = begun.Lease
		return tx.SetTopUpState(ctx, x)
	})
	if err != nil || begun == nil {
		return changed, err
	}
	return true, t.buy(ctx, *begun)
}

func nextNumber(ctx context.Context, r store.Reader, x taocan.TopUp) (int64, error) {
	last, err := r.LastTopUpOrder(ctx, x.Tenant, x.ID(), "")
	if errors.Is(err, taocan.ErrNotFound) {
		return 1, nil
	}
	return last.N + 1, err
}

// judge says why the top-up may not buy now; no reason: it may, at that quote.
func (t *TopUps) judge(ctx context.Context, r store.Reader, x taocan.TopUp, now time.Time) (quote taocan.Quote, reason string, err error) {
	account, reason, err := standsIn(ctx, r, x, now)
	if err != nil || reason != "" {
		return quote, reason, err
	}
	if quote, err = t.Catalog.QuoteAt(ctx, r, now, account, purchase(x)); err != nil {
		reason, err = reasonOf(err)
		return quote, reason, err
	}
	if reason, err = t.affords(ctx, r, x, quote.Amount, now); err != nil || reason != "" {
		return quote, reason, err
	}
	w, err := r.Wallet(ctx, x.Account)
	if err != nil {
		return quote, "", err
	}
	if w.Gift+w.Cash+w.Credit() < quote.Amount {
		reason = ReasonFunds // seen before an order is made that nobody could pay
	}
	return quote, reason, nil
}

// standsIn says why the top-up may not buy in the name of who set it.
func standsIn(ctx context.Context, r store.Reader, x taocan.TopUp, now time.Time) (account taocan.Account, reason string, err error) {
	by := x.By
	if by.Member == "" {
		token, err := r.TokenByID(ctx, by.Token)
		if err != nil && !errors.Is(err, taocan.ErrNotFound) {
			return account, "", err
		}
		if err != nil || token.Tenant != x.Tenant || token.StateAt(now) != taocan.TokenWorking {
			return account, ReasonSetter, nil
		}
		by.Scopes = token.Scopes
	}
	if account, err = buyer(ctx, r, by); err != nil {
		var refused *taocan.ForbiddenError
		switch {
		case !errors.As(err, &refused):
			return account, "", err
		case account.Suspended:
			return account, ReasonSuspended, nil
		}
		return account, ReasonSetter, nil
	}
	agreement, err := r.Agreement(ctx)
	if err != nil && !errors.Is(err, taocan.ErrNotFound) {
		return account, "", err
	}
	if err != nil || agreement.Version != x.AgreementVersion {
		return account, ReasonAgreement, nil
	}
	return account, "", nil
}

// affords says whether the cap of the instant's month has room for the amount.
func (t *TopUps) affords(ctx context.Context, r store.Reader, x taocan.TopUp, amount taocan.Fen, now time.Time) (reason string, err error) {
	spent, err := r.TopUpSpent(ctx, x.Tenant, x.ID(), t.month(now))
	if err != nil {
		return "", err
	}
	if amount > x.MonthCap-spent {
		return ReasonMonthCap, nil
	}
	return "", nil
}

// fail notes a failure, waits and tells: once a day for each reason, of the cap once a month.
func (t *TopUps) fail(ctx context.Context, tx store.Tx, x taocan.TopUp, reason string, facts taocan.NoticeFacts) error {
	now := tx.Now().In(t.Zone)
	x.Failures++
	x.FailedAt, x.Reason, x.NextAt = tx.Now(), reason, tx.Now().Add(backOff(x.Failures))
	period := now.Format(time.DateOnly)
	if reason == ReasonMonthCap {
		period = t.month(now)
		if begins := time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, t.Zone); begins.Before(x.NextAt) {
			x.NextAt = begins.UTC() // the new month has room
		}
	}
	if err := tx.SetTopUpState(ctx, x); err != nil {
		return err
	}
	facts.Reason = reason
	return t.notify(ctx, tx, x, taocan.NoticeTopUpFailed, fmt.Sprintf("top-up-failed/%s/%s/%s", x.ID(), reason, period), facts)
}

func amountOf(f taocan.Fen) string {
	if f == 0 {
		return ""
	}
	return f.String()
}

// walk calls top-ups that have too little left although no debit has called them: packages expire, are adjusted, frozen
// and transferred. It looks at a bounded piece each time and begins anew each minute.
func (t *TopUps) walk(ctx context.Context) (called int, err error) {
	after, due := t.place()
	if !due {
		return 0, nil
	}
	now := t.Clock.Now()
	var idle, low []taocan.TopUp
	err = t.Store.View(ctx, func(r store.Reader) (err error) {
		if idle, err = r.IdleTopUps(ctx, after, stepBatch); err != nil {
			return err
		}
		for _, x := range idle {
			remaining, err := left(ctx, r, x, now)
			if err != nil {
				return err
			}
			if remaining < x.Level {
				low = append(low, x)
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, x := range low {
		ok, err := t.call(ctx, x)
		if err != nil {
			return called, err
		}
		if ok {
			called++
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.walking = len(idle) == stepBatch; t.walking {
		t.after = idle[len(idle)-1]
	}
	return called, nil
}

// place is where the walk goes on, if it is time.
func (t *TopUps) place() (after taocan.TopUp, due bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := t.Clock.Monotonic(); !t.walking && now-t.walkedAt >= walkEvery {
		t.walking, t.walkedAt, t.after = true, now, taocan.TopUp{}
	}
	return t.after, t.walking
}

// call marks a top-up to be looked at.
func (t *TopUps) call(ctx context.Context, x taocan.TopUp) (called bool, err error) {
	err = t.Store.Update(ctx, x.Account, func(tx store.Tx) error {
		called = false
		x, err := tx.TopUp(ctx, x.Tenant, x.ID())
		if errors.Is(err, taocan.ErrNotFound) {
			return nil
		}
		if err != nil || !x.Enabled || !x.CalledAt.IsZero() {
			return err
		}
		x.CalledAt, called = tx.Now(), true
		return tx.SetTopUpState(ctx, x)
	})
	return called && err == nil, err
}
