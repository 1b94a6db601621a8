package console_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"taocan/internal/taocan"
)

// rules of demo as the use case knows them.
func (e *env) rules() (list []string) {
	e.t.Helper()
	rules, err := e.alerts.Rules(e.t.Context(), demoTenant)
	e.must(err)
	for _, r := range rules {
		list = append(list, string(r.ID())+" "+strconv.FormatInt(int64(r.Threshold), 10)+" "+string(r.State))
	}
	return list
}

// alertForm is the whole form as a browser sends it, with some thresholds set; names and values in turn.
func alertForm(thresholds ...string) []string {
	form := []string{"draft", "1"}
	for _, id := range []string{"domestic-verification", "domestic-marketing", "domestic-general", "international-general"} {
		form = append(form, "target", id, "enabled."+id, "1")
	}
	for i := 0; i < len(thresholds); i += 2 {
		form = append(form, "threshold."+thresholds[i], thresholds[i+1])
	}
	return form
}

func TestAlertsAreSetAndShowHowTheyStand(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Owner)
	page := b.get("/alerts")
	page.wantPage(t, http.StatusOK, "余量告警", "验证码&通知-套餐包", "会员营销-套餐包", "通用类-套餐包", "全部通用类-套餐包")
	if got := strings.Count(page.main(), "未设置余量告警!"); got != 4 {
		t.Errorf("%d targets are unset, want four", got)
	}
	b.post("/alerts", alertForm("domestic-marketing", "1,000", "domestic-general", "5")...).wantRedirect(t, "/alerts?done=saved")
	if got, want := e.rules(), []string{"domestic-marketing 1000 low", "domestic-general 5 low"}; !slices.Equal(got, want) {
		t.Errorf("rules are %v, want %v", got, want)
	}
	page = b.get("/alerts?done=saved")
	page.wantPage(t, http.StatusOK, "告警设置已保存", "余量不足：低于 1,000 条")
	if _, got, _ := page.field("threshold.domestic-marketing"); got != "1000" {
		t.Errorf("the field holds %q, want 1000", got)
	}
	b.english().get("/alerts").wantPage(t, http.StatusOK, "Balance alerts", "Low: below 1,000", "No balance alert set!")

	// An emptied threshold takes the rule away, an unticked box switches it off.
	b.post("/alerts", "target", "domestic-marketing", "threshold.domestic-marketing", "1000", "target", "domestic-general", "threshold.domestic-general", " ").
		wantRedirect(t, "/alerts?done=saved")
	if got, want := e.rules(), []string{"domestic-marketing 1000 off"}; !slices.Equal(got, want) {
		t.Errorf("rules are %v, want %v", got, want)
	}
}

func TestCountriesAreAddedAndRemovedWithoutScript(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Owner)
	draft := b.get("/alerts?draft=1&target=international-general&threshold.international-general=70&add=HK")
	draft.wantPage(t, http.StatusOK, "修改尚未保存", "中国香港 HK-套餐包")
	if _, got, _ := draft.field("threshold.international-general"); got != "70" {
		t.Errorf("the draft forgot what was typed: %q", got)
	}
	if len(e.rules()) > 0 {
		t.Error("a draft was written")
	}
	b.post("/alerts", append(alertForm("international-general-HK", "9"), "target", "international-general-HK", "enabled.international-general-HK", "1")...).
		wantRedirect(t, "/alerts?done=saved")
	if got, want := e.rules(), []string{"international-general-HK 9 low"}; !slices.Equal(got, want) {
		t.Errorf("rules are %v, want %v", got, want)
	}
	gone := b.get("/alerts?draft=1&target=international-general&target=international-general-HK&remove=international-general-HK")
	if _, _, there := gone.field("threshold.international-general-HK"); there {
		t.Error("the removed country still has a row")
	}
	if got := len(e.rules()); got != 1 {
		t.Errorf("%d rules after a draft, want the one that is saved", got)
	}
}

func TestARefusedAlertIsToldBesideItsField(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Owner)
	for _, typed := range []string{"0", "-5", "many", "1.5", "1000000001", "99999999999999999999"} {
		page := b.post("/alerts", alertForm("domestic-verification", "20", "domestic-marketing", typed)...)
		page.wantPage(t, http.StatusUnprocessableEntity, "没有保存任何修改", "请输入 1 到 1,000,000,000 的整数")
		at, got, _ := page.field("threshold.domestic-marketing")
		if got != typed || at["aria-invalid"] != "true" || page.byID(at["aria-describedby"]) == "" {
			t.Errorf("the field holds %q with %v, want %q, marked and described", got, at, typed)
		}
		if at, got, _ := page.field("threshold.domestic-verification"); got != "20" || at["aria-invalid"] != "false" {
			t.Errorf("the good field holds %q with %v, want it kept", got, at)
		}
	}
	if got := e.rules(); len(got) > 0 {
		t.Errorf("a refused form wrote %v", got)
	}
	b.post("/alerts", "target", "lunar-jokes", "threshold.lunar-jokes", "5").wantPage(t, http.StatusUnprocessableEntity, "没有保存任何修改")
	b.english().post("/alerts", alertForm("domestic-marketing", "x")...).
		wantPage(t, http.StatusUnprocessableEntity, "A whole number from 1 to 1,000,000,000", "Nothing was saved")
}

func TestOnlyOwnersChangeAlerts(t *testing.T) {
	e := newEnv(t)
	e.signIn(taocan.Owner).post("/alerts", alertForm("domestic-marketing", "1000")...)
	for _, role := range []taocan.Role{taocan.Finance, taocan.Viewer} {
		b := e.signIn(role)
		page := b.get("/alerts?draft=1&add=HK")
		page.wantPage(t, http.StatusOK, "只有所有者可以修改告警", "余量不足：低于 1,000 条")
		if _, _, there := page.field("threshold.domestic-marketing"); there {
			t.Errorf("%s sees a form", role)
		}
		b.post("/alerts", alertForm("domestic-marketing", "5")...).wantPage(t, http.StatusForbidden, "没有权限")
	}
	if got, want := e.rules(), []string{"domestic-marketing 1000 low"}; !slices.Equal(got, want) {
		t.Errorf("rules are %v, want %v", got, want)
	}
	e.signInAs(otherTenant.Account, "theirs", taocan.Owner).get("/alerts").lacks(t, "1,000")
	e.signIn(taocan.OperatorRole).get("/alerts").wantPage(t, http.StatusNotFound)
	e.stranger().get("/alerts").wantRedirect(t, "/login?next=%2Falerts")
}
