package console

import (
	"net/http"

	"taocan/internal/access"
	"taocan/internal/console/view"
	"taocan/internal/taocan"
)

func (c *console) operatorStaffRoutes() {
	c.staff("GET /operator/staff", func(w http.ResponseWriter, r *http.Request) error {
		return c.showOperatorStaff(w, r, http.StatusOK, nil)
	})
	c.staff("POST /operator/staff", c.operatorStaffCreate)
	c.staff("POST /operator/staff/password", c.operatorStaffPassword)
	c.staff("POST /operator/staff/suspended", c.operatorStaffSuspend)
}

func (c *console) showOperatorStaff(w http.ResponseWriter, r *http.Request, status int, refused *view.OperatorForm) error {
	f, err := c.frame(r, "operator.staff", "operator", "staff")
	if err != nil {
		return err
	}
	p := view.OperatorStaff{Notice: doneNotice(r, "operator"), Refused: refused}
	if p.Members, err = c.Access.Members(r.Context(), ""); err != nil {
		return err
	}
	return render(w, r, status, view.OperatorStaffPage(f, p))
}

// operatorStaffForm carries out a form of the page.
func (c *console) operatorStaffForm(w http.ResponseWriter, r *http.Request, form, taken, done string, carry func(*operatorFields) error) error {
	return c.operatorWrite(w, r, operatorWrite{form: form, taken: taken,
		read: func(d *operatorFields) func() (string, error) {
			return func() (string, error) { return view.Address("/operator/staff", "done", done), carry(d) }
		},
		again: func(status int, refused *view.OperatorForm) error { return c.showOperatorStaff(w, r, status, refused) },
	})
}

func (c *console) operatorStaffCreate(w http.ResponseWriter, r *http.Request) error {
	return c.operatorStaffForm(w, r, "staff", "login", "staff", func(d *operatorFields) error {
		_, err := c.Access.CreateMember(r.Context(), actorOf(r), access.MemberRequest{Login: d.text("login"), Password: d.form.Get("password"), Role: taocan.OperatorRole})
		return err
	})
}

func (c *console) operatorStaffPassword(w http.ResponseWriter, r *http.Request) error {
	return c.operatorStaffForm(w, r, "password", "", "password", func(d *operatorFields) error {
		return c.ofStaff(r, d, func(login string) error {
			_, err := c.Access.SetPassword(r.Context(), actorOf(r), login, d.form.Get("password"))
			return err
		})
	})
}

func (c *console) operatorStaffSuspend(w http.ResponseWriter, r *http.Request) error {
	return c.operatorStaffForm(w, r, "member_suspended", "", "member_suspended", func(d *operatorFields) error {
		return c.ofStaff(r, d, func(login string) error {
			_, err := c.Access.SetMemberSuspended(r.Context(), actorOf(r), login, d.text("suspended") == "true")
			return err
		})
	})
}

// ofStaff does something to the operator that a form names; customers' members are not to be reached through this page.
func (c *console) ofStaff(r *http.Request, d *operatorFields, do func(login string) error) error {
	m, err := c.Access.Member(r.Context(), d.form.Get("login"))
	if err != nil {
		return err
	}
	if m.Account != "" {
		return taocan.ErrNotFound
	}
	return do(m.Login)
}
