package console_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"taocan/internal/taocan"
)

// topUps of demo: "domestic-marketing 151 100 5.00 on".
func (e *env) topUpList() (list []string) {
	e.t.Helper()
	all, err := e.topUps.List(e.t.Context(), demoTenant)
	e.must(err)
	for _, x := range all {
		on := "on"
		if !x.Enabled {
			on = "off"
		}
		list = append(list, fmt.Sprint(x.ID(), " ", x.Level, " ", x.Quantity, " ", x.MonthCap, " ", on))
	}
	return list
}

// topUpForm is a card's form as a browser sends it, with some fields changed; names and values in turn.
func topUpForm(changes ...string) []string {
	values := map[string]string{"target": "domestic-marketing", "level": "151", "quantity": "100", "month_cap": "5", "cooldown": "60", "enabled": "1", "agreed": "sample-1"}
	for i := 0; i < len(changes); i += 2 {
		values[changes[i]] = changes[i+1]
	}
	var form []string
	for k, v := range values {
		form = append(form, k, v)
	}
	return form
}

func TestAnAutomaticPurchaseIsSetBuysAndIsRemoved(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Finance)
	page := b.get("/top-ups")
	page.wantPage(t, http.StatusOK, "自动购买", "国内短信 · 验证通知", "国内短信 · 会员营销", "未设置", "暂无自动购买记录")
	b.post("/top-ups", topUpForm("quantity", "1,00")...).wantRedirect(t, "/top-ups?done=saved#domestic-marketing")
	b.post("/top-ups", topUpForm("target", "domestic-verification", "enabled", "", "agreed", "", "level", "7")...).wantRedirect(t, "/top-ups?done=saved#domestic-verification")
	want := []string{"domestic-verification 7 100 5.00 off", "domestic-marketing 151 100 5.00 on"}
	if got := e.topUpList(); !slices.Equal(got, want) {
		t.Errorf("set are %v, want %v", got, want)
	}
	b.get("/top-ups?done=saved").wantPage(t, http.StatusOK, "自动购买设置已保存", "等待购买", "已停用", "¥0.00 / 上限 ¥5.00")

	_, err := e.topUps.Step(t.Context())
	e.must(err)
	page = b.get("/top-ups")
	page.wantPage(t, http.StatusOK, "余量充足", "¥4.40 / 上限 ¥5.00", "已购买", "最早下次购买")
	b.post("/top-ups/remove", "target", "domestic-marketing").wantRedirect(t, "/top-ups?done=removed")
	if got := e.topUpList(); !slices.Equal(got, want[:1]) {
		t.Errorf("after one was removed there are %v, want %v", got, want[:1])
	}
	b.get("/top-ups?done=removed").wantPage(t, http.StatusOK, "自动购买已移除", "已购买") // the history stays
	b.english().get("/top-ups").wantPage(t, http.StatusOK, "Automatic purchases", "Not set", "Bought")
}

func TestAFailedAutomaticPurchaseSaysWhy(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Owner)
	b.post("/top-ups", topUpForm("quantity", "3000000", "month_cap", "108000")...).wantRedirect(t, "/top-ups?done=saved#domestic-marketing")
	_, err := e.topUps.Step(t.Context())
	e.must(err)
	b.get("/top-ups").wantPage(t, http.StatusOK, "购买失败", "账户可用余额不足", "最早下次购买")
	b.english().get("/top-ups").wantPage(t, http.StatusOK, "Failed", "The account does not have enough money")
}

func TestARefusedAutomaticPurchaseKeepsWhatWasTyped(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Owner)
	for _, tt := range []struct{ field, typed, text string }{
		{"level", "many", "请输入 1 到 1,000,000,000 的整数"},
		{"quantity", "150", "100 的整数倍"},
		{"month_cap", "4.39", "至少要够一次购买，目前为 ¥4.40"},
		{"month_cap", "4.401", "最多两位小数"},
		{"cooldown", "4", "请输入 5 到 43200 的整数"},
		{"cooldown", "999999999999", "请输入 5 到 43200 的整数"},
	} {
		page := b.post("/top-ups", topUpForm(tt.field, tt.typed)...)
		page.wantPage(t, http.StatusUnprocessableEntity, "没有保存任何修改", tt.text)
		if !strings.Contains(page.main(), tt.typed) && !strings.Contains(page.body, `value="`+tt.typed+`"`) {
			t.Errorf("%s: the page forgot %q", tt.field, tt.typed)
		}
	}
	b.post("/top-ups", topUpForm("agreed", "")...).wantPage(t, http.StatusUnprocessableEntity, "请先阅读并同意服务协议")
	b.post("/top-ups", topUpForm("target", "lunar-jokes")...).wantPage(t, http.StatusUnprocessableEntity, "没有保存任何修改")
	if got := e.topUpList(); len(got) > 0 {
		t.Errorf("refused forms wrote %v", got)
	}
}

func TestACountryGetsACardAndItsForm(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Owner)
	b.get("/top-ups?country=HK").wantPage(t, http.StatusOK, "国际及港澳台短信 · 中国香港 HK")
	b.post("/top-ups", topUpForm("target", "international-general-HK", "month_cap", "39.70")...).wantRedirect(t, "/top-ups?done=saved#international-general-HK")
	b.get("/top-ups?country=ZZ").wantPage(t, http.StatusOK, "国际及港澳台短信 · 中国香港 HK")
	if got, want := e.topUpList(), []string{"international-general-HK 151 100 39.70 on"}; !slices.Equal(got, want) {
		t.Errorf("set are %v, want %v", got, want)
	}
}

func TestViewersOnlyLookAtAutomaticPurchases(t *testing.T) {
	e := newEnv(t)
	e.signIn(taocan.Owner).post("/top-ups", topUpForm()...).wantRedirect(t, "/top-ups?done=saved#domestic-marketing")
	b := e.signIn(taocan.Viewer)
	page := b.get("/top-ups")
	page.wantPage(t, http.StatusOK, "只有所有者和财务可以设置自动购买", "低于 151 条时购买 100 条")
	if strings.Contains(page.body, `name="level"`) {
		t.Error("a viewer is offered a form")
	}
	b.post("/top-ups", topUpForm()...).wantPage(t, http.StatusForbidden, "没有权限")
	b.post("/top-ups/remove", "target", "domestic-marketing").wantPage(t, http.StatusForbidden, "没有权限")
	if got := len(e.topUpList()); got != 1 {
		t.Errorf("%d are set, want one", got)
	}
}
