package export

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"taocan/internal/store"
)

// pages gives a list of lines page by page, as a store does, and counts how often it is asked.
type pages struct {
	lines int
	fail  int // from this line on; 0: never
	asked int
}

var errBroken = errors.New("the store broke")

func (p *pages) page(q store.Paging) (store.Page[int], error) {
	p.asked++
	from := 0
	if q.Cursor != "" {
		from, _ = strconv.Atoi(q.Cursor)
	}
	if p.fail > 0 && from >= p.fail {
		return store.Page[int]{}, errBroken
	}
	var page store.Page[int]
	for i := from; i < min(from+q.Limit, p.lines); i++ {
		page.Items = append(page.Items, i)
	}
	if from+q.Limit < p.lines {
		page.Next = strconv.Itoa(from + q.Limit)
	}
	return page, nil
}

var numbered = Table[int]{Name: "things", Columns: []string{"名称", "数量"}, Row: func(i int) []Cell {
	return []Cell{Text(fmt.Sprintf("第%d条", i)), Number(-i)}
}}

func write[T any](t *testing.T, table Table[T], page func(store.Paging) (store.Page[T], error), format Format) []byte {
	t.Helper()
	file, err := Open(table, page)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := file.Write(&b, format); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// rows opens a file as a spreadsheet does.
func rows(t *testing.T, file []byte) [][]string {
	t.Helper()
	book := workbook(t, file)
	got, err := book.GetRows("things", excelize.Options{RawCellValue: true})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func workbook(t *testing.T, file []byte) *excelize.File {
	t.Helper()
	book, err := excelize.OpenReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = book.Close() })
	return book
}

// dangerous are texts as a stranger may choose them, and what stands in the file.
var dangerous = []struct{ text, want string }{
	{"=HYPERLINK(1)", "'=HYPERLINK(1)"},
	{"+1", "'+1"},
	{"-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"},
	{"@SUM(1)", "'@SUM(1)"},
	{"\t=1", "'\t=1"},
	{"\n=1", "'\n=1"},
	{"＝1+1", "'＝1+1"},
	{"＋1", "'＋1"},
	{"－1", "'－1"},
	{"＠SUM(1)", "'＠SUM(1)"},
	{"+86", "'+86"},
	{"'=1", "'=1"},
	{"名", "名"},
	{"-5", "-5"},
	{"", ""},
	{"a=1", "a=1"},
	{`<c t="str"><f>1+1</f></c> & "quotes", commas`, `<c t="str"><f>1+1</f></c> & "quotes", commas`},
	{" spaces ", " spaces "},
	{"两行\n文字", "两行\n文字"},
}

var texts = Table[int]{Name: "things", Columns: []string{"文本", "end"}, Row: func(i int) []Cell {
	return []Cell{Text(dangerous[i].text), Text("|")}
}}

func TestNoCellIsAFormula(t *testing.T) {
	list := (&pages{lines: len(dangerous)}).page
	var want [][]string
	for _, d := range dangerous {
		want = append(want, []string{d.want, "|"})
	}
	file := write(t, texts, list, XLSX)
	if diff := cmp.Diff(want, rows(t, file)[1:]); diff != "" {
		t.Errorf("XLSX (-want +got):\n%s", diff)
	}
	book := workbook(t, file)
	for i := range dangerous {
		cell := fmt.Sprintf("A%d", i+2)
		formula, err := book.GetCellFormula("things", cell)
		kind, kindErr := book.GetCellType("things", cell)
		if err := errors.Join(err, kindErr); err != nil || formula != "" || kind != excelize.CellTypeInlineString && dangerous[i].text != "" {
			t.Errorf("%s holds %q, formula %q, type %d, error %v; want a text", cell, dangerous[i].text, formula, kind, err)
		}
	}
	got, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(write(t, texts, list, CSV)), byteOrderMark))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got[1:]); diff != "" {
		t.Errorf("CSV (-want +got):\n%s", diff)
	}
}

func TestNumbersAreNumbers(t *testing.T) {
	list := &pages{lines: 2}
	if got, want := string(write(t, numbered, list.page, CSV)), "\ufeff名称,数量\n第0条,0\n第1条,-1\n"; got != want {
		t.Errorf("CSV is %q, want %q", got, want)
	}
	file := write(t, numbered, list.page, XLSX)
	if diff := cmp.Diff([][]string{{"名称", "数量"}, {"第0条", "0"}, {"第1条", "-1"}}, rows(t, file)); diff != "" {
		t.Errorf("XLSX (-want +got):\n%s", diff)
	}
	book := workbook(t, file)
	for cell, want := range map[string]excelize.CellType{"A3": excelize.CellTypeInlineString, "B1": excelize.CellTypeInlineString, "B3": excelize.CellTypeUnset} {
		if got, err := book.GetCellType("things", cell); err != nil || got != want { // a number has no type
			t.Errorf("%s has type %d, error %v; want %d", cell, got, err, want)
		}
	}
	if again := write(t, numbered, list.page, XLSX); !bytes.Equal(file, again) {
		t.Error("the same list gave other bytes")
	}
}

func TestAFileEndsAtItsMostLines(t *testing.T) {
	for lines, want := range map[int]int{0: 0, 1: 1, pageLines: pageLines, pageLines + 1: pageLines + 1, MaxLines: MaxLines, MaxLines + 1: MaxLines} {
		list := &pages{lines: lines}
		if got := bytes.Count(write(t, numbered, list.page, CSV), []byte("\n")) - 1; got != want {
			t.Errorf("%d lines as CSV: %d, want %d", lines, got, want)
		}
		if most := MaxLines/pageLines + 1; list.asked > most {
			t.Errorf("%d lines: asked for %d pages", lines, list.asked)
		}
		if got := sheetRows(t, write(t, numbered, list.page, XLSX)) - 1; got != want {
			t.Errorf("%d lines as XLSX: %d, want %d", lines, got, want)
		}
	}
}

// sheetRows counts the rows of a workbook without reading them.
func sheetRows(t *testing.T, file []byte) int {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	sheet, err := archive.Open("xl/worksheets/sheet1.xml")
	if err != nil {
		t.Fatal(err)
	}
	defer sheet.Close()
	text, err := io.ReadAll(sheet)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(text, []byte("<row "))
}

// TestPagesLeaveBeforeTheNextAreAsked is what bounds the memory of an export. A compressed file leaves in blocks of
// several pages.
func TestPagesLeaveBeforeTheNextAreAsked(t *testing.T) {
	for format, every := range map[Format]int{CSV: 1, XLSX: 10} {
		var b bytes.Buffer
		list := &pages{lines: 50 * pageLines}
		last := 0
		file, err := Open(numbered, func(q store.Paging) (store.Page[int], error) {
			if list.asked > 0 && list.asked%every == 0 {
				if b.Len() <= last {
					t.Errorf("%s: page %d was asked for while only %d bytes had left", format, list.asked, b.Len())
				}
				last = b.Len()
			}
			return list.page(q)
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := file.Write(&b, format); err != nil {
			t.Fatal(err)
		}
	}
}

func TestARefusalComesBeforeTheFile(t *testing.T) {
	if _, err := Open(numbered, func(store.Paging) (store.Page[int], error) { return store.Page[int]{}, errBroken }); !errors.Is(err, errBroken) {
		t.Errorf("got %v, want the list's error", err)
	}
}

func TestHalfAFileIsNoFile(t *testing.T) {
	for _, format := range []Format{CSV, XLSX} {
		file, err := Open(numbered, (&pages{lines: 3 * pageLines, fail: pageLines}).page)
		if err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() {
				if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
					t.Errorf("%s: recovered %v, want the connection broken off", format, p)
				}
			}()
			file.Serve(httptest.NewRecorder(), format)
		}()
	}
}

func TestServedFilesSayWhatTheyAre(t *testing.T) {
	for format, want := range map[Format][2]string{
		CSV:  {"text/csv; charset=utf-8", `attachment; filename="things.csv"`},
		XLSX: {MediaXLSX, `attachment; filename="things.xlsx"`},
	} {
		file, err := Open(numbered, (&pages{lines: 1}).page)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		file.Serve(w, format)
		if got := [2]string{w.Header().Get("Content-Type"), w.Header().Get("Content-Disposition")}; got != want || w.Code != http.StatusOK {
			t.Errorf("%s: %d %v, want %v", format, w.Code, got, want)
		}
	}
	file, err := Open(numbered, (&pages{lines: 1}).page)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Write(&bytes.Buffer{}, "pdf"); err == nil {
		t.Error("an unknown format was written")
	}
}

func TestColumnNames(t *testing.T) {
	for i, want := range map[int]string{0: "A", 25: "Z", 26: "AA", 51: "AZ", 52: "BA", 701: "ZZ", 702: "AAA"} {
		if got := columnName(i); got != want {
			t.Errorf("column %d is %s, want %s", i, got, want)
		}
	}
}
