package statement_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"taocan/internal/packages"
)

// BenchmarkOverview is of a platform with 100,000 packages.
func BenchmarkOverview(b *testing.B) {
	x := open(b)
	for part := range 10 {
		var file strings.Builder
		file.WriteString("套餐包编号,套餐包名称,短信用途,短信总量(条),短信剩余量(条),到期时间,状态\n")
		for i := range 10_000 {
			fmt.Fprintf(&file, "U1B260301%07X,国内短信包(营销推广),会员营销,100,50,2026-12-31,有效\n", part*10_000+i)
		}
		report, err := x.packages.Import(x.ctx, staff, web, strings.NewReader(file.String()),
			packages.ImportOptions{SnapshotAt: time.Date(2026, 3, 1, 0, 0, 0, 0, zone), Format: packages.FormatCSV})
		x.must(err)
		if report.Imported != 10_000 {
			b.Fatalf("imported %+v", report)
		}
	}
	x.day(4, 10)
	for b.Loop() {
		_, err := x.Overview(x.ctx, staff, "", "")
		x.must(err)
	}
}
