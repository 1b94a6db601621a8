// Package rest is the HTTP API: /v1, its OpenAPI document, the reference page, and what an operating person
// needs beside it (health, readiness, metrics).
//
// It decodes, calls one use case, encodes. Rules, prices and permissions beyond a token's scope are decided
// there; what is shared with other front doors is package edge's.
//
// Routes are declared once, as Go types, and the document is made from them (huma). The debit calls are hot: they
// are declared in the same document, but read by one hand-written strict decoder and written by hand-written
// encoders, both held to the declared types by tests. Where that decoder refuses a body, the declared schema says
// why.
//
// Invariants. Every route passes its guard: credential, then tenant, then scope, then body. Ids in paths are
// opaque: "/", "." and ".." are ordinary characters of them. Every error is application/problem+json.
//
// Units: times in answers are RFC 3339 in the platform's zone, money decimal strings of yuan, quantities
// integers. Nothing is kept here between requests, so a crash leaves nothing behind; a caller that got no answer
// repeats the call with the same id or key.
package rest
