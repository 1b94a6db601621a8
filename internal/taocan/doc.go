// Package taocan holds the words of the product: money, quantities, ids, packages, orders,
// debits, entries and the errors that everything else speaks in. It does no I/O and knows no
// clock: what depends on the time takes an instant as an argument.
//
// Units: Fen is 1/100 yuan, UnitPrice 1/10,000 yuan per message, Segments are billed messages.
// Instants are UTC with microsecond precision; calendar rules (months, dates, the hour in a
// package number) take the platform's zone as an argument.
//
// Invariant, per package and at any time: total + adjusted = remaining + reserved + used.
package taocan
