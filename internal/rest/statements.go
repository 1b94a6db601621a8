package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"taocan/internal/edge"
	"taocan/internal/export"
	"taocan/internal/statement"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// StatementMonth is a natural month of the platform's zone.
type StatementMonth struct {
	Month string    `json:"month" example:"2026-03"`
	From  time.Time `json:"from"`
	Until time.Time `json:"until" doc:"Exclusive"`
	Final bool      `json:"final" doc:"The month is over: its statement does not change any more. False: as it is so far"`
}

// StatementMessages always add up: opening + bought + granted + imported + transferred_in + restored + adjusted −
// transferred_out − used − expired = closing.
type StatementMessages struct {
	Opening         int64 `json:"opening" doc:"What could be used: remaining in packages that had not expired, and reserved in any"`
	OpeningReserved int64 `json:"opening_reserved" doc:"Of opening"`
	Bought          int64 `json:"bought"`
	Granted         int64 `json:"granted"`
	Imported        int64 `json:"imported" doc:"In the month of the import, whatever its snapshot time"`
	TransferredIn   int64 `json:"transferred_in"`
	TransferredOut  int64 `json:"transferred_out"`
	Adjusted        int64 `json:"adjusted" doc:"By the operator, either sign"`
	Used            int64 `json:"used" doc:"Debits and commits of reservations"`
	Expired         int64 `json:"expired" doc:"Became unusable, what returned to an expired package included"`
	Restored        int64 `json:"restored" doc:"Became usable again by an extension"`
	Closing         int64 `json:"closing"`
	ClosingReserved int64 `json:"closing_reserved" doc:"Of closing"`
	ClosingFrozen   int64 `json:"closing_frozen" doc:"Of closing: remaining in frozen packages"`
	Reserved        int64 `json:"reserved" doc:"Taken for reservations in the month; no part of the sum"`
	Returned        int64 `json:"returned" doc:"Given back by reservations in the month; no part of the sum"`
}

// StatementLine is the messages of one kind of package.
type StatementLine struct {
	Project  string  `json:"project"`
	Category string  `json:"category" enum:"domestic,international"`
	Purpose  string  `json:"purpose" enum:"verification,marketing,general"`
	Country  *string `json:"country"`
	StatementMessages
}

// StatementSplit is money by where it came from.
type StatementSplit struct {
	Total   Yuan `json:"total"`
	Voucher Yuan `json:"voucher"`
	Gift    Yuan `json:"gift"`
	Cash    Yuan `json:"cash"`
	Credit  Yuan `json:"credit"`
}

// StatementPurchases is what was paid: the base of invoices.
type StatementPurchases struct {
	Orders      int            `json:"orders"`
	Messages    int64          `json:"messages"`
	Paid        StatementSplit `json:"paid" doc:"For orders"`
	Overflow    StatementSplit `json:"overflow" doc:"For debits beyond all packages. The wallet pays for all projects together, so it stands with the account"`
	Invoiceable Yuan           `json:"invoiceable" doc:"Cash and credit of both"`
}

// StatementOrder is an order that was paid in the month.
type StatementOrder struct {
	ID          string         `json:"id"`
	Project     string         `json:"project"`
	Description string         `json:"description"`
	Quantity    int64          `json:"quantity"`
	PaidAt      time.Time      `json:"paid_at"`
	Packages    []string       `json:"packages"`
	Paid        StatementSplit `json:"paid"`
	Invoiceable Yuan           `json:"invoiceable"`
}

// StatementWallet is what the month did to the account's wallet: opening and the changes make closing.
type StatementWallet struct {
	Opening Wallet                  `json:"opening"`
	Changes []StatementWalletChange `json:"changes"`
	Closing Wallet                  `json:"closing"`
}

// StatementWalletChange adds up the entries of one kind.
type StatementWalletChange struct {
	Kind        string `json:"kind" enum:"top_up,gift,payment,overflow,adjust,credit_limit"`
	Entries     int    `json:"entries"`
	Cash        Yuan   `json:"cash"`
	Gift        Yuan   `json:"gift"`
	CreditLimit Yuan   `json:"credit_limit"`
	CreditUsed  Yuan   `json:"credit_used"`
}

// Statement of a month.
type Statement struct {
	StatementMonth
	Account   string             `json:"account"`
	Project   *string            `json:"project" doc:"null: the whole account"`
	Lines     []StatementLine    `json:"lines"`
	Sum       StatementMessages  `json:"sum"`
	Purchases StatementPurchases `json:"purchases"`
	Orders    []StatementOrder   `json:"orders" doc:"In the order of payment, at most 10,000; purchases counts all"`
	Wallet    *StatementWallet   `json:"wallet" doc:"null in a project's statement: a wallet is its account's"`
}

// TransformSchema lets wallet be null.
func (Statement) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	return nullableRef(s, "wallet")
}

// InMonth is the path of a project's statement.
type InMonth struct {
	InProject
	Month string `path:"month" example:"2026-03"`
}

// InAccountMonth is the path of an account's statement.
type InAccountMonth struct {
	Account string `path:"account"`
	Month   string `path:"month" example:"2026-03"`
}

// Overview is how the platform does.
type Overview struct {
	At          time.Time          `json:"at"`
	Months      []OverviewMonth    `json:"months" doc:"The oldest first"`
	Liabilities Liabilities        `json:"liabilities"`
	Customers   []OverviewCustomer `json:"customers" doc:"Who paid most in cash and on credit, at most ten"`
}

// OverviewMonth is one month of the platform.
type OverviewMonth struct {
	StatementMonth
	Orders      int            `json:"orders"`
	Sold        int64          `json:"sold" doc:"Messages"`
	Revenue     StatementSplit `json:"revenue" doc:"Of orders. Cash and credit are money; gifts and vouchers are not"`
	Overflow    StatementSplit `json:"overflow"`
	Used        int64          `json:"used"`
	Expired     int64          `json:"expired" doc:"Left in packages that expired in the month, as they now stand"`
	NewAccounts int            `json:"new_accounts"`
}

// Liabilities is what can still be used.
type Liabilities struct {
	Packages  int            `json:"packages"`
	Remaining int64          `json:"remaining"`
	Reserved  int64          `json:"reserved"`
	Unpaid    int64          `json:"unpaid" doc:"Of both: in packages that were granted, imported or transferred"`
	Money     StatementSplit `json:"money" doc:"Of each package what was paid × left ÷ total, rounded down to the fen"`
}

// OverviewCustomer is what one account bought.
type OverviewCustomer struct {
	Account string         `json:"account"`
	Orders  int            `json:"orders"`
	Sold    int64          `json:"sold"`
	Revenue StatementSplit `json:"revenue"`
}

func (a *api) statementRoutes() {
	read, base, accounts := holding(taocan.ScopeRead), "/v1/projects/{project}/statements", "/v1/operator/accounts/{account}/statements"
	about := "Of a month that is over it never changes. A running month is shown as it is so far. Nothing is shown that does not add up."
	op := func(path, id, tag, summary, description string) huma.Operation {
		return huma.Operation{Method: http.MethodGet, Path: path, OperationID: id, Tags: []string{tag}, Summary: summary, Description: description}
	}
	add(a, read, op(base, "list-statements", "statements", "Months that have a statement, the newest first", ""), a.statementMonths)
	add(a, read, op(base+"/{month}", "get-statement", "statements", "A month of the project", about), a.projectStatement)
	addFiles(a, read, op(base+"/{month}/lines", "export-statement", "statements", "A month of the project", about),
		func(ctx context.Context, in *InMonth) (statement.Statement, error) {
			return a.Statements.Project(ctx, edge.ActorOf(ctx).Tenant, in.Month)
		})
	projects := "/v1/operator/projects/{project}/statements"
	add(a, operators, op(projects, "list-project-statements", "operator", "Months that have a statement of the project, the newest first", ""), a.anyProjectMonths)
	add(a, operators, op(projects+"/{month}", "get-project-statement", "operator", "A month of any project", about), a.anyProjectStatement)
	addFiles(a, operators, op(projects+"/{month}/lines", "export-project-statement", "operator", "A month of any project", about), a.statementOfProject)
	add(a, operators, op(accounts, "list-account-statements", "operator", "Months that have a statement, the newest first", ""), a.accountMonths)
	add(a, operators, op(accounts+"/{month}", "get-account-statement", "operator", "A month of an account, all projects and the wallet", about), a.accountStatement)
	addFiles(a, operators, op(accounts+"/{month}/lines", "export-account-statement", "operator", "A month of an account", about),
		func(ctx context.Context, in *InAccountMonth) (statement.Statement, error) {
			return a.Statements.Account(ctx, edge.ActorOf(ctx), taocan.AccountID(in.Account), in.Month)
		})
	add(a, operators, op("/v1/operator/overview", "get-overview", "operator", "How the platform does, by month",
		"Sold, used, revenue and overflow of each month, and what can still be used now, in messages and in money."), a.overview)
}

// addFiles declares the statement as a file in each format: the path + ".csv" and + ".xlsx".
func addFiles[I any](a *api, g guard, op huma.Operation, get func(context.Context, *I) (statement.Statement, error)) {
	for _, f := range []struct {
		format export.Format
		id     string
		media  string
		schema huma.Schema
	}{
		{export.CSV, "", export.MediaCSV, huma.Schema{Type: huma.TypeString}},
		{export.XLSX, "-xlsx", export.MediaXLSX, huma.Schema{Type: huma.TypeString, Format: "binary"}},
	} {
		one := op
		one.Path += "." + string(f.format)
		one.OperationID += f.id
		one.Summary += " as a file: a line per figure and order"
		one.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{f.media: {Schema: &f.schema}}}}
		add(a, g, one, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
			st, err := get(ctx, in)
			if err != nil {
				return nil, err
			}
			opened, err := a.Statements.File(st)
			if err != nil {
				return nil, err
			}
			return &huma.StreamResponse{Body: func(ctx huma.Context) {
				_, w := humago.Unwrap(ctx)
				opened.Serve(w, f.format)
			}}, nil
		})
	}
}

func (a *api) statementMonths(ctx context.Context, _ *InProject) (*out[Items[StatementMonth]], error) {
	return shown(a.toMonths)(a.Statements.Months(ctx, edge.ActorOf(ctx).Tenant))
}

func (a *api) accountMonths(ctx context.Context, in *struct {
	Account string `path:"account"`
}) (*out[Items[StatementMonth]], error) {
	return shown(a.toMonths)(a.Statements.AccountMonths(ctx, edge.ActorOf(ctx), taocan.AccountID(in.Account)))
}

func (a *api) projectStatement(ctx context.Context, in *InMonth) (*out[Statement], error) {
	return shown(a.toStatement)(a.Statements.Project(ctx, edge.ActorOf(ctx).Tenant, in.Month))
}

func (a *api) accountStatement(ctx context.Context, in *InAccountMonth) (*out[Statement], error) {
	return shown(a.toStatement)(a.Statements.Account(ctx, edge.ActorOf(ctx), taocan.AccountID(in.Account), in.Month))
}

func (a *api) anyProjectMonths(ctx context.Context, in *InProject) (*out[Items[StatementMonth]], error) {
	t, err := a.projectNamed(ctx, in.Project)
	if err != nil {
		return nil, err
	}
	return shown(a.toMonths)(a.Statements.Months(ctx, t))
}

func (a *api) anyProjectStatement(ctx context.Context, in *InMonth) (*out[Statement], error) {
	return shown(a.toStatement)(a.statementOfProject(ctx, in))
}

// statementOfProject is for operators, whose calls name a project without its account.
func (a *api) statementOfProject(ctx context.Context, in *InMonth) (statement.Statement, error) {
	t, err := a.projectNamed(ctx, in.Project)
	if err != nil {
		return statement.Statement{}, err
	}
	return a.Statements.Project(ctx, t, in.Month)
}

func (a *api) overview(ctx context.Context, in *struct {
	From string `query:"from" maxLength:"100" doc:"Month, like 2026-01; default two months before to. At most 24 months"`
	To   string `query:"to" maxLength:"100" doc:"Month; default the running one"`
}) (*out[Overview], error) {
	return shown(a.toOverview)(a.Statements.Overview(ctx, edge.ActorOf(ctx), in.From, in.To))
}

func (a *api) toMonths(list []statement.Month) Items[StatementMonth] {
	return Items[StatementMonth]{converted(list, a.toMonth)}
}

func (a *api) toMonth(m statement.Month) StatementMonth {
	return StatementMonth{m.Name, a.local(m.From), a.local(m.Until), m.Over}
}

func (a *api) toStatement(st statement.Statement) Statement {
	s := Statement{StatementMonth: a.toMonth(st.Month), Account: string(st.Account), Project: orNull(st.Project), Sum: toMessages(st.Sum),
		Lines: converted(st.Lines, func(l statement.Line) StatementLine {
			return StatementLine{string(l.Project), string(l.Category), string(l.Purpose), orNull(l.Country), toMessages(l.Messages)}
		}),
		Purchases: StatementPurchases{st.Purchases.Orders, int64(st.Purchases.Messages), toSplit(st.Purchases.Paid), toSplit(st.Purchases.Overflow),
			Yuan(st.Purchases.Invoiceable())},
		Orders: converted(st.Purchases.Listed, func(o taocan.Order) StatementOrder {
			return StatementOrder{string(o.ID), string(o.Project), o.Description, int64(o.Quote.Quantity), a.local(o.Payment.PaidAt),
				converted(o.Packages, func(n taocan.PackageNumber) string { return string(n) }), toSplit(o.Payment.Split),
				Yuan(o.Payment.Split.Cash + o.Payment.Split.Credit)}
		})}
	if w := st.Wallet; w != nil {
		s.Wallet = &StatementWallet{Opening: toWallet(w.Opening), Closing: toWallet(w.Closing),
			Changes: converted(w.Changes, func(c statement.WalletChange) StatementWalletChange {
				return StatementWalletChange{string(c.Kind), c.Entries, Yuan(c.Cash), Yuan(c.Gift), Yuan(c.CreditLimit), Yuan(c.CreditUsed)}
			})}
	}
	return s
}

func toMessages(m statement.Messages) StatementMessages {
	return StatementMessages{Opening: int64(m.Opening), OpeningReserved: int64(m.OpeningReserved), Bought: int64(m.Bought), Granted: int64(m.Granted),
		Imported: int64(m.Imported), TransferredIn: int64(m.TransferredIn), TransferredOut: int64(m.TransferredOut), Adjusted: int64(m.Adjusted),
		Used: int64(m.Used), Expired: int64(m.Expired), Restored: int64(m.Restored), Closing: int64(m.Closing),
		ClosingReserved: int64(m.ClosingReserved), ClosingFrozen: int64(m.ClosingFrozen), Reserved: int64(m.Reserved), Returned: int64(m.Returned)}
}

func toSplit(s taocan.Split) StatementSplit {
	return StatementSplit{Yuan(s.Total()), Yuan(s.Voucher), Yuan(s.Gift), Yuan(s.Cash), Yuan(s.Credit)}
}

func (a *api) toOverview(o statement.Overview) Overview {
	l := o.Liabilities
	return Overview{At: a.local(o.At),
		Months: converted(o.Months, func(m statement.OverviewMonth) OverviewMonth {
			return OverviewMonth{a.toMonth(m.Month), m.Orders, int64(m.Sold), toSplit(m.Revenue), toSplit(m.OverflowMoney), int64(m.Used),
				int64(m.Expired), m.NewAccounts}
		}),
		Liabilities: Liabilities{l.Packages, int64(l.Remaining), int64(l.Reserved), int64(l.Unpaid), toSplit(l.Money)},
		Customers: converted(o.Customers, func(c store.Customer) OverviewCustomer {
			return OverviewCustomer{string(c.Account), c.Orders, int64(c.Sold), toSplit(c.Revenue)}
		})}
}
