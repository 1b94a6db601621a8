// Package sqlite keeps everything in one SQLite file, by a pure-Go driver.
//
// One connection writes, behind one lock, so a transaction never waits for another's locks inside SQLite; a
// pool of connections reads snapshots (WAL). Commits are synced before they are answered (synchronous=FULL).
// The writer remembers what no other process may change while it holds the file: the heads of the chains, the
// balances that debits draw on, and the ids of recorded debits. Any failed write makes it forget balances and
// heads and load them anew.
//
// Debits are not rows. A group commit writes one commit_log row per lane with its debits packed, so that a
// debit costs no index entry of its own; ids are found through an index in memory that is rebuilt from the log
// at start.
package sqlite
