package alert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"taocan/internal/clock"
	"taocan/internal/packages"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

const (
	// lookEvery is how late a change that no debit made may be told.
	lookEvery = time.Second
	// failedPause is how long the store is left alone when a look has failed.
	failedPause = 5 * time.Second
	// piece is how many projects one step looks at.
	piece = 100
	// ahead is how far commits may run ahead of the clock, as each of a lane is later than the one before.
	ahead = time.Millisecond
)

// Forecaster says what becomes of a project's packages; *packages.Packages does.
type Forecaster interface {
	Forecast(ctx context.Context, t taocan.Tenant) ([]packages.Forecast, error)
}

// WorkerConfig of NewWorker. All must be set but Log; without one the worker is silent.
type WorkerConfig struct {
	Store     store.Store
	Clock     clock.Clock
	Zone      *time.Location // of natural days and months
	Forecasts Forecaster
	Random    io.Reader // for ids of notices
	Log       *slog.Logger
}

// Worker looks at rules when something changes that no debit has made: packages bought, granted, adjusted, expired; a day
// that begins; a reminder that is due; new rules. Several may work on one store.
type Worker struct {
	cfg    WorkerConfig // immutable after NewWorker
	cancel context.CancelFunc
	gone   chan struct{} // closed when run has returned; nil until Start

	failing bool // owned by run: the last step has failed, and the log knows
}

// NewWorker makes a worker. Nothing is looked at before Start or Step.
func NewWorker(cfg WorkerConfig) *Worker {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Worker{cfg: cfg}
}

// Start lets the worker look, until Stop.
func (w *Worker) Start(ctx context.Context) {
	ctx, w.cancel = context.WithCancel(context.WithoutCancel(ctx))
	w.gone = make(chan struct{})
	go func() {
		defer close(w.gone)
		w.run(ctx)
	}()
}

// Stop returns when nothing is looked at any more, or ctx ends.
func (w *Worker) Stop(ctx context.Context) error {
	if w.gone == nil { // it was not started
		return nil
	}
	w.cancel()
	select {
	case <-w.gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop the alert worker: %w", ctx.Err())
	}
}

func (w *Worker) run(ctx context.Context) {
	for {
		n, err := w.Step(ctx)
		pause := lookEvery
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			pause = failedPause
			if !w.failing {
				w.cfg.Log.WarnContext(ctx, "alert rules wait, will try again", "error", err)
			}
		case w.failing:
			w.cfg.Log.InfoContext(ctx, "alert rules go on")
		}
		if w.failing = err != nil; !w.failing && n >= piece {
			continue // there may be more
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// Step looks at the projects that are due, at most a piece of them, and says at how many. What has failed stays due; the
// others go on.
func (w *Worker) Step(ctx context.Context) (int, error) {
	// By a clock that nobody trusts every package may have expired, and a full disk takes no notices.
	if err := w.cfg.Store.CheckWrites(); err != nil {
		return 0, err
	}
	var due []store.AlertDue
	err := w.cfg.Store.Peek(ctx, func(r store.Reader) (err error) {
		due, err = r.AlertsDue(ctx, w.cfg.Clock.Now().Add(ahead), piece)
		return err
	})
	if err != nil {
		return 0, err
	}
	n := 0
	var failed []error
	for _, d := range due {
		if ctx.Err() != nil {
			return n, errors.Join(append(failed, ctx.Err())...)
		}
		looked, err := w.look(ctx, d.Tenant)
		if err != nil {
			failed = append(failed, fmt.Errorf("alert rules of project %s: %w", d.Project, err))
		}
		if looked {
			n++
		}
	}
	return n, errors.Join(failed...)
}

// prepared is what rules need that is too much to read while nobody else can write. It is of the day, and what has changed
// since is seen on the next: only the average of past days must be exact, and these no longer change.
type prepared struct {
	day       time.Time // midnight
	week      []store.UsageRow
	forecasts []packages.Forecast
	active    []taocan.Package
	has       struct{ week, forecasts bool }
}

// covers reports whether everything is there that a rule needs.
func (p *prepared) covers(r taocan.AlertRule) bool {
	return (p.has.week || !needsWeek(r)) && (p.has.forecasts || r.Kind != taocan.AlertForecast)
}

func needsWeek(r taocan.AlertRule) bool {
	return r.Kind == taocan.AlertRemaining && r.Unit == taocan.InDays
}

func (w *Worker) prepare(ctx context.Context, t taocan.Tenant) (*prepared, error) {
	now := w.cfg.Clock.Now()
	p := &prepared{day: midnight(now, w.cfg.Zone, 0)}
	err := w.cfg.Store.View(ctx, func(r store.Reader) error {
		rules, err := r.AlertRules(ctx, t)
		if err != nil {
			return err
		}
		rules = slices.DeleteFunc(rules, func(r taocan.AlertRule) bool { return !r.Enabled })
		if slices.ContainsFunc(rules, needsWeek) {
			f := figures{r: r, tenant: t, now: now, zone: w.cfg.Zone}
			if err := f.readWeek(ctx); err != nil {
				return err
			}
			p.week, p.has.week = f.week, true
		}
		if slices.ContainsFunc(rules, func(r taocan.AlertRule) bool { return r.Kind == taocan.AlertForecast }) {
			p.has.forecasts = true
			return eachActive(ctx, r, t, now, func(x taocan.Package) bool {
				p.active = append(p.active, x)
				return true
			})
		}
		return nil
	})
	if err == nil && p.has.forecasts {
		p.forecasts, err = w.cfg.Forecasts.Forecast(ctx, t)
	}
	return p, err
}

// look judges all rules of a project in one transaction, and notes when they must be looked at again. It does not where
// they are not due, or not any more.
func (w *Worker) look(ctx context.Context, t taocan.Tenant) (looked bool, err error) {
	p, err := w.prepare(ctx, t)
	if err != nil {
		return false, err
	}
	var mark [4]byte // sets ids apart from those of other looks at the same instant
	if _, err := io.ReadFull(w.cfg.Random, mark[:]); err != nil {
		return false, fmt.Errorf("make the id of a notice: %w", err)
	}
	err = w.cfg.Store.Update(ctx, t.Account, func(tx store.Tx) error {
		looked = false
		due, err := tx.AlertDue(ctx, t)
		if errors.Is(err, taocan.ErrNotFound) || err == nil && due.At.After(tx.Now()) {
			return nil // it is too early, or somebody else has looked
		}
		if err != nil {
			return err
		}
		x := &look{figures: figures{r: tx, tenant: t, now: tx.Now(), zone: w.cfg.Zone, week: p.week}, tx: tx, prepared: p,
			bought: due.Bought, mark: fmt.Sprintf("%x", mark)}
		x.read.week = p.has.week
		looked, err = x.all(ctx)
		return err
	})
	return looked && err == nil, err
}

// look is one at a project, in its transaction.
type look struct {
	figures
	tx       store.Tx
	prepared *prepared
	bought   bool
	mark     string
	notices  int
	next     time.Time // the earliest reminder
}

// all judges all rules; not where what was prepared does not do for them, so that they stay due.
func (x *look) all(ctx context.Context) (done bool, err error) {
	rules, err := x.tx.AlertRules(ctx, x.tenant)
	if err != nil {
		return false, err
	}
	states, err := statesOf(ctx, x.tx, x.tenant)
	if err != nil {
		return false, err
	}
	rules = slices.DeleteFunc(rules, func(r taocan.AlertRule) bool { return !r.Enabled })
	if len(rules) == 0 {
		return true, x.tx.SettleAlerts(ctx, x.tenant, time.Time{})
	}
	unprepared := slices.ContainsFunc(rules, func(r taocan.AlertRule) bool { return !x.prepared.covers(r) })
	if unprepared || !x.prepared.day.Equal(midnight(x.now, x.zone, 0)) {
		return false, nil // the day has turned, or rules were set meanwhile
	}
	x.next = midnight(x.now, x.zone, 1)
	for _, r := range rules {
		before := states[r.ID()]
		after, err := x.judge(ctx, r, before)
		if err != nil {
			return false, fmt.Errorf("rule %s: %w", r.ID(), err)
		}
		if after.Rule = r.ID(); after != before {
			if err := x.tx.SetAlertState(ctx, x.tenant, after); err != nil {
				return false, err
			}
		}
	}
	expiry, err := x.tx.NextExpiry(ctx, x.tenant, x.now)
	if err != nil {
		return false, err
	}
	x.lookAgain(expiry)
	return true, x.tx.SettleAlerts(ctx, x.tenant, x.next)
}

// lookAgain at the instant, if that is before the next look; zero: no matter.
func (x *look) lookAgain(at time.Time) {
	if !at.IsZero() && at.Before(x.next) {
		x.next = at
	}
}

func (x *look) judge(ctx context.Context, r taocan.AlertRule, s taocan.AlertState) (taocan.AlertState, error) {
	switch r.Kind {
	case taocan.AlertExpiring:
		return x.expiring(ctx, r, s)
	case taocan.AlertForecast:
		return x.forecast(ctx, r, s)
	}
	balance, err := x.balance(ctx, r.Category)
	if err != nil {
		return s, err
	}
	left := left(r, balance)
	var event taocan.NoticeEvent
	var taken taocan.Segments
	if onUse(r) {
		if taken, err = x.taken(ctx, r); err != nil {
			return s, err
		}
		s, event = judgeUse(r, s, taken, periodAt(r, x.now, x.zone), x.now)
	} else {
		if s.Level, err = x.level(ctx, r); err != nil {
			return s, err
		}
		s, event = judgeLeft(s, left, x.bought, x.now)
		x.lookAgain(remindAt(s, left))
	}
	if event == "" {
		return s, nil
	}
	n := noticeOf(r, s, event)
	n.Facts.Taken, n.Facts.Period = taken, s.Period
	return s, x.tell(ctx, r, n)
}

// tell puts a notice into the outbox, with what is left of that which it is about.
func (x *look) tell(ctx context.Context, r taocan.AlertRule, n taocan.Notice) error {
	balance, err := x.balance(ctx, r.Category)
	if err != nil {
		return err
	}
	r.Country = n.Facts.Country
	n.Facts.Remaining = left(r, balance)
	n.At = x.now
	n.ID = taocan.NoticeID(fmt.Sprintf("ntc_%x_%s_%x", n.At.UnixMicro(), x.mark, x.notices))
	x.notices++
	return x.tx.InsertNotice(ctx, n)
}
