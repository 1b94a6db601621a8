// Package debit takes messages from packages: debit, reserve, commit, release, and says why it chose the
// packages that it chose.
//
// Callers hand operations to the Engine and wait. The engine is a step machine (machine.go) that turns messages,
// time and completions into batches and answers; one goroutine drives it (engine.go). What a batch does is
// decided by a pure function (decide.go) on balances that the store has locked and loaded; the store writes and
// syncs the whole batch in one commit, and only then callers are answered. There is no artificial wait: a batch
// is what arrived while the last commit was under way.
//
// Invariants: no balance falls below 0; an answered operation is on disk; an id is recorded once, and a replay
// is answered from the record; a refused operation leaves no trace. A crash at any point loses only operations
// that nobody was told of. A commit that fails leaves its outcome unknown: callers get ErrUnavailable and retry
// with the same id. A broken invariant stops the engine: a suspect ledger must not keep spending.
//
// Segments and messages mean the same here; times come from the injected clock, and a commit's time is later than
// its lane's last whatever the clock says. Prices, orders and package lists are others' work.
package debit
