package move

import (
	"encoding/json"
	"fmt"
)

// origin names what a target is filled from.
type origin struct {
	Epoch string `json:"epoch"`
	Head  string `json:"head"`
}

// start is where a copy begins.
func (o origin) start() place { return place{origin: o} }

// place is how far a copy has come: the tables before Table are complete, and Table up to the row with this key.
type place struct {
	origin
	Table string `json:"table"` // empty: nothing is copied
	Key   []cell `json:"key"`
}

// cell is a value of a key. One of the fields is set.
type cell struct {
	Int   *int64  `json:"int,omitempty"`
	Text  *string `json:"text,omitempty"`
	Bytes []byte  `json:"bytes,omitempty"`
}

func (p place) text() (string, error) {
	b, err := json.Marshal(p)
	return string(b), err
}

func parsePlace(text string) (p place, err error) {
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return p, fmt.Errorf("read how far the copy has come: %w", err)
	}
	return p, nil
}

// after is the place behind a row.
func (o origin) after(t table, row []any) place {
	p := place{origin: o, Table: t.name, Key: make([]cell, len(t.key))}
	for i, at := range t.key {
		switch v := row[at].(type) {
		case int64:
			p.Key[i].Int = &v
		case string:
			p.Key[i].Text = &v
		case []byte:
			p.Key[i].Bytes = v
		}
	}
	return p
}

// values of the key, as a statement takes them; nil at the beginning of a table.
func (p place) values() []any {
	var values []any
	for _, c := range p.Key {
		switch {
		case c.Int != nil:
			values = append(values, *c.Int)
		case c.Text != nil:
			values = append(values, *c.Text)
		default:
			values = append(values, c.Bytes)
		}
	}
	return values
}
