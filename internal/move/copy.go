package move

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
)

// A batch is one transaction of the target. It ends with the row that brings it over either bound.
const (
	batchRows  = 2000
	batchBytes = 4 << 20
)

// batch is what one transaction writes.
type batch struct {
	table
	empty bool // the table first, of what triggers have put there
	rows  [][]any
	size  int
	place place // afterwards
}

// copy writes the source's rows behind a place.
func (m *mover) copy(ctx context.Context, p place) error {
	first := 0
	if p.Table != "" {
		if first = slices.IndexFunc(m.tables, func(t table) bool { return t.name == p.Table }); first < 0 {
			return fmt.Errorf("an earlier run got to table %s, which is not there", p.Table)
		}
	}
	for i, t := range m.tables[first:] {
		behind := place{}
		if i == 0 {
			behind = p
		}
		if err := m.copyTable(ctx, t, behind); err != nil {
			return fmt.Errorf("copy %s: %w", t.name, err)
		}
	}
	return nil
}

func (m *mover) copyTable(ctx context.Context, t table, p place) error {
	if t.name == "commit_log" {
		if err := m.to.makeMonths(ctx, m.from); err != nil {
			return err
		}
	}
	_, again := refilled[t.name]
	b := batch{table: t, empty: again && p.Key == nil, place: m.origin.start()}
	b.place.Table = t.name
	written := int64(0)
	write := func() error {
		if err := m.to.write(ctx, b, func() error { return m.o.step("write " + t.name) }); err != nil {
			return err
		}
		written += int64(len(b.rows))
		b = batch{table: t, rows: b.rows[:0]}
		return m.o.step("wrote " + t.name)
	}
	for row, err := range m.from.rows(ctx, t, p.values()) {
		if err != nil {
			return err
		}
		b.rows = append(b.rows, row)
		b.place = m.origin.after(t, row)
		if b.size += sizeOf(row); len(b.rows) >= batchRows || b.size >= batchBytes {
			if err := write(); err != nil {
				return err
			}
			m.o.Progress(Progress{Stage: StageCopy, Table: t.name, Rows: written})
		}
	}
	if len(b.rows) > 0 || b.empty {
		if err := write(); err != nil {
			return err
		}
	}
	m.o.Progress(Progress{Stage: StageCopy, Table: t.name, Rows: written, Done: true})
	return nil
}

func sizeOf(row []any) int {
	n := 0
	for _, v := range row {
		switch v := v.(type) {
		case string:
			n += len(v)
		case []byte:
			n += len(v)
		}
		n += 16 // of the value itself
	}
	return n
}

// compare holds every row of both sides against each other.
func (m *mover) compare(ctx context.Context) error {
	m.report.Rows = 0
	for _, t := range m.tables {
		n, err := m.compareTable(ctx, t)
		if err != nil {
			return fmt.Errorf("compare %s: %w", t.name, err)
		}
		m.report.Rows += n
		m.o.Progress(Progress{Stage: StageCompare, Table: t.name, Rows: n, Done: true})
	}
	ours, err := m.from.meta(ctx)
	if err != nil {
		return err
	}
	theirs, err := m.to.meta(ctx)
	if err != nil {
		return err
	}
	for name, value := range facts(ours) {
		if theirs[name] != value {
			return fmt.Errorf("%w: %s of the store is not the same", errDiffers, name)
		}
	}
	return nil
}

func (m *mover) compareTable(ctx context.Context, t table) (n int64, err error) {
	next, stop := iter.Pull2(m.to.rows(ctx, t, nil))
	defer stop()
	for ours, err := range m.from.rows(ctx, t, nil) {
		if err != nil {
			return n, err
		}
		theirs, err, more := next()
		switch {
		case err != nil:
			return n, err
		case !more:
			return n, fmt.Errorf("%w: the target has %d rows, the source more", errDiffers, n)
		}
		for i, c := range t.columns {
			if !same(ours[i], theirs[i]) {
				return n, fmt.Errorf("%w: column %s of row %d in the order of the key", errDiffers, c.name, n+1)
			}
		}
		n++
	}
	_, err, more := next()
	if err == nil && more {
		err = fmt.Errorf("%w: the source has %d rows, the target more", errDiffers, n)
	}
	return n, err
}

func same(a, b any) bool {
	x, isBytes := a.([]byte)
	y, alsoBytes := b.([]byte)
	if isBytes || alsoBytes {
		return isBytes && alsoBytes && bytes.Equal(x, y)
	}
	return a == b
}
