package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// rows are a result, read as it arrives. When the connection is wanted for another statement, what has not been read is taken
// into memory.
type rows struct {
	s       *session
	r       results
	columns []pgconn.FieldDescription
	arrives bool // from the server; otherwise kept holds what is left
	kept    [][][]byte
	read    int   // rows
	err     error // that ends it
}

// reading returns the next result of r, the last of its statements.
func (s *session) reading(r results) (*rows, error) {
	if !r.NextResult() {
		return nil, s.note(r.end(nil))
	}
	x := &rows{s: s, r: r, columns: slices.Clone(r.ResultReader().FieldDescriptions()), arrives: true}
	s.open = x
	return x, nil
}

// Columns are nameless: everything here is read by its place.
func (x *rows) Columns() []string { return make([]string, len(x.columns)) }

// Next reads a row.
func (x *rows) Next(into []driver.Value) error {
	raw, err := x.next()
	if err != nil {
		return err
	}
	for i := range into {
		if into[i], err = valueOf(x.columns[i], raw[i]); err != nil {
			return err
		}
	}
	return nil
}

func (x *rows) next() ([][]byte, error) {
	switch {
	case len(x.kept) > 0:
		raw := x.kept[0]
		x.kept = x.kept[1:]
		x.read++
		return raw, nil
	case x.arrives && x.r.ResultReader().NextRow():
		x.read++
		return x.r.ResultReader().Values(), nil
	}
	x.end()
	if x.err != nil {
		return nil, x.err
	}
	return nil, io.EOF
}

// end frees the connection.
func (x *rows) end() {
	if !x.arrives {
		return
	}
	x.arrives, x.s.open = false, nil
	_, err := x.r.ResultReader().Close()
	if x.err = x.r.end(err); x.err != nil {
		_ = x.s.note(x.err)
	}
}

// takeIn reads what is left into memory and frees the connection.
func (x *rows) takeIn() error {
	for x.arrives && x.r.ResultReader().NextRow() {
		row := make([][]byte, len(x.columns))
		for i, v := range x.r.ResultReader().Values() {
			row[i] = slices.Clone(v) // nil stays nil, which is NULL
		}
		x.kept = append(x.kept, row)
	}
	x.end()
	return x.err
}

// Close drops what was not read.
func (x *rows) Close() error {
	x.kept = nil
	x.end()
	return x.err
}

// cursor reads a long result piece by piece: between two rows other statements run.
type cursor struct {
	*rows
	ctx   context.Context // of the query; rows end before it does
	name  string
	fetch statement
}

// Next reads a row.
func (c *cursor) Next(into []driver.Value) error {
	err := c.rows.Next(into)
	if !errors.Is(err, io.EOF) || c.read < cursorRows {
		return err
	}
	r, err := c.s.send(c.ctx, c.fetch)
	if err != nil {
		return err
	}
	if c.rows, err = c.s.reading(r); err != nil {
		return err
	}
	return c.rows.Next(into)
}

// Close ends the reading. The cursor itself is closed with the next one's beginning.
func (c *cursor) Close() error {
	err := c.rows.Close()
	c.s.stale = c.name
	return err
}
