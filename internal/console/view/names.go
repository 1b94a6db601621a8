package view

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"taocan/internal/catalog"
	"taocan/internal/i18n"
	"taocan/internal/taocan"
)

// Country is a country's name in the page's language, with its code.
func (f Frame) Country(c taocan.Country) string {
	zh, en := catalog.CountryName(c)
	name := zh
	if f.Lang == i18n.English {
		name = en
	}
	if name == "" {
		return string(c)
	}
	return name + " " + string(c)
}

// AlertName is what a rule watches over.
func (f Frame) AlertName(r taocan.AlertRule) string {
	switch {
	case r.Country != "":
		return f.Text("packages.alert.country", f.Country(r.Country))
	case r.Category == taocan.International:
		return f.Text("packages.alert.all")
	}
	return f.Text("packages.alert." + string(r.Purpose))
}

// PurposeChoices are the values of a filter by purpose.
func (f Frame) PurposeChoices() []Choice {
	var all []Choice
	for _, p := range taocan.Purposes {
		all = append(all, Choice{string(p), f.Text("purpose." + string(p))})
	}
	return all
}

func (f Frame) statusChoices() []Choice {
	var all []Choice
	for _, s := range []taocan.Status{taocan.Active, taocan.Frozen, taocan.Exhausted, taocan.Expired} {
		all = append(all, Choice{string(s), f.Text("status." + string(s))})
	}
	return all
}

// fixedName matches the names that fixed packages usually have: 5000条, 10万条, 国内短信包5千条(验证通知).
var fixedName = regexp.MustCompile(`^(?:国内短信包|国际短信包)?(\d{1,9})([千万]?)条(?:\((?:验证通知|营销推广|会员营销|通用)\))?$`)

// packageName puts a package's name into the page's language. foreign: it is a name in Chinese on an English page.
func (f Frame) packageName(name string, c taocan.Category, p taocan.Purpose, country taocan.Country) (text string, foreign bool) {
	if f.Lang == i18n.Chinese {
		return name, false
	}
	zh, en := catalog.CountryName(country)
	if name == taocan.CustomName(c, p, country, zh) {
		if c == taocan.International {
			return f.Text("name.custom.international", en, string(country)), false
		}
		return f.Text("name.custom.domestic", f.Text("purpose."+string(p))), false
	}
	if m := fixedName.FindStringSubmatch(name); m != nil {
		n, _ := strconv.ParseInt(m[1], 10, 64) // nine digits
		n *= map[string]int64{"": 1, "千": 1_000, "万": 10_000}[m[2]]
		if strings.Contains(name, "(") {
			return f.Text("name.fixed.purpose", f.Number(n), f.Text("purpose."+string(p))), false
		}
		return f.Count("name.fixed", n), false
	}
	return name, strings.ContainsFunc(name, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

// PackageNameText is a package's name as a file shows it: in English what can be put into words, otherwise as it was given.
func (f Frame) PackageNameText(x taocan.Package) string {
	text, _ := f.packageName(x.Name, x.Category, x.Purpose, x.Country)
	return text
}
