package sqlite

import (
	"context"
	"fmt"
	"testing"
	"time"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

func TestScaleTmp(t *testing.T) {
	s := openTemp(t, clock.System())
	ctx := t.Context()
	exec := func(q string) {
		t.Helper()
		begin := time.Now()
		if _, err := s.w.conn.ExecContext(ctx, q); err != nil {
			t.Fatal(err)
		}
		fmt.Println("exec", time.Since(begin))
	}
	exec(`PRAGMA synchronous=off`)
	exec(`INSERT INTO account VALUES ('a','a','enterprise',0,1); INSERT INTO wallet VALUES ('a',0,0,0,0); INSERT INTO project VALUES ('a','p','p',1)`)
	const year = 31_536_000_000_000
	now := int64(1_772_337_600_000_000)
	exec(fmt.Sprintf(`INSERT INTO package (account_id, project_id, number, name, category, purpose, country, charge_on, total, adjusted, remaining, reserved, used, live, purchased_at, exists_from, expires_at, paid_voucher, paid_gift, paid_cash, paid_credit, lane, seq)
	WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 1000000)
	SELECT 'a','p', printf('U1A260301%%07X', (i*7919)%%268435456), '国内短信包(验证通知)', CASE WHEN i%%5<2 THEN 'international' ELSE 'domestic' END, CASE WHEN i%%3=0 THEN 'verification' WHEN i%%3=1 THEN 'marketing' ELSE 'general' END, CASE WHEN i%%5<2 THEN 'MY' ELSE '' END, 'submit', 1000+i%%17, 0,
	CASE WHEN i%%100=0 THEN 500 ELSE 0 END, 0, CASE WHEN i%%100=0 THEN 500+i%%17 ELSE 1000+i%%17 END, i%%100=0, %d - (i*7919%%1000003)*60000000, %d - (i*7919%%1000003)*60000000, %d - (i*7919%%1000003)*60000000, 0,0,0,0,0,1 FROM n`, now, now, now+year))
	exec(`INSERT INTO package_group SELECT account_id, project_id, category, purpose, country, name, count(*) FROM package GROUP BY 1,2,3,4,5,6`)
	exec(`INSERT INTO entry SELECT account_id, project_id, number, exists_from, 3, total, 0, 0, total, 0, 0, '', 0, 1 FROM package`)
	exec(`INSERT INTO entry SELECT account_id, project_id, number, exists_from+1000+n, 8, -1, 0, 1, remaining, 0, 1, '', 0, 1 FROM package, (WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM n WHERE n<5) SELECT n FROM n)`)
	tenant := taocan.Tenant{Account: "a", Project: "p"}
	clockNow := time.UnixMicro(now).UTC()
	timed := func(what string, fn func(r store.Reader) string) {
		for i := range 3 {
			begin := time.Now()
			var got string
			if err := s.View(ctx, func(r store.Reader) error { got = fn(r); return nil }); err != nil {
				t.Fatal(err)
			}
			if i == 2 {
				fmt.Printf("%-60s %10v  %s\n", what, time.Since(begin).Round(10*time.Microsecond), got)
			}
		}
	}
	pk := func(what string, f store.PackageFilter) {
		f.Now = clockNow
		if f.Limit == 0 {
			f.Limit = 10
		}
		timed(what, func(r store.Reader) string {
			p, err := r.Packages(context.Background(), tenant, f)
			if err != nil {
				t.Fatal(what, err)
			}
			return fmt.Sprint(len(p.Items), p.Total, p.AtLeast)
		})
	}
	pk("default", store.PackageFilter{})
	pk("domestic", store.PackageFilter{Category: taocan.Domestic})
	pk("active domestic", store.PackageFilter{Category: taocan.Domestic, Statuses: []taocan.Status{taocan.Active}})
	pk("active", store.PackageFilter{Statuses: []taocan.Status{taocan.Active}})
	pk("expired", store.PackageFilter{Statuses: []taocan.Status{taocan.Expired}})
	pk("exhausted", store.PackageFilter{Statuses: []taocan.Status{taocan.Exhausted}})
	pk("active+expired+exhausted", store.PackageFilter{Statuses: []taocan.Status{taocan.Active, taocan.Expired, taocan.Exhausted}})
	pk("general MY", store.PackageFilter{Country: "MY", Purposes: []taocan.Purpose{taocan.General}})
	pk("q number", store.PackageFilter{Query: "U1A2603010001EEF"})
	pk("q name", store.PackageFilter{Query: "验证"})
	pk("q nothing", store.PackageFilter{Query: "zzz"})
	for _, sort := range []string{"number", "-total", "remaining", "-remaining", "expires_at"} {
		pk("sort "+sort, store.PackageFilter{Sort: sort})
	}
	pk("active sort -remaining", store.PackageFilter{Sort: "-remaining", Statuses: []taocan.Status{taocan.Active}})
	pk("active sort expires", store.PackageFilter{Sort: "expires_at", Statuses: []taocan.Status{taocan.Active}})
	pk("deep", store.PackageFilter{Paging: store.Paging{Limit: 10, Offset: 900_000}})
	pk("deep 100k", store.PackageFilter{Paging: store.Paging{Limit: 10, Offset: 100_000}})
	asOf := clockNow.AddDate(0, -6, 0)
	pk("as of", store.PackageFilter{AsOf: asOf})
	pk("as of domestic", store.PackageFilter{AsOf: asOf, Category: taocan.Domestic})
	pk("as of active", store.PackageFilter{AsOf: asOf, Statuses: []taocan.Status{taocan.Active}})
	for _, c := range []taocan.Category{taocan.Domestic, taocan.International} {
		timed("balance "+string(c), func(r store.Reader) string {
			b, _ := r.Balance(ctx, tenant, c, clockNow, time.Time{})
			return fmt.Sprint(b.Remaining)
		})
		timed("balance as of "+string(c), func(r store.Reader) string {
			b, _ := r.Balance(ctx, tenant, c, clockNow, asOf)
			return fmt.Sprint(b.Remaining)
		})
	}
	timed("unmarked", func(r store.Reader) string {
		u, _ := r.Unmarked(ctx, clockNow, 10)
		return fmt.Sprint(len(u))
	})
}
