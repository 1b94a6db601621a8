package sim_test

import (
	"math/rand/v2"
	"slices"

	"taocan/internal/taocan"
)

// action is something that can happen, as often as its weight says.
type action struct {
	name   string
	weight int
	do     func() error
}

func (w *world) actions() []action {
	all := []action{
		{"call", 34, w.call}, {"commit", 30, w.commit}, {"call again", 6, w.callAgain}, {"sweep", 3, w.sweep},
		{"grant", 5, w.grant}, {"adjust", 2, w.adjust}, {"extend", 1, w.extend}, {"freeze", 1, w.freeze}, {"mark", 1, w.mark},
		{"top up", 2, w.topUp}, {"order", 2, w.order}, {"pay", 3, w.pay}, {"tick", 8, w.tick}, {"turn clock", 2, w.turnClock},
		{"hold", 2, w.hold}, {"checkpoint", 2, w.checkpoint}, {"restart", 1, w.restart}, {"compare", 1, w.compare},
	}
	if w.faults {
		all = append(all, action{"harm", 4, func() error { w.harm(); return nil }}, action{"heal", 3, w.heal}, action{"cut now", 1, w.cutNow})
	}
	return all
}

// step does one thing that the seed chooses, or the nth of the script.
func (w *world) step(n int) error {
	if w.script != nil {
		return w.actions()[slices.IndexFunc(w.actions(), func(a action) bool { return a.name == w.script[n] })].do()
	}
	all, total := w.actions(), 0
	for _, a := range all {
		total += a.weight
	}
	at := w.random.IntN(total)
	for _, a := range all {
		if at -= a.weight; at < 0 {
			return a.do()
		}
	}
	panic("sim: weights do not add up")
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func (w *world) tenant() taocan.Tenant { return pick(w.random, w.tenants...) }
