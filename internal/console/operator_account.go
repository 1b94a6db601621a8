package console

import (
	"net/http"

	"taocan/internal/access"
	"taocan/internal/console/view"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

func (c *console) operatorAccountRoutes() {
	c.staff("GET /operator/accounts", c.operatorAccountList)
	c.staff("POST /operator/accounts", c.operatorAccountCreate)
	c.staff("GET /operator/accounts/{account}", c.operatorAccount)
	c.staff("POST /operator/accounts/{account}/level", c.operatorAccountLevel)
	c.staff("POST /operator/accounts/{account}/suspended", c.operatorAccountSuspend)
}

func (c *console) operatorAccountList(w http.ResponseWriter, r *http.Request) error {
	return c.showOperatorAccounts(w, r, http.StatusOK, nil)
}

func (c *console) showOperatorAccounts(w http.ResponseWriter, r *http.Request, status int, refused *view.OperatorForm) error {
	f, err := c.frame(r, "operator.accounts", "operator", "accounts")
	if err != nil {
		return err
	}
	p := view.OperatorAccountList{Create: view.OperatorForm{Name: "account"}, New: r.URL.Query().Get("new") != ""}
	if refused != nil {
		p.Create = *refused
	}
	if p.List, err = listOf("/operator/accounts", r.URL.Query(), "q", "level", "suspended"); err != nil {
		return err
	}
	filter := store.AccountFilter{Query: trimmed(p.List, "q"), Paging: pagingOf(p.List)}
	for _, level := range p.List.Filters["level"] {
		filter.Levels = append(filter.Levels, taocan.Level(level))
	}
	if s := p.List.Filters.Get("suspended"); s != "" {
		yes := s == "true"
		filter.Suspended = &yes
	}
	page, err := c.Access.Accounts(r.Context(), filter)
	if err != nil {
		return err
	}
	if p.Accounts = page.Items; counted(&p.List, page) {
		return seeOther(w, r, p.List.At(p.List.Pages()))
	}
	return render(w, r, status, view.OperatorAccountListPage(f, p))
}

func (c *console) operatorAccountCreate(w http.ResponseWriter, r *http.Request) error {
	return c.operatorWrite(w, r, operatorWrite{form: "account", taken: "id",
		read: func(d *operatorFields) func() (string, error) {
			req := access.AccountRequest{ID: taocan.AccountID(d.text("id")), Name: d.text("name"), Level: taocan.Level(d.text("level"))}
			return func() (string, error) {
				a, err := c.Access.CreateAccount(r.Context(), actorOf(r), req)
				return view.OperatorAccountPath(a.ID) + "?done=account", err
			}
		},
		again: func(status int, refused *view.OperatorForm) error {
			return c.showOperatorAccounts(w, r, status, refused)
		},
	})
}

func (c *console) operatorAccount(w http.ResponseWriter, r *http.Request) error {
	return c.showOperatorAccount(w, r, http.StatusOK, nil)
}

// mostProjects is how many projects of an account its page lists.
const mostProjects = 100

// showOperatorAccount draws an account's page. A form that was refused stands in the place of the one of its name.
func (c *console) showOperatorAccount(w http.ResponseWriter, r *http.Request, status int, refused *view.OperatorForm) error {
	ctx, id := r.Context(), taocan.AccountID(r.PathValue("account"))
	account, err := c.Access.Account(ctx, id)
	if err != nil {
		return err
	}
	f, err := c.frame(r, "operator.accounts", "operator", "accounts")
	if err != nil {
		return err
	}
	f.Title = account.Name
	p := view.OperatorAccount{Account: account, Notice: doneNotice(r, "operator"), Refused: refused}
	if p.Key, err = c.newKey(); err != nil {
		return err
	}
	if p.Wallet, err = c.Orders.Wallet(ctx, id); err != nil {
		return err
	}
	if p.Statement, err = listOf(view.OperatorAccountPath(id), r.URL.Query()); err != nil {
		return err
	}
	entries, err := c.Orders.WalletEntries(ctx, id, pagingOf(p.Statement))
	if err != nil {
		return err
	}
	if p.Entries = entries.Items; counted(&p.Statement, entries) {
		return seeOther(w, r, p.Statement.At(p.Statement.Pages()))
	}
	projects, err := c.Access.Projects(ctx, id, store.Paging{Limit: mostProjects})
	if err != nil {
		return err
	}
	p.Projects, p.MoreProjects = projects.Items, projects.Next != ""
	if p.Members, err = c.Access.Members(ctx, id); err != nil {
		return err
	}
	return render(w, r, status, view.OperatorAccountPage(f, p))
}

// operatorAccountForm carries out a form that stands on an account's page.
func (c *console) operatorAccountForm(w http.ResponseWriter, r *http.Request, form, taken string, read func(*operatorFields) func() error) error {
	id := taocan.AccountID(r.PathValue("account"))
	if _, err := c.Access.Account(r.Context(), id); err != nil {
		return err
	}
	return c.operatorWrite(w, r, operatorWrite{form: form, taken: taken,
		read: func(d *operatorFields) func() (string, error) {
			carry := read(d)
			return func() (string, error) { return view.Address(view.OperatorAccountPath(id), "done", form), carry() }
		},
		again: func(status int, refused *view.OperatorForm) error {
			return c.showOperatorAccount(w, r, status, refused)
		},
	})
}

func (c *console) operatorAccountLevel(w http.ResponseWriter, r *http.Request) error {
	return c.operatorAccountForm(w, r, "level", "", func(d *operatorFields) func() error {
		return func() error {
			_, err := c.Access.SetLevel(r.Context(), actorOf(r), taocan.AccountID(r.PathValue("account")), taocan.Level(d.text("level")))
			return err
		}
	})
}

func (c *console) operatorAccountSuspend(w http.ResponseWriter, r *http.Request) error {
	return c.operatorAccountForm(w, r, "suspended", "", func(d *operatorFields) func() error {
		return func() error {
			_, err := c.Access.SetSuspended(r.Context(), actorOf(r), taocan.AccountID(r.PathValue("account")), d.text("suspended") == "true")
			return err
		}
	})
}
