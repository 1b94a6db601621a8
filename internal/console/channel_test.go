package console_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"taocan/internal/taocan"
)

func TestAnOwnerManagesChannels(t *testing.T) {
	e := newEnv(t)
	owner := e.signIn(taocan.Owner)
	owner.get("/channels").wantPage(t, http.StatusOK, "通知渠道", "还没有通知渠道", "添加渠道", "邮件", "钉钉机器人")
	owner.post("/channels", "kind", "email", "name", "值班邮箱", "address", "duty@example.com", "language", "zh", "enabled", "1").
		wantRedirect(t, "/channels?done=made")
	e.clock.Advance(time.Minute)
	made := owner.post("/channels", "kind", "webhook", "name", "our hook", "address", "https://example.com/hook?token=geheim", "language", "en", "enabled", "1")
	made.wantPage(t, http.StatusOK, "只显示这一次")
	if !strings.Contains(made.body, `value="whsec_`) {
		t.Error("no secret is shown")
	}
	// Sent again, by a reload or a second click, it makes no other channel: every alert would go out twice.
	again := owner.post("/channels", "kind", "webhook", "name", "our hook", "address", "https://example.com/hook?token=geheim", "language", "en", "enabled", "1")
	again.wantPage(t, http.StatusUnprocessableEntity, "当前项目已有相同类型和地址的渠道")
	owner.post("/channels", "kind", "email", "name", "twice", "address", "duty@example.com", "language", "zh", "enabled", "1").
		wantPage(t, http.StatusUnprocessableEntity, "当前项目已有相同类型和地址的渠道")
	page := owner.get("/channels")
	if n := strings.Count(page.body, `formaction="/channels/test"`) + strings.Count(page.body, `action="/channels/test"`); n != 2 {
		t.Errorf("there are %d channels, want 2", n)
	}
	page.wantPage(t, http.StatusOK, "值班邮箱", "duty@example.com", "our hook", "https://example.com/hook", "更换密钥")
	for _, secret := range []string{"whsec_", "geheim"} {
		if strings.Contains(page.body, secret) {
			t.Errorf("the list shows %s", secret)
		}
	}
	refused := owner.post("/channels", "kind", "dingtalk", "name", "", "address", "http://127.0.0.1/", "language", "zh")
	refused.wantPage(t, http.StatusUnprocessableEntity, "地址不正确", "请填写名称")
	if _, value, _ := refused.field("address"); value != "http://127.0.0.1/" {
		t.Errorf("the field holds %q, want what was typed", value)
	}

	id := regexp.MustCompile(`href="/channels/(ch_[^"]+)"`).FindStringSubmatch(page.body)[1]
	owner.get("/channels/"+id).wantPage(t, http.StatusOK, "修改通知渠道", "留空则保持现有地址")
	owner.post("/channels/"+id, "name", "night duty", "language", "en", "enabled", "1").wantRedirect(t, "/channels?done=saved")
	owner.post("/channels/test", "channel", id).wantRedirect(t, "/deliveries?done=test")
	owner.get("/deliveries?done=test").wantPage(t, http.StatusOK, "测试已发出", "通知记录")
	owner.post("/channels/"+id, "name", "night duty", "language", "en").wantRedirect(t, "/channels?done=saved")
	owner.post("/channels/test", "channel", id).wantPage(t, http.StatusConflict, "该渠道已停用")
	owner.post("/channels/remove", "channel", id).wantRedirect(t, "/channels?done=removed")
	owner.get("/channels/"+id).wantPage(t, http.StatusNotFound)

	viewer := e.signIn(taocan.Viewer)
	page = viewer.get("/channels")
	page.wantPage(t, http.StatusOK, "our hook", "只有所有者可以管理")
	if _, _, there := page.field("address"); there {
		t.Error("a viewer is offered to add a channel")
	}
	viewer.post("/channels", "kind", "email", "name", "x", "address", "x@example.com", "language", "zh").wantPage(t, http.StatusForbidden)
	other := e.signInAs(otherTenant.Account, "stranger", taocan.Owner)
	hook := regexp.MustCompile(`value="(ch_[^"]+)"`).FindStringSubmatch(owner.get("/channels").body)[1]
	other.get("/channels/"+hook).wantPage(t, http.StatusNotFound)
	other.post("/channels/remove", "channel", hook).wantPage(t, http.StatusNotFound)
	other.post("/channels/rotate", "channel", hook).wantPage(t, http.StatusNotFound)
	if rotated := owner.post("/channels/rotate", "channel", hook); !strings.Contains(rotated.body, `value="whsec_`) {
		t.Error("a rotation shows no new secret")
	}
}

func TestRulesOfEveryKindAreAddedReplacedAndRemoved(t *testing.T) {
	e := newEnv(t)
	owner := e.signIn(taocan.Owner)
	owner.get("/alerts").wantPage(t, http.StatusOK, "更多规则")
	owner.get("/alerts/rules").wantPage(t, http.StatusOK, "还没有告警规则")
	warned := owner.get("/alerts")
	warned.wantPage(t, http.StatusOK, "没有启用的通知渠道", "不会通知任何人")
	if to := warned.link("设置通知渠道"); to != "/channels" {
		t.Errorf("the warning leads to %q", to)
	}
	owner.post("/alerts/rules", "watch", "percent", "target", "domestic-marketing", "threshold", "10").wantRedirect(t, "/alerts/rules?done=saved")
	alone := owner.get("/alerts/rules")
	alone.wantPage(t, http.StatusOK, "没有启用的通知渠道", "剩余低于 10% 无渠道")
	alone.lacks(t, "全部渠道")
	owner.post("/channels", "kind", "email", "name", "duty", "address", "duty@example.com", "language", "zh", "enabled", "1").wantRedirect(t, "/channels?done=made")
	owner.get("/alerts").lacks(t, "没有启用的通知渠道")
	for _, rule := range [][2]string{{"percent", "20"}, {"days", "7"}, {"usage_day", "5,000"}, {"usage_month", "100000"}, {"expiring", "30"}, {"forecast", ""}} {
		owner.post("/alerts/rules", "watch", rule[0], "target", "domestic-marketing", "threshold", rule[1]).wantRedirect(t, "/alerts/rules?done=saved")
	}
	owner.post("/alerts/rules", "watch", "percent", "target", "domestic-marketing", "threshold", "30").wantRedirect(t, "/alerts/rules?done=saved")
	page := owner.get("/alerts/rules")
	page.wantPage(t, http.StatusOK, "剩余低于 30%", "可用少于 7 天", "当日用量超过 5,000 条", "当月用量超过 100,000 条", "30 天内到期且有剩余", "预测用完或到期浪费前 30、7、1 天", "全部渠道")
	if strings.Contains(page.body, "20%") {
		t.Error("the rule was not replaced")
	}
	owner.post("/alerts/rules", "watch", "percent", "target", "domestic-marketing", "threshold", "101").
		wantPage(t, http.StatusUnprocessableEntity, "请输入合适的整数")
	owner.post("/alerts", "target", "domestic-marketing", "threshold.domestic-marketing", "1000", "enabled.domestic-marketing", "1").
		wantRedirect(t, "/alerts?done=saved")
	owner.get("/alerts/rules").wantPage(t, http.StatusOK, "剩余低于 1,000 条", "剩余低于 30%")
	owner.post("/alerts/rules/test", "rule", "domestic-marketing").wantRedirect(t, "/deliveries?done=test")
	owner.post("/alerts/rules/remove", "rule", "domestic-marketing-percent").wantRedirect(t, "/alerts/rules?done=removed")
	if strings.Contains(owner.get("/alerts/rules").body, "30%") {
		t.Error("the rule was not removed")
	}
	e.signIn(taocan.Viewer).post("/alerts/rules", "watch", "days", "target", "domestic-marketing", "threshold", "3").wantPage(t, http.StatusForbidden)
}
