// Package bench measures taocan on the machine that it runs on: durable debits per second and how long callers wait, in the
// process and over HTTP, beside what the same store gives without our logic (the ceiling) and without group commit (naive),
// and how all of it grows with history.
//
// A case is one way of asking; each is run several times, all cases in turn, so that a machine whose speed drifts does so
// for all of them. Before every run the disk is probed. What the last run of each case has made is proved (store.Verify), and
// every debit that was answered must be in it.
//
// Callers are closed loops: each waits for its answer before it asks again. So latencies are those of so many callers that
// never rest, not of an open crowd. Ids are random and never repeat. The generator shares the processors with what it
// measures; what it could do against nothing is measured, too (generator_only_per_s).
//
// Units: figures carry theirs in their names. A debit is one id, answered once it is on disk. Everything that is made lies
// in the target's own place, a folder and databases of a server, and is removed by Close; a killed process leaves them behind.
//
// Where it matters whose memory it is, or that there are several, a run starts its own program again as a worker: the server of
// cases over HTTP, and the processes that share a database. A worker ends with whoever started it.
package bench
