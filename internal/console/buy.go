package console

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/goldmark"

	"taocan/internal/catalog"
	"taocan/internal/console/view"
	"taocan/internal/i18n"
	"taocan/internal/taocan"
)

func (c *console) buyRoutes() {
	c.member("GET /buy", c.buy, taocan.ScopeBuy)
	c.member("POST /orders", c.orderCreate, taocan.ScopeBuy)
	c.open("GET /agreement", c.agreement)
}

// buy draws the purchase dialog for what its query says; a refused quote is part of the dialog.
func (c *console) buy(w http.ResponseWriter, r *http.Request) error {
	p, err := c.purchase(r, r.URL.Query())
	if err != nil {
		return err
	}
	if !byScript(r) { // the dialog alone is no page
		q := r.URL.Query()
		q.Set("buy", "1")
		return seeOther(w, r, "/packages/"+string(p.Category)+"?"+q.Encode())
	}
	return render(w, r, http.StatusOK, view.BuyDialog(c.bareFrame(r, "buy.title"), p))
}

// orderCreate makes the order and leads to its payment. Sent again as it was, the form leads to the same order.
func (c *console) orderCreate(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	form := r.PostForm
	wanted, unreadable := wantedOf(form, visitOf(r).lang)
	if len(unreadable) == 0 {
		key, content := onceOf(form)
		ord, _, err := c.Orders.Create(r.Context(), actorOf(r), key, content, wanted, form.Get("agreed"))
		if err == nil {
			return seeOther(w, r, view.OrderPath(ord.ID)+"/payment")
		}
		field, text := refusal(err, visitOf(r).lang, form.Get("agreed") != "")
		if text == "" {
			return err
		}
		unreadable[field] = text
	}
	p, err := c.purchase(r, form)
	if err != nil {
		return err
	}
	for field, text := range unreadable {
		p.Errors[field] = text
	}
	return c.showPackages(w, r, http.StatusUnprocessableEntity, p.Category, nil, &p)
}

// purchase fills in the dialog: what was chosen, as far as there is such a thing, and what may be chosen now.
func (c *console) purchase(r *http.Request, form url.Values) (view.Purchase, error) {
	ctx, lang := r.Context(), visitOf(r).lang
	p := view.Purchase{Category: taocan.Category(form.Get("category")), Kind: taocan.PurchaseKind(form.Get("kind")), Purpose: taocan.Purpose(form.Get("purpose")),
		Country: taocan.Country(form.Get("country")), Product: taocan.ProductID(form.Get("product")), Hundreds: form.Get("hundreds"), Count: form.Get("count"),
		MaxCount: catalog.MaxCount, Tier: -1}
	if !p.Category.Valid() {
		p.Category = taocan.Domestic
	}
	if p.Kind != taocan.Fixed {
		p.Kind = taocan.Custom
	}
	if p.Hundreds == "" && !form.Has("hundreds") {
		p.Hundreds = "1"
	}
	if p.Count == "" && !form.Has("count") {
		p.Count = "1"
	}
	var err error
	if p.Agreement, err = c.Catalog.Agreement(ctx); err != nil && !errors.Is(err, taocan.ErrNotFound) {
		return p, err
	}
	p.Agreed = form.Get("agreed") != "" && form.Get("agreed") == p.Agreement.Version
	if p.Key, err = c.keyOf(form); err != nil {
		return p, err
	}
	if err := c.choices(ctx, &p); err != nil {
		return p, err
	}
	return p, c.price(ctx, actorOf(r), lang, &p)
}

// choices are what is on sale; what was chosen but is not among them becomes the first that is.
func (c *console) choices(ctx context.Context, p *view.Purchase) error {
	if p.Kind == taocan.Fixed {
		all, err := c.Catalog.Products(ctx, p.Category)
		if err != nil {
			return err
		}
		for _, x := range all {
			if !slices.Contains(p.Purposes, x.Purpose) {
				p.Purposes = append(p.Purposes, x.Purpose)
			}
		}
		p.Purpose = oneOf(p.Purposes, p.Purpose)
		var ids []taocan.ProductID
		for _, x := range all {
			if x.Purpose == p.Purpose {
				p.Products, ids = append(p.Products, x), append(ids, x.ID)
			}
		}
		p.Product = oneOf(ids, p.Product)
		return nil
	}
	p.Purposes = c.Catalog.CustomPurposes(p.Category)
	p.Purpose = oneOf(p.Purposes, p.Purpose)
	if p.Category == taocan.International {
		var err error
		if p.Countries, err = c.Catalog.Countries(ctx); err != nil {
			return err
		}
		var codes []taocan.Country
		for _, x := range p.Countries {
			codes = append(codes, x.Code)
		}
		if !slices.Contains(codes, "HK") { // where most go
			p.Country = oneOf(codes, p.Country)
		} else if !slices.Contains(codes, p.Country) {
			p.Country = "HK"
		}
	}
	return nil
}

// oneOf is x where it is among the choices, else the first of them.
func oneOf[T comparable](choices []T, x T) T {
	if len(choices) > 0 && !slices.Contains(choices, x) {
		return choices[0]
	}
	return x
}

// price quotes what is chosen. A refusal is told beside its field.
func (c *console) price(ctx context.Context, actor taocan.Actor, lang i18n.Lang, p *view.Purchase) error {
	wanted, unreadable := wantedOf(url.Values{"kind": {string(p.Kind)}, "category": {string(p.Category)}, "purpose": {string(p.Purpose)},
		"country": {string(p.Country)}, "product": {string(p.Product)}, "hundreds": {p.Hundreds}, "count": {p.Count}}, lang)
	p.Errors = unreadable
	if p.Kind == taocan.Custom {
		list, err := c.Catalog.PriceList(ctx, p.Category)
		if err != nil && !errors.Is(err, taocan.ErrNotFound) {
			return err
		}
		if row, ok := catalog.Row(list, p.Purpose, p.Country); ok {
			p.Tiers = row.Tiers
			if len(unreadable) == 0 {
				p.Tier = catalog.TierAt(row, wanted.Quantity)
			}
		}
	}
	if len(unreadable) > 0 || p.Kind == taocan.Fixed && len(p.Products) == 0 { // none is on sale, and the dialog says so
		return nil
	}
	account, err := c.Access.Account(ctx, actor.Account)
	if err != nil {
		return err
	}
	quote, err := c.Catalog.Quote(ctx, account, wanted)
	if err != nil {
		field, text := refusal(err, lang, true)
		if text == "" {
			return err
		}
		p.Errors[field] = text
		return nil
	}
	p.Quote = &quote
	p.ExpiresOn = taocan.Package{ExpiresAt: taocan.Expiry(c.Clock.Now(), quote.ValidityMonths, c.Zone)}.ExpiresOn(c.Zone)
	return nil
}

// wantedOf reads a purchase from a form. What cannot be read is named by field.
func wantedOf(form url.Values, lang i18n.Lang) (taocan.Purchase, map[string]string) {
	bad := map[string]string{}
	number := func(field, text string) int64 {
		n, err := strconv.ParseInt(strings.TrimSpace(form.Get(field)), 10, 32)
		if err != nil {
			bad[field] = lang.Text(text)
		}
		return n
	}
	p := taocan.Purchase{Kind: taocan.PurchaseKind(form.Get("kind"))}
	if p.Kind == taocan.Fixed {
		p.Product = taocan.ProductID(form.Get("product"))
		p.Count = int(number("count", "sale.count"))
		return p, bad
	}
	p.Category, p.Purpose = taocan.Category(form.Get("category")), taocan.Purpose(form.Get("purpose"))
	if p.Category == taocan.International {
		p.Country = taocan.Country(form.Get("country"))
	}
	p.Quantity = taocan.Segments(number("hundreds", "sale.hundreds")) * catalog.Step
	return p, bad
}

// saleFields are the fields that a refused sale speaks of.
var saleFields = map[string]string{taocan.CodeProductNotForSale: "product", taocan.CodeCountryNotForSale: "country", taocan.CodePurposeNotForSale: "purpose"}

// refusal puts a refused purchase into words: which field, and what to do. An empty text: it is another kind of error.
func refusal(err error, lang i18n.Lang, agreed bool) (field, text string) {
	var sale *taocan.SaleError
	var forbidden *taocan.ForbiddenError
	var invalid *taocan.InvalidError
	switch {
	case errors.As(err, &sale):
		if field = saleFields[sale.Code]; field == "" {
			field = "hundreds"
		}
		return field, lang.Text("sale." + sale.Code)
	case errors.Is(err, taocan.ErrAgreement):
		if agreed {
			return "agreed", lang.Text("sale.agreement.changed")
		}
		return "agreed", lang.Text("sale.agreement")
	case errors.As(err, &forbidden):
		if key := "sale.level." + forbidden.Required; i18n.Has(key) {
			return "", lang.Text(key)
		}
	case errors.As(err, &invalid) && len(invalid.Fields) > 0:
		field = strings.TrimPrefix(invalid.Fields[0].Location, "body.")
		if key := "sale." + field; i18n.Has(key) {
			return field, lang.Text(key)
		}
		return "", lang.Text("invalid.generic")
	}
	return "", ""
}

func (c *console) agreement(w http.ResponseWriter, r *http.Request) error {
	a, err := c.Catalog.Agreement(r.Context())
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := goldmark.Convert([]byte(a.Markdown), &text); err != nil { // leaves raw HTML and dangerous links out
		return err
	}
	f, err := c.frame(r, "buy.agreement", "packages", "")
	if err != nil {
		return err
	}
	return render(w, r, http.StatusOK, view.AgreementPage(f, a, text.String()))
}
