package console

import (
	"net/http"

	"taocan/internal/console/view"
	"taocan/internal/export"
	"taocan/internal/statement"
	"taocan/internal/taocan"
)

func (c *console) statementRoutes() {
	c.member("GET "+view.StatementsPath, c.statementList, taocan.ScopeRead)
	c.member("GET "+view.StatementsPath+"/{month}", c.statementPage(projectBooks, c.projectStatement), taocan.ScopeRead)
	c.exported(view.StatementsPath+"/{month}/lines", c.statementFile(c.projectStatement))
	c.member("GET "+view.AccountStatementsPath+"/{month}", c.statementPage(accountBooks, c.ownStatement), taocan.ScopeRead)
	c.exported(view.AccountStatementsPath+"/{month}/lines", c.statementFile(c.ownStatement))

	const operators = "GET /operator/accounts/{account}/statements"
	c.staff(operators, c.operatorStatements)
	c.staff(operators+"/{month}", c.statementPage(operatorBooks, c.operatorStatement))
	for _, format := range []export.Format{export.CSV, export.XLSX} {
		do := c.statementFile(c.operatorStatement)
		c.staff(operators+"/{month}/lines."+string(format), func(w http.ResponseWriter, r *http.Request) error { return do(w, r, format) })
	}
}

// books is where statements stand: the menus around them, and the address of their list.
type books struct {
	tab, side string
	list      func(*http.Request) (path, base string) // of the months, and what a month's address begins with
}

var (
	projectBooks = books{"packages", "statements", func(*http.Request) (path, base string) { return view.StatementsPath, view.StatementsPath }}
	accountBooks = books{"packages", "statements", func(*http.Request) (path, base string) {
		return view.StatementsPath, view.AccountStatementsPath
	}}
	operatorBooks = books{"operator", "accounts", func(r *http.Request) (path, base string) {
		base = view.OperatorStatementsPath(taocan.AccountID(r.PathValue("account")))
		return base, base
	}}
)

// statementOf reads the statement that a request names.
type statementOf func(r *http.Request) (statement.Statement, error)

func (c *console) projectStatement(r *http.Request) (statement.Statement, error) {
	return c.Statements.Project(r.Context(), actorOf(r).Tenant, r.PathValue("month"))
}

// ownStatement is the whole account's. The use case refuses whoever is neither its owner nor its finance.
func (c *console) ownStatement(r *http.Request) (statement.Statement, error) {
	return c.Statements.Account(r.Context(), actorOf(r), actorOf(r).Account, r.PathValue("month"))
}

func (c *console) operatorStatement(r *http.Request) (statement.Statement, error) {
	return c.Statements.Account(r.Context(), actorOf(r), taocan.AccountID(r.PathValue("account")), r.PathValue("month"))
}

// statementList offers the project's months, and the account's to whom it belongs.
func (c *console) statementList(w http.ResponseWriter, r *http.Request) error {
	f, err := c.frame(r, "statement.title", projectBooks.tab, projectBooks.side)
	if err != nil {
		return err
	}
	p := view.StatementList{Base: view.StatementsPath}
	if p.Months, err = c.Statements.Months(r.Context(), f.Actor.Tenant); err != nil {
		return err
	}
	if f.Actor.Role == taocan.Owner || f.Actor.Role == taocan.Finance {
		if p.AccountMonths, err = c.Statements.AccountMonths(r.Context(), f.Actor, f.Actor.Account); err != nil {
			return err
		}
		p.AccountBase = view.AccountStatementsPath
	}
	return render(w, r, http.StatusOK, view.StatementListPage(f, p))
}

func (c *console) operatorStatements(w http.ResponseWriter, r *http.Request) error {
	f, err := c.frame(r, "statement.title", operatorBooks.tab, operatorBooks.side)
	if err != nil {
		return err
	}
	p := view.StatementList{Account: taocan.AccountID(r.PathValue("account"))}
	p.AccountBase = view.OperatorStatementsPath(p.Account)
	if p.AccountMonths, err = c.Statements.AccountMonths(r.Context(), f.Actor, p.Account); err != nil {
		return err
	}
	return render(w, r, http.StatusOK, view.StatementListPage(f, p))
}

func (c *console) statementPage(b books, of statementOf) action {
	return func(w http.ResponseWriter, r *http.Request) error {
		st, err := of(r)
		if err != nil {
			return err
		}
		f, err := c.frame(r, "statement.title", b.tab, b.side)
		if err != nil {
			return err
		}
		f.Title = f.Text("statement.of", st.Name)
		p := view.Statement{Statement: st}
		p.Back, p.Base = b.list(r)
		return render(w, r, http.StatusOK, view.StatementPage(f, p))
	}
}

// statementFile answers with the same file as the API, in the words of docs/statements.md whatever the page's language is.
func (c *console) statementFile(of statementOf) func(http.ResponseWriter, *http.Request, export.Format) error {
	return func(w http.ResponseWriter, r *http.Request, format export.Format) error {
		st, err := of(r)
		if err != nil {
			return err
		}
		file, err := c.Statements.File(st)
		if err != nil {
			return err
		}
		file.Serve(w, format)
		return nil
	}
}
