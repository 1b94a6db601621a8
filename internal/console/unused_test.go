package console_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sources are the files below a folder that people write, as one text. Tests and what is generated from views are left out.
func sources(t *testing.T, root string, extensions ...string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		generated := strings.HasSuffix(path, "_templ.go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/vendor/")
		if err != nil || d.IsDir() || generated || !slices.Contains(extensions, filepath.Ext(path)) {
			return err
		}
		b, err := os.ReadFile(path)
		all.Write(append(b, '\n'))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// catalogue is every key that a text is written for.
func catalogue(t *testing.T) map[string]bool {
	t.Helper()
	keys := map[string]bool{}
	files, err := filepath.Glob("../i18n/messages/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("messages: %v, %v", files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var area map[string][2]string
		if err := json.Unmarshal(b, &area); err != nil {
			t.Fatal(err)
		}
		for key := range area {
			keys[key] = true
		}
	}
	return keys
}

var (
	literal  = regexp.MustCompile(`(?:^|[^=])"([A-Za-z0-9_.\-]+)"`) // an attribute's value follows "=" at once, and is none
	doneWord = regexp.MustCompile(`done=([a-z_]+)`)
	digits   = regexp.MustCompile(`^[0-9]+`)
)

// spelled reports whether the rest of a key can be put together from the words: some end in a dot and more follows, one
// ends the key. A number may be made of anything.
func spelled(rest string, words map[string]bool) bool {
	if words[rest] || digits.FindString(rest) == rest {
		return true
	}
	for i := 1; i < len(rest); i++ {
		dotted := rest[i-1] == '.' || rest[i] == '.'
		if dotted && (words[rest[:i]] || digits.FindString(rest[:i]) == rest[:i]) && spelled(rest[i:], words) {
			return true
		}
	}
	return false
}

func TestEveryTextIsUsedAndEveryTextUsedIsWritten(t *testing.T) {
	keys, areas := catalogue(t), map[string]bool{}
	for key := range keys {
		area, _, _ := strings.Cut(key, ".")
		areas[area] = true
	}
	all := slices.Collect(maps.Keys(keys))
	code := sources(t, ".", ".go", ".templ")
	words, whole := map[string]bool{}, map[string]bool{}
	for _, m := range literal.FindAllStringSubmatch(code, -1) {
		words[m[1]], whole[m[1]] = true, true
	}
	for _, m := range doneWord.FindAllStringSubmatch(code, -1) {
		words[m[1]] = true
	}
	// What the domain calls things ends many keys: "purpose." + string(p).
	for _, m := range literal.FindAllStringSubmatch(sources(t, "..", ".go"), -1) {
		words[m[1]] = true
	}
	for key := range keys {
		if !spelled(key, words) {
			t.Errorf("no page says %s", key)
		}
	}
	for word := range whole {
		area, rest, _ := strings.Cut(word, ".")
		if begins := slices.ContainsFunc(all, func(key string) bool { return strings.HasPrefix(key, word) }); areas[area] && rest != "" && !begins {
			t.Errorf("no text is written for %s", word)
		}
	}
}

var (
	styleRule  = regexp.MustCompile(`(?s)/\*.*?\*/|\{[^{}]*\}`)
	styleClass = regexp.MustCompile(`\.([a-z][a-z-]*)`)
	iconName   = regexp.MustCompile(`(?m)^\t"([a-z0-9-]+)":\s+` + "`<path")
	drawn      = regexp.MustCompile(`@Icon\("([a-z0-9-]+)"\)`)
)

func TestEveryStyleAndIconIsUsed(t *testing.T) {
	views := sources(t, "view", ".go", ".templ")
	code := views + sources(t, "static", ".js")
	words := map[string]bool{}
	for _, word := range regexp.MustCompile(`[A-Za-z0-9-]+`).FindAllString(code, -1) {
		words[word] = true
	}
	state := map[string]bool{} // "is-" + string(s)
	for _, m := range literal.FindAllStringSubmatch(sources(t, "../taocan", ".go"), -1) {
		state["is-"+m[1]] = true
	}
	selectors := styleRule.ReplaceAllString(sources(t, "static", ".css"), "")
	for _, m := range styleClass.FindAllStringSubmatch(selectors, -1) {
		if !words[m[1]] && !state[m[1]] && m[1] != "htmx-request" { // htmx marks what waits for an answer
			t.Errorf("nothing has the style .%s", m[1])
		}
	}
	icons := map[string]bool{}
	for _, m := range iconName.FindAllStringSubmatch(views, -1) {
		icons[m[1]] = true
		if n := strings.Count(views, `"`+m[1]+`"`); n < 2 { // one is its own line
			t.Errorf("nothing draws the icon %s", m[1])
		}
	}
	for _, m := range drawn.FindAllStringSubmatch(views, -1) {
		if !icons[m[1]] {
			t.Errorf("there is no icon %s", m[1])
		}
	}
}
