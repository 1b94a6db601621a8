package console_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"taocan/internal/order"
	"taocan/internal/taocan"
)

func (e *env) issue(v order.VoucherIssue) order.Issued {
	e.t.Helper()
	v.Count = 1
	if v.ValidUntil.IsZero() {
		v.ValidUntil = e.clock.Now().AddDate(1, 0, 0)
	}
	made, err := e.orders.IssueVouchers(e.t.Context(), taocan.System(), v)
	e.must(err)
	return made[0]
}

func TestVouchersSayWhatTheyAreGoodFor(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Finance)
	b.get("/vouchers").wantPage(t, http.StatusOK, "还没有代金券")
	account := demoTenant.Account
	e.issue(order.VoucherIssue{Account: account, Amount: 5_00, MinAmount: 100_00})
	e.issue(order.VoucherIssue{Account: account, Amount: 6_00, ValidFrom: e.clock.Now().Add(time.Hour)})
	e.issue(order.VoucherIssue{Account: account, Amount: 7_00, ValidUntil: e.clock.Now().Add(time.Minute)})
	e.issue(order.VoucherIssue{Account: account, Amount: 8_00, Scope: taocan.VoucherScope{Categories: []taocan.Category{taocan.Domestic},
		Purposes: []taocan.Purpose{taocan.Verification, taocan.Marketing}, Products: []taocan.ProductID{"verification-5k"}}})
	e.issue(order.VoucherIssue{Account: otherTenant.Account, Amount: 9_99})
	e.clock.Advance(time.Minute)
	page := b.get("/vouchers")
	page.wantPage(t, http.StatusOK, "¥5.00", "订单满 ¥100.00 可用", "无门槛", "全部套餐包", "可用", "未生效", "已过期",
		"国内短信", "验证通知、会员营销", "国内短信包5千条(验证通知)")
	page.lacks(t, "9.99")
	b.english().get("/vouchers").wantPage(t, http.StatusOK, "orders of ¥100.00 or more", "any amount", "all packages",
		"Usable", "Not valid yet", "Expired", "Verification or Marketing")
}

func TestAUsedVoucherLeadsToItsOrder(t *testing.T) {
	e := newEnv(t)
	v := e.issue(order.VoucherIssue{Account: demoTenant.Account, Amount: 5_00})
	agreement, err := e.catalog.Agreement(t.Context())
	e.must(err)
	b := e.signIn(taocan.Finance)
	b.get("/vouchers").wantPage(t, http.StatusOK, "可用")
	buyer := taocan.Actor{Tenant: demoTenant, Token: "tok", Scopes: []taocan.Scope{taocan.ScopeBuy}}
	ord, _, err := e.orders.Create(t.Context(), buyer, "k", make([]byte, 32),
		taocan.Purchase{Kind: taocan.Custom, Category: taocan.Domestic, Purpose: taocan.Verification, Quantity: 1000}, agreement.Version)
	e.must(err)
	_, _, err = e.orders.Pay(t.Context(), buyer, "k", make([]byte, 32), ord.ID, v.ID)
	e.must(err)
	page := b.get("/vouchers")
	page.wantPage(t, http.StatusOK, "已使用", string(ord.ID))
	if !slices.Contains(page.links(), "/orders/"+string(ord.ID)) {
		t.Errorf("no link to the order among %v", page.links())
	}
	wallet := b.get("/wallet")
	if !slices.Contains(wallet.links(), "/orders/"+string(ord.ID)) {
		t.Errorf("no link to the order among %v", wallet.links())
	}
}

func TestACodeIsRedeemedOrRefusedInWords(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Finance)
	v := e.issue(order.VoucherIssue{Amount: 5_00})
	b.post("/vouchers/redeem", "code", " "+v.Code+" ").wantRedirect(t, "/vouchers?done=redeemed")
	b.get("/vouchers?done=redeemed").wantPage(t, http.StatusOK, "代金券已兑换", string(v.ID))
	b.post("/vouchers/redeem", "code", v.Code).wantRedirect(t, "/vouchers?done=redeemed") // one's own again

	old := e.issue(order.VoucherIssue{Amount: 6_00, ValidUntil: e.clock.Now().Add(time.Minute)})
	taken := e.issue(order.VoucherIssue{Amount: 7_00})
	e.signInAs(otherTenant.Account, "theirs", taocan.Owner).post("/vouchers/redeem", "code", taken.Code).wantRedirect(t, "/vouchers?done=redeemed")
	e.clock.Advance(time.Minute)
	for code, want := range map[string]string{"": "请填写代金券码", "ABCD": "代金券码不正确", old.Code: "这张代金券已过期",
		taken.Code: "代金券码不正确"} {
		page := b.post("/vouchers/redeem", "code", code)
		page.wantPage(t, http.StatusUnprocessableEntity, want)
		if at, value, _ := page.field("code"); at["aria-invalid"] != "true" || value != code {
			t.Errorf("code %q: the field has %v, want it marked, with what was typed", code, at)
		}
	}
	b.english().post("/vouchers/redeem", "code", "ABCD").wantPage(t, http.StatusUnprocessableEntity, "There is no such code")

	viewer := e.signIn(taocan.Viewer)
	if _, _, there := viewer.get("/vouchers").field("code"); there {
		t.Error("a viewer is offered to redeem")
	}
	viewer.post("/vouchers/redeem", "code", e.issue(order.VoucherIssue{Amount: 1_00}).Code).wantPage(t, http.StatusForbidden)
}
