package console_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

func TestOperatorsMakeResetAndSuspendOperators(t *testing.T) {
	e := newEnv(t)
	staff := e.signIn(taocan.OperatorRole).english()
	staff.sendForm(staff.get("/operator/staff"), "/operator/staff", "login", "carol", "password", "short").
		wantPage(t, http.StatusUnprocessableEntity, "A password has 10 to 256 bytes")
	staff.sendForm(staff.get("/operator/staff"), "/operator/staff", "login", "carol", "password", password).wantRedirect(t, "/operator/staff?done=staff")
	e.wantAct("member.create", "carol")
	carol := e.stranger()
	carol.post("/login", "login", "carol", "password", password).wantRedirect(t, "/")
	carol.get("/operator").wantPage(t, http.StatusOK)

	staff.post("/operator/staff/suspended", "login", "carol", "suspended", "true").wantRedirect(t, "/operator/staff?done=member_suspended")
	carol.get("/operator").wantRedirect(t, "/login?next=%2Foperator")
	staff.post("/operator/staff/suspended", "login", "operator", "suspended", "true").
		wantPage(t, http.StatusUnprocessableEntity, "You cannot suspend yourself")
	staff.post("/operator/staff/suspended", "login", "carol", "suspended", "false").wantRedirect(t, "/operator/staff?done=member_suspended")
	staff.post("/operator/staff/password", "login", "carol", "password", "another long password").wantRedirect(t, "/operator/staff?done=password")
	e.wantAct("member.password", "carol")

	// Customers' members are not to be reached here.
	e.signIn(taocan.Owner)
	staff.post("/operator/staff/password", "login", "owner", "password", "another long password").wantPage(t, http.StatusNotFound)
	staff.post("/operator/staff/suspended", "login", "owner", "suspended", "true").wantPage(t, http.StatusNotFound)
}

func TestTheSearchBoxLeadsToWhateverIsNamed(t *testing.T) {
	e := newEnv(t)
	staff := e.signIn(taocan.OperatorRole).english()
	e.signInAs(demoTenant.Account, "ana", taocan.Finance)
	ord := e.order(1000)
	for query, to := range map[string]string{
		"u1b19042914d4fe7":           "/operator/packages/U1B19042914D4FE7",
		strings.ToLower(string(ord)): "/operator/orders/" + string(ord),
		" demo ":                     "/operator/accounts/demo", // the account before its project
		"ana":                        "/operator/accounts/demo",
		"operator":                   "/operator/staff",
		"oth":                        "/operator/accounts/other",
		"e":                          "/operator/accounts?q=e",
		"":                           "/operator",
	} {
		staff.get("/operator/find?q="+strings.ReplaceAll(query, " ", "+")).wantRedirect(t, to)
	}
	staff.get("/operator/find?q=nothing").wantPage(t, http.StatusNotFound, "Not found: nothing")
	staff.get("/operator/find?q="+strings.Repeat("x", 300)).wantPage(t, http.StatusUnprocessableEntity)
}

// order makes an unpaid order of the demo project.
func (e *env) order(quantity taocan.Segments) taocan.OrderID {
	e.t.Helper()
	agreement, err := e.catalog.Agreement(e.t.Context())
	e.must(err)
	actor := taocan.Actor{Tenant: demoTenant, Token: "tok", Scopes: []taocan.Scope{taocan.ScopeBuy}}
	o, _, err := e.orders.Create(e.t.Context(), actor, fmt.Sprint("order-", quantity), make([]byte, 32),
		taocan.Purchase{Kind: taocan.Custom, Category: taocan.Domestic, Purpose: taocan.Verification, Quantity: quantity}, agreement.Version)
	e.must(err)
	return o.ID
}

func TestOperatorsFindOrdersAndVouchersAndCustomers(t *testing.T) {
	e := newEnv(t)
	first := e.order(1000)
	e.clock.Advance(24 * time.Hour)
	second := e.order(2000)
	staff := e.signIn(taocan.OperatorRole).english()
	both := "/operator/orders?account=demo&project=demo&from=2021-04-01&until=2021-04-02"
	staff.get(both).wantPage(t, http.StatusOK, string(first), string(second))
	page := staff.get("/operator/orders?from=2021-04-02&until=2021-04-02")
	page.wantPage(t, http.StatusOK, string(second))
	page.lacks(t, string(first))
	staff.get("/operator/orders?account=other").lacks(t, string(first), string(second))
	staff.get("/operator/orders?from=yesterday").wantPage(t, http.StatusUnprocessableEntity)
	staff.get("/operator/orders/"+string(second)).wantPage(t, http.StatusOK, "¥88.00", "demo", "domestic-2019-04-09")
	staff.get("/operator/orders/O0").wantPage(t, http.StatusNotFound)

	staff.get("/operator/accounts?q=oth").wantPage(t, http.StatusOK, "other")
	staff.get("/operator/accounts?q=oth").lacks(t, `href="/operator/accounts/demo"`)
	staff.get("/operator/accounts?level=personal").wantPage(t, http.StatusOK, "Nothing matches")
	staff.get("/operator/accounts?level=great").wantPage(t, http.StatusUnprocessableEntity)
	staff.get("/operator/vouchers?state=used").wantPage(t, http.StatusOK, "Nothing matches")
}

func TestVoucherCodesAreAFileOnce(t *testing.T) {
	e := newEnv(t)
	staff := e.signIn(taocan.OperatorRole).english()
	issued := staff.sendForm(staff.get("/operator/vouchers?new=1"), "/operator/vouchers", "amount", "10", "count", "3", "valid_until", "2021-12-31")
	issued.wantPage(t, http.StatusOK, "3 vouchers of ¥10.00")
	file := staff.sendForm(issued, "/operator/vouchers/codes.csv")
	if got := file.header.Get("Content-Disposition"); file.status != http.StatusOK || got != `attachment; filename="codes.csv"` {
		t.Fatalf("got %d %q, want a file", file.status, got)
	}
	lines, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(file.body, "\ufeff"))).ReadAll()
	e.must(err)
	if len(lines) != 4 {
		t.Fatalf("got %d lines, want a header and 3 codes", len(lines))
	}
	for _, line := range lines[1:] {
		if _, err := e.orders.Redeem(t.Context(), taocan.Actor{Tenant: otherTenant, Scopes: []taocan.Scope{taocan.ScopeBuy}}, line[0]); err != nil {
			t.Errorf("the code %s of the file: %v", line[0], err)
		}
		if line[2] != "10.00" {
			t.Errorf("the amount is %s, want 10.00", line[2])
		}
	}
}

func TestTheAuditLogIsFilteredAndTakenAway(t *testing.T) {
	e := newEnv(t)
	staff, owner := e.signIn(taocan.OperatorRole).english(), e.signInAs(demoTenant.Account, "ana", taocan.Owner)
	owner.sendForm(owner.get("/settings"), "/settings/project", "name", "Renamed").wantRedirect(t, "/settings?done=renamed")
	staff.post("/operator/accounts/other/suspended", "suspended", "true").wantRedirect(t, "/operator/accounts/other?done=suspended")

	staff.get("/operator/audit").wantPage(t, http.StatusOK, "ana", "operator")
	staff.get("/operator/audit").lacks(t, "mem_")
	byAna := staff.get("/operator/audit?by=ana")
	byAna.wantPage(t, http.StatusOK, "Renamed")
	byAna.lacks(t, "Account suspended or restored")
	staff.get("/operator/audit?account=other").wantPage(t, http.StatusOK, "Account suspended or restored")
	staff.get("/operator/audit?account=other").lacks(t, "Renamed")
	staff.get("/operator/audit?from=2021-04-02").wantPage(t, http.StatusOK, "Nothing matches")
	staff.get("/operator/audit?until=2021-04-01&action=wallet").wantPage(t, http.StatusOK, "Top-up")

	file := staff.get("/operator/audit.csv?by=ana")
	lines, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(file.body, "\ufeff"))).ReadAll()
	e.must(err)
	if len(lines) < 2 || lines[1][2] != "ana" || !strings.Contains(lines[1][7], "Renamed") {
		t.Errorf("the file says %q, want ana's act alone, with what changed", lines)
	}
	owner.get("/operator/audit.csv").wantPage(t, http.StatusNotFound)
}

// upload sends a form with a file.
func (b *browser) upload(path, file string, fields ...string) answer {
	b.e.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for i := 0; i < len(fields); i += 2 {
		b.e.must(form.WriteField(fields[i], fields[i+1]))
	}
	if file != "" {
		part, err := form.CreateFormFile("file", "export.csv")
		b.e.must(err)
		_, err = part.Write([]byte(file))
		b.e.must(err)
	}
	b.e.must(form.Close())
	return b.send(http.MethodPost, path, body.String(), []string{"Content-Type", form.FormDataContentType()})
}

func TestPackagesAreImportedAsTheyWereChecked(t *testing.T) {
	e := newEnv(t)
	staff := e.signIn(taocan.OperatorRole).english()
	head, rows, _ := strings.Cut(exampleCSV, "\n")
	good := head + "\n" + strings.ReplaceAll(rows, "U1", "U1")
	good = strings.NewReplacer("1982DF8", "1982DF9", "194C8E1", "194C8E2").Replace(strings.Join(strings.Split(good, "\n")[:3], "\n") + "\n")
	where := []string{"project", "other", "snapshot_at", "2021-04-01T00:00"}

	bad := staff.upload("/operator/import", good+"U1nonsense,x,通用,1,1,2021-06-17,有效\n", where...)
	bad.wantPage(t, http.StatusOK, "New packages", "nothing can be imported")
	partial := staff.upload("/operator/import", good+"U1nonsense,x,通用,1,1,2021-06-17,有效\n", append(where, "partial", "1")...)
	partial.wantPage(t, http.StatusOK, "Import 2 packages")

	checked := staff.upload("/operator/import", good, where...)
	checked.wantPage(t, http.StatusOK, "Import 2 packages")
	if page, err := e.packages.List(t.Context(), otherTenant, store.PackageFilter{Paging: store.Paging{Limit: 10}}); err != nil || page.Total != 0 {
		t.Fatalf("a check imported %d packages, error %v", page.Total, err)
	}
	var fields []string
	for n := range checked.doc().Descendants() {
		if at := attributesOf(n); n.Data == "input" && at["type"] == "hidden" && at["name"] != "key" {
			fields = append(fields, at["name"], at["value"])
		}
	}
	staff.upload("/operator/import", "", fields...).wantRedirect(t, "/operator/accounts/other/projects/other?done=import")
	e.wantAct("package.import", "other")
	if page, err := e.packages.List(t.Context(), otherTenant, store.PackageFilter{Paging: store.Paging{Limit: 10}}); err != nil || page.Total != 2 {
		t.Fatalf("imported %d packages, error %v; want 2", page.Total, err)
	}
	staff.upload("/operator/import", good, where...).wantPage(t, http.StatusOK, "There is nothing to import")

	staff.upload("/operator/import", good, "project", "nobody", "snapshot_at", "").wantPage(t, http.StatusUnprocessableEntity)
	staff.upload("/operator/import", good, "project", "other", "snapshot_at", "2031-04-01T00:00").wantPage(t, http.StatusUnprocessableEntity, "cannot lie in the future")
	staff.upload("/operator/import", "neither", where...).wantPage(t, http.StatusOK, "the header lacks", "nothing can be imported")
	staff.upload("/operator/import", "PK\x03\x04 no workbook", where...).wantPage(t, http.StatusUnprocessableEntity, "It cannot be read")
	staff.upload("/operator/import", "", where...).wantPage(t, http.StatusUnprocessableEntity)
	e.signIn(taocan.Owner).upload("/operator/import", good, where...).wantPage(t, http.StatusNotFound)
}

func TestAnAgreementIsComparedWithTheCurrentOne(t *testing.T) {
	e := newEnv(t)
	staff := e.signIn(taocan.OperatorRole).english()
	current, err := e.catalog.Agreement(t.Context())
	e.must(err)
	first, rest, _ := strings.Cut(current.Markdown, "\n")
	preview := staff.post("/operator/agreements/preview", "version", "next", "markdown", first+"\r\n"+strings.ReplaceAll(rest, "\n", "\r\n")+"\r\nA new last line.")
	preview.wantPage(t, http.StatusOK, "Changes against the current version", "Added: A new last line.")
	preview.lacks(t, "Removed: ")
	staff.post("/operator/agreements/preview", "version", "next", "markdown", current.Markdown).wantPage(t, http.StatusOK, "The text is the same")
	staff.post("/operator/agreements/preview", "version", "next", "markdown", rest).wantPage(t, http.StatusOK, "Removed: "+first)
}
