package view

import (
	"net/url"
	"strings"
	"time"

	"taocan/internal/i18n"
	"taocan/internal/taocan"
)

// Frame is what every page needs to know besides its own facts.
type Frame struct {
	i18n.Lang
	Theme   string // light, dark; empty: as the machine is set
	Product string // the operator's name for the service; empty: the default one
	Title   string // of the page, in the page's language
	Tab     string // which tab is current: packages, domestic_sms, international_sms, settings, operator
	Side    string // which line of the side menu is current
	Here    string // path and query of the page
	Looked  string // what was typed into the operators' search box
	Now     time.Time
	Zone    *time.Location
	Asset   func(name string) string

	Actor    taocan.Actor   // zero: nobody is signed in
	Login    string         // of the member
	Project  taocan.Project // zero for operators
	Projects []taocan.Project
}

// SignedIn reports whether somebody is.
func (f Frame) SignedIn() bool { return f.Actor.Member != "" }

// MayBuy says whether to offer buying at all. What may be bought is the catalogue's matter.
func (f Frame) MayBuy() bool { return f.Actor.Can(taocan.ScopeBuy) }

// MayManage says whether to offer changes of settings.
func (f Frame) MayManage() bool { return f.Actor.Can(taocan.ScopeManage) }

// ProductName is what stands in the header.
func (f Frame) ProductName() string {
	if f.Product != "" {
		return f.Product
	}
	return f.Text("product.default")
}

// Messages writes a quantity: 1,150.
func (f Frame) Messages(q taocan.Segments) string { return f.Number(int64(q)) }

// Money writes an amount: ¥79,640.03.
func (f Frame) Money(a taocan.Fen) string {
	if a < 0 {
		return "-¥" + f.Decimal((-a).String())
	}
	return "¥" + f.Decimal(a.String())
}

// Yuan writes an amount as the purchase dialog does, whole yuan without decimals: 44, 39.70.
func (f Frame) Yuan(a taocan.Fen) string { return strings.TrimSuffix(f.Decimal(a.String()), ".00") }

// Day is the date of an instant in the platform's zone; Instant adds the time of day.
func (f Frame) Day(t time.Time) string     { return f.Date(t.In(f.Zone)) }
func (f Frame) Instant(t time.Time) string { return f.DateTime(t.In(f.Zone)) }

// Address makes a link with a query; pairs are names and values, empty values are left out.
func Address(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Add(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// OrderPath is the page of an order.
func OrderPath(id taocan.OrderID) string { return "/orders/" + string(id) }

func packagePath(n taocan.PackageNumber) string { return "/package/" + string(n) }

// preference is the address that sets language or theme and comes back here.
func (f Frame) preference(what, value string) string {
	return Address("/"+what+"/"+value, "back", f.Here)
}
