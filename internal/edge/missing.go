package edge

import (
	"cmp"
	"net/url"
	"strings"
)

// nouns are what paths of the API name by an id.
var nouns = map[string]string{
	"accounts": "account", "projects": "project", "members": "member", "tokens": "token", "packages": "package", "orders": "order", "vouchers": "voucher",
	"debits": "debit or reservation", "reservations": "reservation", "products": "product", "price-lists": "price list", "agreements": "agreement",
	"alerts": "alert rule", "channels": "channel", "statements": "statement",
}

// verbs stand where an id could.
var verbs = map[string]bool{"batch": true, "settle-batch": true, "import": true, "reconcile": true}

// missing says what a request looked for, from its path alone: so it reads the same whether there is no such thing or it is
// another tenant's.
func (r *Request) missing() string {
	parts := strings.Split(strings.TrimPrefix(r.path, "/v1/"), "/")
	if len(parts) > 2 && parts[0] == "projects" {
		parts = parts[2:] // the gate has let it into the project
	}
	found := ""
	for i, p := range parts[:len(parts)-1] {
		id, err := url.PathUnescape(parts[i+1])
		if noun := nouns[p]; noun != "" && nouns[id] == "" && !verbs[id] && err == nil {
			found = "there is no " + noun + " " + clip(id) + " here"
		}
	}
	return cmp.Or(found, nothing.detail)
}
