package fault

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"taocan/internal/catalog"
	"taocan/internal/clock"
	"taocan/internal/debit"
	"taocan/internal/order"
	"taocan/internal/packages"
	"taocan/internal/store"
	"taocan/internal/store/postgres"
	"taocan/internal/store/sqlite"
	"taocan/internal/taocan"
)

// workerEnv holds the settings of a worker, as JSON. Where it is set the test binary is one.
const workerEnv = "TAOCAN_FAULT_WORKER"

// settings of a worker.
type settings struct {
	SQLite      string // a folder, or
	Postgres    string // a URL
	IDs         string // folder, of PostgreSQL only
	Patience    time.Duration
	Queued      int // operations that may wait; 0: as usual
	DiskReserve int64
}

func (s settings) open(ctx context.Context, c clock.Clock, log *slog.Logger) (store.Store, error) {
	if s.SQLite != "" {
		return sqlite.Open(ctx, sqlite.Options{Dir: s.SQLite, Clock: c, Log: log, DiskReserve: s.DiskReserve})
	}
	return postgres.Open(ctx, postgres.Options{URL: s.Postgres, Clock: c, Log: log, IDFolder: s.IDs, Patience: s.Patience})
}

// What a worker is asked.
type call struct {
	Do       string
	Account  taocan.AccountID
	Project  taocan.ProjectID
	ID       string
	Quantity taocan.Segments
	TTL      time.Duration `json:",omitempty"` // of a reservation
	Life     time.Duration `json:",omitempty"` // of a granted package
}

const (
	doOpen    = "open" // account and project
	doDebit   = "debit"
	doReserve = "reserve"
	doCommit  = "commit"
	doRelease = "release"
	doGrant   = "grant" // a package that lives for a short while
	doBuy     = "buy"   // 100 messages, for 4.40 yuan
)

// said is what a worker answers.
type said struct {
	Err      string          `json:",omitempty"` // a reason, as in debit.Reason
	Detail   string          `json:",omitempty"`
	Left     taocan.Segments `json:",omitempty"` // of a refusal
	Replayed bool            `json:",omitempty"`
	State    taocan.DebitState
	Paid     []taocan.Allocation  `json:",omitempty"` // by which packages
	Number   taocan.PackageNumber `json:",omitempty"` // of what was granted or bought
	At       int64                `json:",omitempty"` // µs
	Settled  taocan.Segments      `json:",omitempty"`
}

const unavailable = "unavailable"

// service is what a worker runs.
type service struct {
	store    store.Store
	engine   *debit.Engine
	orders   *order.Orders
	packages *packages.Packages
}

func serviceOn(ctx context.Context, st store.Store, c clock.Clock, log *slog.Logger, queued int) (*service, error) {
	limits := debit.DefaultLimits
	if queued > 0 {
		limits.Queued = queued
	}
	sold := catalog.New(st, c, time.UTC, 0)
	if err := sold.Seed(ctx); err != nil {
		return nil, err
	}
	s := &service{store: st, engine: debit.New(debit.Config{Store: st, Clock: c, Log: log, Limits: limits}),
		orders:   order.New(order.Config{Store: st, Clock: c, Zone: time.UTC, Catalog: sold, Random: rand.Reader}),
		packages: packages.New(st, c, time.UTC, rand.Reader)}
	s.engine.Start(ctx)
	return s, nil
}

// work is a worker's main. It ends when it is told to, or with whoever started it: then its standard input ends.
func work(encoded string) error {
	var s settings
	if err := json.Unmarshal([]byte(encoded), &s); err != nil {
		return err
	}
	ctx, log := context.Background(), slog.New(slog.NewTextHandler(os.Stderr, nil))
	st, err := s.open(ctx, clock.System(), log)
	if err != nil {
		return err
	}
	x, err := serviceOn(ctx, st, clock.System(), log, s.Queued)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() { _ = http.Serve(l, x) }() // until the process ends
	go x.sweep(ctx)
	fmt.Printf("{\"url\":\"http://%s\"}\n", l.Addr())
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // whoever started us has ended
		close(term)
	}()
	<-term
	return errors.Join(err, x.engine.Stop(ctx), st.Close())
}

// sweep writes down what has expired, as a server does.
func (s *service) sweep(ctx context.Context) {
	for {
		time.Sleep(200 * time.Millisecond)
		_, _ = s.packages.MarkExpired(ctx) // what fails is tried again
	}
}

// ServeHTTP takes calls; those to the engine that follow one another for one project are one call to it.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var calls []call
	if err := json.NewDecoder(r.Body).Decode(&calls); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_ = json.NewEncoder(w).Encode(s.all(context.WithoutCancel(r.Context()), calls)) // whoever does not listen asks again
}

func (s *service) all(ctx context.Context, calls []call) []said {
	answers := make([]said, 0, len(calls))
	for len(calls) > 0 {
		n := 0
		for n < len(calls) && calls[n].op().Kind != 0 && calls[n].Project == calls[0].Project {
			n++
		}
		if n == 0 {
			answers, calls = append(answers, s.other(ctx, calls[0])), calls[1:]
			continue
		}
		answers, calls = append(answers, s.debits(ctx, calls[:n])...), calls[n:]
	}
	return answers
}

func (c call) tenant() taocan.Tenant { return taocan.Tenant{Account: c.Account, Project: c.Project} }

// op is what the engine is asked; without a kind it is not the engine's.
func (c call) op() store.Op {
	op := store.Op{Tenant: c.tenant(), ID: taocan.DebitID(c.ID)}
	switch c.Do {
	case doDebit, doReserve:
		op.Kind = store.OpTake
		op.Request = taocan.DebitRequest{ID: op.ID, Kind: taocan.KindDebit, Category: taocan.Domestic, Purpose: taocan.Marketing, Quantity: c.Quantity}
		if c.Do == doReserve {
			op.Request.Kind, op.Request.TTL = taocan.KindReservation, c.TTL
		}
	case doCommit:
		op.Kind, op.Quantity = store.OpCommit, c.Quantity
	case doRelease:
		op.Kind = store.OpRelease
	}
	return op
}

func (s *service) debits(ctx context.Context, calls []call) []said {
	ops, answers := make([]store.Op, len(calls)), make([]said, len(calls))
	for i, c := range calls {
		ops[i] = c.op()
	}
	outcomes, err := s.engine.Do(ctx, ops)
	for i := range calls {
		if err != nil {
			answers[i] = failed(err)
			continue
		}
		answers[i] = saidOf(outcomes[i])
	}
	return answers
}

func saidOf(o store.Outcome) said {
	if o.Err != nil {
		return failed(o.Err)
	}
	return said{Replayed: o.Replayed, State: o.Debit.State, Paid: o.Debit.Allocations, At: o.Debit.At.UnixMicro(), Settled: o.Debit.Settled}
}

func failed(err error) said {
	a := said{Err: debit.Reason(err), Detail: err.Error()}
	var q *taocan.QuotaError
	if errors.As(err, &q) {
		a.Left = q.Available
	}
	return a
}

func (s *service) other(ctx context.Context, c call) said {
	var number taocan.PackageNumber
	var replayed bool
	var err error
	switch c.Do {
	case doOpen:
		err = s.open(ctx, c.tenant())
	case doGrant:
		number, replayed, err = s.grant(ctx, c)
	case doBuy:
		number, replayed, err = s.buy(ctx, c)
	default:
		err = fmt.Errorf("do %q: %w", c.Do, taocan.ErrInvalid)
	}
	if err != nil {
		return failed(err)
	}
	return said{Number: number, Replayed: replayed}
}

// purse is what every account has to begin with, in fen.
const purse = 1_000_000_00

func (s *service) open(ctx context.Context, t taocan.Tenant) error {
	err := s.store.Update(ctx, "", func(tx store.Tx) error {
		if _, err := tx.Project(ctx, t.Project); err == nil {
			return nil
		}
		err := tx.InsertAccount(ctx, taocan.Account{ID: t.Account, Name: "n", Level: taocan.Enterprise, CreatedAt: tx.Now()})
		return errors.Join(err, tx.InsertProject(ctx, taocan.Project{ID: t.Project, Account: t.Account, Name: "n", CreatedAt: tx.Now()}))
	})
	if err != nil {
		return err
	}
	return s.store.Update(ctx, t.Account, func(tx store.Tx) error {
		if w, err := tx.Wallet(ctx, t.Account); err != nil || w.Cash > 0 {
			return err
		}
		_, err := tx.AppendWallet(ctx, taocan.WalletEntry{Account: t.Account, Kind: taocan.WalletTopUp, Cash: purse})
		return err
	})
}

// grant is packages.Grant, but for the short life.
func (s *service) grant(ctx context.Context, c call) (number taocan.PackageNumber, replayed bool, err error) {
	content := contentOf(c)
	err = s.store.Update(ctx, c.Account, func(tx store.Tx) error {
		known, found, err := store.Replay(ctx, tx, c.tenant(), "grant", c.ID, content)
		if err != nil || found {
			number, replayed = taocan.PackageNumber(known), found
			return err
		}
		now := tx.Now()
		p := taocan.Package{Tenant: c.tenant(), Name: "n", Category: taocan.Domestic, Purpose: taocan.Marketing, ChargeOn: taocan.ChargeOnSubmit,
			Total: c.Quantity, Remaining: c.Quantity, PurchasedAt: now, ExistsFrom: now, ExpiresAt: now.Add(c.Life)}
		if p.Number, err = store.FreeNumber(ctx, tx, p.Category, p.Purpose, now, time.UTC, rand.Reader); err != nil {
			return err
		}
		number, replayed = p.Number, false
		if err := tx.InsertPackage(ctx, p, taocan.EntryGrant, "fault"); err != nil {
			return err
		}
		return tx.InsertIdempotencyKey(ctx, store.IdempotencyKey{Tenant: c.tenant(), Operation: "grant", Key: c.ID, Content: content,
			Subject: string(p.Number), CreatedAt: now})
	})
	return number, replayed, err
}

func (s *service) buy(ctx context.Context, c call) (number taocan.PackageNumber, replayed bool, err error) {
	who := taocan.Actor{Tenant: c.tenant(), Token: "t"}
	what := taocan.Purchase{Kind: taocan.Custom, Category: taocan.Domestic, Purpose: taocan.Marketing, Quantity: 100}
	o, _, err := s.orders.Create(ctx, who, c.ID, contentOf(c), what, catalog.Defaults().Agreement.Version)
	if err != nil {
		return "", false, err
	}
	if o, replayed, err = s.orders.Pay(ctx, who, c.ID, contentOf(c), o.ID, ""); err != nil {
		return "", false, err
	}
	return o.Packages[0], replayed, nil
}

func contentOf(c call) []byte {
	sum := sha256.Sum256(fmt.Append(nil, c))
	return sum[:]
}
