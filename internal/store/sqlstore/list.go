package sqlstore

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// listing is a list in the making: a query that ends in its conditions, to which filters, the cursor's place and the
// order are added. Column names and conditions are written in this package; whatever a caller chose is a parameter.
type listing struct {
	query string
	args  []any
	order []sortColumn // all in one direction; the last one is unique
	desc  bool
	name  string // of the order: a cursor of another order is refused
}

type sortColumn struct {
	column string
	number bool
}

func byNumber(column string) sortColumn { return sortColumn{column, true} }
func byText(column string) sortColumn   { return sortColumn{column, false} }

// and adds a condition whose parameters are args.
func (l *listing) and(condition string, args ...any) {
	l.query += " AND " + condition
	l.args = append(l.args, args...)
}

// between asks that an instant lies in [from, until); a zero end is open.
func (l *listing) between(column string, from, until time.Time) {
	if !from.IsZero() {
		l.and(column+" >= ?", Micros(from))
	}
	if !until.IsZero() {
		l.and(column+" < ?", Micros(until))
	}
}

// containing is the pattern of texts that hold a part, for lower(…) LIKE … ESCAPE '\\'. Databases lower ASCII letters only.
func containing(part string) string {
	part = strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, part)
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(part) + "%"
}

// slice reads the rows of a page and tells whether more follow.
func slice[T any](ctx context.Context, q Querier, l listing, p store.Paging, scan func(scanner) (T, error)) ([]T, bool, error) {
	columns := make([]string, len(l.order))
	for i, o := range l.order {
		columns[i] = o.column
	}
	direction, after := "", " > "
	if l.desc {
		direction, after = " DESC", " < "
	}
	offset := max(p.Offset, 0)
	if p.Cursor != "" {
		place, err := l.place(p.Cursor)
		if err != nil {
			return nil, false, err
		}
		marks := strings.TrimSuffix(strings.Repeat("?, ", len(place)), ", ")
		l.and("("+strings.Join(columns, ", ")+")"+after+"("+marks+")", place...)
		offset = 0
	}
	limit := max(p.Limit, 1)
	text := l.query + " ORDER BY " + strings.Join(columns, direction+", ") + direction + " LIMIT ? OFFSET ?"
	args := append(append([]any(nil), l.args...), limit+1, offset)
	items, err := many(ctx, q, text, scan, args...)
	if err != nil {
		return nil, false, err
	}
	if len(items) > limit {
		return items[:limit], true, nil
	}
	return items, false, nil
}

// count is how many rows the list has, up to a bound.
func (l *listing) count(ctx context.Context, q Querier) (total int, atLeast bool, err error) {
	err = q.QueryRowContext(ctx, "SELECT count(*) FROM ("+l.query+" LIMIT ?) AS counted", append(append([]any(nil), l.args...), store.CountLimit+1)...).Scan(&total)
	if total > store.CountLimit {
		return store.CountLimit, true, Kind(err)
	}
	return total, false, Kind(err)
}

// paged reads a page; key gives the values of the order's columns.
func paged[T any](ctx context.Context, q Querier, l listing, p store.Paging, scan func(scanner) (T, error), key func(T) []any) (store.Page[T], error) {
	var page store.Page[T]
	items, more, err := slice(ctx, q, l, p, scan)
	if err != nil {
		return page, err
	}
	page.Items = items
	if more {
		page.Next = l.cursor(key(items[len(items)-1]))
	}
	page.Total, page.AtLeast, err = l.count(ctx, q)
	return page, err
}

// cursor names the place after a row: the order and the row's values in it.
func (l *listing) cursor(values []any) string {
	b, err := json.Marshal(append([]any{l.name}, values...))
	if err != nil {
		panic("sqlstore: cursor: " + err.Error()) // values are numbers and texts
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// place reads a cursor of this order.
func (l *listing) place(cursor string) ([]any, error) {
	bad := taocan.Invalid("query.cursor", "is not a cursor of this list", cursor)
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return nil, bad
	}
	var values []any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&values); err != nil || d.More() || len(values) != len(l.order)+1 || values[0] != l.name {
		return nil, bad
	}
	values = values[1:]
	for i, o := range l.order {
		switch v := values[i].(type) {
		case json.Number:
			n, err := v.Int64()
			if err != nil || !o.number {
				return nil, bad
			}
			values[i] = n
		case string:
			if o.number {
				return nil, bad
			}
		default:
			return nil, bad
		}
	}
	return values, nil
}
