// Package order turns a quote into an order, takes the money for it and issues the packages. It also owns what
// is paid with: vouchers and the account's wallet.
//
// To follow one order: Create (create.go) prices it and writes it pending; Pay (pay.go) takes a voucher, gift,
// cash and credit, in that order, and issues the packages; or Cancel and CloseUnpaid (close.go) end it unpaid.
//
// Invariants: a payment's parts sum to the order's amount and no part exceeds what was there; an order is paid
// at most once, a voucher pays at most once. Paying is one transaction: money taken, voucher used, order paid,
// packages issued, wallet entry and key written, or nothing of it, also after a crash. A refused call leaves
// no trace, so its key may be used again.
//
// It leaves prices and who may buy what to catalog, debits to debit, and scopes to the front doors; roles and
// identity levels are looked up in the transaction, since a credential in hand may be older than they are.
//
// Units: fen, messages, UTC instants; dates in package numbers and expiries are in the platform's zone.
package order
