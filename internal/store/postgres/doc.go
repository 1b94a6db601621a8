// Package postgres keeps the store in PostgreSQL (14 or newer), for any number of processes at once.
//
// Statements go through database/sql, as sqlstore wants it, over a small driver of our own (session, rows) on pgx's
// connections: one session is one transaction. It sends BEGIN together with the first statement and COMMIT together with the
// last ones, wraps each write into a savepoint, so that a refused one leaves the transaction usable as on SQLite, and lets a
// statement run while the rows of another are being read.
//
// Nothing needs a session that outlives a transaction: no prepared statement, no setting but SET LOCAL, no advisory lock, no
// LISTEN. So it works behind PgBouncer in transaction mode. Only migrations want a direct connection (Options.MigrateURL).
//
// Locks are rows, always taken in this order: settings_lock, lanes from the lowest up, other rows. Update of an account's
// ledger holds the account's lane; Update of anything else holds settings_lock, and touches lanes only to say that what is
// remembered of their projects has changed (lane.changes). What a group commit writes beside the ledger (alert states,
// meters, notices, calls of top-ups) is written elsewhere only under the same lane.
//
// A lost connection, a serialization failure, a deadlock or a server that has become a standby is tried again a few times
// while it is certain that nothing was committed. A connection lost while COMMIT was under way leaves the outcome unknown.
package postgres
