// Package alert keeps a project's alert rules, thresholds on what is left, and says how each stands: unset, off, ok or
// low. A rule is low while it is enabled and what is left of its target is below its threshold.
//
// What is left is what a debit of exactly that purpose could be paid from now: remaining, not reserved, of active
// packages. General packages are not added to verification or marketing. Abroad, the rule without a country looks at
// everything left abroad, a rule with one at what is left in that country.
//
// Invariants: a project has at most one rule for a target and at most MaxRules; Set replaces all of them or none, with
// its line in the audit log in the same transaction. A standing is worked out from rules and balances of one snapshot
// and never stored, so a crash leaves nothing to mend.
//
// It leaves balances to the store, and who may read to the front doors. Who may set is decided here, and a member's
// role is looked up in the transaction, since a credential in hand may be older than it is.
//
// Units: messages, UTC instants.
package alert
