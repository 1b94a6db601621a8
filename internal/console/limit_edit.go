package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"taocan/internal/console/view"
	"taocan/internal/limit"
	"taocan/internal/taocan"
)

func (c *console) limitRoutes() {
	c.member("GET /limits", c.limits, taocan.ScopeRead)
	c.member("POST /limits", c.limitsSave, taocan.ScopeManage)
	c.member("POST /limits/overflow", c.overflowSave, taocan.ScopeManage)
	c.member("POST /limits/pool", c.poolSave, taocan.ScopeManage)
}

func (c *console) limits(w http.ResponseWriter, r *http.Request) error {
	p, err := c.limitPage(r)
	if err != nil {
		return err
	}
	p.Notice = doneNotice(r, "limits")
	return c.showLimits(w, r, http.StatusOK, p)
}

func (c *console) showLimits(w http.ResponseWriter, r *http.Request, status int, p view.Limits) error {
	f, err := c.frame(r, "limits.title", "packages", "limits")
	if err != nil {
		return err
	}
	for _, x := range f.Projects {
		if x.ID != f.Project.ID {
			p.Projects = append(p.Projects, x)
		}
	}
	return render(w, r, status, view.LimitsPage(f, p))
}

// limitPage is the page as things stand.
func (c *console) limitPage(r *http.Request) (p view.Limits, err error) {
	ctx, t := r.Context(), actorOf(r).Tenant
	limits, err := c.Limits.List(ctx, t)
	if err != nil {
		return p, err
	}
	for _, s := range limits {
		p.Rows = append(p.Rows, view.LimitRow{Target: targetOf(s.UsageLimit), Period: string(s.Period), Warning: figure(s.Warning), Cap: figure(s.Cap), Standing: s, Set: true})
	}
	if len(p.Rows) < limit.MaxLimits {
		p.Rows = append(p.Rows, view.LimitRow{Target: string(taocan.Domestic), Period: string(taocan.PerDay)}) // one to add
	}
	overflows, err := c.Limits.Overflows(ctx, t)
	if err != nil {
		return p, err
	}
	prices, err := c.Limits.Prices(ctx)
	if err != nil {
		return p, err
	}
	now := c.Clock.Now()
	for _, category := range []taocan.Category{taocan.Domestic, taocan.International} {
		card := view.OverflowCard{Category: category}
		if i := slices.IndexFunc(overflows, func(o limit.OverflowStanding) bool { return o.Category == category }); i >= 0 {
			card.Set, card.OverflowStanding, card.Cap = true, overflows[i], overflows[i].Cap.String()
		}
		for _, x := range prices { // the newest start first for each target
			known := slices.ContainsFunc(card.Prices, func(y taocan.OverflowPrice) bool { return y.Purpose == x.Purpose && y.Country == x.Country })
			if x.Category == category && !x.ValidFrom.After(now) && !known {
				card.Prices = append(card.Prices, x)
			}
		}
		p.Overflow = append(p.Overflow, card)
	}
	if p.Pool, err = c.Limits.Pool(ctx, t); err != nil {
		return p, err
	}
	countries, err := c.Catalog.Countries(ctx)
	if err != nil {
		return p, err
	}
	for _, x := range countries {
		p.Countries = append(p.Countries, x.Code)
	}
	for _, s := range limits { // what is no longer sold keeps its limit
		if s.Country != "" && !slices.Contains(p.Countries, s.Country) {
			p.Countries = append(p.Countries, s.Country)
		}
	}
	return p, nil
}

// figure is empty where there is none.
func figure(q taocan.Segments) string {
	if q == 0 {
		return ""
	}
	return strconv.FormatInt(int64(q), 10)
}

// targetOf names what a limit counts as the form does: domestic, domestic-marketing, international--HK.
func targetOf(l taocan.UsageLimit) string {
	return strings.TrimRight(fmt.Sprintf("%s-%s-%s", l.Category, l.Purpose, l.Country), "-")
}

// limitRows reads the rows of a form, and the limits of those that set something.
func limitRows(form url.Values) (rows []view.LimitRow, limits []taocan.UsageLimit, of []int) {
	at := func(name string, i int) string {
		if all := form[name]; i < len(all) {
			return all[i]
		}
		return ""
	}
	number := func(s string) taocan.Segments {
		if s = thousands.Replace(s); s == "" {
			return 0
		}
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n == 0 {
			n = -1 // as wrong as any other number that is none of messages
		}
		return taocan.Segments(n)
	}
	for i := range min(len(form["target"]), limit.MaxLimits+1) {
		row := view.LimitRow{Target: at("target", i), Period: at("period", i), Warning: at("warning", i), Cap: at("cap", i)}
		rows = append(rows, row)
		l := taocan.UsageLimit{Period: taocan.Period(row.Period), Warning: number(row.Warning), Cap: number(row.Cap)}
		if l.Warning == 0 && l.Cap == 0 {
			continue
		}
		parts := append(strings.SplitN(row.Target, "-", 3), "", "")
		l.Category, l.Purpose, l.Country = taocan.Category(parts[0]), taocan.Purpose(parts[1]), taocan.Country(parts[2])
		limits, of = append(limits, l), append(of, i)
	}
	return rows, limits, of
}

// limitsSave writes all limits at once. A row without figures is no limit.
func (c *console) limitsSave(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	rows, limits, of := limitRows(r.PostForm)
	_, err := c.Limits.Set(r.Context(), actorOf(r), limits)
	if err == nil {
		return seeOther(w, r, "/limits?done=saved")
	}
	var invalid *taocan.InvalidError
	if !errors.As(err, &invalid) {
		return err
	}
	p, err := c.limitPage(r)
	if err != nil {
		return err
	}
	lang := visitOf(r).lang
	p.Rows, p.Notice = rows, view.Notice{Kind: "error", Text: lang.Text("limits.refused")}
	for _, bad := range invalid.Fields {
		rest, _ := strings.CutPrefix(bad.Location, "body.limits[")
		n, field, _ := strings.Cut(rest, "]")
		i, err := strconv.Atoi(n)
		if err != nil || i >= len(of) {
			p.Notice.Text = lang.Count("limits.too_many", limit.MaxLimits)
			continue
		}
		row, key := &p.Rows[of[i]], "limits.invalid.figures"
		switch {
		case field == ".warning" && limits[i].Warning > 0 && limits[i].Warning <= limit.MaxCount:
			key = "limits.invalid.warning"
		case field != ".warning" && field != ".cap":
			key = "limits.invalid.target"
		}
		if row.Error == "" {
			row.Error = lang.Text(key)
		}
	}
	return c.showLimits(w, r, http.StatusUnprocessableEntity, p)
}

// overflowSave sets what may be spent in each category. Without an amount a category stops when its packages run out.
func (c *console) overflowSave(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	form := r.PostForm
	var wanted []taocan.Overflow
	for _, category := range []taocan.Category{taocan.Domestic, taocan.International} {
		typed := thousands.Replace(form.Get("cap." + string(category)))
		if typed == "" {
			continue
		}
		amount, err := taocan.ParseFen(typed)
		if err != nil {
			amount = -1
		}
		wanted = append(wanted, taocan.Overflow{Category: category, Cap: amount})
	}
	_, err := c.Limits.SetOverflow(r.Context(), actorOf(r), wanted)
	if err == nil {
		return seeOther(w, r, "/limits?done=overflow#overflow")
	}
	var invalid *taocan.InvalidError
	if !errors.As(err, &invalid) {
		return err
	}
	p, err := c.limitPage(r)
	if err != nil {
		return err
	}
	lang := visitOf(r).lang
	p.Notice = view.Notice{Kind: "error", Text: lang.Text("limits.refused")}
	for k := range p.Overflow {
		card := &p.Overflow[k]
		card.Cap = form.Get("cap." + string(card.Category))
		for _, bad := range invalid.Fields {
			for i, o := range wanted {
				if o.Category == card.Category && strings.HasPrefix(bad.Location, fmt.Sprintf("body.overflow[%d]", i)) {
					card.Error = lang.Text("limits.overflow.invalid", "¥"+lang.Decimal(limit.MaxOverflowCap.String()))
				}
			}
		}
	}
	return c.showLimits(w, r, http.StatusUnprocessableEntity, p)
}

// poolSave says whose packages pay as well: those that paid before first, in their order, then those added.
func (c *console) poolSave(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	actor := actorOf(r)
	ticked := r.PostForm["project"]
	before, err := c.Limits.Pool(r.Context(), actor.Tenant)
	if err != nil {
		return err
	}
	var owners []taocan.ProjectID
	for _, id := range before {
		if slices.Contains(ticked, string(id)) {
			owners = append(owners, id)
		}
	}
	for _, id := range ticked {
		if !slices.Contains(owners, taocan.ProjectID(id)) {
			owners = append(owners, taocan.ProjectID(id))
		}
	}
	_, err = c.Limits.SetPool(r.Context(), actor, actor.Tenant, owners)
	if err == nil {
		return seeOther(w, r, "/limits?done=pool#pool")
	}
	if !errors.Is(err, taocan.ErrInvalid) {
		return err
	}
	p, err := c.limitPage(r)
	if err != nil {
		return err
	}
	p.Pool = owners
	p.Notice = view.Notice{Kind: "error", Text: visitOf(r).lang.Text("limits.pool.invalid")}
	return c.showLimits(w, r, http.StatusUnprocessableEntity, p)
}
