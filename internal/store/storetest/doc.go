// Package storetest is the one conformance suite of store.Store: every back end passes the same cases, unchanged.
//
// A back end's test calls Run with a function that opens an empty store on the given clock. Every case has its own
// store, names what it states, and ends with verify, so that no case may leave a ledger that cannot be proved.
// Builders fill in what a case does not care about. Lists and balances are checked against plain models in memory.
//
// It knows nothing of any back end: what only one of them promises is tested beside that one.
package storetest
