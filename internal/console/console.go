package console

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/klauspost/compress/gzhttp"

	"taocan/internal/access"
	"taocan/internal/alert"
	"taocan/internal/archive"
	"taocan/internal/catalog"
	"taocan/internal/clock"
	"taocan/internal/debit"
	"taocan/internal/delivery"
	"taocan/internal/edge"
	"taocan/internal/limit"
	"taocan/internal/live"
	"taocan/internal/order"
	"taocan/internal/packages"
	"taocan/internal/statement"
	"taocan/internal/taocan"
	"taocan/internal/topup"
)

// Config is what the console stands on. All of it must be set, but for Product.
type Config struct {
	Log     *slog.Logger
	Clock   clock.Clock
	Zone    *time.Location
	Product string    // name in the header; empty: 短信服务
	Random  io.Reader // of the keys that forms carry

	Access   *access.Access
	Catalog  *catalog.Catalog
	Orders   *order.Orders
	Packages *packages.Packages
	Debits   *debit.Engine
	Alerts   *alert.Alerts
	TopUps   *topup.TopUps
	Channels *delivery.Channels
	Mail     bool // the platform sends mail
	Limits   *limit.Limits
	Live     *live.Hub
	Archive  *archive.Archive

	Statements *statement.Statements
}

// console holds what pages share. Immutable after New.
type console struct {
	Config
	mux    *http.ServeMux
	assets assets
}

// New returns the handler of all pages. It answers every path that it is given.
func New(cfg Config) (http.Handler, error) {
	c := &console{Config: cfg, mux: http.NewServeMux()}
	var err error
	if c.assets, err = loadAssets(); err != nil {
		return nil, fmt.Errorf("assemble the console: %w", err)
	}
	c.sessionRoutes()
	c.preferenceRoutes()
	c.packageListRoutes()
	c.packageShowRoutes()
	c.packageExportRoutes()
	c.debitListRoutes()
	c.debitShowRoutes()
	c.usageRoutes()
	c.buyRoutes()
	c.orderListRoutes()
	c.orderShowRoutes()
	c.orderPayRoutes()
	c.alertRoutes()
	c.topUpRoutes()
	c.limitRoutes()
	c.channelRoutes()
	c.alertRuleRoutes()
	c.voucherRoutes()
	c.walletRoutes()
	c.statementRoutes()
	c.settingsProjectRoutes()
	c.settingsMemberRoutes()
	c.settingsTokenRoutes()
	c.settingsSelfRoutes()
	c.operatorRoutes()
	c.open("/", c.nothingHere)

	zip, err := gzhttp.NewWrapper(gzhttp.MinSize(1024), gzhttp.ContentTypes([]string{"text/html"}))
	if err != nil {
		return nil, fmt.Errorf("assemble the console: %w", err)
	}
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(c.crossOrigin))
	root := http.NewServeMux()
	root.Handle("GET /static/", c.assets)
	root.Handle("GET /events", c.serve(members, c.events, taocan.ScopeRead)) // past the compression, which would hold events back
	root.Handle("/", protection.Handler(zip(c.mux)))
	return root, nil
}

// action serves a request. An error that it returns becomes a page; then it has written nothing.
type action func(w http.ResponseWriter, r *http.Request) error

// open serves anybody.
func (c *console) open(pattern string, do action) { c.handle(pattern, anybody, do) }

// member serves who is signed in for an account; with scopes, only holders of all of them.
func (c *console) member(pattern string, do action, scopes ...taocan.Scope) {
	c.handle(pattern, members, do, scopes...)
}

// staff serves the platform's operators.
func (c *console) staff(pattern string, do action) { c.handle(pattern, operators, do) }

// signedIn serves whoever is signed in, member or operator.
func (c *console) signedIn(pattern string, do action) { c.handle(pattern, everybody, do) }

// audience of a page.
type audience int

const (
	anybody audience = iota
	everybody
	members
	operators
)

func (c *console) handle(pattern string, who audience, do action, scopes ...taocan.Scope) {
	c.mux.Handle(pattern, c.serve(who, do, scopes...))
}

func (c *console) serve(who audience, do action, scopes ...taocan.Scope) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pageHeaders(w)
		known, err := c.identify(r)
		if err == nil {
			err = edge.CheckQuery(r)
		}
		if err == nil {
			err = admit(known, who, scopes)
		}
		if err == nil {
			err = do(w, known)
		}
		if err != nil {
			c.refuse(w, known, err)
		}
	})
}

func (c *console) nothingHere(_ http.ResponseWriter, r *http.Request) error {
	return edge.NoRoute(c.mux, r)
}
