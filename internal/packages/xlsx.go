package packages

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"taocan/internal/taocan"
)

// zipMagic begins every XLSX file, and no CSV whose header could be read.
const zipMagic = "PK\x03\x04"

// Bounds of what an XLSX file of MaxImportBytes may become: a few bytes can be packed to stand for gigabytes.
const (
	maxUnzippedBytes = 128 << 20
	maxUnzippedInRAM = 16 << 20 // of one part; a larger one is laid down in a temporary file while it is read
)

// parseXLSX reads the first sheet of a workbook. Its lines are the rows as the spreadsheet numbers them.
func parseXLSX(data []byte, snapshot time.Time, zone *time.Location) (_ parsedFile, err error) {
	if reason := checkXLSX(data); reason != "" {
		return parsedFile{}, taocan.Invalid("body", reason, nil)
	}
	book, err := excelize.OpenReader(bytes.NewReader(data),
		excelize.Options{UnzipSizeLimit: maxUnzippedBytes, UnzipXMLSizeLimit: maxUnzippedInRAM, RawCellValue: true})
	if err != nil {
		return parsedFile{}, taocan.Invalid("body", "is not an XLSX workbook", nil)
	}
	defer func() { err = errors.Join(err, book.Close()) }()
	sheets := book.GetSheetList()
	if len(sheets) == 0 {
		return parsedFile{}, taocan.Invalid("body", "is a workbook without a sheet", nil)
	}
	unreadable := taocan.Invalid("body", "is a workbook whose first sheet cannot be read", nil)
	rows, err := book.Rows(sheets[0])
	if err != nil {
		return parsedFile{}, unreadable
	}
	defer func() { _ = rows.Close() }() // says again what reading said

	dayZero := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	if props, err := book.GetWorkbookProps(); err == nil && props.Date1904 != nil && *props.Date1904 {
		dayZero = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	line, columns, expires := 0, 0, -1
	return parseRows(func() ([]string, int, error) {
		if !rows.Next() && rows.Error() == nil {
			return nil, 0, io.EOF
		}
		line++
		record, err := rows.Columns()
		if errors.Join(rows.Error(), err) != nil {
			return nil, 0, unreadable
		}
		if line == 1 {
			columns = len(record)
			expires = slices.IndexFunc(record, func(name string) bool { return strings.TrimSpace(name) == colExpires })
			return record, line, nil
		}
		for len(record) < columns { // empty cells at the end of a row are not written
			record = append(record, "")
		}
		if expires >= 0 {
			record[expires] = dateOf(record[expires], dayZero)
		}
		return record, line, nil
	}, snapshot, zone)
}

// dateOf writes a date as CSV has it. A cell that a spreadsheet took for a date holds the days since its day zero;
// a text stays as it is.
func dateOf(cell string, dayZero time.Time) string {
	days, err := strconv.ParseUint(cell, 10, 32)
	if err != nil || days > 3_000_000 { // beyond the year 9999
		return cell
	}
	return dayZero.AddDate(0, 0, int(days)).Format(time.DateOnly)
}

// checkXLSX reads the whole file once, since the library takes a part that breaks off for its end: half of a sheet
// must not be imported for the whole.
func checkXLSX(data []byte) (reason string) {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return "is neither UTF-8 text nor a whole XLSX workbook"
	}
	left := int64(maxUnzippedBytes)
	for _, part := range archive.File {
		if left -= int64(min(part.UncompressedSize64, maxUnzippedBytes+1)); left < 0 {
			return fmt.Sprintf("unpacks to more than %d bytes", maxUnzippedBytes)
		}
		if err := checkPart(part); err != nil {
			return fmt.Sprintf("is damaged: %.60q cannot be read", part.Name)
		}
	}
	return ""
}

// checkPart reads a part to its end, which also proves its size and sum; XML must be well-formed.
func checkPart(part *zip.File) error {
	r, err := part.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	if ext := path.Ext(part.Name); ext != ".xml" && ext != ".rels" {
		_, err := io.Copy(io.Discard, r)
		return err
	}
	for d := xml.NewDecoder(r); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
