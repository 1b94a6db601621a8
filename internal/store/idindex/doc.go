// Package idindex finds the commits that may have recorded a debit id, at a cost that does not grow with history.
//
// It is an answer to "has this id been seen within the window?" that errs to one side only: a commit too many costs a
// read, for whoever asks compares the full id in the commit; a commit too few would be a debit taken twice, and does
// not happen. Ids are held as 64-bit keyed hashes, so that nobody can choose ids that collide.
//
// New ids go into a table in memory (part). A full table is frozen and written in the background as an immutable file,
// sorted by hash (segment), of which memory keeps a filter and every 256th hash: about 1.6 bytes per id. Segments of
// one slice of time, a third of the window, are merged into larger ones; segments behind the window are dropped.
//
// The files are derived from the log of commits. Every one says which commits it covers, per lane; together they cover
// all up to Covered, and the back end tells the later ones again after Open. What is lost, cut off, altered, or of another
// database or another past of this one is noticed by checksums and marks and thrown away: it costs a replay, never
// an answer. A crash at any point leaves the files that the manifest names, and perhaps strangers that Open removes.
//
// A folder belongs to one process at a time. Nothing here writes to the log.
//
// Times are those of commits: a commit's id is its time in microseconds times taocan.Lanes plus its lane.
package idindex
