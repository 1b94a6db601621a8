package console_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"golang.org/x/net/html"

	"taocan/internal/catalog"
	"taocan/internal/order"
	"taocan/internal/packages"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// sendForm sends the form that posts to an address as it stands on a page, with some of its fields typed over.
func (b *browser) sendForm(page answer, action string, fields ...string) answer {
	b.e.t.Helper()
	for n := range page.doc().Descendants() {
		at := attributesOf(n)
		if n.Data != "form" || at["action"] != action || at["method"] != "post" {
			continue
		}
		form := url.Values{}
		for x := range n.Descendants() {
			at := attributesOf(x)
			_, ticked := at["checked"]
			switch {
			case x.Data == "input" && (at["type"] != "checkbox" || ticked):
				form.Add(at["name"], at["value"])
			case x.Data == "textarea" && x.FirstChild != nil:
				form.Add(at["name"], x.FirstChild.Data)
			case x.Data == "select":
				form.Add(at["name"], selected(x))
			}
		}
		for i := 0; i+1 < len(fields); i += 2 {
			form.Del(fields[i])
		}
		for i := 0; i+1 < len(fields); i += 2 {
			form.Add(fields[i], fields[i+1])
		}
		return b.send(http.MethodPost, action, form.Encode(), []string{"Content-Type", "application/x-www-form-urlencoded"})
	}
	b.e.t.Fatalf("there is no form to %s on the page:\n%.3000s", action, page.text())
	return answer{}
}

func selected(n *html.Node) (value string) {
	for o := range n.Descendants() {
		if at := attributesOf(o); o.Data == "option" {
			if _, chosen := at["selected"]; chosen || value == "" {
				value = at["value"]
			}
		}
	}
	return value
}

// lastAct is the newest line of the audit log: what was done, to what, by whom.
func (e *env) lastAct() (action, subject, by string) {
	e.t.Helper()
	page, err := e.access.AuditEntries(e.t.Context(), store.AuditFilter{Paging: store.Paging{Limit: 1}})
	e.must(err)
	return page.Items[0].Action, page.Items[0].Subject, page.Items[0].By
}

func (e *env) wantAct(action, subject string) {
	e.t.Helper()
	gotAction, gotSubject, by := e.lastAct()
	if gotAction != action || gotSubject != subject || !strings.HasPrefix(by, "member:") {
		e.t.Errorf("the audit log says %s %s by %s, want %s %s by the member", gotAction, gotSubject, by, action, subject)
	}
}

// operatorPages are all that can be looked at.
var operatorPages = []string{
	"/operator", "/operator/accounts", "/operator/accounts?new=1", "/operator/accounts/demo", "/operator/accounts/demo/projects/demo", "/operator/packages",
	"/operator/packages?project=demo", "/operator/packages/U1B19042914D4FE7", "/operator/orders", "/operator/orders?state=paid", "/operator/vouchers", "/operator/vouchers?new=1",
	"/operator/price-lists", "/operator/price-lists/new", "/operator/price-lists/new?category=international", "/operator/price-lists/new?from=domestic-later-example",
	"/operator/products", "/operator/agreements", "/operator/agreements?show=sample-1", "/operator/audit", "/operator/audit?action=wallet&account=demo", "/operator/staff",
	"/operator/import", "/operator/import?project=demo", "/operator/accounts?q=demo&level=enterprise&suspended=false", "/operator/vouchers?state=usable",
}

func TestOperatorPagesAreForStaffAlone(t *testing.T) {
	e := newEnv(t)
	owner, stranger, staff := e.signIn(taocan.Owner), e.stranger(), e.signIn(taocan.OperatorRole)
	for _, page := range operatorPages {
		owner.get(page).wantPage(t, http.StatusNotFound)
		stranger.get(page).wantRedirect(t, "/login?next="+url.QueryEscape(page))
		staff.get(page).wantPage(t, http.StatusOK)
	}
	writes := []string{
		"/operator/clock", "/operator/accounts", "/operator/accounts/demo/level", "/operator/accounts/demo/suspended", "/operator/accounts/demo/wallet/top_up",
		"/operator/accounts/demo/wallet/gift", "/operator/accounts/demo/wallet/credit_limit", "/operator/accounts/demo/wallet/adjust", "/operator/accounts/demo/projects",
		"/operator/accounts/demo/members", "/operator/accounts/demo/members/role", "/operator/accounts/demo/members/password", "/operator/accounts/demo/members/suspended",
		"/operator/accounts/demo/projects/demo/tokens", "/operator/accounts/demo/projects/demo/tokens/revoke", "/operator/packages",
		"/operator/packages/U1B19042914D4FE7/adjust", "/operator/packages/U1B19042914D4FE7/extend", "/operator/packages/U1B19042914D4FE7/freeze",
		"/operator/packages/U1B19042914D4FE7/unfreeze", "/operator/packages/U1B19042914D4FE7/transfer", "/operator/vouchers", "/operator/price-lists", "/operator/price-lists/preview", "/operator/products",
		"/operator/products/verification-5k/on-sale", "/operator/agreements", "/operator/agreements/preview",
	}
	before, err := e.access.AuditEntries(t.Context(), store.AuditFilter{Paging: store.Paging{Limit: 1}})
	e.must(err)
	for _, path := range writes {
		owner.post(path, "amount", "1", "suspended", "true", "login", "owner").wantPage(t, http.StatusNotFound)
		if got := stranger.post(path); got.status != http.StatusSeeOther || !strings.HasPrefix(got.header.Get("Location"), "/login") {
			t.Errorf("a stranger's %s: %d to %q, want the login page", path, got.status, got.header.Get("Location"))
		}
	}
	after, err := e.access.AuditEntries(t.Context(), store.AuditFilter{Paging: store.Paging{Limit: 1}})
	e.must(err)
	if after.Total != before.Total {
		t.Errorf("%d lines in the audit log, want %d: something was written", after.Total, before.Total)
	}
	for _, tab := range []string{"/orders", "/packages/domestic"} { // nor the other way round
		staff.get(tab).wantPage(t, http.StatusNotFound)
	}
}

// foreignWords are the words of a page that stand in the other language, outside of what people typed.
func foreignWords(page answer, chinese bool) []string {
	latin := regexp.MustCompile(`[A-Za-z]{2,}`)
	accepted := regexp.MustCompile(`^(HK|CSV|XLSX)$`)
	var found []string
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		at := attributesOf(n)
		if at["translate"] == "no" || at["lang"] == "zh-CN" && n.Data != "html" || at["hreflang"] != "" || n.Data == "title" || n.Data == "script" {
			return
		}
		texts := []string{at["placeholder"]}
		if !chinese { // labels name what they are for, and that is Latin here
			texts = append(texts, at["aria-label"], at["title"])
		}
		if n.Type == html.TextNode {
			texts = append(texts, n.Data)
		}
		for _, s := range texts {
			if chinese {
				for _, w := range latin.FindAllString(s, -1) {
					if !accepted.MatchString(w) {
						found = append(found, w)
					}
				}
			} else if strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
				found = append(found, s)
			}
		}
		for c := range n.ChildNodes() {
			walk(c)
		}
	}
	for n := range page.doc().Descendants() {
		if n.Data == "main" {
			walk(n)
		}
	}
	return found
}

func TestOperatorPagesKeepToOneLanguage(t *testing.T) {
	e := newEnv(t)
	e.orderPaid()
	_, err := e.orders.IssueVouchers(t.Context(), taocan.System(), order.VoucherIssue{Count: 1, Amount: 100, ValidUntil: e.clock.Now().Add(time.Hour),
		Scope: taocan.VoucherScope{Categories: []taocan.Category{taocan.Domestic}, Products: []taocan.ProductID{"verification-5k"}}})
	e.must(err)
	_, _, err = e.packages.Grant(t.Context(), taocan.System(), demoTenant, "k", make([]byte, 32), packages.GrantRequest{Category: taocan.International, Country: "HK", Quantity: 100, Reason: "x"})
	e.must(err)
	staff := e.signIn(taocan.OperatorRole)
	for _, page := range operatorPages {
		got := staff.get(page)
		got.wantPage(t, http.StatusOK)
		if words := foreignWords(got, true); words != nil {
			t.Errorf("%s in Chinese says %q", page, words)
		}
	}
	staff.english()
	for _, page := range operatorPages {
		if words := foreignWords(staff.get(page), false); words != nil {
			t.Errorf("%s in English says %q", page, words)
		}
	}
}

// orderPaid buys 1,000 messages for demo.
func (e *env) orderPaid() taocan.Order {
	e.t.Helper()
	ctx, buyer := e.t.Context(), taocan.Actor{Tenant: demoTenant, Token: "tok"}
	a, err := e.catalog.Agreement(ctx)
	e.must(err)
	ord, _, err := e.orders.Create(ctx, buyer, "o", make([]byte, 32), taocan.Purchase{Kind: taocan.Custom, Category: taocan.Domestic, Purpose: taocan.Verification, Quantity: 1000}, a.Version)
	e.must(err)
	ord, _, err = e.orders.Pay(ctx, buyer, "p", make([]byte, 32), ord.ID, "")
	e.must(err)
	return ord
}

func TestOperatorOverview(t *testing.T) {
	e := newEnv(t)
	staff := e.signIn(taocan.OperatorRole)
	for query, want := range map[string]string{
		"u1b19042914d4fe7": "/operator/packages/U1B19042914D4FE7", " demo ": "/operator/accounts/demo",
	} {
		staff.get("/operator?q="+url.QueryEscape(query)).wantRedirect(t, want)
	}
	got := staff.get("/operator?q=nobody")
	got.wantPage(t, http.StatusNotFound, "没有找到这个套餐包、账号或项目", "运行正常")
	if _, value, _ := got.field("q"); value != "nobody" {
		t.Errorf("the search says %q, want what was typed", value)
	}

	e.clock.Jump(2 * time.Hour)
	got = staff.get("/operator")
	got.wantPage(t, http.StatusOK, "暂停扣减", "120 分钟")
	staff.sendForm(got, "/operator/clock").wantRedirect(t, "/operator?done=clock")
	staff.get("/operator?done=clock").wantPage(t, http.StatusOK, "运行正常", "恢复写入")
	e.wantAct("clock.confirm", "clock")
	staff.get("/operator?done=%3Cb%3E").wantPage(t, http.StatusOK, "运行正常")
}

func TestOperatorAccounts(t *testing.T) {
	e := newEnv(t)
	staff := e.signIn(taocan.OperatorRole)
	list := staff.get("/operator/accounts")
	list.wantPage(t, http.StatusOK, "demo", "other", "企业认证")

	refused := staff.sendForm(list, "/operator/accounts", "id", "Not An Id", "name", "杭州某公司", "level", "personal")
	refused.wantPage(t, http.StatusUnprocessableEntity, "1–64 个小写字母、数字、- 或 _")
	for name, want := range map[string]string{"id": "Not An Id", "name": "杭州某公司", "level": "personal"} {
		if _, got, _ := refused.field(name); got != want {
			t.Errorf("a refused form says %s = %q, want %q as it was typed", name, got, want)
		}
	}
	if at, _, _ := refused.field("id"); at["aria-invalid"] != "true" || !strings.Contains(refused.byID("account-id-error"), "小写字母") {
		t.Errorf("the field does not say what is wrong: %v, %q", at, refused.byID("account-id-error"))
	}
	staff.sendForm(list, "/operator/accounts", "id", "demo").wantPage(t, http.StatusUnprocessableEntity, "编号已被使用")
	staff.sendForm(list, "/operator/accounts", "id", "acme", "name", "Acme", "level", "personal").wantRedirect(t, "/operator/accounts/acme?done=account")
	e.wantAct("account.create", "acme")

	page := staff.get("/operator/accounts/acme?done=account")
	page.wantPage(t, http.StatusOK, "客户已创建", "个人认证", "还没有项目", "还没有成员", "还没有流水")
	staff.sendForm(page, "/operator/accounts/acme/level", "level", "enterprise").wantRedirect(t, "/operator/accounts/acme?done=level")
	e.wantAct("account.level", "acme")
	staff.sendForm(page, "/operator/accounts/acme/suspended").wantRedirect(t, "/operator/accounts/acme?done=suspended")
	page = staff.get("/operator/accounts/acme")
	page.wantPage(t, http.StatusOK, "企业认证", "已停用")
	staff.sendForm(page, "/operator/accounts/acme/suspended").wantRedirect(t, "/operator/accounts/acme?done=suspended")
	staff.get("/operator/accounts/acme").lacks(t, "已停用")

	staff.get("/operator/accounts/nobody").wantPage(t, http.StatusNotFound)
	staff.post("/operator/accounts/nobody/wallet/gift", "amount", "1").wantPage(t, http.StatusNotFound)
	staff.post("/operator/accounts/demo/level", "level", "royal").wantPage(t, http.StatusUnprocessableEntity, "请选择认证等级")
}

func TestOperatorWallet(t *testing.T) {
	e := newEnv(t)
	staff := e.signIn(taocan.OperatorRole)
	const path = "/operator/accounts/demo"
	page := staff.get(path)
	page.wantPage(t, http.StatusOK, "¥18.70", "¥79,640.03", "bank-1", "welcome")
	cash := func() string {
		w, err := e.orders.Wallet(t.Context(), "demo")
		e.must(err)
		return w.Cash.String() + " " + w.Gift.String() + " " + w.CreditLimit.String()
	}
	want := func(figures string) {
		t.Helper()
		if got := cash(); got != figures {
			t.Errorf("cash, gift and limit are %s, want %s", got, figures)
		}
	}

	top := func(page answer, amount, reference string) answer {
		return staff.sendForm(page, path+"/wallet/top_up", "amount", amount, "reference", reference)
	}
	refused := top(page, "12.345", "")
	refused.wantPage(t, http.StatusUnprocessableEntity, "最多两位小数")
	top(page, "12", "").wantPage(t, http.StatusUnprocessableEntity, "请填写")
	top(page, "-12", "bank-2").wantPage(t, http.StatusUnprocessableEntity, "金额超出范围")
	top(page, "12", "bank-1").wantPage(t, http.StatusUnprocessableEntity, "已经入账")
	want("18.70 79640.03 0.00")
	if _, value, _ := refused.field("amount"); value != "12.345" {
		t.Errorf("the refused form says %q, want what was typed", value)
	}
	top(refused, "12.30", "bank-2").wantRedirect(t, path+"?done=top_up") // mended where it was refused
	want("31.00 79640.03 0.00")
	e.wantAct("wallet.top_up", "demo")
	top(refused, "12.30", "bank-2").wantRedirect(t, path+"?done=top_up") // and sent again: a reload
	want("31.00 79640.03 0.00")

	gift := func() answer {
		return staff.sendForm(page, path+"/wallet/gift", "amount", "5", "reason", "节日赠送")
	}
	gift().wantRedirect(t, path+"?done=gift")
	gift().wantRedirect(t, path+"?done=gift")
	want("31.00 79645.03 0.00")
	staff.sendForm(page, path+"/wallet/credit_limit", "amount", "1000").wantRedirect(t, path+"?done=credit_limit")
	want("31.00 79645.03 1000.00")
	staff.sendForm(page, path+"/wallet/adjust", "amount", "-31.01", "reason", "更正").wantPage(t, http.StatusUnprocessableEntity, "余额不足：只有 ¥31.00")
	staff.sendForm(page, path+"/wallet/adjust", "amount", "-1").wantPage(t, http.StatusUnprocessableEntity, "请填写")
	staff.sendForm(page, path+"/wallet/adjust", "amount", "-1", "reason", "更正").wantRedirect(t, path+"?done=adjust")
	want("30.00 79645.03 1000.00")
	staff.get(path+"?done=adjust").wantPage(t, http.StatusOK, "余额已调整", "节日赠送", "-¥1.00")
}

func TestOperatorMembersAndProjects(t *testing.T) {
	e := newEnv(t)
	staff := e.signIn(taocan.OperatorRole)
	viewer := e.signIn(taocan.Viewer)
	const path = "/operator/accounts/demo"
	page := staff.get(path)
	refused := staff.sendForm(page, path+"/members", "login", "zhang", "password", "too short", "role", "finance")
	refused.wantPage(t, http.StatusUnprocessableEntity, "密码须为 10–256 个字节")
	refused.lacks(t, "too short")
	if _, value, _ := refused.field("role"); value != "finance" {
		t.Errorf("the refused form says %q, want the role that was chosen", value)
	}
	staff.sendForm(page, path+"/members", "login", "viewer", "password", password).wantPage(t, http.StatusUnprocessableEntity, "登录名已被使用")
	staff.sendForm(page, path+"/members", "login", "zhang", "password", password, "role", "finance").wantRedirect(t, path+"?done=member")
	e.wantAct("member.create", "zhang")

	viewer.get("/packages/domestic").wantPage(t, http.StatusOK)
	staff.post(path+"/members/role", "login", "viewer", "role", "finance").wantRedirect(t, path+"?done=role")
	e.wantAct("member.role", "viewer")
	staff.post(path+"/members/role", "login", "viewer", "role", "operator").wantPage(t, http.StatusUnprocessableEntity, "请选择角色")
	staff.post(path+"/members/password", "login", "viewer", "password", "short").wantPage(t, http.StatusUnprocessableEntity, "密码须为")
	staff.post(path+"/members/suspended", "login", "viewer", "suspended", "true").wantRedirect(t, path+"?done=member_suspended")
	viewer.get("/packages/domestic").wantRedirect(t, "/login?next=%2Fpackages%2Fdomestic")
	staff.post(path+"/members/suspended", "login", "viewer", "suspended", "false").wantRedirect(t, path+"?done=member_suspended")
	staff.post(path+"/members/password", "login", "viewer", "password", "another long password").wantRedirect(t, path+"?done=password")
	e.wantAct("member.password", "viewer")

	// Members of another account, and staff, are not reached through this one's page.
	e.signInAs("other", "stranger", taocan.Owner)
	for _, login := range []string{"stranger", "operator", "nobody"} {
		staff.post(path+"/members/suspended", "login", login, "suspended", "true").wantPage(t, http.StatusNotFound)
	}

	staff.sendForm(page, path+"/projects", "id", "other").wantPage(t, http.StatusUnprocessableEntity, "编号已被使用")
	staff.sendForm(page, path+"/projects", "id", "second", "name", "第二个项目").wantRedirect(t, path+"?done=project")
	staff.get(path+"/projects/second").wantPage(t, http.StatusOK, "第二个项目", "还没有套餐包", "还没有令牌")
	staff.get(path+"/projects/other").wantPage(t, http.StatusNotFound) // another account's
}

func TestOperatorTokens(t *testing.T) {
	e := newEnv(t)
	staff := e.signIn(taocan.OperatorRole)
	const path = "/operator/accounts/demo/projects/demo"
	page := staff.get(path)
	page.wantPage(t, http.StatusOK, "U1B19042914D4FE7")
	staff.sendForm(page, path+"/tokens", "name", "发送系统").wantPage(t, http.StatusUnprocessableEntity, "请至少选择一项权限")
	staff.sendForm(page, path+"/tokens", "name", "发送系统", "scopes", "read", "days", "soon").wantPage(t, http.StatusUnprocessableEntity, "请输入整数")
	staff.sendForm(page, path+"/tokens", "name", "发送系统", "scopes", "read", "days", "9999").wantPage(t, http.StatusUnprocessableEntity, "0 到十年")

	made := staff.sendForm(page, path+"/tokens", "name", "发送系统", "scopes", "read", "scopes", "debit", "days", "30")
	made.wantPage(t, http.StatusOK, "密钥只显示这一次", "发送系统", "查询")
	secret := made.byID("secret")
	if a, err := e.access.Authenticate(t.Context(), secret, ""); err != nil || a.Tenant != demoTenant || !a.Can(taocan.ScopeDebit) || a.Can(taocan.ScopeBuy) {
		t.Errorf("the secret that was shown is %+v, %v", a, err)
	}
	again := staff.sendForm(page, path+"/tokens", "name", "发送系统", "scopes", "read", "scopes", "debit", "days", "30")
	again.wantPage(t, http.StatusOK, "没有创建新的令牌")
	again.lacks(t, secret)
	tokens, err := e.access.Tokens(t.Context(), demoTenant, store.Paging{Limit: 10})
	e.must(err)
	if len(tokens.Items) != 1 {
		t.Errorf("%d tokens, want the one", len(tokens.Items))
	}
	page = staff.get(path)
	page.lacks(t, secret)
	staff.sendForm(page, path+"/tokens/revoke").wantRedirect(t, path+"?done=revoked")
	staff.get(path+"?done=revoked").wantPage(t, http.StatusOK, "令牌已撤销", "已撤销")
	if _, err := e.access.Authenticate(t.Context(), secret, ""); err == nil {
		t.Error("the revoked token still works")
	}
}

func TestOperatorPackages(t *testing.T) {
	e := newEnv(t)
	staff := e.signIn(taocan.OperatorRole)
	staff.get("/operator/packages?number=+u1b19042914d4fe7+").wantRedirect(t, "/operator/packages/U1B19042914D4FE7")
	staff.get("/operator/packages?number=U1B0").wantPage(t, http.StatusNotFound, "没有这个编号的套餐包")
	staff.get("/operator/packages/U1B0").wantPage(t, http.StatusNotFound)

	const path = "/operator/packages/U1B19042914D4FE7"
	page := staff.get(path)
	page.wantPage(t, http.StatusOK, "有效", "2021-04-29", "导入")
	adjust := func(delta, reason string) answer {
		return staff.sendForm(page, path+"/adjust", "delta", delta, "reason", reason)
	}
	adjust("-51", "更正").wantPage(t, http.StatusUnprocessableEntity, "剩余不足：只有 50 条")
	adjust("0", "更正").wantPage(t, http.StatusUnprocessableEntity, "不等于 0")
	adjust("many", "").wantPage(t, http.StatusUnprocessableEntity, "请输入整数")
	refused := adjust("-7", "")
	refused.wantPage(t, http.StatusUnprocessableEntity, "请填写")
	if _, value, _ := refused.field("delta"); value != "-7" {
		t.Errorf("the refused form says %q, want what was typed", value)
	}
	adjust("-7", "误发退回").wantRedirect(t, path+"?done=adjusted")
	adjust("-7", "误发退回").wantRedirect(t, path+"?done=adjusted") // sent twice
	e.wantAct("package.adjust", "U1B19042914D4FE7")
	got := staff.get(path + "?done=adjusted")
	got.wantPage(t, http.StatusOK, "套餐包已调整", "误发退回", "-7")
	if x, err := e.packages.Find(t.Context(), "U1B19042914D4FE7"); err != nil || x.Remaining != 43 {
		t.Errorf("%d left, %v, want 43", x.Remaining, err)
	}

	grant := func(fields ...string) answer {
		return staff.sendForm(staff.get("/operator/packages?project=other"), "/operator/packages", fields...)
	}
	grant("quantity", "500").wantPage(t, http.StatusUnprocessableEntity, "请填写") // no reason
	grant("quantity", "500", "reason", "补偿", "project", "nobody").wantPage(t, http.StatusUnprocessableEntity, "不存在")
	grant("quantity", "500", "reason", "补偿", "country", "hk").wantPage(t, http.StatusUnprocessableEntity, "国内短信不填国家/地区")
	grant("quantity", "500", "reason", "补偿", "category", "international", "country", "hk").wantPage(t, http.StatusUnprocessableEntity, "用途只能是通用")
	grant("quantity", "0", "reason", "补偿").wantPage(t, http.StatusUnprocessableEntity, "1 到 1,000,000,000")
	made := grant("quantity", "500", "reason", "补偿", "category", "international", "purpose", "general", "country", "hk")
	if to := made.header.Get("Location"); made.status != http.StatusSeeOther || !strings.HasPrefix(to, "/operator/packages/U0G") {
		t.Fatalf("granting: %d to %q\n%.1000s", made.status, to, made.text())
	} else {
		staff.get(to).wantPage(t, http.StatusOK, "套餐包已赠送", "国际短信包(中国香港HK)", "补偿", "other")
	}
	balance, err := e.packages.Balance(t.Context(), otherTenant, taocan.International, time.Time{})
	e.must(err)
	if balance.Remaining != 500 {
		t.Errorf("the project has %d, want 500", balance.Remaining)
	}
}

func TestOperatorOrders(t *testing.T) {
	e := newEnv(t)
	staff := e.signIn(taocan.OperatorRole)
	ord := e.orderPaid()
	staff.get("/operator/orders").wantPage(t, http.StatusOK, string(ord.ID), "¥44.00", "已支付", string(ord.Packages[0]))
	staff.get("/operator/orders?state=paid").wantPage(t, http.StatusOK, string(ord.ID))
	staff.get("/operator/orders?state=pending").lacks(t, string(ord.ID))
	staff.get("/operator/orders?state=lost").wantPage(t, http.StatusUnprocessableEntity)
}

func TestOperatorVouchers(t *testing.T) {
	e := newEnv(t)
	staff := e.signIn(taocan.OperatorRole)
	page := staff.get("/operator/vouchers?new=1")
	issue := func(fields ...string) answer { return staff.sendForm(page, "/operator/vouchers", fields...) }
	issue("amount", "10").wantPage(t, http.StatusUnprocessableEntity, "请填写")
	issue("amount", "ten", "valid_until", "2021-04-30").wantPage(t, http.StatusUnprocessableEntity, "请输入金额")
	issue("amount", "10", "valid_until", "2021-03-31").wantPage(t, http.StatusUnprocessableEntity, "不能是过去的时间")
	issue("amount", "10", "valid_until", "2021-04-30", "valid_from", "2021-05-01").wantPage(t, http.StatusUnprocessableEntity, "必须晚于生效日期")
	issue("amount", "10", "valid_until", "2021-04-30", "account", "nobody").wantPage(t, http.StatusUnprocessableEntity, "不存在")
	refused := issue("amount", "10", "valid_until", "2021-04-30", "count", "1001", "purposes", "marketing")
	refused.wantPage(t, http.StatusUnprocessableEntity, "1 到 1,000 的整数")
	if at, _, _ := refused.field("purposes"); at["value"] == "" || !strings.Contains(refused.body, `value="marketing" checked`) {
		t.Error("the refused form has lost the box that was ticked")
	}

	made := issue("amount", "10", "min_amount", "20", "valid_until", "2021-04-30", "count", "3", "purposes", "verification")
	made.wantPage(t, http.StatusOK, "已发放 3 张代金券，每张 ¥10.00", "只显示这一次")
	codes := strings.Fields(made.byID("codes"))
	if len(codes) != 3 {
		t.Fatalf("shown codes %q, want three", codes)
	}
	e.wantAct("voucher.issue", firstVoucher(e, t))
	issue("amount", "10", "min_amount", "20", "valid_until", "2021-04-30", "count", "3", "purposes", "verification").wantRedirect(t, "/operator/vouchers?again=1")
	list := staff.get("/operator/vouchers?again=1")
	list.wantPage(t, http.StatusOK, "没有再次发放", "共 3 条", "未兑换", "验证通知")
	list.lacks(t, codes...)

	v, err := e.orders.Redeem(t.Context(), taocan.Actor{Tenant: demoTenant, Token: "tok"}, codes[1])
	e.must(err)
	if want := time.Date(2021, 5, 1, 0, 0, 0, 0, shanghai); !v.ValidUntil.Equal(want) || v.MinAmount != 2000 {
		t.Errorf("until %v from %s on, want the end of the last day, %v", v.ValidUntil, v.MinAmount, want)
	}
	straight := staff.sendForm(list, "/operator/vouchers", "amount", "10", "valid_until", "2021-04-30", "account", "other")
	straight.wantPage(t, http.StatusOK, "已发放 1 张代金券", "other")
	straight.lacks(t, "只显示这一次")
}

func firstVoucher(e *env, t *testing.T) string {
	t.Helper()
	page, err := e.access.AuditEntries(t.Context(), store.AuditFilter{Paging: store.Paging{Limit: 1}})
	e.must(err)
	return page.Items[0].Subject
}

func TestOperatorPriceLists(t *testing.T) {
	e := newEnv(t)
	staff := e.signIn(taocan.OperatorRole)
	staff.get("/operator/price-lists").wantPage(t, http.StatusOK, "domestic-2019-04-09", "生效中", "草稿", "0.044 元/条")

	page := staff.get("/operator/price-lists/new")
	_, rows, _ := page.field("rows")
	if first, _, _ := strings.Cut(rows, "\n"); first != "验证通知 0=0.044 100000=0.040 300000=0.039 500000=0.038 1000000=0.037 3000000=0.036" {
		t.Errorf("the new list starts from %q, want the one in force", first)
	}
	preview := func(fields ...string) answer { return staff.sendForm(page, "/operator/price-lists/preview", fields...) }
	for rows, want := range map[string]string{
		"": "1 到 300 行", "sms 0=0.05": "第 1 行：第一个词须为", "验证通知 0=0.05\n\n会员营销 100=0.05": "第 3 行：第一档须从 0 开始", "验证通知 0=0.05 150=0.04": "第 1 行：起始条数须为 100",
		"验证通知 0=0.05 200=0.04 200=0.03": "逐档增大", "验证通知 0=0.05 x=1": "起始条数=单价", "验证通知 0=0": "单价须大于 0", "验证通知 0=0.05 100=0.04 below=100": "停售条数",
		"验证通知": "1 到 50 档", "验证通知 0=0.05\nVerification 0=0.04": "第 2 行：与前面的行重复", "验证通知 0=0.05 停售=x": "起始条数=单价",
	} {
		got := preview("rows", rows)
		got.wantPage(t, http.StatusUnprocessableEntity, want)
		if _, value, _ := got.field("rows"); strings.TrimSpace(value) != strings.TrimSpace(rows) {
			t.Errorf("the refused form says %q, want %q", value, rows)
		}
	}
	preview("valid_from", "2021-03-31T00:00").wantPage(t, http.StatusUnprocessableEntity, "不能是过去的时间")
	preview("validity_months", "0").wantPage(t, http.StatusUnprocessableEntity, "1 到 120")
	preview("category", "international", "rows", "XX 0=0.4").wantPage(t, http.StatusUnprocessableEntity, "第 1 行：不是国家/地区代码")
	preview("id", "domestic-2019-04-09").wantPage(t, http.StatusUnprocessableEntity, "编号已被使用")

	seen := preview("valid_from", "2021-04-09T00:00", "rows", "验证通知 0=0.050 10000=0.045 停售=3000000\r\n会员营销 0=0.055")
	seen.wantPage(t, http.StatusOK, "domestic-2021-04-09", "domestic-2019-04-09", "发布后不能修改")
	table := seen.byID("changes")
	for _, want := range []string{"验证通知 100 ¥4.40 ¥5.00 +¥0.60", "验证通知 10,000 ¥440.00 ¥450.00 +¥10.00", "验证通知 3,000,000 ¥108,000.00 不出售 —", "会员营销 1,000 ¥44.00 ¥55.00 +¥11.00"} {
		if !strings.Contains(table, want) {
			t.Errorf("the preview lacks %q: %s", want, table)
		}
	}
	lists, err := e.catalog.PriceLists(t.Context(), "")
	e.must(err)
	if len(lists) != 3 {
		t.Fatalf("%d price lists after a preview, want the three before it", len(lists))
	}
	publish := func() answer { return staff.sendForm(seen, "/operator/price-lists") }
	publish().wantRedirect(t, "/operator/price-lists?done=price_list")
	e.wantAct("price_list.publish", "domestic-2021-04-09")
	publish().wantPage(t, http.StatusUnprocessableEntity, "编号已被使用，或已有同一时刻生效的价格表")
	staff.get("/operator/price-lists").wantPage(t, http.StatusOK, "待生效")

	e.clock.Set(time.Date(2021, 4, 9, 0, 0, 0, 0, shanghai))
	inForce, err := e.catalog.PriceList(t.Context(), taocan.Domestic)
	e.must(err)
	if row, ok := catalog.Row(inForce, taocan.Verification, ""); inForce.ID != "domestic-2021-04-09" || !ok || row.Below != 3_000_000 || row.Tiers[1].Price != 450 {
		t.Errorf("in force is %+v, want what was published", inForce)
	}
}

func TestOperatorProducts(t *testing.T) {
	e := newEnv(t)
	staff := e.signIn(taocan.OperatorRole)
	page := staff.get("/operator/products")
	page.wantPage(t, http.StatusOK, "国内短信包5千条(验证通知)", "¥250.00", "在售")
	add := func(fields ...string) answer { return staff.sendForm(page, "/operator/products", fields...) }
	add("id", "m", "name", "营销包", "quantity", "1e3", "price", "40").wantPage(t, http.StatusUnprocessableEntity, "请输入整数")
	add("id", "m", "name", "", "quantity", "1000", "price", "0").wantPage(t, http.StatusUnprocessableEntity, "价格超出范围", "名称过长")
	add("id", "verification-5k", "name", "x", "quantity", "1000", "price", "40").wantPage(t, http.StatusUnprocessableEntity, "编号已被使用")
	add("id", "marketing-1k", "name", "1000条", "purpose", "marketing", "quantity", "1000", "price", "40").wantRedirect(t, "/operator/products?done=product")
	e.wantAct("product.add", "marketing-1k")
	onSale := func() int {
		products, err := e.catalog.Products(t.Context(), taocan.Domestic)
		e.must(err)
		return len(products)
	}
	if got := onSale(); got != 3 {
		t.Errorf("%d on sale, want three: the new one is not put on sale by itself", got)
	}
	page = staff.get("/operator/products")
	staff.sendForm(page, "/operator/products/marketing-1k/on-sale").wantRedirect(t, "/operator/products?done=on_sale")
	staff.sendForm(page, "/operator/products/verification-5k/on-sale").wantRedirect(t, "/operator/products?done=off_sale")
	e.wantAct("product.on_sale", "verification-5k")
	if got := onSale(); got != 3 {
		t.Errorf("%d on sale, want one more and one less", got)
	}
	staff.post("/operator/products/nothing/on-sale", "on_sale", "true").wantPage(t, http.StatusNotFound)
}

func TestOperatorAgreements(t *testing.T) {
	e := newEnv(t)
	staff := e.signIn(taocan.OperatorRole)
	page := staff.get("/operator/agreements")
	page.wantPage(t, http.StatusOK, "sample-1", "当前版本")
	staff.get("/operator/agreements?show=none").wantPage(t, http.StatusNotFound)

	const text = "# 新协议\r\n\r\n- 不退款\r\n\r\n<script>alert(1)</script>"
	seen := staff.sendForm(page, "/operator/agreements/preview", "version", "2021-04", "markdown", text)
	seen.wantPage(t, http.StatusOK, "发布前预览", "新协议")
	if strings.Contains(seen.body, "<script>alert(1)") {
		t.Error("the preview holds raw HTML")
	}
	if !strings.Contains(seen.body, "<li>不退款</li>") {
		t.Error("the preview does not show the list as one")
	}
	if a, err := e.catalog.Agreement(t.Context()); err != nil || a.Version != "sample-1" {
		t.Errorf("after a preview the agreement is %q, %v", a.Version, err)
	}
	staff.sendForm(seen, "/operator/agreements").wantRedirect(t, "/operator/agreements?done=agreement")
	e.wantAct("agreement.publish", "2021-04")
	if a, err := e.catalog.Agreement(t.Context()); err != nil || a.Version != "2021-04" || a.Markdown != strings.ReplaceAll(text, "\r\n", "\n") {
		t.Errorf("the agreement is %q %q, %v", a.Version, a.Markdown, err)
	}
	staff.sendForm(seen, "/operator/agreements").wantPage(t, http.StatusUnprocessableEntity, "这个版本已经存在", "不退款")
	staff.post("/operator/agreements", "version", "新", "markdown", " ").wantPage(t, http.StatusUnprocessableEntity, "不含空格", "请填写正文")
}

func TestOperatorAuditIsReadable(t *testing.T) {
	e := newEnv(t)
	staff := e.signIn(taocan.OperatorRole)
	staff.post("/operator/accounts/demo/level", "level", "personal").wantRedirect(t, "/operator/accounts/demo?done=level")
	staff.get("/operator/audit").wantPage(t, http.StatusOK, "operator", "修改认证等级", "认证等级 企业认证 → 个人认证", "账户余额 ¥0.00 → ¥18.70")
	_, err := e.alerts.Set(t.Context(), taocan.Actor{Tenant: demoTenant, Token: "tok", Scopes: []taocan.Scope{taocan.ScopeManage}},
		[]taocan.AlertRule{{Category: taocan.Domestic, Purpose: taocan.Marketing, Threshold: 5000, Enabled: true}})
	e.must(err)
	staff.get("/operator/audit").wantPage(t, http.StatusOK, "会员营销-套餐包 启用 是，告警阈值 5,000")
	staff.english().get("/operator/audit").wantPage(t, http.StatusOK, "Identity level changed", "Level Enterprise → Personal", "The platform")

	for range 60 {
		staff.post("/operator/accounts/demo/level", "level", "personal").wantRedirect(t, "/operator/accounts/demo?done=level")
	}
	staff.get("/operator/audit").lacks(t, "Account created")
	staff.get("/operator/audit?page=2&per_page=50").wantPage(t, http.StatusOK, "Account created")
	staff.get("/operator/audit?page=9").wantRedirect(t, "/operator/audit?page=2&per_page=50")
}
