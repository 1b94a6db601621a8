package taocan_test

import (
	"testing"
	"time"

	"taocan/internal/taocan"
)

func TestAVoucherIsUsableFromItsStartUntilItsEndOnce(t *testing.T) {
	start, end := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name   string
		usedBy taocan.OrderID
		at     time.Time
		want   taocan.VoucherState
	}{
		{"before its start", "", start.Add(-1), taocan.VoucherNotYet},
		{"at its start", "", start, taocan.VoucherUsable},
		{"at its last instant", "", end.Add(-1), taocan.VoucherUsable},
		{"at its end", "", end, taocan.VoucherOutdated},
		{"used", "o-1", start, taocan.VoucherUsed},
		{"used, and past its end", "o-1", end, taocan.VoucherUsed},
	} {
		v := taocan.Voucher{ValidFrom: start, ValidUntil: end, UsedBy: tt.usedBy}
		if got := v.StateAt(tt.at); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}
