package order

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

func TestATopUpRepaysCreditFirst(t *testing.T) {
	s := open(t)
	s.fund(0, 0, 100_00)
	_, _, err := s.pay("p", s.order(thousand).ID, "")
	must(t, err)
	for _, x := range []struct {
		amount taocan.Fen
		want   taocan.Wallet
	}{
		{14_00, taocan.Wallet{Account: "acme", CreditLimit: 100_00, CreditUsed: 30_00}},
		{50_00, taocan.Wallet{Account: "acme", CreditLimit: 100_00, Cash: 20_00}},
		{1, taocan.Wallet{Account: "acme", CreditLimit: 100_00, Cash: 20_01}},
	} {
		got, _, err := s.TopUp(s.ctx, staff, "acme", WalletChange{Key: x.amount.String(), ContentHash: content(x.amount), Amount: x.amount, Reference: x.amount.String()})
		if err != nil || got != x.want {
			t.Errorf("top-up of %s: got %+v, %v, want %+v", x.amount, got, err, x.want)
		}
	}
}

func TestWhatOperatorsDoToAWallet(t *testing.T) {
	s := open(t)
	for _, x := range []struct {
		name string
		do   func(context.Context, taocan.Actor, taocan.AccountID, WalletChange) (taocan.Wallet, bool, error)
		kind taocan.WalletEntryKind
		c    WalletChange
		want taocan.Wallet // the wallet after, on top of those before
		line taocan.WalletEntry
	}{
		{"top-up", s.TopUp, taocan.WalletTopUp, WalletChange{Amount: 10_00, Reference: "bank 1", Reason: "June"},
			taocan.Wallet{Cash: 10_00}, taocan.WalletEntry{Cash: 10_00, Reference: "bank 1"}},
		{"gift", s.Gift, taocan.WalletGift, WalletChange{Amount: 5_00, Reason: "欢迎"},
			taocan.Wallet{Cash: 10_00, Gift: 5_00}, taocan.WalletEntry{Gift: 5_00, Reference: "欢迎"}},
		{"limit", s.SetCreditLimit, taocan.WalletCreditLimit, WalletChange{Amount: 100_00},
			taocan.Wallet{Cash: 10_00, Gift: 5_00, CreditLimit: 100_00}, taocan.WalletEntry{CreditLimit: 100_00}},
		{"lower limit", s.SetCreditLimit, taocan.WalletCreditLimit, WalletChange{Amount: 30_00, Reference: "contract 7"},
			taocan.Wallet{Cash: 10_00, Gift: 5_00, CreditLimit: 30_00}, taocan.WalletEntry{CreditLimit: -70_00, Reference: "contract 7"}},
		{"adjust down", s.AdjustWallet, taocan.WalletAdjust, WalletChange{Amount: -10_00, Reason: "booked twice"},
			taocan.Wallet{Gift: 5_00, CreditLimit: 30_00}, taocan.WalletEntry{Cash: -10_00, Reference: "booked twice"}},
		{"adjust up", s.AdjustWallet, taocan.WalletAdjust, WalletChange{Amount: 1, Reason: "booked once"},
			taocan.Wallet{Cash: 1, Gift: 5_00, CreditLimit: 30_00}, taocan.WalletEntry{Cash: 1, Reference: "booked once"}},
	} {
		x.c.Key, x.c.ContentHash = strings.ReplaceAll(x.name, " ", "-"), content(x.c)
		x.want.Account = "acme"
		audit := s.state().Audit
		got, replayed, err := x.do(s.ctx, staff, "acme", x.c)
		if err != nil || replayed || got != x.want {
			t.Errorf("%s: got %+v, %v, want %+v", x.name, got, err, x.want)
		}
		after := s.state()
		line := after.Entries[0]
		want := x.line
		want.Account, want.Kind, want.After, want.N, want.At, want.By = "acme", x.kind, x.want, line.N, line.At, line.By
		if diff := cmp.Diff(want, line); diff != "" || line.By.Member != "m-staff" || after.Audit != audit+1 {
			t.Errorf("%s: %d audit rows, statement (-want +got):\n%s", x.name, after.Audit-audit, diff)
		}
	}
	must(t, s.store.View(s.ctx, func(r store.Reader) error {
		page, err := r.AuditEntries(s.ctx, store.AuditFilter{Paging: store.Paging{Limit: 1}})
		e := page.Items[0]
		want := taocan.AuditEntry{N: e.N, At: e.At, By: "member:m-staff", Address: "192.0.2.9", Action: "wallet.adjust", Subject: "acme",
			Before: `{"cash":"0.00","credit_limit":"30.00","credit_used":"0.00","gift":"5.00"}`,
			After:  `{"amount":"0.01","cash":"0.01","credit_limit":"30.00","credit_used":"0.00","gift":"5.00","reason":"booked once","reference":""}`}
		if diff := cmp.Diff(want, e); diff != "" {
			t.Errorf("audit (-want +got):\n%s", diff)
		}
		return err
	}))
}

func TestAMoneyWriteIsDoneOncePerKey(t *testing.T) {
	s := open(t)
	c := WalletChange{Key: "k1", ContentHash: content(1), Amount: 10_00, Reference: "bank 1"}
	first, _, err := s.TopUp(s.ctx, staff, "acme", c)
	must(t, err)
	_, _, err = s.Gift(s.ctx, staff, "acme", c) // another operation has its own keys
	must(t, err)
	s.fund(1_00, 2_00, 3_00)
	before := s.state()

	again, replayed, err := s.TopUp(s.ctx, staff, "acme", c)
	if err != nil || !replayed || again != first {
		t.Errorf("again: %+v, replayed %v, %v, want the first answer %+v", again, replayed, err, first)
	}
	other := c
	other.ContentHash = content(2)
	_, _, err = s.TopUp(s.ctx, staff, "acme", other)
	wantErr(t, err, taocan.ErrConflict)
	other.Key = "k2" // the same payment under another key
	_, _, err = s.TopUp(s.ctx, staff, "acme", other)
	wantErr(t, err, taocan.ErrConflict)
	s.wantUnchanged(before)

	other.Reference = "bank 2" // the refusal did not consume the key
	if _, replayed, err := s.TopUp(s.ctx, staff, "acme", other); replayed || err != nil {
		t.Errorf("replayed %v, %v", replayed, err)
	}
	if _, replayed, err := s.TopUp(s.ctx, staff, "other", c); replayed || err != nil { // keys and references are the account's
		t.Errorf("another account: replayed %v, %v", replayed, err)
	}
}

func TestALimitBelowWhatIsUsedStopsDrawing(t *testing.T) {
	s := open(t)
	s.fund(0, 0, 50_00)
	_, _, err := s.pay("p1", s.order(thousand).ID, "")
	must(t, err)
	w, _, err := s.SetCreditLimit(s.ctx, staff, "acme", WalletChange{Key: "k", ContentHash: content(1), Amount: 0})
	if err != nil || w.CreditUsed != 44_00 || w.Credit() != 0 {
		t.Errorf("wallet %+v, %v", w, err)
	}
	ord := s.order(thousand)
	_, _, err = s.pay("p2", ord.ID, "")
	wantErr(t, err, taocan.ErrInsufficientFunds)
	s.fund(0, 88_00, 0) // repays 44.00, the rest is cash
	paid, _, err := s.pay("p2", ord.ID, "")
	if err != nil || paid.Payment.Split != (taocan.Split{Cash: 44_00}) {
		t.Errorf("paid %+v, %v", paid.Payment, err)
	}
}

func TestMoneyWritesThatAreRefused(t *testing.T) {
	s := open(t)
	s.fund(0, 10_00, 0)
	good := WalletChange{Key: "k", ContentHash: content(1), Amount: 1, Reference: "r", Reason: "why"}
	before := s.state()
	for _, x := range []struct {
		name    string
		do      func(context.Context, taocan.Actor, taocan.AccountID, WalletChange) (taocan.Wallet, bool, error)
		account taocan.AccountID
		change  func(*WalletChange)
		want    error
	}{
		{"a top-up of nothing", s.TopUp, "acme", func(c *WalletChange) { c.Amount = 0 }, taocan.ErrInvalid},
		{"a negative top-up", s.TopUp, "acme", func(c *WalletChange) { c.Amount = -1 }, taocan.ErrInvalid},
		{"more than there is room for", s.TopUp, "acme", func(c *WalletChange) { c.Amount = taocan.MaxFen + 1 }, taocan.ErrInvalid},
		{"more than fits on top", s.TopUp, "acme", func(c *WalletChange) { c.Amount = taocan.MaxFen }, taocan.ErrInvalid},
		{"a top-up without a reference", s.TopUp, "acme", func(c *WalletChange) { c.Reference = " " }, taocan.ErrInvalid},
		{"a reference of many lines", s.TopUp, "acme", func(c *WalletChange) { c.Reference = "a\nb" }, taocan.ErrInvalid},
		{"a reference that is no text", s.TopUp, "acme", func(c *WalletChange) { c.Reference = "\xff" }, taocan.ErrInvalid},
		{"a reference that ends with a space, or a payment could be booked twice", s.TopUp, "acme", func(c *WalletChange) { c.Reference = "r " }, taocan.ErrInvalid},
		{"a reference that begins with a wide space", s.TopUp, "acme", func(c *WalletChange) { c.Reference = "\u3000r" }, taocan.ErrInvalid},
		{"a reference with a tab", s.TopUp, "acme", func(c *WalletChange) { c.Reference = "r\tr" }, taocan.ErrInvalid},
		{"a reason that begins with a space", s.Gift, "acme", func(c *WalletChange) { c.Reason = " why" }, taocan.ErrInvalid},
		{"a reason that is a space", s.Gift, "acme", func(c *WalletChange) { c.Reason = " " }, taocan.ErrInvalid},
		{"an endless reason", s.TopUp, "acme", func(c *WalletChange) { c.Reason = strings.Repeat("长", 129) }, taocan.ErrInvalid},
		{"a negative gift", s.Gift, "acme", func(c *WalletChange) { c.Amount = -1 }, taocan.ErrInvalid},
		{"a negative limit", s.SetCreditLimit, "acme", func(c *WalletChange) { c.Amount = -1 }, taocan.ErrInvalid},
		{"an adjustment by nothing", s.AdjustWallet, "acme", func(c *WalletChange) { c.Amount = 0 }, taocan.ErrInvalid},
		{"an adjustment without a reason", s.AdjustWallet, "acme", func(c *WalletChange) { c.Reason = "" }, taocan.ErrInvalid},
		{"an adjustment below nothing", s.AdjustWallet, "acme", func(c *WalletChange) { c.Amount = -10_01 }, taocan.ErrInsufficientFunds},
		{"no key", s.Gift, "acme", func(c *WalletChange) { c.Key = "" }, taocan.ErrInvalid},
		{"an account nobody knows", s.Gift, "nobody", func(c *WalletChange) {}, taocan.ErrNotFound},
	} {
		c := good
		x.change(&c)
		_, _, err := x.do(s.ctx, staff, x.account, c)
		if err == nil {
			t.Errorf("accepted: %s", x.name)
		}
		wantErr(t, err, x.want)
	}
	_, _, err := s.TopUp(s.ctx, token, "acme", good) // customers cannot give themselves money
	wantErr(t, err, taocan.ErrForbidden)
	s.wantUnchanged(before)
}
