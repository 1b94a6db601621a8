package rest

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Yuan is money in requests and answers: a decimal string with two decimals.
type Yuan taocan.Fen

// Schema describes it.
func (Yuan) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString, Pattern: `^-?[0-9]{1,11}(\.[0-9]{1,2})?$`, Description: "Yuan", Examples: []any{"44.00"}}
	s.PrecomputeMessages()
	return s
}

// MarshalJSON writes "44.00".
func (y Yuan) MarshalJSON() ([]byte, error) { return []byte(`"` + taocan.Fen(y).String() + `"`), nil }

// UnmarshalJSON reads what the schema has let through.
func (y *Yuan) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	f, err := taocan.ParseFen(s)
	*y = Yuan(f)
	return err
}

// UnitYuan is the price of one message: a decimal string with three decimals, a fourth only where it is not 0.
type UnitYuan taocan.UnitPrice

// Schema describes it.
func (UnitYuan) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString, Pattern: `^[0-9]{1,7}(\.[0-9]{1,4})?$`, Description: "Yuan for one message", Examples: []any{"0.044"}}
	s.PrecomputeMessages()
	return s
}

// MarshalJSON writes "0.044".
func (y UnitYuan) MarshalJSON() ([]byte, error) {
	return []byte(`"` + taocan.UnitPrice(y).String() + `"`), nil
}

// UnmarshalJSON reads what the schema has let through.
func (y *UnitYuan) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	p, err := taocan.ParseUnitPrice(s)
	*y = UnitYuan(p)
	return err
}

// orNull shows an empty string as null.
func orNull[S ~string](s S) *string {
	if s == "" {
		return nil
	}
	t := string(s)
	return &t
}

// instant is a time in a query. A "+" that a client forgot to encode arrives as a space.
type instant string

func (i instant) parse(location string) (time.Time, error) {
	if i == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, strings.Replace(string(i), " ", "+", 1))
	if err != nil || t.IsZero() { // the zero time would be taken for one left out
		return time.Time{}, taocan.Invalid(location, "must be a full RFC 3339 time, like 2021-04-01T00:00:00+08:00", string(i))
	}
	return t, nil
}

// Paging is the query of a list: by page number, or by the cursor of the page before.
type Paging struct {
	Page    int    `query:"page" minimum:"1" maximum:"1000000000" doc:"From 1 (the default). Not together with cursor"`
	PerPage int    `query:"per_page" minimum:"1" maximum:"100" default:"10"`
	Cursor  string `query:"cursor" maxLength:"1000" doc:"next_cursor of the page before: the way through deep lists"`
}

func (p Paging) paging() (store.Paging, error) {
	if p.Cursor != "" && p.Page != 0 {
		return store.Paging{}, taocan.Invalid("query.page", "cannot be given together with cursor", p.Page)
	}
	return store.Paging{Limit: p.PerPage, Offset: (max(p.Page, 1) - 1) * p.PerPage, Cursor: p.Cursor}, nil
}

// List is one page of a list. Asked for by cursor, it has neither page nor total.
type List[T any] struct {
	Items        []T    `json:"items"`
	Page         *int   `json:"page,omitempty"`
	PerPage      int    `json:"per_page"`
	Total        *int   `json:"total,omitempty" doc:"Exact up to 100,000"`
	TotalAtLeast *int   `json:"total_at_least,omitempty" doc:"Where there are more than total"`
	NextCursor   string `json:"next_cursor,omitempty" doc:"Absent on the last page"`
}

// listed makes a page of answers from a page of the store.
func listed[From, To any](p Paging, page store.Page[From], convert func(From) To) *out[List[To]] {
	l := List[To]{Items: converted(page.Items, convert), PerPage: p.PerPage, NextCursor: page.Next}
	if p.Cursor == "" {
		n, total := max(p.Page, 1), page.Total
		l.Page, l.Total = &n, &total
		if page.AtLeast {
			l.TotalAtLeast = &total
		}
	}
	return &out[List[To]]{Body: l}
}

func converted[From, To any](items []From, convert func(From) To) []To {
	to := make([]To, len(items))
	for i, x := range items {
		to[i] = convert(x)
	}
	return to
}

// Scroll is the query of a list that is only read onwards: counting it would cost more than reading it.
type Scroll struct {
	PerPage int    `query:"per_page" minimum:"1" maximum:"100" default:"10"`
	Cursor  string `query:"cursor" maxLength:"1000" doc:"next_cursor of the page before"`
}

// Scrolled is one page of such a list.
type Scrolled[T any] struct {
	Items      []T    `json:"items"`
	PerPage    int    `json:"per_page"`
	NextCursor string `json:"next_cursor,omitempty" doc:"Absent on the last page"`
	// The list is not all that there was.
	ArchivedBefore *time.Time `json:"archived_before,omitempty" doc:"What was before this is archived and not in the list; absent where nothing asked for is"`
}

// Items is a list that is always whole.
type Items[T any] struct {
	Items []T `json:"items"`
}

// out is an answer with a body.
type out[T any] struct{ Body T }

func answer[T any](body T) *out[T] { return &out[T]{body} }

// keyed is the answer of a call with an Idempotency-Key: 201 or 200 the first time, 200 again.
type keyed[T any] struct {
	Status   int
	Replayed string `header:"Idempotent-Replayed" doc:"true where the call had been made before and nothing more was done"`
	Body     T
}

func keyedAnswer[T any](first int, body T, replayed bool) *keyed[T] {
	if replayed {
		return &keyed[T]{Status: 200, Replayed: "true", Body: body}
	}
	return &keyed[T]{Status: first, Body: body}
}

// InProject is the path of what belongs to a project. Embedded structs are exported so that huma sees their fields.
type InProject struct {
	Project string `path:"project" doc:"The token's project"`
}

// Idempotent is the header of calls that are done once, however often they are sent.
type Idempotent struct {
	Key string `header:"Idempotency-Key" required:"true" doc:"Your own key of this call, 1–128 visible ASCII characters. The same key and content again gets the first answer"`
}

// nullableRef lets a property that refers to an object be null.
func nullableRef(s *huma.Schema, property string) *huma.Schema {
	s.Properties[property] = &huma.Schema{OneOf: []*huma.Schema{s.Properties[property], {Type: "null"}}}
	return s
}

// Package is a bought quantity of messages with an expiry.
type Package struct {
	Number      string    `json:"number" example:"U1B19042914D4FE7"`
	Name        string    `json:"name" example:"国内短信包(营销推广)"`
	Category    string    `json:"category" enum:"domestic,international"`
	Purpose     string    `json:"purpose" enum:"verification,marketing,general"`
	Country     *string   `json:"country" example:"MY" doc:"null for domestic"`
	Total       int64     `json:"total" doc:"Never changes. total + adjusted = remaining + reserved + used"`
	Adjusted    int64     `json:"adjusted"`
	Remaining   int64     `json:"remaining"`
	Reserved    int64     `json:"reserved"`
	Used        int64     `json:"used"`
	ChargeOn    string    `json:"charge_on" enum:"submit,delivered"`
	PurchasedAt time.Time `json:"purchased_at"`
	ExpiresAt   time.Time `json:"expires_at" doc:"The first instant that it no longer works"`
	ExpiresOn   string    `json:"expires_on" example:"2021-04-29" doc:"The last date on which it works"`
	Status      string    `json:"status" enum:"active,frozen,exhausted,expired"`
	OrderID     *string   `json:"order_id" doc:"null where it was imported or granted"`
}

// toPackage shows a package as it is at the instant.
func (a *api) toPackage(p taocan.Package, at time.Time) Package {
	return Package{Number: string(p.Number), Name: p.Name, Category: string(p.Category), Purpose: string(p.Purpose), Country: orNull(p.Country),
		Total: int64(p.Total), Adjusted: int64(p.Adjusted), Remaining: int64(p.Remaining), Reserved: int64(p.Reserved), Used: int64(p.Used),
		ChargeOn: string(p.ChargeOn), PurchasedAt: a.local(p.PurchasedAt), ExpiresAt: a.local(p.ExpiresAt), ExpiresOn: p.ExpiresOn(a.Zone),
		Status: string(p.Status(at)), OrderID: orNull(p.Order)}
}

// Entry is one immutable line of a package's statement.
type Entry struct {
	At             time.Time  `json:"at"`
	Kind           string     `json:"kind" enum:"issue,import,grant,adjust,release,commit,reserve,debit,expire,extend,freeze,unfreeze,transfer_in,transfer_out"`
	Quantity       int64      `json:"quantity" doc:"Change of what remains; their sum is what remains"`
	ReservedChange int64      `json:"reserved_change"`
	UsedChange     int64      `json:"used_change"`
	RemainingAfter int64      `json:"remaining_after"`
	ReservedAfter  int64      `json:"reserved_after"`
	Debits         int        `json:"debits" doc:"How many debits the line sums up"`
	Reference      *string    `json:"reference" doc:"The debit's id where there is one; an order; a reason; a transfer's other package"`
	Forfeited      *int64     `json:"forfeited,omitempty" doc:"expire only: what can no longer be used"`
	ExpiresAt      *time.Time `json:"expires_at,omitempty" doc:"extend only: from then on the package's"`
	Commit         int64      `json:"commit" doc:"Opens into the debits of the line: GET …/debits?commit="`
}

func (a *api) toEntry(e taocan.Entry) Entry {
	x := Entry{At: a.local(e.At), Kind: e.Kind.String(), Quantity: int64(e.Remaining), ReservedChange: int64(e.Reserved), UsedChange: int64(e.Used),
		RemainingAfter: int64(e.RemainingAfter), ReservedAfter: int64(e.ReservedAfter), Debits: e.Debits, Reference: orNull(e.Reference), Commit: e.Commit}
	if e.Kind == taocan.EntryExpire {
		forfeited := x.RemainingAfter
		x.Forfeited = &forfeited
	}
	if e.Kind == taocan.EntryExtend {
		until := a.local(e.ExpiresAt)
		x.ExpiresAt = &until
	}
	return x
}

// Balance is what is left in one category: sums over active packages only.
type Balance struct {
	Category       string    `json:"category" enum:"domestic,international"`
	AsOf           time.Time `json:"as_of"`
	TotalRemaining int64     `json:"total_remaining"`
	Reserved       int64     `json:"reserved"`
	ByPurpose      ByPurpose `json:"by_purpose"`
	ByCountry      Countries `json:"by_country" doc:"International: countries with something left; {} for domestic"`
}

// ByPurpose always has all three.
type ByPurpose struct {
	Verification int64 `json:"verification"`
	Marketing    int64 `json:"marketing"`
	General      int64 `json:"general"`
}

// Countries maps ISO codes to what is left.
type Countries map[string]int64

func (a *api) toBalance(b taocan.Balance) Balance {
	x := Balance{Category: string(b.Category), AsOf: a.local(b.AsOf), TotalRemaining: int64(b.Remaining), Reserved: int64(b.Reserved),
		ByPurpose: ByPurpose{int64(b.ByPurpose[taocan.Verification]), int64(b.ByPurpose[taocan.Marketing]), int64(b.ByPurpose[taocan.General])},
		ByCountry: Countries{}}
	for c, n := range b.ByCountry {
		x.ByCountry[string(c)] = int64(n)
	}
	return x
}

// Tier is one step of a price list.
type Tier struct {
	From      int64    `json:"from" doc:"Purchases of at least so many"`
	UnitPrice UnitYuan `json:"unit_price" doc:"The whole quantity is charged at this price"`
}

// PriceRow holds the tiers of one purpose (domestic) or country (international).
type PriceRow struct {
	Purpose string `json:"purpose,omitempty" enum:"verification,marketing,general"`
	Country string `json:"country,omitempty" example:"HK"`
	Tiers   []Tier `json:"tiers"`
	Below   int64  `json:"below,omitempty" doc:"Where the list ends: so many or more are not sold"`
}

// PriceList is valid from an instant until the next of its category.
type PriceList struct {
	ID             string     `json:"id"`
	Category       string     `json:"category" enum:"domestic,international"`
	ValidFrom      time.Time  `json:"valid_from"`
	ValidityMonths int        `json:"validity_months"`
	ChargeOn       string     `json:"charge_on" enum:"submit,delivered"`
	Draft          bool       `json:"draft" doc:"Kept as an example, never in force"`
	PublishedAt    time.Time  `json:"published_at"`
	Items          []PriceRow `json:"items"`
}

func (a *api) toPriceList(l taocan.PriceList) PriceList {
	return PriceList{ID: string(l.ID), Category: string(l.Category), ValidFrom: a.local(l.ValidFrom), ValidityMonths: l.ValidityMonths,
		ChargeOn: string(l.ChargeOn), Draft: l.Draft, PublishedAt: a.local(l.Published),
		Items: converted(l.Rows, func(r taocan.PriceRow) PriceRow {
			return PriceRow{Purpose: string(r.Purpose), Country: string(r.Country), Below: int64(r.Below),
				Tiers: converted(r.Tiers, func(t taocan.Tier) Tier { return Tier{int64(t.From), UnitYuan(t.Price)} })}
		})}
}

// Product is a fixed package.
type Product struct {
	ID             string  `json:"id"`
	Name           string  `json:"name"`
	Category       string  `json:"category" enum:"domestic,international"`
	Purpose        string  `json:"purpose" enum:"verification,marketing,general"`
	Country        *string `json:"country"`
	Quantity       int64   `json:"quantity"`
	Price          Yuan    `json:"price"`
	ValidityMonths int     `json:"validity_months"`
	ChargeOn       string  `json:"charge_on" enum:"submit,delivered"`
	OnSale         bool    `json:"on_sale"`
}

func toProduct(p taocan.Product) Product {
	return Product{ID: string(p.ID), Name: p.Name, Category: string(p.Category), Purpose: string(p.Purpose), Country: orNull(p.Country),
		Quantity: int64(p.Quantity), Price: Yuan(p.Price), ValidityMonths: p.ValidityMonths, ChargeOn: string(p.ChargeOn), OnSale: p.OnSale}
}

// Agreement is one version of the service agreement.
type Agreement struct {
	Version     string    `json:"version"`
	Hash        string    `json:"hash" doc:"SHA-256 of markdown, hex"`
	Markdown    string    `json:"markdown"`
	PublishedAt time.Time `json:"published_at"`
}

func (a *api) toAgreement(x taocan.Agreement) Agreement {
	return Agreement{x.Version, x.Hash, x.Markdown, a.local(x.PublishedAt)}
}

// QuoteRequest is what somebody wants to buy: a custom quantity, or a product and how many of it.
type QuoteRequest struct {
	Kind     string `json:"kind" enum:"custom,fixed"`
	Category string `json:"category,omitempty" enum:"domestic,international" doc:"custom"`
	Purpose  string `json:"purpose,omitempty" enum:"verification,marketing,general" doc:"custom domestic"`
	Country  string `json:"country,omitempty" doc:"custom international: ISO code" example:"HK"`
	Quantity int64  `json:"quantity,omitempty" doc:"custom: a multiple of 100" example:"1000"`
	Product  string `json:"product,omitempty" doc:"fixed: its id"`
	Count    int    `json:"count,omitempty" minimum:"1" maximum:"100" doc:"fixed: how many of it"`
}

func (q QuoteRequest) purchase() taocan.Purchase {
	return taocan.Purchase{Kind: taocan.PurchaseKind(q.Kind), Category: taocan.Category(q.Category), Purpose: taocan.Purpose(q.Purpose),
		Country: taocan.Country(q.Country), Quantity: taocan.Segments(q.Quantity), Product: taocan.ProductID(q.Product), Count: q.Count}
}

// Quote is what a purchase would cost now.
type Quote struct {
	Kind           string       `json:"kind" enum:"custom,fixed"`
	Category       string       `json:"category" enum:"domestic,international"`
	Purpose        string       `json:"purpose" enum:"verification,marketing,general"`
	Country        *string      `json:"country"`
	Name           string       `json:"name" doc:"Of the packages that it would issue"`
	Packages       int          `json:"packages" doc:"How many"`
	Quantity       int64        `json:"quantity" doc:"All packages together"`
	UnitPrice      *UnitYuan    `json:"unit_price" doc:"null for fixed"`
	Amount         Yuan         `json:"amount"`
	Currency       string       `json:"currency" enum:"CNY"`
	ValidityMonths int          `json:"validity_months"`
	ExpiresOn      string       `json:"expires_on" doc:"If it were paid now" example:"2027-04-29"`
	ChargeOn       string       `json:"charge_on" enum:"submit,delivered"`
	PriceList      *string      `json:"price_list" doc:"null for fixed"`
	BetterOffer    *BetterOffer `json:"better_offer" doc:"More messages for less money, where the price list has that"`
}

// TransformSchema lets better_offer be null.
func (Quote) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	return nullableRef(s, "better_offer")
}

// BetterOffer is a custom purchase of more messages that costs less.
type BetterOffer struct {
	Quantity int64 `json:"quantity"`
	Amount   Yuan  `json:"amount"`
	Saves    Yuan  `json:"saves"`
}

const currency = "CNY"

func (a *api) toQuote(q taocan.Quote) Quote {
	expires := taocan.Package{ExpiresAt: taocan.Expiry(a.Clock.Now(), q.ValidityMonths, a.Zone)}
	x := Quote{Kind: string(q.Kind), Category: string(q.Category), Purpose: string(q.Purpose), Country: orNull(q.Country), Name: q.Name,
		Packages: q.Packages, Quantity: int64(q.Quantity), Amount: Yuan(q.Amount), Currency: currency, ValidityMonths: q.ValidityMonths,
		ExpiresOn: expires.ExpiresOn(a.Zone), ChargeOn: string(q.ChargeOn), PriceList: orNull(q.PriceList)}
	if q.HasUnitPrice {
		u := UnitYuan(q.UnitPrice)
		x.UnitPrice = &u
	}
	if b := q.BetterOffer; b != nil {
		x.BetterOffer = &BetterOffer{int64(b.Quantity), Yuan(b.Amount), Yuan(b.Saves)}
	}
	return x
}

// Order is a priced intent, later paid, cancelled or closed.
type Order struct {
	ID               string     `json:"id"`
	State            string     `json:"state" enum:"pending,paid,cancelled,closed"`
	Description      string     `json:"description"`
	Quantity         int64      `json:"quantity"`
	Amount           Yuan       `json:"amount"`
	CreatedAt        time.Time  `json:"created_at"`
	ClosesAt         time.Time  `json:"closes_at" doc:"Unpaid at this instant, it is closed"`
	SettledAt        *time.Time `json:"settled_at" doc:"When it was paid, cancelled or closed"`
	AgreementVersion string     `json:"agreement_version"`
	Packages         []string   `json:"packages" doc:"Numbers of what was issued"`
	Payment          *Payment   `json:"payment"`
}

// TransformSchema lets payment be null.
func (Order) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	return nullableRef(s, "payment")
}

// Payment is the money taken for one order. The parts sum to total.
type Payment struct {
	Total     Yuan      `json:"total"`
	Voucher   Yuan      `json:"voucher"`
	Gift      Yuan      `json:"gift"`
	Cash      Yuan      `json:"cash"`
	Credit    Yuan      `json:"credit"`
	VoucherID *string   `json:"voucher_id"`
	PaidAt    time.Time `json:"paid_at"`
}

func (a *api) toOrder(o taocan.Order) Order {
	x := Order{ID: string(o.ID), State: string(o.State), Description: o.Description, Quantity: int64(o.Quote.Quantity),
		Amount: Yuan(o.Quote.Amount), CreatedAt: a.local(o.CreatedAt), ClosesAt: a.local(o.ClosesAt), SettledAt: a.localOrNil(o.SettledAt),
		AgreementVersion: o.AgreementVersion, Packages: converted(o.Packages, func(n taocan.PackageNumber) string { return string(n) })}
	if p := o.Payment; p != nil {
		x.Payment = &Payment{Total: Yuan(p.Split.Total()), Voucher: Yuan(p.Split.Voucher), Gift: Yuan(p.Split.Gift), Cash: Yuan(p.Split.Cash),
			Credit: Yuan(p.Split.Credit), VoucherID: orNull(p.VoucherID), PaidAt: a.local(p.PaidAt)}
	}
	return x
}

// Wallet is what an account can pay with, besides vouchers.
type Wallet struct {
	Cash        Yuan   `json:"cash"`
	Gift        Yuan   `json:"gift"`
	CreditLimit Yuan   `json:"credit_limit"`
	CreditUsed  Yuan   `json:"credit_used"`
	Currency    string `json:"currency" enum:"CNY"`
}

func toWallet(w taocan.Wallet) Wallet {
	return Wallet{Yuan(w.Cash), Yuan(w.Gift), Yuan(w.CreditLimit), Yuan(w.CreditUsed), currency}
}

// WalletEntry is one immutable line of a wallet's statement.
type WalletEntry struct {
	N           int64     `json:"n" doc:"1, 2, 3 … within the account"`
	At          time.Time `json:"at"`
	Kind        string    `json:"kind" enum:"top_up,gift,payment,adjust,credit_limit"`
	Cash        Yuan      `json:"cash" doc:"Change, as the next three"`
	Gift        Yuan      `json:"gift"`
	CreditLimit Yuan      `json:"credit_limit"`
	CreditUsed  Yuan      `json:"credit_used"`
	After       Wallet    `json:"after"`
	OrderID     *string   `json:"order_id" doc:"Payments of this project"`
	Reference   *string   `json:"reference"`
}

func (a *api) toWalletEntry(e taocan.WalletEntry) WalletEntry {
	return WalletEntry{N: e.N, At: a.local(e.At), Kind: string(e.Kind), Cash: Yuan(e.Cash), Gift: Yuan(e.Gift), CreditLimit: Yuan(e.CreditLimit),
		CreditUsed: Yuan(e.CreditUsed), After: toWallet(e.After), OrderID: orNull(e.Order), Reference: orNull(e.Reference)}
}

// VoucherScope limits what a voucher pays for; an empty list allows all.
type VoucherScope struct {
	Categories []string `json:"categories,omitempty" enum:"domestic,international"`
	Purposes   []string `json:"purposes,omitempty" enum:"verification,marketing,general"`
	Products   []string `json:"products,omitempty"`
}

// Voucher pays part of one order of its account, once.
type Voucher struct {
	ID         string       `json:"id"`
	State      string       `json:"state" enum:"not_yet_valid,usable,used,expired"`
	Amount     Yuan         `json:"amount"`
	MinAmount  Yuan         `json:"min_amount" doc:"Orders of at least so much"`
	Scope      VoucherScope `json:"scope"`
	ValidFrom  time.Time    `json:"valid_from"`
	ValidUntil time.Time    `json:"valid_until" doc:"From this instant on it no longer works"`
	CodeHint   *string      `json:"code_hint" doc:"The end of its code"`
	UsedBy     *string      `json:"used_by" doc:"The order, where this project used it"`
	UsedAt     *time.Time   `json:"used_at"`
}

func (a *api) toVoucher(v taocan.Voucher) Voucher {
	now, state := a.Clock.Now(), "usable"
	switch {
	case v.UsedBy != "":
		state = "used"
	case !now.Before(v.ValidUntil):
		state = "expired"
	case now.Before(v.ValidFrom):
		state = "not_yet_valid"
	}
	return Voucher{ID: string(v.ID), State: state, Amount: Yuan(v.Amount), MinAmount: Yuan(v.MinAmount), Scope: VoucherScope{
		texts(v.Scope.Categories), texts(v.Scope.Purposes), texts(v.Scope.Products)}, ValidFrom: a.local(v.ValidFrom), ValidUntil: a.local(v.ValidUntil),
		CodeHint: orNull(v.CodeHint), UsedBy: orNull(v.UsedBy), UsedAt: a.localOrNil(v.UsedAt)}
}

// texts and named turn lists of one string type into lists of another.
func texts[S ~string](list []S) []string { return named[string](list) }

func named[To, From ~string](list []From) []To {
	if list == nil {
		return nil
	}
	return converted(list, func(s From) To { return To(s) })
}
