package console

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"taocan/internal/console/view"
	"taocan/internal/i18n"
	"taocan/internal/taocan"
)

func (c *console) orderShowRoutes() {
	c.member("GET /orders/{id}", c.orderShow, taocan.ScopeRead)
	c.member("POST /orders/{id}/cancel", c.orderCancel, taocan.ScopeBuy)
}

// orderNotices are what the page may be told to say: why somebody was led here.
var orderNotices = map[string]view.Notice{
	"paid": {Kind: "ok", Text: "order.notice.paid"}, "cancelled": {Kind: "info", Text: "order.notice.cancelled"}, "closed": {Kind: "info", Text: "order.notice.closed"},
	"personal": {Kind: "error", Text: "sale.level.personal"}, "enterprise": {Kind: "error", Text: "sale.level.enterprise"},
}

func (c *console) orderShow(w http.ResponseWriter, r *http.Request) error {
	ord, err := c.Orders.Order(r.Context(), actorOf(r).Tenant, taocan.OrderID(r.PathValue("id")))
	if err != nil {
		return err
	}
	f, err := c.frame(r, "order.title", "packages", "orders")
	if err != nil {
		return err
	}
	p := view.OrderShow{Order: ord}
	if n, ok := orderNotices[r.URL.Query().Get("notice")]; ok {
		p.Notice = view.Notice{Kind: n.Kind, Text: f.Text(n.Text)}
	} else if ord.State == taocan.OrderClosed {
		p.Notice = view.Notice{Kind: "info", Text: f.Text("order.notice.closed")}
	}
	if p.By, err = c.nameOf(r.Context(), f.Lang, ord.By, ord.Account); err != nil {
		return err
	}
	return render(w, r, http.StatusOK, view.OrderPage(f, p))
}

// nameOf says who did something: a member by login, otherwise by which credential.
func (c *console) nameOf(ctx context.Context, lang i18n.Lang, by taocan.Actor, account taocan.AccountID) (string, error) {
	switch {
	case by.Member != "":
		members, err := c.Access.Members(ctx, account)
		if err != nil {
			return "", err
		}
		if i := slices.IndexFunc(members, func(m taocan.Member) bool { return m.ID == by.Member }); i >= 0 {
			return members[i].Login, nil
		}
		return string(by.Member), nil
	case by.Token != "":
		return lang.Text("order.by.token", string(by.Token)), nil
	}
	return lang.Text("order.by.system"), nil
}

func (c *console) orderCancel(w http.ResponseWriter, r *http.Request) error {
	id := taocan.OrderID(r.PathValue("id"))
	_, err := c.Orders.Cancel(r.Context(), actorOf(r), id)
	var state *taocan.StateError
	if errors.As(err, &state) { // paid or closed meanwhile
		return seeOther(w, r, view.Address(view.OrderPath(id), "notice", state.State))
	}
	if err != nil {
		return err
	}
	return seeOther(w, r, view.Address(view.OrderPath(id), "notice", "cancelled"))
}
