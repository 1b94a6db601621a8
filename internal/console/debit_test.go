package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"taocan/internal/packages"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// reserve is a reservation of marketing messages for an hour.
func reserve(id string, q taocan.Segments, end taocan.OnDeadline) store.Op {
	op := take(id, taocan.Marketing, q)
	op.Request.Kind, op.Request.TTL, op.Request.OnDeadline = taocan.KindReservation, time.Hour, end
	return op
}

func settle(kind store.OpKind, id string, q taocan.Segments) store.Op {
	return store.Op{Tenant: demoTenant, Kind: kind, ID: taocan.DebitID(id), Quantity: q}
}

func TestADebitIsExplained(t *testing.T) {
	e := newEnv(t)
	grant := func(key string, p taocan.Purpose) {
		t.Helper()
		_, _, err := e.packages.Grant(t.Context(), taocan.System(), demoTenant, key, []byte(key),
			packages.GrantRequest{Category: taocan.Domestic, Purpose: p, Quantity: 500, Reason: "test"})
		e.must(err)
	}
	grant("g", taocan.General)
	grant("v", taocan.Verification)
	op := take("order-7", taocan.Marketing, 120)
	op.Request.Reference = "campaign-3"
	e.do(op)
	b := e.signIn(taocan.Viewer)
	page := b.get("/debits/order-7")
	page.wantPage(t, http.StatusOK, "order-7", "发送系统请求扣减国内短信（会员营销）120 条，请求成功，已从套餐包扣除。", "先用同用途的套餐包，再用通用套餐包",
		"由 2 个套餐包共同支付", "排在后面的 1 个套餐包还有余量，没有用到。", "campaign-3", "直接扣减")
	var verdicts []string
	for n := range page.doc().Descendants() {
		if v := attributesOf(n)["data-verdict"]; v != "" {
			verdicts = append(verdicts, v)
		}
	}
	// Both marketing packages, as they expire; the general one would have been next; verification never pays for marketing.
	if got := strings.Join(verdicts, " "); got != "used used not_needed other_purpose" {
		t.Errorf("verdicts %q", got)
	}
	page.wantPage(t, http.StatusOK, "轮到它时有余量，被全部用完", "轮到它时有余量", "排在前面的套餐包已经够用", "验证通知套餐包不支付会员营销短信")
	b.english().get("/debits/order-7").wantPage(t, http.StatusOK, "On 2021-04-01", "asked for a debit (Domestic SMS, Marketing) of 120. It was taken from the packages.",
		"Verification packages do not pay for Marketing messages", "2 packages paid together")
}

func TestWhatBecameOfAReservationIsTold(t *testing.T) {
	e := newEnv(t)
	e.do(reserve("open", 1, taocan.CommitOnDeadline), reserve("part", 10, ""), reserve("back", 4, ""), reserve("late", 5, ""), reserve("late-used", 6, taocan.CommitOnDeadline))
	e.do(settle(store.OpCommit, "part", 7), settle(store.OpRelease, "back", 0))
	b := e.signIn(taocan.Viewer)
	b.get("/debits/open").wantPage(t, http.StatusOK, "预留 open", "预留中", "请求预留国内短信（会员营销）1 条", "尚未结算。期限为 2021-04-01 13:00:00。", "自动确认为已使用")
	b.get("/debits/part").wantPage(t, http.StatusOK, "已扣减", "发送系统确认已使用 7 条。", "其余 3 条退回原套餐包。", "先预留后结算")
	b.get("/debits/back").wantPage(t, http.StatusOK, "已释放", "发送系统释放了预留，4 条全部退回原套餐包，没有扣费。")
	b.get("/debits?state=reserved").wantPage(t, http.StatusOK, "open", "late")
	e.clock.Advance(2 * time.Hour)
	_, err := e.engine.Sweep(t.Context())
	e.must(err)
	late := b.get("/debits/late")
	late.wantPage(t, http.StatusOK, "已释放", "的期限时无人结算，自动释放，5 条全部退回原套餐包，没有扣费。")
	late.lacks(t, "已过期，退回的条数")
	b.get("/debits/late-used").wantPage(t, http.StatusOK, "已扣减", "无人结算，按预留时的约定，自动确认为已使用，共 6 条。")
	b.get("/debits?state=reserved").lacks(t, ">open<", ">late<")
	b.english().get("/debits/late").wantPage(t, http.StatusOK, "Nobody had settled it by its deadline, 2021-04-01 13:00:00, so it was released: all 5 returned, nothing was charged.")

	e.do(reserve("over", 3, "")) // returns to what has expired by then
	e.clock.Set(e.pkg("U1B19042914D4FE7").ExpiresAt.Add(time.Hour))
	_, err = e.engine.Sweep(t.Context())
	e.must(err)
	e.signIn(taocan.Viewer).get("/debits/over").wantPage(t, http.StatusOK, "其中有套餐包在退回时已过期，退回的条数不能再使用。")
}

// TestWhatCameBackIsNotShownAsTaken: a list and an explanation once said that a reservation took all that it had set aside.
func TestWhatCameBackIsNotShownAsTaken(t *testing.T) {
	e := newEnv(t)
	e.do(reserve("part", 20, ""), reserve("back", 2, ""), reserve("open", 3, ""), take("plain", taocan.Marketing, 4))
	e.do(settle(store.OpCommit, "part", 5), settle(store.OpRelease, "back", 0))
	b := e.signIn(taocan.Viewer)
	english := e.signIn(taocan.Viewer)
	english.english()
	has := func(row string, words ...string) {
		t.Helper()
		for _, w := range words {
			if !strings.Contains(row, w) {
				t.Errorf("%q lacks %q", row, w)
			}
		}
	}
	number := "U1B19042914389DC" // the first in turn pays for everything
	if to := b.get("/usage").link("扣减记录"); to != "/debits" {
		t.Errorf("the menu leads to debits at %q", to)
	}
	list, of := b.get("/debits"), b.get("/debits?package="+number)
	has(list.row("part"), "5 预留 20，退回 15", number, "已扣减")
	has(list.row("back"), "0 预留 2，退回 2", "—", "已释放")
	has(list.row("open"), "3 "+number, "预留中")
	has(of.row("part"), "5 预留 20，退回 15 5 预留 20，退回 15")
	has(of.row("back"), "0 预留 2，退回 2 0 预留 2，退回 2")
	has(b.get("/package/"+number).row("part 会员营销"), "5 预留 20，退回 15 5 预留 20，退回 15")
	has(english.get("/debits").row("part"), "5 of 20 set aside; 15 returned", "Taken")

	part := b.get("/debits/part")
	has(part.row(number), "5 预留 20，退回 15 使用")
	part.wantPage(t, http.StatusOK, "预留了全部 20 条", "预留条数", "扣减(条)")
	part.lacks(t, "支付了全部")
	has(b.get("/debits/back").row(number), "0 预留 2，退回 2 已退回")
	open := b.get("/debits/open")
	has(open.row(number), "3 已预留")
	open.wantPage(t, http.StatusOK, "预留(条)")
	b.get("/debits/plain").wantPage(t, http.StatusOK, "支付了全部 4 条")
}

// TestDebitsWithAwkwardIDsHaveTheirPages: an id is any visible ASCII, and every list leads to the page of each.
func TestDebitsWithAwkwardIDsHaveTheirPages(t *testing.T) {
	e := newEnv(t)
	ids := []string{"a/b", "/", "..", ".", "../../x", "%2F", "a?b#c", "100%", `"<i>`, "a//b", "+1", "export.csv"}
	for _, id := range ids {
		e.do(take(id, taocan.Marketing, 1))
	}
	b := e.signIn(taocan.Viewer)
	list := b.get("/debits")
	for _, id := range ids {
		to := list.link(id)
		for n := range list.doc().Descendants() { // the link whose whole text is the id
			if n.Data == "a" && n.FirstChild != nil && n.FirstChild.Data == id {
				to = attributesOf(n)["href"]
			}
		}
		// As a browser sends it: no step to another folder is left in the path.
		if u, err := url.Parse(to); err != nil || strings.Contains(u.EscapedPath()+"/", "/../") || strings.Contains(strings.ToLower(u.EscapedPath())+"/", "/%2e%2e/") {
			t.Errorf("%s: a browser would not go to %s", id, to)
		}
		if got := b.get(to); got.status != http.StatusOK || !strings.Contains(got.text(), "扣减 "+id) {
			t.Errorf("%s at %s: %d\n%.600s", id, to, got.status, got.main())
		}
		found := b.get("/debits?id=" + url.QueryEscape(id))
		if found.status == http.StatusSeeOther {
			found = b.get(found.header.Get("Location"))
		}
		if found.status != http.StatusOK || !strings.Contains(found.text(), "扣减 "+id) {
			t.Errorf("%s searched for: %d\n%.600s", id, found.status, found.main())
		}
	}
}

func TestDebitsAreFiltered(t *testing.T) {
	e := newEnv(t)
	e.do(take("early", taocan.Marketing, 1))
	e.clock.Advance(24 * time.Hour)
	for i := range 50 {
		e.do(take("m-"+time.Duration(i).String(), taocan.Marketing, 1))
	}
	b := e.signIn(taocan.Viewer)
	first := b.get("/debits?purpose=marketing")
	first.wantPage(t, http.StatusOK, "m-49ns", "更早的记录")
	first.lacks(t, "early")
	second := b.get(first.link("更早的记录"))
	second.wantPage(t, http.StatusOK, "early", "回到最新")
	if _, value, _ := second.field("purpose"); value != "marketing" {
		t.Errorf("the second page is filtered by purpose %q, want marketing", value)
	}
	one := b.get("/debits?from=2021-04-01&until=2021-04-01")
	one.wantPage(t, http.StatusOK, "early")
	one.lacks(t, "m-1ns")
	b.get("/debits?package=U1B19042914389DC&category=domestic").wantPage(t, http.StatusOK, "m-49ns", "本套餐包(条)")
	b.get("/debits?purpose=verification").wantPage(t, http.StatusOK, "没有符合条件的扣减", "清除条件")
	b.get("/debits?category=international").wantPage(t, http.StatusOK, "没有符合条件的扣减")
	b.get("/debits?commit=99").wantPage(t, http.StatusOK, "没有符合条件的扣减")

	bad := b.get("/debits?from=2021-04-02&until=2021-04-01&package=U1&state=committed")
	bad.wantPage(t, http.StatusUnprocessableEntity, "开始日期不能晚于结束日期", "套餐包编号格式不正确")
	for name, want := range map[string]string{"from": "2021-04-02", "until": "2021-04-01", "package": "U1", "state": "committed"} {
		at, value, _ := bad.field(name)
		if value != want || name != "state" && name != "until" && at["aria-invalid"] != "true" {
			t.Errorf("%s: %q, aria-invalid %q; want what was typed, and the fault named", name, value, at["aria-invalid"])
		}
	}
	b.get("/debits?from=today").wantPage(t, http.StatusUnprocessableEntity, "请输入正确的日期")
	unknown := b.get("/debits?id=nobody")
	unknown.wantPage(t, http.StatusOK, "没有找到这个编号")
	if _, value, _ := unknown.field("id"); value != "nobody" {
		t.Errorf("the id typed became %q", value)
	}
	for _, query := range []string{"purpose=x", "state=x", "category=x", "commit=0", "commit=x", "cursor=x", "id=m-1&at=x"} {
		b.get("/debits?"+query).wantPage(t, http.StatusUnprocessableEntity, "请求有误")
	}
	e.signInAs("other", "other-owner", taocan.Owner).get("/debits").wantPage(t, http.StatusOK, "还没有扣减")
}

func TestUsagePage(t *testing.T) {
	e := newEnv(t)
	e.do(take("m-1", taocan.Marketing, 20))
	e.clock.Advance(24 * time.Hour)
	e.do(take("m-2", taocan.Marketing, 35))
	b := e.signIn(taocan.Viewer)
	page := b.get("/usage")
	page.wantPage(t, http.StatusOK, "2021-03-04 至 2021-04-02 共用 55 条", "2021-04-01", "2021-04-02", "会员营销",
		"余量预测", "预计到期失效的套餐包", "U1B19042914D4FE7", "用完之前就会到期")
	if n := strings.Count(page.body, `class="chart-bar`); n != 2 {
		t.Errorf("%d bars, want one for each of two days", n)
	}
	page.lacks(t, "style=")
	b.get("/usage?from=2021-04-01&until=2021-04-01").wantPage(t, http.StatusOK, "共用 20 条")
	b.get("/usage?category=international").wantPage(t, http.StatusOK, "这段时间没有用量", "没有可预测的套餐包")
	b.english().get("/usage").wantPage(t, http.StatusOK, "2021-03-04 to 2021-04-02: 55 used", "Domestic SMS · Marketing", "Packages that will expire unused")

	b = e.signIn(taocan.Viewer)
	for query, want := range map[string]string{"from=x&until=2021-04-01": "请输入正确的日期", "from=2021-04-02&until=2021-04-01": "开始日期不能晚于结束日期",
		"from=2020-01-01&until=2021-04-01": "最多查询 366 天"} {
		bad := b.get("/usage?" + query)
		bad.wantPage(t, http.StatusUnprocessableEntity, want)
		typed, _ := url.ParseQuery(query)
		if _, value, _ := bad.field("from"); value != typed.Get("from") {
			t.Errorf("%s: the field says %q", query, value)
		}
	}
	b.get("/usage?category=lunar").wantPage(t, http.StatusUnprocessableEntity)
}

func TestTabsOfCategoriesShowWhatWasCharged(t *testing.T) {
	e := newEnv(t)
	granted, _, err := e.packages.Grant(t.Context(), taocan.System(), demoTenant, "g", []byte("g"),
		packages.GrantRequest{Category: taocan.International, Country: "MY", Quantity: 500, Reason: "test"})
	e.must(err)
	abroad := take("abroad", taocan.General, 12)
	abroad.Request.Category, abroad.Request.Country = taocan.International, "MY"
	e.do(take("home", taocan.Marketing, 20), abroad)
	b := e.signIn(taocan.Viewer)
	home := b.get("/sms/domestic")
	home.wantPage(t, http.StatusOK, "home", "签名、模板、发送任务和发送记录由发送系统管理", "共用 20 条")
	home.lacks(t, "abroad", "按国家/地区")
	for name, want := range map[string]string{"month": "20", "lately": "20", "left": "130"} {
		if got := home.figure(name); got != want {
			t.Errorf("%s is %q, want %s", name, got, want)
		}
	}
	there := b.get("/sms/international")
	there.wantPage(t, http.StatusOK, "abroad", "马来西亚 MY", "488", string(granted.Number))
	there.lacks(t, ">home<")
	b.english().get("/sms/international").wantPage(t, http.StatusOK, "Malaysia MY", "International messages used")
	e.signInAs("other", "other-owner", taocan.Owner).get("/sms/domestic").wantPage(t, http.StatusOK, "近 30 天没有从套餐包扣减短信。", "还没有扣减")
}

func TestTheUsagePageSaysWhatWasRefused(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Viewer)
	b.get("/usage").wantPage(t, http.StatusOK, "没有被拒绝的扣减", "当前记录始于")
	op := take("m-refused", taocan.Marketing, 151)
	if _, err := e.engine.Do(t.Context(), []store.Op{op}); err != nil {
		t.Fatal(err)
	}
	b.get("/usage").wantPage(t, http.StatusOK, "剩余条数不足：1 次", "m-refused", "国内短信 · 会员营销", "剩余条数不足（可用 150 条）")
	b.english().get("/usage").wantPage(t, http.StatusOK, "Debits refused in the last 24 hours", "not enough left: 1", "not enough left (150 available)")
	e.signInAs("other", "other-owner", taocan.Owner).get("/usage").wantPage(t, http.StatusOK, "没有被拒绝的扣减")
}
