// Package export writes a list as a file that spreadsheets open: CSV (UTF-8 with a byte order mark) or XLSX.
//
// It asks for one page of the list at a time and sends each on before it asks for the next, so that an export of
// any length holds one page in memory and leaves no temporary file behind. The first page is read by Open, before
// anything is answered: a refusal is still an error, which a front door answers like any other. Where a later page
// fails the connection is broken off, so that half a file is never taken for a whole one.
//
// What is in the columns and in which language is said by whoever asks; which lines there are is decided by the use
// case that the pages come from. Invariants: at most MaxLines lines; no cell is a formula; numbers are numbers in
// XLSX and plain digits in CSV; the same list gives the same bytes.
package export
