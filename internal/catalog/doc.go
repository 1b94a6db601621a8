// Package catalog decides what is sold, to whom and for how much: price lists, fixed products, quotes, who may
// buy what, and the versions of the service agreement.
//
// It leaves orders, vouchers and money to package order, which asks QuoteAt inside its own transaction, and
// paging, names of fields and languages to the front doors.
//
// Invariants: the tier is chosen by the quantity of the one purchase, and the whole quantity is charged at that
// tier's price; a total is rounded half up to the fen once. A price list in force is never edited: another one
// starts. Every change by an operator stands with its audit row, in one transaction, so a crash leaves both or
// neither.
//
// Units: fen, 1/10,000 yuan per message, billed messages, months. Instants are UTC; dates are in the platform's
// zone. Pricing itself (price.go) is pure and does no I/O.
package catalog
