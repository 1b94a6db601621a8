package sqlstore

import (
	"sort"
	"strings"
	"testing"
)

func TestParseQueries(t *testing.T) {
	tests := []struct {
		name, text string
		want       string
		bad        bool
	}{
		{"blocks by name, without comments and semicolon", "-- about\n\n-- name: a (hot)\n-- why\nSELECT 1;\n\n-- name: b\nSELECT 2\nFROM x;\n", "a=SELECT 1|b=SELECT 2\nFROM x", false},
		{"a block that does not end", "-- name: a\nSELECT 1\n", "", true},
		{"a name that stands twice", "-- name: a\nSELECT 1;\n-- name: a\nSELECT 2;\n", "", true},
		{"no blocks", "-- nothing\n", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			all := map[string]string{}
			err := parseQueries(tt.text, all)
			if (err != nil) != tt.bad {
				t.Fatalf("got error %v, want one: %v", err, tt.bad)
			}
			var got []string
			for name, text := range all {
				got = append(got, name+"="+text)
			}
			sort.Strings(got)
			if !tt.bad && strings.Join(got, "|") != tt.want {
				t.Errorf("got %q, want %q", strings.Join(got, "|"), tt.want)
			}
		})
	}
}
