// Package vault keeps what must not be readable in a copy of the database: keys of channels and addresses that hold keys.
// It seals them with AES-256-GCM under a key that lies in a file of its own, so that a backup of the database alone gives
// nothing away.
//
// The file holds one key a line, "id base64". The first one seals; the others still open what they sealed. Sealed bytes
// carry the id of their key and are bound to a name that the caller gives (tenant and channel), so that what was sealed
// for one cannot be moved to another.
//
// Rotation writes a new first key before anything is sealed with it, by a file that replaces the old one whole: a crash
// at any point leaves a file that opens everything. Old keys are dropped only when the caller says that nothing needs
// them.
//
// A file that others may read is refused. A lost file is replaced by one with a new key: what the old one sealed is then
// ErrKeyMissing, for ever or until the file is back.
//
// It leaves to callers what is sealed and where it is kept. Keys never leave this package.
package vault
