package catalog

import (
	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"taocan/internal/taocan"
)

// Country is a place that messages can be sent to.
type Country struct {
	Code           taocan.Country
	NameZH, NameEN string
	DialCode       int // ITU-T E.164 country code; 0 where none is known
}

// ownNames replaces names that read badly inside a package's name ("中国香港特别行政区").
var ownNames = map[taocan.Country]Country{
	"HK": {NameZH: "中国香港", NameEN: "Hong Kong, China"},
	"MO": {NameZH: "中国澳门", NameEN: "Macao, China"},
	"TW": {NameZH: "中国台湾", NameEN: "Taiwan, China"},
}

var regionsZH, regionsEN = display.Regions(language.Chinese), display.Regions(language.English)

// CountryName is the name of a country in Chinese and in English; the code itself where none is known.
func CountryName(code taocan.Country) (zh, en string) {
	if own, ok := ownNames[code]; ok {
		return own.NameZH, own.NameEN
	}
	region, ok := parseCountry(code)
	if !ok {
		return string(code), string(code)
	}
	return regionsZH.Name(region), regionsEN.Name(region)
}

// dialCode is what numbers of the country begin with: 852.
func dialCode(code taocan.Country) int { return phonenumbers.GetCountryCodeForRegion(string(code)) }

// parseCountry takes codes of present countries only: no groups (EU), no private or former codes (XX, UK).
func parseCountry(code taocan.Country) (language.Region, bool) {
	if !code.Valid() {
		return language.Region{}, false
	}
	region, err := language.ParseRegion(string(code))
	return region, err == nil && region.IsCountry() && region.Canonicalize().String() == string(code)
}
