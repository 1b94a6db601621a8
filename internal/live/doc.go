// Package live tells those who watch a project what changes in it, as it changes: balances, orders and alerts.
//
// A front door subscribes and writes what comes out of the channel. The Hub looks at the store four times a second while
// anybody watches, and not at all otherwise. A look reads the heads of the lanes; only projects whose lane has moved are
// read again, and every project each 5 seconds, since expiry, the closing of orders and settings need no commit. It looks
// instead of being told, so that it sees what other processes commit too.
//
// Invariants. A subscriber first gets both balances, and nothing of what was before. Then it gets what differs from what
// was last told, in the order balances, orders (oldest first), alerts; states in between may be left out. A change of an
// order is told while the order is among the newest 50. A subscriber that does not take its events holds nobody up: past
// a bound its channel is closed and it has to come again. While the store cannot be read, or its clock is not trusted,
// subscribers wait. Subscriptions are bounded, per project and in all.
//
// Tenants: a project's events go to its own subscribers only. Who may subscribe is the front door's question.
//
// Nothing is kept here beyond what was last told, so a crash leaves nothing behind: whoever comes again gets both
// balances, and reads the rest anew.
package live
