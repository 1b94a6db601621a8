package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

//go:embed static
var staticFiles embed.FS

// pagePolicy lets pages load what the server itself serves, and run and style nothing that stands inside of them.
var pagePolicy = []string{"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"}

// asset is a file as it is sent.
type asset struct {
	media string
	plain []byte
	gzip  func() []byte // made for the first who asks: a command that serves nothing does not wait for it
}

// assets are the files below static, found by an address that changes with their content, so that a browser may keep
// them for good. Immutable.
type assets struct {
	byPath map[string]*asset
	urls   map[string]string // by the name below static
}

var mediaTypes = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

func loadAssets() (assets, error) {
	a := assets{map[string]*asset{}, map[string]string{}}
	err := fs.WalkDir(staticFiles, "static", func(file string, d fs.DirEntry, err error) error {
		media := mediaTypes[path.Ext(file)]
		if err != nil || media == "" {
			return err
		}
		b, err := staticFiles.ReadFile(file)
		if err != nil {
			return err
		}
		hash := sha256.Sum256(b)
		base, ext := strings.TrimSuffix(path.Base(file), path.Ext(file)), path.Ext(file)
		url := "/static/" + base + "." + hex.EncodeToString(hash[:6]) + ext
		a.byPath[url] = &asset{media, b, sync.OnceValue(func() []byte { return zipped(b) })}
		a.urls[strings.TrimPrefix(file, "static/")] = url
		return nil
	})
	return a, err
}

func zipped(b []byte) []byte {
	var to bytes.Buffer
	w, _ := gzip.NewWriterLevel(&to, gzip.BestCompression) // there is this level
	_, _ = w.Write(b)                                      // a buffer takes everything
	_ = w.Close()
	return to.Bytes()
}

// URL of a file by its name below static.
func (a assets) URL(name string) string { return a.urls[name] }

func (a assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	found := a.byPath[r.URL.Path]
	if found == nil {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", found.media)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	b := found.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		b = found.gzip()
	}
	h.Set("Content-Length", strconv.Itoa(len(b)))
	_, _ = w.Write(b)
}

// pageHeaders go with every page. An address within the console may be told to the console: that is how a sign-in finds back.
func pageHeaders(w http.ResponseWriter) {
	w.Header()["Content-Security-Policy"] = pagePolicy
	w.Header().Set("Referrer-Policy", "same-origin")
}
