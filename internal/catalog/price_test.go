package catalog

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"taocan/internal/clock"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// shelf is a Reader of a few lists and products.
type shelf struct {
	store.Reader // nil: quotes read nothing else
	lists        []taocan.PriceList
	products     []taocan.Product
}

func (s shelf) PriceListAt(_ context.Context, category taocan.Category, _ time.Time) (taocan.PriceList, error) {
	for _, l := range s.lists {
		if l.Category == category {
			return l, nil
		}
	}
	return taocan.PriceList{}, taocan.ErrNotFound
}

func (s shelf) Product(_ context.Context, id taocan.ProductID) (taocan.Product, error) {
	for _, p := range s.products {
		if p.ID == id {
			return p, nil
		}
	}
	return taocan.Product{}, taocan.ErrNotFound
}

var (
	noon       = time.Date(2021, 4, 1, 4, 0, 0, 0, time.UTC)
	enterprise = taocan.Account{ID: "acme", Level: taocan.Enterprise}
	shipped    = Defaults()
	standard   = shelf{lists: []taocan.PriceList{shipped.PriceLists[0], shipped.PriceLists[2]}, products: shipped.Products}
	later      = shelf{lists: shipped.PriceLists[1:2]}
)

func testCatalog(maxQuantity taocan.Segments) *Catalog {
	return New(nil, clock.NewFake(noon), time.UTC, maxQuantity)
}

func domestic(p taocan.Purpose, quantity taocan.Segments) taocan.Purchase {
	return taocan.Purchase{Kind: taocan.Custom, Category: taocan.Domestic, Purpose: p, Quantity: quantity}
}

func abroad(country taocan.Country, quantity taocan.Segments) taocan.Purchase {
	return taocan.Purchase{Kind: taocan.Custom, Category: taocan.International, Country: country, Quantity: quantity}
}

func fixed(id taocan.ProductID, count int) taocan.Purchase {
	return taocan.Purchase{Kind: taocan.Fixed, Product: id, Count: count}
}

func TestWorkedPrices(t *testing.T) {
	c := testCatalog(0)
	for _, x := range []struct {
		buy    taocan.Purchase
		amount string
		better string // quantity costs amount saves
	}{
		{domestic(taocan.Verification, 1_000), "44.00", ""},
		{domestic(taocan.Verification, 100), "4.40", ""},
		{domestic(taocan.Marketing, 1_000), "44.00", ""},
		{domestic(taocan.Verification, 95_000), "4180.00", "100000 4000.00 180.00"},
		{domestic(taocan.Verification, 99_900), "4395.60", "100000 4000.00 395.60"},
		{domestic(taocan.Verification, 100_000), "4000.00", ""},
		{domestic(taocan.Verification, 300_000), "11700.00", ""},
		{domestic(taocan.Verification, 3_000_000), "108000.00", ""},
		{domestic(taocan.Verification, 90_900), "3999.60", ""},                         // a little less than 100,000 cost
		{domestic(taocan.Verification, 299_900), "11996.00", "300000 11700.00 296.00"}, // not 500,000
		{abroad("HK", 100), "39.70", ""},
		{fixed("verification-5k", 1), "250.00", "5000 220.00 30.00"},
		{fixed("verification-5k", 2), "500.00", "10000 440.00 60.00"},
		{fixed("verification-5k", 19), "4750.00", "100000 4000.00 750.00"}, // 95,000, and more for less
		{fixed("verification-100k", 1), "4000.00", ""},                     // custom costs as much
		{fixed("verification-100k", 3), "12000.00", "300000 11700.00 300.00"},
		{fixed("verification-300k", 1), "11700.00", ""},
	} {
		q, err := c.QuoteAt(t.Context(), standard, noon, enterprise, x.buy)
		if err != nil {
			t.Errorf("quote %+v: %v", x.buy, err)
			continue
		}
		better := ""
		if b := q.BetterOffer; b != nil {
			better = fmt.Sprintf("%d %s %s", b.Quantity, b.Amount, b.Saves)
		}
		if q.Amount.String() != x.amount || better != x.better {
			t.Errorf("quote %+v: got %s, better %q; want %s, better %q", x.buy, q.Amount, better, x.amount, x.better)
		}
	}
}

func TestEveryTierBoundFromBothSides(t *testing.T) {
	c := testCatalog(0)
	defaults := []struct {
		quantity taocan.Segments
		price    string
	}{
		{100, "0.044"}, {99_900, "0.044"}, {100_000, "0.040"}, {299_900, "0.040"}, {300_000, "0.039"}, {499_900, "0.039"},
		{500_000, "0.038"}, {999_900, "0.038"}, {1_000_000, "0.037"}, {2_999_900, "0.037"}, {3_000_000, "0.036"}, {10_000_000, "0.036"},
	}
	for _, p := range []taocan.Purpose{taocan.Verification, taocan.Marketing} {
		for _, x := range defaults {
			wantPrice(t, c, standard, p, x.quantity, x.price)
		}
	}
	for _, x := range []struct {
		quantity                taocan.Segments
		verification, marketing string
	}{
		{100, "0.050", "0.055"}, {9_900, "0.050", "0.055"}, {10_000, "0.045", "0.054"}, {99_900, "0.045", "0.054"},
		{100_000, "0.042", "0.049"}, {499_900, "0.042", "0.049"}, {500_000, "0.041", "0.048"}, {999_900, "0.041", "0.048"},
		{1_000_000, "0.040", "0.048"}, {2_999_900, "0.040", "0.048"},
	} {
		wantPrice(t, c, later, taocan.Verification, x.quantity, x.verification)
		wantPrice(t, c, later, taocan.Marketing, x.quantity, x.marketing)
	}
	for _, p := range []taocan.Purpose{taocan.Verification, taocan.Marketing} {
		for _, quantity := range []taocan.Segments{3_000_000, 3_000_100, 10_000_000} {
			_, err := c.QuoteAt(t.Context(), later, noon, enterprise, domestic(p, quantity))
			if code := saleCode(err); code != taocan.CodeAbovePriceList {
				t.Errorf("%d %s on the later list: got %q (%v), want %q", quantity, p, code, err, taocan.CodeAbovePriceList)
			}
		}
	}
}

func wantPrice(t *testing.T, c *Catalog, r store.Reader, p taocan.Purpose, quantity taocan.Segments, price string) {
	t.Helper()
	q, err := c.QuoteAt(t.Context(), r, noon, enterprise, domestic(p, quantity))
	if err != nil {
		t.Errorf("%d %s: %v", quantity, p, err)
		return
	}
	unit, err := taocan.ParseUnitPrice(price)
	if err != nil {
		t.Fatal(err)
	}
	amount := taocan.Fen(int64(quantity) * int64(unit) / 100)
	if q.UnitPrice.String() != price || !q.HasUnitPrice || q.Amount != amount {
		t.Errorf("%d %s: got %s at %s, want %s at %s", quantity, p, q.Amount, q.UnitPrice, amount, price)
	}
}

func TestEveryBoundOfALineFromBothSides(t *testing.T) { // single messages, which custom quantities never reach
	row, _ := Row(shipped.PriceLists[0], taocan.Verification, "")
	for i, tier := range row.Tiers[1:] {
		below, _, err := Price(row, tier.From-1)
		at, _, errAt := Price(row, tier.From)
		if err != nil || errAt != nil || below != row.Tiers[i].Price || at != tier.Price {
			t.Errorf("around %d: got %s, %s (%v, %v), want %s, %s", tier.From, below, at, err, errAt, row.Tiers[i].Price, tier.Price)
		}
	}
}

func TestHalfAFenRoundsUpOnceAtTheLine(t *testing.T) {
	for _, x := range []struct {
		quantity taocan.Segments
		price    taocan.UnitPrice
		want     taocan.Fen
	}{
		{1, 49, 0}, {1, 50, 1}, {1, 149, 1}, {1, 150, 2},
		{3, 50, 2},        // 1.5 fen; three messages rounded one by one would be 3
		{101, 3850, 3889}, // 3,888.5
		{101, 3849, 3887}, // 3,887.49
		{0, 440, 0},
	} {
		_, got, err := Price(taocan.PriceRow{Tiers: []taocan.Tier{{Price: x.price}}}, x.quantity)
		if err != nil || got != x.want {
			t.Errorf("%d at %s: got %d fen (%v), want %d", x.quantity, x.price, got, err, x.want)
		}
	}
}

// The same in exact fractions, with nothing shared but the rows.

func exact(row taocan.PriceRow, quantity taocan.Segments) (*big.Rat, taocan.UnitPrice) {
	unit := taocan.UnitPrice(-1)
	for i := len(row.Tiers) - 1; i >= 0 && unit < 0; i-- {
		if row.Tiers[i].From <= quantity {
			unit = row.Tiers[i].Price
		}
	}
	return new(big.Rat).Mul(big.NewRat(int64(unit), 10_000), new(big.Rat).SetInt64(int64(quantity))), unit
}

// fen rounds yuan half up by decimal text, which is exact here.
func fen(yuan *big.Rat) taocan.Fen {
	f, err := taocan.ParseFen(yuan.FloatString(2)) // FloatString rounds halves away from zero
	if err != nil {
		panic(err)
	}
	return f
}

var prices = rapid.Custom(func(t *rapid.T) []taocan.Tier {
	var tiers []taocan.Tier
	from := taocan.Segments(0)
	for range rapid.IntRange(1, 6).Draw(t, "tiers") {
		tiers = append(tiers, taocan.Tier{From: from, Price: taocan.UnitPrice(rapid.IntRange(1, 6000).Draw(t, "price"))})
		from += Step * taocan.Segments(rapid.IntRange(1, 60).Draw(t, "step"))
	}
	return tiers
})

func TestRandomLinesAgreeWithExactFractions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		row := taocan.PriceRow{Tiers: prices.Draw(t, "tiers")}
		quantity := taocan.Segments(rapid.Int64Range(0, 40_000).Draw(t, "quantity"))
		want, wantUnit := exact(row, quantity)
		unit, got, err := Price(row, quantity)
		if err != nil || unit != wantUnit || got != fen(want) {
			t.Fatalf("%d of %v: got %s at %s (%v), want %s at %s", quantity, row.Tiers, got, unit, err, want.FloatString(4), wantUnit)
		}
	})
}

func TestRandomQuotesAgreeWithExactFractions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		maxQuantity := Step * taocan.Segments(rapid.IntRange(1, 400).Draw(t, "max"))
		row := taocan.PriceRow{Purpose: taocan.Marketing, Tiers: prices.Draw(t, "tiers")}
		if rapid.Bool().Draw(t, "ends") {
			row.Below = row.Tiers[len(row.Tiers)-1].From + Step*taocan.Segments(rapid.IntRange(1, 60).Draw(t, "length"))
		}
		list := taocan.PriceList{ID: "random", Category: taocan.Domestic, ValidityMonths: 12, ChargeOn: taocan.ChargeOnSubmit, Rows: []taocan.PriceRow{row}}
		product := taocan.Product{ID: "p", Category: taocan.Domestic, Purpose: taocan.Marketing, ValidityMonths: 12, ChargeOn: taocan.ChargeOnSubmit, OnSale: true,
			Quantity: taocan.Segments(rapid.Int64Range(1, 5_000).Draw(t, "product")), Price: taocan.Fen(rapid.Int64Range(1, 500_000).Draw(t, "price of the product"))}
		r := shelf{lists: []taocan.PriceList{list}, products: []taocan.Product{product}}

		buy := domestic(taocan.Marketing, Step*taocan.Segments(rapid.Int64Range(1, int64(maxQuantity/Step)).Draw(t, "hundreds")))
		wantAmount, wantUnit := exact(row, buy.Quantity)
		from := buy.Quantity + Step
		if rapid.Bool().Draw(t, "fixed") {
			buy = fixed("p", rapid.IntRange(1, MaxCount).Draw(t, "count"))
			wantAmount, wantUnit = new(big.Rat).Mul(big.NewRat(int64(product.Price), 100), big.NewRat(int64(buy.Count), 1)), 0
			from = (product.Quantity*taocan.Segments(buy.Count) + Step - 1) / Step * Step
		}

		q, err := testCatalog(maxQuantity).QuoteAt(context.Background(), r, noon, enterprise, buy)
		if buy.Kind == taocan.Custom && row.Below != 0 && buy.Quantity >= row.Below {
			if saleCode(err) != taocan.CodeAbovePriceList {
				t.Fatalf("at or above the end of the list: got %v", err)
			}
			return
		}
		if err != nil || q.Amount != fen(wantAmount) || q.UnitPrice != wantUnit {
			t.Fatalf("quote %+v: got %s at %s (%v), want %s at %s", buy, q.Amount, q.UnitPrice, err, wantAmount.FloatString(4), wantUnit)
		}

		var want *taocan.BetterOffer // every quantity that can be bought, not only the tiers' starts
		best := wantAmount
		for quantity := from; quantity <= maxQuantity && (row.Below == 0 || quantity < row.Below); quantity += Step {
			if costs, _ := exact(row, quantity); costs.Cmp(best) < 0 {
				best = costs
				want = &taocan.BetterOffer{Quantity: quantity, Amount: fen(costs), Saves: fen(wantAmount) - fen(costs)}
			}
		}
		if diff := cmp.Diff(want, q.BetterOffer); diff != "" {
			t.Fatalf("better offer for %+v (-want +got):\n%s", buy, diff)
		}
	})
}

func TestQuantitiesThatAreNotSold(t *testing.T) {
	for _, x := range []struct {
		quantity taocan.Segments
		want     string
	}{
		{-100, taocan.CodeTooSmall}, {0, taocan.CodeTooSmall}, {50, taocan.CodeTooSmall}, {99, taocan.CodeTooSmall}, {100, ""},
		{150, taocan.CodeNotMultiple}, {101, taocan.CodeNotMultiple}, {10_000_000, ""}, {10_000_001, taocan.CodeTooLarge}, {10_000_100, taocan.CodeTooLarge},
		{1<<63 - 1, taocan.CodeTooLarge},
	} {
		_, err := testCatalog(0).QuoteAt(t.Context(), standard, noon, enterprise, domestic(taocan.Verification, x.quantity))
		if got := saleCode(err); got != x.want || (err != nil) != (x.want != "") {
			t.Errorf("quantity %d: got %q (%v), want %q", x.quantity, got, err, x.want)
		}
	}
	if _, err := testCatalog(500).QuoteAt(t.Context(), standard, noon, enterprise, domestic(taocan.Verification, 600)); saleCode(err) != taocan.CodeTooLarge {
		t.Errorf("above a configured maximum: got %v", err)
	}
}

func TestPurchasesThatAreRefused(t *testing.T) {
	offSale := shipped.Products[0]
	offSale.OnSale = false
	general := taocan.Product{ID: "general", Category: taocan.Domestic, Purpose: taocan.General, Quantity: 5000, Price: 1, ValidityMonths: 12, OnSale: true}
	shop := shelf{lists: standard.lists, products: []taocan.Product{offSale, general}}
	with := func(p taocan.Purchase, change func(*taocan.Purchase)) taocan.Purchase { change(&p); return p }
	code := func(code string) error { return &taocan.SaleError{Code: code} }
	at := func(location string) error { return taocan.Invalid(location, "", nil) }
	for _, x := range []struct {
		name string
		from shelf
		buy  taocan.Purchase
		want error
	}{
		{"general is never sold as a custom package at home", shop, domestic(taocan.General, 100), code(taocan.CodePurposeNotForSale)},
		{"abroad only general is sold", shop, with(abroad("HK", 100), func(p *taocan.Purchase) { p.Purpose = taocan.Verification }), code(taocan.CodePurposeNotForSale)},
		{"a country that the list lacks", shop, abroad("MY", 100), code(taocan.CodeCountryNotForSale)},
		{"no international list in force", later, abroad("HK", 100), code(taocan.CodeCountryNotForSale)},
		{"no domestic list in force", shelf{}, domestic(taocan.Verification, 100), code(taocan.CodePurposeNotForSale)},
		{"an unknown product", shop, fixed("nothing", 1), code(taocan.CodeProductNotForSale)},
		{"a product taken off sale", shop, fixed(offSale.ID, 1), code(taocan.CodeProductNotForSale)},
		{"a kind nobody knows", shop, taocan.Purchase{Kind: "gift"}, at("body.kind")},
		{"a category nobody knows", shop, with(domestic(taocan.Verification, 100), func(p *taocan.Purchase) { p.Category = "lunar" }), at("body.category")},
		{"no purpose at home", shop, domestic("", 100), at("body.purpose")},
		{"a purpose nobody knows", shop, domestic("spam", 100), at("body.purpose")},
		{"no country abroad", shop, abroad("", 100), at("body.country")},
		{"a country in small letters", shop, abroad("hk", 100), at("body.country")},
		{"a country at home", shop, with(domestic(taocan.Verification, 100), func(p *taocan.Purchase) { p.Country = "HK" }), at("body.country")},
		{"a product in a custom purchase", shop, with(domestic(taocan.Verification, 100), func(p *taocan.Purchase) { p.Product = "x" }), at("body.product")},
		{"a count in a custom purchase", shop, with(domestic(taocan.Verification, 100), func(p *taocan.Purchase) { p.Count = 1 }), at("body.count")},
		{"a fixed purchase without a product", shop, fixed("", 1), at("body.product")},
		{"no packages", shop, fixed("general", 0), at("body.count")},
		{"fewer than no packages", shop, fixed("general", -1), at("body.count")},
		{"more than a hundred packages", shop, fixed("general", 101), at("body.count")},
		{"a quantity in a fixed purchase", shop, with(fixed("general", 1), func(p *taocan.Purchase) { p.Quantity = 100 }), at("body.quantity")},
		{"another purpose than the product's", shop, with(fixed("general", 1), func(p *taocan.Purchase) { p.Purpose = taocan.Marketing }), at("body.purpose")},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, err := testCatalog(0).QuoteAt(t.Context(), x.from, noon, enterprise, x.buy)
			if saleCode(err) != saleCode(x.want) || location(err) != location(x.want) {
				t.Errorf("got %v, want %q%s", err, saleCode(x.want), location(x.want))
			}
		})
	}
}

func TestWhoMayBuyWhat(t *testing.T) {
	code := taocan.Product{ID: "codes", Category: taocan.Domestic, Purpose: taocan.Verification, Quantity: 5000, Price: 1, ValidityMonths: 12, OnSale: true}
	both := code
	both.ID, both.Purpose = "both", taocan.General
	shop := shelf{lists: standard.lists, products: []taocan.Product{code, both}}
	for _, x := range []struct {
		buy                              taocan.Purchase
		unverified, personal, enterprise string // the level that is needed, or ""
	}{
		{domestic(taocan.Verification, 100), "personal", "", ""},
		{domestic(taocan.Marketing, 100), "enterprise", "enterprise", ""},
		{abroad("HK", 100), "enterprise", "enterprise", ""},
		{fixed("codes", 1), "personal", "", ""},
		{fixed("both", 1), "enterprise", "enterprise", ""},
	} {
		for level, want := range map[taocan.Level]string{taocan.Unverified: x.unverified, taocan.Personal: x.personal, taocan.Enterprise: x.enterprise, "": x.unverified} {
			_, err := testCatalog(0).QuoteAt(t.Context(), shop, noon, taocan.Account{Level: level}, x.buy)
			got := ""
			if forbidden := (*taocan.ForbiddenError)(nil); errors.As(err, &forbidden) {
				got = forbidden.Required
			}
			if got != want || (err != nil) != (want != "") {
				t.Errorf("level %q buys %+v: needs %q (%v), want %q", level, x.buy, got, err, want)
			}
		}
	}
}

func TestQuoteSaysWhatWouldBeIssued(t *testing.T) {
	c := testCatalog(0)
	for _, x := range []struct {
		buy  taocan.Purchase
		want taocan.Quote
	}{
		{domestic(taocan.Marketing, 1000), taocan.Quote{Purchase: domestic(taocan.Marketing, 1000), Name: "国内短信包(营销推广)", Each: 1000, Packages: 1, Quantity: 1000,
			UnitPrice: 440, HasUnitPrice: true, Amount: 4400, ValidityMonths: 12, ChargeOn: taocan.ChargeOnSubmit, PriceList: DefaultDomestic}},
		{abroad("HK", 200), taocan.Quote{Purchase: taocan.Purchase{Kind: taocan.Custom, Category: taocan.International, Purpose: taocan.General, Country: "HK", Quantity: 200},
			Name: "国际短信包(中国香港HK)", Each: 200, Packages: 1, Quantity: 200,
			UnitPrice: 3970, HasUnitPrice: true, Amount: 7940, ValidityMonths: 12, ChargeOn: taocan.ChargeOnSubmit, PriceList: DefaultInternational}},
		{fixed("verification-100k", 2), taocan.Quote{Purchase: taocan.Purchase{Kind: taocan.Fixed, Category: taocan.Domestic, Purpose: taocan.Verification, Product: "verification-100k", Count: 2},
			Name: "国内短信包10万条(验证通知)", Each: 100_000, Packages: 2, Quantity: 200_000, Amount: 800_000, ValidityMonths: 12, ChargeOn: taocan.ChargeOnSubmit}},
	} {
		got, err := c.QuoteAt(t.Context(), standard, noon, enterprise, x.buy)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(x.want, got); diff != "" {
			t.Errorf("quote %+v (-want +got):\n%s", x.buy, diff)
		}
	}
}

func TestAFixedPackageIsOnlyComparedWithCustomPackagesThatAreNoWorse(t *testing.T) {
	for _, x := range []struct {
		name   string
		change func(*taocan.Product)
		better bool
	}{
		{"same terms", func(*taocan.Product) {}, true},
		{"shorter validity than the price list's", func(p *taocan.Product) { p.ValidityMonths = 6 }, true},
		{"longer validity than the price list's", func(p *taocan.Product) { p.ValidityMonths = 24 }, false},
		{"charged on delivery", func(p *taocan.Product) { p.ChargeOn = taocan.ChargeOnDelivered }, false},
		{"general, which is not sold as custom", func(p *taocan.Product) { p.Purpose = taocan.General }, false},
		{"more than may be bought at once", func(p *taocan.Product) { p.Quantity, p.Price = 20_000_000, 100_000_000 }, false},
	} {
		product := shipped.Products[0]
		x.change(&product)
		q, err := testCatalog(0).QuoteAt(t.Context(), shelf{lists: standard.lists, products: []taocan.Product{product}}, noon, enterprise, fixed(product.ID, 1))
		if err != nil || (q.BetterOffer != nil) != x.better {
			t.Errorf("%s: got %v (%v), want a better offer: %v", x.name, q.BetterOffer, err, x.better)
		}
	}
}

func TestCountryNames(t *testing.T) {
	for code, want := range map[taocan.Country][2]string{
		"MY": {"马来西亚", "Malaysia"}, "US": {"美国", "United States"}, "SG": {"新加坡", "Singapore"},
		"HK": {"中国香港", "Hong Kong, China"}, "MO": {"中国澳门", "Macao, China"}, "TW": {"中国台湾", "Taiwan, China"},
		"XX": {"XX", "XX"}, "EU": {"EU", "EU"}, "": {"", ""},
	} {
		if zh, en := CountryName(code); zh != want[0] || en != want[1] {
			t.Errorf("%s: got %s, %s, want %v", code, zh, en, want)
		}
	}
}

func saleCode(err error) string {
	if sale := (*taocan.SaleError)(nil); errors.As(err, &sale) {
		return sale.Code
	}
	return ""
}

func location(err error) string {
	if invalid := (*taocan.InvalidError)(nil); errors.As(err, &invalid) {
		return invalid.Fields[0].Location
	}
	return ""
}

func TestCountriesHaveDialCodes(t *testing.T) {
	for code, want := range map[taocan.Country]int{"HK": 852, "US": 1, "MY": 60, "XX": 0} {
		if got := dialCode(code); got != want {
			t.Errorf("dial code of %s = %d, want %d", code, got, want)
		}
	}
}
