package view

import (
	"taocan/internal/statement"
	"taocan/internal/taocan"
)

// The addresses of statements. An account's stand apart from its projects', since not everybody may see them.
const (
	StatementsPath        = "/statements"
	AccountStatementsPath = "/account-statements"
)

// OperatorStatementsPath is where operators find an account's statements.
func OperatorStatementsPath(a taocan.AccountID) string { return OperatorAccountPath(a) + "/statements" }

// StatementList is the months that there are statements of.
type StatementList struct {
	Account       taocan.AccountID // whose, on operators' pages; else empty
	Base          string           // what the address of a project's month begins with
	Months        []statement.Month
	AccountBase   string // of the whole account's; empty: not offered
	AccountMonths []statement.Month
}

// Statement is one month.
type Statement struct {
	statement.Statement
	Base string // what its address begins with
	Back string // the list of months
}

func (p Statement) file(format string) string { return p.Base + "/" + p.Name + "/lines." + format }

// mostOrders is how many orders a page lists; the file has all.
const mostOrders = 100

func (p Statement) orders() []taocan.Order {
	return p.Purchases.Listed[:min(len(p.Purchases.Listed), mostOrders)]
}

// term is one part of the sum that leads from opening to closing.
type term struct {
	name, sign string
	quantity   func(statement.Messages) taocan.Segments
}

var terms = []term{
	{"opening", "", func(m statement.Messages) taocan.Segments { return m.Opening }},
	{"bought", "+ ", func(m statement.Messages) taocan.Segments { return m.Bought }},
	{"granted", "+ ", func(m statement.Messages) taocan.Segments { return m.Granted }},
	{"imported", "+ ", func(m statement.Messages) taocan.Segments { return m.Imported }},
	{"transferred_in", "+ ", func(m statement.Messages) taocan.Segments { return m.TransferredIn }},
	{"restored", "+ ", func(m statement.Messages) taocan.Segments { return m.Restored }},
	{"adjusted", "+ ", func(m statement.Messages) taocan.Segments { return m.Adjusted }},
	{"transferred_out", "− ", func(m statement.Messages) taocan.Segments { return m.TransferredOut }},
	{"used", "− ", func(m statement.Messages) taocan.Segments { return m.Used }},
	{"expired", "− ", func(m statement.Messages) taocan.Segments { return m.Expired }},
	{"closing", "= ", func(m statement.Messages) taocan.Segments { return m.Closing }},
}

// terms are those that the month has figures for. Without the others the sum is the same.
func (p Statement) terms() []term {
	var list []term
	for _, t := range terms {
		there := t.name == "opening" || t.name == "used" || t.name == "closing"
		for _, l := range p.Lines {
			there = there || t.quantity(l.Messages) != 0
		}
		if there {
			list = append(list, t)
		}
	}
	return list
}

func (f Frame) term(t term) string { return t.sign + f.Text("statement.term."+t.name) }

// statementKind names what a line is about.
func (f Frame) statementKind(l statement.Line) string {
	text := f.Text("category."+string(l.Category)) + " · " + f.Text("purpose."+string(l.Purpose))
	if l.Country != "" {
		text += " · " + f.Country(l.Country)
	}
	return text
}

// paidRow is money by where it came from.
type paidRow struct {
	text    string
	project taocan.ProjectID // of an account's; else empty
	orders  string
	split   taocan.Split
	sum     bool
}

func (r paidRow) invoiceable() taocan.Fen { return r.split.Cash + r.split.Credit }

// paid lists the base of invoices: of a project its orders, of an account each project's, what overflow took, and all together.
func (p Statement) paid(f Frame) []paidRow {
	orders := func(x statement.Purchases) string { return f.Number(int64(x.Orders)) }
	if p.Project != "" {
		return []paidRow{{text: f.Text("statement.paid.orders"), orders: orders(p.Purchases), split: p.Purchases.Paid, sum: true}}
	}
	var list []paidRow
	for _, x := range p.Projects {
		list = append(list, paidRow{project: x.Project, orders: orders(x.Purchases), split: x.Paid})
	}
	paid, over := p.Purchases.Paid, p.Purchases.Overflow
	sum := taocan.Split{Voucher: paid.Voucher, Gift: paid.Gift + over.Gift, Cash: paid.Cash + over.Cash, Credit: paid.Credit + over.Credit}
	return append(list, paidRow{text: f.Text("wallet.kind.overflow"), orders: "—", split: over},
		paidRow{text: f.Text("statement.sum"), orders: orders(p.Purchases), split: sum, sum: true})
}

// OperatorOverview is how the platform does, by month.
type OperatorOverview struct {
	statement.Overview
	From, To string // as typed, or what is shown
	Refused  bool   // no such months; then nothing was asked
}

// newestFirst are the months as the page lists them.
func (p OperatorOverview) newestFirst() []statement.OverviewMonth {
	list := make([]statement.OverviewMonth, 0, len(p.Months))
	for i := len(p.Months) - 1; i >= 0; i-- {
		list = append(list, p.Months[i])
	}
	return list
}
