// Package pgtest gives tests a real PostgreSQL. Only tests import it.
//
// [Database] is an empty database of a test's own, on one server for the whole test binary: the one that TAOCAN_TEST_POSTGRES
// names (an admin's URL; test/run.sh starts one for all packages), or one that is started in a temporary folder, without
// fsync. [Migrated] is the same, copied from a template that was migrated once. [NewServer] is a whole server of a test's
// own, with fsync, that can be stopped, killed, started again and followed by a standby.
//
// Where there is no PostgreSQL a test is skipped, or fails if TAOCAN_REQUIRE_POSTGRES is 1.
//
// However the test binary ends, killed included, its servers end and their folders are removed: a shell waits for its
// standard input to close, which the kernel does.
package pgtest
