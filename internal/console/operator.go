package console

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"taocan/internal/console/view"
	"taocan/internal/i18n"
	"taocan/internal/taocan"
)

func (c *console) operatorRoutes() {
	c.operatorHomeRoutes()
	c.operatorOverviewRoutes()
	c.operatorAccountRoutes()
	c.operatorWalletRoutes()
	c.operatorMemberRoutes()
	c.operatorProjectRoutes()
	c.operatorPackageRoutes()
	c.operatorOrderRoutes()
	c.operatorVoucherRoutes()
	c.operatorPriceListRoutes()
	c.operatorProductRoutes()
	c.operatorAgreementRoutes()
	c.operatorAuditRoutes()
	c.operatorFindRoutes()
	c.operatorStaffRoutes()
	c.operatorImportRoutes()
}

// operatorForm readies a form: new, or as it was sent with what is wrong with it.
func (c *console) operatorForm(name string, values url.Values, errors map[string]string) (view.OperatorForm, error) {
	key, err := c.keyOf(values)
	return view.OperatorForm{Name: name, Values: values, Errors: errors, Key: key}, err
}

// operatorFields reads a form's values. What cannot be read is put into words in bad, by field.
type operatorFields struct {
	form url.Values
	lang i18n.Lang
	zone *time.Location
	bad  map[string]string
}

func (d *operatorFields) refuse(field, reason string) {
	d.bad[field] = d.lang.Text("operator.invalid." + reason)
}

// text is a value without the spaces that nobody meant.
func (d *operatorFields) text(field string) string { return strings.TrimSpace(d.form.Get(field)) }

func (d *operatorFields) money(field string) taocan.Fen {
	v, err := taocan.ParseFen(d.text(field))
	if err != nil {
		d.refuse(field, "amount")
	}
	return v
}

// moneyOr is an amount that may be left out.
func (d *operatorFields) moneyOr(field string, otherwise taocan.Fen) taocan.Fen {
	if d.text(field) == "" {
		return otherwise
	}
	return d.money(field)
}

func (d *operatorFields) number(field string) int64 {
	n, err := strconv.ParseInt(d.text(field), 10, 64)
	if err != nil {
		d.refuse(field, "number")
	}
	return n
}

// small is a number that fits into an int of any machine; larger ones are out of every range here.
func (d *operatorFields) small(field string) int {
	n, err := strconv.ParseInt(d.text(field), 10, 32)
	if err != nil {
		d.refuse(field, "number")
	}
	return int(n)
}

// day is a date of the platform's zone; zero where the field was left empty.
func (d *operatorFields) day(field string) time.Time { return d.at(field, time.DateOnly, "date") }

// minute is a date and a time of day of the platform's zone; zero where the field was left empty.
func (d *operatorFields) minute(field string) time.Time {
	return d.at(field, "2006-01-02T15:04", "instant")
}

func (d *operatorFields) at(field, layout, reason string) time.Time {
	s := d.text(field)
	if s == "" {
		return time.Time{}
	}
	t, err := time.ParseInLocation(layout, s, d.zone)
	if err != nil {
		d.refuse(field, reason)
	}
	return t
}

// list are the values of boxes that were ticked.
func listed[T ~string](d *operatorFields, field string) []T {
	var all []T
	for _, v := range d.form[field] {
		if v != "" {
			all = append(all, T(v))
		}
	}
	return all
}

// operatorWrite is what a form asks for.
type operatorWrite struct {
	form  string // its name
	taken string // the field beside which is said that something was there before
	// read takes the form in and returns what carries it out and says where to go then.
	read func(*operatorFields) func() (to string, err error)
	// again draws the page that the form is on.
	again func(status int, refused *view.OperatorForm) error
}

// operatorWrite carries a form out and leads on. A refused one is shown again with what was typed, secrets excepted.
func (c *console) operatorWrite(w http.ResponseWriter, r *http.Request, x operatorWrite) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	d := c.fieldsOf(r)
	carry := x.read(d)
	if len(d.bad) == 0 {
		to, err := carry()
		if err == nil {
			return seeOther(w, r, to)
		}
		if d.bad = operatorRefusal(err, d.lang, x.taken); d.bad == nil {
			return err
		}
	}
	return c.operatorAgain(r, x, d)
}

func (c *console) fieldsOf(r *http.Request) *operatorFields {
	return &operatorFields{r.PostForm, visitOf(r).lang, c.Zone, map[string]string{}}
}

func (c *console) operatorAgain(r *http.Request, x operatorWrite, d *operatorFields) error {
	typed := url.Values{}
	for name, values := range r.PostForm {
		if name != "password" {
			typed[name] = values
		}
	}
	form, err := c.operatorForm(x.form, typed, d.bad)
	if err != nil {
		return err
	}
	return x.again(http.StatusUnprocessableEntity, &form)
}

// operatorMessages tell apart the ways in which one field may be wrong, by how the use cases' messages begin.
var operatorMessages = []struct{ begin, reason string }{
	{"you cannot suspend yourself", "suspend_self"}, {"would lock out the last operator", "last_operator"}, {"is missing", "missing"}, {"is not known", "unknown"}, {"is not an account", "unknown"}, {"is not a product", "unknown"},
	{"must be in the future", "past"}, {"must not be in the past", "past"}, {"must be after valid_from", "order"},
	{"would lift the wallet", "wallet_full"}, {"would leave more", "package_full"}, {"goes with international", "domestic_country"},
	{"must be left out for domestic", "domestic_country"}, {"must be general abroad", "general_abroad"}, {"of an international package", "general_abroad"},
	{"would lie in the past", "past"}, {"is the project that has", "same_project"},
}

// operatorRefusal puts a refused write into words, by field. nil: it is another kind of error.
func operatorRefusal(err error, lang i18n.Lang, taken string) map[string]string {
	var invalid *taocan.InvalidError
	var funds *taocan.FundsError
	var quota *taocan.QuotaError
	var state *taocan.StateError
	switch {
	case errors.As(err, &invalid):
		bad := map[string]string{}
		for _, x := range invalid.Fields {
			field, ours := strings.CutPrefix(x.Location, "body.")
			if !ours {
				return nil
			}
			field, _, _ = strings.Cut(field, "[")
			if _, said := bad[field]; !said {
				bad[field] = operatorInvalid(lang, field, x.Message)
			}
		}
		return bad
	case errors.As(err, &funds):
		return map[string]string{"amount": lang.Text("operator.invalid.funds", view.Frame{Lang: lang}.Money(funds.Available))}
	case errors.As(err, &quota):
		left := lang.Text("operator.invalid.quota", lang.Number(int64(quota.Available)))
		return map[string]string{"delta": left, "quantity": left}
	case errors.As(err, &state) && state.What == "package":
		return map[string]string{"": lang.Text("operator.invalid.package." + state.State)}
	case taken != "" && errors.Is(err, taocan.ErrConflict):
		return map[string]string{taken: lang.Text("operator.taken." + taken)}
	}
	return nil
}

func operatorInvalid(lang i18n.Lang, field, message string) string {
	for _, x := range operatorMessages {
		if strings.HasPrefix(message, x.begin) {
			return lang.Text("operator.invalid." + x.reason)
		}
	}
	if key := "operator.invalid.field." + field; i18n.Has(key) {
		return lang.Text(key)
	}
	return lang.Text("invalid.generic")
}
