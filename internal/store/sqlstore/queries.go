package sqlstore

import (
	"fmt"
	"io/fs"
	"maps"
	"strings"
)

// Queries are statements by name. Immutable after Load.
type Queries map[string]string

// Text returns the statement of that name. An unknown name is a mistake in the code, which a test finds.
func (q Queries) Text(name string) string {
	text, ok := q[name]
	if !ok {
		panic("sqlstore: no query " + name)
	}
	return text
}

// Load reads the *.sql files of folders; a statement takes the place of one of the same name in an earlier folder, which is
// how a back end words differently what is common. A mistake in embedded files panics.
func Load(folders ...fs.FS) Queries {
	all := Queries{}
	for _, folder := range folders {
		these := map[string]string{}
		if err := load(folder, these); err != nil {
			panic("sqlstore: " + err.Error())
		}
		maps.Copy(all, these)
	}
	return all
}

func load(folder fs.FS, into map[string]string) error {
	return fs.WalkDir(folder, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".sql") {
			return err
		}
		b, err := fs.ReadFile(folder, path)
		if err != nil {
			return err
		}
		if err := parseQueries(string(b), into); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
}

const nameMark = "-- name: "

// parseQueries adds the blocks of a file to all. A block starts with "-- name: order_insert", after which a remark
// may follow, and is one statement; comment lines are dropped and so is the last semicolon, so that a list can be
// given further conditions.
func parseQueries(text string, all map[string]string) error {
	blocks := strings.Split("\n"+text, "\n"+nameMark)
	for _, block := range blocks[1:] {
		head, body, _ := strings.Cut(block, "\n")
		name, _, _ := strings.Cut(strings.TrimSpace(head), " ")
		var lines []string
		for line := range strings.Lines(body) {
			if !strings.HasPrefix(strings.TrimSpace(line), "--") {
				lines = append(lines, line)
			}
		}
		statement, ended := strings.CutSuffix(strings.TrimSpace(strings.Join(lines, "")), ";")
		if name == "" || !ended {
			return fmt.Errorf("query %q does not end in a semicolon", name)
		}
		if _, twice := all[name]; twice {
			return fmt.Errorf("query %q stands twice", name)
		}
		all[name] = statement
	}
	return nil
}
