package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"taocan/internal/console/view"
	"taocan/internal/i18n"
	"taocan/internal/taocan"
	"taocan/internal/topup"
)

func (c *console) topUpRoutes() {
	c.member("GET /top-ups", c.topUps, taocan.ScopeRead)
	c.member("POST /top-ups", c.topUpSave, taocan.ScopeBuy)
	c.member("POST /top-ups/remove", c.topUpRemove, taocan.ScopeBuy)
}

func (c *console) topUps(w http.ResponseWriter, r *http.Request) error {
	p, err := c.topUpPage(r, taocan.TopUpID("international-general-"+r.URL.Query().Get("country")))
	if err != nil {
		return err
	}
	if p.List.Page > p.List.Pages() {
		return seeOther(w, r, p.List.At(p.List.Pages()))
	}
	p.Notice = doneNotice(r, "topup")
	return c.showTopUps(w, r, http.StatusOK, p)
}

func (c *console) showTopUps(w http.ResponseWriter, r *http.Request, status int, p view.TopUps) error {
	f, err := c.frame(r, "topup.title", "packages", "top_ups")
	if err != nil {
		return err
	}
	return render(w, r, status, view.TopUpsPage(f, p))
}

// topUpPage is the page as things stand, with a card for one more country that is on sale, if more is one.
func (c *console) topUpPage(r *http.Request, more taocan.TopUpID) (p view.TopUps, err error) {
	ctx, actor := r.Context(), actorOf(r)
	if p.List, err = listOf("/top-ups", r.URL.Query()); err != nil {
		return p, err
	}
	set, err := c.TopUps.List(ctx, actor.Tenant)
	if err != nil {
		return p, err
	}
	page, err := c.TopUps.History(ctx, actor.Tenant, pagingOf(p.List))
	if err != nil {
		return p, err
	}
	p.Orders = page.Items
	counted(&p.List, page)
	agreement, err := c.Catalog.Agreement(ctx)
	if err != nil && !errors.Is(err, taocan.ErrNotFound) {
		return p, err
	}
	p.Agreement = agreement.Version
	countries, err := c.Catalog.Countries(ctx)
	if err != nil {
		return p, err
	}

	targets := make([]taocan.TopUpID, 0, len(set)+2)
	for _, purpose := range c.TopUps.Targets() {
		targets = append(targets, taocan.TopUp{Category: taocan.Domestic, Purpose: purpose}.ID())
	}
	for _, s := range set {
		if !slices.Contains(targets, s.ID()) {
			targets = append(targets, s.ID())
		}
	}
	for _, x := range countries {
		id := taocan.TopUp{Category: taocan.International, Purpose: taocan.General, Country: x.Code}.ID()
		switch {
		case slices.Contains(targets, id):
		case id == more:
			targets = append(targets, id)
		default:
			p.Countries = append(p.Countries, x.Code)
		}
	}
	for _, id := range targets {
		card, err := c.topUpCard(r, id, set)
		if err != nil {
			return p, err
		}
		p.Cards = append(p.Cards, card)
	}
	return p, nil
}

// topUpCard is a target's: as it is set, or as a new one begins.
func (c *console) topUpCard(r *http.Request, id taocan.TopUpID, set []topup.Standing) (card view.TopUpCard, err error) {
	card.Form.Name = "topup-" + string(id)
	if i := slices.IndexFunc(set, func(s topup.Standing) bool { return s.ID() == id }); i >= 0 {
		card.Standing, card.Set = set[i], true
		return card, nil
	}
	card.TopUp = topup.Target(id)
	card.Enabled, card.Cooldown = true, topup.DefaultCooldown
	b, err := c.Packages.Balance(r.Context(), actorOf(r).Tenant, card.Category, time.Time{})
	card.Remaining = topup.Left(card.TopUp, b)
	return card, err
}

// topUpOf reads a form. What is no number is as wrong as any number out of range.
func topUpOf(form url.Values) taocan.TopUp {
	number := func(name string) int64 {
		n, err := strconv.ParseInt(thousands.Replace(form.Get(name)), 10, 64)
		if err != nil {
			return -1
		}
		return n
	}
	x := topup.Target(taocan.TopUpID(form.Get("target")))
	x.Level, x.Quantity, x.Enabled = taocan.Segments(number("level")), taocan.Segments(number("quantity")), form.Get("enabled") != ""
	if n := number("cooldown"); n > 0 && n <= int64(topup.MaxCooldown/time.Minute) {
		x.Cooldown = time.Duration(n) * time.Minute
	} else {
		x.Cooldown = -1
	}
	var err error
	if x.MonthCap, err = taocan.ParseFen(thousands.Replace(form.Get("month_cap"))); err != nil {
		x.MonthCap = -1
	}
	return x
}

func (c *console) topUpSave(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	form := r.PostForm
	x := topUpOf(form)
	_, err := c.TopUps.Put(r.Context(), actorOf(r), x, form.Get("agreed"))
	if err == nil {
		return seeOther(w, r, "/top-ups?done=saved#"+string(x.ID()))
	}
	said := topUpRefusal(err, visitOf(r).lang, form.Get("agreed") != "")
	if said == nil {
		return err
	}
	p, err := c.topUpPage(r, x.ID())
	if err != nil {
		return err
	}
	p.Notice = view.Notice{Kind: "error", Text: visitOf(r).lang.Text("topup.refused")}
	for i := range p.Cards {
		if card := &p.Cards[i]; card.ID() == x.ID() {
			card.Form.Values, card.Form.Errors = form, said
			card.Enabled, card.Agreed = x.Enabled, form.Get("agreed") == p.Agreement
		}
	}
	return c.showTopUps(w, r, http.StatusUnprocessableEntity, p)
}

// topUpRefusal puts a refusal into the page's words, by field; nil: it is of another kind.
func topUpRefusal(err error, lang i18n.Lang, agreed bool) map[string]string {
	var invalid *taocan.InvalidError
	if !errors.As(err, &invalid) {
		field, text := refusal(err, lang, agreed)
		if text == "" {
			return nil
		}
		return map[string]string{field: text}
	}
	said := map[string]string{}
	begins, _, _ := strings.Cut(topup.MessageCap, "%")
	for _, bad := range invalid.Fields {
		field := strings.TrimPrefix(listIndex.ReplaceAllString(bad.Location, ""), "body.top_ups.")
		field = strings.TrimSuffix(field, "_seconds")
		key := "topup.invalid." + field
		if price, ok := strings.CutPrefix(bad.Message, begins); ok && field == "month_cap" {
			said[field] = lang.Text("topup.invalid.month_cap.price", "¥"+lang.Decimal(price))
			continue
		}
		if !i18n.Has(key) {
			field, key = "", "topup.invalid.target"
		}
		said[field] = lang.Text(key)
	}
	return said
}

func (c *console) topUpRemove(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	if _, err := c.TopUps.Remove(r.Context(), actorOf(r), taocan.TopUpID(r.PostForm.Get("target"))); err != nil {
		return err
	}
	return seeOther(w, r, "/top-ups?done=removed")
}
