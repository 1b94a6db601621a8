package console_test

import (
	"archive/zip"
	"encoding/csv"
	"io"
	"net/http"
	"strings"
	"testing"

	"taocan/internal/packages"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// take is a debit of domestic messages.
func take(id string, p taocan.Purpose, q taocan.Segments) store.Op {
	return store.Op{Tenant: demoTenant, Kind: store.OpTake, Request: taocan.DebitRequest{ID: taocan.DebitID(id), Kind: taocan.KindDebit,
		Category: taocan.Domestic, Purpose: p, Quantity: q}}
}

// do runs debits in one commit; all of them succeed.
func (e *env) do(ops ...store.Op) []store.Outcome {
	e.t.Helper()
	outcomes, err := e.engine.Do(e.t.Context(), ops)
	e.must(err)
	for i, o := range outcomes {
		if o.Err != nil {
			e.t.Fatalf("debit %s: %v", ops[i].Request.ID, o.Err)
		}
	}
	return outcomes
}

// buy pays for a custom package of demo.
func (e *env) buy(p taocan.Purpose, q taocan.Segments) taocan.Order {
	e.t.Helper()
	ctx := e.t.Context()
	agreement, err := e.catalog.Agreement(ctx)
	e.must(err)
	actor := taocan.Actor{Tenant: demoTenant, Scopes: []taocan.Scope{taocan.ScopeBuy}}
	ord, _, err := e.orders.Create(ctx, actor, string(p), []byte(p), taocan.Purchase{Kind: taocan.Custom, Category: taocan.Domestic, Purpose: p, Quantity: q}, agreement.Version)
	e.must(err)
	ord, _, err = e.orders.Pay(ctx, actor, string(p), []byte(p), ord.ID, "")
	e.must(err)
	return ord
}

func TestPackagePageTellsAnImportedPackagesStory(t *testing.T) {
	e := newEnv(t)
	e.do(take("m-1", taocan.Marketing, 20))
	page := e.signIn(taocan.Viewer).get("/package/U1B19042914389DC")
	page.wantPage(t, http.StatusOK, "U1B19042914389DC", "国内短信包(营销推广)", "会员营销", "有效", "2021-04-29", "还有 28 天",
		"由运营从其他系统导入，以 2021-04-01 00:00:00 的余量为准。", "导入时剩余 100 条，此前已用 0 条。",
		"此前 7 天（不含今天）同用途的套餐包没有用量。照此下去，2021-04-29 到期时剩余的 80 条将全部失效。", "按 2021-04-01 12:00:00 的余量推算。", "扣减", "导入", "-20", "m-1", "已扣减")
	for name, want := range map[string]string{"total": "100", "remaining": "80", "reserved": "0", "used": "20"} {
		if got := page.figure(name); got != want {
			t.Errorf("%s is %q, want %s", name, got, want)
		}
	}
	if got := page.figure("adjusted"); got != "" {
		t.Errorf("adjusted is shown as %q although nothing was", got)
	}
	english := e.signIn(taocan.Viewer).english().get("/package/U1B19042914389DC")
	english.wantPage(t, http.StatusOK, "Domestic package (Marketing)", "in 28 days", "Then 100 messages were left and 0 had been used.",
		"when it expires on 2021-04-29 all 80 left will be lost", "Debited", "Taken")

	exhausted := e.signIn(taocan.Viewer).get("/package/U1A1906171957076")
	exhausted.wantPage(t, http.StatusOK, "额度用尽", "已全部用完，到期时不会有余量失效。", "还没有扣减")
	e.clock.Set(e.pkg("U1B19042914389DC").ExpiresAt)
	e.signIn(taocan.Viewer).get("/package/U1B19042914389DC").wantPage(t, http.StatusOK, "已过期", "已过期 1 天", "已于 2021-04-29 到期，剩余 80 条已失效，不能再使用。")
}

func (e *env) pkg(n taocan.PackageNumber) taocan.Package {
	e.t.Helper()
	x, err := e.packages.Get(e.t.Context(), demoTenant, n)
	e.must(err)
	return x
}

// figure is one of the large numbers of a page.
func (a answer) figure(name string) string {
	for n := range a.doc().Descendants() {
		if attributesOf(n)["data-figure"] == name {
			for inner := range n.Descendants() {
				if inner.Data == "strong" && inner.FirstChild != nil {
					return inner.FirstChild.Data
				}
			}
		}
	}
	return ""
}

func TestPackagePageTellsWhatWasPaidAndAdjusted(t *testing.T) {
	e := newEnv(t)
	ord := e.buy(taocan.Verification, 1000)
	number := ord.Packages[0]
	system := taocan.System()
	_, _, err := e.packages.Adjust(t.Context(), system, number, "a", []byte("a"), -100, "counted twice")
	e.must(err)
	page := e.signIn(taocan.Viewer).get("/package/" + string(number))
	page.wantPage(t, http.StatusOK, "购买所得，订单", string(ord.ID), "¥44.00", "赠送账户", "调整", "-100", "counted twice", "发放")
	if !strings.Contains(page.body, `href="/orders/`+string(ord.ID)+`"`) {
		t.Error("the page does not lead to the order")
	}
	if got := page.figure("adjusted"); got != "-100" {
		t.Errorf("adjusted is %q, want -100", got)
	}
	if strings.Contains(page.main(), "代金券") {
		t.Error("the page speaks of a voucher although none paid")
	}

	granted, _, err := e.packages.Grant(t.Context(), system, demoTenant, "g", []byte("g"), packages.GrantRequest{Category: taocan.International, Country: "MY", Quantity: 100, Reason: "<b>sorry</b>"})
	e.must(err)
	page = e.signIn(taocan.Viewer).get("/package/" + string(granted.Number))
	page.wantPage(t, http.StatusOK, "由运营于 2021-04-01 12:00:00 赠送", "<b>sorry</b>", "马来西亚 MY")
	if strings.Contains(page.body, "<b>sorry") {
		t.Error("a reason is taken for HTML")
	}
}

func TestPackagesOfOthersDoNotExist(t *testing.T) {
	e := newEnv(t)
	granted, _, err := e.packages.Grant(t.Context(), taocan.System(), otherTenant, "g", []byte("g"), packages.GrantRequest{Category: taocan.Domestic, Purpose: taocan.Marketing, Quantity: 100, Reason: "test"})
	e.must(err)
	member, operator := e.signIn(taocan.Owner), e.signIn(taocan.OperatorRole)
	for _, path := range []string{"/package/" + string(granted.Number), "/package/U1B19042914D4FE8", "/package/x", "/package/" + string(granted.Number) + "/entries.csv",
		"/package/" + string(granted.Number) + "/entries.xlsx", "/debits/nothing", "/debits/nothing?at=1", "/packages/lunar/export.csv", "/sms/lunar"} {
		if page := member.get(path); page.status != http.StatusNotFound || page.header.Get("Content-Disposition") != "" {
			t.Errorf("%s: %d, want the page for 404", path, page.status)
		}
		if page := operator.get(path); page.status != http.StatusNotFound {
			t.Errorf("%s asked by an operator: %d, want 404", path, page.status)
		}
		if page := e.stranger().get(path); page.status != http.StatusSeeOther {
			t.Errorf("%s asked by nobody: %d, want to be led to the login", path, page.status)
		}
	}
}

func TestStatementGoesBackPageByPageAndOpensIntoDebits(t *testing.T) {
	e := newEnv(t)
	for i := range 20 {
		e.do(take("one-"+string(rune('a'+i)), taocan.Marketing, 1))
	}
	e.do(take("pair/1", taocan.Marketing, 1), take("pair/2", taocan.Marketing, 2))
	b := e.signIn(taocan.Viewer)
	b.get("/package/U1B19042914D4FE7").wantPage(t, http.StatusOK, "共 1 条流水") // expires as soon and was bought as early, but its number is higher
	first := b.get("/package/U1B19042914389DC")
	first.wantPage(t, http.StatusOK, "共 22 条流水", "更早的流水", "查看 2 笔", "one-t")
	first.lacks(t, "导入 +100", "回到最新")
	older := b.get(first.link("更早的流水"))
	older.wantPage(t, http.StatusOK, "回到最新", "导入", "one-a")
	if got := strings.Count(older.byID("live-entries"), "扣减"); got != 2 { // a line, and the column's name
		t.Errorf("%d mentions of debits on the second page, want the oldest one", got)
	}
	pair := b.get(first.link("查看 2 笔"))
	pair.wantPage(t, http.StatusOK, "pair/1", "pair/2", "仅显示流水中同一笔的扣减")
	pair.lacks(t, "one-t")
	b.get(pair.link("pair/2")).wantPage(t, http.StatusOK, "pair/2", "会员营销")
	b.get(first.link("one-t")).wantPage(t, http.StatusOK, "one-t")
	b.get("/package/U1B19042914389DC?cursor=nonsense").wantPage(t, http.StatusUnprocessableEntity, "请求有误")
}

// TestAPageDrawnAnewForLiveFiguresLeavesTheForecastOut: it costs most, and does not change with a debit.
func TestAPageDrawnAnewForLiveFiguresLeavesTheForecastOut(t *testing.T) {
	e := newEnv(t)
	page := e.signIn(taocan.Viewer).get("/package/U1B19042914D4FE7", "HX-Request", "true")
	page.wantPage(t, http.StatusOK)
	page.lacks(t, "照此下去", "已于 2021-04-29 到期")
	for _, id := range []string{"live-figures", "live-entries", "live-debits"} {
		if page.byID(id) == "" {
			t.Errorf("#%s is missing: an open page would not be refreshed", id)
		}
	}
}

func TestExportsAreInThePagesLanguageAndAsFiltered(t *testing.T) {
	e := newEnv(t)
	e.do(take("=1+1", taocan.Marketing, 20))
	b := e.signIn(taocan.Viewer)
	lines := b.get("/packages/domestic/export.csv?status=active&sort=number").csv(t, "packages-domestic.csv")
	want := []string{"套餐包编号,套餐包名称,短信用途,短信总量(条),短信剩余量(条),到期时间,状态",
		"U1B19042914389DC,国内短信包(营销推广),会员营销,100,80,2021-04-29,有效",
		"U1B19042914D4FE7,国内短信包(营销推广),会员营销,100,50,2021-04-29,有效"}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if lines := b.get("/packages/international/export.csv").csv(t, "packages-international.csv"); len(lines) != 1 || !strings.HasSuffix(lines[0], ",国家/地区") {
		t.Errorf("international: %q, want a header with the country", lines)
	}
	lines = b.get("/package/U1B19042914389DC/entries.csv").csv(t, "entries.csv")
	if len(lines) != 3 || lines[0] != "时间,类型,变动(条),变动后剩余(条),预留变动(条),变动后预留(条),扣减笔数,关联编号或说明" ||
		!strings.HasSuffix(lines[1], ",扣减,-20,80,0,0,1,'=1+1") || lines[2] != "2021-04-01 00:00:00.000000,导入,100,100,0,0,0," {
		t.Errorf("statement:\n%s", strings.Join(lines, "\n"))
	}
	lines = b.get("/usage/export.csv?from=2021-04-01").csv(t, "usage.csv")
	if len(lines) != 2 || lines[0] != "日期,短信类别,短信用途,国家/地区,用量(条)" || lines[1] != "2021-04-01,国内短信,会员营销,,20" {
		t.Errorf("usage:\n%s", strings.Join(lines, "\n"))
	}

	b = b.english()
	lines = b.get("/packages/domestic/export.csv?q=D4FE7&purpose=marketing&q=U1B19042914D").csv(t, "packages-domestic.csv")
	if len(lines) != 1 { // the first q counts
		t.Errorf("searched: %q", lines)
	}
	lines = b.get("/packages/domestic/export.csv?q=U1B19042914D").csv(t, "packages-domestic.csv")
	if len(lines) != 2 || lines[1] != "U1B19042914D4FE7,Domestic package (Marketing),Marketing,100,50,2021-04-29,Active" {
		t.Errorf("in English: %q", lines)
	}
	for _, path := range []string{"/packages/domestic/export.xlsx", "/package/U1B19042914D4FE7/entries.xlsx", "/usage/export.xlsx"} {
		file := b.get(path)
		if _, err := zip.NewReader(strings.NewReader(file.body), int64(len(file.body))); err != nil || file.status != http.StatusOK {
			t.Errorf("%s: %d, %v; want a workbook", path, file.status, err)
		}
	}
	for _, path := range []string{"/packages/domestic/export.csv?status=lost", "/usage/export.csv?from=x", "/usage/export.xlsx?category=lunar"} {
		if page := b.get(path); page.status != http.StatusUnprocessableEntity || page.header.Get("Content-Disposition") != "" {
			t.Errorf("%s: %d, want a page for 422", path, page.status)
		}
	}
}

// csv is a file's lines, checked to be a CSV file of that name.
func (a answer) csv(t *testing.T, name string) []string {
	t.Helper()
	if got, want := a.header.Get("Content-Disposition"), `attachment; filename="`+name+`"`; a.status != http.StatusOK || got != want {
		t.Fatalf("got %d with %q, want 200 with %q\n%.500s", a.status, got, want, a.body)
	}
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(a.body, "\ufeff")))
	var lines []string
	for {
		record, err := r.Read()
		if err == io.EOF {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.Join(record, ","))
	}
}
