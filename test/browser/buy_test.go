package browser

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// dialog opens the purchase dialog from the list.
func (p *page) dialog() {
	p.t.Helper()
	p.click("#live-cards .btn-primary")
	p.seeAt("dialog#buy[open]")
	p.seeAt("#buy-submit")
}

// custom asks for so many hundreds and waits for what they cost.
func (p *page) custom(hundreds, amount string) {
	p.t.Helper()
	p.fill("#buy-hundreds", hundreds)
	p.costs(amount)
}

// costs waits for the total, as it changes while somebody types.
func (p *page) costs(amount string) {
	p.t.Helper()
	p.says(".buy-figure", amount+map[lang]string{zh: " 元", en: " yuan"}[p.lang])
}

// order accepts the agreement, orders, and returns the address of the order that waits to be paid.
func (p *page) order() (path string) {
	p.t.Helper()
	p.click("#buy-agreed")
	p.click("#buy-submit")
	return strings.TrimSuffix(p.atLike("/orders/[^/]+/payment"), "/payment")
}

// pay pays what the page shows, and returns the numbers of the new packages.
func (p *page) pay() []string {
	p.t.Helper()
	p.click("#pay-submit")
	p.atLike("/orders/[^/]+/paid")
	return p.list(".numbers a")
}

// fact is a figure of the payment page.
func (p *page) fact(name string) string {
	p.t.Helper()
	return p.text("[data-fact=" + name + "]")
}

// TestOrderCloses keeps an order for the shortest time that a server may be told to keep it: a minute. It passes while the other tests run.
func TestOrderCloses(t *testing.T) {
	d := startDemo(t)
	d.restart("serve", "--order-close-after", "1m")
	p := d.open(t, zh, desktop)
	p.signIn()
	p.dialog()
	p.custom("10", "44")
	order := p.order()
	p.until("counts down a minute", `/^00:0[01]:\d\d$/.test($(".payment-closes [data-left]").innerText)`)
	t.Parallel()
	p.patience *= 5
	p.until("closes", `location.pathname === %s && document.readyState === "complete"`, order)
	p.see("订单超时未支付，已自动关闭，没有扣款。", "已关闭")
	p.shot("order-closed")
	if packages := d.packages("domestic"); packages != 9 {
		t.Errorf("there are %d packages, want 9", packages)
	}
}

// TestBuy is the purchase that the console is made for, in both languages and on a phone.
func TestBuy(t *testing.T) {
	words := map[lang]struct{ validity, confirm, paid, back, name string }{
		zh: {"12个月", "支付确认", "支付成功", "返回来源页", "国内短信包(验证通知)"},
		en: {"12 months", "Confirm payment", "Payment successful", "Go back", "Domestic package (Verification)"},
	}
	for _, tt := range []struct {
		name string
		lang lang
		size size
	}{{"Chinese", zh, desktop}, {"English", en, desktop}, {"on a phone", zh, phone}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := words[tt.lang]
			p := open(t, tt.lang, tt.size)
			p.signIn()
			other := p.another() // looks on
			other.visit("/packages/domestic")
			other.says("#total-remaining", "150")

			p.dialog()
			p.custom("1", "4.40")
			p.custom("10", "44")
			p.see(w.validity)
			if p.get(`String($("#buy-submit").disabled)`) != "true" {
				t.Error("an order can be submitted before the agreement is accepted")
			}
			p.shot("buy")
			p.order()
			p.says("#pay-title", w.confirm)
			facts := []string{p.fact("total"), p.fact("cash"), p.fact("gift"), p.fact("credit"), p.fact("takes-gift")}
			if diff := cmp.Diff([]string{"¥44.00", "¥18.70", "¥79,640.03", "¥0.00", "¥44.00"}, facts); diff != "" {
				t.Errorf("total, the three balances and what is taken (-want +got):\n%s", diff)
			}
			p.shot("payment")
			numbers := p.pay()
			p.see(w.paid, w.back)
			p.until("counts down from 9 seconds", `/[1-9]/.test($("#paid-back [data-left]").innerText)`)
			p.shot("paid")

			other.says("#total-remaining", "1,150") // nobody has touched this window
			row := other.rows()[0]
			if len(numbers) != 1 || !strings.Contains(row, numbers[0]) || !strings.Contains(row, w.name) {
				t.Errorf("the first of the list is %q, want the new package %q", row, numbers)
			}
			p.at("/packages/domestic") // by itself, at the end of the countdown
			p.says("#total-remaining", "1,150")
		})
	}
}

func TestBuyFixedPackages(t *testing.T) {
	t.Parallel()
	p := open(t, zh, desktop)
	p.signIn()
	p.dialog()
	p.click("label:has(#buy-kind-fixed)")
	p.seeAt("#buy-count")
	p.costs("250")
	p.fill("#buy-count", "3")
	p.costs("750")
	p.shot("buy-fixed")
	order := p.order()
	p.see("国内短信包5千条(验证通知)", "× 3", "15,000 条")
	if numbers := p.pay(); len(numbers) != 3 {
		t.Errorf("three packages have the numbers %q", numbers)
	}
	p.visit("/packages/domestic")
	p.says("#total-remaining", "15,150")
	if names := p.column(2)[:3]; !slices.Equal(names, []string{"国内短信包5千条(验证通知)", "国内短信包5千条(验证通知)", "国内短信包5千条(验证通知)"}) {
		t.Errorf("the first of the list are %q", names)
	}
	p.visit(order)
	p.see("已支付", "¥750.00")
	p.shot("order")
}

func TestBuyAbroad(t *testing.T) {
	t.Parallel()
	p := open(t, zh, desktop)
	p.signIn()
	p.visit("/packages/international")
	p.dialog()
	p.costs("39.70") // Hong Kong, where most go
	search := "dialog#buy input[type=search]"
	p.click(".buy-country summary")
	for _, words := range []string{"日本", "japan", "JP", "+81"} {
		p.fill(search, words)
		p.says(".buy-countries", "日本 JP +81")
	}
	p.shot("buy-country")
	p.fill(search, "亚特兰蒂斯")
	p.see("没有符合的国家/地区")
	p.fill(search, "日本")
	p.click("label:has(#buy-country-JP)")
	p.costs("51.20")
	p.says(".buy-country summary", "日本 JP")
	p.click(".buy-country summary")
	p.click("label:has(#buy-country-HK)")
	p.costs("39.70")
	p.see("12个月")
	p.shot("buy-international")
	p.order()
	if total := p.fact("total"); total != "¥39.70" {
		t.Errorf("100 messages to Hong Kong cost %s, want ¥39.70", total)
	}
	numbers := p.pay()
	p.visit("/packages/international")
	p.says("#total-remaining", "500")
	if row := p.rows()[0]; len(numbers) != 1 || !strings.Contains(row, numbers[0]) || !strings.Contains(row, "香港") {
		t.Errorf("the first of the list is %q, want the new package %q", row, numbers)
	}
}

func TestPayWithAVoucher(t *testing.T) {
	t.Parallel()
	p := open(t, zh, desktop)
	p.demo.voucher("5.00", "0.00")
	p.demo.voucher("30.00", "10.00")
	p.demo.voucher("40.00", "100.00") // needs a larger order
	p.signIn()
	p.dialog()
	p.custom("10", "44")
	order := p.order()
	p.see("有 2 张代金券可用，最多可抵扣 ¥30.00。")
	offers := p.options("#voucher")
	if len(offers) != 3 || !strings.Contains(offers[1], "¥30.00") || !strings.Contains(offers[2], "¥5.00") {
		t.Errorf("the vouchers are offered as %q, want none, 30.00, 5.00", offers)
	}
	best, second := p.get(`$("#voucher").options[1].value`), p.get(`$("#voucher").options[2].value`)
	p.choose("#voucher", second)
	p.says("[data-fact=rest]", "¥39.00")
	p.choose("#voucher", best)
	p.says("[data-fact=rest]", "¥14.00")
	if taken := p.fact("takes-gift"); taken != "¥14.00" {
		t.Errorf("beside the voucher the gift pays %s, want ¥14.00", taken)
	}
	p.shot("payment-voucher")
	p.pay()
	p.visit(order)
	p.see("已支付", "¥30.00", "¥14.00")
	if _, gift := p.demo.wallet(); gift != "79626.03" {
		t.Errorf("the gift is %s, want 79626.03", gift)
	}

	p.visit("/packages/domestic")
	p.dialog()
	p.custom("1", "4.40")
	p.order()
	if offers := p.options("#voucher"); len(offers) != 2 {
		t.Errorf("with one voucher used, the offers are %q", offers)
	}
}

// The answer to what was typed comes when the agreement has been ticked meanwhile.
func TestATickOutlivesALateQuote(t *testing.T) {
	t.Parallel()
	p := open(t, zh, desktop)
	p.signIn()
	p.dialog()
	p.until("ticks the box when the question is on its way", `(document.addEventListener("htmx:beforeSend", () => document.getElementById("buy-agreed").click(), {once: true}), true)`)
	p.custom("10", "44")
	if ticked := p.get(`String($("#buy-agreed").checked)`); ticked != "true" {
		t.Error("the agreement is not ticked any more")
	}
	p.click("#buy-submit")
	p.atLike("/orders/[^/]+/payment")
}

func TestPayWithoutEnoughMoney(t *testing.T) {
	t.Parallel()
	p := open(t, zh, desktop)
	p.signIn()
	p.dialog()
	p.custom("30000", "108,000")
	order := p.order()
	p.see("余额不足，还差 ¥28,341.27")
	p.gone("#pay-submit")
	p.shot("payment-missing")

	// The money goes while the page stands open.
	p.visit("/packages/domestic")
	p.dialog()
	p.custom("10", "44")
	p.order()
	p.demo.buy(2_000_000) // 74,000.00
	p.demo.buy(141_200)   // 5,648.00
	p.mayLog("status of 409")
	p.click("#pay-submit")
	p.see("余额不足")
	if cash, gift := p.demo.wallet(); cash != "10.73" || gift != "0.00" {
		t.Errorf("a refused payment leaves cash %s and gift %s, want 10.73 and 0.00", cash, gift)
	}

	// Nothing is lost: after a top-up both can be paid.
	p.demo.call("POST", "/v1/operator/accounts/demo/top-up", p.demo.OperatorToken, object{"amount": "200000.00", "reference": "bank-1"}, "Idempotency-Key", "bank-1")
	p.visit(order + "/payment")
	p.pay()
	if paid := p.demo.orders("paid"); paid != 3 {
		t.Errorf("%d orders are paid, want 3", paid)
	}
}

func TestOrderLeftUnpaid(t *testing.T) {
	t.Parallel()
	p := open(t, zh, desktop)
	p.signIn()
	p.dialog()
	p.custom("10", "44")
	order := p.order()
	p.until("counts down from 24 hours", `/^23:59:\d\d$/.test($(".payment-closes [data-left]").innerText)`)
	p.visit("/orders?state=pending")
	p.see("待支付", "¥44.00")
	p.visit(order)
	p.click(".confirm summary")
	p.click("=确认取消")
	p.see("订单已取消。", "已取消")
	p.visit(order + "/payment") // an old tab
	p.at(order)
	p.see("已取消")
	if cancelled, packages := p.demo.orders("cancelled"), p.demo.packages("domestic"); cancelled != 1 || packages != 9 {
		t.Errorf("%d cancelled orders and %d packages, want 1 and 9", cancelled, packages)
	}
}

// TestNothingIsPaidTwice: whatever clicks and tabs do, one order takes its money once and issues its packages once.
func TestNothingIsPaidTwice(t *testing.T) {
	for _, tt := range []struct {
		name string
		pay  func(p *page, order string)
	}{
		{"a double click", func(p *page, order string) {
			p.doubleClick("#pay-submit")
			p.at(order + "/paid")
		}},
		{"two tabs", func(p *page, order string) {
			other := p.another()
			other.visit(order + "/payment")
			p.click("#pay-submit")
			p.at(order + "/paid")
			other.click("#pay-submit")
			other.at(order + "/paid")
		}},
		{"back and again", func(p *page, order string) {
			p.back()
			p.at("/packages/domestic")
			p.visit(order + "/payment")
			p.click("#pay-submit")
			p.at(order + "/paid")
			p.back()
			p.at(order) // the server knows better than the history
			p.see("已支付")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := open(t, zh, desktop)
			p.signIn()
			p.dialog()
			p.custom("10", "44")
			p.click("#buy-agreed")
			p.doubleClick("#buy-submit")
			order := strings.TrimSuffix(p.atLike("/orders/[^/]+/payment"), "/payment")
			tt.pay(p, order)
			_, gift := p.demo.wallet()
			all := p.demo.total("/v1/projects/demo/orders", url.Values{})
			if paid, packages := p.demo.orders("paid"), p.demo.packages("domestic"); all != 1 || paid != 1 || packages != 10 || gift != "79596.03" {
				t.Errorf("%d orders, %d paid, %d packages, gift %s; want 1, 1, 10, 79596.03", all, paid, packages, gift)
			}
		})
	}
}

func TestBuyWithoutScript(t *testing.T) {
	t.Parallel()
	p := open(t, zh, desktop)
	p.withoutScript()
	p.signIn()
	p.click("#live-cards .btn-primary")
	p.at("/packages/domestic?buy=1")
	p.fill("#buy-hundreds", "10")
	p.click("=更新价格")
	p.costs("44")
	p.shot("buy-without-script")
	p.mayLog("status of 422")
	p.click("#buy-submit") // the box is not ticked
	p.see("请先阅读并同意服务协议")
	p.costs("44")
	p.order()
	p.see("支付确认")
	if numbers := p.pay(); len(numbers) != 1 {
		t.Errorf("one package has the numbers %q", numbers)
	}
	p.click("#paid-back")
	p.at("/packages/domestic")
	p.says("#total-remaining", "1,150")
}

// TestBuyMoreForLess: 95,000 cost more than 100,000.
func TestBuyMoreForLess(t *testing.T) {
	t.Parallel()
	p := open(t, zh, desktop)
	p.signIn()
	p.dialog()
	p.custom("950", "4,180")
	p.see("购买 100,000 条只需 4,000 元，比当前便宜 180 元。")
	p.shot("buy-better")
	p.click(".buy-better a")
	p.costs("4,000")
	if hundreds := p.get(`$("#buy-hundreds").value`); hundreds != "1000" {
		t.Errorf("the offer makes it %s hundreds, want 1000", hundreds)
	}
	p.gone(".buy-better")
	p.order()
	if total := p.fact("total"); total != "¥4,000.00" {
		t.Errorf("the offer costs %s, want ¥4,000.00", total)
	}
}

// TestQuoteRefusedWhileTyping: the page says what is wrong beside the field, and logs no error.
func TestQuoteRefusedWhileTyping(t *testing.T) {
	t.Parallel()
	p := open(t, zh, desktop)
	p.signIn()
	p.dialog()
	for typed, says := range map[string]string{"0": "最少购买数量100条", "": "请输入整数（单位：百条）", "1000000": "超过单次购买的上限"} {
		p.fill("#buy-hundreds", typed)
		p.says("#buy-hundreds-error", says)
		p.says("#buy-amount", "—")
	}
	p.shot("buy-refused")
	p.custom("10", "44")
	p.gone("#buy-hundreds-error")
}

// TestAgreementIsReadOverTheForm: reading it loses nothing that was typed.
func TestAgreementIsReadOverTheForm(t *testing.T) {
	t.Parallel()
	p := open(t, zh, desktop)
	p.signIn()
	p.dialog()
	p.custom("10", "44")
	p.click(".buy-agree a")
	p.seeAt("dialog#agreement[open] h1")
	p.shot("agreement-over-form")
	p.click("#agreement .dialog-foot button")
	p.gone("dialog#agreement[open]")
	p.costs("44")
	if hundreds := p.get(`$("#buy-hundreds").value`); hundreds != "10" {
		t.Errorf("after reading the agreement the form holds %q, want 10", hundreds)
	}
}

// TestBuyByKeyboard uses Tab, Enter, Space, the arrows and figures, from signing in to the paid order.
func TestBuyByKeyboard(t *testing.T) {
	t.Parallel()
	p := open(t, zh, desktop)
	p.visit("/login")
	p.until("starts at the login", `document.activeElement.id === "login"`)
	p.keys(p.demo.User + "\t" + p.demo.Password)
	p.enter()
	p.at("/packages/domestic")
	p.tabTo("#live-cards .btn-primary")
	p.enter()
	p.seeAt("dialog#buy[open]")
	p.until("moves the focus into the dialog", `document.activeElement.closest("#buy")`)
	p.tabTo("input[name=kind]")
	p.keys(arrowRight) // fixed
	p.seeAt("#buy-count")
	p.tabTo("#buy-count")
	p.keys("\b2")
	p.costs("500")
	p.tabTo("#buy-agreed")
	p.keys(" ")
	p.tabTo("#buy-submit")
	p.enter()
	p.atLike("/orders/[^/]+/payment")
	p.tabTo("#pay-submit")
	p.enter()
	p.atLike("/orders/[^/]+/paid")
	p.see("支付成功")

	// Escape closes the dialog and gives the focus back to what has opened it.
	p.visit("/packages/domestic")
	p.says("#total-remaining", "10,150")
	p.tabTo("#live-cards .btn-primary")
	p.enter()
	p.seeAt("dialog#buy[open]")
	p.keys(escape)
	p.gone("dialog#buy[open]")
	p.until("gives the focus back", `document.activeElement.matches("#live-cards .btn-primary")`)
}
