package console

import (
	"net/http"
	"slices"
	"sync"

	"taocan/internal/console/view"
	"taocan/internal/order"
	"taocan/internal/taocan"
)

func (c *console) operatorVoucherRoutes() {
	issued := &spentKeys{}
	c.staff("GET /operator/vouchers", func(w http.ResponseWriter, r *http.Request) error {
		return c.showOperatorVouchers(w, r, http.StatusOK, nil)
	})
	c.staff("POST /operator/vouchers", func(w http.ResponseWriter, r *http.Request) error { return c.operatorVoucherIssue(w, r, issued) })
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
func (c *console) operatorVoucherIssue(w http.ResponseWriter, r *http.Request, issued *spentKeys) error {
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
		key, _ := onceOf(r.PostForm)
		if !issued.spend(key) {
			return seeOther(w, r, "/operator/vouchers?again=1")
		}
		made, err := c.Orders.IssueVouchers(r.Context(), actorOf(r), v)
		if err == nil {
			f, err := c.frame(r, "operator.vouchers.issued", "operator", "vouchers")
			if err != nil {
				return err
			}
			return render(w, r, http.StatusOK, view.OperatorVouchersIssuedPage(f, made))
		}
		issued.giveBack(key)
		if d.bad = operatorRefusal(err, d.lang, ""); d.bad == nil {
			return err
		}
	}
	return c.operatorAgain(r, operatorWrite{form: "issue",
		again: func(status int, refused *view.OperatorForm) error {
			return c.showOperatorVouchers(w, r, status, refused)
		}}, d)
}

// spentKeys remembers the last forms whose answer cannot be given twice, so that a reload of the answer does nothing. A
// restart forgets them; what a reload makes then is in the list and in the audit log.
type spentKeys struct {
	mu   sync.Mutex
	keys map[string]bool // guarded by mu
	last []string        // guarded by mu; oldest first, at most spentMax
}

const spentMax = 1000

// spend reports whether the key had not been spent before.
func (s *spentKeys) spend(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys[key] {
		return false
	}
	if s.keys == nil {
		s.keys = map[string]bool{}
	}
	if len(s.last) == spentMax {
		delete(s.keys, s.last[0])
		s.last = s.last[1:]
	}
	s.keys[key], s.last = true, append(s.last, key)
	return true
}

// giveBack lets a key be spent again: its write was refused.
func (s *spentKeys) giveBack(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys, key)
	s.last = slices.DeleteFunc(s.last, func(k string) bool { return k == key })
}
