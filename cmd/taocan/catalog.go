package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

type voucherCmd struct {
	Issue voucherIssueCmd `cmd:"" help:"Issue vouchers, into an account or as codes; codes are shown this once."`
	List  voucherListCmd  `cmd:"" help:"List vouchers."`
}

var voucherFields = []string{"id", "state", "account", "amount", "min_amount", "valid_from", "valid_until", "used_by"}

type voucherIssueCmd struct {
	target     `json:"-"`
	Account    string       `name:"account" json:"account,omitempty" help:"Who gets them; left out: codes that anybody may redeem."`
	Count      int          `name:"count" json:"count" default:"1" help:"How many, at most 1000."`
	Amount     string       `name:"amount" required:"" json:"amount" help:"What each pays, in yuan."`
	MinAmount  string       `name:"min-amount" json:"min_amount,omitempty" help:"For orders of at least so much."`
	ValidFrom  *instant     `name:"valid-from" json:"valid_from,omitempty" placeholder:"TIME" help:"Default: now."`
	ValidUntil *instant     `name:"valid-until" required:"" json:"valid_until" placeholder:"TIME" help:"From this instant on they no longer work."`
	Category   []string     `name:"category" json:"-" help:"Only for these categories."`
	Purpose    []string     `name:"purpose" json:"-" help:"Only for these purposes."`
	Product    []string     `name:"product" json:"-" help:"Only for these products."`
	Scope      voucherScope `kong:"-" json:"scope"`
}

type voucherScope struct {
	Categories []string `json:"categories,omitempty"`
	Purposes   []string `json:"purposes,omitempty"`
	Products   []string `json:"products,omitempty"`
}

func (c *voucherIssueCmd) Run(a *app) error {
	c.Scope = voucherScope{c.Category, c.Purpose, c.Product}
	return c.ask(a, func(api *client) (json.RawMessage, error) {
		return api.do(a.ctx, request{method: http.MethodPost, path: operatorPath + "/vouchers", body: c})
	}, func(answer json.RawMessage) error {
		return a.table(answer, "id", "code", "account", "amount", "min_amount", "valid_from", "valid_until")
	})
}

type voucherListCmd struct {
	target
	spanFlags
	State      string `name:"state" default:"" enum:",usable,used,not_yet_valid,expired" help:"usable, used, not_yet_valid or expired."`
	Account    string `name:"account" help:"Only this account's."`
	Unredeemed bool   `name:"unredeemed" help:"Only codes that nobody has redeemed."`
}

func (c *voucherListCmd) Run(a *app) error {
	query := c.into("state", c.State, "account", c.Account)
	if c.Unredeemed {
		query.Set("unredeemed", "true")
	}
	return c.list(a, operatorPath+"/vouchers", query, voucherFields...)
}

type priceListCmd struct {
	List    priceListListCmd    `cmd:"" help:"List price lists, newest start first."`
	Show    priceListShowCmd    `cmd:"" help:"Show a price list."`
	Preview priceListPreviewCmd `cmd:"" help:"Say what a price list would change, without publishing it."`
	Publish priceListPublishCmd `cmd:"" help:"Publish a price list; it is never edited afterwards."`
}

type priceListListCmd struct {
	target
	Category string `name:"category" help:"Only of this category: domestic or international."`
}

func (c *priceListListCmd) Run(a *app) error {
	return c.list(a, operatorPath+"/price-lists", filter("category", c.Category), "id", "category", "valid_from", "validity_months", "draft", "published_at")
}

type priceListShowCmd struct {
	target
	ID string `arg:"" help:"Price list."`
}

func (c *priceListShowCmd) Run(a *app) error {
	return c.ask(a, func(api *client) (json.RawMessage, error) {
		answer, err := api.do(a.ctx, request{method: http.MethodGet, path: operatorPath + "/price-lists"})
		if err != nil {
			return nil, err
		}
		var lists struct {
			Items []json.RawMessage `json:"items"`
		}
		if err := json.Unmarshal(answer, &lists); err != nil {
			return nil, err
		}
		for _, list := range lists.Items {
			var named struct {
				ID string `json:"id"`
			}
			if err := json.Unmarshal(list, &named); err != nil {
				return nil, err
			}
			if named.ID == c.ID {
				return list, nil
			}
		}
		return nil, fmt.Errorf("there is no price list %q: taocan price-list list", c.ID)
	}, func(answer json.RawMessage) error { return printPriceList(a, answer) })
}

func printPriceList(a *app, answer json.RawMessage) error {
	if err := a.fields(answer, "id", "category", "valid_from", "validity_months", "charge_on", "draft"); err != nil {
		return err
	}
	var list struct {
		Items []struct {
			Purpose string `json:"purpose"`
			Country string `json:"country"`
			Below   int64  `json:"below"`
			Tiers   []struct {
				From      int64  `json:"from"`
				UnitPrice string `json:"unit_price"`
			} `json:"tiers"`
		} `json:"items"`
	}
	if err := json.Unmarshal(answer, &list); err != nil {
		return err
	}
	for _, row := range list.Items {
		fmt.Fprintf(a.out, "%s%s:", row.Purpose, row.Country)
		for _, tier := range row.Tiers {
			fmt.Fprintf(a.out, "  from %d %s", tier.From, tier.UnitPrice)
		}
		if row.Below > 0 {
			fmt.Fprintf(a.out, "  below %d", row.Below)
		}
		fmt.Fprintln(a.out)
	}
	return nil
}

type priceListPublishCmd struct {
	target
	File string `arg:"" help:"JSON file as the API takes it (POST /v1/operator/price-lists), - for standard input."`
}

func (c *priceListPublishCmd) Run(a *app) error {
	list, err := readJSON(c.File)
	if err != nil {
		return err
	}
	return c.ask(a, func(api *client) (json.RawMessage, error) {
		return api.do(a.ctx, request{method: http.MethodPost, path: operatorPath + "/price-lists", body: list})
	}, func(answer json.RawMessage) error { return printPriceList(a, answer) })
}

type priceListPreviewCmd struct {
	target
	File string `arg:"" help:"JSON file as publish takes it, - for standard input."`
}

func (c *priceListPreviewCmd) Run(a *app) error {
	list, err := readJSON(c.File)
	if err != nil {
		return err
	}
	return c.ask(a, func(api *client) (json.RawMessage, error) {
		return api.do(a.ctx, request{method: http.MethodPost, path: operatorPath + "/price-lists/preview", body: list})
	}, func(answer json.RawMessage) error {
		if err := a.fields(answer, "id", "valid_from", "replaces", "until"); err != nil {
			return err
		}
		var preview struct {
			Changes json.RawMessage `json:"changes"`
		}
		if err := json.Unmarshal(answer, &preview); err != nil {
			return err
		}
		changes, err := json.Marshal(map[string]json.RawMessage{"items": preview.Changes})
		if err != nil {
			return err
		}
		return a.table(changes, "purpose", "country", "quantity", "old", "new")
	})
}

func readJSON(file string) (json.RawMessage, error) {
	var b []byte
	var err error
	if file == "-" {
		b, err = io.ReadAll(os.Stdin)
	} else {
		b, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, err
	}
	if !json.Valid(b) {
		return nil, fmt.Errorf("%s is not JSON", file)
	}
	return b, nil
}

type productCmd struct {
	List    productListCmd    `cmd:"" help:"List fixed packages, also those not on sale."`
	Add     productAddCmd     `cmd:"" help:"Add a fixed package. Its terms never change afterwards."`
	OnSale  productOnSaleCmd  `cmd:"" help:"Put a product on sale."`
	OffSale productOffSaleCmd `cmd:"" help:"Take a product off sale."`
}

var productFields = []string{"id", "name", "category", "purpose", "country", "quantity", "price", "validity_months", "on_sale"}

type productListCmd struct {
	target
	Category string `name:"category" help:"Only of this category: domestic or international."`
}

func (c *productListCmd) Run(a *app) error {
	return c.list(a, operatorPath+"/products", filter("category", c.Category), productFields...)
}

type productAddCmd struct {
	target         `json:"-"`
	ID             string `arg:"" json:"id" help:"1 to 64 lower-case letters, digits, - and _."`
	Name           string `name:"name" required:"" json:"name" help:"Name that buyers see."`
	Category       string `name:"category" json:"category" default:"domestic" enum:"domestic,international" help:"${enum}"`
	Purpose        string `name:"purpose" json:"purpose,omitempty" help:"verification, marketing or general."`
	Country        string `name:"country" json:"country,omitempty" help:"International: ISO code."`
	Quantity       int64  `name:"quantity" required:"" json:"quantity" help:"Messages."`
	Price          string `name:"price" required:"" json:"price" help:"Yuan."`
	ValidityMonths int    `name:"validity-months" json:"validity_months" default:"12" help:"How long a bought one works."`
	ChargeOn       string `name:"charge-on" json:"charge_on" default:"submit" enum:"submit,delivered" help:"When a message counts as used: ${enum}."`
	OffSale        bool   `name:"off-sale" json:"-" help:"Add it without putting it on sale."`
	OnSale         bool   `kong:"-" json:"on_sale"`
}

func (c *productAddCmd) Run(a *app) error {
	c.OnSale = !c.OffSale
	return c.show(a, request{method: http.MethodPost, path: operatorPath + "/products", body: c}, productFields...)
}

type productOnSaleCmd struct {
	target
	ID string `arg:"" help:"Product."`
}

func (c *productOnSaleCmd) Run(a *app) error { return c.show(a, onSale(c.ID, true), productFields...) }

type productOffSaleCmd struct {
	target
	ID string `arg:"" help:"Product."`
}

func (c *productOffSaleCmd) Run(a *app) error {
	return c.show(a, onSale(c.ID, false), productFields...)
}

func onSale(id string, yes bool) request {
	return request{method: http.MethodPut, path: operatorPath + "/products/" + url.PathEscape(id) + "/on-sale", body: map[string]bool{"on_sale": yes}}
}

type packageCmd struct {
	Find      packageFindCmd      `cmd:"" help:"Find a package by its number, whoever's it is."`
	Statement packageStatementCmd `cmd:"" help:"List a package's entries, newest first."`
	Grant     packageGrantCmd     `cmd:"" help:"Give a project a package, with a reason."`
	Adjust    packageAdjustCmd    `cmd:"" help:"Change what remains of a package, with a reason."`
	Extend    packageExtendCmd    `cmd:"" help:"Let a package work longer, with a reason."`
	Freeze    packageFreezeCmd    `cmd:"" help:"Stop a package, with a reason: it pays nothing until it is unfrozen."`
	Unfreeze  packageUnfreezeCmd  `cmd:"" help:"Let a frozen package pay again, with a reason."`
	Transfer  packageTransferCmd  `cmd:"" help:"Move messages of a package to another project of its account, with a reason."`
}

var packageFields = []string{"number", "name", "account", "project", "category", "purpose", "country", "total", "adjusted", "remaining", "reserved", "used",
	"purchased_at", "expires_on", "status", "order_id"}

func packagePath(number, rest string) string {
	return operatorPath + "/packages/" + url.PathEscape(number) + rest
}

type packageFindCmd struct {
	target
	Number string `arg:"" help:"Package number, like U1B19042914D4FE7."`
}

func (c *packageFindCmd) Run(a *app) error {
	return c.show(a, request{method: http.MethodGet, path: packagePath(c.Number, "")}, packageFields...)
}

type packageStatementCmd struct {
	target
	Number string `arg:"" help:"Package number."`
}

func (c *packageStatementCmd) Run(a *app) error {
	return c.list(a, packagePath(c.Number, "/entries"), nil, "at", "kind", "quantity", "remaining_after", "reserved_change", "reserved_after", "debits", "reference")
}

type packageGrantCmd struct {
	target         `json:"-"`
	keyFlag        `json:"-"`
	Project        string `name:"project" required:"" json:"project" placeholder:"P" help:"Who gets it."`
	Category       string `name:"category" json:"category" default:"domestic" enum:"domestic,international" help:"${enum}"`
	Purpose        string `name:"purpose" json:"purpose,omitempty" help:"verification, marketing or general."`
	Country        string `name:"country" json:"country,omitempty" help:"International: ISO code."`
	Name           string `name:"name" json:"name,omitempty" help:"Default: the name of a custom package."`
	Quantity       int64  `name:"quantity" required:"" json:"quantity" help:"Messages."`
	ValidityMonths int    `name:"validity-months" json:"validity_months" default:"12" help:"How long it works."`
	Reason         string `name:"reason" required:"" json:"reason" help:"Why."`
}

func (c *packageGrantCmd) Run(a *app) error {
	return c.show(a, request{method: http.MethodPost, path: operatorPath + "/packages", body: c, key: c.orRandom()}, packageFields...)
}

type packageAdjustCmd struct {
	target  `json:"-"`
	keyFlag `json:"-"`
	Number  string `arg:"" json:"-" help:"Package number."`
	Delta   int64  `name:"delta" required:"" json:"delta" help:"Messages of either sign: --delta=-5."`
	Reason  string `name:"reason" required:"" json:"reason" help:"Why."`
}

func (c *packageAdjustCmd) Run(a *app) error {
	return c.show(a, request{method: http.MethodPost, path: packagePath(c.Number, "/adjust"), body: c, key: c.orRandom()}, packageFields...)
}

type agreementCmd struct {
	List    agreementListCmd    `cmd:"" help:"List the versions of the service agreement."`
	Show    agreementShowCmd    `cmd:"" help:"Print the text of a version."`
	Publish agreementPublishCmd `cmd:"" help:"Publish a version: orders from now on must accept it."`
}

var agreementFields = []string{"version", "hash", "published_at"}

type agreementListCmd struct{ target }

func (c *agreementListCmd) Run(a *app) error {
	return c.list(a, operatorPath+"/agreements", nil, agreementFields...)
}

type agreementShowCmd struct {
	target
	Version string `arg:"" help:"Version."`
}

func (c *agreementShowCmd) Run(a *app) error {
	return c.ask(a, func(api *client) (json.RawMessage, error) {
		answer, err := api.do(a.ctx, request{method: http.MethodGet, path: operatorPath + "/agreements"})
		if err != nil {
			return nil, err
		}
		var list struct {
			Items []json.RawMessage `json:"items"`
		}
		if err := json.Unmarshal(answer, &list); err != nil {
			return nil, err
		}
		for _, item := range list.Items {
			if text, err := decodeObject(item); err == nil && text["version"] == c.Version {
				return item, nil
			}
		}
		return nil, fmt.Errorf("there is no version %q: taocan agreement list", c.Version)
	}, func(answer json.RawMessage) error {
		var text struct {
			Markdown string `json:"markdown"`
		}
		if err := json.Unmarshal(answer, &text); err != nil {
			return err
		}
		_, err := fmt.Fprintln(a.out, strings.TrimRight(text.Markdown, "\n"))
		return err
	})
}

type agreementPublishCmd struct {
	target
	Version string `arg:"" help:"Name of the version, like 2026-05."`
	File    string `arg:"" help:"Markdown file."`
}

func (c *agreementPublishCmd) Run(a *app) error {
	text, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	return c.show(a, request{method: http.MethodPost, path: operatorPath + "/agreements",
		body: map[string]string{"version": c.Version, "markdown": string(text)}}, agreementFields...)
}

type auditCmd struct {
	List auditListCmd `cmd:"" help:"List what operators did, newest first."`
}

type auditListCmd struct {
	target
	spanFlags
	By      string `name:"by" help:"A login, the id of a member or of a token, or system."`
	Action  string `name:"action" help:"Like wallet.top_up, or a noun: wallet."`
	Subject string `name:"subject" help:"What was changed."`
	Account string `name:"account" help:"What was done to this account and what is its own, and what its members did."`
}

func (c *auditListCmd) Run(a *app) error {
	query := c.into("by", c.By, "action", c.Action, "subject", c.Subject, "account", c.Account)
	return c.list(a, operatorPath+"/audit", query, "n", "at", "login", "by", "address", "action", "subject", "before", "after")
}
