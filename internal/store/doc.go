// Package store is the contract between the rules and the disk.
//
// Use cases read through a Reader (one consistent snapshot), write through a Tx (one transaction, all or
// nothing) and debit through CommitDebits (one group commit). Only a transaction writes. A back end keeps
// the contract by passing storetest; Verify proves what it has stored.
//
// Every ledger write (debits, entries, orders, payments, wallet entries, vouchers, packages) belongs to one
// account and so to one lane. A transaction that writes to a lane's ledger appends one link to the lane's hash
// chain; its time is strictly later than the lane's last, whatever the clock says. A crash at any point leaves
// either the whole transaction or nothing of it.
//
// Quantities are segments, money fen, times UTC microseconds.
package store
