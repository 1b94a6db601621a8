package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

type memberCmd struct {
	Create   memberCreateCmd   `cmd:"" help:"Create a login."`
	List     memberListCmd     `cmd:"" help:"List an account's logins, or the platform's staff."`
	Password memberPasswordCmd `cmd:"" help:"Give a member another password, and end its sign-ins."`
	Role     memberRoleCmd     `cmd:"" help:"Change what a member may do."`
	Suspend  memberSuspendCmd  `cmd:"" help:"Lock a member out."`
	Resume   memberResumeCmd   `cmd:"" help:"Let a suspended member in again."`
}

var memberFields = []string{"login", "account", "role", "suspended", "created_at"}

func memberPath(login, rest string) string {
	return operatorPath + "/members/" + url.PathEscape(login) + rest
}

// passwordFlag reads a password from a file, or draws one. A flag for the password itself would be seen by
// everybody who may list processes.
type passwordFlag struct {
	PasswordFile string `name:"password-file" json:"-" placeholder:"FILE" help:"File whose first line is the password. Default: draw one and print it."`
	Password     string `kong:"-" json:"password"`
	drawn        bool
}

func (p *passwordFlag) read() error {
	if p.PasswordFile == "" {
		p.Password, p.drawn = rand.Text(), true
		return nil
	}
	b, err := os.ReadFile(p.PasswordFile)
	if err != nil {
		return err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	p.Password = strings.TrimSuffix(line, "\r")
	return nil
}

// reveal adds a password that was drawn to the answer: it is shown this once.
func (p *passwordFlag) reveal(answer json.RawMessage) (json.RawMessage, error) {
	if !p.drawn {
		return answer, nil
	}
	object, err := decodeObject(answer)
	if err != nil {
		return nil, err
	}
	object["password"] = p.Password
	return json.Marshal(object)
}

// write sends the request and shows the member, with its password where that was drawn.
func (p *passwordFlag) write(t *target, a *app, q request) error {
	names := memberFields
	if p.drawn {
		names = append([]string{"password"}, names...)
	}
	return t.ask(a, func(c *client) (json.RawMessage, error) {
		answer, err := c.do(a.ctx, q)
		if err != nil {
			return nil, err
		}
		return p.reveal(answer)
	}, func(answer json.RawMessage) error { return a.fields(answer, names...) })
}

type memberCreateCmd struct {
	target       `json:"-"`
	passwordFlag `embed:""`
	Login        string `arg:"" json:"login" help:"What the person types."`
	Account      string `name:"account" json:"account,omitempty" help:"Whose member it is; left out: the platform's staff."`
	Role         string `name:"role" json:"role" default:"" help:"owner, finance or viewer; operator for staff."`
}

func (c *memberCreateCmd) Run(a *app) error {
	if c.Role == "" && c.Account != "" {
		return usage("--role says what the member may do: owner, finance or viewer")
	}
	if c.Role == "" {
		c.Role = "operator"
	}
	if err := c.read(); err != nil {
		return err
	}
	return c.write(&c.target, a, request{method: http.MethodPost, path: operatorPath + "/members", body: c})
}

type memberListCmd struct {
	target
	Account string `name:"account" help:"Whose members; left out: the platform's staff."`
}

func (c *memberListCmd) Run(a *app) error {
	return c.list(a, operatorPath+"/members", filter("account", c.Account), memberFields...)
}

type memberPasswordCmd struct {
	target       `json:"-"`
	passwordFlag `embed:""`
	Login        string `arg:"" json:"-" help:"Member."`
}

func (c *memberPasswordCmd) Run(a *app) error {
	if err := c.read(); err != nil {
		return err
	}
	return c.write(&c.target, a, request{method: http.MethodPut, path: memberPath(c.Login, "/password"), body: c})
}

type memberRoleCmd struct {
	target `json:"-"`
	Login  string `arg:"" json:"-" help:"Member."`
	Role   string `arg:"" json:"role" enum:"owner,finance,viewer,operator" help:"${enum}"`
}

func (c *memberRoleCmd) Run(a *app) error {
	return c.show(a, request{method: http.MethodPut, path: memberPath(c.Login, "/role"), body: c}, memberFields...)
}

type memberSuspendCmd struct {
	target
	Login string `arg:"" help:"Member."`
}

func (c *memberSuspendCmd) Run(a *app) error {
	return c.show(a, suspended(memberPath(c.Login, "/suspended"), true), memberFields...)
}

type memberResumeCmd struct {
	target
	Login string `arg:"" help:"Member."`
}

func (c *memberResumeCmd) Run(a *app) error {
	return c.show(a, suspended(memberPath(c.Login, "/suspended"), false), memberFields...)
}

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Create a token; its secret is shown this once."`
	List   tokenListCmd   `cmd:"" help:"List tokens, newest first."`
	Revoke tokenRevokeCmd `cmd:"" help:"End a token."`
}

var tokenFields = []string{"id", "name", "project", "scopes", "created_at", "expires_at", "revoked_at"}

type tokenCreateCmd struct {
	target     `json:"-"`
	Project    string        `name:"project" json:"project,omitempty" placeholder:"P" help:"Project that it belongs to; left out for an operator's token."`
	Scope      []string      `name:"scope" json:"scopes" placeholder:"SCOPE" help:"read, buy, debit, manage; several by commas. An operator's has the scope operator."`
	Name       string        `name:"name" json:"name,omitempty" help:"What it is for."`
	TTL        time.Duration `name:"ttl" json:"-" placeholder:"DURATION" help:"How long it works, like 720h. Default: until it is revoked."`
	TTLSeconds int64         `kong:"-" json:"ttl_seconds,omitempty"`
}

func (c *tokenCreateCmd) Run(a *app) error {
	if len(c.Scope) == 0 {
		return usage("--scope says what the token may do: read, buy, debit, manage; an operator's token has --scope operator and no --project")
	}
	c.TTLSeconds = int64(c.TTL / time.Second)
	return c.show(a, request{method: http.MethodPost, path: operatorPath + "/tokens", body: c}, append([]string{"token"}, tokenFields...)...)
}

type tokenListCmd struct {
	target
	Project string `name:"project" placeholder:"P" help:"Only this project's."`
}

func (c *tokenListCmd) Run(a *app) error {
	return c.list(a, operatorPath+"/tokens", filter("project", c.Project), tokenFields...)
}

type tokenRevokeCmd struct {
	target
	ID string `arg:"" help:"Its id, not its secret."`
}

func (c *tokenRevokeCmd) Run(a *app) error {
	if strings.HasPrefix(c.ID, "tc_") {
		return usage("that is the token's secret; its id starts with tok_: taocan token list")
	}
	return c.show(a, request{method: http.MethodPost, path: fmt.Sprintf("%s/tokens/%s/revoke", operatorPath, url.PathEscape(c.ID))}, tokenFields...)
}
