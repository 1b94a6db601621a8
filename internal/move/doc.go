// Package move copies a whole store into an empty one of another kind, from SQLite to PostgreSQL or back, and proves both.
//
// It copies rows, not meanings: tables, columns, keys and references come from the catalogs of both databases, so a new
// table is moved without a line here. The history stays the same one: epoch, chains and ids of debits are the target's as
// they were the source's.
//
// Nobody else writes meanwhile. SQLite: its folder's lock is held. PostgreSQL: a database that anybody else is connected to is
// refused; then the source's tables are locked against writers until the end, and the target has a row in store_meta that
// keeps every server from opening it.
//
// That row, written in the transaction of every batch, says how far the copy has come. A crash at any point leaves the source as
// it was, and a target that nothing opens but the next run, which goes on there. Only at the end, when every row has been
// compared and both sides have been proved, the source is marked as moved away and the target opened to servers, in this
// order: at no instant would both be served.
//
// Memory is bounded by a batch: 4 MiB, or one row where that is larger.
package move
