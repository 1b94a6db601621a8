// Package access turns a credential into a taocan.Actor: API tokens, and sign-in with a password or a one-time code.
// It also keeps what credentials hang on: accounts, projects, members and the audit log of what was done to them.
//
// Who may. Operators do everything here. An owner, signed in, manages the members, API tokens and project names of its
// own account (manager, the one rule); a member its own password and sign-ins. To all of them another account does not
// exist.
//
// It leaves to others what a scope or a role allows (the front doors and the use cases look at the actor), and
// money, packages and prices.
//
// Invariants. A secret leaves this package once, when it is made; the store keeps its SHA-256, and of a password
// its argon2id hash in PHC form. Whatever is revoked or suspended holds in every process within a second, since
// that is how long a process remembers an answer, or a minute where it makes all changes itself and forgets all at each; nothing new is made with a sign-in that has ended. A write and its
// line in the audit log are one transaction. A sign-in takes as long for an unknown login as for a wrong password, and
// failures are counted in the store, so that they count over all processes. A one-time code is deleted in the
// transaction that lets its member in. Owners leave no account without an owner who can sign in.
//
// Units: lifetimes are time.Duration, instants UTC microseconds.
//
// A crash leaves either the whole write with its audit line or nothing. A token whose secret was not delivered
// stands in the list and can be revoked.
package access
