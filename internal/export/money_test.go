package export

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/taocan"
)

func TestAmountsAreNumbers(t *testing.T) {
	table := Table[int]{Name: "things", Columns: []string{"金额"}, Row: func(i int) []Cell { return []Cell{Money(taocan.Fen(-4400 * i))} }}
	if got, want := string(write(t, table, (&pages{lines: 2}).page, CSV)), "\ufeff金额\n0.00\n-44.00\n"; got != want {
		t.Errorf("CSV is %q, want %q", got, want)
	}
	if diff := cmp.Diff([][]string{{"金额"}, {"0.00"}, {"-44.00"}}, rows(t, write(t, table, (&pages{lines: 2}).page, XLSX))); diff != "" {
		t.Errorf("XLSX (-want +got):\n%s", diff)
	}
}
