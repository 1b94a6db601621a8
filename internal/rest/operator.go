package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"taocan/internal/access"
	"taocan/internal/edge"
	"taocan/internal/order"
	"taocan/internal/packages"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Account is a paying customer.
type Account struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Level     string    `json:"level" enum:"unverified,personal,enterprise"`
	Suspended bool      `json:"suspended"`
	CreatedAt time.Time `json:"created_at"`
}

// AccountRequest asks for an account.
type AccountRequest struct {
	ID    string `json:"id" doc:"1–64 lower-case letters, digits, - and _"`
	Name  string `json:"name,omitempty"`
	Level string `json:"level,omitempty" enum:"unverified,personal,enterprise"`
}

// LevelRequest says how well the platform knows an account.
type LevelRequest struct {
	Level string `json:"level" enum:"unverified,personal,enterprise"`
}

// SuspendedRequest locks out or lets in again.
type SuspendedRequest struct {
	Suspended bool `json:"suspended"`
}

// MoneyRequest books money.
type MoneyRequest struct {
	Amount    Yuan   `json:"amount"`
	Reference string `json:"reference,omitempty" doc:"Of the bank transfer or the like. A top-up needs one, and books it once"`
	Reason    string `json:"reason,omitempty" doc:"An adjustment needs one"`
}

// CreditLimitRequest sets the limit.
type CreditLimitRequest struct {
	CreditLimit Yuan   `json:"credit_limit"`
	Reason      string `json:"reason,omitempty"`
}

// ProjectRequest asks for a project.
type ProjectRequest struct {
	ID      string `json:"id" doc:"1–64 lower-case letters, digits, - and _, unique on the platform"`
	Account string `json:"account"`
	Name    string `json:"name,omitempty"`
}

// Project belongs to an account.
type Project struct {
	ID        string    `json:"id"`
	Account   string    `json:"account"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
}

// Member is a person who logs in.
type Member struct {
	ID        string    `json:"id"`
	Account   *string   `json:"account" doc:"null for the platform's staff"`
	Login     string    `json:"login"`
	Role      string    `json:"role" enum:"owner,finance,viewer,operator"`
	Suspended bool      `json:"suspended"`
	CreatedAt time.Time `json:"created_at"`
}

// MemberRequest asks for a login.
type MemberRequest struct {
	Account  string `json:"account,omitempty" doc:"Absent for the platform's staff"`
	Login    string `json:"login"`
	Password string `json:"password" doc:"10–256 bytes"`
	Role     string `json:"role" enum:"owner,finance,viewer,operator"`
}

// PasswordRequest is a new password.
type PasswordRequest struct {
	Password string `json:"password" doc:"10–256 bytes"`
}

// RoleRequest is a new role.
type RoleRequest struct {
	Role string `json:"role" enum:"owner,finance,viewer,operator"`
}

// Token is an API credential without its secret.
type Token struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Account   *string    `json:"account"`
	Project   *string    `json:"project" doc:"null for operators"`
	MemberID  *string    `json:"member_id" doc:"Where a sign-in made it"`
	Scopes    []string   `json:"scopes" enum:"read,buy,debit,manage,operator"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at" doc:"null: never"`
	RevokedAt *time.Time `json:"revoked_at"`
}

// TokenRequest asks for a token.
type TokenRequest struct {
	Project    string   `json:"project,omitempty" doc:"Absent for an operator's token"`
	Name       string   `json:"name,omitempty"`
	Scopes     []string `json:"scopes" enum:"read,buy,debit,manage,operator" minItems:"1" maxItems:"5"`
	TTLSeconds int64    `json:"ttl_seconds,omitempty" minimum:"0" maximum:"316224000" doc:"0 or absent: never expires"`
}

// NewToken is a token with its secret.
type NewToken struct {
	Secret string `json:"token" doc:"Shown this once"`
	Token
}

// PriceListRequest publishes a price list.
type PriceListRequest struct {
	ID             string     `json:"id,omitempty"`
	Category       string     `json:"category" enum:"domestic,international"`
	ValidFrom      *time.Time `json:"valid_from,omitempty" doc:"Not in the past; default now"`
	ValidityMonths int        `json:"validity_months" doc:"Of the packages that are sold by it"`
	ChargeOn       string     `json:"charge_on,omitempty" enum:"submit,delivered"`
	Draft          bool       `json:"draft,omitempty" doc:"Kept, but never in force"`
	Items          []PriceRow `json:"items" minItems:"1" maxItems:"300"`
}

// ProductRequest puts a fixed package on sale.
type ProductRequest struct {
	ID             string `json:"id"`
	Name           string `json:"name"`
	Category       string `json:"category" enum:"domestic,international"`
	Purpose        string `json:"purpose,omitempty" enum:"verification,marketing,general"`
	Country        string `json:"country,omitempty"`
	Quantity       int64  `json:"quantity"`
	Price          Yuan   `json:"price"`
	ValidityMonths int    `json:"validity_months"`
	ChargeOn       string `json:"charge_on,omitempty" enum:"submit,delivered"`
	OnSale         *bool  `json:"on_sale,omitempty" doc:"Default true"`
}

// OnSaleRequest takes a product off sale, or puts it on again.
type OnSaleRequest struct {
	OnSale bool `json:"on_sale"`
}

// AgreementRequest publishes a version, which is current from then on.
type AgreementRequest struct {
	Version  string `json:"version"`
	Markdown string `json:"markdown"`
}

// VoucherRequest issues vouchers: into an account, or as codes.
type VoucherRequest struct {
	Account    string       `json:"account,omitempty" doc:"Absent: codes that anybody may redeem"`
	Count      int          `json:"count" doc:"1–1000"`
	Amount     Yuan         `json:"amount"`
	MinAmount  *Yuan        `json:"min_amount,omitempty"`
	Scope      VoucherScope `json:"scope,omitempty"`
	ValidFrom  *time.Time   `json:"valid_from,omitempty" doc:"Default now"`
	ValidUntil time.Time    `json:"valid_until" doc:"From this instant on it no longer works"`
}

// OperatorVoucher is a voucher as the platform's staff sees it.
type OperatorVoucher struct {
	Voucher
	Account *string `json:"account" doc:"null: nobody has redeemed it"`
	Code    string  `json:"code,omitempty" doc:"When issued, this once"`
}

// OperatorPackage is a package and whose it is.
type OperatorPackage struct {
	Package
	Account string `json:"account"`
	Project string `json:"project"`
}

// OperatorOrder is an order and whose it is.
type OperatorOrder struct {
	Order
	Account string `json:"account"`
	Project string `json:"project"`
}

// TransformSchema lets payment be null.
func (OperatorOrder) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	return nullableRef(s, "payment")
}

// GrantRequest gives a project a package.
type GrantRequest struct {
	Project        string `json:"project"`
	Category       string `json:"category" enum:"domestic,international"`
	Purpose        string `json:"purpose,omitempty" enum:"verification,marketing,general"`
	Country        string `json:"country,omitempty"`
	Name           string `json:"name,omitempty"`
	Quantity       int64  `json:"quantity"`
	ValidityMonths int    `json:"validity_months,omitempty" minimum:"1" doc:"Default 12"`
	Reason         string `json:"reason"`
}

// AdjustRequest changes what remains of a package.
type AdjustRequest struct {
	Delta  int64  `json:"delta" doc:"Of either sign"`
	Reason string `json:"reason"`
}

// AuditEntry says who changed what, from where.
type AuditEntry struct {
	N       int64     `json:"n"`
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	Login   *string   `json:"login" doc:"Of the member who did it, as it is now; null where none did"`
	Address string    `json:"address"`
	Action  string    `json:"action"`
	Subject string    `json:"subject"`
	Before  any       `json:"before" doc:"null where there was nothing"`
	After   any       `json:"after"`
}

// EngineStats is what the debit engine has done since it started.
type EngineStats struct {
	Commits    int64            `json:"commits"`
	Operations int64            `json:"operations"`
	Replays    int64            `json:"replays"`
	Refused    map[string]int64 `json:"refused" doc:"By reason"`
	Queued     int              `json:"queued"`
	Overdue    int64            `json:"overdue" doc:"Reservations past their deadline that are still to be settled"`
}

// InAccount is the path of one account.
type InAccount struct {
	Account string `path:"account"`
}

func (a *api) operatorRoutes() {
	const base = "/v1/operator"
	op := func(method, path, id, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: base + path, OperationID: id, Summary: summary, Tags: []string{"operator"}}
	}
	made := func(o huma.Operation) huma.Operation { o.DefaultStatus = http.StatusCreated; return o }
	const get, post, put = http.MethodGet, http.MethodPost, http.MethodPut

	add(a, operators, made(op(post, "/accounts", "create-account", "Create an account")), a.createAccount)
	add(a, operators, op(get, "/accounts", "list-accounts", "Accounts"), a.accounts)
	add(a, operators, op(get, "/accounts/{account}", "get-account", "One account"), a.account)
	add(a, operators, op(put, "/accounts/{account}/level", "set-level", "Say how well the platform knows an account"), a.setLevel)
	add(a, operators, op(put, "/accounts/{account}/suspended", "suspend-account", "Lock an account out, or let it in again"), a.suspendAccount)
	add(a, operators, op(get, "/accounts/{account}/wallet", "get-account-wallet", "An account's wallet"), a.accountWallet)
	add(a, operators, op(get, "/accounts/{account}/wallet/entries", "list-account-wallet-entries", "An account's wallet statement"), a.accountWalletEntries)
	add(a, operators, op(post, "/accounts/{account}/top-up", "top-up", "Book money received"), a.money((*order.Orders).TopUp))
	add(a, operators, op(post, "/accounts/{account}/gift", "gift", "Give money"), a.money((*order.Orders).Gift))
	add(a, operators, op(post, "/accounts/{account}/wallet/adjust", "adjust-wallet", "Correct an account's cash"), a.money((*order.Orders).AdjustWallet))
	add(a, operators, op(put, "/accounts/{account}/credit-limit", "set-credit-limit", "Set an account's credit limit"), a.creditLimit)

	add(a, operators, made(op(post, "/projects", "create-project", "Create a project")), a.createProject)
	add(a, operators, op(get, "/projects", "list-projects", "Projects"), a.projects)
	add(a, operators, made(op(post, "/members", "create-member", "Create a login")), a.createMember)
	add(a, operators, op(get, "/members", "list-members", "Members of an account, or the platform's staff"), a.members)
	add(a, operators, op(put, "/members/{login}/password", "set-password", "Give a member another password, and end its sign-ins"), a.setPassword)
	add(a, operators, op(put, "/members/{login}/role", "set-role", "Change what a member may do"), a.setRole)
	add(a, operators, op(put, "/members/{login}/suspended", "suspend-member", "Lock a member out, or let it in again"), a.suspendMember)
	add(a, operators, made(op(post, "/tokens", "create-token", "Create a token")), a.createToken)
	add(a, operators, op(get, "/tokens", "list-tokens", "Tokens, newest first"), a.tokens)
	add(a, operators, op(post, "/tokens/{token}/revoke", "revoke-token", "End a token"), a.revokeToken)

	add(a, operators, made(op(post, "/price-lists", "publish-price-list", "Publish a price list; it is never edited afterwards")), a.publishPriceList)
	add(a, operators, op(post, "/price-lists/preview", "preview-price-list", "What a price list would change, without publishing it"), a.previewPriceList)
	add(a, operators, op(get, "/price-lists", "list-price-lists", "All price lists, newest start first"), a.priceLists)
	add(a, operators, made(op(post, "/products", "add-product", "Add a fixed package")), a.addProduct)
	add(a, operators, op(get, "/products", "list-all-products", "All fixed packages"), a.allProducts)
	add(a, operators, op(put, "/products/{product}/on-sale", "set-on-sale", "Take a product off sale, or put it on again"), a.setOnSale)
	add(a, operators, made(op(post, "/agreements", "publish-agreement", "Publish a version of the service agreement")), a.publishAgreement)
	add(a, operators, op(get, "/agreements", "list-agreements", "All versions of the service agreement"), a.agreements)

	add(a, operators, made(op(post, "/vouchers", "issue-vouchers", "Issue vouchers, up to 1,000")), a.issueVouchers)
	add(a, operators, op(get, "/vouchers", "list-all-vouchers", "All vouchers"), a.allVouchers)
	add(a, operators, op(get, "/orders", "list-all-orders", "Orders of all accounts, newest first"), a.allOrders)
	add(a, operators, op(get, "/orders/{id}", "find-order", "Find an order by its id, whoever's it is"), a.findOrder)

	add(a, operators, op(get, "/packages/{number}", "find-package", "Find a package by its number, whoever's it is"), a.findPackage)
	add(a, operators, op(get, "/packages/{number}/entries", "list-package-entries", "A package's statement, whoever's it is"), a.packageEntries)
	add(a, operators, made(op(post, "/packages", "grant-package", "Give a project a package")), a.grantPackage)
	add(a, operators, op(post, "/packages/{number}/adjust", "adjust-package", "Change what remains of a package"), a.adjustPackage)
	a.packageLifeRoutes()

	add(a, operators, op(get, "/audit", "list-audit", "What operators did, newest first"), a.audit)
	add(a, operators, op(get, "/engine", "get-engine", "What the debit engine has done since it started"), a.engine)
	add(a, operators, op(post, "/clock/confirm", "confirm-clock", "Trust the server's clock after it has jumped"), a.confirmClock)
}

func (a *api) toAccount(x taocan.Account) Account {
	return Account{string(x.ID), x.Name, string(x.Level), x.Suspended, a.local(x.CreatedAt)}
}

func (a *api) createAccount(ctx context.Context, in *struct{ Body AccountRequest }) (*out[Account], error) {
	x, err := a.Access.CreateAccount(ctx, edge.ActorOf(ctx), access.AccountRequest{ID: taocan.AccountID(in.Body.ID), Name: in.Body.Name, Level: taocan.Level(in.Body.Level)})
	if err != nil {
		return nil, err
	}
	return answer(a.toAccount(x)), nil
}

func (a *api) accounts(ctx context.Context, in *struct {
	Query     string   `query:"q" maxLength:"200" doc:"Part of an account's id or name, of a project's, or of a member's login"`
	Level     []string `query:"level" enum:"unverified,personal,enterprise"`
	Suspended string   `query:"suspended" enum:"true,false"`
	Paging
}) (*out[List[Account]], error) {
	f := store.AccountFilter{Query: in.Query, Levels: named[taocan.Level](in.Level)}
	if in.Suspended != "" {
		yes := in.Suspended == "true"
		f.Suspended = &yes
	}
	return list(in.Paging, func(p store.Paging) (store.Page[taocan.Account], error) {
		f.Paging = p
		return a.Access.Accounts(ctx, f)
	}, a.toAccount)
}

// list asks for a page and shows it.
func list[From, To any](p Paging, page func(store.Paging) (store.Page[From], error), convert func(From) To) (*out[List[To]], error) {
	wanted, err := p.paging()
	if err != nil {
		return nil, err
	}
	got, err := page(wanted)
	if err != nil {
		return nil, err
	}
	return listed(p, got, convert), nil
}

func (a *api) account(ctx context.Context, in *InAccount) (*out[Account], error) {
	return shown(a.toAccount)(a.Access.Account(ctx, taocan.AccountID(in.Account)))
}

// shown answers what a use case gave.
func shown[From, To any](convert func(From) To) func(From, error) (*out[To], error) {
	return func(x From, err error) (*out[To], error) {
		if err != nil {
			return nil, err
		}
		return answer(convert(x)), nil
	}
}

func (a *api) setLevel(ctx context.Context, in *struct {
	InAccount
	Body LevelRequest
}) (*out[Account], error) {
	return shown(a.toAccount)(a.Access.SetLevel(ctx, edge.ActorOf(ctx), taocan.AccountID(in.Account), taocan.Level(in.Body.Level)))
}

func (a *api) suspendAccount(ctx context.Context, in *struct {
	InAccount
	Body SuspendedRequest
}) (*out[Account], error) {
	return shown(a.toAccount)(a.Access.SetSuspended(ctx, edge.ActorOf(ctx), taocan.AccountID(in.Account), in.Body.Suspended))
}

func (a *api) accountWallet(ctx context.Context, in *InAccount) (*out[Wallet], error) {
	return shown(toWallet)(a.Orders.Wallet(ctx, taocan.AccountID(in.Account)))
}

func (a *api) accountWalletEntries(ctx context.Context, in *struct {
	InAccount
	Paging
}) (*out[List[WalletEntry]], error) {
	return list(in.Paging, func(p store.Paging) (store.Page[taocan.WalletEntry], error) {
		return a.Orders.WalletEntries(ctx, taocan.AccountID(in.Account), p)
	}, a.toWalletEntry)
}

type moneyInput struct {
	InAccount
	Idempotent
	Body MoneyRequest
}

type walletChange func(*order.Orders, context.Context, taocan.Actor, taocan.AccountID, order.WalletChange) (taocan.Wallet, bool, error)

// money is the handler of one way to book money.
func (a *api) money(book walletChange) func(context.Context, *moneyInput) (*keyed[Wallet], error) {
	return func(ctx context.Context, in *moneyInput) (*keyed[Wallet], error) {
		c, err := content(ctx, in.Body)
		if err != nil {
			return nil, err
		}
		w, replayed, err := book(a.Orders, ctx, edge.ActorOf(ctx), taocan.AccountID(in.Account), order.WalletChange{
			Key: in.Key, ContentHash: c, Amount: taocan.Fen(in.Body.Amount), Reference: in.Body.Reference, Reason: in.Body.Reason})
		if err != nil {
			return nil, err
		}
		return keyedAnswer(http.StatusOK, toWallet(w), replayed), nil
	}
}

func (a *api) creditLimit(ctx context.Context, in *struct {
	InAccount
	Idempotent
	Body CreditLimitRequest
}) (*keyed[Wallet], error) {
	c, err := content(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	w, replayed, err := a.Orders.SetCreditLimit(ctx, edge.ActorOf(ctx), taocan.AccountID(in.Account), order.WalletChange{
		Key: in.Key, ContentHash: c, Amount: taocan.Fen(in.Body.CreditLimit), Reason: in.Body.Reason})
	if err != nil {
		return nil, err
	}
	return keyedAnswer(http.StatusOK, toWallet(w), replayed), nil
}

func (a *api) toProject(p taocan.Project) Project {
	return Project{string(p.ID), string(p.Account), p.Name, a.local(p.CreatedAt)}
}

func (a *api) createProject(ctx context.Context, in *struct{ Body ProjectRequest }) (*out[Project], error) {
	return shown(a.toProject)(a.Access.CreateProject(ctx, edge.ActorOf(ctx), access.ProjectRequest{
		ID: taocan.ProjectID(in.Body.ID), Account: taocan.AccountID(in.Body.Account), Name: in.Body.Name}))
}

func (a *api) projects(ctx context.Context, in *struct {
	Account string `query:"account" doc:"Of this account; default all"`
	Paging
}) (*out[List[Project]], error) {
	return list(in.Paging, func(p store.Paging) (store.Page[taocan.Project], error) {
		return a.Access.Projects(ctx, taocan.AccountID(in.Account), p)
	}, a.toProject)
}

func (a *api) toMember(m taocan.Member) Member {
	return Member{string(m.ID), orNull(m.Account), m.Login, string(m.Role), m.Suspended, a.local(m.CreatedAt)}
}

func (a *api) createMember(ctx context.Context, in *struct{ Body MemberRequest }) (*out[Member], error) {
	return shown(a.toMember)(a.Access.CreateMember(ctx, edge.ActorOf(ctx), access.MemberRequest{
		Account: taocan.AccountID(in.Body.Account), Login: in.Body.Login, Password: in.Body.Password, Role: taocan.Role(in.Body.Role)}))
}

func (a *api) members(ctx context.Context, in *struct {
	Account string `query:"account" doc:"Default: the platform's staff"`
}) (*out[Items[Member]], error) {
	return shown(func(list []taocan.Member) Items[Member] { return Items[Member]{converted(list, a.toMember)} })(
		a.Access.Members(ctx, taocan.AccountID(in.Account)))
}

// InMember is the path of one member.
type InMember struct {
	Login string `path:"login"`
}

func (a *api) setPassword(ctx context.Context, in *struct {
	InMember
	Body PasswordRequest
}) (*out[Member], error) {
	return shown(a.toMember)(a.Access.SetPassword(ctx, edge.ActorOf(ctx), in.Login, in.Body.Password))
}

func (a *api) setRole(ctx context.Context, in *struct {
	InMember
	Body RoleRequest
}) (*out[Member], error) {
	return shown(a.toMember)(a.Access.SetRole(ctx, edge.ActorOf(ctx), in.Login, taocan.Role(in.Body.Role)))
}

func (a *api) suspendMember(ctx context.Context, in *struct {
	InMember
	Body SuspendedRequest
}) (*out[Member], error) {
	return shown(a.toMember)(a.Access.SetMemberSuspended(ctx, edge.ActorOf(ctx), in.Login, in.Body.Suspended))
}

func (a *api) toToken(t taocan.Token) Token {
	return Token{ID: string(t.ID), Name: t.Name, Account: orNull(t.Account), Project: orNull(t.Project), MemberID: orNull(t.Member),
		Scopes: texts(t.Scopes), CreatedAt: a.local(t.CreatedAt), ExpiresAt: a.localOrNil(t.ExpiresAt), RevokedAt: a.localOrNil(t.RevokedAt)}
}

func (a *api) createToken(ctx context.Context, in *struct{ Body TokenRequest }) (*out[NewToken], error) {
	secret, t, err := a.Access.CreateToken(ctx, edge.ActorOf(ctx), access.TokenRequest{Tenant: taocan.Tenant{Project: taocan.ProjectID(in.Body.Project)},
		Name: in.Body.Name, Scopes: named[taocan.Scope](in.Body.Scopes), TTL: time.Duration(in.Body.TTLSeconds) * time.Second})
	if err != nil {
		return nil, err
	}
	return answer(NewToken{secret, a.toToken(t)}), nil
}

func (a *api) tokens(ctx context.Context, in *struct {
	Project string `query:"project" doc:"Of this project; default all"`
	Paging
}) (*out[List[Token]], error) {
	var tenant taocan.Tenant
	if in.Project != "" {
		p, err := a.Access.Project(ctx, taocan.ProjectID(in.Project))
		if err != nil {
			return nil, err
		}
		tenant = taocan.Tenant{Account: p.Account, Project: p.ID}
	}
	return list(in.Paging, func(p store.Paging) (store.Page[taocan.Token], error) { return a.Access.Tokens(ctx, tenant, p) }, a.toToken)
}

func (a *api) revokeToken(ctx context.Context, in *struct {
	Token string `path:"token" doc:"Its id, not its secret"`
}) (*out[Token], error) {
	return shown(a.toToken)(a.Access.RevokeToken(ctx, edge.ActorOf(ctx), taocan.TokenID(in.Token)))
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func fromPriceList(b PriceListRequest) taocan.PriceList {
	return taocan.PriceList{ID: taocan.PriceListID(b.ID), Category: taocan.Category(b.Category),
		ValidFrom: orZero(b.ValidFrom), ValidityMonths: b.ValidityMonths, ChargeOn: taocan.ChargeOn(b.ChargeOn), Draft: b.Draft,
		Rows: converted(b.Items, func(r PriceRow) taocan.PriceRow {
			return taocan.PriceRow{Purpose: taocan.Purpose(r.Purpose), Country: taocan.Country(r.Country), Below: taocan.Segments(r.Below),
				Tiers: converted(r.Tiers, func(t Tier) taocan.Tier {
					return taocan.Tier{From: taocan.Segments(t.From), Price: taocan.UnitPrice(t.UnitPrice)}
				})}
		})}
}

func (a *api) publishPriceList(ctx context.Context, in *struct{ Body PriceListRequest }) (*out[PriceList], error) {
	return shown(a.toPriceList)(a.Catalog.Publish(ctx, edge.ActorOf(ctx), fromPriceList(in.Body)))
}

func (a *api) priceLists(ctx context.Context, in *struct {
	Category string `query:"category" enum:"domestic,international"`
}) (*out[Items[PriceList]], error) {
	return shown(func(lists []taocan.PriceList) Items[PriceList] {
		return Items[PriceList]{converted(lists, a.toPriceList)}
	})(
		a.Catalog.PriceLists(ctx, taocan.Category(in.Category)))
}

func (a *api) addProduct(ctx context.Context, in *struct{ Body ProductRequest }) (*out[Product], error) {
	b := in.Body
	return shown(toProduct)(a.Catalog.AddProduct(ctx, edge.ActorOf(ctx), taocan.Product{ID: taocan.ProductID(b.ID), Name: b.Name,
		Category: taocan.Category(b.Category), Purpose: taocan.Purpose(b.Purpose), Country: taocan.Country(b.Country), Quantity: taocan.Segments(b.Quantity),
		Price: taocan.Fen(b.Price), ValidityMonths: b.ValidityMonths, ChargeOn: taocan.ChargeOn(b.ChargeOn), OnSale: b.OnSale == nil || *b.OnSale}))
}

func (a *api) allProducts(ctx context.Context, in *struct {
	Category string `query:"category" enum:"domestic,international"`
}) (*out[Items[Product]], error) {
	return shown(func(list []taocan.Product) Items[Product] { return Items[Product]{converted(list, toProduct)} })(
		a.Catalog.AllProducts(ctx, taocan.Category(in.Category)))
}

func (a *api) setOnSale(ctx context.Context, in *struct {
	Product string `path:"product"`
	Body    OnSaleRequest
}) (*out[Product], error) {
	return shown(toProduct)(a.Catalog.SetProductOnSale(ctx, edge.ActorOf(ctx), taocan.ProductID(in.Product), in.Body.OnSale))
}

func (a *api) publishAgreement(ctx context.Context, in *struct{ Body AgreementRequest }) (*out[Agreement], error) {
	return shown(a.toAgreement)(a.Catalog.PublishAgreement(ctx, edge.ActorOf(ctx), in.Body.Version, in.Body.Markdown))
}

func (a *api) agreements(ctx context.Context, _ *struct{}) (*out[Items[Agreement]], error) {
	return shown(func(list []taocan.Agreement) Items[Agreement] {
		return Items[Agreement]{converted(list, a.toAgreement)}
	})(a.Catalog.Agreements(ctx))
}

func (a *api) toOperatorVoucher(v taocan.Voucher) OperatorVoucher {
	return OperatorVoucher{Voucher: a.toVoucher(v), Account: orNull(v.Account)}
}

func (a *api) issueVouchers(ctx context.Context, in *struct {
	Key  string `header:"Idempotency-Key" doc:"Your own key of this call, 1–128 visible ASCII characters: it issues once. Sent again it is idempotency_conflict, since codes are shown once"`
	Body VoucherRequest
}) (*out[Items[OperatorVoucher]], error) {
	b := in.Body
	issue := order.VoucherIssue{Key: in.Key, Account: taocan.AccountID(b.Account), Count: b.Count, Amount: taocan.Fen(b.Amount), ValidFrom: orZero(b.ValidFrom), ValidUntil: b.ValidUntil,
		Scope: taocan.VoucherScope{Categories: named[taocan.Category](b.Scope.Categories), Purposes: named[taocan.Purpose](b.Scope.Purposes), Products: named[taocan.ProductID](b.Scope.Products)}}
	if b.MinAmount != nil {
		issue.MinAmount = taocan.Fen(*b.MinAmount)
	}
	issued, err := a.Orders.IssueVouchers(ctx, edge.ActorOf(ctx), issue)
	if err != nil {
		return nil, err
	}
	return answer(Items[OperatorVoucher]{converted(issued, func(x order.Issued) OperatorVoucher {
		v := a.toOperatorVoucher(x.Voucher)
		v.Code = x.Code
		return v
	})}), nil
}

// Span asks for what lies in [from, until).
type Span struct {
	From  instant `query:"from" doc:"RFC 3339; from this instant on"`
	Until instant `query:"until" doc:"RFC 3339; before this instant"`
}

func (s Span) parse() (from, until time.Time, err error) {
	if from, err = s.From.parse("query.from"); err != nil {
		return from, until, err
	}
	until, err = s.Until.parse("query.until")
	return from, until, err
}

func (a *api) allVouchers(ctx context.Context, in *struct {
	State      string `query:"state" enum:"usable,used,not_yet_valid,expired"`
	Account    string `query:"account" doc:"Held by this account"`
	Unredeemed bool   `query:"unredeemed" doc:"Only codes that nobody has redeemed"`
	Span
	Paging
}) (*out[List[OperatorVoucher]], error) {
	from, until, err := in.parse()
	if err != nil {
		return nil, err
	}
	return list(in.Paging, func(p store.Paging) (store.Page[taocan.Voucher], error) {
		return a.Orders.AllVouchers(ctx, store.VoucherFilter{State: taocan.VoucherState(in.State), Account: taocan.AccountID(in.Account),
			Unredeemed: in.Unredeemed, From: from, Until: until, Paging: p})
	}, a.toOperatorVoucher)
}

func (a *api) allOrders(ctx context.Context, in *struct {
	OrderQuery
	Account string `query:"account"`
	Project string `query:"project"`
	Span
}) (*out[List[OperatorOrder]], error) {
	from, until, err := in.parse()
	if err != nil {
		return nil, err
	}
	return list(in.Paging, func(p store.Paging) (store.Page[taocan.Order], error) {
		return a.Orders.AllOrders(ctx, store.OrderFilter{State: taocan.OrderState(in.State), Account: taocan.AccountID(in.Account),
			Project: taocan.ProjectID(in.Project), From: from, Until: until, Paging: p})
	}, a.toOperatorOrder)
}

func (a *api) toOperatorOrder(o taocan.Order) OperatorOrder {
	return OperatorOrder{a.toOrder(o), string(o.Account), string(o.Project)}
}

func (a *api) findOrder(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (*out[OperatorOrder], error) {
	return shown(a.toOperatorOrder)(a.Orders.FindOrder(ctx, taocan.OrderID(in.ID)))
}

func (a *api) toOperatorPackage(p taocan.Package) OperatorPackage {
	return OperatorPackage{a.toPackage(p, a.Clock.Now()), string(p.Account), string(p.Project)}
}

// InNumber is the path of one package, whoever's it is.
type InNumber struct {
	Number string `path:"number"`
}

func (a *api) findPackage(ctx context.Context, in *InNumber) (*out[OperatorPackage], error) {
	return shown(a.toOperatorPackage)(a.Packages.Find(ctx, taocan.PackageNumber(in.Number)))
}

func (a *api) packageEntries(ctx context.Context, in *struct {
	InNumber
	Paging
}) (*out[List[Entry]], error) {
	found, err := a.Packages.Find(ctx, taocan.PackageNumber(in.Number))
	if err != nil {
		return nil, err
	}
	return list(in.Paging, func(p store.Paging) (store.Page[taocan.Entry], error) {
		return a.Packages.Entries(ctx, found.Tenant, found.Number, p)
	}, a.toEntry)
}

// projectNamed finds a project that a body names.
func (a *api) projectNamed(ctx context.Context, id string) (taocan.Tenant, error) {
	p, err := a.Access.Project(ctx, taocan.ProjectID(id))
	return taocan.Tenant{Account: p.Account, Project: p.ID}, err
}

func (a *api) grantPackage(ctx context.Context, in *struct {
	Idempotent
	Body GrantRequest
}) (*keyed[OperatorPackage], error) {
	b := in.Body
	tenant, err := a.projectNamed(ctx, b.Project)
	if err != nil {
		return nil, err
	}
	c, err := content(ctx, b)
	if err != nil {
		return nil, err
	}
	p, replayed, err := a.Packages.Grant(ctx, edge.ActorOf(ctx), tenant, in.Key, c, packages.GrantRequest{Category: taocan.Category(b.Category),
		Purpose: taocan.Purpose(b.Purpose), Country: taocan.Country(b.Country), Name: b.Name, Quantity: taocan.Segments(b.Quantity),
		ValidityMonths: b.ValidityMonths, Reason: b.Reason})
	if err != nil {
		return nil, err
	}
	return keyedAnswer(http.StatusCreated, a.toOperatorPackage(p), replayed), nil
}

func (a *api) adjustPackage(ctx context.Context, in *struct {
	InNumber
	Idempotent
	Body AdjustRequest
}) (*keyed[OperatorPackage], error) {
	c, err := content(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	p, replayed, err := a.Packages.Adjust(ctx, edge.ActorOf(ctx), taocan.PackageNumber(in.Number), in.Key, c, taocan.Segments(in.Body.Delta), in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return keyedAnswer(http.StatusOK, a.toOperatorPackage(p), replayed), nil
}

func (a *api) audit(ctx context.Context, in *struct {
	By      string `query:"by" doc:"A login, the id of a member or of a token, or system"`
	Action  string `query:"action" doc:"All of it, or a noun: wallet selects wallet.top_up and its like"`
	Subject string `query:"subject"`
	Account string `query:"account" doc:"What was done to this account and what is its own, and what its members did"`
	Span
	Paging
}) (*out[List[AuditEntry]], error) {
	from, until, err := in.parse()
	if err != nil {
		return nil, err
	}
	return list(in.Paging, func(p store.Paging) (store.Page[taocan.AuditEntry], error) {
		return a.Access.AuditEntries(ctx, store.AuditFilter{From: from, Until: until, By: in.By, Action: in.Action, Subject: in.Subject,
			Account: taocan.AccountID(in.Account), Paging: p})
	}, a.toAuditEntry)
}

func (a *api) toAuditEntry(e taocan.AuditEntry) AuditEntry {
	return AuditEntry{e.N, a.local(e.At), e.By, orNull(e.Login), e.Address, e.Action, e.Subject, parsed(e.Before), parsed(e.After)}
}

// parsed shows the JSON of an audit line as JSON.
func parsed(s string) any {
	var v any
	if s == "" || json.Unmarshal([]byte(s), &v) != nil {
		return orNull(s)
	}
	return v
}

func (a *api) engine(context.Context, *struct{}) (*out[EngineStats], error) {
	s := a.Engine.Stats()
	return answer(EngineStats{s.Commits, s.Operations, s.Replays, s.Refused, s.Queued, s.Overdue}), nil
}

func (a *api) confirmClock(ctx context.Context, _ *struct{}) (*out[EngineStats], error) {
	if err := a.Access.Record(ctx, edge.ActorOf(ctx), "clock.confirm", "clock"); err != nil {
		return nil, err
	}
	a.Engine.ConfirmClock()
	return a.engine(ctx, nil)
}
