package order

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// That a preview is what a payment then takes is shown by TestRandomBuyingAgreesWithAPlainModel, for random wallets and
// vouchers.

func TestPreviewShowsWhatAPaymentTakes(t *testing.T) {
	s := open(t)
	s.fund(10_00, 20_00, 30_00)
	five, seven := s.voucher(VoucherIssue{Amount: 5_00}), s.voucher(VoucherIssue{Amount: 7_00})
	ord := s.order(thousand) // 44.00
	before := s.state()
	wallet := taocan.Wallet{Account: "acme", Gift: 10_00, Cash: 20_00, CreditLimit: 30_00}
	usable := []UsableVoucher{{seven, 7_00}, {five, 5_00}}
	tests := []struct {
		name    string
		voucher taocan.VoucherID
		want    Preview
	}{
		{"without a voucher", "", Preview{Split: taocan.Split{Gift: 10_00, Cash: 20_00, Credit: 14_00},
			After: taocan.Wallet{Account: "acme", CreditLimit: 30_00, CreditUsed: 14_00}}},
		{"with the one that was chosen", five.ID, Preview{Split: taocan.Split{Voucher: 5_00, Gift: 10_00, Cash: 20_00, Credit: 9_00},
			After: taocan.Wallet{Account: "acme", CreditLimit: 30_00, CreditUsed: 9_00}}},
	}
	for _, tt := range tests {
		tt.want.Order, tt.want.Wallet, tt.want.Vouchers, tt.want.Voucher = ord, wallet, usable, tt.voucher
		got, err := s.Preview(s.ctx, web, ord.ID, tt.voucher)
		must(t, err)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	s.wantUnchanged(before)
}

func TestPreviewShowsWhatIsMissing(t *testing.T) {
	s := open(t)
	s.fund(1_00, 2_00, 3_00)
	ord := s.order(thousand)
	got, err := s.Preview(s.ctx, web, ord.ID, s.voucher(VoucherIssue{Amount: 4_00}).ID)
	must(t, err)
	if want := (taocan.Split{Voucher: 4_00, Gift: 1_00, Cash: 2_00, Credit: 3_00}); got.Split != want || got.Missing != 34_00 || got.After != got.Wallet {
		t.Errorf("split %+v, %s missing, after it %+v; want %+v, 34.00 missing and the wallet as it is", got.Split, got.Missing, got.After, want)
	}
}

func TestPreviewsThatAreRefused(t *testing.T) {
	s := open(t)
	s.fund(0, 100_00, 0)
	used := s.voucher(VoucherIssue{Amount: 1_00})
	_, _, err := s.pay("used", s.order(thousand).ID, used.ID)
	must(t, err)
	preview := func(t taocan.Tenant, id taocan.OrderID, v taocan.VoucherID) error {
		_, err := s.Preview(s.ctx, t, id, v)
		return err
	}
	pending, paid, cancelled := s.order(thousand), s.order(thousand), s.order(thousand)
	_, _, err = s.pay("paid", paid.ID, "")
	must(t, err)
	_, err = s.Cancel(s.ctx, token, cancelled.ID)
	must(t, err)

	wantErr(t, preview(theirs, pending.ID, ""), taocan.ErrNotFound)
	wantErr(t, preview(web, "O-nothing", ""), taocan.ErrNotFound)
	wantState(t, preview(web, paid.ID, ""), taocan.OrderPaid)
	wantState(t, preview(web, cancelled.ID, ""), taocan.OrderCancelled)
	for id, reason := range map[taocan.VoucherID]string{used.ID: "used", "V-nothing": "unknown",
		s.voucher(VoucherIssue{Amount: 1_00, Account: "other"}).ID: "unknown", s.voucher(VoucherIssue{Amount: 1_00, MinAmount: 44_01}).ID: "below_minimum"} {
		if e := (*taocan.VoucherError)(nil); !errors.As(preview(web, pending.ID, id), &e) || e.Reason != reason {
			t.Errorf("voucher %s: got %v, want it refused as %s", id, preview(web, pending.ID, id), reason)
		}
	}
	s.setLevel(taocan.Unverified)
	wantErr(t, preview(web, pending.ID, ""), taocan.ErrForbidden)
	s.setLevel(taocan.Enterprise)
	s.update("", func(tx store.Tx) error {
		a, err := tx.Account(s.ctx, web.Account)
		if err != nil {
			return err
		}
		a.Suspended = true
		return tx.UpdateAccount(s.ctx, a)
	})
	wantErr(t, preview(web, pending.ID, ""), taocan.ErrForbidden)
	s.update("", func(tx store.Tx) error {
		a, err := tx.Account(s.ctx, web.Account)
		if err != nil {
			return err
		}
		a.Suspended = false
		return tx.UpdateAccount(s.ctx, a)
	})
	must(t, preview(web, pending.ID, ""))
	s.clock.Advance(24*time.Hour + time.Second) // a ledger may run ahead of the clock by microseconds
	wantState(t, preview(web, pending.ID, ""), taocan.OrderClosed)
}
