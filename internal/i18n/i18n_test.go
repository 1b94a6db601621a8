package i18n

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

var verb = regexp.MustCompile(`%(\[\d+\])?[a-z]`)

func verbs(s string) []string {
	v := verb.FindAllString(strings.ReplaceAll(s, "%%", ""), -1)
	slices.Sort(v)
	return v
}

func TestBothLanguagesSayEverything(t *testing.T) {
	for key, pair := range messages {
		zh, en := pair[0], pair[1]
		if strings.TrimSpace(zh) == "" || strings.TrimSpace(en) == "" {
			t.Errorf("%s: %q and %q, want a text in both languages", key, zh, en)
		}
		if strings.Contains(zh, "|") && strings.Contains(en, "|") {
			t.Errorf("%s: the Chinese text %q has no forms of number", key, zh)
		}
		for _, form := range strings.Split(en, "|") {
			if got, want := verbs(form), verbs(zh); !slices.Equal(got, want) {
				t.Errorf("%s: %q has the verbs %v, %q has %v", key, form, got, zh, want)
			}
		}
		if strings.ContainsFunc(en, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
			t.Errorf("%s: the English text %q is Chinese in part", key, en)
		}
	}
}

func TestFigures(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 150: "150", 1150: "1,150", -1234567: "-1,234,567", 100000: "100,000", -100: "-100"} {
		if got := Chinese.Number(n); got != want {
			t.Errorf("Number(%d) = %q, want %q", n, got, want)
		}
	}
	for s, want := range map[string]string{"79640.03": "79,640.03", "0.00": "0.00", "-18.70": "-18.70", "108000.00": "108,000.00", "0.044": "0.044"} {
		if got := English.Decimal(s); got != want {
			t.Errorf("Decimal(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestUnknownKeysAreSeen(t *testing.T) {
	if got := English.Text("no.such.key"); got != "⟦no.such.key⟧" {
		t.Errorf("got %q", got)
	}
}
