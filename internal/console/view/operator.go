package view

import (
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"taocan/internal/catalog"
	"taocan/internal/debit"
	"taocan/internal/i18n"
	"taocan/internal/order"
	"taocan/internal/packages"
	"taocan/internal/taocan"
)

// Where the operators' pages about one thing are.
func OperatorAccountPath(id taocan.AccountID) string {
	return "/operator/accounts/" + url.PathEscape(string(id))
}

func OperatorProjectPath(p taocan.Project) string {
	return OperatorAccountPath(p.Account) + "/projects/" + url.PathEscape(string(p.ID))
}

func OperatorOrderPath(id taocan.OrderID) string {
	return "/operator/orders/" + url.PathEscape(string(id))
}

// operatorFindPath finds what has an id or a number.
func operatorFindPath(what string) string { return Address("/operator/find", "q", what) }

func OperatorPackagePath(n taocan.PackageNumber) string {
	return "/operator/packages/" + url.PathEscape(string(n))
}

// OperatorHome is how the platform is doing.
type OperatorHome struct {
	Notice   Notice
	Query    string // looked for and not found
	Ready    bool   // the engine takes debits
	Stopped  bool   // not because of the clock
	JumpedBy time.Duration
	Stats    debit.Stats
	Counts   []OperatorCount
}

// OperatorCount is how many there are of something, and where to see them.
type OperatorCount struct {
	Name, To string
	Total    int
	AtLeast  bool
}

func (x OperatorCount) text(f Frame) string {
	if x.AtLeast {
		return f.Number(int64(x.Total)) + "+"
	}
	return f.Number(int64(x.Total))
}

// refusal is how often something was refused for one reason.
type refusal struct {
	Reason string
	Times  int64
}

// refusals are the reasons, most frequent first.
func (p OperatorHome) refusals() []refusal {
	var all []refusal
	for reason, times := range p.Stats.Refused {
		all = append(all, refusal{reason, times})
	}
	slices.SortFunc(all, func(a, b refusal) int {
		return cmp.Or(cmp.Compare(b.Times, a.Times), cmp.Compare(a.Reason, b.Reason))
	})
	return all
}

// OperatorAccountList is the customers, and the form that makes another.
type OperatorAccountList struct {
	Accounts []taocan.Account
	List     List
	Create   OperatorForm
	New      bool // the form stands open
}

// OperatorAccount is all that staff sees of a customer.
type OperatorAccount struct {
	Account      taocan.Account
	Notice       Notice
	Wallet       taocan.Wallet
	Entries      []taocan.WalletEntry
	Statement    List
	Projects     []taocan.Project
	MoreProjects bool
	Members      []taocan.Member
	Key          string        // of the forms that nobody has sent
	Refused      *OperatorForm // the one that was
}

// form is the page's form of that name, as it was refused where it was.
func (p OperatorAccount) form(name string) OperatorForm {
	if p.Refused != nil && p.Refused.Name == name {
		return *p.Refused
	}
	return OperatorForm{Name: name, Key: p.Key}
}

// memberForm is the form of that name about one member, the i-th.
func (p OperatorAccount) memberForm(name string, i int, login string) OperatorForm {
	x := OperatorForm{}
	if p.Refused != nil && p.Refused.Name == name && p.Refused.Values.Get("login") == login {
		x = *p.Refused
	}
	x.Name = name + "-" + strconv.Itoa(i)
	return x
}

// path of a form that stands on the page.
func (p OperatorAccount) path(rest string) string {
	return OperatorAccountPath(p.Account.ID) + "/" + rest
}

// OperatorProject is a project with its credentials and packages.
type OperatorProject struct {
	Project    taocan.Project
	Notice     Notice
	Tokens     []taocan.Token
	MoreTokens bool
	Logins     map[taocan.MemberID]string
	Token      OperatorForm
	Made       *NewToken // just made
	Packages   []taocan.Package
	List       List
}

// NewToken is a token that has just been made. Its secret is empty when the form was sent again.
type NewToken struct {
	Secret string
	Token  taocan.Token
}

// tokenState is a word for whether a credential works.
func (f Frame) tokenState(t taocan.Token) string {
	switch {
	case !t.RevokedAt.IsZero():
		return "revoked"
	case !t.ExpiresAt.IsZero() && !f.Now.Before(t.ExpiresAt):
		return "expired"
	}
	return "active"
}

// OperatorPackages looks for packages and gives them away.
type OperatorPackages struct {
	Unknown   string // looked for and not found
	Project   string // to give to, where the address says it
	Grant     OperatorForm
	Countries []catalog.Country
}

// OperatorPackage is one package, whoever's it is.
type OperatorPackage struct {
	Package taocan.Package
	Notice  Notice
	Key     string        // of its forms
	Refused *OperatorForm // the one that was refused, if one was
	Entries []taocan.Entry
	List    List
}

// form is the page's form of that name, as it was refused where it was.
func (p OperatorPackage) form(name string) OperatorForm {
	if p.Refused != nil && p.Refused.Name == name {
		return *p.Refused
	}
	return OperatorForm{Name: name, Key: p.Key}
}

// OperatorOrder is one order, whoever's it is.
type OperatorOrder struct {
	Order      taocan.Order
	By, PaidBy string
}

// OperatorStaff is the platform's operators.
type OperatorStaff struct {
	Notice  Notice
	Members []taocan.Member
	Refused *OperatorForm // a form that was refused
}

// form is the page's form of that name about one operator, the i-th, as it was refused where it was; an empty login: the form that makes
// another.
func (p OperatorStaff) form(name string, i int, login string) OperatorForm {
	x := OperatorForm{}
	if p.Refused != nil && p.Refused.Name == name && (login == "" || p.Refused.Values.Get("login") == login) {
		x = *p.Refused
	}
	x.Name = name
	if login != "" {
		x.Name += "-" + strconv.Itoa(i)
	}
	return x
}

// refusal is why somebody was not suspended.
func (p OperatorStaff) refusal() string {
	if p.Refused == nil {
		return ""
	}
	return p.Refused.Errors["suspended"]
}

// OperatorImport checks and imports a file of packages.
type OperatorImport struct {
	Notice  Notice
	Form    OperatorForm
	File    string                 // its name
	Content string                 // the checked file, in base64
	Report  *packages.ImportReport // what the file would do; nil: none was checked
}

// mayImport says whether what was checked can be imported as it was asked for.
func (p OperatorImport) mayImport() bool {
	return p.Report.Imported > 0 && (len(p.Report.Bad) == 0 || p.Form.Value("partial", "") != "")
}

// most bad lines that a page shows.
const mostBadRows = 500

// OperatorVouchersIssued is new vouchers with their codes.
type OperatorVouchersIssued struct {
	Issued []order.Issued
	File   string // the codes as CSV; empty: there are none
}

// DiffLine is a line of a text that becomes another: same, added or removed.
type DiffLine struct{ Kind, Text string }

// changed reports whether anything is added or removed.
func changed(lines []DiffLine) bool {
	return slices.ContainsFunc(lines, func(l DiffLine) bool { return l.Kind != "same" })
}

// OperatorOrderList is the orders of all accounts.
type OperatorOrderList struct {
	Orders []taocan.Order
	List   List
}

// OperatorVoucherList is all vouchers, and the form that issues more.
type OperatorVoucherList struct {
	Notice   Notice
	Vouchers []taocan.Voucher
	List     List
	Issue    OperatorForm
	New      bool // the form stands open
	Products []taocan.Product
}

// voucherCodes are the codes of new vouchers, one a line; none where they went straight into an account.
func voucherCodes(issued []order.Issued) string {
	var codes []string
	for _, x := range issued {
		if x.Code != "" {
			codes = append(codes, x.Code)
		}
	}
	return strings.Join(codes, "\n")
}

// scopeWords says what a voucher pays for.
func (f Frame) scopeWords(s taocan.VoucherScope) []string {
	var words []string
	for _, c := range s.Categories {
		words = append(words, f.Text("category."+string(c)))
	}
	for _, p := range s.Purposes {
		words = append(words, f.Text("purpose."+string(p)))
	}
	if len(words) == 0 && len(s.Products) == 0 {
		words = append(words, f.Text("operator.voucher.scope.all"))
	}
	return words
}

// OperatorPriceLists is all price lists.
type OperatorPriceLists struct {
	Notice    Notice
	Lists     []taocan.PriceList
	Standings map[taocan.PriceListID]catalog.Standing
}

// OperatorPriceListForm makes a price list; with a preview it can be published.
type OperatorPriceListForm struct {
	Form    OperatorForm
	Preview *catalog.Preview
}

// hidden are the form's values as they were previewed.
func (p OperatorPriceListForm) hidden() [][2]string {
	var fields [][2]string
	for _, name := range []string{"id", "category", "valid_from", "validity_months", "charge_on", "draft", "rows"} {
		if v := p.Form.Values.Get(name); v != "" {
			fields = append(fields, [2]string{name, v})
		}
	}
	return fields
}

// priceTarget is what a row or a change is about.
func (f Frame) priceTarget(p taocan.Purpose, c taocan.Country) string {
	if c != "" {
		return f.Country(c)
	}
	return f.Text("purpose." + string(p))
}

// cost writes what a quantity costs.
func (f Frame) cost(c catalog.Cost) string {
	if !c.Sold {
		return f.Text("operator.price_list.not_sold")
	}
	return f.Money(c.Amount)
}

// difference writes by how much a purchase changes.
func (f Frame) difference(x catalog.Change) string {
	if !x.Old.Sold || !x.New.Sold {
		return "—"
	}
	return f.signedMoney(x.New.Amount - x.Old.Amount)
}

// signedMoney writes a change of money; a dash where there is none.
func (f Frame) signedMoney(a taocan.Fen) string {
	switch {
	case a == 0:
		return "—"
	case a > 0:
		return "+" + f.Money(a)
	}
	return f.Money(a)
}

// signed writes a change of a quantity; a dash where there is none.
func (f Frame) signed(q taocan.Segments) string {
	switch {
	case q == 0:
		return "—"
	case q > 0:
		return "+" + f.Messages(q)
	}
	return f.Messages(q)
}

// OperatorProductList is all fixed packages.
type OperatorProductList struct {
	Notice   Notice
	Products []taocan.Product
	Add      OperatorForm
}

// OperatorAgreementList is all versions of the agreement.
type OperatorAgreementList struct {
	Notice     Notice
	Agreements []taocan.Agreement
	Current    taocan.Agreement
	Shown      *taocan.Agreement // in full
	ShownText  string            // as HTML, with everything unsafe left out
	Publish    OperatorForm
	Preview    string // as HTML, of the form's text
	Diff       []DiffLine
}

// OperatorAudit is a page of the audit log.
type OperatorAudit struct {
	Entries []taocan.AuditEntry
	List    List
}

// file is the log as it is filtered, as a file.
func (p OperatorAudit) file(format string) string {
	return List{Path: "/operator/audit." + format, Filters: p.List.Filters, PerPage: DefaultPageSize}.Self()
}

// auditNouns are what operators and owners act on.
var auditNouns = []string{"account", "project", "member", "token", "wallet", "order", "package", "voucher", "price_list", "product", "agreement", "alerts", "channel",
	"usage_limits", "top_ups", "overflow", "overflow_price", "pool", "clock"}

func (f Frame) auditNounChoices() []Choice {
	return f.operatorChoices("operator.audit.noun.", auditNouns...)
}

// AuditWho names who did something.
func (f Frame) AuditWho(e taocan.AuditEntry) string {
	text, _ := f.auditWho(e)
	return text
}

// auditWho is AuditWho; typed: it is a name that somebody typed.
func (f Frame) auditWho(e taocan.AuditEntry) (text string, typed bool) {
	kind, id, _ := strings.Cut(e.By, ":")
	switch kind {
	case "member":
		if e.Login != "" {
			return e.Login, true
		}
		return id, true
	case "token":
		return f.Text("operator.audit.by.token", id), false
	}
	return f.Text("operator.audit.by.system"), false
}

// AuditAction names what was done.
func (f Frame) AuditAction(action string) string {
	if key := "operator.audit.action." + action; i18n.Has(key) {
		return f.Text(key)
	}
	return action
}

// auditPath is the page of what was changed; empty: it has none.
func auditPath(e taocan.AuditEntry) string {
	noun, verb, _ := strings.Cut(e.Action, ".")
	switch noun {
	case "account", "wallet":
		return OperatorAccountPath(taocan.AccountID(e.Subject))
	case "package":
		if verb != "import" {
			return OperatorPackagePath(taocan.PackageNumber(e.Subject))
		}
	case "price_list":
		return "/operator/price-lists"
	case "product":
		return "/operator/products"
	case "agreement":
		return "/operator/agreements"
	case "project", "alerts", "member":
		return operatorFindPath(e.Subject)
	case "voucher":
		return "/operator/vouchers"
	}
	return ""
}

// auditChange is one figure before and after.
type auditChange struct {
	Field         string // in words
	Before, After string // empty: was not there
}

// auditChanges are the figures that an act changed or set, by name.
func (f Frame) auditChanges(e taocan.AuditEntry) []auditChange {
	before, after := auditFacts(e.Before), auditFacts(e.After)
	names := map[string]bool{}
	for name := range before {
		names[name] = true
	}
	for name := range after {
		names[name] = true
	}
	var all []auditChange
	for name := range names {
		if id, _ := after[name].(string); name == "id" && strings.HasPrefix(id, "mem_") {
			continue // the line is about the login
		}
		x := auditChange{Field: f.auditField(name), Before: f.auditValue(name, before[name]), After: f.auditValue(name, after[name])}
		if x.Before != x.After {
			all = append(all, x)
		}
	}
	slices.SortFunc(all, func(a, b auditChange) int { return cmp.Compare(a.Field, b.Field) })
	return all
}

// auditFacts reads what stands in the log: an object, mostly.
func auditFacts(s string) map[string]any {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var v any
	if s == "" || d.Decode(&v) != nil || v == nil {
		return nil
	}
	if m, ok := v.(map[string]any); ok {
		return m
	}
	return map[string]any{"value": v}
}

// auditField names a figure: by its name, or an alert rule by what it watches over.
func (f Frame) auditField(name string) string {
	category, target, isRule := strings.Cut(name, "-")
	purpose, country, _ := strings.Cut(target, "-")
	rule := taocan.AlertRule{Category: taocan.Category(category), Purpose: taocan.Purpose(purpose), Country: taocan.Country(country)}
	if isRule && rule.Category.Valid() && rule.Purpose.Valid() {
		return f.AlertName(rule)
	}
	if taocan.Category(name).Valid() {
		return f.Text("category." + name)
	}
	if words := strings.Split(name, "-"); len(words) >= 4 && words[0] == "limit" { // as store.LimitID writes it
		return f.auditLimit(words[1], words[2], words[3:len(words)-1], words[len(words)-1])
	}
	if key := "operator.audit.field." + name; i18n.Has(key) {
		return f.Text(key)
	}
	return name
}

// auditLimit names a usage limit by what it counts.
func (f Frame) auditLimit(category, purpose string, country []string, period string) string {
	words := []string{category, purpose, period}
	for i, begin := range []string{"category.", "purpose.", "operator.audit.period."} {
		if i18n.Has(begin + words[i]) {
			words[i] = f.Text(begin + words[i])
		} else if words[i] == "all" {
			words[i] = f.Text("table.all")
		}
	}
	for _, c := range country {
		words = append(words, f.Country(taocan.Country(c)))
	}
	return strings.Join(words, " · ")
}

// auditMoney are the fields that hold yuan.
var auditMoney = []string{"cash", "gift", "credit_limit", "credit_used", "amount", "min_amount", "price"}

// auditWords are the fields whose values have names, and what the names' keys begin with.
var auditWords = map[string]string{"level": "level.", "role": "role.", "category": "category.", "purpose": "purpose.", "scopes": "settings.scope."}

func (f Frame) auditValue(name string, v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case bool:
		if v {
			return f.Text("operator.yes")
		}
		return f.Text("operator.no")
	case json.Number:
		return f.Decimal(v.String())
	case string:
		if slices.Contains(auditMoney, name) {
			if a, err := taocan.ParseFen(v); err == nil {
				return f.Money(a)
			}
		}
		if begin, named := auditWords[name]; named && i18n.Has(begin+v) {
			return f.Text(begin + v)
		}
		if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return f.Instant(t)
		}
		return v
	case []any:
		var words []string
		for _, x := range v {
			words = append(words, f.auditValue(name, x))
		}
		return strings.Join(words, f.Text("operator.audit.and"))
	case map[string]any:
		var words []string
		for field, x := range v {
			name := f.auditField(field)
			if key := "operator.audit.rule." + field; i18n.Has(key) { // of a rule, a word may mean something else
				name = f.Text(key)
			}
			words = append(words, name+" "+f.auditValue(field, x))
		}
		slices.Sort(words)
		return strings.Join(words, f.Text("operator.audit.and"))
	}
	return ""
}

// Choices of the operators' forms.
func (f Frame) operatorChoices(begin string, values ...string) []Choice {
	var all []Choice
	for _, v := range values {
		all = append(all, Choice{v, f.Text(begin + v)})
	}
	return all
}

func (f Frame) levelChoices() []Choice {
	return f.operatorChoices("level.", string(taocan.Unverified), string(taocan.Personal), string(taocan.Enterprise))
}

func (f Frame) roleChoices() []Choice {
	return f.operatorChoices("role.", string(taocan.Owner), string(taocan.Finance), string(taocan.Viewer))
}

func (f Frame) categoryChoices() []Choice {
	return f.operatorChoices("category.", string(taocan.Domestic), string(taocan.International))
}

func (f Frame) chargeChoices() []Choice {
	return f.operatorChoices("buy.charge_on.", string(taocan.ChargeOnSubmit), string(taocan.ChargeOnDelivered))
}

func (f Frame) voucherStateChoices() []Choice {
	return f.operatorChoices("operator.voucher.state.", string(taocan.VoucherUsable), string(taocan.VoucherNotYet), string(taocan.VoucherUsed), string(taocan.VoucherOutdated))
}
