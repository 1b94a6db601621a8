package order

import (
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

func TestOnlyUsableVouchersAreOfferedBestFirst(t *testing.T) {
	s := open(t)
	s.fund(0, 100_00, 0)
	hour := s.clock.Now().Add(time.Hour)
	small := s.voucher(VoucherIssue{Amount: 5_00})
	large := s.voucher(VoucherIssue{Amount: 100_00})
	exact := s.voucher(VoucherIssue{Amount: 44_00})
	sooner := s.voucher(VoucherIssue{Amount: 44_00, ValidUntil: hour})
	s.voucher(VoucherIssue{Amount: 44_00, MinAmount: 44_01})
	s.voucher(VoucherIssue{Amount: 44_00, ValidFrom: hour})
	s.voucher(VoucherIssue{Amount: 44_00, Scope: taocan.VoucherScope{Purposes: []taocan.Purpose{taocan.Marketing}}})
	s.voucher(VoucherIssue{Amount: 44_00, Scope: taocan.VoucherScope{Products: []taocan.ProductID{"verification-5k"}}})
	s.voucher(VoucherIssue{Amount: 44_00, Account: "other"})
	spent := s.voucher(VoucherIssue{Amount: 44_00})
	_, _, err := s.pay("spend", s.order(thousand).ID, spent.ID)
	must(t, err)

	ord := s.order(thousand)
	offered := func() (got []string) {
		usable, err := s.UsableVouchers(s.ctx, web, ord.ID)
		must(t, err)
		for _, v := range usable {
			got = append(got, string(v.ID)+" pays "+v.Pays.String())
		}
		return got
	}
	want := []string{string(sooner.ID) + " pays 44.00", string(exact.ID) + " pays 44.00", string(large.ID) + " pays 44.00", string(small.ID) + " pays 5.00"}
	if diff := cmp.Diff(want, offered()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.clock.Set(hour) // the end is exclusive, the start is not
	if got := offered(); len(got) != 4 || got[0] == want[0] {
		t.Errorf("an hour later: %v", got)
	}
	_, _, err = s.pay("p", ord.ID, exact.ID)
	must(t, err)
	if got := offered(); got != nil {
		t.Errorf("for a paid order: %v", got)
	}
}

func TestAVoucherThatCannotPayIsRefusedWithItsReason(t *testing.T) {
	s := open(t)
	s.fund(0, 1000_00, 0)
	used := s.voucher(VoucherIssue{Amount: 5_00})
	_, _, err := s.pay("first", s.order(thousand).ID, used.ID)
	must(t, err)
	hour := s.clock.Now().Add(time.Hour)
	expired := s.voucher(VoucherIssue{Amount: 5_00, ValidUntil: s.clock.Now().Add(time.Minute)})
	cases := map[taocan.VoucherID]string{
		used.ID: "used", expired.ID: "expired", "V-nothing": "unknown",
		s.voucher(VoucherIssue{Amount: 5_00, Account: "other"}).ID:                                                                         "unknown",
		s.voucher(VoucherIssue{Amount: 5_00, ValidFrom: hour}).ID:                                                                          "not_yet_valid",
		s.voucher(VoucherIssue{Amount: 5_00, MinAmount: 44_01}).ID:                                                                         "below_minimum",
		s.voucher(VoucherIssue{Amount: 5_00, Scope: taocan.VoucherScope{Categories: []taocan.Category{taocan.International}}}).ID:          "out_of_scope",
		s.voucher(VoucherIssue{Amount: 5_00, Scope: taocan.VoucherScope{Products: []taocan.ProductID{"verification-5k"}}}).ID:              "out_of_scope",
		s.voucher(VoucherIssue{Amount: 5_00, MinAmount: 44_01, Scope: taocan.VoucherScope{Purposes: []taocan.Purpose{taocan.General}}}).ID: "out_of_scope",
	}
	ord := s.order(thousand)
	s.clock.Set(expired.ValidUntil)
	before := s.state("p")
	for id, want := range cases {
		_, _, err := s.pay("p", ord.ID, id)
		if got := voucherReason(err); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	s.wantUnchanged(before, "p")
}

func TestAVoucherPaysTwoConcurrentOrdersOnce(t *testing.T) {
	s := open(t)
	v := s.voucher(VoucherIssue{Amount: 50_00}) // 6.00 lapse
	ids := [2]taocan.OrderID{s.order(thousand).ID, s.order(thousand).ID}
	var errs [2]error
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() { _, _, errs[i] = s.pay("p-"+string(ids[i]), ids[i], v.ID) })
	}
	wg.Wait()
	loser := errs[0]
	if errs[0] == nil {
		loser = errs[1]
	}
	if (errs[0] == nil) == (errs[1] == nil) || voucherReason(loser) != "used" {
		t.Errorf("got %v and %v", errs[0], errs[1])
	}
	x := s.state()
	if len(x.Packages) != 1 || x.Packages[0].Paid != (taocan.Split{Voucher: 44_00}) || x.Wallet != (taocan.Wallet{Account: "acme"}) {
		t.Errorf("packages %+v, wallet %+v", x.Packages, x.Wallet)
	}
	// The statement names the order although no money moved.
	if len(x.Entries) != 1 || x.Entries[0].Kind != taocan.WalletPayment || x.Entries[0].Cash != 0 || x.Entries[0].Order == "" {
		t.Errorf("entries %+v", x.Entries)
	}
}

func TestACodeIsRedeemedByOneAccountOnly(t *testing.T) {
	s := open(t)
	issued, err := s.IssueVouchers(s.ctx, staff, VoucherIssue{Count: 3, Amount: 10_00, ValidUntil: noon.Add(time.Hour),
		Scope: taocan.VoucherScope{Purposes: []taocan.Purpose{taocan.Verification, taocan.Marketing}}})
	must(t, err)
	code := issued[0].Code
	if issued[0].CodeHint != code[len(code)-4:] || issued[0].Account != "" || code == issued[1].Code || issued[0].ID == issued[1].ID {
		t.Errorf("issued %+v", issued[0])
	}
	s.clock.Advance(time.Minute)
	got, err := s.Redeem(s.ctx, token, " "+strings.ToLower(strings.ReplaceAll(code, "-", " ")))
	must(t, err)
	want := issued[0].Voucher
	want.Account, want.AssignedAt = "acme", got.AssignedAt
	if diff := cmp.Diff(want, got); diff != "" || got.AssignedAt.Before(s.clock.Now()) {
		t.Errorf("redeemed (-want +got):\n%s", diff)
	}

	again, err := s.Redeem(s.ctx, token, code)
	must(t, err)
	if diff := cmp.Diff(got, again); diff != "" {
		t.Errorf("again (-first +again):\n%s", diff)
	}
	other := taocan.Actor{Tenant: theirs, Token: "t2"}
	for name, x := range map[string]struct {
		actor taocan.Actor
		code  string
		want  string
	}{
		"somebody else's":         {other, code, "unknown"},
		"one that never was":      {token, "0000-0000-0000-0000", "unknown"},
		"something else entirely": {token, "hello", "unknown"},
		"nothing":                 {token, "", "unknown"},
	} {
		if _, err := s.Redeem(s.ctx, x.actor, x.code); voucherReason(err) != x.want {
			t.Errorf("%s: got %v, want %s", name, err, x.want)
		}
	}
	_, err = s.Redeem(s.ctx, s.member("m3", taocan.Viewer), issued[1].Code)
	wantErr(t, err, taocan.ErrForbidden)

	s.clock.Set(noon.Add(time.Hour))
	if _, err := s.Redeem(s.ctx, token, issued[2].Code); voucherReason(err) != "expired" {
		t.Errorf("at its end: %v", err)
	}
	mine, err := s.Vouchers(s.ctx, "acme", store.Paging{Limit: 10})
	if err != nil || len(mine.Items) != 1 || mine.Items[0].ID != got.ID {
		t.Errorf("acme holds %+v, %v", mine.Items, err)
	}
	all, err := s.AllVouchers(s.ctx, store.VoucherFilter{Paging: store.Paging{Limit: 10}})
	if err != nil || len(all.Items) != 3 {
		t.Errorf("the operator sees %d, %v", len(all.Items), err)
	}
}

func TestTwoAccountsRedeemingOneCodeAtOnce(t *testing.T) {
	s := open(t)
	issued, err := s.IssueVouchers(s.ctx, staff, VoucherIssue{Count: 1, Amount: 10_00, ValidUntil: noon.Add(time.Hour)})
	must(t, err)
	var errs [2]error
	var wg sync.WaitGroup
	for i, actor := range []taocan.Actor{token, {Tenant: theirs, Token: "t2"}} {
		wg.Go(func() { _, errs[i] = s.Redeem(s.ctx, actor, issued[0].Code) })
	}
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Errorf("got %v and %v", errs[0], errs[1])
	}
}

func TestOnlyTheHashOfACodeIsKept(t *testing.T) {
	s := open(t)
	issued, err := s.IssueVouchers(s.ctx, staff, VoucherIssue{Count: 1, Amount: 1, ValidUntil: noon.Add(time.Hour)})
	must(t, err)
	hash := sha256.Sum256([]byte(strings.ReplaceAll(issued[0].Code, "-", "")))
	must(t, s.store.View(s.ctx, func(r store.Reader) error {
		v, err := r.VoucherByCode(s.ctx, hash[:])
		if v.ID != issued[0].ID {
			t.Errorf("found %+v", v)
		}
		return err
	}))
}

func TestVouchersThatAreNotIssued(t *testing.T) {
	s := open(t)
	good := VoucherIssue{Count: 1, Amount: 1, ValidUntil: noon.Add(time.Hour)}
	before := s.state()
	for name, change := range map[string]func(*VoucherIssue){
		"none":                        func(v *VoucherIssue) { v.Count = 0 },
		"more than a thousand":        func(v *VoucherIssue) { v.Count = 1001 },
		"worth nothing":               func(v *VoucherIssue) { v.Amount = 0 },
		"worth less than nothing":     func(v *VoucherIssue) { v.Amount = -1 },
		"a minimum below nothing":     func(v *VoucherIssue) { v.MinAmount = -1 },
		"no end":                      func(v *VoucherIssue) { v.ValidUntil = time.Time{} },
		"already over":                func(v *VoucherIssue) { v.ValidUntil = noon },
		"over before it starts":       func(v *VoucherIssue) { v.ValidFrom = v.ValidUntil },
		"for a category nobody knows": func(v *VoucherIssue) { v.Scope.Categories = []taocan.Category{"lunar"} },
		"for a purpose nobody knows":  func(v *VoucherIssue) { v.Scope.Purposes = []taocan.Purpose{""} },
		"for a product nobody knows":  func(v *VoucherIssue) { v.Scope.Products = []taocan.ProductID{"nothing"} },
		"for an account nobody knows": func(v *VoucherIssue) { v.Account = "nobody" },
	} {
		v := good
		change(&v)
		if _, err := s.IssueVouchers(s.ctx, staff, v); err == nil {
			t.Errorf("issued: %s", name)
		} else {
			wantErr(t, err, taocan.ErrInvalid)
		}
	}
	_, err := s.IssueVouchers(s.ctx, token, good)
	wantErr(t, err, taocan.ErrForbidden)
	s.wantUnchanged(before)

	issued, err := s.IssueVouchers(s.ctx, staff, VoucherIssue{Count: 1000, Amount: 1, ValidUntil: noon.Add(time.Hour)})
	if err != nil || len(issued) != 1000 || s.state().Audit != before.Audit+1 {
		t.Errorf("issued %d with %d audit rows, %v", len(issued), s.state().Audit-before.Audit, err)
	}
}

func TestAKeyIssuesVouchersOnce(t *testing.T) {
	s := open(t)
	v := VoucherIssue{Key: "campaign-7", Count: 3, Amount: 10_00, ValidUntil: noon.Add(time.Hour)}
	first, err := s.IssueVouchers(s.ctx, staff, v)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.IssueVouchers(s.ctx, staff, v); !errors.Is(err, taocan.ErrConflict) {
		t.Errorf("the same key again: %v, want a conflict", err)
	}
	v.Count = 1
	if _, err := s.IssueVouchers(s.ctx, staff, v); !errors.Is(err, taocan.ErrConflict) {
		t.Errorf("the same key for fewer: %v, want a conflict", err)
	}
	v.Key = "campaign-8"
	other, err := s.IssueVouchers(s.ctx, staff, v)
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.AllVouchers(s.ctx, store.VoucherFilter{Paging: store.Paging{Limit: 10}})
	if err != nil {
		t.Fatal(err)
	}
	if len(all.Items) != 4 || first[0].ID == other[0].ID || len(first[0].ID) != len("V")+20 {
		t.Errorf("%d vouchers, ids %s and %s", len(all.Items), first[0].ID, other[0].ID)
	}
	v.Key = "not a key"
	if _, err := s.IssueVouchers(s.ctx, staff, v); !errors.Is(err, taocan.ErrInvalid) {
		t.Errorf("a malformed key: %v", err)
	}
}
