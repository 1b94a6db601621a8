package packages

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"taocan/internal/taocan"
)

// FuzzImport: whatever a stranger's file holds, reading it neither panics nor makes a package that breaks a rule.
func FuzzImport(f *testing.F) {
	const header = "套餐包编号,套餐包名称,短信用途,短信总量(条),短信剩余量(条),到期时间,状态\n"
	for _, seed := range []string{"", header, "\xef\xbb\xbf" + header + "U1B19042914D4FE7,国内短信包(营销推广),会员营销,100,50,2021-04-29,有效\r\n",
		header + "U0G190429149DFA9,国际短信包(马来西亚MY),通用,100,100,2021-04-29,有效\n", header + "\"U1A\n", "a,a\nb", header + ",,,,,,\n\n9999-12-31"} {
		f.Add([]byte(seed))
	}
	zone := time.FixedZone("CST", 8*60*60)
	snapshot := time.Date(2021, 4, 1, 0, 0, 0, 0, zone)
	f.Fuzz(func(t *testing.T, file []byte) {
		parsed, err := parse(bytes.NewReader(file), FormatCSV, snapshot, zone)
		if err != nil {
			if !errors.Is(err, taocan.ErrInvalid) {
				t.Fatalf("error %v, want only refusals", err)
			}
			return
		}
		lines := bytes.Count(file, []byte("\n")) + 1
		numbers := map[taocan.PackageNumber]bool{}
		for _, row := range parsed.rows {
			facts, err := row.Number.Parse(zone)
			if err != nil || facts.Category != row.Category || facts.Purpose != row.Purpose || numbers[row.Number] {
				t.Errorf("row %+v: number is wrong or stands twice", row)
			}
			numbers[row.Number] = true
			if row.Total < 1 || row.Remaining < 0 || row.Total != row.Remaining+row.Used || row.Name == "" {
				t.Errorf("row %+v: figures", row)
			}
			if row.PurchasedAt.After(snapshot) || !row.ExpiresAt.After(row.PurchasedAt) {
				t.Errorf("row %+v: times", row)
			}
			if (row.Category == taocan.International) != row.Country.Valid() {
				t.Errorf("row %+v: country", row)
			}
			if row.line < 2 || row.line > lines {
				t.Errorf("line %d of a file of %d lines", row.line, lines)
			}
		}
		for _, bad := range parsed.bad {
			if bad.Line < 1 || bad.Line > lines || bad.Reason == "" {
				t.Errorf("bad row %+v of a file of %d lines", bad, lines)
			}
		}
	})
}
