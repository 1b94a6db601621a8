package alert_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"taocan/internal/store"
	"taocan/internal/taocan"
	"taocan/internal/teststore"
)

// reference is a rule on what is left as docs/alerts.md tells of it, in as few words as can be.
type reference struct {
	rule      taocan.AlertRule
	level     taocan.Segments // 0: not known yet
	low       bool
	reminders int
	told      time.Time
}

func (m *reference) look(left taocan.Segments, bought bool, now time.Time) string {
	say := func(event taocan.NoticeEvent, more string) string {
		m.told = now
		return fmt.Sprintf("%s %s %d%s", event, m.rule.ID(), left, more)
	}
	enough := left >= m.level
	plenty := 10*(left-m.level) >= m.level // whole tenths: what is a tenth above, however that is rounded
	switch {
	case m.level == 0:
	case !m.low && !enough:
		m.low, m.reminders = true, 0
		return say(taocan.NoticeLow, "")
	case m.low && enough && (bought || plenty):
		m.low = false
		return say(taocan.NoticeRecovered, "")
	case m.low && !enough && m.reminders < 3 && now.Sub(m.told) >= day:
		m.reminders++
		return say(taocan.NoticeReminder, fmt.Sprintf(" #%d", m.reminders))
	}
	return ""
}

// TestDebitsAndTheWorkerTellWhatTheReferenceTells does what comes to mind with a project's packages, in any order, with and
// without a worker between, and restarts. A look by the worker at what a debit has looked at tells nothing new.
func TestDebitsAndTheWorkerTellWhatTheReferenceTells(t *testing.T) {
	teststore.Check(t, 100, func(rt *rapid.T, try testing.TB) {
		e := newEnv(try)
		rules := []*reference{{rule: marketing}, {rule: of(taocan.AlertRemaining, taocan.InPercent, 40)}}
		set := func() {
			rules[0].rule.Threshold = taocan.Segments(rapid.SampledFrom([]int{1, 50, 100}).Draw(rt, "level"))
			e.set(rules[0].rule, rules[1].rule)
			rules[0].level = rules[0].rule.Threshold
		}
		set()
		type held struct {
			number    taocan.PackageNumber
			quantity  taocan.Segments
			expiresAt time.Time
		}
		var packages []held
		var holds []func()
		var want []string
		bought := false
		left := func() taocan.Segments {
			list, err := e.Rules(t.Context(), demo)
			e.must(err)
			return list[0].Remaining
		}
		look := func(bought bool) {
			for _, m := range rules {
				if said := m.look(left(), bought, e.clock.Now()); said != "" {
					want = append(want, said)
				}
			}
		}
		step := func() {
			e.step()
			var sum taocan.Segments
			for _, p := range packages {
				if p.expiresAt.After(e.clock.Now()) {
					sum += p.quantity
				}
			}
			rules[1].level = max(1, (40*sum+99)/100)
			look(bought)
			bought = false
		}
		quantity := func() taocan.Segments {
			return taocan.Segments(rapid.SampledFrom([]int{1, 5, 10, 50, 60}).Draw(rt, "quantity"))
		}
		check := func() {
			var got []string
			for _, n := range e.notices() {
				got = append(got, said(n))
			}
			if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
				rt.Fatalf("told:\n%s\nwant:\n%s", g, w)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"buy": func(*rapid.T) {
				life := time.Duration(rapid.IntRange(1, 20).Draw(rt, "days")) * day
				q := quantity()
				packages = append(packages, held{e.give(marketing, q, life), q, e.clock.Now().Add(life)})
				bought = true
			},
			"adjust": func(*rapid.T) {
				if len(packages) == 0 {
					return
				}
				i := rapid.IntRange(0, len(packages)-1).Draw(rt, "package")
				delta := quantity() - 10
				err := e.store.Update(t.Context(), demo.Account, func(tx store.Tx) error {
					return tx.AdjustPackage(t.Context(), demo, packages[i].number, delta, "test")
				})
				if err == nil {
					packages[i].quantity += delta
					bought = bought || delta > 0
				}
			},
			"debit": func(*rapid.T) {
				if q := quantity(); q <= left() {
					e.debit(q)
					look(false)
				}
			},
			"hold": func(*rapid.T) {
				if q := quantity(); q <= left() {
					holds = append(holds, e.hold(q))
					look(false)
				}
			},
			"release": func(*rapid.T) {
				if len(holds) > 0 {
					holds[0]()
					holds = holds[1:]
					look(false)
				}
			},
			"wait": func(*rapid.T) {
				e.clock.Advance(time.Duration(rapid.IntRange(1, 48).Draw(rt, "hours"))*time.Hour + time.Second)
			},
			"set": func(*rapid.T) { set() },
			"look": func(*rapid.T) {
				for range rapid.IntRange(1, 5).Draw(rt, "days") {
					step()
					e.clock.Advance(day + time.Second)
				}
				step()
			},
			"restart": func(*rapid.T) {
				e.must(e.store.Close())
				e.open()
			},
			"": func(*rapid.T) {},
		})
		step()
		check()
	})
}
