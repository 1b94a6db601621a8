package console

import (
	"errors"
	"net/http"
	"strings"

	"taocan/internal/console/view"
	"taocan/internal/taocan"
)

func (c *console) voucherRoutes() {
	c.member("GET /vouchers", c.vouchers, taocan.ScopeRead)
	c.member("POST /vouchers/redeem", c.voucherRedeem, taocan.ScopeBuy)
}

func (c *console) vouchers(w http.ResponseWriter, r *http.Request) error {
	return c.showVouchers(w, r, http.StatusOK, "", "")
}

// showVouchers draws the list; refused says why the code that was typed was not taken.
func (c *console) showVouchers(w http.ResponseWriter, r *http.Request, status int, code, refused string) error {
	f, err := c.frame(r, "vouchers.title", "packages", "vouchers")
	if err != nil {
		return err
	}
	p := view.VoucherList{Notice: doneNotice(r, "vouchers"), Code: code, CodeError: refused}
	if p.List, err = listOf("/vouchers", r.URL.Query()); err != nil {
		return err
	}
	page, err := c.Orders.Vouchers(r.Context(), actorOf(r).Account, pagingOf(p.List))
	if err != nil {
		return err
	}
	if p.Vouchers = page.Items; counted(&p.List, page) {
		return seeOther(w, r, p.List.At(p.List.Pages()))
	}
	p.Products, err = c.productsNamed(r, page.Items)
	if err != nil {
		return err
	}
	return render(w, r, status, view.VoucherListPage(f, p))
}

// productsNamed are the products that some of the vouchers are limited to, off sale or not.
func (c *console) productsNamed(r *http.Request, vouchers []taocan.Voucher) (map[taocan.ProductID]taocan.Product, error) {
	named := map[taocan.ProductID]taocan.Product{}
	for _, v := range vouchers {
		if len(v.Scope.Products) == 0 {
			continue
		}
		all, err := c.Catalog.AllProducts(r.Context(), "")
		for _, p := range all {
			named[p.ID] = p
		}
		return named, err
	}
	return named, nil
}

func (c *console) voucherRedeem(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	lang := visitOf(r).lang
	code := strings.TrimSpace(r.PostForm.Get("code"))
	if code == "" {
		return c.showVouchers(w, r, http.StatusUnprocessableEntity, "", lang.Text("vouchers.code.missing"))
	}
	_, err := c.Orders.Redeem(r.Context(), actorOf(r), code)
	var refused *taocan.VoucherError
	if errors.As(err, &refused) {
		return c.showVouchers(w, r, http.StatusUnprocessableEntity, code, lang.Text("vouchers.refused."+refused.Reason))
	}
	if err != nil {
		return err
	}
	return seeOther(w, r, "/vouchers?done=redeemed")
}
