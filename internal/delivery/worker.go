package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"time"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
	"taocan/internal/vault"
)

// Bounds of the worker.
const (
	atOnce        = 8 // sends under way
	perChannel    = 2 // of them to one channel
	perProject    = 4 // of them for one project, so that none can take all
	leaseFor      = time.Minute
	giveUpAfter   = 48 * time.Hour
	keepFor       = 180 * 24 * time.Hour
	purgeEvery    = time.Hour
	batch         = 100
	lookAt        = 1000 // due deliveries: room for those of others behind a busy project
	lookEvery     = time.Second
	settleTimeout = 10 * time.Second
	maxErrorBytes = 300
)

// backOff is how long after each failed try the next one comes; the last counts for all later ones.
var backOff = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 6 * time.Hour}

// WorkerConfig of NewWorker. All must be set but Log; without one the worker is silent.
type WorkerConfig struct {
	Store  store.Store
	Clock  clock.Clock
	Vault  *vault.Vault
	Sender Sender
	Log    *slog.Logger
}

// Worker spreads notices and delivers them. Several, in one process or many, may share a store.
type Worker struct {
	cfg    WorkerConfig
	cancel context.CancelFunc
	gone   chan struct{} // closed when run has returned; nil until Start
	ended  chan struct{} // capacity 1: a send has ended
	sends  sync.WaitGroup

	mu     sync.Mutex
	under  map[channelKey]int // guarded by mu; sends under way
	all    int                // guarded by mu; their sum
	purged time.Time          // guarded by mu; the last time
	stats  Stats              // guarded by mu
}

// Stats is what a worker has done since it was made, and what it saw waiting.
type Stats struct {
	Tries map[Try]int64
	Due   int           // deliveries whose next try is due, at the last look; those behind a busy channel are not counted
	Late  time.Duration // how long the one that is longest due has waited
}

// Try is a kind of tries that are counted together.
type Try struct {
	Kind taocan.ChannelKind
	// Outcome is delivered; pending: it failed and comes again; failed: it was given up.
	Outcome taocan.DeliveryState
}

// Stats counts.
func (w *Worker) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.stats
	s.Tries = maps.Clone(s.Tries)
	return s
}

type channelKey struct {
	taocan.Tenant
	id taocan.ChannelID
}

func keyOf(d taocan.Delivery) channelKey { return channelKey{d.Tenant, d.Channel} }

// NewWorker makes a worker. Nothing is sent before Start or Step.
func NewWorker(cfg WorkerConfig) *Worker {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Worker{cfg: cfg, ended: make(chan struct{}, 1), under: map[channelKey]int{}, stats: Stats{Tries: map[Try]int64{}}}
}

// Start lets the worker deliver, until Stop.
func (w *Worker) Start(ctx context.Context) {
	ctx, w.cancel = context.WithCancel(context.WithoutCancel(ctx))
	w.gone = make(chan struct{})
	go func() {
		defer close(w.gone)
		w.run(ctx)
	}()
}

// Stop begins nothing new, ends what is being sent, which comes again with the next start, and returns when all is written
// down or ctx ends.
func (w *Worker) Stop(ctx context.Context) error {
	if w.gone == nil {
		return nil
	}
	w.cancel()
	done := make(chan struct{})
	go func() {
		<-w.gone
		w.sends.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop: notices were still being sent: %w", ctx.Err())
	}
}

func (w *Worker) run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	failing := false
	for {
		_, err := w.begin(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			w.cfg.Log.Warn("delivery of notices failed, will try again", "error", err)
		}
		failing = err != nil
		select {
		case <-tick.C:
		case <-w.ended: // its place is free
		case <-ctx.Done():
			return
		}
	}
}

// Step spreads what is waiting, sends what is due and waits for what came of it. It says how much it did: nothing is left
// for now when that is 0.
func (w *Worker) Step(ctx context.Context) (int, error) {
	n, err := w.begin(ctx)
	w.sends.Wait()
	return n, err
}

// begin spreads what is waiting, and begins as many sends as there are places for.
func (w *Worker) begin(ctx context.Context) (int, error) {
	if err := w.purge(ctx); err != nil {
		return 0, err
	}
	spread, err := w.spread(ctx)
	if err != nil {
		return 0, err
	}
	begun, err := w.claim(ctx)
	return spread + begun, err
}

// purge forgets what nobody looks up any more.
func (w *Worker) purge(ctx context.Context) error {
	now := w.cfg.Clock.Now()
	w.mu.Lock()
	due := now.Sub(w.purged) >= purgeEvery
	if due {
		w.purged = now
	}
	w.mu.Unlock()
	for due {
		var n int
		err := w.cfg.Store.Update(ctx, "", func(tx store.Tx) (err error) {
			n, err = tx.PurgeNotices(ctx, tx.Now().Add(-keepFor), batch)
			return err
		})
		if err != nil {
			return err
		}
		due = n == batch
	}
	return nil
}

// spread gives waiting notices their deliveries.
func (w *Worker) spread(ctx context.Context) (int, error) {
	var waiting []taocan.Notice
	err := w.cfg.Store.Peek(ctx, func(r store.Reader) (err error) {
		waiting, err = r.UnspreadNotices(ctx, batch)
		return err
	})
	if err != nil || len(waiting) == 0 {
		return 0, err
	}
	n := 0
	err = w.cfg.Store.Update(ctx, "", func(tx store.Tx) error {
		n = 0
		for _, notice := range waiting {
			channels, err := tx.Channels(ctx, notice.Tenant)
			if err != nil {
				return err
			}
			err = tx.SpreadNotice(ctx, notice.Tenant, notice.ID, listeners(notice, channels))
			if errors.Is(err, taocan.ErrConflict) {
				continue // another worker was first
			}
			if err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

// listeners are the enabled channels that a notice is for.
func listeners(n taocan.Notice, channels []taocan.Channel) (to []taocan.ChannelID) {
	wanted := map[taocan.ChannelID]bool{}
	for _, id := range n.Channels {
		wanted[id] = true
	}
	for _, c := range channels {
		if c.Enabled && (len(wanted) == 0 || wanted[c.ID]) {
			to = append(to, c.ID)
		}
	}
	return to
}

// task is a leased delivery with what it takes to send it.
type task struct {
	delivery taocan.Delivery
	lease    time.Time
	message  Message
	failed   error // it cannot be sent now
}

// claim leases due deliveries and begins to send them.
func (w *Worker) claim(ctx context.Context) (int, error) {
	now := w.cfg.Clock.Now()
	var due []taocan.Delivery
	err := w.cfg.Store.Peek(ctx, func(r store.Reader) (err error) {
		due, err = r.DueDeliveries(ctx, now, perChannel, lookAt)
		return err
	})
	if err != nil {
		return 0, err
	}
	w.saw(due, now)
	if len(due) == 0 {
		return 0, nil
	}
	due = w.reserve(due)
	if len(due) == 0 {
		return 0, nil
	}
	var tasks []task
	ended := 0
	err = w.cfg.Store.Update(ctx, "", func(tx store.Tx) error {
		tasks, ended = nil, 0
		for _, d := range due {
			t, over, err := w.lease(ctx, tx, d)
			switch {
			case errors.Is(err, taocan.ErrConflict):
				continue // another worker has it
			case err != nil:
				return err
			case over:
				ended++
			default:
				tasks = append(tasks, t)
			}
		}
		return nil
	})
	if err != nil {
		tasks = nil
	}
	taken := map[taocan.NoticeID]map[channelKey]bool{}
	for _, t := range tasks {
		if taken[t.delivery.Notice] == nil {
			taken[t.delivery.Notice] = map[channelKey]bool{}
		}
		taken[t.delivery.Notice][keyOf(t.delivery)] = true
	}
	for _, d := range due {
		if !taken[d.Notice][keyOf(d)] {
			w.free(d)
		}
	}
	for _, t := range tasks {
		w.sends.Go(func() {
			defer w.free(t.delivery)
			w.send(ctx, t)
		})
	}
	return len(tasks) + ended, err
}

// saw notes what is waiting, the longest due first.
func (w *Worker) saw(due []taocan.Delivery, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.Due, w.stats.Late = len(due), 0
	if len(due) > 0 {
		w.stats.Late = now.Sub(due[0].NextAt)
	}
}

// reserve takes places for as many deliveries as the bounds allow.
func (w *Worker) reserve(due []taocan.Delivery) (taken []taocan.Delivery) {
	w.mu.Lock()
	defer w.mu.Unlock()
	projects := map[taocan.Tenant]int{}
	for k, n := range w.under {
		projects[k.Tenant] += n
	}
	for _, d := range due {
		if w.all == atOnce {
			break
		}
		if w.under[keyOf(d)] < perChannel && projects[d.Tenant] < perProject {
			w.under[keyOf(d)]++
			projects[d.Tenant]++
			w.all++
			taken = append(taken, d)
		}
	}
	return taken
}

// free gives a place back.
func (w *Worker) free(d taocan.Delivery) {
	w.mu.Lock()
	if w.under[keyOf(d)]--; w.under[keyOf(d)] == 0 {
		delete(w.under, keyOf(d))
	}
	w.all--
	w.mu.Unlock()
	select {
	case w.ended <- struct{}{}:
	default:
	}
}

// lease takes a delivery; over says that it has ended, since its channel listens no more.
func (w *Worker) lease(ctx context.Context, tx store.Tx, d taocan.Delivery) (t task, over bool, err error) {
	t.lease = tx.Now().Add(leaseFor)
	if err := tx.LeaseDelivery(ctx, d, t.lease); err != nil {
		return t, false, err
	}
	channel, err := tx.Channel(ctx, d.Tenant, d.Channel)
	if err != nil && !errors.Is(err, taocan.ErrNotFound) {
		return t, false, err
	}
	if err != nil || !channel.Enabled {
		d.State, d.Error = taocan.DeliveryFailed, "channel removed"
		if err == nil {
			d.Error = "channel disabled"
		}
		return t, true, tx.SettleDelivery(ctx, d, t.lease)
	}
	notice, err := tx.Notice(ctx, d.Tenant, d.Notice)
	if err != nil {
		return t, false, err
	}
	project, err := tx.Project(ctx, d.Project)
	if err != nil {
		return t, false, err
	}
	t.delivery = d
	t.message = Message{ID: "msg_" + string(d.Notice) + "_" + string(d.Channel), At: tx.Now(), Notice: notice, Channel: channel, ProjectName: project.Name}
	t.message.To, t.failed = unseal(w.cfg.Vault, channel)
	if errors.Is(t.failed, vault.ErrKeyMissing) {
		t.failed = errors.New("key missing: " + t.failed.Error() + "; put the key file back, or set the channel's address anew")
	}
	return t, false, nil
}

// send tries a delivery and writes down what came of it. If that fails the lease ends and it is sent again.
func (w *Worker) send(ctx context.Context, t task) {
	status, err := 0, t.failed
	if err == nil {
		status, err = w.cfg.Sender.Send(ctx, t.message)
	}
	if err != nil && ctx.Err() != nil {
		return // being stopped says nothing about the receiver
	}
	now := w.cfg.Clock.Now()
	d := after(t.delivery, status, err, now)
	gone := err != nil && status == http.StatusGone && t.message.Channel.Kind == taocan.Webhook
	if gone {
		d.State, d.NextAt = taocan.DeliveryFailed, now
	}
	settling, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	settled := w.cfg.Store.Update(settling, "", func(tx store.Tx) error {
		if err := tx.SettleDelivery(settling, d, t.lease); err != nil {
			return err
		}
		if gone {
			return disable(settling, tx, t.message.Channel)
		}
		return nil
	})
	w.mu.Lock()
	w.stats.Tries[Try{t.message.Channel.Kind, d.State}]++
	w.mu.Unlock()
	log := w.cfg.Log.With("project", d.Project, "channel", d.Channel, "kind", t.message.Channel.Kind, "notice", d.Notice, "attempt", d.Attempts)
	switch {
	case settled != nil:
		log.Warn("a notice was tried, but this could not be written down: it will be tried again", "error", settled)
	case d.State == taocan.DeliveryFailed:
		log.Warn("a notice was given up", "status", d.Status, "cause", d.Error)
	case d.State == taocan.DeliveryPending:
		log.Info("a notice was not delivered, will try again", "status", d.Status, "cause", d.Error, "next_at", d.NextAt)
	default:
		log.Debug("a notice was delivered", "status", d.Status)
	}
}

// after is a delivery after one more try.
func after(d taocan.Delivery, status int, err error, now time.Time) taocan.Delivery {
	d.Attempts++
	d.Status, d.TriedAt, d.NextAt = status, now, now
	if err == nil {
		d.State, d.Error = taocan.DeliveryDelivered, ""
		return d
	}
	d.Error = printable(err.Error())
	end := d.CreatedAt.Add(giveUpAfter)
	if !now.Before(end) {
		d.State = taocan.DeliveryFailed
		return d
	}
	d.NextAt = now.Add(backOff[min(d.Attempts, len(backOff))-1])
	if d.NextAt.After(end) {
		d.NextAt = end
	}
	return d
}

// printable is a short text of one line.
func printable(s string) string {
	out := make([]rune, 0, len(s))
	size := 0
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			r = ' '
		}
		if size += len(string(r)); size > maxErrorBytes {
			break
		}
		out = append(out, r)
	}
	return string(out)
}

// disable takes a receiver at its word that it is gone.
func disable(ctx context.Context, tx store.Tx, c taocan.Channel) error {
	c, err := tx.Channel(ctx, c.Tenant, c.ID)
	if errors.Is(err, taocan.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	before := audited(c)
	c.Enabled, c.UpdatedAt = false, tx.Now()
	if err := tx.UpdateChannel(ctx, c); err != nil {
		return err
	}
	return store.Audit(ctx, tx, taocan.System(), "channel.gone", subject(c), before, audited(c))
}
