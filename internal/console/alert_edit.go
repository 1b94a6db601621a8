package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"taocan/internal/alert"
	"taocan/internal/console/view"
	"taocan/internal/taocan"
)

func (c *console) alertRoutes() {
	c.member("GET /alerts", c.alerts, taocan.ScopeRead)
	c.member("POST /alerts", c.alertsSave, taocan.ScopeManage)
}

// alerts shows the rules as they are, or as a draft in the query says: adding and removing a country draws the form
// again and writes nothing.
func (c *console) alerts(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	if !actorOf(r).Can(taocan.ScopeManage) || !query.Has("draft") {
		query = nil
	}
	p, err := c.alertForm(r, query)
	if err != nil {
		return err
	}
	p.Notice = doneNotice(r, "alerts")
	return c.showAlerts(w, r, http.StatusOK, p)
}

func (c *console) showAlerts(w http.ResponseWriter, r *http.Request, status int, p view.Alerts) error {
	f, err := c.frame(r, "alerts.title", "packages", "alerts")
	if err != nil {
		return err
	}
	return render(w, r, status, view.AlertsPage(f, p))
}

// alertForm is the form: filled in with the rules that are set, or as form says where it is not nil.
func (c *console) alertForm(r *http.Request, form url.Values) (view.Alerts, error) {
	ctx, actor := r.Context(), actorOf(r)
	var p view.Alerts
	var err error
	if p.Channels, err = c.Channels.List(ctx, actor.Tenant); err != nil {
		return p, err
	}
	var domestic, abroad []alert.Standing
	if domestic, err = c.Alerts.Board(ctx, actor.Tenant, taocan.Domestic); err != nil {
		return p, err
	}
	if abroad, err = c.Alerts.Board(ctx, actor.Tenant, taocan.International); err != nil {
		return p, err
	}
	if form != nil {
		if abroad, err = c.drafted(r, form, abroad); err != nil {
			return p, err
		}
		p.Draft = form.Has("add") || form.Has("remove")
	}
	for _, s := range domestic {
		p.Domestic = append(p.Domestic, alertRow(s, form))
	}
	for _, s := range abroad {
		p.International = append(p.International, alertRow(s, form))
	}
	if !actor.Can(taocan.ScopeManage) {
		return p, nil
	}
	countries, err := c.Catalog.Countries(ctx)
	for _, x := range countries {
		if !slices.ContainsFunc(abroad, func(s alert.Standing) bool { return s.Country == x.Code }) {
			p.Countries = append(p.Countries, x.Code)
		}
	}
	return p, err
}

// drafted are the rows abroad that a draft asks for: what every project has, then the draft's countries, with those
// added and without those removed.
func (c *console) drafted(r *http.Request, form url.Values, board []alert.Standing) ([]alert.Standing, error) {
	balance, err := c.Packages.Balance(r.Context(), actorOf(r).Tenant, taocan.International, time.Time{})
	if err != nil {
		return nil, err
	}
	var codes []taocan.Country
	for _, id := range form["target"] {
		if rule := ruleOf(id); rule.Category == taocan.International && !slices.Contains(form["remove"], id) {
			codes = append(codes, rule.Country)
		}
	}
	for _, code := range form["add"] {
		codes = append(codes, taocan.Country(code))
	}
	var rows []alert.Standing
	for _, s := range board {
		if s.Country == "" || slices.Contains(codes, s.Country) {
			rows = append(rows, s)
		}
	}
	for _, code := range codes {
		known := slices.ContainsFunc(rows, func(s alert.Standing) bool { return s.Country == code })
		if code.Valid() && !known && len(rows) < alert.MaxRules {
			rule := taocan.AlertRule{Kind: taocan.AlertRemaining, Unit: taocan.InMessages, Category: taocan.International, Purpose: taocan.General, Country: code}
			rows = append(rows, alert.Standing{AlertRule: rule, State: alert.Unset, Remaining: balance.ByCountry[code]})
		}
	}
	return rows, nil
}

func alertRow(s alert.Standing, form url.Values) view.AlertRow {
	row := view.AlertRow{Standing: s, On: s.Enabled || s.State == alert.Unset}
	id := string(s.ID())
	switch {
	case form != nil && slices.Contains(form["target"], id):
		row.Threshold, row.On = form.Get("threshold."+id), form.Get("enabled."+id) != ""
	case s.State != alert.Unset:
		row.Threshold = strconv.FormatInt(int64(s.Threshold), 10)
	}
	return row
}

// ruleOf reads what a rule of that id watches; what it is worth is the use case's matter.
func ruleOf(id string) taocan.AlertRule {
	parts := append(strings.SplitN(id, "-", 3), "", "")
	return taocan.AlertRule{Category: taocan.Category(parts[0]), Purpose: taocan.Purpose(parts[1]), Country: taocan.Country(parts[2])}
}

// thousands are left out of a number that somebody copied from a page.
var thousands = strings.NewReplacer(",", "", "，", "", " ", "")

// alertsSave writes all rules at once. A threshold that is left empty means that there is no rule.
func (c *console) alertsSave(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	form := r.PostForm
	var rules []taocan.AlertRule
	for _, id := range form["target"] {
		typed := thousands.Replace(form.Get("threshold." + id))
		if typed == "" {
			continue
		}
		rule := ruleOf(id)
		rule.Enabled = form.Get("enabled."+id) != ""
		n, err := strconv.ParseInt(typed, 10, 64)
		if err != nil {
			n = -1 // as wrong as any other number that is none of messages
		}
		rule.Threshold = taocan.Segments(n)
		rules = append(rules, rule)
	}
	_, err := c.Alerts.SetBoard(r.Context(), actorOf(r), rules)
	if err == nil {
		return seeOther(w, r, "/alerts?done=saved")
	}
	var invalid *taocan.InvalidError
	if !errors.As(err, &invalid) {
		return err
	}
	p, err := c.alertForm(r, form)
	if err != nil {
		return err
	}
	lang := visitOf(r).lang
	p.Notice = view.Notice{Kind: "error", Text: lang.Text("alerts.refused")}
	for _, bad := range invalid.Fields {
		i, field, ok := ruleAt(bad.Location)
		if !ok || i >= len(rules) {
			p.Notice.Text = lang.Count("alerts.too_many", alert.MaxRules)
			continue
		}
		text := "alerts.target"
		if field == "threshold" {
			text = "alerts.threshold.invalid"
		}
		for _, rows := range [][]view.AlertRow{p.Domestic, p.International} {
			for k := range rows {
				if rows[k].ID() == rules[i].ID() {
					rows[k].Error = lang.Text(text, lang.Number(int64(taocan.MaxSegments)))
				}
			}
		}
	}
	return c.showAlerts(w, r, http.StatusUnprocessableEntity, p)
}

// ruleAt reads "body.rules[2].threshold".
func ruleAt(location string) (i int, field string, ok bool) {
	rest, ok := strings.CutPrefix(location, "body.rules[")
	number, field, _ := strings.Cut(rest, "]")
	i, err := strconv.Atoi(number)
	return i, strings.TrimPrefix(field, "."), ok && err == nil
}
