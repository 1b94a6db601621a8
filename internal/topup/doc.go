// Package topup buys messages by itself when too little is left, and never runs away.
//
// To follow one purchase: a debit that leaves less than a top-up's level calls it, in the debit's own transaction; Step
// also finds what expiry and adjustments have emptied. Step (step.go) then judges it and begins a purchase, in one
// transaction; buy.go makes the order and pays it, both under a key made of the target and the purchase's number, and notes
// how it has ended, with a notice, in another. A refusal is told too, and is followed by a back-off.
//
// Invariants: of one target at most one purchase is under way, and its number rises only in the transaction that begins one.
// What the purchases of a natural month cost is at most the cap as it stood when each was paid. Two purchases are a cooldown
// apart. Nothing is bought in the name of somebody who may not buy any more, nor under an agreement that is no longer the
// current one. It pays with the account's money; vouchers are left to people, who choose which orders they are meant for.
//
// A crash at any point leaves a purchase under way whose lease ends: whoever takes it up finds the same order by the same
// key, so that it is paid at most once, and paid money is never left out of the cap. What is not an answer of the product
// (an unavailable store) is tried again under the same key, without an end.
//
// It leaves prices to catalog, orders and money to order, and the call itself to the debit engine. What is left is counted as
// alert rules count it: active packages of exactly the target, general ones left out.
//
// Units: fen, messages, UTC instants; months and days are those of the platform's zone.
package topup
