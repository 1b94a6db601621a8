package sim_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"taocan/internal/sim/crashfs"
)

var (
	seeds = flag.Int("sim.seeds", 2000, "how many seeds TestSimulation tries")
	seed  = flag.Uint64("sim.seed", 0, "the only seed that TestSimulation tries; 0: 1 and up")
	steps = flag.Int("sim.steps", 40, "steps of each seed")
	trace = flag.Bool("sim.trace", false, "print everything that happens, what the disk is asked for included")
)

// soak: the long forms.
var soak = os.Getenv("TAOCAN_SOAK") != ""

var begin = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// play runs a plan in a bubble of its own. That everybody waits for somebody else is an error, too.
func play(t *testing.T, p plan, dir string, o origin) (c counts, sum uint64, err error) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	synctest.Test(t, func(t *testing.T) { c, sum, err = run(t.Context(), p, dir, o) })
	return c, sum, err
}

// TestSimulation tries many seeds. A failing one is told with the command that repeats it and with what happened.
func TestSimulation(t *testing.T) {
	origin := prepare(t)
	first, last := uint64(1), uint64(*seeds)
	if soak {
		last *= 10
	}
	if *seed != 0 {
		first, last = *seed, *seed
	}
	var (
		mu    sync.Mutex
		next  = first
		total counts
	)
	take := func() (s uint64, more bool) {
		mu.Lock()
		defer mu.Unlock()
		s = next
		next++
		return s, s <= last
	}
	began := time.Now()
	t.Run("seeds", func(t *testing.T) {
		for n := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint("worker ", n), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				for s, more := take(); more; s, more = take() {
					p := plan{seed: s, steps: *steps, faults: true, observe: printer(t)}
					if soak && s%10 == 0 {
						p.steps *= 10
					}
					c, _, err := play(t, p, dir, origin)
					mu.Lock()
					total.add(c)
					mu.Unlock()
					if err != nil {
						explain(t, p, dir, origin, err)
						return
					}
				}
			})
		}
	})
	took := time.Since(began)
	t.Logf("%.0f seeds a second: %s", float64(last-first+1)/took.Seconds(), total)
}

func printer(t *testing.T) func(string) {
	if !*trace {
		return nil
	}
	return func(line string) { t.Log(line) }
}

// explain repeats a failing run and tells what happened in it.
func explain(t *testing.T, p plan, dir string, origin origin, err error) {
	t.Helper()
	var lines []string
	p.observe = func(line string) {
		if !strings.HasPrefix(line, " ") {
			lines = append(lines, line)
		}
	}
	_, _, again := play(t, p, dir, origin)
	t.Errorf("seed %d: %v\nrepeat it with: go test ./internal/sim -run 'TestSimulation$' -sim.seed=%d -sim.steps=%d -sim.trace\nwhat happened:\n%s",
		p.seed, err, p.seed, p.steps, strings.Join(lines, "\n"))
	if again == nil || again.Error() != err.Error() {
		t.Errorf("seed %d: repeated, it ended with: %v", p.seed, again)
	}
}

// The same seed is the same run, down to every call of the disk; another seed is another.
func TestSimulationIsRepeatable(t *testing.T) {
	origin, dir := prepare(t), t.TempDir()
	sums := map[uint64]uint64{}
	for s := range uint64(8) {
		p := plan{seed: s + 1, steps: *steps, faults: true}
		_, first, err := play(t, p, dir, origin)
		if err != nil {
			t.Errorf("seed %d: %v", p.seed, err)
			continue
		}
		_, again, err := play(t, p, dir, origin)
		if err != nil || again != first {
			t.Errorf("seed %d ran as %x, and then as %x (error %v)", p.seed, first, again, err)
		}
		if other, same := sums[first]; same {
			t.Errorf("seeds %d and %d made the same run", other, p.seed)
		}
		sums[first] = p.seed
	}
}

// A short life is cut at every change of its disk, before it or after it. What the cut leaves of unsynced changes takes turns; the long
// form tries all of it at every change, before and after.
func TestEveryCut(t *testing.T) {
	origin := prepare(t)
	life, whole := shortLife(t, origin)
	losses := len(crashfs.Losses)
	for part, loss := range crashfs.Losses {
		t.Run(loss.String(), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for n := 1; n <= whole.changes; n++ {
				for _, after := range []bool{false, true} {
					if !soak && ((n+part)%losses != 0 || after != (n%2 == 0)) {
						continue
					}
					p := life
					p.cut = &plannedCut{n, after, loss}
					if _, _, err := play(t, p, dir, origin); err != nil {
						t.Errorf("seed %d, cut at change %d (after: %t): %v", p.seed, n, after, err)
						return
					}
				}
			}
		})
	}
	t.Logf("seed %d: %s", life.seed, whole)
}

// shortLife is the first run of a script in which all of it comes off.
func shortLife(t *testing.T, origin origin) (plan, counts) {
	t.Helper()
	script := []string{"call", "commit", "call", "call", "top up", "commit", "order", "pay", "call", "commit", "tick", "checkpoint",
		"call again", "commit", "restart", "call", "commit"}
	dir := t.TempDir()
	for s := uint64(1); s < 2000; s++ {
		missing := map[string]bool{"pay order": true, " reserved ": true, " committed ": true, "replayed true": true}
		p := plan{seed: s, steps: len(script), script: script, observe: func(line string) {
			for text := range missing {
				if strings.Contains(line, text) && !strings.Contains(line, "without money") {
					delete(missing, text)
				}
			}
		}}
		c, _, err := play(t, p, dir, origin)
		p.observe = nil
		if err != nil {
			t.Fatalf("seed %d: %v", p.seed, err)
		}
		if len(missing) == 0 {
			return p, c
		}
	}
	t.Fatal("no seed makes all of the script come off")
	return plan{}, counts{}
}

// A simulation that passes over what it is made to find proves nothing.
func TestSimulationNotices(t *testing.T) {
	origin := prepare(t)
	for name, spoil := range map[string]func(*plan){
		"a disk that does not keep what it has synced": func(p *plan) { p.lies = true },
		"answers to commits that failed":               func(p *plan) { p.hasty = true },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for s := range uint64(40) {
				p := plan{seed: s + 1, steps: 60, faults: true}
				spoil(&p)
				if _, _, err := play(t, p, dir, origin); err != nil {
					t.Logf("seed %d: %v", p.seed, err)
					return
				}
			}
			t.Error("40 seeds have not noticed it")
		})
	}
}
