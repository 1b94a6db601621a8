package config

import (
	"net/url"
	"slices"
	"strings"
)

// Database names the database for people, without its password: its address, or the data folder that it lies in.
func (s Settings) Database() string {
	if s.DatabaseURL == "" {
		return s.Data
	}
	return withoutPassword(s.DatabaseURL)
}

// RefuseMissingKey reports whether a start refuses a database with secrets that the key file does not open. In one process
// a lost key costs channels their secrets; among several it mostly means that a process was not given the others' file.
func (s Settings) RefuseMissingKey() bool {
	return s.KeyMissing == "refuse" || s.KeyMissing == "" && s.DatabaseURL != ""
}

// isDatabaseURL: several hosts may be named, with commas, which net/url leaves alone in a host.
func isDatabaseURL(s string) bool {
	u, err := url.Parse(withFirstHost(s))
	return err == nil && slices.Contains([]string{"postgres", "postgresql"}, u.Scheme) && len(u.Path) > 1
}

// withFirstHost leaves out all hosts but the first: net/url takes several ports for a bad one.
func withFirstHost(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return s
	}
	authority, path := rest, ""
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	user, hosts := "", authority
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		user, hosts = authority[:i+1], authority[i+1:]
	}
	first, _, _ := strings.Cut(hosts, ",")
	return scheme + "://" + user + first + path
}

// hidden stands where a password was.
const hidden = "xxxxx"

// withoutPassword hides the password of an address. Of what is no address nothing is shown.
func withoutPassword(s string) string {
	if s == "" {
		return ""
	}
	if !isDatabaseURL(s) {
		return hidden
	}
	scheme, rest, _ := strings.Cut(s, "://")
	base, query, hasQuery := strings.Cut(rest, "?")
	if at := strings.LastIndexByte(base, '@'); at >= 0 {
		if name, _, has := strings.Cut(base[:at], ":"); has {
			base = name + ":" + hidden + base[at:]
		}
	}
	if !hasQuery {
		return scheme + "://" + base
	}
	parts := strings.Split(query, "&")
	for i, part := range parts {
		if name, _, _ := strings.Cut(part, "="); strings.Contains(strings.ToLower(name), "password") {
			parts[i] = name + "=" + hidden
		}
	}
	return scheme + "://" + base + "?" + strings.Join(parts, "&")
}
