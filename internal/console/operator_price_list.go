package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"taocan/internal/catalog"
	"taocan/internal/console/view"
	"taocan/internal/taocan"
)

func (c *console) operatorPriceListRoutes() {
	c.staff("GET /operator/price-lists", c.operatorPriceLists)
	c.staff("GET /operator/price-lists/new", c.operatorPriceListNew)
	c.staff("POST /operator/price-lists/preview", c.operatorPriceListPreview)
	c.staff("POST /operator/price-lists", c.operatorPriceListPublish)
}

func (c *console) operatorPriceLists(w http.ResponseWriter, r *http.Request) error {
	f, err := c.frame(r, "operator.price_lists", "operator", "price_lists")
	if err != nil {
		return err
	}
	p := view.OperatorPriceLists{Notice: doneNotice(r, "operator")}
	if p.Lists, err = c.Catalog.PriceLists(r.Context(), ""); err != nil {
		return err
	}
	p.Standings = catalog.Standings(p.Lists, f.Now)
	return render(w, r, http.StatusOK, view.OperatorPriceListsPage(f, p))
}

// operatorPriceListNew starts from the list that the address names, or from the one in force.
func (c *console) operatorPriceListNew(w http.ResponseWriter, r *http.Request) error {
	lists, err := c.Catalog.PriceLists(r.Context(), "")
	if err != nil {
		return err
	}
	query := r.URL.Query()
	from := taocan.PriceList{Category: taocan.Domestic, ValidityMonths: 12, ChargeOn: taocan.ChargeOnSubmit}
	if query.Get("category") == string(taocan.International) {
		from.Category = taocan.International
	}
	if id := query.Get("from"); id != "" {
		i := slices.IndexFunc(lists, func(l taocan.PriceList) bool { return string(l.ID) == id })
		if i < 0 {
			return taocan.ErrNotFound
		}
		from = lists[i]
	} else if inForce, err := c.Catalog.PriceList(r.Context(), from.Category); err == nil {
		from = inForce
	} else if !errors.Is(err, taocan.ErrNotFound) {
		return err
	}
	lines := make([]string, len(from.Rows))
	for i, row := range from.Rows {
		lines[i] = priceLine(visitOf(r).lang, row)
	}
	values := url.Values{"category": {string(from.Category)}, "validity_months": {strconv.Itoa(from.ValidityMonths)}, "charge_on": {string(from.ChargeOn)},
		"rows": {strings.Join(lines, "\n")}}
	return c.showOperatorPriceList(w, r, http.StatusOK, &view.OperatorForm{Name: "price-list", Values: values}, nil)
}

func (c *console) showOperatorPriceList(w http.ResponseWriter, r *http.Request, status int, form *view.OperatorForm, preview *catalog.Preview) error {
	f, err := c.frame(r, "operator.price_list.new", "operator", "price_lists")
	if err != nil {
		return err
	}
	return render(w, r, status, view.OperatorPriceListFormPage(f, view.OperatorPriceListForm{Form: *form, Preview: preview}))
}

// operatorPriceListPreview says what the list would change. What is published then is what was shown.
func (c *console) operatorPriceListPreview(w http.ResponseWriter, r *http.Request) error {
	return c.operatorPriceListForm(w, r, func(list taocan.PriceList) error {
		preview, err := c.Catalog.Preview(r.Context(), actorOf(r), list)
		if err != nil {
			return err
		}
		return c.showOperatorPriceList(w, r, http.StatusOK, &view.OperatorForm{Name: "price-list", Values: r.PostForm}, &preview)
	})
}

func (c *console) operatorPriceListPublish(w http.ResponseWriter, r *http.Request) error {
	return c.operatorPriceListForm(w, r, func(list taocan.PriceList) error {
		if _, err := c.Catalog.Publish(r.Context(), actorOf(r), list); err != nil {
			return err
		}
		return seeOther(w, r, "/operator/price-lists?done=price_list")
	})
}

// operatorPriceListForm reads a price list and does something with it; what is refused is told beside its field.
func (c *console) operatorPriceListForm(w http.ResponseWriter, r *http.Request, do func(taocan.PriceList) error) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	d := c.fieldsOf(r)
	list := taocan.PriceList{ID: taocan.PriceListID(d.text("id")), Category: taocan.Category(d.text("category")), ValidFrom: d.minute("valid_from"),
		ValidityMonths: d.small("validity_months"), ChargeOn: taocan.ChargeOn(d.text("charge_on")), Draft: d.text("draft") != ""}
	rows, lines := priceRows(d, list.Category)
	list.Rows = rows
	if len(d.bad) == 0 {
		err := do(list)
		if err == nil {
			return nil
		}
		if d.bad = priceListRefusal(err, d.lang, lines); d.bad == nil {
			return err
		}
	}
	return c.operatorAgain(r, operatorWrite{form: "price-list",
		again: func(status int, refused *view.OperatorForm) error {
			return c.showOperatorPriceList(w, r, status, refused, nil)
		}}, d)
}
