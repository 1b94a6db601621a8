package rest

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"taocan/internal/catalog"
	"taocan/internal/edge"
	"taocan/internal/segment"
	"taocan/internal/taocan"
)

// Country is where international packages are sold for.
type Country struct {
	Code   string `json:"code" example:"HK"`
	NameZH string `json:"name_zh" example:"中国香港"`
	NameEN string `json:"name_en" example:"Hong Kong"`
}

// SegmentsRequest is a message: its signature without brackets, and its text.
type SegmentsRequest struct {
	Category  string `json:"category" enum:"domestic,international"`
	Signature string `json:"signature,omitempty" doc:"Without its brackets" example:"公司"`
	Text      string `json:"text"`
}

// Segments is what the message costs.
type Segments struct {
	Length   int    `json:"length" doc:"Brackets included: septets for gsm7, UTF-16 units for ucs2" example:"71"`
	Encoding string `json:"encoding" enum:"gsm7,ucs2"`
	Segments int    `json:"segments" example:"2"`
}

func (a *api) catalogRoutes() {
	tags := []string{"catalogue"}
	read := holding(taocan.ScopeRead)
	base := "/v1/projects/{project}"
	add(a, read, huma.Operation{Method: http.MethodPost, Path: base + "/quotes", OperationID: "quote", Tags: tags,
		Summary: "What a purchase would cost now"}, a.quote)
	add(a, read, huma.Operation{Method: http.MethodGet, Path: base + "/products", OperationID: "list-products", Tags: tags,
		Summary: "Fixed packages on sale"}, a.products)
	add(a, read, huma.Operation{Method: http.MethodGet, Path: base + "/price-list", OperationID: "get-price-list", Tags: tags,
		Summary: "The price list in force"}, a.priceList)
	add(a, read, huma.Operation{Method: http.MethodGet, Path: base + "/countries", OperationID: "list-countries", Tags: tags,
		Summary: "Countries that international packages are sold for"}, a.countries)
	add(a, read, huma.Operation{Method: http.MethodGet, Path: base + "/agreement", OperationID: "get-agreement", Tags: tags,
		Summary: "The agreement that an order has to accept"}, a.agreement)
	add(a, holding(taocan.ScopeRead, taocan.ScopeDebit), huma.Operation{Method: http.MethodPost, Path: base + "/segments", OperationID: "count-segments",
		Tags: tags, Summary: "What a text costs", Description: "The same counter that bills. A text of more than 500 units, signature included, is content_too_long."}, a.segments)
}

func (a *api) quote(ctx context.Context, in *struct {
	InProject
	Body QuoteRequest
}) (*out[Quote], error) {
	account, err := a.Access.Account(ctx, edge.ActorOf(ctx).Account)
	if err != nil {
		return nil, err
	}
	q, err := a.Catalog.Quote(ctx, account, in.Body.purchase())
	if err != nil {
		return nil, err
	}
	return answer(a.toQuote(q)), nil
}

func (a *api) products(ctx context.Context, in *struct {
	InProject
	Category string `query:"category" enum:"domestic,international"`
}) (*out[Items[Product]], error) {
	list, err := a.Catalog.Products(ctx, taocan.Category(in.Category))
	if err != nil {
		return nil, err
	}
	return answer(Items[Product]{converted(list, toProduct)}), nil
}

func (a *api) priceList(ctx context.Context, in *struct {
	InProject
	Category string `query:"category" enum:"domestic,international" default:"domestic"`
}) (*out[PriceList], error) {
	list, err := a.Catalog.PriceList(ctx, taocan.Category(in.Category))
	if err != nil {
		return nil, err
	}
	return answer(a.toPriceList(list)), nil
}

func (a *api) countries(ctx context.Context, _ *InProject) (*out[Items[Country]], error) {
	list, err := a.Catalog.Countries(ctx)
	if err != nil {
		return nil, err
	}
	return answer(Items[Country]{converted(list, func(c catalog.Country) Country { return Country{string(c.Code), c.NameZH, c.NameEN} })}), nil
}

func (a *api) agreement(ctx context.Context, _ *InProject) (*out[Agreement], error) {
	current, err := a.Catalog.Agreement(ctx)
	if err != nil {
		return nil, err
	}
	return answer(a.toAgreement(current)), nil
}

func (a *api) segments(_ context.Context, in *struct {
	InProject
	Body SegmentsRequest
}) (*out[Segments], error) {
	count := segment.Domestic
	if in.Body.Category == string(taocan.International) {
		count = segment.International
	}
	c, err := count(in.Body.Signature, in.Body.Text)
	if errors.Is(err, segment.ErrTooLong) {
		return nil, edge.ContentTooLong(err.Error())
	}
	if err != nil {
		return nil, err
	}
	return answer(Segments{c.Length, c.Encoding, c.Segments}), nil
}
