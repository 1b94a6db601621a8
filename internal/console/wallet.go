package console

import (
	"net/http"

	"taocan/internal/console/view"
	"taocan/internal/export"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

func (c *console) walletRoutes() {
	c.member("GET /wallet", c.wallet, taocan.ScopeRead)
	c.exported("/wallet/export", c.walletExport)
}

// walletLines is how many lines of the statement a page shows.
const walletLines = 20

func (c *console) wallet(w http.ResponseWriter, r *http.Request) error {
	f, err := c.frame(r, "wallet.title", "packages", "wallet")
	if err != nil {
		return err
	}
	account, cursor := actorOf(r).Account, r.URL.Query().Get("cursor")
	p := view.Wallet{Older: cursor != ""}
	if p.Wallet, err = c.Orders.Wallet(r.Context(), account); err != nil {
		return err
	}
	page, err := c.Orders.WalletEntries(r.Context(), account, store.Paging{Limit: walletLines, Cursor: cursor})
	if err != nil {
		return err
	}
	p.Entries, p.Next, p.Total, p.AtLeast = page.Items, page.Next, page.Total, page.AtLeast
	return render(w, r, http.StatusOK, view.WalletPage(f, p))
}

// walletExport writes the whole statement, with changes and balances in columns of their own.
func (c *console) walletExport(w http.ResponseWriter, r *http.Request, format export.Format) error {
	f, actor := c.bareFrame(r, "wallet.title"), actorOf(r)
	columns := texts(f, "wallet.column.n", "wallet.column.time", "wallet.column.kind",
		"wallet.column.cash.change", "wallet.column.gift.change", "wallet.column.credit_used.change", "wallet.column.credit_limit.change",
		"wallet.column.cash.after", "wallet.column.gift.after", "wallet.column.credit_used.after", "wallet.column.credit_limit.after",
		"wallet.column.project", "wallet.column.order", "wallet.column.reference")
	return download(w, format, export.Table[taocan.WalletEntry]{Name: "wallet", Columns: columns, Row: func(e taocan.WalletEntry) []export.Cell {
		order := e.Order
		if e.Project != actor.Project { // its page is that project's alone
			order = ""
		}
		return []export.Cell{export.Number(e.N), export.Instant(e.At.In(c.Zone)), export.Text(f.Text("wallet.kind." + string(e.Kind))),
			export.Money(e.Cash), export.Money(e.Gift), export.Money(e.CreditUsed), export.Money(e.CreditLimit),
			export.Money(e.After.Cash), export.Money(e.After.Gift), export.Money(e.After.CreditUsed), export.Money(e.After.CreditLimit),
			export.Text(e.Project), export.Text(order), export.Text(e.Reference)}
	}}, func(p store.Paging) (store.Page[taocan.WalletEntry], error) {
		return c.Orders.WalletEntries(r.Context(), actor.Account, p)
	})
}
