package console

import (
	"bytes"
	"net/http"
	"slices"
	"strings"

	"github.com/yuin/goldmark"

	"taocan/internal/console/view"
	"taocan/internal/taocan"
)

func (c *console) operatorAgreementRoutes() {
	c.staff("GET /operator/agreements", c.operatorAgreementList)
	c.staff("POST /operator/agreements", c.operatorAgreementPublish)
	c.staff("POST /operator/agreements/preview", c.operatorAgreementPreview)
}

// operatorAgreementList shows all versions, and in full the one that its address names.
func (c *console) operatorAgreementList(w http.ResponseWriter, r *http.Request) error {
	return c.showOperatorAgreements(w, r, http.StatusOK, nil, "")
}

func (c *console) showOperatorAgreements(w http.ResponseWriter, r *http.Request, status int, sent *view.OperatorForm, preview string) error {
	f, err := c.frame(r, "operator.agreements", "operator", "agreements")
	if err != nil {
		return err
	}
	p := view.OperatorAgreementList{Notice: doneNotice(r, "operator"), Publish: view.OperatorForm{Name: "agreement"}, Preview: preview}
	if sent != nil {
		p.Publish = *sent
	}
	if p.Agreements, err = c.Catalog.Agreements(r.Context()); err != nil {
		return err
	}
	if len(p.Agreements) > 0 {
		if p.Current, err = c.Catalog.Agreement(r.Context()); err != nil {
			return err
		}
	}
	if preview != "" && p.Current.Version != "" {
		p.Diff = diffLines(p.Current.Markdown, strings.ReplaceAll(sent.Value("markdown", ""), "\r\n", "\n"))
	}
	if version := r.URL.Query().Get("show"); version != "" {
		i := slices.IndexFunc(p.Agreements, func(a taocan.Agreement) bool { return a.Version == version })
		if i < 0 {
			return taocan.ErrNotFound
		}
		p.Shown = &p.Agreements[i]
		if p.ShownText, err = rendered(p.Shown.Markdown); err != nil {
			return err
		}
	}
	return render(w, r, status, view.OperatorAgreementListPage(f, p))
}

// rendered is Markdown as HTML, with raw HTML and dangerous links left out.
func rendered(markdown string) (string, error) {
	var b bytes.Buffer
	err := goldmark.Convert([]byte(markdown), &b)
	return b.String(), err
}

// operatorAgreementPreview shows a text as it would be read. What is published then is what was shown.
func (c *console) operatorAgreementPreview(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	text, err := rendered(r.PostForm.Get("markdown"))
	if err != nil {
		return err
	}
	sent, err := c.operatorForm("agreement", r.PostForm, nil)
	if err != nil {
		return err
	}
	return c.showOperatorAgreements(w, r, http.StatusOK, &sent, text)
}

func (c *console) operatorAgreementPublish(w http.ResponseWriter, r *http.Request) error {
	return c.operatorWrite(w, r, operatorWrite{form: "agreement", taken: "version",
		read: func(d *operatorFields) func() (string, error) {
			version, markdown := d.text("version"), strings.ReplaceAll(d.form.Get("markdown"), "\r\n", "\n") // as forms send lines
			return func() (string, error) {
				_, err := c.Catalog.PublishAgreement(r.Context(), actorOf(r), version, markdown)
				return "/operator/agreements?done=agreement", err
			}
		},
		again: func(status int, refused *view.OperatorForm) error {
			return c.showOperatorAgreements(w, r, status, refused, "")
		},
	})
}
