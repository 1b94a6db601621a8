package console

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"taocan/internal/console/view"
	"taocan/internal/edge"
	"taocan/internal/i18n"
	"taocan/internal/taocan"
)

// maxForm is the largest form: a thousand voucher lines would fit. Whoever is not signed in has far less to say.
const (
	maxForm         = 256 << 10
	maxStrangerForm = 8 << 10
)

// forms bounds what all forms on their way hold at once, in the whole process.
var forms edge.Bodies

// readForm takes in a form.
func readForm(w http.ResponseWriter, r *http.Request) error {
	limit := maxForm
	if actorOf(r).Member == "" {
		limit = maxStrangerForm
	}
	if err := edge.CheckType(r, "application/x-www-form-urlencoded"); err != nil {
		return err
	}
	body, err := forms.ReadUpTo(w, r, limit)
	if err != nil {
		return err
	}
	r.PostForm, err = url.ParseQuery(string(body.Bytes))
	body.Release()
	if err != nil {
		return taocan.Invalid("body", "cannot be read as a form", nil)
	}
	for _, values := range r.PostForm {
		for _, v := range values {
			if !cleanText(v) {
				return taocan.Invalid("body", "is not text", nil)
			}
		}
	}
	return nil
}

func cleanText(s string) bool {
	return strings.ToValidUTF8(s, "") == s && !strings.ContainsRune(s, 0)
}

// newKey draws what makes a form's write happen once, however often it is sent.
func (c *console) newKey() (string, error) {
	var b [12]byte
	if _, err := io.ReadFull(c.Random, b[:]); err != nil {
		return "", err
	}
	return "web-" + hex.EncodeToString(b[:]), nil
}

// keyOf is the key that a form came with, if it is one that a form was given, else a new one.
func (c *console) keyOf(form url.Values) (string, error) {
	if key := form.Get("key"); taocan.ValidCallerID(key) && len(key) <= 64 { // onceOf makes it longer
		return key, nil
	}
	return c.newKey()
}

// onceOf is what makes a form's write happen once: its key, which changes with what the form says, and its content. Gone
// back to and changed, a form makes another write.
func onceOf(form url.Values) (key string, content []byte) {
	said := sha256.Sum256([]byte(form.Encode()))
	return form.Get("key") + "." + hex.EncodeToString(said[:8]), said[:]
}

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
// as "body.login", or of a place and one message there, such as "query.from|" + debit.MessageReversed. What has no text
// of its own stands under "". Nil: it is another kind of error.
func refusedFields(err error, lang i18n.Lang, keys map[string]string) map[string]string {
	var invalid *taocan.InvalidError
	if !errors.As(err, &invalid) {
		return nil
	}
	said := map[string]string{}
	for _, bad := range invalid.Fields {
		at := listIndex.ReplaceAllString(bad.Location, "")
		field, key := strings.TrimPrefix(at, "body."), cmp.Or(keys[at+"|"+bad.Message], keys[at])
		if key == "" {
			field, key = "", "invalid.generic"
		}
		if said[field] == "" {
			said[field] = lang.Text(key)
		}
	}
	return said
}

// throttled says how long to wait before the next try at a password, to people and to programs.
func throttled(w http.ResponseWriter, lang i18n.Lang, x *taocan.RateError) string {
	w.Header().Set("Retry-After", strconv.FormatInt(int64((x.RetryAfter+time.Second-1)/time.Second), 10))
	return lang.Count("login.throttled", int64((x.RetryAfter+time.Minute-1)/time.Minute))
}
