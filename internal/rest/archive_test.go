package rest_test

import (
	"archive/zip"
	"io"
	"net/http"
	"strings"
	"testing"

	"taocan/internal/access"
	"taocan/internal/taocan"
)

// inArchive is everything in an answered archive, and the names of its files.
func inArchive(t *testing.T, r reply) (string, map[string]bool) {
	t.Helper()
	files, err := zip.NewReader(strings.NewReader(r.body), int64(len(r.body)))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	names := map[string]bool{}
	for _, f := range files.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(&all, in); err != nil {
			t.Fatal(err)
		}
		names[f.Name] = true
	}
	return all.String(), names
}

func TestEverythingIsDownloaded(t *testing.T) {
	w := newWorld(t)
	project := w.call(w.demo, "GET", "/v1/projects/demo/export.zip", "").want(t, http.StatusOK)
	text, names := inArchive(t, project)
	if !strings.Contains(text, "U1B19042914D4FE7") || !strings.Contains(text, "m-1") || names["members.csv"] || names["wallet_entries.csv"] {
		t.Errorf("the project's archive holds %v", names)
	}
	account := w.call(w.operator, "GET", "/v1/operator/accounts/demo/export.zip", "").want(t, http.StatusOK)
	if text, names = inArchive(t, account); !strings.Contains(text, "ana") || !names["wallet_entries.csv"] || strings.Contains(text, "argon2") {
		t.Errorf("the account's archive holds %v", names)
	}
	w.call(w.operator, "GET", "/v1/operator/accounts/nobody/export.zip", "").want(t, http.StatusNotFound)
	w.call(w.demo, "GET", "/v1/operator/accounts/demo/export.zip", "").want(t, http.StatusForbidden)
	reader, _, err := w.access.CreateToken(t.Context(), taocan.System(), access.TokenRequest{Tenant: demoTenant, Scopes: []taocan.Scope{taocan.ScopeRead}})
	w.must(err)
	w.call(reader, "GET", "/v1/projects/demo/export.zip", "").want(t, http.StatusForbidden)
}
