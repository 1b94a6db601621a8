package server

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"taocan/internal/access"
	"taocan/internal/alert"
	"taocan/internal/archive"
	"taocan/internal/catalog"
	"taocan/internal/clock"
	"taocan/internal/config"
	"taocan/internal/console"
	"taocan/internal/debit"
	"taocan/internal/delivery"
	"taocan/internal/edge"
	"taocan/internal/limit"
	"taocan/internal/live"
	"taocan/internal/order"
	"taocan/internal/packages"
	"taocan/internal/rest"
	"taocan/internal/statement"
	"taocan/internal/store"
	"taocan/internal/taocan"
	"taocan/internal/topup"
	"taocan/internal/trace"
)

// Options of Open. A nil Log is silent.
type Options struct {
	Settings config.Settings // checked by config.Merge
	Clock    clock.Clock
	Log      *slog.Logger
	Version  string // shown by the API
	// Serves: it is the server, not a command in its place. How long it remembers ids of debits is then noted for commands, which do not
	// know what the server was told.
	Serves bool
}

// Server is the whole product in one process. Its parts are immutable after Open.
type Server struct {
	Store       store.Store
	Access      *access.Access
	Catalog     *catalog.Catalog
	Orders      *order.Orders
	Packages    *packages.Packages
	Debits      *debit.Engine
	Alerts      *alert.Alerts
	AlertWorker *alert.Worker
	TopUps      *topup.TopUps
	Limits      *limit.Limits
	Statements  *statement.Statements
	Archive     *archive.Archive
	Channels    *delivery.Channels
	Deliveries  *delivery.Worker
	Live        *live.Hub
	Zone        *time.Location

	settings     config.Settings
	database     *database // Store, and what else there is to its kind
	clock        clock.Clock
	log          *slog.Logger
	version      string
	traces       *trace.Traces // nil: nothing is traced
	handler      http.Handler
	doorkeeper   doorkeeper
	passwordFile string // of the first operator, empty once it has been removed
	newKey       bool   // the key file was made by this Open

	// Set by Start.
	listener net.Listener
	public   *http.Server
	admin    *http.Server
	failed   chan error
	sweep    context.CancelFunc
	running  sync.WaitGroup
	handlers handlers
	grace    time.Duration      // immutable after Open
	abandon  context.CancelFunc // ends what requests still wait for
}

// Open brings up store and use cases; nothing runs yet. Close it, or Start and Stop it.
func Open(ctx context.Context, o Options) (_ *Server, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Log = slog.New(edge.LogHandler(o.Log.Handler()))
	s := &Server{settings: o.Settings, clock: o.Clock, log: o.Log, version: o.Version, failed: make(chan error, 2), grace: stopGrace}
	if s.Zone, err = time.LoadLocation(o.Settings.Zone); err != nil {
		return nil, err
	}
	ids := time.Duration(0)
	if o.Serves {
		ids = time.Duration(o.Settings.IdempotencyDays) * 24 * time.Hour
	}
	if s.database, err = openDatabase(ctx, o.Settings, ids, o.Clock, s.Zone, o.Log); err != nil {
		return nil, err
	}
	s.Store = s.database.Opened
	defer func() {
		if err != nil {
			err = errors.Join(err, s.database.Close())
		}
	}()
	if s.traces, err = trace.New(ctx, trace.Config{Endpoint: o.Settings.OtelEndpoint, Version: o.Version, Log: o.Log}); err != nil {
		return nil, err
	}
	s.Access = access.New(access.Config{Store: s.Store, Clock: o.Clock, Random: rand.Reader, Alone: s.database.alone})
	s.Catalog = catalog.New(s.Store, o.Clock, s.Zone, taocan.Segments(o.Settings.MaxQuantity))
	s.Orders = order.New(order.Config{Store: s.Store, Clock: o.Clock, Zone: s.Zone, Catalog: s.Catalog, Random: rand.Reader, CloseAfter: o.Settings.OrderCloseAfter})
	s.Packages = packages.New(s.Store, o.Clock, s.Zone, rand.Reader)
	s.Debits = debit.New(debit.Config{Store: s.Store, Clock: o.Clock, Log: o.Log, Watch: alert.Watch, Trace: s.traceCommit(), Writers: s.database.writers, Remembered: s.database.Window()})
	s.Alerts = alert.New(s.Store, o.Clock, s.Zone)
	s.AlertWorker = alert.NewWorker(alert.WorkerConfig{Store: s.Store, Clock: o.Clock, Zone: s.Zone, Forecasts: s.Packages, Random: rand.Reader, Log: o.Log})
	s.Limits = limit.New(s.Store, o.Clock, s.Zone)
	s.Statements = statement.New(s.Store, o.Clock, s.Zone)
	s.Archive = archive.New(s.Store, s.Zone)
	if err := s.openDelivery(ctx); err != nil {
		return nil, err
	}
	s.TopUps = topup.New(topup.Config{Store: s.Store, Clock: o.Clock, Zone: s.Zone, Catalog: s.Catalog, Orders: s.Orders})
	s.Live = live.New(live.Config{Store: s.Store, Clock: o.Clock, Packages: s.Packages, Orders: s.Orders, Alerts: s.Alerts, Log: o.Log})
	s.doorkeeper = doorkeeper{s.Access, rand.Text()}
	proxies, err := o.Settings.Proxies()
	if err != nil {
		return nil, err
	}
	pages, err := console.New(console.Config{
		Log: o.Log, Clock: o.Clock, Zone: s.Zone, Product: o.Settings.ProductName, Random: rand.Reader, Access: s.Access, Catalog: s.Catalog,
		Orders: s.Orders, Packages: s.Packages, Debits: s.Debits, Alerts: s.Alerts, TopUps: s.TopUps, Limits: s.Limits, Channels: s.Channels, Mail: o.Settings.SMTPHost != "", Live: s.Live,
		Archive: s.Archive, Statements: s.Statements,
	})
	if err != nil {
		return nil, err
	}
	s.handler, err = rest.New(rest.Config{
		Log: o.Log, Clock: o.Clock, Zone: s.Zone, Version: o.Version, Store: s.Store, Access: s.Access, Authenticator: s.doorkeeper,
		Catalog: s.Catalog, Orders: s.Orders, Packages: s.Packages, Engine: s.Debits, Alerts: s.Alerts, TopUps: s.TopUps, Limits: s.Limits, Statements: s.Statements,
		Archive: s.Archive, Channels: s.Channels, Live: s.Live, Pages: pages, Proxies: proxies, Metrics: s.metrics(), Trace: s.traces.Wrap,
	})
	if err != nil {
		return nil, err
	}
	if err := s.Catalog.Seed(ctx); err != nil {
		return nil, err
	}
	if err := s.firstOperator(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Close gives the store up without having started.
func (s *Server) Close() error { return s.database.Close() }

// Start listens and returns once requests are answered.
func (s *Server) Start(ctx context.Context) (err error) {
	certificate, err := s.certificate()
	if err != nil {
		return err
	}
	socket, err := listenSocket(s.settings.Data)
	if err != nil {
		return err
	}
	if s.listener, err = net.Listen("tcp", s.settings.Addr); err != nil {
		return errors.Join(fmt.Errorf("%w; choose another address with --addr", err), socket.Close())
	}
	s.Debits.Start(ctx)
	s.Live.Start(ctx)
	s.AlertWorker.Start(ctx)
	s.Deliveries.Start(ctx)
	sweeping, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.sweep = cancel
	s.running.Go(func() { s.sweepLoop(sweeping) })
	if s.database.upkeep != nil {
		s.running.Go(func() { s.upkeepLoop(sweeping) })
	}

	asking, abandon := context.WithCancel(context.WithoutCancel(ctx))
	s.abandon = abandon
	s.public, s.admin = s.httpServer(asking, s.handler), s.httpServer(asking, s.OperatorHandler())
	s.public.TLSConfig = certificate
	s.serve(func() error {
		if certificate != nil {
			return s.public.ServeTLS(s.listener, "", "")
		}
		return s.public.Serve(s.listener)
	})
	s.serve(func() error { return s.admin.Serve(socket) })
	s.log.Info("serving", "url", s.URL(), "data", s.settings.Data, "database", s.settings.Database())
	return nil
}

// certificate is nil where the settings name none.
func (s *Server) certificate() (*tls.Config, error) {
	if s.settings.TLSCert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(s.settings.TLSCert, s.settings.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", s.settings.TLSCert, s.settings.TLSKey, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

func (s *Server) serve(run func() error) {
	s.running.Go(func() {
		if err := run(); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("serve: %w", err)
		}
	})
}

// httpServer bounds how long a stranger may keep a connection busy. Each request has its own limit besides.
func (s *Server) httpServer(asking context.Context, h http.Handler) *http.Server {
	return &http.Server{
		Handler:           s.handlers.counted(h),
		BaseContext:       func(net.Listener) context.Context { return asking },
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       2 * time.Minute, // 8 MiB over a slow line
		WriteTimeout:      5 * time.Minute, // a long export
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
}

// Failed gives an error when serving ends without Stop.
func (s *Server) Failed() <-chan error { return s.failed }

// URL is where a browser or a sender on this machine finds the server.
func (s *Server) URL() string {
	scheme := "http"
	if s.settings.TLSCert != "" {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(s.listener.Addr().String())
	if err != nil {
		return scheme + "://" + s.listener.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// stopGrace is how long requests that were given up may take to notice.
const stopGrace = 5 * time.Second

// Stop ends the server: requests under way are answered within the settings' deadline, and what the engine
// holds is committed. Requests past the deadline are given up; should one still not return, the store is left
// open, since closing it under a write is worse than a lock that ends with the process.
func (s *Server) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.settings.StopTimeout)
	defer cancel()
	errs := []error{s.Live.Stop(ctx)} // streams would be under way for ever
	for _, server := range []*http.Server{s.public, s.admin} {
		if err := server.Shutdown(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop: requests were still under way: %w", err), server.Close())
		}
	}
	s.abandon()
	s.sweep()
	left := s.handlers.end(s.grace)
	errs = append(errs, s.AlertWorker.Stop(ctx), s.Deliveries.Stop(ctx), s.Debits.Stop(ctx))
	if err := s.traces.Stop(ctx); err != nil {
		s.log.Warn("the last traces were not sent", "error", err) // nothing of ours is lost with them
	}
	s.running.Wait()
	if left > 0 {
		s.log.Error("requests did not end, the store stays open", "requests", left)
		errs = append(errs, fmt.Errorf("stop: %d requests did not end, the store stays open", left))
	} else {
		errs = append(errs, s.database.Close())
	}
	s.log.Info("stopped")
	return errors.Join(errs...)
}

// sweepEvery is how late an unpaid order may be written down as closed, or a package as expired. What they are
// never waits for it.
const sweepEvery = time.Second

func (s *Server) sweepLoop(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.sweepOnce(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// sweepOnce writes down what the clock has decided. A clock that nobody trusts decides nothing: one wrong step
// would close every order.
func (s *Server) sweepOnce(ctx context.Context) {
	if s.Debits.Ready() != nil {
		return
	}
	for _, sweeper := range []struct {
		name string
		step func(context.Context) (int, error)
	}{{"close unpaid orders", s.Orders.CloseUnpaid}, {"mark expired packages", s.Packages.MarkExpired}, {"automatic top-up", s.TopUps.Step}} {
		for ctx.Err() == nil {
			n, err := sweeper.step(ctx)
			if err != nil && ctx.Err() == nil {
				s.log.Warn("sweeper failed, will try again", "sweeper", sweeper.name, "error", err)
			}
			if err != nil || n == 0 {
				break
			}
		}
	}
}
