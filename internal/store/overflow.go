package store

import (
	"time"

	"taocan/internal/taocan"
)

// Overflow lets a project go on from its account's wallet when its packages have run out. Costs are kept in 1/10,000 yuan,
// so that no message's price is rounded; the wallet pays the whole fen of what its account owes, and the rest stays owed.
type Overflow struct {
	Category taocan.Category
	Cap      taocan.Fen // per natural month
	Month    string     // 2006-01, that Cost is of
	Cost     int64      // of Month so far, 1/10,000 yuan
	Prices   []taocan.OverflowPrice
	changed  bool
}

// Purse is what an account's overflow draws on. One for all its projects.
type Purse struct {
	Wallet taocan.Wallet
	Cost   int64      // ever, 1/10,000 yuan
	Paid   taocan.Fen // ever

	changed bool
}

// perFen is 1/10,000 yuan in a fen.
const perFen = 100

// funds is what the wallet could pay.
func (p *Purse) funds() taocan.Fen { return p.Wallet.Gift + p.Wallet.Cash + p.Wallet.Credit() }

// Due is what the wallet must pay for the costs so far: gift, then cash, then credit, as an order would.
func (p *Purse) Due() taocan.Split {
	due := taocan.Fen(p.Cost/perFen) - p.Paid
	s := taocan.Split{Gift: min(due, p.Wallet.Gift)}
	due -= s.Gift
	s.Cash = min(due, p.Wallet.Cash)
	s.Credit = due - s.Cash
	return s
}

// PriceAt is what a message costs at the instant; 0: it is not sold so. A country's own price goes before that of all.
func (o *Overflow) PriceAt(p taocan.Purpose, country taocan.Country, at time.Time) taocan.UnitPrice {
	best := taocan.OverflowPrice{}
	for _, x := range o.Prices {
		if x.Category != o.Category || at.Before(x.ValidFrom) || x.Country != "" && x.Country != country || x.Category == taocan.Domestic && x.Purpose != p {
			continue
		}
		if best.Price == 0 || best.Country == "" && x.Country != "" || best.Country == x.Country && x.ValidFrom.After(best.ValidFrom) {
			best = x
		}
	}
	return best.Price
}

// costIn is what a month has cost so far. Where the clock has not committed anything in it yet, Month still is an earlier one.
func (o *Overflow) costIn(month string) int64 {
	if month != o.Month {
		return 0
	}
	return o.Cost
}

// affordable is how many messages at the price both the cap and the wallet allow in a month.
func (o *Overflow) affordable(month string, p *Purse, price taocan.UnitPrice) taocan.Segments {
	byCap := int64(o.Cap)*perFen - o.costIn(month)
	byWallet := (int64(p.Paid)+int64(p.funds()))*perFen + perFen - 1 - p.Cost // what makes no whole fen is not due yet
	return taocan.Segments(max(0, min(byCap, byWallet)) / int64(price))
}

// LendPurse gives the ledger what an account's overflow draws on.
func (l *Ledger) LendPurse(a taocan.AccountID, p *Purse) { l.purses[a] = p }

// Purses by account.
func (l *Ledger) Purses() map[taocan.AccountID]*Purse { return l.purses }

// Overflowable is how many more messages of the request the wallet would pay for, and the price of one.
func (l *Ledger) Overflowable(t taocan.Tenant, r *taocan.DebitRequest) (taocan.Segments, taocan.UnitPrice) {
	w, purse, at := l.watches[t], l.purses[t.Account], l.At(t.Account)
	if w == nil || w.Overflow[r.Category] == nil || purse == nil {
		return 0, 0
	}
	o := w.Overflow[r.Category]
	price := o.PriceAt(r.Purpose, r.Country, at)
	if price == 0 {
		return 0, 0
	}
	return o.affordable(monthOf(at, w.Zone), purse, price), price
}

// Overflow takes messages from the wallet at the price that Overflowable said.
func (l *Ledger) Overflow(t taocan.Tenant, c taocan.Category, q taocan.Segments, price taocan.UnitPrice) {
	w, purse := l.watches[t], l.purses[t.Account]
	o, month := w.Overflow[c], monthOf(l.At(t.Account), w.Zone)
	cost := int64(q) * int64(price)
	o.Month, o.Cost = month, o.costIn(month)+cost
	purse.Cost += cost
	o.changed, purse.changed = true, true
}

func monthOf(at time.Time, zone *time.Location) string { return at.In(zone).Format("2006-01") }

// Changed reports whether this commit overflowed.
func (o *Overflow) Changed() bool { return o.changed }

// Changed reports whether this commit overflowed.
func (p *Purse) Changed() bool { return p.changed }
