package console

import (
	"errors"
	"net/http"
	"regexp"
	"strings"

	"taocan/internal/console/view"
	"taocan/internal/i18n"
	"taocan/internal/taocan"
)

// doneNotice says what the write that led to this page has done: ?done=saved on a page of alerts is the text
// alerts.done.saved. Words that no text is written for say nothing.
func doneNotice(r *http.Request, area string) view.Notice {
	word := r.URL.Query().Get("done")
	if key := area + ".done." + word; word != "" && i18n.Has(key) {
		return view.Notice{Kind: "ok", Text: visitOf(r).lang.Text(key)}
	}
	return view.Notice{}
}

var listIndex = regexp.MustCompile(`\[\d+\]`)

// refusedFields puts what a use case refuses into the page's words, by field. keys holds the text of each place, such
// as "body.login"; "body.login|at most" is taken instead where the message says so. What has no text of its own stands
// under "". Nil: it is another kind of error.
func refusedFields(err error, lang i18n.Lang, keys map[string]string) map[string]string {
	var invalid *taocan.InvalidError
	if !errors.As(err, &invalid) {
		return nil
	}
	said := map[string]string{}
	for _, bad := range invalid.Fields {
		at := listIndex.ReplaceAllString(bad.Location, "")
		field, key := strings.TrimPrefix(at, "body."), keys[at]
		for place, more := range keys {
			if p, words, closer := strings.Cut(place, "|"); closer && p == at && strings.Contains(bad.Message, words) {
				key = more
			}
		}
		if key == "" {
			field, key = "", "invalid.generic"
		}
		if said[field] == "" {
			said[field] = lang.Text(key)
		}
	}
	return said
}
