package console

import (
	"net/http"

	"taocan/internal/access"
	"taocan/internal/taocan"
)

func (c *console) operatorMemberRoutes() {
	c.staff("POST /operator/accounts/{account}/members", c.operatorMemberCreate)
	c.staff("POST /operator/accounts/{account}/members/role", c.operatorMemberRole)
	c.staff("POST /operator/accounts/{account}/members/password", c.operatorMemberPassword)
	c.staff("POST /operator/accounts/{account}/members/suspended", c.operatorMemberSuspend)
}

func (c *console) operatorMemberCreate(w http.ResponseWriter, r *http.Request) error {
	return c.operatorAccountForm(w, r, "member", "login", func(d *operatorFields) func() error {
		req := access.MemberRequest{Account: taocan.AccountID(r.PathValue("account")), Login: d.text("login"), Password: d.form.Get("password"), Role: taocan.Role(d.text("role"))}
		return func() error {
			_, err := c.Access.CreateMember(r.Context(), actorOf(r), req)
			return err
		}
	})
}

func (c *console) operatorMemberRole(w http.ResponseWriter, r *http.Request) error {
	return c.operatorMemberForm(w, r, "role", func(d *operatorFields) error {
		_, err := c.Access.SetRole(r.Context(), actorOf(r), d.form.Get("login"), taocan.Role(d.text("role")))
		return err
	})
}

func (c *console) operatorMemberPassword(w http.ResponseWriter, r *http.Request) error {
	return c.operatorMemberForm(w, r, "password", func(d *operatorFields) error {
		_, err := c.Access.SetPassword(r.Context(), actorOf(r), d.form.Get("login"), d.form.Get("password"))
		return err
	})
}

func (c *console) operatorMemberSuspend(w http.ResponseWriter, r *http.Request) error {
	return c.operatorMemberForm(w, r, "member_suspended", func(d *operatorFields) error {
		_, err := c.Access.SetMemberSuspended(r.Context(), actorOf(r), d.form.Get("login"), d.text("suspended") == "true")
		return err
	})
}

// operatorMemberForm carries out a form about one member of the account; others' are not to be reached through its page.
func (c *console) operatorMemberForm(w http.ResponseWriter, r *http.Request, form string, change func(*operatorFields) error) error {
	return c.operatorAccountForm(w, r, form, "", func(d *operatorFields) func() error {
		return func() error {
			members, err := c.Access.Members(r.Context(), taocan.AccountID(r.PathValue("account")))
			if err != nil {
				return err
			}
			for _, m := range members {
				if m.Login == d.form.Get("login") {
					return change(d)
				}
			}
			return taocan.ErrNotFound
		}
	})
}
