package packages

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"taocan/internal/taocan"
)

// Bounds of one import: it is one transaction, and its answer lists bad rows one by one.
const (
	MaxImportBytes = 8 << 20
	MaxImportRows  = 100_000 // as many as an export has
	maxNameBytes   = 200
)

// The columns by their names in the export; their order is free. Others, the status among them, are not read:
// status follows from the figures and the clock.
const (
	colNumber    = "套餐包编号"
	colName      = "套餐包名称"
	colPurpose   = "短信用途"
	colTotal     = "短信总量(条)"
	colRemaining = "短信剩余量(条)"
	colExpires   = "到期时间"
)

var columns = []string{colNumber, colName, colPurpose, colTotal, colRemaining, colExpires}

var purposes = map[string]taocan.Purpose{
	"验证通知": taocan.Verification,
	"会员营销": taocan.Marketing,
	"通用":   taocan.General,
}

// parsedRow is a package without its tenant, and where it stood.
type parsedRow struct {
	taocan.Package
	line int
}

type parsedFile struct {
	rows       []parsedRow
	bad        []BadRow
	unreadable bool // the file as a whole cannot be trusted: not even its good rows are imported
}

// parse reads an export in either format. What is wrong with the file's size or encoding is an error; what is wrong
// with its rows is reported by line.
func parse(file io.Reader, format string, snapshot time.Time, zone *time.Location) (parsedFile, error) {
	data, err := io.ReadAll(io.LimitReader(file, MaxImportBytes+1))
	if err != nil {
		return parsedFile{}, fmt.Errorf("read import: %w", err)
	}
	if len(data) > MaxImportBytes {
		return parsedFile{}, taocan.Invalid("body", fmt.Sprintf("is larger than %d bytes", MaxImportBytes), nil)
	}
	if format == FormatXLSX || format == "" && bytes.HasPrefix(data, []byte(zipMagic)) {
		return parseXLSX(data, snapshot, zone)
	}
	return parseCSV(data, snapshot, zone)
}

// parseCSV reads UTF-8 with or without a byte order mark.
func parseCSV(data []byte, snapshot time.Time, zone *time.Location) (parsedFile, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) {
		return parsedFile{}, taocan.Invalid("body", "is not UTF-8; save the export as CSV UTF-8", nil)
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1 // counted by parseRows, so that a short row is a bad row like any other
	f, err := parseRows(func() ([]string, int, error) {
		record, err := r.Read()
		if err != nil {
			return nil, 0, err
		}
		line, _ := r.FieldPos(0)
		return record, line, nil
	}, snapshot, zone)
	if broken := (*csv.ParseError)(nil); errors.As(err, &broken) {
		// Where the next row starts is no longer known.
		return unreadable(broken.StartLine, "is not CSV: "+broken.Err.Error()), nil
	}
	return f, err
}

// parseRows reads the header and what follows it. next returns a row and its line, or io.EOF.
func parseRows(next func() ([]string, int, error), snapshot time.Time, zone *time.Location) (parsedFile, error) {
	header, _, err := next()
	if errors.Is(err, io.EOF) {
		return unreadable(1, "the file is empty"), nil
	}
	if err != nil {
		return parsedFile{}, fmt.Errorf("read import: %w", err)
	}
	at, reason := locate(header)
	if reason != "" {
		return unreadable(1, reason), nil
	}

	var f parsedFile
	seen := map[taocan.PackageNumber]int{}
	for n := 0; ; {
		record, line, err := next()
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err != nil {
			return parsedFile{}, fmt.Errorf("read import: %w", err)
		}
		if blank(record) {
			continue
		}
		if n++; n > MaxImportRows {
			return parsedFile{}, taocan.Invalid("body", fmt.Sprintf("has more than %d rows", MaxImportRows), nil)
		}
		if len(record) != len(header) {
			f.bad = append(f.bad, BadRow{line, fmt.Sprintf("has %d columns where the header has %d", len(record), len(header))})
			continue
		}
		p, reason := parseRow(func(column string) string { return cell(record[at[column]]) }, snapshot, zone)
		if first := seen[p.Number]; reason == "" && first != 0 {
			reason = fmt.Sprintf("%s stands already in line %d", p.Number, first)
		}
		if reason != "" {
			f.bad = append(f.bad, BadRow{line, reason})
			continue
		}
		seen[p.Number] = line
		f.rows = append(f.rows, parsedRow{p, line})
	}
}

func unreadable(line int, reason string) parsedFile {
	return parsedFile{bad: []BadRow{{line, reason}}, unreadable: true}
}

// locate finds the columns by name.
func locate(header []string) (map[string]int, string) {
	at := map[string]int{}
	for i, name := range header {
		name = strings.NewReplacer("（", "(", "）", ")").Replace(strings.TrimSpace(name))
		if _, twice := at[name]; twice && name != "" {
			return nil, fmt.Sprintf("the column %.60s stands twice", name)
		}
		at[name] = i
	}
	var missing []string
	for _, name := range columns {
		if _, ok := at[name]; !ok {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		return nil, "the header lacks " + strings.Join(missing, ", ")
	}
	return at, ""
}

// cell undoes the quote that exports put before what a spreadsheet would take for a formula.
func cell(s string) string {
	s = strings.TrimSpace(s)
	if rest, quoted := strings.CutPrefix(s, "'"); quoted && rest != "" {
		if first, _ := utf8.DecodeRuneInString(rest); strings.ContainsRune("=+-@＝＋－＠", first) {
			return rest
		}
	}
	return s
}

func blank(record []string) bool {
	for _, s := range record {
		if strings.TrimSpace(s) != "" {
			return false
		}
	}
	return true
}

// parseRow makes a package of a row, or says why it cannot be one.
func parseRow(field func(column string) string, snapshot time.Time, zone *time.Location) (taocan.Package, string) {
	p := taocan.Package{Number: taocan.PackageNumber(field(colNumber)), Name: field(colName), ChargeOn: taocan.ChargeOnSubmit}
	facts, err := p.Number.Parse(zone)
	if err != nil {
		return p, fmt.Sprintf("%.40q is not a package number", p.Number)
	}
	p.Category, p.PurchasedAt, p.ExistsFrom = facts.Category, facts.Purchased, snapshot
	if p.PurchasedAt.After(snapshot) {
		return p, fmt.Sprintf("%s was bought after the snapshot", p.Number)
	}
	var ok bool
	if p.Purpose, ok = purposes[field(colPurpose)]; !ok {
		return p, fmt.Sprintf("%.40q is not a purpose (验证通知, 会员营销 or 通用)", field(colPurpose))
	}
	if p.Purpose != facts.Purpose {
		return p, fmt.Sprintf("the letter in %s says %s, the purpose %s", p.Number, facts.Purpose, p.Purpose)
	}
	if reason := checkName(p.Name); reason != "" {
		return p, reason
	}
	if p.Category == taocan.International {
		if p.Country = countryIn(p.Name); p.Country == "" {
			return p, fmt.Sprintf("the name %.60q does not end in a country code, as in 国际短信包(马来西亚MY)", p.Name)
		}
	}
	if p.Total, ok = count(field(colTotal)); !ok || p.Total < 1 {
		return p, fmt.Sprintf("the total %.40q is not a whole number from 1 to %d", field(colTotal), taocan.MaxSegments)
	}
	if p.Remaining, ok = count(field(colRemaining)); !ok {
		return p, fmt.Sprintf("the remaining %.40q is not a whole number from 0 on", field(colRemaining))
	}
	if p.Remaining > p.Total {
		return p, fmt.Sprintf("remaining %d is more than the total %d", p.Remaining, p.Total)
	}
	p.Used = p.Total - p.Remaining
	date, err := time.Parse(time.DateOnly, field(colExpires))
	if err != nil {
		return p, fmt.Sprintf("the expiry date %.40q is not a date like 2021-04-29", field(colExpires))
	}
	p.ExpiresAt = taocan.EndOfDate(date.Year(), date.Month(), date.Day(), zone)
	if !p.ExpiresAt.Before(taocan.MaxTime) {
		return p, fmt.Sprintf("the expiry date %.40q is beyond the year %d", field(colExpires), taocan.MaxTime.Year()-1)
	}
	if !p.ExpiresAt.After(p.PurchasedAt) {
		return p, fmt.Sprintf("expires on %s, before it was bought", field(colExpires))
	}
	return p, ""
}

func checkName(name string) string {
	if name == "" {
		return "the name is missing"
	}
	if len(name) > maxNameBytes {
		return fmt.Sprintf("the name is longer than %d bytes", maxNameBytes)
	}
	if strings.ContainsFunc(name, unicode.IsControl) {
		return "the name holds control characters"
	}
	return ""
}

// countryIn reads the code at the end of 国际短信包(马来西亚MY).
func countryIn(name string) taocan.Country {
	name, found := strings.CutSuffix(name, ")")
	if !found {
		name, found = strings.CutSuffix(name, "）")
	}
	if !found || len(name) < 2 {
		return ""
	}
	code := taocan.Country(name[len(name)-2:])
	// A letter before the code would make it the tail of a word: (CHINA) names no country NA.
	if before, _ := utf8.DecodeLastRuneInString(name[:len(name)-2]); !code.Valid() || before < utf8.RuneSelf && unicode.IsLetter(before) {
		return ""
	}
	return code
}
