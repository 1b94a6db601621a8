package console_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"taocan/internal/order"
	"taocan/internal/taocan"
)

func TestTheWalletShowsWhatThereIsAndHowItCameAbout(t *testing.T) {
	e := newEnv(t)
	_, _, err := e.orders.SetCreditLimit(t.Context(), taocan.System(), demoTenant.Account,
		order.WalletChange{Key: "limit", ContentHash: make([]byte, 32), Amount: 500_00, Reason: "good customer"})
	e.must(err)
	b := e.signIn(taocan.Viewer)
	page := b.get("/wallet")
	page.wantPage(t, http.StatusOK, "账户", "当前账户余额", "¥18.70", "赠送账户", "¥79,640.03", "信用额度", "总额度 ¥500.00，已用 ¥0.00",
		"+¥18.70", "变动后 ¥18.70", "充值", "赠送", "信用额度变更", "bank-1", "welcome", "good customer", "¥80,158.73")
	if text := page.main(); strings.Index(text, "good customer") > strings.Index(text, "bank-1") {
		t.Error("the newest entry is not the first")
	}
	b.english().get("/wallet").wantPage(t, http.StatusOK, "Account balance", "Gift balance", "Credit", "limit ¥500.00, used ¥0.00", "Top-up", "then ¥18.70")
	e.signInAs(otherTenant.Account, "theirs", taocan.Owner).get("/wallet").lacks(t, "bank-1", "18.70")
}

func TestTheStatementGoesOnPageByPage(t *testing.T) {
	e := newEnv(t)
	for i := range 25 {
		_, _, err := e.orders.Gift(t.Context(), taocan.System(), demoTenant.Account,
			order.WalletChange{Key: fmt.Sprint("g", i), ContentHash: make([]byte, 32), Amount: 1, Reason: fmt.Sprintf("gift-%02d.", i)})
		e.must(err)
	}
	b := e.signIn(taocan.Viewer)
	page, seen := b.get("/wallet"), map[string]int{}
	for pages := 1; ; pages++ {
		for i := range 25 {
			seen[fmt.Sprintf("gift-%02d.", i)] += strings.Count(page.text(), fmt.Sprintf("gift-%02d.", i))
		}
		next := page.link("更早的流水")
		if next == "" {
			if pages != 2 {
				t.Errorf("%d pages, want two", pages)
			}
			break
		}
		page = b.get(strings.TrimSuffix(next, "#statement"))
		page.wantPage(t, http.StatusOK, "回到最新")
	}
	for name, n := range seen {
		if n != 1 {
			t.Errorf("%s was shown %d times", name, n)
		}
	}
	b.get("/wallet?cursor=rubbish").wantPage(t, http.StatusUnprocessableEntity)
}

func TestTheStatementIsExportedInThePagesLanguage(t *testing.T) {
	e := newEnv(t)
	b := e.signIn(taocan.Viewer)
	got := b.get("/wallet/export.csv")
	if got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Content-Type"), "text/csv") {
		t.Fatalf("got %d %s", got.status, got.header.Get("Content-Type"))
	}
	lines, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(got.body, "\ufeff"))).ReadAll()
	e.must(err)
	at := e.clock.Now().In(shanghai).Format(time.DateOnly)
	if len(lines) != 3 || len(lines[1][1]) < 10 || lines[1][1][:10] != at {
		t.Fatalf("lines are %v, want a header and two of %s", lines, at)
	}
	lines[1][1] = ""
	want := [][]string{
		{"序号", "时间", "类型", "当前账户余额变动(元)", "赠送账户变动(元)", "已用信用额度变动(元)", "信用总额度变动(元)",
			"当前账户余额(元)", "赠送账户(元)", "已用信用额度(元)", "信用总额度(元)", "项目", "订单", "备注"},
		{"2", "", "赠送", "0.00", "79640.03", "0.00", "0.00", "18.70", "79640.03", "0.00", "0.00", "", "", "welcome"},
	}
	if diff := cmp.Diff(want, lines[:2]); diff != "" {
		t.Errorf("CSV (-want +got):\n%s", diff)
	}
	got = b.english().get("/wallet/export.xlsx")
	book, err := excelize.OpenReader(bytes.NewReader([]byte(got.body)))
	e.must(err)
	defer book.Close()
	rows, err := book.GetRows("wallet")
	e.must(err)
	if len(rows) != 3 || rows[0][2] != "Kind" || rows[2][2] != "Top-up" || rows[2][3] != "18.7" {
		t.Errorf("XLSX holds %v", rows)
	}
	e.stranger().get("/wallet/export.csv").wantRedirect(t, "/login?next=%2Fwallet%2Fexport.csv")
}
