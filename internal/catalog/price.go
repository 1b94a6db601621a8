package catalog

import (
	"fmt"

	"taocan/internal/taocan"
)

// Step is the unit of custom quantities: they are multiples of it, and it is the least.
const Step taocan.Segments = 100

// Row finds the prices of a purpose (domestic) or a country (international) in a list.
func Row(list taocan.PriceList, p taocan.Purpose, country taocan.Country) (taocan.PriceRow, bool) {
	for _, row := range list.Rows {
		if list.Category == taocan.Domestic && row.Purpose == p || list.Category == taocan.International && row.Country == country {
			return row, true
		}
	}
	return taocan.PriceRow{}, false
}

// Price is what quantity messages cost: the tier is chosen by the whole quantity, which is charged at that
// tier's price alone, rounded half up to the fen once.
func Price(row taocan.PriceRow, quantity taocan.Segments) (taocan.UnitPrice, taocan.Fen, error) {
	if row.Below != 0 && quantity >= row.Below {
		return 0, 0, &taocan.SaleError{Code: taocan.CodeAbovePriceList,
			Detail: fmt.Sprintf("the price list ends below %d messages: contact sales", row.Below)}
	}
	unit := row.Tiers[TierAt(row, quantity)].Price
	amount, err := taocan.LineTotal(quantity, unit)
	return unit, amount, err
}

// TierAt is the tier that a quantity falls into, as an index of the row's tiers.
func TierAt(row taocan.PriceRow, quantity taocan.Segments) int {
	at := 0
	for i, tier := range row.Tiers {
		if quantity >= tier.From {
			at = i
		}
	}
	return at
}

// better is the cheapest custom purchase of at least quantity messages that costs strictly less than amount, or
// nil. Only quantity itself and the starts of tiers above it need a look: within a tier more costs more. Of
// equal amounts the smaller quantity is offered.
func better(row taocan.PriceRow, quantity taocan.Segments, amount taocan.Fen, maxQuantity taocan.Segments) *taocan.BetterOffer {
	var best *taocan.BetterOffer
	try := func(q taocan.Segments) {
		if q > maxQuantity {
			return
		}
		_, costs, err := Price(row, q)
		if err != nil || costs >= amount || best != nil && costs >= best.Amount {
			return
		}
		best = &taocan.BetterOffer{Quantity: q, Amount: costs, Saves: amount - costs}
	}
	try(quantity)
	for _, tier := range row.Tiers {
		if tier.From > quantity {
			try(tier.From)
		}
	}
	return best
}

// roundUp is the least custom quantity that holds at least q.
func roundUp(q taocan.Segments) taocan.Segments { return (q + Step - 1) / Step * Step }
