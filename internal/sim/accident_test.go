package sim_test

import (
	"errors"
	"fmt"
	"time"

	sqlite3 "github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"

	"taocan/internal/sim/crashfs"
)

// tick lets time pass: some, or until just before, at or just after an instant at which something ends.
func (w *world) tick() error {
	d := time.Duration(pick(w.random, 1, 20, 90, 4000)) * time.Second
	if instants := w.truth.instants(w.tenants); len(instants) > 0 && w.random.IntN(2) == 0 {
		until := pick(w.random, instants...).Add(time.Duration(w.random.IntN(3)-1) * time.Microsecond)
		if ahead := until.Sub(w.clock.Now()); ahead > 0 && ahead < 48*time.Hour {
			d = ahead
		}
	}
	w.clock.Advance(d)
	w.log("time passes: %s", w.clock.Now().Format(clockFormat))
	return nil
}

// turnClock sets the clock wrong, or confirms it.
func (w *world) turnClock() error {
	switch w.random.IntN(4) {
	case 0:
		w.clock.Jump(-time.Duration(1+w.random.IntN(5000)) * time.Second)
	case 1:
		w.clock.Jump(time.Duration(1+w.random.IntN(3000)) * time.Second)
	case 2:
		w.clock.Jump(2 * time.Hour)
	case 3:
		w.engine.ConfirmClock()
	}
	w.log("the clock is turned: %s, %v", w.clock.Now().Format(clockFormat), w.store.CheckWrites() == nil)
	return nil
}

// restart stops the server as it should be stopped, and starts it again.
func (w *world) restart() error {
	if err := w.drain(); err != nil {
		return err
	}
	w.log("restart")
	return w.reopen()
}

// drain has everybody answered.
func (w *world) drain() error {
	for len(w.calls) > 0 && !w.disk.Down() {
		if w.gate.next(0) == nil {
			return fmt.Errorf("%d calls wait, and no commit is under way", len(w.calls))
		}
		if err := w.commit(); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) reopen() error {
	if err := w.letGo(); err != nil || w.disk.Down() {
		return err
	}
	well := w.well()
	err := errors.Join(w.engine.Stop(w.ctx), w.store.Close())
	w.store = nil
	if w.disk.Down() {
		return nil
	}
	if err != nil && well {
		return fmt.Errorf("stop: %w", err)
	}
	return w.start()
}

// checkpoint moves the log into the database from beside, as a server's long life does: it is too short here for SQLite's own.
func (w *world) checkpoint() error {
	mode := pick(w.random, "passive", "full", "restart", "truncate")
	w.log("checkpoint %s", mode)
	db, err := driver.Open("file:" + w.path() + "?_pragma=busy_timeout(0)&vfs=" + w.disk.VFS())
	if err == nil {
		_, err = db.ExecContext(w.ctx, "PRAGMA wal_checkpoint("+mode+")")
		err = errors.Join(err, db.Close())
	}
	if err != nil && w.well() && w.held == nil && !w.disk.Down() {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return w.settle()
}

// loss draws an accident.
func (w *world) loss() crashfs.Loss {
	return pick(w.random, append(crashfs.Losses, crashfs.Kill)...)
}

// harm plans a misfortune.
func (w *world) harm() {
	r := w.random
	if r.IntN(3) == 0 {
		n, after, loss := 1+r.IntN(80), r.IntN(2) == 0, w.loss()
		w.log("plan: accident at change %d (after: %t, %s)", n, after, loss)
		w.disk.CutAt(n, after, loss)
		return
	}
	f := pick(r,
		crashfs.Fault{Kinds: []crashfs.Kind{crashfs.Sync}, Times: 1, Skip: r.IntN(4), Err: sqlite3.IOERR_FSYNC},
		crashfs.Fault{Kinds: []crashfs.Kind{crashfs.Sync}, Times: 1, Skip: r.IntN(4), Err: sqlite3.IOERR_FSYNC, Lose: true},
		crashfs.Fault{Kinds: []crashfs.Kind{crashfs.Sync}, Times: 3, Err: sqlite3.IOERR_FSYNC, Lose: true},
		crashfs.Fault{Kinds: []crashfs.Kind{crashfs.Write}, Times: 1, Skip: r.IntN(30), Err: sqlite3.IOERR_WRITE, Part: true},
		crashfs.Fault{Kinds: []crashfs.Kind{crashfs.Write}, Skip: r.IntN(30), Err: sqlite3.FULL, Part: true},
		crashfs.Fault{Kinds: []crashfs.Kind{crashfs.Write, crashfs.Truncate, crashfs.Create, crashfs.Delete}, Skip: r.IntN(10), Err: sqlite3.READONLY},
		crashfs.Fault{Kinds: []crashfs.Kind{crashfs.Read}, Times: 1, Skip: r.IntN(30), Err: sqlite3.IOERR_READ},
		crashfs.Fault{Kinds: []crashfs.Kind{crashfs.Truncate, crashfs.Create, crashfs.Delete}, Times: 1, Err: sqlite3.IOERR},
	)
	w.trouble = true
	w.log("plan: %v fails with %v, after %d, %d times", f.Kinds, f.Err, f.Skip, f.Times)
	w.disk.Fail(f)
}

func (w *world) heal() error {
	if w.trouble {
		w.log("the disk is well again")
		w.mend()
	}
	return nil
}

func (w *world) cutNow() error {
	loss := w.loss()
	w.log("accident now (%s)", loss)
	w.disk.Cut(loss)
	return nil
}
