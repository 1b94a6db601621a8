package console_test

import (
	"archive/zip"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"taocan/internal/access"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

func TestTheProjectIsDescribedAndRenamedByItsOwner(t *testing.T) {
	e := newEnv(t)
	owner := e.signIn(taocan.Owner)
	owner.get("/settings").wantPage(t, http.StatusOK, "项目 ID", "demo", "企业认证", "可以购买全部套餐包", "Asia/Shanghai", "服务协议")
	owner.post("/settings/project", "name", " 短信网关 ").wantRedirect(t, "/settings?done=renamed")
	owner.get("/settings?done=renamed").wantPage(t, http.StatusOK, "项目名称已修改", "短信网关")

	page := owner.post("/settings/project", "name", strings.Repeat("长", 70))
	page.wantPage(t, http.StatusUnprocessableEntity, "请填写一行文字")
	if at, value, _ := page.field("name"); value != strings.Repeat("长", 70) || at["aria-invalid"] != "true" {
		t.Errorf("the field holds %q with %v, want what was typed, marked", value, at)
	}
	owner.english().post("/settings/project", "name", "").wantPage(t, http.StatusUnprocessableEntity, "One line of 1 to 200 bytes")

	viewer := e.signIn(taocan.Viewer)
	page = viewer.get("/settings")
	page.wantPage(t, http.StatusOK, "短信网关")
	if _, _, there := page.field("name"); there {
		t.Error("a viewer is offered to rename")
	}
	viewer.post("/settings/project", "name", "mine").wantPage(t, http.StatusForbidden)
	e.must(second(e.access.SetLevel(t.Context(), taocan.System(), demoTenant.Account, taocan.Unverified)))
	viewer.get("/settings").wantPage(t, http.StatusOK, "未认证", "完成认证前不能购买套餐包")
}

// second drops what a call answers besides its error.
func second[T any](_ T, err error) error { return err }

func TestAnOwnerManagesMembers(t *testing.T) {
	e := newEnv(t)
	owner := e.signIn(taocan.Owner)
	owner.get("/settings/members").wantPage(t, http.StatusOK, "owner", "所有者", "本人", "添加成员")
	owner.post("/settings/members", "login", "li/../ming", "password", password, "role", "viewer").wantRedirect(t, "/settings/members?done=created")
	owner.get("/settings/members?done=created").wantPage(t, http.StatusOK, "成员已添加", "li/../ming", "只读")

	path := "/settings/member?login=" + url.QueryEscape("li/../ming")
	owner.get(path).wantPage(t, http.StatusOK, "li/../ming", "重置密码", "停用成员")
	owner.post("/settings/member/role", "login", "li/../ming", "role", "finance").
		wantRedirect(t, "/settings/member?done=role&login=li%2F..%2Fming")
	owner.get(path+"&done=role").wantPage(t, http.StatusOK, "角色已修改")
	owner.post("/settings/member/suspended", "login", "li/../ming", "suspended", "1").
		wantRedirect(t, "/settings/member?done=suspended&login=li%2F..%2Fming")
	owner.get(path).wantPage(t, http.StatusOK, "已停用", "恢复成员")
	e.stranger().post("/login", "login", "li/../ming", "password", password).wantPage(t, http.StatusUnauthorized)
	owner.post("/settings/member/suspended", "login", "li/../ming", "suspended", "0").
		wantRedirect(t, "/settings/member?done=restored&login=li%2F..%2Fming")
	owner.post("/settings/member/password", "login", "li/../ming", "password", "another password").
		wantRedirect(t, "/settings/member?done=password&login=li%2F..%2Fming")
	e.stranger().post("/login", "login", "li/../ming", "password", "another password").wantRedirect(t, "/")

	for _, what := range []string{"role", "password", "suspended"} {
		owner.post("/settings/member/"+what, "login", "nobody", "role", "viewer", "password", password, "suspended", "1").
			wantPage(t, http.StatusNotFound)
	}
	owner.get("/settings/member?login=nobody").wantPage(t, http.StatusNotFound)
}

func TestARefusedMemberIsToldBesideItsFields(t *testing.T) {
	e := newEnv(t)
	owner := e.signIn(taocan.Owner)
	page := owner.post("/settings/members", "login", "小明", "password", "short", "role", "emperor")
	page.wantPage(t, http.StatusUnprocessableEntity, "登录名须为", "密码须为 10 到 256 个字节", "请选择角色")
	if _, value, _ := page.field("login"); value != "小明" {
		t.Errorf("the login field holds %q, want what was typed", value)
	}
	page.lacks(t, "short")
	owner.post("/settings/members", "login", "owner", "password", password, "role", "viewer").
		wantPage(t, http.StatusUnprocessableEntity, "这个登录名已被使用")
	owner.post("/settings/member/role", "login", "owner", "role", "viewer").
		wantPage(t, http.StatusUnprocessableEntity, "最后一位可登录的所有者")
	owner.post("/settings/member/suspended", "login", "owner", "suspended", "1").
		wantPage(t, http.StatusUnprocessableEntity, "不能停用自己")
	owner.post("/settings/member/password", "login", "owner", "password", "another password").
		wantPage(t, http.StatusUnprocessableEntity, "自己的密码请在个人设置中修改")
	owner.english().post("/settings/members", "login", "a b", "password", "short", "role", "viewer").
		wantPage(t, http.StatusUnprocessableEntity, "without spaces", "A password has 10 to 256 bytes")

	// With another owner there, one may give the role away, and is led to where one may still be.
	e.signInAs(demoTenant.Account, "heir", taocan.Owner)
	owner.post("/settings/member/role", "login", "owner", "role", "viewer").wantRedirect(t, "/settings/self")
	owner.get("/settings/members").wantPage(t, http.StatusForbidden)
}

func TestMembersAndTokensAreForOwnersOfTheAccount(t *testing.T) {
	e := newEnv(t)
	e.signIn(taocan.Owner)
	theirs := e.signInAs(otherTenant.Account, "theirs", taocan.Owner)
	theirs.get("/settings/members").lacks(t, ">owner<")
	theirs.get("/settings/member?login=owner").wantPage(t, http.StatusNotFound)
	theirs.post("/settings/member/role", "login", "owner", "role", "viewer").wantPage(t, http.StatusNotFound)
	_, token, err := e.access.CreateToken(t.Context(), taocan.System(),
		access.TokenRequest{Tenant: demoTenant, Name: "gateway", Scopes: []taocan.Scope{taocan.ScopeRead}})
	e.must(err)
	theirs.get("/settings/tokens").lacks(t, "gateway")
	theirs.post("/settings/tokens/revoke", "token", string(token.ID)).wantPage(t, http.StatusNotFound)
	for _, role := range []taocan.Role{taocan.Finance, taocan.Viewer} {
		b := e.signIn(role)
		b.get("/settings/members").wantPage(t, http.StatusForbidden, "只有所有者可以查看和管理成员")
		b.get("/settings/tokens").wantPage(t, http.StatusForbidden, "只有所有者可以查看和管理接口令牌")
		for _, path := range []string{"/settings/tokens/new", "/settings/member?login=owner"} {
			b.get(path).wantPage(t, http.StatusForbidden)
		}
		for _, path := range []string{"members", "member/role", "member/password", "member/suspended", "tokens", "tokens/revoke"} {
			b.post("/settings/"+path, "login", "owner", "token", string(token.ID), "role", "viewer", "name", "x", "scopes", "read", "days", "30").
				wantPage(t, http.StatusForbidden)
		}
	}
	if got := e.apiTokens(); len(got) != 1 || got[0].ID != token.ID || !got[0].RevokedAt.IsZero() {
		t.Errorf("tokens are %v, want the one that there was, not revoked", got)
	}
}

// apiTokens of demo, without those of sign-ins.
func (e *env) apiTokens() []taocan.Token {
	e.t.Helper()
	page, err := e.access.Tokens(e.t.Context(), demoTenant, store.Paging{Limit: 100})
	e.must(err)
	return slices.DeleteFunc(page.Items, func(x taocan.Token) bool { return x.Member != "" })
}

func TestATokensSecretIsShownOnce(t *testing.T) {
	e := newEnv(t)
	owner := e.signIn(taocan.Owner)
	owner.get("/settings/tokens").wantPage(t, http.StatusOK, "还没有接口令牌")
	page := owner.get("/settings/tokens/new")
	page.wantPage(t, http.StatusOK, "查询余量、套餐包、订单和流水", "永不过期")
	_, key, _ := page.field("key")
	form := []string{"key", key, "name", "网关", "scopes", "read", "scopes", "debit", "days", "30"}
	made := owner.post("/settings/tokens", form...)
	made.wantPage(t, http.StatusOK, "令牌已创建", "请现在复制")
	i := strings.Index(made.body, `value="tc_`)
	if i < 0 {
		t.Fatalf("no secret on the page:\n%s", made.main())
	}
	secret, _, _ := strings.Cut(made.body[i+len(`value="`):], `"`)
	actor, err := e.access.Authenticate(t.Context(), secret, "192.0.2.1")
	e.must(err)
	if !actor.Can(taocan.ScopeDebit) || actor.Can(taocan.ScopeBuy) || actor.Tenant != demoTenant {
		t.Errorf("the token is %+v", actor)
	}

	again := owner.post("/settings/tokens", form...) // a reload
	again.wantPage(t, http.StatusOK, "这个令牌此前已经创建")
	again.lacks(t, secret)
	list := owner.get("/settings/tokens")
	list.wantPage(t, http.StatusOK, "网关", "扣减", "有效", "共 1 条", "2021-05-01 12:00:00")
	list.lacks(t, secret, "tc_")
	if strings.Contains(e.log.String(), secret) {
		t.Error("the secret is in the log")
	}
	form[3] = "another"
	owner.post("/settings/tokens", form...).wantPage(t, http.StatusOK, "请现在复制") // gone back to and changed

	owner.post("/settings/tokens/revoke", "token", string(actor.Token)).wantRedirect(t, "/settings/tokens?done=revoked")
	owner.get("/settings/tokens?done=revoked").wantPage(t, http.StatusOK, "令牌已撤销", "已撤销")
	if _, err := e.access.Authenticate(t.Context(), secret, "192.0.2.1"); err == nil {
		t.Error("a revoked token works")
	}
	e.clock.Advance(31 * 24 * time.Hour)
	e.signIn(taocan.Owner).english().get("/settings/tokens").wantPage(t, http.StatusOK, "Expired", "Revoked", "read", "debit")
}

func TestARefusedTokenIsToldBesideItsFields(t *testing.T) {
	e := newEnv(t)
	owner := e.signIn(taocan.Owner)
	page := owner.post("/settings/tokens", "key", "web-1", "name", strings.Repeat("名", 70), "days", "x")
	page.wantPage(t, http.StatusUnprocessableEntity, "请填写一行文字", "请至少选择一项权限")
	if _, value, _ := page.field("name"); value != strings.Repeat("名", 70) {
		t.Errorf("the name field holds %q", value)
	}
	owner.post("/settings/tokens", "key", "web-1", "name", "x", "scopes", "read", "days", "x").
		wantPage(t, http.StatusUnprocessableEntity, "请选择有效期")
	owner.post("/settings/tokens", "key", "web-1", "name", "x", "scopes", "read", "days", "9999").
		wantPage(t, http.StatusUnprocessableEntity, "请选择有效期")
	owner.post("/settings/tokens", "key", "web-1", "name", "x", "scopes", "operator", "days", "30").
		wantPage(t, http.StatusForbidden)
	owner.english().post("/settings/tokens", "key", "web-1", "name", "x", "days", "30").
		wantPage(t, http.StatusUnprocessableEntity, "Choose at least one scope")
	if got := e.apiTokens(); len(got) > 0 {
		t.Errorf("a refused form made %v", got)
	}
}

func TestOnesOwnPassword(t *testing.T) {
	e := newEnv(t)
	for _, role := range []taocan.Role{taocan.Viewer, taocan.OperatorRole} {
		b, elsewhere := e.signIn(role), e.signIn(role)
		b.get("/settings/self").wantPage(t, http.StatusOK, "修改密码", string(role), "在所有设备上退出", "English", "深色")
		page := b.post("/settings/self/password", "current", "wrong password", "next", "another password", "again", "another password")
		page.wantPage(t, http.StatusUnprocessableEntity, "当前密码不正确")
		page.lacks(t, "another password")
		b.post("/settings/self/password", "current", password, "next", "another password", "again", "other").
			wantPage(t, http.StatusUnprocessableEntity, "两次输入的新密码不一致")
		b.post("/settings/self/password", "current", password, "next", "short", "again", "short").
			wantPage(t, http.StatusUnprocessableEntity, "密码须为 10 到 256 个字节")
		elsewhere.get("/settings/self").wantPage(t, http.StatusOK)
		b.post("/settings/self/password", "current", password, "next", "another password", "again", "another password").
			wantRedirect(t, "/settings/self?done=password")
		b.get("/settings/self?done=password").wantPage(t, http.StatusOK, "密码已修改")
		elsewhere.get("/settings/self").wantRedirect(t, "/login?next=%2Fsettings%2Fself")
		e.stranger().post("/login", "login", string(role), "password", "another password").wantRedirect(t, "/")
		b.english().get("/settings/self").wantPage(t, http.StatusOK, "Change password", "Sign out everywhere")
	}
}

func TestGuessingOnesOwnPasswordIsThrottled(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Viewer)
	for range 10 {
		b.post("/settings/self/password", "current", "wrong password", "next", "another password", "again", "another password").
			wantPage(t, http.StatusUnprocessableEntity)
	}
	b.post("/settings/self/password", "current", password, "next", "another password", "again", "another password").
		wantPage(t, http.StatusTooManyRequests, "尝试次数过多，请 15 分钟后再试")
}

func TestWhatWasDoneIsSaidInFixedWordsOnly(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Owner)
	for _, path := range []string{"/alerts", "/vouchers", "/settings", "/settings/members", "/settings/tokens", "/settings/self"} {
		for _, word := range []string{"hacked", "", "saved.x", url.QueryEscape("<b>")} {
			page := b.get(path + "?done=" + word)
			page.wantPage(t, http.StatusOK)
			page.lacks(t, `class="notice is-ok"`)
			if strings.Contains(page.text(), "hacked") || strings.Contains(page.body, "<b>") {
				t.Errorf("%s shows what its address says", path)
			}
		}
	}
}

func TestOwnersDownloadEverythingOfTheirAccount(t *testing.T) {
	e := newEnv(t)
	owner := e.signIn(taocan.Owner)
	owner.get("/settings").wantPage(t, http.StatusOK, "导出全部数据", "下载 ZIP 文件")
	owner.english().get("/settings").wantPage(t, http.StatusOK, "Everything as files", "Download ZIP")
	got := owner.get("/settings/export.zip")
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/zip" || got.header.Get("Content-Disposition") != `attachment; filename="taocan-demo.zip"` {
		t.Errorf("got %d with %v", got.status, got.header)
	}
	files, err := zip.NewReader(strings.NewReader(got.body), int64(len(got.body)))
	e.must(err)
	if _, err := files.Open("wallet_entries.csv"); err != nil {
		t.Error(err)
	}
	for _, role := range []taocan.Role{taocan.Finance, taocan.Viewer} {
		other := e.signIn(role)
		if page := other.get("/settings"); strings.Contains(page.body, "/settings/export.zip") {
			t.Errorf("the download is offered to a %s", role)
		}
		other.get("/settings/export.zip").wantPage(t, http.StatusForbidden)
	}
	if got := e.signIn(taocan.OperatorRole).get("/settings/export.zip"); got.status == http.StatusOK {
		t.Error("an operator has no account whose settings these are")
	}
}
