package order

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

func TestAnOrderRecordsWhatWasBoughtAgreedAndBy(t *testing.T) {
	s := open(t)
	owner := s.member("m1", taocan.Owner)
	ord, replayed, err := s.create(owner, "k1", thousand)
	must(t, err)
	agreement, err := s.catalog.Agreement(s.ctx)
	must(t, err)
	want := taocan.Order{
		Tenant: web, ID: ord.ID, Description: "国内短信 · 自定义套餐 · 验证通知 · 1000条", Quote: ord.Quote,
		AgreementVersion: "sample-1", AgreementHash: agreement.Hash, By: ord.By,
		CreatedAt: ord.CreatedAt, ClosesAt: ord.CreatedAt.Add(24 * time.Hour), State: taocan.OrderPending,
	}
	if diff := cmp.Diff(want, ord); diff != "" || replayed || ord.CreatedAt.Before(noon) || len(ord.ID) != 21 {
		t.Errorf("replayed %v (-want +got):\n%s", replayed, diff)
	}
	if ord.By.Member != "m1" || ord.By.Role != taocan.Owner || ord.By.Address != "192.0.2.2" {
		t.Errorf("by %+v", ord.By)
	}
	q := ord.Quote
	if q.Amount != 44_00 || q.Quantity != 1000 || q.UnitPrice != 440 || q.Packages != 1 || q.Name != "国内短信包(验证通知)" || q.PriceList != "domestic-2019-04-09" {
		t.Errorf("quote %+v", q)
	}
	read, err := s.Order(s.ctx, web, ord.ID)
	must(t, err)
	if diff := cmp.Diff(ord, read); diff != "" {
		t.Errorf("read later (-made +read):\n%s", diff)
	}
	if packages := s.state().Packages; len(packages) != 0 {
		t.Errorf("issued before payment: %v", packages)
	}
}

func TestTheSameKeyMakesOneOrder(t *testing.T) {
	s := open(t)
	s.fund(0, 100_00, 0)
	first, _, err := s.create(token, "k1", thousand)
	must(t, err)

	before := s.state("k1")
	again, replayed, err := s.create(token, "k1", thousand)
	must(t, err)
	if diff := cmp.Diff(first, again); diff != "" || !replayed {
		t.Errorf("again: replayed %v (-first +again):\n%s", replayed, diff)
	}
	more := thousand
	more.Quantity = 2000
	_, _, err = s.create(token, "k1", more)
	wantErr(t, err, taocan.ErrConflict)
	s.wantUnchanged(before, "k1")

	_, _, err = s.pay("p1", first.ID, "")
	must(t, err)
	again, replayed, err = s.create(token, "k1", thousand)
	must(t, err)
	if diff := cmp.Diff(first, again); diff != "" || !replayed {
		t.Errorf("after payment: replayed %v (-first +again):\n%s", replayed, diff)
	}

	inShop := token
	inShop.Project = "shop"
	other, replayed, err := s.create(inShop, "k1", more)
	must(t, err)
	if replayed || other.ID == first.ID {
		t.Error("a key of one project was found in another")
	}
}

func TestARefusedOrderStoresNothingAndItsKeyMayBeUsedAgain(t *testing.T) {
	s := open(t)
	bad := thousand
	bad.Quantity = 150
	before := s.state("k1")
	_, _, err := s.create(token, "k1", bad)
	wantErr(t, err, taocan.ErrNotForSale)
	s.wantUnchanged(before, "k1")
	_, replayed, err := s.create(token, "k1", thousand)
	if err != nil || replayed {
		t.Errorf("the key after a refusal: replayed %v, %v", replayed, err)
	}
	for _, key := range []string{"", "with space", string(make([]byte, 129)), "中"} {
		_, _, err := s.create(token, key, thousand)
		wantErr(t, err, taocan.ErrInvalid)
	}
}

func TestTheCurrentAgreementMustBeAccepted(t *testing.T) {
	s := open(t)
	order := func(version string) (taocan.Order, error) {
		ord, _, err := s.Create(s.ctx, token, "k-"+version+"-", content(version), thousand, version)
		return ord, err
	}
	wantCurrent := func(err error, current string) {
		t.Helper()
		if e := (*taocan.AgreementError)(nil); !errors.As(err, &e) || e.CurrentVersion != current {
			t.Errorf("got %v, want version %s to be named", err, current)
		}
	}
	_, err := order("")
	wantCurrent(err, "sample-1")
	_, err = order("Sample-1")
	wantCurrent(err, "sample-1")
	old, err := order("sample-1")
	must(t, err)

	_, err = s.catalog.PublishAgreement(s.ctx, staff, "2021-04", "# 新")
	must(t, err)
	_, _, err = s.Create(s.ctx, token, "other", content("x"), thousand, "sample-1")
	wantCurrent(err, "2021-04")
	fresh, err := order("2021-04")
	must(t, err)
	if fresh.AgreementHash == old.AgreementHash || fresh.AgreementHash == "" {
		t.Errorf("hashes %q and %q", old.AgreementHash, fresh.AgreementHash)
	}

	s.fund(0, 100_00, 0) // the agreement is that of the order, also at payment
	paid, _, err := s.pay("p1", old.ID, "")
	must(t, err)
	if paid.AgreementVersion != "sample-1" || paid.AgreementHash != old.AgreementHash {
		t.Errorf("paid under %s", paid.AgreementVersion)
	}
}

func TestAnOrderKeepsItsPriceWhenPricesChange(t *testing.T) {
	s := open(t)
	s.fund(0, 1000_00, 0)
	custom := s.order(thousand)
	fixed := s.order(taocan.Purchase{Kind: taocan.Fixed, Product: "verification-5k", Count: 1})

	list := dearer(s)
	_, err := s.catalog.Publish(s.ctx, staff, list)
	must(t, err)
	_, err = s.catalog.SetProductOnSale(s.ctx, staff, "verification-5k", false)
	must(t, err)
	s.clock.Advance(time.Hour)

	now := s.order(thousand)
	if now.Quote.Amount != 90_00 {
		t.Errorf("a new order costs %s", now.Quote.Amount)
	}
	_, _, err = s.create(token, "off sale", taocan.Purchase{Kind: taocan.Fixed, Product: "verification-5k", Count: 1})
	wantErr(t, err, taocan.ErrInvalid) // the key has a space
	_, _, err = s.create(token, "off-sale", taocan.Purchase{Kind: taocan.Fixed, Product: "verification-5k", Count: 1})
	wantErr(t, err, taocan.ErrNotForSale)
	for _, x := range []struct {
		id     taocan.OrderID
		amount taocan.Fen
	}{{custom.ID, 44_00}, {fixed.ID, 250_00}} {
		paid, _, err := s.pay("p-"+string(x.id), x.id, "")
		must(t, err)
		if paid.Payment.Split.Total() != x.amount {
			t.Errorf("paid %s, want %s", paid.Payment.Split.Total(), x.amount)
		}
	}
}

// dearer costs 0.090 from a minute on.
func dearer(s *shop) taocan.PriceList {
	return taocan.PriceList{ID: "dearer", Category: taocan.Domestic, ValidFrom: s.clock.Now().Add(time.Minute), ValidityMonths: 12,
		Rows: []taocan.PriceRow{{Purpose: taocan.Verification, Tiers: []taocan.Tier{{Price: 900}}}}}
}

func TestWhoMayOrder(t *testing.T) {
	s := open(t)
	marketing := thousand
	marketing.Purpose = taocan.Marketing
	owner, finance, viewer := s.member("m1", taocan.Owner), s.member("m2", taocan.Finance), s.member("m3", taocan.Viewer)
	gone := viewer
	gone.Member, gone.Role = "nobody", taocan.Owner
	promoted := viewer
	promoted.Role = taocan.Owner // what a credential says does not count
	for _, x := range []struct {
		name     string
		actor    taocan.Actor
		level    taocan.Level
		buy      taocan.Purchase
		required string
	}{
		{"an owner", owner, taocan.Enterprise, marketing, ""},
		{"finance", finance, taocan.Enterprise, marketing, ""},
		{"a plain token", token, taocan.Enterprise, marketing, ""},
		{"a viewer", viewer, taocan.Enterprise, marketing, "finance"},
		{"a viewer whose credential says owner", promoted, taocan.Enterprise, marketing, "finance"},
		{"a member who is gone", gone, taocan.Enterprise, marketing, "finance"},
		{"an unverified account", owner, taocan.Unverified, thousand, "personal"},
		{"a personal account, verification", owner, taocan.Personal, thousand, ""},
		{"a personal account, marketing", owner, taocan.Personal, marketing, "enterprise"},
	} {
		s.setLevel(x.level)
		_, _, err := s.create(x.actor, "k-"+string(x.actor.Member)+string(x.level)+string(x.buy.Purpose)+string(x.actor.Role), x.buy)
		got := ""
		if e := (*taocan.ForbiddenError)(nil); errors.As(err, &e) {
			got = e.Required
		}
		if got != x.required || (err != nil) != (x.required != "") {
			t.Errorf("%s: got %v, want %q to be required", x.name, err, x.required)
		}
	}
}

func TestOrdersAreListedPerProjectAndState(t *testing.T) {
	s := open(t)
	s.fund(0, 44_00, 0)
	paid, cancelled, closed := s.order(thousand), s.order(thousand), s.order(thousand)
	_, _, err := s.pay("p", paid.ID, "")
	must(t, err)
	_, err = s.Cancel(s.ctx, token, cancelled.ID)
	must(t, err)
	s.clock.Advance(25 * time.Hour) // nobody sweeps
	pending := s.order(thousand)
	for state, want := range map[taocan.OrderState][]taocan.OrderID{
		"":                    {pending.ID, closed.ID, cancelled.ID, paid.ID},
		taocan.OrderPending:   {pending.ID},
		taocan.OrderClosed:    {closed.ID},
		taocan.OrderCancelled: {cancelled.ID},
		taocan.OrderPaid:      {paid.ID},
	} {
		page, err := s.Orders.Orders(s.ctx, web, state, store.Paging{Limit: 10})
		must(t, err)
		var got []taocan.OrderID
		for _, o := range page.Items {
			if state != "" && o.State != state {
				t.Errorf("state %s lists an order that is %s", state, o.State)
			}
			got = append(got, o.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("state %q (-want +got):\n%s", state, diff)
		}
	}
	_, err = s.Orders.Orders(s.ctx, web, "lost", store.Paging{Limit: 10})
	wantErr(t, err, taocan.ErrInvalid)
	for _, tenant := range []taocan.Tenant{theirs, {Account: "acme", Project: "shop"}} {
		page, err := s.Orders.Orders(s.ctx, tenant, "", store.Paging{Limit: 10})
		if err != nil || len(page.Items) != 0 {
			t.Errorf("%v lists %v, %v", tenant, page.Items, err)
		}
	}
	all, err := s.AllOrders(s.ctx, store.OrderFilter{Paging: store.Paging{Limit: 10}})
	if err != nil || len(all.Items) != 4 {
		t.Errorf("the operator sees %d orders, %v", len(all.Items), err)
	}
}
