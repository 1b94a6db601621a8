package sqlite

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed query/*.sql
var queryFiles embed.FS

// queries holds the text of every block by its name. Immutable.
var queries = mustLoadQueries(queryFiles)

// sqlText returns the block of that name. An unknown name is a mistake in the code, which a test finds.
func sqlText(name string) string {
	text, ok := queries[name]
	if !ok {
		panic("sqlite: no query " + name)
	}
	return text
}

func mustLoadQueries(files fs.FS) map[string]string {
	all := map[string]string{}
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		if err := parseQueries(string(b), all); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
	if err != nil {
		panic("sqlite: " + err.Error())
	}
	return all
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
