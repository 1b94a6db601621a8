package console

import (
	"net/http"

	"taocan/internal/console/view"
	"taocan/internal/export"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// exported serves a list as a file in each format: path + ".csv" and path + ".xlsx".
func (c *console) exported(path string, do func(http.ResponseWriter, *http.Request, export.Format) error) {
	for _, format := range []export.Format{export.CSV, export.XLSX} {
		c.member("GET "+path+"."+string(format), func(w http.ResponseWriter, r *http.Request) error { return do(w, r, format) }, taocan.ScopeRead)
	}
}

// download answers with a list as a file. An error is the list's, and then nothing has been written.
func download[T any](w http.ResponseWriter, format export.Format, t export.Table[T], page func(store.Paging) (store.Page[T], error)) error {
	file, err := export.Open(t, page)
	if err != nil {
		return err
	}
	file.Serve(w, format)
	return nil
}

// texts are the words of a table's head.
func texts(f view.Frame, keys ...string) []string {
	list := make([]string, len(keys))
	for i, key := range keys {
		list[i] = f.Text(key)
	}
	return list
}
