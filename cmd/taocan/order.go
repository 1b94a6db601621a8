package main

import (
	"net/http"
	"net/url"
	"time"
)

type orderCmd struct {
	List orderListCmd `cmd:"" help:"List orders of all accounts, newest first."`
	Show orderShowCmd `cmd:"" help:"Find an order by its id, whoever's it is."`
}

var orderFields = []string{"id", "account", "project", "state", "description", "quantity", "amount", "created_at", "settled_at", "packages"}

// spanFlags narrow a list to a time.
type spanFlags struct {
	From  *instant `name:"from" placeholder:"TIME" help:"From this instant on, like 2026-05-01T00:00:00+08:00."`
	Until *instant `name:"until" placeholder:"TIME" help:"Before this instant."`
}

// into adds them to a query; pairs are further names and values, of which empty ones are left out.
func (s spanFlags) into(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	for name, at := range map[string]*instant{"from": s.From, "until": s.Until} {
		if at != nil {
			q.Set(name, at.Format(time.RFC3339Nano))
		}
	}
	return q
}

type orderListCmd struct {
	target
	spanFlags
	State   string `name:"state" default:"" enum:",pending,paid,cancelled,closed" help:"pending, paid, cancelled or closed."`
	Account string `name:"account" help:"Only this account's."`
	Project string `name:"project" help:"Only this project's."`
}

func (c *orderListCmd) Run(a *app) error {
	return c.list(a, operatorPath+"/orders", c.into("state", c.State, "account", c.Account, "project", c.Project), orderFields...)
}

type orderShowCmd struct {
	target
	ID string `arg:"" help:"Order."`
}

func (c *orderShowCmd) Run(a *app) error {
	return c.show(a, request{method: http.MethodGet, path: operatorPath + "/orders/" + url.PathEscape(c.ID)}, append(orderFields, "agreement_version", "payment")...)
}

type clockCmd struct {
	Confirm clockConfirmCmd `cmd:"" help:"Trust the server's clock after it has jumped: the ledger is written again."`
}

type clockConfirmCmd struct{ target }

func (c *clockConfirmCmd) Run(a *app) error {
	return c.show(a, request{method: http.MethodPost, path: operatorPath + "/clock/confirm"}, "commits", "operations", "queued")
}
