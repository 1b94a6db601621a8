// Package server puts the parts together and owns their order of starting and stopping.
//
// Open brings the store up, which open.go alone knows by its kind: a file in the data folder, or PostgreSQL, which many
// processes use, each with a data folder of its own. It takes the folder's lock, migrates, ships the default catalogue and makes the
// first operator. Start listens, on the address and on the administrative socket in the data folder (mode 0600:
// whoever may open it is an operator), and starts the engine and the sweepers. Stop takes no more requests,
// answers those under way within a deadline, drains the engine and closes the store, never under a request that
// still runs. A process that only administrates opens without starting and asks OperatorHandler.
//
// Rules are the use cases' matter; what sweepers write is only what the clock has already decided. A crash at
// any point leaves the store as its last commit had it and a dead socket, which the next Start replaces.
package server
