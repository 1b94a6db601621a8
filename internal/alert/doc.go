// Package alert keeps a project's alert rules, says how each stands, and tells when one fires. docs/alerts.md has the rules
// with examples.
//
// A rule on what is left looks at what a debit of exactly that purpose could be paid from now: remaining, not reserved, of
// active packages. General packages are not added to verification or marketing. Abroad, the rule without a country looks at
// everything left abroad, a rule with one at what is left in that country. Rules on use look at what was asked for.
//
// Two look at rules. Watch runs in a debit's own group commit, so a crossing is told by exactly those commits that are on
// disk. The Worker looks at what no debit sets off: packages that come, change or expire, days that begin, reminders, rules
// that are set. Both judge by the same functions and keep where a rule stands in the same row, so what one has told the other
// does not tell again. A look of the worker is one transaction in which it reads again whether the project is still due, so
// any number of workers tell once.
//
// Invariants: a project has at most one rule of a kind and unit for a target and at most MaxRules; Set replaces all of them or
// none, with its line in the audit log in the same transaction. A state and the notices that it stands for are written
// together. How a rule stands is compared here and now; its state only adds since when.
//
// A crash leaves nothing to mend: what was not committed was not told, and projects that were due are still due.
//
// It leaves balances to the store, delivery of notices to others, and who may read to the front doors. Who may set is decided
// here, and a member's role is looked up in the transaction, since a credential in hand may be older than it is.
//
// Units: messages, percent and days as a rule's unit says; UTC instants; natural days and months of the platform's zone.
package alert
