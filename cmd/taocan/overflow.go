package main

import (
	"net/http"
	"net/url"
)

type overflowPriceCmd struct {
	List    overflowPriceListCmd    `cmd:"" help:"List what messages beyond all packages cost."`
	Publish overflowPricePublishCmd `cmd:"" help:"Publish a price; it is never edited, a later one takes its place."`
}

var overflowPriceFields = []string{"category", "purpose", "country", "price", "valid_from"}

type overflowPriceListCmd struct{ target }

func (c *overflowPriceListCmd) Run(a *app) error {
	return c.list(a, operatorPath+"/overflow-prices", nil, overflowPriceFields...)
}

type overflowPricePublishCmd struct {
	target
	Category  string `required:"" enum:"domestic,international" help:"domestic or international."`
	Purpose   string `help:"verification, marketing or general; domestic only."`
	Country   string `help:"ISO code; without one the price is for all countries that have none of their own. International only."`
	Price     string `required:"" placeholder:"YUAN" help:"Of one message."`
	ValidFrom string `placeholder:"TIME" help:"From when on, such as 2026-04-01T00:00:00+08:00; default now."`
}

func (c *overflowPricePublishCmd) Run(a *app) error {
	body := map[string]any{"category": c.Category, "price": c.Price}
	for name, value := range map[string]string{"purpose": c.Purpose, "country": c.Country, "valid_from": c.ValidFrom} {
		if value != "" {
			body[name] = value
		}
	}
	return c.show(a, request{method: http.MethodPost, path: operatorPath + "/overflow-prices", body: body}, overflowPriceFields...)
}

type projectPoolCmd struct {
	target
	Account string   `required:"" help:"Account of the projects."`
	Project string   `required:"" help:"Project that the packages are to pay for, after its own."`
	From    []string `placeholder:"ID" help:"Projects whose packages pay, in this order; none ends the sharing."`
}

func (c *projectPoolCmd) Run(a *app) error {
	if c.From == nil {
		c.From = []string{}
	}
	return c.show(a, request{method: http.MethodPut, path: operatorPath + "/accounts/" + url.PathEscape(c.Account) + "/projects/" + url.PathEscape(c.Project) + "/pool",
		body: map[string][]string{"projects": c.From}}, "projects")
}
