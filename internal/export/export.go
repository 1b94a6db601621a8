package export

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// MaxLines is how many lines a file has at most, its header not counted.
const MaxLines = store.CountLimit

// pageLines is how many lines are asked for at a time, so that an export holds little at once.
const pageLines = 1000

// Format of a file; it is also the ending of its name.
type Format string

// The formats.
const (
	CSV  Format = "csv"
	XLSX Format = "xlsx"
)

// The media types; an answered CSV also says its character set.
const (
	MediaCSV  = "text/csv"
	MediaXLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
)

// ContentType is the header of a file in this format.
func (f Format) ContentType() string {
	if f == XLSX {
		return MediaXLSX
	}
	return MediaCSV + "; charset=utf-8"
}

// Cell is one cell of a line. Make it with Text, Number, Money or Instant.
type Cell struct {
	value  string
	number bool
}

// Text is a cell that is read as it stands, also where it looks like a number.
func Text[S ~string](s S) Cell { return Cell{value: string(s)} }

// Number is a cell that a spreadsheet can add up.
func Number[N ~int | ~int64](n N) Cell { return Cell{strconv.FormatInt(int64(n), 10), true} }

// Money is a cell with an amount in yuan that a spreadsheet can add up.
func Money(f taocan.Fen) Cell { return Cell{f.String(), true} }

// Instant is a cell with an instant in the zone that it comes in, as exactly as the store keeps it.
func Instant(t time.Time) Cell { return Cell{value: t.Format("2006-01-02 15:04:05.000000")} }

// Table says how a list becomes lines.
type Table[T any] struct {
	Name    string // of the file without its ending, and of the sheet: at most 31 letters
	Columns []string
	Row     func(T) []Cell // as many as Columns
}

// File is a list about to be written, once.
type File[T any] struct {
	table Table[T]
	page  func(store.Paging) (store.Page[T], error)
	first store.Page[T]
}

// Open reads the first page of a list; its error is the list's, and then nothing has been written.
func Open[T any](t Table[T], page func(store.Paging) (store.Page[T], error)) (*File[T], error) {
	first, err := page(store.Paging{Limit: pageLines})
	if err != nil {
		return nil, err
	}
	return &File[T]{t, page, first}, nil
}

// writer is one format. What it was given may still be with it until flush.
type writer interface {
	line(cells []Cell) error
	flush() error
	close() error
}

// Write writes the file. After an error what has been written is not a whole file.
func (f *File[T]) Write(w io.Writer, format Format) error {
	var out writer
	switch format {
	case CSV:
		out = newCSV(w)
	case XLSX:
		out = newXLSX(w, f.table.Name, len(f.table.Columns))
	default:
		return fmt.Errorf("export %s: unknown format %q", f.table.Name, format)
	}
	if err := f.write(out); err != nil {
		return fmt.Errorf("export %s: %w", f.table.Name, err)
	}
	return nil
}

func (f *File[T]) write(out writer) error {
	header := make([]Cell, len(f.table.Columns))
	for i, name := range f.table.Columns {
		header[i] = Text(name)
	}
	if err := out.line(header); err != nil {
		return err
	}
	page := f.first
	for left := MaxLines; ; {
		for _, x := range page.Items[:min(left, len(page.Items))] {
			if err := out.line(f.table.Row(x)); err != nil {
				return err
			}
		}
		if err := out.flush(); err != nil {
			return err
		}
		if left -= len(page.Items); page.Next == "" || left <= 0 {
			return out.close()
		}
		var err error
		if page, err = f.page(store.Paging{Limit: pageLines, Cursor: page.Next}); err != nil {
			return err
		}
	}
}

// Serve answers a request with the file, to be kept under the table's name.
func (f *File[T]) Serve(w http.ResponseWriter, format Format) {
	w.Header().Set("Content-Type", format.ContentType())
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s.%s"`, f.table.Name, format))
	if err := f.Write(w, format); err != nil {
		panic(http.ErrAbortHandler) // the caller has gone, or must learn that this is not the whole file
	}
}

// neutral keeps spreadsheets from running what a text holds; package packages undoes it when it imports. Whole
// numbers are left as they are. In XLSX a text is never run as it stands, but would be once it is edited, or saved
// as CSV. Where Chinese is typed, the wide forms of the signs are taken for the signs.
func neutral(text string) string {
	first, _ := utf8.DecodeRuneInString(text)
	if text == "" || !strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
		return text
	}
	if _, err := strconv.ParseInt(text, 10, 64); err == nil && text[0] != '+' {
		return text
	}
	return "'" + text
}
