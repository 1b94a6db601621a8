// Package delivery brings notices to people. It keeps a project's channels with their secrets, spreads what the outbox holds
// to them, and has a worker that sends, tries again, and writes down what came of it.
//
// Invariants: a notice is spread once, in one transaction, to the channels that are enabled then; every delivery ends as
// delivered or failed; a delivery is sent only under a lease that nobody else holds; sending never happens inside a
// transaction. A message is delivered at least once: a crash between sending and writing it down sends again, under the same
// id, which is stable for a notice and a channel. Secrets are stored sealed and shown once, when they are made.
//
// A failed try comes again after 5 seconds, 30 seconds, 2, 10 and 30 minutes, 1, 2 and 4 hours, then every 6 hours, until 48
// hours after the delivery was made; then it is given up. Any failure counts the same, a refusal too: receivers get mended.
// Only 410 Gone from a webhook is taken as a wish: its channel is disabled.
//
// It leaves what is worth saying to who writes notices, how a message looks and travels to a Sender, and keys to the vault.
// A crash at any point leaves leases that end by themselves, within a minute.
//
// Units: UTC instants.
package delivery
