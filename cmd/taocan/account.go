package main

import (
	"net/http"
	"net/url"
)

// The structs of this and the following files are both the flags of a command and the body of its request.

type accountCmd struct {
	Create    accountCreateCmd    `cmd:"" help:"Create an account."`
	List      accountListCmd      `cmd:"" help:"List accounts, or look for one."`
	Show      accountShowCmd      `cmd:"" help:"Show an account."`
	Level     accountLevelCmd     `cmd:"" help:"Say how well the platform knows an account: it decides what it may buy."`
	Suspend   accountSuspendCmd   `cmd:"" help:"Lock an account out: none of its tokens and logins work."`
	Resume    accountResumeCmd    `cmd:"" help:"Let a suspended account in again."`
	TopUp     accountTopUpCmd     `cmd:"" help:"Book money received: it repays used credit first, the rest becomes cash."`
	Gift      accountGiftCmd      `cmd:"" help:"Give money."`
	Credit    accountCreditCmd    `cmd:"" help:"Set the credit limit."`
	Adjust    accountAdjustCmd    `cmd:"" help:"Correct the cash, with a reason."`
	Wallet    accountWalletCmd    `cmd:"" help:"Show what an account can pay with."`
	Statement accountStatementCmd `cmd:"" help:"List the wallet's entries, newest first."`
	Export    accountExportCmd    `cmd:"" help:"Write everything that an account owns to a ZIP file."`
}

const operatorPath = "/v1/operator"

func accountPath(id, rest string) string {
	return operatorPath + "/accounts/" + url.PathEscape(id) + rest
}

var (
	accountFields = []string{"id", "name", "level", "suspended", "created_at"}
	walletFields  = []string{"cash", "gift", "credit_limit", "credit_used", "currency"}
)

type accountCreateCmd struct {
	target `json:"-"`
	ID     string `arg:"" json:"id" help:"1 to 64 lower-case letters, digits, - and _."`
	Name   string `name:"name" json:"name,omitempty" help:"Name for people."`
	Level  string `name:"level" json:"level" default:"unverified" enum:"unverified,personal,enterprise" help:"Identity level: ${enum}."`
}

func (c *accountCreateCmd) Run(a *app) error {
	return c.show(a, request{method: http.MethodPost, path: operatorPath + "/accounts", body: c}, accountFields...)
}

type accountListCmd struct {
	target
	Query     string `name:"query" help:"Part of an account's id or name, of a project's, or of a member's login."`
	Level     string `name:"level" default:"" enum:",unverified,personal,enterprise" help:"Only of this identity level."`
	Suspended bool   `name:"suspended" help:"Only suspended ones."`
}

func (c *accountListCmd) Run(a *app) error {
	query := spanFlags{}.into("q", c.Query, "level", c.Level)
	if c.Suspended {
		query.Set("suspended", "true")
	}
	return c.list(a, operatorPath+"/accounts", query, accountFields...)
}

type accountShowCmd struct {
	target
	ID string `arg:"" help:"Account."`
}

func (c *accountShowCmd) Run(a *app) error {
	return c.show(a, request{method: http.MethodGet, path: accountPath(c.ID, "")}, accountFields...)
}

type accountLevelCmd struct {
	target `json:"-"`
	ID     string `arg:"" json:"-" help:"Account."`
	Level  string `arg:"" json:"level" enum:"unverified,personal,enterprise" help:"${enum}"`
}

func (c *accountLevelCmd) Run(a *app) error {
	return c.show(a, request{method: http.MethodPut, path: accountPath(c.ID, "/level"), body: c}, accountFields...)
}

type accountSuspendCmd struct {
	target
	ID string `arg:"" help:"Account."`
}

func (c *accountSuspendCmd) Run(a *app) error {
	return c.show(a, suspended(accountPath(c.ID, "/suspended"), true), accountFields...)
}

type accountResumeCmd struct {
	target
	ID string `arg:"" help:"Account."`
}

func (c *accountResumeCmd) Run(a *app) error {
	return c.show(a, suspended(accountPath(c.ID, "/suspended"), false), accountFields...)
}

func suspended(path string, yes bool) request {
	return request{method: http.MethodPut, path: path, body: map[string]bool{"suspended": yes}}
}

// keyFlag lets a write that is tried again be recognized.
type keyFlag struct {
	Key string `name:"key" placeholder:"KEY" help:"Your own key of this booking: given again, it is booked once. Default: a random one."`
}

func (k keyFlag) orRandom() string {
	if k.Key == "" {
		return randomKey()
	}
	return k.Key
}

type accountTopUpCmd struct {
	target    `json:"-"`
	keyFlag   `json:"-"`
	ID        string `arg:"" json:"-" help:"Account."`
	Amount    string `arg:"" json:"amount" help:"Yuan, like 100.00."`
	Reference string `name:"reference" required:"" json:"reference" help:"Reference of the bank transfer or the like; each is booked once."`
}

func (c *accountTopUpCmd) Run(a *app) error {
	return c.show(a, request{method: http.MethodPost, path: accountPath(c.ID, "/top-up"), body: c, key: c.orRandom()}, walletFields...)
}

type accountGiftCmd struct {
	target  `json:"-"`
	keyFlag `json:"-"`
	ID      string `arg:"" json:"-" help:"Account."`
	Amount  string `arg:"" json:"amount" help:"Yuan, like 100.00."`
	Reason  string `name:"reason" json:"reason,omitempty" help:"Why."`
}

func (c *accountGiftCmd) Run(a *app) error {
	return c.show(a, request{method: http.MethodPost, path: accountPath(c.ID, "/gift"), body: c, key: c.orRandom()}, walletFields...)
}

type accountCreditCmd struct {
	target  `json:"-"`
	keyFlag `json:"-"`
	ID      string `arg:"" json:"-" help:"Account."`
	Limit   string `arg:"" json:"credit_limit" help:"The new limit in yuan, like 5000.00."`
	Reason  string `name:"reason" json:"reason,omitempty" help:"Why."`
}

func (c *accountCreditCmd) Run(a *app) error {
	return c.show(a, request{method: http.MethodPut, path: accountPath(c.ID, "/credit-limit"), body: c, key: c.orRandom()}, walletFields...)
}

type accountAdjustCmd struct {
	target  `json:"-"`
	keyFlag `json:"-"`
	ID      string `arg:"" json:"-" help:"Account."`
	Amount  string `name:"amount" required:"" json:"amount" help:"Yuan of either sign: --amount=-4.40."`
	Reason  string `name:"reason" required:"" json:"reason" help:"Why."`
}

func (c *accountAdjustCmd) Run(a *app) error {
	return c.show(a, request{method: http.MethodPost, path: accountPath(c.ID, "/wallet/adjust"), body: c, key: c.orRandom()}, walletFields...)
}

type accountWalletCmd struct {
	target
	ID string `arg:"" help:"Account."`
}

func (c *accountWalletCmd) Run(a *app) error {
	return c.show(a, request{method: http.MethodGet, path: accountPath(c.ID, "/wallet")}, walletFields...)
}

type accountStatementCmd struct {
	target
	ID string `arg:"" help:"Account."`
}

func (c *accountStatementCmd) Run(a *app) error {
	return c.list(a, accountPath(c.ID, "/wallet/entries"), nil, "n", "at", "kind", "cash", "gift", "credit_limit", "credit_used", "order_id", "reference")
}

type projectCmd struct {
	Create projectCreateCmd `cmd:"" help:"Create a project of an account."`
	List   projectListCmd   `cmd:"" help:"List projects."`
	Pool   projectPoolCmd   `cmd:"" help:"Say whose packages pay for a project besides its own."`
}

var projectFields = []string{"id", "account", "name", "created_at"}

type projectCreateCmd struct {
	target  `json:"-"`
	ID      string `arg:"" json:"id" help:"1 to 64 lower-case letters, digits, - and _; unique on the platform."`
	Account string `name:"account" required:"" json:"account" help:"Whose it is."`
	Name    string `name:"name" json:"name,omitempty" help:"Name for people."`
}

func (c *projectCreateCmd) Run(a *app) error {
	return c.show(a, request{method: http.MethodPost, path: operatorPath + "/projects", body: c}, projectFields...)
}

type projectListCmd struct {
	target
	Account string `name:"account" help:"Only this account's."`
}

func (c *projectListCmd) Run(a *app) error {
	return c.list(a, operatorPath+"/projects", filter("account", c.Account), projectFields...)
}

// filter is a query of one parameter, left out where it is empty.
func filter(name, value string) url.Values {
	if value == "" {
		return url.Values{}
	}
	return url.Values{name: {value}}
}
