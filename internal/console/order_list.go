package console

import (
	"net/http"

	"taocan/internal/console/view"
	"taocan/internal/taocan"
)

func (c *console) orderListRoutes() {
	c.member("GET /orders", c.orderList, taocan.ScopeRead)
}

func (c *console) orderList(w http.ResponseWriter, r *http.Request) error {
	f, err := c.frame(r, "orders.title", "packages", "orders")
	if err != nil {
		return err
	}
	var p view.OrderList
	if p.List, err = listOf("/orders", r.URL.Query(), "state"); err != nil {
		return err
	}
	page, err := c.Orders.Orders(r.Context(), actorOf(r).Tenant, taocan.OrderState(p.List.Filters.Get("state")),
		pagingOf(p.List))
	if err != nil {
		return err
	}
	if p.Orders = page.Items; counted(&p.List, page) {
		return seeOther(w, r, p.List.At(p.List.Pages()))
	}
	return render(w, r, http.StatusOK, view.OrderListPage(f, p))
}
