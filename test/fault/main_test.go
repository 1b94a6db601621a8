// Package fault breaks what taocan stands on, under load: it kills processes and databases, cuts and stalls connections, fills disks,
// turns clocks. After each of it the same must hold: everything that was answered stands exactly once and is answered the same
// again, nothing is oversold, store.Verify finds nothing, and the service goes on by itself.
//
// Most of it runs on workers: processes of their own with the store, the debit engine and the use cases of buying in them, that
// can be killed at any instant. A worker is this test binary, started again (worker_test.go). Where HTTP is part of it there are
// whole servers: the command, as built (server_test.go). The book (book_test.go) knows what was asked and what was answered, and
// asks everything again.
//
// The short form is part of every run of the tests; TAOCAN_SOAK=1 (make fault) makes it long.
package fault

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if settings := os.Getenv(workerEnv); settings != "" {
		if err := work(settings); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// Tests wait for databases, disks and timers more than for processors.
	flag.Parse()
	if err := flag.Set("test.parallel", fmt.Sprint(max(4, runtime.GOMAXPROCS(0)))); err != nil {
		panic(err)
	}
	code := m.Run()
	if builtIn != "" {
		_ = os.RemoveAll(builtIn) // a folder of the system's
	}
	os.Exit(code)
}

// long tells whether this is the long form.
func long() bool { return os.Getenv("TAOCAN_SOAK") != "" }

// either is how much of something there is in the short and in the long form.
func either[T any](short, inFull T) T {
	if long() {
		return inFull
	}
	return short
}

// patience bounds every wait for what must come; it is no figure of interest.
const patience = 2 * time.Minute

// await asks until ok says yes.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %s in vain: %s", patience, what)
		}
	}
}
