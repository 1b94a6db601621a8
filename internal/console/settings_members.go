package console

import (
	"errors"
	"net/http"
	"slices"

	"taocan/internal/access"
	"taocan/internal/console/view"
	"taocan/internal/taocan"
)

func (c *console) settingsMemberRoutes() {
	c.member("GET /settings/members", c.members)
	c.member("POST /settings/members", c.memberCreate, taocan.ScopeManage)
	c.member("GET /settings/member", c.memberShow, taocan.ScopeManage) // a login may hold a slash, so it is no part of the path
	c.member("POST /settings/member/role", c.memberRole, taocan.ScopeManage)
	c.member("POST /settings/member/password", c.memberPassword, taocan.ScopeManage)
	c.member("POST /settings/member/suspended", c.memberSuspended, taocan.ScopeManage)
}

func (c *console) members(w http.ResponseWriter, r *http.Request) error {
	return c.showMembers(w, r, http.StatusOK, view.MemberForm{Role: taocan.Viewer})
}

// showMembers draws the list for whoever may see it; for the others it says who may.
func (c *console) showMembers(w http.ResponseWriter, r *http.Request, status int, form view.MemberForm) error {
	f, err := c.frame(r, "settings.members.title", "settings", "members")
	if err != nil {
		return err
	}
	p := view.MemberList{Notice: doneNotice(r, "settings.members"), Form: form}
	p.Members, err = c.Access.MembersOf(r.Context(), actorOf(r))
	if errors.Is(err, taocan.ErrForbidden) {
		return render(w, r, http.StatusForbidden, view.OwnersOnlyPage(f, f.Text("settings.members.owners_only")))
	}
	if err != nil {
		return err
	}
	return render(w, r, status, view.MemberListPage(f, p))
}

var memberTexts = map[string]string{
	"body.login": "settings.login.invalid", "body.login|" + access.MessageMembersFull: "settings.login.full", "body.password": "settings.password.invalid",
	"body.role": "settings.role.invalid", "body.role|" + access.MessageLastOwner: "settings.role.last_owner", "body.suspended": "settings.suspended.self",
	"path.login": "settings.password.own",
}

func (c *console) memberCreate(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	actor, lang := actorOf(r), visitOf(r).lang
	form := view.MemberForm{Login: r.PostForm.Get("login"), Role: taocan.Role(r.PostForm.Get("role"))}
	_, err := c.Access.CreateMember(r.Context(), actor,
		access.MemberRequest{Account: actor.Account, Login: form.Login, Password: r.PostForm.Get("password"), Role: form.Role})
	if err == nil {
		return seeOther(w, r, "/settings/members?done=created")
	}
	if form.Errors = refusedFields(err, lang, memberTexts); errors.Is(err, taocan.ErrConflict) {
		form.Errors = map[string]string{"login": lang.Text("settings.login.taken")}
	}
	if form.Errors == nil {
		return err
	}
	return c.showMembers(w, r, http.StatusUnprocessableEntity, form)
}

func (c *console) memberShow(w http.ResponseWriter, r *http.Request) error {
	return c.showMember(w, r, http.StatusOK, r.URL.Query().Get("login"), "", nil)
}

// showMember draws one member of the account. role is what was chosen and refused; empty: the member's.
func (c *console) showMember(w http.ResponseWriter, r *http.Request, status int, login string, role taocan.Role, refused map[string]string) error {
	members, err := c.Access.MembersOf(r.Context(), actorOf(r))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(members, func(m taocan.Member) bool { return m.Login == login })
	if i < 0 {
		return taocan.ErrNotFound
	}
	f, err := c.frame(r, "settings.member.title", "settings", "members")
	if err != nil {
		return err
	}
	p := view.MemberShow{Member: members[i], Notice: doneNotice(r, "settings.member"), Role: members[i].Role, Errors: refused}
	if role != "" {
		p.Role = role
	}
	return render(w, r, status, view.MemberPage(f, p))
}

func (c *console) memberRole(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	login, role := r.PostForm.Get("login"), taocan.Role(r.PostForm.Get("role"))
	_, err := c.Access.SetRole(r.Context(), actorOf(r), login, role)
	return c.memberChanged(w, r, login, "role", role, err)
}

func (c *console) memberPassword(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	login := r.PostForm.Get("login")
	_, err := c.Access.SetPassword(r.Context(), actorOf(r), login, r.PostForm.Get("password"))
	return c.memberChanged(w, r, login, "password", "", err)
}

func (c *console) memberSuspended(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	login, suspended := r.PostForm.Get("login"), r.PostForm.Get("suspended") == "1"
	done := "restored"
	if suspended {
		done = "suspended"
	}
	_, err := c.Access.SetMemberSuspended(r.Context(), actorOf(r), login, suspended)
	return c.memberChanged(w, r, login, done, "", err)
}

// memberChanged leads back to the member after a change, or shows why there was none.
func (c *console) memberChanged(w http.ResponseWriter, r *http.Request, login, done string, role taocan.Role, err error) error {
	if err == nil {
		if self, err := c.Access.Self(r.Context(), actorOf(r)); err != nil {
			return err
		} else if self.Role != taocan.Owner { // who has given its own role away may no longer be here
			return seeOther(w, r, "/settings/self")
		}
		return seeOther(w, r, view.Address("/settings/member", "login", login, "done", done))
	}
	refused := refusedFields(err, visitOf(r).lang, memberTexts)
	if refused == nil {
		return err
	}
	return c.showMember(w, r, http.StatusUnprocessableEntity, login, role, refused)
}
