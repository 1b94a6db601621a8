package browser

import (
	"context"
	_ "embed"
	"fmt"
	"net/url"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// axe finds what keeps people from using a page; see vendor/VENDOR.md.
//
//go:embed vendor/axe.min.js
var axe string

// sight is a page and how to bring it about.
type sight struct {
	name string
	path string
	open func(p *page) // what else it takes; nil: nothing
	log  string        // what the page may log: the status that it is about
}

// furnish gives every page of the demo something to show, and returns the pages of a member and those of the platform's staff.
func furnish(d *demo) (members, staff []sight) {
	d.t.Helper()
	const project = "/v1/projects/demo"
	post := func(path string, body any, header ...string) object {
		return d.call("POST", project+path, d.Token, body, header...)
	}
	d.voucher("5.00", "1.00")
	d.voucher("20.00", "100.00")
	d.member("cashier", "finance")
	d.buy(5_000)
	agreement := d.call("GET", project+"/agreement", d.Token, nil)["version"]
	order := func(key string, body object) string {
		body["agreement_version"] = agreement
		return post("/orders", body, "Idempotency-Key", key)["id"].(string)
	}
	pending := order("pending", object{"category": "domestic", "kind": "custom", "purpose": "verification", "quantity": 1000})
	abroad := order("abroad", object{"category": "international", "kind": "custom", "country": "HK", "quantity": 100})
	post("/orders/"+abroad+"/payment", object{}, "Idempotency-Key", "abroad")
	paid := order("paid", object{"kind": "fixed", "product": "verification-5k", "count": 2})
	number := post("/orders/"+paid+"/payment", object{}, "Idempotency-Key", "paid")["packages"].([]any)[0].(string)
	for n := range 12 {
		post("/debits", object{"id": fmt.Sprintf("m-%d", n), "category": "domestic", "purpose": "verification", "quantity": 10 + n, "reference": "task-1"})
	}
	post("/debits", object{"id": "abroad-1", "category": "international", "country": "HK", "quantity": 3})
	post("/debits/batch", object{"debits": []object{ // refused
		{"id": "refused-1", "category": "international", "country": "HK", "quantity": 90_000_000}}})
	d.call("POST", "/v1/operator/projects", d.OperatorToken, object{"id": "demo-2", "account": "demo", "name": "second"}) // to transfer to
	post("/reservations", object{"id": "r-1", "category": "domestic", "purpose": "marketing", "quantity": 30})
	// The name never resolves, so that the delivery stands in the log with its error.
	channel := post("/alerts/channels", object{"kind": "webhook", "name": "ops", "address": "https://hooks.invalid/alerts", "language": "zh", "enabled": true})["id"].(string)
	d.call("PUT", project+"/alerts", d.Token, object{"rules": []object{
		{"category": "domestic", "purpose": "marketing", "threshold": 100_000, "enabled": true},
		{"category": "domestic", "purpose": "verification", "threshold": 100, "enabled": true}}})
	d.call("PUT", project+"/top-ups", d.Token, object{"agreement_version": agreement, "top_ups": []object{
		{"category": "domestic", "purpose": "verification", "level": 1_000, "quantity": 10_000, "month_cap": "2000.00"},
		{"category": "domestic", "purpose": "marketing", "level": 1_000, "quantity": 3_000_000, "month_cap": "200000.00"}}})

	d.call("PUT", project+"/limits", d.Token, object{"limits": []object{
		{"category": "domestic", "purpose": "verification", "period": "day", "warning": 10, "cap": 100_000},
		{"category": "international", "country": "HK", "period": "month", "cap": 500}}})
	d.call("PUT", project+"/overflow", d.Token, object{"overflow": []object{{"category": "domestic", "month_cap": "100.00"}}})

	dialog := func(p *page) { p.seeAt("dialog#buy[open]"); p.seeAt("#buy-submit") }
	month := d.call("GET", project+"/statements", d.Token, nil)["items"].([]any)[0].(object)["month"].(string) // the running one
	members = []sight{
		{name: "packages-domestic", path: "/packages/domestic"},
		{name: "packages-international", path: "/packages/international"},
		{name: "packages-none", path: "/packages/domestic?q=nothing"},
		{name: "buy-custom-domestic", path: "/packages/domestic?buy=1&purpose=verification&hundreds=50", open: dialog},
		{name: "buy-better", path: "/packages/domestic?buy=1&hundreds=950", open: dialog},
		{name: "buy-refused", path: "/packages/domestic?buy=1&hundreds=0", open: dialog},
		{name: "buy-fixed-domestic", path: "/packages/domestic?buy=1&kind=fixed", open: dialog},
		{name: "buy-custom-international", path: "/packages/international?buy=1&country=HK", open: func(p *page) {
			dialog(p)
			p.click(".buy-country summary")
			p.seeAt(".buy-countries label")
		}},
		{name: "package", path: "/package/" + number},
		{name: "orders", path: "/orders"},
		{name: "order-pending", path: "/orders/" + pending},
		{name: "order-paid", path: "/orders/" + paid},
		{name: "payment-confirm", path: "/orders/" + pending + "/payment"},
		{name: "payment-success", path: "/orders/" + paid + "/paid"},
		{name: "vouchers", path: "/vouchers"},
		{name: "wallet", path: "/wallet"},
		{name: "statements", path: "/statements"},
		{name: "statement", path: "/statements/" + month},
		{name: "statement-account", path: "/account-statements/" + month},
		{name: "alerts", path: "/alerts"},
		{name: "alert-rules", path: "/alerts/rules"},
		{name: "channels", path: "/channels"},
		{name: "channel", path: "/channels/" + channel},
		{name: "channel-secret", path: "/channels", open: func(p *page) {
			p.click(".row-actions details:first-of-type summary")
			p.click("form[action='/channels/rotate'] button")
			p.seeAt("#secret")
		}},
		{name: "deliveries", path: "/deliveries", open: func(p *page) { p.seeAt("#delivery-rows .badge") }},
		{name: "top-ups", path: "/top-ups", open: func(p *page) {
			p.click("#topup-domestic-marketing-fold summary")
			p.seeAt("#topup-domestic-marketing-level")
		}},
		{name: "limits", path: "/limits"},
		{name: "usage", path: "/usage"},
		{name: "sms-domestic", path: "/sms/domestic"},
		{name: "sms-international", path: "/sms/international"},
		{name: "debits", path: "/debits"},
		{name: "debit", path: "/debits/m-1"},
		{name: "reservation", path: "/debits/r-1"},
		{name: "settings", path: "/settings"},
		{name: "settings-members", path: "/settings/members"},
		{name: "settings-member", path: "/settings/member?login=cashier"},
		{name: "settings-tokens", path: "/settings/tokens"},
		{name: "settings-token-new", path: "/settings/tokens/new"},
		{name: "settings-self", path: "/settings/self"},
		{name: "agreement", path: "/agreement"},
		{name: "account-menu", path: "/packages/domestic", open: func(p *page) {
			p.click(".console-tools summary")
			p.seeAt(".console-tools .menu-panel")
		}},
		{name: "no-such-page", path: "/nothing/here", log: "status of 404"},
	}
	staff = []sight{
		{name: "operator", path: "/operator"},
		{name: "operator-months", path: "/operator/overview"},
		{name: "operator-months-refused", path: "/operator/overview?from=2020-01", log: "status of 422"},
		{name: "operator-statements", path: "/operator/accounts/demo/statements"},
		{name: "operator-statement", path: "/operator/accounts/demo/statements/" + month},
		{name: "operator-accounts", path: "/operator/accounts"},
		{name: "operator-account", path: "/operator/accounts/demo"},
		{name: "operator-project", path: "/operator/accounts/demo/projects/demo"},
		{name: "operator-orders", path: "/operator/orders"},
		{name: "operator-packages", path: "/operator/packages"},
		{name: "operator-package", path: "/operator/packages/" + url.PathEscape(number)},
		{name: "operator-vouchers", path: "/operator/vouchers"},
		{name: "operator-price-lists", path: "/operator/price-lists"},
		{name: "operator-price-list-new", path: "/operator/price-lists/new"},
		{name: "operator-products", path: "/operator/products"},
		{name: "operator-agreements", path: "/operator/agreements"},
		{name: "operator-audit", path: "/operator/audit"},
		{name: "operator-audit-filtered", path: "/operator/audit?action=account&account=demo"},
		{name: "operator-accounts-none", path: "/operator/accounts?q=nobody&level=personal"},
		{name: "operator-order", path: "/operator/orders/" + paid},
		{name: "operator-staff", path: "/operator/staff", open: func(p *page) {
			p.click("#new-staff summary")
			p.seeAt("#staff-login")
		}},
		{name: "operator-import", path: "/operator/import?project=demo"},
		{name: "operator-find-none", path: "/operator/find?q=nothing", log: "status of 404"},
		{name: "operator-self", path: "/settings/self"},
	}
	return members, staff
}

// TestEveryPage looks at all pages in both languages, in Chinese light and wide, in English dark and narrow: nothing serious hinders people, nothing of the
// other language stands in them, and a phone need not scroll sideways.
func TestEveryPage(t *testing.T) {
	d := startDemo(t)
	members, staff := furnish(d)
	strangers := []sight{{name: "login", path: "/login"}, {name: "login-again", path: "/login?next=/orders"}, {name: "agreement-stranger", path: "/agreement"}}
	for _, l := range []lang{zh, en} {
		for _, group := range []struct {
			name            string
			login, password string
			sights          []sight
		}{{"strangers", "", "", strangers}, {"members", d.User, d.Password, members}, {"staff", d.OperatorUser, d.OperatorPassword, staff}} {
			t.Run(string(l)+"/"+group.name, func(t *testing.T) {
				t.Parallel()
				p := d.open(t, l, desktop)
				calm := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}}}
				p.step("switch movement off", command(emulation.SetEmulatedMedia, calm))
				if group.login != "" {
					p.signInAs(group.login, group.password)
				}
				for _, s := range group.sights {
					p.examine(s)
				}
			})
		}
	}
}

// examine looks at one page.
func (p *page) examine(s sight) {
	p.t.Helper()
	if s.log != "" {
		p.mayLog(s.log)
	}
	p.resize(desktop)
	p.visit(s.path)
	if s.open != nil {
		s.open(p)
	}
	p.until("comes to rest", `document.readyState === "complete" && !document.querySelector(".htmx-request")`)
	if s.log == "" && p.get(`document.querySelector(".state-code")?.innerText || ""`) != "" {
		p.t.Errorf("%s: %s cannot be shown%s", s.name, s.path, p.state())
		return
	}
	for _, found := range p.foreign() {
		p.t.Errorf("%s (%s): %s", s.name, s.path, found)
	}
	p.step("load axe", chromedp.Evaluate[chromedp.Void](axe))
	for _, z := range []size{desktop, phone} {
		if z != p.size {
			p.resize(z)
		}
		for _, theme := range []string{"light", "dark"} {
			p.get(`document.documentElement.dataset.bsTheme = %s`, theme)
			p.shot(s.name + "-" + theme)
			if chinese := p.lang == zh; chinese == (theme == "light") && chinese == (z == desktop) { // the other language is the other way
				for _, found := range p.barriers() {
					p.t.Errorf("%s (%s, %s, %s): %s", s.name, s.path, theme, z.name, found)
				}
			}
		}
	}
	// The window is a phone's now.
	if wide := p.get(`String(document.documentElement.scrollWidth)`); wide != phone.name {
		p.t.Errorf("%s (%s): on a phone of %s pixels the page is %s wide", s.name, s.path, phone.name, wide)
	}
	if squeezed := p.get(`$$("td").filter(e => e.getBoundingClientRect().width < 50 && words(e).length > 6).map(words).slice(0, 3).join(" / ")`); squeezed != "" {
		p.t.Errorf("%s (%s): on a phone a column is too narrow to read: %s", s.name, s.path, squeezed)
	}
}

// barriers are what axe calls serious or critical.
func (p *page) barriers() []string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, p.patience)
	defer cancel()
	const run = `axe.run({resultTypes: ["violations"]}).then(r => r.violations.filter(v => ["serious", "critical"].includes(v.impact))
		.flatMap(v => v.nodes.slice(0, 3).map(n => v.id + " at " + n.target.join(" ") + ": " + n.failureSummary.replace(/\s+/g, " "))))`
	found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](run, func(e *runtime.EvaluateParams) { e.AwaitPromise = new(true) }))
	if err != nil {
		p.t.Fatalf("axe: %v%s", err, p.state())
	}
	return found
}

// accepted is what Chinese pages may hold in small Latin letters though nothing marks it: ids, names that the tests have given, and words
// of formats. What is in capitals alone is a number, a code or the name of a format: U1A…, HK, CSV.
const accepted = `\b(demo|cashier|operator|below|ops|second|https://hooks\.invalid/alerts|https|Standard Webhooks|Webhook|tok_[0-9a-f]+|[a-z]+(-[a-z0-9]+)+|Markdown|Idempotency-Key|[A-Z][a-z]+/[A-Z][a-z]+)\b`

// foreign is what is in another language than the page. What people have written themselves is marked: translate=no, or lang.
func (p *page) foreign() []string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, p.patience)
	defer cancel()
	found, err := look[[]string](ctx, `(() => {
		const chinese = document.documentElement.lang === "zh-CN", wrong = [];
		const bad = chinese ? /[a-z]{2,}/ : /\p{Script=Han}/u;
		const skip = "script, style, code, pre, kbd, [translate=no], [lang]:not(html)" ;
		const judge = (text, e, where) => {
			if (!text) return;
			if (text.includes("⟦")) wrong.push("a text is missing: " + text);
			if (e.closest(skip)) return;
			const rest = chinese ? text.replace(new RegExp(%s, "g"), "") : text;
			if (bad.test(rest)) wrong.push("another language in " + where + ": " + text.trim().slice(0, 80));
		};
		const texts = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
		for (let n = texts.nextNode(); n; n = texts.nextNode()) judge(n.data, n.parentElement, n.parentElement.localName);
		for (const e of document.querySelectorAll("[title], [aria-label], [placeholder], [alt]"))
			for (const a of ["title", "aria-label", "placeholder", "alt"]) judge(e.getAttribute(a), e, e.localName + "[" + a + "]");
		return [...new Set(wrong)];
	})()`, accepted)
	if err != nil {
		p.t.Fatalf("look for the other language: %v%s", err, p.state())
	}
	return found
}

// TestThemeFollowsTheMachine until somebody chooses another one, which is kept.
func TestThemeFollowsTheMachine(t *testing.T) {
	t.Parallel()
	p := startDemo(t).open(t, zh, desktop)
	dark := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}}
	p.step("make the machine dark", command(emulation.SetEmulatedMedia, dark))
	p.prefer(zh, "")
	p.visit("/login")
	p.until("is dark", `document.documentElement.dataset.bsTheme === "dark"`)
	p.click(".tool-light")
	p.until("is light", `document.documentElement.dataset.bsTheme === "light" && document.readyState === "complete"`)
	p.visit("/agreement")
	p.until("stays light", `document.documentElement.dataset.bsTheme === "light"`)
}

// TestLanguageIsOneClickAway on the page where somebody is, and stays.
func TestLanguageIsOneClickAway(t *testing.T) {
	t.Parallel()
	p := open(t, zh, desktop)
	p.signIn()
	p.visit("/packages/domestic?sort=remaining&status=active")
	p.click(".tool[hreflang=en]")
	p.at("/packages/domestic?sort=remaining&status=active")
	p.says("#balance-title", "Domestic messages left")
	p.visit("/orders")
	p.see("Orders")
	p.click(".tool[hreflang=zh-CN]")
	p.see("订单")
}

// TestFirstLoadIsLight: everything that an empty browser fetches for a page, as it comes over the wire.
func TestFirstLoadIsLight(t *testing.T) {
	t.Parallel()
	const limit = 300 << 10
	p := open(t, zh, desktop)
	p.demo.importPackages(100)
	p.signIn()
	p.step("keep nothing", command(network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true}))
	for _, path := range []string{"/packages/domestic?per_page=100", "/packages/domestic?buy=1", "/usage"} {
		p.watch.transferred()
		p.visit(path)
		p.until("comes to rest", `document.readyState === "complete" && !document.querySelector(".htmx-request")`)
		bytes, requests := p.watch.transferred()
		t.Logf("%s: %d bytes in %d requests", path, bytes, requests)
		if bytes == 0 || bytes > limit {
			t.Errorf("the first load of %s takes %d bytes, want at most %d", path, bytes, limit)
		}
	}
}

// TestOneTimeLink: the link that a demo prints signs in once.
func TestOneTimeLink(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	d.stop()
	link := d.startInWords()
	p := newWindow(t, d, chromium, chromedp.WithNewBrowserContext())
	p.resize(desktop)
	p.visit(link)
	p.at("/packages/domestic")
	p.says("#total-remaining", "150")
	q := newWindow(t, d, chromium, chromedp.WithNewBrowserContext())
	q.resize(desktop)
	q.mayLog("status of 401")
	q.visit(link)
	q.see("登录链接已使用或已过期，请用密码登录。")
}
