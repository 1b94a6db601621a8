package packages_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/clock"
	"taocan/internal/packages"
	"taocan/internal/store"
	"taocan/internal/taocan"
	"taocan/internal/teststore"
)

var (
	zone     = time.FixedZone("CST", 8*60*60)
	demo     = taocan.Tenant{Account: "acme", Project: "demo"}
	stranger = taocan.Tenant{Account: "rival", Project: "theirs"}
	operator = taocan.Actor{Token: "tok_op", Scopes: []taocan.Scope{taocan.ScopeOperator}, Address: "192.0.2.1"}
	snapshot = time.Date(2021, 4, 1, 0, 0, 0, 0, zone)
)

// bench is a store with two tenants, the use case on it, and its clock.
type bench struct {
	*packages.Packages
	store store.Store
	clock *clock.Fake
}

func newBench(t *testing.T, now time.Time) *bench {
	t.Helper()
	ctx := context.Background()
	c := clock.NewFake(now)
	st := teststore.Open(t, teststore.Options{Clock: c})
	t.Cleanup(func() {
		report, err := store.Verify(ctx, st, store.VerifyOptions{})
		if err != nil || len(report.Findings) > 0 {
			t.Errorf("Verify found %v, error %v", report.Findings, err)
		}
	})
	err := st.Update(ctx, "", func(tx store.Tx) error {
		for _, tenant := range []taocan.Tenant{demo, stranger} {
			if err := tx.InsertAccount(ctx, taocan.Account{ID: tenant.Account, Level: taocan.Enterprise, CreatedAt: tx.Now()}); err != nil {
				return err
			}
			if err := tx.InsertProject(ctx, taocan.Project{ID: tenant.Project, Account: tenant.Account, CreatedAt: tx.Now()}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return &bench{packages.New(st, c, zone, &drawer{}), st, c}
}

// drawer gives 0, 1, 2 … so that drawn numbers are known.
type drawer struct{ next byte }

func (d *drawer) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = d.next
		d.next++
	}
	return len(p), nil
}

func (b *bench) importCSV(t *testing.T, tenant taocan.Tenant, csv string, change ...func(*packages.ImportOptions)) packages.ImportReport {
	t.Helper()
	o := packages.ImportOptions{SnapshotAt: snapshot, Format: "csv"}
	for _, c := range change {
		c(&o)
	}
	report, err := b.Import(context.Background(), operator, tenant, strings.NewReader(csv), o)
	if err != nil {
		t.Fatalf("import: %v", err)
	}
	return report
}

func partial(o *packages.ImportOptions) { o.Partial = true }
func dryRun(o *packages.ImportOptions)  { o.DryRun = true }

func example(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../docs/packages-example.csv")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func at(s string) time.Time {
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return v
}

// TestTheExampleThatMustAlwaysHold is product.md §2.
func TestTheExampleThatMustAlwaysHold(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, at("2021-06-30T12:00:00+08:00"))
	if got, want := b.importCSV(t, demo, example(t)), (packages.ImportReport{Imported: 9}); !cmp.Equal(got, want) {
		t.Fatalf("import reported %+v, want %+v", got, want)
	}
	for _, tt := range []struct {
		asOf      string
		marketing taocan.Segments
		expired   int
	}{
		{"2021-04-01T00:00:00+08:00", 150, 0},
		{"2021-04-01T12:00:00+08:00", 150, 0},
		{"2021-04-28T23:59:59+08:00", 150, 0},
		{"2021-04-29T23:59:59+08:00", 150, 0},
		{"2021-04-30T00:00:00+08:00", 0, 2},
	} {
		balance, err := b.Balance(ctx, demo, taocan.Domestic, at(tt.asOf))
		if err != nil {
			t.Fatal(err)
		}
		want := map[taocan.Purpose]taocan.Segments{taocan.Verification: 0, taocan.Marketing: tt.marketing, taocan.General: 0}
		if balance.Remaining != tt.marketing || !cmp.Equal(balance.ByPurpose, want) {
			t.Errorf("as of %s: %d left, %v by purpose; want %d, %v", tt.asOf, balance.Remaining, balance.ByPurpose, tt.marketing, want)
		}
		expired, err := b.List(ctx, demo, store.PackageFilter{Statuses: []taocan.Status{taocan.Expired}, AsOf: at(tt.asOf), Paging: store.Paging{Limit: 10}})
		if err != nil {
			t.Fatal(err)
		}
		if len(expired.Items) != tt.expired {
			t.Errorf("as of %s: %d packages expired, want %d", tt.asOf, len(expired.Items), tt.expired)
		}
	}
	before, err := b.Balance(ctx, demo, taocan.Domestic, at("2021-03-31T23:59:59+08:00"))
	if err != nil || before.Remaining != 0 {
		t.Errorf("before the snapshot: %d left (error %v), want 0", before.Remaining, err)
	}
	page, err := b.List(ctx, demo, store.PackageFilter{Sort: "number", AsOf: snapshot, Paging: store.Paging{Limit: 10}})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range page.Items {
		want := taocan.Exhausted
		if p.Purpose == taocan.Marketing {
			want = taocan.Active
		}
		if got := p.Status(snapshot); got != want {
			t.Errorf("%s is %s on 2021-04-01, want %s", p.Number, got, want)
		}
	}
}

func TestARepeatedImportChangesNothing(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, at("2021-04-02T12:00:00+08:00"))
	b.importCSV(t, demo, example(t))
	if _, _, err := b.Adjust(ctx, operator, "U1B19042914389DC", "k", content, -10, "used meanwhile"); err != nil {
		t.Fatal(err)
	}
	heads := func() (h [taocan.Lanes]store.Head) {
		err := b.store.View(ctx, func(r store.Reader) (err error) { h, err = r.Heads(ctx); return err })
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	before := heads()
	if got, want := b.importCSV(t, demo, example(t)), (packages.ImportReport{Unchanged: 9}); !cmp.Equal(got, want) {
		t.Errorf("the second import reported %+v, want %+v", got, want)
	}
	if diff := cmp.Diff(before, heads()); diff != "" {
		t.Errorf("the second import wrote to the ledger:\n%s", diff)
	}
}

const header = "套餐包编号,套餐包名称,短信用途,短信总量(条),短信剩余量(条),到期时间,状态\n"
const good = "U1A2003011500001,国内短信包(验证通知),验证通知,100,40,2021-06-01,有效\n"

func TestRowsThatAreRead(t *testing.T) {
	tests := []struct {
		name string
		file string
		want taocan.Package
	}{
		{"a byte order mark and CRLF, as Excel writes them", "\ufeff" + strings.ReplaceAll(header+good, "\n", "\r\n"),
			taocan.Package{Number: "U1A2003011500001", Name: "国内短信包(验证通知)", Purpose: taocan.Verification}},
		{"columns in another order, some unknown, no status", "备注,到期时间,短信剩余量(条),短信总量(条),短信用途,套餐包名称,套餐包编号\n" +
			"甲,2021-06-01,40,100,验证通知,国内短信包(验证通知),U1A2003011500001\n",
			taocan.Package{Number: "U1A2003011500001", Name: "国内短信包(验证通知)", Purpose: taocan.Verification}},
		{"full-width parentheses in the header, blank rows, no line end", strings.NewReplacer("(", "（", ")", "）").Replace(header) + "\n,,,,,,\n" + strings.TrimSpace(good),
			taocan.Package{Number: "U1A2003011500001", Name: "国内短信包(验证通知)", Purpose: taocan.Verification}},
		{"the status column is not believed", header + strings.Replace(good, "有效", "已过期", 1),
			taocan.Package{Number: "U1A2003011500001", Name: "国内短信包(验证通知)", Purpose: taocan.Verification}},
		{"the quote that exports put before a formula is no part of the name", header + strings.Replace(good, "国内短信包(验证通知)", "'=1+1", 1),
			taocan.Package{Number: "U1A2003011500001", Name: "=1+1", Purpose: taocan.Verification}},
		{"nor is the one before a sign in its wide form", header + strings.Replace(good, "国内短信包(验证通知)", "'＝1+1", 1),
			taocan.Package{Number: "U1A2003011500001", Name: "＝1+1", Purpose: taocan.Verification}},
		{"the country is the code in the name", header + "U0G2003011500001,国际短信包(马来西亚MY),通用,100,40,2021-06-01,有效\n",
			taocan.Package{Number: "U0G2003011500001", Name: "国际短信包(马来西亚MY)", Purpose: taocan.General, Category: taocan.International, Country: "MY"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, snapshot)
			if got, want := b.importCSV(t, demo, tt.file), (packages.ImportReport{Imported: 1}); !cmp.Equal(got, want) {
				t.Fatalf("import reported %+v, want %+v", got, want)
			}
			want := tt.want
			want.Tenant, want.Total, want.Remaining, want.Used = demo, 100, 40, 60
			if want.Category == "" {
				want.Category = taocan.Domestic
			}
			want.ChargeOn = taocan.ChargeOnSubmit
			want.PurchasedAt, want.ExistsFrom, want.ExpiresAt = at("2020-03-01T15:00:00+08:00").UTC(), snapshot.UTC(), at("2021-06-02T00:00:00+08:00").UTC()
			got, err := b.Get(context.Background(), demo, want.Number)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("package (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBadRows(t *testing.T) {
	row := func(number, name, purpose, total, remaining, expires string) string {
		return strings.Join([]string{number, name, purpose, total, remaining, expires, "有效"}, ",") + "\n"
	}
	const number, name, purpose = "U1A2003011500002", "国内短信包(验证通知)", "验证通知"
	tests := []struct {
		name   string
		row    string
		reason string
	}{
		{"remaining is more than the total", row(number, name, purpose, "100", "101", "2021-06-01"), "remaining 101 is more than the total 100"},
		{"unknown purpose", row(number, name, "其他", "100", "0", "2021-06-01"), `"其他" is not a purpose (验证通知, 会员营销 or 通用)`},
		{"the letter is unlike the purpose", row(number, name, "会员营销", "100", "0", "2021-06-01"), "the letter in U1A2003011500002 says verification, the purpose marketing"},
		{"not a number of a package", row("U1A20030115", name, purpose, "100", "0", "2021-06-01"), `"U1A20030115" is not a package number`},
		{"lower-case digits", row("U1A200301150000a", name, purpose, "100", "0", "2021-06-01"), `"U1A200301150000a" is not a package number`},
		{"an hour that no day has", row("U1A2003012500002", name, purpose, "100", "0", "2021-06-01"), `"U1A2003012500002" is not a package number`},
		{"bought after the snapshot", row("U1A2104010100002", name, purpose, "100", "0", "2021-06-01"), "U1A2104010100002 was bought after the snapshot"},
		{"no such date", row(number, name, purpose, "100", "0", "2021-02-30"), `the expiry date "2021-02-30" is not a date like 2021-04-29`},
		{"a year that no answer could show", row(number, name, purpose, "100", "0", "9999-12-31"), `the expiry date "9999-12-31" is beyond the year 8999`},
		{"expired before it was bought", row(number, name, purpose, "100", "0", "2020-02-29"), "expires on 2020-02-29, before it was bought"},
		{"a total of 0", row(number, name, purpose, "0", "0", "2021-06-01"), `the total "0" is not a whole number from 1 to 1000000000`},
		{"a negative remaining", row(number, name, purpose, "100", "-1", "2021-06-01"), `the remaining "-1" is not a whole number from 0 on`},
		{"a fraction", row(number, name, purpose, "100.0", "1", "2021-06-01"), `the total "100.0" is not a whole number from 1 to 1000000000`},
		{"a total beyond 64 bits", row(number, name, purpose, "18446744073709551716", "1", "2021-06-01"), `the total "18446744073709551716" is not a whole number from 1 to 1000000000`},
		{"no name", row(number, "", purpose, "100", "0", "2021-06-01"), "the name is missing"},
		{"no country", row("U0G2003011500002", "国际短信包(马来西亚)", "通用", "100", "0", "2021-06-01"), `the name "国际短信包(马来西亚)" does not end in a country code, as in 国际短信包(马来西亚MY)`},
		{"a word is no country", row("U0G2003011500002", "SMS (CHINA)", "通用", "100", "0", "2021-06-01"), `the name "SMS (CHINA)" does not end in a country code, as in 国际短信包(马来西亚MY)`},
		{"a column short", number + "," + name + "\n", "has 2 columns where the header has 7"},
		{"the number stands twice", good, "U1A2003011500001 stands already in line 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, snapshot)
			file := header + good + tt.row
			want := packages.ImportReport{Bad: []packages.BadRow{{Line: 3, Reason: tt.reason}}}
			if got := b.importCSV(t, demo, file); !cmp.Equal(got, want) {
				t.Errorf("import reported %+v, want %+v", got, want)
			}
			if _, err := b.Get(context.Background(), demo, "U1A2003011500001"); !errors.Is(err, taocan.ErrNotFound) {
				t.Errorf("the good row was imported beside a bad one (error %v)", err)
			}
			want.Imported = 1
			if got := b.importCSV(t, demo, file, partial, dryRun); !cmp.Equal(got, want) {
				t.Errorf("a dry run reported %+v, want %+v", got, want)
			}
			if got := b.importCSV(t, demo, file, partial); !cmp.Equal(got, want) {
				t.Errorf("a partial import reported %+v, want %+v", got, want)
			}
			if _, err := b.Get(context.Background(), demo, "U1A2003011500001"); err != nil {
				t.Errorf("the good row of a partial import: %v", err)
			}
		})
	}
}

func TestNumbersThatAreKnown(t *testing.T) {
	tests := []struct {
		name   string
		row    string
		tenant taocan.Tenant
		reason string
	}{
		{"another total", strings.Replace(good, ",100,", ",200,", 1), demo, "was imported before with a total of 100, not 200"},
		{"another remaining", strings.Replace(good, ",40,", ",41,", 1), demo, "was imported before with 40 remaining, not 41"},
		{"another expiry", strings.Replace(good, "06-01", "06-02", 1), demo, "was imported before with another expiry date"},
		{"another name", strings.Replace(good, "国内", "我们的", 1), demo, "was imported before with another name"},
		{"a stranger's number says nothing about the stranger", good, stranger, "the number is already taken"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, snapshot)
			b.importCSV(t, demo, header+good)
			want := packages.ImportReport{Bad: []packages.BadRow{{Line: 2, Reason: tt.reason}}}
			if got := b.importCSV(t, tt.tenant, header+tt.row); !cmp.Equal(got, want) {
				t.Errorf("import reported %+v, want %+v", got, want)
			}
		})
	}
	t.Run("a granted package is no import", func(t *testing.T) {
		b := newBench(t, at("2020-03-01T15:30:00+08:00"))
		p, _, err := b.Grant(context.Background(), operator, demo, "k", content, grant)
		if err != nil {
			t.Fatal(err)
		}
		file := header + string(p.Number) + ",国内短信包(验证通知),验证通知,100,100,2021-03-01,有效\n"
		want := packages.ImportReport{Bad: []packages.BadRow{{Line: 2, Reason: "the number is that of a package which was not imported"}}}
		if got := b.importCSV(t, demo, file, func(o *packages.ImportOptions) { o.SnapshotAt = b.clock.Now() }); !cmp.Equal(got, want) {
			t.Errorf("import reported %+v, want %+v", got, want)
		}
	})
}

func TestFilesThatCannotBeTrusted(t *testing.T) {
	tests := []struct {
		name string
		file string
		want packages.BadRow
	}{
		{"empty", "", packages.BadRow{Line: 1, Reason: "the file is empty"}},
		{"a column missing", strings.Replace(header, "到期时间", "到期", 1) + good, packages.BadRow{Line: 1, Reason: "the header lacks 到期时间"}},
		{"a column twice", "状态,状态," + header, packages.BadRow{Line: 1, Reason: "the column 状态 stands twice"}},
		{"broken quoting", header + good + "\"U1A,\n" + good, packages.BadRow{Line: 3, Reason: `is not CSV: extraneous or missing " in quoted-field`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, snapshot)
			want := packages.ImportReport{Bad: []packages.BadRow{tt.want}}
			if got := b.importCSV(t, demo, tt.file, partial); !cmp.Equal(got, want) {
				t.Errorf("import reported %+v, want %+v", got, want)
			}
		})
	}
}

func TestImportsThatAreRefused(t *testing.T) {
	b := newBench(t, snapshot)
	csv := func(o *packages.ImportOptions) { o.SnapshotAt, o.Format = snapshot, "csv" }
	tests := []struct {
		name   string
		actor  taocan.Actor
		tenant taocan.Tenant
		file   string
		change func(*packages.ImportOptions)
		want   error
	}{
		{"a customer's", taocan.Actor{Tenant: demo, Scopes: []taocan.Scope{taocan.ScopeManage}}, demo, header, func(*packages.ImportOptions) {}, taocan.ErrForbidden},
		{"into no project", operator, taocan.Tenant{Account: "acme", Project: "nowhere"}, header + good, func(*packages.ImportOptions) {}, taocan.ErrNotFound},
		{"into another account's project", operator, taocan.Tenant{Account: "acme", Project: "theirs"}, header + good, func(*packages.ImportOptions) {}, taocan.ErrNotFound},
		{"from the future", operator, demo, header, func(o *packages.ImportOptions) { o.SnapshotAt = snapshot.Add(time.Microsecond) }, taocan.ErrInvalid},
		{"from no time", operator, demo, header, func(o *packages.ImportOptions) { o.SnapshotAt = time.Time{} }, taocan.ErrInvalid},
		{"of another format", operator, demo, header, func(o *packages.ImportOptions) { o.Format = "pdf" }, taocan.ErrInvalid},
		{"not UTF-8", operator, demo, "\xcc\xd7\xb2\xcd", func(*packages.ImportOptions) {}, taocan.ErrInvalid},
		{"too large", operator, demo, strings.Repeat("x", packages.MaxImportBytes+1), func(*packages.ImportOptions) {}, taocan.ErrInvalid},
		{"too many rows", operator, demo, header + strings.Repeat(good, packages.MaxImportRows+1), func(*packages.ImportOptions) {}, taocan.ErrInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var o packages.ImportOptions
			csv(&o)
			tt.change(&o)
			if _, err := b.Import(context.Background(), tt.actor, tt.tenant, strings.NewReader(tt.file), o); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

var content = []byte("content")

var grant = packages.GrantRequest{Category: taocan.Domestic, Purpose: taocan.Verification, Quantity: 100, Reason: "an outage"}

func TestGrant(t *testing.T) {
	ctx := context.Background()
	now := at("2026-01-31T23:30:00+08:00")
	b := newBench(t, now)
	first, replayed, err := b.Grant(ctx, operator, demo, "key-1", []byte("a"), packages.GrantRequest{
		Category: taocan.International, Country: "MY", Quantity: 500, ValidityMonths: 1, Reason: "welcome"})
	if err != nil || replayed {
		t.Fatalf("replayed %t, error %v", replayed, err)
	}
	want := taocan.Package{Tenant: demo, Number: first.Number, Name: "国际短信包(马来西亚MY)", Category: taocan.International, Purpose: taocan.General, Country: "MY",
		ChargeOn: taocan.ChargeOnSubmit, Total: 500, Remaining: 500, PurchasedAt: first.PurchasedAt, ExistsFrom: first.PurchasedAt, ExpiresAt: at("2026-03-01T00:00:00+08:00").UTC()}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("granted (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(string(first.Number), "U0G26013123") {
		t.Errorf("number %s, want the hour of the grant in it", first.Number)
	}
	if _, _, err := b.Adjust(ctx, operator, first.Number, "key-2", content, -7, "spent"); err != nil {
		t.Fatal(err)
	}
	again, replayed, err := b.Grant(ctx, operator, demo, "key-1", []byte("a"), packages.GrantRequest{
		Category: taocan.International, Country: "MY", Quantity: 500, ValidityMonths: 1, Reason: "welcome"})
	if err != nil || !replayed {
		t.Fatalf("again: replayed %t, error %v", replayed, err)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("the replay differs from the first answer (-first +again):\n%s", diff)
	}
	if _, _, err := b.Grant(ctx, operator, demo, "key-1", []byte("b"), grant); !errors.Is(err, taocan.ErrConflict) {
		t.Errorf("the same key with other content: error %v, want a conflict", err)
	}
	entries, err := b.Entries(ctx, demo, first.Number, store.Paging{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	var statement []string
	for _, e := range entries.Items {
		statement = append(statement, e.Kind.String()+" "+e.Reference)
	}
	if diff := cmp.Diff([]string{"adjust spent", "grant welcome"}, statement); diff != "" {
		t.Errorf("statement (-want +got):\n%s", diff)
	}
}

func TestGrantsThatAreRefused(t *testing.T) {
	b := newBench(t, snapshot)
	for name, change := range map[string]func(*packages.GrantRequest){
		"no category":                            func(g *packages.GrantRequest) { g.Category = "" },
		"no purpose":                             func(g *packages.GrantRequest) { g.Purpose = "" },
		"a country at home":                      func(g *packages.GrantRequest) { g.Country = "MY" },
		"no country abroad":                      func(g *packages.GrantRequest) { g.Category, g.Purpose = taocan.International, taocan.General },
		"a purpose abroad":                       func(g *packages.GrantRequest) { g.Category, g.Country = taocan.International, "MY" },
		"nothing":                                func(g *packages.GrantRequest) { g.Quantity = 0 },
		"too much":                               func(g *packages.GrantRequest) { g.Quantity = taocan.MaxSegments + 1 },
		"no reason":                              func(g *packages.GrantRequest) { g.Reason = " " },
		"a negative life":                        func(g *packages.GrantRequest) { g.ValidityMonths = -1 },
		"a name with a line break in the middle": func(g *packages.GrantRequest) { g.Name = "a\nb" },
	} {
		g := grant
		change(&g)
		if _, _, err := b.Grant(context.Background(), operator, demo, "k", content, g); !errors.Is(err, taocan.ErrInvalid) {
			t.Errorf("%s: error %v, want invalid", name, err)
		}
	}
	if _, _, err := b.Grant(context.Background(), operator, demo, "", content, grant); !errors.Is(err, taocan.ErrInvalid) {
		t.Errorf("no key: error %v, want invalid", err)
	}
	if _, _, err := b.Grant(context.Background(), taocan.Actor{Tenant: demo}, demo, "k", content, grant); !errors.Is(err, taocan.ErrForbidden) {
		t.Errorf("a customer: error %v, want forbidden", err)
	}
}

func TestAdjust(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, snapshot)
	b.importCSV(t, demo, header+good) // 40 of 100 left
	const number = "U1A2003011500001"
	first, _, err := b.Adjust(ctx, operator, number, "k1", []byte("a"), -15, "counted wrongly")
	if err != nil || first.Remaining != 25 || first.Adjusted != -15 || first.Total != 100 || first.Used != 60 {
		t.Fatalf("adjusted to %+v, error %v", first, err)
	}
	if _, _, err := b.Adjust(ctx, operator, number, "k2", []byte("b"), 5, "a little back"); err != nil {
		t.Fatal(err)
	}
	again, replayed, err := b.Adjust(ctx, operator, number, "k1", []byte("a"), -15, "counted wrongly")
	if err != nil || !replayed {
		t.Fatalf("replayed %t, error %v", replayed, err)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("the replay differs from the first answer (-first +again):\n%s", diff)
	}
	var quota *taocan.QuotaError
	if _, _, err := b.Adjust(ctx, operator, number, "k3", content, -31, "too much"); !errors.As(err, &quota) || *quota != (taocan.QuotaError{Requested: 31, Available: 30}) {
		t.Errorf("below 0: error %v", err)
	}
	for name, try := range map[string]func() error{
		"no reason": func() error { _, _, err := b.Adjust(ctx, operator, number, "k4", content, 1, ""); return err },
		"nothing":   func() error { _, _, err := b.Adjust(ctx, operator, number, "k4", content, 0, "why"); return err },
		"no key":    func() error { _, _, err := b.Adjust(ctx, operator, number, "", content, 1, "why"); return err },
	} {
		if err := try(); !errors.Is(err, taocan.ErrInvalid) {
			t.Errorf("%s: error %v, want invalid", name, err)
		}
	}
	if _, _, err := b.Adjust(ctx, operator, "U1A2003011500009", "k", content, 1, "why"); !errors.Is(err, taocan.ErrNotFound) {
		t.Errorf("an unknown package: error %v, want not found", err)
	}
	var audit store.Page[taocan.AuditEntry]
	err = b.store.View(ctx, func(r store.Reader) (err error) {
		audit, err = r.AuditEntries(ctx, store.AuditFilter{Paging: store.Paging{Limit: 1}})
		return err
	})
	if err != nil || len(audit.Items) != 1 {
		t.Fatalf("audit %+v, error %v", audit, err)
	}
	got := audit.Items[0]
	want := taocan.AuditEntry{N: got.N, At: got.At, By: "token:tok_op", Address: "192.0.2.1", Action: "package.adjust", Subject: number,
		Before: `{"remaining":25}`, After: `{"delta":5,"reason":"a little back","remaining":30}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}

func TestMarkExpiredWritesWhatTheClockDecided(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, at("2021-04-29T23:59:59+08:00"))
	b.importCSV(t, demo, example(t))
	if n, err := b.MarkExpired(ctx); err != nil || n != 0 {
		t.Fatalf("a second before: %d marked, error %v; want 0", n, err)
	}
	b.clock.Advance(time.Second)
	for i, want := range []int{2, 0} {
		if n, err := b.MarkExpired(ctx); err != nil || n != want {
			t.Fatalf("run %d after: %d marked, error %v; want %d", i+1, n, err, want)
		}
	}
	entries, err := b.Entries(ctx, demo, "U1B19042914D4FE7", store.Paging{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	if got := entries.Items[0]; got.Kind != taocan.EntryExpire || got.Remaining != 0 || got.RemainingAfter != 50 {
		t.Errorf("newest entry %+v, want an expire marker that leaves 50", got)
	}
}

func TestQueriesThatAreRefused(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, snapshot)
	b.importCSV(t, demo, header+good)
	later := snapshot.Add(time.Microsecond)
	if _, err := b.Balance(ctx, demo, taocan.Domestic, later); !errors.Is(err, taocan.ErrInvalid) {
		t.Errorf("balance of the future: error %v, want invalid", err)
	}
	if _, err := b.Balance(ctx, demo, "moon", time.Time{}); !errors.Is(err, taocan.ErrInvalid) {
		t.Errorf("balance of no category: error %v, want invalid", err)
	}
	for name, f := range map[string]store.PackageFilter{
		"the future":      {AsOf: later},
		"an unknown sort": {Sort: "-name"},
		"no category":     {Category: "moon"},
		"no purpose":      {Purposes: []taocan.Purpose{"fun"}},
		"no status":       {Statuses: []taocan.Status{"frozen?"}},
		"no country":      {Country: "malaysia"},
	} {
		f.Limit = 10
		if _, err := b.List(ctx, demo, f); !errors.Is(err, taocan.ErrInvalid) {
			t.Errorf("a list with %s: error %v, want invalid", name, err)
		}
	}
	if _, err := b.Get(ctx, stranger, "U1A2003011500001"); !errors.Is(err, taocan.ErrNotFound) {
		t.Errorf("another's package: error %v, want not found", err)
	}
	if _, err := b.Entries(ctx, stranger, "U1A2003011500001", store.Paging{Limit: 1}); !errors.Is(err, taocan.ErrNotFound) {
		t.Errorf("another's statement: error %v, want not found", err)
	}
	if p, err := b.Find(ctx, "U1A2003011500001"); err != nil || p.Tenant != demo {
		t.Errorf("an operator found %+v, error %v", p.Tenant, err)
	}
}
