// Package limit keeps what bounds a project's use and what happens beyond its packages: limits per natural day and month,
// overflow to the account's wallet, and whose packages pay for whom.
//
// It leaves the counting and the refusing to the debit engine, which reads these settings with a project's balances: limits
// count what was asked for, by its purpose and not by the package that paid, reserved messages included; a return credits
// the day of taking. Overflow prices are the operator's and are never edited once they apply.
//
// Settings are no ledger: a change is one transaction, audited, and holds from the next group commit on. A crash leaves the
// old ones or the new ones.
//
// Units: messages, fen, unit prices of 1/10,000 yuan, UTC instants; days and months are those of the platform's zone.
package limit
