package i18n

import (
	"embed"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Lang is a language of the console.
type Lang string

const (
	Chinese Lang = "zh"
	English Lang = "en"
)

// Langs lists the languages, the one of the platform first.
var Langs = []Lang{Chinese, English}

// Valid reports whether there are texts in that language.
func (l Lang) Valid() bool { return l == Chinese || l == English }

// Other is what one click changes to.
func (l Lang) Other() Lang {
	if l == English {
		return Chinese
	}
	return English
}

// Name is what the language calls itself.
func (l Lang) Name() string {
	if l == English {
		return "English"
	}
	return "中文"
}

// Tag is the language for HTML's lang attribute.
func (l Lang) Tag() string {
	if l == English {
		return "en"
	}
	return "zh-CN"
}

//go:embed messages/*.json
var files embed.FS

// messages are the pairs by key. Immutable.
var messages = load()

func load() map[string][2]string {
	all := map[string][2]string{}
	entries, err := files.ReadDir("messages")
	if err != nil {
		panic(err)
	}
	for _, f := range entries {
		b, err := files.ReadFile("messages/" + f.Name())
		if err != nil {
			panic(err)
		}
		var area map[string][2]string
		if err := json.Unmarshal(b, &area); err != nil {
			panic(fmt.Sprintf("messages/%s: %v", f.Name(), err))
		}
		for key, pair := range area {
			if _, twice := all[key]; twice {
				panic(fmt.Sprintf("messages/%s: %s stands in another file, too", f.Name(), key))
			}
			all[key] = pair
		}
	}
	return all
}

// Has reports whether there is such a text.
func Has(key string) bool {
	_, ok := messages[key]
	return ok
}

func (l Lang) raw(key string) string {
	pair, ok := messages[key]
	if !ok {
		return "⟦" + key + "⟧" // seen at once, and a test looks for it on every page
	}
	if l == English {
		return pair[1]
	}
	return pair[0]
}

// Text is the text of a key with its verbs filled in.
func (l Lang) Text(key string, args ...any) string {
	if len(args) == 0 {
		return l.raw(key)
	}
	return fmt.Sprintf(l.raw(key), args...)
}

// Count is the text of a key whose first verb, a %s, is the number n.
func (l Lang) Count(key string, n int64, args ...any) string {
	text := l.raw(key)
	if one, many, plural := strings.Cut(text, "|"); plural {
		if text = many; n == 1 {
			text = one
		}
	}
	return fmt.Sprintf(text, append([]any{l.Number(n)}, args...)...)
}

// Number with separators of thousands: 79,640.
func (l Lang) Number(n int64) string {
	s := strconv.FormatInt(n, 10)
	return group(s)
}

// Decimal puts separators of thousands into the whole part of a decimal: 79,640.03.
func (l Lang) Decimal(s string) string {
	whole, fraction, has := strings.Cut(s, ".")
	if whole = group(whole); has {
		return whole + "." + fraction
	}
	return whole
}

// group works the same in both languages.
func group(s string) string {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// Date and DateTime are the same in both languages: an operations console reads and sorts them. The caller chooses the zone.
func (l Lang) Date(t time.Time) string     { return t.Format(time.DateOnly) }
func (l Lang) DateTime(t time.Time) string { return t.Format(time.DateTime) }
