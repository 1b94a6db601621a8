package sim_test

import "fmt"

// counts say what a run has come across.
type counts struct {
	steps, commits, answers, refusals, replays, unknown, updates, crashes, starts, risen int
	changes                                                                              int
}

func (c *counts) add(o counts) {
	c.steps += o.steps
	c.commits += o.commits
	c.answers += o.answers
	c.refusals += o.refusals
	c.replays += o.replays
	c.unknown += o.unknown
	c.updates += o.updates
	c.crashes += o.crashes
	c.starts += o.starts
	c.risen += o.risen
	c.changes += o.changes
}

func (c counts) String() string {
	return fmt.Sprintf("%d steps, %d commits, %d answers, %d refusals, %d replays, %d of unknown outcome (%d of them rose after a start), %d other writes, "+
		"%d crashes, %d starts, %d changes of the disk",
		c.steps, c.commits, c.answers, c.refusals, c.replays, c.unknown, c.risen, c.updates, c.crashes, c.starts, c.changes)
}
