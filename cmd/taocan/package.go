package main

import (
	"encoding/json"
	"net/http"
)

type packageExtendCmd struct {
	target    `json:"-"`
	keyFlag   `json:"-"`
	Number    string `arg:"" json:"-" help:"Package number."`
	ExpiresOn string `name:"expires-on" json:"expires_on,omitempty" xor:"until" required:"" placeholder:"DATE" help:"The new last date on which it works, like 2027-04-29."`
	Months    int    `name:"months" json:"months,omitempty" xor:"until" required:"" help:"Added to the present last date."`
	Reason    string `name:"reason" required:"" json:"reason" help:"Why."`
}

func (c *packageExtendCmd) Run(a *app) error {
	return c.show(a, request{method: http.MethodPost, path: packagePath(c.Number, "/extend"), body: c, key: c.orRandom()}, packageFields...)
}

// reasonFlags are what a change of a package that needs nothing but a reason takes.
type reasonFlags struct {
	target  `json:"-"`
	keyFlag `json:"-"`
	Number  string `arg:"" json:"-" help:"Package number."`
	Reason  string `name:"reason" required:"" json:"reason" help:"Why."`
}

func (c *reasonFlags) post(a *app, action string) error {
	return c.show(a, request{method: http.MethodPost, path: packagePath(c.Number, action), body: c, key: c.orRandom()}, packageFields...)
}

type packageFreezeCmd struct{ reasonFlags }

func (c *packageFreezeCmd) Run(a *app) error { return c.post(a, "/freeze") }

type packageUnfreezeCmd struct{ reasonFlags }

func (c *packageUnfreezeCmd) Run(a *app) error { return c.post(a, "/unfreeze") }

type packageTransferCmd struct {
	target   `json:"-"`
	keyFlag  `json:"-"`
	Number   string `arg:"" json:"-" help:"Package number."`
	Project  string `name:"project" required:"" json:"project" placeholder:"P" help:"Who gets them: another project of the account."`
	Quantity int64  `name:"quantity" json:"quantity,omitempty" help:"Messages. Default: all that remains."`
	Reason   string `name:"reason" required:"" json:"reason" help:"Why."`
}

func (c *packageTransferCmd) Run(a *app) error {
	q := request{method: http.MethodPost, path: packagePath(c.Number, "/transfer"), body: c, key: c.orRandom()}
	return c.ask(a, func(x *client) (json.RawMessage, error) { return x.do(a.ctx, q) }, func(answer json.RawMessage) error {
		var moved struct {
			To json.RawMessage `json:"to"`
		}
		if err := json.Unmarshal(answer, &moved); err != nil {
			return err
		}
		return a.fields(moved.To, packageFields...) // the package that was made: its number is news
	})
}
