package console

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"

	"taocan/internal/console/view"
	"taocan/internal/edge"
	"taocan/internal/packages"
	"taocan/internal/taocan"
)

// maxUpload is the largest file of packages that a browser sends, and maxImportForm what carries it there and back: what is
// imported comes with the form that was checked, a third longer for being text. Larger ones go through the command line.
const (
	maxUpload     = 4 << 20
	maxImportForm = maxUpload/3*4 + 64<<10
)

func (c *console) operatorImportRoutes() {
	c.staff("GET /operator/import", func(w http.ResponseWriter, r *http.Request) error {
		form := view.OperatorForm{Name: "import", Values: url.Values{"project": r.URL.Query()["project"]}}
		return c.showOperatorImport(w, r, http.StatusOK, view.OperatorImport{Notice: doneNotice(r, "operator"), Form: form})
	})
	c.staff("POST /operator/import", c.operatorImport)
}

func (c *console) showOperatorImport(w http.ResponseWriter, r *http.Request, status int, p view.OperatorImport) error {
	f, err := c.frame(r, "operator.import", "operator", "packages")
	if err != nil {
		return err
	}
	return render(w, r, status, view.OperatorImportPage(f, p))
}

// readUpload takes in a form with a file. A file that was checked before comes back as the text of the field "content".
func readUpload(w http.ResponseWriter, r *http.Request) (form url.Values, file []byte, err error) {
	unreadable := taocan.Invalid("body", "cannot be read as a form", nil)
	if err := edge.CheckType(r, "multipart/form-data"); err != nil {
		return nil, nil, err
	}
	_, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || parameters["boundary"] == "" {
		return nil, nil, unreadable
	}
	body, err := forms.ReadUpTo(w, r, maxImportForm)
	if err != nil {
		return nil, nil, err
	}
	defer body.Release()
	parts, form := multipart.NewReader(bytes.NewReader(body.Bytes), parameters["boundary"]), url.Values{}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, unreadable
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, nil, unreadable
		}
		switch name := part.FormName(); name {
		case "file":
			file = value
			form.Set("file_name", part.FileName())
		case "content":
			if file, err = base64.StdEncoding.DecodeString(string(value)); err != nil {
				return nil, nil, unreadable
			}
		default:
			form.Add(name, string(value))
		}
	}
	for _, values := range form {
		for _, v := range values {
			if !cleanText(v) {
				return nil, nil, taocan.Invalid("body", "is not text", nil)
			}
		}
	}
	return form, file, nil
}

// operatorImport checks a file and says what it would do, with every bad line; sent again from that page it is imported.
func (c *console) operatorImport(w http.ResponseWriter, r *http.Request) error {
	form, file, err := readUpload(w, r)
	if err != nil {
		return err
	}
	r.PostForm = form
	d := c.fieldsOf(r)
	p := view.OperatorImport{Form: view.OperatorForm{Name: "import", Values: form, Errors: d.bad}, File: form.Get("file_name")}
	project, err := c.Access.Project(r.Context(), taocan.ProjectID(d.text("project")))
	switch {
	case errors.Is(err, taocan.ErrNotFound):
		d.refuse("project", "unknown")
	case err != nil:
		return err
	}
	snapshot := d.minute("snapshot_at")
	if snapshot.IsZero() && d.bad["snapshot_at"] == "" {
		d.refuse("snapshot_at", "missing")
	}
	if len(file) == 0 {
		d.refuse("file", "missing")
	}
	if len(file) > maxUpload {
		d.refuse("file", "file_size")
	}
	if len(d.bad) > 0 {
		return c.showOperatorImport(w, r, http.StatusUnprocessableEntity, p)
	}
	confirmed := d.text("confirmed") != ""
	report, err := c.Packages.Import(r.Context(), actorOf(r), taocan.Tenant{Account: project.Account, Project: project.ID}, bytes.NewReader(file),
		packages.ImportOptions{SnapshotAt: snapshot, Partial: d.text("partial") != "", DryRun: !confirmed})
	var invalid *taocan.InvalidError
	if errors.As(err, &invalid) {
		field, reason := "file", "file"
		if invalid.Fields[0].Location == "query.snapshot_at" {
			field, reason = "snapshot_at", "snapshot"
		}
		d.refuse(field, reason)
		return c.showOperatorImport(w, r, http.StatusUnprocessableEntity, p)
	}
	if err != nil {
		return err
	}
	if confirmed && (len(report.Bad) == 0 || d.text("partial") != "") {
		return seeOther(w, r, view.Address(view.OperatorProjectPath(project), "done", "import"))
	}
	p.Report, p.Content = &report, base64.StdEncoding.EncodeToString(file)
	return c.showOperatorImport(w, r, http.StatusOK, p)
}
