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
	c.member("GET /wallet/export.csv", c.walletExport(export.CSV), taocan.ScopeRead)
	c.member("GET /wallet/export.xlsx", c.walletExport(export.XLSX), taocan.ScopeRead)
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
func (c *console) walletExport(format export.Format) action {
	return func(w http.ResponseWriter, r *http.Request) error {
		f, actor := c.bareFrame(r, "wallet.title"), actorOf(r)
		table := export.Table[taocan.WalletEntry]{Name: "wallet", Row: func(e taocan.WalletEntry) []export.Cell {
			order := e.Order
			if e.Project != actor.Project { // another project's orders are not this one's to see
				order = ""
			}
			return []export.Cell{export.Number(e.N), export.Text(f.Instant(e.At)), export.Text(f.Text("wallet.kind." + string(e.Kind))),
				export.Money(e.Cash), export.Money(e.Gift), export.Money(e.CreditUsed), export.Money(e.CreditLimit),
				export.Money(e.After.Cash), export.Money(e.After.Gift), export.Money(e.After.CreditUsed), export.Money(e.After.CreditLimit),
				export.Text(e.Project), export.Text(order), export.Text(e.Reference)}
		}}
		for _, name := range []string{"n", "time", "kind", "cash.change", "gift.change", "credit_used.change", "credit_limit.change",
			"cash.after", "gift.after", "credit_used.after", "credit_limit.after", "project", "order", "reference"} {
			table.Columns = append(table.Columns, f.Text("wallet.column."+name))
		}
		file, err := export.Open(table, func(q store.Paging) (store.Page[taocan.WalletEntry], error) {
			return c.Orders.WalletEntries(r.Context(), actor.Account, q)
		})
		if err != nil {
			return err
		}
		file.Serve(w, format)
		return nil
	}
}
