package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"taocan/internal/clock"
	"taocan/internal/console/view"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

func (c *console) operatorHomeRoutes() {
	c.staff("GET /operator", c.operatorHome)
	c.staff("POST /operator/clock", c.operatorConfirmClock)
}

func (c *console) operatorHome(w http.ResponseWriter, r *http.Request) error {
	query := strings.TrimSpace(r.URL.Query().Get("q"))
	if query != "" {
		found, err := c.operatorPageOf(r.Context(), query)
		if err == nil {
			return seeOther(w, r, found)
		}
		if !errors.Is(err, taocan.ErrNotFound) {
			return err
		}
	}
	f, err := c.frame(r, "operator.home", "operator", "overview")
	if err != nil {
		return err
	}
	f.Looked = query
	p := view.OperatorHome{Notice: doneNotice(r, "operator"), Query: query, Stats: c.Debits.Stats()}
	if err := c.Debits.Ready(); err != nil {
		var jump *clock.JumpError
		if errors.As(err, &jump) {
			p.JumpedBy = jump.By
		}
		p.Ready, p.Stopped = false, jump == nil
	} else {
		p.Ready = true
	}
	if p.Counts, err = c.operatorCounts(r.Context()); err != nil {
		return err
	}
	status := http.StatusOK
	if query != "" {
		status = http.StatusNotFound
	}
	return render(w, r, status, view.OperatorHomePage(f, p))
}

// operatorCounts is how much there is on the platform.
func (c *console) operatorCounts(ctx context.Context) ([]view.OperatorCount, error) {
	one := store.Paging{Limit: 1}
	accounts, err := c.Access.Accounts(ctx, store.AccountFilter{Paging: one})
	if err != nil {
		return nil, err
	}
	projects, err := c.Access.Projects(ctx, "", one)
	if err != nil {
		return nil, err
	}
	pending, err := c.Orders.AllOrders(ctx, store.OrderFilter{State: taocan.OrderPending, Paging: one})
	if err != nil {
		return nil, err
	}
	paid, err := c.Orders.AllOrders(ctx, store.OrderFilter{State: taocan.OrderPaid, Paging: one})
	if err != nil {
		return nil, err
	}
	vouchers, err := c.Orders.AllVouchers(ctx, store.VoucherFilter{Paging: one})
	if err != nil {
		return nil, err
	}
	orders := func(s taocan.OrderState) string {
		return "/operator/orders?" + url.Values{"state": {string(s)}}.Encode()
	}
	return []view.OperatorCount{
		{Name: "accounts", To: "/operator/accounts", Total: accounts.Total, AtLeast: accounts.AtLeast},
		{Name: "projects", To: "/operator/accounts", Total: projects.Total, AtLeast: projects.AtLeast},
		{Name: "pending", To: orders(taocan.OrderPending), Total: pending.Total, AtLeast: pending.AtLeast},
		{Name: "paid", To: orders(taocan.OrderPaid), Total: paid.Total, AtLeast: paid.AtLeast},
		{Name: "vouchers", To: "/operator/vouchers", Total: vouchers.Total, AtLeast: vouchers.AtLeast},
	}, nil
}

func (c *console) operatorConfirmClock(w http.ResponseWriter, r *http.Request) error {
	if err := c.Access.Record(r.Context(), actorOf(r), "clock.confirm", "clock"); err != nil {
		return err
	}
	c.Debits.ConfirmClock()
	return seeOther(w, r, "/operator?done=clock")
}
