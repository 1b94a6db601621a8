package browser

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDemoShowsTheExample(t *testing.T) {
	t.Parallel()
	p := open(t, zh, desktop)
	p.signIn()
	p.says("#balance-title", "国内总剩余量")
	p.says("#total-remaining", "150")
	if diff := cmp.Diff([]string{"0 条 验证码&通知", "150 条 会员营销", "0 条 通用类"}, p.list(".balance-cell")); diff != "" {
		t.Errorf("the cells (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"验证码&通知-套餐包 未设置余量告警!", "会员营销-套餐包 未设置余量告警!", "通用类-套餐包 未设置余量告警!"}, p.list(".alert-rows li")); diff != "" {
		t.Errorf("the alerts (-want +got):\n%s", diff)
	}
	want := []string{
		"5000条 通用 5,000 0 额度用尽",
		"5000条 通用 5,000 0 额度用尽",
		"5000条 通用 5,000 0 额度用尽",
		"10万条 验证通知 100,000 0 额度用尽",
		"国内短信包(通用) 通用 946 0 额度用尽",
		"国内短信包(验证通知) 验证通知 100 0 额度用尽",
		"国内短信包(营销推广) 会员营销 100 50 有效",
		"国内短信包(营销推广) 会员营销 100 100 有效",
		"国内短信包(验证通知) 验证通知 100 0 额度用尽",
	}
	got := p.rows()
	for i := range got {
		got[i] = strings.Join(slices.Delete(strings.Fields(got[i])[1:], 4, 5), " ") // without number and date
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the list (-want +got):\n%s", diff)
	}
	p.shot("demo-domestic")

	p.click("=国际及港澳台套餐包")
	p.at("/packages/international")
	p.says("#balance-title", "国际总剩余量")
	p.says("#total-remaining", "400")
	if diff := cmp.Diff([]string{"全部通用类-套餐包 未设置余量告警!"}, p.list(".alert-rows li")); diff != "" {
		t.Errorf("the alerts (-want +got):\n%s", diff)
	}
	if rows := p.rows(); len(rows) != 4 {
		t.Errorf("the international list has %d rows, want 4: %q", len(rows), rows)
	}
	p.see("马来西亚", "美国", "新加坡")
}

// rows are the lines of the list of packages.
func (p *page) rows() []string {
	p.t.Helper()
	p.seeAt("#live-rows tr")
	return p.list("#live-rows tr:not(.no-rows)")
}

// column is one column of the list of packages, from 1.
func (p *page) column(n int) []string {
	p.t.Helper()
	p.seeAt("#live-rows tr")
	return p.list(fmt.Sprintf("#live-rows tr:not(.no-rows) td:nth-child(%d)", n))
}

// asks waits until a parameter of the address has this value; an empty one is none.
func (p *page) asks(name, value string) {
	p.t.Helper()
	p.until("asks for "+name+"="+value, `(new URLSearchParams(location.search).get(%s) || "") === %s && document.readyState === "complete"`, name, value)
}

// importPackages brings count more packages of 1,000 messages into the demo, all bought before those that it has. Half of them are
// for marketing; the n-th has n × 10 left.
func (d *demo) importPackages(count int) {
	d.t.Helper()
	var file strings.Builder
	file.WriteString("套餐包编号,套餐包名称,短信用途,短信总量(条),短信剩余量(条),到期时间,状态\n")
	bought, expires := time.Now().AddDate(0, -10, 0).Format("06010215"), time.Now().AddDate(0, 2, 0).Format(time.DateOnly)
	for n := 1; n <= count; n++ {
		letter, purpose := "A", "验证通知"
		if n%2 == 0 {
			letter, purpose = "B", "会员营销"
		}
		fmt.Fprintf(&file, "U1%s%s%05X,国内短信包(%s),%s,1000,%d,%s,有效\n", letter, bought, n, purpose, purpose, n*10, expires)
	}
	report := d.call("POST", "/v1/operator/projects/demo/packages/import?snapshot_at="+time.Now().Add(-time.Minute).UTC().Format(time.RFC3339), d.OperatorToken, file.String())
	if report["imported"] != float64(count) {
		d.t.Fatalf("imported %v of %d packages: %v", report["imported"], count, report)
	}
}

// TestListLivesInTheAddress: sort, filters, search, page and page size are in the URL, combine, and survive reload and back.
func TestListLivesInTheAddress(t *testing.T) {
	t.Parallel()
	p := open(t, zh, desktop)
	p.demo.importPackages(25) // with the demo's own 34
	p.signIn()
	p.see("共 34 条")
	if n := len(p.rows()); n != 10 {
		t.Errorf("a page has %d rows, want 10", n)
	}

	p.click("th:nth-child(5) a.sort") // what is left, most first
	p.at("/packages/domestic?sort=-remaining")
	p.click("th:nth-child(5) a.sort") // least first
	p.at("/packages/domestic?sort=remaining")
	p.back()
	p.at("/packages/domestic?sort=-remaining")
	sorted := p.column(5)
	if diff := cmp.Diff([]string{"250", "240", "230", "220", "210", "200", "190", "180", "170", "160"}, sorted); diff != "" {
		t.Errorf("sorted by what is left (-want +got):\n%s", diff)
	}

	p.click("th:nth-child(3) summary")
	p.click("th:nth-child(3) input[value=marketing]")
	p.click("th:nth-child(3) form button")
	p.asks("purpose", "marketing")
	p.see("共 14 条")
	p.click("th:nth-child(7) summary")
	p.click("th:nth-child(7) input[value=active]")
	p.click("th:nth-child(7) form button")
	p.asks("status", "active")
	if q := p.query(); q.Get("sort") != "-remaining" || q.Get("purpose") != "marketing" || q.Get("status") != "active" {
		t.Errorf("sort and two filters make the address %v", q)
	}
	if diff := cmp.Diff([]string{"240", "220", "200", "180", "160", "140", "120", "100", "100", "80"}, p.column(5)); diff != "" {
		t.Errorf("sorted and filtered (-want +got):\n%s", diff)
	}
	p.shot("packages-filtered")

	p.click("nav.pager a[aria-label=下一页]")
	p.asks("page", "2")
	before := p.rows()
	p.reload()
	if diff := cmp.Diff(before, p.rows()); diff != "" {
		t.Errorf("after a reload (-want +got):\n%s", diff)
	}
	p.back()
	p.asks("page", "")
	if n := len(p.rows()); n != 10 {
		t.Errorf("back on page 1 there are %d rows, want 10", n)
	}

	p.click("=清除条件")
	p.at("/packages/domestic")
	p.choose(".pager-size select", "20")
	p.asks("per_page", "20")
	if n := len(p.rows()); n != 20 {
		t.Errorf("a page of 20 has %d rows", n)
	}
	p.fill(".pager-jump input", "2")
	p.enter()
	p.asks("page", "2")
	if q, n := p.query(), len(p.rows()); n != 14 || q.Get("per_page") != "20" {
		t.Errorf("page 2 of 20 has %d rows at %v, want 14", n, q)
	}

	p.fill("input[name=q]", "10万")
	p.enter()
	p.asks("q", "10万")
	if rows := p.rows(); len(rows) != 1 || !strings.Contains(rows[0], "10万条") {
		t.Errorf("a search for 10万 finds %q", rows)
	}
	p.fill("input[name=q]", "没有这个")
	p.enter()
	p.asks("q", "没有这个")
	p.see("没有符合条件的套餐包")
	p.shot("packages-none-found")

	// An address with everything in it, as somebody passes it on.
	p.visit("/packages/domestic?sort=number&purpose=verification&purpose=marketing&status=active&q=U1A&per_page=10&page=2")
	if n := len(p.rows()); n != 3 {
		t.Errorf("page 2 of 13 packages has %d rows, want 3", n)
	}
}
