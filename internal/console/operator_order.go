package console

import (
	"net/http"

	"taocan/internal/console/view"
	"taocan/internal/taocan"
)

func (c *console) operatorOrderRoutes() {
	c.staff("GET /operator/orders", c.operatorOrderList)
}

func (c *console) operatorOrderList(w http.ResponseWriter, r *http.Request) error {
	f, err := c.frame(r, "operator.orders", "operator", "orders")
	if err != nil {
		return err
	}
	var p view.OperatorOrderList
	if p.List, err = listOf("/operator/orders", r.URL.Query(), "state"); err != nil {
		return err
	}
	page, err := c.Orders.AllOrders(r.Context(), taocan.OrderState(p.List.Filters.Get("state")), pagingOf(p.List))
	if err != nil {
		return err
	}
	if p.Orders = page.Items; counted(&p.List, page) {
		return seeOther(w, r, p.List.At(p.List.Pages()))
	}
	return render(w, r, http.StatusOK, view.OperatorOrderListPage(f, p))
}
