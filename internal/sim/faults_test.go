package sim_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	sqlite3 "github.com/ncruces/go-sqlite3"

	"taocan/internal/sim/crashfs"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Three faults that a random run seldom reaches.

// A commit fails, since its sync does, and its callers are told that its outcome is unknown. The store takes it back, so the same id,
// asked for again when the package has expired, is refused: its sender has learnt the outcome. But all of it is in the log, and
// nothing has overwritten it: the next start finds it there.
func TestARefusalAfterAFailedCommitIsFinal(t *testing.T) {
	tell(t, func(w *world, ask func(taocan.DebitID) error) []func() error {
		return []func() error{
			func() error { w.failSync(false); return ask("m-1") },
			w.commit, // unknown
			func() error { w.clock.Advance(2 * time.Minute); return ask("m-1") },
			w.commit, // refused
			func() error { w.disk.Cut(crashfs.Kill); return w.crashed() },
		}
	})
}

// A sync fails, and what it was to save is not on disk, although everybody sees it until the machine is restarted. Only the server is:
// it takes the failed commit for one that stands, and goes on behind it in the log. When the power goes, the log ends where the
// gap is, and what was answered since is lost.
func TestWhatIsAnsweredAfterAFailedSyncAndAStartStands(t *testing.T) {
	tell(t, func(w *world, ask func(taocan.DebitID) error) []func() error {
		return []func() error{
			func() error { w.failSync(true); return ask("m-1") },
			w.commit, // unknown
			func() error { w.disk.Cut(crashfs.Kill); return w.crashed() },
			func() error { return ask("m-2") },
			w.commit, // answered
			func() error { w.disk.Cut(crashfs.Drop); return w.crashed() },
		}
	})
}

// The server is killed when a top-up is written and not yet synced. The next one shows it, without having synced it. When the power goes,
// what was shown is gone.
func TestWhatIsShownAfterAKillStands(t *testing.T) {
	tell(t, func(w *world, _ func(taocan.DebitID) error) []func() error {
		var changes int
		var shown taocan.Fen
		a := w.tenants[0].Account
		return []func() error{
			func() error { changes = w.disk.Changes(); return w.topUpOf(a) },
			func() error { // the last change of a commit is its sync
				w.disk.CutAt(w.disk.Changes()-changes, false, crashfs.Kill)
				return w.survive(func() error { return w.topUpOf(a) })
			},
			func() error { shown = w.truth.cash[a]; w.disk.Cut(crashfs.Drop); return w.crashed() },
			func() error {
				if left := w.truth.cash[a]; left != shown {
					return fmt.Errorf("the wallet held %s, and after a loss of power %s", shown, left)
				}
				return nil
			},
		}
	})
}

// tell plays a story about debits of 100 from a package that lasts a minute.
func tell(t *testing.T, story func(w *world, ask func(taocan.DebitID) error) []func() error) {
	t.Helper()
	origin, dir := prepare(t), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t.Context(), plan{seed: 1}, dir, origin)
		defer w.disk.Close()
		defer w.gone()
		p := taocan.Package{Tenant: w.tenants[0], Number: "U0G2603010000AAA", Name: "test", Category: taocan.International, Purpose: taocan.General, Country: "SG",
			ChargeOn: taocan.ChargeOnSubmit, Total: 1000, Remaining: 1000, ExpiresAt: begin.Add(time.Minute)}
		ask := func(id taocan.DebitID) error {
			return w.send([]store.Op{{Tenant: p.Tenant, Kind: store.OpTake, ID: id, Request: taocan.DebitRequest{ID: id, Kind: taocan.KindDebit,
				Category: p.Category, Purpose: p.Purpose, Country: p.Country, Quantity: 100}}})
		}
		for _, do := range append([]func() error{w.open, func() error { return w.give(p) }}, story(w, ask)...) {
			if err := do(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func (w *world) failSync(lose bool) {
	w.trouble = true
	w.disk.Fail(crashfs.Fault{Kinds: []crashfs.Kind{crashfs.Sync}, Times: 1, Err: sqlite3.IOERR_FSYNC, Lose: lose})
}
