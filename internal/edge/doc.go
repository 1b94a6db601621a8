// Package edge is what every front door needs before and after its one call of a use case: who is asking, how
// much may be sent, what an error is called, and one line in the log.
//
// It decides no rule of the product. Errors of the use cases become problems by one table; whatever the table
// does not list is internal: logged once, and shown only as a request id.
//
// Invariants. The order is always: credential (401), tenant (404), scope (403), body (413, 415, 400, 422), use
// case; so a stranger learns nothing about a project that is not his. Bodies are strict JSON: valid UTF-8, no
// duplicate keys, nothing behind the value. Bytes of bodies held at once are bounded. No token, body or query is
// logged.
//
// Units: sizes in bytes. Nothing here outlives its request, so a crash leaves nothing behind.
package edge
