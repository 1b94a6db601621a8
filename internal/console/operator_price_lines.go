package console

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"taocan/internal/i18n"
	"taocan/internal/taocan"
)

// Prices are typed and shown as lines: a purpose or a country, then from=price for each tier, and where the row ends below=N.

// priceLine writes a row as the form takes it: 验证通知 0=0.050 10000=0.045 停售=3000000.
func priceLine(lang i18n.Lang, row taocan.PriceRow) string {
	words := []string{string(row.Country)}
	if row.Country == "" {
		words[0] = lang.Text("purpose." + string(row.Purpose))
	}
	for _, t := range row.Tiers {
		words = append(words, strconv.FormatInt(int64(t.From), 10)+"="+t.Price.String())
	}
	if row.Below != 0 {
		words = append(words, lang.Text("operator.price_list.below")+"="+strconv.FormatInt(int64(row.Below), 10))
	}
	return strings.Join(words, " ")
}

// priceRows reads the rows of a list, one a line, and the line that each stands on. The first word is a purpose, in
// either language, or a country's code; then come the tiers, and where the list ends (停售 or below) if it does.
func priceRows(d *operatorFields, category taocan.Category) (rows []taocan.PriceRow, lines []int) {
	var wrong []string
	for i, line := range strings.Split(d.form.Get("rows"), "\n") {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		row, reason := priceRow(words, category)
		if reason != "" {
			wrong = append(wrong, onLine(d.lang, i+1, reason))
		}
		rows, lines = append(rows, row), append(lines, i+1)
	}
	if wrong != nil {
		d.bad["rows"] = someOf(d.lang, wrong)
	}
	return rows, lines
}

// priceRow reads one line; reason is what is wrong with it.
func priceRow(words []string, category taocan.Category) (row taocan.PriceRow, reason string) {
	if category == taocan.International {
		row.Country = taocan.Country(strings.ToUpper(words[0]))
	} else if row.Purpose = purposeCalled(words[0]); row.Purpose == "" {
		return row, "purpose"
	}
	for _, word := range words[1:] {
		name, value, _ := strings.Cut(word, "=")
		if slices.ContainsFunc(i18n.Langs, func(l i18n.Lang) bool { return l.Text("operator.price_list.below") == name }) {
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || n <= 0 {
				return row, "word"
			}
			row.Below = taocan.Segments(n)
			continue
		}
		from, err := strconv.ParseInt(name, 10, 64)
		price, priceErr := taocan.ParseUnitPrice(value)
		if err != nil || priceErr != nil {
			return row, "word"
		}
		row.Tiers = append(row.Tiers, taocan.Tier{From: taocan.Segments(from), Price: price})
	}
	return row, ""
}

// purposeCalled finds a purpose by its code or its name in either language; empty: there is none.
func purposeCalled(word string) taocan.Purpose {
	for _, p := range taocan.Purposes {
		names := []string{string(p)}
		for _, lang := range i18n.Langs {
			names = append(names, lang.Text("purpose."+string(p)))
		}
		if slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, word) }) {
			return p
		}
	}
	return ""
}

func onLine(lang i18n.Lang, line int, reason string) string {
	return lang.Text("operator.invalid.rows.line", strconv.Itoa(line), lang.Text("operator.invalid.rows."+reason))
}

// someOf joins the first few of what is wrong.
func someOf(lang i18n.Lang, wrong []string) string {
	return strings.Join(wrong[:min(len(wrong), 3)], lang.Text("operator.invalid.rows.and"))
}

// rowMessages tell apart what may be wrong with a row, by how the catalogue's messages begin.
var rowMessages = []struct{ begin, reason string }{
	{"must be 0 in the first", "first"}, {"must rise", "rise"}, {"must be more than 0", "price"}, {"is too high", "high"}, {"is there twice", "twice"},
	{"must be 1 to", "tiers"}, {"must be the ISO", "country"},
}

// priceListRefusal is operatorRefusal for a list: what is wrong with a row is told with its line.
func priceListRefusal(err error, lang i18n.Lang, lines []int) map[string]string {
	bad := operatorRefusal(err, lang, "id")
	var invalid *taocan.InvalidError
	if bad == nil || !errors.As(err, &invalid) {
		return bad
	}
	var wrong []string
	for _, x := range invalid.Fields {
		rest, isRow := strings.CutPrefix(x.Location, "body.rows[")
		place, field, _ := strings.Cut(rest, "]")
		i, err := strconv.Atoi(place)
		if !isRow || err != nil || i >= len(lines) {
			continue
		}
		reason := "step"
		if strings.HasSuffix(field, "below") {
			reason = "below"
		}
		for _, m := range rowMessages {
			if strings.HasPrefix(x.Message, m.begin) {
				reason = m.reason
			}
		}
		wrong = append(wrong, onLine(lang, lines[i], reason))
	}
	if wrong != nil {
		bad["rows"] = someOf(lang, wrong)
	}
	return bad
}
