package browser

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAlertIsSet: unset in red, then set, then low, and seen so in a window that nobody has touched.
func TestAlertIsSet(t *testing.T) {
	t.Parallel()
	p := open(t, zh, desktop)
	p.signIn()
	other := p.another()
	other.visit("/packages/domestic")
	p.click(".card-alerts .btn")
	p.at("/alerts")
	threshold := func(id string) string { return "input[name='threshold." + id + "']" }
	p.mayLog("status of 422")
	p.gone("input[name='enabled.domestic-marketing']") // nothing is on without a threshold
	p.see("没有启用的通知渠道")
	p.fill(threshold("domestic-marketing"), "很多")
	p.seeAt("input[name='enabled.domestic-marketing']")
	p.enter()
	p.seeAt("#error-domestic-marketing")
	p.until("keeps what was typed", `$(%s).value === "很多"`, threshold("domestic-marketing"))
	p.shot("alerts-refused")
	p.fill(threshold("domestic-marketing"), "100")
	p.click("#alerts-save")
	p.until("is set", `document.readyState === "complete" && $("#state-domestic-marketing .is-ok")`)
	p.reload()
	p.until("stays set", `$(%s).value === "100"`, threshold("domestic-marketing"))
	other.visit("/packages/domestic")
	other.says("[data-alert=domestic-marketing]", "会员营销-套餐包 低于 100 条时告警")

	p.demo.call("POST", "/v1/projects/demo/debits", p.demo.Token, object{"id": "m-1", "category": "domestic", "purpose": "marketing", "quantity": 60})
	other.says("#total-remaining", "90")
	other.says("[data-alert=domestic-marketing]", "会员营销-套餐包 余量不足：低于 100 条 剩余 90 条")
	p.seeAt("#state-domestic-marketing .is-low") // this page watches, too
	want := []string{"验证码&通知-套餐包 未设置余量告警!", "会员营销-套餐包 余量不足：低于 100 条 剩余 90 条", "通用类-套餐包 未设置余量告警!"}
	if diff := cmp.Diff(want, other.list(".alert-rows li")); diff != "" {
		t.Errorf("the alerts (-want +got):\n%s", diff)
	}
}

// TestPackageTellsItsStory from what was bought and paid to who has used it, and why.
func TestPackageTellsItsStory(t *testing.T) {
	t.Parallel()
	p := open(t, zh, desktop)
	p.signIn()
	p.dialog()
	p.custom("10", "44")
	p.order()
	number := p.pay()[0]
	p.demo.call("POST", "/v1/projects/demo/debits", p.demo.Token, object{"id": "otp-1", "category": "domestic", "purpose": "verification", "quantity": 300,
		"reference": "log-in"})
	p.click(".numbers a")
	p.at("/package/" + number)
	p.see(number, "¥44.00", "验证通知", "有效")
	p.until("shows 700 left of 1,000", `["1,000", "700", "300"].every(n => $("#live-figures").innerText.includes(n))`)
	p.until("shows both entries", `document.querySelectorAll("#live-entries tbody tr").length === 2`)
	if first := p.list("#live-entries tbody tr")[0]; !strings.Contains(first, "300") || !strings.Contains(first, "700") {
		t.Errorf("the newest entry is %q, want 300 taken and 700 left", first)
	}

	// While somebody looks, more is used.
	p.demo.call("POST", "/v1/projects/demo/debits", p.demo.Token, object{"id": "otp-2", "category": "domestic", "purpose": "verification", "quantity": 50})
	p.until("shows 650 left", `$("#live-figures").innerText.includes("650")`)
	p.shot("package-story")
	p.click("#live-debits a[href*=otp-1]")
	p.atLike("/debits/otp-1")
	p.see("otp-1", "log-in", number, "300")
	p.shot("debit-explained")
	p.visit("/wallet")
	p.see("¥79,596.03", "¥18.70")
	p.shot("wallet-after")
}

// TestOnAPhone: the pages fit, and the menu works.
func TestOnAPhone(t *testing.T) {
	t.Parallel()
	p := open(t, zh, phone)
	p.signIn()
	for _, path := range []string{"/packages/international", "/orders", "/wallet", "/alerts", "/settings"} {
		p.visit(path)
		p.until("fits", `document.documentElement.scrollWidth <= innerWidth`)
	}
	p.click(".console-tools summary")
	p.shot("menu")
	p.click("=退出登录")
	p.at("/login")
	p.visit("/packages/domestic")
	p.at("/login?next=%2Fpackages%2Fdomestic")
}

// TestLiveFiguresLeaveTheRestAlone: what is drawn again while somebody looks is what has changed. A button drawn again between pressing
// and letting go would lose the click.
func TestLiveFiguresLeaveTheRestAlone(t *testing.T) {
	t.Parallel()
	p := open(t, zh, desktop)
	p.signIn()
	p.until("comes to rest", `!document.querySelector(".htmx-request")`)
	p.get(`(window.before = ["#live-cards .btn-primary", ".card-alerts .btn", "#live-alerts li", "#live-pager a"].map(s => document.querySelector(s)), "")`)
	p.demo.call("POST", "/v1/projects/demo/debits", p.demo.Token, object{"id": "m-1", "category": "domestic", "purpose": "marketing", "quantity": 7})
	p.says("#total-remaining", "143")
	if diff := cmp.Diff([]string{"0 条 验证码&通知", "143 条 会员营销", "0 条 通用类"}, p.list(".balance-cell")); diff != "" {
		t.Errorf("the cells (-want +got):\n%s", diff)
	}
	if still := p.get(`String(window.before.every(e => document.contains(e)))`); still != "true" {
		t.Error("buttons and unchanged rows were drawn again")
	}
	p.click("#live-cards .btn-primary")
	p.seeAt("dialog#buy[open]")
}
