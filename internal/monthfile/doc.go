// Package monthfile moves the debits of old months out of the store into files, and reads them back for verify.
//
// A file holds one lane's debits of one month of UTC: a lane is what has a chain, what a transaction marks and what verify walks,
// so each file stands and falls by itself. It is JSON, one object a line, under zstd: zstdcat and jq read it without taocan.
// Each commit's line carries the packed bytes that the store held, by which the chain's digest is proved, and its debits follow as
// lines for people. Packing again what the readable lines say would do, too, but only for as long as no version packs otherwise.
// The same debits give the same bytes. Times are UTC, quantities messages, prices yuan.
//
// Order of work, for each month and lane: prove the commits and their entries as verify does; write the file under a name of its
// own, sync it, read it back against the chain, rename it, sync the folder; write the store's row, under a link of the lane's
// chain; remove the debits, some commits at a time, each in a transaction that removes nothing without such a row.
//
// A crash before the rename leaves a *.part that the next run writes over; before the row a file that the next run checks and
// takes; after it a row whose remaining debits the next run removes, once it has checked the file. Nothing is ever removed that
// is not in a synced file which has been read back. One process at a time works in a folder; where two work on one store, the
// row of the first refuses the second.
//
// What is archived when is the operator's decision (cmd/taocan); what the store still proves without the files is
// store.Verify's affair.
package monthfile
