package rest

import (
	"context"
	"time"

	"taocan/internal/catalog"
	"taocan/internal/edge"
)

// PriceListPreview is what publishing a price list would do.
type PriceListPreview struct {
	ID        string         `json:"id" doc:"That the list would get"`
	ValidFrom time.Time      `json:"valid_from"`
	Replaces  *string        `json:"replaces" doc:"The list in force until then; null: there is none"`
	Until     *time.Time     `json:"until" doc:"Start of the list that has been announced after it"`
	Changes   []PriceChanged `json:"changes" doc:"What typical purchases cost before and after"`
}

// PriceChanged is one typical purchase. Amounts are null where the list does not sell it.
type PriceChanged struct {
	Purpose  string `json:"purpose,omitempty"`
	Country  string `json:"country,omitempty"`
	Quantity int64  `json:"quantity"`
	Old      *Yuan  `json:"old"`
	New      *Yuan  `json:"new"`
}

func (a *api) previewPriceList(ctx context.Context, in *struct{ Body PriceListRequest }) (*out[PriceListPreview], error) {
	return shown(a.toPriceListPreview)(a.Catalog.Preview(ctx, edge.ActorOf(ctx), fromPriceList(in.Body)))
}

func (a *api) toPriceListPreview(p catalog.Preview) PriceListPreview {
	return PriceListPreview{ID: string(p.List.ID), ValidFrom: a.local(p.List.ValidFrom), Replaces: orNull(p.Replaces.ID), Until: a.localOrNil(p.Until),
		Changes: converted(p.Changes, func(c catalog.Change) PriceChanged {
			return PriceChanged{string(c.Purpose), string(c.Country), int64(c.Quantity), costOrNull(c.Old), costOrNull(c.New)}
		})}
}

func costOrNull(c catalog.Cost) *Yuan {
	if !c.Sold {
		return nil
	}
	y := Yuan(c.Amount)
	return &y
}
