package console

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"time"

	"taocan/internal/console/view"
	"taocan/internal/i18n"
	"taocan/internal/taocan"
)

func (c *console) orderPayRoutes() {
	c.member("GET /orders/{id}/payment", c.paymentForm, taocan.ScopeRead)
	c.member("POST /orders/{id}/payment", c.orderPay, taocan.ScopeBuy)
	c.member("GET /orders/{id}/paid", c.orderPaid, taocan.ScopeRead)
}

func (c *console) paymentForm(w http.ResponseWriter, r *http.Request) error {
	return c.showPayment(w, r, http.StatusOK, taocan.VoucherID(r.URL.Query().Get("voucher")), view.Notice{})
}

// showPayment draws what paying would take. An order that is no longer pending is shown as what it has become.
func (c *console) showPayment(w http.ResponseWriter, r *http.Request, status int, voucher taocan.VoucherID, notice view.Notice) error {
	id, tenant, lang := taocan.OrderID(r.PathValue("id")), actorOf(r).Tenant, visitOf(r).lang
	p := view.Payment{Notice: notice}
	var err error
	p.Preview, err = c.Orders.Preview(r.Context(), tenant, id, voucher)
	var refused *taocan.VoucherError
	if errors.As(err, &refused) { // used or expired meanwhile: go on without it
		p.VoucherError = lang.Text("voucher.reason." + refused.Reason)
		status = max(status, http.StatusUnprocessableEntity)
		p.Preview, err = c.Orders.Preview(r.Context(), tenant, id, "")
	}
	var state *taocan.StateError
	var forbidden *taocan.ForbiddenError
	switch {
	case errors.As(err, &state):
		return seeOther(w, r, view.Address(view.OrderPath(id), "notice", state.State))
	case errors.As(err, &forbidden) && i18n.Has("sale.level."+forbidden.Required):
		return seeOther(w, r, view.Address(view.OrderPath(id), "notice", forbidden.Required))
	case err != nil:
		return err
	}
	if p.Key, err = c.newKey(); err != nil {
		return err
	}
	f, err := c.frame(r, "pay.title", "packages", "orders")
	if err != nil {
		return err
	}
	f.Here = view.OrderPath(id) + "/payment"
	p.SecondsLeft = int(p.Order.ClosesAt.Sub(f.Now) / time.Second)
	return render(w, r, status, view.PaymentPage(f, p))
}

// orderPay takes the money. A second click, another tab or the back button find the order paid, and are told so.
func (c *console) orderPay(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	id, lang := taocan.OrderID(r.PathValue("id")), visitOf(r).lang
	voucher := taocan.VoucherID(r.PostForm.Get("voucher"))
	said := sha256.Sum256([]byte(r.URL.Path + "\n" + string(voucher)))
	_, _, err := c.Orders.Pay(r.Context(), actorOf(r), r.PostForm.Get("key"), said[:], id, voucher)
	var state *taocan.StateError
	var refused *taocan.VoucherError
	failed := view.Notice{Kind: "error", Text: lang.Text("pay.failed")}
	switch {
	case err == nil, errors.As(err, &state) && state.State == string(taocan.OrderPaid):
		return seeOther(w, r, view.OrderPath(id)+"/paid")
	case errors.As(err, &state):
		return seeOther(w, r, view.Address(view.OrderPath(id), "notice", state.State))
	case errors.As(err, &refused):
		return c.showPayment(w, r, http.StatusConflict, voucher, failed)
	case errors.Is(err, taocan.ErrInsufficientFunds):
		return c.showPayment(w, r, http.StatusConflict, voucher, view.Notice{})
	}
	return err
}

func (c *console) orderPaid(w http.ResponseWriter, r *http.Request) error {
	ord, err := c.Orders.Order(r.Context(), actorOf(r).Tenant, taocan.OrderID(r.PathValue("id")))
	if err != nil {
		return err
	}
	if ord.State != taocan.OrderPaid {
		return seeOther(w, r, view.OrderPath(ord.ID))
	}
	f, err := c.frame(r, "paid.title", "packages", "orders")
	if err != nil {
		return err
	}
	return render(w, r, http.StatusOK, view.PaidPage(f, ord))
}
