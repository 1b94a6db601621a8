package sqlite

import (
	"fmt"
	"testing"
	"time"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// BenchmarkReads times lists and balances of one project with a million packages of which one in a hundred has
// something left, and two entries each. Filling takes about a minute.
func BenchmarkReads(b *testing.B) {
	const packages = 1_000_000
	now := time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)
	s := openTemp(b, clock.System())
	tenant := taocan.Tenant{Account: "a", Project: "p"}
	for _, query := range []string{
		"PRAGMA synchronous = off",
		"INSERT INTO account (id, name, level, suspended, created_at) VALUES ('a', '', 'enterprise', 0, 1)",
		"INSERT INTO project (account_id, id, name, created_at) VALUES ('a', 'p', '', 1)",
		fmt.Sprintf(`INSERT INTO package (account_id, project_id, number, name, category, purpose, country, charge_on, total, adjusted, remaining, reserved, used, live,
			purchased_at, exists_from, expires_at, paid_voucher, paid_gift, paid_cash, paid_credit, lane, seq)
			WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d),
			x AS (SELECT i, i %% 100 = 0 AS live, i %% 5 = 1 AS abroad, %d - (i * 7919 %% 1000003) * 60000000 AS at FROM n)
			SELECT 'a', 'p', printf('U1A260301%%07X', (i * 7919) %% 268435456), '国内短信包(验证通知)',
			CASE WHEN abroad THEN 'international' ELSE 'domestic' END, CASE i %% 3 WHEN 0 THEN 'verification' WHEN 1 THEN 'marketing' ELSE 'general' END,
			CASE WHEN abroad THEN 'MY' ELSE '' END, 'submit', 1000, 0, CASE WHEN live THEN 500 ELSE 0 END, 0, CASE WHEN live THEN 500 ELSE 1000 END, live,
			at, at, at / 86400000000 * 86400000000 + 31593600000000, 0, 0, 0, 0, 0, 1 FROM x`, packages, now.UnixMicro()),
		`INSERT INTO package_group (account_id, project_id, category, purpose, country, name, packages)
			SELECT account_id, project_id, category, purpose, country, name, count(*) FROM package GROUP BY 1, 2, 3, 4, 5, 6`,
		`INSERT INTO entry (account_id, project_id, package, at, kind, remaining, reserved, used, remaining_after, reserved_after, debits, reference, lane, seq)
			SELECT account_id, project_id, number, exists_from, 1, total, 0, 0, total, 0, 0, '', 0, 1 FROM package`,
		`INSERT INTO entry (account_id, project_id, package, at, kind, remaining, reserved, used, remaining_after, reserved_after, debits, reference, lane, seq)
			SELECT account_id, project_id, number, exists_from + 1000, 8, -used, 0, used, remaining, 0, 1, '', 0, 1 FROM package`,
	} {
		if _, err := s.w.conn.ExecContext(b.Context(), query); err != nil {
			b.Fatal(err)
		}
	}
	time1 := func(name string, read func(r store.Reader) error) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := s.View(b.Context(), read); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for name, f := range map[string]store.PackageFilter{
		"first page":             {},
		"domestic":               {Category: taocan.Domestic},
		"active":                 {Statuses: []taocan.Status{taocan.Active}},
		"exhausted verification": {Statuses: []taocan.Status{taocan.Exhausted}, Purposes: []taocan.Purpose{taocan.Verification}},
		"by expiry":              {Sort: "expires_at"},
		"by remaining":           {Sort: "-remaining"},
		"number":                 {Query: "U1A2603010001EEF"},
		"name":                   {Query: "验证"},
		"page 90,000":            {Paging: store.Paging{Offset: 899_990}},
		"as of":                  {AsOf: now.AddDate(0, -6, 0)},
	} {
		f.Now, f.Limit = now, 10
		time1("list/"+name, func(r store.Reader) error {
			_, err := r.Packages(b.Context(), tenant, f)
			return err
		})
	}
	for name, asOf := range map[string]time.Time{"now": {}, "as of": now.AddDate(0, -6, 0)} {
		time1("balance/"+name, func(r store.Reader) error {
			_, err := r.Balance(b.Context(), tenant, taocan.Domestic, now, asOf)
			return err
		})
	}
}
