package postgres

import (
	"strings"
	"testing"
)

func TestDollars(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"none", "SELECT 1", "SELECT 1"},
		{"plain ones count up", "a = ? AND b = ?", "a = $1 AND b = $2"},
		{"a number is kept", "a = ?2 AND b = ?1", "a = $2 AND b = $1"},
		{"a plain one follows the largest so far", "a = ?3 AND b = ? AND c = ?1 AND d = ?", "a = $3 AND b = $4 AND c = $1 AND d = $5"},
		{"numbers may come twice", "a = ?1 OR b = ?1", "a = $1 OR b = $1"},
		{"two digits", "VALUES (?10, ?)", "VALUES ($10, $11)"},
		{"not in strings", "a = '?' AND b LIKE ? ESCAPE '\\' AND c = 'it''s ?' AND d = ?", "a = '?' AND b LIKE $1 ESCAPE '\\' AND c = 'it''s ?' AND d = $2"},
		{"not in names", `SELECT "what?" FROM x WHERE y = ?`, `SELECT "what?" FROM x WHERE y = $1`},
		{"not in comments", "SELECT ? -- why?\n, ? /* really? */ + ?", "SELECT $1 -- why?\n, $2 /* really? */ + $3"},
		{"minus and divided by are no comments", "? - ? / ? * ?", "$1 - $2 / $3 * $4"},
		{"an open string goes to the end", "a = ? AND b = '?", "a = $1 AND b = '?"},
		{"casts", "?::bigint[]", "$1::bigint[]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := dollars(tt.text); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzDollars(f *testing.F) {
	for _, text := range queries {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := dollars(text)
		if !strings.Contains(text, "?") && got != text {
			t.Errorf("%q became %q without a placeholder", text, got)
		}
		// What stands quoted is left as it is, and nothing but placeholders changes outside: text and answer agree piece by piece.
		for text != "" && got != "" {
			if n := quoted(text); n > 0 {
				if !strings.HasPrefix(got, text[:n]) {
					t.Fatalf("%q was changed to %q", text[:n], got)
				}
				text, got = text[n:], got[n:]
				continue
			}
			if text[0] != '?' {
				if text[0] != got[0] {
					t.Fatalf("%q was changed to %q", text, got)
				}
				text, got = text[1:], got[1:]
				continue
			}
			digits := func(s string) string { return strings.TrimLeft(s, "0123456789") }
			if got[0] != '$' || digits(got[1:]) == got[1:] {
				t.Fatalf("a placeholder became %q", got)
			}
			text, got = digits(text[1:]), digits(got[1:])
		}
		if text != got {
			t.Errorf("%q is left of the text, %q of the answer", text, got)
		}
	})
}

func TestTextsAreRememberedWithinBounds(t *testing.T) {
	x := &texts{}
	for i := range textsMost + 10 {
		text := "SELECT ?" + strings.Repeat(" ", i%7) + strings.Repeat("x", i)
		if len(text) > 100 {
			text = text[:8] + text[len(text)-92+i%90:]
		}
		if got, want := x.numbered(text), dollars(text); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
		if len(x.known) > textsMost {
			t.Fatalf("%d texts are remembered, want at most %d", len(x.known), textsMost)
		}
	}
}
