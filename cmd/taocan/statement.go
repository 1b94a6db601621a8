package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
)

// statementCmd shows one month, or lists the months that there are.
type statementCmd struct {
	target
	Project string `name:"project" required:"" xor:"whose" help:"Project."`
	Account string `name:"account" required:"" xor:"whose" help:"Account: all of its projects, and its wallet."`
	Month   string `name:"month" placeholder:"2006-01" help:"Month. Default: list the months that there are."`
	CSV     string `name:"csv" placeholder:"FILE" help:"Write the month to a CSV file, which is replaced; - means stdout."`
}

// path is where the API has the statements.
func (c *statementCmd) path() string {
	if c.Account != "" {
		return accountPath(c.Account, "/statements")
	}
	return operatorPath + "/projects/" + url.PathEscape(c.Project) + "/statements"
}

func (c *statementCmd) Run(a *app) error {
	switch {
	case c.CSV != "" && c.Month == "":
		return usage("--csv writes one month: give --month")
	case c.CSV != "" && a.json:
		return usage("give --csv or --json, not both")
	case c.CSV != "":
		return c.write(a)
	case c.Month == "":
		return c.list(a, c.path(), nil, "month", "from", "until", "final")
	}
	return c.ask(a, func(api *client) (json.RawMessage, error) {
		return api.do(a.ctx, request{method: http.MethodGet, path: c.monthPath()})
	}, func(answer json.RawMessage) error { return printStatement(a, answer) })
}

func (c *statementCmd) monthPath() string { return c.path() + "/" + url.PathEscape(c.Month) }

// write saves the file that the API answers with.
func (c *statementCmd) write(a *app) error {
	api, err := c.connect(a.ctx)
	if err != nil {
		return err
	}
	file, err := api.do(a.ctx, request{method: http.MethodGet, path: c.monthPath() + "/lines.csv"})
	if err := errors.Join(err, api.close()); err != nil {
		return err
	}
	if c.CSV == "-" {
		_, err := a.out.Write(file)
		return err
	}
	if err := os.WriteFile(c.CSV, file, 0o600); err != nil {
		return fmt.Errorf("write the statement: %w", err)
	}
	fmt.Fprintf(a.out, "wrote %s: %d bytes\n", c.CSV, len(file))
	return nil
}

// printStatement prints a month for people: whose it is, the messages by kind and in sum, the wallet, and what can be invoiced.
func printStatement(a *app, answer json.RawMessage) error {
	var st struct {
		Lines     []json.RawMessage `json:"lines"`
		Sum       json.RawMessage   `json:"sum"`
		Purchases json.RawMessage   `json:"purchases"`
		Wallet    *struct {
			Opening json.RawMessage   `json:"opening"`
			Changes []json.RawMessage `json:"changes"`
			Closing json.RawMessage   `json:"closing"`
		} `json:"wallet"`
	}
	if err := json.Unmarshal(answer, &st); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	table := func(rows []json.RawMessage, names ...string) error {
		list, err := json.Marshal(map[string]any{"items": rows})
		if err != nil {
			return err
		}
		fmt.Fprintln(a.out)
		return a.table(list, names...)
	}
	fields := func(answer json.RawMessage, names ...string) error {
		fmt.Fprintln(a.out)
		return a.fields(answer, names...)
	}
	err := a.fields(answer, "account", "project", "month", "from", "until", "final")
	if err == nil {
		err = table(st.Lines, append([]string{"project", "category", "purpose", "country"}, statementTerms...)...)
	}
	if err == nil {
		err = fields(st.Sum, statementTerms...)
	}
	if err == nil && st.Wallet != nil {
		err = errors.Join(fields(st.Wallet.Opening, walletFields...),
			table(st.Wallet.Changes, "kind", "entries", "cash", "gift", "credit_limit", "credit_used"), fields(st.Wallet.Closing, walletFields...))
	}
	if err == nil {
		err = fields(st.Purchases, "orders", "messages", "invoiceable")
	}
	return err
}

// statementTerms lead from opening to closing.
var statementTerms = []string{"opening", "bought", "granted", "imported", "transferred_in", "restored", "adjusted", "transferred_out", "used",
	"expired", "closing"}
