package console_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"taocan/internal/packages"
	"taocan/internal/taocan"
)

// manyPackages imports n packages into demo: three purposes, a third of them used up, a third running.
func (e *env) manyPackages(n int) {
	e.t.Helper()
	const perHour, perFile = 1000, 50_000
	letters, purposes := "ABG", []string{"验证通知", "会员营销", "通用"}
	start := time.Date(2020, 6, 1, 0, 0, 0, 0, shanghai)
	for done := 0; done < n; {
		var file strings.Builder
		file.WriteString("套餐包编号,套餐包名称,短信用途,短信总量(条),短信剩余量(条),到期时间,状态\n")
		for i := 0; i < perFile && done < n; i++ {
			bought := start.Add(time.Duration(done/perHour) * time.Hour)
			total := 100 * (1 + done%977)
			fmt.Fprintf(&file, "U1%c%s%05X,%d条,%s,%d,%d,%s,有效\n", letters[done%3], bought.Format("06010215"), done, total, purposes[done%3], total, total*(done%2),
				bought.AddDate(1, 0, 0).Format(time.DateOnly))
			done++
		}
		report, err := e.packages.Import(e.t.Context(), taocan.System(), demoTenant, strings.NewReader(file.String()), packages.ImportOptions{SnapshotAt: start.AddDate(0, 9, 0), Format: "csv"})
		e.must(err)
		if len(report.Bad) > 0 {
			e.t.Fatalf("line %d: %s", report.Bad[0].Line, report.Bad[0].Reason)
		}
	}
}

// BenchmarkPagesOf100000Packages is the server's time for a page, from request to last byte, in a project of 100,000.
func BenchmarkPagesOf100000Packages(b *testing.B) {
	e := newEnv(b)
	e.manyPackages(100_000)
	signedIn := e.signIn(taocan.Owner)
	session := signedIn.session()
	for _, page := range []struct{ name, path string }{
		{"first", "/packages/domestic"},
		{"tenth", "/packages/domestic?page=10"},
		{"middle", "/packages/domestic?page=5000"},
		{"last", "/packages/domestic?page=10000"},
		{"of 100", "/packages/domestic?per_page=100&page=500"},
		{"by number", "/packages/domestic?sort=number"},
		{"by total", "/packages/domestic?sort=-total"},
		{"by remaining", "/packages/domestic?sort=-remaining"},
		{"by expiry", "/packages/domestic?sort=expires_at&page=50"},
		{"filtered", "/packages/domestic?purpose=marketing&status=active"},
		{"search number", "/packages/domestic?q=U1A2006"},
		{"search name", "/packages/domestic?q=97700"},
		{"one package", "/package/U1A2006010000000"},
		{"orders", "/orders"},
		{"quote", "/buy?category=domestic&hundreds=950"},
	} {
		b.Run(page.name, func(b *testing.B) {
			for b.Loop() {
				r := httptest.NewRequest(http.MethodGet, page.path, nil)
				r.Header.Set("Accept-Encoding", "gzip")
				r.Header.Set("HX-Request", "true")
				r.AddCookie(&http.Cookie{Name: "taocan_session", Value: session})
				w := httptest.NewRecorder()
				e.server.Config.Handler.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatalf("%s: status %d", page.path, w.Code)
				}
				b.ReportMetric(float64(w.Body.Len()), "bytes")
			}
		})
	}
}
