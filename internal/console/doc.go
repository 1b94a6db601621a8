// Package console is the product in a browser: pages for the members of an account and for the platform's staff.
//
// A page is one file here, named by its address and what it does (package_list.go), and one view in package view. A
// handler decodes, calls a use case, and hands what it got to the view; it holds no rule. Every page works as plain HTML:
// links, forms that post and redirect. htmx and console.js make it smooth where they run. What pages share is in
// console.go (routes and who may take them), session.go, page.go, form.go, list.go and export.go.
//
// Who is asking: a session is the token that a sign-in makes, kept in a cookie that no script can read. The token's
// project is the page's project, so no address can name another tenant's. Every write passes the cross-origin protection
// of net/http. Pages are not cached; assets are named by their content and cached for good.
//
// A crash loses nothing here: all state is the store's.
package console
