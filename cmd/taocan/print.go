package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
)

// fields shows the named fields of an answer, one a line.
func (a *app) fields(answer json.RawMessage, names ...string) error {
	object, err := decodeObject(answer)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, name := range names {
		fmt.Fprintf(w, "%s\t%s\n", name, cell(object[name]))
	}
	return w.Flush()
}

// table shows the named fields of a list's items, one item a line.
func (a *app) table(answer json.RawMessage, names ...string) error {
	object, err := decodeObject(answer)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(names, "\t"))
	items, _ := object["items"].([]any)
	for _, item := range items {
		row, _ := item.(map[string]any)
		cells := make([]string, len(names))
		for i, name := range names {
			cells[i] = cell(row[name])
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

func decodeObject(answer json.RawMessage) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(answer))
	d.UseNumber() // figures as they were written
	var object map[string]any
	if err := d.Decode(&object); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return object, nil
}

// cell is a JSON value as text.
func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return "-"
	case string:
		if v == "" {
			return "-"
		}
		return v
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = cell(v[i])
		}
		return strings.Join(parts, ",")
	case map[string]any:
		b, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprint(v)
		}
		return string(b)
	}
	return fmt.Sprint(v)
}
