package console_test

import (
	"encoding/csv"
	"net/http"
	"strings"
	"testing"
	"time"

	"taocan/internal/taocan"
)

func TestAMonthOfAProjectAddsUpOnItsPage(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Viewer)
	list := b.get("/statements")
	list.wantPage(t, http.StatusOK, "月结单", "2021-04", "截至目前")
	list.lacks(t, "/account-statements", "整个客户账户")
	page := b.get("/statements/2021-04")
	page.wantPage(t, http.StatusOK, "2021-04 月结单", "本月尚未结束", "国内短信 · 会员营销", "+ 导入", "150", "= 期末", "可开票", "¥0.00", "没有已支付的订单")
	page.lacks(t, "账户资金", "+ 转入", "超量计费", "79,640.03")
	b.english().get("/statements/2021-04").wantPage(t, http.StatusOK, "Statement of 2021-04", "Domestic SMS · Marketing", "+ Imported", "= Closing", "Invoiceable")
	b.get("/statements/2021-03").wantPage(t, http.StatusNotFound)
	b.get("/statements/april").wantPage(t, http.StatusUnprocessableEntity)
	b.get("/account-statements/2021-04").wantPage(t, http.StatusForbidden)
	b.get("/account-statements/2021-04/lines.csv").wantPage(t, http.StatusForbidden)
}

func TestAnAccountsStatementIsForItsOwnersItsFinanceAndOperators(t *testing.T) {
	e := newEnv(t)
	for _, role := range []taocan.Role{taocan.Owner, taocan.Finance} {
		b := e.signIn(role)
		b.get("/statements").wantPage(t, http.StatusOK, "整个客户账户")
		b.get("/account-statements/2021-04").wantPage(t, http.StatusOK, "账户资金", "充值", "+¥18.70", "¥79,640.03", "开票基数", "超量计费")
	}
	staff := e.signIn(taocan.OperatorRole)
	if to := staff.get("/operator/accounts/demo").link("月结单"); to != "/operator/accounts/demo/statements" {
		t.Errorf("the customer's page leads to %q", to)
	}
	staff.get("/operator/accounts/demo/statements").wantPage(t, http.StatusOK, "demo", "2021-04")
	staff.get("/operator/accounts/demo/statements/2021-04").wantPage(t, http.StatusOK, "¥79,640.03", "2021-04 月结单")
	staff.get("/operator/accounts/nobody/statements").wantPage(t, http.StatusNotFound)
	if got := staff.get("/operator/accounts/demo/statements/2021-04/lines.xlsx"); got.status != http.StatusOK || !strings.HasPrefix(got.body, "PK") {
		t.Errorf("the file is answered with %d", got.status)
	}
	theirs := e.signInAs(otherTenant.Account, "theirs", taocan.Owner)
	theirs.get("/account-statements/2021-04").lacks(t, "79,640.03", "18.70")
	theirs.get("/operator/accounts/demo/statements/2021-04").lacks(t, "79,640.03")
}

func TestAStatementIsDownloadedAsTheAPIWritesIt(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Owner).english()
	for _, path := range []string{"/statements/2021-04", "/account-statements/2021-04"} {
		to := b.get(path).link("CSV")
		if to != path+"/lines.csv" {
			t.Fatalf("%s offers %q", path, to)
		}
		got := b.get(to)
		lines, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(got.body, "\ufeff"))).ReadAll()
		e.must(err)
		if name := got.header.Get("Content-Disposition"); !strings.Contains(name, "statement-2021-04-so-far") || lines[0][0] != "部分" {
			t.Errorf("%s: the file is %q and begins with %v", to, name, lines[0])
		}
	}
	e.stranger().get("/statements/2021-04/lines.csv").wantRedirect(t, "/login?next=%2Fstatements%2F2021-04%2Flines.csv")
}

func TestOperatorsSeeThePlatformByMonth(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.OperatorRole)
	if to := b.get("/operator").link("经营概览"); to != "/operator/overview" {
		t.Errorf("the home page leads to %q", to)
	}
	page := b.get("/operator/overview")
	page.wantPage(t, http.StatusOK, "2021-02", "2021-03", "2021-04", "截至目前", "未消耗负债", "150", "没有已支付的订单")
	if text := page.main(); strings.Index(text, "2021-04") > strings.Index(text, "2021-02") {
		t.Error("the newest month is not the first")
	}
	one := b.get("/operator/overview?from=2021-03&to=2021-03")
	one.wantPage(t, http.StatusOK, "2021-03")
	if text := one.byID("months-title"); text == "" || strings.Contains(one.main(), "2021-02") {
		t.Error("months that nobody asked for are shown")
	}
	for _, query := range []string{"?from=2021-05&to=2021-04", "?to=2021-05", "?from=april", "?from=2001-01"} {
		b.get("/operator/overview"+query).wantPage(t, http.StatusUnprocessableEntity, "最多 24 个月")
	}
	e.signIn(taocan.Owner).get("/operator/overview").wantPage(t, http.StatusNotFound)
	e.clock.Advance(time.Hour)
	b.english().get("/operator/overview").wantPage(t, http.StatusOK, "Liabilities", "Top customers")
}
