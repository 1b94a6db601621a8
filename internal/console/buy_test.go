package console_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"taocan/internal/order"
	"taocan/internal/taocan"
)

// purchase is a filled-in form; change replaces or adds fields.
func purchase(change ...string) []string {
	fields := []string{"key", "form-1", "category", "domestic", "kind", "custom", "purpose", "verification", "hundreds", "10", "agreed", "sample-1"}
	for i := 0; i < len(change); i += 2 {
		found := false
		for j := 0; j < len(fields); j += 2 {
			if fields[j] == change[i] {
				fields[j+1], found = change[i+1], true
			}
		}
		if !found {
			fields = append(fields, change[i], change[i+1])
		}
	}
	return fields
}

func (e *env) orderCount() int {
	e.t.Helper()
	page, err := e.orders.Orders(e.t.Context(), demoTenant, "", pagingOf(100))
	e.must(err)
	return len(page.Items)
}

func TestWhatAPurchaseCosts(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Finance)
	script := []string{"HX-Request", "true"}
	for _, tt := range []struct {
		query string
		want  []string
	}{
		{"category=domestic", []string{"4.40 元", "12个月", "提示：最少购买数量100条", "我已阅读并同意", "服务协议"}},
		{"category=domestic&kind=custom&purpose=verification&hundreds=10", []string{"44 元", "12个月", "2022-04-01", "0.044 元/条"}},
		{"category=domestic&kind=custom&purpose=verification&hundreds=950", []string{"4,180 元", "购买 100,000 条只需 4,000 元，比当前便宜 180 元。", "改为购买 100,000 条"}},
		{"category=domestic&kind=fixed", []string{"250 元", "国内短信包5千条(验证通知)", "国内短信包10万条(验证通知)", "套餐包数量"}},
		{"category=domestic&kind=fixed&product=verification-300k&count=2", []string{"23,400 元", "共 600,000 条"}},
		{"category=international&kind=custom&hundreds=1", []string{"39.70 元", "中国香港 HK", "通用"}},
		{"category=international&kind=fixed", []string{"这类套餐目前没有在售"}},
		{"category=domestic&hundreds=0", []string{"—", "最少购买数量100条"}},
		{"category=domestic&hundreds=1.5", []string{"—", "请输入整数"}},
		{"category=domestic&hundreds=", []string{"—", "请输入整数"}},
		{"category=domestic&hundreds=99999999999999999999", []string{"—", "请输入整数"}},
		{"category=domestic&hundreds=100001", []string{"—", "超过单次购买的上限"}},
		{"category=nonsense&kind=nonsense&purpose=nonsense&country=nonsense", []string{"4.40 元"}},
	} {
		b.get("/buy?"+tt.query, script...).wantPage(t, 200, tt.want...)
	}
	// Without script the dialog stands on the list's page.
	b.get("/packages/domestic?buy=1&purpose=marketing&hundreds=50").wantPage(t, 200, "购买套餐包", "220 元", "国内总剩余量")
	if at, _, _ := b.get("/packages/domestic?buy=1&purpose=marketing&hundreds=50").field("hundreds"); at["value"] != "50" || at["type"] != "number" {
		t.Errorf("the deep link fills in %v", at)
	}
	b.english().get("/buy?category=domestic&hundreds=950", script...).wantPage(t, 200, "100,000 messages cost only 4,000 yuan: 180 yuan less.", "12 months")
}

func TestARefusedPurchaseKeepsWhatWasTyped(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Owner)
	for _, tt := range []struct {
		name   string
		change []string
		field  string
		want   string
	}{
		{"the box is not ticked", []string{"agreed", ""}, "agreed", "请先阅读并同意服务协议"},
		{"the agreement has changed", []string{"agreed", "old"}, "agreed", "服务协议已更新"},
		{"too few", []string{"hundreds", "0"}, "hundreds", "最少购买数量100条"},
		{"no number", []string{"hundreds", "ten"}, "hundreds", "请输入整数"},
		{"too many packages", []string{"kind", "fixed", "product", "verification-5k", "count", "101"}, "count", "数量须为 1 到 100 的整数"},
	} {
		got := b.post("/orders", purchase(tt.change...)...)
		got.wantPage(t, 422, tt.want, "购买套餐包")
		if tt.field != "agreed" {
			if _, value, _ := got.field(tt.field); value != tt.change[len(tt.change)-1] {
				t.Errorf("%s: the form now says %q", tt.name, value)
			}
		}
		if _, key, _ := got.field("key"); key != "form-1" {
			t.Errorf("%s: the form's key became %q", tt.name, key)
		}
	}
	if n := e.orderCount(); n != 0 {
		t.Errorf("%d orders were made", n)
	}
	b.english().post("/orders", purchase("agreed", "")...).wantPage(t, 422, "Please read and accept the service agreement first")
	_, err := e.access.SetLevel(t.Context(), taocan.System(), "demo", taocan.Personal)
	e.must(err)
	b.post("/orders", purchase("purpose", "marketing")...).wantPage(t, 422, "verified as an enterprise first")
}

func TestAFormMakesOneOrder(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Owner)
	first := b.post("/orders", purchase()...)
	for range 3 {
		b.post("/orders", purchase()...).wantRedirect(t, first.header.Get("Location"))
	}
	// Gone back to and changed, it is another order.
	if other := b.post("/orders", purchase("hundreds", "20")...); other.status != http.StatusSeeOther || other.header.Get("Location") == first.header.Get("Location") {
		t.Errorf("the changed form led to %d %q", other.status, other.header.Get("Location"))
	}
	if n := e.orderCount(); n != 2 {
		t.Errorf("%d orders, want 2", n)
	}
}

func TestPaying(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Finance)
	payment := b.post("/orders", purchase()...).header.Get("Location")
	show, paid := strings.TrimSuffix(payment, "/payment"), strings.Replace(payment, "/payment", "/paid", 1)
	b.get(payment).wantPage(t, 200, "支付确认", "购买", "短信包", "一次性", "暂无券", "¥44.00", "待支付", "订单数量 1", "当前账户余额 ¥18.70", "赠送账户 ¥79,640.03",
		"信用额度 ¥0.00", "(以最终支付价格为准)", "确认支付", "24:00:00")
	b.get(paid).wantRedirect(t, show)
	b.post(payment, "key", "pay-1", "voucher", "").wantRedirect(t, paid)
	b.post(payment, "key", "pay-1", "voucher", "").wantRedirect(t, paid) // a double click
	b.post(payment, "key", "pay-2", "voucher", "").wantRedirect(t, paid) // another tab
	b.get(payment).wantRedirect(t, show+"?notice=paid")                  // the back button
	b.get(show+"?notice=paid").wantPage(t, 200, "这个订单已经支付，没有重复扣款。", "再次购买", "finance")
	b.get(show+"?notice=<script>").lacks(t, "<script>alert", "&lt;script")
	b.get(paid).wantPage(t, 200, "支付成功", "支付成功， 9 秒后返回来源页", "返回来源页（ 9 ）", "U1A210401")
	b.get("/packages/domestic").wantPage(t, 200, "国内总剩余量 1,150 条")
	wallet, err := e.orders.Wallet(t.Context(), "demo")
	e.must(err)
	if wallet.Gift != 7_964_003-4400 {
		t.Errorf("gift is %s: charged more than once", wallet.Gift)
	}
	b.get("/orders?state=paid").wantPage(t, 200, "已支付", "¥44.00")
	b.get("/orders?state=closed").wantPage(t, 200, "没有符合条件的订单")
	b.get("/orders?state=nonsense").wantPage(t, 422)
}

func TestPayingByVoucher(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Owner)
	for _, amount := range []taocan.Fen{500, 1000} {
		_, err := e.orders.IssueVouchers(t.Context(), taocan.System(), order.VoucherIssue{Account: "demo", Count: 1, Amount: amount, ValidUntil: e.clock.Now().AddDate(0, 1, 0)})
		e.must(err)
	}
	payment := b.post("/orders", purchase()...).header.Get("Location")
	page := b.get(payment)
	page.wantPage(t, 200, "有 2 张代金券可用，最多可抵扣 ¥10.00", "不使用代金券")
	if best, five := strings.Index(page.body, "抵扣 ¥10.00"), strings.Index(page.body, "抵扣 ¥5.00"); best < 0 || five < best {
		t.Error("the best voucher is not offered first")
	}
	vouchers, err := e.orders.UsableVouchers(t.Context(), demoTenant, taocan.OrderID(strings.Split(payment, "/")[2]))
	e.must(err)
	best := string(vouchers[0].ID)
	b.get(payment+"?voucher="+best).wantPage(t, 200, "代金券 ¥10.00", "还需支付 ¥34.00", "赠送账户 ¥34.00")
	b.get(payment+"?voucher=V404").wantPage(t, 422, "代金券不存在")
	b.post(payment, "key", "k", "voucher", "V404").wantPage(t, 422, "代金券不存在")
	b.post(payment, "key", "k", "voucher", best).wantRedirect(t, strings.Replace(payment, "/payment", "/paid", 1))
	again := b.post("/orders", purchase("key", "form-2")...).header.Get("Location")
	b.get(again+"?voucher="+best).wantPage(t, 422, "代金券已使用", "有 1 张代金券可用")
	b.post(again, "key", "k2", "voucher", best).wantPage(t, 422, "代金券已使用")
}

func TestNotEnoughMoney(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Owner)
	payment := b.post("/orders", purchase("hundreds", "100000")...).header.Get("Location") // 360,000.00
	short := b.get(payment)
	short.wantPage(t, 200, "余额不足，还差 ¥280,341.27", "没有扣除任何款项", "可用于支付", "还差 ¥280,341.27")
	short.lacks(t, "本次支付将扣除") // it takes nothing
	b.post(payment, "key", "k", "voucher", "").wantPage(t, 409, "还差 ¥280,341.27")
	wallet, err := e.orders.Wallet(t.Context(), "demo")
	e.must(err)
	if wallet.Gift != 7_964_003 || wallet.Cash != 1870 {
		t.Errorf("the refused payment took something: %+v", wallet)
	}
	_, _, err = e.orders.TopUp(t.Context(), taocan.System(), "demo", order.WalletChange{Key: "more", ContentHash: make([]byte, 32), Amount: 28_034_127, Reference: "bank-2"})
	e.must(err)
	b.post(payment, "key", "k", "voucher", "").wantRedirect(t, strings.Replace(payment, "/payment", "/paid", 1)) // the same form
}

func TestUnpaidOrders(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Owner)
	payment := b.post("/orders", purchase()...).header.Get("Location")
	show := strings.TrimSuffix(payment, "/payment")
	b.get("/orders").wantPage(t, 200, "待支付", "去支付", "国内短信 · 自定义套餐 · 验证通知 · 1,000 条")
	b.post(show+"/cancel").wantRedirect(t, show+"?notice=cancelled")
	b.post(show+"/cancel").wantRedirect(t, show+"?notice=cancelled")
	b.get(show).wantPage(t, 200, "已取消")
	b.post(payment, "key", "k").wantRedirect(t, show+"?notice=cancelled")

	payment = b.post("/orders", purchase("key", "form-2")...).header.Get("Location")
	show = strings.TrimSuffix(payment, "/payment")
	e.clock.Advance(24*time.Hour + time.Second)
	b = e.signIn(taocan.Owner)
	b.get(payment).wantRedirect(t, show+"?notice=closed")
	b.post(payment, "key", "k").wantRedirect(t, show+"?notice=closed")
	b.get(show).wantPage(t, 200, "已关闭", "订单超时未支付，已自动关闭")
	b.post(show+"/cancel").wantRedirect(t, show+"?notice=closed")
	b.english().get("/orders").wantPage(t, 200, "Closed", "Domestic SMS · custom · Verification · 1,000 messages")
}

func TestTheAgreement(t *testing.T) {
	e := newEnv(t)
	_, err := e.catalog.PublishAgreement(t.Context(), taocan.System(), "v2", "# 协议\n\n<script>alert(1)</script> [x](javascript:alert(1))\n\n**不退款**")
	e.must(err)
	got := e.stranger().get("/agreement")
	got.wantPage(t, 200, "协议", "不退款", "v2")
	got.lacks(t, "<script>alert", "javascript:")
}

func TestTheDialogSaysOnceWhatIsWrong(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Owner)
	few := b.get("/packages/domestic?buy=1&hundreds=0")
	few.wantPage(t, http.StatusOK, "最少购买数量100条")
	if n := strings.Count(few.text(), "最少购买数量100条"); n != 1 {
		t.Errorf("the minimum is said %d times, want once", n)
	}
	none := b.get("/packages/international?buy=1&kind=fixed")
	none.wantPage(t, http.StatusOK, "这类套餐目前没有在售")
	none.lacks(t, "请选择套餐包", `class="field-error"`)
}
