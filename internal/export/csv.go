package export

import (
	"encoding/csv"
	"io"
)

// byteOrderMark tells spreadsheets that the file is UTF-8.
const byteOrderMark = "\ufeff"

type csvWriter struct {
	w       *csv.Writer
	raw     io.Writer
	started bool
}

func newCSV(w io.Writer) *csvWriter { return &csvWriter{w: csv.NewWriter(w), raw: w} }

func (c *csvWriter) line(cells []Cell) error {
	if !c.started {
		c.started = true
		if _, err := io.WriteString(c.raw, byteOrderMark); err != nil {
			return err
		}
	}
	record := make([]string, len(cells))
	for i, x := range cells {
		record[i] = x.value
		if !x.number {
			record[i] = neutral(x.value)
		}
	}
	return c.w.Write(record)
}

func (c *csvWriter) flush() error {
	c.w.Flush()
	return c.w.Error()
}

func (c *csvWriter) close() error { return nil }

// Lines writes a CSV file of any length, for callers that walk what they write by themselves.
type Lines struct{ out *csvWriter }

// NewLines begins a file.
func NewLines(w io.Writer) *Lines { return &Lines{newCSV(w)} }

// Line writes one line. The last few may still be here until Flush.
func (l *Lines) Line(cells ...Cell) error { return l.out.line(cells) }

// Flush sends on what is still here.
func (l *Lines) Flush() error { return l.out.flush() }
