package console

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"taocan/internal/console/view"
	"taocan/internal/export"
	"taocan/internal/order"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

func (c *console) operatorVoucherRoutes() {
	c.staff("GET /operator/vouchers", func(w http.ResponseWriter, r *http.Request) error {
		return c.showOperatorVouchers(w, r, http.StatusOK, nil)
	})
	c.staff("POST /operator/vouchers", c.operatorVoucherIssue)
	c.staff("POST /operator/vouchers/codes.csv", c.operatorVoucherCodes)
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
	if p.List, err = listOf("/operator/vouchers", r.URL.Query(), "state", "account", "unredeemed", "from", "until"); err != nil {
		return err
	}
	filter := store.VoucherFilter{State: taocan.VoucherState(p.List.Filters.Get("state")), Account: taocan.AccountID(trimmed(p.List, "account")),
		Unredeemed: p.List.Filters.Get("unredeemed") == "true", Paging: pagingOf(p.List)}
	if filter.From, filter.Until, err = c.spanOf(p.List); err != nil {
		return err
	}
	page, err := c.Orders.AllVouchers(r.Context(), filter)
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
			file, err := c.codesFile(f, made)
			if err != nil {
				return err
			}
			return render(w, r, http.StatusOK, view.OperatorVouchersIssuedPage(f, view.OperatorVouchersIssued{Issued: made, File: file}))
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

// codesFile is the codes of new vouchers as CSV; empty where they went straight into an account. The page holds it, for nothing else
// keeps the codes.
func (c *console) codesFile(f view.Frame, issued []order.Issued) (string, error) {
	if issued[0].Code == "" {
		return "", nil
	}
	file, err := export.Open(export.Table[order.Issued]{Name: "codes", Columns: texts(f, "operator.voucher.codes", "operator.voucher.id", "operator.voucher.amount",
		"operator.voucher.min", "operator.voucher.from", "operator.voucher.before"), Row: func(x order.Issued) []export.Cell {
		return []export.Cell{export.Text(x.Code), export.Text(x.ID), export.Money(x.Amount), export.Money(x.MinAmount),
			export.Text(f.Instant(x.ValidFrom)), export.Text(f.Instant(x.ValidUntil))}
	}}, func(store.Paging) (store.Page[order.Issued], error) {
		return store.Page[order.Issued]{Items: issued}, nil
	})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = file.Write(&b, export.CSV)
	return b.String(), err
}

// operatorVoucherCodes hands back as a file what the page of new vouchers holds.
func (c *console) operatorVoucherCodes(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	w.Header().Set("Content-Type", export.CSV.ContentType())
	w.Header().Set("Content-Disposition", `attachment; filename="codes.csv"`)
	_, _ = io.WriteString(w, r.PostForm.Get("file")) // who has gone needs no answer
	return nil
}
