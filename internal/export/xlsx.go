package export

import (
	"archive/zip"
	"bufio"
	"encoding/xml"
	"io"
	"strconv"
	"strings"
)

// xlsxWriter writes a workbook of one sheet (ECMA-376, SpreadsheetML) straight into its zip. Libraries collect the
// sheet first, in memory or in a temporary file; a sheet whose texts stand in their cells need not wait for its end.
type xlsxWriter struct {
	w       io.Writer
	name    string
	columns int
	zip     *zip.Writer
	sheet   *bufio.Writer // of the one part that is written line by line; nil before the first
	lines   int
}

func newXLSX(w io.Writer, name string, columns int) *xlsxWriter {
	return &xlsxWriter{w: w, name: name, columns: columns}
}

const (
	xlsxHead = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	xlsxMain = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"`
	xlsxDoc  = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	xlsxPack = "http://schemas.openxmlformats.org/package/2006/"
	xlsxType = "application/vnd.openxmlformats-officedocument.spreadsheetml."
)

// start writes the parts that say what the file is, and opens the sheet: its first line stays in view, its columns
// are wide enough for a package number.
func (x *xlsxWriter) start() error {
	x.zip = zip.NewWriter(x.w)
	for _, part := range []struct{ name, text string }{
		{"[Content_Types].xml", `<Types xmlns="` + xlsxPack + `content-types">` +
			`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
			`<Default Extension="xml" ContentType="application/xml"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="` + xlsxType + `sheet.main+xml"/>` +
			`<Override PartName="/xl/worksheets/sheet1.xml" ContentType="` + xlsxType + `worksheet+xml"/></Types>`},
		{"_rels/.rels", `<Relationships xmlns="` + xlsxPack + `relationships">` +
			`<Relationship Id="rId1" Type="` + xlsxDoc + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"xl/workbook.xml", `<workbook ` + xlsxMain + ` xmlns:r="` + xlsxDoc + `"><bookViews><workbookView/></bookViews>` +
			`<sheets><sheet name="` + escaped(x.name) + `" sheetId="1" r:id="rId1"/></sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="` + xlsxPack + `relationships">` +
			`<Relationship Id="rId1" Type="` + xlsxDoc + `/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`},
	} {
		w, err := x.zip.Create(part.name)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, xlsxHead+part.text); err != nil {
			return err
		}
	}
	w, err := x.zip.Create("xl/worksheets/sheet1.xml")
	if err != nil {
		return err
	}
	x.sheet = bufio.NewWriter(w)
	_, err = x.sheet.WriteString(xlsxHead + `<worksheet ` + xlsxMain + `><sheetViews><sheetView workbookViewId="0">` +
		`<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>` +
		`<cols><col min="1" max="` + strconv.Itoa(x.columns) + `" width="22" customWidth="1"/></cols><sheetData>`)
	return err
}

func (x *xlsxWriter) line(cells []Cell) error {
	if x.sheet == nil {
		if err := x.start(); err != nil {
			return err
		}
	}
	x.lines++
	row := strconv.Itoa(x.lines)
	var b strings.Builder
	b.WriteString(`<row r="` + row + `">`)
	for i, c := range cells {
		if c.value == "" {
			continue
		}
		b.WriteString(`<c r="` + columnName(i) + row)
		if c.number {
			b.WriteString(`"><v>` + c.value + `</v></c>`)
		} else {
			b.WriteString(`" t="inlineStr"><is><t xml:space="preserve">` + escaped(neutral(c.value)) + `</t></is></c>`)
		}
	}
	b.WriteString(`</row>`)
	_, err := x.sheet.WriteString(b.String())
	return err
}

func (x *xlsxWriter) flush() error {
	if err := x.sheet.Flush(); err != nil {
		return err
	}
	return x.zip.Flush()
}

func (x *xlsxWriter) close() error {
	if _, err := x.sheet.WriteString(`</sheetData></worksheet>`); err != nil {
		return err
	}
	if err := x.sheet.Flush(); err != nil {
		return err
	}
	return x.zip.Close()
}

// escaped is text for XML; what XML cannot hold becomes U+FFFD.
func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}

// columnName of the i-th column, from 0: A … Z, AA …
func columnName(i int) string {
	name := ""
	for i++; i > 0; i = (i - 1) / 26 {
		name = string(rune('A'+(i-1)%26)) + name
	}
	return name
}
