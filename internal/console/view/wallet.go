package view

import "taocan/internal/taocan"

// Change writes what was added to an amount or taken from it: +¥44.00.
func (f Frame) Change(a taocan.Fen) string {
	switch {
	case a == 0:
		return "—"
	case a > 0:
		return "+" + f.Money(a)
	}
	return f.Money(a)
}

// creditChange says what an entry did to the credit: to what may be drawn, or to the limit.
func (f Frame) creditChange(e taocan.WalletEntry) string {
	if e.CreditLimit != 0 {
		return f.Text("wallet.limit", f.Change(e.CreditLimit))
	}
	return f.Change(-e.CreditUsed)
}
