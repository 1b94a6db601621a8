package console

import (
	"net/http"

	"taocan/internal/console/view"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

func (c *console) operatorOrderRoutes() {
	c.staff("GET /operator/orders", c.operatorOrderList)
	c.staff("GET /operator/orders/{order}", c.operatorOrder)
}

func (c *console) operatorOrderList(w http.ResponseWriter, r *http.Request) error {
	f, err := c.frame(r, "operator.orders", "operator", "orders")
	if err != nil {
		return err
	}
	var p view.OperatorOrderList
	if p.List, err = listOf("/operator/orders", r.URL.Query(), "state", "account", "project", "from", "until"); err != nil {
		return err
	}
	filter := store.OrderFilter{State: taocan.OrderState(p.List.Filters.Get("state")), Account: taocan.AccountID(trimmed(p.List, "account")),
		Project: taocan.ProjectID(trimmed(p.List, "project")), Paging: pagingOf(p.List)}
	if filter.From, filter.Until, err = c.spanOf(p.List); err != nil {
		return err
	}
	page, err := c.Orders.AllOrders(r.Context(), filter)
	if err != nil {
		return err
	}
	if p.Orders = page.Items; counted(&p.List, page) {
		return seeOther(w, r, p.List.At(p.List.Pages()))
	}
	return render(w, r, http.StatusOK, view.OperatorOrderListPage(f, p))
}

func (c *console) operatorOrder(w http.ResponseWriter, r *http.Request) error {
	ord, err := c.Orders.FindOrder(r.Context(), taocan.OrderID(r.PathValue("order")))
	if err != nil {
		return err
	}
	f, err := c.frame(r, "operator.order", "operator", "orders")
	if err != nil {
		return err
	}
	p := view.OperatorOrder{Order: ord}
	if p.By, err = c.nameOf(r.Context(), f.Lang, ord.By, ord.Account); err != nil {
		return err
	}
	if ord.Payment != nil {
		if p.PaidBy, err = c.nameOf(r.Context(), f.Lang, ord.Payment.By, ord.Account); err != nil {
			return err
		}
	}
	return render(w, r, http.StatusOK, view.OperatorOrderPage(f, p))
}
