// Package teststore gives tests a store for what stands on one: real, empty, and of the kind that TAOCAN_TEST_STORE names.
// Only tests import it.
//
// "sqlite", the default, is a file in the test's temporary folder; "postgres" is a database from internal/pgtest, and where
// there is none the test is skipped, or fails if TAOCAN_REQUIRE_POSTGRES is 1. test/run.sh runs every package that uses
// teststore on both.
//
// Tests of a back end itself open it themselves.
package teststore
