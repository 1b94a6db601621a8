package console

import (
	"errors"
	"net/http"

	"taocan/internal/console/view"
	"taocan/internal/order"
	"taocan/internal/taocan"
)

func (c *console) operatorVoucherRoutes() {
	c.staff("GET /operator/vouchers", func(w http.ResponseWriter, r *http.Request) error {
		return c.showOperatorVouchers(w, r, http.StatusOK, nil)
	})
	c.staff("POST /operator/vouchers", c.operatorVoucherIssue)
}

func (c *console) showOperatorVouchers(w http.ResponseWriter, r *http.Request, status int, refused *view.OperatorForm) error {
	f, err := c.frame(r, "operator.vouchers", "operator", "vouchers")
	if err != nil {
		return err
	}
	p := view.OperatorVoucherList{New: r.URL.Query().Get("new") != ""}
	if r.URL.Query().Get("again") != "" {
		p.Notice = view.Notice{Kind: "info", Text: f.Text("operator.voucher.again")}
	}
	if refused != nil {
		p.Issue = *refused
	} else if p.Issue, err = c.operatorForm("issue", nil, nil); err != nil {
		return err
	}
	if p.List, err = listOf("/operator/vouchers", r.URL.Query()); err != nil {
		return err
	}
	page, err := c.Orders.AllVouchers(r.Context(), pagingOf(p.List))
	if err != nil {
		return err
	}
	if p.Vouchers = page.Items; counted(&p.List, page) {
		return seeOther(w, r, p.List.At(p.List.Pages()))
	}
	if p.Products, err = c.Catalog.AllProducts(r.Context(), ""); err != nil {
		return err
	}
	return render(w, r, status, view.OperatorVoucherListPage(f, p))
}

// operatorVoucherIssue answers the codes of new vouchers, which nobody sees again.
func (c *console) operatorVoucherIssue(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	d := c.fieldsOf(r)
	v := order.VoucherIssue{Account: taocan.AccountID(d.text("account")), Count: d.small("count"), Amount: d.money("amount"), MinAmount: d.moneyOr("min_amount", 0),
		Scope: taocan.VoucherScope{Categories: listed[taocan.Category](d, "categories"), Purposes: listed[taocan.Purpose](d, "purposes"),
			Products: listed[taocan.ProductID](d, "products")},
		ValidFrom: d.day("valid_from")}
	if last := d.day("valid_until"); !last.IsZero() { // the field names the last day, the voucher the end of it
		v.ValidUntil = taocan.EndOfDate(last.Year(), last.Month(), last.Day(), c.Zone)
	} else if d.bad["valid_until"] == "" {
		d.refuse("valid_until", "missing")
	}
	if len(d.bad) == 0 {
		v.Key, _ = onceOf(r.PostForm)
		made, err := c.Orders.IssueVouchers(r.Context(), actorOf(r), v)
		if err == nil {
			f, err := c.frame(r, "operator.vouchers.issued", "operator", "vouchers")
			if err != nil {
				return err
			}
			return render(w, r, http.StatusOK, view.OperatorVouchersIssuedPage(f, made))
		}
		if errors.Is(err, taocan.ErrConflict) {
			return seeOther(w, r, "/operator/vouchers?again=1")
		}
		if d.bad = operatorRefusal(err, d.lang, ""); d.bad == nil {
			return err
		}
	}
	return c.operatorAgain(r, operatorWrite{form: "issue",
		again: func(status int, refused *view.OperatorForm) error {
			return c.showOperatorVouchers(w, r, status, refused)
		}}, d)
}
