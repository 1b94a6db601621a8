// Package sim runs the debit engine and its store in a small world of which every accident is chosen by a seed: who calls when and
// with what, what is bought and changed meanwhile, how the clock moves, which call of the disk fails and how, and at which of them the
// power goes. The same seed makes the same run, so what goes wrong once can be looked at as often as is needed.
//
// The world has one thread. The engine's goroutines live in a synctest bubble; the store waits at a gate before every group commit
// until the seed says "now"; between two steps everything stands still. The disk is a [taocan/internal/sim/crashfs.Disk]. Beside it a
// plain model of the ledger (storetest.Model) says what must be answered, and what must stand.
//
// What a failed or interrupted commit came to is unknown to its callers, and here, until it shows: the world then keeps several states
// of the model, one of which the store must be in after the next start. After every start: what was answered stands exactly once
// and is answered the same again; what was not is there whole or not at all; every figure is the model's; store.Verify finds
// nothing.
//
// All of it is tests. See simulation_test.go for the flags.
package sim
