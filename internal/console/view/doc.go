// Package view draws the console's pages: one .templ file per page, typed, escaped by templ. A view gets a Frame (who looks,
// in which language, where) and the facts of its page; it asks nobody and decides nothing but how things look.
//
// *_templ.go is generated: run go generate after a change.
package view

//go:generate go run github.com/a-h/templ/cmd/templ@v0.3.1100 generate
