// Package statement closes the books of a month: what a project's packages and an account's wallet held at both ends of a
// natural month of the platform's zone, and what happened in between; the base of invoices; and the platform's overview.
//
// A statement adds up or is not shown: opening, what came, what went and closing are read apart from each other, and every
// identity is checked before anybody sees a figure (ErrBroken). See docs/statements.md for the identities.
//
// A statement of a month that is over can be made again at any time with the same bytes. What counts is when a commit was
// made: an import, whose entry is backdated, counts in the month of its commit, and the markers of expiry do not count at
// all, since they may come late. Names, which change, do not stand in a statement; ids do. A month counts as over five
// minutes after its end, so that a commit that was under way at its end, or a clock that is set right by less than that,
// cannot change a statement that somebody has seen. Where the platform's zone is changed, so are the months.
//
// Quantities are messages, money is fen. Packages are read one at a time, so memory does not grow with their number; a
// statement lists at most 10,000 orders, while its sums are of all. Nothing here writes to the store, so a crash leaves nothing.
package statement
