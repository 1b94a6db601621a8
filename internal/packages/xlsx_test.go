package packages_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"taocan/internal/packages"
	"taocan/internal/taocan"
)

// workbook is a CSV file as a spreadsheet would save it, with its texts in a table of their own.
func workbook(t *testing.T, file string, change func(*excelize.File)) string {
	t.Helper()
	book := excelize.NewFile()
	defer book.Close()
	records, err := csv.NewReader(strings.NewReader(file)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i, record := range records {
		cells := make([]any, len(record))
		for j, text := range record {
			var n int
			if cells[j] = text; i > 0 && text != "" && strings.Trim(text, "0123456789") == "" {
				_, _ = fmt.Sscan(text, &n)
				cells[j] = n
			}
		}
		if err := book.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+1), &cells); err != nil {
			t.Fatal(err)
		}
	}
	if change != nil {
		change(book)
	}
	var b bytes.Buffer
	if err := book.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func byContent(o *packages.ImportOptions) { o.Format = "" }
func asXLSX(o *packages.ImportOptions)    { o.Format = packages.FormatXLSX }

func TestAWorkbookIsImportedLikeItsCSV(t *testing.T) {
	b := newBench(t, snapshot)
	if got, want := b.importCSV(t, demo, example(t)), (packages.ImportReport{Imported: 9}); !cmp.Equal(got, want) {
		t.Fatalf("the CSV: %+v, want %+v", got, want)
	}
	file := workbook(t, strings.TrimPrefix(example(t), "\ufeff"), nil)
	for name, format := range map[string]func(*packages.ImportOptions){"said to be one": asXLSX, "recognised by its content": byContent} {
		if got, want := b.importCSV(t, demo, file, format), (packages.ImportReport{Unchanged: 9}); !cmp.Equal(got, want) {
			t.Errorf("the workbook, %s: %+v, want %+v", name, got, want)
		}
	}
	if got, want := b.importCSV(t, demo, example(t), byContent), (packages.ImportReport{Unchanged: 9}); !cmp.Equal(got, want) {
		t.Errorf("the CSV, recognised by its content: %+v, want %+v", got, want)
	}
}

func TestWorkbookCells(t *testing.T) {
	set := func(cell string, value any) func(*excelize.File) {
		return func(book *excelize.File) {
			if err := book.SetCellValue("Sheet1", cell, value); err != nil {
				t.Fatal(err)
			}
		}
	}
	bad := func(line int, reason string) packages.ImportReport {
		return packages.ImportReport{Bad: []packages.BadRow{{Line: line, Reason: reason}}}
	}
	one := packages.ImportReport{Imported: 1}
	tests := []struct {
		name   string
		change func(*excelize.File)
		want   packages.ImportReport
	}{
		{"as it is", nil, one},
		{"a date that is a date", set("F2", time.Date(2021, 6, 1, 0, 0, 0, 0, time.UTC)), one},
		{"a date of a workbook that counts from 1904", func(book *excelize.File) {
			yes := true
			if err := book.SetWorkbookProps(&excelize.WorkbookPropsOptions{Date1904: &yes}); err != nil {
				t.Fatal(err)
			}
			set("F2", time.Date(2021, 6, 1, 0, 0, 0, 0, time.UTC))(book)
		}, one},
		{"figures that are texts", set("D2", "100"), one},
		{"a thousands separator is only seen", func(book *excelize.File) {
			style, err := book.NewStyle(&excelize.Style{NumFmt: 3})
			if err := errors.Join(err, book.SetCellStyle("Sheet1", "D2", "E2", style)); err != nil {
				t.Fatal(err)
			}
		}, one},
		{"the last cell is empty", set("G2", nil), one},
		{"another sheet is not read", func(book *excelize.File) {
			if _, err := book.NewSheet("备注"); err != nil {
				t.Fatal(err)
			}
		}, one},
		{"an empty row between", func(book *excelize.File) {
			if err := book.InsertRows("Sheet1", 2, 2); err != nil {
				t.Fatal(err)
			}
		}, one},
		{"a line is the row's number", func(book *excelize.File) {
			set("D2", 30)(book)
			if err := book.InsertRows("Sheet1", 2, 2); err != nil {
				t.Fatal(err)
			}
		}, bad(4, "remaining 40 is more than the total 30")},
		{"a fraction", set("D2", 100.5), bad(2, `the total "100.5" is not a whole number from 1 to 1000000000`)},
		{"a cell beside the table", set("I2", "?"), bad(2, "has 9 columns where the header has 7")},
		{"no header", set("A1", "number"), bad(1, "the header lacks 套餐包编号")},
		{"nothing", func(book *excelize.File) {
			for range 2 {
				if err := book.RemoveRow("Sheet1", 1); err != nil {
					t.Fatal(err)
				}
			}
		}, bad(1, "the file is empty")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, snapshot)
			if got := b.importCSV(t, demo, workbook(t, header+good, tt.change), byContent); !cmp.Equal(got, tt.want) {
				t.Fatalf("import reported %+v, want %+v", got, tt.want)
			}
			if tt.want.Imported == 0 {
				return
			}
			got, err := b.Get(context.Background(), demo, "U1A2003011500001")
			if err != nil || got.Total != 100 || got.Remaining != 40 || got.ExpiresOn(zone) != "2021-06-01" {
				t.Errorf("imported %+v, error %v; want 100, 40, 2021-06-01", got, err)
			}
		})
	}
}

// replaced is a workbook with one part exchanged.
func replaced(t *testing.T, file, name string, part func(whole []byte) []byte) string {
	t.Helper()
	from, err := zip.NewReader(strings.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	to := zip.NewWriter(&b)
	for _, f := range from.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		whole, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if f.Name == name {
			whole = part(whole)
		}
		w, err := to.Create(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(whole); err != nil {
			t.Fatal(err)
		}
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWorkbooksThatCannotBeTrusted(t *testing.T) {
	const sheet = "xl/worksheets/sheet1.xml"
	whole := workbook(t, header+good, nil)
	// A part that claims to be large: that alone refuses it, before any of it is unpacked.
	bomb := func() string {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		if _, err := w.CreateRaw(&zip.FileHeader{Name: sheet, Method: zip.Deflate, UncompressedSize64: 129 << 20}); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	tests := []struct {
		name, file, reason string
	}{
		{"half of it", whole[:len(whole)/2], "is neither UTF-8 text nor a whole XLSX workbook"},
		{"another zip", replaced(t, whole, "xl/workbook.xml", func([]byte) []byte { return []byte("<a/>") }), "is not an XLSX workbook"},
		{"no sheet", replaced(t, whole, "xl/workbook.xml", func([]byte) []byte {
			return []byte(`<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>`)
		}), "is a workbook without a sheet"},
		{"a sheet that breaks off", replaced(t, whole, sheet, func(b []byte) []byte { return b[:len(b)-30] }), `is damaged: "xl/worksheets/sheet1.xml" cannot be read`},
		{"a part whose sum is wrong", damaged(t, whole, sheet), `is damaged: "xl/worksheets/sheet1.xml" cannot be read`},
		{"a bomb", bomb(), "unpacks to more than 134217728 bytes"},
		{"a row that no sheet has", replaced(t, whole, sheet, func(b []byte) []byte {
			return bytes.Replace(b, []byte(`<row r="2"`), []byte(`<row r="9999999"`), 1)
		}), "is a workbook whose first sheet cannot be read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, snapshot)
			_, err := b.Import(t.Context(), operator, demo, strings.NewReader(tt.file), packages.ImportOptions{SnapshotAt: snapshot, Partial: true})
			var invalid *taocan.InvalidError
			if !errors.As(err, &invalid) || invalid.Fields[0].Message != tt.reason {
				t.Errorf("got %v, want it refused because it %s", err, tt.reason)
			}
		})
	}
}

// damaged flips a bit of a part's content, which is stored as it is.
func damaged(t *testing.T, file, name string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	from, err := zip.NewReader(strings.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range from.File {
		if err := w.Copy(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	broken := b.Bytes()
	for _, f := range from.File {
		if f.Name == name {
			at, err := f.DataOffset()
			if err != nil {
				t.Fatal(err)
			}
			broken[at+int64(f.CompressedSize64)/2] ^= 1
		}
	}
	return string(broken)
}
