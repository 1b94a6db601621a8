package teststore

import (
	"flag"
	"os"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// Check is rapid.Check for properties that open a store at each try: what try is asked to clean up is cleaned up at the
// try's end. It tries so many times on SQLite, and a fifth as often on PostgreSQL, where each step is a journey; the command
// line (-rapid.checks) and TAOCAN_SOAK=1 (rapid's own default at least) ask for more.
func Check(t *testing.T, times int, property func(rt *rapid.T, try testing.TB)) {
	t.Helper()
	if os.Getenv("TAOCAN_TEST_STORE") == "postgres" {
		times = max(1, times/5)
	}
	Checks(t, times)
	rapid.Check(t, func(rt *rapid.T) { property(rt, scope{t, rt}) })
}

// Checks sets how often rapid tries in this test, unless the command line or TAOCAN_SOAK asks for more.
func Checks(t *testing.T, times int) {
	t.Helper()
	checks := flag.Lookup("rapid.checks")
	before := checks.Value.String()
	if before != checks.DefValue || os.Getenv("TAOCAN_SOAK") != "" {
		return
	}
	if err := checks.Value.Set(strconv.Itoa(times)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = checks.Value.Set(before) }) // it was its value before
}

// scope is the test, but for what ends with one try.
type scope struct {
	testing.TB
	try *rapid.T
}

func (s scope) Cleanup(f func()) { s.try.Cleanup(f) }
