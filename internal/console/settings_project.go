package console

import (
	"errors"
	"net/http"
	"strings"

	"taocan/internal/archive"
	"taocan/internal/console/view"
	"taocan/internal/edge"
	"taocan/internal/taocan"
)

func (c *console) settingsProjectRoutes() {
	c.member("GET /settings", c.settingsProject)
	c.member("POST /settings/project", c.projectRename, taocan.ScopeManage)
	c.member("GET /settings/export.zip", c.accountExport)
}

func (c *console) settingsProject(w http.ResponseWriter, r *http.Request) error {
	return c.showSettingsProject(w, r, http.StatusOK, nil, "")
}

// showSettingsProject draws the project's facts. typed is a name that was refused, for the reason in refused.
func (c *console) showSettingsProject(w http.ResponseWriter, r *http.Request, status int, typed *string, refused string) error {
	f, err := c.frame(r, "settings.project.title", "settings", "project")
	if err != nil {
		return err
	}
	p := view.ProjectSettings{Notice: doneNotice(r, "settings.project"), Name: f.Project.Name, NameError: refused}
	if typed != nil {
		p.Name = *typed
	}
	if p.Account, err = c.Access.Account(r.Context(), actorOf(r).Account); err != nil {
		return err
	}
	if p.Agreement, err = c.Catalog.Agreement(r.Context()); err != nil && !errors.Is(err, taocan.ErrNotFound) {
		return err
	}
	return render(w, r, status, view.ProjectSettingsPage(f, p))
}

func (c *console) projectRename(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	actor, typed := actorOf(r), r.PostForm.Get("name")
	_, err := c.Access.RenameProject(r.Context(), actor, actor.Project, strings.TrimSpace(typed))
	if err == nil {
		return seeOther(w, r, "/settings?done=renamed")
	}
	refused := refusedFields(err, visitOf(r).lang, map[string]string{"body.name": "settings.project.name.invalid"})
	if refused == nil {
		return err
	}
	return c.showSettingsProject(w, r, http.StatusUnprocessableEntity, &typed, refused["name"])
}

// accountExport sends everything of the account. Package archive says who may.
func (c *console) accountExport(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := edge.Long(w, r, archive.Limit)
	defer cancel()
	actor := actorOf(r)
	return c.Archive.Serve(ctx, actor, taocan.Tenant{Account: actor.Account}, w)
}
