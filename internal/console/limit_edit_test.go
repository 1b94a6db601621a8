package console_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"taocan/internal/access"
	"taocan/internal/taocan"
)

// limitList is demo's: "domestic marketing day 5 10".
func (e *env) limitList() (list []string) {
	e.t.Helper()
	all, err := e.limits.List(e.t.Context(), demoTenant)
	e.must(err)
	for _, x := range all {
		list = append(list, fmt.Sprintf("%s%s%s %s %d %d", x.Category, x.Purpose, x.Country, x.Period, x.Warning, x.Cap))
	}
	return list
}

// limitForm is the form's rows: target, period, warning and cap in turn.
func limitForm(rows ...string) []string {
	var form []string
	for i := 0; i+3 < len(rows); i += 4 {
		form = append(form, "target", rows[i], "period", rows[i+1], "warning", rows[i+2], "cap", rows[i+3])
	}
	return form
}

func TestLimitsAreSetShownAndRemoved(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Owner)
	b.get("/limits").wantPage(t, http.StatusOK, "用量限制", "套餐用完后", "账号下没有其他项目")
	b.post("/limits", limitForm("domestic-marketing", "day", "5", "1,000", "international--HK", "month", "", "7", "domestic", "day", "", "")...).
		wantRedirect(t, "/limits?done=saved")
	if got, want := e.limitList(), []string{"domesticmarketing day 5 1000", "internationalHK month 0 7"}; !slices.Equal(got, want) {
		t.Errorf("limits are %v, want %v", got, want)
	}
	page := b.get("/limits?done=saved")
	page.wantPage(t, http.StatusOK, "用量限制已保存", "国际及港澳台短信 · 中国香港 HK")
	if n := strings.Count(page.body, `name="cap"`); n != 3 {
		t.Errorf("the form has %d rows, want two and one to add", n)
	}
	b.post("/limits", limitForm("domestic-marketing", "day", "", "")...).wantRedirect(t, "/limits?done=saved")
	if got := e.limitList(); len(got) > 0 {
		t.Errorf("emptied rows left %v", got)
	}
	b.english().get("/limits").wantPage(t, http.StatusOK, "Usage limits", "When packages have run out", "The account has no other project")
}

func TestARefusedLimitKeepsWhatWasTyped(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Owner)
	for _, tt := range []struct{ target, warning, cap, text string }{
		{"domestic", "many", "", "请输入 1 到 1,000,000,000,000 的整数"},
		{"domestic", "", "0", "请输入 1 到 1,000,000,000,000 的整数"},
		{"domestic", "17", "17", "提醒值必须小于上限"},
		{"lunar", "3", "", "对象和周期不正确"},
		{"domestic-verification", "3", "", "与另一行重复"},
	} {
		page := b.post("/limits", limitForm("domestic-verification", "day", "", "77", tt.target, "day", tt.warning, tt.cap)...)
		page.wantPage(t, http.StatusUnprocessableEntity, "没有保存任何修改", tt.text)
		for _, typed := range []string{"77", tt.warning + tt.cap} {
			if len(typed) < 4 && !strings.Contains(page.body, `value="`+typed+`"`) {
				t.Errorf("%+v: the page forgot %q", tt, typed)
			}
		}
	}
	if got := e.limitList(); len(got) > 0 {
		t.Errorf("refused forms wrote %v", got)
	}
}

func TestOverflowIsSetByAmount(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Owner)
	_, err := e.limits.PublishPrice(t.Context(), taocan.System(), taocan.OverflowPrice{Category: taocan.Domestic, Purpose: taocan.Marketing, Price: 600})
	e.must(err)
	b.get("/limits").wantPage(t, http.StatusOK, "会员营销：0.060 元/条", "尚未公布单价")
	b.post("/limits/overflow", "cap.domestic", "12.50", "cap.international", "").wantRedirect(t, "/limits?done=overflow#overflow")
	b.get("/limits").wantPage(t, http.StatusOK, "本月已花费 ¥0.00")
	for _, typed := range []string{"0", "many", "1.234", "10000000.01"} {
		page := b.post("/limits/overflow", "cap.domestic", typed)
		page.wantPage(t, http.StatusUnprocessableEntity, "没有保存任何修改", "请输入 0.01 到 ¥10,000,000.00 的金额")
		if at, got, _ := page.field("cap.domestic"); got != typed || at["aria-invalid"] != "true" {
			t.Errorf("the field holds %q with %v, want %q, marked", got, at, typed)
		}
	}
	b.post("/limits/overflow", "cap.domestic", "").wantRedirect(t, "/limits?done=overflow#overflow")
	if list, err := e.limits.Overflows(t.Context(), demoTenant); err != nil || len(list) > 0 {
		t.Errorf("an emptied amount left %v, %v", list, err)
	}
}

func TestOtherProjectsPackagesAreShared(t *testing.T) {
	e := newEnv(t)
	for _, id := range []taocan.ProjectID{"shop", "web"} {
		_, err := e.access.CreateProject(t.Context(), taocan.System(), access.ProjectRequest{ID: id, Account: "demo"})
		e.must(err)
	}
	b := e.signIn(taocan.Owner)
	pool := func() []taocan.ProjectID {
		got, err := e.limits.Pool(t.Context(), demoTenant)
		e.must(err)
		return got
	}
	b.get("/limits").wantPage(t, http.StatusOK, "也可使用这些项目的套餐", "shop", "web")
	b.post("/limits/pool", "project", "shop").wantRedirect(t, "/limits?done=pool#pool")
	b.post("/limits/pool", "project", "web", "project", "shop").wantRedirect(t, "/limits?done=pool#pool")
	if got := pool(); !slices.Equal(got, []taocan.ProjectID{"shop", "web"}) { // what paid before stays first
		t.Errorf("the pool is %v", got)
	}
	b.post("/limits/pool", "project", "other").wantPage(t, http.StatusUnprocessableEntity, "选择的项目不正确")
	b.post("/limits/pool").wantRedirect(t, "/limits?done=pool#pool")
	if got := pool(); len(got) > 0 {
		t.Errorf("the pool is %v after none was ticked", got)
	}
}

func TestOnlyOwnersChangeLimits(t *testing.T) {
	e := newEnv(t)
	e.signIn(taocan.Owner).post("/limits", limitForm("domestic", "day", "", "9")...).wantRedirect(t, "/limits?done=saved")
	for _, role := range []taocan.Role{taocan.Finance, taocan.Viewer} {
		b := e.signIn(role)
		page := b.get("/limits")
		page.wantPage(t, http.StatusOK, "只有所有者可以修改", "国内短信", "每日")
		if strings.Contains(page.body, `action="/limits`) {
			t.Errorf("%s is offered a form", role)
		}
		for _, path := range []string{"/limits", "/limits/overflow", "/limits/pool"} {
			b.post(path).wantPage(t, http.StatusForbidden, "没有权限")
		}
	}
	if got := len(e.limitList()); got != 1 {
		t.Errorf("%d limits are left, want one", got)
	}
}
