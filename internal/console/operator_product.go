package console

import (
	"net/http"
	"strings"

	"taocan/internal/console/view"
	"taocan/internal/taocan"
)

func (c *console) operatorProductRoutes() {
	c.staff("GET /operator/products", c.operatorProductList)
	c.staff("POST /operator/products", c.operatorProductAdd)
	c.staff("POST /operator/products/{product}/on-sale", c.operatorProductOnSale)
}

func (c *console) operatorProductList(w http.ResponseWriter, r *http.Request) error {
	return c.showOperatorProducts(w, r, http.StatusOK, nil)
}

func (c *console) showOperatorProducts(w http.ResponseWriter, r *http.Request, status int, refused *view.OperatorForm) error {
	f, err := c.frame(r, "operator.products", "operator", "products")
	if err != nil {
		return err
	}
	p := view.OperatorProductList{Notice: doneNotice(r, "operator"), Add: view.OperatorForm{Name: "product"}}
	if refused != nil {
		p.Add = *refused
	}
	if p.Products, err = c.Catalog.AllProducts(r.Context(), ""); err != nil {
		return err
	}
	return render(w, r, status, view.OperatorProductListPage(f, p))
}

func (c *console) operatorProductAdd(w http.ResponseWriter, r *http.Request) error {
	return c.operatorWrite(w, r, operatorWrite{form: "product", taken: "id",
		read: func(d *operatorFields) func() (string, error) {
			p := taocan.Product{ID: taocan.ProductID(d.text("id")), Name: d.text("name"), Category: taocan.Category(d.text("category")),
				Purpose: taocan.Purpose(d.text("purpose")), Country: taocan.Country(strings.ToUpper(d.text("country"))), Quantity: taocan.Segments(d.number("quantity")),
				Price: d.money("price"), ValidityMonths: d.small("validity_months"), ChargeOn: taocan.ChargeOn(d.text("charge_on")), OnSale: d.text("on_sale") != ""}
			return func() (string, error) {
				_, err := c.Catalog.AddProduct(r.Context(), actorOf(r), p)
				return "/operator/products?done=product", err
			}
		},
		again: func(status int, refused *view.OperatorForm) error {
			return c.showOperatorProducts(w, r, status, refused)
		},
	})
}

func (c *console) operatorProductOnSale(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	onSale := r.PostForm.Get("on_sale") == "true"
	if _, err := c.Catalog.SetProductOnSale(r.Context(), actorOf(r), taocan.ProductID(r.PathValue("product")), onSale); err != nil {
		return err
	}
	done := "off_sale"
	if onSale {
		done = "on_sale"
	}
	return seeOther(w, r, view.Address("/operator/products", "done", done))
}
