// Package crashfs is a disk for tests: a SQLite VFS that keeps files in memory and knows what a power loss would leave of them.
//
// What is written is only seen until its file is synced, and a file is only in its folder until the folder is. When the power is
// cut, unsynced changes are dropped, kept, kept up to some point, or kept in part, sector by sector (512 bytes, each whole or not
// at all), as a seeded source chooses. Sectors that nobody wrote to are never harmed: that is SQLite's "powersafe overwrite", which the
// driver's own file layer promises as well.
//
// A cut can be planned before or after the nth change from now on, so that a test can try every one. From then on every call of
// a handle that was open fails, as for a process that no longer exists; whoever drives a test asks [Disk.Down] and lets nothing
// count that happened later. [Disk.Restart] gives power again. An accident can also be the end of
// the processes only ([Kill]): what they have written stays in the machine's memory, unsynced.
//
// Calls can also fail by plan ([Disk.Fail]): the nth write, sync, truncation or read, once or for some time, with any of SQLite's codes;
// a write may have got half-way; a failed sync may lose what it was to save although it stays visible, as Linux does ("fsyncgate").
//
// The index of a WAL is shared memory, which does not survive its processes. The driver can keep it in a real file only: it is kept
// in a folder that the caller gives, under another name after every restart, and is no part of what is simulated. With it any
// number of connections works as on a real file.
//
// Safe for concurrent use. A run is repeatable when its calls come in the same order.
package crashfs
