package browser

import (
	"strings"
	"testing"
)

// TestViewer reads and cannot buy, not even by a request of its own making.
func TestViewer(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	password := d.member("looker", "viewer")
	p := d.open(t, zh, desktop)
	p.signInAs("looker", password)
	p.at("/packages/domestic")
	p.says("#total-remaining", "150")
	if buttons := p.list("main .btn-primary"); len(buttons) != 0 {
		t.Errorf("a viewer is offered %q", buttons)
	}
	p.shot("packages-viewer")
	p.visit("/packages/domestic?buy=1")
	p.gone("dialog")

	p.mayLog("status of 403")
	p.visit("/buy")
	p.see("没有权限")
	p.shot("not-allowed")
	p.get(`(document.body.insertAdjacentHTML("beforeend", '<form id=own method=post action=/orders><input name=kind value=custom><input name=category value=domestic>' +
		'<input name=purpose value=verification><input name=hundreds value=10><input name=key value=own-1></form>'), document.getElementById("own").submit(), "")`)
	p.at("/orders")
	p.see("没有权限")
	if n := d.total("/v1/projects/demo/orders", nil); n != 0 {
		t.Errorf("a viewer has made %d orders", n)
	}
}

// TestFinance may buy, and not manage.
func TestFinance(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	password := d.member("cashier", "finance")
	p := d.open(t, en, desktop)
	p.signInAs("cashier", password)
	p.at("/packages/domestic")
	p.gone(".card-alerts .btn")
	p.dialog()
	p.custom("1", "4.40")
	p.order()
	p.pay()
	p.see("Payment successful")
	p.mayLog("status of 403")
	p.visit("/settings/tokens/new")
	p.see("Not allowed")
}

// TestEachSideKeepsToItsPages: for members the operators' pages do not exist, nor the other way round, nor another tenant's.
func TestEachSideKeepsToItsPages(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	p := d.open(t, zh, desktop)
	p.signIn()
	p.dialog()
	p.custom("1", "4.40")
	order := p.order()
	number := strings.Fields(p.firstRow())[0]

	p.mayLog("status of 404")
	for _, path := range []string{"/operator", "/operator/accounts/demo", "/operator/audit"} {
		p.visit(path)
		p.see("页面不存在")
	}

	staff := d.open(t, zh, desktop)
	staff.signInAs(d.OperatorUser, d.OperatorPassword)
	staff.at("/operator")
	staff.mayLog("status of 404")
	for _, path := range []string{"/packages/domestic", "/orders", "/settings"} {
		staff.visit(path)
		staff.see("页面不存在")
	}

	d.call("POST", "/v1/operator/members", d.OperatorToken, object{"account": "other", "login": "stranger", "password": "correct-horse-stranger", "role": "owner"})
	stranger := d.open(t, zh, desktop)
	stranger.signInAs("stranger", "correct-horse-stranger")
	stranger.at("/packages/domestic")
	stranger.says("#total-remaining", "0")
	stranger.see("还没有套餐包")
	stranger.shot("packages-empty")
	stranger.mayLog("status of 404")
	for _, path := range []string{order, order + "/payment", order + "/paid", "/package/" + number} {
		stranger.visit(path)
		stranger.see("页面不存在")
	}
}

// firstRow goes to the list and returns its first line.
func (p *page) firstRow() string {
	p.t.Helper()
	p.visit("/packages/domestic")
	return p.rows()[0]
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	p := open(t, zh, desktop)
	p.visit("/orders?state=paid") // not signed in: to the login, and from there back
	p.at("/login?next=%2Forders%3Fstate%3Dpaid")
	p.see("登录已过期或尚未登录，请登录后继续。")
	p.mayLog("status of 422")
	p.click("button[type=submit]")
	p.says("#login-error", "请填写")
	p.says("#password-error", "请填写")
	p.mayLog("status of 401")
	p.fill("#login", p.demo.User)
	p.fill("#password", "not it")
	p.click("button[type=submit]")
	p.see("登录名或密码不正确")
	p.shot("login-wrong")
	if kept := p.get(`$("#login").value`); kept != p.demo.User {
		t.Errorf("after a wrong password the login is %q, want it kept", kept)
	}
	p.fill("#password", p.demo.Password)
	p.click("button[type=submit]")
	p.at("/orders?state=paid")

	other := p.another()
	other.visit("/wallet")
	other.mayLog("status of 401") // its live parts ask once more before it is left
	p.click(".console-tools summary")
	p.click("=在所有设备上退出")
	p.at("/login")
	other.visit("/wallet")
	other.at("/login?next=%2Fwallet")
}
