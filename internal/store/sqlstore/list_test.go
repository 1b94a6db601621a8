package sqlstore

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/taocan"
)

func TestACursorNamesItsPlace(t *testing.T) {
	l := listing{name: "things", order: []sortColumn{byNumber("at"), byText("id")}}
	want := []any{int64(-1 << 62), `a"b`}
	got, err := l.place(l.cursor([]any{want[0], taocan.ProjectID(want[1].(string))}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("place (-want +got):\n%s", diff)
	}
	other := listing{name: "others", order: l.order}
	if _, err := other.place(l.cursor(want)); !errors.Is(err, taocan.ErrInvalid) {
		t.Errorf("a cursor of another list: got error %v, want %v", err, taocan.ErrInvalid)
	}
}

func FuzzCursor(f *testing.F) {
	l := listing{name: "things", order: []sortColumn{byNumber("at"), byText("id")}}
	f.Add(l.cursor([]any{int64(1), "a"}))
	f.Add("")
	f.Add("WyJ0aGluZ3MiLDEuNSwiYSJd")
	f.Fuzz(func(t *testing.T, cursor string) {
		values, err := l.place(cursor)
		if err != nil {
			if !errors.Is(err, taocan.ErrInvalid) {
				t.Fatalf("got error %v, want %v", err, taocan.ErrInvalid)
			}
			return
		}
		if _, ok := values[0].(int64); !ok || len(values) != 2 {
			t.Fatalf("got %v, want a number and a text", values)
		}
		if _, ok := values[1].(string); !ok {
			t.Fatalf("got %v, want a number and a text", values)
		}
	})
}
