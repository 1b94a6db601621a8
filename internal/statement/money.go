package statement

import (
	"fmt"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Purchases is what was paid in a month.
type Purchases struct {
	Orders   int
	Messages taocan.Segments
	Paid     taocan.Split   // for orders
	Listed   []taocan.Order // in the order of payment, at most maxOrders of them
	// Overflow is what debits beyond all packages took from the wallet: gift, cash, credit. The wallet pays for all projects
	// together, so a project's statement has none.
	Overflow taocan.Split
}

// maxOrders bounds how many orders a statement lists.
const maxOrders = 10_000

// Invoiceable is what an invoice may be written about: cash and credit, whatever they paid for. Gifts and vouchers are no
// money received; a top-up is none either, until it pays for something.
func (p Purchases) Invoiceable() taocan.Fen { return invoiceable(p.Paid) + invoiceable(p.Overflow) }

func invoiceable(s taocan.Split) taocan.Fen { return s.Cash + s.Credit }

func (p *Purchases) add(o store.PaidSum) {
	p.Orders += o.Orders
	p.Messages += o.Messages
	p.Paid = plus(p.Paid, o.Split)
}

func plus(a, b taocan.Split) taocan.Split {
	return taocan.Split{Voucher: a.Voucher + b.Voucher, Gift: a.Gift + b.Gift, Cash: a.Cash + b.Cash, Credit: a.Credit + b.Credit}
}

// taken is what wallet entries took, as a split: their changes with the sign turned.
func taken(m store.WalletMoved) taocan.Split {
	return taocan.Split{Gift: -m.Gift, Cash: -m.Cash, Credit: m.CreditUsed}
}

// Wallet is what a month did to an account's wallet. For each figure: Opening + the changes = Closing.
type Wallet struct {
	Opening, Closing taocan.Wallet
	Changes          []WalletChange // by kind, in the order of walletKinds
}

// WalletChange adds up the entries of one kind.
type WalletChange struct {
	Kind                                taocan.WalletEntryKind
	Entries                             int
	Cash, Gift, CreditLimit, CreditUsed taocan.Fen
}

var walletKinds = []taocan.WalletEntryKind{taocan.WalletTopUp, taocan.WalletGift, taocan.WalletPayment, taocan.WalletOverflow,
	taocan.WalletAdjust, taocan.WalletCreditLimit}

func walletOf(span store.WalletSpan) (Wallet, error) {
	w := Wallet{Opening: span.Before, Closing: span.After}
	sum := span.Before
	for _, kind := range walletKinds {
		c := WalletChange{Kind: kind}
		for _, m := range span.Moved {
			if m.Kind == kind {
				c.Entries += m.Entries
				c.Cash, c.Gift, c.CreditLimit, c.CreditUsed = c.Cash+m.Cash, c.Gift+m.Gift, c.CreditLimit+m.CreditLimit, c.CreditUsed+m.CreditUsed
			}
		}
		if c.Entries > 0 {
			w.Changes = append(w.Changes, c)
		}
		sum.Cash, sum.Gift, sum.CreditLimit, sum.CreditUsed = sum.Cash+c.Cash, sum.Gift+c.Gift, sum.CreditLimit+c.CreditLimit, sum.CreditUsed+c.CreditUsed
	}
	if sum != span.After {
		return Wallet{}, fmt.Errorf("wallet: opening and changes make %+v, closing is %+v: %w", sum, span.After, ErrBroken)
	}
	return w, nil
}

// checkPaid proves that what payments say was paid is what the wallet gave for them, and that what orders sold was issued.
func checkPaid(project taocan.ProjectID, paid store.PaidSum, wallet store.WalletSpan, issued taocan.Segments) error {
	var gave taocan.Split
	for _, m := range wallet.Moved {
		if m.Kind == taocan.WalletPayment && m.Project == project {
			gave = plus(gave, taken(m))
		}
	}
	asked := paid.Split
	asked.Voucher = 0
	if gave != asked {
		return fmt.Errorf("project %s: payments took %+v from the wallet, which gave %+v: %w", project, asked, gave, ErrBroken)
	}
	if paid.Messages != issued {
		return fmt.Errorf("project %s: %d messages were paid for, %d issued: %w", project, paid.Messages, issued, ErrBroken)
	}
	return nil
}
