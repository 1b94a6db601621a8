package statement_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/export"
	"taocan/internal/packages"
	"taocan/internal/statement"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// march lets a month pass in which everything happens: see the wanted figures for what.
func march(b *books) {
	b.money(taocan.WalletTopUp, 10_000)
	b.money(taocan.WalletGift, 1_000)
	b.money(taocan.WalletCreditLimit, 5_000)
	b.buy(taocan.Marketing, 2_000)                                                         // 88.00: 10.00 gift, 78.00 cash
	b.bring("U1B19042914D4FE7", 50, "2026-03-20", time.Date(2026, 1, 5, 0, 0, 0, 0, zone)) // its entry is dated January
	short := b.grant(web, 100, 1)                                                          // works to the end of April 1
	b.day(3, 10)
	b.debit(web, taocan.Marketing, 30) // of the import, which expires first
	b.debit(web, taocan.Verification, 10)
	b.reserve(web, "r-1", taocan.Verification, 40)
	b.reserve(web, "r-2", taocan.Marketing, 15)
	b.adjust(short, 7)
	b.buy(taocan.Marketing, 1_500) // 66.00: 22.00 cash, 44.00 credit
	b.day(3, 25)                   // the import has expired with 5 left
	b.settle(web, "r-2", store.OpRelease, 0)
	b.settle(web, "r-1", store.OpCommit, 25)
	b.money(taocan.WalletTopUp, 3_000) // repays 30.00 of the credit
	b.reserve(web, "r-3", taocan.Marketing, 100)
	b.grant(shop, 500, 12)
	b.grant(theirs, 99, 12)
}

func TestAMonthAddsUp(t *testing.T) {
	b := open(t)
	march(b)
	b.day(4, 1)
	got := b.project(web, "2026-03")
	want := []statement.Line{
		{Project: "web", Category: taocan.Domestic, Purpose: taocan.Verification, Messages: statement.Messages{
			Granted: 100, Adjusted: 7, Used: 35, Closing: 72, Reserved: 40, Returned: 15}},
		{Project: "web", Category: taocan.Domestic, Purpose: taocan.Marketing, Messages: statement.Messages{
			Bought: 3_500, Imported: 50, Used: 30, Expired: 20, Closing: 3_500, ClosingReserved: 100, Reserved: 115, Returned: 15}},
	}
	if diff := cmp.Diff(want, got.Lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	p := got.Purchases
	if p.Orders != 2 || p.Messages != 3_500 || p.Paid != (taocan.Split{Gift: 1_000, Cash: 10_000, Credit: 4_400}) || p.Invoiceable() != 14_400 || len(p.Listed) != 2 {
		t.Errorf("purchases are %+v", p)
	}
	if !got.Over || got.Wallet != nil {
		t.Errorf("over %v, wallet %v: want a month that is over, and no wallet", got.Over, got.Wallet)
	}

	all := b.account("2026-03")
	wallet := &statement.Wallet{Opening: taocan.Wallet{Account: "acme"}, Closing: taocan.Wallet{Account: "acme", CreditLimit: 5_000, CreditUsed: 1_400},
		Changes: []statement.WalletChange{
			{Kind: taocan.WalletTopUp, Entries: 2, Cash: 10_000, CreditUsed: -3_000},
			{Kind: taocan.WalletGift, Entries: 1, Gift: 1_000},
			{Kind: taocan.WalletPayment, Entries: 2, Cash: -10_000, Gift: -1_000, CreditUsed: 4_400},
			{Kind: taocan.WalletCreditLimit, Entries: 1, CreditLimit: 5_000},
		}}
	if diff := cmp.Diff(wallet, all.Wallet); diff != "" {
		t.Errorf("wallet (-want +got):\n%s", diff)
	}
	if all.Sum.Closing != 72+3_500+500 || all.Sum.Granted != 600 || len(all.Lines) != 3 {
		t.Errorf("the account's sum is %+v over %d lines", all.Sum, len(all.Lines))
	}

	b.day(5, 1)
	april := b.project(web, "2026-04")
	if april.Sum.Opening != got.Sum.Closing {
		t.Errorf("April opens with %d, March closed with %d", april.Sum.Opening, got.Sum.Closing)
	}
	if april.Lines[0].Expired != 72 || april.Lines[0].Closing != 0 {
		t.Errorf("April's verification is %+v, want its 72 expired", april.Lines[0])
	}
}

func TestAPackageExpiresInTheMonthOfItsLastDay(t *testing.T) {
	b := open(t)
	b.day(3, 31)
	b.grant(web, 10, 1) // works to the end of April 30, so until May 1 begins
	b.day(5, 1)
	if st := b.project(web, "2026-04"); st.Sum.Expired != 10 || st.Sum.Closing != 0 {
		t.Errorf("April is %+v, want 10 expired", st.Sum)
	}
	if st := b.project(web, "2026-05"); st.Sum != (statement.Messages{}) {
		t.Errorf("May is %+v, want nothing", st.Sum)
	}
}

func TestWhatAnAdjustmentDoesToAnExpiredPackage(t *testing.T) {
	b := open(t)
	n := b.grant(web, 10, 1)
	b.day(4, 3)
	b.adjust(n, 5)
	b.adjust(n, -8)
	if got, want := b.project(web, "2026-04").Sum, (statement.Messages{Opening: 10, Adjusted: -3, Expired: 7}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestLaterEventsChangeNoByte makes files, lets the world go on, and makes them again.
func TestLaterEventsChangeNoByte(t *testing.T) {
	b := open(t)
	march(b)
	b.clock.Advance(time.Date(2026, 4, 1, 0, 5, 0, 0, zone).Sub(b.clock.Now()))
	files := func() map[string][]byte {
		all := map[string][]byte{}
		for _, f := range []export.Format{export.CSV, export.XLSX} {
			all["project "+string(f)] = b.file(b.project(web, "2026-03"), f)
			all["account "+string(f)] = b.file(b.account("2026-03"), f)
		}
		return all
	}
	before := files()
	b.debit(web, taocan.Marketing, 500)
	b.settle(web, "r-3", store.OpRelease, 0)
	b.buy(taocan.Verification, 300)
	b.bring("U1B19042914389DC", 80, "2026-12-31", time.Date(2026, 3, 15, 0, 0, 0, 0, zone)) // as of the middle of March
	b.bring("U1B19042914389DD", 80, "2026-03-10", time.Date(2026, 2, 15, 0, 0, 0, 0, zone)) // expired within March
	b.day(6, 10)
	for marked := 1; marked > 0; {
		var err error
		marked, err = b.packages.MarkExpired(b.ctx)
		b.must(err)
	}
	b.money(taocan.WalletTopUp, 100_000)
	b.must(b.store.Update(b.ctx, "", func(tx store.Tx) error {
		if err := tx.UpdateAccount(b.ctx, taocan.Account{ID: "acme", Name: "another name", Level: taocan.Personal}); err != nil {
			return err
		}
		return tx.UpdateProject(b.ctx, taocan.Project{ID: "web", Account: "acme", Name: "another name"})
	}))
	if march := b.project(web, "2026-03"); !march.Over {
		t.Error("March is not over in June")
	}
	for name, file := range files() {
		if !bytes.Equal(file, before[name]) {
			t.Errorf("%s differs:\n%s\nwas:\n%s", name, file, before[name])
		}
	}
	if got, want := b.project(web, "2026-04").Sum.Imported, taocan.Segments(160); got != want {
		t.Errorf("April imported %d, want %d: an import counts in the month of its commit", got, want)
	}
}

func TestARunningMonthIsNotFinal(t *testing.T) {
	b := open(t)
	b.grant(web, 100, 1)
	b.day(3, 20)
	b.debit(web, taocan.Verification, 30)
	st := b.project(web, "2026-03")
	if st.Over || st.Sum.Closing != 70 {
		t.Errorf("so far: over %v, %+v; want 70 left in a month that is not over", st.Over, st.Sum)
	}
	if f := string(b.file(st, export.CSV)); !strings.Contains(f, "未结") {
		t.Errorf("the file does not say that the month is not over:\n%s", f)
	}
	b.clock.Advance(time.Date(2026, 4, 1, 0, 4, 59, 0, zone).Sub(b.clock.Now()))
	if b.project(web, "2026-03").Over {
		t.Error("over before commits under way can have ended")
	}
	b.clock.Advance(time.Second)
	if !b.project(web, "2026-03").Over {
		t.Error("not over five minutes after its end")
	}
	months, err := b.Months(b.ctx, web)
	b.must(err)
	if len(months) != 2 || months[0].Name != "2026-04" || months[0].Over || months[1].Name != "2026-03" || !months[1].Over {
		t.Errorf("months are %+v", months)
	}
	for month, want := range map[string]error{"2026-02": taocan.ErrNotFound, "2026-05": taocan.ErrNotFound, "2026-13": taocan.ErrInvalid,
		"2026-3": taocan.ErrInvalid, "": taocan.ErrInvalid} {
		if _, err := b.Project(b.ctx, web, month); !errors.Is(err, want) {
			t.Errorf("month %q: got %v, want %v", month, err, want)
		}
	}
}

func TestWhoMaySeeAWholeAccount(t *testing.T) {
	b := open(t)
	b.must(b.store.Update(b.ctx, "", func(tx store.Tx) error {
		for id, role := range map[taocan.MemberID]taocan.Role{"olga": taocan.Owner, "finn": taocan.Finance, "vera": taocan.Viewer} {
			if err := tx.InsertMember(b.ctx, taocan.Member{ID: id, Account: "acme", Login: string(id), Role: role, PasswordHash: "x", CreatedAt: tx.Now()}); err != nil {
				return err
			}
		}
		return tx.InsertMember(b.ctx, taocan.Member{ID: "remy", Account: "rival", Login: "remy", Role: taocan.Owner, PasswordHash: "x", CreatedAt: tx.Now()})
	}))
	for _, tt := range []struct {
		who   string
		actor taocan.Actor
		want  error
	}{
		{"an operator", staff, nil},
		{"an owner", taocan.Actor{Tenant: web, Member: "olga", Role: taocan.Owner}, nil},
		{"finance", taocan.Actor{Tenant: web, Member: "finn", Role: taocan.Finance}, nil},
		{"a viewer", taocan.Actor{Tenant: web, Member: "vera", Role: taocan.Viewer}, taocan.ErrForbidden},
		{"a viewer whose sign-in says more", taocan.Actor{Tenant: web, Member: "vera", Role: taocan.Owner}, taocan.ErrForbidden},
		{"a project's token", buyer, taocan.ErrForbidden},
		{"another account's owner", taocan.Actor{Tenant: theirs, Member: "remy", Role: taocan.Owner}, taocan.ErrNotFound},
	} {
		if _, err := b.Account(b.ctx, tt.actor, "acme", "2026-03"); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.who, err, tt.want)
		}
		if _, err := b.AccountMonths(b.ctx, tt.actor, "acme"); !errors.Is(err, tt.want) {
			t.Errorf("%s, months: got %v, want %v", tt.who, err, tt.want)
		}
	}
	if _, err := b.Project(b.ctx, taocan.Tenant{Account: "rival", Project: "web"}, "2026-03"); !errors.Is(err, taocan.ErrNotFound) {
		t.Errorf("another account's project: got %v, want not found", err)
	}
}

// lying is a store whose reader says something else than the ledger.
type lying struct {
	store.Store
	span   func(*store.PackageSpan)
	wallet func(*store.WalletSpan)
	paid   func([]store.PaidSum)
}

type lyingReader struct {
	store.Reader
	l lying
}

func (l lying) View(ctx context.Context, fn func(store.Reader) error) error {
	return l.Store.View(ctx, func(r store.Reader) error { return fn(lyingReader{r, l}) })
}

func (r lyingReader) PackageSpans(ctx context.Context, t taocan.Tenant, from, until time.Time, fn func(store.PackageSpan) error) error {
	return r.Reader.PackageSpans(ctx, t, from, until, func(x store.PackageSpan) error {
		if r.l.span != nil {
			r.l.span(&x)
		}
		return fn(x)
	})
}

func (r lyingReader) WalletSpan(ctx context.Context, a taocan.AccountID, from, until time.Time) (store.WalletSpan, error) {
	s, err := r.Reader.WalletSpan(ctx, a, from, until)
	if r.l.wallet != nil {
		r.l.wallet(&s)
	}
	return s, err
}

func (r lyingReader) PaidSums(ctx context.Context, a taocan.AccountID, from, until time.Time) ([]store.PaidSum, error) {
	s, err := r.Reader.PaidSums(ctx, a, from, until)
	if r.l.paid != nil {
		r.l.paid(s)
	}
	return s, err
}

func TestWhatDoesNotAddUpIsNotShown(t *testing.T) {
	b := open(t)
	march(b)
	for what, l := range map[string]lying{
		"a message more remains":        {span: func(x *store.PackageSpan) { x.After.Remaining++ }},
		"a message less was there":      {span: func(x *store.PackageSpan) { x.Before.Remaining-- }},
		"a message more is reserved":    {span: func(x *store.PackageSpan) { x.After.Reserved++ }},
		"an entry of an unknown kind":   {span: func(x *store.PackageSpan) { x.Moved.Remaining++; x.After.Remaining++ }},
		"a debit too many":              {span: func(x *store.PackageSpan) { x.Moved.Debited++ }},
		"a fen less in the wallet":      {wallet: func(w *store.WalletSpan) { w.After.Cash-- }},
		"credit that nobody used":       {wallet: func(w *store.WalletSpan) { w.Moved[0].CreditUsed++ }},
		"a payment that took less":      {paid: func(p []store.PaidSum) { p[0].Split.Cash-- }},
		"a paid message was not issued": {paid: func(p []store.PaidSum) { p[0].Messages++ }},
	} {
		l.Store = b.store
		s := statement.New(l, b.clock, zone)
		if _, err := s.Account(b.ctx, staff, "acme", "2026-03"); !errors.Is(err, statement.ErrBroken) {
			t.Errorf("%s: got %v, want %v", what, err, statement.ErrBroken)
		}
	}
}

// TestAStatementAgreesWithTheListsOfItsEnds compares both ends with lists as of then, which are answered in another way.
func TestAStatementAgreesWithTheListsOfItsEnds(t *testing.T) {
	b := open(t)
	for month := time.March; month <= time.June; month++ {
		for day := 1; day <= 28; day += 9 {
			b.day(month, day)
			b.grant(web, taocan.Segments(50+day), 1+day%3)
			b.debit(web, taocan.Verification, taocan.Segments(20+day))
			id := taocan.DebitID(fmt.Sprint("r-", month, "-", day))
			b.reserve(web, id, taocan.Verification, 5)
			if day%2 == 0 {
				b.settle(web, id, store.OpCommit, 2)
			}
		}
	}
	b.day(7, 15)
	closing := map[string]taocan.Segments{}
	for month := time.March; month <= time.June; month++ {
		until := time.Date(2026, month+1, 1, 0, 0, 0, 0, zone)
		var want taocan.Segments
		b.must(b.store.View(b.ctx, func(r store.Reader) error {
			page, err := r.Packages(b.ctx, web, store.PackageFilter{AsOf: until.Add(-time.Microsecond), Paging: store.Paging{Limit: 100}})
			for _, p := range page.Items {
				want += p.Reserved
				if p.ExpiresAt.After(until) {
					want += p.Remaining
				}
			}
			return err
		}))
		name := until.AddDate(0, -1, 0).Format("2006-01")
		st := b.project(web, name)
		closing[name] = st.Sum.Closing
		if st.Sum.Closing != want || st.Sum.Opening != closing[until.AddDate(0, -2, 0).Format("2006-01")] {
			t.Errorf("%s: %+v, want it to close with %d", name, st.Sum, want)
		}
	}
}

func TestExtendedFrozenAndTransferredPackages(t *testing.T) {
	b := open(t)
	revived := b.grant(web, 100, 1) // to April 1
	cold := b.grant(web, 30, 12)
	gone := b.grant(web, 50, 12)
	b.day(4, 10)
	b.extend(revived, "2026-04-20") // 100 again, until they expire once more
	b.day(4, 15)
	b.debit(web, taocan.Verification, 40)
	_, _, err := b.packages.Freeze(b.ctx, staff, cold, b.key(), []byte("content"), "test")
	b.must(err)
	_, _, err = b.packages.Transfer(b.ctx, staff, web, gone, b.key(), []byte("content"), packages.TransferRequest{To: "shop", Quantity: 20, Reason: "test"})
	b.must(err)
	b.day(5, 2)
	april := statement.Messages{Opening: 180, Restored: 100, Used: 40, TransferredOut: 20, Expired: 160, Closing: 60, ClosingFrozen: 30}
	if got := b.project(web, "2026-04").Sum; got != april {
		t.Errorf("April is %+v, want %+v", got, april)
	}
	if got, want := b.project(shop, "2026-04").Sum, (statement.Messages{TransferredIn: 20, Closing: 20}); got != want {
		t.Errorf("the receiver's April is %+v, want %+v", got, want)
	}
	if got := b.account("2026-04").Sum; got.TransferredIn != got.TransferredOut || got.Closing != 80 {
		t.Errorf("the account's April is %+v, want what went out to have come in", got)
	}
	b.extend(revived, "2026-12-31")
	_, _, err = b.packages.Unfreeze(b.ctx, staff, cold, b.key(), []byte("content"), "test")
	b.must(err)
	if got := b.project(web, "2026-04").Sum; got != april {
		t.Errorf("an extension in May changed April to %+v", got)
	}
	b.day(6, 2)
	if got, want := b.project(web, "2026-05").Sum, (statement.Messages{Opening: 60, Restored: 60, Closing: 120}); got != want {
		t.Errorf("May is %+v, want %+v", got, want)
	}
}
