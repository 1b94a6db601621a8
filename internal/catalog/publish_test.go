package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
	"taocan/internal/teststore"
)

var staff = taocan.Actor{Member: "m-staff", Role: taocan.OperatorRole, Scopes: []taocan.Scope{taocan.ScopeOperator}, Address: "192.0.2.9"}

// open is an empty store with a catalogue on it.
func open(t *testing.T) (*Catalog, *clock.Fake) {
	t.Helper()
	now := clock.NewFake(noon)
	return New(teststore.Open(t, teststore.Options{Clock: now}), now, time.FixedZone("UTC+8", 8*60*60), 0), now
}

func seeded(t *testing.T) (*Catalog, *clock.Fake) {
	t.Helper()
	c, now := open(t)
	must(t, c.Seed(t.Context()))
	return c, now
}

// audit lists what operators did, newest first.
func audit(t *testing.T, c *Catalog) (actions []string) {
	t.Helper()
	must(t, c.store.View(t.Context(), func(r store.Reader) error {
		page, err := r.AuditEntries(t.Context(), store.AuditFilter{Paging: store.Paging{Limit: 100}})
		for _, e := range page.Items {
			actions = append(actions, strings.Join([]string{e.By, e.Action, e.Subject}, " "))
		}
		return err
	}))
	return actions
}

func TestANewStoreSellsWhatIsShipped(t *testing.T) {
	c, _ := seeded(t)
	must(t, c.Seed(t.Context())) // at every start

	lists, err := c.PriceLists(t.Context(), "")
	must(t, err)
	if len(lists) != 3 {
		t.Errorf("%d price lists", len(lists))
	}
	for _, want := range shipped.PriceLists {
		i := slices.IndexFunc(lists, func(l taocan.PriceList) bool { return l.ID == want.ID })
		if i < 0 {
			t.Errorf("%s is missing", want.ID)
			continue
		}
		want.Published = lists[i].Published
		if diff := cmp.Diff(want, lists[i]); diff != "" {
			t.Errorf("%s (-shipped +stored):\n%s", want.ID, diff)
		}
	}
	for category, want := range map[taocan.Category]taocan.PriceListID{taocan.Domestic: DefaultDomestic, taocan.International: DefaultInternational} {
		if list, err := c.PriceList(t.Context(), category); err != nil || list.ID != want {
			t.Errorf("in force %s: %s, %v, want %s", category, list.ID, err, want)
		}
	}
	products, err := c.Products(t.Context(), taocan.Domestic)
	must(t, err)
	var names []string
	for _, p := range products {
		names = append(names, p.Name+" "+p.Price.String())
	}
	want := []string{"国内短信包5千条(验证通知) 250.00", "国内短信包10万条(验证通知) 4000.00", "国内短信包30万条(验证通知) 11700.00"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("products (-want +got):\n%s", diff)
	}
	countries, err := c.Countries(t.Context())
	if diff := cmp.Diff([]Country{{"HK", "中国香港", "Hong Kong, China", 852}}, countries); diff != "" || err != nil {
		t.Errorf("countries, %v (-want +got):\n%s", err, diff)
	}
	if got := audit(t, c); got != nil {
		t.Errorf("audit log %v", got)
	}
}

func TestTheShippedListsPassTheChecksOfPublishing(t *testing.T) {
	for _, list := range shipped.PriceLists {
		if err := testCatalog(0).checkList(list); err != nil {
			t.Errorf("%s: %v", list.ID, err)
		}
	}
	for _, p := range shipped.Products {
		if err := checkProduct(p); err != nil {
			t.Errorf("%s: %v", p.ID, err)
		}
	}
}

func TestTheSampleAgreementSaysThatThereAreNoRefunds(t *testing.T) {
	c, _ := seeded(t)
	a, err := c.Agreement(t.Context())
	must(t, err)
	hash := sha256.Sum256([]byte(a.Markdown))
	if a.Version == "" || a.Hash != hex.EncodeToString(hash[:]) || a.PublishedAt.IsZero() {
		t.Errorf("version %q, hash %q, published %s", a.Version, a.Hash, a.PublishedAt)
	}
	zh, en := strings.Index(a.Markdown, "退款"), strings.Index(a.Markdown, "refund")
	if zh < 0 || en < zh {
		t.Errorf("Chinese at %d, English at %d", zh, en)
	}
	if strings.Contains(strings.ToLower(a.Markdown), "ucloud") {
		t.Error("names somebody else's product")
	}
}

func TestSeedingChangesNothingThatAnOperatorPublished(t *testing.T) {
	c, _ := open(t)
	_, err := c.AddProduct(t.Context(), staff, taocan.Product{ID: "own", Name: "自己的", Category: taocan.Domestic, Purpose: taocan.General, Quantity: 1, Price: 1, ValidityMonths: 24, OnSale: true})
	must(t, err)
	_, err = c.PublishAgreement(t.Context(), staff, "1", "own")
	must(t, err)
	must(t, c.Seed(t.Context()))
	products, err := c.AllProducts(t.Context(), "")
	if err != nil || len(products) != 1 || products[0].ChargeOn != taocan.ChargeOnSubmit {
		t.Errorf("products %+v, %v", products, err)
	}
	if a, err := c.Agreement(t.Context()); err != nil || a.Version != "1" {
		t.Errorf("agreement %s, %v", a.Version, err)
	}
	if list, err := c.PriceList(t.Context(), taocan.Domestic); err != nil || list.ID != DefaultDomestic {
		t.Errorf("price list %s, %v", list.ID, err)
	}
}

func TestAPriceListIsInForceFromItsStartOn(t *testing.T) {
	c, now := seeded(t)
	start := noon.Add(time.Hour)
	list := taocan.PriceList{Category: taocan.Domestic, ValidFrom: start, ValidityMonths: 24, ChargeOn: taocan.ChargeOnDelivered,
		Rows: []taocan.PriceRow{{Purpose: taocan.Verification, Tiers: []taocan.Tier{{From: 0, Price: 1000}, {From: 500, Price: 900}}, Below: 1000}}}
	published, err := c.Publish(t.Context(), staff, list)
	must(t, err)
	if published.ID != "domestic-2021-04-01" || !published.Published.Equal(noon) {
		t.Errorf("published as %s at %s", published.ID, published.Published)
	}
	draft := list
	draft.ID, draft.Draft, draft.ValidFrom = "draft", true, noon.Add(-time.Hour)
	_, err = c.Publish(t.Context(), staff, draft)
	must(t, err)

	quote := func() taocan.Quote {
		t.Helper()
		q, err := c.Quote(t.Context(), enterprise, domestic(taocan.Verification, 900))
		must(t, err)
		return q
	}
	now.Set(start.Add(-time.Microsecond))
	if q := quote(); q.PriceList != DefaultDomestic || q.Amount != 39_60 || q.ValidityMonths != 12 {
		t.Errorf("just before: %+v", q)
	}
	now.Set(start)
	if q := quote(); q.PriceList != published.ID || q.Amount != 81_00 || q.ValidityMonths != 24 || q.ChargeOn != taocan.ChargeOnDelivered {
		t.Errorf("from its start: %+v", q)
	}
	if _, err := c.Quote(t.Context(), enterprise, domestic(taocan.Verification, 1000)); saleCode(err) != taocan.CodeAbovePriceList {
		t.Errorf("at its end: %v", err)
	}
	if _, err := c.Quote(t.Context(), enterprise, domestic(taocan.Marketing, 100)); saleCode(err) != taocan.CodePurposeNotForSale {
		t.Errorf("a purpose that it lacks: %v", err)
	}
	want := []string{"member:m-staff price_list.publish draft", "member:m-staff price_list.publish domestic-2021-04-01"}
	if diff := cmp.Diff(want, audit(t, c)); diff != "" {
		t.Errorf("audit log (-want +got):\n%s", diff)
	}
}

func TestAnInternationalListDecidesTheCountries(t *testing.T) {
	c, _ := seeded(t)
	tiers := []taocan.Tier{{Price: 3000}}
	_, err := c.Publish(t.Context(), staff, taocan.PriceList{ID: "more", Category: taocan.International, ValidityMonths: 12,
		Rows: []taocan.PriceRow{{Country: "US", Purpose: taocan.General, Tiers: tiers}, {Country: "MY", Tiers: tiers}}})
	must(t, err)
	countries, err := c.Countries(t.Context())
	if diff := cmp.Diff([]Country{{"MY", "马来西亚", "Malaysia", 60}, {"US", "美国", "United States", 1}}, countries); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	q, err := c.Quote(t.Context(), enterprise, abroad("MY", 100))
	if err != nil || q.Name != "国际短信包(马来西亚MY)" || q.Amount != 30_00 {
		t.Errorf("%+v, %v", q, err)
	}
	if _, err := c.Quote(t.Context(), enterprise, abroad("HK", 100)); saleCode(err) != taocan.CodeCountryNotForSale {
		t.Errorf("a country of the list before: %v", err)
	}
}

func TestPriceListsThatAreNotPublished(t *testing.T) {
	c, _ := seeded(t)
	good := func() taocan.PriceList {
		return taocan.PriceList{Category: taocan.Domestic, ValidFrom: noon.Add(time.Hour), ValidityMonths: 12,
			Rows: []taocan.PriceRow{{Purpose: taocan.Verification, Tiers: []taocan.Tier{{From: 0, Price: 440}, {From: 1000, Price: 400}}}}}
	}
	for _, x := range []struct {
		name   string
		change func(*taocan.PriceList)
		want   string
	}{
		{"the past", func(l *taocan.PriceList) { l.ValidFrom = noon.Add(-time.Microsecond) }, "body.valid_from"},
		{"a year that no answer could show", func(l *taocan.PriceList) { l.ValidFrom = taocan.MaxTime }, "body.valid_from"},
		{"no category", func(l *taocan.PriceList) { l.Category = "" }, "body.category"},
		{"no validity", func(l *taocan.PriceList) { l.ValidityMonths = 0 }, "body.validity_months"},
		{"a rule nobody knows", func(l *taocan.PriceList) { l.ChargeOn = "never" }, "body.charge_on"},
		{"an id with capitals", func(l *taocan.PriceList) { l.ID = "New" }, "body.id"},
		{"no rows", func(l *taocan.PriceList) { l.Rows = nil }, "body.rows"},
		{"a purpose twice", func(l *taocan.PriceList) { l.Rows = append(l.Rows, l.Rows[0]) }, "body.rows[1]"},
		{"no purpose", func(l *taocan.PriceList) { l.Rows[0].Purpose = "" }, "body.rows[0].purpose"},
		{"a country at home", func(l *taocan.PriceList) { l.Rows[0].Country = "HK" }, "body.rows[0].country"},
		{"a country that is none", func(l *taocan.PriceList) {
			l.Category, l.Rows[0].Purpose, l.Rows[0].Country = taocan.International, "", "EU"
		}, "body.rows[0].country"},
		{"a country twice under two purposes", func(l *taocan.PriceList) {
			tiers := l.Rows[0].Tiers
			l.Category, l.Rows = taocan.International, []taocan.PriceRow{{Country: "HK", Tiers: tiers}, {Country: "HK", Purpose: taocan.General, Tiers: tiers}}
		}, "body.rows[1]"},
		{"no tiers", func(l *taocan.PriceList) { l.Rows[0].Tiers = nil }, "body.rows[0].tiers"},
		{"a first tier above 0", func(l *taocan.PriceList) { l.Rows[0].Tiers[0].From = 100 }, "body.rows[0].tiers[0].from"},
		{"tiers that fall", func(l *taocan.PriceList) { l.Rows[0].Tiers[1].From = 0 }, "body.rows[0].tiers[1].from"},
		{"a tier nobody can buy the start of", func(l *taocan.PriceList) { l.Rows[0].Tiers[1].From = 1050 }, "body.rows[0].tiers[1].from"},
		{"a tier for nothing", func(l *taocan.PriceList) { l.Rows[0].Tiers[1].Price = 0 }, "body.rows[0].tiers[1].price"},
		{"a price beyond all money", func(l *taocan.PriceList) { l.Rows[0].Tiers[1].Price = 1 << 60 }, "body.rows[0].tiers[1].price"},
		{"an end before the last tier", func(l *taocan.PriceList) { l.Rows[0].Below = 1000 }, "body.rows[0].below"},
		{"an end within a hundred", func(l *taocan.PriceList) { l.Rows[0].Below = 1050 }, "body.rows[0].below"},
	} {
		list := good()
		x.change(&list)
		_, err := c.Publish(t.Context(), staff, list)
		if got := location(err); got != x.want {
			t.Errorf("%s: got %v, want %s to be refused", x.name, err, x.want)
		}
	}
	if _, err := c.Publish(t.Context(), taocan.Actor{Tenant: taocan.Tenant{Account: "acme", Project: "web"}}, good()); !errors.Is(err, taocan.ErrForbidden) {
		t.Errorf("by a customer: %v", err)
	}
	_, err := c.Publish(t.Context(), staff, good())
	must(t, err)
	twin := good()
	twin.ID = "twin" // the same start
	_, errTwin := c.Publish(t.Context(), staff, twin)
	again := good() // the same id
	again.ID, again.ValidFrom = "domestic-2021-04-01", again.ValidFrom.Add(time.Hour)
	_, errAgain := c.Publish(t.Context(), staff, again)
	if !errors.Is(errTwin, taocan.ErrConflict) || !errors.Is(errAgain, taocan.ErrConflict) {
		t.Errorf("same start: %v, same id: %v", errTwin, errAgain)
	}
	if n := len(audit(t, c)); n != 1 {
		t.Errorf("%d audit rows, want that of the one list", n)
	}
}

func TestAnInvalidListNamesAllThatIsWrong(t *testing.T) {
	err := testCatalog(0).checkList(taocan.PriceList{Category: "lunar", Rows: []taocan.PriceRow{{}}})
	invalid := (*taocan.InvalidError)(nil)
	if !errors.As(err, &invalid) || len(invalid.Fields) != 5 {
		t.Errorf("got %+v", invalid)
	}
}

func TestProductsComeAndGo(t *testing.T) {
	c, _ := seeded(t)
	product := taocan.Product{ID: "general-1k", Name: "1千条", Category: taocan.Domestic, Purpose: taocan.General, Quantity: 1000, Price: 44_00, ValidityMonths: 12}
	added, err := c.AddProduct(t.Context(), staff, product)
	must(t, err)
	if added.ChargeOn != taocan.ChargeOnSubmit || !added.CreatedAt.Equal(noon) {
		t.Errorf("added %+v", added)
	}
	quote := func() error {
		_, err := c.Quote(t.Context(), enterprise, fixed("general-1k", 1))
		return err
	}
	if err := quote(); saleCode(err) != taocan.CodeProductNotForSale {
		t.Errorf("before it is on sale: %v", err)
	}
	for _, onSale := range []bool{true, true, false} { // twice changes nothing
		got, err := c.SetProductOnSale(t.Context(), staff, "general-1k", onSale)
		if err != nil || got.OnSale != onSale {
			t.Errorf("%+v, %v", got, err)
		}
		if err := quote(); (err == nil) != onSale {
			t.Errorf("on sale %v: %v", onSale, err)
		}
	}
	if _, err := c.SetProductOnSale(t.Context(), staff, "nothing", true); !errors.Is(err, taocan.ErrNotFound) {
		t.Errorf("a product nobody knows: %v", err)
	}
	if _, err := c.AddProduct(t.Context(), staff, product); !errors.Is(err, taocan.ErrConflict) {
		t.Errorf("the same id: %v", err)
	}
	customer := taocan.Actor{Tenant: taocan.Tenant{Account: "acme"}}
	_, errAdd := c.AddProduct(t.Context(), customer, product)
	_, errSet := c.SetProductOnSale(t.Context(), customer, "general-1k", true)
	_, errAgree := c.PublishAgreement(t.Context(), customer, "2", "x")
	for _, err := range []error{errAdd, errSet, errAgree} {
		if !errors.Is(err, taocan.ErrForbidden) {
			t.Errorf("by a customer: %v", err)
		}
	}
	want := []string{"member:m-staff product.on_sale general-1k", "member:m-staff product.on_sale general-1k", "member:m-staff product.add general-1k"}
	if diff := cmp.Diff(want, audit(t, c)); diff != "" {
		t.Errorf("audit log (-want +got):\n%s", diff)
	}
	if list, err := c.AllProducts(t.Context(), taocan.International); err != nil || len(list) != 0 {
		t.Errorf("international products %v, %v", list, err)
	}
}

func TestProductsThatAreNotAdded(t *testing.T) {
	c, _ := seeded(t)
	for want, change := range map[string]func(*taocan.Product){
		"body.id":              func(p *taocan.Product) { p.ID = "" },
		"body.name":            func(p *taocan.Product) { p.Name = "a\tb" },
		"body.category":        func(p *taocan.Product) { p.Category = "" },
		"body.purpose":         func(p *taocan.Product) { p.Purpose = "" },
		"body.country":         func(p *taocan.Product) { p.Country = "HK" },
		"body.quantity":        func(p *taocan.Product) { p.Quantity = 0 },
		"body.price":           func(p *taocan.Product) { p.Price = 0 },
		"body.validity_months": func(p *taocan.Product) { p.ValidityMonths = 121 },
		"body.charge_on":       func(p *taocan.Product) { p.ChargeOn = "never" },
	} {
		p := taocan.Product{ID: "x", Name: "x", Category: taocan.Domestic, Purpose: taocan.General, Quantity: 1, Price: 1, ValidityMonths: 12}
		change(&p)
		if _, err := c.AddProduct(t.Context(), staff, p); location(err) != want {
			t.Errorf("got %v, want %s to be refused", err, want)
		}
	}
}

func TestTheLastPublishedAgreementIsCurrentEvenIfTheClockWasSetBack(t *testing.T) {
	c, now := seeded(t)
	now.Jump(-time.Hour)
	for _, version := range []string{"2", "1.5"} {
		_, err := c.PublishAgreement(t.Context(), staff, version, "text of "+version)
		must(t, err)
		if a, err := c.Agreement(t.Context()); err != nil || a.Version != version || a.Markdown != "text of "+version {
			t.Errorf("current is %s, %v", a.Version, err)
		}
	}
	for version, markdown := range map[string]string{"": "x", "a b": "x", "3": " ", "4": "\xff", "5": strings.Repeat("x", maxAgreementBytes+1)} {
		if _, err := c.PublishAgreement(t.Context(), staff, version, markdown); !errors.Is(err, taocan.ErrInvalid) {
			t.Errorf("version %q: %v", version, err)
		}
	}
	if _, err := c.PublishAgreement(t.Context(), staff, "2", "x"); !errors.Is(err, taocan.ErrConflict) {
		t.Errorf("a version twice: %v", err)
	}
	all, err := c.Agreements(t.Context())
	if err != nil || len(all) != 3 {
		t.Errorf("%d versions, %v", len(all), err)
	}
	if got := audit(t, c); len(got) != 2 {
		t.Errorf("audit log %v", got)
	}
}

func TestListsOfAnUnknownCategoryAreRefused(t *testing.T) {
	c, _ := seeded(t)
	_, errList := c.PriceList(t.Context(), "")
	_, errLists := c.PriceLists(t.Context(), "lunar")
	_, errProducts := c.Products(t.Context(), "lunar")
	for _, err := range []error{errList, errLists, errProducts} {
		if location(err) != "query.category" {
			t.Errorf("got %v", err)
		}
	}
}

func TestAnEmptyStoreSellsNothing(t *testing.T) {
	c, _ := open(t)
	countries, err := c.Countries(t.Context())
	if err != nil || len(countries) != 0 {
		t.Errorf("countries %v, %v", countries, err)
	}
	if _, err := c.Agreement(context.WithoutCancel(t.Context())); !errors.Is(err, taocan.ErrNotFound) {
		t.Errorf("agreement: %v", err)
	}
	if _, err := c.Quote(t.Context(), enterprise, domestic(taocan.Verification, 100)); saleCode(err) != taocan.CodePurposeNotForSale {
		t.Errorf("quote: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
