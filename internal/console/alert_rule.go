package console

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"taocan/internal/alert"
	"taocan/internal/console/view"
	"taocan/internal/taocan"
)

func (c *console) alertRuleRoutes() {
	c.member("GET /alerts/rules", c.alertRules, taocan.ScopeRead)
	c.member("POST /alerts/rules", c.alertRuleAdd, taocan.ScopeManage)
	c.member("POST /alerts/rules/remove", c.alertRuleRemove, taocan.ScopeManage)
	c.member("POST /alerts/rules/test", c.alertRuleTest, taocan.ScopeManage)
}

func (c *console) alertRules(w http.ResponseWriter, r *http.Request) error {
	return c.showAlertRules(w, r, http.StatusOK, doneNotice(r, "rules"), view.OperatorForm{})
}

func (c *console) showAlertRules(w http.ResponseWriter, r *http.Request, status int, notice view.Notice, form view.OperatorForm) error {
	f, err := c.frame(r, "rules.title", "packages", "alerts")
	if err != nil {
		return err
	}
	p := view.AlertRules{Notice: notice, Form: form}
	p.Form.Name = "rule"
	if p.Rules, err = c.Alerts.Rules(r.Context(), actorOf(r).Tenant); err != nil {
		return err
	}
	if p.Channels, err = c.Channels.List(r.Context(), actorOf(r).Tenant); err != nil {
		return err
	}
	countries, err := c.Catalog.Countries(r.Context())
	if err != nil {
		return err
	}
	for _, x := range countries {
		p.Countries = append(p.Countries, x.Code)
	}
	return render(w, r, status, view.AlertRulesPage(f, p))
}

// alertRuleForm reads a form: what to watch is kind and unit in one choice, target the start of a rule's id.
func alertRuleForm(form url.Values) taocan.AlertRule {
	rule := ruleOf(form.Get("target"))
	for _, w := range view.AlertWatches {
		if w.Name == form.Get("watch") {
			rule.Kind, rule.Unit = w.Kind, w.Unit
		}
	}
	n, err := strconv.ParseInt(thousands.Replace(form.Get("threshold")), 10, 64)
	if err != nil {
		n = -1 // as wrong as any other number that is none
	}
	rule.Threshold, rule.Enabled = taocan.Segments(n), true
	if rule.Kind == taocan.AlertForecast {
		rule.Threshold = alert.ForecastDays
	}
	for _, id := range form["channels"] {
		rule.Channels = append(rule.Channels, taocan.ChannelID(id))
	}
	return rule
}

// alertRuleAdd sets one rule, in place of one that watches the same.
func (c *console) alertRuleAdd(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	rule := alertRuleForm(r.PostForm)
	err := c.changeAlertRules(r, func(rules []taocan.AlertRule) []taocan.AlertRule {
		return append(slices.DeleteFunc(rules, func(x taocan.AlertRule) bool { return x.ID() == rule.ID() }), rule)
	})
	if err == nil {
		return seeOther(w, r, "/alerts/rules?done=saved")
	}
	said := refusedFields(err, visitOf(r).lang, map[string]string{"body.rules.threshold": "rules.threshold.invalid"})
	if said == nil {
		return err
	}
	said["threshold"] = said["rules.threshold"]
	return c.showAlertRules(w, r, http.StatusUnprocessableEntity, view.Notice{}, view.OperatorForm{Values: r.PostForm, Errors: said})
}

func (c *console) alertRuleRemove(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	err := c.changeAlertRules(r, func(rules []taocan.AlertRule) []taocan.AlertRule {
		return slices.DeleteFunc(rules, func(x taocan.AlertRule) bool { return string(x.ID()) == r.PostForm.Get("rule") })
	})
	if err != nil {
		return err
	}
	return seeOther(w, r, "/alerts/rules?done=removed")
}

// changeAlertRules writes what change makes of the rules that are set.
func (c *console) changeAlertRules(r *http.Request, change func([]taocan.AlertRule) []taocan.AlertRule) error {
	set, err := c.Alerts.Rules(r.Context(), actorOf(r).Tenant)
	if err != nil {
		return err
	}
	rules := make([]taocan.AlertRule, len(set))
	for i, s := range set {
		rules[i] = s.AlertRule
	}
	_, err = c.Alerts.Set(r.Context(), actorOf(r), change(rules))
	return err
}

// alertRuleTest sends a test to the channels of a rule.
func (c *console) alertRuleTest(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	if _, err := c.Channels.TestRule(r.Context(), actorOf(r), taocan.AlertID(r.PostForm.Get("rule"))); err != nil {
		return err
	}
	return seeOther(w, r, "/deliveries?done=test")
}
