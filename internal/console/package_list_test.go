package console_test

import (
	"strings"
	"testing"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

func pagingOf(limit int) store.Paging { return store.Paging{Limit: limit} }

func TestThePackageList(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Viewer)
	page := b.get("/packages/domestic")
	page.wantPage(t, 200, "国内总剩余量 150 条", "0 条 验证码&通知", "150 条 会员营销", "0 条 通用类", "套餐包购买记录",
		"验证码&通知-套餐包 未设置余量告警!", "会员营销-套餐包 未设置余量告警!", "通用类-套餐包 未设置余量告警!", "共 9 条", "10 条/页", "/1")
	if n := strings.Count(page.body, "额度用尽</span>"); n != 7+1 { // one is the filter's
		t.Errorf("%d times 额度用尽, want 7 rows and the filter", n)
	}
	b.get("/packages/international").wantPage(t, 200, "国际总剩余量 0 条", "全部通用类-套餐包 未设置余量告警!", "还没有套餐包")
	b.english().get("/packages/domestic").wantPage(t, 200, "Domestic messages left 150 messages", "5,000 messages", "Domestic package (Marketing)", "100,000 messages", "Used up")
}

func TestListsAreWhatTheirAddressSays(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Viewer)
	rows := func(query string) string {
		t.Helper()
		page := b.get("/packages/domestic?" + query)
		page.wantPage(t, 200)
		var numbers []string
		for _, part := range strings.Split(page.body, `data-copy="`)[1:] {
			numbers = append(numbers, part[:strings.Index(part, `"`)])
		}
		return strings.Join(numbers, " ")
	}
	for query, want := range map[string]string{
		"purpose=marketing": "U1B19042914D4FE7 U1B19042914389DC",
		"purpose=marketing&purpose=verification&sort=-total&per_page=10": "U1A1906171957076 U1B19042914D4FE7 U1B19042914389DC U1A1904291445AFF U1A190422231E4FE",
		"status=active&sort=remaining":                                   "U1B19042914D4FE7 U1B19042914389DC",
		"q=u1a1904":                                                      "U1A1904291445AFF U1A190422231E4FE",
		"q=营销":                                                           "U1B19042914D4FE7 U1B19042914389DC",
		"sort=number&per_page=20&q=U1G":                                  "U1G1905081936229 U1G1906171935CC7 U1G190617194C8E1 U1G1906171982DF8",
		"status=expired":                                                 "",
	} {
		if got := rows(query); got != want {
			t.Errorf("%s lists %q, want %q", query, got, want)
		}
	}
	// A link changes one thing and keeps the rest.
	body := b.get("/packages/domestic?purpose=marketing&per_page=20&q=U1B").body
	for _, want := range []string{`href="/packages/domestic?per_page=20&amp;purpose=marketing&amp;q=U1B&amp;sort=-total"`,
		`href="/packages/domestic/export.csv?purpose=marketing&amp;q=U1B"`} {
		if !strings.Contains(body, want) {
			t.Errorf("there is no %s", want)
		}
	}
	b.get("/packages/domestic?purpose=nonsense").wantPage(t, 422)
	for path, name := range map[string]string{"/orders?state=foo": "state", "/packages/domestic?sort=foo": "sort", "/packages/domestic?page=x&q=1": "page"} {
		bad := b.get(path)
		bad.wantPage(t, 422, "地址中的参数 "+name+" 不正确")
		if to, _, _ := strings.Cut(path, "?"); bad.link("打开不带参数的页面") != to {
			t.Errorf("%s leads to %q", path, bad.link("打开不带参数的页面"))
		}
	}
	b.get("/packages/domestic?q="+strings.Repeat("x", 256)).wantPage(t, 200, "没有符合条件的套餐包")
	b.get("/packages/domestic?q="+strings.Repeat("x", 257)).wantPage(t, 422)
	b.get("/packages/domestic?q=%3Cscript%3E").lacks(t, "<script>alert")
}

func TestAlertsAreSeenOnTheList(t *testing.T) {
	e := newEnv(t)
	set := []taocan.AlertRule{
		{Category: taocan.Domestic, Purpose: taocan.Marketing, Threshold: 200, Enabled: true},
		{Category: taocan.Domestic, Purpose: taocan.General, Threshold: 5, Enabled: false},
		{Category: taocan.International, Purpose: taocan.General, Threshold: 1, Enabled: true},
	}
	owner := e.signIn(taocan.Owner)
	actor, err := e.access.Authenticate(t.Context(), owner.session(), "")
	e.must(err)
	_, err = e.alerts.Set(t.Context(), actor, set)
	e.must(err)
	owner.get("/packages/domestic").wantPage(t, 200, "验证码&通知-套餐包 未设置余量告警!", "会员营销-套餐包 余量不足：低于 200 条 剩余 150 条", "告警已停用（低于 5 条）")
	owner.get("/packages/international").wantPage(t, 200, "余量不足：低于 1 条")
}
