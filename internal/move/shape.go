package move

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// table of a database, as its catalog has it.
type table struct {
	name    string
	columns []column // by name
	key     []int    // places in columns of the primary key, in its order
}

type column struct {
	name string
	kind valueKind
}

// valueKind is what a column holds. The schemas have no others.
type valueKind string

const (
	integers valueKind = "integer"
	texts    valueKind = "text"
	bytesOf  valueKind = "bytes"
)

// kinds are the names that the databases give to them.
var kinds = map[string]valueKind{"INTEGER": integers, "bigint": integers, "TEXT": texts, "text": texts, "BLOB": bytesOf, "bytea": bytesOf}

// metaTable holds the store's facts about itself; it is copied apart.
const metaTable = "store_meta"

// own is what only one of the databases has: locks, and marks between processes, which mean nothing elsewhere.
var own = map[string]bool{"settings_lock": true, "lane.changes": true}

// refilled are tables that triggers write while another one is copied. They are copied after it, in place of what was written.
var refilled = map[string]string{"package_sum": "package"}

// found is a column as a catalog lists it.
type found struct {
	table, column, kind string
	key                 int64 // its place in the primary key from 1; 0: none
}

// tablesOf sorts what a catalog lists.
func tablesOf(all []found) (map[string]table, error) {
	tables := map[string]table{}
	keys := map[string]map[int64]string{}
	for _, f := range all {
		if f.table == metaTable || own[f.table] || own[f.table+"."+f.column] {
			continue
		}
		kind, known := kinds[f.kind]
		if !known {
			return nil, fmt.Errorf("column %s of table %s is of type %s, which no schema of ours has", f.column, f.table, f.kind)
		}
		t := tables[f.table]
		t.name = f.table
		t.columns = append(t.columns, column{f.column, kind})
		tables[f.table] = t
		if f.key > 0 {
			if keys[f.table] == nil {
				keys[f.table] = map[int64]string{}
			}
			keys[f.table][f.key] = f.column
		}
	}
	for name, t := range tables {
		slices.SortFunc(t.columns, func(a, b column) int { return cmp.Compare(a.name, b.name) })
		if len(keys[name]) == 0 {
			return nil, fmt.Errorf("table %s has no primary key", name)
		}
		for _, n := range slices.Sorted(maps.Keys(keys[name])) {
			t.key = append(t.key, slices.IndexFunc(t.columns, func(c column) bool { return c.name == keys[name][n] }))
		}
		tables[name] = t
	}
	return tables, nil
}

// pair lists the tables in the order in which they can be written: what a row refers to before the row. Both sides must have
// the same ones.
func pair(ctx context.Context, from, to side) ([]table, error) {
	ours, err := from.tables(ctx)
	if err != nil {
		return nil, err
	}
	theirs, err := to.tables(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(theirs)) {
		if _, both := ours[name]; !both {
			return nil, fmt.Errorf("the target has a table %s that the source has not: give a database of its own", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		t, both := theirs[name]
		if !both {
			return nil, fmt.Errorf("the source has a table %s that the target has not", name)
		}
		if !slices.Equal(ours[name].columns, t.columns) || !slices.Equal(ours[name].key, t.key) {
			return nil, fmt.Errorf("table %s differs: %v of the source, %v of the target", name, ours[name], t)
		}
	}
	references, err := to.references(ctx)
	if err != nil {
		return nil, err
	}
	return ordered(ours, references)
}

// ordered sorts tables by what they refer to; references are pairs of a table and what it refers to.
func ordered(tables map[string]table, references [][2]string) ([]table, error) {
	after := map[string][]string{}
	for _, r := range references {
		after[r[0]] = append(after[r[0]], r[1])
	}
	for name, source := range refilled {
		after[name] = append(after[name], source)
	}
	var all []table
	const visiting, done = 1, 2
	state := map[string]int{}
	var visit func(name string) error
	visit = func(name string) error {
		t, known := tables[name]
		if !known || state[name] == done {
			return nil
		}
		if state[name] == visiting {
			return fmt.Errorf("table %s refers to itself by way of others", name)
		}
		state[name] = visiting
		for _, other := range after[name] {
			if other == name {
				continue
			}
			if err := visit(other); err != nil {
				return err
			}
		}
		state[name] = done
		all = append(all, t)
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		if err := visit(name); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// names of the columns, quoted: "order" and the like are words of SQL.
func (t table) names() string {
	all := make([]string, len(t.columns))
	for i, c := range t.columns {
		all[i] = quoted(c.name)
	}
	return strings.Join(all, ", ")
}

// keyNames are those of the primary key.
func (t table) keyNames() string {
	all := make([]string, len(t.key))
	for i, at := range t.key {
		all[i] = quoted(t.columns[at].name)
	}
	return strings.Join(all, ", ")
}

// selection reads the rows behind a key in its order, or all of them. placeholder words the n-th parameter.
func (t table) selection(behind bool, placeholder func(n int) string) string {
	where := ""
	if behind {
		places := make([]string, len(t.key))
		for i := range places {
			places[i] = placeholder(i + 1)
		}
		where = " WHERE (" + t.keyNames() + ") > (" + strings.Join(places, ", ") + ")"
	}
	return "SELECT " + t.names() + " FROM " + quoted(t.name) + where + " ORDER BY " + t.keyNames()
}

// existence asks whether there is any row.
func (t table) existence() string { return "SELECT EXISTS (SELECT 1 FROM " + quoted(t.name) + ")" }

// quoted is a name from a catalog, as SQL takes any.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
