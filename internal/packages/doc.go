// Package packages is what can be asked of and done to packages besides buying and debiting: lists, balances
// and statements (also as of a past instant), the forecast of what runs out or expires unused, import from another
// console's export, grants, adjustments, extensions, freezing, transfers between projects of an account, and the markers
// of what expired.
//
// Buying issues packages in package order, debits move their figures in package debit. Where a rule needs the
// figures, the store keeps them; here it is decided what may be asked and what may come in.
//
// Invariants: an import is one transaction, all of its good rows or none; a package's opening entry never
// changes, so a repeated import is compared with that and not with what is left today; status never waits for
// MarkExpired, which only writes down what the clock has already decided.
//
// Quantities are segments. A crash leaves the whole import, grant, adjustment, extension or transfer behind, or nothing of it.
package packages
